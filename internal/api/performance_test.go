package api_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/skyledger/skyledger/internal/advisor"
	"github.com/skyledger/skyledger/internal/api"
	"github.com/skyledger/skyledger/internal/fault"
	"github.com/skyledger/skyledger/internal/resource"
	"github.com/skyledger/skyledger/internal/store"
)

// resources were measured once and for all; nothing is done to them but by
// Optimize, which is counted.
type resources struct {
	away      bool // the database
	optimized int
	from, to  time.Time
}

func to[T any](value T) *T { return &value }

func (r *resources) Now() time.Time { return now }

// hour is an hour of ingest on Lambda, other an hour of a function that shares
// its process.
func hour(n int) store.UsageRow {
	return store.UsageRow{
		Hour: moment.Truncate(time.Hour).Add(time.Duration(n-4) * time.Hour), Function: "ingest", Invocations: 60, Failures: 1,
		ColdStarts: to(int64(1)), DurationMS: 60 * 400, DurationMaxMS: 1800, Histogram: []int64{0, 0, 0, 0, 0, 10, 40, 8, 2, 0, 0, 0},
		BilledMS: to(int64(24100)), InitMS: to(90.0), InitMaxMS: to(90.0), CPUMS: to(3000.0), GCMS: to(150.0),
		PeakMemory: to(int64(200 << 20)), MemoryMB: to(int32(512)),
	}
}

func other(n int) store.UsageRow {
	return store.UsageRow{
		Hour: hour(n).Hour, Function: "api-atc", Invocations: 4, DurationMS: 10, DurationMaxMS: 4, Histogram: []int64{4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0},
	}
}

func (r *resources) History(_ context.Context, from, to time.Time) ([]store.UsageRow, error) {
	r.from, r.to = from, to
	if r.away {
		return nil, fault.E("test.Usage", fault.Unavailable, "connection_refused", nil)
	}
	return []store.UsageRow{other(0), hour(0), hour(1), hour(2)}, nil
}

func (r *resources) Report(ctx context.Context, from, until time.Time) resource.Report {
	usage, err := r.History(ctx, from, until)
	totals, hours := resource.ByFunction(usage)
	report := resource.Report{
		Process: resource.Process{
			PID: 7, StartedAt: to(moment.Add(-time.Hour)), UptimeS: to(3604.0), CPUSeconds: 42.5, CPUPercent: to(3.5), GOMAXPROCS: 2,
			MemoryRSS: to(int64(80 << 20)), MemoryPeak: to(int64(96 << 20)), MemoryLimit: to(int64(429496729)), HeapLive: 20 << 20,
			HeapFree: 4 << 20, HeapReleased: 1 << 20, GoMemory: 40 << 20, Goroutines: 12, Threads: to(9), OpenFiles: to(14),
			GCCycles: 30, GCShare: to(0.04), GCPauseP99MS: to(0.3), SchedP99MS: to(0.1),
		},
		Machine: resource.Machine{CPUCount: 2, Platform: "linux arm64", MemoryTotal: to(int64(512 << 20)), Disks: []resource.Disk{{Path: "/tmp", Total: 1e9, Free: 9e8, UsedPercent: 10}}},
		Network: &resource.Network{BytesSent: 10, BytesReceived: 20, Connections: to(3)},
		Lambda:  resource.Lambda{Function: "skyledger-api-performance", Version: "$LATEST", MemoryMB: 512, Initialization: "on-demand", Region: "eu-west-1"},
		Init:    to(80 * time.Millisecond),
		Pool:    store.Pool{Size: 2, Idle: 1, InUse: 1, Max: 2, Acquires: 200, Waits: 4, WaitTime: 100 * time.Millisecond},
		Parts:   []resource.Part{{Name: "database", PingMS: to(0.8)}, {Name: "cache", Reason: to("redis_down")}},
		Fill:    []resource.Fill{{What: "database", UsedBytes: 5e9, GrowthPerDay: to(1e8), Samples: 48}},
	}
	report.Findings = resource.Findings(resource.Evidence{FeedLagS: to(70.0), Process: report.Process})
	for _, total := range totals {
		planned := resource.Function{Name: total.Function, MemoryMB: 512, Timeout: 45 * time.Second}
		report.Functions = append(report.Functions, resource.FunctionReport{
			Planned: planned, Usage: total, Hours: hours[total.Function], Recommendation: resource.Recommend(total, hours[total.Function]),
		})
	}
	report.Functions = append(report.Functions, resource.FunctionReport{
		Planned: resource.Function{Name: "cleanup", MemoryMB: 1024}, Usage: store.UsageRow{Function: "cleanup", Histogram: make([]int64, store.UsageBuckets)},
		Recommendation: resource.Recommend(store.UsageRow{}, 0),
	})
	if err != nil {
		report.UsageReason, report.Fill = fault.ReasonOf(err), nil
	}
	return report
}

func (r *resources) Plan() (resource.MemoryWork, resource.ConnectionWork) {
	process := r.Report(context.Background(), now, now).Process
	return resource.MemoryWork{Process: process, Free: process.HeapFree}, resource.ConnectionWork{Before: store.Pool{Size: 2, Idle: 2, Max: 2, Acquires: 200, WaitTime: time.Second}}
}

func (r *resources) Optimize() (resource.MemoryWork, resource.ConnectionWork) {
	r.optimized++
	memory, connections := r.Plan()
	memory.Done = &resource.Released{RSSBefore: to(int64(80 << 20)), RSSAfter: to(int64(60 << 20)), HeapBefore: 24 << 20, HeapAfter: 10 << 20}
	connections.After = &store.Pool{Max: 2, Acquires: 200}
	return memory, connections
}

// maintenance is of a table that is due, and is counted where the resources are.
type maintenance struct{ of *resources }

func (r *resources) maintenance() maintenance { return maintenance{r} }

func (m maintenance) Plan(context.Context) ([]advisor.Action, error) {
	if m.of.away {
		return nil, fault.E("test.Plan", fault.Unavailable, "connection_refused", nil)
	}
	return []advisor.Action{{
		Kind: advisor.Vacuum, Object: "sky.sessions", Statement: "VACUUM sky.sessions", Reason: "30 % of its rows are dead.", Bytes: 1e6, Automatic: true,
	}}, nil
}

func (m maintenance) Apply(ctx context.Context) ([]advisor.Done, error) {
	m.of.optimized++
	due, err := m.Plan(ctx)
	return []advisor.Done{{Action: due[0], Outcome: "done", DurationMS: 12.5, DeadBefore: 300, DeadAfter: to(int64(0))}}, err
}

func performance(t testing.TB, r *resources) http.Handler {
	t.Helper()
	built, err := api.New(api.Deps{Resources: r, Maintenance: r.maintenance(), Source: "live", Clock: r.Now, Logger: zap.NewNop()}, "api-performance")
	if err != nil {
		t.Fatal(err)
	}
	return built
}

func TestPerformanceShapes(t *testing.T) {
	for name, target := range map[string]string{
		"performance_metrics": "/api/performance/metrics", "performance_history": "/api/performance/history?hours=6",
		"performance_history_long": "/api/performance/history?layout=long&function=api-atc", "optimize_dry_run": "/api/performance/optimize",
	} {
		t.Run(name+" has the shape of its golden file", func(t *testing.T) {
			answer := ask(performance(t, &resources{}), "GET", target)
			if answer.Code != http.StatusOK {
				t.Fatalf("%d: %s", answer.Code, answer.Body)
			}
			golden(t, name, answer.Body.Bytes())
			if etag := answer.Header().Get("ETag"); !strings.HasPrefix(etag, `"`) {
				t.Errorf("ETag %q", etag)
			}
		})
	}
	t.Run("the deed has the shape of its golden file", func(t *testing.T) {
		r := &resources{}
		answer := askBody(performance(t, r), "POST", "/api/performance/optimize", "")
		if answer.Code != http.StatusOK || r.optimized != 2 {
			t.Fatalf("%d, done %d times: %s", answer.Code, r.optimized, answer.Body)
		}
		golden(t, "optimize", answer.Body.Bytes())
	})
}

func TestADryRunDoesNothing(t *testing.T) {
	r := &resources{}
	if answer := ask(performance(t, r), "GET", "/api/performance/optimize"); answer.Code != http.StatusOK || r.optimized != 0 {
		t.Errorf("%d, done %d times", answer.Code, r.optimized)
	}
}

func TestPerformanceWithoutTheDatabase(t *testing.T) {
	handler := performance(t, &resources{away: true})
	answer := ask(handler, "GET", "/api/performance/metrics")
	if body := answer.Body.String(); answer.Code != http.StatusOK || !strings.Contains(body, `"usage_reason":"connection_refused"`) || !strings.Contains(body, `"stale":true`) {
		t.Errorf("this process's own figures: %d %s", answer.Code, body)
	}
	for _, answer := range []*httptest.ResponseRecorder{ask(handler, "GET", "/api/performance/optimize"), askBody(handler, "POST", "/api/performance/optimize", "")} {
		if body := answer.Body.String(); answer.Code != http.StatusOK || !strings.Contains(body, `"unavailable":"connection_refused"`) || !strings.Contains(body, `"due":[],"applied":[]`) {
			t.Errorf("the optimisation: %d %s", answer.Code, body)
		}
	}
	if answer := ask(handler, "GET", "/api/performance/history"); answer.Code != http.StatusServiceUnavailable {
		t.Errorf("the history: %d %s", answer.Code, answer.Body)
	}
}

func TestPerformanceSpans(t *testing.T) {
	r := &resources{}
	handler := performance(t, r)
	ask(handler, "GET", "/api/performance/history?hours=2.5")
	if want := now.Add(-150 * time.Minute).Truncate(time.Hour); !r.from.Equal(want) || !r.to.Equal(now) {
		t.Errorf("asked for %s to %s, want the whole hour from %s", r.from, r.to, want)
	}
	for _, target := range []string{"/api/performance/metrics?days=91", "/api/performance/history?hours=-1", "/api/performance/history?layout=deep", "/api/performance/metrics?sort=none"} {
		if answer := ask(handler, "GET", target); answer.Code != http.StatusUnprocessableEntity {
			t.Errorf("%s: %d", target, answer.Code)
		}
	}
}
