package provision

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/skyledger/skyledger/internal/fault"
)

// EnsureDatabase makes the database on the server of the URL unless it is
// there. The URL's role must be allowed to.
func EnsureDatabase(ctx context.Context, serverURL, name string) error {
	const op = "provision.EnsureDatabase"
	connection, err := pgx.Connect(ctx, serverURL)
	if err != nil {
		return fault.E(op, fault.Unavailable, "connect", err)
	}
	defer connection.Close(ctx)
	var exists bool
	const look = `select exists (select from pg_database where datname = $1)`
	if err := connection.QueryRow(ctx, look, name).Scan(&exists); err != nil {
		return fault.E(op, fault.Unavailable, "look", err)
	}
	if exists {
		return nil
	}
	_, err = connection.Exec(ctx, "create database "+pgx.Identifier{name}.Sanitize())
	var refused *pgconn.PgError
	if errors.As(err, &refused) && (refused.Code == "42P04" || refused.Code == "23505") {
		return nil // somebody made it meanwhile
	}
	if err != nil {
		return fault.E(op, fault.Unavailable, "create", err)
	}
	return nil
}
