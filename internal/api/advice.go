package api

import (
	"context"
	"time"

	"github.com/skyledger/skyledger/internal/advisor"
)

// Advice is what statements cost and what would help; *advisor.Advisor gives it.
type Advice interface {
	Now() time.Time // by the wall
	SlowQueries(ctx context.Context, source string) (advisor.SlowQueries, error)
	Plans(ctx context.Context) (advisor.Plans, error)
	Indexes(ctx context.Context) (advisor.IndexReport, error)
	Moments(ctx context.Context, from, to time.Time) ([]advisor.DatabaseMoment, error)
	Tables(ctx context.Context) ([]advisor.TableHealth, []string, error)
}

type slowQueryInput struct {
	ListParams
	Source string `query:"source" enum:"pg_stat_statements,timings" doc:"whose account: PostgreSQL's, or the functions' own; PostgreSQL's where it can be read when not given"`
}

// SlowQueryKeys stand beside the statements.
type SlowQueryKeys struct {
	Source  *string         `json:"source" doc:"whose account the statements are from; null when nobody keeps one"`
	Since   *time.Time      `json:"since" doc:"from when on they were counted"`
	TotalMS float64         `json:"total_ms" doc:"time of all statements of the source, those not shown included"`
	Calls   int64           `json:"calls" doc:"of all statements of the source"`
	Sources advisor.Sources `json:"sources" doc:"what could be read, and why not"`
}

type planInput struct{ ListParams }

// PlanKeys stand beside the plans.
type PlanKeys struct {
	Looked  *time.Time      `json:"looked" doc:"when the hourly job last looked; null before the first time"`
	Sources advisor.Sources `json:"sources" doc:"what it could read, and why not"`
}

type indexInput struct{ ListParams }

// IndexKeys stand beside the indexes.
type IndexKeys struct {
	Looked        *time.Time      `json:"looked" doc:"when the hourly job last tried indexes; null before the first time"`
	CountersSince *time.Time      `json:"counters_since" doc:"from when on scans and writes have been counted; null: since the database was made, or the server last crashed"`
	Sources       advisor.Sources `json:"sources" doc:"what it could read, and why not"`
}

type databaseHistoryInput struct {
	ListParams
	SpanParams
	LayoutParams
}

// DatabaseHistoryKeys stand beside the samples.
type DatabaseHistoryKeys struct {
	Tables  []advisor.TableHealth `json:"tables" doc:"the tables now, the largest first"`
	Remarks []string              `json:"remarks" doc:"what their figures say, in words"`
}

// advice registers what the query optimizer answers.
func (s *service) advice() {
	list(s, Operation{
		Path: "/api/performance/slow-queries", Summary: "The statements that took most time",
		Description: "By total time; sort=-mean_ms has those first that are slow each time. No value of anybody's statement is shown.",
		Example:     "/api/performance/slow-queries?fields=query,calls,total_ms,mean_ms,share&limit=5", Keep: -1,
	}, List[advisor.SlowQuery]{Key: "slow_queries", Keys: SlowQueryKeys{}, Timestamp: true}, s.slowQueries)
	list(s, Operation{
		Path: "/api/performance/plans", Summary: "How PostgreSQL goes about them, and what is expensive about it",
		Description: "Plans are made once an hour, without values; nothing is executed for an answer.",
		Example:     "/api/performance/plans?fields=query,cost,findings&limit=5", Keep: -1,
	}, List[advisor.QueryPlan]{Key: "plans", Keys: PlanKeys{}, Timestamp: true}, s.plans)
	list(s, Operation{
		Path: "/api/performance/indexes", Summary: "Indexes to build, with the evidence, and those that nobody needs",
		Description: "Indexes are tried once an hour, as hypothetical ones where hypopg is installed and else on a copy of some rows; nothing is built for an answer.",
		Example:     "/api/performance/indexes?fields=verdict,table,columns,reason,action&limit=10", Keep: -1,
	}, List[advisor.IndexAdvice]{Key: "indexes", Keys: IndexKeys{}, Timestamp: true}, s.indexes)
	list(s, Operation{
		Path: "/api/performance/database", Summary: "The database's own figures by the hour, and its tables now",
		Example: "/api/performance/database?hours=48&fields=time,cache_hit_rate,dead_rows", Keep: -1,
	}, List[advisor.DatabaseMoment]{ID: "time", Keys: DatabaseHistoryKeys{}, Timestamp: true}, s.databaseHistory)
}

func (s *service) slowQueries(ctx context.Context, input *slowQueryInput) (Rows[advisor.SlowQuery], error) {
	found, err := s.Advice.SlowQueries(ctx, input.Source)
	keys := SlowQueryKeys{Since: found.Since, TotalMS: found.TotalMS, Calls: found.Calls, Sources: found.Sources}
	if found.Source != "" {
		keys.Source = &found.Source
	}
	return Rows[advisor.SlowQuery]{
		All: found.Statements, AsOf: s.Advice.Now(), Keys: func([]advisor.SlowQuery) any { return keys },
	}, err
}

// lookEvery is how often the hourly job looks; an answer of two missed looks is
// stale.
const lookEvery = time.Hour

func (s *service) lookIsStale(at time.Time) bool {
	return at.IsZero() || s.Advice.Now().Sub(at) > 2*lookEvery
}

func (s *service) plans(ctx context.Context, _ *planInput) (Rows[advisor.QueryPlan], error) {
	found, err := s.Advice.Plans(ctx)
	return Rows[advisor.QueryPlan]{
		All: found.Plans, AsOf: found.At, Stale: s.lookIsStale(found.At),
		Keys: func([]advisor.QueryPlan) any { return PlanKeys{Looked: utc(found.At), Sources: found.Sources} },
	}, err
}

func (s *service) indexes(ctx context.Context, _ *indexInput) (Rows[advisor.IndexAdvice], error) {
	found, err := s.Advice.Indexes(ctx)
	keys := IndexKeys{Looked: utc(found.At), CountersSince: found.CountersSince, Sources: found.Sources}
	return Rows[advisor.IndexAdvice]{
		All: found.Indexes, AsOf: found.At, Stale: s.lookIsStale(found.At), Keys: func([]advisor.IndexAdvice) any { return keys },
	}, err
}

func (s *service) databaseHistory(ctx context.Context, input *databaseHistoryInput) (Rows[advisor.DatabaseMoment], error) {
	walled := &service{Deps: Deps{Clock: s.Advice.Now}} // the database lives by the wall, whatever it records
	span, err := walled.span(ctx, &input.SpanParams, spanRule{usual: 24 * time.Hour, longest: 90 * 24 * time.Hour})
	if err != nil {
		return Rows[advisor.DatabaseMoment]{}, err
	}
	moments, err := s.Advice.Moments(ctx, span.from, span.to)
	if err != nil {
		return Rows[advisor.DatabaseMoment]{}, err
	}
	tables, remarks, err := s.Advice.Tables(ctx)
	found := Rows[advisor.DatabaseMoment]{
		All:  moments,
		Keys: func([]advisor.DatabaseMoment) any { return DatabaseHistoryKeys{Tables: tables, Remarks: remarks} },
	}
	if len(moments) > 0 {
		found.AsOf = moments[len(moments)-1].Time
		found.Stale = !span.to.Before(s.Advice.Now().Add(-lookEvery)) && s.lookIsStale(found.AsOf)
	}
	return found, err
}
