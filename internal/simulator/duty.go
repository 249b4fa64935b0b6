package simulator

import (
	"math"
	"time"
)

// duty is what one slot does in one block of time: somebody connects, flies
// one leg or two, and leaves. Times are seconds from its start, at which the
// pilot connects; a leg that was under way by then began before 0.
type duty struct {
	slot, block int64
	start       int64 // Unix nanoseconds
	end         float64
	legs        []leg
	offs        []float64 // when each leg goes off block
	cid         int32
	fleet       fleet
	sessions    []session
	filings     []filing
	blankFrom   float64 // the plan is gone from the feed between these
	blankTo     float64
	incidents   []incident
}

// session is one connection.
type session struct {
	from, to float64
	frozen   float64 // from here on the position stands still although the aircraft flies on; +Inf: never
	callsign string
	logon    int64 // Unix nanoseconds, whole or to 100 ns as the network's servers write them
}

// filing is a flight plan or a revision of it.
type filing struct {
	at       float64
	leg      int
	revision int
}

// incident is something a duty does that the truth tells about, movements and
// connections alike.
type incident struct {
	t       float64
	kind    Kind
	leg     int
	session int
}

// fleet is the kind of flying.
type fleet int

const (
	fleetShort fleet = iota
	fleetLong
	fleetLight
	fleetCircuits
	fleetHelicopter
)

// Blocks are fixed lengths of time, one kind per slot, so that the block of
// any moment is a division. Long flights need long blocks.
const (
	shortBlock  = 3 * time.Hour
	middleBlock = 6 * time.Hour
	longBlock   = 15 * time.Hour
)

// blockOf returns the slot's block at a moment and when it began.
func (s *Simulator) blockOf(slot int64, at int64) (block, began, length int64) {
	h := hash(s.seed, aboutIdentity, uint64(slot))
	switch kind := h % 100; {
	case kind < 47:
		length = int64(shortBlock)
	case kind < 83:
		length = int64(middleBlock)
	default:
		length = int64(longBlock)
	}
	phase := int64(hash(h) % uint64(length))
	block = (at - phase) / length
	if (at-phase)%length < 0 {
		block--
	}
	return block, block*length + phase, length
}

// newDuty decides everything about a slot's block.
func (s *Simulator) newDuty(slot, block, began, length int64) *duty {
	r := newRandom(s.seed, aboutDuty, uint64(slot), uint64(block))
	d := &duty{slot: slot, block: block, blankFrom: math.Inf(1), blankTo: math.Inf(-1)}
	room := float64(length)/1e9 - 30
	s.chooseLegs(d, r, room, began)
	s.chooseEnds(d, r)
	d.start = began + int64(r.unit()*(room-d.end)*1e9)
	d.cid = s.pilotCID(slot, r)
	s.chooseSessions(d, r)
	d.file(r)
	d.tell()
	return d
}

// chooseLegs fills legs and offs so that everything fits into room seconds.
func (s *Simulator) chooseLegs(d *duty, r *random, room float64, began int64) {
	d.fleet = chooseFleet(r, room)
	before := r.between(9, 34) * 60
	after := r.between(2, 16) * 60
	for range 10 {
		l, ok := s.firstLeg(d.fleet, r, room, began)
		if !ok {
			continue
		}
		if l.fly(); before+l.duration+after <= room {
			d.legs, d.offs = append(d.legs, l), append(d.offs, before)
			break
		}
	}
	if len(d.legs) == 0 { // a round of circuits always fits
		d.fleet = fleetCircuits
		l := s.circuitLeg(r, began, 1)
		l.fly()
		d.legs, d.offs = append(d.legs, l), append(d.offs, min(before, 900))
		after = 120
	}
	d.end = d.offs[0] + d.legs[0].duration + after
	s.chooseTurnaround(d, r, room, began)
}

func chooseFleet(r *random, room float64) fleet {
	switch u := r.unit(); {
	case room > middleBlock.Seconds():
		return fleetLong
	case u < 0.012:
		return fleetHelicopter
	case u < 0.035:
		return fleetCircuits
	case u < 0.09:
		return fleetLight
	default:
		return fleetShort
	}
}

// chooseTurnaround adds a second leg in the same connection where it fits.
func (s *Simulator) chooseTurnaround(d *duty, r *random, room float64, began int64) {
	first := &d.legs[0]
	pause := r.between(18, 45) * 60
	after := r.between(2, 16) * 60
	off := d.offs[0] + first.duration + pause
	left := room - off - after
	if d.fleet != fleetShort || left < 3600 || !r.chance(0.75) {
		return
	}
	reach := (left - 2100) / 3600 * 430 * metresPerNM
	to := s.atlas.near(r, first.arrival, 130*metresPerNM, reach, first.model.runway)
	if to < 0 {
		return
	}
	l := s.newLeg(first.model, first.arrival, to, r, began)
	l.from, l.fromAlt = first.to, first.toAlt
	if l.fly(); off+l.duration+after > room {
		return
	}
	d.legs, d.offs = append(d.legs, l), append(d.offs, off)
	d.end = off + l.duration + after
}

// chooseEnds lets some appear in flight and some vanish in flight.
func (s *Simulator) chooseEnds(d *duty, r *random) {
	first, last := &d.legs[0], &d.legs[len(d.legs)-1]
	if early, late := first.takeoffAt+400, first.landingAt-900; late > early && r.chance(0.03) {
		shift := d.offs[0] + r.between(early, late)
		for i := range d.offs {
			d.offs[i] -= shift
		}
		d.end -= shift
	}
	off := d.offs[len(d.offs)-1]
	if early, late := max(0, off+last.takeoffAt)+700, off+last.landingAt-600; late > early && r.chance(0.035) {
		d.end = r.between(early, late)
	}
}

// file decides when plans are filed, revised and blanked out.
func (d *duty) file(r *random) {
	for i := range d.legs {
		never := 0.012
		if d.fleet >= fleetLight {
			never = 0.3
		}
		at := math.Inf(-1) // before connecting
		if i > 0 {
			earlier := d.offs[i-1] + d.legs[i-1].duration
			at = earlier + r.between(0.15, 0.8)*(d.offs[i]-earlier)
		} else if d.offs[0] > 0 && r.chance(0.72) {
			at = r.between(60, min(0.9*d.offs[0], 900))
		}
		if r.chance(never) {
			continue
		}
		revision := 0
		if r.chance(0.85) { // most are corrected before anybody sees them
			revision = 1 + r.below(3)
		}
		d.filings = append(d.filings, filing{at: at, leg: i, revision: revision})
		from := max(at, 0)
		until := d.offs[i] + d.legs[i].duration
		for range r.below(3) {
			from += r.between(0.1, 0.9) * (until - from)
			revision++
			d.filings = append(d.filings, filing{at: from, leg: i, revision: revision})
		}
	}
	if r.chance(0.04) {
		d.blankFrom = r.between(0.1, 0.9) * d.end
		d.blankTo = d.blankFrom + r.between(45, 420)
	}
}

// filed returns the plan in force, or nil when none is shown.
func (d *duty) filed(t float64) *filing {
	if t >= d.blankFrom && t < d.blankTo {
		return nil
	}
	var current *filing
	for i := range d.filings {
		if d.filings[i].at <= t {
			current = &d.filings[i]
		}
	}
	return current
}

// legAt returns the leg under way at t and the seconds since its off-block, or
// −1 when the aircraft is parked, with the stand and altitude it is parked at.
func (d *duty) legAt(t float64) (i int, since float64, parked gate, alt float64) {
	parked, alt = d.legs[0].from, d.legs[0].fromAlt
	for i := range d.legs {
		since = t - d.offs[i]
		if since < 0 {
			return -1, 0, parked, alt
		}
		if since < d.legs[i].duration {
			return i, since, gate{}, 0
		}
		parked, alt = d.legs[i].to, d.legs[i].toAlt
		parked.heading = -1 // as it rolled in
	}
	return -1, 0, parked, alt
}
