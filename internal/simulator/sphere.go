package simulator

import "math"

const (
	earthRadius  = 6371008.8 // metres, mean
	metresPerNM  = 1852.0
	knot         = metresPerNM / 3600 // metres per second
	feetPerMetre = 1 / 0.3048
)

// vec is a point on the unit sphere, or a direction.
type vec struct{ x, y, z float64 }

func (a vec) add(b vec) vec               { return vec{a.x + b.x, a.y + b.y, a.z + b.z} }
func (a vec) scale(f float64) vec         { return vec{a.x * f, a.y * f, a.z * f} }
func (a vec) dot(b vec) float64           { return a.x*b.x + a.y*b.y + a.z*b.z }
func (a vec) cross(b vec) vec             { return vec{a.y*b.z - a.z*b.y, a.z*b.x - a.x*b.z, a.x*b.y - a.y*b.x} }
func (a vec) length() float64             { return math.Sqrt(a.dot(a)) }
func (a vec) unit() vec                   { return a.scale(1 / a.length()) }
func (a vec) without(b vec) vec           { return a.add(b.scale(-a.dot(b))) } // the part orthogonal to the unit vector b
func (a vec) metresTo(b vec) float64      { return earthRadius * a.angle(b) }
func (a vec) angle(b vec) float64         { return math.Atan2(a.cross(b).length(), a.dot(b)) }
func (a vec) tangentTo(b vec) vec         { return b.without(a).unit() } // the direction at a towards b
func (a vec) beyond(b vec, m float64) vec { return a.move(a.tangentTo(b), m) }

// move goes m metres from a along the unit tangent t.
func (a vec) move(t vec, m float64) vec {
	sin, cos := math.Sincos(m / earthRadius)
	return a.scale(cos).add(t.scale(sin)).unit()
}

// right is the unit tangent at a to the right of the tangent t.
func (a vec) right(t vec) vec { return t.cross(a) }

func fromDegrees(lat, lon float64) vec {
	sinLat, cosLat := math.Sincos(lat * math.Pi / 180)
	sinLon, cosLon := math.Sincos(lon * math.Pi / 180)
	return vec{cosLat * cosLon, cosLat * sinLon, sinLat}
}

func (a vec) degrees() (lat, lon float64) {
	return math.Atan2(a.z, math.Hypot(a.x, a.y)) * 180 / math.Pi, math.Atan2(a.y, a.x) * 180 / math.Pi
}

// bearing is the true direction of the tangent t at a, in degrees [0, 360).
func (a vec) bearing(t vec) float64 {
	east := vec{-a.y, a.x, 0}
	north := vec{-a.z * a.x, -a.z * a.y, a.x*a.x + a.y*a.y}
	degrees := math.Atan2(t.dot(east), t.dot(north)) * 180 / math.Pi
	if degrees < 0 {
		degrees += 360
	}
	return degrees
}

// towards is the unit tangent at a with a true bearing in degrees.
func (a vec) towards(bearing float64) vec {
	sin, cos := math.Sincos(bearing * math.Pi / 180)
	east := vec{-a.y, a.x, 0}.unit()
	north := a.cross(east)
	return north.scale(cos).add(east.scale(sin))
}

// piece is a part of a path: a great circle or an arc of a small circle, both
// as centre + u·cos φ + v·sin φ with φ growing by perMetre along the way.
type piece struct {
	start, perMetre float64 // metres from the path's beginning; radians a metre
	centre, u, v    vec
}

func (p *piece) at(s float64) (point, tangent vec) {
	sin, cos := math.Sincos((s - p.start) * p.perMetre)
	point = p.centre.add(p.u.scale(cos)).add(p.v.scale(sin))
	tangent = p.u.scale(-sin).add(p.v.scale(cos))
	return point, tangent
}

// waypoint is a corner of a path, rounded with a radius in metres (0: sharp).
type waypoint struct {
	at     vec
	radius float64
}

// path is a way over the ground. marks holds, for each waypoint, how far along
// it the path has turned onto the next part.
type path struct {
	pieces []piece
	marks  []float64
	length float64
}

func newPath(points []waypoint) path {
	p := path{pieces: make([]piece, 0, 2*len(points)), marks: make([]float64, len(points))}
	cut := 0.0 // how much of the coming part the last corner used up
	for i := 1; i < len(points); i++ {
		from, to := points[i-1].at, points[i].at
		span := from.metresTo(to)
		if span < 0.01 { // two names for one place
			p.marks[i] = p.length
			continue
		}
		tangent := from.tangentTo(to)
		corner, nextCut := arc(points, i, span)
		straight := max(span-cut-nextCut, 0)
		start := from.move(tangent, cut)
		p.pieces = append(p.pieces, piece{
			start: p.length, perMetre: 1 / earthRadius, u: start, v: start.tangentTo(to),
		})
		p.length += straight
		if nextCut > 0 {
			corner.start = p.length
			p.pieces = append(p.pieces, corner.piece)
			p.length += corner.length
		}
		p.marks[i] = p.length
		cut = nextCut
	}
	return p
}

type corner struct {
	piece
	length float64
}

// arc rounds the corner at points[i]. It returns how many metres the rounding
// takes from either side, 0 for a sharp corner.
func arc(points []waypoint, i int, span float64) (corner, float64) {
	if i == len(points)-1 || points[i].radius == 0 {
		return corner{}, 0
	}
	at := points[i].at
	in := at.tangentTo(points[i-1].at).scale(-1)
	out := at.tangentTo(points[i+1].at)
	turn := in.angle(out)
	if turn < 0.01 {
		return corner{}, 0
	}
	// At most 45 % of each side, so that the next corner has its own part.
	room := 0.45 * min(span, at.metresTo(points[i+1].at))
	cut := min(points[i].radius*math.Tan(turn/2), room)
	radius := cut / math.Tan(turn/2)
	start := at.move(in, -cut)
	centre := at.move(out.add(in.scale(-1)).without(at).unit(), radius/math.Cos(turn/2))
	sin, cos := math.Sincos(centre.angle(start))
	u := start.without(centre).unit()
	v := in.without(centre).without(u).unit()
	return corner{
		piece:  piece{perMetre: 1 / (earthRadius * sin), centre: centre.scale(cos), u: u.scale(sin), v: v.scale(sin)},
		length: turn * earthRadius * sin,
	}, cut
}

// at returns the point s metres along the path and the unit tangent there.
func (p *path) at(s float64) (point, tangent vec) {
	s = max(0, min(s, p.length))
	i := len(p.pieces) - 1
	for i > 0 && p.pieces[i].start > s {
		i--
	}
	point, tangent = p.pieces[i].at(s)
	return point.unit(), tangent.unit()
}
