package resource

import (
	"math"
	"time"

	"github.com/skyledger/skyledger/internal/store"
)

// Bounds are the upper bounds, in milliseconds, of a histogram's buckets; the
// last bucket has none.
func Bounds() []float64 {
	return []float64{5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10000}
}

// bucket returns the index of the bucket that a duration falls into.
func bucket(took time.Duration) int {
	ms := milliseconds(took)
	for i, bound := range Bounds() {
		if ms <= bound {
			return i
		}
	}
	return store.UsageBuckets - 1
}

// Percentile estimates the duration in milliseconds below which the share (0 to
// 1) of the invocations ended: evenly spread within their bucket, and never
// above the longest, longest. nil when there were none.
func Percentile(histogram []int64, longest, share float64) *float64 {
	var all int64
	for _, count := range histogram {
		all += count
	}
	if all == 0 {
		return nil
	}
	bounds, wanted, lower, seen := Bounds(), share*float64(all), 0.0, 0.0
	for i, count := range histogram {
		upper := max(longest, lower)
		if i < len(bounds) {
			upper = min(bounds[i], upper)
		}
		if count > 0 && seen+float64(count) >= wanted {
			estimate := min(lower+(upper-lower)*max(0, wanted-seen)/float64(count), longest)
			return &estimate
		}
		seen += float64(count)
		lower = upper
	}
	return &longest
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// wholeMilliseconds rounds up, as Lambda bills.
func wholeMilliseconds(d time.Duration) int64 { return int64(math.Ceil(milliseconds(d))) }
