package store

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
)

// TableState is what the catalogue and the statistics say of a table. Row
// counts are estimates; nil is unknown.
type TableState struct {
	Schema, Name   string
	Parent         string   // the partitioned table it is a part of, in the same schema; "" for none
	Bytes          int64    // with indexes and what is stored out of line
	HeapBytes      int64    // the table's own file
	IndexBytes     int64    // of all its indexes
	Rows           *int64   // nil before the first ANALYZE
	BloatBytes     *int64   // of HeapBytes: more than the rows need by the planner's statistics
	RowBytes       *float64 // average width of a row as stored
	LiveRows       int64
	DeadRows       int64
	Modified       int64 // rows changed since the last ANALYZE
	Inserted       int64 // since StatsReset
	Updated        int64
	HotUpdated     int64 // of those, the ones that touched no index
	SeqScans       int64
	SeqRows        int64 // read by them
	IndexScans     int64
	LastVacuum     *time.Time // by hand or automatic
	LastAnalyze    *time.Time
	XIDAge         int64
	AutovacuumDead int64 // dead rows at which autovacuum begins
	AutovacuumMods int64 // changed rows at which autovacuum analyzes
	Owned          bool  // this role may vacuum and analyze it
}

// IndexState is what they say of an index.
type IndexState struct {
	Schema, Table, Name string
	Definition          string
	Method              string
	Columns             []string // key columns; "" is an expression
	Included            []string // columns stored beside the key
	Order               string   // operator classes, collations and directions of the key, to compare
	Predicate           string   // of a partial index
	Expressions         string
	Unique, Primary     bool
	Constraint          bool // a constraint needs it
	Valid               bool
	Replica             bool // it identifies rows for replication
	Partition           bool // it is part of a partitioned table's index
	Bytes               int64
	Scans               int64
	LastScan            *time.Time // PostgreSQL 16 and later
	BloatBytes          *int64     // of a btree: more than its entries need, by an estimate
	Owned               bool
}

// Partitioned is a table made of partitions.
type Partitioned struct {
	Schema, Name string
	Key          []string // columns that decide where a row goes
	Partitions   int
}

// Catalogue is every table and index of ours.
type Catalogue struct {
	StatsReset    *time.Time // when the database's counters began; nil: with the database or a crash
	ServerStarted time.Time
	WorkMemory    int64 // bytes that a sort may take before it goes to disk
	HashMemory    int64 // bytes that a hash may take
	Partitioned   []Partitioned
	Tables        []TableState
	Indexes       []IndexState
}

// Catalogue reads what PostgreSQL knows of the tables that this role may see.
// It changes nothing and reads no table.
func (s *Store) Catalogue(ctx context.Context) (Catalogue, error) {
	var found Catalogue
	err := s.look(ctx, "store.Catalogue", func(ctx context.Context, tx pgx.Tx) error {
		var lastScan bool
		err := tx.QueryRow(ctx, `
			SELECT (SELECT stats_reset FROM pg_stat_database WHERE datname = current_database()), pg_postmaster_start_time(),
			       pg_size_bytes(current_setting('work_mem')),
			       (pg_size_bytes(current_setting('work_mem')) * current_setting('hash_mem_multiplier')::float8)::bigint,
			       current_setting('server_version_num')::int >= 160000`).
			Scan(&found.StatsReset, &found.ServerStarted, &found.WorkMemory, &found.HashMemory, &lastScan)
		if err != nil {
			return err
		}
		rows, err := tx.Query(ctx, partitionedSQL)
		if err != nil {
			return err
		}
		if found.Partitioned, err = pgx.CollectRows(rows, pgx.RowToStructByPos[Partitioned]); err != nil {
			return err
		}
		rows, err = tx.Query(ctx, tablesSQL)
		if err != nil {
			return err
		}
		if found.Tables, err = pgx.CollectRows(rows, pgx.RowToStructByPos[TableState]); err != nil {
			return err
		}
		scanned := `NULL::timestamptz`
		if lastScan {
			scanned = `st.last_idx_scan`
		}
		if rows, err = tx.Query(ctx, `SELECT `+indexColumns+scanned+indexesSQL); err != nil {
			return err
		}
		found.Indexes, err = pgx.CollectRows(rows, pgx.RowToStructByPos[IndexState])
		return err
	})
	return found, err
}

// ownSchemas are the schemas whose tables are looked at.
const ownSchemas = `n.nspname NOT LIKE 'pg\_%' AND n.nspname <> 'information_schema'`

const partitionedSQL = `
SELECT n.nspname, c.relname,
       ARRAY(SELECT a.attname::text FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum = ANY (p.partattrs::int2[])),
       (SELECT count(*)::int FROM pg_inherits i WHERE i.inhparent = c.oid)
FROM pg_partitioned_table p
JOIN pg_class c ON c.oid = p.partrelid
JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE ` + ownSchemas

// Bloat is the difference between the pages there are and those that the rows
// would fill at their average width (pg_stats): header 23 bytes and null bitmap
// aligned to 8, a 4-byte line pointer, pages of 8,168 usable bytes. Values
// stored out of line count with their pointer's 18 bytes. A table of fewer than
// 10 pages, without statistics, or with columns this role may not read has no
// figure.
const tablesSQL = `
WITH widths AS (
    SELECT s.schemaname, s.tablename,
           sum((1 - s.null_frac) * CASE WHEN s.avg_width > 2000 THEN 18 ELSE s.avg_width END) AS width,
           count(*) AS columns, bool_or(s.null_frac > 0) AS nulls
    FROM pg_stats s WHERE NOT s.inherited GROUP BY s.schemaname, s.tablename
)
SELECT n.nspname, c.relname,
       coalesce((SELECT p.relname FROM pg_inherits i JOIN pg_class p ON p.oid = i.inhparent WHERE i.inhrelid = c.oid AND p.relkind = 'p'), ''),
       pg_total_relation_size(c.oid), pg_relation_size(c.oid), pg_indexes_size(c.oid),
       CASE WHEN c.reltuples >= 0 THEN c.reltuples::bigint END,
       CASE WHEN z.row_bytes IS NOT NULL AND c.reltuples >= 0 AND c.relpages >= 10
            THEN greatest(0, c.relpages - ceil(c.reltuples / greatest(1, floor(8168 / z.row_bytes))))::bigint * 8192 END,
       z.row_bytes,
       coalesce(st.n_live_tup, 0), coalesce(st.n_dead_tup, 0), coalesce(st.n_mod_since_analyze, 0),
       coalesce(st.n_tup_ins, 0), coalesce(st.n_tup_upd, 0), coalesce(st.n_tup_hot_upd, 0),
       coalesce(st.seq_scan, 0), coalesce(st.seq_tup_read, 0), coalesce(st.idx_scan, 0),
       greatest(st.last_vacuum, st.last_autovacuum), greatest(st.last_analyze, st.last_autoanalyze),
       age(c.relfrozenxid)::bigint,
       (current_setting('autovacuum_vacuum_threshold')::float8 + current_setting('autovacuum_vacuum_scale_factor')::float8 * greatest(c.reltuples, 0))::bigint,
       (current_setting('autovacuum_analyze_threshold')::float8 + current_setting('autovacuum_analyze_scale_factor')::float8 * greatest(c.reltuples, 0))::bigint,
       pg_has_role(c.relowner, 'USAGE')
FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN pg_stat_user_tables st ON st.relid = c.oid
LEFT JOIN widths w ON w.schemaname = n.nspname AND w.tablename = c.relname
CROSS JOIN LATERAL (
    SELECT CASE WHEN w.columns >= c.relnatts - (SELECT count(*) FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 AND a.attisdropped)
                THEN (ceil((23 + CASE WHEN w.nulls THEN (c.relnatts + 7) / 8 ELSE 0 END)::float8 / 8) * 8 + ceil(w.width / 8) * 8 + 4)::float8 END AS row_bytes
) z
WHERE c.relkind = 'r' AND c.relpersistence <> 't' AND ` + ownSchemas + `
ORDER BY n.nspname, c.relname`

const indexColumns = `
       n.nspname, t.relname, c.relname, pg_get_indexdef(c.oid), am.amname,
       ARRAY(SELECT coalesce(a.attname::text, '') FROM generate_series(0, x.indnkeyatts - 1) AS k(i)
             LEFT JOIN pg_attribute a ON a.attrelid = x.indrelid AND a.attnum = x.indkey[k.i] AND x.indkey[k.i] > 0 ORDER BY k.i),
       ARRAY(SELECT a.attname::text FROM generate_series(x.indnkeyatts, x.indnatts - 1) AS k(i)
             JOIN pg_attribute a ON a.attrelid = x.indrelid AND a.attnum = x.indkey[k.i] ORDER BY k.i),
       x.indclass::text || ';' || x.indcollation::text || ';' || x.indoption::text,
       coalesce(pg_get_expr(x.indpred, x.indrelid), ''), coalesce(pg_get_expr(x.indexprs, x.indrelid), ''),
       x.indisunique, x.indisprimary,
       EXISTS (SELECT FROM pg_constraint k WHERE k.conindid = c.oid), x.indisvalid, x.indisreplident,
       c.relispartition, pg_relation_size(c.oid), coalesce(st.idx_scan, 0), `

// An index entry is 8 bytes and the key, aligned to 8, with a 4-byte pointer; a
// leaf is filled to 90 %. Entries of equal keys are kept together since
// PostgreSQL 13, so that they need less than is reckoned: the bloat told is never too much.
const indexesSQL = `,
       CASE WHEN am.amname = 'btree' AND x.indpred IS NULL AND x.indexprs IS NULL AND c.reltuples >= 0 AND c.relpages >= 10 AND w.columns = x.indnatts
            THEN greatest(0, c.relpages - 1 - ceil(c.reltuples * (8 + ceil(w.width / 8) * 8 + 4) / (8144 * 0.9)))::bigint * 8192 END,
       pg_has_role(c.relowner, 'USAGE')
FROM pg_index x
JOIN pg_class c ON c.oid = x.indexrelid
JOIN pg_class t ON t.oid = x.indrelid
JOIN pg_namespace n ON n.oid = t.relnamespace
JOIN pg_am am ON am.oid = c.relam
LEFT JOIN pg_stat_user_indexes st ON st.indexrelid = c.oid
CROSS JOIN LATERAL (
    SELECT sum((1 - s.null_frac) * s.avg_width) AS width, count(*) AS columns
    FROM pg_attribute a JOIN pg_stats s ON s.schemaname = n.nspname AND s.tablename = t.relname AND s.attname = a.attname AND NOT s.inherited
    WHERE a.attrelid = x.indrelid AND a.attnum = ANY (x.indkey::int2[])
) w
WHERE c.relkind = 'i' AND t.relkind = 'r' AND t.relpersistence <> 't' AND ` + ownSchemas + `
ORDER BY n.nspname, t.relname, c.relname`
