package flight

import (
	"cmp"
	"encoding/binary"
	"hash/fnv"
	"slices"
	"time"

	"github.com/skyledger/skyledger/internal/reference"
	"github.com/skyledger/skyledger/internal/scene"
	"github.com/skyledger/skyledger/internal/store"
	"github.com/skyledger/skyledger/internal/traffic"
	"github.com/skyledger/skyledger/internal/vatsim"
)

// Options say what a Tracker knows of the world.
type Options struct {
	World *reference.World // airports and runways; nil when there are none
}

// Tracker makes flights of scenes. It has no clock and does no I/O: the same
// scenes in the same order give the same changes, whatever the order of the
// pilots in them. It is for one goroutine.
type Tracker struct {
	fields *traffic.Fields
	open   []*course         // in the order in which they began, and within a scene by cid and session
	byCID  map[int32]*course // the first of a member's, which leads to the others
	newest int64             // time of the last scene, microseconds
	out    Changes           // of the scene being observed
	fresh  []int             // pilots of the scene that continue no session
	rows   []*course         // of the scene, by pilot
}

// New returns a Tracker that has seen nothing.
func New(options Options) *Tracker {
	return &Tracker{fields: traffic.NewFields(options.World), byCID: map[int32]*course{}}
}

// course is an open flight with what is needed to follow it.
type course struct {
	Flight
	logon    int64  // of its session, microseconds
	shadow   string // callsign of the session before, which may be listed for another while; "" when none
	shadowed int64  // that session's logon
	plan     int64  // vatsim.Plan.Hash of the plan that was read last; 0 for none
	track    traffic.Track

	seen   int64 // the last scene that showed it, microseconds
	missed bool  // it was absent from one since

	// Where it stood first, and since when it stands still; 0 when it moves.
	standLat, standLon int32
	standing           int64
	stood              int64 // when it was last at its stand
	moved              bool
	fromLat, fromLon   int32 // of DirectNM
	top, cruise        int32 // feet: the highest so far; the level of the cruise, until then of the ground
	level              int64 // since when it has neither climbed nor descended

	told    told
	changed bool
	closed  bool
	next    *course // of the same member
}

// told is what runs on without a change being told, as it was told last.
type told struct {
	distanceNM, directNM float64
	to                   time.Time // of the last leg
}

const (
	// longestGap is how long a flight may be unseen, and go on in another
	// session (the field's figure).
	longestGap = 30 * time.Minute
	// shortGap is the time between samples up to which nothing was missed: with
	// one every 15 s, runs of three lost ones.
	shortGap = 60 * time.Second
	// longestSilence is the same when no snapshot was taken either: at other
	// cadences than the network's own.
	longestSilence = 5 * time.Minute
	// clockError is how far a report may be ahead of its snapshot.
	clockError = 60 * time.Second
)

// Observe takes the next snapshot. One that is not newer than the last changes
// nothing.
func (t *Tracker) Observe(s scene.Scene) Changes {
	now := s.UpdateTimestamp.UnixMicro()
	t.out = Changes{Statuses: make([]Status, len(s.Pilots))}
	newer := now > t.newest
	t.fresh = t.fresh[:0]
	t.rows = slices.Grow(t.rows[:0], len(s.Pilots))[:len(s.Pilots)]
	for i := range s.Pilots {
		f := t.find(&s.Pilots[i])
		if t.rows[i] = f; f == nil {
			t.fresh = append(t.fresh, i)
		} else if newer && f.isMain(&s.Pilots[i]) {
			t.follow(f, &s.Pilots[i], now)
		}
	}
	if newer {
		t.newest = now
		t.adoptAll(s.Pilots, now)
		if !s.Held {
			t.absent(now)
		}
		t.fields.Settle()
	}
	t.collect(s.Pilots)
	return t.out
}

// find returns the flight that a row is about.
func (t *Tracker) find(p *vatsim.Pilot) *course {
	for f := t.byCID[p.CID]; f != nil; f = f.next {
		if !f.closed && (f.isMain(p) || f.isShadow(p)) {
			return f
		}
	}
	return nil
}

func (f *course) isMain(p *vatsim.Pilot) bool {
	return f.Callsign == p.Callsign && f.logon == p.LogonTime.UnixMicro()
}

func (f *course) isShadow(p *vatsim.Pilot) bool {
	return f.shadow != "" && f.shadow == p.Callsign && f.shadowed == p.LogonTime.UnixMicro()
}

// adoptAll takes the rows that continue no session, in an order of their own.
func (t *Tracker) adoptAll(pilots []vatsim.Pilot, now int64) {
	slices.SortFunc(t.fresh, func(a, b int) int {
		x, y := &pilots[a], &pilots[b]
		return cmp.Or(cmp.Compare(x.CID, y.CID), x.LogonTime.Compare(y.LogonTime), cmp.Compare(x.Callsign, y.Callsign))
	})
	for _, i := range t.fresh {
		t.adopt(&pilots[i], now)
	}
}

// absent looks after those whom the scene does not show.
func (t *Tracker) absent(now int64) {
	for _, f := range t.open {
		if f.closed || f.seen == now {
			continue
		}
		f.missed = true
		away := now - f.seen
		if away > shortGap.Microseconds() {
			t.apply(f, t.fields.Finish(&f.track, f.filed()), f.seen)
		}
		if away > longestGap.Microseconds() {
			t.close(f, f.gone())
		}
	}
}

// collect puts the changes in order and drops the flights that are closed.
func (t *Tracker) collect(pilots []vatsim.Pilot) {
	for i := range pilots {
		f := t.rows[i]
		if f == nil || f.closed { // began in this scene
			f = t.find(&pilots[i])
		}
		if f != nil {
			t.out.Statuses[i] = Status{
				FlightID: f.ID, Phase: f.Phase, Airborne: f.track.State() == traffic.Airborne, VerticalRate: f.track.VerticalRate(),
			}
		}
	}
	closed := false
	for _, f := range t.open {
		if f.changed {
			t.out.Flights = append(t.out.Flights, f.row())
			f.told = told{f.DistanceNM, f.DirectNM, f.Legs[len(f.Legs)-1].To}
			f.changed = false
		}
		closed = closed || f.closed
	}
	if closed {
		t.drop()
	}
	slices.SortFunc(t.out.Flights, func(a, b Flight) int { return cmp.Compare(a.ID, b.ID) })
	slices.SortFunc(t.out.Movements, func(a, b Moved) int {
		return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.FlightID, b.FlightID), cmp.Compare(a.Kind, b.Kind))
	})
}

// drop forgets the closed flights.
func (t *Tracker) drop() {
	t.open = slices.DeleteFunc(t.open, func(f *course) bool {
		if !f.closed {
			return false
		}
		at := t.byCID[f.CID]
		if at == f {
			if f.next == nil {
				delete(t.byCID, f.CID)
			} else {
				t.byCID[f.CID] = f.next
			}
			return true
		}
		for at.next != f {
			at = at.next
		}
		at.next = f.next
		return true
	})
}

// Open returns the flights that go on, or may, by ID, each as it was told last:
// whoever writes these rows has those of somebody who wrote every change.
func (t *Tracker) Open() []Flight {
	out := make([]Flight, 0, len(t.open))
	for _, f := range t.open {
		row := f.row()
		row.DistanceNM, row.DirectNM = f.told.distanceNM, f.told.directNM
		row.Legs[len(row.Legs)-1].To = f.told.to
		out = append(out, row)
	}
	slices.SortFunc(out, func(a, b Flight) int { return cmp.Compare(a.ID, b.ID) })
	return out
}

// row is the flight as others may keep it.
func (f *course) row() Flight {
	out := f.Flight
	out.Legs, out.Gaps = slices.Clone(f.Legs), slices.Clone(f.Gaps)
	return out
}

// begin opens a flight under a pilot's session.
func (t *Tracker) begin(p *vatsim.Pilot, now int64) *course {
	session := sessionID(p)
	at := time.UnixMicro(now).UTC()
	f := &course{
		Flight: Flight{
			ID: flightID(session, now), CID: p.CID, Callsign: p.Callsign, Began: at, Phase: Preflight,
			DistanceNM: -1, DirectNM: -1, Legs: []Leg{{SessionID: session, From: at}},
		},
		logon: p.LogonTime.UnixMicro(), changed: true,
	}
	t.link(f)
	return f
}

func (t *Tracker) link(f *course) {
	t.open = append(t.open, f)
	first := t.byCID[f.CID]
	if first == nil {
		t.byCID[f.CID] = f
		return
	}
	for first.next != nil {
		first = first.next
	}
	first.next = f
}

func sessionID(p *vatsim.Pilot) int64 {
	return store.SessionID(store.SessionKey{Kind: vatsim.KindPilot, CID: p.CID, Callsign: p.Callsign, Logon: p.LogonTime})
}

// flightID is a positive number that no two flights share but by a chance of
// one in nine million million million.
func flightID(session, began int64) int64 {
	hash := fnv.New64a()
	var key [16]byte
	binary.LittleEndian.PutUint64(key[:8], uint64(session))
	binary.LittleEndian.PutUint64(key[8:], uint64(began))
	hash.Write(key[:])
	return max(1, int64(hash.Sum64()>>1))
}
