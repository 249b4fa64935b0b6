package api_test

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/skyledger/skyledger/internal/access"
	"github.com/skyledger/skyledger/internal/api"
	"github.com/skyledger/skyledger/internal/fault"
	"github.com/skyledger/skyledger/internal/store"
)

// ring holds keys in memory; what the gate makes of a database is tested with
// the gate.
type ring struct {
	mu   sync.Mutex
	keys map[string]store.APIKey
	err  error
}

func (r *ring) AddAPIKey(_ context.Context, key store.APIKey) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.keys == nil {
		r.keys = map[string]store.APIKey{}
	}
	r.keys[key.ID] = key
	return nil
}

func (r *ring) APIKey(_ context.Context, id string) (store.APIKey, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	key, found := r.keys[id]
	if !found && r.err == nil {
		return key, fault.E("test", fault.NotFound, "no_key", nil)
	}
	return key, r.err
}

func (r *ring) APIKeyUsed(context.Context, string, time.Time) error { return nil }

func (r *ring) issue(t testing.TB, lasting time.Duration, scopes ...access.Scope) string {
	t.Helper()
	var expires time.Time
	if lasting != 0 {
		expires = now.Add(lasting)
	}
	text, _, err := access.Issue(t.Context(), r, rand.Reader, "tests", scopes, now.Add(-time.Hour), expires)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// gated is the API behind a gate.
func gated(t testing.TB, keys *ring, setting string, loopback bool, change func(*access.Options, *api.Deps)) http.Handler {
	t.Helper()
	policy, err := access.NewPolicy(setting, loopback)
	if err != nil {
		t.Fatal(err)
	}
	deps := deps(t)
	options := access.Options{
		Keys: keys, Policy: policy, Clock: deps.Clock,
		Rates: access.Rates{Address: access.PerMinute(1200), Key: access.PerMinute(3000), Query: access.PerMinute(120)},
	}
	if change != nil {
		change(&options, &deps)
	}
	gate := access.NewGate(options)
	t.Cleanup(gate.Close)
	deps.Gate = gate
	return handler(t, deps)
}

func TestGateAnswers(t *testing.T) {
	keys := &ring{}
	good, dead := keys.issue(t, 0, access.Read), keys.issue(t, -time.Minute, access.Read)
	open := gated(t, keys, access.Open, false, nil)
	closed := gated(t, keys, access.Keys, false, nil)
	const invalid = `Bearer realm="skyledger", error="invalid_token"`
	tests := []struct {
		name      string
		handler   http.Handler
		method    string
		target    string
		headers   []string
		status    int
		challenge string
	}{
		{"reading is open", open, "GET", "/api/flights", nil, 200, ""},
		{"a key is taken as X-API-Key", open, "GET", "/api/flights", []string{"X-API-Key", good}, 200, ""},
		{"or as a bearer", open, "GET", "/api/flights", []string{"Authorization", "bearer  " + good}, 200, ""},
		{"or as both", open, "GET", "/api/flights", []string{"Authorization", "Bearer " + good, "X-API-Key", good}, 200, ""},
		{"a proxy's own authorization is not a key", open, "GET", "/api/flights", []string{"Authorization", "Basic dXNlcjpwYXNz"}, 200, ""},
		{"a wrong key is noticed where none is needed", open, "GET", "/api/flights", []string{"X-API-Key", "sky_no"}, 401, invalid},
		{"an empty one as well", open, "GET", "/api/flights", []string{"X-API-Key", ""}, 401, invalid},
		{"an expired one as well", open, "GET", "/api/flights", []string{"X-API-Key", dead}, 401, invalid},
		{"two different ones are none", open, "GET", "/api/flights", []string{"Authorization", "Bearer " + dead, "X-API-Key", good}, 401, invalid},
		{"somebody else's token is none", open, "GET", "/api/flights", []string{"Authorization", "Bearer eyJhbGciOi.x.y"}, 401, invalid},
		{"even where there is nothing", open, "GET", "/api/nothing", []string{"X-API-Key", "sky_no"}, 401, invalid},
		{"there is nothing for anybody", open, "GET", "/api/nothing", nil, 404, ""},
		{"reading needs a key where the deployment says so", closed, "GET", "/api/flights", nil, 401, `Bearer realm="skyledger"`},
		{"HEAD reads", closed, "HEAD", "/api/flights", nil, 401, `Bearer realm="skyledger"`},
		{"and works with one", closed, "GET", "/api/flights", []string{"X-API-Key", good}, 200, ""},
		{"whether there is anything needs a key as well", closed, "GET", "/api/nothing", nil, 401, `Bearer realm="skyledger"`},
		{"the documentation never needs a key", closed, "GET", "/api/docs", nil, 200, ""},
		{"nor does the description", closed, "GET", "/api/openapi.json", nil, 200, ""},
		{"nor a preflight", closed, "OPTIONS", "/api/flights", []string{"X-API-Key", "sky_no"}, 204, ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			answer := ask(test.handler, test.method, test.target, test.headers...)
			header := answer.Header()
			if answer.Code != test.status || header.Get("WWW-Authenticate") != test.challenge {
				t.Errorf("%d %q: %s", answer.Code, header.Get("WWW-Authenticate"), answer.Body)
			}
			if counted := header.Get("RateLimit-Remaining") != ""; counted != (test.method != "OPTIONS") {
				t.Errorf("RateLimit headers: %v", counted)
			}
			if answer.Code != 401 || test.method == "HEAD" {
				return
			}
			var problem api.Problem
			if err := json.Unmarshal(answer.Body.Bytes(), &problem); err != nil || problem.Code != "unauthorized" || problem.RequestID == "" ||
				header.Get("Content-Type") != "application/problem+json" || header.Get("Cache-Control") != "no-store" {
				t.Errorf("%v, %+v, %v", err, problem, header)
			}
		})
	}
}

func TestAnswersThatNeedAKeyStayOutOfSharedCaches(t *testing.T) {
	keys := &ring{}
	key := keys.issue(t, 0, access.Read)
	for setting, want := range map[string]string{access.Open: "public", access.Keys: "private"} {
		answer := ask(gated(t, keys, setting, false, nil), "GET", "/api/flights", "X-API-Key", key)
		if got, _, _ := strings.Cut(answer.Header().Get("Cache-Control"), ","); got != want {
			t.Errorf("%s: %q", setting, answer.Header().Get("Cache-Control"))
		}
	}
}

func TestRateLimitHeaders(t *testing.T) {
	limited := gated(t, &ring{}, access.Open, false, func(o *access.Options, _ *api.Deps) { o.Rates.Address = access.PerMinute(3) })
	for _, remaining := range []string{"2", "1", "0"} {
		header := ask(limited, "GET", "/api/flights").Header()
		if header.Get("RateLimit-Limit") != "3" || header.Get("RateLimit-Remaining") != remaining || header.Get("RateLimit-Policy") != "3;w=60" {
			t.Errorf("%v", header)
		}
		if reset, err := strconv.Atoi(header.Get("RateLimit-Reset")); err != nil || reset < 1 || reset > 60 {
			t.Errorf("reset %q", header.Get("RateLimit-Reset"))
		}
	}
	answer := ask(limited, "GET", "/api/flights")
	if answer.Code != http.StatusTooManyRequests || answer.Header().Get("Retry-After") != "20" || answer.Header().Get("RateLimit-Remaining") != "0" ||
		!strings.Contains(answer.Body.String(), `"code":"throttled"`) || !strings.Contains(answer.Body.String(), "3 requests a minute") {
		t.Errorf("%d %v %s", answer.Code, answer.Header(), answer.Body)
	}
	if answer := ask(limited, "OPTIONS", "/api/flights"); answer.Code != http.StatusNoContent {
		t.Errorf("a preflight is limited: %d", answer.Code)
	}
	unlimited := gated(t, &ring{}, access.Open, false, func(o *access.Options, _ *api.Deps) { o.Rates = access.Rates{} })
	if header := ask(unlimited, "GET", "/api/flights").Header(); header.Get("RateLimit-Limit") != "" {
		t.Errorf("no limit, and %v", header)
	}
}

func TestKeysThatCannotBeChecked(t *testing.T) {
	keys := &ring{}
	key := keys.issue(t, 0, access.Read)
	keys.err = fault.E("test", fault.Unavailable, "database_down", nil)
	answer := ask(gated(t, keys, access.Open, false, nil), "GET", "/api/flights", "X-API-Key", key)
	if answer.Code != http.StatusServiceUnavailable || answer.Header().Get("Retry-After") != "5" || answer.Header().Get("WWW-Authenticate") != "" {
		t.Errorf("%d %v %s", answer.Code, answer.Header(), answer.Body)
	}
}

// TestWhereRequestsComeFrom sends API Gateway's own events: what counts is the
// connection's address, whatever a client writes into headers.
func TestWhereRequestsComeFrom(t *testing.T) {
	raw, err := os.ReadFile("../../events/api-flights.json")
	if err != nil {
		t.Fatal(err)
	}
	function := api.Lambda(gated(t, &ring{}, access.Open, false, func(o *access.Options, _ *api.Deps) { o.Rates.Address = access.PerMinute(2) }))
	send := func(sourceIP string, headers map[string]string) int {
		t.Helper()
		var event events.APIGatewayV2HTTPRequest
		if err := json.Unmarshal(raw, &event); err != nil {
			t.Fatal(err)
		}
		event.RequestContext.HTTP.SourceIP = sourceIP
		for name, value := range headers {
			event.Headers[name] = value
		}
		payload, err := json.Marshal(event)
		if err != nil {
			t.Fatal(err)
		}
		answer, err := function.Invoke(t.Context(), payload)
		if err != nil {
			t.Fatal(err)
		}
		var response events.APIGatewayV2HTTPResponse
		if err := json.Unmarshal(answer, &response); err != nil {
			t.Fatal(err)
		}
		return response.StatusCode
	}
	forged := func(address string) map[string]string {
		return map[string]string{
			"x-forwarded-for": address, "forwarded": "for=" + address, "x-real-ip": address, "cf-connecting-ip": address, "true-client-ip": address,
		}
	}
	for i, want := range []int{200, 200, 429, 429} {
		if got := send("203.0.113.9", forged("198.51.100."+strconv.Itoa(i))); got != want {
			t.Errorf("request %d from one address under many names: %d", i, got)
		}
	}
	for i := range 4 {
		if got := send("203.0.113."+strconv.Itoa(100+i), forged("198.51.100.1")); got != 200 {
			t.Errorf("request %d from an address of its own under one name: %d", i, got)
		}
	}
	for i, want := range []int{200, 200, 429} {
		if got := send("2001:db8:0:1::"+strconv.Itoa(i), nil); got != want {
			t.Errorf("request %d from one /64: %d", i, got)
		}
	}
	t.Run("over a connection of one's own the port does not matter", func(t *testing.T) {
		limited := gated(t, &ring{}, access.Open, false, func(o *access.Options, _ *api.Deps) { o.Rates.Address = access.PerMinute(2) })
		got := ""
		for port := range 3 {
			request := httptest.NewRequest(http.MethodGet, "/api/flights", nil)
			request.RemoteAddr = "192.0.2.1:" + strconv.Itoa(40000+port)
			recorder := httptest.NewRecorder()
			limited.ServeHTTP(recorder, request)
			got += strconv.Itoa(recorder.Code) + " "
		}
		if got != "200 200 429 " {
			t.Error(got)
		}
	})
}

// TestLogsNameTheCallerAndNoSecret looks at every log line of requests with
// good and bad keys.
func TestLogsNameTheCallerAndNoSecret(t *testing.T) {
	core, logs := observer.New(zapcore.DebugLevel)
	keys := &ring{}
	good, dead := keys.issue(t, 0, access.Read), keys.issue(t, -time.Minute, access.Read)
	handler := gated(t, keys, access.Keys, false, func(o *access.Options, d *api.Deps) { o.Logger, d.Logger = zap.New(core), zap.New(core) })
	var said []string
	for _, key := range []string{good, dead, good[:44] + "!", good + "," + dead} {
		for _, header := range [][]string{{"X-API-Key", key}, {"Authorization", "Bearer " + key}} {
			for _, target := range []string{"/api/flights", "/api/flights?limit=0", "/api/nothing"} {
				answer := ask(handler, "GET", target, header...)
				raw, err := json.Marshal(answer.Header())
				if err != nil {
					t.Fatal(err)
				}
				said = append(said, string(raw), answer.Body.String())
			}
		}
	}
	named := 0
	for _, entry := range logs.All() {
		raw, err := json.Marshal(entry.ContextMap())
		if err != nil {
			t.Fatal(err)
		}
		said = append(said, entry.Message+string(raw))
		if entry.Message == "request" && entry.ContextMap()["caller"] == good[4:12] {
			named++
		}
	}
	if named != 6 {
		t.Errorf("the caller is named in %d lines, want those of its 6 requests", named)
	}
	for _, text := range said {
		for _, key := range []string{good, dead} {
			if secret := key[13:33]; strings.Contains(text, secret) {
				t.Errorf("a secret is in %q", strings.ReplaceAll(text, secret, "…"))
			}
		}
	}
}

func TestOrigins(t *testing.T) {
	const page, other = "https://map.example.org", "https://elsewhere.example"
	tests := []struct {
		name    string
		origins []string
		from    string
		allowed string // Access-Control-Allow-Origin
		writes  bool
	}{
		{"by default every page may read", nil, page, "*", false},
		{"with * as well", []string{"*"}, page, "*", false},
		{"a page that is named may write", []string{page}, page, page, true},
		{"however it writes its name", []string{page}, "https://Map.Example.org", "https://Map.Example.org", true},
		{"another page may nothing", []string{page}, other, "", false},
		{"beside *, those named may write", []string{"*", page}, page, "*", true},
		{"and others read", []string{"*", page}, other, "*", false},
		{"who says * is not everybody", []string{"*"}, "*", "*", false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			deps := deps(t)
			deps.Origins = test.origins
			handler := handler(t, deps)
			read := ask(handler, "GET", "/api/flights", "Origin", test.from)
			preflight := ask(handler, "OPTIONS", "/api/flights", "Origin", test.from, "Access-Control-Request-Method", "POST")
			for what, header := range map[string]http.Header{"reading": read.Header(), "a preflight": preflight.Header()} {
				if got := header.Get("Access-Control-Allow-Origin"); got != test.allowed {
					t.Errorf("%s: %q", what, got)
				}
				if varies := strings.Contains(strings.Join(header.Values("Vary"), ","), "Origin"); test.allowed != "*" && !varies {
					t.Errorf("%s: caches are not told that the origin matters", what)
				}
			}
			header := preflight.Header()
			if writes := strings.Contains(header.Get("Access-Control-Allow-Methods"), "POST"); writes != test.writes {
				t.Errorf("may write: %v", writes)
			}
			for _, name := range []string{"Authorization", "X-API-Key"} {
				if !strings.Contains(header.Get("Access-Control-Allow-Headers"), name) {
					t.Errorf("%s may not be sent", name)
				}
			}
			if !strings.Contains(read.Header().Get("Access-Control-Expose-Headers"), "RateLimit-Remaining") {
				t.Error("what is left may not be read")
			}
		})
	}
}
