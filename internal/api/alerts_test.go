package api_test

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/skyledger/skyledger/internal/access"
	"github.com/skyledger/skyledger/internal/alert"
	"github.com/skyledger/skyledger/internal/api"
	"github.com/skyledger/skyledger/internal/provision/pgtest"
	"github.com/skyledger/skyledger/internal/store"
	"github.com/skyledger/skyledger/internal/webhook"
)

// twoAirports is a figure of two airports.
type twoAirports struct {
	mu    sync.Mutex
	value float64
}

func (*twoAirports) Describe() alert.Description {
	return alert.Description{Name: "traffic", Unit: "flights", What: "flights at an airport", Subjects: "EGLL and EHAM", Every: true, MaxAge: time.Minute}
}

func (*twoAirports) Check(_ context.Context, subject string) error {
	if subject == "EGLL" || subject == "EHAM" {
		return nil
	}
	return alert.Unknown("traffic", subject, "there are EGLL and EHAM")
}

func (a *twoAirports) Observe(_ context.Context, at time.Time, _ []string) (alert.Observation, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return alert.Observation{AsOf: at, Readings: []alert.Reading{alert.Value("EGLL", a.value, ""), alert.Value("EHAM", 1, "")}}, nil
}

func (a *twoAirports) set(value float64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.value = value
}

// needs is a gate that lets everybody in and notes what that would have needed.
type needs struct{ last access.Scope }

func (n *needs) Admit(_ context.Context, _, _ string, need access.Scope) (access.Verdict, error) {
	n.last = need
	return access.Verdict{}, nil
}

// alerting is the API's alerts on a real database, with real receivers.
type alerting struct {
	http.Handler
	figure    *twoAirports
	evaluator *alert.Evaluator
	clock     time.Time
	logs      *observer.ObservedLogs
	gate      *needs
}

func newAlerting(t *testing.T) *alerting {
	t.Helper()
	db := pgtest.NewFrom(t, "alerting", func(url string) error {
		return store.Migrate(context.Background(), url, store.DefaultSchema, "live")
	})
	must(t, store.Migrate(t.Context(), db.URL, store.DefaultSchema, "live"))
	database, err := store.Open(t.Context(), store.Options{URL: db.URL})
	must(t, err)
	t.Cleanup(database.Close)
	networks, err := webhook.ParseNetworks("127.0.0.0/8")
	must(t, err)
	core, logs := observer.New(zapcore.DebugLevel)
	a := &alerting{figure: &twoAirports{}, clock: now, logs: logs, gate: &needs{}}
	logger, clock := zap.New(core), func() time.Time { return a.clock }
	figures, sealer := alert.Catalogue{a.figure}, alert.NewSealer(alert.Keys(""), rand.Reader)
	client := webhook.New(webhook.Options{Allowed: networks, Clock: time.Now})
	deliverer := alert.NewDeliverer(alert.DelivererOptions{
		Queue: database, Sealer: sealer, Token: rand.Text, Logger: logger,
		Senders: map[string]alert.Sender{"webhook": client.Sender("webhook"), "slack": client.Sender("slack")},
	})
	a.evaluator = alert.NewEvaluator(alert.Options{Book: database, Figures: figures, Deliverer: deliverer, Clock: clock, Logger: logger})
	a.Handler, err = api.New(api.Deps{
		Alerts: database, Figures: figures, TestFire: deliverer, Source: "live", Clock: clock, Logger: logger, Gate: a.gate,
		Desk: alert.NewEditor(alert.EditorOptions{
			Rules: database, Figures: figures, Sealer: sealer, Address: networks.Check, Random: rand.Reader, Clock: clock,
		}),
	}, "api-alerts")
	must(t, err)
	return a
}

// into asks and reads the answer, which must have the status.
func (a *alerting) into(t *testing.T, status int, method, target, body string, answer any) *httptest.ResponseRecorder {
	t.Helper()
	got := askBody(a, method, target, body)
	if got.Code != status {
		t.Fatalf("%s %s: %d %s", method, target, got.Code, got.Body)
	}
	if answer != nil {
		must(t, json.Unmarshal(got.Body.Bytes(), answer))
	}
	return got
}

// steady makes an answer the same in every run: what the database counts or
// measures is not the test's.
func steady(body []byte) []byte {
	for pattern, with := range map[string]string{
		`"id":"[a-z2-7]{16}"`: `"id":"RULE"`, `"rule":"[a-z2-7]{16}"`: `"rule":"RULE"`, `"id":"[a-z2-7]{8}"`: `"id":"RECEIVER"`, `"receiver":"[a-z2-7]{8}"`: `"receiver":"RECEIVER"`,
		`"took_ms":[0-9.e-]+`: `"took_ms":1`, `http://127.0.0.1:[0-9]+/`: "http://127.0.0.1:1/",
		`"(created|finished|at)":"202[5-9][^"]*"`: `"$1":"2026-03-01T12:00:00Z"`,
	} {
		body = regexp.MustCompile(pattern).ReplaceAll(body, []byte(with))
	}
	return body
}

func TestAlertsOverHTTP(t *testing.T) {
	a := newAlerting(t)
	var told []string
	receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		told = append(told, r.Header.Get("Skyledger-Event"))
		w.WriteHeader(http.StatusAccepted)
	}))
	t.Cleanup(receiver.Close)
	const secret = "never to be seen again"
	address := receiver.URL + "/hook/token-of-somebody"
	for _, rule := range []string{"data-stale", "ticks-missing", "requests-fail", "recorder-trouble", "network-empty", "squawk", "centre-closed"} {
		a.into(t, 204, "DELETE", "/api/alerts/rules/"+rule, "", nil) // they ask for figures that this test does not have
	}
	body := `{"name":"Heathrow is busy","figure":"traffic","subjects":["EGLL"],"direction":"above","threshold":10,"clear":5,
		"quiet_hours":{"from":"22:00","to":"06:30","zone":"Europe/London"},"labels":{"team":"one"},
		"receivers":[{"kind":"webhook","url":"` + address + `","secret":"` + secret + `"}]}`
	var rule struct {
		ID        string
		Receivers []struct{ ID string }
	}
	added := a.into(t, 201, "POST", "/api/alerts/rules", body, &rule)
	if got := added.Header().Get("Location"); got != "/api/alerts/rules/"+rule.ID || a.gate.last != access.Admin {
		t.Errorf("Location %q, needs %q", got, a.gate.last)
	}
	t.Run("a test reaches the receiver", func(t *testing.T) {
		golden(t, "alert_test", steady(a.into(t, 200, "POST", "/api/alerts/rules/"+rule.ID+"/test", "", nil).Body.Bytes()))
		if a.gate.last != access.Admin {
			t.Errorf("it needs %q", a.gate.last)
		}
	})
	a.figure.set(11)
	_, err := a.evaluator.Run(t.Context())
	must(t, err)
	a.clock = now.Add(time.Minute)
	for name, target := range map[string]string{
		"alerts": "/api/alerts", "alert_rules": "/api/alerts/rules", "alert_rule": "/api/alerts/rules/" + rule.ID,
		"alert_deliveries": "/api/alerts/deliveries?from=2025-01-01T00:00:00Z&to=2025-12-31T00:00:00Z&rule=" + rule.ID,
	} {
		if name == "alert_deliveries" { // by the database's clock
			target = "/api/alerts/deliveries?rule=" + rule.ID + "&from=" + time.Now().Add(-time.Hour).UTC().Format(time.RFC3339) + "&to=" + time.Now().Add(time.Hour).UTC().Format(time.RFC3339)
		}
		t.Run(name+" has the shape of its golden file", func(t *testing.T) {
			golden(t, name, steady(a.into(t, 200, "GET", target, "", nil).Body.Bytes()))
		})
	}
	t.Run("an alert that never was has no deliveries", func(t *testing.T) {
		a.into(t, 200, "GET", "/api/alerts/deliveries?alert=999999999999999999", "", nil)
	})
	t.Run("alerts are chosen by what they are", func(t *testing.T) {
		for query, want := range map[string]int{
			"": 1, "state=open": 1, "state=ended": 0, "severity=warning": 1, "severity=critical": 0, "subject=EHAM": 0, "figure=traffic": 1, "rule=other": 0,
		} {
			var answer struct{ Total int }
			if a.into(t, 200, "GET", "/api/alerts?"+query, "", &answer); answer.Total != want {
				t.Errorf("%s: %d", query, answer.Total)
			}
		}
	})
	t.Run("a rule that is put with its receivers' ids keeps their secrets, and what is open", func(t *testing.T) {
		again := strings.Replace(body, `"url":"`+address+`","secret":"`+secret+`"`, `"id":"`+rule.Receivers[0].ID+`"`, 1)
		a.into(t, 200, "PUT", "/api/alerts/rules/"+rule.ID, strings.Replace(again, "is busy", "is very busy", 1), nil)
		a.figure.set(1)
		_, err := a.evaluator.Run(t.Context())
		must(t, err)
		if got := strings.Join(told, " "); got != "test opened ended" {
			t.Errorf("told %q", got)
		}
	})
	t.Run("alerts are stale when nobody evaluates", func(t *testing.T) {
		a.clock = now.Add(10 * time.Minute)
		if body := askBody(a, "GET", "/api/alerts", "").Body.String(); !strings.Contains(body, `"stale":true`) {
			t.Error(body)
		}
	})
	a.into(t, 204, "DELETE", "/api/alerts/rules/"+rule.ID, "", nil)
	a.into(t, 404, "GET", "/api/alerts/rules/"+rule.ID, "", nil)
	a.into(t, 404, "POST", "/api/alerts/rules/"+rule.ID+"/test", "", nil)
	for _, entry := range a.logs.All() {
		line := entry.Message
		for _, field := range entry.Context {
			line += " " + field.String
			if err, ok := field.Interface.(error); ok {
				line += " " + err.Error()
			}
		}
		if strings.Contains(line, secret) || strings.Contains(line, "token-of-somebody") {
			t.Errorf("the log holds a secret: %s", line)
		}
	}
}

// TestSecretsDoNotComeBack sends bodies that are wrong in every way and looks
// for what is secret in the refusals.
func TestSecretsDoNotComeBack(t *testing.T) {
	a := newAlerting(t)
	const token, secret = "token-of-somebody", "never to be seen again"
	receivers := `"receivers":[{"kind":"webhook","url":"https://example.org/` + token + `","secret":"` + secret + `"}]`
	rest := `"name":"N","figure":"traffic","subjects":["EGLL"],"direction":"above","threshold":10`
	for _, test := range []struct {
		name, body string
		status     int
		says       string
	}{
		{"broken JSON", `{` + rest + `,` + receivers, 400, ""},
		{"a field that does not exist", `{` + rest + `,"extra":1,` + receivers + `}`, 422, ""},
		{"a field that a receiver does not have", `{` + rest + `,` + strings.Replace(receivers, `"kind"`, `"extra":1,"kind"`, 1) + `}`, 422, ""},
		{"a kind that does not exist", `{` + rest + `,` + strings.Replace(receivers, `"webhook"`, `"`+secret+`"`, 1) + `}`, 422, ""},
		{"an address that is too long", `{` + rest + `,` + strings.Replace(receivers, token, token+strings.Repeat("x", 2000), 1) + `}`, 422, ""},
		{"a private address", `{` + rest + `,` + strings.Replace(receivers, "example.org", "10.0.0.1", 1) + `}`, 422, "ALERT_NETWORKS"},
		{"a secret that is too short", `{` + rest + `,` + strings.Replace(receivers, secret, "short", 1) + `}`, 422, "16 to 200"},
		{"an unknown figure", `{` + strings.Replace(rest, `"traffic"`, `"luck"`, 1) + `,` + receivers + `}`, 422, "there are traffic"},
		{"an unknown subject", `{` + strings.Replace(rest, "EGLL", "KJFK", 1) + `,` + receivers + `}`, 422, "there are EGLL and EHAM"},
		{"a threshold that is text", `{` + strings.Replace(rest, "10", `"`+secret+`"`, 1) + `,` + receivers + `}`, 422, ""},
		{"what is right", `{` + rest + `,` + receivers + `}`, 201, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			answer := askBody(a, "POST", "/api/alerts/rules", test.body)
			if answer.Code != test.status || !strings.Contains(answer.Body.String(), test.says) {
				t.Errorf("%d %s", answer.Code, answer.Body)
			}
			for _, text := range []string{token, secret} {
				if strings.Contains(answer.Body.String(), text) {
					t.Errorf("the answer holds %q: %s", text, answer.Body)
				}
			}
		})
	}
}
