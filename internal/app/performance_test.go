package app_test

import (
	"crypto/rand"
	"encoding/json"
	"net/http"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"github.com/skyledger/skyledger/internal/access"
)

// performance asks the function over its event, with another method or path.
func (w *world) performance(t *testing.T, method, path string, answer any) {
	t.Helper()
	response := w.respond(t, method, path, "")
	if response.StatusCode != http.StatusOK {
		t.Fatalf("%s %s: %d %s", method, path, response.StatusCode, response.Body)
	}
	if err := json.Unmarshal([]byte(response.Body), answer); err != nil {
		t.Fatal(err)
	}
}

// respond asks with a key, or none.
func (w *world) respond(t *testing.T, method, path, key string) (response events.APIGatewayV2HTTPResponse) {
	t.Helper()
	raw, err := os.ReadFile("../../events/api-performance.json")
	if err != nil {
		t.Fatal(err)
	}
	headers := `"headers": {`
	if key != "" {
		headers += `"x-api-key": "` + key + `",`
	}
	payload := strings.NewReplacer("/api/performance/metrics", path, `"GET`, `"`+method, `"headers": {`, headers).Replace(string(raw))
	answered, err := w.build(t, "api-performance").Invoke(t.Context(), []byte(payload))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(answered, &response); err != nil {
		t.Fatal(err)
	}
	return response
}

// key issues a key that is in force.
func (w *world) key(t *testing.T, scope access.Scope) string {
	t.Helper()
	database, err := w.runtime.Answers(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	text, _, err := access.Issue(t.Context(), database, rand.Reader, "tests", []access.Scope{scope}, time.Now().Add(-time.Hour), time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// flushed writes the process's figures, which are otherwise due once a minute.
func (w *world) flushed(t *testing.T) {
	t.Helper()
	usage, err := w.runtime.Usage(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	usage.Flush(t.Context())
}

func TestFunctionsAreCountedWhereTheyShareAProcess(t *testing.T) {
	w := newWorld(t)
	w.invoke(t, "migrate", "migrate")
	w.invoke(t, "ingest", "ingest")
	const asked = 7
	for range asked {
		w.invoke(t, "api-flights", "api-flights")
	}
	if _, err := w.build(t, "ingest").Invoke(t.Context(), []byte(`{"hello":"world"}`)); err == nil {
		t.Fatal("the event was accepted")
	}
	w.flushed(t)
	var answer struct {
		Functions []struct {
			Function, Recommendation string
			Invocations, Failures    int64
			Histogram                []int64
			PeakMemory               *int64 `json:"peak_memory_bytes"`
			Unmeasured               *string
		}
		Process struct {
			PID        int
			Goroutines int
			RSS        *int64 `json:"memory_rss_bytes"`
		}
		System struct {
			CPUCount int    `json:"cpu_count"`
			Memory   *int64 `json:"memory_total_bytes"`
		}
		Parts []struct {
			Name   string
			PingMS *float64 `json:"ping_ms"`
		}
		UsageReason *string `json:"usage_reason"`
	}
	w.performance(t, "GET", "/api/performance/metrics", &answer)
	want := map[string][2]int64{"migrate": {1, 0}, "ingest": {2, 1}, "api-flights": {asked, 0}, "cleanup": {0, 0}}
	for _, row := range answer.Functions {
		counts, known := want[row.Function]
		if !known {
			continue
		}
		delete(want, row.Function)
		var inBuckets int64
		for _, n := range row.Histogram {
			inBuckets += n
		}
		if row.Invocations != counts[0] || row.Failures != counts[1] || inBuckets != counts[0] {
			t.Errorf("%s: %d invocations (%d in buckets), %d failures; want %v", row.Function, row.Invocations, inBuckets, row.Failures, counts)
		}
		if row.PeakMemory != nil || (row.Invocations > 0) != (row.Unmeasured != nil) || row.Recommendation == "" {
			t.Errorf("%s claims memory of its own: %+v", row.Function, row)
		}
	}
	if len(want) > 0 {
		t.Errorf("missing: %v", want)
	}
	if answer.Process.PID != os.Getpid() || answer.Process.Goroutines < 2 || answer.System.CPUCount != runtime.NumCPU() {
		t.Errorf("process %+v, system %+v", answer.Process, answer.System)
	}
	if len(answer.Parts) != 2 || answer.Parts[0].PingMS == nil || answer.Parts[1].PingMS == nil || answer.UsageReason != nil {
		t.Errorf("parts %+v, reason %v", answer.Parts, answer.UsageReason)
	}
}

// backends are the server's connections to the test's database, but this one.
const backends = `SELECT count(*)::int FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'`

func forcedCollections() uint32 {
	var memory runtime.MemStats
	runtime.ReadMemStats(&memory)
	return memory.NumForcedGC
}

func TestOptimising(t *testing.T) {
	w := newWorld(t)
	w.invoke(t, "migrate", "migrate")
	var ignored map[string]any
	w.performance(t, "GET", "/api/performance/metrics", &ignored) // connects
	w.flushed(t)
	var answer struct {
		DryRun bool `json:"dry_run"`
		Memory struct {
			Done     bool
			Released *struct{}
		} `json:"memory_optimization"`
		Database struct {
			Done   bool
			Idle   int  `json:"idle_connections"`
			Closed *int `json:"closed_connections"`
		} `json:"database_optimization"`
	}

	connected, forced := w.count(t, backends), forcedCollections()
	w.performance(t, "GET", "/api/performance/optimize", &answer)
	if !answer.DryRun || answer.Memory.Done || answer.Memory.Released != nil || answer.Database.Closed != nil || answer.Database.Idle < 1 {
		t.Errorf("the dry run says %+v", answer)
	}
	if again := w.count(t, backends); again != connected {
		t.Errorf("a dry run left %d connections of %d", again, connected)
	}
	if again := forcedCollections(); again != forced {
		t.Errorf("a dry run collected garbage %d times", again-forced)
	}

	for key, want := range map[string]int{"": http.StatusUnauthorized, w.key(t, access.Read): http.StatusForbidden} {
		if refused := w.respond(t, "POST", "/api/performance/optimize", key); refused.StatusCode != want || forcedCollections() != forced {
			t.Errorf("without the scope admin: %d, want %d", refused.StatusCode, want)
		}
	}

	done := w.respond(t, "POST", "/api/performance/optimize", w.key(t, access.Admin))
	if err := json.Unmarshal([]byte(done.Body), &answer); err != nil || done.StatusCode != http.StatusOK {
		t.Fatalf("%d %s", done.StatusCode, done.Body)
	}
	if answer.DryRun || !answer.Memory.Done || answer.Memory.Released == nil || answer.Database.Idle < 1 || answer.Database.Closed == nil || *answer.Database.Closed != answer.Database.Idle {
		t.Errorf("the deed says %+v", answer)
	}
	if forcedCollections() == forced {
		t.Error("no garbage was collected")
	}
	for deadline := time.Now().Add(10 * time.Second); w.count(t, backends) >= connected; { // they leave in the background
		if time.Now().After(deadline) {
			t.Fatalf("%d connections before, and still %d", connected, w.count(t, backends))
		}
	}
}
