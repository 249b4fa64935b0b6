package simulator

import "math"

const turnRadius = 2500.0 // metres: 200 kt at 25° of bank

// flyAirways builds a flight from one airport to another, with a go-around
// before the landing when the leg has one.
func (l *leg) flyAirways() flight {
	l.happenings = l.happenings[:0]
	r := newRandom(aboutDuty, l.choice)
	points, out := taxiOut(make([]waypoint, 0, 24), l.from, l.takeoffs)
	radius := min(turnRadius, 40*l.model.cruise)
	final := l.model.finalNM * metresPerNM
	base := l.landings.threshold.beyond(l.landings.far, -final) // where the final begins
	points = append(points, l.exit(base, radius)...)
	points = append(points, l.entry(points[len(points)-1].at, base, radius)...)
	points = append(points, waypoint{at: base, radius: radius}, waypoint{at: l.landings.threshold})
	turn, threshold := len(points)-2, len(points)-1
	again := 0
	if l.goAround > 0 {
		points = append(points, l.around(base, radius)...)
		points = append(points, waypoint{at: base, radius: radius}, waypoint{at: l.landings.threshold})
		again = len(points) - 1
	}
	points = l.taxiIn(points)

	f := flight{path: newPath(points)}
	f.stages = make([]stage, 0, 40)
	f.pushEnd = f.marks[out.push]
	p := &f.profile
	p.now.alt = l.fromAlt
	l.happen(p, OffBlock)
	l.roll(p, f.marks, out, l.takeoffs, r)
	l.cruise(p, f.marks[turn], slope(l.toAlt, final))
	if again == 0 {
		l.land(p, f.marks[turn], f.marks[threshold], l.landings, f.length)
	} else {
		l.descendTo(p, f.marks[turn], f.marks[threshold], l.goAround)
		l.happen(p, GoAround)
		p.climb(l.toAlt+3000, 180*knot*min(1, l.model.cruise/250), l.model.climb/60)
		p.glide(f.marks[again-1], p.now.v, slope(l.toAlt, final))
		l.land(p, f.marks[again-1], f.marks[again], l.landings, f.length)
	}
	l.duration = p.now.t
	return f
}

// exit are the points after the runway: straight ahead, and a turn in two
// steps when the way lies behind.
func (l *leg) exit(towards vec, radius float64) []waypoint {
	end := l.takeoffs
	ahead := end.far.move(end.threshold.beyondTangent(end.far), 2.5*radius)
	along := end.threshold.beyondTangent(end.far)
	points := []waypoint{{at: ahead, radius: radius}}
	turn := math.Abs(angleBetween(ahead.bearing(ahead.tangentTo(towards)), end.heading))
	if turn > 100 {
		side := 1.0
		if ahead.tangentTo(towards).dot(ahead.right(along)) < 0 {
			side = -1
		}
		points = append(points, waypoint{at: ahead.move(ahead.right(along).scale(side), 3*radius), radius: radius})
	}
	return points
}

// entry are the points before the final approach: none when it is met from
// ahead, a base leg or a downwind else.
func (l *leg) entry(from, base vec, radius float64) []waypoint {
	along := base.tangentTo(l.landings.threshold)
	turn := math.Abs(angleBetween(base.bearing(from.beyondTangent(base)), base.bearing(along)))
	if turn <= 75 {
		return nil
	}
	side := 1.0
	if from.dot(base.right(along)) < 0 {
		side = -1
	}
	abeam := base.move(base.right(along).scale(side), 3*radius)
	points := []waypoint{{at: abeam, radius: radius}}
	if turn > 130 {
		downwind := abeam.move(abeam.tangentTo(l.landings.threshold.move(l.landings.threshold.right(along).scale(side), 3*radius)), 4*radius)
		points = append([]waypoint{{at: downwind, radius: radius}}, points...)
	}
	return points
}

// around are the points of the circuit between a missed approach and the next.
func (l *leg) around(base vec, radius float64) []waypoint {
	end := l.landings
	side := 1.0
	if l.choice&1 == 0 {
		side = -1
	}
	along := end.threshold.beyondTangent(end.far)
	ahead := end.far.move(along, 4*radius)
	crosswind := ahead.move(ahead.right(along).scale(side), 3*radius)
	downwind := base.move(base.right(base.tangentTo(end.threshold)).scale(side), 3*radius)
	return []waypoint{{at: end.far}, {at: ahead, radius: radius}, {at: crosswind, radius: radius}, {at: downwind, radius: radius}}
}

// beyondTangent is the direction of travel at b of one who comes from a.
func (a vec) beyondTangent(b vec) vec { return b.tangentTo(a).scale(-1) }

// angleBetween is the difference of two bearings, in [−180, 180).
func angleBetween(a, b float64) float64 { return math.Mod(a-b+540, 360) - 180 }

// cruise climbs, flies and descends so that it is at alt where the last turn
// ends. A level too high for the distance is lowered.
func (l *leg) cruise(p *profile, turn, alt float64) {
	m := l.model
	level := l.askedAlt
	speed := m.cruise * knot
	floor := max(alt, p.now.alt+1500) + 1000
	for level = max(level, floor); ; level, speed = level*0.88, speed*0.97 {
		level = max(math.Floor(level/500)*500, floor)
		trial := profile{stages: p.stages[:len(p.stages):len(p.stages)], now: p.now}
		if l.tryLevel(&trial, turn, alt, level, speed) || level == floor {
			// Whatever is left of the way is flown evenly.
			trial.glide(turn, l.manoeuvre(), alt)
			*p, l.cruiseAlt = trial, level
			return
		}
	}
}

// manoeuvre is the speed around airports, in metres a second.
func (l *leg) manoeuvre() float64 { return min(1.35*l.model.approach, 0.95*l.model.cruise) * knot }

// shown is the true altitude the feed has for a flight level: weather in the
// simulators puts it up to 4 % off.
func (l *leg) shown(level float64) float64 {
	if level <= 18000 {
		return level
	}
	return math.Round(level * (0.99 + 0.05*unit(hash(aboutDuty, l.choice, 7))*unit(hash(aboutDuty, l.choice, 8))))
}

const (
	slowBelow = 10000.0 // feet: 250 kt below it
	slowSpeed = 250 * knot
)

func (l *leg) tryLevel(p *profile, turn, alt, level, speed float64) bool {
	m := l.model
	slow := min(slowSpeed, speed)
	rate := m.climb / 60
	p.climb(p.now.alt+1500, min(m.rotate+35, m.cruise)*knot, rate)
	if level > slowBelow {
		p.climb(slowBelow, slow, rate)
		p.climb(slowBelow+500, min(slow*1.12, speed), rate/3) // speeds up
		p.climb(0.7*level, 0.93*speed, rate*0.8)
	}
	p.climb(l.shown(level), speed, rate*0.55)
	// The descent, from its end backwards.
	low := min(slowBelow, level)
	sink := m.descend / 60
	lowTime, highTime := max(low-alt, 0)/(0.7*sink), (l.shown(level)-low)/sink
	lowStart := turn - lowTime*(slow+l.manoeuvre())/2
	highStart := lowStart - highTime*(speed+slow*1.1)/2
	if highStart < p.now.s {
		return false
	}
	p.glide(highStart, speed, l.shown(level))
	if highTime > 0 {
		p.glide(lowStart, slow*1.1, low)
	}
	p.glide(turn, l.manoeuvre(), alt)
	return true
}
