package ingest

import (
	"cmp"
	"context"
	"time"

	"go.uber.org/zap"

	"github.com/skyledger/skyledger/internal/fault"
	"github.com/skyledger/skyledger/internal/store"
	"github.com/skyledger/skyledger/internal/telemetry"
)

// Report says what a tick did.
type Report struct {
	Tick      time.Time
	Outcome   store.Outcome
	Reason    string
	Snapshot  time.Time // update_timestamp of what the tick brought; zero when none
	Bytes     int       // of the network body
	Stored    int       // bytes the tick took in the log
	Projected int       // snapshots projected, backlog included
	Rows      int       // pilots, controllers, ATIS and prefiles in them
	Rejected  int       // rows refused in them
	Restored  int       // snapshots whose positions were put back after a crash of the database
	LateLeft  int       // late snapshots left to a rebuild
	MoreWaits bool      // the backlog is longer than one run takes
	Delayed   string    // why the projection waits for the next run; "" when it does not
	LiveError string    // why the live view was not moved; "" when it was

	observed                 *store.TickRow
	fetched, decoded, logged time.Time
	committed                time.Duration
}

// settle says that the tick brought no new snapshot, and what it was instead.
func (r *Report) settle(row store.TickRow) {
	r.observed = &row
	r.Outcome, r.Reason = row.Outcome, row.Reason
}

func (r *Report) count(changes store.Changes, outcome store.Outcome) {
	r.Projected++
	row := changes.Snapshot
	r.Rows += row.Pilots + row.Controllers + row.ATIS + row.Prefiles
	for _, rows := range row.Rejected {
		r.Rejected += rows
	}
	if r.observed == nil && changes.Tick.Tick.Equal(r.Tick) {
		r.Outcome, r.Reason = outcome, changes.Tick.Reason
	}
}

func (r *Recorder) emit(ctx context.Context, report *Report, started time.Time, err error) {
	if report.Outcome == "" {
		// The body is in the log and the database is not there to say so.
		report.Outcome = store.Received
	}
	outcome := string(report.Outcome)
	if err != nil {
		outcome = string(fault.ClassOf(err))
	}
	values := map[string]telemetry.Value{
		"ticks":         {Value: 1, Unit: telemetry.Count},
		"projected":     {Value: float64(report.Projected), Unit: telemetry.Count},
		"rows":          {Value: float64(report.Rows), Unit: telemetry.Count},
		"rejected_rows": {Value: float64(report.Rejected), Unit: telemetry.Count},
		"body_bytes":    {Value: float64(report.Bytes), Unit: telemetry.Bytes},
		"log_bytes":     {Value: float64(report.Stored), Unit: telemetry.Bytes},
		"tick_ms":       {Value: milliseconds(time.Since(started)), Unit: telemetry.Milliseconds},
	}
	last := started
	for _, step := range []struct {
		name string
		at   time.Time
	}{{"fetch_ms", report.fetched}, {"decode_ms", report.decoded}, {"log_ms", report.logged}} {
		if !step.at.IsZero() {
			values[step.name] = telemetry.Value{Value: milliseconds(step.at.Sub(last)), Unit: telemetry.Milliseconds}
			last = step.at
		}
	}
	if report.Projected > 0 {
		values["commit_ms"] = telemetry.Value{Value: milliseconds(started.Add(report.committed).Sub(last)), Unit: telemetry.Milliseconds}
	}
	if !report.Snapshot.IsZero() {
		values["lag_s"] = telemetry.Value{Value: r.Clock().Sub(report.Snapshot).Seconds(), Unit: telemetry.Seconds}
	}
	flag := func(name string, on bool) {
		if on {
			values[name] = telemetry.Value{Value: 1, Unit: telemetry.Count}
		}
	}
	flag("ticks_"+cmp.Or(string(report.Outcome), "unknown"), true)
	flag("delayed", report.Delayed != "")
	flag("live_errors", report.LiveError != "")
	flag("errors", err != nil)
	fields := []zap.Field{zap.Time("tick", report.Tick), zap.String("reason", cmp.Or(report.Delayed, report.Reason))}
	if err != nil {
		fields = append(fields, zap.Error(err))
	}
	r.Metrics.Emit(ctx, "tick", outcome, values, fields...)
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
