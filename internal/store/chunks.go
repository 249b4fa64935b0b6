package store

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"go.uber.org/zap"

	"github.com/skyledger/skyledger/internal/fault"
)

// ChunkableHours returns hours, oldest first, that end not after before, that
// the head has left behind, and that have snapshots whose positions are not
// chunks yet.
func (s *Store) ChunkableHours(ctx context.Context, before time.Time) ([]time.Time, error) {
	return s.times(ctx, "store.ChunkableHours", `
		SELECT DISTINCT s.hour FROM snapshots s CROSS JOIN head h
		WHERE s.no IS NULL AND s.hour <= $1 AND s.hour + interval '1 hour' <= h.snapshot
		ORDER BY s.hour`, before.Add(-time.Hour))
}

// ChunkHour turns the positions of an hour into chunks, all in one transaction:
// killed anywhere it has changed nothing. An hour that has chunks and frames is
// chunked anew, so that its rows do not depend on when it was done. It refuses
// an hour the head has not left (fault.Conflict "hour_open") and one with
// frames missing (fault.Unavailable "frames_missing": RestoreFrame them).
func (s *Store) ChunkHour(ctx context.Context, hour time.Time) error {
	const op = "store.ChunkHour"
	hour = hourOf(hour)
	chunk := func() error {
		return s.transact(ctx, op, pgx.TxOptions{}, func(ctx context.Context, tx pgx.Tx) error {
			return chunkHour(ctx, tx, hour)
		})
	}
	err := chunk()
	if sqlstate(err) == stateMissing {
		// No partition for the hour: the one that makes them ahead has not run.
		if err := s.EnsurePartitions(ctx, hour, 0); err != nil {
			return err
		}
		err = chunk()
	}
	if err == nil {
		s.analyze(ctx, hour)
	}
	return err
}

// analyze tells the planner what an hour's chunking changed. Without statistics
// it expands every chunk once per snapshot: over a minute for one hour of
// positions that takes a second with them. Autovacuum comes too late for the
// first hours. Statistics are not worth an error.
func (s *Store) analyze(ctx context.Context, hour time.Time) {
	partition := pgx.Identifier{partitionPrefix + hour.Format(partitionLayout)}.Sanitize()
	err := s.use(ctx, "store.analyze", func(ctx context.Context, conn *pgx.Conn) error {
		// The arrays are not what is searched by, and costly to sample.
		_, err := conn.Exec(ctx, `ANALYZE snapshots (at, hour, no), sessions (id, kind, cid, callsign, first_seen, last_seen), `+partition+` (session_id, hour)`)
		return err
	})
	if err != nil {
		s.options.Logger.Warn("planner statistics are as they were", zap.Time("hour", hour), zap.Error(err))
	}
}

// chunkHour needs no lock against commits: they are newer than the head. Only a
// rewind can move the head back, and it takes the same lock.
func chunkHour(ctx context.Context, tx pgx.Tx, hour time.Time) error {
	if err := lockHistory(ctx, tx); err != nil {
		return err
	}
	var left bool
	if err := tx.QueryRow(ctx, `SELECT coalesce(snapshot >= $1, false) FROM head`, hour.Add(time.Hour)).Scan(&left); err != nil {
		return err
	}
	if !left {
		return fault.E("store.ChunkHour", fault.Conflict, "hour_open", nil)
	}
	snapshots, err := snapshotsOf(ctx, tx, hour)
	if err != nil || len(snapshots) == 0 {
		return err
	}
	if err := unchunk(ctx, tx, hour, snapshots); err != nil {
		return err
	}
	transposed, numbered, err := transpose(ctx, tx, hour, snapshots)
	if err != nil {
		return err
	}
	return writeChunks(ctx, tx, hour, transposed, numbered)
}

// lockHistory keeps chunking and rewinding from each other, until the end of
// the transaction.
func lockHistory(ctx context.Context, tx pgx.Tx) error {
	_, err := tx.Exec(ctx, `SELECT pg_advisory_xact_lock($1, hashtext(current_schema()))`, lockMaintain)
	return err
}

// numbered is a snapshot with its ordinal in its hour; 0 when it has none.
type numbered struct {
	At      time.Time
	No      int16
	Dropped bool // its positions were, by retention
}

func snapshotsOf(ctx context.Context, tx pgx.Tx, hour time.Time) ([]numbered, error) {
	rows, err := tx.Query(ctx, `SELECT at, coalesce(no, 0), coalesce(no = 0, false) FROM snapshots WHERE hour = $1 ORDER BY at`, hour)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowToStructByPos[numbered])
}

// unchunk turns the chunks of an hour back into frames of the given snapshots,
// those of them that are chunked, and forgets their ordinals.
func unchunk(ctx context.Context, tx pgx.Tx, hour time.Time, snapshots []numbered) error {
	frames := map[int16]*Frame{}
	for _, snapshot := range snapshots {
		if snapshot.No > 0 {
			frames[snapshot.No] = &Frame{}
		}
	}
	if len(frames) == 0 {
		return nil
	}
	rows, err := tx.Query(ctx, `SELECT session_id, skipped, held, latitude, longitude, altitude, groundspeed, heading, squawk
		FROM position_chunks WHERE hour = $1 ORDER BY session_id`, hour)
	if err != nil {
		return err
	}
	var session runs
	_, err = pgx.ForEachRow(rows, []any{
		&session.SessionID, &session.Skipped, &session.Held, &session.Latitude, &session.Longitude,
		&session.Altitude, &session.Groundspeed, &session.Heading, &session.Squawk,
	}, func() error {
		session.expand(frames)
		return nil
	})
	if err != nil {
		return err
	}
	batch := &pgx.Batch{}
	for _, snapshot := range snapshots {
		if snapshot.No > 0 {
			queueFrame(batch, snapshot.At, *frames[snapshot.No])
		}
	}
	batch.Queue(`DELETE FROM position_chunks WHERE hour = $1`, hour)
	batch.Queue(`UPDATE snapshots SET no = NULL WHERE hour = $1 AND no > 0`, hour)
	return tx.SendBatch(ctx, batch).Close()
}

// transpose reads the frames of an hour in order of time and numbers its
// snapshots, those without positions by retention excepted.
func transpose(ctx context.Context, tx pgx.Tx, hour time.Time, snapshots []numbered) (hourRuns, []numbered, error) {
	rows, err := tx.Query(ctx, `SELECT at, session_id, latitude, longitude, altitude, groundspeed, heading, squawk
		FROM position_frames WHERE at >= $1 AND at < $2 ORDER BY at`, hour, hour.Add(time.Hour))
	if err != nil {
		return nil, nil, err
	}
	transposed := hourRuns{}
	var chunked []numbered
	var at time.Time
	var frame Frame
	_, err = pgx.ForEachRow(rows, []any{
		&at, &frame.SessionID, &frame.Latitude, &frame.Longitude, &frame.Altitude, &frame.Groundspeed, &frame.Heading, &frame.Squawk,
	}, func() error {
		chunked = append(chunked, numbered{At: at, No: int16(len(chunked) + 1)})
		transposed.add(int16(len(chunked)), &frame)
		return nil
	})
	if err != nil {
		return nil, nil, err
	}
	var want int
	for _, snapshot := range snapshots {
		if !snapshot.Dropped {
			want++
		}
	}
	if len(chunked) != want {
		return nil, nil, fault.E("store.ChunkHour", fault.Unavailable, "frames_missing",
			fmt.Errorf("%d of %d snapshots have their positions", len(chunked), want))
	}
	return transposed, chunked, nil
}

func writeChunks(ctx context.Context, tx pgx.Tx, hour time.Time, transposed hourRuns, chunked []numbered) error {
	sessions := transposed.sorted()
	_, err := tx.CopyFrom(ctx, pgx.Identifier{"position_chunks"},
		[]string{"session_id", "hour", "skipped", "held", "latitude", "longitude", "altitude", "groundspeed", "heading", "squawk"},
		pgx.CopyFromSlice(len(sessions), func(i int) ([]any, error) {
			r := sessions[i]
			return []any{
				r.SessionID, hour, r.Skipped, r.Held, r.Latitude, r.Longitude, r.Altitude, r.Groundspeed, r.Heading, r.Squawk,
			}, nil
		}))
	if err != nil {
		return err
	}
	batch := &pgx.Batch{}
	batch.Queue(`UPDATE snapshots s SET no = n.no FROM unnest($1::timestamptz[], $2::smallint[]) AS n(at, no) WHERE s.at = n.at`,
		column(chunked, func(n numbered) time.Time { return n.At }), column(chunked, func(n numbered) int16 { return n.No }))
	batch.Queue(`DELETE FROM position_frames WHERE at >= $1 AND at < $2`, hour, hour.Add(time.Hour))
	return tx.SendBatch(ctx, batch).Close()
}
