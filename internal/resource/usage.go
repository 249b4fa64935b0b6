package resource

import (
	"cmp"
	"slices"

	"github.com/skyledger/skyledger/internal/store"
)

// Merge adds b to a, whatever hours and processes they are of: sums add up,
// greatest values stay. What only one of them could measure is that one's.
func Merge(a, b store.UsageRow) store.UsageRow {
	sum := a
	sum.Process = ""
	sum.Invocations += b.Invocations
	sum.Failures += b.Failures
	sum.Timeouts += b.Timeouts
	sum.DurationMS += b.DurationMS
	sum.DurationMaxMS = max(a.DurationMaxMS, b.DurationMaxMS)
	sum.Histogram = make([]int64, store.UsageBuckets)
	for _, counts := range [][]int64{a.Histogram, b.Histogram} {
		for i, count := range counts {
			sum.Histogram[i] += count
		}
	}
	sum.ColdStarts = added(a.ColdStarts, b.ColdStarts)
	sum.BilledMS = added(a.BilledMS, b.BilledMS)
	sum.InitMS = added(a.InitMS, b.InitMS)
	sum.CPUMS = added(a.CPUMS, b.CPUMS)
	sum.GCMS = added(a.GCMS, b.GCMS)
	sum.InitMaxMS = greatest(a.InitMaxMS, b.InitMaxMS)
	sum.PeakMemory = greatest(a.PeakMemory, b.PeakMemory)
	sum.MemoryMB = greatest(a.MemoryMB, b.MemoryMB)
	return sum
}

// ByFunction adds the hours of each function up, in the order of the names. A
// row's Hour is the first of its hours; hours says how many there were.
func ByFunction(rows []store.UsageRow) (totals []store.UsageRow, hours map[string]int) {
	byName, hours := map[string]store.UsageRow{}, map[string]int{}
	seen := map[string]map[int64]bool{}
	for _, row := range rows {
		total, known := byName[row.Function]
		if !known {
			total = store.UsageRow{Hour: row.Hour, Function: row.Function, Histogram: make([]int64, store.UsageBuckets)}
			seen[row.Function] = map[int64]bool{}
		}
		total = Merge(total, row)
		if row.Hour.Before(total.Hour) {
			total.Hour = row.Hour
		}
		byName[row.Function] = total
		seen[row.Function][row.Hour.Unix()] = true
	}
	for name, total := range byName {
		totals = append(totals, total)
		hours[name] = len(seen[name])
	}
	slices.SortFunc(totals, func(a, b store.UsageRow) int { return cmp.Compare(a.Function, b.Function) })
	return totals, hours
}

type number interface{ ~int32 | ~int64 | ~float64 }

func added[T number](a, b *T) *T {
	if a == nil || b == nil {
		return cmp.Or(a, b)
	}
	sum := *a + *b
	return &sum
}

func greatest[T number](a, b *T) *T {
	if a == nil || b == nil {
		return cmp.Or(a, b)
	}
	most := max(*a, *b)
	return &most
}
