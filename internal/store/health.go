package store

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
)

// DatabaseSample is the database's own figures at a moment. Those named total
// count since StatsReset; nil is what this role may not see.
type DatabaseSample struct {
	At                  time.Time
	StatsReset          *time.Time
	DatabaseBytes       int64
	BlocksHit           int64 // found in PostgreSQL's cache
	BlocksRead          int64 // asked of the operating system
	Commits             int64
	Rollbacks           int64
	TempFiles           int64
	TempBytes           int64
	Deadlocks           int64
	Connections         int32 // to this database
	MaxConnections      int32 // of the server
	Active              *int32
	IdleInTransaction   *int32
	LongestTransactionS *float64
	LiveRows            int64 // of our tables, as estimated
	DeadRows            int64
	XIDAge              int64    // transactions since the oldest unfrozen row of this database
	OldestVacuumS       *float64 // since the table that waits longest was vacuumed, of those with dead rows
}

// DatabaseNow measures the database. It changes nothing.
func (s *Store) DatabaseNow(ctx context.Context) (DatabaseSample, error) {
	var now DatabaseSample
	err := s.look(ctx, "store.DatabaseNow", func(ctx context.Context, tx pgx.Tx) error {
		rows, err := tx.Query(ctx, databaseNowSQL)
		if err != nil {
			return err
		}
		now, err = pgx.CollectExactlyOneRow(rows, pgx.RowToStructByPos[DatabaseSample])
		return err
	})
	return now, err
}

// Other roles' sessions show neither state nor transaction unless this role may
// see all statistics: then the figures of sessions are not known.
const databaseNowSQL = `
SELECT clock_timestamp(), d.stats_reset, pg_database_size(d.datid), d.blks_hit, d.blks_read, d.xact_commit, d.xact_rollback,
       d.temp_files, d.temp_bytes, d.deadlocks, d.numbackends, current_setting('max_connections')::int,
       CASE WHEN a.all_seen THEN a.active END, CASE WHEN a.all_seen THEN a.idle_in_transaction END,
       CASE WHEN a.all_seen THEN a.longest END,
       t.live, t.dead, age(p.datfrozenxid)::bigint, t.oldest_vacuum
FROM pg_stat_database d
JOIN pg_database p ON p.oid = d.datid
CROSS JOIN (
    SELECT bool_and(state IS NOT NULL) AS all_seen,
           (count(*) FILTER (WHERE state = 'active'))::int AS active,
           (count(*) FILTER (WHERE state LIKE 'idle in transaction%'))::int AS idle_in_transaction,
           coalesce(extract(epoch FROM max(clock_timestamp() - xact_start)), 0)::float8 AS longest
    FROM pg_stat_activity
    WHERE datname = current_database() AND backend_type = 'client backend' AND pid <> pg_backend_pid()
       OR pid = pg_backend_pid()
) a
CROSS JOIN (
    SELECT coalesce(sum(n_live_tup), 0)::bigint AS live, coalesce(sum(n_dead_tup), 0)::bigint AS dead,
           extract(epoch FROM max(clock_timestamp() - greatest(last_vacuum, last_autovacuum)) FILTER (WHERE n_dead_tup > 0))::float8 AS oldest_vacuum
    FROM pg_stat_user_tables
) t
WHERE d.datname = current_database()`

// SaveDatabaseSample keeps a sample and removes those before cut.
func (s *Store) SaveDatabaseSample(ctx context.Context, sample DatabaseSample, cut time.Time) error {
	return s.transact(ctx, "store.SaveDatabaseSample", pgx.TxOptions{}, func(ctx context.Context, tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `
			INSERT INTO kept.database_samples (at, stats_reset, database_bytes, blocks_hit_total, blocks_read_total,
				commits_total, rollbacks_total, temp_files_total, temp_bytes_total, deadlocks_total, connections, max_connections,
				active, idle_in_transaction, longest_transaction_s, live_rows, dead_rows, xid_age, oldest_vacuum_s)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19)
			ON CONFLICT DO NOTHING`,
			sample.At, sample.StatsReset, sample.DatabaseBytes, sample.BlocksHit, sample.BlocksRead,
			sample.Commits, sample.Rollbacks, sample.TempFiles, sample.TempBytes, sample.Deadlocks, sample.Connections, sample.MaxConnections,
			sample.Active, sample.IdleInTransaction, sample.LongestTransactionS, sample.LiveRows, sample.DeadRows, sample.XIDAge, sample.OldestVacuumS)
		if err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `DELETE FROM kept.database_samples WHERE at < $1`, cut)
		return err
	})
}

// DatabaseSamples returns the samples of from <= at < to and the one before
// them, by time.
func (s *Store) DatabaseSamples(ctx context.Context, from, to time.Time) ([]DatabaseSample, error) {
	var samples []DatabaseSample
	err := s.look(ctx, "store.DatabaseSamples", func(ctx context.Context, tx pgx.Tx) error {
		rows, err := tx.Query(ctx, `
			SELECT at, stats_reset, database_bytes, blocks_hit_total, blocks_read_total,
			       commits_total, rollbacks_total, temp_files_total, temp_bytes_total, deadlocks_total, connections, max_connections,
			       active, idle_in_transaction, longest_transaction_s, live_rows, dead_rows, xid_age, oldest_vacuum_s
			FROM kept.database_samples
			WHERE at < $2 AND at >= coalesce((SELECT max(at) FROM kept.database_samples WHERE at < $1), $1)
			ORDER BY at`, from, to)
		if err != nil {
			return err
		}
		samples, err = pgx.CollectRows(rows, pgx.RowToStructByPos[DatabaseSample])
		return err
	})
	return samples, err
}
