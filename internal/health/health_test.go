package health_test

import (
	"context"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/skyledger/skyledger/internal/fault"
	"github.com/skyledger/skyledger/internal/health"
	"github.com/skyledger/skyledger/internal/store"
)

var update = flag.Bool("update", false, "write the golden files anew")

var now = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// asked is what a recorder makes of requests of these durations.
func asked(status int, durations ...time.Duration) []fault.RequestCount {
	recorder := fault.NewRecorder(fault.RecorderOptions{Function: "api-status", Clock: func() time.Time { return now.Add(-time.Minute) }})
	for _, took := range durations {
		recorder.Request(context.Background(), "GET /api/status", status, took)
	}
	_, requests := recorder.Recent(now.Add(-time.Hour), now)
	return requests
}

func TestPercentilesLieInTheSlotsOfTheirRank(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		milliseconds := rapid.SliceOfN(rapid.IntRange(0, 12_000), 1, 200).Draw(t, "milliseconds")
		share := rapid.Float64Range(0.01, 1).Draw(t, "share")
		var durations []time.Duration
		for _, ms := range milliseconds {
			durations = append(durations, time.Duration(ms)*time.Millisecond)
		}
		volume := health.VolumeOf(asked(200, durations...))
		// The exact one, by counting.
		slices.Sort(durations)
		rank := 0
		for float64(rank+1) < share*float64(len(durations)) {
			rank++
		}
		exact := durations[rank]
		lower, upper := time.Duration(0), 10*time.Second
		for _, bound := range fault.DurationBounds() {
			if bound >= exact {
				upper = bound
				break
			}
			lower = bound
		}
		got := time.Duration(*volume.PercentileMS(share) * float64(time.Millisecond))
		if got < min(lower, 10*time.Second)-time.Microsecond || got > upper+time.Microsecond {
			t.Fatalf("%s, exactly %s, of the slot %s to %s", got, exact, lower, upper)
		}
	})
}

func TestVolumes(t *testing.T) {
	rows := append(asked(200, time.Millisecond, 3*time.Millisecond), append(asked(503, 8*time.Millisecond), asked(404, 0)...)...)
	volume := health.VolumeOf(rows)
	if volume.Requests != 4 || volume.Failed != 1 || volume.Refused != 1 || *volume.ErrorRate() != 0.25 || *volume.MeanMS() != 3 {
		t.Errorf("%+v, rate %v, mean %v", volume, *volume.ErrorRate(), *volume.MeanMS())
	}
	none := health.Volume{}
	if none.ErrorRate() != nil || none.MeanMS() != nil || none.PercentileMS(0.5) != nil {
		t.Error("nothing asked has figures")
	}
}

func TestAlertsInForce(t *testing.T) {
	requests := func(failed, well int64) []fault.RequestCount {
		bucket := now.Add(-10 * time.Minute)
		return []fault.RequestCount{
			{Bucket: bucket, Function: "api-status", Route: "GET /api/status", Status: 2, Count: well},
			{Bucket: bucket.Add(5 * time.Minute), Function: "api-status", Route: "GET /api/status", Status: 5, Count: failed},
		}
	}
	failure := func(first time.Time, op, reason string, refusal bool) []fault.FailureCount {
		return []fault.FailureCount{{
			Function: "ingest", Fingerprint: "f0", Class: fault.Unavailable, Op: op, Reason: reason, Refusal: refusal, Count: 3, FirstSeen: first,
		}}
	}
	upstream := func(state string, told time.Time) []store.ToldUpstream {
		return []store.ToldUpstream{{Function: "api-atc", Told: told, UpstreamState: fault.UpstreamState{Name: "redis", State: state, Since: now.Add(-time.Hour)}}}
	}
	at := func(age time.Duration) *time.Time { tick := now.Add(-age); return &tick }
	tests := map[string]struct {
		evidence health.Evidence
		want     []string
	}{
		"nothing is wrong":                          {health.Evidence{Requests: requests(1, 100), Ledger: at(time.Minute)}, nil},
		"one in nineteen of twenty requests failed": {health.Evidence{Requests: requests(2, 18)}, []string{health.AlertErrorRate}},
		"nineteen requests are too few to tell":     {health.Evidence{Requests: requests(19, 0)}, nil},
		"exactly the limit is within it":            {health.Evidence{Requests: requests(5, 95)}, nil},
		"a failure never seen before":               {health.Evidence{Failures: failure(now.Add(-time.Hour), "op", "x", false)}, []string{health.AlertNewFailure}},
		"a failure known for longer":                {health.Evidence{Failures: failure(now.Add(-time.Hour-1), "op", "x", false)}, nil},
		"refusals are no failures":                  {health.Evidence{Failures: failure(now, "request", "not_found", true)}, nil},
		"notes that found no room":                  {health.Evidence{Failures: failure(now.Add(-48*time.Hour), "fault.Recorder", "overflow_failures", false)}, []string{health.AlertLostNotes}},
		"a breaker that is open":                    {health.Evidence{Upstreams: upstream("open", now)}, []string{health.AlertBreakerOpen}},
		"a breaker of a process not heard of since": {health.Evidence{Upstreams: upstream("open", now.Add(-time.Hour))}, nil},
		"a breaker that is closed":                  {health.Evidence{Upstreams: upstream("closed", now)}, nil},
		"ticks that no longer come":                 {health.Evidence{Ledger: at(61 * time.Second)}, []string{health.AlertNoTick}},
		"ticks that never came":                     {health.Evidence{Ledger: &time.Time{}}, []string{health.AlertNoTick}},
		"ticks of which nothing is known":           {health.Evidence{}, nil},
		"a database that does not answer":           {health.Evidence{DatabaseDown: "connection"}, []string{health.AlertDatabase}},
		"several things at once, the worst comes first": {
			health.Evidence{Failures: failure(now, "op", "x", false), DatabaseDown: "connection", Upstreams: upstream("open", now)},
			[]string{health.AlertDatabase, health.AlertBreakerOpen, health.AlertNewFailure},
		},
	}
	thresholds := map[string]bool{}
	for _, threshold := range health.Thresholds() {
		thresholds[threshold.Alert] = true
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			test.evidence.Now = now
			var got []string
			for _, alert := range health.Alerts(test.evidence) {
				got = append(got, alert.Alert)
				if alert.Message == "" || !thresholds[alert.Alert] {
					t.Errorf("no words or no published threshold: %+v", alert)
				}
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestPartsSayWhatTheirScoreComesFrom(t *testing.T) {
	age := func(seconds int) *time.Duration { d := time.Duration(seconds) * time.Second; return &d }
	number := func(n int) *int { return &n }
	share := func(f float64) *float64 { return &f }
	sound := func(change func(*store.DatabaseHealth)) *store.DatabaseHealth {
		h := &store.DatabaseHealth{
			Query: 2 * time.Millisecond, Connections: 5, MaxConnections: 100,
			Tables: store.Migration{Applied: 3, Latest: 3}, Kept: store.Migration{Applied: 2, Latest: 2},
		}
		change(h)
		return h
	}
	same := func(*store.DatabaseHealth) {}
	breaker := func(state string) []store.ToldUpstream {
		return []store.ToldUpstream{
			{Function: "api-atc", UpstreamState: fault.UpstreamState{Name: "postgres", State: "closed"}},
			{Function: "api-atc", UpstreamState: fault.UpstreamState{Name: "redis", State: state}},
		}
	}
	parts := map[string]health.Part{
		"fresh":                    health.FreshnessPart(health.Freshness{StaleAfter: 45 * time.Second, Age: age(12), Completeness: share(1), Backlog: number(0)}),
		"stale":                    health.FreshnessPart(health.Freshness{StaleAfter: 45 * time.Second, Age: age(300)}),
		"incomplete":               health.FreshnessPart(health.Freshness{StaleAfter: 45 * time.Second, Age: age(12), Completeness: share(0.95), Backlog: number(0)}),
		"backlog":                  health.FreshnessPart(health.Freshness{StaleAfter: 45 * time.Second, Age: age(12), Backlog: number(120)}),
		"nothing shown":            health.FreshnessPart(health.Freshness{}),
		"database":                 health.DatabasePart(sound(same), ""),
		"database down":            health.DatabasePart(nil, "connection"),
		"database slow":            health.DatabasePart(sound(func(h *store.DatabaseHealth) { h.Query = 525 * time.Millisecond }), ""),
		"database full":            health.DatabasePart(sound(func(h *store.DatabaseHealth) { h.Connections = 90 }), ""),
		"database outdated":        health.DatabasePart(sound(func(h *store.DatabaseHealth) { h.Kept.Applied = 1 }), ""),
		"database read-only":       health.DatabasePart(sound(func(h *store.DatabaseHealth) { h.ReadOnly = true }), ""),
		"long transaction":         health.DatabasePart(sound(func(h *store.DatabaseHealth) { h.OldestOpen = age(1950) }), ""),
		"answers":                  health.EndpointsPart(health.VolumeOf(asked(200, 1, 1))),
		"failing answers":          health.EndpointsPart(health.VolumeOf(append(asked(200, make([]time.Duration, 95)...), asked(500, 1, 1, 1, 1, 1)...))),
		"nothing asked":            health.EndpointsPart(health.Volume{}),
		"upstreams":                health.UpstreamsPart(breaker("closed")),
		"an open breaker":          health.UpstreamsPart(breaker("open")),
		"a half-open breaker":      health.UpstreamsPart(breaker("half-open")),
		"no upstreams":             health.UpstreamsPart(nil),
		"cache":                    health.CachePart(true, ""),
		"cache down":               health.CachePart(true, "redis_timeout"),
		"no cache":                 health.CachePart(false, ""),
		"system":                   health.SystemPart(health.System{MemoryShare: share(0.5), DiskShare: share(0.2)}),
		"full disk":                health.SystemPart(health.System{MemoryShare: share(0.5), DiskShare: share(0.97)}),
		"a system nobody can read": health.SystemPart(health.System{}),
	}
	golden(t, "parts", parts)
}

func TestTheOverallHealthIsTheWeightedMeanOfWhatWasMeasured(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var parts []health.Part
		sum, weights, low, high := 0.0, 0.0, 100.0, 0.0
		for range rapid.IntRange(0, 6).Draw(t, "parts") {
			part := health.Part{Weight: float64(rapid.IntRange(1, 30).Draw(t, "weight"))}
			if rapid.Bool().Draw(t, "measured") {
				score := rapid.Float64Range(0, 100).Draw(t, "score")
				part.Score = &score
				sum, weights = sum+score*part.Weight, weights+part.Weight
				low, high = min(low, score), max(high, score)
			}
			parts = append(parts, part)
		}
		overall, word := health.Overall(parts)
		switch {
		case weights == 0:
			if overall != nil || word != health.Unhealthy {
				t.Fatalf("nothing measured is %v %s", overall, word)
			}
		case overall == nil || float64(*overall) < low-0.5 || float64(*overall) > high+0.5:
			t.Fatalf("%v is outside %v to %v", overall, low, high)
		case (word == health.Healthy) != (*overall >= 90) || (word == health.Unhealthy) != (*overall < 50):
			t.Fatalf("%d is %s", *overall, word)
		}
	})
}

func golden(t *testing.T, name string, value any) {
	t.Helper()
	got, err := json.MarshalIndent(value, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join("testdata", name+".json")
	if *update {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, append(got, '\n'), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)+"\n"); diff != "" {
		t.Error(diff)
	}
}
