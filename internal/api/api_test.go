package api_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/google/go-cmp/cmp"

	"github.com/skyledger/skyledger/internal/api"
	"github.com/skyledger/skyledger/internal/fault"
	"github.com/skyledger/skyledger/internal/live"
	"github.com/skyledger/skyledger/internal/rawlog"
	"github.com/skyledger/skyledger/internal/store"
)

// targets are the operations whose answers are lists or figures.
func targets() map[string]string {
	return map[string]string{
		"status": "/api/status", "network_status": "/api/network/status", "atc_positions": "/api/atc-positions",
		"by_controller": "/api/atc-positions/by-controller-id", "ratings": "/api/vatsim/ratings",
		"flights": "/api/flights", "flights_memory": "/api/flights/memory", "ledger": "/api/feed/ledger?hours=1",
	}
}

func TestShapes(t *testing.T) {
	for name, target := range targets() {
		t.Run(name+" has the shape of its golden file", func(t *testing.T) {
			answer := ask(handler(t, deps(t)), "GET", target, "Accept", "application/json;q=0.9,text/plain", "X-Request-Id", "r-1")
			if answer.Code != http.StatusOK || answer.Header().Get("Content-Type") != "application/json" {
				t.Fatalf("%d %s: %s", answer.Code, answer.Header().Get("Content-Type"), answer.Body)
			}
			golden(t, name, answer.Body.Bytes())
		})
	}
	t.Run("answers from anything but the live feed say so", func(t *testing.T) {
		deps := deps(t)
		deps.Source = "simulated"
		answer := ask(handler(t, deps), "GET", "/api/feed/ledger")
		if !strings.Contains(answer.Body.String(), `"source":"simulated"`) {
			t.Error(answer.Body)
		}
	})
	t.Run("an empty network and ledger are empty lists", func(t *testing.T) {
		deps := deps(t)
		deps.Live, deps.Ledger = liveView(t, view(0), deps.Clock), &ledger{}
		handler := handler(t, deps)
		for target, want := range map[string]string{"/api/flights": `"flights":[],`, "/api/feed/ledger": `"data":[],`} {
			if answer := ask(handler, "GET", target); answer.Code != http.StatusOK || !strings.Contains(answer.Body.String(), want) {
				t.Errorf("%s: %d %s", target, answer.Code, answer.Body)
			}
		}
	})
}

func TestRulesOfEveryAnswer(t *testing.T) {
	handler := handler(t, deps(t))
	all := targets()
	all["replay"] = "/api/replay/vatsim-data.json"
	for name, target := range all {
		t.Run(name, func(t *testing.T) {
			plain := ask(handler, "GET", target, "X-Request-Id", "abc-123")
			for header, want := range map[string]string{"X-Request-Id": "abc-123", "Access-Control-Allow-Origin": "*"} {
				if got := plain.Header().Get(header); got != want {
					t.Errorf("%s: %q, want %q", header, got, want)
				}
			}
			if control := plain.Header().Get("Cache-Control"); control == "" {
				t.Error("no Cache-Control")
			}
			etag := plain.Header().Get("ETag")
			if !strings.HasPrefix(etag, `"`) {
				t.Fatalf("ETag %q is not strong", etag)
			}
			for _, known := range []string{etag, `"other", W/` + etag, "*"} {
				again := ask(handler, "GET", target, "If-None-Match", known)
				if again.Code != http.StatusNotModified || again.Body.Len() > 0 || again.Header().Get("ETag") != etag {
					t.Errorf("If-None-Match %s: %d with %d bytes, ETag %s", known, again.Code, again.Body.Len(), again.Header().Get("ETag"))
				}
			}
			squeezed := ask(handler, "GET", target, "Accept-Encoding", "gzip")
			if squeezed.Header().Get("Content-Encoding") == "gzip" {
				if strings.HasSuffix(name, "status") || name == "flights_memory" {
					return // their bytes tell of the request itself
				}
				reader, err := gzip.NewReader(squeezed.Body)
				if err != nil {
					t.Fatal(err)
				}
				body, err := io.ReadAll(reader)
				if err != nil || !bytes.Equal(body, plain.Body.Bytes()) {
					t.Errorf("gzip holds other bytes, err %v", err)
				}
				tag := squeezed.Header().Get("ETag")
				if tag == etag {
					t.Error("gzip has the same strong ETag")
				}
				if again := ask(handler, "GET", target, "Accept-Encoding", "gzip", "If-None-Match", tag); again.Code != http.StatusNotModified {
					t.Errorf("its own ETag %s: %d", tag, again.Code)
				}
			}
			if head := ask(handler, "HEAD", target); head.Code != http.StatusOK || head.Body.Len() > 0 {
				t.Errorf("HEAD: %d with %d bytes", head.Code, head.Body.Len())
			}
		})
	}
}

func TestProblems(t *testing.T) {
	broken := deps(t)
	broken.Live = liveView(t, nil, broken.Clock)
	broken.Ledger = &ledger{err: fault.E("store.Ledger", fault.Unavailable, "53300", errors.New("password=secret"))}
	silent := deps(t)
	silent.Ledger = &ledger{err: fault.E("store.Ledger", fault.Timeout, "timeout", errors.New("password=secret"))}
	panicking := deps(t)
	panicking.Log = panicker{}
	whole := deps(t)
	tests := []struct {
		name, method, target string
		deps                 api.Deps
		status               int
		code, header, value  string
	}{
		{"an unknown path", "GET", "/api/nothing", whole, 404, "not_found", "", ""},
		{"a wrong method", "POST", "/api/flights", whole, 405, "method_not_allowed", "Allow", "GET, HEAD"},
		{"a limit out of range", "GET", "/api/feed/ledger?limit=0", whole, 422, "invalid_input", "", ""},
		{"a limit that is no number", "GET", "/api/feed/ledger?limit=many", whole, 422, "invalid_input", "", ""},
		{"a time that is none", "GET", "/api/feed/ledger?from=yesterday", whole, 422, "invalid_input", "", ""},
		{"a span too long", "GET", "/api/feed/ledger?from=2026-02-01T00:00:00Z", whole, 422, "invalid_input", "", ""},
		{"a span backwards", "GET", "/api/feed/ledger?from=2026-03-01T00:00:00Z&to=2026-02-28T00:00:00Z", whole, 422, "invalid_input", "", ""},
		{"a made-up cursor", "GET", "/api/feed/ledger?cursor=x", whole, 422, "invalid_input", "", ""},
		{"a moment that is none", "GET", "/api/replay/vatsim-data.json?at=soon", whole, 422, "invalid_input", "", ""},
		{"a moment in no year", "GET", "/api/replay/vatsim-data.json?at=-99999999999", whole, 422, "invalid_input", "", ""},
		{"a moment before the first snapshot", "GET", "/api/replay/vatsim-data.json?at=2020-01-01T00:00:00Z", whole, 404, "not_found", "", ""},
		{"nothing in any layer", "GET", "/api/flights", broken, 503, "unavailable", "Retry-After", "15"},
		{"a database without connections", "GET", "/api/feed/ledger", broken, 503, "unavailable", "Retry-After", "15"},
		{"a database that is there and says nothing", "GET", "/api/feed/ledger", silent, 504, "timeout", "Retry-After", "15"},
		{"a panic", "GET", "/api/replay/vatsim-data.json", panicking, 500, "internal", "", ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			answer := ask(handler(t, test.deps), test.method, test.target, "X-Request-Id", "r-9", "Accept-Encoding", "gzip")
			var problem api.Problem
			if err := json.Unmarshal(answer.Body.Bytes(), &problem); err != nil {
				t.Fatalf("%v: %s", err, answer.Body)
			}
			if answer.Code != test.status || answer.Header().Get("Content-Type") != "application/problem+json" {
				t.Errorf("%d %s", answer.Code, answer.Header().Get("Content-Type"))
			}
			if problem.Status != test.status || problem.Code != test.code || problem.RequestID != "r-9" || problem.Detail == "" || problem.Title == "" {
				t.Errorf("%+v", problem)
			}
			if test.status == http.StatusUnprocessableEntity && len(problem.Errors) == 0 {
				t.Error("does not say which parameter")
			}
			if test.header != "" && answer.Header().Get(test.header) != test.value {
				t.Errorf("%s: %q, want %q", test.header, answer.Header().Get(test.header), test.value)
			}
			if strings.Contains(answer.Body.String(), "secret") {
				t.Error("the cause leaked")
			}
		})
	}
}

// TestAllowNamesWhatIsTaken asks the function that answers for all others'
// paths: API Gateway's routes of GET take no HEAD.
func TestAllowNamesWhatIsTaken(t *testing.T) {
	status, err := api.New(deps(t), "api-status")
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct{ method, path, allow string }{
		{"POST", "/api/status", "GET, HEAD"}, {"POST", "/api/flights", "GET"}, {"HEAD", "/api/flights", "GET"},
		{"GET", "/api/database/query", "POST"}, {"PUT", "/api/performance/optimize", "GET, POST"},
	} {
		t.Run(test.method+" "+test.path, func(t *testing.T) {
			answer := ask(status, test.method, test.path)
			if got := answer.Header().Get("Allow"); answer.Code != http.StatusMethodNotAllowed || got != test.allow {
				t.Errorf("%d, Allow %q, want %q", answer.Code, got, test.allow)
			}
		})
	}
	if got := ask(status, "OPTIONS", "/api/flights").Header().Get("Allow"); got != "GET, OPTIONS" {
		t.Errorf("OPTIONS: Allow %q", got)
	}
}

type panicker struct{}

func (panicker) At(context.Context, time.Time) (rawlog.Record, error) { panic("boom") }

func TestRequestID(t *testing.T) {
	handler := handler(t, deps(t))
	for _, given := range []string{"", strings.Repeat("a", 129), "a b", "a\"b", "é"} {
		got := ask(handler, "GET", "/api/network/status", "X-Request-Id", given).Header().Get("X-Request-Id")
		if len(got) != 32 || got == given {
			t.Errorf("given %q: %q is not a new id", given, got)
		}
	}
}

func TestUnknownParametersBreakNothing(t *testing.T) {
	handler := handler(t, deps(t))
	for _, target := range []string{"/api/flights?fields=id&zzz=1", "/api/status?x=%00", "/api/feed/ledger?foo=bar", "/api/atc-positions?bar=x"} {
		if answer := ask(handler, "GET", target); answer.Code != http.StatusOK {
			t.Errorf("%s: %d %s", target, answer.Code, answer.Body)
		}
	}
}

func TestCrossOrigin(t *testing.T) {
	answer := ask(handler(t, deps(t)), "OPTIONS", "/api/flights", "Origin", "https://example.org", "Access-Control-Request-Method", "GET")
	if answer.Code != http.StatusNoContent || answer.Header().Get("Access-Control-Allow-Methods") == "" {
		t.Errorf("%d %v", answer.Code, answer.Header())
	}
}

func TestReplay(t *testing.T) {
	handler := handler(t, deps(t))
	for _, at := range []string{"", "?at=2026-03-01T12:00:00.123456Z", "?at=1772366401", "?at=1772366400124", "?at=2026-03-01T13:00:01+01:00"} {
		t.Run("the body comes back byte for byte "+at, func(t *testing.T) {
			answer := ask(handler, "GET", "/api/replay/vatsim-data.json"+at)
			if answer.Code != http.StatusOK || !bytes.Equal(answer.Body.Bytes(), received) {
				t.Errorf("%d, %d bytes", answer.Code, answer.Body.Len())
			}
			if got := answer.Header().Get("X-Snapshot"); got != "2026-03-01T12:00:00.123456Z" {
				t.Errorf("X-Snapshot %q", got)
			}
		})
	}
}

func TestLedgerPages(t *testing.T) {
	handler := handler(t, deps(t))
	var times []string
	target := "/api/feed/ledger?limit=2"
	for pages := 0; target != ""; pages++ {
		if pages > 5 {
			t.Fatal("pages do not end")
		}
		var page struct {
			Data    []api.LedgerRow
			Summary api.LedgerSummary
			Meta    struct {
				NextCursor *string `json:"next_cursor"`
			}
		}
		answer := ask(handler, "GET", target)
		if err := json.Unmarshal(answer.Body.Bytes(), &page); err != nil {
			t.Fatal(err)
		}
		for _, row := range page.Data {
			times = append(times, row.Time.Format("04:05"))
		}
		link := answer.Header().Get("Link")
		if (page.Meta.NextCursor != nil) != (link != "") || page.Summary.Expected != 5 {
			t.Errorf("cursor %v, Link %q, summary %+v", page.Meta.NextCursor, link, page.Summary)
		}
		target = strings.TrimSuffix(strings.TrimPrefix(link, "<"), `>; rel="next"`)
	}
	if got, want := strings.Join(times, " "), "59:00 59:15 59:30 59:45 00:00"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestStatusTellsWhatIsWrong(t *testing.T) {
	get := func(t *testing.T, deps api.Deps) (status api.StatusAnswer) {
		answer := ask(handler(t, deps), "GET", "/api/status")
		if err := json.Unmarshal(answer.Body.Bytes(), &status); err != nil || answer.Code != http.StatusOK {
			t.Fatalf("%d %v", answer.Code, err)
		}
		return status
	}
	t.Run("stale after two missed ticks, and not before", func(t *testing.T) {
		clock := now
		deps := deps(t)
		deps.Clock = func() time.Time { return clock }
		deps.Live = liveView(t, view(2), deps.Clock)
		clock = moment.Add(40 * time.Second)
		if got := get(t, deps); got.DataFreshness.Stale {
			t.Errorf("stale at 40 s: %+v", got.DataFreshness)
		}
		clock = moment.Add(47 * time.Second)
		if got := get(t, deps); !got.DataFreshness.Stale || got.Status != "degraded" || *got.DataFreshness.AgeS != 47 {
			t.Errorf("at 47 s: %s %+v", got.Status, got.DataFreshness)
		}
	})
	t.Run("ticks that nobody recorded count against completeness", func(t *testing.T) {
		deps := deps(t)
		deps.Clock = func() time.Time { return now.Add(75*time.Second + 15*time.Second) }
		got := get(t, deps)
		if got.Ledger.Unrecorded != 4 || got.Ledger.Completeness <= 0.33 || got.Ledger.Completeness >= 0.34 { // 3 of 5 + 4
			t.Errorf("%+v", got.Ledger)
		}
	})
	t.Run("a database that is away is a reason, and the rest is told", func(t *testing.T) {
		deps := deps(t)
		deps.Ledger = &ledger{err: fault.E("x", fault.Unavailable, "57P01", nil)}
		got := get(t, deps)
		if got.Status != "degraded" || got.Ledger != nil || *got.FlightsCount != 2 || !strings.Contains(strings.Join(got.Reasons, " "), "57P01") {
			t.Errorf("%+v", got)
		}
	})
	t.Run("nothing to show is down", func(t *testing.T) {
		deps := deps(t)
		deps.Live = liveView(t, nil, deps.Clock)
		if got := get(t, deps); got.Status != "down" || got.FlightsCount != nil {
			t.Errorf("%+v", got)
		}
	})
}

func TestLambda(t *testing.T) {
	function := api.Lambda(handler(t, deps(t)))
	invoke := func(t *testing.T, path, query string, headers map[string]string) events.APIGatewayV2HTTPResponse {
		event := events.APIGatewayV2HTTPRequest{Version: "2.0", RawPath: path, RawQueryString: query, Headers: headers}
		event.RequestContext.HTTP.Method, event.RequestContext.HTTP.Path = "GET", path
		payload, err := json.Marshal(event)
		if err != nil {
			t.Fatal(err)
		}
		raw, err := function.Invoke(context.Background(), payload)
		if err != nil {
			t.Fatal(err)
		}
		var response events.APIGatewayV2HTTPResponse
		if err := json.Unmarshal(raw, &response); err != nil {
			t.Fatal(err)
		}
		return response
	}
	t.Run("gzip travels in base64 and text as text", func(t *testing.T) {
		squeezed := invoke(t, "/api/flights", "", map[string]string{"accept-encoding": "gzip, deflate, br"})
		if !squeezed.IsBase64Encoded || squeezed.Headers["Content-Encoding"] != "gzip" {
			t.Errorf("base64 %t, %v", squeezed.IsBase64Encoded, squeezed.Headers)
		}
		plain := invoke(t, "/api/replay/vatsim-data.json", "", nil)
		if plain.IsBase64Encoded || plain.Body != string(received) {
			t.Errorf("base64 %t, %d bytes", plain.IsBase64Encoded, len(plain.Body))
		}
	})
	t.Run("headers with commas are read whole", func(t *testing.T) {
		squeezed := invoke(t, "/api/flights", "", map[string]string{"accept-encoding": "br, gzip"})
		if squeezed.Headers["Content-Encoding"] != "gzip" {
			t.Errorf("br, gzip: %v", squeezed.Headers)
		}
		list := invoke(t, "/api/flights", "limit=1", map[string]string{"accept": "text/csv, */*"})
		if list.Headers["Content-Type"] != "application/json" {
			t.Errorf("an Accept that is not exactly text/csv: %v", list.Headers)
		}
		etag := list.Headers["Etag"]
		if again := invoke(t, "/api/flights", "limit=1", map[string]string{"if-none-match": `"other", ` + etag}); again.StatusCode != http.StatusNotModified {
			t.Errorf("its tag %s among others: %d", etag, again.StatusCode)
		}
	})
	t.Run("queries and problems pass", func(t *testing.T) {
		if got := invoke(t, "/api/feed/ledger", "limit=0", nil); got.StatusCode != http.StatusUnprocessableEntity || got.Headers["Content-Type"] != "application/problem+json" {
			t.Errorf("%d %v", got.StatusCode, got.Headers)
		}
		if got := invoke(t, "/api/network/status", "", map[string]string{"if-none-match": "*"}); got.StatusCode != http.StatusNotModified || got.Body != "" {
			t.Errorf("%d %q", got.StatusCode, got.Body)
		}
	})
}

// The interfaces are those of the parts that are wired in.
var (
	_ api.Live    = (*live.Reader)(nil)
	_ api.Ledger  = (*store.Store)(nil)
	_ api.Records = (*rawlog.Log)(nil)
)

func TestRequestsAreCounted(t *testing.T) {
	deps := deps(t)
	deps.Faults = fault.NewRecorder(fault.RecorderOptions{Function: "api-status", Clock: deps.Clock})
	deps.Ledger = &ledger{err: fault.E("store.Ledger", fault.Unavailable, "connection", nil)}
	handler := handler(t, deps)
	for target, times := range map[string]int{"/api/flights": 2, "/api/feed/ledger": 3, "/api/feed/ledger?limit=0": 4, "/nowhere": 1, "/elsewhere": 1} {
		for range times {
			ask(handler, "GET", target)
		}
	}
	failures, requests := deps.Faults.Recent(now.Add(-time.Hour), now.Add(time.Hour))
	counts := map[string]int64{}
	for _, failure := range failures {
		counts[strings.Join([]string{string(failure.Class), failure.Op, failure.Reason}, " ")] = failure.Count
	}
	for _, request := range requests {
		counts[request.Route+" "+strconv.Itoa(request.Status)] = request.Count
	}
	want := map[string]int64{
		"GET /api/flights 2": 2, "GET /api/feed/ledger 5": 3, "GET /api/feed/ledger 4": 4, "unknown 4": 2,
		"unavailable store.Ledger connection": 3, "invalid_input request invalid_input": 4, "not_found request not_found": 2,
	}
	if diff := cmp.Diff(want, counts); diff != "" {
		t.Errorf("-asked +counted\n%s", diff)
	}
}
