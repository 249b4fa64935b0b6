package query

import (
	"context"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
)

// Schema is where people read.
const Schema = "skyledger"

// Catalogue is what the database says may be read by the role that asks.
type Catalogue struct {
	Relations map[string]bool // of the schema, readable
	Columns   map[string]bool // names of their columns
	Functions map[string]bool // of the schema, that only compute
	// Callable are the names that PostgreSQL may take for a function or a type,
	// whoever's they are.
	Callable map[string]bool
	// Scanned are the tables and views, as schema.name, that a plan over the
	// relations and functions may touch.
	Scanned map[string]bool
}

// lifetime is how long a catalogue is believed: a new view is seen at once, for
// what is not found is looked up again, and a dropped one PostgreSQL refuses.
const lifetime = time.Minute

// soonest is the least time between two looks for what was not found.
const soonest = time.Second

// catalogues keeps the newest one.
type catalogues struct {
	clock func() time.Time

	mu     sync.Mutex
	known  *Catalogue
	loaded time.Time
}

// get returns the catalogue, not older than age.
func (c *catalogues) get(ctx context.Context, conn *pgx.Conn, age time.Duration) (*Catalogue, error) {
	c.mu.Lock()
	known, loaded := c.known, c.loaded
	c.mu.Unlock()
	if known != nil && c.clock().Sub(loaded) < age {
		return known, nil
	}
	known, err := Read(ctx, conn)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.known, c.loaded = known, c.clock()
	return known, nil
}

// catalogueSQL asks for one list a row, by kind. The plan's tables are those
// that the views and functions depend upon, whatever lies between, and their
// partitions.
const catalogueSQL = `
WITH RECURSIVE readable AS (
    SELECT c.oid, c.relname FROM pg_catalog.pg_class c
    WHERE c.relnamespace = (SELECT oid FROM pg_catalog.pg_namespace WHERE nspname = $1)
      AND c.relkind IN ('v', 'm', 'r', 'p', 'f') AND pg_catalog.has_table_privilege(c.oid, 'SELECT')
), functions AS (
    SELECT p.oid, p.proname FROM pg_catalog.pg_proc p
    WHERE p.pronamespace = (SELECT oid FROM pg_catalog.pg_namespace WHERE nspname = $1)
      AND p.provolatile <> 'v' AND pg_catalog.has_function_privilege(p.oid, 'EXECUTE')
), scanned(oid) AS (
    SELECT oid FROM readable
    UNION SELECT d.refobjid FROM functions f JOIN pg_catalog.pg_depend d ON d.objid = f.oid
        AND d.classid = 'pg_catalog.pg_proc'::regclass AND d.refclassid = 'pg_catalog.pg_class'::regclass
    UNION SELECT below.oid FROM scanned s CROSS JOIN LATERAL (
        SELECT d.refobjid AS oid FROM pg_catalog.pg_rewrite w JOIN pg_catalog.pg_depend d ON d.objid = w.oid
        WHERE w.ev_class = s.oid AND d.classid = 'pg_catalog.pg_rewrite'::regclass AND d.refclassid = 'pg_catalog.pg_class'::regclass
        UNION ALL
        SELECT i.inhrelid FROM pg_catalog.pg_inherits i WHERE i.inhparent = s.oid) below
)
SELECT 'relations', array_agg(relname::text) FROM readable
UNION ALL
SELECT 'columns', array_agg(DISTINCT a.attname::text) FROM readable r JOIN pg_catalog.pg_attribute a ON a.attrelid = r.oid
WHERE a.attnum > 0 AND NOT a.attisdropped
UNION ALL
SELECT 'functions', array_agg(DISTINCT proname::text) FROM functions
UNION ALL
SELECT 'callable', array_agg(name) FROM (
    SELECT proname::text AS name FROM pg_catalog.pg_proc
    WHERE pronamespace <> coalesce((SELECT oid FROM pg_catalog.pg_namespace WHERE nspname = $1), 0)
    UNION SELECT typname::text FROM pg_catalog.pg_type WHERE typnamespace = 'pg_catalog'::regnamespace) callable
UNION ALL
SELECT 'scanned', array_agg(n.nspname || '.' || c.relname)
FROM (SELECT DISTINCT oid FROM scanned) s JOIN pg_catalog.pg_class c USING (oid) JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace`

// Read returns the catalogue as the connection's role has it now.
func Read(ctx context.Context, conn *pgx.Conn) (*Catalogue, error) {
	rows, err := conn.Query(ctx, catalogueSQL, pgx.QueryExecModeExec, Schema)
	if err != nil {
		return nil, err
	}
	lists := map[string]map[string]bool{}
	var kind string
	var names []string
	_, err = pgx.ForEachRow(rows, []any{&kind, &names}, func() error {
		members := make(map[string]bool, len(names))
		for _, name := range names {
			members[name] = true
		}
		lists[kind] = members
		return nil
	})
	return &Catalogue{
		Relations: lists["relations"], Columns: lists["columns"], Functions: lists["functions"],
		Callable: lists["callable"], Scanned: lists["scanned"],
	}, err
}
