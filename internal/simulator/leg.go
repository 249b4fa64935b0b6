package simulator

import "math"

// leg is one flight from stand to stand, with the time in seconds from its
// off-block.
type leg struct {
	model     *model
	departure int // of the atlas
	planned   int // the filed arrival
	arrival   int // where it lands
	takeoffs  *runwayEnd
	landings  *runwayEnd // nil for helicopters, as takeoffs
	from, to  gate
	askedAlt  float64 // feet
	fromAlt   float64 // feet at either stand, scenery offset included
	toAlt     float64
	touches   int     // touch-and-goes before the landing
	goAround  float64 // feet above the field where the first approach ends; 0: none
	choice    uint64  // decides the small differences between flights

	happenings []happening
	duration   float64 // until on block
	cruiseAlt  float64 // feet; askedAlt, or lower where the distance is short
	distance   float64 // metres from take-off to landing
	takeoffAt  float64
	landingAt  float64
}

// happening is what a leg does that the truth tells about.
type happening struct {
	t    float64
	kind Kind
}

// flight is a leg's geometry: a path and how it is flown.
type flight struct {
	path
	profile
	pushEnd float64 // metres of path that are rolled backwards
}

// state is where an aircraft is at one moment.
type state struct {
	at      vec
	heading float64 // degrees true, [0, 360)
	alt     float64 // feet above mean sea level
	speed   float64 // knots over the ground
	rate    float64 // feet a second
	ground  bool
}

// at evaluates the flight t seconds after off-block.
func (f *flight) at(t float64) state {
	s, v, alt, rate := f.profile.at(t)
	point, tangent := f.path.at(s)
	if s < f.pushEnd {
		tangent = tangent.scale(-1)
	}
	return state{at: point, heading: point.bearing(tangent), alt: alt, speed: max(v, 0) / knot, rate: rate}
}

// fly builds the leg's geometry and fills in its times. It is a pure function
// of the leg's choices.
func (l *leg) fly() flight {
	switch {
	case l.model.helicopter:
		return l.flyHelicopter()
	case l.touches > 0:
		return l.flyCircuits()
	default:
		return l.flyAirways()
	}
}

func (l *leg) happen(p *profile, kind Kind) {
	l.happenings = append(l.happenings, happening{t: p.now.t, kind: kind})
	switch kind {
	case Takeoff:
		l.takeoffAt, l.distance = p.now.t, p.now.s
	case Landing:
		l.landingAt, l.distance = p.now.t, p.now.s-l.distance
	}
}

// outbound are the points from the stand to the runway's far end.
type outbound struct{ push, hold, lineUp, end int }

const lineUpMetres = 60 // behind the threshold

// taxiOut appends the way to the runway.
func taxiOut(points []waypoint, from gate, end *runwayEnd) ([]waypoint, outbound) {
	back := from.at.move(from.at.towards(from.heading+180), 70)
	side, _ := beside(end, back)
	along := end.threshold.tangentTo(end.far)
	hold := end.threshold.move(end.threshold.right(along).scale(side), 120)
	points = append(points, waypoint{at: from.at}, waypoint{at: back}, waypoint{at: taxiway(end, back)},
		waypoint{at: hold}, waypoint{at: end.threshold.move(along, lineUpMetres)}, waypoint{at: end.far})
	n := len(points)
	return points, outbound{push: n - 5, hold: n - 3, lineUp: n - 2, end: n - 1}
}

// taxiway is the point of the parallel taxiway, 180 m from the runway, that is
// abeam a place.
func taxiway(end *runwayEnd, place vec) vec {
	side, along := beside(end, place)
	along = max(200, min(along, end.length-200))
	abeam := end.threshold.move(end.threshold.tangentTo(end.far), along)
	return abeam.move(abeam.right(abeam.tangentTo(end.far)).scale(side), 180)
}

// beside says on which side of the runway a place is (1: right) and how many
// metres behind the threshold it is abeam of.
func beside(end *runwayEnd, place vec) (side, along float64) {
	tangent := end.threshold.tangentTo(end.far)
	side = 1
	if place.dot(end.threshold.right(tangent)) < 0 {
		side = -1
	}
	return side, math.Atan2(place.dot(tangent), place.dot(end.threshold)) * earthRadius
}

// roll taxies out, lines up and takes off.
func (l *leg) roll(p *profile, marks []float64, o outbound, end *runwayEnd, r *random) {
	p.taxi(marks[o.push], 1.5)
	p.wait(r.between(50, 150))
	p.taxi(marks[o.hold], r.between(7, 10))
	p.wait(r.between(15, 160))
	p.taxi(marks[o.lineUp], 5)
	p.wait(r.between(4, 40))
	rotate := l.model.rotate * knot
	pull := r.between(1.7, 2.1)
	way := min(rotate*rotate/(2*pull), 0.75*(end.length-lineUpMetres))
	p.glide(marks[o.lineUp]+way, rotate, p.now.alt)
	l.happen(p, Takeoff)
}

// land flies from the end of the last turn to the stand. gate is the path's
// end, threshold and turn are distances along it.
func (l *leg) land(p *profile, turn, threshold float64, end *runwayEnd, gate float64) {
	l.descendTo(p, turn, threshold, 0)
	l.happen(p, Landing)
	vacate := l.vacate(end)
	p.glide(threshold+vacate, 9, l.toAlt)
	p.taxi(gate, 8)
	l.happen(p, OnBlock)
}

// touchdownMetres is the aiming point's distance from the threshold.
const touchdownMetres = 320

// slope is the altitude of a three-degree path so many metres before touchdown.
func slope(field, metres float64) float64 {
	return field + math.Tan(3*math.Pi/180)*metres*feetPerMetre
}

// descendTo flies the final approach down to above feet over the field.
func (l *leg) descendTo(p *profile, turn, threshold, above float64) {
	touchdown := threshold + touchdownMetres
	gateway := touchdown - min(0.4*(touchdown-turn), 4*metresPerNM) // speed is stable from here
	p.glide(gateway, l.model.approach*knot, slope(l.toAlt, touchdown-gateway))
	stop := touchdown - above/feetPerMetre/math.Tan(3*math.Pi/180)
	p.glide(stop, l.model.approach*knot, l.toAlt+above)
}

// vacate is how far behind the threshold the runway is left.
func (l *leg) vacate(end *runwayEnd) float64 {
	speed := l.model.approach * knot
	return min(touchdownMetres+(speed*speed-81)/(2*1.7), end.length-80)
}

// taxiIn appends the way from the runway to the stand.
func (l *leg) taxiIn(points []waypoint) []waypoint {
	end := l.landings
	along := end.threshold.tangentTo(end.far)
	exit := end.threshold.move(along, l.vacate(end))
	return append(points, waypoint{at: exit}, waypoint{at: taxiway(end, exit)},
		waypoint{at: taxiway(end, l.to.at)}, waypoint{at: l.to.at})
}
