package api_test

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/skyledger/skyledger/internal/advisor"
	"github.com/skyledger/skyledger/internal/api"
	"github.com/skyledger/skyledger/internal/fault"
	"github.com/skyledger/skyledger/internal/store"
)

// adviser looked an hour ago, or never.
type adviser struct {
	never bool
	away  bool // the database
}

var _ api.Advice = (*advisor.Advisor)(nil)

func looked() time.Time { return now.Add(-time.Hour) }

func reason(text string) *string { return &text }

func (a adviser) err() error {
	if a.away {
		return fault.E("test", fault.Unavailable, "57P01", nil)
	}
	return nil
}

func (a adviser) Now() time.Time { return now }

func (a adviser) sources() advisor.Sources {
	since := looked().Add(-24 * time.Hour)
	return advisor.Sources{
		PGStatStatements: store.Figures{Reason: reason("The extension pg_stat_statements is not installed in this database.")},
		Timings:          store.Figures{Available: true, Since: &since},
		HypoPG:           store.Figures{Available: true},
	}
}

func (a adviser) SlowQueries(_ context.Context, source string) (advisor.SlowQueries, error) {
	if a.never || source == advisor.FromPGStatStatements {
		return advisor.SlowQueries{Sources: a.sources(), Statements: []advisor.SlowQuery{}}, a.err()
	}
	none, share := int64(0), 0.75
	return advisor.SlowQueries{
		Source: advisor.FromTimings, Since: a.sources().Timings.Since, TotalMS: 400, Calls: 101, Sources: a.sources(),
		Statements: []advisor.SlowQuery{
			{Fingerprint: "9", Query: "SELECT a FROM b WHERE c = $1", Source: advisor.FromTimings, Calls: 100, Errors: &none, Rows: 100, TotalMS: 300, MeanMS: 3, MaxMS: 9.5, Share: &share},
			{Fingerprint: "8", Query: "SELECT pg_sleep($1)", Source: advisor.FromTimings, Calls: 1, Errors: &none, Rows: 1, TotalMS: 100, MeanMS: 100, MaxMS: 100},
		},
	}, a.err()
}

func (a adviser) Plans(context.Context) (advisor.Plans, error) {
	if a.never {
		return advisor.Plans{Sources: a.sources(), Plans: []advisor.QueryPlan{}}, a.err()
	}
	cost := 1755.02
	return advisor.Plans{At: looked(), Sources: a.sources(), Plans: []advisor.QueryPlan{
		{
			Fingerprint: "7", Query: "SELECT a FROM b WHERE c = $1", Source: advisor.FromTimings, Calls: 100, TotalMS: 300, MeanMS: 3,
			Cost: &cost, Method: store.ExplainedPlaceholder, Explained: looked(), Plan: json.RawMessage(`{"Plan":{"Node Type":"Seq Scan"}}`),
			Findings: []advisor.PlanFinding{{Code: "seq_scan", Relation: "sky.b", Text: "Reads all of sky.b."}},
		},
		{
			Fingerprint: "9", Query: "SELECT $1 ORDER BY", Source: advisor.FromPGStatStatements, Calls: 1, TotalMS: 1, MeanMS: 1, Method: store.ExplainedAsIs,
			Explained: looked(), Findings: []advisor.PlanFinding{}, Problem: reason("It took too long."),
		},
	}}, a.err()
}

func (a adviser) Indexes(context.Context) (advisor.IndexReport, error) {
	report := advisor.IndexReport{Sources: a.sources(), Indexes: []advisor.IndexAdvice{}}
	if a.never {
		return report, a.err()
	}
	bytes, writes, scans, before, after := int64(1_638_400), int64(60_000), int64(0), 1755.0, 108.0
	definition, drop, at, name, method := `CREATE INDEX CONCURRENTLY ON "sky"."b" ("c")`, `DROP INDEX CONCURRENTLY "sky"."b_d"`, looked(), "b_d", store.TriedHypothetical
	report.At = looked()
	report.Indexes = append(report.Indexes,
		advisor.IndexAdvice{
			Verdict: advisor.Recommended, Schema: "sky", Table: "b", Columns: []string{"c"}, Definition: definition, Action: &definition,
			Reason: "Lowers the planner's cost.", Bytes: &bytes, Writes: &writes, Method: &method, Tested: &at, CostBefore: &before, CostAfter: &after,
			EvidenceFor: []advisor.Evidence{{Fingerprint: "7", Statement: "SELECT a FROM b WHERE c = $1", Calls: 100, TotalMS: 300, CostBefore: before, CostAfter: after, Used: true}},
		},
		advisor.IndexAdvice{
			Verdict: advisor.Unused, Schema: "sky", Table: "b", Index: &name, Columns: []string{"d"}, Definition: "CREATE INDEX b_d ON sky.b USING btree (d)",
			Action: &drop, Reason: "Nobody read it.", Bytes: &bytes, Scans: &scans, Writes: &writes, EvidenceFor: []advisor.Evidence{},
		})
	return report, a.err()
}

func (a adviser) Moments(_ context.Context, from, to time.Time) ([]advisor.DatabaseMoment, error) {
	moments := []advisor.DatabaseMoment{}
	for at := looked().Add(-2 * time.Hour); at.Before(to); at = at.Add(time.Hour) {
		hit := 0.99
		moments = append(moments, advisor.DatabaseMoment{Time: at, DatabaseBytes: 5 << 20, CacheHitRate: &hit, Connections: 3, MaxConnections: 100, LiveRows: 1000, DeadRows: 10, XIDAge: 5000})
	}
	return moments, a.err()
}

func (a adviser) Tables(context.Context) ([]advisor.TableHealth, []string, error) {
	rows := int64(1000)
	return []advisor.TableHealth{{Schema: "sky", Table: "b", Bytes: 1 << 20, IndexBytes: 1 << 19, Rows: &rows, DeadRows: 10}}, []string{"sky.b: vacuum is due."}, a.err()
}

func advised(t *testing.T, a adviser) http.Handler {
	t.Helper()
	deps := deps(t)
	deps.Advice = a
	built, err := api.New(deps, "api-performance")
	if err != nil {
		t.Fatal(err)
	}
	return built
}

func TestAdvice(t *testing.T) {
	paths := map[string]string{
		"slow_queries": "/api/performance/slow-queries", "plans": "/api/performance/plans", "indexes": "/api/performance/indexes",
		"database_history": "/api/performance/database", "database_history_long": "/api/performance/database?layout=long&fields=time,cache_hit_rate,dead_rows",
	}
	for name, target := range paths {
		t.Run(name+" has the shape of its golden file", func(t *testing.T) {
			answer := ask(advised(t, adviser{}), "GET", target)
			if answer.Code != http.StatusOK {
				t.Fatalf("%d %s", answer.Code, answer.Body)
			}
			golden(t, name, answer.Body.Bytes())
		})
	}
	t.Run("sorting by the mean has the slow one first", func(t *testing.T) {
		answer := ask(advised(t, adviser{}), "GET", "/api/performance/slow-queries?sort=-mean_ms&format=csv&fields=fingerprint,mean_ms")
		if want := "fingerprint,mean_ms\n8,100\n9,3\n"; strings.ReplaceAll(answer.Body.String(), "\r", "") != want {
			t.Errorf("%s", answer.Body)
		}
	})
	t.Run("a page of one has the one that took most time", func(t *testing.T) {
		answer := ask(advised(t, adviser{}), "GET", "/api/performance/slow-queries?limit=1&format=csv&fields=total_ms")
		if want := "total_ms\n300\n"; strings.ReplaceAll(answer.Body.String(), "\r", "") != want {
			t.Errorf("%s", answer.Body)
		}
	})
	t.Run("before the first look there is nothing, it is stale, and nothing fails", func(t *testing.T) {
		for _, target := range []string{"/api/performance/plans", "/api/performance/indexes"} {
			answer := ask(advised(t, adviser{never: true}), "GET", target)
			if answer.Code != http.StatusOK || !strings.Contains(answer.Body.String(), `"data":[]`) ||
				!strings.Contains(answer.Body.String(), `"looked":null`) || !strings.Contains(answer.Body.String(), `"stale":true`) {
				t.Errorf("%s: %d %s", target, answer.Code, answer.Body)
			}
		}
	})
	t.Run("a source that is not there is a field", func(t *testing.T) {
		answer := ask(advised(t, adviser{}), "GET", "/api/performance/slow-queries?source=pg_stat_statements")
		if answer.Code != http.StatusOK || !strings.Contains(answer.Body.String(), `"source":null`) || !strings.Contains(answer.Body.String(), "is not installed") {
			t.Errorf("%d %s", answer.Code, answer.Body)
		}
	})
	t.Run("a database that is away is 503", func(t *testing.T) {
		for _, target := range paths {
			if answer := ask(advised(t, adviser{away: true}), "GET", target); answer.Code != http.StatusServiceUnavailable {
				t.Errorf("%s: %d", target, answer.Code)
			}
		}
	})
	t.Run("wrong parameters are 422", func(t *testing.T) {
		for _, target := range []string{"/api/performance/slow-queries?source=mine", "/api/performance/database?days=91", "/api/performance/plans?sort=nothing"} {
			if answer := ask(advised(t, adviser{}), "GET", target); answer.Code != http.StatusUnprocessableEntity {
				t.Errorf("%s: %d", target, answer.Code)
			}
		}
	})
}
