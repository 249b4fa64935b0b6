package health

import (
	"math"
	"time"

	"github.com/skyledger/skyledger/internal/fault"
)

// Volume is how much was asked, and how it was answered.
type Volume struct {
	Requests int64
	Failed   int64 // for a fault of ours: HTTP 5xx, or an event that failed
	Refused  int64 // for what was asked: HTTP 4xx
	Total    time.Duration
	Slots    []int64   // durations, as fault.RequestCount has them
	Last     time.Time // zero: never
	LastWell time.Time // the last one that did not fail
}

// Add adds counts of one route and status.
func (v *Volume) Add(r fault.RequestCount) {
	v.Requests += r.Count
	v.Total += r.Total
	switch {
	case r.Failed():
		v.Failed += r.Count
	case r.Status == 4:
		v.Refused += r.Count
	}
	if v.Slots == nil {
		v.Slots = make([]int64, len(fault.DurationBounds())+1)
	}
	for i := range min(len(v.Slots), len(r.Durations)) {
		v.Slots[i] += r.Durations[i]
	}
	v.Last = later(v.Last, r.Last)
	if !r.Failed() {
		v.LastWell = later(v.LastWell, r.Last)
	}
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// VolumeOf adds up all rows.
func VolumeOf(rows []fault.RequestCount) (sum Volume) {
	for _, row := range rows {
		sum.Add(row)
	}
	return sum
}

// ErrorRate is the share of the requests that failed; nil where nothing was
// asked.
func (v Volume) ErrorRate() *float64 {
	if v.Requests == 0 {
		return nil
	}
	rate := float64(v.Failed) / float64(v.Requests)
	return &rate
}

// MeanMS is the mean duration in milliseconds; nil where nothing was asked.
func (v Volume) MeanMS() *float64 {
	if v.Requests == 0 {
		return nil
	}
	mean := rounded(float64(v.Total) / float64(time.Millisecond) / float64(v.Requests))
	return &mean
}

// PercentileMS is the duration in milliseconds that the share of the requests
// did not exceed, as far as the slots tell: within one it is taken to rise
// evenly, as Prometheus' histogram_quantile does. What is beyond the last bound
// is the last bound. nil where nothing was asked.
func (v Volume) PercentileMS(share float64) *float64 {
	var all int64
	for _, n := range v.Slots {
		all += n
	}
	if all == 0 {
		return nil
	}
	bounds := fault.DurationBounds()
	rank, below, lower := share*float64(all), int64(0), time.Duration(0)
	for i, upper := range bounds {
		if n := v.Slots[i]; n > 0 && float64(below+n) >= rank {
			inside := (rank - float64(below)) / float64(n)
			at := rounded((float64(lower) + inside*float64(upper-lower)) / float64(time.Millisecond))
			return &at
		}
		below, lower = below+v.Slots[i], upper
	}
	most := float64(bounds[len(bounds)-1]) / float64(time.Millisecond)
	return &most
}

// rounded keeps three decimals: microseconds of a duration in milliseconds.
func rounded(value float64) float64 { return math.Round(value*1000) / 1000 }
