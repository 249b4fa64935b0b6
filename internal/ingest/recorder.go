package ingest

import (
	"context"
	"iter"
	"slices"
	"sync"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/skyledger/skyledger/internal/fault"
	"github.com/skyledger/skyledger/internal/projection"
	"github.com/skyledger/skyledger/internal/rawlog"
	"github.com/skyledger/skyledger/internal/store"
	"github.com/skyledger/skyledger/internal/telemetry"
	"github.com/skyledger/skyledger/internal/vatsim"
)

// Feed is where bodies come from.
type Feed interface {
	Network(ctx context.Context) (vatsim.Fetched, error)
	Transceivers(ctx context.Context) (vatsim.Fetched, error)
	// Confirm says that a body is safe, so that only newer ones are asked for.
	Confirm(fetched vatsim.Fetched)
}

// Log is where bodies become durable.
type Log interface {
	Prepare(rawlog.Record) (*rawlog.Prepared, error)
	Commit(ctx context.Context, prepared *rawlog.Prepared) (rawlog.Entry, bool, error)
	Entries(ctx context.Context, from, to time.Time) ([]rawlog.Entry, error)
	Get(ctx context.Context, at time.Time) (rawlog.Record, error)
	Range(ctx context.Context, from, to time.Time) iter.Seq2[rawlog.Record, error]
}

// Store is where snapshots are projected to.
type Store interface {
	Head(ctx context.Context) (store.Head, error)
	LoadState(ctx context.Context) (store.State, error)
	Commit(ctx context.Context, changes store.Changes) error
	Rewind(ctx context.Context, expectedVersion int64, to time.Time) (store.Head, error)
	SnapshotTimes(ctx context.Context, from, to time.Time) ([]time.Time, error)
	RecordTick(ctx context.Context, row store.TickRow, missing []store.TickRow) error
	MissingFrames(ctx context.Context, limit int) ([]time.Time, error)
	RestoreFrame(ctx context.Context, at time.Time, frame store.Frame) error
}

// LiveView shows the newest snapshot to people.
type LiveView interface {
	Publish(ctx context.Context, current Current) error
}

// Queue runs a tick later: tick is done when delay has passed.
type Queue interface {
	Later(ctx context.Context, tick time.Time, delay time.Duration) error
}

// Current is the newest projected snapshot with what belongs to it.
type Current struct {
	Snapshot *vatsim.Snapshot
	Stations []vatsim.Station
	Received time.Time
	Head     store.Head // after it
	Before   time.Time  // the snapshot before it; zero when it is the first
}

// Options are a recorder's parts and bounds.
type Options struct {
	Feed    Feed
	Log     Log
	Store   Store
	Live    LiveView
	Queue   Queue
	Clock   func() time.Time
	Logger  *zap.Logger
	Metrics *telemetry.Metrics
	Faults  *fault.Recorder // nil: nobody keeps account

	BacklogPerRun   int           // most snapshots projected by one run
	RewindLimit     int           // most snapshots projected again for a late one
	SuspiciousTicks int           // snapshots until a sudden loss of pilots is believed
	StaleAfter      time.Duration // a tick older than this is not fetched for any more
}

// Recorder does ticks. Safe for concurrent use: fetches overlap, projections
// take turns.
type Recorder struct {
	Options

	ticking sync.Mutex
	newest  time.Time // tick begun last

	mu           sync.Mutex
	projector    *projection.Projector // nil when it must be made from the database
	observations []store.TickRow       // ticks without a new snapshot that the ledger does not have yet
	passedOver   map[time.Time]bool    // records this process tries no more: damaged ones, and late ones left to a rebuild
}

// New returns a recorder. It does nothing until a tick comes.
func New(options Options) *Recorder {
	if options.StaleAfter == 0 {
		options.StaleAfter = time.Minute
	}
	return &Recorder{Options: options, passedOver: map[time.Time]bool{}}
}

// Minute does what the scheduled event of the minute asks for: it queues the
// minute's other three ticks and then does the first itself. at is the event's
// time. A queue that fails costs three ticks, not this one.
func (r *Recorder) Minute(ctx context.Context, at time.Time) (Report, error) {
	for later := 1; later <= 3; later++ {
		moment := at.Add(time.Duration(later) * projection.TickLength)
		delay := min(max(0, moment.Sub(r.Clock())), 3*projection.TickLength)
		if err := r.Queue.Later(ctx, projection.TickOf(moment), delay); err != nil {
			r.note(ctx, zap.ErrorLevel, "tick not queued", err, zap.Time("tick", moment))
		}
	}
	return r.Tick(ctx, projection.TickOf(at))
}

// Tick records one tick. What the feed did wrong is an outcome in the ledger,
// not an error; a database that is away delays the tick, for the log has it.
// An error means that something may be lost: the log could not be written, or
// nobody foresaw what happened.
func (r *Recorder) Tick(ctx context.Context, tick time.Time) (Report, error) {
	started := time.Now()
	report := Report{Tick: tick}
	arrived, err := r.receive(ctx, tick, &report)
	if err != nil {
		r.retry(tick)
		r.emit(ctx, &report, started, err)
		return report, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	current, err := r.bringUpToDate(ctx, arrived, &report)
	if arrived != nil && r.passedOver[arrived.entry.At] {
		report.settle(store.TickRow{
			Tick: tick, Outcome: store.Late, Reason: "left_to_rebuild", Snapshot: arrived.entry.At,
			Received: arrived.entry.Received, Bytes: arrived.entry.Bytes, Hash: arrived.entry.Hash[:],
		})
	}
	if report.observed != nil {
		r.observations = append(r.observations, *report.observed)
	}
	if err == nil {
		err = r.observe(ctx)
	}
	if err == nil {
		err = r.restoreFrames(ctx, &report)
	}
	report.committed = time.Since(started)
	if current != nil {
		if publishErr := r.Live.Publish(ctx, *current); publishErr != nil {
			report.LiveError = fault.ReasonOf(publishErr)
			r.note(ctx, zap.WarnLevel, "live view not moved", publishErr)
		}
	}
	if err != nil && delays(err) {
		report.Delayed = fault.ReasonOf(err)
		r.note(ctx, zap.ErrorLevel, "projection delayed, the log has the snapshot", err)
		err = nil
	}
	r.emit(ctx, &report, started, err)
	return report, err
}

// note writes down what went wrong and is handled here.
func (r *Recorder) note(ctx context.Context, level zapcore.Level, what string, err error, fields ...zap.Field) {
	r.Faults.Note(ctx, err)
	telemetry.For(ctx, r.Logger).Log(level, what, append(fields, zap.Error(err))...)
}

// delays says whether the next run can do what this one could not.
func delays(err error) bool {
	return fault.Retryable(err) || fault.Is(err, fault.Conflict)
}

// mostObservations bounds what is kept for the ledger while the database is
// away: an hour of ticks.
const mostObservations = 240

// observe writes the ledger rows of ticks that brought no new snapshot: this
// one's, and those kept while the database was away.
func (r *Recorder) observe(ctx context.Context) error {
	if surplus := len(r.observations) - mostObservations; surplus > 0 {
		r.observations = slices.Delete(r.observations, 0, surplus)
	}
	for len(r.observations) > 0 {
		row := r.observations[0]
		missing := projection.MissingTicks(r.projector.Head().Tick, row.Tick)
		if err := r.Store.RecordTick(ctx, row, missing); err != nil {
			return err
		}
		r.projector.ObserveTick(row.Tick)
		r.observations = r.observations[1:]
	}
	return nil
}

// load makes the projector fit the database: the one at hand when nobody else
// moved the head, else a new one.
func (r *Recorder) load(ctx context.Context) error {
	head, err := r.Store.Head(ctx)
	if err != nil {
		r.projector = nil
		return err
	}
	if r.projector != nil && r.projector.Head().Version == head.Version {
		r.projector.ObserveTick(head.Tick)
		return nil
	}
	state, err := r.Store.LoadState(ctx)
	if err != nil {
		r.projector = nil
		return err
	}
	r.projector = projection.New(state, r.SuspiciousTicks)
	return nil
}
