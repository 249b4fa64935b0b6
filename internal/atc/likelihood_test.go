package atc_test

import (
	"math"
	"testing"

	"pgregory.net/rapid"

	"github.com/skyledger/skyledger/internal/atc"
)

func TestLikelihood(t *testing.T) {
	t.Run("nothing observed says nothing", func(t *testing.T) {
		if _, ok := atc.Likelihood(&[atc.HoursOfWeek]atc.Hour{}); ok {
			t.Error("it says something")
		}
	})
	t.Run("one staffed evening of one week is shrunk toward the rest", func(t *testing.T) {
		var week [atc.HoursOfWeek]atc.Hour
		for i := range week {
			week[i].Observed = 1
		}
		week[2*24+19].Staffed = 1 // Wednesday 19z
		got, ok := atc.Likelihood(&week)
		overall := 1.0 / 168
		evening := (1 + 4*overall) / (7 + 4)
		if want := (1 + 4*evening) / 5; !ok || math.Abs(got[2*24+19]-want) > 1e-12 {
			t.Errorf("Wednesday 19z: %v, want %v", got[2*24+19], want)
		}
		if want := 4 * evening / 5; math.Abs(got[19]-want) > 1e-12 {
			t.Errorf("Monday 19z: %v, want %v", got[19], want)
		}
	})
	t.Run("many weeks speak for themselves", func(t *testing.T) {
		var week [atc.HoursOfWeek]atc.Hour
		for i := range week {
			week[i] = atc.Hour{Observed: 1000, Staffed: float64(i % 7 * 100)}
		}
		got, _ := atc.Likelihood(&week)
		for i, p := range got {
			if math.Abs(p-float64(i%7)/10) > 0.003 {
				t.Errorf("hour %d: %v", i, p)
			}
		}
	})
	t.Run("it is a probability whatever was seen", func(t *testing.T) {
		rapid.Check(t, func(t *rapid.T) {
			var week [atc.HoursOfWeek]atc.Hour
			for range rapid.IntRange(0, 20).Draw(t, "hours") {
				observed := rapid.Float64Range(0, 60).Draw(t, "observed")
				week[rapid.IntRange(0, 167).Draw(t, "hour")] = atc.Hour{Observed: observed, Staffed: observed * rapid.Float64Range(0, 1).Draw(t, "share")}
			}
			got, ok := atc.Likelihood(&week)
			for i, p := range got {
				if ok && !(p >= 0 && p <= 1) {
					t.Fatalf("hour %d: %v", i, p)
				}
			}
		})
	})
}
