package alert_test

import (
	"context"
	"crypto/rand"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"go.uber.org/goleak"

	"github.com/skyledger/skyledger/internal/alert"
	"github.com/skyledger/skyledger/internal/provision/pgtest"
	"github.com/skyledger/skyledger/internal/store"
	"github.com/skyledger/skyledger/internal/webhook"
)

func TestMain(m *testing.M) { pgtest.Main(m, func() error { return goleak.Find() }) }

const secret = "a secret of the receiver's own"

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// figure is a figure that the test sets; what it does not set is not known.
type figure struct {
	mu     sync.Mutex
	values map[string]float64
	err    error
}

func (*figure) Describe() alert.Description {
	return alert.Description{Name: "figure", Unit: "things", Subjects: "anything", Every: true}
}

func (*figure) Check(context.Context, string) error { return nil }

func (f *figure) Observe(_ context.Context, now time.Time, _ []string) (alert.Observation, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	o := alert.Observation{AsOf: now}
	for subject, value := range f.values {
		o.Readings = append(o.Readings, alert.Value(subject, value, "said of "+subject))
	}
	return o, f.err
}

func (f *figure) set(subject string, value float64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.values == nil {
		f.values = map[string]float64{}
	}
	f.values[subject] = value
}

// request is what a receiver got.
type request struct {
	header http.Header
	body   []byte
}

// receiver is somebody who is told, over real HTTP.
type receiver struct {
	*httptest.Server
	mu       sync.Mutex
	requests []request
	answer   http.HandlerFunc // nil: 204
}

func newReceiver(t *testing.T, answer http.HandlerFunc) *receiver {
	t.Helper()
	r := &receiver{answer: answer}
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		body, err := io.ReadAll(q.Body)
		if err != nil {
			t.Error(err)
		}
		r.mu.Lock()
		r.requests = append(r.requests, request{q.Header.Clone(), body})
		answer := r.answer
		r.mu.Unlock()
		if answer != nil {
			answer(w, q)
			return
		}
		w.WriteHeader(http.StatusNoContent)
	}))
	t.Cleanup(r.Close)
	return r
}

func (r *receiver) answers(answer http.HandlerFunc) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.answer = answer
}

// got returns the events that were told, in order.
func (r *receiver) got() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	events := []string{}
	for _, request := range r.requests {
		events = append(events, request.header.Get(webhook.HeaderEvent))
	}
	return events
}

// world is an evaluator on a real database, with a figure and a clock that the
// test moves.
type world struct {
	t       *testing.T
	store   *store.Store
	conn    *pgx.Conn
	figure  *figure
	now     time.Time
	options alert.Options
	sealer  *alert.Sealer
}

func newWorld(t *testing.T) *world {
	t.Helper()
	const source = "live"
	db := pgtest.NewFrom(t, "migrated", func(url string) error {
		return store.Migrate(context.Background(), url, store.DefaultSchema, source)
	})
	must(t, store.Migrate(t.Context(), db.URL, store.DefaultSchema, source))
	return worldOn(t, db.URL)
}

func worldOn(t *testing.T, url string) *world {
	t.Helper()
	w := &world{t: t, figure: &figure{}, now: noon}
	var err error
	w.store, err = store.Open(t.Context(), store.Options{URL: url, MaxConns: 4, AcquireTimeout: 2 * time.Second})
	must(t, err)
	t.Cleanup(w.store.Close)
	w.conn, err = pgx.Connect(t.Context(), url)
	must(t, err)
	t.Cleanup(func() { _ = w.conn.Close(context.Background()) })
	w.exec(`DELETE FROM kept.alert_rules`) // those that ship ask for other figures
	w.sealer = alert.NewSealer(alert.Keys(strings.Repeat("k", alert.LeastKey)), rand.Reader)
	w.options = alert.Options{
		Book: w.store, Figures: alert.Catalogue{w.figure}, Deliverer: w.deliverer(), Clock: func() time.Time { return w.now },
	}
	return w
}

func (w *world) deliverer() *alert.Deliverer {
	allowed, err := webhook.ParseNetworks("127.0.0.0/8")
	must(w.t, err)
	client := webhook.New(webhook.Options{Allowed: allowed, Clock: time.Now})
	senders := map[string]alert.Sender{}
	for _, kind := range []string{"webhook", "discord", "slack"} {
		senders[kind] = client.Sender(kind)
	}
	return alert.NewDeliverer(alert.DelivererOptions{Queue: w.store, Senders: senders, Sealer: w.sealer, Token: rand.Text})
}

// rule adds a rule above 10, over at 5, at once, told to the receivers.
func (w *world) rule(change func(*store.AlertRule), receivers ...*receiver) store.AlertRule {
	w.t.Helper()
	rule := store.AlertRule{
		ID: "r", Name: "Rule", Figure: "figure", Subjects: []string{"*"}, Direction: store.AlertAbove, Threshold: 10, Clear: 5,
		Severity: "warning", NoData: store.AlertHold, Enabled: true, Updated: noon,
	}
	for i, receiver := range receivers {
		rule.Receivers = append(rule.Receivers, w.sealed(rule.ID, string(rune('a'+i)), alert.Target{Kind: "webhook", URL: receiver.URL, Secret: secret}))
	}
	if change != nil {
		change(&rule)
	}
	must(w.t, w.store.AddAlertRule(w.t.Context(), rule, alert.MostRules))
	return rule
}

func (w *world) sealed(rule, id string, target alert.Target) store.AlertReceiver {
	w.t.Helper()
	sealed, key, err := w.sealer.Seal(w.t.Context(), rule, id, target)
	must(w.t, err)
	return store.AlertReceiver{ID: id, Kind: target.Kind, Shown: "http://127.0.0.1/…", Sealed: sealed, Key: key}
}

// run evaluates so long after noon.
func (w *world) run(after time.Duration) alert.Report {
	w.t.Helper()
	w.now = noon.Add(after)
	report, err := alert.NewEvaluator(w.options).Run(w.t.Context())
	must(w.t, err)
	return report
}

func (w *world) exec(sql string, arguments ...any) {
	w.t.Helper()
	_, err := w.conn.Exec(w.t.Context(), sql, arguments...)
	must(w.t, err)
}

// due makes everything that waits due now: the test's way past a pause.
func (w *world) due() {
	w.exec(`UPDATE kept.alert_deliveries SET due = now() WHERE status = 'queued'`)
}

func (w *world) count(sql string, arguments ...any) (n int) {
	w.t.Helper()
	must(w.t, w.conn.QueryRow(w.t.Context(), sql, arguments...).Scan(&n))
	return n
}

// open counts the open alerts of a subject with a connection of the test's own.
func (w *world) open(subject string) int {
	return w.count(`SELECT count(*) FROM kept.alerts WHERE ended IS NULL AND subject = $1`, subject)
}
