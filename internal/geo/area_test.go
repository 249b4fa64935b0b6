package geo

import (
	"math"
	"testing"

	"pgregory.net/rapid"
)

// square is a ring around a middle, in the order of the clock's hands or not.
func box(west, south, east, north float64) []Coordinate {
	return []Coordinate{{west, south}, {east, south}, {east, north}, {west, north}, {west, south}}
}

func area(t testing.TB, shape ...Polygon) *Area {
	t.Helper()
	prepared, err := NewArea(shape)
	if err != nil {
		t.Fatal(err)
	}
	return prepared
}

func TestAreaHolds(t *testing.T) {
	type place = [2]float64 // lat, lon
	for _, test := range []struct {
		name  string
		shape MultiPolygon
		in    []place
		out   []place
	}{
		{"a plain one", MultiPolygon{{box(0, 0, 10, 10)}},
			[]place{{5, 5}, {0, 0}, {0.1, 9.9}}, []place{{-1, 5}, {5, 11}, {5, 185}, {90, 5}}},
		{"with a hole", MultiPolygon{{box(0, 0, 10, 10), box(4, 4, 6, 6)}},
			[]place{{1, 1}, {3.9, 5}}, []place{{5, 5}}},
		{"an island in the hole", MultiPolygon{{box(0, 0, 10, 10), box(2, 2, 8, 8)}, {box(4, 4, 6, 6)}},
			[]place{{1, 1}, {5, 5}}, []place{{3, 3}}},
		{"cut at the date line", MultiPolygon{{box(170, -10, 180, 10)}, {box(-180, -10, -170, 10)}},
			[]place{{0, 175}, {0, -175}, {0, 180}, {0, -180}}, []place{{0, 169}, {0, -169}, {0, 0}}},
		{"jumping over the date line", MultiPolygon{{box(170, -10, -170, 10)}},
			[]place{{0, 175}, {0, -175}, {0, 180}, {0, -180}}, []place{{0, 169}, {0, -169}, {0, 0}}},
		{"going on beyond the date line eastwards", MultiPolygon{{box(170, -10, 190, 10)}},
			[]place{{0, 175}, {0, -175}, {0, 180}}, []place{{0, 169}, {0, -169}, {0, 0}}},
		{"going on beyond the date line westwards", MultiPolygon{{box(-190, -10, -170, 10)}},
			[]place{{0, 175}, {0, -175}, {0, 180}}, []place{{0, 169}, {0, -169}, {0, 0}}},
		{"a hole across the date line", MultiPolygon{{box(160, -20, -160, 20), box(-185, -5, -175, 5)}},
			[]place{{0, 170}, {10, 180}, {0, -170}}, []place{{0, 180}, {0, -178}, {0, 177}}},
		{"around the north pole", MultiPolygon{{{{0, 70}, {90, 75}, {180, 70}, {-90, 75}}}},
			[]place{{90, 0}, {90, 123}, {80, -180}, {80, 180}, {76, 45}, {71, 1}}, []place{{69, 0}, {60, 90}, {-80, 0}, {70, 90}}},
		{"around the south pole, the other way", MultiPolygon{{{{0, -70}, {-120, -70}, {120, -70}}}},
			[]place{{-90, 0}, {-71, 59}, {-80, 180}}, []place{{-69, 0}, {0, 0}, {80, 0}}},
		{"a cap drawn as a band from edge to edge", MultiPolygon{{{{-180, -60}, {180, -60}, {180, -90}, {-180, -90}}}},
			[]place{{-90, 0}, {-61, 180}, {-61, -180}, {-75, 17}}, []place{{-59, 0}}},
		{"a cap drawn along the pole", MultiPolygon{{{{-180, 60}, {-60, 60}, {60, 60}, {180, 60}, {180, 90}, {-180, 90}}}},
			[]place{{90, 0}, {61, 180}, {75, 17}}, []place{{59, 0}}},
		{"a sector that ends at the pole", MultiPolygon{{{{25, 60}, {169, 60}, {169, 90}, {32, 90}}}},
			[]place{{90, 100}, {75, 100}}, []place{{75, -100}, {59, 100}}},
		{"the whole world", MultiPolygon{{box(-180, -90, 180, 90)}},
			[]place{{90, 0}, {-90, 0}, {0, 180}, {0, -180}, {12, 34}}, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			prepared := area(t, test.shape...)
			index := NewIndex([]*Area{nil, prepared})
			for _, p := range test.in {
				if !prepared.Holds(p[0], p[1]) {
					t.Errorf("%v is not in", p)
				}
				if found := index.At(nil, p[0], p[1]); len(found) != 1 || found[0] != 1 {
					t.Errorf("the index finds %v at %v", found, p)
				}
			}
			for _, p := range test.out {
				if prepared.Holds(p[0], p[1]) || len(index.At(nil, p[0], p[1])) > 0 {
					t.Errorf("%v is in", p)
				}
			}
		})
	}
}

func TestWhatIsNoAreaIsRefused(t *testing.T) {
	for name, shape := range map[string]MultiPolygon{
		"nothing":               nil,
		"a polygon of no rings": {{}},
		"two points":            {{{{0, 0}, {1, 1}, {0, 0}}}},
		"a latitude of 91":      {{{{0, 0}, {1, 91}, {2, 0}}}},
		"a longitude of 1000":   {{{{0, 0}, {1000, 1}, {2, 0}}}},
		"not a number":          {{{{0, 0}, {1, math.NaN()}, {2, 0}}}},
		"infinity":              {{{{0, 0}, {math.Inf(1), 1}, {2, 0}}}},
		"twice around":          {{{{0, 60}, {120, 60}, {-120, 60}, {0, 61}, {120, 61}, {-120, 61}}}},
	} {
		if _, err := NewArea(shape); err == nil {
			t.Errorf("%s is an area", name)
		}
	}
}

func TestBoxOfAnArea(t *testing.T) {
	for name, test := range map[string]struct {
		shape MultiPolygon
		want  Box
	}{
		"plain":                  {MultiPolygon{{box(1, 2, 3, 4)}}, Box{1, 2, 3, 4}},
		"cut at the date line":   {MultiPolygon{{box(-180, -10, -170, 10)}, {box(161, 0, 180, 20)}}, Box{161, -10, -170, 20}},
		"jumping over it":        {MultiPolygon{{box(161, 0, -170, 20)}}, Box{161, 0, -170, 20}},
		"ending at it":           {MultiPolygon{{box(161, 0, 180, 20)}}, Box{161, 0, 180, 20}},
		"beginning at it":        {MultiPolygon{{box(-180, 0, -170, 20)}}, Box{-180, 0, -170, 20}},
		"around the pole":        {MultiPolygon{{{{0, 70}, {120, 70}, {-120, 70}}}}, Box{-180, 70, 180, 90}},
		"two parts far apart":    {MultiPolygon{{box(-100, 0, -80, 1)}, {box(80, 0, 90, 1)}}, Box{-100, 0, 90, 1}},
		"two parts near the end": {MultiPolygon{{box(-175, 0, -170, 1)}, {box(150, 0, 160, 1)}}, Box{150, 0, -170, 1}},
	} {
		t.Run(name, func(t *testing.T) {
			if got := area(t, test.shape...).Box(); got != test.want {
				t.Errorf("%v, want %v", got, test.want)
			}
		})
	}
}

// star draws a star-shaped ring around a middle; rays are its corners' bearings
// and lengths in the plane.
func star(t *rapid.T, lat, lon, reach float64) []Coordinate {
	corners := rapid.IntRange(3, 12).Draw(t, "corners")
	ring := make([]Coordinate, corners)
	for i := range ring {
		turn := 2 * math.Pi * (float64(i) + rapid.Float64Range(0, 0.9).Draw(t, "turn")) / float64(corners)
		length := reach * rapid.Float64Range(0.1, 1).Draw(t, "length")
		ring[i] = Coordinate{lon + length*math.Cos(turn), lat + length*math.Sin(turn)}
	}
	return ring
}

// windings is how often a line goes around a point: the angles that its edges
// span as seen from there, which shares nothing with counting edges.
func windings(line []Coordinate, lat, lon float64) int {
	sum := 0.0
	for i, p := range line {
		q := line[(i+1)%len(line)]
		angle := math.Atan2(q[1]-lat, q[0]-lon) - math.Atan2(p[1]-lat, p[0]-lon)
		sum += math.Remainder(angle, 2*math.Pi)
	}
	return int(math.Round(sum / (2 * math.Pi)))
}

// apart is how close a point is to a line, in degrees.
func apart(line []Coordinate, lat, lon float64) float64 {
	least := math.Inf(1)
	for i, p := range line {
		q := line[(i+1)%len(line)]
		dx, dy := q[0]-p[0], q[1]-p[1]
		along := 0.0
		if length := dx*dx + dy*dy; length > 0 {
			along = max(0, min(1, ((lon-p[0])*dx+(lat-p[1])*dy)/length))
		}
		least = min(least, math.Hypot(lon-p[0]-along*dx, lat-p[1]-along*dy))
	}
	return least
}

func TestAreaHoldsWhatALineWindsAround(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		middle := Coordinate{rapid.Float64Range(-180, 180).Draw(t, "lon"), rapid.Float64Range(-45, 45).Draw(t, "lat")}
		line := star(t, middle[1], middle[0], 40)
		hole := star(t, middle[1], middle[0], 3)
		written := func(ring []Coordinate) []Coordinate {
			form := rapid.SampledFrom([]string{"home", "beyond", "mixed"}).Draw(t, "form")
			out := make([]Coordinate, len(ring))
			for i, p := range ring {
				out[i] = p
				if form == "home" || form == "mixed" && rapid.Bool().Draw(t, "turned") {
					out[i][0] = Longitude(p[0])
				}
			}
			if rapid.Bool().Draw(t, "closed") {
				out = append(out, out[0])
			}
			return out
		}
		shape := MultiPolygon{{written(line), written(hole)}}
		prepared, err := NewArea(shape)
		if err != nil {
			t.Fatal(err)
		}
		index := NewIndex([]*Area{prepared})
		for range 20 {
			lat := middle[1] + rapid.Float64Range(-45, 45).Draw(t, "north")
			lon := middle[0] + rapid.Float64Range(-45, 45).Draw(t, "east")
			if apart(line, lat, lon) < 1e-6 || apart(hole, lat, lon) < 1e-6 {
				continue // the edges themselves have a test of their own
			}
			want := windings(line, lat, lon) != 0 && windings(hole, lat, lon) == 0
			if got := prepared.Holds(lat, Longitude(lon)); got != want {
				t.Fatalf("%v, %v: %t, want %t", lat, lon, got, want)
			}
			if got := len(index.At(nil, lat, Longitude(lon))) == 1; got != want {
				t.Fatalf("the index at %v, %v: %t, want %t", lat, lon, got, want)
			}
			if want && !prepared.Box().Holds(lat, Longitude(lon)) {
				t.Fatalf("%v, %v is in the area and not in its box %v", lat, lon, prepared.Box())
			}
		}
	})
}

func TestAreaAroundAPoleHoldsWhatIsPolewards(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		corners := rapid.IntRange(3, 12).Draw(t, "corners")
		sign := rapid.SampledFrom([]float64{1, -1}).Draw(t, "pole")
		start := rapid.Float64Range(-180, 180).Draw(t, "start")
		line := make([]Coordinate, corners)
		for i := range line {
			line[i] = Coordinate{start + 360*float64(i)/float64(corners), sign * rapid.Float64Range(40, 85).Draw(t, "lat")}
		}
		ring := make([]Coordinate, corners)
		backwards := rapid.Bool().Draw(t, "backwards")
		for i, p := range line {
			at := i
			if backwards {
				at = corners - 1 - i
			}
			ring[at] = Coordinate{Longitude(p[0]), p[1]}
		}
		prepared, err := NewArea(MultiPolygon{{ring}})
		if err != nil {
			t.Fatal(err)
		}
		for range 20 {
			turn := rapid.Float64Range(0, 1).Draw(t, "turn") * float64(corners)
			at := min(int(turn), corners-1)
			next := line[(at+1)%corners][1]
			edge := line[at][1] + (next-line[at][1])*(turn-float64(at))
			lat := sign * rapid.Float64Range(-90, 90).Draw(t, "at")
			if math.Abs(lat-edge) < 1e-6 {
				continue
			}
			want := lat*sign > edge*sign
			if got := prepared.Holds(lat, Longitude(start+360*turn/float64(corners))); got != want {
				t.Fatalf("%v beside the edge at %v: %t, want %t", lat, edge, got, want)
			}
		}
	})
}

func TestNeighboursShareNoPointAndLeaveNone(t *testing.T) {
	// The world cut into columns by zigzag meridians with corners at odd places.
	rapid.Check(t, func(t *rapid.T) {
		columns := rapid.IntRange(3, 8).Draw(t, "columns")
		meridians := make([][]Coordinate, columns)
		for i := range meridians {
			middle := -180 + 360*float64(i)/float64(columns)
			for lat := -90.0; lat <= 90; lat += 30 {
				lon := Longitude(middle + rapid.Float64Range(-15, 15).Draw(t, "lon"))
				meridians[i] = append(meridians[i], Coordinate{lon, lat})
			}
		}
		var areas []*Area
		for i := range meridians {
			ring := append([]Coordinate{}, meridians[i]...)
			next := meridians[(i+1)%columns]
			for j := len(next) - 1; j >= 0; j-- {
				ring = append(ring, next[j])
			}
			prepared, err := NewArea(MultiPolygon{{ring}})
			if err != nil {
				t.Fatal(err)
			}
			areas = append(areas, prepared)
		}
		index := NewIndex(areas)
		for i := range meridians {
			at := rapid.IntRange(0, len(meridians[i])-2).Draw(t, "edge")
			p, q := meridians[i][at], meridians[i][at+1]
			part := rapid.Float64Range(0, 1).Draw(t, "part")
			step := math.Remainder(q[0]-p[0], 360)
			lat, lon := p[1]+part*(q[1]-p[1]), Longitude(p[0]+part*step)
			if found := index.At(nil, lat, lon); len(found) != 1 {
				t.Fatalf("%v, %v on the border is in %v", lat, lon, found)
			}
		}
	})
}

func TestIndexTakesAnyNumber(t *testing.T) {
	index := NewIndex([]*Area{area(t, Polygon{box(-180, -90, 180, 90)})})
	for _, p := range [][2]float64{{math.NaN(), 0}, {0, math.NaN()}, {91, 0}, {0, math.Inf(1)}, {math.Inf(-1), 0}} {
		if found := index.At(nil, p[0], p[1]); len(found) != 0 {
			t.Errorf("%v is in %v", p, found)
		}
	}
	for _, lon := range []float64{-540, 180, 720.5} {
		if found := index.At(nil, 0, lon); len(found) != 1 {
			t.Errorf("longitude %v is in %v", lon, found)
		}
	}
}
