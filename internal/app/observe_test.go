package app_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambdacontext"
	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"
	"go.uber.org/zap"

	"github.com/skyledger/skyledger/internal/app"
	"github.com/skyledger/skyledger/internal/config"
	"github.com/skyledger/skyledger/internal/fault"
	"github.com/skyledger/skyledger/internal/provision/pgtest"
	"github.com/skyledger/skyledger/internal/provision/redistest"
)

// lines reads a query of one text column.
func lines(t *testing.T, url, query string) []string {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	rows, err := conn.Query(t.Context(), query)
	if err != nil {
		t.Fatal(err)
	}
	texts, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	return texts
}

const (
	toldFailures = `SELECT concat_ws(' ', function, class, op, reason, sum(count), request_id) FROM kept.failures
		JOIN kept.failure_counts USING (function, fingerprint) GROUP BY function, class, op, reason, request_id ORDER BY 1`
	toldRequests = `SELECT concat_ws(' ', function, route, status, sum(count)) FROM kept.request_counts GROUP BY function, route, status ORDER BY 1`
)

func TestFailedInvocationsAreRecorded(t *testing.T) {
	w := newWorld(t)
	w.invoke(t, "migrate", "migrate")
	ingest := w.build(t, "ingest")
	ctx := lambdacontext.NewContext(t.Context(), &lambdacontext.LambdaContext{AwsRequestID: "lambda-1"})
	if _, err := ingest.Invoke(ctx, []byte(`{"hello":"world"}`)); err == nil {
		t.Fatal("the event was accepted")
	}
	batch := `{"Records":[{"messageId":"m-1","body":"{}"},{"messageId":"m-2","body":"not json"}]}`
	if _, err := ingest.Invoke(ctx, []byte(batch)); err != nil {
		t.Fatal(err)
	}
	w.invoke(t, "ingest", "ingest")
	database, err := w.runtime.Store(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := w.runtime.Faults().Finish(t.Context(), database); err != nil {
		t.Fatal(err)
	}
	want := []string{
		"ingest invalid_input app.Ingest event_shape 1 lambda-1",
		"ingest invalid_input app.Ingest message_shape 2 m-2",
	}
	if diff := cmp.Diff(want, lines(t, w.url, toldFailures)); diff != "" {
		t.Errorf("failures (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"ingest event 2 1", "ingest event 5 2", "migrate event 2 1"}, lines(t, w.url, toldRequests)); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
	if ended := lines(t, w.url, `SELECT function FROM kept.processes WHERE ended IS NOT NULL`); len(ended) != 1 || ended[0] != "local" {
		t.Errorf("processes that ended: %v", ended)
	}
}

func TestWhatFailsWhileTheDatabaseIsAwayIsToldLater(t *testing.T) {
	server := pgtest.Server(t)
	url := server.URL("postgres")
	runtime := newRuntime(t, url)
	migrate(t, runtime)
	cleanup, err := app.Builders()["cleanup"](t.Context(), runtime)
	if err != nil {
		t.Fatal(err)
	}
	if err := server.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	const runs = 3
	for range runs {
		if _, err := cleanup.Invoke(t.Context(), []byte(`{}`)); err == nil {
			t.Fatal("cleanup found a database")
		}
	}
	if err := server.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	database, err := runtime.Store(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for range 2 { // what was tried before, then the rest
		if err := runtime.Faults().Flush(t.Context(), database); err != nil {
			t.Fatal(err)
		}
	}
	failures := lines(t, url, `SELECT op || ' ' || sum(count) FROM kept.failures JOIN kept.failure_counts USING (function, fingerprint)
		WHERE op <> 'store.RecordFaults' GROUP BY op`)
	if diff := cmp.Diff([]string{fmt.Sprint("store.Head ", runs)}, failures); diff != "" {
		t.Errorf("failures (-want +got):\n%s", diff)
	}
	requests := lines(t, url, toldRequests)
	if diff := cmp.Diff([]string{fmt.Sprint("cleanup event 5 ", runs)}, requests); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
}

func newRuntime(t testing.TB, url string) *app.Runtime {
	t.Helper()
	runtime := runtimeOn(url, t.TempDir())
	t.Cleanup(func() {
		if err := runtime.Close(); err != nil {
			t.Error(err)
		}
	})
	return runtime
}

func runtimeOn(url, log string) *app.Runtime {
	settings, err := config.Load([]string{"SOURCE=simulated", "DATABASE_URL=" + url, "LOG_URL=file://" + log})
	if err != nil {
		panic(err)
	}
	return &app.Runtime{Config: settings, Logger: zap.NewNop(), Clock: time.Now}
}

func migrate(t testing.TB, runtime *app.Runtime) {
	t.Helper()
	handler, err := app.Migrate(t.Context(), runtime)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := handler.Invoke(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
}

// childVariable makes the test binary the process that is killed.
const childVariable = "SKYLEDGER_TEST_CHILD_DATABASE"

const toldBefore, lost = 5, 3

// noteUntilKilled tells some of its notes, then notes more and waits for its end.
func noteUntilKilled(url string) {
	ctx := context.Background()
	runtime := runtimeOn(url, os.TempDir())
	database, err := runtime.Store(ctx)
	if err != nil {
		panic(err)
	}
	note := func(times int) {
		for range times {
			runtime.Faults().Note(ctx, fault.E("child", fault.Internal, "noted", nil))
		}
	}
	note(toldBefore)
	if err := runtime.Faults().Flush(ctx, database); err != nil {
		panic(err)
	}
	note(lost)
	fmt.Println("ready")
	select {}
}

func TestAProcessThatIsKilledLosesWhatItHadNotTold(t *testing.T) {
	url := pgtest.New(t).URL
	migrate(t, newRuntime(t, url))
	child := exec.CommandContext(t.Context(), os.Args[0])
	child.Env = append(os.Environ(), childVariable+"="+url)
	child.Stderr = os.Stderr
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(out).ReadString('\n'); strings.TrimSpace(line) != "ready" {
		t.Fatalf("the child said %q, %v", line, err)
	}
	if err := child.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	var killed *exec.ExitError
	if err := child.Wait(); !errors.As(err, &killed) {
		t.Fatalf("the child ended with %v", err)
	}
	if diff := cmp.Diff([]string{fmt.Sprint("local internal child noted ", toldBefore, " ")}, lines(t, url, toldFailures)); diff != "" {
		t.Errorf("failures (-want +got):\n%s", diff)
	}
	// It did not say that it ended: that is how its loss shows.
	if diff := cmp.Diff([]string{"local"}, lines(t, url, `SELECT function FROM kept.processes WHERE ended IS NULL`)); diff != "" {
		t.Errorf("processes (-want +got):\n%s", diff)
	}
}

// get asks a function over its event and reads the answer.
func (w *world) get(t *testing.T, function, path string, into any) int {
	t.Helper()
	event := events.APIGatewayV2HTTPRequest{Version: "2.0", RawPath: path, Headers: map[string]string{"host": "localhost"}}
	event.RequestContext.HTTP.Method, event.RequestContext.HTTP.Path, event.RequestContext.HTTP.SourceIP = http.MethodGet, path, "127.0.0.1"
	payload, err := json.Marshal(event)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := w.build(t, function).Invoke(t.Context(), payload)
	if err != nil {
		t.Fatal(err)
	}
	var response events.APIGatewayV2HTTPResponse
	if err := json.Unmarshal(raw, &response); err != nil {
		t.Fatal(err)
	}
	if response.StatusCode == http.StatusOK {
		if err := json.Unmarshal([]byte(response.Body), into); err != nil {
			t.Fatalf("%s: %v: %.200s", path, err, response.Body)
		}
	}
	return response.StatusCode
}

// TestHealthSaysWhatIsAway stops the parts one after the other and asks what
// people would ask then.
func TestHealthSaysWhatIsAway(t *testing.T) {
	server, redis := pgtest.Server(t), redistest.New(t)
	w := newWorldOn(t, server.URL("postgres"), redis.URL)
	w.invoke(t, "migrate", "migrate")
	w.invoke(t, "ingest", "ingest")
	health := func(name string) (overall int, score float64, reason string) {
		t.Helper()
		answer := struct {
			Overall int `json:"overall_health"`
			Parts   []struct {
				Name, Reason string
				Score        *float64
			}
		}{}
		if status := w.get(t, "api-status", "/api/health/comprehensive", &answer); status != http.StatusOK {
			t.Fatalf("health answers %d", status)
		}
		for _, part := range answer.Parts {
			if part.Name == name && part.Score != nil {
				score, reason = *part.Score, part.Reason
			}
		}
		return answer.Overall, score, reason
	}
	well, score, _ := health("cache")
	if well < 90 || score != 100 {
		t.Fatalf("with everything there health is %d, the cache's score %g", well, score)
	}
	if err := redis.Server.Kill(); err != nil {
		t.Fatal(err)
	}
	withoutRedis, score, reason := health("cache")
	if withoutRedis >= well || score != 0 || !strings.Contains(reason, "does not answer") {
		t.Errorf("without Redis health is %d, the cache's score %g: %s", withoutRedis, score, reason)
	}
	if err := server.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	if overall, score, reason := health("database"); overall >= withoutRedis || score != 0 || !strings.Contains(reason, "does not answer") {
		t.Errorf("without both health is %d, the database's score %g: %s", overall, score, reason)
	}
	var summary struct {
		Scope string
		Total int64 `json:"total_errors"`
		Meta  struct{ Stale bool }
	}
	if status := w.get(t, "api-status", "/api/errors/summary", &summary); status != http.StatusOK || summary.Scope != "process" || !summary.Meta.Stale || summary.Total == 0 {
		t.Errorf("%d %+v", status, summary)
	}
	if err := server.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	database, err := w.runtime.Answers(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for range 3 { // connections that died with the server, what was tried before, the rest
		_ = w.runtime.Faults().Flush(t.Context(), database)
	}
	before := summary.Total
	if status := w.get(t, "api-status", "/api/errors/summary", &summary); status != http.StatusOK || summary.Scope != "deployment" || summary.Meta.Stale || summary.Total < before {
		t.Errorf("after its return: %d %+v, before %d", status, summary, before)
	}
}
