package faulttest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/skyledger/skyledger/internal/feedserver"
	"github.com/skyledger/skyledger/internal/feedserver/scripted"
	"github.com/skyledger/skyledger/internal/store"
	"github.com/skyledger/skyledger/internal/vatsim"
)

// networkPath is where the network body is.
const networkPath = feedserver.NetworkPath

// nothing is a feed that has nothing to say.
func nothing() scripted.Step { return scripted.Status(http.StatusServiceUnavailable) }

func TestFeedRepeats(t *testing.T) {
	t.Parallel()
	scenario(t, 1, "a 304 writes nothing, keeps the feed fresh and is no error", func(t *testing.T) {
		w := newWorld(t)
		first := traffic(0, 12)
		w.served[first.key()] = first
		w.always(scripted.Tagged(`"one"`, first.body()))
		w.expect(0, store.Received, "")
		report := w.expect(1, store.Unchanged, "not_modified")
		if report.Bytes != 0 || report.Projected != 0 {
			t.Errorf("the 304 brought %d bytes, %d projected", report.Bytes, report.Projected)
		}
		received := one[time.Time](t, w.site.DatabaseURL, `SELECT received_at FROM skyledger.feed_ledger WHERE tick = $1`, tickAt(1))
		if !received.Equal(tickAt(1).Add(fetchedAfter)) {
			t.Errorf("freshness clock says %s", received)
		}
		w.feed.Always(networkPath, nil)
		w.record(2, 3, 12)
		w.verify()
	})

	scenario(t, 2, "the same snapshot again is a duplicate and changes nothing", func(t *testing.T) {
		w := newWorld(t)
		w.record(0, 1, 12)
		w.stop()
		w.checkAnalysis()
		before := w.tuples()
		delete(before, "ticks")
		w.start()
		for k := 2; k <= 4; k++ {
			w.serve(traffic(1, 12))
			w.expect(k, store.Unchanged, "same_snapshot")
		}
		w.stop()
		after := w.tuples()
		delete(after, "ticks")
		if diff := cmp.Diff(before, after); diff != "" {
			t.Errorf("the duplicates wrote (-before +after):\n%s", diff)
		}
		if diff := cmp.Diff([]string{"received", "received", "unchanged same_snapshot", "unchanged same_snapshot", "unchanged same_snapshot"}, w.ledger()); diff != "" {
			t.Error(diff)
		}
		w.verify()
	})
}

func TestFeedAsksToWait(t *testing.T) {
	t.Parallel()
	scenario(t, 4, "Retry-After is honoured: no request in the window, one after it", func(t *testing.T) {
		w := newWorld(t)
		w.record(0, 0, 12)
		w.play(scripted.RetryAfter(http.StatusTooManyRequests, 60))
		w.expect(1, store.Missing, "http_429")
		asked := len(w.feed.Requests(networkPath))
		for k := 2; k <= 4; k++ { // 15, 30 and 45 s later
			w.expect(k, store.Missing, "held")
		}
		if now := len(w.feed.Requests(networkPath)); now != asked {
			t.Errorf("%d requests in the window", now-asked)
		}
		w.record(5, 6, 12)
		w.verify()
	})

	scenario(t, 4, "a Retry-After of hours is cut to five minutes", func(t *testing.T) {
		w := newWorld(t)
		w.play(scripted.RetryAfter(http.StatusServiceUnavailable, 7200))
		w.expect(0, store.Missing, "http_503")
		for k := 1; k < 20; k++ {
			w.expect(k, store.Missing, "held")
		}
		w.record(20, 21, 12)
		if asked := len(w.feed.Requests(networkPath)); asked != 3 {
			t.Errorf("%d requests, want 3", asked)
		}
		w.verify()
	})
}

func TestFeedIsDown(t *testing.T) {
	t.Parallel()
	scenario(t, 5, "500, 502 and 503 are tried twice, then the tick is missing with its reason", func(t *testing.T) {
		w := newWorld(t)
		w.record(0, 0, 12)
		want := []string{"received"}
		for i, status := range []int{500, 502, 503} {
			w.play(scripted.Status(status), scripted.Status(status))
			w.expect(1+2*i, store.Missing, fmt.Sprintf("http_%d", status))
			w.record(2+2*i, 2+2*i, 12)
			want = append(want, fmt.Sprintf("missing http_%d", status), "received")
		}
		if diff := cmp.Diff(want, w.ledger()); diff != "" {
			t.Error(diff)
		}
		w.verify()
	})

	scenario(t, 5, "an error that passes costs no tick", func(t *testing.T) {
		w := newWorld(t)
		w.play(scripted.Status(http.StatusBadGateway))
		w.record(0, 0, 12)
		w.verify()
	})

	scenario(t, 5, "refused connections open the breaker, and a half-open probe closes it", func(t *testing.T) {
		w := newWorld(t, with(func(s *site) { s.BreakerDelay = time.Minute }))
		w.record(0, 0, 12)
		w.always(nothing())
		w.feed.Always(feedserver.TransceiversPath, nothing())
		k := 1
		for ; w.parts.policy.State() == "closed"; k++ {
			if k > 10 {
				t.Fatal("the breaker does not open")
			}
			if report := w.tick(k); report.Outcome != store.Missing || report.Reason != "http_503" && report.Reason != "breaker_open" {
				t.Fatalf("tick %d is %s %q", k, report.Outcome, report.Reason)
			}
		}
		asked := len(w.feed.Requests(""))
		for range 3 {
			w.expect(k, store.Missing, "breaker_open")
			k++
		}
		if now := len(w.feed.Requests("")); now != asked {
			t.Errorf("%d requests while the breaker was open", now-asked)
		}
		w.verify()
	})

	scenario(t, 5, "a breaker that opened lets one probe through, and goes on when that is well", func(t *testing.T) {
		w := newWorld(t)
		network := w.behindRelay()
		w.record(0, 0, 12)
		network.cut()
		k := 1
		for ; w.parts.policy.Stats().Opened == 0; k++ {
			if k > 10 {
				t.Fatal("the breaker does not open")
			}
			if report := w.tick(k); report.Outcome != store.Missing || report.Reason != "connection_refused" && report.Reason != "breaker_open" {
				t.Fatalf("tick %d is %s %q", k, report.Outcome, report.Reason)
			}
		}
		network.resume()
		eventually(t, "a probe succeeds", func() bool {
			s := traffic(k, 12)
			w.always(scripted.JSON(s.body()))
			received := w.tick(k).Outcome == store.Received
			if k++; received {
				w.served[s.key()] = s
			}
			return received
		})
		if state := w.parts.policy.State(); state != "closed" {
			t.Errorf("the breaker is %s", state)
		}
		w.verify()
	})

	scenario(t, 5, "a name that does not resolve is a missing tick", func(t *testing.T) {
		away := errors.New("no resolver")
		w := newWorld(t, with(func(s *site) {
			s.StatusURL, s.NetworkURL = "http://feed.invalid/status.json", "http://feed.invalid/v3/vatsim-data.json"
			s.feed = func(options *vatsim.ClientOptions) {
				dialer := &net.Dialer{Resolver: &net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) { return nil, away }}}
				options.Transport = &http.Transport{DialContext: dialer.DialContext, DisableCompression: true}
			}
		}))
		w.expect(0, store.Missing, "dns")
		w.check()
	})
}

func TestFeedIsSlow(t *testing.T) {
	t.Parallel()
	w := newWorld(t, with(func(s *site) { s.Timeout, s.Stall = time.Second, 250*time.Millisecond }))
	w.record(0, 0, 12)
	k := 1
	body := traffic(1, 12).body()
	for _, test := range []struct {
		sentence string
		step     scripted.Step
		reasons  []string
	}{
		{"no answer at all is cut", scripted.Mute(), []string{"stall", "deadline", "timeout"}},
		{"a header and then silence is cut", scripted.Silence(body, 0), []string{"stall", "deadline", "timeout"}},
		{"half a body and then silence is cut", scripted.Silence(body, len(body)/2), []string{"stall", "deadline", "timeout"}},
		{"a byte now and then runs into the total deadline", scripted.Trickle(body, 1, 20*time.Millisecond), []string{"deadline", "timeout"}},
	} {
		t.Run("6: "+test.sentence+", and the next tick is well", func(t *testing.T) {
			w := w.in(t)
			w.always(test.step)
			started := time.Now()
			report := w.tick(k)
			if report.Outcome != store.Missing || !slices.Contains(test.reasons, report.Reason) {
				t.Errorf("the tick is %s %q, want missing %q", report.Outcome, report.Reason, test.reasons)
			}
			// Not a measurement: without the deadline it would never end.
			if took := time.Since(started); took > tickLength {
				t.Errorf("the tick took %s: the next one is late", took)
			}
			w.feed.Always(networkPath, nil)
			w.record(k+1, k+1, 12)
			k += 2
		})
	}
	w.verify()
}

func TestFeedIsBroken(t *testing.T) {
	t.Parallel()
	whole := traffic(1, 12)
	body := whole.body()
	row := whole.rows[4].text()
	w := newWorld(t)
	w.record(0, 0, 12)
	want, k := []string{"received"}, 1
	afterRow := strings.Index(string(body), row) + len(row) // ends with a brace, as a whole body does
	for _, test := range []struct {
		number   int
		sentence string
		step     scripted.Step
		outcome  store.Outcome
		reason   string
	}{
		{7, "a body cut in the middle", scripted.Truncated(body, len(body)/2), store.Malformed, "truncated"},
		{7, "a body cut behind a row", scripted.Truncated(body, afterRow), store.Malformed, "truncated"},
		{7, "a body cut before its last brace", scripted.Truncated(body, len(body)-1), store.Malformed, "truncated"},
		{7, "a Content-Length that promises more", scripted.WrongLength(body, len(body)+100), store.Malformed, "truncated"},
		{7, "a Content-Length that promises less", scripted.WrongLength(body, len(body)-100), store.Malformed, "truncated"},
		{7, "a reset in the middle", scripted.Reset(body, len(body)/2), store.Missing, "reset"},
		{7, "a reset before the header", scripted.Reset(body, -1), store.Missing, "reset"},
		{7, "an empty body", scripted.JSON(nil), store.Malformed, "empty"},
		{7, "gzip that is none", scripted.With(http.StatusOK, http.Header{"Content-Encoding": {"gzip"}}, body), store.Malformed, "gzip"},
		{8, "a page of HTML with status 200", scripted.HTML(), store.Malformed, "html"},
		{8, "a sentence with status 200", scripted.JSON([]byte("Service unavailable")), store.Malformed, "not_json"},
		{9, "an empty object", scripted.JSON([]byte("{}")), store.Malformed, "no_timestamp"},
		{9, "an array", scripted.JSON([]byte("[]")), store.Malformed, "not_object"},
		{9, "pilots that are no list", scripted.JSON([]byte(strings.Replace(string(body), `"pilots":[`, `"pilots":7,"x":[`, 1))), store.Malformed, "section_type"},
		{13, "a latitude that is NaN", scripted.JSON([]byte(strings.Replace(string(body), `"latitude":`, `"latitude":NaN,"x":`, 1))), store.Malformed, "not_json"},
	} {
		t.Run(fmt.Sprintf("%d: %s writes nothing and says why", test.number, test.sentence), func(t *testing.T) {
			w := w.in(t)
			w.always(test.step)
			w.expect(k, test.outcome, test.reason)
			w.feed.Always(networkPath, nil)
			w.record(k+1, k+1, 12)
			want = append(want, string(test.outcome)+" "+test.reason, "received")
			if diff := cmp.Diff(want, w.ledger()); diff != "" {
				t.Error(diff)
			}
			if test.reason == "html" {
				w.expectLogged("<!DOCTYPE html>")
			}
			k += 2
		})
	}
	w.verify()
}

// expectLogged wants the beginning of the feed's answer in the log lines.
func (w *world) expectLogged(beginning string) {
	w.t.Helper()
	for _, line := range w.logs.All() {
		if text, ok := line.ContextMap()["beginning"].(string); ok && strings.HasPrefix(text, beginning) && len(text) <= 200 {
			return
		}
	}
	w.t.Errorf("no line shows the beginning of the answer, %q", beginning)
}
