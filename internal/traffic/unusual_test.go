package traffic

import (
	"math"
	"testing"
	"time"
)

func TestUnusualDays(t *testing.T) {
	t.Parallel()
	monday := time.Date(2026, 1, 5, 0, 0, 0, 0, time.UTC)
	weeks := func(counts ...int) (days []Day) {
		for i, n := range counts {
			days = append(days, Day{monday.AddDate(0, 0, 7*i), n})
		}
		return days
	}
	for name, c := range map[string]struct {
		days []Day
		want []int
	}{
		"an event stands out":           {weeks(100, 104, 98, 101, 300), []int{300}},
		"so does an outage":             {weeks(100, 104, 98, 101, 3), []int{3}},
		"ordinary days do not":          {weeks(100, 104, 98, 101, 108), nil},
		"of three days nothing is said": {weeks(1, 1, 1000), nil},
		"where all are alike but one":   {weeks(10, 10, 10, 10, 10, 10, 10, 80), []int{80}},
		"where all are alike":           {weeks(10, 10, 10, 10), nil},
		"weekdays are told apart":       {append(weeks(10, 11, 9, 10), Day{monday.AddDate(0, 0, 1), 500}), nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := UnusualDays(c.days)
			if len(got) != len(c.want) {
				t.Fatalf("%v, want %v", got, c.want)
			}
			for i := range got {
				if got[i].Movements != c.want[i] || (got[i].Score > 0) != (float64(c.want[i]) > got[i].Median) {
					t.Errorf("%+v, want %d", got[i], c.want[i])
				}
			}
		})
	}
	t.Run("the score is the formula's", func(t *testing.T) {
		t.Parallel()
		got := UnusualDays(weeks(90, 100, 110, 100, 200)) // median 100, deviations 10 0 10 0 100: MAD 10
		if len(got) != 1 || math.Abs(got[0].Score-6.745) > 1e-9 {
			t.Errorf("%+v", got)
		}
	})
}

func TestRemaining(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		miles, above, knots float64
		want                time.Duration
	}{
		"nothing is left":      {0, 0, 140, 0},
		"on final":             {10, 3000, 160, 4 * time.Minute},
		"in the terminal area": {31, 6000, 210, 4*time.Minute + 20*time.Hour/210 + 1*time.Hour/210},
		"before the top of descent it keeps its speed": {180, 30000, 450, 4*time.Minute + 20*time.Hour/210 + 60*time.Hour/300 + 90*time.Hour/450},
		"a slow one is slow all the way":               {90, 2000, 90, time.Hour},
		"one that hovers is not believed":              {60, 1000, 0, time.Hour},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := Remaining(c.miles, c.above, c.knots); (got - c.want).Abs() > time.Second {
				t.Errorf("%s, want %s", got, c.want)
			}
		})
	}
}
