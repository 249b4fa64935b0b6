package vatsim

import (
	"context"
	"crypto/sha256"
	"net"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/skyledger/skyledger/internal/fault"
	"github.com/skyledger/skyledger/internal/feedserver"
	"github.com/skyledger/skyledger/internal/feedserver/scripted"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// clock is a clock that tests move.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) advance(by time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(by)
}

// bench is a client with a scripted feed behind real TCP.
type bench struct {
	feed   *scripted.Server
	client *Client
	clock  *clock
	logs   *observer.ObservedLogs
	body   []byte
}

// newBench returns a client whose policy makes one attempt, unless change says
// otherwise: what a single answer does is what most tests are about.
func newBench(t *testing.T, change func(*ClientOptions)) *bench {
	t.Helper()
	feed, err := scripted.Start()
	if err != nil {
		t.Fatal(err)
	}
	core, logs := observer.New(zap.WarnLevel)
	b := &bench{
		feed: feed, logs: logs, clock: &clock{now: time.Date(2026, 11, 24, 2, 39, 0, 0, time.UTC)},
		body: body(t, object{"pilots": []any{pilotRow(nil)}}),
	}
	options := ClientOptions{
		StatusURL: feed.StatusURL(), Version: "1.2.3", Contact: "ops@example.org",
		Policy: fault.NewPolicy(fault.PolicyOptions{Name: "feed"}),
		Clock:  b.clock.Now, Logger: zap.New(core),
	}
	if change != nil {
		change(&options)
	}
	b.client = NewClient(options)
	t.Cleanup(func() {
		b.client.Close()
		if err := feed.Close(); err != nil {
			t.Errorf("closing the feed: %v", err)
		}
	})
	return b
}

func (b *bench) asked() int { return len(b.feed.Requests(feedserver.NetworkPath)) }

func TestClientFetchesPolitely(t *testing.T) {
	b := newBench(t, nil)
	b.feed.Network(scripted.Gzipped(b.body))
	fetched, err := b.client.Network(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if string(fetched.Body) != string(b.body) || fetched.Hash != sha256.Sum256(b.body) || fetched.NotModified {
		t.Errorf("fetched %d bytes, hash %x", len(fetched.Body), fetched.Hash)
	}
	if fetched.WireBytes == 0 || fetched.WireBytes >= len(b.body) || !fetched.Received.Equal(b.clock.Now()) || fetched.FeedDate.IsZero() {
		t.Errorf("wire %d of %d bytes, received %v, feed's date %v", fetched.WireBytes, len(b.body), fetched.Received, fetched.FeedDate)
	}
	header := b.feed.Requests(feedserver.NetworkPath)[0].Header
	if header.Get("User-Agent") != "Skyledger/1.2.3 (+ops@example.org)" || header.Get("Accept-Encoding") != "gzip" {
		t.Errorf("request header %v", header)
	}
}

func TestClientAsksOnlyForNewsOnceABodyIsConfirmed(t *testing.T) {
	b := newBench(t, nil)
	b.feed.Always(feedserver.NetworkPath, scripted.Tagged(`"v1"`, b.body))
	first, err := b.client.Network(t.Context())
	if err != nil || first.NotModified {
		t.Fatalf("first: %+v, %v", first, err)
	}
	again, err := b.client.Network(t.Context())
	if err != nil || again.NotModified {
		t.Fatalf("a body that was not confirmed must be sent again: %v", err)
	}
	b.client.Confirm(again)
	unchanged, err := b.client.Network(t.Context())
	if err != nil || !unchanged.NotModified || unchanged.Body != nil || unchanged.ETag != `"v1"` {
		t.Fatalf("after Confirm: %+v, %v", unchanged, err)
	}
	b.feed.Always(feedserver.NetworkPath, scripted.Tagged(`"v2"`, b.body))
	if next, err := b.client.Network(t.Context()); err != nil || next.NotModified || next.ETag != `"v2"` {
		t.Fatalf("a new body: %+v, %v", next, err)
	}
}

func TestClientUsesLastModifiedAsWell(t *testing.T) {
	b := newBench(t, nil)
	const modified = "Tue, 24 Nov 2026 02:39:00 GMT"
	b.feed.Network(scripted.With(http.StatusOK, http.Header{"Last-Modified": {modified}}, b.body), scripted.Status(http.StatusNotModified))
	first, err := b.client.Network(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	b.client.Confirm(first)
	second, err := b.client.Network(t.Context())
	if err != nil || !second.NotModified {
		t.Errorf("second: %+v, %v", second, err)
	}
	if got := b.feed.Requests(feedserver.NetworkPath)[1].Header.Get("If-Modified-Since"); got != modified {
		t.Errorf("If-Modified-Since %q", got)
	}
}

func TestClientRefusesWhatIsNoUse(t *testing.T) {
	limits := func(o *ClientOptions) { o.MaxWire, o.MaxBody = 64<<10, 256<<10 }
	spaces := []byte(`{"general":`)
	tests := []struct {
		name   string
		step   func(body []byte) scripted.Step
		class  fault.Class
		reason string
	}{
		{"500", func([]byte) scripted.Step { return scripted.Status(500) }, fault.Upstream, "http_500"},
		{"503", func([]byte) scripted.Step { return scripted.Status(503) }, fault.Upstream, "http_503"},
		{"404", func([]byte) scripted.Step { return scripted.Status(404) }, fault.NotFound, "http_404"},
		{"429", func([]byte) scripted.Step { return scripted.Status(429) }, fault.Throttled, "http_429"},
		{"304 that nobody asked for", func([]byte) scripted.Step { return scripted.Status(304) }, fault.Upstream, "http_304"},
		{"a page", func([]byte) scripted.Step { return scripted.HTML() }, fault.Upstream, "html"},
		{"a sentence", func([]byte) scripted.Step { return scripted.JSON([]byte("try later")) }, fault.Upstream, "not_json"},
		{"an empty body", func([]byte) scripted.Step { return scripted.JSON(nil) }, fault.Upstream, "empty"},
		{"the other feed's body", func([]byte) scripted.Step { return scripted.JSON([]byte("[]")) }, fault.Upstream, "not_object"},
		{"a body cut in a whole answer", func(b []byte) scripted.Step { return scripted.Truncated(b, len(b)/2) }, fault.Upstream, "truncated"},
		{"a longer Content-Length", func(b []byte) scripted.Step { return scripted.WrongLength(b, len(b)+10) }, fault.Upstream, "truncated"},
		{"a shorter Content-Length", func(b []byte) scripted.Step { return scripted.WrongLength(b, len(b)-10) }, fault.Upstream, "truncated"},
		{"a reset within the body", func(b []byte) scripted.Step { return scripted.Reset(b, len(b)/2) }, fault.Upstream, "reset"},
		{"a reset before the header", func(b []byte) scripted.Step { return scripted.Reset(b, -1) }, fault.Upstream, "reset"},
		{"an encoding nobody asked for", func(b []byte) scripted.Step {
			return scripted.With(200, http.Header{"Content-Encoding": {"br"}}, b)
		}, fault.Upstream, "encoding"},
		{"a gzip that is none", func(b []byte) scripted.Step {
			return scripted.With(200, http.Header{"Content-Encoding": {"gzip"}}, b)
		}, fault.Upstream, "gzip"},
		{"an endless body", func([]byte) scripted.Step { return scripted.Spaces(spaces, 100<<20) }, fault.Upstream, "too_large"},
		{"a declared length beyond the limit", func(b []byte) scripted.Step { return scripted.WrongLength(b, 100<<20) }, fault.Upstream, "too_large"},
		{"a gzip bomb", func([]byte) scripted.Step { return scripted.GzipBomb(spaces, 10<<30) }, fault.Upstream, "too_large"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			b := newBench(t, limits)
			// Always: a connection that was reset before its answer is tried anew by net/http.
			b.feed.Always(feedserver.NetworkPath, test.step(b.body))
			fetched, err := b.client.Network(t.Context())
			if fault.ClassOf(err) != test.class || fault.ReasonOf(err) != test.reason || fetched.Body != nil {
				t.Errorf("%d bytes, %v; want %s (%s)", len(fetched.Body), err, test.class, test.reason)
			}
		})
	}
}

func TestClientLogsTheBeginningOfAPage(t *testing.T) {
	b := newBench(t, nil)
	page := "<html>" + strings.Repeat("x", 1000)
	b.feed.Network(scripted.JSON([]byte(page)), scripted.Truncated(b.body, len(b.body)-1))
	for range 2 {
		if _, err := b.client.Network(t.Context()); err == nil {
			t.Error("no error")
		}
	}
	entries := b.logs.All()
	if len(entries) != 1 || entries[0].ContextMap()["beginning"] != page[:200] {
		t.Errorf("log %v; want the page's first 200 bytes and nothing of the JSON body", entries)
	}
}

func TestClientCutsSilenceAndTrickles(t *testing.T) {
	tests := []struct {
		name           string
		timeout, stall time.Duration
		step           func(body []byte) scripted.Step
		reason         string
	}{
		{"no header", time.Minute, 20 * time.Millisecond, func([]byte) scripted.Step { return scripted.Mute() }, "stall"},
		{"a header and then silence", time.Minute, 20 * time.Millisecond, func(b []byte) scripted.Step { return scripted.Silence(b, 0) }, "stall"},
		{"half a body and then silence", time.Minute, 20 * time.Millisecond, func(b []byte) scripted.Step { return scripted.Silence(b, len(b)/2) }, "stall"},
		{"a byte at a time ends at the deadline", 300 * time.Millisecond, time.Minute, func(b []byte) scripted.Step {
			return scripted.Trickle(b, 1, 20*time.Millisecond)
		}, "deadline"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			b := newBench(t, func(o *ClientOptions) { o.Timeout, o.Stall = test.timeout, test.stall })
			b.feed.Network(test.step(b.body))
			if _, err := b.client.Network(t.Context()); !fault.Is(err, fault.Timeout) || fault.ReasonOf(err) != test.reason {
				t.Errorf("error %v; want reason %s", err, test.reason)
			}
		})
	}
	t.Run("a caller that gives up is not the feed's fault", func(t *testing.T) {
		b := newBench(t, nil)
		b.feed.Network(scripted.JSON(b.body), scripted.Mute())
		if _, err := b.client.Network(t.Context()); err != nil {
			t.Fatal(err)
		}
		arrived := b.feed.Arrived()
		ctx, cancel := context.WithCancel(t.Context())
		go func() { <-arrived; cancel() }()
		if _, err := b.client.Network(ctx); Malformed(err) || fault.ReasonOf(err) != "canceled" {
			t.Errorf("error %v", err)
		}
		if stats := b.client.options.Policy.Stats(); stats.Failures != 0 {
			t.Errorf("stats %+v", stats)
		}
	})
}

func TestClientWaitsAsLongAsTheFeedAsks(t *testing.T) {
	tests := []struct {
		name string
		step scripted.Step
		wait time.Duration
	}{
		{"seconds", scripted.RetryAfter(429, 60), time.Minute},
		{"a 503 counts as well", scripted.RetryAfter(503, 60), time.Minute},
		{"a date", scripted.With(429, http.Header{"Date": {"Tue, 24 Nov 2026 02:00:00 GMT"}, "Retry-After": {"Tue, 24 Nov 2026 02:00:45 GMT"}}, nil), 45 * time.Second},
		{"a 429 that does not say", scripted.Status(429), throttledWait},
		{"a day is cut", scripted.RetryAfter(429, 86_400), 5 * time.Minute},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			b := newBench(t, nil)
			b.feed.Network(test.step)
			b.feed.Always(feedserver.NetworkPath, scripted.JSON(b.body))
			if _, err := b.client.Network(t.Context()); fault.RetryAfter(err) != test.wait {
				t.Fatalf("asked to wait %v (%v); want %v", fault.RetryAfter(err), err, test.wait)
			}
			b.clock.advance(test.wait - time.Second)
			if _, err := b.client.Network(t.Context()); fault.ReasonOf(err) != "held" || fault.RetryAfter(err) != time.Second {
				t.Errorf("within the wait: %v", err)
			}
			if _, err := b.client.Transceivers(t.Context()); !fault.Is(err, fault.Throttled) {
				t.Errorf("the other feed within the wait: %v", err)
			}
			if all := len(b.feed.Requests("")); all != 2 { // status.json and the one that was throttled
				t.Errorf("%d requests", all)
			}
			b.clock.advance(time.Second)
			if _, err := b.client.Network(t.Context()); err != nil {
				t.Errorf("after the wait: %v", err)
			}
		})
	}
}

func TestClientFindsTheFeed(t *testing.T) {
	t.Run("status.json is asked once in hours", func(t *testing.T) {
		b := newBench(t, nil)
		b.feed.Always(feedserver.NetworkPath, scripted.JSON(b.body))
		b.feed.Always(feedserver.TransceiversPath, scripted.JSON([]byte("[]")))
		var group sync.WaitGroup
		for range 4 {
			group.Go(func() { _, _ = b.client.Network(t.Context()) })
			group.Go(func() { _, _ = b.client.Transceivers(t.Context()) })
		}
		group.Wait()
		if n := len(b.feed.Requests(feedserver.StatusPath)); n != 1 {
			t.Errorf("%d requests", n)
		}
		b.clock.advance(addressesLast)
		if _, err := b.client.Network(t.Context()); err != nil {
			t.Error(err)
		}
		if n := len(b.feed.Requests(feedserver.StatusPath)); n != 2 {
			t.Errorf("%d requests after hours", n)
		}
	})
	t.Run("a wrong status.json leaves the fallback, and then the last known", func(t *testing.T) {
		for _, wrong := range []scripted.Step{
			scripted.Status(500), scripted.HTML(), scripted.JSON([]byte(`{"data":{"v3":["ftp://x"]}}`)), scripted.JSON([]byte(`{"data":7}`)),
		} {
			b := newBench(t, nil)
			b.client.options.NetworkURL = b.feed.URL() + "/fallback.json"
			b.feed.Always("/fallback.json", scripted.JSON(b.body))
			b.feed.Always(feedserver.NetworkPath, scripted.JSON(b.body))
			b.feed.Then(feedserver.StatusPath, wrong)
			if _, err := b.client.Network(t.Context()); err != nil || b.asked() != 0 {
				t.Errorf("by the fallback: %v, asked %d", err, b.asked())
			}
			b.clock.advance(addressesRetry)
			if _, err := b.client.Network(t.Context()); err != nil || b.asked() != 1 {
				t.Errorf("by status.json: %v, asked %d", err, b.asked())
			}
			b.clock.advance(addressesLast)
			b.feed.Then(feedserver.StatusPath, wrong)
			if _, err := b.client.Network(t.Context()); err != nil || b.asked() != 2 {
				t.Errorf("by the last known: %v, asked %d", err, b.asked())
			}
		}
	})
	t.Run("a feed of one's own never falls back to VATSIM's", func(t *testing.T) {
		b := newBench(t, func(o *ClientOptions) { o.NetworkURL, o.TransceiversURL = DefaultNetworkURL, DefaultTransceiversURL })
		b.feed.Always(feedserver.StatusPath, scripted.Status(500))
		if _, err := b.client.Network(t.Context()); fault.ReasonOf(err) != "no_address" {
			t.Errorf("error %v", err)
		}
	})
	t.Run("nobody there", func(t *testing.T) {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		address := "http://" + listener.Addr().String() + "/"
		_ = listener.Close()
		b := newBench(t, func(o *ClientOptions) { o.StatusURL, o.NetworkURL = address, address })
		if _, err := b.client.Network(t.Context()); fault.ReasonOf(err) != "connection_refused" || !fault.Is(err, fault.Unavailable) {
			t.Errorf("error %v", err)
		}
	})
	t.Run("no such name", func(t *testing.T) {
		b := newBench(t, func(o *ClientOptions) {
			o.StatusURL, o.NetworkURL = "http://feed.invalid/", "http://feed.invalid/"
			o.Transport = &http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) {
				return nil, &net.DNSError{Err: "no such host", Name: "feed.invalid", IsNotFound: true}
			}}
		})
		if _, err := b.client.Network(t.Context()); fault.ReasonOf(err) != "dns" || !fault.Is(err, fault.Unavailable) {
			t.Errorf("error %v", err)
		}
	})
}

func TestClientTriesTwiceAndThenSparesAFeedThatIsDown(t *testing.T) {
	options := fault.PolicyOptions{Name: "feed", Attempts: 2, Backoff: time.Millisecond, Breaker: fault.BreakerOptions{Failures: 3, Delay: 50 * time.Millisecond}}
	b := newBench(t, func(o *ClientOptions) { o.Policy = fault.NewPolicy(options) })
	b.feed.Network(scripted.Status(502)).Always(feedserver.NetworkPath, scripted.JSON(b.body))
	if _, err := b.client.Network(t.Context()); err != nil || b.asked() != 2 {
		t.Fatalf("%v after %d requests; want success by the second", err, b.asked())
	}
	b.feed.Always(feedserver.NetworkPath, scripted.Status(503))
	for range 20 { // ticks
		if _, err := b.client.Network(t.Context()); err == nil {
			t.Fatal("no error")
		}
		if b.client.options.Policy.State() == "open" {
			break
		}
	}
	if b.asked() != 2+3 {
		t.Errorf("%d requests until the breaker opened; want 3 more", b.asked()-2)
	}
	if _, err := b.client.Network(t.Context()); fault.ReasonOf(err) != "breaker_open" || b.asked() != 5 {
		t.Errorf("%v, %d requests", err, b.asked())
	}
	b.feed.Always(feedserver.NetworkPath, scripted.JSON(b.body))
	deadline := time.Now().Add(10 * time.Second)
	for b.client.options.Policy.State() != "closed" && time.Now().Before(deadline) {
		_, _ = b.client.Network(t.Context())
	}
	if state := b.client.options.Policy.State(); state != "closed" {
		t.Errorf("the feed is back and the breaker is %s", state)
	}
}

func TestClientWithoutRadiosStillGetsTheNetwork(t *testing.T) {
	quick := fault.PolicyOptions{Name: "transceivers", Attempts: 2, Backoff: time.Millisecond, Breaker: fault.BreakerOptions{Failures: 3, Delay: time.Hour}}
	b := newBench(t, func(o *ClientOptions) { o.Policy, o.TransceiversPolicy = nil, fault.NewPolicy(quick) })
	b.feed.Always(feedserver.NetworkPath, scripted.JSON(b.body))
	b.feed.Always(feedserver.TransceiversPath, scripted.Status(500))
	for range 5 {
		if _, err := b.client.Transceivers(t.Context()); err == nil {
			t.Error("no error")
		}
	}
	if _, err := b.client.Network(t.Context()); err != nil {
		t.Errorf("error %v", err)
	}
	var states []string
	for _, policy := range b.client.Policies() {
		states = append(states, policy.Stats().Name+" "+policy.State())
	}
	if diff := cmp.Diff([]string{"feed closed", "transceivers open"}, states); diff != "" {
		t.Errorf("breakers (-want +got):\n%s", diff)
	}
}

func TestGzipBombTakesNoMoreMemoryThanTheLimit(t *testing.T) {
	b := newBench(t, func(o *ClientOptions) { o.MaxBody = 1 << 20 })
	b.feed.Network(scripted.GzipBomb([]byte("{"), 10<<30))
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	if _, err := b.client.Network(t.Context()); fault.ReasonOf(err) != "too_large" {
		t.Errorf("error %v", err)
	}
	runtime.ReadMemStats(&after)
	// The server's own buffers are in here as well.
	const limit = 16 << 20
	if got := after.TotalAlloc - before.TotalAlloc; got > limit {
		t.Errorf("%d bytes allocated", got)
	}
}
