package traffic

import (
	"slices"
	"time"
)

const (
	// touchTime is how long a touch-and-go may stay on the ground, roundTime how
	// long the climb of a go-around may take (the field's figures). Both grow
	// with the time between reports: what is shorter than that cannot be told.
	touchTime = 60 * time.Second
	roundTime = 90 * time.Second
	intervals = 2.2
	// leavesRunway is a speed, in knots, at which nobody takes off again.
	leavesRunway = 30
	// collapse is the time within which a second departure or arrival at the same
	// airport is the same one (the field's figure). Touch-and-goes and go-arounds
	// come again after a circuit, and light aircraft fly one in four minutes.
	collapse      = 5 * time.Minute
	collapseRound = 2 * time.Minute
	// unseenMiles is farther than anybody taxis between two reports.
	unseenMiles = 5.0
)

// Step takes the next sample of an aircraft.
//
// Bad input has these outcomes. A sample no newer than the last says nothing,
// nor does one that repeats it although the aircraft moves. One that does not
// follow from the last (a teleport, an altitude spike) waits for the next: if
// that follows from it, it was a jump and everything is judged anew, without a
// movement; if that follows from the last, it never was.
func (f *Fields) Step(t *Track, s Sample, plan Plan) Outcome {
	next := fixOf(s)
	if t.n == 0 {
		f.accept(t, next, plan)
		return Outcome{Used: true}
	}
	last := *t.newest()
	switch {
	case next.at <= last.at || t.suspected && next.at <= t.suspect.at || stuck(&last, &next):
		return Outcome{}
	case follows(&last, &next):
		t.suspected = false
		return f.advance(t, next, plan)
	case t.suspected && follows(&t.suspect, &next):
		suspect := t.suspect
		jump := &Jump{From: last.sample(), To: suspect.sample(), Miles: miles(&last, &suspect), Airborne: t.state == Airborne}
		out := Outcome{Used: true, Teleport: jump, Movements: f.Finish(t, plan)}
		t.forget()
		f.accept(t, suspect, plan)
		f.accept(t, next, plan)
		out.Miles = miles(&suspect, &next)
		return out
	}
	t.suspect, t.suspected = next, true
	return Outcome{}
}

// First judges a sample of an aircraft that nothing else is known of.
func (f *Fields) First(s Sample, plan Plan) State {
	var t Track
	next := fixOf(s)
	return Judge(Unknown, f.read(&t, &next, plan))
}

// accept judges a fix and remembers it.
func (f *Fields) accept(t *Track, next fix, plan Plan) {
	reading := f.read(t, &next, plan)
	t.state = Judge(t.state, reading)
	next.state = t.state
	t.signs = min(t.signs+1, 100)
	if !reading.LooksAirborne() {
		t.signs = 0
	}
	if t.state == Ground {
		if t.n == 0 || t.newest().state != Ground || touches(t.newest(), &next) {
			t.level = next.altitude
		}
		if next.groundspeed == 0 && t.field != noField {
			f.stands(t.field, next.altitude)
		}
	}
	t.push(next)
}

// read makes a Reading of a fix.
func (f *Fields) read(t *Track, next *fix, plan Plan) Reading {
	f.locate(t, next, plan)
	r := Reading{Groundspeed: next.groundspeed, Signs: t.signs, High: next.altitude >= highestField}
	if t.field != noField {
		feet, _ := f.elevation(t.field)
		r.Height, r.HeightKnown = next.altitude-feet, true
	}
	if t.n == 0 {
		return r
	}
	last := t.newest()
	r.Level = touches(last, next)
	r.Rising = next.altitude > last.altitude && !r.Level
	r.Away = miles(last, next) > unseenMiles
	if t.state == Ground && !r.Away {
		// Where it stood is the best elevation; the airport's helps where its own
		// altitude was set while it stood.
		own := next.altitude - t.level
		if !r.HeightKnown || own < r.Height {
			r.Height, r.HeightKnown = own, true
		}
	}
	if t.state == Airborne && next.groundspeed < groundSpeed {
		r.Rolled, r.Paused = rolled(t.seen(), next, r.HeightKnown), paused(t.seen(), next)
	}
	return r
}

// rolled reports whether an aircraft came down to a fix and has rolled level
// since: at the last fix, or where an airport's elevation says that it is in the
// air, at two at least and for half a minute, longer than a helicopter keeps its
// altitude within 10 ft.
func rolled(fixes []fix, next *fix, contradicted bool) bool {
	const down, flat, long = 100, 10, 30e6 // feet, feet, microseconds
	first, moves := len(fixes), next.groundspeed > 0
	for first > 0 && fixes[first-1].groundspeed < groundSpeed && abs(fixes[first-1].altitude-next.altitude) <= flat {
		first--
		moves = moves || fixes[first].groundspeed > 0
	}
	since := len(fixes) - first
	if !moves || since < 1 || contradicted && (since < 2 || next.at-fixes[first].at < long) {
		return false
	}
	return slices.ContainsFunc(fixes[:first], func(f fix) bool { return f.altitude >= next.altitude+down })
}

// locate finds the airport that a fix is at, when it is low enough for any.
func (f *Fields) locate(t *Track, next *fix, plan Plan) {
	here := place{next.latitude, next.longitude, plan, true}
	if t.fieldFor == here {
		return
	}
	t.field, t.fieldFor = noField, here
	if next.altitude < highestField {
		lat, lon := next.degrees()
		field, distance := f.at(lat, lon, plan)
		t.field, t.distance = field, float32(distance)
	}
}

// advance takes a fix that follows from the last.
func (f *Fields) advance(t *Track, next fix, plan Plan) Outcome {
	last, before := *t.newest(), t.state
	out := Outcome{Used: true, Miles: miles(&last, &next)}
	f.accept(t, next, plan)
	switch {
	case before == Ground && t.state == Airborne:
		out.Movements = f.left(t, plan)
	case before == Airborne && t.state == Ground:
		t.touch()
		out.Movements = f.settled(t, plan)
	case t.state == Ground && before == Ground && out.Miles > unseenMiles:
		out.Movements = f.unseen(t, plan)
		out.Moved = len(out.Movements) == 0
	case t.state == Ground:
		out.Movements = f.settled(t, plan)
	case t.state == Airborne:
		out.Movements = f.low(t, plan)
	}
	return out
}

// scaled is a time that grows with the longest time between two of the last
// three reports.
func (t *Track) scaled(least time.Duration) int64 {
	longest := int64(0)
	for i := max(1, int(t.n)-2); i < int(t.n); i++ {
		longest = max(longest, t.fixes[i].at-t.fixes[i-1].at)
	}
	return max(least.Microseconds(), int64(intervals*float64(longest)))
}

// left tells of the ground left: a departure, or the touch-and-go that a
// landing has turned out to be.
func (f *Fields) left(t *Track, plan Plan) []Movement {
	fixes := t.seen()
	ground := len(fixes) - 1
	for ground > 0 && fixes[ground-1].state != Ground {
		ground--
	}
	for ground--; ground > 0 && fixes[ground-1].state == Ground; ground-- {
	}
	ground = max(0, ground)
	for i := ground; fixes[i].state == Ground; i++ {
		if fixes[i].groundspeed < groundSpeed && abs(fixes[i].altitude-t.level) <= onRunway {
			ground = i
		}
	}
	// The last fix before the wheels left: from where it was slow and had not
	// risen on, as long as altitude changes no more than a runway's.
	off := ground
	for off+2 < len(fixes) && touches(&fixes[off], &fixes[off+1]) {
		off++
	}
	if t.touching {
		t.touching = false
		if fixes[off+1].at-t.touchFrom <= t.scaled(touchTime) {
			return f.tell(t, plan, event{kind: TouchAndGo, from: t.touchFrom, to: t.touchTo, since: fixes[off+1].at})
		}
		arrival := f.arrived(t, plan)
		return append(arrival, f.depart(t, plan, ground, off)...)
	}
	return f.depart(t, plan, ground, off)
}

func (f *Fields) depart(t *Track, plan Plan, ground, off int) []Movement {
	fixes := t.seen()
	field, distance := f.fieldAt(&fixes[off], plan)
	return f.tell(t, plan, event{
		kind: Departure, from: fixes[off].at, to: fixes[off+1].at, since: fixes[off+1].at,
		field: field, distance: distance, runway: f.departed(field, fixes, ground), placed: true,
	})
}

// fieldAt is the airport of a fix.
func (f *Fields) fieldAt(at *fix, plan Plan) (field int32, distance float64) {
	lat, lon := at.degrees()
	return f.at(lat, lon, plan)
}

// touch notes where the wheels touched: between the last fix that was higher
// than the runway and the first that was not.
func (t *Track) touch() {
	fixes := t.seen()
	on := len(fixes) - 1
	for on > 1 && fixes[on-1].state != Ground && touches(&fixes[on-1], &fixes[on]) {
		on--
	}
	t.touching, t.touchFrom, t.touchTo = true, fixes[on-1].at, fixes[on].at
}

// settled tells of a landing once it is no touch-and-go: the aircraft rolls
// level, and is slow or has been on the ground for a minute.
func (f *Fields) settled(t *Track, plan Plan) []Movement {
	if !t.touching {
		return nil
	}
	last := t.newest()
	level := touches(&t.fixes[t.n-2], last)
	if !level && t.field != noField {
		feet, _ := f.elevation(t.field)
		level = abs(last.altitude-feet) <= onRunway
	}
	if !level || last.groundspeed >= leavesRunway && last.at-t.touchTo < touchTime.Microseconds() {
		return nil
	}
	return f.arrived(t, plan)
}

// arrived tells of the landing that is under way.
func (f *Fields) arrived(t *Track, plan Plan) []Movement {
	t.touching = false
	fixes := t.seen()
	on := slices.IndexFunc(fixes, func(x fix) bool { return x.at >= t.touchTo })
	if on < 0 {
		on = len(fixes) - 1
	}
	field, distance := f.fieldAt(&fixes[on], plan)
	e := event{kind: Arrival, from: t.touchFrom, to: t.touchTo, since: t.touchTo, field: field, distance: distance, placed: true}
	if field != noField {
		feet, _ := f.elevation(field)
		e.runway = f.landed(field, fixes, feet)
	}
	return f.tell(t, plan, e)
}

// Finish tells what is still open when an aircraft is gone: somebody who landed
// and left at once has landed.
func (f *Fields) Finish(t *Track, plan Plan) []Movement {
	if !t.touching || t.state != Ground {
		return nil
	}
	return f.arrived(t, plan)
}

// unseen tells of a whole flight that nobody saw, from its departure to its
// arrival as filed, when the last sample stands at the one and this at the
// other. That happens when no snapshot was taken for longer than it lasted.
func (f *Fields) unseen(t *Track, plan Plan) []Movement {
	to, from := t.newest(), &t.fixes[t.n-2]
	left, leftMiles := f.fieldAt(from, plan)
	landed, landedMiles := f.fieldAt(to, plan)
	if left == noField || landed == noField || f.code(left) != plan.Departure || f.code(landed) != plan.Arrival {
		return nil
	}
	out := f.tell(t, plan, event{kind: Departure, from: from.at, to: to.at, since: to.at, field: left, distance: leftMiles, placed: true})
	return append(out, f.tell(t, plan, event{kind: Arrival, from: from.at, to: to.at, since: to.at, field: landed, distance: landedMiles, placed: true})...)
}
