package simulator

import "math"

// firstLeg draws a leg for a fleet. It reports false when the draw came to
// nothing.
func (s *Simulator) firstLeg(f fleet, r *random, room float64, began int64) (leg, bool) {
	switch f {
	case fleetCircuits:
		return s.circuitLeg(r, began, 1+r.below(5)), true
	case fleetHelicopter:
		return s.helicopterLeg(r, began), true
	}
	low, high, runway := 130.0, 640.0, 1300.0 // NM, NM, metres
	models := s.narrow
	switch {
	case f == fleetLight:
		low, high, runway, models = 25, 260, 700, s.light
	case f == fleetLong:
		low, high, runway, models = 2300, 6200, 2600, s.wide
	case room > shortBlock.Seconds():
		low, high, runway = 600, 1900, 2000
	}
	from := s.atlas.choose(r)
	if s.atlas.airports[from].longest < runway {
		return leg{}, false
	}
	to := s.atlas.near(r, from, low*metresPerNM, high*metresPerNM, runway)
	if to < 0 {
		return leg{}, false
	}
	a, b := &s.atlas.airports[from], &s.atlas.airports[to]
	m := chooseModel(r, models, a.at.metresTo(b.at)/metresPerNM, min(a.longest, b.longest))
	if m == nil {
		return leg{}, false
	}
	return s.newLeg(m, from, to, r, began), true
}

// newLeg draws runways, stands and mishaps for a leg between two airports.
func (s *Simulator) newLeg(m *model, from, to int, r *random, began int64) leg {
	l := leg{model: m, departure: from, planned: to, arrival: to, choice: r.next()}
	if r.chance(0.008) {
		if other := s.atlas.alternate(to, m.runway); other >= 0 && other != from {
			l.arrival = other
		}
	}
	if r.chance(0.016) {
		l.goAround = r.between(180, 850)
	}
	a, b := &s.atlas.airports[from], &s.atlas.airports[l.arrival]
	l.takeoffs = a.runway(s.seed, began, m.runway, l.choice)
	l.landings = b.runway(s.seed, began, m.runway, l.choice)
	l.from, l.to = a.gate(r.next()), b.gate(r.next())
	l.fromAlt, l.toAlt = a.elevation+scenery(r), b.elevation+scenery(r)
	l.askedAlt = chooseLevel(r, m, a.at.metresTo(b.at), a.at.bearing(a.at.tangentTo(b.at)))
	return l
}

// scenery is how many feet a simulator's ground differs from the chart's.
func scenery(r *random) float64 {
	if r.chance(0.05) {
		return math.Round(r.between(-60, 90))
	}
	return math.Round(r.between(-8, 16))
}

// chooseLevel is a cruising level by the semicircular rule.
func chooseLevel(r *random, m *model, metres, bearing float64) float64 {
	level := m.level + 2000*float64(r.below(3)-1)
	level = min(level, 4000+metres/metresPerNM*110) // short hops stay low
	if m.level < 10000 {
		level = math.Floor(level/2000)*2000 + 500
		return max(level, 2500)
	}
	thousands := math.Floor(level / 1000)
	eastbound := bearing < 180
	if (math.Mod(thousands, 2) == 1) != eastbound {
		thousands--
	}
	return thousands * 1000
}

func (s *Simulator) circuitLeg(r *random, began int64, touches int) leg {
	m := &s.light[r.below(3)]
	at := s.atlas.choose(r)
	a := &s.atlas.airports[at]
	end := a.runway(s.seed, began, m.runway, uint64(at))
	stand, alt := a.gate(r.next()), a.elevation+scenery(r)
	return leg{
		model: m, departure: at, planned: at, arrival: at, takeoffs: end, landings: end, touches: touches,
		from: stand, to: stand, fromAlt: alt, toAlt: alt, choice: r.next(),
	}
}

func (s *Simulator) helicopterLeg(r *random, _ int64) leg {
	from := s.atlas.choose(r)
	to := s.atlas.near(r, from, 10*metresPerNM, 55*metresPerNM, 0)
	if to < 0 {
		to = from
	}
	a, b := &s.atlas.airports[from], &s.atlas.airports[to]
	l := leg{
		model: chooseModel(r, s.rotary, 20, 1000), departure: from, planned: to, arrival: to,
		from: a.gate(r.next()), to: b.gate(r.next()), choice: r.next(),
		fromAlt: a.elevation + scenery(r), toAlt: b.elevation + scenery(r),
	}
	if to == from {
		l.to, l.toAlt = l.from, l.fromAlt
	}
	return l
}
