package store

import (
	"context"
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/url"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/skyledger/skyledger/internal/fault"
)

// QueryRole runs people's SQL. It belongs to the server and not to a database:
// every database of Skyledger on it grants it the same.
const QueryRole = "skyledger_query"

// queryRoleLimits are what the role's sessions begin with: settings live on the
// role, for connections may go through a proxy. They are the outermost limits;
// internal/query sets narrower ones for a statement. The last one only a
// superuser may set.
var queryRoleLimits = [...][2]string{
	{"default_transaction_read_only", "on"},
	{"search_path", "skyledger, pg_catalog, pg_temp"},
	{"statement_timeout", "60s"},
	{"lock_timeout", "1s"},
	{"idle_in_transaction_session_timeout", "60s"},
	{"work_mem", "32MB"},
	{"max_parallel_workers_per_gather", "0"},
	{"jit", "off"}, // compiling costs more memory than people's statements are worth
	{"standard_conforming_strings", "on"},
	{"temp_file_limit", "1GB"},
}

// queryRoleConnections bounds the role's connections to the server.
const queryRoleConnections = 20

// grantQueryRole makes the role where the migrating one may, and lets it read
// the views of this database and nothing else. Where it may not, the database
// is migrated all the same and SQL for people waits for somebody who may.
func grantQueryRole(ctx context.Context, conn *pgx.Conn) error {
	made, err := ensureQueryRole(ctx, conn)
	if err != nil || !made {
		return err
	}
	for _, step := range grantSteps {
		// Each by itself: what one's rights do not reach must not undo the rest.
		if _, err := conn.Exec(ctx, step); err != nil && sqlstate(err) != stateNotAllowed {
			return err
		}
	}
	return nil
}

// grantSteps are repeated after every migration. The default privileges are for
// views that are made between two.
var grantSteps = [...]string{
	`GRANT USAGE ON SCHEMA skyledger TO ` + QueryRole,
	`GRANT SELECT ON ALL TABLES IN SCHEMA skyledger TO ` + QueryRole,
	`GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA skyledger TO ` + QueryRole,
	`ALTER DEFAULT PRIVILEGES IN SCHEMA skyledger GRANT SELECT ON TABLES TO ` + QueryRole,
	`ALTER DEFAULT PRIVILEGES IN SCHEMA skyledger GRANT EXECUTE ON FUNCTIONS TO ` + QueryRole,
	revokeFromPublicSQL,
}

// revokeFromPublicSQL takes from everybody what the role would otherwise have
// with them: temporary tables, tables in public, and those functions of the
// server that hold locks, sleep, signal, or write (large objects, messages in
// the WAL) whatever the transaction is. The migrating role, which is the one
// the other functions run as, keeps them. Functions belong to the superuser:
// another role leaves them as they are.
const revokeFromPublicSQL = `
DO $$
DECLARE
    callable regprocedure;
BEGIN
    IF pg_has_role(current_user, (SELECT datdba FROM pg_database WHERE datname = current_database()), 'USAGE') THEN
        EXECUTE format('REVOKE TEMPORARY ON DATABASE %I FROM PUBLIC', current_database());
        EXECUTE format('GRANT CONNECT, TEMPORARY ON DATABASE %I TO CURRENT_USER', current_database());
        EXECUTE format('GRANT CONNECT ON DATABASE %I TO ` + QueryRole + `', current_database());
    END IF;
    IF to_regnamespace('public') IS NOT NULL AND has_schema_privilege('` + QueryRole + `', 'public', 'CREATE') THEN
        REVOKE CREATE ON SCHEMA public FROM PUBLIC;
    END IF;
    IF (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) THEN
        FOR callable IN
            SELECT p.oid FROM pg_proc p
            WHERE p.pronamespace = 'pg_catalog'::regnamespace
              AND (p.proname ~ '^(lo_|pg_advisory|pg_try_advisory|pg_sleep|pg_terminate|pg_cancel|pg_logical_emit)'
                   OR p.proname IN ('lowrite', 'loread', 'pg_notify', 'pg_export_snapshot', 'pg_log_backend_memory_contexts'))
              AND has_function_privilege('` + QueryRole + `', p.oid, 'EXECUTE')
        LOOP
            EXECUTE format('REVOKE EXECUTE ON FUNCTION %s FROM PUBLIC', callable);
            EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO CURRENT_USER', callable);
        END LOOP;
    END IF;
END
$$`

// ensureQueryRole reports whether the role is there and as it should be. It
// belongs to the whole server, where other databases may be migrated at this
// moment: it writes only what differs.
func ensureQueryRole(ctx context.Context, conn *pgx.Conn) (bool, error) {
	var made bool
	err := untilSettled(ctx, func() (err error) {
		made, err = tryQueryRole(ctx, conn)
		return err
	})
	return made, err
}

// untilSettled does the work again for as long as somebody else changes the
// role at the same moment. Each time one of them comes through, and the work
// looks first what is left to do, so that it ends.
func untilSettled(ctx context.Context, work func() error) error {
	var err error
	for range 10 {
		if err = work(); err == nil || !raced(err) {
			return err
		}
		if err := wait(ctx, 20*time.Millisecond); err != nil {
			return err
		}
	}
	return err
}

func wait(ctx context.Context, pause time.Duration) error {
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

// raced reports whether somebody else changed the same role meanwhile: the role
// is there now, or PostgreSQL says "tuple concurrently updated".
func raced(err error) bool {
	return slices.Contains([]string{"42710", "23505", "XX000"}, sqlstate(err))
}

const stateNotAllowed = "42501"

func tryQueryRole(ctx context.Context, conn *pgx.Conn) (bool, error) {
	var exists bool
	if err := conn.QueryRow(ctx, `SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = $1)`, QueryRole).Scan(&exists); err != nil {
		return false, err
	}
	if !exists {
		_, err := conn.Exec(ctx, `CREATE ROLE `+QueryRole+` LOGIN NOINHERIT`)
		if sqlstate(err) == stateNotAllowed {
			return false, nil
		}
		if err != nil {
			return false, err
		}
	}
	steps, err := queryRoleSteps(ctx, conn)
	if err != nil {
		return false, err
	}
	for _, step := range steps {
		if _, err := conn.Exec(ctx, step); err != nil && sqlstate(err) != stateNotAllowed {
			return false, err
		}
	}
	return true, nil
}

// queryRoleSteps returns what must be changed on the role.
func queryRoleSteps(ctx context.Context, conn *pgx.Conn) ([]string, error) {
	var steps, settings []string
	var attributes bool
	err := conn.QueryRow(ctx, `
		SELECT rolcanlogin AND NOT (rolsuper OR rolinherit OR rolcreaterole OR rolcreatedb OR rolreplication OR rolbypassrls)
		       AND rolconnlimit = $2, coalesce(rolconfig, '{}')
		FROM pg_roles WHERE rolname = $1`, QueryRole, queryRoleConnections).Scan(&attributes, &settings)
	if err != nil {
		return nil, err
	}
	if !attributes {
		// Those that only a superuser may name are a step of their own.
		steps = append(steps,
			fmt.Sprintf(`ALTER ROLE %s LOGIN NOINHERIT NOCREATEROLE NOCREATEDB CONNECTION LIMIT %d`, QueryRole, queryRoleConnections),
			`ALTER ROLE `+QueryRole+` NOSUPERUSER NOREPLICATION NOBYPASSRLS`)
	}
	for _, limit := range queryRoleLimits {
		if !slices.Contains(settings, limit[0]+"="+limit[1]) {
			steps = append(steps, fmt.Sprintf(`ALTER ROLE %s SET %s = %s`, QueryRole, limit[0], settingValue(limit)))
		}
	}
	return steps, nil
}

// settingValue writes a setting's value: search_path is a list of names.
func settingValue(limit [2]string) string {
	if limit[0] == "search_path" {
		return limit[1]
	}
	return "'" + limit[1] + "'"
}

// QueryURL is the address under which the query role finds the server and
// database of a URL.
func QueryURL(adminURL, password string) (string, error) {
	address, err := url.Parse(adminURL)
	if err != nil || address.Scheme == "" {
		return "", fault.E("store.QueryURL", fault.Invalid, "database_url", nil).WithMessage("DATABASE_URL is not a URL.")
	}
	address.User = url.UserPassword(QueryRole, password)
	return address.String(), nil
}

// LetQueryRoleIn makes the query role log in with the password in queryURL.
// adminURL's role must be allowed to change it; where the password is right
// already nothing is changed. A URL of another role is left to whoever made it.
func LetQueryRoleIn(ctx context.Context, adminURL, queryURL string) error {
	const op = "store.LetQueryRoleIn"
	wanted, err := pgx.ParseConfig(queryURL)
	if err != nil {
		return fault.E(op, fault.Invalid, "query_database_url", nil).WithMessage("QUERY_DATABASE_URL cannot be read.")
	}
	if wanted.User != QueryRole {
		return nil
	}
	err = untilSettled(ctx, func() error {
		if letIn(ctx, wanted) {
			return nil
		}
		return setPassword(ctx, adminURL, wanted.Password)
	})
	if state := sqlstate(err); state == stateNotAllowed || state == "42704" {
		return fault.E(op, fault.Unavailable, "query_role", err).
			WithMessage("The database's role may not make " + QueryRole + ": let one that may create roles run migrate, or set QUERY_DATABASE_URL.")
	}
	return classify(op, err)
}

// letIn reports whether one can log in so.
func letIn(ctx context.Context, config *pgx.ConnConfig) bool {
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return false
	}
	closeQuietly(conn)
	return true
}

func setPassword(ctx context.Context, adminURL, password string) error {
	conn, err := pgx.Connect(ctx, adminURL)
	if err != nil {
		return err
	}
	defer closeQuietly(conn)
	// The verifier and not the password: statements may end in the server's log.
	_, err = conn.Exec(ctx, `ALTER ROLE `+QueryRole+` PASSWORD '`+verifier(password, []byte(rand.Text()))+`'`)
	return err
}

// verifier is what PostgreSQL keeps of a password (RFC 5803).
func verifier(password string, salt []byte) string {
	const iterations = 4096
	salted, err := pbkdf2.Key(sha256.New, password, salt, iterations, sha256.Size)
	if err != nil {
		return ""
	}
	sign := func(text string) []byte {
		mac := hmac.New(sha256.New, salted)
		mac.Write([]byte(text))
		return mac.Sum(nil)
	}
	stored := sha256.Sum256(sign("Client Key"))
	encode := base64.StdEncoding.EncodeToString
	return fmt.Sprintf("SCRAM-SHA-256$%d:%s$%s:%s", iterations, encode(salt), encode(stored[:]), encode(sign("Server Key")))
}
