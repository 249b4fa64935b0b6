package store

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
)

// SquawkRow is a pilot's transponder code.
type SquawkRow struct {
	Callsign string
	Code     int16
}

// Squawks returns who has one of the codes, the same one, in both of the two
// newest snapshots, and the time of the newest; zero where there are not two,
// or none within a minute of it. Positions of the running hour alone are looked
// at: they lie ready column by column.
func (s *Store) Squawks(ctx context.Context, codes []int16) (found []SquawkRow, at time.Time, err error) {
	err = s.transact(ctx, "store.Squawks", snapshotRead(), func(ctx context.Context, tx pgx.Tx) error {
		var before time.Time
		found, at = nil, time.Time{}
		if err := tx.QueryRow(ctx, `
			SELECT max(at), (SELECT max(b.at) FROM position_frames b WHERE b.at < max(f.at) AND b.at >= max(f.at) - interval '1 minute')
			FROM position_frames f`).Scan((*moment)(&at), (*moment)(&before)); err != nil || before.IsZero() {
			at = time.Time{}
			return err
		}
		rows, err := tx.Query(ctx, `
			SELECT DISTINCT s.callsign, n.squawk
			FROM (SELECT unnest(session_id) AS id, unnest(squawk) AS squawk FROM position_frames WHERE at = $1) n
			JOIN (SELECT unnest(session_id) AS id, unnest(squawk) AS squawk FROM position_frames WHERE at = $2) b USING (id, squawk)
			JOIN sessions s ON s.id = n.id
			WHERE n.squawk = ANY($3) ORDER BY s.callsign, n.squawk`, at, before, codes)
		if err != nil {
			return err
		}
		found, err = pgx.CollectRows(rows, pgx.RowToStructByPos[SquawkRow])
		return err
	})
	return found, at, err
}

// StaffedRow is until when a controller's position was staffed.
type StaffedRow struct {
	Callsign string
	Until    time.Time // the newest snapshot where it still is
}

// StaffedSince returns the positions that a controller was on, with a frequency,
// within the window before the newest snapshot, and that snapshot's time.
func (s *Store) StaffedSince(ctx context.Context, window time.Duration) (staffed []StaffedRow, at time.Time, err error) {
	err = s.transact(ctx, "store.StaffedSince", snapshotRead(), func(ctx context.Context, tx pgx.Tx) error {
		if err := tx.QueryRow(ctx, `SELECT snapshot FROM head`).Scan((*moment)(&at)); err != nil || at.IsZero() {
			return err
		}
		// Kind 2 are controllers, facility 0 is an observer.
		rows, err := tx.Query(ctx, `
			SELECT s.callsign, max(coalesce(s.last_seen, s.absent_since, $1))
			FROM sessions s
			WHERE s.kind = 2 AND s.facility > 0 AND (s.last_seen IS NULL OR s.last_seen >= $1::timestamptz - $2::interval)
			  AND EXISTS (SELECT FROM frequencies f WHERE f.session_id = s.id)
			GROUP BY s.callsign ORDER BY s.callsign`, at, window)
		if err != nil {
			return err
		}
		staffed, err = pgx.CollectRows(rows, pgx.RowToStructByPos[StaffedRow])
		return err
	})
	return staffed, at, err
}

// AirportCount is how much of something there is at an airport.
type AirportCount struct {
	Airport string
	Count   int
}

// AirportMovements returns the take-offs and landings of the quarter of an hour
// of the newest snapshot analysed and of the three before it, and that
// snapshot's time; zero before the first one.
func (s *Store) AirportMovements(ctx context.Context) ([]AirportCount, time.Time, error) {
	return s.airportCounts(ctx, "store.AirportMovements", `
		SELECT airport, sum(departures + arrivals)::int
		FROM airport_quarters WHERE quarter > $1::timestamptz - interval '1 hour' AND quarter <= $1
		GROUP BY airport ORDER BY airport`)
}

// AirportInbound returns the flights in the air that are filed to arrive at each
// airport, and the time of the newest snapshot analysed.
func (s *Store) AirportInbound(ctx context.Context) ([]AirportCount, time.Time, error) {
	// Open flights have an index of their own; phases 3 to 7 are in the air.
	return s.airportCounts(ctx, "store.AirportInbound", `
		SELECT filed_arrival, count(*)::int
		FROM flights WHERE ending = 0 AND phase BETWEEN 3 AND 7 AND filed_arrival <> '' AND began <= $1
		GROUP BY filed_arrival ORDER BY filed_arrival`)
}

func (s *Store) airportCounts(ctx context.Context, op, statement string) (counts []AirportCount, at time.Time, err error) {
	err = s.transact(ctx, op, snapshotRead(), func(ctx context.Context, tx pgx.Tx) error {
		if err := tx.QueryRow(ctx, `SELECT snapshot FROM analysis`).Scan((*moment)(&at)); err != nil || at.IsZero() {
			return err
		}
		rows, err := tx.Query(ctx, statement, at)
		if err != nil {
			return err
		}
		counts, err = pgx.CollectRows(rows, pgx.RowToStructByPos[AirportCount])
		return err
	})
	return counts, at, err
}
