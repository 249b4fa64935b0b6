package resource

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/skyledger/skyledger/internal/store"
)

const (
	// flushEvery is how often a process writes its figures at most.
	flushEvery = time.Minute
	// flushWait is how long an invocation waits for its figures to be written,
	// once a minute: what is not written by then is tried again.
	flushWait = 50 * time.Millisecond
	// flushTimeout ends a write that hangs.
	flushTimeout = 2 * time.Second
	// lastMoment is how long before its deadline an invocation that still runs is
	// counted as timed out: after the deadline the process is no more.
	lastMoment = 250 * time.Millisecond
	// oldest is how long figures that cannot be written are held: far less than
	// store.SettledUsage, when the hour's rows are added up for good.
	oldest = 12 * time.Hour
)

// Sink keeps usage; *store.Store is one.
type Sink interface {
	RecordUsage(ctx context.Context, rows []store.UsageRow) error
}

// Options are a recorder's parts.
type Options struct {
	Process string // tells this process's rows from others'
	Sink    Sink
	Clock   func() time.Time // the wall's: hours are its
	Logger  *zap.Logger

	// Alone says that the process serves one function, one invocation at a time:
	// then memory and processor time are that function's.
	Alone  bool
	Lambda Lambda
}

// Recorder counts invocations by hour and function and writes them now and
// then. Counting never fails and never waits for anybody.
type Recorder struct {
	Options
	writing sync.WaitGroup

	mu        sync.Mutex
	rows      map[key]*tally
	init      *time.Duration // of this process; nil when not known
	warm      bool           // an invocation was seen
	attempted time.Time      // when the last write began
	closed    bool
}

type key struct {
	hour     int64 // Unix seconds
	function string
}

// tally is a row and whether it has changed since it was written.
type tally struct {
	row   store.UsageRow
	dirty bool
}

// NewRecorder returns a recorder; nothing is written before the first
// invocation has ended.
func NewRecorder(options Options) *Recorder {
	return &Recorder{Options: options, rows: map[key]*tally{}}
}

// Started tells how long the process took from its start until it was ready; the
// kernel says it to 10 ms.
func (r *Recorder) Started(took time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.init = &took
}

// Init returns what Started told; nil when nothing did.
func (r *Recorder) Init() *time.Duration {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.init
}

// Invocation is one that is going on.
type Invocation struct {
	recorder *Recorder
	function string
	began    time.Time
	cold     bool
	cpu, gc  time.Duration
	deadline *time.Timer
	once     sync.Once
}

// Begin notes that an invocation of the function begins. Every one needs its End.
func (r *Recorder) Begin(ctx context.Context, function string) *Invocation {
	i := &Invocation{recorder: r, function: function, began: time.Now()}
	if r.Alone {
		r.mu.Lock()
		i.cold, r.warm = !r.warm, true
		r.mu.Unlock()
		i.cpu, i.gc = processorTime(), collectorTime()
	}
	if deadline, has := ctx.Deadline(); has {
		if left := time.Until(deadline) - lastMoment; left > 0 {
			i.deadline = time.AfterFunc(left, func() { i.settle(true, true) })
		}
	}
	return i
}

// End notes how the invocation ended. It may wait flushWait, at most once a
// minute. An invocation that was counted as timed out stays so.
func (i *Invocation) End(err error) {
	if i.deadline != nil {
		i.deadline.Stop()
	}
	i.settle(err != nil, false)
}

func (i *Invocation) settle(failed, timedOut bool) {
	i.once.Do(func() {
		i.recorder.count(i, time.Since(i.began), failed, timedOut)
		i.recorder.flushWhenDue(timedOut)
	})
}

func (r *Recorder) count(i *Invocation, took time.Duration, failed, timedOut bool) {
	hour := r.Clock().UTC().Truncate(time.Hour)
	r.mu.Lock()
	defer r.mu.Unlock()
	row := r.row(hour, i.function)
	row.Invocations++
	row.DurationMS += milliseconds(took)
	row.DurationMaxMS = max(row.DurationMaxMS, milliseconds(took))
	row.Histogram[bucket(took)]++
	if failed {
		row.Failures++
	}
	if timedOut {
		row.Timeouts++
	}
	if r.Alone {
		r.countAlone(row, i, took)
	}
}

// countAlone adds what is known where the process is the function's own.
func (r *Recorder) countAlone(row *store.UsageRow, i *Invocation, took time.Duration) {
	row.CPUMS = added(row.CPUMS, pointer(milliseconds(processorTime()-i.cpu)))
	row.GCMS = added(row.GCMS, pointer(milliseconds(collectorTime()-i.gc)))
	if peak := peakMemory(); peak != nil {
		row.PeakMemory = greatest(row.PeakMemory, peak)
	}
	if r.Lambda.Function == "" {
		return
	}
	cold := i.cold && r.Lambda.Cold()
	billed := took
	row.ColdStarts = added(row.ColdStarts, pointer(int64(0)))
	if cold {
		*row.ColdStarts++
		if r.init != nil {
			// Lambda bills the start of an on-demand process with its first invocation.
			billed += *r.init
			row.InitMS = added(row.InitMS, pointer(milliseconds(*r.init)))
			row.InitMaxMS = greatest(row.InitMaxMS, pointer(milliseconds(*r.init)))
		}
	}
	row.BilledMS = added(row.BilledMS, pointer(wholeMilliseconds(billed)))
}

// row returns the row of the hour, and lets go of those too old to be of use.
func (r *Recorder) row(hour time.Time, function string) *store.UsageRow {
	id := key{hour.Unix(), function}
	found := r.rows[id]
	if found == nil {
		for old, kept := range r.rows {
			if age := hour.Unix() - old.hour; age > int64(oldest/time.Second) || (age > 0 && !kept.dirty) {
				delete(r.rows, old)
			}
		}
		found = &tally{row: store.UsageRow{
			Hour: hour, Function: function, Process: r.Process, Histogram: make([]int64, store.UsageBuckets),
		}}
		if r.Lambda.MemoryMB > 0 {
			found.row.MemoryMB = pointer(int32(r.Lambda.MemoryMB))
		}
		r.rows[id] = found
	}
	found.dirty = true
	return &found.row
}

// flushWhenDue writes what has changed if the last attempt was a minute ago, or
// at once when there may be no later. The process of a function waits a moment,
// for it is frozen once its answer is given; a shared one goes on.
func (r *Recorder) flushWhenDue(now bool) {
	r.mu.Lock()
	due := !r.closed && r.Sink != nil && (now || r.attempted.IsZero() || time.Since(r.attempted) >= flushEvery)
	if due {
		r.attempted = time.Now()
		r.writing.Add(1)
	}
	r.mu.Unlock()
	if !due {
		return
	}
	done := make(chan struct{})
	go func() {
		defer r.writing.Done()
		defer close(done)
		ctx, cancel := context.WithTimeout(context.Background(), flushTimeout)
		defer cancel()
		r.Flush(ctx)
	}()
	if !r.Alone {
		return
	}
	timer := time.NewTimer(flushWait)
	defer timer.Stop()
	select {
	case <-done:
	case <-timer.C:
	}
}

// Flush writes what has changed. What cannot be written is kept for the next
// time: a row that was written after all is written over with the same.
func (r *Recorder) Flush(ctx context.Context) {
	rows := r.changed()
	if len(rows) == 0 || r.Sink == nil {
		return
	}
	err := r.Sink.RecordUsage(ctx, rows)
	if err != nil {
		r.Logger.Debug("usage is not written yet", zap.Int("rows", len(rows)), zap.Error(err))
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, written := range rows {
		if kept := r.rows[key{written.Hour.Unix(), written.Function}]; kept != nil && kept.row.Invocations == written.Invocations {
			kept.dirty = false
		}
	}
}

// Rows returns what this process counted and has not let go of, by hour and
// function.
func (r *Recorder) Rows() []store.UsageRow {
	return r.collect(func(*tally) bool { return true })
}

func (r *Recorder) changed() []store.UsageRow {
	return r.collect(func(t *tally) bool { return t.dirty })
}

func (r *Recorder) collect(wanted func(*tally) bool) []store.UsageRow {
	r.mu.Lock()
	defer r.mu.Unlock()
	var rows []store.UsageRow
	for _, tally := range r.rows {
		if wanted(tally) {
			rows = append(rows, Merge(tally.row, store.UsageRow{}))
			rows[len(rows)-1].Process = r.Process
		}
	}
	slices.SortFunc(rows, func(a, b store.UsageRow) int {
		if order := a.Hour.Compare(b.Hour); order != 0 {
			return order
		}
		return cmp.Compare(a.Function, b.Function)
	})
	return rows
}

// Close writes what is left, within the context, and waits for writes that go on.
func (r *Recorder) Close(ctx context.Context) {
	r.mu.Lock()
	r.closed = true
	r.mu.Unlock()
	r.writing.Wait()
	r.Flush(ctx)
}
