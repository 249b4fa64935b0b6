package api

import (
	"context"
	"time"

	"github.com/skyledger/skyledger/internal/resource"
	"github.com/skyledger/skyledger/internal/store"
)

// Resources know what the functions use; *resource.Monitor does.
type Resources interface {
	Now() time.Time // by the wall
	Report(ctx context.Context, from, to time.Time) resource.Report
	History(ctx context.Context, from, to time.Time) ([]store.UsageRow, error)
	Plan() (resource.MemoryWork, resource.ConnectionWork)
	Optimize() (resource.MemoryWork, resource.ConnectionWork)
}

// performanceSpan is what one request may ask: figures are kept for 90 days.
func performanceSpan() spanRule {
	return spanRule{usual: 24 * time.Hour, longest: 90 * 24 * time.Hour}
}

type metricsInput struct {
	ListParams
	SpanParams
}

// FunctionMetrics are one function's figures over the span.
type FunctionMetrics struct {
	Function       string   `json:"function" example:"ingest"`
	Hours          int      `json:"hours" doc:"different hours with invocations"`
	Invocations    int64    `json:"invocations"`
	Failures       int64    `json:"failures" doc:"invocations that ended in an error, timeouts included"`
	Timeouts       int64    `json:"timeouts" doc:"invocations still running a quarter of a second before their deadline"`
	ColdStarts     *int64   `json:"cold_starts" doc:"null where functions share a process"`
	MeanMS         *float64 `json:"duration_mean_ms" doc:"start-up excluded; null without invocations"`
	P50MS          *float64 `json:"duration_p50_ms" doc:"estimated within the histogram's bucket"`
	P95MS          *float64 `json:"duration_p95_ms" doc:"estimated within the histogram's bucket"`
	P99MS          *float64 `json:"duration_p99_ms" doc:"estimated within the histogram's bucket"`
	MaxMS          *float64 `json:"duration_max_ms"`
	InitMeanMS     *float64 `json:"init_mean_ms" doc:"start of a process until it was ready, to 10 ms; null where none was measured"`
	InitMaxMS      *float64 `json:"init_max_ms"`
	BilledMS       *int64   `json:"billed_ms" doc:"estimate: durations and starts, each rounded up; null outside Lambda"`
	GBSeconds      *float64 `json:"gb_seconds" doc:"billed_ms times the memory; null outside Lambda"`
	CPUMS          *float64 `json:"cpu_ms" doc:"processor time; null where functions share a process"`
	CPUShare       *float64 `json:"cpu_share" doc:"of the processor that the memory buys, while it ran; null outside Lambda"`
	GCMS           *float64 `json:"gc_ms" doc:"of cpu_ms, the garbage collector's"`
	PeakMemory     *int64   `json:"peak_memory_bytes" doc:"greatest resident size of any of its processes; null where functions share a process"`
	MemoryMB       *int32   `json:"memory_mb" doc:"memory it ran with; null outside Lambda"`
	PlannedMB      *int     `json:"planned_memory_mb" doc:"memory the deployment gives it; null for a function that is no longer deployed"`
	Unmeasured     *string  `json:"unmeasured" doc:"why memory and processor time are null"`
	RecommendedMB  *int     `json:"recommended_memory_mb" doc:"null where not enough was measured"`
	Recommendation string   `json:"recommendation" doc:"what the recommendation rests on, or why there is none"`
	Histogram      []int64  `json:"histogram" doc:"invocations by duration; the buckets' upper bounds are in histogram_bounds_ms"`
}

// PoolMetrics are the connections of this process to PostgreSQL.
type PoolMetrics struct {
	Size       int32    `json:"size"`
	Idle       int32    `json:"idle"`
	InUse      int32    `json:"in_use"`
	Most       int32    `json:"max"`
	Acquires   int64    `json:"acquires" doc:"connections handed out since the start"`
	Waits      int64    `json:"waits" doc:"of those, after a wait for one to come free or to be made"`
	MeanWaitMS *float64 `json:"mean_wait_ms" doc:"over all acquires; null without any"`
}

// LambdaMetrics are what Lambda says of this process.
type LambdaMetrics struct {
	Function       string   `json:"function"`
	Version        string   `json:"version"`
	MemoryMB       int      `json:"memory_mb"`
	Initialization string   `json:"initialization" example:"on-demand"`
	Region         string   `json:"region"`
	InitMS         *float64 `json:"init_ms" doc:"this process's start until it was ready, to 10 ms"`
}

// MetricsKeys stand beside the functions' figures.
type MetricsKeys struct {
	System      resource.Machine   `json:"system" doc:"the machine, or Lambda's microVM"`
	Process     resource.Process   `json:"process" doc:"the process that answered"`
	Network     *resource.Network  `json:"network" doc:"of the machine since boot; null where the system does not tell"`
	DiskIO      *resource.DiskIO   `json:"disk_io" doc:"of the machine since boot; null where the system does not tell"`
	Lambda      *LambdaMetrics     `json:"lambda" doc:"null outside Lambda"`
	Pool        PoolMetrics        `json:"pool"`
	Parts       []resource.Part    `json:"parts" doc:"what functions wait for"`
	Fill        []resource.Fill    `json:"fill" doc:"how full things are and when they are full, from hourly looks"`
	Findings    []resource.Finding `json:"findings" doc:"what is short, in words, the worst first"`
	From        time.Time          `json:"from" doc:"first hour of the functions' figures"`
	To          time.Time          `json:"to"`
	Bounds      []float64          `json:"histogram_bounds_ms" doc:"upper bounds of the histograms' buckets; the last bucket has none"`
	Rule        string             `json:"recommendation_rule" doc:"how memory is recommended"`
	UsageReason *string            `json:"usage_reason" doc:"why the functions' figures are this process's alone; null when they are everybody's"`
}

// Performance registers the operations of api-performance.
func Performance(s *service) {
	s.usage()
	s.optimize()
	s.advice()
}

func (s *service) usage() {
	list(s, Operation{
		Path: "/api/performance/metrics", Summary: "What the functions, this process and its machine use, and what is short",
		Description: "Figures are measured, and null where they cannot be: functions that share a process share its memory and processor time.",
		Example:     "/api/performance/metrics?hours=24", Keep: -1,
	}, List[FunctionMetrics]{Key: "functions", ID: "function", Keys: MetricsKeys{}, Timestamp: true}, s.metrics)
	list(s, Operation{
		Path: "/api/performance/history", Summary: "The functions' figures by the hour",
		Example: "/api/performance/history?hours=48&layout=long",
	}, List[FunctionHour]{Timestamp: true}, s.functionHistory)
}

func (s *service) metrics(ctx context.Context, input *metricsInput) (Rows[FunctionMetrics], error) {
	span, err := s.hours(ctx, &input.SpanParams)
	if err != nil {
		return Rows[FunctionMetrics]{}, err
	}
	report := s.Resources.Report(ctx, span.from, span.to)
	found := Rows[FunctionMetrics]{AsOf: s.Resources.Now().UTC(), Stale: report.UsageReason != ""}
	for _, one := range report.Functions {
		found.All = append(found.All, functionMetrics(one))
	}
	found.Keys = func([]FunctionMetrics) any { return metricsKeys(report, span) }
	return found, nil
}

// hours is a span of whole hours, by the wall: the clock of a recording that is
// played says nothing of when a function ran.
func (s *service) hours(ctx context.Context, params *SpanParams) (window, error) {
	walled := &service{Deps: Deps{Clock: s.Resources.Now}}
	span, err := walled.span(ctx, params, performanceSpan())
	span.from = span.from.Truncate(time.Hour)
	return span, err
}

func metricsKeys(r resource.Report, span window) MetricsKeys {
	keys := MetricsKeys{
		System: r.Machine, Process: r.Process, Network: r.Network, DiskIO: r.DiskIO, Pool: poolMetrics(r.Pool),
		Parts: r.Parts, Fill: r.Fill, Findings: r.Findings, From: span.from, To: span.to,
		Bounds: resource.Bounds(), Rule: resource.RecommendationRule,
	}
	if keys.Fill == nil {
		keys.Fill = []resource.Fill{}
	}
	if r.UsageReason != "" {
		keys.UsageReason = &r.UsageReason
	}
	if says := r.Lambda; says.Function != "" {
		keys.Lambda = &LambdaMetrics{
			Function: says.Function, Version: says.Version, MemoryMB: says.MemoryMB, Initialization: says.Initialization, Region: says.Region,
		}
		if r.Init != nil {
			keys.Lambda.InitMS = milliseconds(*r.Init)
		}
	}
	return keys
}

func poolMetrics(pool store.Pool) PoolMetrics {
	shown := PoolMetrics{Size: pool.Size, Idle: pool.Idle, InUse: pool.InUse, Most: pool.Max, Acquires: pool.Acquires, Waits: pool.Waits}
	if pool.Acquires > 0 {
		shown.MeanWaitMS = milliseconds(pool.WaitTime / time.Duration(pool.Acquires))
	}
	return shown
}

func functionMetrics(one resource.FunctionReport) FunctionMetrics {
	u := one.Usage
	shown := FunctionMetrics{
		Function: u.Function, Hours: one.Hours, Invocations: u.Invocations, Failures: u.Failures, Timeouts: u.Timeouts,
		ColdStarts: u.ColdStarts, InitMaxMS: u.InitMaxMS, BilledMS: u.BilledMS, CPUMS: u.CPUMS, GCMS: u.GCMS,
		PeakMemory: u.PeakMemory, MemoryMB: u.MemoryMB, Histogram: u.Histogram,
		RecommendedMB: one.Recommendation.MemoryMB, Recommendation: one.Recommendation.Reason,
	}
	if one.Planned.MemoryMB > 0 {
		shown.PlannedMB = &one.Planned.MemoryMB
	}
	if u.Invocations > 0 {
		shown.MeanMS, shown.MaxMS = quotient(u.DurationMS, float64(u.Invocations)), &u.DurationMaxMS
		shown.P50MS = resource.Percentile(u.Histogram, u.DurationMaxMS, 0.5)
		shown.P95MS = resource.Percentile(u.Histogram, u.DurationMaxMS, 0.95)
		shown.P99MS = resource.Percentile(u.Histogram, u.DurationMaxMS, 0.99)
		if u.PeakMemory == nil {
			reason := resource.SharedMemory
			shown.Unmeasured = &reason
		}
	}
	if u.InitMS != nil && u.ColdStarts != nil {
		shown.InitMeanMS = quotient(*u.InitMS, float64(*u.ColdStarts))
	}
	if u.BilledMS != nil && u.MemoryMB != nil {
		shown.GBSeconds = quotient(float64(*u.BilledMS)/1000*float64(*u.MemoryMB), 1024)
	}
	if share, known := resource.ProcessorShare(u); known {
		shown.CPUShare = &share
	}
	return shown
}

// quotient is nil where there is nothing to divide by.
func quotient(a, b float64) *float64 {
	if b == 0 {
		return nil
	}
	value := a / b
	return &value
}

func milliseconds(d time.Duration) *float64 {
	value := float64(d.Microseconds()) / 1000
	return &value
}
