package simulator

// flyCircuits builds a flight around one airport with touch-and-goes and a
// landing in the end. It lands where it took off.
func (l *leg) flyCircuits() flight {
	l.happenings = l.happenings[:0]
	r := newRandom(aboutDuty, l.choice)
	end := l.landings
	side := 1.0
	if l.choice&1 == 0 {
		side = -1
	}
	const radius, wide = 500.0, 1900.0 // metres
	final := 1.5 * metresPerNM
	along := end.threshold.beyondTangent(end.far)
	ahead := end.far.move(along, 1100)
	crosswind := ahead.move(ahead.right(along).scale(side), wide)
	base := end.threshold.beyond(end.far, -final)
	downwind := base.move(base.right(base.tangentTo(end.threshold)).scale(side), wide)

	points, out := taxiOut(make([]waypoint, 0, 40), l.from, l.takeoffs)
	var turns []int
	for range l.touches + 1 {
		points = append(points, waypoint{at: ahead, radius: radius}, waypoint{at: crosswind, radius: radius},
			waypoint{at: downwind, radius: radius}, waypoint{at: base, radius: radius}, waypoint{at: end.threshold})
		turns = append(turns, len(points)-2)
		if len(turns) <= l.touches {
			points = append(points, waypoint{at: end.far})
		}
	}
	points = l.taxiIn(points)
	f := flight{path: newPath(points)}
	f.stages = make([]stage, 0, 64)
	f.pushEnd = f.marks[out.push]
	p := &f.profile
	p.now.alt = l.fromAlt
	l.happen(p, OffBlock)
	l.roll(p, f.marks, out, end, r)
	speed := min(0.85*l.model.cruise, 120) * knot
	for i, turn := range turns {
		p.climb(l.toAlt+1000, speed, l.model.climb/60)
		p.glide(f.marks[turn]-0.6*wide, speed, l.toAlt+1000)
		p.glide(f.marks[turn], l.model.approach*1.15*knot, slope(l.toAlt, final+touchdownMetres))
		threshold := f.marks[turn+1]
		if i == l.touches {
			l.land(p, f.marks[turn], threshold, end, f.length)
			break
		}
		l.descendTo(p, f.marks[turn], threshold, 0)
		l.happen(p, TouchAndGo)
		p.glide(p.now.s+200, l.model.approach*0.85*knot, l.toAlt)
		p.glide(p.now.s+150, l.model.rotate*knot, l.toAlt)
	}
	l.cruiseAlt = l.toAlt + 1000
	l.duration = p.now.t
	return f
}

// flyHelicopter lifts off at the stand and sets down at the other; when both
// are one, it makes a round of some miles.
func (l *leg) flyHelicopter() flight {
	l.happenings = l.happenings[:0]
	r := newRandom(aboutDuty, l.choice)
	const radius = 600.0
	points := []waypoint{{at: l.from.at}}
	if l.departure == l.arrival {
		heading, way := r.between(0, 360), r.between(8, 22)*metresPerNM
		first := l.from.at.move(l.from.at.towards(heading), way)
		second := l.from.at.move(l.from.at.towards(heading+50), way)
		points = append(points, waypoint{at: first, radius: radius}, waypoint{at: second, radius: radius})
	}
	points = append(points, waypoint{at: l.to.at})
	f := flight{path: newPath(points)}
	p := &f.profile
	p.now.alt = l.fromAlt
	l.happen(p, OffBlock)
	p.wait(r.between(60, 240))
	l.happen(p, Takeoff)
	p.lift(l.fromAlt+60, 5)
	speed := l.model.cruise * knot
	level := max(l.fromAlt, l.toAlt) + l.model.level
	p.climb(level, speed, l.model.climb/60)
	sink := (level - l.toAlt - 60) / (l.model.descend / 60)
	p.glide(f.length-sink*speed/2, speed, level)
	p.glide(f.length, 0, l.toAlt+60)
	p.lift(l.toAlt, 5)
	l.happen(p, Landing)
	p.wait(20)
	l.happen(p, OnBlock)
	l.cruiseAlt = level
	l.duration = p.now.t
	return f
}
