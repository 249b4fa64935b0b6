package access_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/skyledger/skyledger/internal/access"
	"github.com/skyledger/skyledger/internal/fault"
	"github.com/skyledger/skyledger/internal/provision/pgtest"
	"github.com/skyledger/skyledger/internal/store"
)

// TestWhoMayWhat goes through every setting, kind of caller and scope.
func TestWhoMayWhat(t *testing.T) {
	keys, at := openStore(t), newClock()
	reader, _ := issue(t, keys, noon, 0, access.Read)
	querier, _ := issue(t, keys, noon, 0, access.Query)
	admin, _ := issue(t, keys, noon, 0, access.Admin)
	both, _ := issue(t, keys, noon, 0, access.Read, access.Query)
	expired, _ := issue(t, keys, noon.Add(-2*time.Hour), time.Hour, access.Admin)
	revoked, ended := issue(t, keys, noon.Add(-time.Hour), 0, access.Admin)
	_, err := keys.RevokeAPIKey(t.Context(), ended.ID, noon.Add(-time.Minute))
	must(t, err)
	other := reader[:len(reader)-1] + string("ab"[strings.Count(reader[len(reader)-1:], "a")])

	const (
		yes     = "admitted"
		noKey   = "unauthorized no_key"
		unknown = "unauthorized unknown_key"
		bad     = "unauthorized malformed_key"
		gone    = "unauthorized revoked_key"
		late    = "unauthorized expired_key"
		less    = "forbidden missing_scope"
	)
	settings := []struct {
		setting  string
		loopback bool
		bare     [4]string // without a key: nothing, read, query, admin
	}{
		{access.Open, false, [4]string{yes, yes, noKey, noKey}},
		{access.Keys, false, [4]string{yes, noKey, noKey, noKey}},
		{access.Open, true, [4]string{yes, yes, yes, noKey}},
		{access.Keys, true, [4]string{yes, noKey, noKey, noKey}},
	}
	callers := []struct {
		name, key string
		want      [4]string
	}{
		{"a reader's key", reader, [4]string{yes, yes, less, less}},
		{"a querier's key", querier, [4]string{yes, yes, yes, less}},
		{"a key with both", both, [4]string{yes, yes, yes, less}},
		{"an administrator's key", admin, [4]string{yes, yes, yes, yes}},
		{"an expired key", expired, [4]string{late, late, late, late}},
		{"a revoked key", revoked, [4]string{gone, gone, gone, gone}},
		{"a known id with another secret", other, [4]string{unknown, unknown, unknown, unknown}},
		{"a key that is made up", madeUp(t), [4]string{unknown, unknown, unknown, unknown}},
		{"something else", "secret", [4]string{bad, bad, bad, bad}},
		{"two keys", reader + "," + admin, [4]string{bad, bad, bad, bad}},
		{"half a key", reader[:20], [4]string{bad, bad, bad, bad}},
	}
	needs := [4]access.Scope{access.Nothing, access.Read, access.Query, access.Admin}
	for _, setting := range settings {
		policy, err := access.NewPolicy(setting.setting, setting.loopback)
		must(t, err)
		gate := newGate(t, access.Options{Keys: keys, Policy: policy, Clock: at.now})
		for _, caller := range append(callers, struct {
			name, key string
			want      [4]string
		}{"nobody", "", setting.bare}) {
			for i, need := range needs {
				t.Run(fmt.Sprintf("%s, loopback %v: %s asks for %q", setting.setting, setting.loopback, caller.name, need), func(t *testing.T) {
					verdict, err := gate.Admit(t.Context(), caller.key, home, need)
					if got := verdictOf(err); got != caller.want[i] {
						t.Errorf("%s; want %s", got, caller.want[i])
					}
					if holds := caller.key != "" && (err == nil || fault.Is(err, fault.Forbidden)); holds != (verdict.KeyID != "") {
						t.Errorf("key id %q", verdict.KeyID)
					}
				})
			}
		}
	}
	if _, err := access.NewPolicy("everybody", false); err == nil {
		t.Error("a policy that nobody knows is taken")
	}
	var nothing access.Policy
	if nothing.OpenTo(access.Read) {
		t.Error("the zero policy is open")
	}
}

func TestARefusalSaysWhatIsMissing(t *testing.T) {
	keys := openStore(t)
	reader, _ := issue(t, keys, noon, 0, access.Read)
	gate := newGate(t, access.Options{Keys: keys, Policy: deployed(t), Clock: newClock().now})
	var refusal *fault.Error
	if _, err := gate.Admit(t.Context(), reader, home, access.Query); !errors.As(err, &refusal) ||
		refusal.Message != "This needs a key with the scope query; this one has read." {
		t.Errorf("%v", err)
	}
	if _, err := gate.Admit(t.Context(), "", home, access.Admin); !errors.As(err, &refusal) || !strings.Contains(refusal.Message, "the scope admin") {
		t.Errorf("%v", err)
	}
}

// TestRevocation: what a process remembers of a key ends its use in time.
func TestRevocation(t *testing.T) {
	keys := openStore(t)
	for _, after := range []time.Duration{time.Second, 19 * time.Second, 44 * time.Second} {
		t.Run(fmt.Sprintf("looked up %s before, a revoked key stops within a minute", after), func(t *testing.T) {
			at := newClock()
			gate := newGate(t, access.Options{Keys: keys, Policy: deployed(t), Clock: at.now})
			text, key := issue(t, keys, noon, 0, access.Read)
			_, err := gate.Admit(t.Context(), text, home, access.Read)
			must(t, err)
			at.forward(after)
			_, err = keys.RevokeAPIKey(t.Context(), key.ID, at.now())
			must(t, err)
			at.forward(45 * time.Second)
			if _, err := gate.Admit(t.Context(), text, home, access.Read); verdictOf(err) != "unauthorized revoked_key" {
				t.Errorf("%s", verdictOf(err))
			}
		})
	}
	t.Run("a key in use is looked up again beside its requests", func(t *testing.T) {
		at := newClock()
		gate := access.NewGate(access.Options{Keys: keys, Policy: deployed(t), Clock: at.now})
		text, _ := issue(t, keys, noon, 0, access.Read)
		before := keys.lookups.Load()
		for range 40 { // 40 × 10 s
			if _, err := gate.Admit(t.Context(), text, home, access.Read); err != nil {
				t.Fatal(err)
			}
			at.forward(10 * time.Second)
		}
		gate.Close()
		if n := keys.lookups.Load() - before; n < 8 || n > 40 {
			t.Errorf("%d lookups in 400 s", n)
		}
	})
	t.Run("an expired key stops at once, wherever it is remembered", func(t *testing.T) {
		at := newClock()
		gate := newGate(t, access.Options{Keys: keys, Policy: deployed(t), Clock: at.now})
		text, _ := issue(t, keys, noon, 10*time.Second, access.Read)
		at.forward(10*time.Second - 1)
		_, err := gate.Admit(t.Context(), text, home, access.Read)
		must(t, err)
		at.forward(1)
		if _, err := gate.Admit(t.Context(), text, home, access.Read); verdictOf(err) != "unauthorized expired_key" {
			t.Errorf("%s", verdictOf(err))
		}
	})
	t.Run("a new key that was tried too early works ten seconds later", func(t *testing.T) {
		at := newClock()
		gate := newGate(t, access.Options{Keys: keys, Policy: deployed(t), Clock: at.now})
		late := &lateKey{counted: keys}
		text, key, err := access.Issue(t.Context(), late, zeroes{}, "tests", []access.Scope{access.Read}, noon, time.Time{})
		must(t, err)
		if _, err := gate.Admit(t.Context(), text, home, access.Read); verdictOf(err) != "unauthorized unknown_key" {
			t.Fatal(verdictOf(err))
		}
		must(t, keys.AddAPIKey(t.Context(), key))
		at.forward(10 * time.Second)
		if _, err := gate.Admit(t.Context(), text, home, access.Read); err != nil {
			t.Error(err)
		}
	})
}

// lateKey makes keys without storing them.
type lateKey struct{ *counted }

func (*lateKey) AddAPIKey(context.Context, store.APIKey) error { return nil }

// zeroes is not random at all.
type zeroes struct{}

func (zeroes) Read(p []byte) (int, error) { return len(p), nil }

func TestLastUse(t *testing.T) {
	keys, at := openStore(t), newClock()
	text, key := issue(t, keys, noon, 0, access.Read)
	lastUsed := func() time.Time {
		stored, err := keys.Store.APIKey(t.Context(), key.ID)
		must(t, err)
		return stored.LastUsed
	}
	use := func(times int) {
		gate := access.NewGate(access.Options{Keys: keys, Policy: deployed(t), Clock: at.now})
		for range times {
			_, err := gate.Admit(t.Context(), text, home, access.Read)
			must(t, err)
		}
		gate.Close()
	}
	use(100)
	if got := lastUsed(); !got.Equal(noon) || keys.uses.Load() != 1 {
		t.Errorf("after 100 requests at noon: last used %s, written %d times", got, keys.uses.Load())
	}
	at.forward(59 * time.Second)
	use(1)
	if got := lastUsed(); !got.Equal(noon) {
		t.Errorf("less than a minute later: %s", got)
	}
	at.forward(2 * time.Second)
	use(1)
	if got := lastUsed(); !got.Equal(noon.Add(61 * time.Second)) {
		t.Errorf("more than a minute later: %s", got)
	}
	for _, wrong := range []string{text[:len(text)-2] + "22", text[:12]} {
		at.forward(time.Hour)
		gate := access.NewGate(access.Options{Keys: keys, Policy: deployed(t), Clock: at.now})
		if _, err := gate.Admit(t.Context(), wrong, home, access.Read); err == nil {
			t.Error("a wrong key is let in")
		}
		gate.Close()
	}
	if got := lastUsed(); !got.Equal(noon.Add(61 * time.Second)) {
		t.Errorf("a wrong key counts as use: %s", got)
	}
}

// TestSecretsStaySecret lets everything be logged and looks for the secrets.
func TestSecretsStaySecret(t *testing.T) {
	core, logs := observer.New(zapcore.DebugLevel)
	server := pgtest.Server(t)
	must(t, store.Migrate(t.Context(), server.URL("postgres"), store.DefaultSchema, testSource))
	keys, at := storeAt(t, server.URL("postgres")), newClock()
	good, _ := issue(t, keys, noon, 0, access.Read)
	old, _ := issue(t, keys, noon.Add(-2*time.Hour), time.Hour, access.Read)
	gate := newGate(t, access.Options{
		Keys: keys, Policy: deployed(t), Clock: at.now, Logger: zap.New(core), Redis: dial(t, "redis://127.0.0.1:1/0"),
		Rates: access.Rates{Address: access.PerMinute(60), Key: access.PerMinute(3)},
	})
	shown := []string{good, old, good[:40], madeUp(t), "Basic " + good}
	var said []string
	everything := func() {
		for _, key := range shown {
			for _, need := range []access.Scope{access.Read, access.Admin} {
				_, err := gate.Admit(t.Context(), key, home, need)
				if err != nil {
					var classified *fault.Error
					errors.As(err, &classified)
					said = append(said, err.Error(), classified.Message)
				}
			}
		}
	}
	everything()
	must(t, server.Stop(t.Context()))
	at.forward(time.Hour)
	everything()
	gate.Close()
	for _, entry := range logs.All() {
		said = append(said, fmt.Sprint(entry.Message, entry.ContextMap()))
	}
	if len(said) < 15 || logs.Len() == 0 {
		t.Fatalf("%d sentences and %d log lines are too few to look at", len(said), logs.Len())
	}
	for _, text := range said {
		for _, key := range shown {
			if secret := key[max(0, len(key)-20):]; strings.Contains(text, secret) {
				t.Errorf("a secret is in %q", strings.ReplaceAll(text, secret, "…"))
			}
		}
	}
}
