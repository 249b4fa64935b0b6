package access_test

import (
	"context"
	"crypto/rand"
	"flag"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"go.uber.org/goleak"

	"github.com/skyledger/skyledger/internal/access"
	"github.com/skyledger/skyledger/internal/fault"
	"github.com/skyledger/skyledger/internal/live"
	"github.com/skyledger/skyledger/internal/provision/pgtest"
	"github.com/skyledger/skyledger/internal/provision/redistest"
	"github.com/skyledger/skyledger/internal/store"
)

func TestMain(m *testing.M) {
	// The properties of limits take real time, each check of them; -rapid.checks
	// asks for more.
	if err := flag.Set("rapid.checks", "12"); err != nil {
		panic(err)
	}
	pgtest.Main(m, func() error { return goleak.Find() })
}

const testSource = "recorded:tests"

// home is the address that most requests come from.
const home = "192.0.2.7"

// noon is when most tests begin.
var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// clock is set by the test.
type clock struct{ at atomic.Int64 }

func newClock() *clock {
	c := &clock{}
	c.at.Store(noon.UnixNano())
	return c
}

func (c *clock) now() time.Time          { return time.Unix(0, c.at.Load()).UTC() }
func (c *clock) forward(d time.Duration) { c.at.Add(int64(d)) }

// counted is a store that counts what it is asked.
type counted struct {
	*store.Store
	lookups, uses atomic.Int64
}

func (c *counted) APIKey(ctx context.Context, id string) (store.APIKey, error) {
	c.lookups.Add(1)
	return c.Store.APIKey(ctx, id)
}

func (c *counted) APIKeyUsed(ctx context.Context, id string, at time.Time) error {
	c.uses.Add(1)
	return c.Store.APIKeyUsed(ctx, id, at)
}

// openStore returns a migrated database, with its URL.
func openStore(t testing.TB) *counted {
	t.Helper()
	db := pgtest.NewFrom(t, "migrated", func(url string) error {
		return store.Migrate(context.Background(), url, store.DefaultSchema, testSource)
	})
	must(t, store.Migrate(t.Context(), db.URL, store.DefaultSchema, testSource))
	return storeAt(t, db.URL)
}

func storeAt(t testing.TB, url string) *counted {
	t.Helper()
	opened, err := store.Open(t.Context(), store.Options{URL: url, Source: testSource})
	must(t, err)
	t.Cleanup(opened.Close)
	return &counted{Store: opened}
}

// dial returns a client of a Redis of the test's own.
func dial(t testing.TB, url string) *redis.Client {
	t.Helper()
	client, err := live.Dial(url)
	must(t, err)
	t.Cleanup(func() { client.Close() })
	return client
}

func newRedis(t testing.TB) *redis.Client { return dial(t, redistest.New(t).URL) }

// newGate returns a gate that is closed when the test ends.
func newGate(t testing.TB, options access.Options) *access.Gate {
	t.Helper()
	gate := access.NewGate(options)
	t.Cleanup(gate.Close)
	return gate
}

func deployed(t testing.TB) access.Policy {
	t.Helper()
	policy, err := access.NewPolicy(access.Open, false)
	must(t, err)
	return policy
}

// issue makes a key; lasting 0 has no end.
func issue(t testing.TB, keys access.Adder, at time.Time, lasting time.Duration, scopes ...access.Scope) (text string, key store.APIKey) {
	t.Helper()
	var expires time.Time
	if lasting > 0 {
		expires = at.Add(lasting)
	}
	text, key, err := access.Issue(t.Context(), keys, rand.Reader, "tests", scopes, at, expires)
	must(t, err)
	return text, key
}

// madeUp is a well-formed key that nobody issued.
func madeUp(t testing.TB) string {
	t.Helper()
	text, _, err := access.Issue(t.Context(), nowhere{}, rand.Reader, "nobody", []access.Scope{access.Read}, noon, time.Time{})
	must(t, err)
	return text
}

// nowhere keeps no keys.
type nowhere struct{}

func (nowhere) AddAPIKey(context.Context, store.APIKey) error { return nil }

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// verdictOf is the class of an answer, or "admitted".
func verdictOf(err error) string {
	if err == nil {
		return "admitted"
	}
	return string(fault.ClassOf(err)) + " " + fault.ReasonOf(err)
}
