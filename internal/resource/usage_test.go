package resource_test

import (
	"context"
	"slices"
	"sort"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/zap"
	"pgregory.net/rapid"

	"github.com/skyledger/skyledger/internal/resource"
	"github.com/skyledger/skyledger/internal/store"
)

// aRow draws a row of whole numbers, so that sums are exact in any order.
func aRow(t *rapid.T, label string) store.UsageRow {
	count := func() int64 { return rapid.Int64Range(0, 1000).Draw(t, label) }
	maybe := func() *int64 {
		if rapid.Bool().Draw(t, label) {
			return nil
		}
		n := count()
		return &n
	}
	maybeFloat := func() *float64 {
		if n := maybe(); n != nil {
			f := float64(*n)
			return &f
		}
		return nil
	}
	row := store.UsageRow{
		Function: "f", Failures: count(), Timeouts: count(), ColdStarts: maybe(),
		DurationMS: float64(count()), DurationMaxMS: float64(count()), BilledMS: maybe(),
		InitMS: maybeFloat(), InitMaxMS: maybeFloat(), CPUMS: maybeFloat(), GCMS: maybeFloat(), PeakMemory: maybe(),
	}
	for range store.UsageBuckets {
		row.Histogram = append(row.Histogram, count())
		row.Invocations += row.Histogram[len(row.Histogram)-1]
	}
	return row
}

func TestMergingAddsUpInAnyOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b, c := aRow(t, "a"), aRow(t, "b"), aRow(t, "c")
		before := resource.Merge(a, store.UsageRow{})
		if diff := cmp.Diff(resource.Merge(a, b), resource.Merge(b, a)); diff != "" {
			t.Fatalf("a+b is not b+a:\n%s", diff)
		}
		left, right := resource.Merge(resource.Merge(a, b), c), resource.Merge(a, resource.Merge(b, c))
		if diff := cmp.Diff(left, right); diff != "" {
			t.Fatalf("(a+b)+c is not a+(b+c):\n%s", diff)
		}
		if diff := cmp.Diff(before, resource.Merge(a, store.UsageRow{})); diff != "" {
			t.Fatalf("merging changed what was merged:\n%s", diff)
		}
		var inBuckets int64
		for _, count := range left.Histogram {
			inBuckets += count
		}
		if want := a.Invocations + b.Invocations + c.Invocations; left.Invocations != want || inBuckets != want {
			t.Fatalf("%d invocations, %d in the histogram, want %d", left.Invocations, inBuckets, want)
		}
	})
}

func TestTwoProcessesTogetherCountWhatOneWouldHave(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		newOne := func() *resource.Recorder {
			return resource.NewRecorder(resource.Options{Process: "p", Clock: time.Now, Logger: zap.NewNop()})
		}
		all, first, second := newOne(), newOne(), newOne()
		count := rapid.IntRange(1, 50).Draw(t, "invocations")
		var failures int64
		for i := range count {
			one := first
			if rapid.Bool().Draw(t, "second") {
				one = second
			}
			var err error
			if rapid.Bool().Draw(t, "fails") {
				err = context.Canceled
				failures++
			}
			for _, r := range []*resource.Recorder{all, one} {
				r.Begin(t.Context(), []string{"a", "b"}[i%2]).End(err)
			}
		}
		totals, _ := resource.ByFunction(append(first.Rows(), second.Rows()...))
		wanted, _ := resource.ByFunction(all.Rows())
		var invocations, failed, inBuckets int64
		for i, total := range totals {
			if total.Function != wanted[i].Function || total.Invocations != wanted[i].Invocations || total.Failures != wanted[i].Failures {
				t.Fatalf("two have %+v, one has %+v", total, wanted[i])
			}
			invocations += total.Invocations
			failed += total.Failures
			for _, n := range total.Histogram {
				inBuckets += n
			}
		}
		if invocations != int64(count) || inBuckets != int64(count) || failed != failures {
			t.Fatalf("%d invocations, %d in buckets, %d failures; made were %d with %d", invocations, inBuckets, failed, count, failures)
		}
	})
}

// TestPercentilesAreWithinTheBucketOfTheTrueOnes compares with the sorted
// durations themselves.
func TestPercentilesAreWithinTheBucketOfTheTrueOnes(t *testing.T) {
	bounds := resource.Bounds()
	rapid.Check(t, func(t *rapid.T) {
		durations := rapid.SliceOfN(rapid.Float64Range(0, 20000), 1, 200).Draw(t, "durations")
		share := rapid.Float64Range(0.01, 1).Draw(t, "share")
		histogram := make([]int64, store.UsageBuckets)
		for _, d := range durations {
			histogram[sort.SearchFloat64s(bounds, d)]++
		}
		sorted := slices.Sorted(slices.Values(durations))
		rank := max(0, int(ceil(share*float64(len(sorted))))-1)
		got := resource.Percentile(histogram, sorted[len(sorted)-1], share)
		bucketOf := func(ms float64) int { return sort.SearchFloat64s(bounds, ms) }
		if got == nil || *got > sorted[len(sorted)-1] {
			t.Fatalf("got %v, longest %v", got, sorted[len(sorted)-1])
		}
		// A boundary belongs to the bucket below it and is the estimate's edge of both.
		if want := sorted[rank]; bucketOf(*got) != bucketOf(want) && *got != bounds[min(bucketOf(*got), len(bounds)-1)] {
			t.Fatalf("the %.2f percentile is %v in bucket %d, estimated %v in %d", share, want, bucketOf(want), *got, bucketOf(*got))
		}
	})
}

func ceil(x float64) float64 {
	whole := float64(int(x))
	if whole < x {
		whole++
	}
	return whole
}

func TestThereIsNoPercentileOfNothing(t *testing.T) {
	if got := resource.Percentile(make([]int64, store.UsageBuckets), 0, 0.5); got != nil {
		t.Errorf("got %v", *got)
	}
}
