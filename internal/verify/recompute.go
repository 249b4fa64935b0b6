package verify

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// digest identifies the rows of a table, whatever their order: their number and
// the sums of two hashes of each.
type digest struct {
	rows          int64
	first, second string
}

// notRecomputed are the tables that hold what the log does not: observations of
// ticks, the name of the source, the schema's version. Positions are compared
// expanded, for one recompute may have them in chunks that the other has not.
func notRecomputed() []string {
	return []string{"source", "schema_version", "ticks", "position_frames", "position_chunks", "checkpoints"}
}

// ofAnalysis says whether analysis wrote a table. What it finds depends on what
// it remembers: where retention has cut the log's beginning off the database,
// a recompute remembers something else, and there is nothing to compare.
func ofAnalysis(table string, columns []string) bool {
	return slices.Contains(columns, "decided") ||
		slices.Contains([]string{"analysis", "analyzed", "airport_quarters", "departure_hours", "duty_ticks", "sector_ticks"}, table)
}

// notCompared are columns that differ from one computation to the next: the
// version that fences writers, and the numbers that chunking gives snapshots.
func notCompared(table string) []string {
	switch table {
	case "head", "analysis":
		return []string{"version"}
	case "snapshots":
		return []string{"no"}
	default:
		return nil
	}
}

// recompute fills a fresh schema from the log and compares every derived table
// with it (I7).
func (r *run) recompute(ctx context.Context) (line Line, err error) {
	if r.Rebuild == nil {
		return notChecked("I7", "no recompute was asked for"), nil
	}
	var began *time.Time
	// A session that was still open when the log was cut began before the log does.
	if err := r.db.tx.QueryRow(ctx, `SELECT least((SELECT min(at) FROM snapshots), (SELECT min(first_seen) FROM sessions))`).Scan(&began); err != nil {
		return Line{}, classify("verify.recompute", err)
	}
	if began != nil && began.Before(r.logFrom) {
		return notChecked("I7", "the database begins before the log: it cannot be recomputed as a whole"), nil
	}
	fresh := r.db.schema + "_verify"
	defer func() { err = errors.Join(err, r.drop(context.WithoutCancel(ctx), fresh)) }()
	// Before everything, where nothing is analysed: then nothing may be.
	analyzed := beginningOfTime()
	if err := r.db.tx.QueryRow(ctx, `SELECT coalesce(max(snapshot), $1) FROM analysis`, analyzed).Scan(&analyzed); err != nil {
		return Line{}, classify("verify.recompute", err)
	}
	if err := r.Rebuild(ctx, fresh, r.head.snapshot, analyzed); err != nil {
		return Line{}, err
	}
	c := check{name: "I7"}
	err = r.db.now(ctx, "verify.recompute", func(conn *pgx.Conn) error {
		line, err = r.compareSchemas(ctx, conn, fresh, &c)
		return err
	})
	return line, err
}

func (r *run) drop(ctx context.Context, schema string) error {
	return r.db.now(ctx, "verify.drop", func(conn *pgx.Conn) error {
		_, err := conn.Exec(ctx, `DROP SCHEMA IF EXISTS `+pgx.Identifier{schema}.Sanitize()+` CASCADE`)
		return err
	})
}

func (r *run) compareSchemas(ctx context.Context, conn *pgx.Conn, fresh string, c *check) (Line, error) {
	tables, err := columnsOf(ctx, r.db.tx, r.db.schema)
	if err != nil {
		return Line{}, err
	}
	known, err := columnsOf(ctx, conn, fresh)
	if err != nil {
		return Line{}, err
	}
	compared, rows := 0, int64(0)
	for _, table := range sortedKeys(known) {
		if slices.Contains(notRecomputed(), table) || r.RetainHistory > 0 && ofAnalysis(table, known[table]) {
			continue
		}
		compared++
		// A newer program may have added columns that this one cannot compute.
		part := r.part(table, slices.DeleteFunc(tables[table], func(column string) bool { return !slices.Contains(known[table], column) }))
		active, err := part.digest(ctx, r.db.tx, r.db.schema)
		if err != nil {
			return Line{}, err
		}
		recomputed, err := part.digest(ctx, conn, fresh)
		if err != nil {
			return Line{}, err
		}
		rows += active.rows
		if active == recomputed {
			continue
		}
		c.violated("table %s: %d rows, recomputed %d%s", table, active.rows, recomputed.rows, part.example(ctx, conn, r.db.schema, fresh))
	}
	positions, err := r.comparePositions(ctx, conn, fresh, c)
	if err != nil {
		return Line{}, err
	}
	return c.line("%d rows of %d tables and %d positions equal a recompute from the log", rows, compared, positions), nil
}

// part is what is compared of a table.
type part struct {
	table, columns string
	condition      func(schema string) string
}

// part leaves out what retention may have removed from the database alone.
func (r *run) part(table string, columns []string) part {
	columns = slices.DeleteFunc(slices.Clone(columns), func(column string) bool { return slices.Contains(notCompared(table), column) })
	quoted := make([]string, len(columns))
	for i, column := range columns {
		quoted[i] = "t." + pgx.Identifier{column}.Sanitize()
	}
	p := part{table: table, columns: strings.Join(quoted, ", "), condition: func(string) string { return "true" }}
	if r.RetainHistory == 0 {
		return p
	}
	kept := `(%s.last_seen IS NULL OR %s.last_seen >= ` + literal(r.from) + `)`
	switch {
	case table == "sessions":
		p.condition = func(string) string { return fmt.Sprintf(kept, "t", "t") }
	case table == "snapshots":
		p.condition = func(string) string { return "t.at >= " + literal(r.from) }
	case slices.Contains(columns, "session_id"):
		p.condition = func(schema string) string {
			return `EXISTS (SELECT FROM ` + pgx.Identifier{schema, "sessions"}.Sanitize() + ` s WHERE s.id = t.session_id AND ` + fmt.Sprintf(kept, "s", "s") + `)`
		}
	}
	return p
}

// querier is a transaction or a connection.
type querier interface {
	Query(ctx context.Context, sql string, arguments ...any) (pgx.Rows, error)
	QueryRow(ctx context.Context, sql string, arguments ...any) pgx.Row
}

func (p part) rowsOf(schema string) string {
	return `SELECT ` + p.columns + ` FROM ` + pgx.Identifier{schema, p.table}.Sanitize() + ` t WHERE ` + p.condition(schema)
}

func (p part) digest(ctx context.Context, from querier, schema string) (digest, error) {
	var d digest
	err := from.QueryRow(ctx, `SELECT count(*), coalesce(sum(hashtextextended(r::text, 0)::numeric), 0)::text,
		coalesce(sum(hashtextextended(r::text, 1)::numeric), 0)::text FROM (`+p.rowsOf(schema)+`) r`).Scan(&d.rows, &d.first, &d.second)
	return d, classify("verify.digest", err)
}

// example describes a row that only one side has; "" when none can be found,
// because the database has moved on since.
func (p part) example(ctx context.Context, conn *pgx.Conn, active, fresh string) string {
	const shown = 160
	for _, side := range []struct{ name, has, lacks string }{{"database", active, fresh}, {"recompute", fresh, active}} {
		var row string
		err := conn.QueryRow(ctx, `SELECT left(r::text, $1) FROM (`+p.rowsOf(side.has)+` EXCEPT ALL `+p.rowsOf(side.lacks)+`) r LIMIT 1`, shown).Scan(&row)
		if err == nil {
			return "; only in the " + side.name + ": " + row
		}
	}
	return ""
}

// hourDigest identifies the positions of one snapshot.
type hourDigest struct {
	at   time.Time
	rows int64
	sum  string
}

// comparePositions compares the positions hour by hour and returns how many
// there are.
func (r *run) comparePositions(ctx context.Context, conn *pgx.Conn, fresh string, c *check) (int64, error) {
	rows, err := r.db.tx.Query(ctx, `SELECT DISTINCT hour FROM snapshots WHERE at >= $1 AND at >= $2 ORDER BY hour`, r.from, r.places)
	if err != nil {
		return 0, classify("verify.comparePositions", err)
	}
	hours, err := pgx.CollectRows(rows, pgx.RowTo[time.Time])
	if err != nil {
		return 0, classify("verify.comparePositions", err)
	}
	total := int64(0)
	for _, hour := range hours {
		active, err := r.hourDigests(ctx, r.db.tx, r.db.schema, hour)
		if err != nil {
			return total, err
		}
		recomputed, err := r.hourDigests(ctx, conn, fresh, hour)
		if err != nil {
			return total, err
		}
		for _, one := range active {
			total += one.rows
		}
		if difference := differentHour(active, recomputed); difference != "" {
			c.violated("positions: %s", difference)
		}
	}
	return total, nil
}

func differentHour(active, recomputed []hourDigest) string {
	for i := range max(len(active), len(recomputed)) {
		switch {
		case i >= len(active) || i < len(recomputed) && recomputed[i].at.Before(active[i].at):
			return stamp(recomputed[i].at) + " has none in the database"
		case i >= len(recomputed) || active[i].at.Before(recomputed[i].at):
			return stamp(active[i].at) + " has none in the recompute"
		case active[i] != recomputed[i]:
			return fmt.Sprintf("those of %s differ: %d, recomputed %d", stamp(active[i].at), active[i].rows, recomputed[i].rows)
		}
	}
	return ""
}

func (r *run) hourDigests(ctx context.Context, from querier, schema string, hour time.Time) ([]hourDigest, error) {
	table := func(name string) string { return pgx.Identifier{schema, name}.Sanitize() }
	statement := fmt.Sprintf(hourDigestSQL, table("position_frames"), table("position_chunks"), table("snapshots"))
	rows, err := from.Query(ctx, statement, hour, later(r.from, r.places))
	if err != nil {
		return nil, classify("verify.hourDigests", err)
	}
	digests, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (hourDigest, error) {
		var d hourDigest
		return d, row.Scan(&d.at, &d.rows, &d.sum)
	})
	return digests, classify("verify.hourDigests", err)
}

// Chunks are expanded as the view does it: run i of a chunk begins at the
// hour's snapshot number skipped + i. OFFSET 0 keeps the planner, which knows
// nothing of tables filled a moment ago, from expanding them for each snapshot.
const hourDigestSQL = `
SELECT at, count(*), sum(hashint8extended(session_id, hashint4extended(latitude, hashint4extended(longitude,
	hashint4extended(altitude, hashint2extended(groundspeed, hashint2extended(heading, hashint2extended(squawk, 0)))))))::numeric)::text
FROM (
	SELECT f.at, p.*
	FROM %[1]s f
	CROSS JOIN LATERAL unnest(f.session_id, f.latitude, f.longitude, f.altitude, f.groundspeed, f.heading, f.squawk)
		AS p(session_id, latitude, longitude, altitude, groundspeed, heading, squawk)
	WHERE f.at >= $1 AND f.at < $1 + interval '1 hour'
	UNION ALL
	SELECT n.at, e.session_id, e.latitude, e.longitude, e.altitude, e.groundspeed, e.heading, e.squawk
	FROM (SELECT c.hour, o.no, c.session_id, r.latitude, r.longitude, r.altitude, r.groundspeed, r.heading, r.squawk
	FROM %[2]s c
	CROSS JOIN LATERAL unnest(c.skipped, c.held, c.latitude, c.longitude, c.altitude, c.groundspeed, c.heading, c.squawk)
		WITH ORDINALITY AS r(skipped, held, latitude, longitude, altitude, groundspeed, heading, squawk, i)
	CROSS JOIN LATERAL generate_series(r.skipped + r.i, r.skipped + r.i + r.held - 1) AS o(no)
	WHERE c.hour = $1 OFFSET 0) e
	JOIN %[3]s n ON n.hour = e.hour AND n.no = e.no
) positions
WHERE at >= $2
GROUP BY at ORDER BY at`
