package workload_test

import (
	"math"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/skyledger/skyledger/internal/workload"
)

func TestIndexIsItsPublishedFormula(t *testing.T) {
	for _, test := range []struct {
		name    string
		kind    workload.Kind
		figures workload.Figures
		want    int16
	}{
		{"nobody is no work", workload.Area, workload.Figures{}, 0},
		{"the sustain value of aircraft alone is half of its part", workload.Area, workload.Figures{Aircraft: 15}, 20},
		{"the peak value is all of it", workload.Area, workload.Figures{Aircraft: 22}, 40},
		{"beyond the peak is no more", workload.Area, workload.Figures{Aircraft: 200}, 40},
		{"half way from sustain to peak", workload.Tower, workload.Figures{Aircraft: 11}, 30},
		{"entries at the peak", workload.Approach, workload.Figures{Hourly: 45}, 20},
		{"handoffs at the peak", workload.Approach, workload.Figures{Handoffs: 45}, 10},
		{"everything at its worst is 100", workload.Area, workload.Figures{Aircraft: 30, Hourly: 90, Handoffs: 90, Vertical: 30, Pairs: 40, Spread: 300}, 100},
		{"one aircraft that climbs is little", workload.Area, workload.Figures{Aircraft: 1, Vertical: 1}, 2},
		{"a delivery has less to bear than a centre", workload.Delivery, workload.Figures{Aircraft: 14}, 40},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := workload.Index(test.kind, test.figures); got != test.want {
				t.Errorf("%d, want %d", got, test.want)
			}
		})
	}
}

func TestIndexGrowsWithEachPart(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		kind := workload.Kind(rapid.IntRange(1, 6).Draw(t, "kind"))
		f := workload.Figures{
			Aircraft: rapid.IntRange(0, 40).Draw(t, "aircraft"), Hourly: rapid.Float64Range(0, 100).Draw(t, "hourly"),
			Handoffs: rapid.Float64Range(0, 100).Draw(t, "handoffs"), Spread: rapid.Float64Range(0, 300).Draw(t, "spread"),
		}
		f.Vertical = rapid.IntRange(0, f.Aircraft).Draw(t, "vertical")
		f.Pairs = rapid.IntRange(0, 50).Draw(t, "pairs")
		before := workload.Index(kind, f)
		if before < 0 || before > 100 {
			t.Fatalf("%d", before)
		}
		switch rapid.IntRange(0, 3).Draw(t, "part") {
		case 0:
			f.Hourly += 10
		case 1:
			f.Handoffs += 10
		case 2:
			f.Pairs++
		default:
			f.Spread += 10
		}
		if after := workload.Index(kind, f); after < before {
			t.Fatalf("%d after %d", after, before)
		}
	})
}

func TestSpreadIsTheStandardDeviation(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		knots := rapid.SliceOf(rapid.Int16Range(0, 1500)).Draw(t, "knots")
		var speeds workload.Speeds
		mean := 0.0
		for _, k := range knots {
			speeds.Add(k)
			mean += float64(k) / float64(len(knots))
		}
		variance := 0.0
		for _, k := range knots {
			variance += (float64(k) - mean) * (float64(k) - mean) / float64(len(knots))
		}
		if got := speeds.Spread(); math.Abs(got-math.Sqrt(variance)) > 1e-6 {
			t.Fatalf("%v, want %v", got, math.Sqrt(variance))
		}
	})
}

func TestWindowCountsTheLastQuarterHour(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var window workload.Window
		type event struct{ minute, count int }
		var events []event
		minute := 29_000_000
		for range rapid.IntRange(1, 40).Draw(t, "events") {
			minute += rapid.SampledFrom([]int{0, 0, 1, 2, 14, 15, 16, 40}).Draw(t, "later")
			events = append(events, event{minute, rapid.IntRange(0, 5).Draw(t, "count")})
			at := time.Unix(int64(minute)*60+int64(rapid.IntRange(0, 59).Draw(t, "second")), 0)
			window.Add(at, events[len(events)-1].count)
			want := 0
			for _, e := range events {
				if minute-e.minute < workload.WindowMinutes {
					want += e.count
				}
			}
			if got := window.Hourly(at); got != 4*float64(want) {
				t.Fatalf("%v, want %v", got, 4*want)
			}
		}
	})
}
