package app_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/skyledger/skyledger/internal/advisor"
)

// TestStatementsOfTheFunctionsAreAdvisedUpon lets the functions do their work
// and asks what it cost.
func TestStatementsOfTheFunctionsAreAdvisedUpon(t *testing.T) {
	w := newWorld(t)
	w.invoke(t, "migrate", "migrate")
	w.invoke(t, "ingest", "ingest")
	database, err := w.runtime.Store(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	database.SaveTimings(t.Context())
	w.invoke(t, "cleanup", "cleanup")

	var slow struct {
		Source  string
		Sources advisor.Sources
		Data    []advisor.SlowQuery
	}
	w.performance(t, "GET", "/api/performance/slow-queries?source=timings", &slow)
	if slow.Source != advisor.FromTimings || !slow.Sources.Timings.Available {
		t.Errorf("%+v", slow.Sources)
	}
	if !slices.ContainsFunc(slow.Data, func(q advisor.SlowQuery) bool { return strings.Contains(q.Query, "advance_head") && q.Calls >= 1 }) {
		t.Errorf("the commit of a snapshot is not among %d statements", len(slow.Data))
	}
	for i := range slow.Data {
		if i > 0 && slow.Data[i].TotalMS > slow.Data[i-1].TotalMS {
			t.Errorf("row %d took more than the one before", i)
		}
		if strings.Contains(slow.Data[i].Query, "'") {
			t.Errorf("a value is shown: %s", slow.Data[i].Query)
		}
	}

	var plans struct {
		Looked *string
		Data   []advisor.QueryPlan
	}
	w.performance(t, "GET", "/api/performance/plans", &plans)
	if plans.Looked == nil || len(plans.Data) == 0 {
		t.Errorf("looked %v, %d plans", plans.Looked, len(plans.Data))
	}
	explained := 0
	for _, plan := range plans.Data {
		if plan.Cost != nil {
			explained++
		} else if plan.Problem == nil {
			t.Errorf("neither a plan nor a problem: %+v", plan)
		} else {
			t.Logf("no plan: %s: %.200s", *plan.Problem, plan.Query)
		}
	}
	if explained == 0 || explained < len(plans.Data)*3/4 {
		t.Errorf("%d of %d statements have a plan", explained, len(plans.Data))
	}

	var indexes struct{ Data []advisor.IndexAdvice }
	w.performance(t, "GET", "/api/performance/indexes", &indexes)
	for _, index := range indexes.Data {
		t.Logf("%s %s.%s %v: %s", index.Verdict, index.Schema, index.Table, index.Columns, index.Reason)
	}
	var series struct {
		Data   []advisor.DatabaseMoment
		Tables []advisor.TableHealth
	}
	w.performance(t, "GET", "/api/performance/database", &series)
	if len(series.Data) != 1 || len(series.Tables) < 10 {
		t.Errorf("%d samples, %d tables", len(series.Data), len(series.Tables))
	}
}
