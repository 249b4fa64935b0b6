package verify

import (
	"context"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"
)

// versions identifies the row versions of a table. Any insert, update or delete
// changes it, one that writes the same values too; reading and vacuuming do not.
type versions struct {
	rows   int64
	digest string
}

// replay hands every record to the collector again and looks whether any row
// was written (I6).
func (r *run) replay(ctx context.Context) (Line, error) {
	if r.Replay == nil {
		return notChecked("I6", "no replay was asked for"), nil
	}
	before, headBefore, err := r.versions(ctx)
	if err != nil {
		return Line{}, err
	}
	if err := r.Replay(ctx, r.from); err != nil {
		return Line{}, err
	}
	after, headAfter, err := r.versions(ctx)
	if err != nil {
		return Line{}, err
	}
	if headAfter.snapshot.After(headBefore.snapshot) {
		return notChecked("I6", "a new snapshot came during the replay: stop the collector for this check"), nil
	}
	c := check{name: "I6"}
	var rows int64
	for _, table := range sortedKeys(before) {
		rows += before[table].rows
		if before[table] != after[table] {
			c.violated("table %s was written: %d rows before, %d after", table, before[table].rows, after[table].rows)
		}
	}
	return c.line("replay of %d records wrote nothing: %d rows of %d tables are the same row versions", len(r.entries), rows, len(before)), nil
}

// versions returns the row versions of every table as they are now.
func (r *run) versions(ctx context.Context) (found map[string]versions, h head, err error) {
	tables, err := columnsOf(ctx, r.db.tx, r.db.schema)
	if err != nil {
		return nil, h, err
	}
	found = make(map[string]versions, len(tables))
	err = r.db.now(ctx, "verify.versions", func(conn *pgx.Conn) error {
		if h, err = readHead(conn.QueryRow(ctx, headSQL)); err != nil {
			return err
		}
		for table := range tables {
			var v versions
			err := conn.QueryRow(ctx, fmt.Sprintf(`SELECT count(*), coalesce(sum(hashtextextended(tableoid::text || ctid::text || xmin::text, 0)::numeric), 0)::text
				FROM %s`, pgx.Identifier{r.db.schema, table}.Sanitize())).Scan(&v.rows, &v.digest)
			if err != nil {
				return err
			}
			found[table] = v
		}
		return nil
	})
	return found, h, err
}

// columnsOf returns the columns of a schema's tables, by name.
func columnsOf(ctx context.Context, from querier, schema string) (map[string][]string, error) {
	rows, err := from.Query(ctx, `
		SELECT c.relname::text, array_agg(a.attname::text ORDER BY a.attnum)
		FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
		JOIN pg_namespace n ON n.oid = c.relnamespace
		WHERE n.nspname = $1 AND c.relkind IN ('r', 'p') AND NOT c.relispartition
		GROUP BY c.relname`, schema)
	if err != nil {
		return nil, classify("verify.columnsOf", err)
	}
	tables := map[string][]string{}
	var name string
	var columns []string
	_, err = pgx.ForEachRow(rows, []any{&name, &columns}, func() error {
		tables[name] = slices.Clone(columns)
		return nil
	})
	return tables, classify("verify.columnsOf", err)
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for key := range m {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}
