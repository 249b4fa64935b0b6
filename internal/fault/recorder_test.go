package fault

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// desk is a clock to move and a sink that adds up what it is sent, once per
// process and sequence, as the real one must.
type desk struct {
	now   time.Time
	fail  error // what the sink says
	after bool  // the sink takes the batch and then fails: its reply was lost

	mu       sync.Mutex
	batches  int
	sequence map[string]int64
	failures map[string]int64 // by function, operation, reason
	requests map[string]int64 // by function, route, status
	last     Batch
}

func newDesk() *desk {
	return &desk{
		now:      time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC),
		sequence: map[string]int64{}, failures: map[string]int64{}, requests: map[string]int64{},
	}
}

func (d *desk) recorder(process string, change ...func(*RecorderOptions)) *Recorder {
	clock := func() time.Time { return d.now }
	options := RecorderOptions{Process: process, Function: "local", Clock: clock, Passing: clock}
	for _, adapt := range change {
		adapt(&options)
	}
	return NewRecorder(options)
}

func (d *desk) RecordFaults(_ context.Context, batch Batch) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.fail != nil && !d.after {
		return d.fail
	}
	if batch.Sequence > d.sequence[batch.Process] {
		d.sequence[batch.Process] = batch.Sequence
		d.batches++
		d.last = batch
		for _, failure := range batch.Failures {
			d.failures[failure.Function+" "+failure.Op+" "+failure.Reason] += failure.Count
		}
		for _, request := range batch.Requests {
			d.requests[fmt.Sprint(request.Function, " ", request.Route, " ", request.Status)] += request.Count
			slots := int64(0)
			for _, slot := range request.Durations {
				slots += slot
			}
			if slots != request.Count {
				panic("the durations do not add up to the requests")
			}
		}
	}
	return d.fail
}

func (d *desk) sum() (total int64) {
	for _, count := range d.failures {
		total += count
	}
	return total
}

// idKey is where the tests' requests carry their id.
type idKey struct{}

var down = E("store.RecordFaults", Unavailable, "connection", nil)

func TestNotesOfOneKindAreOneEntry(t *testing.T) {
	d := newDesk()
	r := d.recorder("p", func(o *RecorderOptions) {
		o.RequestID = func(ctx context.Context) string { id, _ := ctx.Value(idKey{}).(string); return id }
	})
	ctx := WithFunction(t.Context(), "api-status")
	for i := range 3 {
		cause := errors.New("attempt " + strconv.Itoa(i))
		r.Note(context.WithValue(ctx, idKey{}, "r-"+strconv.Itoa(i)), E("store.Ledger", Unavailable, "connection", cause))
		d.now = d.now.Add(time.Second)
	}
	r.Refused(ctx, Invalid)
	if err := r.Flush(ctx, d); err != nil {
		t.Fatal(err)
	}
	start := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	want := []FailureCount{
		{
			Bucket: start, Function: "api-status", Class: Unavailable, Op: "store.Ledger", Reason: "connection",
			Count: 3, FirstSeen: start, LastSeen: start.Add(2 * time.Second),
			Sample: "store.Ledger: unavailable (connection): attempt 0", RequestID: "r-2",
		},
		{
			Bucket: start, Function: "api-status", Class: Invalid, Op: "request", Reason: "invalid_input", Refusal: true,
			Count: 1, FirstSeen: start.Add(3 * time.Second), LastSeen: start.Add(3 * time.Second),
		},
	}
	for i := range want {
		want[i].Fingerprint = d.last.Failures[i].Fingerprint
		if len(want[i].Fingerprint) != 16 {
			t.Errorf("fingerprint %q", want[i].Fingerprint)
		}
	}
	if diff := cmp.Diff(want, d.last.Failures); diff != "" {
		t.Error(diff)
	}
}

func TestFingerprintsFollowFromClassOperationAndReason(t *testing.T) {
	base := E("store.Ledger", Unavailable, "connection", errors.New("a"))
	same := E("store.Ledger", Unavailable, "connection", errors.New("another text")).WithMessage("for people")
	if IdentityOf(base).Fingerprint() != IdentityOf(same).Fingerprint() {
		t.Error("the text of the cause changed the fingerprint")
	}
	// Kept in databases: it must not change with the program.
	if got := IdentityOf(base).Fingerprint(); got != "58c09df6dedad95f" {
		t.Errorf("the fingerprint became %s", got)
	}
	for _, other := range []error{
		E("store.Head", Unavailable, "connection", nil), E("store.Ledger", Timeout, "connection", nil), E("store.Ledger", Unavailable, "locked", nil),
	} {
		if IdentityOf(other).Fingerprint() == IdentityOf(base).Fingerprint() {
			t.Errorf("%v has the fingerprint of %v", other, base)
		}
	}
}

func TestOnlyFailuresAreNoted(t *testing.T) {
	left, leave := context.WithCancel(t.Context())
	leave()
	tests := map[string]struct {
		ctx  context.Context
		err  error
		want int64
	}{
		"nothing":                             {t.Context(), nil, 0},
		"a caller who left":                   {left, E("op", Unavailable, "canceled", context.Canceled), 0},
		"a failure while the caller leaves":   {left, E("op", Internal, "", nil), 1},
		"a cancellation nobody asked for":     {t.Context(), context.Canceled, 1},
		"each of those that were joined":      {t.Context(), errors.Join(E("a", Internal, "", nil), E("b", Timeout, "", nil)), 2},
		"an error that nobody has classified": {t.Context(), errors.New("bug"), 1},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			d := newDesk()
			r := d.recorder("p")
			r.Note(test.ctx, test.err)
			if err := r.Flush(t.Context(), d); err != nil || d.sum() != test.want {
				t.Errorf("%d notes, error %v", d.sum(), err)
			}
		})
	}
	var none *Recorder
	none.Note(t.Context(), down)
	none.Request(t.Context(), "GET /", 200, 0)
	none.FlushDue(t.Context(), nil, true)
}

func TestSamplesHoldNoNamesAndNoSecrets(t *testing.T) {
	d := newDesk()
	tests := map[string]string{
		"dial postgres://sky:p@ss/w@db:5432/x?sslmode=off: refused":     "dial postgres://…@db:5432/x?… refused",
		"GET https://feed.example/v3?key=abc#x: 503":                    "GET https://feed.example/v3?… 503",
		"redis://:hunter2@cache:6379 timed out":                         "redis://…@cache:6379 timed out",
		"invalid input syntax for type integer: \"jane\"":               "invalid input syntax for type integer: …",
		"relation \"kept.x y\" or column \"name\" does not exist":       "relation … or column name does not exist",
		"row of Jane O'Connor-Smith refused":                            "row of … refused",
		"cid 1234567 is in squawk 1234":                                 "cid # is in squawk 1234",
		"mail to jane.doe@example.org":                                  "mail to …",
		"password=hunter2 and \"api_key\": \"abc def\", token: xyz":     "password=… and …: …, token: …",
		"Authorization: Bearer abc.def":                                 "Authorization: …",
		"two\nlines\x00 and \xff bytes":                                 "two lines and  bytes",
		"store.Head: unavailable (connection): dial tcp 127.0.0.1:5432": "store.Head: unavailable (connection): dial tcp 127.0.0.1:5432",
	}
	for text, want := range tests {
		t.Run(want, func(t *testing.T) {
			if got := d.recorder("p").scrub.clean(text); got != want {
				t.Errorf("got  %q\nwant %q", got, want)
			}
		})
	}
	long := d.recorder("p").scrub.clean(strings.Repeat("é", 5000))
	if len(long) > longestSample || !strings.HasSuffix(long, "é…") {
		t.Errorf("%d bytes: %s", len(long), long)
	}
}

func FuzzScrub(f *testing.F) {
	f.Add("dial postgres://sky:", "@db/x")
	f.Add("password=", "\n")
	scrub := newScrubber()
	f.Fuzz(func(t *testing.T, before, after string) {
		const secret = "hunter2"
		for _, text := range []string{before + " x://u:" + secret + "@h " + after, before + " \"" + secret + "\" " + after, before + " password=" + secret + " " + after} {
			got := scrub.clean(text)
			if len(got) > longestSample {
				t.Errorf("%d bytes", len(got))
			}
			if strings.Contains(got, secret) && !strings.Contains(before+after, secret) && !strings.ContainsAny(before+after, "\"'`“”") {
				t.Errorf("%q became %q", text, got)
			}
		}
	})
}

func TestFlushesKeepTheirPace(t *testing.T) {
	d := newDesk()
	api, job := d.recorder("api"), d.recorder("job")
	steps := []struct {
		name    string
		passes  time.Duration
		request bool
		failure bool
		atOnce  bool
		sink    error
		want    int // batches in all
	}{
		{name: "with nothing to say nothing is said", want: 0},
		{name: "a request waits its minute", request: true, want: 0},
		{name: "a failure does not", failure: true, want: 1},
		{name: "but a storm of them does", failure: true, passes: 2 * time.Second, want: 1},
		{name: "for a while", failure: true, passes: 8 * time.Second, want: 2},
		{name: "a request waits again", request: true, passes: 59 * time.Second, want: 2},
		{name: "and is told in the end", passes: time.Second, want: 3},
		{name: "a sink that is away", failure: true, passes: 10 * time.Second, sink: down, want: 3},
		{name: "is left alone", failure: true, passes: 14 * time.Second, want: 3},
		{name: "and asked again: first what it was asked before, then the rest", passes: time.Second, want: 5},
	}
	for _, step := range steps {
		d.now, d.fail = d.now.Add(step.passes), step.sink
		if step.request {
			api.Request(t.Context(), "GET /", 200, time.Millisecond)
		}
		if step.failure {
			api.Note(t.Context(), E("op", Internal, "", nil))
		}
		if api.FlushDue(t.Context(), d, false); d.batches != step.want {
			t.Fatalf("%s: %d batches, want %d", step.name, d.batches, step.want)
		}
	}
	job.Request(t.Context(), "event", 200, time.Second)
	if job.FlushDue(t.Context(), d, true); d.batches != 6 {
		t.Error("a job's first run was not told at its end")
	}
}

func TestStormsAreBounded(t *testing.T) {
	const storm = 1_000_000
	tests := map[string]struct {
		reasons int
		entries int
	}{
		"of one failure":                 {1, 1},
		"of a million failures, all new": {storm, mostEntries + 1},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			d := newDesk()
			d.fail = down
			r := d.recorder("p")
			before := heap()
			for i := range storm {
				r.Note(t.Context(), E("store.Ledger", Unavailable, strconv.Itoa(i%test.reasons), errors.New("cause")))
			}
			if grown := heap() - before; grown > 8<<20 {
				t.Errorf("the heap grew by %d bytes", grown)
			} else {
				t.Logf("%d entries, %d kB", len(r.failures), grown>>10)
			}
			if len(r.failures) != test.entries {
				t.Errorf("%d entries", len(r.failures))
			}
			_ = r.Flush(t.Context(), d) // notes its own failure
			d.fail = nil
			for range 2 {
				if err := r.Flush(t.Context(), d); err != nil {
					t.Fatal(err)
				}
			}
			if told := d.sum(); told != storm+1 {
				t.Errorf("%d of %d were told of", told, storm+1)
			}
			want := int64(max(0, test.reasons-mostEntries))
			if test.reasons > 1 {
				want++ // the note of the flush
			}
			if got := d.failures["local fault.Recorder overflow_failures"]; got != want {
				t.Errorf("%d found no room, want %d", got, want)
			}
			r.Note(t.Context(), E("a", Internal, "new", nil))
			if d.now = d.now.Add(2 * BucketLength); len(r.failures) > mostEntries+mostOverflows {
				t.Errorf("%d entries", len(r.failures))
			}
			r.Note(t.Context(), E("b", Internal, "newer", nil))
			if test.reasons > 1 && len(r.failures) > 10 {
				t.Errorf("what was told makes no room: %d entries", len(r.failures))
			}
		})
	}
}

func heap() int64 {
	var stats runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&stats)
	return int64(stats.HeapAlloc)
}

func TestOverflowsThemselvesAreBounded(t *testing.T) {
	d := newDesk()
	r := d.recorder("p", func(o *RecorderOptions) { o.Most = 1 })
	const buckets = 500
	for i := range buckets {
		r.Note(t.Context(), E("op", Internal, strconv.Itoa(i), nil))
		r.Request(t.Context(), "GET /"+strconv.Itoa(i), 200, 0)
		d.now = d.now.Add(BucketLength)
	}
	if len(r.failures) > 1+mostOverflows+1 || len(r.requests) > 1 {
		t.Errorf("%d entries", len(r.failures))
	}
	if err := r.Flush(t.Context(), d); err != nil || d.sum() != buckets+buckets-1 {
		t.Errorf("%d told, error %v", d.sum(), err)
	}
}

func TestWhatTheSinkCannotTakeIsGivenUpAndSaid(t *testing.T) {
	d := newDesk()
	r := d.recorder("p")
	r.Note(t.Context(), E("op", Internal, "poison", nil))
	d.fail = E("store.RecordFaults", Invalid, "data_22021", nil)
	for range mostRefusals {
		if err := r.Flush(t.Context(), d); err == nil {
			t.Fatal("the refusal was not reported")
		}
	}
	d.fail = nil
	if err := r.Flush(t.Context(), d); err != nil {
		t.Fatal(err)
	}
	want := map[string]int64{"local fault.Recorder overflow_refused": 1, "local store.RecordFaults data_22021": mostRefusals}
	if diff := cmp.Diff(want, d.failures); diff != "" {
		t.Error(diff)
	}
}

// TestEveryNoteIsToldOnce lets two processes note and flush while the sink
// fails before or after it took the batch, from several goroutines, and
// compares the sums with a count of its own.
func TestEveryNoteIsToldOnce(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := newDesk()
		recorders := []*Recorder{d.recorder("one"), d.recorder("two")}
		failures, requests := map[string]int64{}, map[string]int64{}
		ctx := context.Background()
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			r := rapid.SampledFrom(recorders).Draw(t, "process")
			function := rapid.SampledFrom([]string{"ingest", "api-status"}).Draw(t, "function")
			times := rapid.IntRange(1, 5).Draw(t, "times")
			switch rapid.IntRange(0, 3).Draw(t, "what") {
			case 0:
				reason := rapid.SampledFrom([]string{"x", "y"}).Draw(t, "reason")
				failures[function+" op "+reason] += int64(times)
				each(times, func() { r.Note(WithFunction(ctx, function), E("op", Internal, reason, nil)) })
			case 1:
				status := rapid.SampledFrom([]int{200, 304, 422, 503}).Draw(t, "status")
				took := time.Duration(rapid.IntRange(0, 20_000).Draw(t, "ms")) * time.Millisecond
				requests[fmt.Sprint(function, " GET / ", status/100)] += int64(times)
				each(times, func() { r.Request(WithFunction(ctx, function), "GET /", status, took) })
			case 2:
				d.now = d.now.Add(time.Duration(rapid.IntRange(1, 400).Draw(t, "seconds")) * time.Second)
			default:
				d.fail, d.after = nil, rapid.Bool().Draw(t, "after")
				if rapid.Bool().Draw(t, "fails") {
					d.fail = down
				}
				if err := r.Flush(ctx, d); err != nil {
					failures["local store.RecordFaults connection"]++
				}
			}
		}
		d.fail = nil
		for _, r := range recorders {
			for range 2 {
				if err := r.Finish(ctx, d); err != nil {
					t.Fatal(err)
				}
			}
		}
		if diff := cmp.Diff(failures, d.failures); diff != "" {
			t.Errorf("failures (-noted +told):\n%s", diff)
		}
		if diff := cmp.Diff(requests, d.requests); diff != "" {
			t.Errorf("requests (-noted +told):\n%s", diff)
		}
	})
}

// each calls work times times at once.
func each(times int, work func()) {
	var group sync.WaitGroup
	for range times {
		group.Go(work)
	}
	group.Wait()
}

func TestWhatWasNotedCanBeTold(t *testing.T) {
	d := newDesk()
	r := d.recorder("p")
	start := d.now
	for i := range 3 {
		r.Note(t.Context(), E("op", Internal, "", nil))
		r.Request(t.Context(), "GET /", 200, time.Duration(i)*time.Second)
		if i == 0 {
			if err := r.Flush(t.Context(), d); err != nil {
				t.Fatal(err)
			}
		}
		d.now = d.now.Add(BucketLength)
	}
	failures, requests := r.Recent(start, start.Add(2*BucketLength))
	if len(failures) != 2 || len(requests) != 2 || failures[0].Count != 1 || requests[1].Durations[9] != 1 {
		t.Errorf("%+v\n%+v", failures, requests)
	}
}

func TestUpstreamsAreKnownWithTheirState(t *testing.T) {
	d := newDesk()
	r := d.recorder("p")
	start := d.now
	sound := r.Policy(PolicyOptions{Name: "postgres"})
	weak := r.Policy(PolicyOptions{Name: "redis", Breaker: BreakerOptions{Failures: 2, Delay: time.Hour}})
	r.Policy(PolicyOptions{Name: "redis"})
	if err := sound.Do(t.Context(), func(context.Context) error { return nil }); err != nil {
		t.Fatal(err)
	}
	if r.FlushDue(t.Context(), d, true); d.batches != 0 {
		t.Error("upstreams that are well were worth a flush")
	}
	d.now = d.now.Add(time.Minute)
	opened := d.now
	for range 3 {
		_ = weak.Do(t.Context(), func(context.Context) error { return E("op", Unavailable, "redis", nil) })
	}
	want := []UpstreamState{
		{Name: "postgres", State: "closed", Since: start, Calls: 1, Attempts: 1},
		{Name: "redis", State: "open", Since: opened, Calls: 3, Attempts: 2, Failures: 2, Refused: 1, Opened: 1},
	}
	if diff := cmp.Diff(want, r.Upstreams()); diff != "" {
		t.Error(diff)
	}
	if r.FlushDue(t.Context(), d, false); d.batches != 1 {
		t.Fatal("an open breaker was not told of")
	}
	if diff := cmp.Diff(want, d.last.Upstreams); diff != "" {
		t.Error(diff)
	}
	if d.now = d.now.Add(time.Hour); true {
		r.FlushDue(t.Context(), d, false)
	}
	if d.batches != 1 {
		t.Error("a breaker that stays open was told of twice")
	}
}

func TestEveryEndsWithItsContext(t *testing.T) {
	d := newDesk()
	r := d.recorder("p")
	r.Note(t.Context(), E("op", Internal, "", nil))
	ctx, cancel := context.WithCancel(t.Context())
	told := make(chan struct{})
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		r.Every(ctx, time.Millisecond, sinkFunc(func(Batch) { close(told) }))
	}()
	<-told
	cancel()
	<-ended
}

type sinkFunc func(Batch)

func (f sinkFunc) RecordFaults(_ context.Context, batch Batch) error { f(batch); return nil }
