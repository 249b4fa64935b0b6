package store

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// Figures says whether figures could be had from somewhere.
type Figures struct {
	Available bool       `json:"available" doc:"whether it could be read"`
	Reason    *string    `json:"reason" doc:"why not; null when it could"`
	Since     *time.Time `json:"since" doc:"from when on it has counted; null when unknown"`
}

func missing(reason string) Figures { return Figures{Reason: &reason} }

func had(since time.Time) Figures {
	found := Figures{Available: true}
	if !since.IsZero() {
		since = since.UTC()
		found.Since = &since
	}
	return found
}

// attempt runs work in a savepoint and returns in words why the database would
// not do it, where that is a matter of what is installed and allowed there. The
// transaction goes on then.
func attempt(ctx context.Context, tx pgx.Tx, work func(tx pgx.Tx) error) (refused string, err error) {
	inner, err := tx.Begin(ctx)
	if err != nil {
		return "", err
	}
	if err = work(inner); err == nil {
		return "", inner.Commit(ctx)
	}
	if undone := inner.Rollback(ctx); undone != nil {
		return "", errors.Join(err, undone)
	}
	if refused = refusal(err); refused != "" {
		return refused, nil
	}
	return "", err
}

// refusal says why, or "" for an error of another kind.
func refusal(err error) string {
	var answered *pgconn.PgError
	if !errors.As(err, &answered) {
		return ""
	}
	switch answered.Code {
	case "42501":
		return "The database's role lacks the rights: " + answered.Message + "."
	case "55000":
		return "The server is not set up for it: " + answered.Message + "."
	case stateUndefinedTable, stateUndefinedSchema, "42883", "42704", "42703", "0A000":
		return "The database does not have it: " + answered.Message + "."
	case stateQueryCanceled, stateLockTimeout:
		return "It took too long."
	}
	// Classes 22 and 42 are of the statement: whatever else it is, without its
	// values it is another one.
	if answered.Code == stateReadOnly || strings.HasPrefix(answered.Code, "22") || strings.HasPrefix(answered.Code, "42") {
		return "PostgreSQL cannot plan it without its values: " + answered.Message + "."
	}
	return ""
}

// look is a transaction that sees one moment and can change nothing.
func (s *Store) look(ctx context.Context, op string, work func(ctx context.Context, tx pgx.Tx) error) error {
	return s.transact(ctx, op, snapshotRead(), work)
}

// extension returns the quoted schema of an installed extension, or "".
func extension(ctx context.Context, tx pgx.Tx, name string) (string, error) {
	var schema string
	err := tx.QueryRow(ctx, `
		SELECT quote_ident(n.nspname) FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace
		WHERE e.extname = $1`, name).Scan(&schema)
	if errors.Is(err, pgx.ErrNoRows) {
		return "", nil
	}
	return schema, err
}
