package store

import (
	"context"
	"encoding/json"
	"time"

	"github.com/jackc/pgx/v5"
)

// UsageBuckets is the length of a usage histogram.
const UsageBuckets = 12

// UsageRow is what one process, or all of them together, did for a function in
// an hour of the wall. Pointers are nil where it could not be measured.
type UsageRow struct {
	Hour          time.Time `json:"hour"`
	Function      string    `json:"function"`
	Process       string    `json:"process"` // "" is several added up
	Invocations   int64     `json:"invocations"`
	Failures      int64     `json:"failures"`
	Timeouts      int64     `json:"timeouts"`
	ColdStarts    *int64    `json:"cold_starts"`
	DurationMS    float64   `json:"duration_ms"` // sum
	DurationMaxMS float64   `json:"duration_max_ms"`
	Histogram     []int64   `json:"histogram"` // UsageBuckets counts of invocations by duration
	BilledMS      *int64    `json:"billed_ms"`
	InitMS        *float64  `json:"init_ms"` // sum over the cold starts
	InitMaxMS     *float64  `json:"init_max_ms"`
	CPUMS         *float64  `json:"cpu_ms"`
	GCMS          *float64  `json:"gc_ms"` // of CPUMS, the garbage collector's
	PeakMemory    *int64    `json:"peak_memory_bytes"`
	MemoryMB      *int32    `json:"memory_mb"` // as configured
}

// RecordUsage writes rows of a process. A row replaces the one of the same
// hour, function and process: it holds what was counted so far, so writing it
// twice, or not knowing whether it was written, changes nothing. A row that
// knows less than the one there comes too late and is passed over.
func (s *Store) RecordUsage(ctx context.Context, rows []UsageRow) error {
	encoded, err := json.Marshal(rows)
	if err != nil {
		return classify("store.RecordUsage", err)
	}
	return s.transact(ctx, "store.RecordUsage", pgx.TxOptions{}, func(ctx context.Context, tx pgx.Tx) error {
		_, err := tx.Exec(ctx, recordUsageSQL, string(encoded))
		return err
	})
}

const recordUsageSQL = `
INSERT INTO kept.function_usage AS u (hour, function, process, invocations, failures, timeouts, cold_starts,
    duration_ms, duration_max_ms, histogram, billed_ms, init_ms, init_max_ms, cpu_ms, gc_ms, peak_memory_bytes, memory_mb)
SELECT hour, function, process, invocations, failures, timeouts, cold_starts,
    duration_ms, duration_max_ms, histogram, billed_ms, init_ms, init_max_ms, cpu_ms, gc_ms, peak_memory_bytes, memory_mb
FROM jsonb_to_recordset($1::jsonb) AS r(hour timestamptz, function text, process text, invocations bigint, failures bigint,
    timeouts bigint, cold_starts bigint, duration_ms float8, duration_max_ms float8, histogram bigint[], billed_ms bigint,
    init_ms float8, init_max_ms float8, cpu_ms float8, gc_ms float8, peak_memory_bytes bigint, memory_mb integer)
ORDER BY hour, function, process
ON CONFLICT (hour, function, process) DO UPDATE SET
    invocations = excluded.invocations, failures = excluded.failures, timeouts = excluded.timeouts,
    cold_starts = excluded.cold_starts, duration_ms = excluded.duration_ms, duration_max_ms = excluded.duration_max_ms,
    histogram = excluded.histogram, billed_ms = excluded.billed_ms, init_ms = excluded.init_ms,
    init_max_ms = excluded.init_max_ms, cpu_ms = excluded.cpu_ms, gc_ms = excluded.gc_ms,
    peak_memory_bytes = excluded.peak_memory_bytes, memory_mb = excluded.memory_mb
WHERE excluded.invocations >= u.invocations`

// usageSums are the columns of several processes added up, in UsageRow's order
// after Process.
const usageSums = `sum(invocations)::bigint, sum(failures)::bigint, sum(timeouts)::bigint, sum(cold_starts)::bigint,
    sum(duration_ms), max(duration_max_ms),
    ARRAY[sum(histogram[1]), sum(histogram[2]), sum(histogram[3]), sum(histogram[4]), sum(histogram[5]), sum(histogram[6]),
          sum(histogram[7]), sum(histogram[8]), sum(histogram[9]), sum(histogram[10]), sum(histogram[11]), sum(histogram[12])]::bigint[],
    sum(billed_ms)::bigint, sum(init_ms), max(init_max_ms), sum(cpu_ms), sum(gc_ms), max(peak_memory_bytes), max(memory_mb)`

// Usage returns the hours that start from <= hour < to, all processes of a
// function added up, by hour and function.
func (s *Store) Usage(ctx context.Context, from, to time.Time) ([]UsageRow, error) {
	var usage []UsageRow
	err := s.use(ctx, "store.Usage", func(ctx context.Context, conn *pgx.Conn) error {
		rows, err := conn.Query(ctx, `
			SELECT hour, function, ''::text, `+usageSums+`
			FROM kept.function_usage WHERE hour >= $1 AND hour < $2
			GROUP BY hour, function ORDER BY hour, function`, from, to)
		if err != nil {
			return err
		}
		usage, err = pgx.CollectRows(rows, pgx.RowToStructByPos[UsageRow])
		return err
	})
	return usage, err
}

// SettledUsage is how old an hour is whose processes are added up. Those that
// still hold figures of it give them up long before.
const SettledUsage = 48 * time.Hour

// CondenseUsage adds the processes of settled hours up into one row each and
// removes what is older than retain; 0 keeps it. It goes by the database's
// clock, can be killed anywhere and repeated.
func (s *Store) CondenseUsage(ctx context.Context, retain time.Duration) error {
	return s.transact(ctx, "store.CondenseUsage", pgx.TxOptions{}, func(ctx context.Context, tx pgx.Tx) error {
		if retain > 0 {
			if _, err := tx.Exec(ctx, dropUsageSQL, retain.Seconds()); err != nil {
				return err
			}
		}
		_, err := tx.Exec(ctx, condenseUsageSQL, SettledUsage.Seconds())
		return err
	})
}

const dropUsageSQL = `
WITH samples AS (
    DELETE FROM kept.fill_samples WHERE hour < now() - make_interval(secs => $1)
)
DELETE FROM kept.function_usage WHERE hour < now() - make_interval(secs => $1)`

// The row named ” of an hour is among those taken away where it exists, so
// that what came late is added to it.
const condenseUsageSQL = `
WITH processes AS (
    DELETE FROM kept.function_usage u
    WHERE u.hour < now() - make_interval(secs => $1)
      AND EXISTS (SELECT FROM kept.function_usage p WHERE p.hour = u.hour AND p.function = u.function AND p.process <> '')
    RETURNING u.*
)
INSERT INTO kept.function_usage AS u (hour, function, process, invocations, failures, timeouts, cold_starts, duration_ms, duration_max_ms,
    histogram, billed_ms, init_ms, init_max_ms, cpu_ms, gc_ms, peak_memory_bytes, memory_mb)
SELECT hour, function, '', ` + usageSums + ` FROM processes GROUP BY hour, function`

// FillSample says how full something was in an hour.
type FillSample struct {
	Hour     time.Time
	What     string // "database", "disk /path"
	Used     int64  // bytes
	Capacity *int64 // bytes; nil where nobody can tell
}

// RecordFill notes how full the database is, and whatever else is given, for
// the hour it is by the database's clock.
func (s *Store) RecordFill(ctx context.Context, samples []FillSample) error {
	what, used, capacity := make([]string, len(samples)), make([]int64, len(samples)), make([]*int64, len(samples))
	for i, sample := range samples {
		what[i], used[i], capacity[i] = sample.What, sample.Used, sample.Capacity
	}
	return s.transact(ctx, "store.RecordFill", pgx.TxOptions{}, func(ctx context.Context, tx pgx.Tx) error {
		_, err := tx.Exec(ctx, recordFillSQL, what, used, capacity)
		return err
	})
}

const recordFillSQL = `
INSERT INTO kept.fill_samples AS f (hour, what, used, capacity)
SELECT date_trunc('hour', now()), what, used, capacity FROM (
    SELECT 'database' AS what, pg_database_size(current_database()) AS used, NULL::bigint AS capacity
    UNION ALL
    SELECT given.what, given.used, given.capacity
    FROM unnest($1::text[], $2::bigint[], $3::bigint[]) AS given(what, used, capacity)) samples
ORDER BY what
ON CONFLICT (hour, what) DO UPDATE SET used = excluded.used, capacity = excluded.capacity`

// FillSamples returns the samples since from, by what and hour.
func (s *Store) FillSamples(ctx context.Context, from time.Time) ([]FillSample, error) {
	var samples []FillSample
	err := s.use(ctx, "store.FillSamples", func(ctx context.Context, conn *pgx.Conn) error {
		rows, err := conn.Query(ctx, `SELECT hour, what, used, capacity FROM kept.fill_samples WHERE hour >= $1 ORDER BY what, hour`, from)
		if err != nil {
			return err
		}
		samples, err = pgx.CollectRows(rows, pgx.RowToStructByPos[FillSample])
		return err
	})
	return samples, err
}

// FeedLag returns the 95th percentile of how old snapshots were when they were
// received, in seconds, over the last hour of the ledger's own time, and of how
// many.
func (s *Store) FeedLag(ctx context.Context) (p95 float64, snapshots int, err error) {
	err = s.use(ctx, "store.FeedLag", func(ctx context.Context, conn *pgx.Conn) error {
		return conn.QueryRow(ctx, `
			SELECT coalesce(percentile_cont(0.95) WITHIN GROUP (ORDER BY extract(epoch FROM received - snapshot)::float8), 0), count(*)
			FROM ticks WHERE tick > (SELECT max(tick) FROM ticks) - interval '1 hour' AND snapshot IS NOT NULL AND received IS NOT NULL`).
			Scan(&p95, &snapshots)
	})
	return p95, snapshots, err
}
