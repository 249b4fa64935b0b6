package store

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/skyledger/skyledger/internal/fault"
)

// RecordFaults adds what a process has to say to what is known, all of it or
// nothing, in one statement. A batch whose sequence is known already changes
// nothing: its reply was lost.
func (s *Store) RecordFaults(ctx context.Context, batch fault.Batch) error {
	ended := time.Time{}
	if batch.Ended {
		ended = batch.At
	}
	failures, requests, upstreams := batch.Failures, batch.Requests, batch.Upstreams
	arguments := []any{
		batch.Process, batch.Function, batch.Sequence, batch.Started, batch.At, moment(ended),

		column(failures, func(f fault.FailureCount) time.Time { return f.Bucket }),
		column(failures, func(f fault.FailureCount) string { return f.Function }),
		column(failures, func(f fault.FailureCount) string { return f.Fingerprint }),
		column(failures, func(f fault.FailureCount) string { return string(f.Class) }),
		column(failures, func(f fault.FailureCount) string { return f.Op }),
		column(failures, func(f fault.FailureCount) string { return f.Reason }),
		column(failures, func(f fault.FailureCount) bool { return f.Refusal }),
		column(failures, func(f fault.FailureCount) int64 { return f.Count }),
		column(failures, func(f fault.FailureCount) time.Time { return f.FirstSeen }),
		column(failures, func(f fault.FailureCount) time.Time { return f.LastSeen }),
		column(failures, func(f fault.FailureCount) string { return f.Sample }),
		column(failures, func(f fault.FailureCount) string { return f.RequestID }),

		column(requests, func(r fault.RequestCount) time.Time { return r.Bucket }),
		column(requests, func(r fault.RequestCount) string { return r.Function }),
		column(requests, func(r fault.RequestCount) string { return r.Route }),
		column(requests, func(r fault.RequestCount) int16 { return int16(r.Status) }),
		column(requests, func(r fault.RequestCount) int64 { return r.Count }),
		column(requests, func(r fault.RequestCount) int64 { return r.Total.Microseconds() }),
		flattened(requests), len(fault.DurationBounds()) + 1,
		column(requests, func(r fault.RequestCount) time.Time { return r.Last }),

		column(upstreams, func(u fault.UpstreamState) string { return u.Name }),
		column(upstreams, func(u fault.UpstreamState) string { return u.State }),
		column(upstreams, func(u fault.UpstreamState) time.Time { return u.Since }),
		column(upstreams, func(u fault.UpstreamState) int64 { return u.Calls }),
		column(upstreams, func(u fault.UpstreamState) int64 { return u.Attempts }),
		column(upstreams, func(u fault.UpstreamState) int64 { return u.Failures }),
		column(upstreams, func(u fault.UpstreamState) int64 { return u.Refused }),
		column(upstreams, func(u fault.UpstreamState) int64 { return u.Opened }),
	}
	return s.use(ctx, "store.RecordFaults", func(ctx context.Context, conn *pgx.Conn) error {
		_, err := conn.Exec(ctx, recordFaultsSQL, arguments...)
		return err
	})
}

// flattened are the durations of all rows one after the other: PostgreSQL takes
// no arrays of different lengths, and unnest would mix them up.
func flattened(requests []fault.RequestCount) []int64 {
	var all []int64
	for i := range requests {
		all = append(all, requests[i].Durations...)
	}
	return all
}

// Everything hangs on "fresh": a batch that is known gives no row there, and so
// nothing anywhere. Rows come in the order of their keys, so that processes that
// write at once wait for each other and do not deadlock.
const recordFaultsSQL = `
WITH fresh AS (
    INSERT INTO kept.processes AS p (process, function, sequence, started, told, ended)
    VALUES ($1, $2, $3::bigint, $4, $5, $6)
    ON CONFLICT (process) DO UPDATE SET sequence = excluded.sequence, told = excluded.told, ended = excluded.ended
        WHERE p.sequence < excluded.sequence
    RETURNING process
), failed AS (
    SELECT f.*
    FROM fresh, unnest($7::timestamptz[], $8::text[], $9::text[], $10::text[], $11::text[], $12::text[], $13::boolean[],
            $14::bigint[], $15::timestamptz[], $16::timestamptz[], $17::text[], $18::text[])
        AS f(bucket, function, fingerprint, class, op, reason, refusal, count, first_seen, last_seen, sample, request_id)
), counted AS (
    INSERT INTO kept.failure_counts AS c (bucket, function, fingerprint, count)
    SELECT bucket, function, fingerprint, count FROM failed ORDER BY bucket, function, fingerprint
    ON CONFLICT (bucket, function, fingerprint) DO UPDATE SET count = c.count + excluded.count
), known AS (
    INSERT INTO kept.failures AS k (function, fingerprint, class, op, reason, refusal, first_seen, last_seen, sample, request_id)
    SELECT DISTINCT ON (function, fingerprint) function, fingerprint, class, op, reason, refusal,
           min(first_seen) OVER each, last_seen, sample, request_id
    FROM failed WINDOW each AS (PARTITION BY function, fingerprint)
    ORDER BY function, fingerprint, last_seen DESC
    ON CONFLICT (function, fingerprint) DO UPDATE SET
        first_seen = least(k.first_seen, excluded.first_seen), last_seen = greatest(k.last_seen, excluded.last_seen),
        sample = CASE WHEN excluded.last_seen >= k.last_seen THEN excluded.sample ELSE k.sample END,
        request_id = CASE WHEN excluded.last_seen >= k.last_seen THEN excluded.request_id ELSE k.request_id END
), asked AS (
    INSERT INTO kept.request_counts AS c (bucket, function, route, status, count, total_us, durations, last)
    SELECT r.bucket, r.function, r.route, r.status, r.count, r.total_us,
           ($25::bigint[])[(r.ordinal - 1) * $26::int + 1 : r.ordinal * $26::int], r.last
    FROM fresh, unnest($19::timestamptz[], $20::text[], $21::text[], $22::smallint[], $23::bigint[], $24::bigint[], $27::timestamptz[])
        WITH ORDINALITY AS r(bucket, function, route, status, count, total_us, last, ordinal)
    ORDER BY r.bucket, r.function, r.route, r.status
    ON CONFLICT (bucket, function, route, status) DO UPDATE SET
        count = c.count + excluded.count, total_us = c.total_us + excluded.total_us, last = greatest(c.last, excluded.last),
        durations = (SELECT array_agg(coalesce(a, 0) + coalesce(b, 0) ORDER BY slot)
            FROM unnest(c.durations, excluded.durations) WITH ORDINALITY AS s(a, b, slot))
)
INSERT INTO kept.upstreams AS u (process, upstream, state, since, calls, attempts, failures, refused, opened)
SELECT fresh.process, s.*
FROM fresh, unnest($28::text[], $29::text[], $30::timestamptz[], $31::bigint[], $32::bigint[], $33::bigint[], $34::bigint[], $35::bigint[]) AS s
ON CONFLICT (process, upstream) DO UPDATE SET
    state = excluded.state, since = excluded.since, calls = excluded.calls, attempts = excluded.attempts,
    failures = excluded.failures, refused = excluded.refused, opened = excluded.opened`

// FaultSpan chooses recorded counts.
type FaultSpan struct {
	From, To time.Time     // From <= bucket < To
	Step     time.Duration // of the rows' buckets, from From on; 0: the whole span is one
	Function string        // "" takes all
}

func (f FaultSpan) arguments() []any {
	step := f.Step
	if step == 0 {
		step = f.To.Sub(f.From)
	}
	return []any{f.From, f.To, step, f.Function}
}

// Failures returns what failed in the span, by bucket, function and
// fingerprint. FirstSeen and LastSeen are those of the failure at any time.
func (s *Store) Failures(ctx context.Context, span FaultSpan) ([]fault.FailureCount, error) {
	var found []fault.FailureCount
	err := s.use(ctx, "store.Failures", func(ctx context.Context, conn *pgx.Conn) error {
		rows, err := conn.Query(ctx, failuresSQL, span.arguments()...)
		if err != nil {
			return err
		}
		found, err = pgx.CollectRows(rows, pgx.RowToStructByPos[fault.FailureCount])
		return err
	})
	return found, err
}

const failuresSQL = `
SELECT date_bin($3, c.bucket, $1) AS bucket, c.function, c.fingerprint, f.class, f.op, f.reason, f.refusal,
       sum(c.count)::bigint, f.first_seen, f.last_seen, f.sample, f.request_id
FROM kept.failure_counts c JOIN kept.failures f USING (function, fingerprint)
WHERE c.bucket >= $1 AND c.bucket < $2 AND ($4 = '' OR c.function = $4)
GROUP BY 1, c.function, c.fingerprint, f.class, f.op, f.reason, f.refusal, f.first_seen, f.last_seen, f.sample, f.request_id
ORDER BY 1, 2, 3`

// Requests returns what was asked in the span, by bucket, function, route and
// status.
func (s *Store) Requests(ctx context.Context, span FaultSpan) ([]fault.RequestCount, error) {
	var found []fault.RequestCount
	err := s.use(ctx, "store.Requests", func(ctx context.Context, conn *pgx.Conn) error {
		rows, err := conn.Query(ctx, requestsSQL, span.arguments()...)
		if err != nil {
			return err
		}
		found, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (r fault.RequestCount, err error) {
			var micros int64
			err = row.Scan(&r.Bucket, &r.Function, &r.Route, &r.Status, &r.Count, &micros, &r.Durations, &r.Last)
			r.Total = time.Duration(micros) * time.Microsecond
			return r, err
		})
		return err
	})
	return found, err
}

const requestsSQL = `
WITH chosen AS (
    SELECT date_bin($3, bucket, $1) AS bin, function, route, status, count, total_us, durations, last
    FROM kept.request_counts WHERE bucket >= $1 AND bucket < $2 AND ($4 = '' OR function = $4)
), slots AS (
    SELECT bin, function, route, status, slot, sum(n)::bigint AS n
    FROM chosen, unnest(durations) WITH ORDINALITY AS d(n, slot) GROUP BY 1, 2, 3, 4, 5
), histograms AS (
    SELECT bin, function, route, status, array_agg(n ORDER BY slot) AS durations FROM slots GROUP BY 1, 2, 3, 4
)
SELECT c.bin, c.function, c.route, c.status, sum(c.count)::bigint, sum(c.total_us)::bigint, h.durations, max(c.last)
FROM chosen c JOIN histograms h USING (bin, function, route, status)
GROUP BY c.bin, c.function, c.route, c.status, h.durations
ORDER BY 1, 2, 3, 4`

// Process is a process that told of itself.
type Process struct {
	Process  string
	Function string
	Started  time.Time
	Told     time.Time // its last word
	Ended    time.Time // zero: it lives, or was killed
}

// Processes returns those that told something since then, the last first.
func (s *Store) Processes(ctx context.Context, since time.Time, limit int) ([]Process, error) {
	var found []Process
	err := s.use(ctx, "store.Processes", func(ctx context.Context, conn *pgx.Conn) error {
		rows, err := conn.Query(ctx, `
			SELECT process, function, started, told, ended FROM kept.processes
			WHERE told >= $1 ORDER BY told DESC, process LIMIT $2`, since, limit)
		if err != nil {
			return err
		}
		found, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (p Process, err error) {
			err = row.Scan(&p.Process, &p.Function, &p.Started, &p.Told, (*moment)(&p.Ended))
			return p, err
		})
		return err
	})
	return found, err
}

// ToldUpstream is what a process last said of an upstream.
type ToldUpstream struct {
	Process  string
	Function string
	Told     time.Time
	fault.UpstreamState
}

// Upstreams returns what the processes that have not ended said since then.
func (s *Store) Upstreams(ctx context.Context, since time.Time) ([]ToldUpstream, error) {
	var found []ToldUpstream
	err := s.use(ctx, "store.Upstreams", func(ctx context.Context, conn *pgx.Conn) error {
		rows, err := conn.Query(ctx, `
			SELECT p.process, p.function, p.told, u.upstream, u.state, u.since, u.calls, u.attempts, u.failures, u.refused, u.opened
			FROM kept.processes p JOIN kept.upstreams u USING (process)
			WHERE p.told >= $1 AND p.ended IS NULL ORDER BY p.function, p.process, u.upstream`, since)
		if err != nil {
			return err
		}
		found, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (u ToldUpstream, err error) {
			err = row.Scan(&u.Process, &u.Function, &u.Told, &u.Name, &u.State, &u.Since,
				&u.Calls, &u.Attempts, &u.Failures, &u.Refused, &u.Opened)
			return u, err
		})
		return err
	})
	return found, err
}

// DropFaults removes what was recorded of the time before cut, and returns how
// many rows. It may be killed anywhere and called again.
func (s *Store) DropFaults(ctx context.Context, cut time.Time) (int, error) {
	dropped := 0
	err := s.use(ctx, "store.DropFaults", func(ctx context.Context, conn *pgx.Conn) error {
		return conn.QueryRow(ctx, dropFaultsSQL, cut).Scan(&dropped)
	})
	return dropped, err
}

const dropFaultsSQL = `
WITH counts AS (
    DELETE FROM kept.failure_counts WHERE bucket < $1 RETURNING 1
), kinds AS (
    DELETE FROM kept.failures WHERE last_seen < $1 RETURNING 1
), asked AS (
    DELETE FROM kept.request_counts WHERE bucket < $1 RETURNING 1
), gone AS (
    DELETE FROM kept.processes WHERE told < $1 RETURNING process
), ups AS (
    DELETE FROM kept.upstreams WHERE process IN (SELECT process FROM kept.processes WHERE told < $1) RETURNING 1
)
SELECT (SELECT count(*) FROM counts) + (SELECT count(*) FROM kinds) + (SELECT count(*) FROM asked)
     + (SELECT count(*) FROM gone) + (SELECT count(*) FROM ups)`
