package store

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"

	"github.com/skyledger/skyledger/internal/fault"
	"github.com/skyledger/skyledger/migrations"
)

// DefaultSchema is where the tables are unless somebody chose otherwise.
const DefaultSchema = "sky"

// KeptSchema is where the tables are that no log brings back.
const KeptSchema = "kept"

// versionTable is goose's table of applied migrations, one in each schema.
const versionTable = "schema_version"

// lockMigrate and its fellows are the first halves of our advisory locks; the
// second is the schema.
const (
	lockMigrate       = 7_590_001
	lockMaintain      = 7_590_002
	lockReferenceData = 7_590_010
)

// Migrate brings a schema to this program's version, creating what is missing,
// and makes it record source. Run at once from several places, one works and
// the others wait. The first schema migrated in a database becomes the role's
// default and the one that people's views show; another one is prepared beside
// it, for SwapSchema. A database that records another source is refused with a
// fault.Conflict and left as it is.
func Migrate(ctx context.Context, url, schema, source string) error {
	schema = cmp.Or(schema, DefaultSchema)
	const op = "store.Migrate"
	config, err := pgx.ParseConfig(url)
	if err != nil {
		return fault.E(op, fault.Invalid, "database_url", err).WithMessage("The database's URL cannot be read.")
	}
	config.RuntimeParams["application_name"] = "skyledger migrate"
	config.RuntimeParams["search_path"] = pgx.Identifier{schema}.Sanitize()
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return classify(op, err)
	}
	defer closeQuietly(conn)
	// Held by the connection and not by a transaction: goose works on others.
	if _, err := conn.Exec(ctx, `SELECT pg_advisory_lock($1, 0)`, lockMigrate); err != nil {
		return classify(op, err)
	}
	if err := migrateLocked(ctx, conn, schema, source); err != nil {
		return classify(op, err)
	}
	return nil
}

func closeQuietly(conn *pgx.Conn) { _ = conn.Close(context.Background()) }

func migrateLocked(ctx context.Context, conn *pgx.Conn, schema, source string) error {
	if err := checkSourceBefore(ctx, conn, source); err != nil {
		return err
	}
	if _, err := conn.Exec(ctx, `CREATE SCHEMA IF NOT EXISTS `+pgx.Identifier{schema}.Sanitize()); err != nil {
		return err
	}
	if err := migrateTables(ctx, conn.Config(), migrations.Tables()); err != nil {
		return err
	}
	if err := migrateKept(ctx, conn); err != nil {
		return err
	}
	if _, err := conn.Exec(ctx, `INSERT INTO source (name) VALUES ($1) ON CONFLICT DO NOTHING`, source); err != nil {
		return err
	}
	active, err := activeSchema(ctx, conn)
	if err != nil || (active != "" && active != schema) {
		return err
	}
	err = pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
		if active == "" {
			if err := makeDefault(ctx, tx, schema); err != nil {
				return err
			}
		}
		return replaceViews(ctx, tx)
	})
	if err != nil {
		return err
	}
	return grantQueryRole(ctx, conn)
}

// checkSourceBefore refuses a database of another source before anything in it
// is touched.
func checkSourceBefore(ctx context.Context, conn *pgx.Conn, wanted string) error {
	var exists bool
	if err := conn.QueryRow(ctx, `SELECT to_regclass('source') IS NOT NULL`).Scan(&exists); err != nil || !exists {
		return err
	}
	var source string
	err := conn.QueryRow(ctx, `SELECT name FROM source`).Scan(&source)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return nil
	case err == nil && source != wanted:
		return otherSource("store.Migrate", &source, wanted)
	default:
		return err
	}
}

// migrateKept brings the tables up to date that a rebuild leaves alone.
func migrateKept(ctx context.Context, conn *pgx.Conn) error {
	if _, err := conn.Exec(ctx, `CREATE SCHEMA IF NOT EXISTS `+KeptSchema); err != nil {
		return err
	}
	files, err := migrations.Kept()
	if err != nil {
		return err
	}
	config := conn.Config()
	config.RuntimeParams["search_path"] = KeptSchema
	if err := migrateTables(ctx, config, files); err != nil {
		return err
	}
	return installExtensions(ctx, conn)
}

// installExtensions makes those that the advisor works better with, where the
// server has them and lets us. They lie in the schema that no rebuild replaces.
func installExtensions(ctx context.Context, conn *pgx.Conn) error {
	for _, name := range []string{"pg_stat_statements", "hypopg"} {
		_, err := conn.Exec(ctx, `CREATE EXTENSION IF NOT EXISTS `+name+` SCHEMA `+KeptSchema)
		switch sqlstate(err) {
		case "":
			if err != nil {
				return err
			}
		case "42501", "58P01", "0A000": // not allowed, not there, not to be had here
		default:
			return err
		}
	}
	return nil
}

func migrateTables(ctx context.Context, config *pgx.ConnConfig, files fs.FS) error {
	db := stdlib.OpenDB(*config)
	defer func() { _ = db.Close() }()
	provider, err := goose.NewProvider(goose.DialectPostgres, db, files,
		goose.WithTableName(versionTable), goose.WithDisableGlobalRegistry(true))
	if err != nil {
		return err
	}
	_, err = provider.Up(ctx)
	return err
}

// needed are the versions of the schemas that this program works with.
type needed struct{ tables, kept int64 }

func latestMigrations() (latest needed, err error) {
	if latest.tables, err = latestOf(migrations.Tables()); err != nil {
		return latest, err
	}
	files, err := migrations.Kept()
	if err != nil {
		return latest, err
	}
	latest.kept, err = latestOf(files)
	return latest, err
}

// latestOf returns the greatest version among the files.
func latestOf(files fs.FS) (int64, error) {
	versions, err := versionsOf(files)
	if err != nil || len(versions) == 0 {
		return 0, err
	}
	return slices.Max(versions), nil
}

// versionsOf are the files' versions. They need not follow each other.
func versionsOf(files fs.FS) (versions []int64, err error) {
	names, err := fs.Glob(files, "*.sql")
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		version, err := goose.NumericComponent(name)
		if err != nil {
			return nil, fault.E("store.versionsOf", fault.Internal, "migration_name", err)
		}
		versions = append(versions, version)
	}
	return versions, nil
}

// activeSchema returns the schema that is the role's default in this database,
// or "" when none was made so yet.
func activeSchema(ctx context.Context, conn *pgx.Conn) (string, error) {
	var setting string
	err := conn.QueryRow(ctx, `
		SELECT coalesce(max(substr(c.setting, length('search_path=') + 1)), '')
		FROM pg_db_role_setting s
		CROSS JOIN LATERAL unnest(s.setconfig) AS c(setting)
		WHERE s.setdatabase = (SELECT oid FROM pg_database WHERE datname = current_database())
		  AND s.setrole = (SELECT oid FROM pg_roles WHERE rolname = current_user)
		  AND c.setting LIKE 'search\_path=%'`).Scan(&setting)
	first, _, _ := strings.Cut(setting, ",")
	return strings.Trim(strings.TrimSpace(first), `"`), err
}

// makeDefault puts the schema first in the role's search_path, with the views
// behind it for people's convenience.
func makeDefault(ctx context.Context, tx pgx.Tx, schema string) error {
	var database string
	if err := tx.QueryRow(ctx, `SELECT current_database()`).Scan(&database); err != nil {
		return err
	}
	_, err := tx.Exec(ctx, fmt.Sprintf(`ALTER ROLE CURRENT_USER IN DATABASE %s SET search_path = %s, skyledger, public`,
		pgx.Identifier{database}.Sanitize(), pgx.Identifier{schema}.Sanitize()))
	return err
}

// replaceViews makes people's views show the tables of the schema that is first
// in the transaction's search_path.
func replaceViews(ctx context.Context, tx pgx.Tx) error {
	views, err := migrations.Views()
	if err != nil {
		return err
	}
	_, err = tx.Exec(ctx, views, pgx.QueryExecModeSimpleProtocol)
	return err
}
