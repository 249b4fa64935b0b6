package verify

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
)

// textTable is a table with columns that can hold text.
type textTable struct {
	name    string
	texts   []string
	columns []string
}

// written is what one row of a table says.
type written struct {
	cid  *int32 // of whose row it is; nil when it is nobody's
	text string
}

// privacy looks for the members' full names in every text of the database (P1).
// A name in a row of somebody else is told and not counted as a violation: two
// words of a remark may be anybody's name.
func (r *run) privacy(ctx context.Context) (Line, error) {
	c := check{name: "P1"}
	tables, err := r.textTables(ctx)
	if err != nil {
		return Line{}, err
	}
	texts, elsewhere := 0, 0
	for _, table := range tables {
		rows, err := openCursor(ctx, r.db, table.statement(), func(row pgx.CollectableRow) (written, error) {
			var w written
			return w, row.Scan(&w.cid, &w.text)
		})
		if err != nil {
			return Line{}, err
		}
		for {
			row, ok, err := rows.peek(ctx)
			if err != nil {
				return Line{}, err
			}
			if !ok {
				break
			}
			rows.take()
			texts++
			for _, name := range r.namesIn(row.text) {
				if row.cid != nil && !slices.Contains(r.names.own[*row.cid], name) {
					elsewhere++
					continue
				}
				c.violated("%s holds a member's name%s", table.name, ofMember(row.cid))
			}
		}
		if err := rows.close(ctx); err != nil {
			return Line{}, err
		}
	}
	summary := fmt.Sprintf("%d full names looked for in %d rows with text of %d tables", len(r.names.all), texts, len(tables))
	if elsewhere > 0 {
		summary += fmt.Sprintf("; %d times somebody else's", elsewhere)
	}
	return c.line("%s", summary), nil
}

// namesIn looks into each column by itself.
func (r *run) namesIn(text string) []string {
	var found []string
	for column := range strings.SplitSeq(text, "\x01") {
		found = append(found, r.names.find(column)...)
	}
	return found
}

// ofMember says whose row it is: the cid, never the name.
func ofMember(cid *int32) string {
	if cid == nil {
		return ""
	}
	return fmt.Sprintf(", cid %d", *cid)
}

func (r *run) textTables(ctx context.Context) ([]textTable, error) {
	rows, err := r.db.tx.Query(ctx, `
		SELECT c.relname,
		       coalesce(array_agg(a.attname::text ORDER BY a.attnum) FILTER (WHERE t.typname IN ('text', 'varchar', 'bpchar', 'name', 'json', 'jsonb', '_text', '_varchar')), '{}'),
		       array_agg(a.attname::text)
		FROM pg_class c
		JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
		JOIN pg_type t ON t.oid = a.atttypid
		WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
		GROUP BY c.relname ORDER BY c.relname`)
	if err != nil {
		return nil, classify("verify.textTables", err)
	}
	tables, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (textTable, error) {
		var t textTable
		return t, row.Scan(&t.name, &t.texts, &t.columns)
	})
	tables = slices.DeleteFunc(tables, func(t textTable) bool { return len(t.texts) == 0 })
	return tables, classify("verify.textTables", err)
}

// statement reads a table's texts with the cid of the row, where it has one.
func (t textTable) statement() string {
	quoted := make([]string, len(t.texts))
	for i, column := range t.texts {
		quoted[i] = "t." + pgx.Identifier{column}.Sanitize() + "::text"
	}
	cid, join := "NULL::integer", ""
	switch {
	case slices.Contains(t.columns, "cid"):
		cid = "t.cid"
	case slices.Contains(t.columns, "session_id"):
		cid, join = "s.cid", " LEFT JOIN sessions s ON s.id = t.session_id"
	}
	return fmt.Sprintf("SELECT %s, concat_ws(chr(1), %s) FROM %s t%s", cid, strings.Join(quoted, ", "), pgx.Identifier{t.name}.Sanitize(), join)
}
