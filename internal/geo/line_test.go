package geo

import (
	"math"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

func TestSimplify(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		points    []Point
		tolerance float64
		want      []int
	}{
		"nothing of nothing":                           {nil, 1, []int{}},
		"a tolerance of 0 keeps all":                   {[]Point{{0, 0, 0}, {0, 1, 0}, {0, 2, 0}}, 0, []int{0, 1, 2}},
		"one that is no number keeps all":              {[]Point{{0, 0, 0}, {0, 1, 0}, {0, 2, 0}}, math.NaN(), []int{0, 1, 2}},
		"what lies on the equator's line goes":         {[]Point{{0, 0, 0}, {0, 1, 0}, {0, 2, 0}}, 0.1, []int{0, 2}},
		"what lies off it by more stays":               {[]Point{{0, 0, 0}, {0.01, 1, 0}, {0, 2, 0}}, 0.5, []int{0, 1, 2}},
		"a climb that is no straight line stays":       {[]Point{{0, 0, 0}, {0, 1, 30000}, {0, 2, 30000}}, 5, []int{0, 1, 2}},
		"a steady climb goes":                          {[]Point{{0, 0, 0}, {0, 1, 15000}, {0, 2, 30000}}, 0.1, []int{0, 2}},
		"the great circle is the line, not a parallel": {[]Point{{60, 0, 0}, {60, 45, 0}, {60, 90, 0}}, 100, []int{0, 1, 2}},
		"across the date line":                         {[]Point{{0, 179, 0}, {0, 180, 0}, {0, -179, 0}}, 0.1, []int{0, 2}},
		"where it comes back to":                       {[]Point{{0, 0, 0}, {1, 0, 0}, {0, 0, 0}}, 1, []int{0, 1, 2}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := Simplify(c.points, c.tolerance); !slices.Equal(got, c.want) {
				t.Errorf("kept %v, want %v", got, c.want)
			}
		})
	}
}

func TestSimplifyKeepsItsPromise(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		lat, lon, feet := rapid.Float64Range(-80, 80).Draw(t, "lat"), rapid.Float64Range(-180, 180).Draw(t, "lon"), 0.0
		var points []Point
		for range rapid.IntRange(0, 60).Draw(t, "points") {
			lat = max(-89, min(89, lat+rapid.Float64Range(-0.3, 0.3).Draw(t, "north")))
			lon = Longitude(lon + rapid.Float64Range(-0.3, 0.3).Draw(t, "east"))
			feet = max(0, feet+rapid.Float64Range(-900, 1000).Draw(t, "up"))
			points = append(points, Point{lat, lon, feet})
		}
		tolerance := rapid.Float64Range(0.01, 20).Draw(t, "tolerance")
		kept := Simplify(points, tolerance)
		if len(points) > 0 && (kept[0] != 0 || kept[len(kept)-1] != len(points)-1) {
			t.Fatalf("the ends are not kept: %v of %d", kept, len(points))
		}
		for i := 1; i < len(kept); i++ {
			for left := kept[i-1] + 1; left < kept[i]; left++ {
				if off := Off(points[left], points[kept[i-1]], points[kept[i]]); off > tolerance {
					t.Fatalf("point %d is %.3f NM off, more than %.3f", left, off, tolerance)
				}
			}
		}
	})
}
