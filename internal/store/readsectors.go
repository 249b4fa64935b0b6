package store

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
)

// SectorNow is one FIR or sector at a snapshot, and over the hour before it.
type SectorNow struct {
	Sector    string
	Occupancy int16
	Entries   int32 // of the quarters of an hour that ended in the hour before
	Exits     int32
	Peak      int16 // most at a snapshot of these
	Workload  int16
}

// SectorsNow returns the FIRs and sectors of the newest analysed snapshot not
// after a time, by id, with when and by which version of the FIRs. The time is
// zero when there is none, the version 0 when FIRs were not known at it.
func (s *Store) SectorsNow(ctx context.Context, at time.Time) (found []SectorNow, when time.Time, version int32, err error) {
	err = s.transact(ctx, "store.SectorsNow", snapshotRead(), func(ctx context.Context, tx pgx.Tx) error {
		found, when, version = nil, time.Time{}, 0
		rows, err := tx.Query(ctx, `SELECT at, airspace FROM sector_ticks WHERE at <= $1 ORDER BY at DESC LIMIT 1`, at)
		if err != nil {
			return err
		}
		if _, err = pgx.ForEachRow(rows, []any{&when, &version}, func() error { return nil }); err != nil || version == 0 {
			return err
		}
		if rows, err = tx.Query(ctx, `
			WITH hour AS (
			    SELECT sector, sum(entries)::int AS entries, sum(exits)::int AS exits, max(occupancy_max) AS peak
			    FROM sector_quarters WHERE quarter >= $1::timestamptz - interval '75 minutes' AND quarter < $1 GROUP BY sector
			), now AS (
			    SELECT u.sector, u.occupancy, u.workload FROM sector_ticks t
			    CROSS JOIN LATERAL unnest(t.sector, t.occupancy, t.workload) AS u(sector, occupancy, workload) WHERE t.at = $1
			)
			SELECT coalesce(n.sector, h.sector), coalesce(n.occupancy, 0::smallint), coalesce(h.entries, 0), coalesce(h.exits, 0),
			       greatest(n.occupancy, h.peak), coalesce(n.workload, 0::smallint)
			FROM now n FULL JOIN hour h ON h.sector = n.sector ORDER BY 1`, when); err != nil {
			return err
		}
		found, err = pgx.CollectRows(rows, pgx.RowToStructByPos[SectorNow])
		return err
	})
	return found, when, version, err
}

// OccupancyRow is a span of time of one FIR or sector.
type OccupancyRow struct {
	Time         time.Time
	Ticks        int // snapshots in which FIRs were known
	Occupancy    float64
	OccupancyMax int
	Entries      int
	Exits        int
	StayS        *float64 // mean of the stays that ended
	Workload     float64
	WorkloadMax  int
}

// SectorQuarters returns the quarters of an hour of from <= quarter < to of one
// FIR or sector that are over and in which FIRs were known, by time; one in
// which nobody was there is all zeros.
func (s *Store) SectorQuarters(ctx context.Context, sector string, from, to time.Time) (found []OccupancyRow, err error) {
	err = s.use(ctx, "store.SectorQuarters", func(ctx context.Context, conn *pgx.Conn) error {
		rows, err := conn.Query(ctx, sectorQuartersSQL, sector, from, to)
		if err != nil {
			return err
		}
		found, err = pgx.CollectRows(rows, pgx.RowToStructByPos[OccupancyRow])
		return err
	})
	return found, err
}

// Which quarters were observed any sector tells: some are never empty. The brin
// index of quarter finds their pages.
const sectorQuartersSQL = `
SELECT k.quarter, k.ticks, coalesce(q.occupancy_sum, 0)::float8 / k.ticks, coalesce(q.occupancy_max, 0), coalesce(q.entries, 0), coalesce(q.exits, 0),
       CASE WHEN q.stays > 0 THEN q.stay_s::float8 / q.stays END, coalesce(q.workload_sum, 0)::float8 / k.ticks, coalesce(q.workload_max, 0)
FROM (SELECT quarter, max(ticks)::int AS ticks FROM sector_quarters WHERE quarter >= $2 AND quarter < $3 GROUP BY quarter HAVING max(ticks) > 0) AS k
LEFT JOIN sector_quarters q ON q.sector = $1 AND q.quarter = k.quarter
ORDER BY k.quarter`

// SectorTicks returns the snapshots of from <= at < to in which FIRs were known,
// by time, for one FIR or sector.
func (s *Store) SectorTicks(ctx context.Context, sector string, from, to time.Time) (found []OccupancyRow, err error) {
	err = s.use(ctx, "store.SectorTicks", func(ctx context.Context, conn *pgx.Conn) error {
		rows, err := conn.Query(ctx, sectorTicksSQL, sector, from, to)
		if err != nil {
			return err
		}
		found, err = pgx.CollectRows(rows, pgx.RowToStructByPos[OccupancyRow])
		return err
	})
	return found, err
}

const sectorTicksSQL = `
SELECT t.at, 1, coalesce(t.occupancy[p.i], 0)::float8, coalesce(t.occupancy[p.i], 0)::int, coalesce(t.entries[p.i], 0)::int, coalesce(t.exits[p.i], 0)::int,
       NULL::float8, coalesce(t.workload[p.i], 0)::float8, coalesce(t.workload[p.i], 0)::int
FROM sector_ticks t CROSS JOIN LATERAL (SELECT array_position(t.sector, $1) AS i) AS p
WHERE t.at >= $2 AND t.at < $3 AND t.airspace > 0
ORDER BY t.at`
