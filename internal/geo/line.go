package geo

import "math"

// Point is a place with its altitude.
type Point struct {
	Lat, Lon float64 // degrees
	Feet     float64
}

// FeetPerMile is how many feet of altitude weigh as much as a nautical mile
// when a line is simplified: a tolerance of 1 NM keeps altitudes within 1,000
// ft, the vertical separation of aircraft. To scale it would be 6,076.
const FeetPerMile = 1000.0

// Simplify returns the indexes of the points that are enough (Douglas and
// Peucker 1973): the first, the last, and so many between that every point left
// out lies within the tolerance, in nautical miles, of the great circle between
// its neighbours that are kept, altitude included. A tolerance of 0 or less, or
// one that is no number, keeps all.
func Simplify(points []Point, tolerance float64) []int {
	kept := make([]int, 0, len(points))
	if !(tolerance > 0) || len(points) < 3 {
		for i := range points {
			kept = append(kept, i)
		}
		return kept
	}
	keep := make([]bool, len(points))
	keep[0], keep[len(points)-1] = true, true
	for open := [][2]int{{0, len(points) - 1}}; len(open) > 0; {
		from, to := open[len(open)-1][0], open[len(open)-1][1]
		open = open[:len(open)-1]
		farthest, at := tolerance, -1
		for i := from + 1; i < to; i++ {
			if distance := Off(points[i], points[from], points[to]); distance > farthest {
				farthest, at = distance, i
			}
		}
		if at >= 0 {
			keep[at] = true
			open = append(open, [2]int{from, at}, [2]int{at, to})
		}
	}
	for i := range keep {
		if keep[i] {
			kept = append(kept, i)
		}
	}
	return kept
}

// Off returns how far a point is from the great circle between two others, in
// nautical miles, altitude weighing as FeetPerMile says.
func Off(p, from, to Point) float64 {
	length := Distance(from.Lat, from.Lon, to.Lat, to.Lon)
	reached := Distance(from.Lat, from.Lon, p.Lat, p.Lon)
	across, along := reached, 0.0
	if length > 0 && reached > 0 {
		angle := (Bearing(from.Lat, from.Lon, p.Lat, p.Lon) - Bearing(from.Lat, from.Lon, to.Lat, to.Lon)) * degree
		arc := reached / MilesPerDegree * degree
		off := math.Asin(math.Max(-1, math.Min(1, math.Sin(arc)*math.Sin(angle))))
		along = math.Atan2(math.Cos(angle)*math.Sin(arc), math.Cos(arc)) / degree * MilesPerDegree
		across = math.Abs(off) / degree * MilesPerDegree
		switch {
		case along < 0:
			across, along = reached, 0
		case along > length:
			across, along = Distance(to.Lat, to.Lon, p.Lat, p.Lon), length
		}
	}
	expected := from.Feet
	if length > 0 {
		expected += (to.Feet - from.Feet) * along / length
	}
	if length == 0 { // stands, or goes straight up: anything between is on the way
		low, high := math.Min(from.Feet, to.Feet), math.Max(from.Feet, to.Feet)
		expected = math.Max(low, math.Min(high, p.Feet))
	}
	return math.Hypot(across, (p.Feet-expected)/FeetPerMile)
}
