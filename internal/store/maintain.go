package store

import (
	"context"

	"github.com/jackc/pgx/v5"
)

// VacuumStatement is what Vacuum runs.
func VacuumStatement(schema, table string) string {
	// Neither waits for a lock that somebody holds, nor takes one that keeps
	// readers out to give space at the end back to the file system.
	return `VACUUM (SKIP_LOCKED, TRUNCATE false, ANALYZE) ` + pgx.Identifier{schema, table}.Sanitize()
}

// AnalyzeStatement is what Analyze runs.
func AnalyzeStatement(schema, table string) string {
	return `ANALYZE (SKIP_LOCKED) ` + pgx.Identifier{schema, table}.Sanitize()
}

// ReindexStatement rebuilds an index beside what goes on. It may wait for every
// transaction that is older, and leaves an invalid index when it is cut off: it
// is for people to run.
func ReindexStatement(schema, index string) string {
	return `REINDEX INDEX CONCURRENTLY ` + pgx.Identifier{schema, index}.Sanitize()
}

// Vacuum makes room of dead rows usable again and refreshes the statistics. It
// cannot run in a transaction; ctx bounds it, and what was done when it ends
// stays done.
func (s *Store) Vacuum(ctx context.Context, schema, table string) error {
	return s.use(ctx, "store.Vacuum", func(ctx context.Context, conn *pgx.Conn) error {
		_, err := conn.Exec(ctx, VacuumStatement(schema, table))
		return err
	})
}

// Analyze refreshes the planner's statistics of a table.
func (s *Store) Analyze(ctx context.Context, schema, table string) error {
	return s.use(ctx, "store.Analyze", func(ctx context.Context, conn *pgx.Conn) error {
		_, err := conn.Exec(ctx, AnalyzeStatement(schema, table))
		return err
	})
}
