package store

import (
	"context"
	"io/fs"
	"net/url"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/skyledger/skyledger/migrations"
)

// Table is one table of the product, its partitions included.
type Table struct {
	Schema     string
	Name       string
	Records    *int64 // as the statistics estimate them; nil before there are any
	Bytes      int64  // indexes and long values included
	IndexBytes int64
	Partitions int        // 0 for a table that has none
	Analyzed   *time.Time // when the oldest of its statistics was made; nil before there are any
}

// tableSizesSQL takes the estimates of the planner, and where it has none those of
// the statistics collector. Nothing is counted: that would read every table.
const tableSizesSQL = `
SELECT n.nspname, c.relname,
       CASE WHEN bool_and(part.rows IS NOT NULL) THEN sum(part.rows)::bigint END,
       sum(part.bytes)::bigint, sum(part.index_bytes)::bigint,
       count(*) FILTER (WHERE part.oid <> c.oid)::int,
       CASE WHEN bool_and(part.analyzed IS NOT NULL) THEN min(part.analyzed) END
FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace
CROSS JOIN LATERAL (
    SELECT p.oid, pg_total_relation_size(p.oid) AS bytes, pg_indexes_size(p.oid) AS index_bytes,
           CASE WHEN p.reltuples >= 0 THEN p.reltuples WHEN s.n_live_tup > 0 THEN s.n_live_tup
                WHEN pg_relation_size(p.oid) = 0 THEN 0 END AS rows,
           greatest(s.last_analyze, s.last_autoanalyze) AS analyzed
    FROM (SELECT c.oid AS oid WHERE c.relkind = 'r'
          UNION ALL SELECT t.relid FROM pg_partition_tree(c.oid) t WHERE c.relkind = 'p' AND t.isleaf) leaf
    JOIN pg_class p ON p.oid = leaf.oid
    LEFT JOIN pg_stat_all_tables s ON s.relid = p.oid) part
WHERE n.nspname IN (current_schema(), '` + KeptSchema + `') AND c.relkind IN ('r', 'p') AND NOT c.relispartition
GROUP BY n.nspname, c.relname
ORDER BY n.nspname, c.relname`

// Tables returns the product's tables with estimates of what they hold.
func (s *Store) Tables(ctx context.Context) ([]Table, error) {
	var tables []Table
	err := s.use(ctx, "store.Tables", func(ctx context.Context, conn *pgx.Conn) error {
		rows, err := conn.Query(ctx, tableSizesSQL)
		if err != nil {
			return err
		}
		tables, err = pgx.CollectRows(rows, pgx.RowToStructByPos[Table])
		return err
	})
	return tables, err
}

// Migrations says how far a schema is.
type Migrations struct {
	Schema  string
	Version int64 // the newest that is applied
	Latest  int64 // the newest that this program knows
	Pending int   // known and not applied
}

// ServerVersion returns PostgreSQL's version, as "15.18".
func (s *Store) ServerVersion(ctx context.Context) (version string, err error) {
	err = s.use(ctx, "store.ServerVersion", func(ctx context.Context, conn *pgx.Conn) error {
		return conn.QueryRow(ctx, `SELECT split_part(current_setting('server_version'), ' ', 1)`).Scan(&version)
	})
	return version, err
}

// Migrations returns how far the two schemas are that migrations are made for.
func (s *Store) Migrations(ctx context.Context) ([]Migrations, error) {
	latest, err := latestMigrations()
	if err != nil {
		return nil, err
	}
	states := []Migrations{{Latest: latest.tables}, {Schema: KeptSchema, Latest: latest.kept}}
	err = s.use(ctx, "store.Migrations", func(ctx context.Context, conn *pgx.Conn) error {
		return conn.QueryRow(ctx, `
			SELECT current_schema(),
			       coalesce((SELECT max(version_id) FROM `+versionTable+` WHERE is_applied), 0),
			       coalesce((SELECT max(version_id) FROM `+KeptSchema+`.`+versionTable+` WHERE is_applied), 0)`).
			Scan(&states[0].Schema, &states[0].Version, &states[1].Version)
	})
	if err != nil {
		return states, err
	}
	kept, err := migrations.Kept()
	if err != nil {
		return states, err
	}
	for i, files := range []fs.FS{migrations.Tables(), kept} {
		versions, err := versionsOf(files)
		if err != nil {
			return states, err
		}
		for _, version := range versions {
			if version > states[i].Version {
				states[i].Pending++
			}
		}
	}
	return states, nil
}

// Address is the database's URL without the password.
func (s *Store) Address() string {
	address, err := url.Parse(s.options.URL)
	if err != nil || address.Scheme == "" {
		return ""
	}
	address.RawQuery = "" // it may hold a password as well
	if _, has := address.User.Password(); has || s.options.Password != nil {
		user := url.User(address.User.Username()).String()
		return address.Scheme + "://" + user + ":***@" + address.Host + address.Path
	}
	return address.String()
}

// View is one relation that people may read.
type View struct {
	Name    string
	Comment string
	Columns []ViewColumn
	Reads   []string // tables and views it is made of, as schema.name
}

// ViewColumn is one of a View.
type ViewColumn struct {
	Name    string `json:"name"`
	Type    string `json:"type"` // as format_type writes it: "timestamp with time zone"
	Comment string `json:"comment"`
}

// ViewFunction is one that people may call.
type ViewFunction struct {
	Name      string
	Arguments string
	Returns   string
	Comment   string
}

const viewsSQL = `
SELECT c.relname, coalesce(obj_description(c.oid, 'pg_class'), ''),
       (SELECT coalesce(jsonb_agg(jsonb_build_object('name', a.attname, 'type', format_type(a.atttypid, a.atttypmod),
                                  'comment', coalesce(col_description(c.oid, a.attnum), '')) ORDER BY a.attnum), '[]')
        FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped),
       (SELECT coalesce(array_agg(DISTINCT n.nspname || '.' || t.relname), '{}')
        FROM pg_rewrite w
        JOIN pg_depend d ON d.classid = 'pg_rewrite'::regclass AND d.objid = w.oid AND d.refclassid = 'pg_class'::regclass
        JOIN pg_class t ON t.oid = d.refobjid
        JOIN pg_namespace n ON n.oid = t.relnamespace
        WHERE w.ev_class = c.oid AND t.oid <> c.oid)
FROM pg_class c
WHERE c.relnamespace = 'skyledger'::regnamespace AND c.relkind IN ('v', 'm', 'r', 'p', 'f')
ORDER BY c.relname`

// Views returns what people may read, as the catalogue and its comments say.
func (s *Store) Views(ctx context.Context) ([]View, error) {
	var views []View
	err := s.use(ctx, "store.Views", func(ctx context.Context, conn *pgx.Conn) error {
		rows, err := conn.Query(ctx, viewsSQL)
		if err != nil {
			return err
		}
		views, err = pgx.CollectRows(rows, pgx.RowToStructByPos[View])
		return err
	})
	return views, err
}

// ViewFunctions returns what people may call of the product's own.
func (s *Store) ViewFunctions(ctx context.Context) ([]ViewFunction, error) {
	var functions []ViewFunction
	err := s.use(ctx, "store.ViewFunctions", func(ctx context.Context, conn *pgx.Conn) error {
		rows, err := conn.Query(ctx, `
			SELECT p.proname, pg_get_function_arguments(p.oid), pg_get_function_result(p.oid), coalesce(obj_description(p.oid, 'pg_proc'), '')
			FROM pg_proc p WHERE p.pronamespace = 'skyledger'::regnamespace AND p.provolatile <> 'v'
			ORDER BY p.proname, p.oid`)
		if err != nil {
			return err
		}
		functions, err = pgx.CollectRows(rows, pgx.RowToStructByPos[ViewFunction])
		return err
	})
	return functions, err
}
