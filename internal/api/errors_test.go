package api_test

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/skyledger/skyledger/internal/api"
	"github.com/skyledger/skyledger/internal/fault"
	"github.com/skyledger/skyledger/internal/manifest"
)

// accountDeps answer from a day that was told.
func accountDeps(t testing.TB, account *told) api.Deps {
	t.Helper()
	deps := deps(t)
	deps.Account, deps.Health, deps.Entries = account, account, account
	deps.Faults = fault.NewRecorder(fault.RecorderOptions{Process: "api-status-2", Function: "api-status", Clock: deps.Clock})
	return deps
}

// accountTargets are the operations on errors and health.
func accountTargets() map[string]string {
	return map[string]string{
		"errors_summary": "/api/errors/summary?hours=24", "errors_statistics": "/api/errors/statistics?hours=24&sort=-requests&limit=2",
		"errors_trends":   "/api/errors/trends?hours=24&interval=6h&by=function",
		"errors_long":     "/api/errors/trends?hours=24&interval=1d&layout=long",
		"errors_service":  "/api/errors/service/api-status?hours=24",
		"errors_report":   "/api/errors/daily-report?days=1",
		"errors_health":   "/api/errors/health",
		"errors_alerts":   "/api/errors/alerts",
		"health":          "/api/health/comprehensive",
		"health_routes":   "/api/health/endpoints?sort=-requests&limit=1",
		"health_database": "/api/health/database",
		"health_system":   "/api/health/system",
		"health_data":     "/api/health/data-freshness",
	}
}

func TestShapesOfErrorsAndHealth(t *testing.T) {
	for name, target := range accountTargets() {
		t.Run(name+" has the shape of its golden file", func(t *testing.T) {
			answer := ask(handler(t, accountDeps(t, aDay())), "GET", target)
			if answer.Code != http.StatusOK {
				t.Fatalf("%d: %s", answer.Code, answer.Body)
			}
			golden(t, name, answer.Body.Bytes())
			if etag := answer.Header().Get("ETag"); !strings.HasPrefix(etag, `"`) {
				t.Errorf("ETag %q", etag)
			} else if again := ask(handler(t, accountDeps(t, aDay())), "GET", target, "If-None-Match", etag); again.Code != http.StatusNotModified {
				t.Errorf("asked again with its tag: %d", again.Code)
			}
		})
	}
}

func answerOf[T any](t *testing.T, handler http.Handler, target string) (answer T) {
	t.Helper()
	got := ask(handler, "GET", target)
	if err := json.Unmarshal(got.Body.Bytes(), &answer); err != nil || got.Code != http.StatusOK {
		t.Fatalf("%s: %d %v: %.300s", target, got.Code, err, got.Body)
	}
	return answer
}

type totals struct {
	Errors   int64 `json:"total_errors"`
	Refusals int64 `json:"total_refusals"`
	Requests int64 `json:"total_requests"`
	Failed   int64 `json:"total_failed"`
}

type trends struct {
	totals
	Data []struct {
		Time                               time.Time
		Group                              string
		Errors, Refusals, Requests, Failed int64
	}
}

// TestTrendsAddUpToTheSummary counts what was told by itself and holds every
// way of cutting it against that.
func TestTrendsAddUpToTheSummary(t *testing.T) {
	account := aDay()
	handler := handler(t, accountDeps(t, account))
	for _, span := range []string{"hours=24", "hours=6", "days=2", "from=2026-03-01T02:00:00Z&to=2026-03-01T04:00:00Z"} {
		t.Run(span, func(t *testing.T) {
			summary := answerOf[struct {
				totals
				From, To  time.Time
				ByClass   map[string]int64 `json:"by_class"`
				ByService map[string]int64 `json:"by_function"`
				Data      []struct{ Count int64 }
			}](t, handler, "/api/errors/summary?"+span)
			var want totals
			for _, row := range account.failures {
				switch inside := !row.Bucket.Before(summary.From) && row.Bucket.Before(summary.To); {
				case inside && row.Refusal:
					want.Refusals += row.Count
				case inside:
					want.Errors += row.Count
				}
			}
			for _, row := range account.requests {
				if !row.Bucket.Before(summary.From) && row.Bucket.Before(summary.To) {
					want.Requests += row.Count
					if row.Status == 5 {
						want.Failed += row.Count
					}
				}
			}
			if summary.totals != want {
				t.Errorf("the summary says %+v, counted were %+v", summary.totals, want)
			}
			var rows, classes int64
			for _, row := range summary.Data {
				rows += row.Count
			}
			for _, count := range summary.ByClass {
				classes += count
			}
			if rows != want.Errors || classes != want.Errors {
				t.Errorf("%d by row, %d by class, %d in all", rows, classes, want.Errors)
			}
			for _, by := range []string{"total", "function", "class", "operation"} {
				for _, interval := range []string{"", "&interval=5m", "&interval=1h", "&interval=1d"} {
					series := answerOf[trends](t, handler, "/api/errors/trends?"+span+"&by="+by+interval)
					sum := totals{Requests: want.Requests, Failed: want.Failed} // by class and operation have none
					if by == "total" || by == "function" {
						sum.Requests, sum.Failed = 0, 0
					}
					for i, row := range series.Data {
						sum.Errors += row.Errors
						sum.Refusals += row.Refusals
						sum.Requests += row.Requests
						sum.Failed += row.Failed
						if i > 0 && row.Time.Before(series.Data[i-1].Time) {
							t.Fatalf("row %d goes back in time", i)
						}
					}
					if sum != want || series.totals != want {
						t.Errorf("by=%s%s adds up to %+v and says %+v, want %+v", by, interval, sum, series.totals, want)
					}
				}
			}
		})
	}
}

func TestUnknownFunctionsAreNamedTheOthers(t *testing.T) {
	answer := ask(handler(t, accountDeps(t, aDay())), "GET", "/api/errors/service/nobody")
	if answer.Code != http.StatusNotFound {
		t.Fatalf("%d %s", answer.Code, answer.Body)
	}
	for _, function := range manifest.Functions() {
		if !strings.Contains(answer.Body.String(), function.Name) {
			t.Errorf("%s is not named: %s", function.Name, answer.Body)
		}
	}
}

func TestErrorsWhileTheDatabaseIsAway(t *testing.T) {
	away := &told{err: fault.E("store.Failures", fault.Unavailable, "connection", nil)}
	t.Run("a process that has seen nothing says when to come again", func(t *testing.T) {
		for _, path := range []string{"summary", "statistics", "trends", "service/ingest", "daily-report"} {
			answer := ask(handler(t, accountDeps(t, away)), "GET", "/api/errors/"+path)
			if answer.Code != http.StatusServiceUnavailable || answer.Header().Get("Retry-After") == "" {
				t.Errorf("%s: %d %s", path, answer.Code, answer.Body)
			}
		}
	})
	t.Run("a process tells what it has seen itself, and that it is no more than that", func(t *testing.T) {
		deps := accountDeps(t, away)
		handler := handler(t, deps)
		ctx := fault.WithFunction(t.Context(), "api-status")
		for range 3 {
			deps.Faults.Note(ctx, fault.E("op", fault.Internal, "x", nil))
			deps.Faults.Request(ctx, "event", 500, time.Second)
		}
		for _, path := range []string{"summary", "statistics", "trends", "service/api-status", "daily-report"} {
			answer := answerOf[struct {
				totals
				Scope string
				Since *time.Time
				Meta  struct{ Stale bool }
			}](t, handler, "/api/errors/"+path)
			// What the answers before this one noted comes on top.
			if answer.Errors < 3 || answer.Failed < 3 || answer.Scope != "process" || answer.Since == nil || !answer.Meta.Stale {
				t.Errorf("%s: %+v", path, answer)
			}
		}
	})
	t.Run("a process knows nothing of a function that is not its own", func(t *testing.T) {
		deps := accountDeps(t, away)
		deps.Faults.Request(fault.WithFunction(t.Context(), "api-status"), "GET /api/status", 200, 0)
		handler := handler(t, deps)
		if answer := ask(handler, "GET", "/api/errors/service/ingest"); answer.Code != http.StatusServiceUnavailable {
			t.Errorf("%d %s", answer.Code, answer.Body)
		}
		for _, row := range answerOf[struct{ Endpoints []api.EndpointRow }](t, handler, "/api/health/endpoints").Endpoints {
			if (row.Requests != nil) != (row.Function == "api-status") {
				t.Errorf("%+v", row)
			}
		}
	})
	t.Run("alerts say that it is away", func(t *testing.T) {
		alerts := answerOf[struct {
			Alerts []struct{ Alert, Subject string }
		}](t, handler(t, accountDeps(t, away)), "/api/errors/alerts")
		if len(alerts.Alerts) == 0 || alerts.Alerts[0].Alert != "database_down" || alerts.Alerts[0].Subject != "connection" {
			t.Errorf("%+v", alerts)
		}
	})
	t.Run("health answers, and is lower", func(t *testing.T) {
		type overall struct {
			Overall int `json:"overall_health"`
			Parts   []struct {
				Name   string
				Score  *float64
				Reason string
			}
		}
		before := answerOf[overall](t, handler(t, accountDeps(t, aDay())), "/api/health/comprehensive")
		after := answerOf[overall](t, handler(t, accountDeps(t, away)), "/api/health/comprehensive")
		if after.Overall >= before.Overall || !strings.Contains(after.Parts[1].Reason, "connection") || *after.Parts[1].Score != 0 {
			t.Errorf("before %d, after %+v", before.Overall, after)
		}
		for _, path := range []string{"endpoints", "database", "system", "data-freshness"} {
			answerOf[struct{}](t, handler(t, accountDeps(t, away)), "/api/health/"+path)
		}
	})
}

func TestRoutesNobodyAskedHaveNoFigures(t *testing.T) {
	account := aDay()
	bucket := now.Truncate(fault.BucketLength)
	account.requests = []fault.RequestCount{{
		Bucket: bucket, Function: "api-status", Route: "GET /api/status", Status: 2, Count: 3, Total: 9 * time.Millisecond,
		Durations: []int64{0, 0, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}, Last: bucket.Add(time.Second),
	}}
	rows := answerOf[struct {
		Endpoints []api.EndpointRow
		Asked     int
	}](t, handler(t, accountDeps(t, account)), "/api/health/endpoints")
	seen := map[string]api.EndpointRow{}
	for _, row := range rows.Endpoints {
		seen[row.Route] = row
	}
	last := bucket.Add(time.Second).UTC()
	asked, none := int64(3), int64(0)
	rate, mean, half, most := 0.0, 3.0, 3.75, 4.875
	want := api.EndpointRow{
		Route: "GET /api/status", Function: "api-status", LastRequest: &last, LastSuccess: &last,
		VolumeRow: api.VolumeRow{Requests: &asked, Failed: &none, Refused: &none, ErrorRate: &rate, MeanMS: &mean, P50MS: &half, P95MS: &most},
	}
	if diff := cmp.Diff(want, seen["GET /api/status"]); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(api.EndpointRow{
		Route: "GET /api/flights", Function: "api-flights", VolumeRow: api.VolumeRow{Requests: &none, Failed: &none, Refused: &none},
	}, seen["GET /api/flights"]); diff != "" {
		t.Error(diff)
	}
	if rows.Asked != 1 || len(seen) < 20 {
		t.Errorf("%d asked of %d", rows.Asked, len(seen))
	}
}

// TestEndpointsAreWhatPeopleAsk holds the figures over all routes against the
// routes': functions that answer nobody, and paths that do not exist, are none.
func TestEndpointsAreWhatPeopleAsk(t *testing.T) {
	account := aDay()
	bucket := now.Truncate(fault.BucketLength)
	count := func(function, route string, status int, times int64) fault.RequestCount {
		return fault.RequestCount{
			Bucket: bucket, Function: function, Route: route, Status: status, Count: times, Total: time.Duration(times) * 3 * time.Millisecond,
			Durations: []int64{0, 0, times, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}, Last: bucket.Add(time.Second),
		}
	}
	account.requests = []fault.RequestCount{
		count("api-status", "GET /api/status", 2, 15), count("api-status", "GET /api/status", 5, 5),
		count("api-status", "unknown", 4, 70), count("ingest", "event", 2, 240),
	}
	handler := handler(t, accountDeps(t, account))
	all := answerOf[struct {
		api.EndpointKeys
		Endpoints []api.EndpointRow
	}](t, handler, "/api/health/endpoints")
	var requests, failed int64
	for _, row := range all.Endpoints {
		requests += *row.Requests
		failed += *row.Failed
	}
	if *all.Requests != 20 || *all.Failed != 5 || requests != 20 || failed != 5 || *all.ErrorRate != 0.25 || *all.Score != 0 {
		t.Errorf("%d of %d failed, by route %d of %d; rate %v, score %v", *all.Failed, *all.Requests, failed, requests, *all.ErrorRate, *all.Score)
	}
	overall := answerOf[struct{ Parts []api.PartRow }](t, handler, "/api/health/comprehensive")
	if part := overall.Parts[2]; part.Name != "endpoints" || *part.Score != 0 || part.Reason != "5 of 20 requests of the hour failed" {
		t.Errorf("%+v", part)
	}
}

func TestSpansOfErrorsAreBounded(t *testing.T) {
	handler := handler(t, accountDeps(t, aDay()))
	for _, query := range []string{"days=32", "hours=0.5&days=1", "from=x", "limit=0", "interval=2h", "by=colour", "layout=tall"} {
		answer := ask(handler, "GET", "/api/errors/trends?"+query)
		if answer.Code != http.StatusUnprocessableEntity {
			t.Errorf("%s: %s %s", query, strconv.Itoa(answer.Code), answer.Body)
		}
	}
}
