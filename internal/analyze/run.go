package analyze

import (
	"context"
	"iter"
	"slices"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/skyledger/skyledger/internal/fault"
	"github.com/skyledger/skyledger/internal/rawlog"
	"github.com/skyledger/skyledger/internal/reference"
	"github.com/skyledger/skyledger/internal/scene"
	"github.com/skyledger/skyledger/internal/store"
	"github.com/skyledger/skyledger/internal/telemetry"
)

// Log is what is read of the log.
type Log interface {
	Range(ctx context.Context, from, to time.Time) iter.Seq2[rawlog.Record, error]
}

// Store is where analysis finds its work and writes what it found.
type Store interface {
	FindAnalysisWork(ctx context.Context, lateWindow time.Duration, limit int) (store.AnalysisWork, error)
	AnalyzedSince(ctx context.Context, from, to time.Time) ([]store.WaitingSnapshot, error)
	CheckpointBefore(ctx context.Context, to time.Time) (store.Checkpoint, bool, error)
	CommitAnalysis(ctx context.Context, changes store.Analysis) error
	RewindAnalysis(ctx context.Context, expectedVersion int64, to time.Time, open store.Analysis) (store.AnalysisHead, error)
}

// Options are a runner's parts and bounds.
type Options struct {
	Log     Log
	Store   Store
	Places  Places
	Logger  *zap.Logger
	Metrics *telemetry.Metrics // nil: nobody is told
	Faults  *fault.Recorder    // nil: nobody keeps account

	// Budget is how long a run may go on taking snapshots; 40 s. What it does
	// not reach is the next one's.
	Budget   time.Duration
	Progress func() // called after every snapshot; nil is nobody
	// Through is the newest snapshot to analyse; zero is everything.
	Through time.Time
}

// lateWindow is how far behind the watermark a snapshot that came late is
// looked for; ingest puts none into its place that is older.
const lateWindow = time.Hour

// batch is how many snapshots are looked up at once.
const batch = 240

// conflictRetries is how often a run begins anew after another one moved the
// analysis, or the ledger went back, in between.
const conflictRetries = 3

// Runner does runs. Safe for concurrent use: they take turns.
type Runner struct {
	Options

	mu      sync.Mutex
	analyst *analyst // nil when it must be made from the database
}

// New returns a runner. It does nothing until it is run.
func New(options Options) *Runner {
	if options.Budget == 0 {
		options.Budget = 40 * time.Second
	}
	if options.Logger == nil {
		options.Logger = zap.NewNop()
	}
	return &Runner{Options: options}
}

// Report says what a run did.
type Report struct {
	Analyzed  int       // snapshots
	Replayed  int       // looked at again without writing, after a start
	Lost      int       // that the log has no readable body of
	Rewound   bool      // for one that came late
	Flights   int       // rows written
	Movements int       // found
	Watermark time.Time // the newest analysed snapshot; zero when there is none
	More      bool      // the budget ended before the work did
}

// Run analyses everything that waits, oldest first, as far as its budget goes.
func (r *Runner) Run(ctx context.Context) (Report, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	started := time.Now()
	var report Report
	var err error
	for attempt := 0; ; attempt++ {
		err = r.catchUp(ctx, started, &report)
		if err == nil {
			break
		}
		// Whatever failed, memory may be ahead of the database.
		r.analyst = nil
		if !fault.Is(err, fault.Conflict) || attempt == conflictRetries {
			break
		}
	}
	r.emit(ctx, report, started, err)
	return report, err
}

func (r *Runner) catchUp(ctx context.Context, started time.Time, report *Report) error {
	for {
		work, err := r.Store.FindAnalysisWork(ctx, lateWindow, batch)
		if err != nil {
			return err
		}
		if work, err = r.settle(ctx, work, report); err != nil {
			return err
		}
		report.Watermark = work.Head.Snapshot
		waiting := r.within(work.Waiting)
		for sight, err := range r.look(ctx, waiting, report) {
			if err != nil {
				return err
			}
			if time.Since(started) > r.Budget {
				report.More = true
				return nil
			}
			if err := r.take(ctx, sight, report); err != nil {
				return err
			}
		}
		if !work.More || len(waiting) < len(work.Waiting) {
			return nil
		}
	}
}

// within leaves out what is newer than Through.
func (r *Runner) within(waiting []store.WaitingSnapshot) []store.WaitingSnapshot {
	if r.Through.IsZero() {
		return waiting
	}
	end := slices.IndexFunc(waiting, func(w store.WaitingSnapshot) bool { return w.At.After(r.Through) })
	if end < 0 {
		return waiting
	}
	return waiting[:end]
}

// settle makes memory fit the database, and the database the ledger: it goes
// back for a snapshot that came late.
func (r *Runner) settle(ctx context.Context, work store.AnalysisWork, report *Report) (store.AnalysisWork, error) {
	if !work.Late.IsZero() {
		if err := r.rewind(ctx, work.Head, work.Late, report); err != nil {
			return work, err
		}
		return r.Store.FindAnalysisWork(ctx, lateWindow, batch)
	}
	if r.analyst != nil && r.analyst.head == work.Head {
		return work, nil
	}
	var err error
	r.analyst, err = r.recall(ctx, work.Head, report)
	return work, err
}

// recall makes an analyst that remembers everything up to the head: from the
// newest checkpoint, and from the log what came after it.
func (r *Runner) recall(ctx context.Context, head store.AnalysisHead, report *Report) (*analyst, error) {
	a, from, err := r.remembered(ctx, head.Snapshot)
	if err != nil || head.Snapshot.IsZero() {
		return a, err
	}
	again, err := r.Store.AnalyzedSince(ctx, from, head.Snapshot)
	if err != nil {
		return nil, err
	}
	for sight, err := range r.look(ctx, again, report) {
		if err != nil {
			return nil, err
		}
		if sight.Snapshot == nil {
			continue
		}
		if _, err := a.observe(sight.Scene, r.airspace(ctx)); err != nil {
			return nil, err
		}
		report.Replayed++
	}
	a.head = head
	return a, nil
}

// remembered returns an analyst as of the newest checkpoint not after a time,
// and that checkpoint's time; a new one and the zero time where there is none.
func (r *Runner) remembered(ctx context.Context, to time.Time) (*analyst, time.Time, error) {
	world, err := r.Places.World()
	if err != nil {
		return nil, time.Time{}, err
	}
	a := newAnalyst(world, store.AnalysisHead{})
	if to.IsZero() {
		return a, time.Time{}, nil
	}
	checkpoint, found, err := r.Store.CheckpointBefore(ctx, to)
	if err != nil || !found {
		return a, time.Time{}, err
	}
	return a, checkpoint.At, a.load(checkpoint.State)
}

// rewind takes the analysis back to the newest checkpoint before a snapshot
// that came late.
func (r *Runner) rewind(ctx context.Context, head store.AnalysisHead, late time.Time, report *Report) error {
	a, to, err := r.remembered(ctx, late.Add(-time.Microsecond))
	if err != nil {
		return err
	}
	if a.head, err = r.Store.RewindAnalysis(ctx, head.Version, to, a.open()); err != nil {
		return err
	}
	telemetry.For(ctx, r.Logger).Info("analysis goes back for a late snapshot", zap.Time("snapshot", late), zap.Time("to", to))
	r.analyst, report.Rewound = a, true
	return nil
}

// take analyses one snapshot and commits what it changes.
func (r *Runner) take(ctx context.Context, sight sight, report *Report) error {
	// A snapshot that nobody can look at is analysed all the same, or it would
	// hold up those behind it for ever.
	changes := store.Analysis{ExpectedVersion: r.analyst.head.Version, At: sight.at}
	if sight.Snapshot != nil {
		var err error
		if changes, err = r.analyst.observe(sight.Scene, r.airspace(ctx)); err != nil {
			return err
		}
	}
	if err := r.Store.CommitAnalysis(ctx, changes); err != nil {
		return err
	}
	r.analyst.head = store.AnalysisHead{Version: changes.ExpectedVersion + 1, Snapshot: sight.at}
	report.Analyzed++
	report.Flights += len(changes.Traffic.Flights)
	report.Movements += len(changes.Traffic.Movements)
	report.Watermark = sight.at
	if r.Progress != nil {
		r.Progress()
	}
	return nil
}

// sight is what the log has of a snapshot: nothing where it has none, or none
// that can be read. To analysis that is like a lost tick.
type sight struct {
	at time.Time
	scene.Scene
}

// look reads snapshots from the log and yields one sight for each, in their
// order.
func (r *Runner) look(ctx context.Context, snapshots []store.WaitingSnapshot, report *Report) iter.Seq2[sight, error] {
	return func(yield func(sight, error) bool) {
		if len(snapshots) == 0 {
			return
		}
		next := 0
		lost := func(before time.Time) bool {
			for ; next < len(snapshots) && snapshots[next].At.Before(before); next++ {
				r.passOver(ctx, snapshots[next].At, fault.E("analyze.look", fault.NotFound, "not_in_log", nil), report)
				if !yield(sight{at: snapshots[next].At}, nil) {
					return false
				}
			}
			return true
		}
		end := snapshots[len(snapshots)-1].At.Add(time.Microsecond)
		for record, err := range r.Log.Range(ctx, snapshots[0].At, end) {
			if err != nil {
				yield(sight{}, err)
				return
			}
			if !lost(record.At) {
				return
			}
			if next == len(snapshots) || !snapshots[next].At.Equal(record.At) {
				continue // logged, and not projected yet
			}
			seen := sight{at: snapshots[next].At}
			if seen.Scene, err = sceneOf(record.Network, record.Transceivers, snapshots[next].Held); err != nil {
				r.passOver(ctx, seen.at, err, report)
			}
			next++
			if !yield(seen, nil) {
				return
			}
		}
		lost(end)
	}
}

func (r *Runner) passOver(ctx context.Context, at time.Time, err error, report *Report) {
	report.Lost++
	r.Faults.Note(ctx, err)
	telemetry.For(ctx, r.Logger).Error("snapshot passed over by the analysis", zap.Time("snapshot", at), zap.Error(err))
}

// airspace is the version in force, nil while there is none: then nobody is in
// any sector, and the figures say by which version they were made.
func (r *Runner) airspace(ctx context.Context) *reference.Airspace {
	airspace, err := r.Places.Airspace(ctx)
	if err != nil {
		return nil
	}
	return airspace
}

func (r *Runner) emit(ctx context.Context, report Report, started time.Time, err error) {
	if r.Metrics == nil {
		return
	}
	count := func(n int) telemetry.Value { return telemetry.Value{Value: float64(n), Unit: telemetry.Count} }
	values := map[string]telemetry.Value{
		"analyzed":   count(report.Analyzed),
		"replayed":   count(report.Replayed),
		"lost":       count(report.Lost),
		"flights":    count(report.Flights),
		"movements":  count(report.Movements),
		"analyze_ms": {Value: float64(time.Since(started).Milliseconds()), Unit: telemetry.Milliseconds},
	}
	outcome, fields := "done", []zap.Field{zap.Time("watermark", report.Watermark)}
	switch {
	case err != nil:
		outcome, fields = string(fault.ClassOf(err)), append(fields, zap.Error(err))
		values["errors"] = count(1)
	case report.More:
		outcome = "more"
	}
	r.Metrics.Emit(ctx, "analyze", outcome, values, fields...)
}
