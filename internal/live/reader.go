package live

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"
	"go.uber.org/zap"
	"golang.org/x/sync/singleflight"

	"github.com/skyledger/skyledger/internal/fault"
)

const (
	// checkEvery is how long memory answers without asking whether the pointer
	// has moved: far below a tick, far above a request.
	checkEvery = 500 * time.Millisecond
	// revalidateWithin is how long after the last check memory still answers at
	// once while the check runs beside the request. A process that was frozen for
	// longer checks first.
	revalidateWithin = 3 * time.Second
	// overdueAfter is when a pointer that has not moved is suspected: ingest may
	// have lost Redis while it goes on recording.
	overdueAfter = 30 * time.Second
	overdueEvery = 5 * time.Second // how often the durable head is asked then
	durableEvery = time.Second     // how often it is asked while Redis cannot tell
	buildTimeout = 8 * time.Second // building a view from the log, below a function's timeout
)

// Newest is what the durable head knows.
type Newest struct {
	View *View     // nil when no believed snapshot is newer than what was asked for
	Seen time.Time // newest snapshot projected; after View's (or the one asked for) when suspicious ones are held
}

// Fallback builds the view of the durable head when its believed snapshot is
// newer than the time given, which may be zero.
type Fallback func(ctx context.Context, newerThan time.Time) (Newest, error)

// Options are a Reader's parts.
type Options struct {
	Client   redis.Cmdable // nil where there is no Redis
	Space    string        // as the publisher's
	Memory   *Memory       // nil: one of its own
	Fallback Fallback
	Clock    func() time.Time // what ages are reckoned by
	Logger   *zap.Logger
	Faults   *fault.Recorder // nil: nobody keeps account
}

// Reader answers from the nearest layer that knows. Safe for concurrent use.
type Reader struct {
	client   redis.Cmdable
	keys     keys
	memory   *Memory
	fallback Fallback
	clock    func() time.Time
	passing  func() time.Time // real time, whatever clock ages are reckoned by
	logger   *zap.Logger
	faults   *fault.Recorder
	policy   *fault.Policy
	flights  singleflight.Group
	counts   counters

	background sync.WaitGroup
	refreshing atomic.Bool

	mu         sync.Mutex
	asked      time.Time // when the durable head was last asked
	durableErr error     // what it said
}

// NewReader returns a reader. It does nothing until it is asked.
func NewReader(options Options) *Reader {
	reader := &Reader{
		client: options.Client, keys: newKeys(options.Space), memory: options.Memory,
		fallback: options.Fallback, clock: options.Clock, passing: time.Now, logger: options.Logger,
		faults: options.Faults, policy: options.Faults.Policy(fault.RedisPolicy()),
	}
	if reader.memory == nil {
		reader.memory = NewMemory()
	}
	if reader.logger == nil {
		reader.logger = zap.NewNop()
	}
	return reader
}

// Close waits for what runs beside requests. The reader must not be used after.
func (r *Reader) Close() { r.background.Wait() }

// Get returns an answer. Its only error, besides a context that ended, is
// fault.Unavailable: no layer has anything. An answer that could not be checked
// against any other layer is marked stale.
func (r *Reader) Get(ctx context.Context, name Name, encoding Encoding) (Answer, error) {
	key := entryKey{name, encoding}
	found := r.memory.get(key)
	layer := LayerMemory
	switch since := r.passing().Sub(found.checked); {
	case found.entry != nil && since < checkEvery:
	case found.entry != nil && since < revalidateWithin:
		r.revalidate(ctx, key)
	default:
		var err error
		if layer, err = r.wait(ctx, key); err != nil {
			r.counts.failed.Add(1)
			return Answer{}, err
		}
		found = r.memory.get(key)
	}
	if found.entry == nil { // a newer version took its place this instant
		var err error
		if layer, err = r.wait(ctx, key); err != nil {
			r.counts.failed.Add(1)
			return Answer{}, err
		}
		if found = r.memory.get(key); found.entry == nil {
			r.counts.failed.Add(1)
			return Answer{}, fault.E("live.Reader.Get", fault.Unavailable, "moving", nil)
		}
	}
	r.counts.answered(layer)
	return found.entry.answer(found.pointer, layer, r.clock(), found.unverified), nil
}

// revalidate refreshes the key beside the request.
func (r *Reader) revalidate(ctx context.Context, key entryKey) {
	if !r.refreshing.CompareAndSwap(false, true) {
		return
	}
	r.background.Add(1)
	go func() {
		defer r.background.Done()
		defer r.refreshing.Store(false)
		_, _ = r.wait(context.WithoutCancel(ctx), key)
	}()
}

// wait refreshes the key, together with everybody else who waits for it.
func (r *Reader) wait(ctx context.Context, key entryKey) (Layer, error) {
	done := r.flights.DoChan(string(key.name)+"."+string(key.encoding), func() (any, error) {
		// Whoever comes first may leave first: the others still want the result.
		return r.refresh(context.WithoutCancel(ctx), key)
	})
	select {
	case result := <-done:
		layer, _ := result.Val.(Layer)
		return layer, result.Err
	case <-ctx.Done():
		return "", fault.E("live.Reader.Get", fault.Timeout, "", ctx.Err())
	}
}

// refresh brings memory up to date for the key and says which layer knew.
func (r *Reader) refresh(ctx context.Context, key entryKey) (Layer, error) {
	found := r.memory.get(key)
	newest, loaded, err := r.askRedis(ctx, key, found)
	switch {
	case err == nil && loaded != nil:
		r.memory.move(newest, r.passing(), loaded)
		return LayerRedis, nil
	case err == nil && found.entry != nil && newest.snapshot > 0 && !r.overdue(found):
		r.memory.move(later(newest, found.pointer), r.passing())
		r.memory.verify(r.passing(), true)
		return LayerMemory, nil
	}
	every := durableEvery
	if err == nil && newest.snapshot > 0 {
		every = overdueEvery
	}
	return r.askLog(ctx, key, found, every)
}

func later(a, b pointer) pointer {
	if b.after(a) {
		return b
	}
	return a
}

// overdue reports whether the next snapshot should have been here by now.
func (r *Reader) overdue(found held) bool {
	return r.clock().Sub(time.UnixMicro(found.entry.head.Received)) > overdueAfter
}

// askLog asks the durable head for something newer than what memory has, at
// most once in a while, and one at a time.
func (r *Reader) askLog(ctx context.Context, key entryKey, found held, every time.Duration) (Layer, error) {
	r.mu.Lock()
	recently := r.passing().Sub(r.asked) < every
	failed := r.durableErr
	r.mu.Unlock()
	if recently && found.entry != nil {
		r.memory.postpone(r.passing())
		return LayerMemory, nil
	}
	if recently && failed != nil {
		return "", failed
	}
	newerThan := found.pointer.time()
	if found.entry == nil {
		newerThan = time.Time{}
	}
	result := <-r.flights.DoChan("log", func() (any, error) { return nil, r.build(ctx, newerThan) })
	if result.Err == nil {
		if found = r.memory.get(key); found.entry != nil {
			return LayerLog, nil
		}
		// Somebody else's question was "anything newer?", and there was nothing.
		result = <-r.flights.DoChan("log", func() (any, error) { return nil, r.build(ctx, time.Time{}) })
		if result.Err == nil {
			return LayerLog, nil
		}
	}
	if found.entry == nil {
		return "", result.Err
	}
	r.memory.verify(r.passing(), false)
	return LayerMemory, nil
}

// build moves memory to the durable head's view when that is newer.
func (r *Reader) build(ctx context.Context, newerThan time.Time) (err error) {
	const op = "live.Reader.build"
	was := r.memory.get(entryKey{}).pointer
	defer func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.asked, r.durableErr = r.passing(), err
	}()
	if r.fallback == nil {
		return fault.E(op, fault.Unavailable, "no_log", nil)
	}
	ctx, cancel := context.WithTimeout(ctx, buildTimeout)
	defer cancel()
	newest, err := r.fallback(ctx, newerThan)
	if err != nil {
		r.logger.Warn("live view not to be had from the log", zap.Error(err))
		r.faults.Note(ctx, err)
		return fault.E(op, fault.Unavailable, fault.ReasonOf(err), err)
	}
	if newest.View == nil {
		if newerThan.IsZero() {
			return fault.E(op, fault.Unavailable, "nothing_recorded", nil).WithMessage("Nothing has been recorded yet.")
		}
		if newest.Seen.After(newerThan) {
			r.memory.hold(newest.Seen.UnixMicro(), r.passing())
		}
		r.memory.verify(r.passing(), true)
		return nil
	}
	answers, err := render(newest.View)
	if err != nil {
		return fault.E(op, fault.Internal, "render", err)
	}
	entries, err := loadAll(answers)
	if err != nil {
		return fault.E(op, fault.Internal, "render", err)
	}
	version := pointer{seen: newest.View.Snapshot.UnixMicro(), snapshot: newest.View.Snapshot.UnixMicro()}
	if newest.Seen.After(newest.View.Snapshot) {
		version.seen = newest.Seen.UnixMicro()
	}
	r.memory.replace(was, version, r.passing(), entries...)
	return nil
}
