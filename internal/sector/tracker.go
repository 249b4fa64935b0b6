package sector

import (
	"slices"
	"strings"
	"time"

	"github.com/skyledger/skyledger/internal/flight"
	"github.com/skyledger/skyledger/internal/reference"
	"github.com/skyledger/skyledger/internal/scene"
	"github.com/skyledger/skyledger/internal/store"
	"github.com/skyledger/skyledger/internal/vatsim"
	"github.com/skyledger/skyledger/internal/workload"
)

const (
	// QuarterLength is what figures are summed up by.
	QuarterLength = 15 * time.Minute
	// Unseen is how long the recorder may see nothing and a crossing still be
	// timed: beyond it the aircraft is known to have come or gone, and not when.
	Unseen = 5 * time.Minute
)

// Tracker follows aircraft through FIRs and sectors. Not safe for concurrent
// use.
type Tracker struct {
	airspace *reference.Airspace
	version  int32     // of the FIRs that everybody is placed in; 0 without
	at       time.Time // of the newest scene
	quarter  time.Time
	round    uint64
	ticks    int16 // of the quarter, in which FIRs were known

	planes  map[member]*aircraft
	sectors map[string]*area
	result  store.SectorChanges
}

// member is a pilot under one callsign: unique within a scene.
type member struct {
	CID      int32
	Callsign string
}

// aircraft is a pilot as last seen.
type aircraft struct {
	lat, lon int32
	altitude int32
	speed    int16
	rate     int16
	airborne bool
	stays    []stay // the FIR first, then its sectors; none on the ground
	seen     uint64
}

// stay is an aircraft's time in one FIR or sector.
type stay struct {
	in    *area
	since time.Time // when it came in; zero when nobody saw
}

// New returns a tracker that has seen nothing.
func New() *Tracker {
	return &Tracker{planes: map[member]*aircraft{}, sectors: map[string]*area{}}
}

// Observe moves the tracker past a scene, which is newer than any before, and
// returns what it changes. pilots are the statuses of the scene's pilots, in
// their order. airspace are the FIRs in force at the scene.
//
// When they are refreshed, who is in another FIR or sector by that has vanished
// from the one and appeared in the other: nobody crossed anything. Without FIRs
// everybody has vanished and nothing is known: the tick's version is 0 and it
// does not count for its quarter.
func (t *Tracker) Observe(s scene.Scene, pilots []flight.Status, airspace *reference.Airspace) store.SectorChanges {
	t.round++
	t.result = store.SectorChanges{}
	at := s.UpdateTimestamp
	t.turnQuarter(at)
	t.redraw(airspace)
	t.pilots(s.Pilots, pilots, s.Held, at)
	t.weigh(at)
	t.at = at
	return t.result
}

// redraw places everybody by other FIRs.
func (t *Tracker) redraw(airspace *reference.Airspace) {
	t.airspace = airspace
	version := int32(0)
	if airspace != nil {
		version = airspace.Version.Version
	}
	if version == t.version {
		return
	}
	t.version = version
	for _, p := range t.planes {
		t.settle(p, t.placed(p), redrawn, time.Time{})
	}
}

// pilots moves the aircraft past a scene's pilots.
func (t *Tracker) pilots(rows []vatsim.Pilot, statuses []flight.Status, held bool, at time.Time) {
	for i := range rows {
		row := &rows[i]
		status := flight.Status{}
		if i < len(statuses) {
			status = statuses[i]
		}
		key := member{row.CID, row.Callsign}
		p := t.planes[key]
		how := crossed
		if p == nil {
			p = &aircraft{}
			t.planes[key] = p
			how = cameOrLeft
		}
		moved := how == cameOrLeft || row.Latitude != p.lat || row.Longitude != p.lon || status.Airborne != p.airborne
		p.lat, p.lon, p.altitude, p.speed = row.Latitude, row.Longitude, row.Altitude, row.Groundspeed
		p.rate, p.airborne, p.seen = status.VerticalRate, status.Airborne, t.round
		if moved {
			t.settle(p, t.placed(p), how, at)
		}
	}
	if held || len(rows) == len(t.planes) { // rows are unique: with as many nobody is gone
		return
	}
	for key, p := range t.planes {
		if p.seen != t.round {
			t.settle(p, nil, cameOrLeft, at)
			delete(t.planes, key)
		}
	}
}

// placed returns what an aircraft is in. The slice is valid until the next call
// that appends to it.
func (t *Tracker) placed(p *aircraft) []*reference.FIR {
	if !p.airborne || t.airspace == nil {
		return nil
	}
	return t.airspace.Within(nil, float64(p.lat)/1e5, float64(p.lon)/1e5)
}

// change is why somebody is elsewhere.
type change int

const (
	crossed    change = iota // flew there, took off or landed
	cameOrLeft               // connected or disconnected
	redrawn                  // the FIRs are others
)

// settle brings an aircraft's stays to what it is in now.
func (t *Tracker) settle(p *aircraft, now []*reference.FIR, how change, at time.Time) {
	same := len(now) == len(p.stays)
	for i := 0; same && i < len(now); i++ {
		same = now[i].ID == p.stays[i].in.id
	}
	if same {
		return
	}
	timed := how == crossed && !t.at.IsZero() && at.Sub(t.at) <= Unseen
	before := p.stays
	p.stays = make([]stay, 0, len(now))
	var in, out []*area
	for _, fir := range now {
		if was := slices.IndexFunc(before, func(s stay) bool { return s.in.id == fir.ID }); was >= 0 {
			p.stays = append(p.stays, before[was])
			continue
		}
		entered := stay{in: t.area(fir.ID)}
		if timed {
			entered.since = at
		}
		p.stays = append(p.stays, entered)
		in = append(in, entered.in)
	}
	for _, s := range before {
		if !slices.ContainsFunc(now, func(fir *reference.FIR) bool { return fir.ID == s.in.id }) {
			out = append(out, s.in)
			s.in.leave(s, how, timed, at)
		}
	}
	for _, a := range in {
		a.enter(how, at)
	}
	if how == crossed && len(in) > 0 && len(out) > 0 {
		for _, a := range append(in, out...) {
			a.handoffs.Add(at, 1)
		}
	}
}

func (t *Tracker) area(id string) *area {
	a := t.sectors[id]
	if a == nil {
		a = &area{id: id}
		t.sectors[id] = a
	}
	return a
}

// weigh gives out the tick: every FIR and sector that holds somebody, or that
// somebody crossed into or out of.
func (t *Tracker) weigh(at time.Time) {
	tick := &t.result.Tick
	tick.At, tick.Version = at, t.version
	var busy []*area
	for _, a := range t.sectors {
		if a.occupancy > 0 || a.in > 0 || a.out > 0 {
			busy = append(busy, a)
		}
	}
	slices.SortFunc(busy, func(a, b *area) int { return strings.Compare(a.id, b.id) })
	for group, a := range busy {
		a.group, a.speeds, a.vertical = int32(group), workload.Speeds{}, 0
	}
	pairs := workload.Pairs(len(busy), t.places())
	if t.version != 0 {
		t.ticks++
	}
	for group, a := range busy {
		index := workload.Index(workload.Area, workload.Figures{
			Aircraft: int(a.occupancy), Hourly: a.entries.Hourly(at), Handoffs: a.handoffs.Hourly(at),
			Vertical: a.vertical, Pairs: pairs[group], Spread: a.speeds.Spread(),
		})
		a.sum.OccupancySum += int32(a.occupancy)
		a.sum.OccupancyMax = max(a.sum.OccupancyMax, a.occupancy)
		a.sum.WorkloadSum += int32(index)
		a.sum.WorkloadMax = max(a.sum.WorkloadMax, index)
		if t.version != 0 {
			tick.Sector = append(tick.Sector, a.id)
			tick.Occupancy = append(tick.Occupancy, a.occupancy)
			tick.Entries = append(tick.Entries, a.in)
			tick.Exits = append(tick.Exits, a.out)
			tick.Workload = append(tick.Workload, index)
		}
		a.in, a.out = 0, 0
	}
}

// places are the airborne aircraft with the groups they are in; on the way it
// sums up what else is known of them.
func (t *Tracker) places() []workload.Place {
	places := make([]workload.Place, 0, len(t.planes))
	for _, p := range t.planes {
		if len(p.stays) == 0 {
			continue
		}
		groups := make([]int32, 0, len(p.stays))
		for _, s := range p.stays {
			groups = append(groups, s.in.group)
			s.in.speeds.Add(p.speed)
			if p.rate >= workload.VerticalRate || p.rate <= -workload.VerticalRate {
				s.in.vertical++
			}
		}
		places = append(places, workload.Place{Latitude: p.lat, Longitude: p.lon, Altitude: p.altitude, Groups: groups})
	}
	return places
}
