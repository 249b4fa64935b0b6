package workload_test

import (
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/skyledger/skyledger/internal/geo"
	"github.com/skyledger/skyledger/internal/workload"
)

// Aircraft crowd around places where a grid goes wrong: the date line, the
// poles, Greenwich, and one that is nothing.
func crowd(t *rapid.T) []workload.Place {
	middles := [][2]int32{{0, 18_000_000}, {8_995_000, 0}, {-8_990_000, 9_000_000}, {5_100_000, 0}, {6_000_000, -7_400_000}, {8_900_000, 4_500_000}}
	var places []workload.Place
	for range rapid.IntRange(0, 40).Draw(t, "aircraft") {
		middle := rapid.SampledFrom(middles).Draw(t, "middle")
		wide := int32(40_000)
		if middle[0] > 8_000_000 || middle[0] < -8_000_000 {
			wide = 18_000_000
		}
		p := workload.Place{
			Latitude:  max(-9_000_000, min(9_000_000, middle[0]+rapid.Int32Range(-30_000, 30_000).Draw(t, "lat"))),
			Longitude: middle[1] + rapid.Int32Range(-wide, wide).Draw(t, "lon"),
			Altitude:  rapid.Int32Range(0, 6000).Draw(t, "altitude"),
		}
		p.Longitude = int32(geo.Longitude(float64(p.Longitude)/1e5) * 1e5)
		for group := range int32(3) {
			if rapid.Bool().Draw(t, "in") {
				p.Groups = append(p.Groups, group)
			}
		}
		places = append(places, p)
	}
	return places
}

func TestPairsAreThoseOfEveryTwo(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		places := crowd(t)
		want := make([]int, 3)
		for i, a := range places {
			for _, b := range places[:i] {
				up := a.Altitude - b.Altitude
				if max(up, -up) > workload.PairFeet ||
					geo.Distance(float64(a.Latitude)/1e5, float64(a.Longitude)/1e5, float64(b.Latitude)/1e5, float64(b.Longitude)/1e5) > workload.PairMiles {
					continue
				}
				for group := range int32(3) {
					if slices.Contains(a.Groups, group) && slices.Contains(b.Groups, group) {
						want[group]++
					}
				}
			}
		}
		if got := workload.Pairs(3, places); !slices.Equal(got, want) {
			t.Fatalf("%v, want %v", got, want)
		}
	})
}
