package fault

import (
	"context"
	"errors"
	"sync"
	"time"
)

// Recorder keeps account of what one process did and of what went wrong in it:
// failures by what they are, refusals by class, requests by route, and the
// policies of its upstreams. A storm is a counter, not a queue: notes of one
// kind in one bucket of time are one entry, and there is a most of entries.
// What finds no room is counted and itself recorded as "overflow". Noting
// never waits for anything but the other notes, and never fails.
//
// Entries are sent to a Sink by Flush and stay here for a while, so that the
// process can tell what it saw while the sink is away. A process that is killed
// loses what it noted since its last flush.
//
// A nil Recorder records nothing.
type Recorder struct {
	options RecorderOptions
	started time.Time
	scrub   scrubber

	mu       sync.Mutex
	failures map[failureKey]*failureEntry
	requests map[requestKey]*requestEntry
	full     struct{ failures, requests int64 } // the bucket in which nothing can make room before the next flush
	news     struct{ failures, others int64 }   // notes that the sink does not have: failures, and refusals and requests
	policies []*Policy
	told     map[string]string // the upstreams' states as last flushed

	flushing sync.Mutex
	sequence int64
	pending  *Batch // sent and not known to have arrived
	refusals int    // times the sink refused pending for good
	tried    time.Time
	failed   bool // the last try
}

// RecorderOptions are a recorder's bounds and parts.
type RecorderOptions struct {
	Process  string // id of the process, unlike any other's
	Function string // the function the process is for; "local" where it runs them all
	// RequestID finds the id of the request that a note belongs to; nil: none.
	RequestID func(ctx context.Context) string
	Clock     func() time.Time // what buckets are reckoned by
	Passing   func() time.Time // real time, for the pace of flushes; default time.Now
	Most      int              // entries of each kind; default 4,096, about 2 MB
}

// BucketLength is the span of time whose notes are counted together.
const BucketLength = 5 * time.Minute

const (
	mostEntries = 4096
	// keepSent is how long entries that were flushed stay where there is room.
	keepSent = time.Hour
)

// NewRecorder returns a recorder that has recorded nothing.
func NewRecorder(options RecorderOptions) *Recorder {
	if options.Clock == nil {
		options.Clock = time.Now
	}
	if options.Passing == nil {
		options.Passing = time.Now
	}
	if options.Most == 0 {
		options.Most = mostEntries
	}
	return &Recorder{
		options: options, started: options.Clock().UTC(), tried: options.Passing(), scrub: newScrubber(),
		failures: map[failureKey]*failureEntry{}, requests: map[requestKey]*requestEntry{}, told: map[string]string{},
	}
}

type functionKey struct{}

// WithFunction returns a context whose notes belong to the function.
func WithFunction(ctx context.Context, function string) context.Context {
	return context.WithValue(ctx, functionKey{}, function)
}

// function returns the one that ctx belongs to, else the process's.
func (r *Recorder) function(ctx context.Context) string {
	if function, ok := ctx.Value(functionKey{}).(string); ok {
		return function
	}
	return r.options.Function
}

// Note records a failure that is handled here and goes no further. Of errors
// that were joined each is one. A caller who left is no failure.
func (r *Recorder) Note(ctx context.Context, err error) {
	if r == nil || err == nil || errors.Is(err, context.Canceled) && ctx.Err() != nil {
		return
	}
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		for _, single := range joined.Unwrap() {
			r.Note(ctx, single)
		}
		return
	}
	note := note{identity: IdentityOf(err), function: r.function(ctx), err: err}
	if r.options.RequestID != nil {
		note.request = r.options.RequestID(ctx)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.add(note, 1)
}

// Refused records that a request was refused for what it asked, by class alone:
// a client's mistake is no failure of ours, only how many there are is told.
func (r *Recorder) Refused(ctx context.Context, class Class) {
	if r == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.add(note{identity: refusalOf(class), function: r.function(ctx)}, 1)
}

// Request records an answered request, or another invocation, with its route
// ("GET /api/status", "event"), HTTP status and duration.
func (r *Recorder) Request(ctx context.Context, route string, status int, took time.Duration) {
	if r == nil {
		return
	}
	now := r.options.Clock().UTC()
	key := requestKey{bucket: bucketOf(now), function: r.function(ctx), route: tidy(route, longestOp), status: status / 100}
	r.mu.Lock()
	defer r.mu.Unlock()
	entry := r.requests[key]
	if entry == nil {
		if !room(r.requests, r.options.Most, &r.full.requests, now) {
			r.overflow("requests", 1)
			return
		}
		entry = &requestEntry{RequestCount: RequestCount{
			Bucket: time.Unix(key.bucket, 0).UTC(), Function: key.function, Route: key.route, Status: key.status,
			Durations: make([]int64, len(DurationBounds())+1),
		}}
		r.requests[key] = entry
	}
	r.news.others++
	entry.Count++
	entry.Total += took
	entry.Durations[durationSlot(took)]++
	entry.Last = now
}

// note is one thing to add.
type note struct {
	identity Identity
	function string
	request  string
	err      error
}

// add counts a note times times; the mutex is held.
func (r *Recorder) add(n note, times int64) {
	now := r.options.Clock().UTC()
	key := failureKey{bucket: bucketOf(now), function: n.function, identity: n.identity}
	entry := r.failures[key]
	if entry == nil {
		if !room(r.failures, r.options.Most, &r.full.failures, now) {
			r.overflow("failures", times)
			return
		}
		entry = newFailure(key, now)
		if n.err != nil {
			entry.Sample = r.scrub.clean(n.err.Error())
		}
		r.failures[key] = entry
	}
	r.counted(entry, now, n.request, times)
}

func (r *Recorder) counted(entry *failureEntry, now time.Time, request string, times int64) {
	entry.count(now, request, times)
	if entry.Refusal {
		r.news.others += times
	} else {
		r.news.failures += times
	}
}

// overflow counts what found no room. These entries have room of their own: a
// few buckets' worth, the last of which takes whatever comes later.
func (r *Recorder) overflow(what string, times int64) {
	now := r.options.Clock().UTC()
	identity := Identity{Class: Internal, Op: recorderOp, Reason: overflowReason + what}
	key := failureKey{bucket: bucketOf(now), function: r.options.Function, identity: identity}
	if r.failures[key] == nil && len(r.failures) >= r.options.Most+mostOverflows {
		for known := range r.failures {
			if known.identity == identity && (r.failures[key] == nil || known.bucket > key.bucket) {
				key = known
			}
		}
	}
	if r.failures[key] == nil {
		r.failures[key] = newFailure(key, now)
	}
	r.counted(r.failures[key], now, "", times)
}

const (
	recorderOp     = "fault.Recorder"
	overflowReason = "overflow_"
	mostOverflows  = 64
)

// Since returns when the recorder began, by its clock; zero for a nil one.
func (r *Recorder) Since() time.Time {
	if r == nil {
		return time.Time{}
	}
	return r.started
}

// Process returns the id of the recorder's process.
func (r *Recorder) Process() string {
	if r == nil {
		return ""
	}
	return r.options.Process
}

// Function returns the function that the process is for.
func (r *Recorder) Function() string {
	if r == nil {
		return ""
	}
	return r.options.Function
}
