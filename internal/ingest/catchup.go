package ingest

import (
	"context"
	"errors"
	"time"

	"go.uber.org/zap"

	"github.com/skyledger/skyledger/internal/fault"
	"github.com/skyledger/skyledger/internal/projection"
	"github.com/skyledger/skyledger/internal/rawlog"
	"github.com/skyledger/skyledger/internal/store"
	"github.com/skyledger/skyledger/internal/vatsim"
)

// fencedRetries is how often a run reads the head again after another run moved
// it in between.
const fencedRetries = 3

// lateWindow is how far behind the head records that the database lacks are
// looked for when a process starts: what a run logged and did not project.
const lateWindow = time.Hour

// endOfTime is later than any snapshot.
var endOfTime = time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)

// bringUpToDate projects what the log has and the database has not, oldest
// first. It returns the newest snapshot it projected, nil when there was none.
func (r *Recorder) bringUpToDate(ctx context.Context, arrived *arrival, report *Report) (*Current, error) {
	var current *Current
	for attempt := 0; ; attempt++ {
		projected, err := r.catchUp(ctx, arrived, report)
		if projected != nil {
			current = projected
		}
		if err == nil {
			return current, nil
		}
		// Whatever failed, the projector may be ahead of the database.
		r.projector = nil
		if !fault.Is(err, fault.Conflict) || attempt == fencedRetries {
			return current, err
		}
	}
}

func (r *Recorder) catchUp(ctx context.Context, arrived *arrival, report *Report) (*Current, error) {
	cold := r.projector == nil
	if err := r.load(ctx); err != nil {
		return nil, err
	}
	late := map[time.Time]bool{}
	if head := r.projector.Head(); !head.Snapshot.IsZero() && (cold || arrived != nil && !arrived.entry.At.After(head.Snapshot)) {
		var err error
		if late, err = r.makeRoomForLate(ctx, report); err != nil {
			return nil, err
		}
		if arrived != nil && arrived.entry.At.Before(head.Snapshot.Add(-lateWindow)) {
			r.leaveToRebuild(ctx, report, arrived.entry.At)
		}
	}
	return r.drain(ctx, arrived, late, report)
}

// makeRoomForLate rewinds the projection to before the oldest record behind
// the head that the database lacks, and returns the times of those records.
func (r *Recorder) makeRoomForLate(ctx context.Context, report *Report) (map[time.Time]bool, error) {
	head := r.projector.Head()
	from, to := head.Snapshot.Add(-lateWindow), head.Snapshot.Add(time.Microsecond)
	entries, err := r.Log.Entries(ctx, from, to)
	if err != nil {
		return nil, err
	}
	projected, err := r.Store.SnapshotTimes(ctx, from, to)
	if err != nil {
		return nil, err
	}
	known := make(map[time.Time]bool, len(projected))
	for _, at := range projected {
		known[at.UTC()] = true
	}
	late := map[time.Time]bool{}
	first := -1
	for i, entry := range entries {
		if known[entry.At] || r.passedOver[entry.At] {
			continue
		}
		late[entry.At] = true
		if first < 0 {
			first = i
		}
	}
	if first < 0 {
		return late, nil
	}
	if again := len(entries) - first; again > r.RewindLimit {
		for at := range late {
			r.leaveToRebuild(ctx, report, at)
		}
		return nil, nil
	}
	if _, err := r.Store.Rewind(ctx, head.Version, entries[first].At.Add(-time.Microsecond)); err != nil {
		return nil, err
	}
	r.projector = nil
	return late, r.load(ctx)
}

// leaveToRebuild passes a snapshot over that came too late to be put into its
// place. It stays in the log; a rebuild finds it there.
func (r *Recorder) leaveToRebuild(ctx context.Context, report *Report, at time.Time) {
	if r.passedOver[at] {
		return
	}
	late := fault.E("ingest.leaveToRebuild", fault.Conflict, "late_snapshot", nil)
	r.note(ctx, zap.ErrorLevel, "late snapshot left to a rebuild", late, zap.Time("snapshot", at))
	report.LateLeft++
	r.passedOver[at] = true
}

// drain projects the log's records after the head, oldest first, at most
// BacklogPerRun of them.
func (r *Recorder) drain(ctx context.Context, arrived *arrival, late map[time.Time]bool, report *Report) (*Current, error) {
	from := r.projector.Head().Snapshot.Add(time.Microsecond)
	if arrived != nil {
		alone, err := r.isNext(ctx, from, arrived)
		if err != nil {
			return nil, err
		}
		if alone {
			return r.project(ctx, *arrived, late[arrived.entry.At], report)
		}
	}
	var current *Current
	for entry, record := range r.pending(ctx, from) {
		if report.Projected >= r.BacklogPerRun {
			report.MoreWaits = true
			break
		}
		if record.err != nil {
			return current, record.err
		}
		next, ok := r.decode(ctx, entry, record.record)
		if !ok {
			continue
		}
		projected, err := r.project(ctx, next, late[entry.At], report)
		if err != nil {
			return current, err
		}
		current = projected
	}
	return current, nil
}

// isNext says whether the snapshot that just came is all that waits.
func (r *Recorder) isNext(ctx context.Context, from time.Time, arrived *arrival) (bool, error) {
	waiting, err := r.Log.Entries(ctx, from, endOfTime)
	if err != nil {
		return false, err
	}
	return len(waiting) == 1 && waiting[0].At.Equal(arrived.entry.At), nil
}

type pendingRecord struct {
	record rawlog.Record
	err    error
}

// pending yields the log's records from a time on. A record that is damaged is
// reported and passed over: it must not hold up those behind it.
func (r *Recorder) pending(ctx context.Context, from time.Time) func(yield func(rawlog.Entry, pendingRecord) bool) {
	return func(yield func(rawlog.Entry, pendingRecord) bool) {
		entries, err := r.Log.Entries(ctx, from, endOfTime)
		if err != nil {
			yield(rawlog.Entry{}, pendingRecord{err: err})
			return
		}
		for _, entry := range entries {
			if r.passedOver[entry.At] {
				continue
			}
			record, err := r.Log.Get(ctx, entry.At)
			if err != nil && fault.Is(err, fault.Internal) {
				r.giveUp(ctx, entry, err)
				continue
			}
			if !yield(entry, pendingRecord{record: record, err: err}) {
				return
			}
		}
	}
}

func (r *Recorder) decode(ctx context.Context, entry rawlog.Entry, record rawlog.Record) (arrival, bool) {
	snapshot, err := vatsim.Decode(record.Network)
	if err != nil {
		r.giveUp(ctx, entry, err)
		return arrival{}, false
	}
	next := arrival{entry: entry, snapshot: snapshot}
	if record.Transceivers != nil {
		next.stations = r.decodeStations(ctx, record.Transceivers)
	}
	return next, true
}

func (r *Recorder) giveUp(ctx context.Context, entry rawlog.Entry, err error) {
	r.passedOver[entry.At] = true
	r.note(ctx, zap.ErrorLevel, "record of the log cannot be read", err, zap.Time("snapshot", entry.At))
}

func (r *Recorder) project(ctx context.Context, next arrival, late bool, report *Report) (*Current, error) {
	outcome := store.Received
	if late {
		outcome = store.Late
	}
	before := r.projector.Head().Snapshot
	input := projection.Input{Record: next.entry, Snapshot: next.snapshot, Stations: next.stations, Outcome: outcome}
	changes := r.projector.Project(input)
	err := r.Store.Commit(ctx, changes)
	var collision *store.CollisionError
	if errors.As(err, &collision) {
		// Two sessions whose ids are the same hash: the second one is refused, or
		// it would hold up everything behind it for ever.
		r.note(ctx, zap.ErrorLevel, "rows refused", err, zap.Int("rows", len(collision.Keys)))
		r.projector = nil
		if err := r.load(ctx); err != nil {
			return nil, err
		}
		input.Snapshot = projection.Without(input.Snapshot, collision.Keys)
		changes = r.projector.Project(input)
		err = r.Store.Commit(ctx, changes)
	}
	if err != nil {
		return nil, err
	}
	report.count(changes, outcome)
	return &Current{
		Snapshot: input.Snapshot, Stations: next.stations, Received: next.entry.Received,
		Head: changes.Head, Before: before,
	}, nil
}

// restoreFrames puts back the positions that PostgreSQL lost in a crash: they
// are unlogged until their hour becomes chunks, and the log has them.
func (r *Recorder) restoreFrames(ctx context.Context, report *Report) error {
	missing, err := r.Store.MissingFrames(ctx, r.BacklogPerRun)
	if err != nil {
		return err
	}
	for _, at := range missing {
		record, err := r.Log.Get(ctx, at)
		if err != nil {
			if fault.Is(err, fault.NotFound) || fault.Is(err, fault.Internal) {
				r.note(ctx, zap.ErrorLevel, "positions cannot be restored", err, zap.Time("snapshot", at))
				continue
			}
			return err
		}
		snapshot, err := vatsim.Decode(record.Network)
		if err != nil {
			continue
		}
		if err := r.Store.RestoreFrame(ctx, at, projection.FrameOf(snapshot)); err != nil {
			return err
		}
		report.Restored++
	}
	return nil
}
