package advisor_test

import (
	"context"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"go.uber.org/goleak"
	"go.uber.org/zap/zaptest"

	"github.com/skyledger/skyledger/internal/advisor"
	"github.com/skyledger/skyledger/internal/provision/pgtest"
	"github.com/skyledger/skyledger/internal/store"
)

func TestMain(m *testing.M) { pgtest.Main(m, func() error { return goleak.Find() }) }

const source = "recorded:tests"

// world is a migrated database with an advisor on it.
type world struct {
	*advisor.Advisor
	store *store.Store
	conn  *pgx.Conn // of the test's own
	url   string
}

func newWorld(t testing.TB, statements ...string) *world {
	t.Helper()
	w := &world{url: pgtest.New(t).URL}
	must(t, store.Migrate(t.Context(), w.url, store.DefaultSchema, source))
	var err error
	w.store, err = store.Open(t.Context(), store.Options{URL: w.url, Source: source})
	must(t, err)
	t.Cleanup(w.store.Close)
	w.conn, err = pgx.Connect(t.Context(), w.url)
	must(t, err)
	t.Cleanup(func() { _ = w.conn.Close(context.Background()) })
	w.run(t, statements...)
	w.Advisor = advisor.New(w.store, time.Now, zaptest.NewLogger(t))
	return w
}

func (w *world) run(t testing.TB, statements ...string) {
	t.Helper()
	for _, statement := range statements {
		if _, err := w.conn.Exec(t.Context(), statement); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// ask reads one value.
func ask[T any](t testing.TB, w *world, sql string, args ...any) (value T) {
	t.Helper()
	must(t, w.conn.QueryRow(t.Context(), sql, args...).Scan(&value))
	return value
}
