package access_test

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/skyledger/skyledger/internal/access"
	"github.com/skyledger/skyledger/internal/fault"
	"github.com/skyledger/skyledger/internal/provision/pgtest"
	"github.com/skyledger/skyledger/internal/store"
)

// TestDatabaseDown stops a real PostgreSQL under a gate.
func TestDatabaseDown(t *testing.T) {
	server := pgtest.Server(t)
	url := server.URL("postgres")
	must(t, store.Migrate(t.Context(), url, store.DefaultSchema, testSource))
	keys, at := storeAt(t, url), newClock()
	text, _ := issue(t, keys, noon, 0, access.Read)
	newer, _ := issue(t, keys, noon, 0, access.Read)
	never := madeUp(t)
	gate := newGate(t, access.Options{Keys: keys, Policy: deployed(t), Clock: at.now})
	for _, key := range []string{text, never} {
		_, _ = gate.Admit(t.Context(), key, home, access.Read)
	}
	must(t, server.Stop(t.Context()))

	expect := func(name, key, want string) {
		t.Helper()
		_, err := gate.Admit(t.Context(), key, home, access.Read)
		if got := verdictOf(err); got != want {
			t.Errorf("%s: %s; want %s", name, got, want)
		}
		if fault.Is(err, fault.Unavailable) && fault.RetryAfter(err) <= 0 {
			t.Errorf("%s: it does not say when to try again", name)
		}
	}
	const unknowable = "unavailable keys_unreachable"
	expect("a key seen before goes on", text, "admitted")
	expect("one never seen cannot be checked", newer, unknowable)
	at.forward(9 * time.Second)
	expect("one that was unknown just now still is", never, "unauthorized unknown_key")
	at.forward(2 * time.Second)
	expect("but not for long: it may exist by now", never, unknowable)
	expect("nobody needs the database without a key", "", "admitted")
	at.forward(14 * time.Minute)
	expect("fourteen minutes on the key seen before goes on", text, "admitted")
	at.forward(time.Minute)
	expect("and ends after fifteen", text, unknowable)

	must(t, server.Restart(t.Context()))
	eventually(t, "the keys are found again", func() bool {
		at.forward(time.Second)
		_, err1 := gate.Admit(t.Context(), text, home, access.Read)
		_, err2 := gate.Admit(t.Context(), newer, home, access.Read)
		return err1 == nil && err2 == nil
	})
	expect("the made-up one is unknown again", never, "unauthorized unknown_key")
}

func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	deadline := time.After(30 * time.Second)
	for !holds() {
		select {
		case <-deadline:
			t.Fatalf("not within 30 s: %s", what)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// TestDatabaseThatHangs: a key that is known does not wait for a database that
// takes no connections and refuses none, but for one lookup.
func TestDatabaseThatHangs(t *testing.T) {
	keys, at := openStore(t), newClock()
	text, key := issue(t, keys, noon, 0, access.Read)
	hanging := &hanging{counted: keys, release: make(chan struct{})}
	gate := access.NewGate(access.Options{Keys: hanging, Policy: deployed(t), Clock: at.now})
	defer gate.Close()
	admitted := func() error {
		_, err := gate.Admit(t.Context(), text, home, access.Read)
		return err
	}
	must(t, admitted())
	hanging.hangs.Store(true)
	at.forward(time.Minute)
	for range 500 {
		must(t, admitted()) // the first waits as long as a lookup may take
	}
	if n := hanging.lookups.Load(); n > 3 {
		t.Errorf("%d lookups", n)
	}
	_, err := keys.RevokeAPIKey(t.Context(), key.ID, at.now())
	must(t, err)
	hanging.hangs.Store(false)
	close(hanging.release)
	at.forward(30 * time.Second)
	eventually(t, "the key that was revoked meanwhile stops", func() bool {
		at.forward(time.Second)
		return verdictOf(admitted()) == "unauthorized revoked_key"
	})
}

// hanging is a store that may give no answer until its caller's patience ends.
type hanging struct {
	*counted
	hangs   atomic.Bool
	release chan struct{}
}

func (h *hanging) APIKey(ctx context.Context, id string) (store.APIKey, error) {
	if h.hangs.Load() {
		h.lookups.Add(1)
		select {
		case <-ctx.Done():
			return store.APIKey{}, fault.E("test", fault.Timeout, "timeout", ctx.Err())
		case <-h.release:
		}
	}
	return h.counted.APIKey(ctx, id)
}

// TestStorm: keys that somebody makes up cost the database little.
func TestStorm(t *testing.T) {
	keys, at := openStore(t), newClock()
	known, _ := issue(t, keys, noon, 0, access.Read)
	setup := func(t *testing.T, rates access.Rates) *access.Gate {
		gate := newGate(t, access.Options{Keys: keys, Policy: deployed(t), Clock: at.now, Rates: rates})
		_, err := gate.Admit(t.Context(), known, home, access.Read)
		must(t, err)
		keys.lookups.Store(0)
		return gate
	}
	t.Run("many keys from everywhere at once", func(t *testing.T) {
		gate := setup(t, access.Rates{})
		classes := storm(gate, 2000, func(i int) (string, string) { return madeUp(t), fmt.Sprintf("10.0.%d.%d", i/250, i%250) })
		if n := keys.lookups.Load(); n > 60 || n == 0 {
			t.Errorf("%d lookups at one moment", n)
		}
		if classes["admitted"] > 0 || classes["unauthorized unknown_key"] > 60 {
			t.Errorf("%v", classes)
		}
		if _, err := gate.Admit(t.Context(), known, home, access.Read); err != nil {
			t.Errorf("whoever has a key suffers: %v", err)
		}
		at.forward(time.Second)
		storm(gate, 200, func(int) (string, string) { return madeUp(t), home })
		if n := keys.lookups.Load(); n > 60+20 {
			t.Errorf("%d lookups a second later", n)
		}
	})
	t.Run("one key again and again", func(t *testing.T) {
		at.forward(-1) // so that the lookups' times differ from the requests'
		gate, same := setup(t, access.Rates{}), madeUp(t)
		classes := storm(gate, 500, func(int) (string, string) { return same, home })
		if n := keys.lookups.Load(); n != 1 || classes["unauthorized unknown_key"] != 500 {
			t.Errorf("%d lookups, %v", n, classes)
		}
	})
	t.Run("many keys from one address", func(t *testing.T) {
		gate := setup(t, access.Rates{Address: access.PerMinute(25)})
		classes := storm(gate, 500, func(int) (string, string) { return madeUp(t), "192.0.2.99" })
		if n := keys.lookups.Load(); n != 25 || classes["throttled too_many_requests"] != 475 {
			t.Errorf("%d lookups, %v", n, classes)
		}
	})
	t.Run("wrong secrets of a known id are counted by address as well", func(t *testing.T) {
		gate := setup(t, access.Rates{Address: access.PerMinute(25)})
		classes := storm(gate, 100, func(int) (string, string) { return known[:13] + madeUp(t)[13:], "192.0.2.98" })
		if n := keys.lookups.Load(); n != 0 || classes["unauthorized unknown_key"] != 25 {
			t.Errorf("%d lookups, %v", n, classes)
		}
	})
	t.Run("a key that thirty panels use at once is looked up once", func(t *testing.T) {
		var tick atomic.Int64 // a clock that moves: what was looked up at the very instant is looked up again
		gate := newGate(t, access.Options{
			Keys: keys, Policy: deployed(t), Clock: func() time.Time { return noon.Add(time.Duration(tick.Add(1))) },
			Rates: access.Rates{Address: access.PerMinute(1200), Key: access.PerMinute(3000)},
		})
		keys.lookups.Store(0)
		classes := storm(gate, 30, func(int) (string, string) { return known, home })
		if n := keys.lookups.Load(); n != 1 || classes["admitted"] != 30 {
			t.Errorf("%d lookups, %v", n, classes)
		}
	})
}

// storm sends requests at once and counts the verdicts.
func storm(gate *access.Gate, requests int, who func(i int) (key, address string)) map[string]int {
	var group sync.WaitGroup
	var mu sync.Mutex
	verdicts := map[string]int{}
	for i := range requests {
		key, address := who(i)
		group.Go(func() {
			_, err := gate.Admit(context.Background(), key, address, access.Read)
			mu.Lock()
			defer mu.Unlock()
			verdicts[verdictOf(err)]++
		})
	}
	group.Wait()
	return verdicts
}
