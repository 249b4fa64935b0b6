package store

import (
	"context"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/skyledger/skyledger/internal/fault"
)

// noted is a recorder of one process with a clock that the test moves.
type noted struct {
	*fault.Recorder
	now time.Time
}

func newNoted(process string) *noted {
	n := &noted{now: start}
	clock := func() time.Time { return n.now }
	n.Recorder = fault.NewRecorder(fault.RecorderOptions{Process: process, Function: "local", Clock: clock, Passing: clock})
	return n
}

func TestRecordFaults(t *testing.T) {
	t.Parallel()
	ctx := fault.WithFunction(context.Background(), "ingest")
	span := FaultSpan{From: start.Add(-time.Hour), To: start.Add(time.Hour)}
	broken := fault.E("store.Commit", fault.Unavailable, "connection", nil)

	t.Run("what processes tell at once adds up", func(t *testing.T) {
		t.Parallel()
		s, b := setup(t, func(o *Options) { o.MaxConns = 8 })
		const processes, rounds, each = 6, 5, 7
		var group sync.WaitGroup
		for i := range processes {
			group.Go(func() {
				n := newNoted("p" + strconv.Itoa(i))
				for round := range rounds {
					for note := range each {
						n.Note(ctx, broken)
						n.Note(fault.WithFunction(ctx, "f"+strconv.Itoa(note)), broken)
						n.Request(ctx, "event", 200+note%2*300, time.Duration(round)*time.Second)
					}
					if err := n.Flush(ctx, s); err != nil {
						t.Error(err)
					}
				}
			})
		}
		group.Wait()
		var failures, ofIngest, requests, slots int
		must(t, b.Conn.QueryRow(ctx, `SELECT sum(count), sum(count) FILTER (WHERE function = 'ingest') FROM kept.failure_counts`).Scan(&failures, &ofIngest))
		must(t, b.Conn.QueryRow(ctx, `SELECT sum(count), sum((SELECT sum(n) FROM unnest(durations) n)) FROM kept.request_counts`).Scan(&requests, &slots))
		requireDiff(t, "sums", cmp.Diff(
			[]int{2 * processes * rounds * each, processes * rounds * each, processes * rounds * each, processes * rounds * each},
			[]int{failures, ofIngest, requests, slots}))
	})

	t.Run("a batch that comes again changes nothing", func(t *testing.T) {
		t.Parallel()
		s, b := setup(t)
		batch := fault.Batch{
			Process: "p", Function: "ingest", Sequence: 1, Started: start, At: start,
			Failures:  []fault.FailureCount{{Bucket: start, Function: "ingest", Fingerprint: "f", Count: 3, FirstSeen: start, LastSeen: start}},
			Upstreams: []fault.UpstreamState{{Name: "redis", State: "open", Since: start}},
		}
		must(t, s.RecordFaults(ctx, batch))
		tables := []string{"kept.processes", "kept.failures", "kept.failure_counts", "kept.request_counts", "kept.upstreams"}
		before := rowVersions(t, b, tables)
		must(t, s.RecordFaults(ctx, batch))
		requireDiff(t, "row versions", cmp.Diff(before, rowVersions(t, b, tables)))
	})

	t.Run("a failure keeps its first sight and its last words", func(t *testing.T) {
		t.Parallel()
		s, _ := setup(t)
		late, early := newNoted("late"), newNoted("early")
		late.now = start.Add(20 * time.Minute)
		late.Note(ctx, fault.E("op", fault.Internal, "x", nil).WithMessage("ignored"))
		must(t, late.Flush(ctx, s))
		early.Note(ctx, fault.E("op", fault.Internal, "x", broken))
		must(t, early.Flush(ctx, s))
		found, err := s.Failures(ctx, span)
		must(t, err)
		identity := fault.Identity{Class: fault.Internal, Op: "op", Reason: "x"}
		requireDiff(t, "failures", cmp.Diff([]fault.FailureCount{{
			Bucket: span.From, Function: "ingest", Fingerprint: identity.Fingerprint(), Class: "internal", Op: "op", Reason: "x",
			Count: 2, FirstSeen: start, LastSeen: late.now, Sample: "op: internal (x)",
		}}, found))
	})

	t.Run("requests come back with their durations", func(t *testing.T) {
		t.Parallel()
		s, _ := setup(t)
		n := newNoted("p")
		n.Request(ctx, "GET /api/status", 200, 3*time.Millisecond)
		n.now = start.Add(10 * time.Minute)
		n.Request(ctx, "GET /api/status", 204, time.Minute)
		must(t, n.Flush(ctx, s))
		found, err := s.Requests(ctx, span)
		must(t, err)
		requireDiff(t, "requests", cmp.Diff([]fault.RequestCount{{
			Bucket: span.From, Function: "ingest", Route: "GET /api/status", Status: 2, Count: 2,
			Total: time.Minute + 3*time.Millisecond, Durations: []int64{0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}, Last: n.now,
		}}, found))
		none, err := s.Requests(ctx, FaultSpan{From: span.From, To: span.To, Function: "cleanup"})
		must(t, err)
		if len(none) > 0 {
			t.Errorf("another function has %v", none)
		}
	})

	t.Run("upstreams and processes are known until they end", func(t *testing.T) {
		t.Parallel()
		s, _ := setup(t)
		n := newNoted("p")
		policy := n.Policy(fault.PolicyOptions{Name: "redis", Breaker: fault.BreakerOptions{Failures: 1, Delay: time.Hour}})
		_ = policy.Do(ctx, func(context.Context) error { return broken })
		must(t, n.Flush(ctx, s))
		told, err := s.Upstreams(ctx, start)
		must(t, err)
		requireDiff(t, "upstreams", cmp.Diff([]ToldUpstream{{
			Process: "p", Function: "local", Told: start,
			UpstreamState: fault.UpstreamState{Name: "redis", State: "open", Since: start, Calls: 1, Attempts: 1, Failures: 1, Opened: 1},
		}}, told))
		n.now = start.Add(time.Minute)
		must(t, n.Finish(ctx, s))
		if told, err = s.Upstreams(ctx, start); err != nil || len(told) > 0 {
			t.Errorf("after its end: %v %v", told, err)
		}
		processes, err := s.Processes(ctx, start, 10)
		must(t, err)
		requireDiff(t, "processes", cmp.Diff([]Process{{Process: "p", Function: "local", Started: start, Told: n.now, Ended: n.now}}, processes))
	})

	t.Run("what is past retention goes and nothing newer", func(t *testing.T) {
		t.Parallel()
		s, b := setup(t)
		old, young := newNoted("old"), newNoted("young")
		old.Note(ctx, broken)
		old.Note(ctx, fault.E("gone", fault.Internal, "", nil))
		old.Request(ctx, "event", 200, 0)
		policy := old.Policy(fault.PolicyOptions{Name: "redis"})
		_ = policy
		must(t, old.Flush(ctx, s))
		young.now = start.Add(48 * time.Hour)
		young.Note(ctx, broken)
		must(t, young.Flush(ctx, s))
		dropped, err := s.DropFaults(ctx, start.Add(24*time.Hour))
		must(t, err)
		if dropped != 6 {
			t.Errorf("%d rows dropped, want 2 counts, 1 kind, 1 request, 1 process, 1 upstream", dropped)
		}
		left := map[string]int{}
		for table, want := range map[string]int{"processes": 1, "failures": 1, "failure_counts": 1, "request_counts": 0, "upstreams": 0} {
			var rows int
			must(t, b.Conn.QueryRow(ctx, `SELECT count(*) FROM kept.`+table).Scan(&rows))
			if left[table] = rows; rows != want {
				t.Errorf("%s: %d rows left, want %d", table, rows, want)
			}
		}
	})
}

// rowVersions are the rows of the tables as PostgreSQL has them: where and by
// which transaction.
func rowVersions(t testing.TB, b *bundle, tables []string) []string {
	t.Helper()
	var all []string
	for _, table := range tables {
		var versions string
		must(t, b.Conn.QueryRow(t.Context(), `SELECT coalesce(string_agg(ctid::text || xmin::text, ' ' ORDER BY ctid), '') FROM `+table).Scan(&versions))
		all = append(all, table+" "+versions)
	}
	return all
}

// TestSpansAddUp tells notes of random moments and compares what comes back,
// for any step, with a count of its own.
func TestSpansAddUp(t *testing.T) {
	t.Parallel()
	s, b := setup(t)
	ctx := context.Background()
	rapid.Check(t, func(r *rapid.T) {
		_, err := b.Conn.Exec(ctx, `TRUNCATE kept.processes, kept.failures, kept.failure_counts, kept.request_counts, kept.upstreams`)
		must(t, err)
		n := newNoted("p")
		begin := start.Truncate(time.Hour)
		span := FaultSpan{From: begin, To: begin.Add(2 * time.Hour), Step: time.Duration(rapid.IntRange(1, 24).Draw(r, "step")) * fault.BucketLength}
		want := map[string]int64{}
		for range rapid.IntRange(0, 30).Draw(r, "notes") {
			n.now = begin.Add(time.Duration(rapid.IntRange(-3600, 3*3600).Draw(r, "second")) * time.Second)
			op := rapid.SampledFrom([]string{"a", "b"}).Draw(r, "op")
			n.Note(ctx, fault.E(op, fault.Internal, "", nil))
			n.Request(ctx, op, 500, time.Second)
			if at := n.now.Truncate(fault.BucketLength); !at.Before(span.From) && at.Before(span.To) {
				bin := at.Sub(begin).Truncate(span.Step)
				want[op+bin.String()]++
			}
		}
		must(t, n.Flush(ctx, s))
		failures, err := s.Failures(ctx, span)
		must(t, err)
		requests, err := s.Requests(ctx, span)
		must(t, err)
		failed, asked := map[string]int64{}, map[string]int64{}
		for _, row := range failures {
			failed[row.Op+row.Bucket.Sub(begin).String()] += row.Count
		}
		for _, row := range requests {
			asked[row.Route+row.Bucket.Sub(begin).String()] += row.Count
			if row.Durations[9] != row.Count || row.Total != time.Duration(row.Count)*time.Second {
				r.Fatalf("durations of %+v", row)
			}
		}
		if diff := cmp.Diff(want, failed); diff != "" {
			r.Fatalf("failures (-noted +found):\n%s", diff)
		}
		if diff := cmp.Diff(want, asked); diff != "" {
			r.Fatalf("requests (-noted +found):\n%s", diff)
		}
	})
}
