package cloud

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/aws/aws-lambda-go/events"
	"github.com/google/go-cmp/cmp"
	"go.uber.org/zap"
)

// gateway answers GET /api/flights/{id} and POST /api/database/query with h.
func gateway(h handler) *Gateway {
	g := NewGateway(ClockAt(start(), 0), zap.NewNop())
	f := NewFunction("api", h, 0, 0, zap.NewNop())
	g.Route(http.MethodGet, "/api/flights/{id}", f)
	g.Route(http.MethodPost, "/api/database/query", f)
	g.Route(http.MethodGet, "/api/docs/{rest+}", f)
	return g
}

func ask(g *Gateway, method, target, body string, headers ...string) *http.Response {
	request := httptest.NewRequest(method, target, strings.NewReader(body))
	for i := 0; i+1 < len(headers); i += 2 {
		request.Header.Add(headers[i], headers[i+1])
	}
	recorder := httptest.NewRecorder()
	g.ServeHTTP(recorder, request)
	return recorder.Result()
}

func TestGatewayMakesEvents(t *testing.T) {
	var event events.APIGatewayV2HTTPRequest
	g := gateway(func(_ context.Context, payload []byte) ([]byte, error) {
		event = events.APIGatewayV2HTTPRequest{}
		return []byte(`{"statusCode":204}`), json.Unmarshal(payload, &event)
	})

	t.Run("a GET with everything", func(t *testing.T) {
		ask(g, "GET", "/api/flights/BA%201?a=1&a=2&b=%20", "", "Accept", "a", "Accept", "b", "Cookie", "x=1; y=2", "User-Agent", "tester")
		type essence struct {
			Version, Route, Path, Query, Accept, Cookie, Method, Agent, IP string
			Parameters, Values                                             map[string]string
			Cookies                                                        []string
		}
		http := event.RequestContext.HTTP
		got := essence{
			event.Version, event.RouteKey, event.RawPath, event.RawQueryString, event.Headers["accept"], event.Headers["cookie"],
			http.Method, http.UserAgent, http.SourceIP, event.QueryStringParameters, event.PathParameters, event.Cookies,
		}
		want := essence{
			"2.0", "GET /api/flights/{id}", "/api/flights/BA%201", "a=1&a=2&b=%20", "a,b", "", "GET", "tester", "192.0.2.1",
			map[string]string{"a": "1,2", "b": " "}, map[string]string{"id": "BA 1"}, []string{"x=1", "y=2"},
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
		if event.RequestContext.RequestID == "" || event.RequestContext.TimeEpoch != start().UnixMilli() {
			t.Errorf("context %+v", event.RequestContext)
		}
	})
	t.Run("text bodies are sent as they are, others in base64", func(t *testing.T) {
		ask(g, "POST", "/api/database/query", `{"query":"é"}`, "Content-Type", "application/json; charset=utf-8")
		if event.Body != `{"query":"é"}` || event.IsBase64Encoded {
			t.Errorf("body %q, base64 %v", event.Body, event.IsBase64Encoded)
		}
		ask(g, "POST", "/api/database/query", "\x00\xff", "Content-Type", "application/octet-stream")
		if event.Body != "AP8=" || !event.IsBase64Encoded {
			t.Errorf("body %q, base64 %v", event.Body, event.IsBase64Encoded)
		}
	})
	t.Run("a greedy parameter takes the rest of the path", func(t *testing.T) {
		ask(g, "GET", "/api/docs/a/b", "")
		if got := event.PathParameters["rest"]; got != "a/b" {
			t.Errorf("rest = %q", got)
		}
	})
}

func TestGatewayWritesAnswers(t *testing.T) {
	tests := map[string]struct {
		answer string
		err    error
		status int
		body   string
		header map[string][]string
	}{
		"text": {
			answer: `{"statusCode":201,"headers":{"content-type":"text/csv"},"body":"a,b"}`,
			status: 201, body: "a,b", header: map[string][]string{"Content-Type": {"text/csv"}},
		},
		"base64": {answer: `{"statusCode":200,"body":"aGk=","isBase64Encoded":true}`, status: 200, body: "hi"},
		"several values and cookies": {
			answer: `{"statusCode":200,"headers":{"link":"<a>,<b>"},"multiValueHeaders":{"Link":["<a>","<b>"]},"cookies":["x=1","y=2"]}`,
			status: 200, header: map[string][]string{"Link": {"<a>", "<b>"}, "Set-Cookie": {"x=1", "y=2"}},
		},
		"an answer without a status is a body":    {answer: `{"a":1}`, status: 200, body: `{"a":1}`},
		"an error of the function is a 502":       {err: errors.New("secret"), status: 502},
		"base64 that is none is a 502":            {answer: `{"statusCode":200,"body":"!","isBase64Encoded":true}`, status: 502},
		"more than Lambda can return is a 502":    {answer: `{"statusCode":200,"body":"` + strings.Repeat("x", maxResponse) + `"}`, status: 502},
		"a redirect keeps its status and address": {answer: `{"statusCode":307,"headers":{"location":"/x"}}`, status: 307, header: map[string][]string{"Location": {"/x"}}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			response := ask(gateway(func(context.Context, []byte) ([]byte, error) { return []byte(test.answer), test.err }), "GET", "/api/flights/1", "")
			body, _ := io.ReadAll(response.Body)
			if response.StatusCode != test.status {
				t.Errorf("status %d, want %d", response.StatusCode, test.status)
			}
			if test.status == 502 {
				if response.Header.Get("Content-Type") != "application/problem+json" || strings.Contains(string(body), "secret") {
					t.Errorf("problem %s", body)
				}
				return
			}
			if string(body) != test.body {
				t.Errorf("body %q, want %q", body, test.body)
			}
			for name, want := range test.header {
				if diff := cmp.Diff(want, response.Header.Values(name)); diff != "" {
					t.Errorf("%s: %s", name, diff)
				}
			}
		})
	}
}

func TestGatewayKnowsItsRoutesOnly(t *testing.T) {
	g := gateway(func(context.Context, []byte) ([]byte, error) { return []byte(`{"statusCode":200}`), nil })
	for _, target := range []string{"GET /", "GET /api/flights", "POST /api/flights/1", "HEAD /api/flights/1", "GET /api/flights/1/2"} {
		t.Run(target, func(t *testing.T) {
			method, path, _ := strings.Cut(target, " ")
			response := ask(g, method, path, "")
			if response.StatusCode != http.StatusNotFound || response.Header.Get("Content-Type") != "application/problem+json" {
				t.Errorf("status %d, %s", response.StatusCode, response.Header.Get("Content-Type"))
			}
		})
	}
	t.Run("a body over 10 MB", func(t *testing.T) {
		if response := ask(g, "POST", "/api/database/query", strings.Repeat("x", maxRequest+1)); response.StatusCode != http.StatusRequestEntityTooLarge {
			t.Errorf("status %d", response.StatusCode)
		}
	})
}
