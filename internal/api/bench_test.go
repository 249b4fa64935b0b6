package api_test

import (
	"context"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/skyledger/skyledger/internal/access"
	"github.com/skyledger/skyledger/internal/api"
	"github.com/skyledger/skyledger/internal/live"
	"github.com/skyledger/skyledger/internal/provision/redistest"
)

// BenchmarkRead compares reads over real HTTP with a handler that returns the
// same bytes and headers without doing anything: from memory, and from Redis by a reader
// whose memory is emptied before each request. The network has 1,500 flights.
func BenchmarkRead(b *testing.B) {
	deps := deps(b)
	deps.Live = liveView(b, view(1500), deps.Clock)
	for _, target := range []string{"/api/flights", "/api/network/status"} {
		for _, encoding := range []string{"identity", "gzip"} {
			name := target + "/" + encoding
			fromMemory := handler(b, deps)
			answer := ask(fromMemory, "GET", target, "Accept-Encoding", encoding)
			static, headers := answer.Body.Bytes(), answer.Header()
			b.Run(name+"/static", func(b *testing.B) {
				read(b, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
					maps.Copy(w.Header(), headers)
					_, _ = w.Write(static)
				}), target, encoding)
			})
			b.Run(name+"/memory", func(b *testing.B) { read(b, fromMemory, target, encoding) })
			b.Run(name+"/redis", func(b *testing.B) {
				server := redistest.New(b)
				client, err := live.Dial(server.URL)
				if err != nil {
					b.Fatal(err)
				}
				defer client.Close()
				if err := live.NewPublisher(client, "live", nil).Publish(context.Background(), view(1500)); err != nil {
					b.Fatal(err)
				}
				deps := deps
				deps.Live = forgetful{deps.Live, live.Options{Client: client, Space: "live", Clock: deps.Clock}}
				read(b, handler(b, deps), target, encoding)
			})
		}
	}
}

// forgetful reads with an empty memory every time.
type forgetful struct {
	api.Live
	options live.Options
}

func (f forgetful) Get(ctx context.Context, name live.Name, encoding live.Encoding) (live.Answer, error) {
	for { // beside other work on the same cores, Redis may not make its 50 ms
		if answer, err := live.NewReader(f.options).Get(ctx, name, encoding); err == nil {
			return answer, nil
		}
	}
}

func read(b *testing.B, handler http.Handler, target, encoding string) {
	server := httptest.NewServer(handler)
	defer server.Close()
	request, err := http.NewRequest(http.MethodGet, server.URL+target, nil)
	if err != nil {
		b.Fatal(err)
	}
	request.Header.Set("Accept-Encoding", encoding)
	for b.Loop() {
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := io.Copy(io.Discard, response.Body); err != nil || response.StatusCode != http.StatusOK {
			b.Fatalf("%d %v", response.StatusCode, err)
		}
		response.Body.Close()
	}
	b.StopTimer()
	http.DefaultClient.CloseIdleConnections()
}

// BenchmarkHandler is what a common answer costs without the network, without
// and with a gate.
func BenchmarkHandler(b *testing.B) {
	deps := deps(b)
	deps.Live = liveView(b, view(1500), deps.Clock)
	gate := access.NewGate(access.Options{Policy: openPolicy(b), Rates: access.Rates{Address: access.PerMinute(1_000_000_000)}})
	b.Cleanup(gate.Close)
	gated := deps
	gated.Gate = gate
	for name, deps := range map[string]api.Deps{"open": deps, "gated": gated} {
		b.Run(name, func(b *testing.B) {
			handler := handler(b, deps)
			request := httptest.NewRequest(http.MethodGet, "/api/flights", nil)
			request.Header.Set("Accept-Encoding", "gzip")
			b.ReportAllocs()
			for b.Loop() {
				handler.ServeHTTP(&nowhere{header: http.Header{}}, request)
			}
		})
	}
}

func openPolicy(t testing.TB) access.Policy {
	t.Helper()
	policy, err := access.NewPolicy(access.Open, false)
	if err != nil {
		t.Fatal(err)
	}
	return policy
}

// nowhere takes an answer and forgets it.
type nowhere struct{ header http.Header }

func (n *nowhere) Header() http.Header         { return n.header }
func (n *nowhere) Write(b []byte) (int, error) { return len(b), nil }
func (n *nowhere) WriteHeader(int)             {}
