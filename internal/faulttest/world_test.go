package faulttest

import (
	"context"
	"fmt"
	"maps"
	"os"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"go.uber.org/goleak"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/skyledger/skyledger/internal/app"
	"github.com/skyledger/skyledger/internal/fault"
	"github.com/skyledger/skyledger/internal/feedserver"
	"github.com/skyledger/skyledger/internal/feedserver/scripted"
	"github.com/skyledger/skyledger/internal/ingest"
	"github.com/skyledger/skyledger/internal/provision/pgtest"
	"github.com/skyledger/skyledger/internal/store"
)

func TestMain(m *testing.M) {
	if order := os.Getenv(childVariable); order != "" {
		os.Exit(beChild(order))
	}
	app.QuietRedis(zap.NewNop()) // scenarios take Redis away on purpose
	pgtest.Main(m, func() error { return goleak.Find() })
}

// source is the name of every scenario's feed.
const source = "faulttest"

// clock is a clock that a scenario moves.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) set(now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = now
}

// world is one scenario: a scripted feed, a database, a log, a recorder, and
// what the scenario knows of what it served.
type world struct {
	t     testing.TB
	clock *clock
	feed  *scripted.Server
	site  site
	parts *parts // nil between stop and start
	logs  *observer.ObservedLogs
	adapt func(*ingest.Options) // wraps the parts of the recorder; may be nil

	served map[time.Time]*snapshot // valid ones, by key
}

// setting changes a world before it starts.
type setting func(*world)

// onServer takes a database of one's own server instead of the shared one's.
func onServer(url string) setting { return func(w *world) { w.site.DatabaseURL = url } }

// with changes the site: deadlines, bounds, the cache.
func with(change func(*site)) setting { return func(w *world) { change(&w.site) } }

// adapted wraps the recorder's parts.
func adapted(adapt func(*ingest.Options)) setting { return func(w *world) { w.adapt = adapt } }

// newWorld starts a scenario. Nothing has been recorded in it.
func newWorld(t testing.TB, settings ...setting) *world {
	t.Helper()
	feed, err := scripted.Start()
	must(t, err)
	t.Cleanup(func() { _ = feed.Close() })
	feed.Always(feedserver.TransceiversPath, scripted.JSON([]byte("[]")))
	core, logs := observer.New(zap.InfoLevel)
	w := &world{
		t: t, clock: &clock{now: base}, feed: feed, logs: logs, served: map[time.Time]*snapshot{},
		site: defaultSite(feed.StatusURL(), t.TempDir()),
	}
	w.site.logger = zap.New(core)
	for _, set := range settings {
		set(w)
	}
	if w.site.DatabaseURL == "" {
		w.site.DatabaseURL = freshDatabase(t)
	}
	w.start()
	t.Cleanup(w.stop)
	return w
}

// freshDatabase returns a migrated database of the shared server.
func freshDatabase(t testing.TB) string {
	t.Helper()
	migrate := func(url string) error { return store.Migrate(context.Background(), url, store.DefaultSchema, source) }
	db := pgtest.NewFrom(t, "migrated", migrate)
	must(t, migrate(db.URL)) // a clone lacks the role's settings
	return db.URL
}

// in returns the same world for a subtest, which must not stop it.
func (w *world) in(t testing.TB) *world {
	sub := *w
	sub.t = t
	return &sub
}

// start opens the recorder's parts as the cold start of a function does.
func (w *world) start() {
	w.t.Helper()
	opened, err := w.site.open(context.Background(), w.clock.Now, w.adapt)
	must(w.t, err)
	w.parts = opened
}

// stop ends the process, as far as it is one.
func (w *world) stop() {
	if w.parts != nil {
		w.parts.close()
		w.parts = nil
	}
}

func (w *world) restart() {
	w.t.Helper()
	w.stop()
	w.start()
}

// serve queues snapshots for the next requests, one each.
func (w *world) serve(snapshots ...*snapshot) {
	for _, s := range snapshots {
		w.served[s.key()] = s
		w.feed.Network(scripted.JSON(s.body()))
	}
}

// play queues steps that bring no valid snapshot.
func (w *world) play(steps ...scripted.Step) { w.feed.Network(steps...) }

// always answers every request for the network from now on, beyond what is queued.
func (w *world) always(step scripted.Step) { w.feed.Always(networkPath, step) }

// tick does the kth tick a few seconds after its time. The tick must not fail:
// what goes wrong around it is an outcome.
func (w *world) tick(k int) ingest.Report {
	w.t.Helper()
	w.clock.set(tickAt(k).Add(fetchedAfter))
	report, err := w.parts.recorder.Tick(context.Background(), tickAt(k))
	if err != nil {
		w.t.Fatalf("tick %d: %v", k, err)
	}
	if k%4 == 3 {
		w.analyze()
	}
	return report
}

// record serves and does ticks from..to with so many pilots, all of which must
// be received.
func (w *world) record(from, to, pilots int) {
	w.t.Helper()
	for k := from; k <= to; k++ {
		w.serve(traffic(k, pilots))
		if report := w.tick(k); report.Outcome != store.Received || report.Delayed != "" {
			w.t.Fatalf("tick %d is %s %q, delayed %q", k, report.Outcome, report.Reason, report.Delayed)
		}
	}
}

// analyze runs the analysis, as every minute does. What the database refuses
// now is the next one's.
func (w *world) analyze() {
	w.t.Helper()
	if _, err := w.parts.analyst.Run(context.Background()); err != nil && !fault.Retryable(err) && !fault.Is(err, fault.Conflict) {
		w.t.Errorf("analysis: %v", err)
	}
}

// expect does the kth tick and checks its outcome and reason.
func (w *world) expect(k int, outcome store.Outcome, reason string) ingest.Report {
	w.t.Helper()
	report := w.tick(k)
	if report.Outcome != outcome || report.Reason != reason || report.Delayed != "" {
		w.t.Fatalf("tick %d is %s %q, delayed %q; want %s %q", k, report.Outcome, report.Reason, report.Delayed, outcome, reason)
	}
	return report
}

// inOrder returns the valid snapshots served, by time.
func (w *world) inOrder() []*snapshot {
	keys := slices.SortedFunc(maps.Keys(w.served), time.Time.Compare)
	list := make([]*snapshot, len(keys))
	for i, key := range keys {
		list[i] = w.served[key]
	}
	return list
}

// connect returns a connection of the test's own.
func connect(t testing.TB, url string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(context.Background(), url)
	must(t, err)
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	return conn
}

// execute runs statements on the world's database.
func (w *world) execute(statements ...string) {
	w.t.Helper()
	executeAt(w.t, w.site.DatabaseURL, statements...)
}

func executeAt(t testing.TB, url string, statements ...string) {
	t.Helper()
	ctx := context.Background()
	conn, err := pgx.Connect(ctx, url)
	must(t, err)
	defer func() { _ = conn.Close(ctx) }()
	for _, statement := range statements {
		if _, err := conn.Exec(ctx, statement); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}
}

// query returns the rows of one column set, each as RowTo or RowToStructByPos reads it.
func query[T any](t testing.TB, url string, to pgx.RowToFunc[T], sql string, arguments ...any) []T {
	t.Helper()
	ctx := context.Background()
	conn, err := pgx.Connect(ctx, url)
	must(t, err)
	defer func() { _ = conn.Close(ctx) }()
	rows, err := conn.Query(ctx, sql, arguments...)
	if err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	values, err := pgx.CollectRows(rows, to)
	if err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return values
}

// one returns a single value.
func one[T any](t testing.TB, url, sql string, arguments ...any) T {
	t.Helper()
	values := query(t, url, pgx.RowTo[T], sql, arguments...)
	if len(values) != 1 {
		t.Fatalf("%s: %d rows", sql, len(values))
	}
	return values[0]
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// eventually waits until a condition holds; what it waits for is named for the
// message that it never did.
func eventually(t testing.TB, what string, holds func() bool) {
	t.Helper()
	deadline := time.NewTimer(time.Minute)
	defer deadline.Stop()
	often := time.NewTicker(5 * time.Millisecond)
	defer often.Stop()
	for !holds() {
		select {
		case <-deadline.C:
			t.Fatalf("not in a minute: %s", what)
		case <-often.C:
		}
	}
}

// scenario is a row of the tables in this package.
func scenario(t *testing.T, number int, sentence string, run func(t *testing.T)) {
	t.Helper()
	t.Run(fmt.Sprintf("%d: %s", number, sentence), func(t *testing.T) {
		t.Parallel()
		run(t)
	})
}

// behindRelay puts a relay before the feed.
func (w *world) behindRelay() *relay {
	w.t.Helper()
	r, address := relayed(w.t, w.feed.URL())
	w.feed.Always(feedserver.StatusPath, scripted.JSON(feedserver.StatusBody(address)))
	return r
}
