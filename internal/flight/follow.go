package flight

import (
	"strings"
	"time"

	"github.com/skyledger/skyledger/internal/geo"
	"github.com/skyledger/skyledger/internal/traffic"
	"github.com/skyledger/skyledger/internal/vatsim"
)

// follow takes the next row of a flight's own session.
func (t *Tracker) follow(f *course, p *vatsim.Pilot, now int64) {
	f = t.readPlan(f, p, now)
	sample := sampleOf(p, now)
	before, last := f.track.State(), f.track.Last()
	first := f.track.Samples() == 0
	out := t.fields.Step(&f.track, sample, f.filed())
	f.seen = now
	if !out.Used {
		return
	}
	if !first {
		f.noteGap(last, sample, &out, before)
	}
	f.missed = false
	f = t.apply(f, out.Movements, now)
	after := f.track.State()
	if out.Teleport != nil && f.endsByJump(before, after, out.Teleport.Miles) || out.Moved && !f.Landing.IsZero() {
		f = t.another(f, f.goneFrom(before), now)
		before = after
	} else if out.Teleport != nil || out.Moved {
		f.standLat, f.standLon = 0, 0 // it did not taxi there
	}
	f.fly(before, after, out.Miles, sample)
	t.phase(f, sample, now)
}

// sampleOf is what a row reports. Its time is the report's own, unless that
// cannot be.
func sampleOf(p *vatsim.Pilot, now int64) traffic.Sample {
	at := p.LastUpdated.UnixMicro()
	if p.LastUpdated.IsZero() || at > now+clockError.Microseconds() {
		at = now
	}
	return traffic.Sample{
		At: time.UnixMicro(at).UTC(), Latitude: p.Latitude, Longitude: p.Longitude,
		Altitude: p.Altitude, Groundspeed: p.Groundspeed, Heading: p.Heading,
	}
}

// noteGap writes down what nobody saw between two samples.
func (f *course) noteGap(last, sample traffic.Sample, out *traffic.Outcome, before traffic.State) {
	gap := Gap{From: last.At, To: sample.At, DistanceNM: out.Miles, Airborne: before == traffic.Airborne}
	if jump := out.Teleport; jump != nil {
		gap.From, gap.To, gap.DistanceNM, gap.Teleport = jump.From.At, jump.To.At, jump.Miles, true
		f.Teleports++
	} else if length := sample.At.Sub(last.At); length <= shortGap || !f.missed && length <= longestSilence {
		return
	}
	gap.DistanceNM = tenth(gap.DistanceNM)
	f.Gaps = append(f.Gaps, gap)
	f.changed = true
}

// endsByJump reports whether a teleport ends a flight: from the air to the
// ground, as when a simulator is reset to a gate, or anywhere after a landing.
func (f *course) endsByJump(before, after traffic.State, miles float64) bool {
	const taxi = 5 // miles
	switch {
	case before == traffic.Airborne:
		return after == traffic.Ground
	case f.Landing.IsZero():
		return false
	default:
		return after == traffic.Airborne || miles > taxi
	}
}

// apply lets movements change a flight. A departure after a landing is another
// flight's: that one is returned.
func (t *Tracker) apply(f *course, movements []traffic.Movement, now int64) *course {
	for _, m := range movements {
		switch m.Kind {
		case traffic.Departure:
			if !f.Landing.IsZero() {
				f = t.another(f, Complete, max(f.Landing.UnixMicro(), m.Evidence[0].At.UnixMicro()))
			}
			f.Takeoff, f.Departure = m.At, m.Airport
		case traffic.Arrival:
			if !f.Landing.IsZero() { // nobody saw it leave in between
				f = t.another(f, Complete, max(f.Landing.UnixMicro(), m.Evidence[0].At.UnixMicro()))
			}
			f.Landing, f.Arrival, f.Phase = m.At, m.Airport, Landed
			f.DirectNM = f.direct(m.Evidence[len(m.Evidence)-1])
		}
		f.changed = true
		t.out.Movements = append(t.out.Movements, Moved{FlightID: f.ID, Movement: m})
	}
	return f
}

// another ends a flight and begins the next in the same session, at a time in
// microseconds.
func (t *Tracker) another(f *course, ending Ending, at int64) *course {
	began := time.UnixMicro(at).UTC()
	leg := f.Legs[len(f.Legs)-1]
	next := &course{
		Flight: Flight{
			ID: flightID(leg.SessionID, at), CID: f.CID, Callsign: f.Callsign, Began: began, Phase: Preflight, Filed: f.Filed,
			DistanceNM: -1, DirectNM: -1, Legs: []Leg{{SessionID: leg.SessionID, From: began}},
		},
		logon: f.logon, shadow: f.shadow, shadowed: f.shadowed, plan: f.plan, track: f.track, seen: f.seen, changed: true,
		moved: f.moved && ending == Complete, fromLat: f.fromLat, fromLon: f.fromLon,
	}
	t.closeAt(f, ending, began)
	t.link(next)
	return next
}

// fly adds up what was flown.
func (f *course) fly(before, after traffic.State, miles float64, s traffic.Sample) {
	switch {
	case before == traffic.Airborne || after == traffic.Airborne:
		if f.DistanceNM < 0 {
			f.DistanceNM = 0
			if before != traffic.Ground {
				f.fromLat, f.fromLon = s.Latitude, s.Longitude
			}
		}
		f.DistanceNM += miles
		if f.Landing.IsZero() {
			f.DirectNM = f.direct(s)
		}
	case f.Takeoff.IsZero() && f.Landing.IsZero():
		f.fromLat, f.fromLon = s.Latitude, s.Longitude
	}
}

func (f *course) direct(to traffic.Sample) float64 {
	return geo.Distance(float64(f.fromLat)/1e5, float64(f.fromLon)/1e5, float64(to.Latitude)/1e5, float64(to.Longitude)/1e5)
}

func tenth(x float64) float64 { return float64(int64(x*10+0.5)) / 10 }

// readPlan takes a plan that is not the one read last. A blank one changes
// nothing. After a landing another pair of airports, or another time of
// departure, is the next flight's: that one is returned.
func (t *Tracker) readPlan(f *course, p *vatsim.Pilot, now int64) *course {
	if len(p.Plan) == 0 {
		return f
	}
	hash := p.Plan.Hash()
	if hash == f.plan {
		return f
	}
	f.plan = hash
	filed := filedOf(p.Plan)
	if filed == f.Filed || filed.Departure == "" && filed.Arrival == "" {
		return f
	}
	if !f.Landing.IsZero() && f.track.State() == traffic.Ground &&
		(filed.Departure != f.Filed.Departure || filed.Arrival != f.Filed.Arrival || filed.Deptime != f.Filed.Deptime) {
		f = t.another(f, Complete, now)
	}
	f.Filed, f.changed = filed, true
	return f
}

// filedOf reads a plan.
func filedOf(plan vatsim.Plan) Filed {
	p, err := plan.Parse()
	if err != nil {
		return Filed{} // a plan that is no plan is none
	}
	kind := p.AircraftShort
	if kind == "" {
		kind, _, _ = strings.Cut(p.Aircraft, "/")
	}
	return Filed{
		Departure: code(p.Departure), Arrival: code(p.Arrival), Alternate: code(p.Alternate), Aircraft: code(kind),
		Rules: p.FlightRules, Deptime: p.Deptime, Route: strings.Clone(p.Route),
	}
}

func code(text string) string { return strings.ToUpper(strings.TrimSpace(text)) }

func (f *course) filed() traffic.Plan {
	return traffic.Plan{Departure: f.Filed.Departure, Arrival: f.Filed.Arrival}
}

// gone says how a flight ends that is no more.
func (f *course) gone() Ending { return f.goneFrom(f.track.State()) }

func (f *course) goneFrom(state traffic.State) Ending {
	switch {
	case !f.Landing.IsZero():
		return Complete
	case state == traffic.Airborne || !f.Takeoff.IsZero() || f.DistanceNM >= 0:
		return LostInFlight
	default:
		return NeverLeft
	}
}

// close ends a flight that was last seen some time ago.
func (t *Tracker) close(f *course, ending Ending) {
	if ending == LostInFlight && t.almostLanded(f) {
		ending = ProbablyLanded
	}
	if ending == Complete && f.OnBlock.IsZero() && f.standing != 0 {
		f.OnBlock, f.Phase = time.UnixMicro(f.standing).UTC(), Arrived
	}
	t.closeAt(f, ending, time.UnixMicro(f.seen).UTC())
}

func (t *Tracker) closeAt(f *course, ending Ending, at time.Time) {
	f.Ending, f.Ended, f.closed, f.changed = ending, at, true, true
	if ending == LostInFlight {
		f.Phase = Lost
	}
	f.Legs[len(f.Legs)-1].To = at
}

// almostLanded reports whether a flight was last seen within 2 NM and 1,000 ft
// of its filed arrival, coming down (the field's figures).
func (t *Tracker) almostLanded(f *course) bool {
	const near, low = 2.0, 1000
	last := f.track.Last()
	miles, feet, found := t.fields.Above(f.Filed.Arrival, last)
	return found && f.track.VerticalRate() < 0 && feet < low && miles <= near
}
