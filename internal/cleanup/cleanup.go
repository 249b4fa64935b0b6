package cleanup

import (
	"context"
	"errors"
	"time"

	"go.uber.org/zap"

	"github.com/skyledger/skyledger/internal/fault"
	"github.com/skyledger/skyledger/internal/rawlog"
	"github.com/skyledger/skyledger/internal/store"
	"github.com/skyledger/skyledger/internal/telemetry"
)

// Store is what cleanup does to the database.
type Store interface {
	Head(ctx context.Context) (store.Head, error)
	EnsurePartitions(ctx context.Context, from time.Time, days int) error
	ChunkableHours(ctx context.Context, before time.Time) ([]time.Time, error)
	ChunkHour(ctx context.Context, hour time.Time) error
	DropBefore(ctx context.Context, retention store.Retention) (store.Dropped, error)
	DropFaults(ctx context.Context, cut time.Time) (int, error)
	DropAlerts(ctx context.Context, cut time.Time) (int, error)
}

// Log is what cleanup does to the log.
type Log interface {
	Compact(ctx context.Context, before time.Time, limit int) (rawlog.CompactReport, error)
	Remove(ctx context.Context, before time.Time, limit int) (rawlog.RemoveReport, error)
}

// Advisor looks at what statements cost and what would help; advisor.Advisor
// does.
type Advisor interface {
	Look(ctx context.Context) error
}

// Usage keeps the functions' figures in shape; resource.Keeper does.
type Usage interface {
	Keep(ctx context.Context) error
}

// Options are a cleaner's parts and settings.
type Options struct {
	Store   Store
	Log     Log
	Usage   Usage
	Advisor Advisor
	Clock   func() time.Time
	Logger  *zap.Logger
	Metrics *telemetry.Metrics
	Faults  *fault.Recorder // nil: nobody keeps account

	PartitionsAhead int
	ChunkDelay      time.Duration // an hour becomes chunks this long after its end
	CompactDelay    time.Duration // an hour of the log becomes one object this long after its end
	RetainPositions time.Duration // 0 keeps them
	RetainHistory   time.Duration // 0 keeps it
	RetainLog       time.Duration // 0 keeps it
	RetainErrors    time.Duration // recorded errors and counts of requests; 0 keeps them
	RetainAlerts    time.Duration // alerts that ended; 0 keeps them
}

// hoursPerRun bounds a run; the next one goes on.
const hoursPerRun = 48

// Cleaner does cleanup runs.
type Cleaner struct{ Options }

// New returns a cleaner.
func New(options Options) *Cleaner { return &Cleaner{options} }

// Report says what a run did.
type Report struct {
	ChunkedHours   int
	WaitingHours   int // whose lost positions ingest has yet to restore
	CompactedHours int
	RemovedHours   int // of the log
	Dropped        store.Dropped
	DroppedFaults  int // rows of recorded errors and counts of requests
	DroppedAlerts  int // and tests of receivers
}

// Run does every step once. A step that fails does not keep the others from
// their turn; the error joins what failed.
//
// Time is the newest snapshot's where there is one: a recording of last year is
// not past its retention because it is played today.
func (c *Cleaner) Run(ctx context.Context) (Report, error) {
	started := time.Now()
	var report Report
	var failures []error
	now := c.Clock()
	head, err := c.Store.Head(ctx)
	if err != nil {
		failures = append(failures, err)
	}
	newest := head.Snapshot
	if newest.IsZero() {
		newest = now
	}
	steps := []func() error{
		func() error { return c.Store.EnsurePartitions(ctx, newest, c.PartitionsAhead) },
		func() error { return c.chunk(ctx, newest, &report) },
		func() error { return c.compact(ctx, newest, &report) },
		func() error { return c.retain(ctx, newest, &report) },
		func() error { return c.retainFaults(ctx, now, &report) },
		func() error { return c.retainAlerts(ctx, newest, &report) },
		func() error { return c.Usage.Keep(ctx) },
		// Last: what the steps before had to do is in its figures.
		func() error { return c.Advisor.Look(ctx) },
	}
	if err == nil {
		for _, step := range steps {
			if ctx.Err() != nil {
				failures = append(failures, ctx.Err())
				break
			}
			if err := step(); err != nil {
				failures = append(failures, err)
			}
		}
	}
	err = errors.Join(failures...)
	c.emit(ctx, report, started, err)
	return report, err
}

func (c *Cleaner) chunk(ctx context.Context, newest time.Time, report *Report) error {
	hours, err := c.Store.ChunkableHours(ctx, newest.Add(-c.ChunkDelay))
	if err != nil {
		return err
	}
	for i, hour := range hours {
		if i == hoursPerRun || ctx.Err() != nil {
			break
		}
		err := c.Store.ChunkHour(ctx, hour)
		if fault.ReasonOf(err) == "frames_missing" {
			// Lost in a crash of the database: ingest restores them from the log,
			// and the next run takes the hour.
			report.WaitingHours++
			c.Faults.Note(ctx, err)
			c.Logger.Warn("hour waits for its positions", zap.Time("hour", hour), zap.Error(err))
			continue
		}
		if err != nil {
			return err
		}
		report.ChunkedHours++
	}
	return nil
}

func (c *Cleaner) compact(ctx context.Context, newest time.Time, report *Report) error {
	compacted, err := c.Log.Compact(ctx, newest.Add(-c.CompactDelay), hoursPerRun)
	report.CompactedHours += compacted.Hours
	return err
}

func (c *Cleaner) retain(ctx context.Context, newest time.Time, report *Report) error {
	var failures []error
	var retention store.Retention
	if c.RetainPositions > 0 {
		retention.Positions = newest.Add(-c.RetainPositions)
	}
	if c.RetainHistory > 0 {
		retention.History = newest.Add(-c.RetainHistory)
	}
	dropped, err := c.Store.DropBefore(ctx, retention)
	report.Dropped = dropped
	failures = append(failures, err)
	if c.RetainLog > 0 {
		removed, err := c.Log.Remove(ctx, newest.Add(-c.RetainLog), hoursPerRun)
		report.RemovedHours += removed.Hours
		failures = append(failures, err)
	}
	return errors.Join(failures...)
}

// retainFaults goes by the clock: errors happen when we run, whatever is played.
func (c *Cleaner) retainFaults(ctx context.Context, now time.Time, report *Report) (err error) {
	if c.RetainErrors > 0 {
		report.DroppedFaults, err = c.Store.DropFaults(ctx, now.Add(-c.RetainErrors))
	}
	return err
}

// retainAlerts goes by what is played: alerts are of its time.
func (c *Cleaner) retainAlerts(ctx context.Context, newest time.Time, report *Report) (err error) {
	if c.RetainAlerts > 0 {
		report.DroppedAlerts, err = c.Store.DropAlerts(ctx, newest.Add(-c.RetainAlerts))
	}
	return err
}

func (c *Cleaner) emit(ctx context.Context, report Report, started time.Time, err error) {
	count := func(n int) telemetry.Value { return telemetry.Value{Value: float64(n), Unit: telemetry.Count} }
	values := map[string]telemetry.Value{
		"chunked_hours":     count(report.ChunkedHours),
		"waiting_hours":     count(report.WaitingHours),
		"compacted_hours":   count(report.CompactedHours),
		"removed_log_hours": count(report.RemovedHours),
		"dropped_days":      count(report.Dropped.Partitions),
		"dropped_sessions":  count(report.Dropped.Sessions),
		"dropped_snapshots": count(report.Dropped.Snapshots),
		"dropped_faults":    count(report.DroppedFaults),
		"dropped_alerts":    count(report.DroppedAlerts),
		"cleanup_ms":        {Value: float64(time.Since(started).Milliseconds()), Unit: telemetry.Milliseconds},
	}
	outcome, fields := "done", []zap.Field(nil)
	if err != nil {
		outcome, fields = string(fault.ClassOf(err)), []zap.Field{zap.Error(err)}
		values["errors"] = count(1)
	}
	c.Metrics.Emit(ctx, "cleanup", outcome, values, fields...)
}
