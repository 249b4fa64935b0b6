package projection

import (
	"cmp"
	"slices"
	"time"

	"github.com/skyledger/skyledger/internal/rawlog"
	"github.com/skyledger/skyledger/internal/store"
	"github.com/skyledger/skyledger/internal/vatsim"
)

// Projector holds what is open and turns snapshots into changes. It is moved
// forward by Project, in order of update_timestamp; when its changes could not
// be committed it must be thrown away and made anew from the stored state. Not
// safe for concurrent use.
type Projector struct {
	head            store.Head
	open            map[key]*session
	byCallsign      map[string][]*session // controllers and ATIS, for their radios
	suspiciousTicks int
	round           uint64
}

// key is a store.SessionKey that is cheap to hash.
type key struct {
	kind     vatsim.Kind
	cid      int32
	logon    int64 // microseconds since 1970; 0 for prefiles
	callsign string
}

type session struct {
	store.OpenSession
	seen uint64 // round in which it was last seen
}

// Input is one snapshot to project with what is known of its arrival.
type Input struct {
	Record   rawlog.Entry
	Snapshot *vatsim.Snapshot
	Stations []vatsim.Station // nil when the tick brought no radios: positions stay as they are
	Outcome  store.Outcome    // of the tick: Received, or Late when it was put back into its place
}

// New returns a projector that continues from state. A snapshot with a tenth or
// less of the pilots before it is held, and believed once suspiciousTicks
// snapshots in a row agree: an empty feed is a fault, not a mass logoff.
func New(state store.State, suspiciousTicks int) *Projector {
	p := &Projector{
		head:            state.Head,
		open:            make(map[key]*session, len(state.Open)*5/4),
		byCallsign:      map[string][]*session{},
		suspiciousTicks: suspiciousTicks,
	}
	for _, stored := range state.Open {
		p.add(keyOf(stored.Key), &session{OpenSession: stored})
	}
	return p
}

// Head returns the head as it is after the newest projected snapshot.
func (p *Projector) Head() store.Head { return p.head }

// ObserveTick tells the projector of a tick that the ledger has beyond those of
// its snapshots, so that it is not reported missing.
func (p *Projector) ObserveTick(tick time.Time) {
	if tick.After(p.head.Tick) {
		p.head.Tick = tick
	}
}

// Project returns what the snapshot changes and moves the projector past it.
// The snapshot must be newer than the head.
func (p *Projector) Project(in Input) store.Changes {
	p.round++
	at := in.Snapshot.UpdateTimestamp
	changes := store.Changes{ExpectedVersion: p.head.Version}
	held := p.judge(len(in.Snapshot.Pilots))

	p.pilots(in.Snapshot.Pilots, at, &changes)
	p.controllers(vatsim.KindController, in.Snapshot.Controllers, at, &changes)
	p.controllers(vatsim.KindATIS, in.Snapshot.ATIS, at, &changes)
	p.prefiles(in.Snapshot.Prefiles, at, &changes)
	p.stations(in.Stations, at, &changes)
	p.leave(held, &changes)
	order(&changes)

	changes.Snapshot = snapshotRow(in, held)
	changes.Tick, changes.MissingTicks = ledgerRows(in, held, p.head.Tick)
	p.advance(in, held)
	changes.Head = p.head
	return changes
}

// judge says whether a snapshot with that many pilots is held.
func (p *Projector) judge(pilots int) bool {
	// Below ten pilots a drop of nine tenths is one or two people leaving.
	const leastPilots = 10
	if p.head.PilotCount < leastPilots || pilots*10 > p.head.PilotCount {
		return false
	}
	return p.head.HeldCount+1 < p.suspiciousTicks
}

func (p *Projector) advance(in Input, held bool) {
	if held {
		if p.head.HeldCount == 0 {
			p.head.HeldSince = p.head.Snapshot
		}
		p.head.HeldCount++
	} else {
		p.head.HeldSince, p.head.HeldCount = time.Time{}, 0
		p.head.PilotCount = len(in.Snapshot.Pilots)
	}
	p.head.Version++
	p.head.Snapshot = in.Snapshot.UpdateTimestamp
	p.ObserveTick(in.Record.Tick)
}

func keyOf(k store.SessionKey) key {
	small := key{kind: k.Kind, cid: k.CID, callsign: k.Callsign}
	if !k.Logon.IsZero() {
		small.logon = k.Logon.UnixMicro()
	}
	return small
}

func (p *Projector) add(k key, s *session) {
	p.open[k] = s
	if k.kind == vatsim.KindController || k.kind == vatsim.KindATIS {
		p.byCallsign[k.callsign] = append(p.byCallsign[k.callsign], s)
	}
}

func (p *Projector) drop(k key, s *session) {
	delete(p.open, k)
	if k.kind != vatsim.KindController && k.kind != vatsim.KindATIS {
		return
	}
	rest := slices.DeleteFunc(p.byCallsign[k.callsign], func(other *session) bool { return other == s })
	if len(rest) == 0 {
		delete(p.byCallsign, k.callsign)
		return
	}
	p.byCallsign[k.callsign] = rest
}

// see marks the session of a row as present, opening it with attributes from
// describe when it is new. describe leaves id, key and time to see.
func (p *Projector) see(k store.SessionKey, at time.Time, changes *store.Changes, describe func(*store.OpenedSession)) *session {
	small := keyOf(k)
	known, exists := p.open[small]
	if !exists {
		known = &session{OpenSession: store.OpenSession{ID: store.SessionID(k), Key: k}}
		p.add(small, known)
		opened := store.OpenedSession{ID: known.ID, Key: k, FirstSeen: at}
		describe(&opened)
		changes.Opened = append(changes.Opened, opened)
	} else if !known.AbsentSince.IsZero() {
		changes.Returned = append(changes.Returned, store.ReturnedSession{ID: known.ID, Since: known.AbsentSince, Until: at})
		known.AbsentSince = time.Time{}
	}
	known.seen = p.round
	return known
}

// leave closes the sessions that the snapshot did not show, or hides them while
// the snapshot itself is in doubt.
func (p *Projector) leave(held bool, changes *store.Changes) {
	for k, s := range p.open {
		if s.seen == p.round {
			continue
		}
		lastSeen := s.AbsentSince
		if lastSeen.IsZero() {
			lastSeen = p.head.Snapshot
		}
		switch {
		case !held:
			changes.Closed = append(changes.Closed, store.ClosedSession{ID: s.ID, At: lastSeen})
			p.drop(k, s)
		case s.AbsentSince.IsZero():
			s.AbsentSince = lastSeen
			changes.Hidden = append(changes.Hidden, store.ClosedSession{ID: s.ID, At: lastSeen})
		}
	}
}

// order sorts what came out of a map or in the feed's order, so that equal
// snapshots give equal changes and concurrent writers lock rows in one order.
func order(changes *store.Changes) {
	byID := func(a, b store.ClosedSession) int { return cmp.Compare(a.ID, b.ID) }
	slices.SortFunc(changes.Closed, byID)
	slices.SortFunc(changes.Hidden, byID)
	slices.SortFunc(changes.Opened, func(a, b store.OpenedSession) int { return cmp.Compare(a.ID, b.ID) })
	slices.SortFunc(changes.Returned, func(a, b store.ReturnedSession) int { return cmp.Compare(a.ID, b.ID) })
	slices.SortFunc(changes.Plans, func(a, b store.PlanRevision) int { return cmp.Compare(a.SessionID, b.SessionID) })
	slices.SortFunc(changes.Frequencies, func(a, b store.FrequencyRevision) int { return cmp.Compare(a.SessionID, b.SessionID) })
	slices.SortFunc(changes.ATIS, func(a, b store.ATISRevision) int { return cmp.Compare(a.SessionID, b.SessionID) })
	slices.SortFunc(changes.Stations, func(a, b store.StationRevision) int { return cmp.Compare(a.SessionID, b.SessionID) })
}
