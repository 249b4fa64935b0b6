package store

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"

	"github.com/skyledger/skyledger/internal/provision/pgtest"
)

// atOnce runs each piece of work in a goroutine of its own and lets all of them
// go together.
func atOnce(t *testing.T, work []func() error) {
	t.Helper()
	var group errgroup.Group
	gate := make(chan struct{})
	for _, each := range work {
		group.Go(func() error { <-gate; return each() })
	}
	close(gate)
	must(t, group.Wait())
}

// TestQueryRoleOfSeveralDatabases has a server of its own: the role belongs to
// the whole of it, and is taken away from under the others here.
func TestQueryRoleOfSeveralDatabases(t *testing.T) {
	t.Parallel()
	const databases, connections, rounds = 5, 60, 6
	server := pgtest.Server(t, map[string]string{"fsync": "off", "max_connections": "150"})
	conn, err := pgx.Connect(t.Context(), server.URL("postgres"))
	must(t, err)
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	urls := make([]string, databases)
	for i := range urls {
		name := fmt.Sprintf("several_%d", i)
		must(t, server.EnsureDatabase(t.Context(), name))
		urls[i] = server.URL(name)
	}
	takeAway := func() {
		for _, database := range urls {
			dropOwned(t, database)
		}
		_, err := conn.Exec(t.Context(), `DROP ROLE IF EXISTS `+QueryRole)
		must(t, err)
	}

	t.Run("migrated at once, each lets it in", func(t *testing.T) {
		for range 3 {
			takeAway()
			var work []func() error
			for _, database := range urls {
				work = append(work, func() error {
					if err := Migrate(t.Context(), database, DefaultSchema, testSource); err != nil {
						return err
					}
					address, err := QueryURL(database, "of the tests")
					if err != nil {
						return err
					}
					return LetQueryRoleIn(t.Context(), database, address)
				})
			}
			atOnce(t, work)
			expectQueryRole(t, conn)
			for _, database := range urls {
				expectReader(t, database)
			}
		}
	})
	t.Run("made at once from many connections, it is made once and whole", func(t *testing.T) {
		conns := make([]*pgx.Conn, connections)
		for i := range conns {
			var err error
			conns[i], err = pgx.Connect(t.Context(), urls[i%databases])
			must(t, err)
			t.Cleanup(func() { _ = conns[i].Close(context.Background()) })
		}
		for range rounds {
			takeAway()
			var work []func() error
			for _, each := range conns {
				work = append(work, func() error {
					made, err := ensureQueryRole(t.Context(), each)
					if err == nil && !made {
						err = fmt.Errorf("it says that the role could not be made")
					}
					return err
				})
			}
			atOnce(t, work)
			expectQueryRole(t, conn)
		}
	})
	t.Run("given its password at once from many places, it has it", func(t *testing.T) {
		for round := range rounds {
			password := fmt.Sprintf("of round %d", round)
			var work []func() error
			for i := range connections {
				address, err := QueryURL(urls[i%databases], password)
				must(t, err)
				work = append(work, func() error { return LetQueryRoleIn(t.Context(), urls[i%databases], address) })
			}
			atOnce(t, work)
			address, err := QueryURL(urls[0], password)
			must(t, err)
			reader, err := pgx.Connect(t.Context(), address)
			must(t, err)
			must(t, reader.Close(t.Context()))
		}
	})
}

// TestQueryRoleOfAMakerOfRoles is a managed server: the role that migrates may
// make roles and is no superuser. What that means changed with PostgreSQL 16.
func TestQueryRoleOfAMakerOfRoles(t *testing.T) {
	t.Parallel()
	server := pgtest.Server(t, map[string]string{"fsync": "off"})
	conn, err := pgx.Connect(t.Context(), server.URL("postgres"))
	must(t, err)
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	for _, statement := range []string{`CREATE ROLE maker LOGIN CREATEROLE CREATEDB PASSWORD 'p'`, `CREATE DATABASE managed OWNER maker`} {
		_, err := conn.Exec(t.Context(), statement)
		must(t, err)
	}
	address, err := url.Parse(server.URL("managed"))
	must(t, err)
	address.User = url.UserPassword("maker", "p")
	for range 2 { // a deployment migrates again
		must(t, Migrate(t.Context(), address.String(), DefaultSchema, testSource))
		people, err := QueryURL(address.String(), "of the tests")
		must(t, err)
		must(t, LetQueryRoleIn(t.Context(), address.String(), people))
		expectReader(t, address.String())
		expectQueryRole(t, conn, "temp_file_limit=1GB") // that only a superuser may set
	}
}

func dropOwned(t *testing.T, database string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), database)
	must(t, err)
	defer closeQuietly(conn)
	_, err = conn.Exec(t.Context(), `DO $$ BEGIN IF to_regrole('`+QueryRole+`') IS NOT NULL THEN DROP OWNED BY `+QueryRole+`; END IF; END $$`)
	must(t, err)
}

// expectQueryRole compares the role with what is written out here, but for the
// settings that it lacks.
func expectQueryRole(t *testing.T, conn *pgx.Conn, lacks ...string) {
	t.Helper()
	type role struct {
		Login, More bool
		Limit       int32
		Settings    []string
	}
	rows, _ := conn.Query(t.Context(), `
		SELECT rolcanlogin, rolsuper OR rolinherit OR rolcreaterole OR rolcreatedb OR rolreplication OR rolbypassrls, rolconnlimit,
		       ARRAY(SELECT unnest(rolconfig) ORDER BY 1)
		FROM pg_roles WHERE rolname = 'skyledger_query'`)
	got, err := pgx.CollectExactlyOneRow(rows, pgx.RowToStructByPos[role])
	must(t, err)
	settings := slices.DeleteFunc([]string{
		"default_transaction_read_only=on", "idle_in_transaction_session_timeout=60s", "jit=off", "lock_timeout=1s",
		"max_parallel_workers_per_gather=0", "search_path=skyledger, pg_catalog, pg_temp", "standard_conforming_strings=on",
		"statement_timeout=60s", "temp_file_limit=1GB", "work_mem=32MB",
	}, func(setting string) bool { return slices.Contains(lacks, setting) })
	requireDiff(t, "role", cmp.Diff(role{Login: true, Limit: 20, Settings: settings}, got))
}

// expectReader logs in as the role and reads a view, and no table.
func expectReader(t *testing.T, database string) {
	t.Helper()
	address, err := QueryURL(database, "of the tests")
	must(t, err)
	reader, err := pgx.Connect(t.Context(), address)
	must(t, err)
	defer closeQuietly(reader)
	var flights int
	must(t, reader.QueryRow(t.Context(), `SELECT count(*) FROM pilot_session`).Scan(&flights))
	if err := reader.QueryRow(t.Context(), `SELECT count(*) FROM sky.sessions`).Scan(&flights); sqlstate(err) != stateNotAllowed {
		t.Errorf("error = %v, want %s", err, stateNotAllowed)
	}
}
