package store

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/skyledger/skyledger/internal/statement"
)

// Profile is what a statement cost. Pointers are nil where the source does not
// know.
type Profile struct {
	Fingerprint int64
	Shape       string // without values
	Text        string // fit for EXPLAIN; "" when it is not kept
	Ours        bool   // Text is the program's own, word for word
	Calls       int64
	Errors      *int64
	Rows        int64
	TotalMS     float64
	MaxMS       float64
	BlocksHit   *int64 // found in PostgreSQL's cache
	BlocksRead  *int64 // asked of the operating system
	TempBlocks  *int64 // written to temporary files
}

// Profiles are the statements of one source.
type Profiles struct {
	Figures
	Statements []Profile // by total time, the greatest first
	TotalMS    float64   // of all, those not in Statements included
	Calls      int64
}

// PGStatements reads pg_stat_statements: the statements of this database that
// took most time in all. An extension that is not there, not loaded or not to
// be read is said in the answer.
func (s *Store) PGStatements(ctx context.Context, limit int) (Profiles, error) {
	var found Profiles
	err := s.look(ctx, "store.PGStatements", func(ctx context.Context, tx pgx.Tx) error {
		schema, err := extension(ctx, tx, "pg_stat_statements")
		if err != nil {
			return err
		}
		if schema == "" {
			found = Profiles{Figures: missing("The extension pg_stat_statements is not installed in this database.")}
			return nil
		}
		refused, err := attempt(ctx, tx, func(tx pgx.Tx) error {
			found, err = pgStatements(ctx, tx, schema, limit)
			return err
		})
		if refused != "" {
			found = Profiles{Figures: missing(refused)}
		}
		return err
	})
	return found, err
}

// A statement's text is another role's secret, and comes back as such, unless
// this one may see all statistics. Statements of one shape that the extension
// keeps apart (by role, by nesting) are added up.
func pgStatements(ctx context.Context, tx pgx.Tx, schema string, limit int) (Profiles, error) {
	var found Profiles
	var since time.Time
	err := tx.QueryRow(ctx, `SELECT stats_reset FROM `+schema+`.pg_stat_statements_info`).Scan((*moment)(&since))
	if err != nil {
		return found, err
	}
	found.Figures = had(since)
	err = tx.QueryRow(ctx, `
		SELECT coalesce(sum(total_exec_time), 0), coalesce(sum(calls), 0)::bigint FROM `+schema+`.pg_stat_statements
		WHERE toplevel AND dbid = (SELECT oid FROM pg_database WHERE datname = current_database())`).
		Scan(&found.TotalMS, &found.Calls)
	if err != nil {
		return found, err
	}
	rows, err := tx.Query(ctx, `
		SELECT query, sum(calls)::bigint, sum(rows)::bigint, sum(total_exec_time), max(max_exec_time),
		       sum(shared_blks_hit)::bigint, sum(shared_blks_read)::bigint, sum(temp_blks_written)::bigint
		FROM `+schema+`.pg_stat_statements
		WHERE toplevel AND dbid = (SELECT oid FROM pg_database WHERE datname = current_database())
		  AND query <> '<insufficient privilege>'
		GROUP BY query ORDER BY sum(total_exec_time) DESC LIMIT $1`, limit)
	if err != nil {
		return found, err
	}
	found.Statements, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (Profile, error) {
		var p Profile
		var query string
		err := row.Scan(&query, &p.Calls, &p.Rows, &p.TotalMS, &p.MaxMS, &p.BlocksHit, &p.BlocksRead, &p.TempBlocks)
		// The extension leaves the values of what it does not plan, SET among
		// others, where they are.
		p.Shape = statement.Shape(query)
		p.Text, p.Fingerprint = p.Shape, statement.Fingerprint(p.Shape)
		return p, err
	})
	return found, err
}

// TimedStatements reads what the program timed itself since a moment: the
// statements that took most time in all.
func (s *Store) TimedStatements(ctx context.Context, since time.Time, limit int) (Profiles, error) {
	var found Profiles
	err := s.look(ctx, "store.TimedStatements", func(ctx context.Context, tx pgx.Tx) error {
		var first time.Time
		err := tx.QueryRow(ctx, `
			SELECT min(hour), coalesce(sum(total_ms), 0), coalesce(sum(calls), 0)::bigint
			FROM kept.statement_timings WHERE hour >= $1`, since).Scan((*moment)(&first), &found.TotalMS, &found.Calls)
		if err != nil {
			return err
		}
		if first.IsZero() {
			found.Figures = missing("No statement has been timed yet.")
			return nil
		}
		found.Figures = had(first)
		rows, err := tx.Query(ctx, timedSQL, since, limit)
		if err != nil {
			return err
		}
		found.Statements, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (Profile, error) {
			p := Profile{Errors: new(int64)}
			err := row.Scan(&p.Fingerprint, &p.Shape, &p.Text, &p.Calls, p.Errors, &p.Rows, &p.TotalMS, &p.MaxMS)
			p.Ours = p.Text != ""
			return p, err
		})
		return err
	})
	return found, err
}

const timedSQL = `
SELECT s.fingerprint, s.shape, coalesce(s.text, ''), t.calls, t.errors, t.rows, t.total_ms, t.max_ms
FROM (SELECT fingerprint, sum(calls)::bigint AS calls, sum(errors)::bigint AS errors, sum(rows)::bigint AS rows,
             sum(total_ms) AS total_ms, max(max_ms) AS max_ms
      FROM kept.statement_timings WHERE hour >= $1 GROUP BY fingerprint
      ORDER BY sum(total_ms) DESC LIMIT $2) t
JOIN kept.statements s USING (fingerprint)
ORDER BY t.total_ms DESC`
