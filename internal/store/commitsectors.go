package store

import (
	"time"

	"github.com/jackc/pgx/v5"
)

// queueSectors writes what changes of FIRs and sectors.
func queueSectors(batch *pgx.Batch, c SectorChanges) {
	if tick := c.Tick; !tick.At.IsZero() {
		batch.Queue(`INSERT INTO sector_ticks (at, airspace, sector, occupancy, entries, exits, workload) VALUES ($1, $2, $3, $4, $5, $6, $7)`,
			tick.At, tick.Version, full(tick.Sector), full(tick.Occupancy), full(tick.Entries), full(tick.Exits), full(tick.Workload))
	}
	queueSectorQuarters(batch, c.Quarters)
}

func queueSectorQuarters(batch *pgx.Batch, rows []SectorQuarter) {
	if len(rows) == 0 {
		return
	}
	batch.Queue(`INSERT INTO sector_quarters (sector, quarter, ticks, first, occupancy_sum, occupancy_max, entries, exits, appeared, vanished,
			stays, stay_s, workload_sum, workload_max, decided)
		SELECT * FROM unnest($1::text[], $2::timestamptz[], $3::smallint[], $4::smallint[], $5::integer[], $6::smallint[], $7::integer[], $8::integer[],
			$9::integer[], $10::integer[], $11::integer[], $12::bigint[], $13::integer[], $14::smallint[], $15::timestamptz[])`,
		column(rows, func(q SectorQuarter) string { return q.Sector }),
		column(rows, func(q SectorQuarter) time.Time { return q.Quarter }),
		column(rows, func(q SectorQuarter) int16 { return q.Ticks }),
		column(rows, func(q SectorQuarter) int16 { return q.First }),
		column(rows, func(q SectorQuarter) int32 { return q.OccupancySum }),
		column(rows, func(q SectorQuarter) int16 { return q.OccupancyMax }),
		column(rows, func(q SectorQuarter) int32 { return q.Entries }),
		column(rows, func(q SectorQuarter) int32 { return q.Exits }),
		column(rows, func(q SectorQuarter) int32 { return q.Appeared }),
		column(rows, func(q SectorQuarter) int32 { return q.Vanished }),
		column(rows, func(q SectorQuarter) int32 { return q.Stays }),
		column(rows, func(q SectorQuarter) int64 { return q.StaySeconds }),
		column(rows, func(q SectorQuarter) int32 { return q.WorkloadSum }),
		column(rows, func(q SectorQuarter) int16 { return q.WorkloadMax }),
		column(rows, func(q SectorQuarter) time.Time { return q.Decided }))
}

// queueRewindSectors takes back what was decided after a time; the zero time is
// before everything.
func queueRewindSectors(batch *pgx.Batch, to time.Time) {
	batch.Queue(`DELETE FROM sector_ticks WHERE at > coalesce($1::timestamptz, '-infinity')`, moment(to))
	batch.Queue(`DELETE FROM sector_quarters WHERE decided > coalesce($1::timestamptz, '-infinity')`, moment(to))
}
