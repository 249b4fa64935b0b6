package resource

import (
	"fmt"
	"math"

	"github.com/skyledger/skyledger/internal/store"
)

// What a recommendation of memory rests on.
const (
	// Headroom over the greatest resident size seen: with it what was measured
	// stays below Go's soft limit, which is MemoryShare of the memory.
	Headroom = 1.3
	// MemoryStep is what recommendations are rounded up to, in MB. Lambda takes
	// any whole MB; finer steps than this would follow the noise.
	MemoryStep = 64
	// LeastMemory and MostMemory are Lambda's bounds in MB.
	LeastMemory = 128
	MostMemory  = 10240
	// LeastInvocations and LeastHours are the fewest that say anything.
	LeastInvocations = 50
	LeastHours       = 3
	// OneProcessor is the memory in MB with which Lambda gives a function one
	// whole processor; less gives it that much less ("Configure Lambda function
	// memory", AWS Lambda developer guide).
	OneProcessor = 1769
	// BusyShare of the processor that the memory buys means the processor is what
	// the function waits for.
	BusyShare = 0.8
)

// RecommendationRule says all that in a sentence.
const RecommendationRule = "Greatest resident memory measured plus 30 %, rounded up to 64 MB, at least 128 MB; " +
	"from 50 invocations in 3 different hours on. A function that uses 80 % of the processor its memory buys is not given less."

// Recommendation is how much memory a function should have.
type Recommendation struct {
	MemoryMB *int   `json:"memory_mb" doc:"recommended memory in MB; null where not enough was measured"`
	Reason   string `json:"reason" doc:"what it rests on, or why there is none"`
}

// Recommend recommends a function's memory from its usage over so many
// different hours.
func Recommend(usage store.UsageRow, hours int) Recommendation {
	switch {
	case usage.PeakMemory == nil && usage.Invocations > 0:
		return Recommendation{Reason: SharedMemory}
	case usage.Invocations < LeastInvocations || hours < LeastHours:
		return Recommendation{Reason: fmt.Sprintf("Not enough measured: %d invocations in %d hours, wanted are %d in %d.",
			usage.Invocations, hours, LeastInvocations, LeastHours)}
	}
	peak := float64(*usage.PeakMemory) / megabyte
	wanted := int(math.Ceil(peak*Headroom/MemoryStep)) * MemoryStep
	wanted = min(max(wanted, LeastMemory), MostMemory)
	reason := fmt.Sprintf("At most %.0f MB resident over %d invocations in %d hours.", peak, usage.Invocations, hours)
	if busy, known := ProcessorShare(usage); known && busy >= BusyShare && wanted < int(*usage.MemoryMB) {
		wanted = int(*usage.MemoryMB)
		reason += fmt.Sprintf(" It uses %.0f %% of the processor that its %d MB buy, so less would be slower.", 100*busy, wanted)
	}
	return Recommendation{MemoryMB: &wanted, Reason: reason}
}

// SharedMemory is why a function's memory and processor time are not known
// where functions share a process.
const SharedMemory = "Functions share one process here: its memory and processor time cannot be told apart."

// ProcessorShare is the part that a function used of the processor time its
// memory buys it while it ran.
func ProcessorShare(usage store.UsageRow) (share float64, known bool) {
	if usage.CPUMS == nil || usage.MemoryMB == nil || *usage.MemoryMB == 0 || usage.DurationMS == 0 {
		return 0, false
	}
	return *usage.CPUMS / (usage.DurationMS * float64(*usage.MemoryMB) / OneProcessor), true
}
