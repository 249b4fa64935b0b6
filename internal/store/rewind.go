package store

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/skyledger/skyledger/internal/fault"
)

// Rewind undoes everything derived from snapshots after to: the tables are as
// they were when the newest snapshot not after to had been committed, except
// that the ledger's ticks stay (they are observations) and the head's version
// moves on, which fences everybody else. It returns the head as it is then;
// with nothing to undo, unchanged. An expectedVersion that is not the head's is
// a fault.Conflict "fenced"; a to before what retention left of the history is
// a fault.Conflict "before_history".
func (s *Store) Rewind(ctx context.Context, expectedVersion int64, to time.Time) (Head, error) {
	const op = "store.Rewind"
	var head Head
	err := s.transact(ctx, op, pgx.TxOptions{}, func(ctx context.Context, tx pgx.Tx) error {
		if err := lockHistory(ctx, tx); err != nil {
			return err
		}
		var err error
		if head, err = scanHead(tx.QueryRow(ctx, headSQL+` FOR NO KEY UPDATE`)); err != nil {
			return err
		}
		if head.Version != expectedVersion {
			return fault.E(op, fault.Conflict, "fenced", nil)
		}
		if !head.Snapshot.After(to) {
			return nil
		}
		target, err := rewindTarget(ctx, tx, to)
		if err != nil {
			return err
		}
		if err := rewindPositions(ctx, tx, target.at); err != nil {
			return err
		}
		if err := rewindSessions(ctx, tx, target); err != nil {
			return err
		}
		head, err = scanHead(tx.QueryRow(ctx, `UPDATE head SET version = version + 1, snapshot = $1, held_since = $2, held_count = $3, pilot_count = $4
			RETURNING version, snapshot, (SELECT max(tick) FROM ticks), held_since, held_count, pilot_count`,
			moment(target.snapshot), moment(target.heldSince), target.heldCount, target.pilotCount))
		return err
	})
	return head, err
}

// target is the moment to return to: the newest snapshot not after the wanted
// time, or that time itself when there is none.
type target struct {
	at         time.Time
	snapshot   time.Time // zero when there is none
	heldSince  time.Time
	heldCount  int
	pilotCount int
}

func rewindTarget(ctx context.Context, tx pgx.Tx, to time.Time) (target, error) {
	var t target
	err := tx.QueryRow(ctx, `SELECT at, at, held_since, held_count, pilot_count FROM snapshots WHERE at <= $1 ORDER BY at DESC LIMIT 1`, to).
		Scan(&t.at, &t.snapshot, (*moment)(&t.heldSince), &t.heldCount, &t.pilotCount)
	if !errors.Is(err, pgx.ErrNoRows) {
		return t, err
	}
	var older bool
	if err := tx.QueryRow(ctx, `SELECT EXISTS (SELECT FROM sessions WHERE first_seen <= $1)`, to).Scan(&older); err != nil {
		return t, err
	}
	if older {
		return t, fault.E("store.Rewind", fault.Conflict, "before_history", nil)
	}
	return target{at: to}, nil
}

// rewindPositions turns chunks of an hour that loses snapshots back into the
// frames of those it keeps, and deletes what is newer.
func rewindPositions(ctx context.Context, tx pgx.Tx, at time.Time) error {
	hour := hourOf(at)
	snapshots, err := snapshotsOf(ctx, tx, hour)
	if err != nil {
		return err
	}
	var kept []numbered
	touched := false
	for _, snapshot := range snapshots {
		if snapshot.At.After(at) {
			touched = touched || snapshot.No > 0
		} else {
			kept = append(kept, snapshot)
		}
	}
	if touched {
		if err := unchunk(ctx, tx, hour, kept); err != nil {
			return err
		}
	}
	batch := &pgx.Batch{}
	if touched {
		batch.Queue(`DELETE FROM position_chunks WHERE hour >= $1`, hour)
	} else {
		batch.Queue(`DELETE FROM position_chunks WHERE hour > $1`, hour)
	}
	batch.Queue(`DELETE FROM position_frames WHERE at > $1`, at)
	batch.Queue(`DELETE FROM snapshots WHERE at > $1`, at)
	return tx.SendBatch(ctx, batch).Close()
}

// rewindSessions works on the sessions that were seen at or after the target,
// or after the run of suspicious snapshots that the target is in began: no
// other can have changed since. last_seen's index finds them.
func rewindSessions(ctx context.Context, tx pgx.Tx, to target) error {
	since := to.at
	if !to.heldSince.IsZero() {
		since = to.heldSince
	}
	batch := &pgx.Batch{}
	for _, table := range []string{"flight_plans", "frequencies", "atis_texts", "stations"} {
		batch.Queue(`DELETE FROM `+table+` r USING sessions s
			WHERE r.session_id = s.id AND r.since > $1 AND (s.last_seen IS NULL OR s.last_seen > $1)`, to.at)
	}
	batch.Queue(restoreSessionsSQL, to.at, since, moment(to.heldSince))
	batch.Queue(`DELETE FROM sessions WHERE first_seen > $1 AND (last_seen IS NULL OR last_seen > $1)`, to.at)
	return tx.SendBatch(ctx, batch).Close()
}

// restoreSessionsSQL computes for each session when, if at all, it was last
// present before $1 while not being there at $1: the gap around $1 tells, or
// the end before it. Absent since the run of suspicious snapshots began ($3) it
// is hidden, else closed; present it is open. Gaps that end after $1 go.
const restoreSessionsSQL = `
WITH touched AS (
    SELECT s.id, s.first_seen,
           coalesce(g.last_present, CASE WHEN coalesce(s.last_seen, s.absent_since) < $1 THEN coalesce(s.last_seen, s.absent_since) END) AS absent_from
    FROM sessions s
    LEFT JOIN session_gaps g ON g.session_id = s.id AND g.last_present < $1 AND g.next_present > $1
    WHERE s.last_seen IS NULL OR s.last_seen >= $2
), closed_gaps AS (
    DELETE FROM session_gaps g USING touched t WHERE g.session_id = t.id AND g.next_present > $1
), restored AS (
    SELECT id,
           CASE WHEN absent_from >= $3::timestamptz THEN NULL ELSE absent_from END AS last_seen,
           CASE WHEN absent_from >= $3::timestamptz THEN absent_from END AS absent_since
    FROM touched WHERE first_seen <= $1
)
UPDATE sessions s SET last_seen = r.last_seen, absent_since = r.absent_since
FROM restored r
WHERE s.id = r.id AND (s.last_seen, s.absent_since) IS DISTINCT FROM (r.last_seen, r.absent_since)`
