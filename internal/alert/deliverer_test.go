package alert_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/skyledger/skyledger/internal/alert"
	"github.com/skyledger/skyledger/internal/fault"
	"github.com/skyledger/skyledger/internal/provision/pgtest"
	"github.com/skyledger/skyledger/internal/store"
	"github.com/skyledger/skyledger/internal/webhook"
)

// status answers with a status and nothing else.
func status(code int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) }
}

func TestASignedWebhook(t *testing.T) {
	w := newWorld(t)
	told := newReceiver(t, nil)
	w.rule(nil, told)
	w.figure.set("EGLL", 11)
	before := time.Now().Unix()
	w.run(0)
	if len(told.requests) != 1 {
		t.Fatalf("%d requests", len(told.requests))
	}
	got := told.requests[0]
	seconds, sum, found := strings.Cut(strings.TrimPrefix(got.header.Get(webhook.HeaderSignature), "t="), ",v1=")
	mac := hmac.New(sha256.New, []byte(secret))
	fmt.Fprintf(mac, "%s.%s", seconds, got.body)
	if !found || sum != hex.EncodeToString(mac.Sum(nil)) {
		t.Errorf("signature %q", got.header.Get(webhook.HeaderSignature))
	}
	if at, err := strconv.ParseInt(seconds, 10, 64); err != nil || at < before || at > time.Now().Unix() {
		t.Errorf("signed at %s", seconds)
	}
	var message alert.Message
	must(t, json.Unmarshal(got.body, &message))
	if message.ID != got.header.Get(webhook.HeaderDelivery) || message.Event != "opened" || *message.Alert.Value != 11 || message.Alert.Subject != "EGLL" ||
		message.Text != "Rule (EGLL): figure is 11, above 10 things; said of EGLL" {
		t.Errorf("%s", got.body)
	}
}

// TestAReceiverThatFails goes through what a receiver may answer.
func TestAReceiverThatFails(t *testing.T) {
	elsewhere := newReceiver(t, nil)
	for _, test := range []struct {
		name    string
		answer  http.HandlerFunc
		outcome string
		status  string // of the delivery
		answers int    // HTTP's; 0 none
	}{
		{"an error of its own is tried again", status(503), "http_503", "queued", 503},
		{"being asked to wait is heeded", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Retry-After", "600")
			w.WriteHeader(http.StatusTooManyRequests)
		}, "http_429", "queued", 429},
		{"a refusal is not tried again", status(404), "http_404", "failed", 404},
		{"a redirect is not followed", func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, elsewhere.URL, http.StatusTemporaryRedirect)
		}, "redirected", "failed", 307},
		{"a huge answer is not read", func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusOK)
			_, _ = io.CopyN(w, endless{}, 1<<30)
		}, "delivered", "delivered", 200},
		{"a connection that breaks off is tried again", func(http.ResponseWriter, *http.Request) {
			panic(http.ErrAbortHandler)
		}, "connection", "queued", 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t)
			w.rule(nil, newReceiver(t, test.answer))
			w.figure.set("EGLL", 11)
			w.run(0)
			rows, err := w.store.Deliveries(t.Context(), store.DeliveryQuery{From: time.Now().Add(-time.Hour), To: time.Now().Add(time.Hour), Limit: 9})
			must(t, err)
			if len(rows) != 1 || len(rows[0].Attempts) != 1 {
				t.Fatalf("%+v", rows)
			}
			attempt := rows[0].Attempts[0]
			answered := 0
			if attempt.Status != nil {
				answered = *attempt.Status
			}
			if rows[0].Status != test.status || attempt.Outcome != test.outcome || answered != test.answers {
				t.Errorf("%s, %+v, answered %d", rows[0].Status, attempt, answered)
			}
			if wait := rows[0].Due.Sub(attempt.At); test.answers == 429 && wait != 10*time.Minute {
				t.Errorf("tried again after %s", wait)
			}
			if len(elsewhere.got()) != 0 {
				t.Error("the redirect was followed")
			}
		})
	}
}

// endless is an answer without an end.
type endless struct{}

func (endless) Read(p []byte) (int, error) { return len(p), nil }

func TestAReceiverThatRecoversIsToldInOrder(t *testing.T) {
	w := newWorld(t)
	told := newReceiver(t, status(500))
	w.rule(nil, told)
	w.figure.set("EGLL", 11)
	w.run(0)
	w.figure.set("EGLL", 1)
	w.run(time.Minute) // the end waits behind the opening
	told.answers(nil)
	w.due()
	w.options.Deliverer = w.deliverer()
	w.run(2 * time.Minute)
	if events := told.got(); !slices.Equal(events, []string{"opened", "opened", "ended"}) {
		t.Errorf("told %v", events)
	}
	if first, second := told.requests[0], told.requests[1]; string(first.body) != string(second.body) || first.header.Get(webhook.HeaderDelivery) != second.header.Get(webhook.HeaderDelivery) {
		t.Error("two attempts of one delivery say different things")
	}
}

func TestTryingEnds(t *testing.T) {
	w := newWorld(t)
	told := newReceiver(t, status(500))
	w.rule(nil, told)
	w.figure.set("EGLL", 11)
	for i := range 15 {
		w.due()
		w.options.Deliverer = w.deliverer() // whose breaker knows nothing yet
		w.run(time.Duration(i) * time.Minute)
	}
	if n := w.count(`SELECT count(*) FROM kept.alert_attempts`); n != 10 || len(told.got()) != 10 {
		t.Errorf("%d attempts written, %d made", n, len(told.got()))
	}
	if w.count(`SELECT count(*) FROM kept.alert_deliveries WHERE status = 'failed'`) != 1 {
		t.Error("it was not given up")
	}
}

// TestABrokenReceiverDelaysNobodyElse lets one receiver hang: the other one must
// be told while it still does.
func TestABrokenReceiverDelaysNobodyElse(t *testing.T) {
	w := newWorld(t)
	otherTold, release := make(chan struct{}), make(chan struct{})
	hanging := newReceiver(t, func(w http.ResponseWriter, r *http.Request) {
		select {
		case <-otherTold:
			w.WriteHeader(http.StatusOK)
		case <-r.Context().Done():
		case <-release:
		}
	})
	t.Cleanup(func() { close(release) })
	var once sync.Once
	prompt := newReceiver(t, func(w http.ResponseWriter, _ *http.Request) {
		once.Do(func() { close(otherTold) })
		w.WriteHeader(http.StatusOK)
	})
	w.rule(nil, hanging, prompt)
	w.figure.set("EGLL", 11)
	if report := w.run(0); report.Delivery.Delivered != 2 {
		t.Errorf("%+v: the second receiver was told only after the first one answered", report)
	}
}

func TestAReceiverThatIsDownIsSpared(t *testing.T) {
	w := newWorld(t)
	told := newReceiver(t, status(500))
	w.rule(nil, told)
	for _, subject := range []string{"A", "B", "C", "D", "E", "F"} {
		w.figure.set(subject, 11)
	}
	report := w.run(0)
	if len(told.got()) != 1 || report.Delivery.Failed != 1 || report.Delivery.Spared == 0 {
		t.Fatalf("one run made %d attempts: %+v", len(told.got()), report)
	}
	for i := range 5 { // the breaker opens after the third
		w.due()
		w.run(time.Duration(i+1) * time.Minute)
	}
	if n := len(told.got()); n != 3 {
		t.Errorf("%d attempts, want 3", n)
	}
	if n := w.count(`SELECT sum(attempts)::int FROM kept.alert_deliveries`); n != 3 {
		t.Errorf("%d attempts are counted, want those that were made", n)
	}
}

// killing is a database whose process is killed at one of its calls: before the
// call or after it, when it has happened and nobody was told.
type killing struct {
	*store.Store
	kill, calls int
	after       bool
}

var errKilled = errors.New("killed")

func (k *killing) at() (die bool) {
	k.calls++
	return k.calls == k.kill
}

func run[T any](k *killing, call func() (T, error)) (T, error) {
	die := k.at()
	if die && !k.after {
		var none T
		return none, errKilled
	}
	result, err := call()
	if die {
		return result, errKilled
	}
	return result, err
}

func (k *killing) AlertBook(ctx context.Context) (store.AlertBook, error) {
	return run(k, func() (store.AlertBook, error) { return k.Store.AlertBook(ctx) })
}

func (k *killing) SaveAlerts(ctx context.Context, changes store.AlertChanges) error {
	_, err := run(k, func() (int, error) { return 0, k.Store.SaveAlerts(ctx, changes) })
	return err
}

func (k *killing) ClaimDeliveries(ctx context.Context, claim store.DeliveryClaim) ([]store.AlertDelivery, error) {
	return run(k, func() ([]store.AlertDelivery, error) { return k.Store.ClaimDeliveries(ctx, claim) })
}

func (k *killing) SettleDelivery(ctx context.Context, result store.DeliveryResult) (bool, error) {
	return run(k, func() (bool, error) { return k.Store.SettleDelivery(ctx, result) })
}

// TestKilledAnywhere ends an evaluation before and after each thing it does with
// the database, and runs it again: there is one alert and one notification of it,
// and a receiver that is told twice is told so by the delivery's id.
func TestKilledAnywhere(t *testing.T) {
	for kill := 1; kill <= 5; kill++ {
		for _, after := range []bool{false, true} {
			t.Run(fmt.Sprintf("at call %d, done %v", kill, after), func(t *testing.T) {
				w := newWorld(t)
				told := newReceiver(t, nil)
				w.rule(nil, told)
				w.figure.set("EGLL", 11)
				database := &killing{Store: w.store, kill: kill, after: after}
				once := w.options
				once.Book = database
				deliverer := w.deliverer()
				deliverer.Queue = database
				once.Deliverer = deliverer
				if database.kill <= 2 {
					once.Deliverer = nil // it was killed before it came to that
				}
				_, err := alert.NewEvaluator(once).Run(t.Context())
				if killed := errors.Is(err, errKilled); killed != (kill <= database.calls) {
					t.Fatalf("error %v after %d calls", err, database.calls)
				}
				// The lease of whoever was killed ends.
				w.exec(`UPDATE kept.alert_deliveries SET leased_until = now() - interval '1 second' WHERE lease IS NOT NULL`)
				w.run(time.Minute)
				ids := map[string]bool{}
				for _, request := range told.requests {
					ids[request.header.Get(webhook.HeaderDelivery)] = true
				}
				if w.open("EGLL") != 1 || len(ids) != 1 || w.count(`SELECT count(*) FROM kept.alert_deliveries`) != 1 {
					t.Errorf("%d open, %d notifications told in %d requests", w.open("EGLL"), len(ids), len(told.requests))
				}
				// Only where it was killed between sending and writing that down is
				// the same notification sent twice.
				if twice := len(told.requests) == 2; twice != (kill == 4 && !after) {
					t.Errorf("%d requests", len(told.requests))
				}
				if w.count(`SELECT count(*) FROM kept.alert_deliveries WHERE status = 'delivered'`) != 1 {
					t.Error("it is not written down as delivered")
				}
			})
		}
	}
}

func TestTwoEvaluatorsAtOnce(t *testing.T) {
	w := newWorld(t)
	told := newReceiver(t, nil)
	w.rule(nil, told)
	for i := range 20 {
		w.figure.set(fmt.Sprintf("S%02d", i), 11)
	}
	var working sync.WaitGroup
	for range 4 {
		options := w.options
		options.Deliverer = w.deliverer()
		working.Go(func() {
			if _, err := alert.NewEvaluator(options).Run(context.Background()); err != nil {
				t.Error(err)
			}
		})
	}
	working.Wait()
	w.run(time.Minute)
	if open, requests := w.count(`SELECT count(*) FROM kept.alerts`), len(told.got()); open != 20 || requests != 20 {
		t.Errorf("%d alerts, %d requests; want 20 of each", open, requests)
	}
}

func TestAFrozenWorkerWritesNothing(t *testing.T) {
	w := newWorld(t)
	w.options.Deliverer = nil
	w.rule(nil, newReceiver(t, nil))
	w.figure.set("EGLL", 11)
	w.run(0)
	claim := store.DeliveryClaim{Lease: "frozen", For: time.Minute, Most: 9, PerReceiver: 9, Attempts: 10}
	frozen, err := w.store.ClaimDeliveries(t.Context(), claim)
	must(t, err)
	again, err := w.store.ClaimDeliveries(t.Context(), claim)
	must(t, err)
	if len(frozen) != 1 || len(again) != 0 {
		t.Fatalf("%d and %d claimed", len(frozen), len(again))
	}
	w.exec(`UPDATE kept.alert_deliveries SET leased_until = now() - interval '1 second'`)
	claim.Lease = "other"
	other, err := w.store.ClaimDeliveries(t.Context(), claim)
	must(t, err)
	settle := func(d store.AlertDelivery) bool {
		ours, err := w.store.SettleDelivery(t.Context(), store.DeliveryResult{ID: d.ID, Lease: d.Lease, Attempt: d.Attempt, Tried: true, Done: true, OK: true, Outcome: "delivered"})
		must(t, err)
		return ours
	}
	if settle(frozen[0]) || !settle(other[0]) || other[0].Attempt != 2 {
		t.Errorf("the first worker's word counted, or the second one's did not: %+v", other[0])
	}
}

func TestClockJumps(t *testing.T) {
	w := newWorld(t)
	told := newReceiver(t, nil)
	w.rule(func(r *store.AlertRule) { r.For = 5 * time.Minute }, told)
	w.figure.set("EGLL", 11)
	for _, after := range []time.Duration{0, time.Minute, 3 * time.Hour, 2 * time.Minute, 3 * time.Minute} {
		w.run(after)
	}
	if w.open("EGLL") != 0 {
		t.Error("an hour that the clock jumped counted as one of the condition")
	}
	w.run(4 * time.Minute)
	w.figure.set("EGLL", 1)
	w.run(-time.Hour)
	w.run(-time.Hour + time.Minute)
	if events := told.got(); !slices.Equal(events, []string{"opened", "ended"}) || w.count(`SELECT count(*) FROM kept.alerts WHERE ended >= opened`) != 1 {
		t.Errorf("%v", events)
	}
}

func TestTheDatabaseIsAway(t *testing.T) {
	server := pgtest.Server(t)
	url := server.URL("postgres")
	must(t, store.Migrate(t.Context(), url, store.DefaultSchema, "live"))
	w := worldOn(t, url)
	told := newReceiver(t, nil)
	w.rule(nil, told)
	w.figure.set("EGLL", 1)
	w.run(0)
	must(t, server.Kill())
	w.figure.set("EGLL", 11)
	w.now = noon.Add(time.Minute)
	if _, err := alert.NewEvaluator(w.options).Run(t.Context()); !fault.Is(err, fault.Unavailable) {
		t.Errorf("error %v", err)
	}
	must(t, server.Restart(t.Context()))
	var err error
	for range 5 { // connections that died are found dead one by one
		if _, err = alert.NewEvaluator(w.options).Run(t.Context()); err == nil {
			break
		}
	}
	must(t, err)
	if events := told.got(); !slices.Equal(events, []string{"opened"}) {
		t.Errorf("%v", events)
	}
}

func TestATestIsSentOnce(t *testing.T) {
	w := newWorld(t)
	good, bad := newReceiver(t, nil), newReceiver(t, status(500))
	w.rule(nil, good, bad)
	deliveries, results, err := w.deliverer().Test(t.Context(), "r", noon)
	must(t, err)
	if len(deliveries) != 2 || !results[0].OK || results[1].OK || results[1].Outcome != "http_500" {
		t.Fatalf("%+v", results)
	}
	w.due()
	w.run(0)
	if !slices.Equal(good.got(), []string{"test"}) || len(bad.got()) != 1 {
		t.Errorf("%v, %v", good.got(), bad.got())
	}
}

func TestAKeyThatIsGone(t *testing.T) {
	w := newWorld(t)
	told := newReceiver(t, nil)
	w.rule(nil, told)
	w.figure.set("EGLL", 11)
	w.sealer = alert.NewSealer(alert.Keys(strings.Repeat("x", alert.LeastKey)), nil)
	w.options.Deliverer = w.deliverer()
	w.run(0)
	if len(told.got()) != 0 || w.count(`SELECT count(*) FROM kept.alert_attempts WHERE outcome = 'secret_unreadable'`) != 1 {
		t.Error("the attempt does not say that the key is gone")
	}
	if w.count(`SELECT count(*) FROM kept.alert_receivers WHERE position('http' in encode(sealed, 'escape')) > 0`) != 0 {
		t.Error("an address lies in the database as it is")
	}
}
