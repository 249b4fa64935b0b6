package store

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
)

// Retention says what may go. A cut is taken at the start of its UTC day; the
// zero time keeps everything. Positions never outlive history.
type Retention struct {
	Positions  time.Time // positions before it go
	History    time.Time // sessions that ended, snapshots and ticks before it go
	BatchRows  int       // rows per transaction; default 5,000
	MaxBatches int       // transactions per table and call; default 20
}

// Dropped counts what DropBefore removed. More says that a limit was reached:
// the next call goes on.
type Dropped struct {
	Partitions int
	Frames     int
	Sessions   int
	Snapshots  int
	Ticks      int
	Flights    int
	Movements  int
	Contacts   int
	Duties     int
	More       bool
}

// DropBefore removes what is older than the cuts, in short transactions: it may
// be killed anywhere and called again. A partition somebody is reading is an
// error that is fault.Unavailable "locked"; what came before it is gone.
func (s *Store) DropBefore(ctx context.Context, r Retention) (Dropped, error) {
	r.BatchRows = cmp.Or(r.BatchRows, 5000)
	r.MaxBatches = cmp.Or(r.MaxBatches, 20)
	history := r.History.UTC().Truncate(day)
	positions := r.Positions.UTC().Truncate(day)
	if history.After(positions) {
		positions = history
	}
	var dropped Dropped
	var err error
	if !r.Positions.IsZero() || !r.History.IsZero() {
		if dropped.Partitions, err = s.dropPartitions(ctx, positions); err != nil {
			return dropped, err
		}
		if err = s.inBatches(ctx, r, dropFramesSQL, positions, &dropped.Frames, &dropped.More); err != nil {
			return dropped, err
		}
	}
	if !r.Positions.IsZero() || !r.History.IsZero() {
		for _, statement := range []string{dropDutyTicksSQL, dropSectorTicksSQL} {
			if err = s.inBatches(ctx, r, statement, positions, new(int), &dropped.More); err != nil {
				return dropped, err
			}
		}
	}
	if r.History.IsZero() {
		return dropped, nil
	}
	for _, table := range []struct {
		statement string
		count     *int
	}{
		{dropSessionsSQL, &dropped.Sessions},
		{dropSnapshotsSQL, &dropped.Snapshots},
		{dropTicksSQL, &dropped.Ticks},
		{dropFlightsSQL, &dropped.Flights},
		{dropMovementsSQL, &dropped.Movements},
		{dropContactsSQL, &dropped.Contacts},
		{dropDutiesSQL, &dropped.Duties},
		{dropAnalyzedSQL, new(int)},
	} {
		if err = s.inBatches(ctx, r, table.statement, history, table.count, &dropped.More); err != nil {
			return dropped, err
		}
	}
	return dropped, nil
}

// dropFramesSQL marks positions that were never chunked as dropped, so that
// they are not taken for missing.
const dropFramesSQL = `
WITH old AS (
    SELECT at FROM snapshots WHERE no IS NULL AND at < $1 ORDER BY at LIMIT $2 FOR UPDATE SKIP LOCKED
), frames AS (
    DELETE FROM position_frames f USING old WHERE f.at = old.at
)
UPDATE snapshots s SET no = 0 FROM old WHERE s.at = old.at`

const dropSessionsSQL = `
WITH old AS (
    SELECT id FROM sessions WHERE last_seen < $1 ORDER BY last_seen LIMIT $2 FOR UPDATE SKIP LOCKED
), gaps AS (
    DELETE FROM session_gaps c USING old WHERE c.session_id = old.id
), plans AS (
    DELETE FROM flight_plans c USING old WHERE c.session_id = old.id
), frequencies AS (
    DELETE FROM frequencies c USING old WHERE c.session_id = old.id
), texts AS (
    DELETE FROM atis_texts c USING old WHERE c.session_id = old.id
), places AS (
    DELETE FROM stations c USING old WHERE c.session_id = old.id
)
DELETE FROM sessions s USING old WHERE s.id = old.id`

const dropSnapshotsSQL = `
DELETE FROM snapshots WHERE at IN (
    SELECT at FROM snapshots WHERE at < least($1, (SELECT snapshot FROM head)) ORDER BY at LIMIT $2)`

const dropTicksSQL = `DELETE FROM ticks WHERE tick IN (SELECT tick FROM ticks WHERE tick < $1 ORDER BY tick LIMIT $2)`

// Roll-ups stay: they are small, and what people compare years by.
const dropFlightsSQL = `
WITH old AS (
    SELECT id FROM flights WHERE began < $1 AND ended < $1 ORDER BY began LIMIT $2 FOR UPDATE SKIP LOCKED
), legs AS (
    DELETE FROM flight_legs c USING old WHERE c.flight_id = old.id
), gaps AS (
    DELETE FROM flight_gaps c USING old WHERE c.flight_id = old.id
)
DELETE FROM flights f USING old WHERE f.id = old.id`

const dropMovementsSQL = `
DELETE FROM movements m USING (SELECT flight_id, at, kind FROM movements WHERE decided < $1 ORDER BY decided LIMIT $2) AS old
WHERE m.flight_id = old.flight_id AND m.at = old.at AND m.kind = old.kind`

// What was the case at each snapshot goes with the positions.
const dropDutyTicksSQL = `DELETE FROM duty_ticks WHERE at IN (SELECT at FROM duty_ticks WHERE at < $1 ORDER BY at LIMIT $2)`

const dropSectorTicksSQL = `DELETE FROM sector_ticks WHERE at IN (SELECT at FROM sector_ticks WHERE at < $1 ORDER BY at LIMIT $2)`

const dropContactsSQL = `
DELETE FROM contacts c USING (SELECT duty_id, cid, callsign, since FROM contacts WHERE until < $1 ORDER BY until LIMIT $2) AS old
WHERE (c.duty_id, c.cid, c.callsign, c.since) = (old.duty_id, old.cid, old.callsign, old.since)`

// A duty goes after its contacts: they ended no later.
const dropDutiesSQL = `
DELETE FROM controller_duties WHERE id IN (SELECT id FROM controller_duties WHERE ended < $1 ORDER BY ended LIMIT $2)`

const dropAnalyzedSQL = `
DELETE FROM analyzed WHERE at IN (
    SELECT at FROM analyzed WHERE at < least($1, (SELECT snapshot FROM analysis)) ORDER BY at LIMIT $2)`

// inBatches repeats a statement of a cut and a limit until it finds nothing.
func (s *Store) inBatches(ctx context.Context, r Retention, statement string, cut time.Time, total *int, more *bool) error {
	for range r.MaxBatches {
		var affected int
		err := s.transact(ctx, "store.DropBefore", pgx.TxOptions{}, func(ctx context.Context, tx pgx.Tx) error {
			tag, err := tx.Exec(ctx, statement, cut, r.BatchRows)
			affected = int(tag.RowsAffected())
			return err
		})
		if err != nil {
			return err
		}
		*total += affected
		if affected < r.BatchRows {
			return nil
		}
	}
	*more = true
	return nil
}

// dropPartitions drops the partitions of days before cut, oldest first. The
// parent is locked for an instant: rather than queue behind a long query, and
// make everybody queue behind us, the drop gives up and is tried again later.
func (s *Store) dropPartitions(ctx context.Context, cut time.Time) (int, error) {
	dropped := 0
	for {
		found := false
		err := s.transact(ctx, "store.DropBefore", pgx.TxOptions{}, func(ctx context.Context, tx pgx.Tx) error {
			byDay, err := partitions(ctx, tx)
			if err != nil {
				return err
			}
			days := slices.SortedFunc(maps.Keys(byDay), time.Time.Compare)
			if found = len(days) > 0 && days[0].Before(cut); !found {
				return nil
			}
			if _, err := tx.Exec(ctx, `SET LOCAL lock_timeout = '200ms'`); err != nil {
				return err
			}
			_, err = tx.Exec(ctx, `DROP TABLE `+pgx.Identifier{byDay[days[0]]}.Sanitize())
			return err
		})
		if err != nil || !found {
			return dropped, err
		}
		dropped++
	}
}
