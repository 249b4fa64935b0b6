package flight

import (
	"time"

	"github.com/skyledger/skyledger/internal/geo"
	"github.com/skyledger/skyledger/internal/traffic"
	"github.com/skyledger/skyledger/internal/vatsim"
)

// adopt takes the first row of a session: it goes on with one of the member's
// flights, or begins one.
func (t *Tracker) adopt(p *vatsim.Pilot, now int64) {
	sample := sampleOf(p, now)
	var filed Filed
	if len(p.Plan) > 0 {
		filed = filedOf(p.Plan)
	}
	state := t.fields.First(sample, traffic.Plan{Departure: filed.Departure, Arrival: filed.Arrival})
	var goesOn *course
	for f := t.byCID[p.CID]; f != nil; f = f.next {
		if !f.closed && t.continues(f, p, filed, sample, state, now) && (goesOn == nil || f.seen >= goesOn.seen) {
			goesOn = f
		}
	}
	if goesOn == nil {
		f := t.begin(p, now)
		f.seen = now
		t.follow(f, p, now)
		return
	}
	t.resume(goesOn, p, state, now)
}

// continues reports whether a new session goes on with a flight: the same
// callsign or the same pair of airports, unseen for 30 minutes at most, and in a
// place where it can be by now.
//
// In flight that is no farther than it flies in the time; it may be nearer, for
// a simulator that crashed goes on where it stopped. On the ground it is the
// same airport. From the air to the ground is no way: a simulator that comes
// back at a gate did not land there.
func (t *Tracker) continues(f *course, p *vatsim.Pilot, filed Filed, s traffic.Sample, state traffic.State, now int64) bool {
	away := now - f.seen
	samePlan := filed.Departure != "" && filed.Arrival != "" && filed.Departure == f.Filed.Departure && filed.Arrival == f.Filed.Arrival
	switch {
	case away > longestGap.Microseconds():
		return false
	case f.Callsign != p.Callsign && !samePlan:
		return false
	case f.seen == now && p.LogonTime.UnixMicro() <= f.logon:
		return false // both are there: only the newer connection takes over
	case !f.Landing.IsZero() && filed.Departure != "" && !samePlan:
		return false // the next flight's plan
	}
	last := f.track.Last()
	distance := geo.Distance(float64(last.Latitude)/1e5, float64(last.Longitude)/1e5, float64(s.Latitude)/1e5, float64(s.Longitude)/1e5)
	hours := float64(s.At.Sub(last.At)) / float64(time.Hour)
	const field, detour = 3.0, 10.0 // miles
	reach := detour + 1.5*float64(max(last.Groundspeed, s.Groundspeed))*hours
	switch f.track.State() {
	case traffic.Airborne:
		return state != traffic.Ground && distance <= reach
	case traffic.Ground:
		if state == traffic.Airborne {
			return f.Landing.IsZero() && distance <= reach
		}
		return distance <= field
	default:
		return distance <= reach
	}
}

// resume goes on with a flight under a new session.
func (t *Tracker) resume(f *course, p *vatsim.Pilot, state traffic.State, now int64) {
	// What the old session left open is told before the new one's first sample.
	f = t.apply(f, t.fields.Finish(&f.track, f.filed()), now)
	if f.seen == now { // the old connection is still listed
		f.shadow, f.shadowed = f.Callsign, f.logon
	} else {
		f.shadow, f.shadowed = "", 0
	}
	leg := &f.Legs[len(f.Legs)-1]
	leg.To = time.UnixMicro(f.seen).UTC()
	f.Legs = append(f.Legs, Leg{SessionID: sessionID(p), From: time.UnixMicro(now).UTC()})
	f.Callsign, f.logon, f.changed = p.Callsign, p.LogonTime.UnixMicro(), true
	f.missed = true
	if f.track.State() == traffic.Ground && state == traffic.Airborne {
		// Appearing in the air is no departure.
		last := f.track.Last()
		first := sampleOf(p, now)
		f.Gaps = append(f.Gaps, Gap{From: last.At, To: first.At, DistanceNM: tenth(f.direct(first))})
		f.track.Interrupt()
	}
	t.follow(f, p, now)
}
