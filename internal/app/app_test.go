package app_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambda"
	"github.com/jackc/pgx/v5"
	"go.uber.org/goleak"
	"go.uber.org/zap/zaptest"

	"github.com/skyledger/skyledger/internal/app"
	"github.com/skyledger/skyledger/internal/config"
	"github.com/skyledger/skyledger/internal/feedserver"
	"github.com/skyledger/skyledger/internal/live"
	"github.com/skyledger/skyledger/internal/manifest"
	"github.com/skyledger/skyledger/internal/provision/pgtest"
	"github.com/skyledger/skyledger/internal/provision/redistest"
	"github.com/skyledger/skyledger/internal/query/grammar"
	"github.com/skyledger/skyledger/internal/reference/referencetest"
	"github.com/skyledger/skyledger/internal/simulator"
	"github.com/skyledger/skyledger/internal/store"
)

func TestMain(m *testing.M) {
	if database := os.Getenv(childVariable); database != "" {
		noteUntilKilled(database)
	}
	pgtest.Main(m, func() error { return goleak.Find() })
}

// noon is the time of the events in events/.
var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

const aircraft = 30

// queued collects the ticks that ingest sends.
type queued []time.Time

// Later implements ingest.Queue.
func (q *queued) Later(_ context.Context, tick time.Time, _ time.Duration) error {
	*q = append(*q, tick)
	return nil
}

// world is a runtime on real parts with a simulated feed, and a clock that the
// test moves.
type world struct {
	runtime *app.Runtime
	now     time.Time
	queue   queued
	url     string
}

func newWorld(t *testing.T) *world {
	t.Helper()
	return newWorldOn(t, pgtest.New(t).URL, redistest.New(t).URL)
}

func newWorldOn(t *testing.T, database, redis string) *world {
	t.Helper()
	w := &world{now: noon.Add(5 * time.Second), url: database}
	clock := func() time.Time { return w.now }
	simulated, err := simulator.New(simulator.Options{Seed: 7, Aircraft: aircraft})
	if err != nil {
		t.Fatal(err)
	}
	feed := feedserver.New(simulator.NewSource(simulated, clock), feedserver.Options{Now: clock})
	if err := feed.Start("127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	people, err := store.QueryURL(w.url, "of the tests")
	if err != nil {
		t.Fatal(err)
	}
	settings, err := config.Load([]string{
		"QUERY_DATABASE_URL=" + people,
		"SOURCE=simulated", "FEED_STATUS_URL=" + feed.StatusURL(), "DATABASE_URL=" + w.url,
		"REDIS_URL=" + redis, "LOG_URL=file://" + t.TempDir(), "REFERENCE_DIR=" + referencetest.Dir(t),
	})
	if err != nil {
		t.Fatal(err)
	}
	w.runtime = &app.Runtime{Config: settings, Logger: zaptest.NewLogger(t), Clock: clock, Queue: &w.queue, Memory: live.NewMemory(), Grammar: grammar.Parse, Loopback: true}
	t.Cleanup(func() {
		if err := w.runtime.Close(); err != nil {
			t.Error(err)
		}
		if err := feed.Close(); err != nil {
			t.Error(err)
		}
	})
	return w
}

func (w *world) build(t *testing.T, name string) lambda.Handler {
	t.Helper()
	handler, err := app.Builders()[name](t.Context(), w.runtime)
	if err != nil {
		t.Fatalf("building %s: %v", name, err)
	}
	return handler
}

func (w *world) invoke(t *testing.T, name, event string) []byte {
	t.Helper()
	payload, err := os.ReadFile(filepath.Join("../../events", event+".json"))
	if err != nil {
		t.Fatal(err)
	}
	answer, err := w.build(t, name).Invoke(t.Context(), payload)
	if err != nil {
		t.Fatalf("%s on %s.json: %v", name, event, err)
	}
	return answer
}

func (w *world) count(t *testing.T, query string) (n int) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), w.url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	if err := conn.QueryRow(t.Context(), query).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

// TestEveryFunctionAnswersItsEvent drives the functions of the manifest with
// the events in events/, in the order of the data, and checks what each did.
func TestEveryFunctionAnswersItsEvent(t *testing.T) {
	w := newWorld(t)
	for _, function := range manifest.Functions() {
		if app.Builders()[function.Name] == nil {
			t.Fatalf("the function %s has no builder", function.Name)
		}
	}
	w.invoke(t, "migrate", "migrate")
	if n := w.count(t, `select count(*) from pg_views where schemaname = 'skyledger'`); n < 5 {
		t.Errorf("migrate made %d views", n)
	}

	w.invoke(t, "ingest", "ingest")
	if len(w.queue) != 3 || !w.queue[2].Equal(noon.Add(45*time.Second)) {
		t.Errorf("the minute's event queued %v", w.queue)
	}
	if n := w.count(t, `select count(*) from skyledger.feed_ledger where tick = '2026-03-01 12:00:00Z' and outcome = 'received'`); n != 1 {
		t.Errorf("the ledger has %d rows for the minute's first tick", n)
	}

	w.now = noon.Add(20 * time.Second)
	if answer := w.invoke(t, "ingest", "ingest-ticks"); string(answer) != `{"batchItemFailures":[]}` {
		t.Errorf("the batch was answered with %s", answer)
	}
	if n := w.count(t, `select count(distinct time) from skyledger.position`); n != 2 {
		t.Errorf("%d snapshots have positions, want 2", n)
	}

	w.invoke(t, "analyze", "analyze")
	if n := w.count(t, `select count(*) from sky.analyzed a join sky.snapshots using (at) where a.pilots = snapshots.pilots`); n != 2 {
		t.Errorf("analyze took %d snapshots, want 2", n)
	}
	if n := w.count(t, `select count(*) from sky.flight_legs`); n == 0 {
		t.Error("analyze found no flights")
	}
	if n := w.count(t, `select count(*) from kept.alert_rules where looked is not null and enabled`); n < 5 {
		t.Errorf("analyze evaluated %d rules", n)
	}

	w.invoke(t, "cleanup", "cleanup")
	if n := w.count(t, `select count(*) from pg_inherits where inhparent = 'sky.position_chunks'::regclass`); n < 3 {
		t.Errorf("cleanup made %d day partitions", n)
	}

	w.invoke(t, "reference", "reference")
	if n := w.count(t, `select count(*) from skyledger.airport where icao = 'EGLL' and iata = 'LHR' and fir = 'EGTT'`); n != 1 {
		t.Errorf("reference stored %d rows of London in its FIR", n)
	}
	if n := w.count(t, `select count(*) from skyledger.runway where icao = 'EGLL' and length_ft > 12000`); n != 2 {
		t.Errorf("reference stored %d runways of London", n)
	}

	var answered events.APIGatewayV2HTTPResponse
	if err := json.Unmarshal(w.invoke(t, "api-airports", "api-airports"), &answered); err != nil {
		t.Fatal(err)
	}
	if answered.StatusCode != http.StatusOK || !strings.Contains(answered.Body, `"airport_code":"EGLL","latitude":51.47`) {
		t.Errorf("api-airports answered %d %.200s", answered.StatusCode, answered.Body)
	}

	pilots := w.count(t, `select count(*) from skyledger.pilot_session where online`)
	for _, name := range []string{"api-status", "api-atc", "api-flights", "api-traffic", "api-alerts", "api-database", "api-performance"} {
		var response events.APIGatewayV2HTTPResponse
		if err := json.Unmarshal(w.invoke(t, name, name), &response); err != nil {
			t.Fatal(err)
		}
		if response.StatusCode != http.StatusOK || !strings.Contains(response.Body, `"source":"simulated"`) {
			t.Errorf("%s answered %d %.200s", name, response.StatusCode, response.Body)
		}
		if name == "api-flights" {
			var body struct{ Total int }
			if err := json.Unmarshal([]byte(response.Body), &body); err != nil || body.Total != pilots {
				t.Errorf("flights says %d, the sessions say %d (%v)", body.Total, pilots, err)
			}
		}
		if want := fmt.Sprintf(`"data":[{"online":%d}]`, pilots); name == "api-database" && !strings.Contains(response.Body, want) {
			t.Errorf("the statement answers %s, want %s", response.Body, want)
		}
	}
}

func TestPoisonMessagesFailAlone(t *testing.T) {
	w := newWorld(t)
	w.invoke(t, "migrate", "migrate")
	batch := events.SQSEvent{Records: []events.SQSMessage{
		{MessageId: "good", Body: `{"tick":"2026-03-01T12:00:00Z"}`},
		{MessageId: "garbage", Body: `not json`},
		{MessageId: "empty", Body: `{}`},
	}}
	payload, err := json.Marshal(batch)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := w.build(t, "ingest").Invoke(t.Context(), payload)
	if err != nil {
		t.Fatal(err)
	}
	if want := `{"batchItemFailures":[{"itemIdentifier":"garbage"},{"itemIdentifier":"empty"}]}`; string(answer) != want {
		t.Errorf("got %s, want %s", answer, want)
	}
	if n := w.count(t, `select count(*) from skyledger.feed_ledger where outcome = 'received'`); n != 1 {
		t.Errorf("the good message made %d rows", n)
	}
}

func TestWrongEventsAreRefused(t *testing.T) {
	w := newWorld(t)
	w.invoke(t, "migrate", "migrate")
	for name, payload := range map[string]string{"no JSON": `{`, "neither a schedule nor a batch": `{"hello":"world"}`} {
		if _, err := w.build(t, "ingest").Invoke(t.Context(), []byte(payload)); err == nil {
			t.Errorf("%s was accepted", name)
		}
	}
}

func TestReplayChangesNothing(t *testing.T) {
	w := newWorld(t)
	w.invoke(t, "migrate", "migrate")
	w.invoke(t, "ingest", "ingest")
	w.now = noon.Add(20 * time.Second)
	w.invoke(t, "ingest", "ingest-ticks")
	const state = `select count(*)::int from (select xmin::text, ctid::text from sky.sessions union all
		select xmin::text, ctid::text from sky.snapshots union all select xmin::text, ctid::text from sky.ticks) rows`
	before := w.count(t, state)
	head := w.count(t, `select version::int from sky.head`)
	if err := app.Replay(t.Context(), w.runtime, time.Time{}); err != nil {
		t.Fatal(err)
	}
	if after := w.count(t, state); after != before {
		t.Errorf("%d rows before, %d after", before, after)
	}
	if again := w.count(t, `select version::int from sky.head`); again != head {
		t.Errorf("the head moved from version %d to %d", head, again)
	}
}

// TestOneFunctionHasTheGrammar asks Go which functions the parser of SQL is
// linked into: it would cost every other one 270 MB and a second.
func TestOneFunctionHasTheGrammar(t *testing.T) {
	for _, function := range manifest.Functions() {
		command := exec.CommandContext(t.Context(), "go", "list", "-deps", "./functions/"+function.Name)
		command.Dir = "../.."
		packages, err := command.Output()
		if err != nil {
			t.Fatalf("go list: %v", err)
		}
		has := strings.Contains(string(packages), "wasilibs/go-pgquery")
		if want := function.Name == "api-database"; has != want {
			t.Errorf("%s has the grammar: %t, want %t", function.Name, has, want)
		}
		if strings.Contains(string(packages), "pganalyze") {
			t.Errorf("%s has the parser in C as well", function.Name)
		}
	}
}

func TestAFunctionWithoutTheQueryRoleSaysWhatToSet(t *testing.T) {
	w := newWorld(t)
	w.invoke(t, "migrate", "migrate")
	w.runtime.Config.QueryDatabaseURL = ""
	var response events.APIGatewayV2HTTPResponse
	if err := json.Unmarshal(w.invoke(t, "api-database", "api-database"), &response); err != nil {
		t.Fatal(err)
	}
	if response.StatusCode != http.StatusServiceUnavailable || !strings.Contains(response.Body, "QUERY_DATABASE_URL") || response.Headers["Retry-After"] == "" {
		t.Errorf("%d %v %s", response.StatusCode, response.Headers, response.Body)
	}
}
