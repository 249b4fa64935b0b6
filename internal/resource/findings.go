package resource

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/skyledger/skyledger/internal/store"
)

// Severity says how soon somebody should act.
type Severity string

// The severities.
const (
	Info     Severity = "info"     // worth knowing
	Warning  Severity = "warning"  // act before it hurts
	Critical Severity = "critical" // it hurts, or will within days
)

// Finding is one thing that is short.
type Finding struct {
	Code     string   `json:"code" example:"memory_near_limit"`
	Severity Severity `json:"severity" enum:"info,warning,critical"`
	Subject  string   `json:"subject" doc:"function, disk or part it is about" example:"ingest"`
	Finding  string   `json:"finding" doc:"what was measured, in words" example:"ingest used 460 MB of its 512 MB (90 %)."`
	Advice   string   `json:"advice" doc:"what to do" example:"Give it 640 MB."`
	Value    float64  `json:"value" doc:"the figure"`
	Limit    float64  `json:"limit" doc:"what it is held against"`
	Unit     string   `json:"unit" doc:"of both" example:"share"`
}

// Function is what was planned for a function.
type Function struct {
	Name        string
	MemoryMB    int
	Timeout     time.Duration
	Concurrency int // 0: no bound
}

// Evidence is what findings are made from. What is nil or empty was not
// measured, and nothing is said of it.
type Evidence struct {
	Functions []Function
	Usage     []store.UsageRow // by hour
	Fill      []store.FillSample
	Process   Process
	Pool      *store.Pool
	Parts     []Part
	FeedLagS  *float64 // 95th percentile over the last hour
	Machine   *Machine
}

// Part is something that functions wait for.
type Part struct {
	Name   string   `json:"name" enum:"database,cache"`
	PingMS *float64 `json:"ping_ms" doc:"round trip measured for this answer; null when it did not answer"`
	Reason *string  `json:"reason" doc:"why it did not answer"`
}

// The limits that findings are held against.
const (
	memoryWarning, memoryCritical = 0.85, 0.95 // of the memory given
	// gcLimit: Go's collector aims at a quarter of the processors while it works
	// ("A Guide to the Go Garbage Collector"); over all the time that is too much.
	gcLimit       = 0.25
	timeoutShare  = 0.8 // of the timeout, for the longest invocation
	failureLimit  = 0.01
	coldLimit     = 0.1
	busyLimit     = 0.8  // of the reserved concurrency, in the busiest hour
	fullLimit     = 0.9  // of a disk
	daysWarning   = 14.0 // until a disk is full
	daysCritical  = 3.0
	poolLimitMS   = 5.0  // mean wait for a connection
	databaseLimit = 20.0 // ms for a round trip: within a region one takes about 1
	cacheLimit    = 10.0 // ms, a fifth of what a request gives the cache in all
	feedLagLimit  = 45.0 // s, the service level for the age of data
	// schedLimit: Go lets a goroutine run 10 ms before another's turn.
	schedLimit      = 10.0
	loadLimit       = 1.5 // runnable processes for each processor
	availableLimit  = 0.1 // of the machine's memory
	leastPoolSample = 100
	leastCPUMS      = 1000.0
)

// Findings says what is short, the worst first.
func Findings(e Evidence) []Finding {
	found := []Finding{}
	totals, hours := ByFunction(e.Usage)
	for _, total := range totals {
		planned, _ := e.planned(total.Function)
		for _, rule := range []func(store.UsageRow, Function, int) *Finding{
			memoryFinding, collectorFinding, timeoutFinding, longestFinding, failureFinding, coldFinding, processorFinding,
		} {
			found = appendFound(found, rule(total, planned, hours[total.Function]))
		}
	}
	for _, planned := range e.Functions {
		found = appendFound(found, busyFinding(e.Usage, planned))
	}
	for _, fill := range Fills(e.Fill) {
		found = appendFound(found, fillFinding(fill))
	}
	found = append(found, processFindings(e)...)
	slices.SortStableFunc(found, func(a, b Finding) int { return cmp.Compare(weight(b.Severity), weight(a.Severity)) })
	return found
}

func appendFound(found []Finding, one *Finding) []Finding {
	if one == nil {
		return found
	}
	return append(found, *one)
}

func weight(s Severity) int { return slices.Index([]Severity{Info, Warning, Critical}, s) }

func (e Evidence) planned(name string) (Function, bool) {
	index := slices.IndexFunc(e.Functions, func(f Function) bool { return f.Name == name })
	if index < 0 {
		return Function{}, false
	}
	return e.Functions[index], true
}

func memoryFinding(u store.UsageRow, _ Function, hours int) *Finding {
	if u.PeakMemory == nil || u.MemoryMB == nil {
		return nil
	}
	used, given := float64(*u.PeakMemory)/megabyte, float64(*u.MemoryMB)
	if used < memoryWarning*given {
		return nil
	}
	f := &Finding{
		Code: "memory_near_limit", Severity: Warning, Subject: u.Function, Value: used / given, Limit: memoryWarning, Unit: "share",
		Finding: fmt.Sprintf("%s used up to %.0f MB of its %.0f MB (%.0f %%).", u.Function, used, given, 100*used/given),
		Advice:  "Give it more memory; how much is said once more was measured.",
	}
	if used >= memoryCritical*given {
		f.Severity = Critical
	}
	if wanted := Recommend(u, hours).MemoryMB; wanted != nil {
		f.Advice = fmt.Sprintf("Give it %d MB.", *wanted)
	}
	return f
}

func collectorFinding(u store.UsageRow, _ Function, _ int) *Finding {
	if u.GCMS == nil || u.CPUMS == nil || *u.CPUMS < leastCPUMS || *u.GCMS < gcLimit**u.CPUMS {
		return nil
	}
	share := *u.GCMS / *u.CPUMS
	return &Finding{
		Code: "gc_share", Severity: Warning, Subject: u.Function, Value: share, Limit: gcLimit, Unit: "share",
		Finding: fmt.Sprintf("Garbage collection took %.0f %% of %s's processor time (%.1f of %.1f s).", 100*share, u.Function, *u.GCMS/1000, *u.CPUMS/1000),
		Advice:  "Give it more memory: the soft limit rises with it, and collections become rarer.",
	}
}

func timeoutFinding(u store.UsageRow, planned Function, _ int) *Finding {
	if u.Timeouts == 0 {
		return nil
	}
	return &Finding{
		Code: "timeouts", Severity: Critical, Subject: u.Function, Value: float64(u.Timeouts), Limit: 0, Unit: "invocations",
		Finding: fmt.Sprintf("%d of %d invocations of %s ran into their timeout of %s.", u.Timeouts, u.Invocations, u.Function, planned.Timeout),
		Advice:  "Look in its log for what they waited for; raise the timeout only if the work is really that long.",
	}
}

func longestFinding(u store.UsageRow, planned Function, _ int) *Finding {
	limit := milliseconds(planned.Timeout)
	if u.Timeouts > 0 || limit == 0 || u.DurationMaxMS < timeoutShare*limit {
		return nil
	}
	return &Finding{
		Code: "near_timeout", Severity: Warning, Subject: u.Function, Value: u.DurationMaxMS / limit, Limit: timeoutShare, Unit: "share",
		Finding: fmt.Sprintf("The longest invocation of %s took %.1f s of the %s it may.", u.Function, u.DurationMaxMS/1000, planned.Timeout),
		Advice:  "Find what it waited for before the next one is cut.",
	}
}

func failureFinding(u store.UsageRow, _ Function, _ int) *Finding {
	rest := u.Failures - u.Timeouts
	if u.Invocations < LeastInvocations || float64(rest) < failureLimit*float64(u.Invocations) || rest == 0 {
		return nil
	}
	share := float64(rest) / float64(u.Invocations)
	return &Finding{
		Code: "failures", Severity: Warning, Subject: u.Function, Value: share, Limit: failureLimit, Unit: "share",
		Finding: fmt.Sprintf("%d of %d invocations of %s ended in an error (%.1f %%).", rest, u.Invocations, u.Function, 100*share),
		Advice:  "See /api/errors/summary for what they were.",
	}
}

func coldFinding(u store.UsageRow, _ Function, _ int) *Finding {
	if u.ColdStarts == nil || u.InitMS == nil || u.Invocations < LeastInvocations || float64(*u.ColdStarts) < coldLimit*float64(u.Invocations) {
		return nil
	}
	share := float64(*u.ColdStarts) / float64(u.Invocations)
	return &Finding{
		Code: "cold_starts", Severity: Info, Subject: u.Function, Value: share, Limit: coldLimit, Unit: "share",
		Finding: fmt.Sprintf("%.0f %% of %s's invocations waited for a process to start, %.0f ms on average.", 100*share, u.Function, *u.InitMS/float64(*u.ColdStarts)),
		Advice:  "If that is too long for its users, keep processes ready with provisioned concurrency.",
	}
}

func processorFinding(u store.UsageRow, _ Function, _ int) *Finding {
	share, known := ProcessorShare(u)
	if !known || *u.CPUMS < leastCPUMS || share < BusyShare {
		return nil
	}
	return &Finding{
		Code: "processor_bound", Severity: Info, Subject: u.Function, Value: share, Limit: BusyShare, Unit: "share",
		Finding: fmt.Sprintf("%s used %.0f %% of the processor that its %d MB buy.", u.Function, 100*share, *u.MemoryMB),
		Advice:  "More memory brings more processor with it and makes it faster at about the same cost.",
	}
}

// busyFinding looks at the busiest hour: an average would hide it.
func busyFinding(usage []store.UsageRow, planned Function) *Finding {
	if planned.Concurrency == 0 {
		return nil
	}
	var busiest store.UsageRow
	for _, row := range usage {
		if row.Function == planned.Name && row.DurationMS > busiest.DurationMS {
			busiest = row
		}
	}
	available := milliseconds(time.Hour) * float64(planned.Concurrency)
	share := busiest.DurationMS / available
	if share < busyLimit {
		return nil
	}
	return &Finding{
		Code: "concurrency_used_up", Severity: Warning, Subject: planned.Name, Value: share, Limit: busyLimit, Unit: "share",
		Finding: fmt.Sprintf("In the hour of %s %s was busy %.0f %% of the time its reserved concurrency of %d allows.",
			busiest.Hour.UTC().Format("2006-01-02 15:04Z"), planned.Name, 100*share, planned.Concurrency),
		Advice: "Raise its reserved concurrency or shorten its work: beyond it invocations are throttled.",
	}
}

func fillFinding(fill Fill) *Finding {
	if fill.Capacity == nil || *fill.Capacity == 0 {
		return nil
	}
	share := float64(fill.UsedBytes) / float64(*fill.Capacity)
	f := &Finding{
		Code: "filling", Severity: Warning, Subject: fill.What, Value: share, Limit: fullLimit, Unit: "share",
		Finding: fmt.Sprintf("%s is %.0f %% full (%.1f of %.1f GB).", fill.What, 100*share, float64(fill.UsedBytes)/1e9, float64(*fill.Capacity)/1e9),
		Advice:  "Make room, enlarge it, or shorten what is retained (RETAIN_POSITIONS, RETAIN_LOG).",
	}
	switch left := fill.DaysLeft; {
	case left != nil && *left < daysWarning:
		f.Value, f.Limit, f.Unit = *left, daysWarning, "days"
		f.Finding = fmt.Sprintf("%s is %.0f %% full and grows by %.2f GB a day: it is full in %.1f days.", fill.What, 100*share, *fill.GrowthPerDay/1e9, *left)
		if *left < daysCritical {
			f.Severity = Critical
		}
	case share < fullLimit:
		return nil
	}
	return f
}
