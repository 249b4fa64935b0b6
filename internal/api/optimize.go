package api

import (
	"context"
	"net/http"
	"slices"
	"time"

	"github.com/skyledger/skyledger/internal/advisor"
	"github.com/skyledger/skyledger/internal/fault"
	"github.com/skyledger/skyledger/internal/resource"
	"github.com/skyledger/skyledger/internal/store"
)

type historyInput struct {
	ListParams
	SpanParams
	LayoutParams
	Function string `query:"function" doc:"of this function alone" maxLength:"64"`
}

// FunctionHour is what a function did in an hour.
type FunctionHour struct {
	Time        time.Time `json:"time" doc:"start of the hour, by the wall's clock"`
	Function    string    `json:"function"`
	Invocations int64     `json:"invocations"`
	Failures    int64     `json:"failures"`
	Timeouts    int64     `json:"timeouts"`
	ColdStarts  *int64    `json:"cold_starts" doc:"null where functions share a process"`
	MeanMS      *float64  `json:"duration_mean_ms"`
	P95MS       *float64  `json:"duration_p95_ms" doc:"estimated within the histogram's bucket"`
	MaxMS       float64   `json:"duration_max_ms"`
	BilledMS    *int64    `json:"billed_ms" doc:"estimate; null outside Lambda"`
	CPUMS       *float64  `json:"cpu_ms" doc:"null where functions share a process"`
	PeakMemory  *int64    `json:"peak_memory_bytes" doc:"null where functions share a process"`
}

func (s *service) functionHistory(ctx context.Context, input *historyInput) (Rows[FunctionHour], error) {
	span, err := s.hours(ctx, &input.SpanParams)
	if err != nil {
		return Rows[FunctionHour]{}, err
	}
	usage, err := s.Resources.History(ctx, span.from, span.to)
	if err != nil {
		return Rows[FunctionHour]{}, err
	}
	if input.Function != "" {
		usage = slices.DeleteFunc(usage, func(u store.UsageRow) bool { return u.Function != input.Function })
	}
	found := Rows[FunctionHour]{AsOf: s.Resources.Now().UTC()}
	for _, u := range usage {
		found.All = append(found.All, FunctionHour{
			Time: u.Hour.UTC(), Function: u.Function, Invocations: u.Invocations, Failures: u.Failures, Timeouts: u.Timeouts,
			ColdStarts: u.ColdStarts, MeanMS: quotient(u.DurationMS, float64(u.Invocations)),
			P95MS: resource.Percentile(u.Histogram, u.DurationMaxMS, 0.95), MaxMS: u.DurationMaxMS,
			BilledMS: u.BilledMS, CPUMS: u.CPUMS, PeakMemory: u.PeakMemory,
		})
	}
	return found, nil
}

// Maintenance plans what the database needs and does what of it is safe;
// *advisor.Advisor does.
type Maintenance interface {
	Plan(ctx context.Context) ([]advisor.Action, error)
	Apply(ctx context.Context) ([]advisor.Done, error)
}

// MemoryOptimization is what was done about this process's memory, or would be.
type MemoryOptimization struct {
	Action    string             `json:"action" doc:"in words"`
	FreeBytes int64              `json:"free_bytes" doc:"kept free by Go before, which is given back to the system"`
	RSSBytes  *int64             `json:"memory_rss_bytes" doc:"resident size before; null where the system does not tell"`
	HeapBytes int64              `json:"heap_live_bytes" doc:"objects before; how many of them are garbage shows when it is collected"`
	Done      bool               `json:"done"`
	Released  *resource.Released `json:"released" doc:"measured before and after; null for a dry run"`
}

// DatabaseOptimization is what was done about the database, or would be.
type DatabaseOptimization struct {
	Action     string       `json:"action" doc:"in words"`
	Pool       PoolMetrics  `json:"pool" doc:"connections before"`
	PoolAfter  *PoolMetrics `json:"pool_after" doc:"null for a dry run"`
	Closed     *int32       `json:"closed_connections" doc:"null for a dry run"`
	WouldClose int32        `json:"idle_connections" doc:"connections that are closed, before"`
	// Due is what the database itself needs.
	Due         []advisor.Action `json:"due" doc:"maintenance that is due, the most urgent first; of it what is automatic is done"`
	Applied     []advisor.Done   `json:"applied" doc:"what became of it; empty for a dry run"`
	Unavailable *string          `json:"unavailable" doc:"why the database could not be asked; null when it could"`
	Done        bool             `json:"done" doc:"whether connections were closed and what is automatic was tried"`
}

// OptimizeAnswer is the shape of /api/performance/optimize.
type OptimizeAnswer struct {
	DryRun               bool                 `json:"dry_run"`
	MemoryOptimization   MemoryOptimization   `json:"memory_optimization"`
	DatabaseOptimization DatabaseOptimization `json:"database_optimization"`
	Stamped
}

// optimize registers the dry run and the deed.
func (s *service) optimize() {
	object(s, Operation{
		Path: "/api/performance/optimize", Summary: "What an optimisation would do", Keep: -1,
		Description: "A dry run: nothing is changed, not even garbage collected. POST does it.",
	}, s.planned)
	object(s, Operation{
		Method: http.MethodPost, Path: "/api/performance/optimize", Summary: "Release memory and connections of this process, and maintain the database", Keep: -1,
		Description: "Does the maintenance of the database that is due and safe beside everything else, then collects garbage, gives free memory back to the system and closes idle connections of the process that answers, measured before and after. Needs a key with the scope admin.",
		Scope:       ScopeAdmin,
	}, s.optimized)
}

func (s *service) planned(ctx context.Context, _ *Conditional) (*OptimizeAnswer, error) {
	answer := optimizeAnswer(s.Resources.Plan())
	s.due(ctx, &answer.DatabaseOptimization)
	return answer, nil
}

// optimized lets the database's maintenance go first: its connections are idle
// afterwards.
func (s *service) optimized(ctx context.Context, _ *struct{}) (*OptimizeAnswer, error) {
	var database DatabaseOptimization
	if s.due(ctx, &database); database.Unavailable == nil {
		applied, err := s.Maintenance.Apply(ctx)
		if err != nil {
			s.away(ctx, &database, err)
		}
		database.Applied = append(database.Applied, applied...)
	}
	answer := optimizeAnswer(s.Resources.Optimize())
	work := &answer.DatabaseOptimization
	work.Due, work.Applied, work.Unavailable = database.Due, database.Applied, database.Unavailable
	return answer, nil
}

// due asks what the database needs. One that cannot be asked leaves the rest of
// the answer as it is.
func (s *service) due(ctx context.Context, work *DatabaseOptimization) {
	work.Due, work.Applied = []advisor.Action{}, []advisor.Done{}
	due, err := s.Maintenance.Plan(ctx)
	if err != nil {
		s.away(ctx, work, err)
		return
	}
	work.Due = append(work.Due, due...)
}

func (s *service) away(ctx context.Context, work *DatabaseOptimization, err error) {
	s.note(ctx, err)
	reason := fault.ReasonOf(err)
	work.Unavailable = &reason
}

func optimizeAnswer(memory resource.MemoryWork, connections resource.ConnectionWork) *OptimizeAnswer {
	answer := &OptimizeAnswer{
		DryRun: memory.Done == nil,
		MemoryOptimization: MemoryOptimization{
			Action:    "collect garbage and give free memory back to the system",
			FreeBytes: memory.Free, RSSBytes: memory.Process.MemoryRSS, HeapBytes: memory.Process.HeapLive,
			Done: memory.Done != nil, Released: memory.Done,
		},
		DatabaseOptimization: DatabaseOptimization{
			Action: "do the maintenance that is due and automatic, and close idle connections", Pool: poolMetrics(connections.Before), WouldClose: connections.Before.Idle,
			Done: connections.After != nil,
		},
	}
	if after := connections.After; after != nil {
		pool, closed := poolMetrics(*after), max(0, connections.Before.Idle-after.Idle)
		answer.DatabaseOptimization.PoolAfter, answer.DatabaseOptimization.Closed = &pool, &closed
	}
	return answer
}
