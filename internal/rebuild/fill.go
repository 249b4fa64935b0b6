package rebuild

import (
	"context"
	"time"

	"go.uber.org/zap"

	"github.com/skyledger/skyledger/internal/rawlog"
)

// window is how much of the log is listed at once, with what of the time behind
// it a late snapshot may have been received in.
const (
	window    = 24 * time.Hour
	lookahead = time.Hour
)

// fill projects the log into the fresh schema until nothing is left to project:
// what came in meanwhile follows, and what came in late is put into its place.
func (r *rebuild) fill(ctx context.Context) error {
	if r.filler == nil {
		var err error
		if r.filler, err = newFiller(ctx, r.fresh, r.Options); err != nil {
			return err
		}
	}
	for {
		waiting, err := r.waiting(ctx)
		if err != nil {
			return err
		}
		if len(waiting) == 0 {
			return r.chunk(ctx)
		}
		if head := r.filler.head(); !waiting[0].After(head.Snapshot) {
			r.report.Late += countUntil(waiting, head.Snapshot)
			if err := r.filler.rewind(ctx, waiting[0]); err != nil {
				return err
			}
		}
		if err := r.drain(ctx, waiting[len(waiting)-1]); err != nil {
			return err
		}
	}
}

func countUntil(times []time.Time, last time.Time) int {
	for i, at := range times {
		if at.After(last) {
			return i
		}
	}
	return len(times)
}

// waiting returns the readable records of the log that are not projected.
func (r *rebuild) waiting(ctx context.Context) ([]time.Time, error) {
	entries, err := r.Log.Entries(ctx, beginningOfTime(), r.end())
	if err != nil {
		return nil, err
	}
	r.report.Records = len(entries)
	var times []time.Time
	for _, entry := range entries {
		if !r.unreadable[entry.At.UTC()] {
			times = append(times, entry.At)
		}
	}
	return r.fresh.Unprojected(ctx, times)
}

// end is behind the last snapshot to project.
func (r *rebuild) end() time.Time {
	if r.Through.IsZero() {
		return endOfTime()
	}
	return r.Through.Add(time.Microsecond)
}

// drain projects everything after the head up to and including last.
func (r *rebuild) drain(ctx context.Context, last time.Time) error {
	for from := r.filler.head().Snapshot.Add(time.Microsecond); !from.After(last); {
		if from.Before(beginningOfTime()) {
			entries, err := r.Log.Entries(ctx, beginningOfTime(), endOfTime())
			if err != nil || len(entries) == 0 {
				return err
			}
			from = entries[0].At
		}
		to := from.Add(window)
		if to.After(last) {
			to = last.Add(time.Microsecond)
		}
		if err := r.window(ctx, from, to); err != nil {
			return err
		}
		from = to
	}
	return nil
}

// window projects the records from <= At < to.
func (r *rebuild) window(ctx context.Context, from, to time.Time) error {
	entries, err := r.Log.Entries(ctx, from, to.Add(lookahead))
	if err != nil {
		return err
	}
	late := lateOnes(entries)
	known := make(map[time.Time]int, len(entries))
	for i, entry := range entries {
		if entry.At.Before(to) {
			known[entry.At.UTC()] = i
		}
	}
	for record, err := range r.Log.Range(ctx, from, to) {
		if err != nil {
			return err
		}
		at := record.At.UTC()
		i, listed := known[at]
		if !listed || r.unreadable[at] {
			continue // it came in a moment ago: the next round takes it
		}
		delete(known, at)
		if err := r.project(ctx, entries[i], record, late[i]); err != nil {
			return err
		}
	}
	for at := range known {
		if !r.unreadable[at] {
			r.giveUp(at, "damaged")
		}
	}
	return nil
}

// lateOnes says of each entry whether one with a greater time was received
// before it.
func lateOnes(entries []rawlog.Entry) []bool {
	late := make([]bool, len(entries))
	var earliest time.Time // of those behind
	for i := len(entries) - 1; i >= 0; i-- {
		received := entries[i].Received
		late[i] = !earliest.IsZero() && earliest.Before(received)
		if earliest.IsZero() || received.Before(earliest) {
			earliest = received
		}
	}
	return late
}

func (r *rebuild) giveUp(at time.Time, why string) {
	r.unreadable[at] = true
	r.report.Unreadable++
	r.Logger.Warn("record gives no snapshot", zap.Time("snapshot", at), zap.String("reason", why))
}

func (r *rebuild) project(ctx context.Context, entry rawlog.Entry, record rawlog.Record, late bool) error {
	hour := r.filler.head().Snapshot.Truncate(time.Hour)
	done, err := r.filler.project(ctx, entry, record, late)
	if err != nil {
		return err
	}
	if done.reason != "" {
		r.giveUp(entry.At.UTC(), done.reason)
		return nil
	}
	r.report.Snapshots++
	r.report.Rows += done.rows
	r.report.Positions += done.positions
	if r.Progress != nil {
		r.Progress("snapshots projected", r.report.Snapshots, max(r.report.Records, r.report.Snapshots))
	}
	if !entry.At.Truncate(time.Hour).Equal(hour) {
		return r.chunk(ctx)
	}
	return nil
}

// chunk turns finished hours into chunks, as the cleanup does.
func (r *rebuild) chunk(ctx context.Context) error {
	head := r.filler.head().Snapshot
	if head.IsZero() {
		return nil
	}
	hours, err := r.fresh.ChunkableHours(ctx, head.Add(-r.ChunkDelay))
	if err != nil {
		return err
	}
	for _, hour := range hours {
		if err := r.fresh.ChunkHour(ctx, hour); err != nil {
			return err
		}
		r.report.ChunkedHours++
	}
	return nil
}
