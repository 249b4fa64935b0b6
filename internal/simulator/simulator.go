package simulator

import (
	"fmt"
	"math"
	"slices"
	"sync"
	"time"

	"github.com/skyledger/skyledger/internal/fault"
)

// Options say what to simulate. Zero values are replaced by defaults.
type Options struct {
	Seed        uint64  // the world; the same seed is the same world
	Aircraft    int     // connected on average, 1 to 100,000; 1,000 by default
	Controllers int     // rows in controllers on average, observers included; a tenth of Aircraft by default
	Oddities    float64 // multiplies the rates of the feed's oddities; 1 by default, negative for none
}

// Simulator is one world. It may be used by many goroutines.
type Simulator struct {
	seed     uint64
	options  Options
	oddities float64
	atlas    *atlas
	narrow   []model
	wide     []model
	light    []model
	rotary   []model
	tower    *tower

	slots     int64  // of pilots
	prefilers int64  // slots of those who only file
	callsigns uint64 // how many callsign codes are kept apart
	phase     int64  // nanoseconds behind the full 15 seconds at which snapshots are made

	mu    sync.Mutex
	cache []cached // by pilot slot; only what could be computed again
	filed []filed  // the same, by prefiler's slot
}

// cached is what a slot was last asked about.
type cached struct {
	duty   *duty
	block  int64
	flight flight // of duty.legs[leg]
	leg    int    // −1: none
	filing *filing
	plan   []byte // of filing
}

// filed is the prefile of a slot's block.
type filed struct {
	prefile
	block int64
}

// busyShare is the share of time a pilot slot is connected, measured over many
// slots and days; TestRates keeps it honest.
const busyShare = 0.667

// Cadence is the time between two snapshots.
const Cadence = 15 * time.Second

// New returns the world of the options.
func New(options Options) (*Simulator, error) {
	const op = "simulator.New"
	if options.Aircraft == 0 {
		options.Aircraft = 1000
	}
	if options.Aircraft < 1 || options.Aircraft > 100000 {
		return nil, fault.E(op, fault.Invalid, "aircraft", nil).
			WithMessage(fmt.Sprintf("the simulator flies 1 to 100000 aircraft, not %d", options.Aircraft))
	}
	if options.Controllers == 0 {
		options.Controllers = max(4, options.Aircraft/10)
	}
	if options.Controllers < 0 || options.Controllers > 20000 {
		return nil, fault.E(op, fault.Invalid, "controllers", nil).
			WithMessage(fmt.Sprintf("the simulator has up to 20000 controllers, not %d", options.Controllers))
	}
	world, err := newAtlas()
	if err != nil {
		return nil, fault.E(op, fault.Internal, "airports", err)
	}
	s := &Simulator{
		seed: options.Seed, options: options, atlas: world,
		narrow: narrowBodies(), wide: wideBodies(), light: lightAircraft(), rotary: helicopters(),
	}
	switch {
	case options.Oddities == 0:
		s.oddities = 1
	case options.Oddities > 0:
		s.oddities = options.Oddities
	}
	s.slots = int64(math.Ceil(float64(options.Aircraft) / busyShare))
	s.prefilers = int64(math.Ceil(0.05 * float64(options.Aircraft)))
	s.tower = newTower(options.Seed, world, options.Controllers)
	s.callsigns = max(9998, uint64(s.slots)*2*callsignVariants+uint64(s.prefilers)+uint64(s.tower.observers))
	if s.callsigns%7919 == 0 {
		s.callsigns++
	}
	s.phase = int64(hash(options.Seed, aboutSnapshot)%uint64(Cadence)) / 100 * 100
	s.cache = make([]cached, s.slots)
	s.filed = make([]filed, s.prefilers)
	return s, nil
}

// SnapshotTime is the update_timestamp of the newest snapshot at t: every 15
// seconds, some thousandths late, and now and then one is left out. It is a
// multiple of 100 ns.
func (s *Simulator) SnapshotTime(t time.Time) time.Time {
	return time.Unix(0, s.snapshot(t.UnixNano())).UTC()
}

func (s *Simulator) snapshot(at int64) int64 {
	n := (at - s.phase) / int64(Cadence)
	if (at-s.phase)%int64(Cadence) < 0 {
		n--
	}
	for {
		h := hash(s.seed, aboutSnapshot, uint64(n))
		stamp := n*int64(Cadence) + s.phase + int64(h%9_000_000)
		stamp -= stamp % 100
		if stamp <= at && unit(mix(h)) >= 0.002*s.oddities {
			return stamp
		}
		n--
	}
}

// dutyAt returns the slot's duty in the block of a moment, whether or not it
// is connected then. The caller holds the lock.
func (s *Simulator) dutyAt(slot int64, at int64) *cached {
	c := &s.cache[slot]
	block, began, length := s.blockOf(slot, at)
	if c.duty == nil || c.block != block {
		*c = cached{duty: s.newDuty(slot, block, began, length), block: block, leg: -1}
	}
	return c
}

// dutyBetween is dutyAt for a moment that is not the one being rendered: what
// is cached stays.
func (s *Simulator) dutyBetween(slot int64, at int64) *duty {
	block, began, length := s.blockOf(slot, at)
	if c := &s.cache[slot]; c.duty != nil && c.block == block {
		return c.duty
	}
	return s.newDuty(slot, block, began, length)
}

// stateAt is where a duty's aircraft is at t seconds.
func (c *cached) stateAt(t float64) state {
	d := c.duty
	i, since, parked, alt := d.legAt(t)
	if i < 0 {
		heading := parked.heading
		if heading < 0 {
			heading = c.parkedHeading(t)
		}
		return state{at: parked.at, heading: heading, alt: alt, ground: true}
	}
	out := c.fly(i).at(since)
	out.ground = d.legs[i].onGround(since)
	return out
}

// fly returns the geometry of a leg, made again when it is not the last one
// asked for.
func (c *cached) fly(i int) *flight {
	if c.leg != i {
		again := c.duty.legs[i] // a copy: the duty itself never changes
		again.happenings = nil
		c.flight, c.leg = again.fly(), i
	}
	return &c.flight
}

// parkedHeading is how the last leg before t ended.
func (c *cached) parkedHeading(t float64) float64 {
	last := 0
	for i := range c.duty.legs {
		if t >= c.duty.offs[i]+c.duty.legs[i].duration {
			last = i
		}
	}
	return c.fly(last).at(c.duty.legs[last].duration).heading
}

// onGround reports whether the wheels are on the ground so many seconds after
// off-block; the seconds of a touch-and-go count as in the air.
func (l *leg) onGround(since float64) bool { return since < l.takeoffAt || since >= l.landingAt }

// sighting is a row of pilots to be: one session of a duty at a snapshot.
type sighting struct {
	slot    int64
	session *session
	seen    int64 // Unix nanoseconds of its last position report
}

// sightings lists who is connected at a snapshot, in the order of logons, as
// the feed does.
func (s *Simulator) sightings(stamp int64) []sighting {
	out := make([]sighting, 0, s.options.Aircraft*5/4)
	for slot := range s.slots {
		d := s.dutyAt(slot, stamp).duty
		t := float64(stamp-d.start) / 1e9
		if t < 0 || t >= d.end {
			continue
		}
		for i := range d.sessions {
			if session := &d.sessions[i]; t >= session.from && t < session.to {
				out = append(out, sighting{slot: slot, session: session, seen: s.seen(d, session, stamp, t)})
			}
		}
	}
	slices.SortStableFunc(out, func(a, b sighting) int {
		switch {
		case a.session.logon < b.session.logon:
			return -1
		case a.session.logon > b.session.logon:
			return 1
		default:
			return int(a.slot - b.slot)
		}
	})
	return out
}

// seen is when the connection last reported: clients do every five seconds, so
// the lag is even between 0 and 5.1 s (measured on captured snapshots: median
// 2.4 s). A frozen connection reports no more.
func (s *Simulator) seen(d *duty, session *session, stamp int64, t float64) int64 {
	if t >= session.frozen {
		return d.start + int64(session.frozen*1e9)
	}
	lag := int64(unit(hash(s.seed, aboutLag, uint64(d.slot), uint64(stamp))) * 5.1e9)
	seen := max(stamp-lag, session.logon)
	return seen - seen%100
}
