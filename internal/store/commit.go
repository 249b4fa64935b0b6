package store

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/skyledger/skyledger/internal/fault"
)

// CollisionError is in the chain of a Commit that was refused because two
// sessions have the same id (reason "session_id_collision"). Nothing was
// written. Keys are the newcomers: projecting the snapshot again without their
// rows, counted as rejected, succeeds.
type CollisionError struct {
	Keys []SessionKey
}

func (e *CollisionError) Error() string {
	return fmt.Sprintf("%d sessions whose ids belong to others", len(e.Keys))
}

// Commit writes one snapshot and everything it changes, or nothing: one
// transaction in one round trip. It returns a fault.Conflict with the reason
//   - "already_projected" when the snapshot is there (a replay, or the reply to
//     an earlier commit was lost),
//   - "fenced" when the head is not at ExpectedVersion,
//   - "older_than_head" when the snapshot is not the newest,
//   - "session_id_collision", see CollisionError.
//
// None of them leaves a trace. An unavailable database may have committed all
// the same: repeating the call tells.
func (s *Store) Commit(ctx context.Context, changes Changes) error {
	const op = "store.Commit"
	if keys := collidingWithin(changes.Opened); len(keys) > 0 {
		return fault.E(op, fault.Conflict, "session_id_collision", &CollisionError{Keys: keys})
	}
	batch, err := s.commitBatch(changes)
	if err != nil {
		return fault.E(op, fault.Internal, "encode", err)
	}
	err = s.use(ctx, op, func(ctx context.Context, conn *pgx.Conn) error {
		// A pipeline with a single sync is one transaction, its end included.
		return conn.SendBatch(ctx, batch).Close()
	})
	return withCollision(op, err, changes.Opened)
}

// commitBatch queues the statements of a commit. The first one takes the head's
// lock and refuses what must not be written; it comes before any write.
func (s *Store) commitBatch(c Changes) (*pgx.Batch, error) {
	batch := &pgx.Batch{}
	batch.Queue(limitsSQL, s.limits()...)
	batch.Queue(`SELECT advance_head($1, $2, $3, $4, $5)`,
		c.ExpectedVersion, c.Snapshot.At, moment(c.Head.HeldSince), c.Head.HeldCount, c.Head.PilotCount)
	if err := queueSnapshot(batch, c.Snapshot, c.Head); err != nil {
		return nil, err
	}
	queueTicks(batch, append(slices.Clone(c.MissingTicks), c.Tick))
	queueClosed(batch, c.Closed)
	queueHidden(batch, c.Hidden)
	queueReturned(batch, c.Returned)
	queueOpened(batch, c.Opened)
	queuePlans(batch, c.Plans)
	queueFrequencies(batch, c.Frequencies)
	queueATIS(batch, c.ATIS)
	queueStations(batch, c.Stations)
	queueFrame(batch, c.Snapshot.At, c.Positions)
	return batch, nil
}

func queueSnapshot(batch *pgx.Batch, row SnapshotRow, head Head) error {
	var counts [3][]byte
	for i, m := range []map[string]int{row.Rejected, row.Duplicates, row.Drift} {
		var err error
		if counts[i], err = encodeCounts(m); err != nil {
			return err
		}
	}
	batch.Queue(`INSERT INTO snapshots (at, hour, received, bytes, hash, clients, unique_users,
			pilots, controllers, atis, prefiles, rejected, duplicates, drift, suspicious,
			held_since, held_count, pilot_count)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18)`,
		row.At, hourOf(row.At), row.Received, row.Bytes, row.Hash, row.Clients, row.UniqueUsers,
		row.Pilots, row.Controllers, row.ATIS, row.Prefiles, counts[0], counts[1], counts[2], row.Suspicious,
		moment(head.HeldSince), head.HeldCount, head.PilotCount)
	return nil
}

// encodeCounts writes counters as a JSON object. Their names may hold keys of
// the feed, and jsonb takes no NUL.
func encodeCounts(counts map[string]int) ([]byte, error) {
	clean := make(map[string]int, len(counts))
	for name, count := range counts {
		clean[strings.ToValidUTF8(strings.ReplaceAll(name, "\x00", ""), "\uFFFD")] += count
	}
	return json.Marshal(clean)
}

// hourOf returns the hour whose chunks hold the positions of a snapshot.
func hourOf(at time.Time) time.Time { return at.UTC().Truncate(time.Hour) }

func queueClosed(batch *pgx.Batch, closed []ClosedSession) {
	if len(closed) == 0 {
		return
	}
	ids, times := closedColumns(closed)
	batch.Queue(`UPDATE sessions s SET last_seen = c.at, absent_since = NULL
		FROM unnest($1::bigint[], $2::timestamptz[]) AS c(id, at)
		WHERE s.id = c.id AND s.last_seen IS NULL`, ids, times)
}

func queueHidden(batch *pgx.Batch, hidden []ClosedSession) {
	if len(hidden) == 0 {
		return
	}
	ids, times := closedColumns(hidden)
	batch.Queue(`UPDATE sessions s SET absent_since = c.at
		FROM unnest($1::bigint[], $2::timestamptz[]) AS c(id, at)
		WHERE s.id = c.id AND s.last_seen IS NULL AND s.absent_since IS NULL`, ids, times)
}

func closedColumns(rows []ClosedSession) ([]int64, []time.Time) {
	rows = sorted(rows, func(r ClosedSession) int64 { return r.ID })
	return column(rows, func(r ClosedSession) int64 { return r.ID }),
		column(rows, func(r ClosedSession) time.Time { return r.At })
}

func queueReturned(batch *pgx.Batch, returned []ReturnedSession) {
	if len(returned) == 0 {
		return
	}
	returned = sorted(returned, func(r ReturnedSession) int64 { return r.ID })
	ids := column(returned, func(r ReturnedSession) int64 { return r.ID })
	batch.Queue(`INSERT INTO session_gaps (session_id, last_present, next_present)
		SELECT * FROM unnest($1::bigint[], $2::timestamptz[], $3::timestamptz[])`,
		ids,
		column(returned, func(r ReturnedSession) time.Time { return r.Since }),
		column(returned, func(r ReturnedSession) time.Time { return r.Until }))
	batch.Queue(`UPDATE sessions SET absent_since = NULL
		WHERE id = ANY ($1::bigint[]) AND last_seen IS NULL`, ids)
}

func queueOpened(batch *pgx.Batch, opened []OpenedSession) {
	if len(opened) == 0 {
		return
	}
	opened = sorted(opened, func(r OpenedSession) int64 { return r.ID })
	batch.Queue(`SELECT open_sessions($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)`,
		column(opened, func(r OpenedSession) int64 { return r.ID }),
		column(opened, func(r OpenedSession) int16 { return int16(r.Key.Kind) }),
		column(opened, func(r OpenedSession) int32 { return r.Key.CID }),
		column(opened, func(r OpenedSession) string { return r.Key.Callsign }),
		column(opened, func(r OpenedSession) moment { return moment(r.Key.Logon) }),
		column(opened, func(r OpenedSession) time.Time { return r.FirstSeen }),
		column(opened, func(r OpenedSession) string { return r.Server }),
		column(opened, func(r OpenedSession) int16 { return r.Facility }),
		column(opened, func(r OpenedSession) int16 { return r.Rating }),
		column(opened, func(r OpenedSession) int32 { return r.VisualRange }),
		column(opened, func(r OpenedSession) int16 { return r.PilotRating }),
		column(opened, func(r OpenedSession) int16 { return r.MilitaryRating }))
}

// sorted returns the rows by id: every writer takes row locks in one order,
// and a rebuild writes the same rows in the same order.
func sorted[R any](rows []R, id func(R) int64) []R {
	rows = slices.Clone(rows)
	slices.SortStableFunc(rows, func(a, b R) int { return cmp.Compare(id(a), id(b)) })
	return rows
}

// collidingWithin returns the keys of sessions that open with an id another
// one has taken in the same snapshot.
func collidingWithin(opened []OpenedSession) []SessionKey {
	keys := make(map[int64]SessionKey, len(opened))
	var colliding []SessionKey
	for _, session := range opened {
		if first, taken := keys[session.ID]; taken && first != session.Key {
			colliding = append(colliding, session.Key)
			continue
		}
		keys[session.ID] = session.Key
	}
	return colliding
}

// withCollision adds the keys to an error that names the ids.
func withCollision(op string, err error, opened []OpenedSession) error {
	var answered *pgconn.PgError
	if !errors.As(err, &answered) || answered.Code != stateCollision {
		return err
	}
	ids := map[int64]bool{}
	for text := range strings.SplitSeq(answered.Detail, ",") {
		if id, parseErr := strconv.ParseInt(text, 10, 64); parseErr == nil {
			ids[id] = true
		}
	}
	collision := &CollisionError{}
	for _, session := range opened {
		if ids[session.ID] {
			collision.Keys = append(collision.Keys, session.Key)
		}
	}
	return fault.E(op, fault.Conflict, "session_id_collision", errors.Join(collision, err))
}
