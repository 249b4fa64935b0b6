package store

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
)

const insertFrameSQL = `INSERT INTO position_frames (at, session_id, latitude, longitude, altitude, groundspeed, heading, squawk)
	VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`

func queueFrame(batch *pgx.Batch, at time.Time, frame Frame) {
	batch.Queue(insertFrameSQL, frameArguments(at, frame)...)
}

func frameArguments(at time.Time, f Frame) []any {
	return []any{
		at, filled(f.SessionID), filled(f.Latitude), filled(f.Longitude), filled(f.Altitude),
		filled(f.Groundspeed), filled(f.Heading), filled(f.Squawk),
	}
}

// filled makes an empty array of what would be NULL.
func filled[V any](values []V) []V {
	if values == nil {
		return []V{}
	}
	return values
}

// MissingFrames returns snapshots, oldest first, whose positions are neither a
// frame nor chunks: a crash of PostgreSQL empties the frames. The log has them.
func (s *Store) MissingFrames(ctx context.Context, limit int) ([]time.Time, error) {
	return s.times(ctx, "store.MissingFrames", `
		SELECT s.at FROM snapshots s
		WHERE s.no IS NULL AND NOT EXISTS (SELECT FROM position_frames f WHERE f.at = s.at)
		ORDER BY s.at LIMIT $1`, limit)
}

// RestoreFrame puts the positions of a snapshot back. It changes nothing when
// they are there, as a frame or in chunks, or when the snapshot is not.
func (s *Store) RestoreFrame(ctx context.Context, at time.Time, frame Frame) error {
	return s.use(ctx, "store.RestoreFrame", func(ctx context.Context, conn *pgx.Conn) error {
		// The row lock keeps ChunkHour and Rewind from taking the snapshot away
		// between the check and the write.
		_, err := conn.Exec(ctx, `INSERT INTO position_frames (at, session_id, latitude, longitude, altitude, groundspeed, heading, squawk)
			SELECT s.at, $2::bigint[], $3::integer[], $4::integer[], $5::integer[], $6::smallint[], $7::smallint[], $8::smallint[]
			FROM (SELECT at FROM snapshots WHERE at = $1 AND no IS NULL FOR SHARE) s
			ON CONFLICT (at) DO NOTHING`, frameArguments(at, frame)...)
		return err
	})
}

// SnapshotTimes returns the projected snapshots of from <= at < to, oldest first.
func (s *Store) SnapshotTimes(ctx context.Context, from, to time.Time) ([]time.Time, error) {
	return s.times(ctx, "store.SnapshotTimes",
		`SELECT at FROM snapshots WHERE at >= $1 AND at < $2 ORDER BY at`, from, to)
}

// HistoryBegins returns the oldest moment that snapshots or sessions tell of;
// zero when there is none. Retention keeps a session as long as it has not
// ended, so that one may reach further back than every snapshot left.
func (s *Store) HistoryBegins(ctx context.Context) (time.Time, error) {
	times, err := s.times(ctx, "store.HistoryBegins", `
		SELECT min(began) FROM (SELECT min(at) AS began FROM snapshots UNION ALL SELECT min(first_seen) FROM sessions) b
		HAVING min(began) IS NOT NULL`)
	if err != nil || len(times) == 0 {
		return time.Time{}, err
	}
	return times[0], nil
}

// Unprojected returns those of the given snapshots that are not projected,
// oldest first.
func (s *Store) Unprojected(ctx context.Context, snapshots []time.Time) ([]time.Time, error) {
	return s.times(ctx, "store.Unprojected", `
		SELECT DISTINCT u.at FROM unnest($1::timestamptz[]) AS u(at)
		WHERE NOT EXISTS (SELECT FROM snapshots s WHERE s.at = u.at)
		ORDER BY u.at`, filled(snapshots))
}

func (s *Store) times(ctx context.Context, op, statement string, arguments ...any) ([]time.Time, error) {
	var times []time.Time
	err := s.use(ctx, op, func(ctx context.Context, conn *pgx.Conn) error {
		rows, err := conn.Query(ctx, statement, arguments...)
		if err != nil {
			return err
		}
		times, err = pgx.CollectRows(rows, pgx.RowTo[time.Time])
		return err
	})
	return times, err
}
