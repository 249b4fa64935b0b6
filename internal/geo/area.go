package geo

import (
	"errors"
	"math"
)

// Coordinate is longitude and latitude, in GeoJSON's order.
type Coordinate [2]float64

// Polygon is an outer ring and the rings of its holes. A ring's last point may
// repeat its first.
type Polygon [][]Coordinate

// MultiPolygon is a GeoJSON MultiPolygon's coordinates.
type MultiPolygon []Polygon

// Area is a multipolygon made ready for points. It is immutable.
//
// Of two areas that share an edge, each point of the edge lies in exactly one.
type Area struct {
	polygons [][]ring
	box      Box
	size     float64
}

// The reasons why a multipolygon is not an area.
var (
	errEmpty   = errors.New("there is no polygon")
	errTooFew  = errors.New("a ring has fewer than three points")
	errNumber  = errors.New("a coordinate is not a place")
	errWinding = errors.New("a ring goes around the earth more than once")
)

// NewArea prepares a multipolygon. Rings may be cut at the date line, as RFC
// 7946 asks for, jump across it from 179 to −179, or go on beyond it to 181. A
// ring that goes around the earth contains the pole that is nearer to it.
func NewArea(shape MultiPolygon) (*Area, error) {
	area := &Area{}
	var spans []span
	area.box.South, area.box.North = 90, -90
	for _, polygon := range shape {
		var rings []ring
		for i, points := range polygon {
			r, err := newRing(points)
			if err != nil {
				return nil, err
			}
			rings = append(rings, r)
			if i > 0 {
				area.size -= r.size
				continue
			}
			area.size += r.size
			area.box.South, area.box.North = min(area.box.South, r.south), max(area.box.North, r.north)
			spans = append(spans, spanOf(r.west, r.east))
		}
		if len(rings) > 0 {
			area.polygons = append(area.polygons, rings)
		}
	}
	if len(area.polygons) == 0 {
		return nil, errEmpty
	}
	area.box.West, area.box.East = around(spans)
	return area, nil
}

// Box returns the smallest box around the area.
func (a *Area) Box() Box { return a.box }

// SquareMiles returns the area's size in square nautical miles, as far as its
// polygons do not overlap.
func (a *Area) SquareMiles() float64 { return a.size }

// Holds reports whether the point lies in the area: in a polygon and in none of
// that polygon's holes.
func (a *Area) Holds(lat, lon float64) bool {
	lat, lon = normal(lat, lon)
	for _, rings := range a.polygons {
		if !rings[0].holds(lat, lon) {
			continue
		}
		inHole := false
		for i := 1; i < len(rings) && !inHole; i++ {
			inHole = rings[i].holds(lat, lon)
		}
		if !inHole {
			return true
		}
	}
	return false
}

// normal gives each place one latitude and longitude. The north pole is moved
// by less than a micron, to where the topmost edges still hold it.
func normal(lat, lon float64) (float64, float64) {
	if lat >= 90 {
		lat = math.Nextafter(90, 0)
	}
	return lat, Longitude(lon)
}

func newRing(points []Coordinate) (ring, error) {
	if n := len(points); n > 1 && points[0] == points[n-1] {
		points = points[:n-1]
	}
	if len(points) < 3 {
		return ring{}, errTooFew
	}
	for _, p := range points {
		if !(math.Abs(p[0]) <= 540) || !IsLatitude(p[1]) {
			return ring{}, errNumber
		}
	}
	line, turns := unwrap(points)
	switch {
	case turns > 1 || turns < -1:
		return ring{}, errWinding
	case turns != 0:
		line = overPole(line, turns)
	case flat(line):
		// A band around the earth from −180 to 180: unwrapped it has no width.
		for i, p := range points {
			line[i] = at(p, 0)
		}
	}
	return ringOf(line), nil
}

// corner is a point of a ring: its longitude brought home, and the multiple of
// 360 that leads to where the ring has it. Apart, so that a corner that two
// areas share is the same number in both.
type corner struct{ lon, lat, turn float64 }

func at(p Coordinate, turns int) corner {
	home := Longitude(p[0])
	return corner{home, p[1], 360 * (math.Round((p[0]-home)/360) + float64(turns))}
}

func (c corner) x() float64 { return c.lon + c.turn }

// unwrap lets a line go the short way from each point to the next, beyond ±180
// where that crosses the date line, and counts how often it went around the
// earth eastwards.
func unwrap(points []Coordinate) (line []corner, turns int) {
	line = make([]corner, len(points))
	for i, p := range points {
		if i > 0 {
			turns += across(points[i-1][0], p[0])
		}
		line[i] = at(p, turns)
	}
	return line, turns + across(points[len(points)-1][0], points[0][0])
}

// across returns how many turns eastwards bring a longitude closest to the one
// before it. Half a turn either way is close enough as it is.
func across(before, lon float64) int {
	switch step := lon - before; {
	case step > 180:
		return -int(math.Ceil((step - 180) / 360))
	case step < -180:
		return int(math.Ceil((-step - 180) / 360))
	default:
		return 0
	}
}

// flat reports whether a closed line encloses nothing.
func flat(line []corner) bool {
	sum := 0.0
	for i, p := range line {
		q := line[(i+1)%len(line)]
		sum += p.x()*q.lat - q.x()*p.lat
	}
	return math.Abs(sum) < 1e-9
}

// overPole closes a line that went around the earth along the pole nearer to it.
func overPole(line []corner, turns int) []corner {
	sum := 0.0
	for _, p := range line {
		sum += p.lat
	}
	pole := math.Copysign(90, sum)
	first := line[0]
	end := first.turn + 360*float64(turns)
	return append(line, corner{first.lon, first.lat, end}, corner{first.lon, pole, end}, corner{first.lon, pole, first.turn})
}

// ring is a closed line in the plane of longitude and latitude. Its longitudes
// go on beyond ±180 where it crosses the date line.
type ring struct {
	edges                    []edge
	west, east, south, north float64
	size                     float64 // square nautical miles
}

// edge goes from its lower end to its upper, so that two areas that share it
// compute with the same numbers.
type edge struct {
	x, dx  float64 // longitude of the lower end, and how far east the upper one is
	y0, y1 float64
	turn   float64 // multiple of 360 that leads from x to where the ring has it
}

func newEdge(from, to corner) edge {
	return edge{x: from.lon, dx: to.lon - from.lon + (to.turn - from.turn), y0: from.lat, y1: to.lat, turn: from.turn}
}

func ringOf(line []corner) ring {
	r := ring{west: math.Inf(1), east: math.Inf(-1), south: math.Inf(1), north: math.Inf(-1), edges: make([]edge, 0, len(line))}
	for i, p := range line {
		q := line[(i+1)%len(line)]
		r.west, r.east = min(r.west, p.x()), max(r.east, p.x())
		r.south, r.north = min(r.south, p.lat), max(r.north, p.lat)
		// Between two points the sine is taken as straight: enough to compare.
		r.size += (q.x() - p.x()) * degree * (math.Sin(p.lat*degree) + math.Sin(q.lat*degree)) / 2
		switch {
		case p.lat < q.lat:
			r.edges = append(r.edges, newEdge(p, q))
		case p.lat > q.lat:
			r.edges = append(r.edges, newEdge(q, p))
		}
	}
	const radius = MilesPerDegree / degree
	r.size = math.Abs(r.size) * radius * radius
	return r
}

// holds takes a normal place and looks for it at every turn that the ring
// reaches.
func (r *ring) holds(lat, lon float64) bool {
	if lat < r.south || lat >= r.north {
		return false
	}
	for turn := 360 * math.Ceil((r.west-lon)/360); lon+turn <= r.east; turn += 360 {
		if r.holdsAt(lat, lon, turn) {
			return true
		}
	}
	return false
}

// holdsAt counts the edges east of the point (even-odd rule). An edge has its
// lower end and not its upper; a point on an edge is not west of it.
func (r *ring) holdsAt(lat, lon, turn float64) bool {
	inside := false
	for i := range r.edges {
		e := &r.edges[i]
		if lat < e.y0 || lat >= e.y1 {
			continue
		}
		if lon-(e.x+e.dx*(lat-e.y0)/(e.y1-e.y0)) < e.turn-turn {
			inside = !inside
		}
	}
	return inside
}
