package fault

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"time"
)

// Sink is where a recorder's account goes. It takes a batch as a whole or not
// at all, and a batch whose Sequence it has from the same Process once only:
// one whose reply was lost comes again.
type Sink interface {
	RecordFaults(ctx context.Context, batch Batch) error
}

// Batch is what a process has to say since its last batch: counts to be added
// to those of other batches, and the upstreams as they are.
type Batch struct {
	Process   string
	Function  string
	Sequence  int64 // from 1, without gaps
	Started   time.Time
	At        time.Time // when the batch was made
	Ended     bool      // the process ends with it
	Failures  []FailureCount
	Requests  []RequestCount
	Upstreams []UpstreamState
}

const (
	// failuresEvery and requestsEvery are how soon another flush is worth its
	// statement: what went wrong is wanted sooner than what was asked.
	failuresEvery = 10 * time.Second
	requestsEvery = time.Minute
	// againAfter is how long a sink that failed is left alone.
	againAfter = 15 * time.Second
	// flushBudget is the most that a flush takes from an invocation.
	flushBudget = 300 * time.Millisecond
	// mostRefusals is how often a batch that the sink cannot take is tried.
	mostRefusals = 3
)

// FlushDue sends what there is to say when it is time for that, and spends
// little on it: it is for the end of an invocation. Counts of requests wait
// their minute even in a new process, unless atOnce: for functions whose end
// nobody waits for, and which may not be called again before their process
// ends. What it could not send is sent by a later flush; its error is noted.
func (r *Recorder) FlushDue(ctx context.Context, sink Sink, atOnce bool) {
	if r == nil || !r.due(atOnce) {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), flushBudget)
	defer cancel()
	_ = r.Flush(ctx, sink)
}

// due says whether there is something to say, and the time is right for it.
func (r *Recorder) due(atOnce bool) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	passed := r.options.Passing().Sub(r.tried)
	switch {
	case r.failed && passed < againAfter, r.sequence > 0 && passed < failuresEvery:
		return false
	case r.news.failures > 0, r.upstreamsMoved():
		return true
	default:
		return r.news.others > 0 && (passed >= requestsEvery || atOnce && r.sequence == 0)
	}
}

// upstreamsMoved says whether an upstream's state is not the one told last.
// Well from the start is not worth a word.
func (r *Recorder) upstreamsMoved() bool {
	for _, upstream := range r.upstreams() {
		if upstream.State != cmp.Or(r.told[upstream.Name], "closed") {
			return true
		}
	}
	return false
}

// Flush sends what there is to say. A flush that finds another at work leaves
// it to that one. Counts are kept until the sink has them; the error is the
// sink's, and is noted.
func (r *Recorder) Flush(ctx context.Context, sink Sink) error {
	if r == nil || !r.flushing.TryLock() {
		return nil
	}
	defer r.flushing.Unlock()
	return r.flush(ctx, sink, false)
}

// Finish sends what there is to say and that the process ends. It waits for a
// flush at work.
func (r *Recorder) Finish(ctx context.Context, sink Sink) error {
	if r == nil {
		return nil
	}
	r.flushing.Lock()
	defer r.flushing.Unlock()
	return r.flush(ctx, sink, true)
}

func (r *Recorder) flush(ctx context.Context, sink Sink, ending bool) error {
	for {
		again := r.pending != nil // what came since needs another batch
		if r.pending == nil {
			r.pending = r.next(ending)
		}
		if r.pending == nil {
			return nil
		}
		err := sink.RecordFaults(ctx, *r.pending)
		r.sent(ctx, err)
		if err != nil || !again {
			return err
		}
	}
}

// sent notes what became of the pending batch.
func (r *Recorder) sent(ctx context.Context, err error) {
	r.mu.Lock()
	r.tried, r.failed = r.options.Passing(), err != nil
	switch {
	case err == nil:
		r.settle(r.pending)
		r.pending, r.refusals = nil, 0
	case !Retryable(err):
		if r.refusals++; r.refusals == mostRefusals {
			// It will never be taken, and what comes after it must not wait.
			r.settle(r.pending)
			r.overflow("refused", r.pending.notes())
			r.pending, r.refusals = nil, 0
		}
	}
	r.mu.Unlock()
	r.Note(ctx, err)
}

// notes counts what the batch tells of.
func (b *Batch) notes() (notes int64) {
	for _, failure := range b.Failures {
		notes += failure.Count
	}
	for _, request := range b.Requests {
		notes += request.Count
	}
	return notes
}

// settle marks what the batch holds as sent.
func (r *Recorder) settle(batch *Batch) {
	for _, failure := range batch.Failures {
		identity := Identity{failure.Class, failure.Op, failure.Reason, failure.Refusal}
		if entry := r.failures[failureKey{failure.Bucket.Unix(), failure.Function, identity}]; entry != nil {
			entry.sent += failure.Count
			if failure.Refusal {
				r.news.others -= failure.Count
			} else {
				r.news.failures -= failure.Count
			}
		}
	}
	for _, request := range batch.Requests {
		if entry := r.requests[requestKey{request.Bucket.Unix(), request.Function, request.Route, request.Status}]; entry != nil {
			entry.sent += request.Count
			r.news.others -= request.Count
			entry.sentTotal += request.Total
			entry.sentDurations = summed(entry.sentDurations, request.Durations)
		}
	}
	for _, upstream := range batch.Upstreams {
		r.told[upstream.Name] = upstream.State
	}
	r.full.failures, r.full.requests = 0, 0
}

// next makes a batch of what the sink does not have; nil when that is nothing.
// A process that says farewell does so only where it was heard of before.
func (r *Recorder) next(ending bool) *Batch {
	r.mu.Lock()
	defer r.mu.Unlock()
	silent := r.news.failures == 0 && r.news.others == 0 && !r.upstreamsMoved()
	if silent && (!ending || r.sequence == 0) {
		return nil
	}
	r.sequence++
	batch := &Batch{
		Process: r.options.Process, Function: r.options.Function, Sequence: r.sequence, Started: r.started,
		At: r.options.Clock().UTC(), Ended: ending, Upstreams: r.upstreams(),
	}
	for _, entry := range r.failures {
		if entry.sent < entry.Count {
			failure := entry.FailureCount
			failure.Count -= entry.sent
			batch.Failures = append(batch.Failures, failure)
		}
	}
	for _, entry := range r.requests {
		if entry.sent < entry.Count {
			request := entry.RequestCount
			request.Count -= entry.sent
			request.Total -= entry.sentTotal
			request.Durations = slices.Clone(request.Durations)
			for i, sent := range entry.sentDurations {
				request.Durations[i] -= sent
			}
			batch.Requests = append(batch.Requests, request)
		}
	}
	batch.sort()
	return batch
}

// sort puts the rows in the order of their keys: whoever writes them takes
// their locks in the same order as everybody else.
func (b *Batch) sort() {
	slices.SortFunc(b.Failures, func(a, c FailureCount) int {
		return cmp.Or(a.Bucket.Compare(c.Bucket), cmp.Compare(a.Function, c.Function), cmp.Compare(a.Fingerprint, c.Fingerprint))
	})
	slices.SortFunc(b.Requests, func(a, c RequestCount) int {
		return cmp.Or(a.Bucket.Compare(c.Bucket), cmp.Compare(a.Function, c.Function),
			cmp.Compare(a.Route, c.Route), cmp.Compare(a.Status, c.Status))
	})
}

func summed(a, b []int64) []int64 {
	if a == nil {
		return slices.Clone(b)
	}
	for i := range b {
		a[i] += b[i]
	}
	return a
}

// Every flushes at the pace given until ctx ends: for a process that lives on
// between invocations.
func (r *Recorder) Every(ctx context.Context, pace time.Duration, sink Sink) {
	ticker := time.NewTicker(pace)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			bounded, cancel := context.WithTimeout(ctx, pace)
			_ = r.Flush(bounded, sink) // noted, and sent with the next
			cancel()
		}
	}
}

// Recent returns what the process noted in the spans of from <= bucket < to,
// sent or not, by bucket. It is what can be told while the sink is away.
func (r *Recorder) Recent(from, to time.Time) (failures []FailureCount, requests []RequestCount) {
	if r == nil {
		return nil, nil
	}
	within := func(bucket time.Time) bool { return !bucket.Before(from) && bucket.Before(to) }
	r.mu.Lock()
	defer r.mu.Unlock()
	batch := Batch{}
	for entry := range maps.Values(r.failures) {
		if within(entry.Bucket) {
			batch.Failures = append(batch.Failures, entry.FailureCount)
		}
	}
	for entry := range maps.Values(r.requests) {
		if within(entry.Bucket) {
			request := entry.RequestCount
			request.Durations = slices.Clone(request.Durations)
			batch.Requests = append(batch.Requests, request)
		}
	}
	batch.sort()
	return batch.Failures, batch.Requests
}
