package query

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/skyledger/skyledger/internal/fault"
	"github.com/skyledger/skyledger/internal/query/grammar"
)

func TestTheFirstWallAlone(t *testing.T) {
	known := newWorld(t).known(t)
	for _, h := range hostiles() {
		t.Run(h.name+" is refused, with a reason", func(t *testing.T) {
			_, err := Check(h.sql, grammar.Parse, known)
			var refusal *Refusal
			if !errors.As(err, &refusal) {
				t.Fatalf("passed: %s", h.sql)
			}
			if refusal.Why == "" || !strings.HasSuffix(refusal.Why, ".") {
				t.Errorf("says %q", refusal.Why)
			}
		})
	}
}

// fingerprint is everything that somebody could have changed: every row of the
// product's tables, and what the catalogue says of objects, rights, roles,
// settings, large objects, slots and prepared transactions.
const fingerprint = `
SELECT md5(string_agg(part, '|' ORDER BY part)) FROM (
    SELECT 'rows ' || c.oid::regclass || query_to_xml(format('select md5(string_agg(t::text, '','' order by t::text)) from %s t', c.oid::regclass), true, false, '')::text
        FROM pg_class c WHERE c.relkind = 'r' AND c.relnamespace IN (SELECT oid FROM pg_namespace WHERE nspname IN ('sky', 'kept', 'public', 'skyledger'))
    UNION ALL SELECT 'class ' || concat(nspname, '.', relname, relkind, relacl, relowner) FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace WHERE nspname !~ '^pg_toast'
    UNION ALL SELECT 'schema ' || concat(nspname, nspacl) FROM pg_namespace WHERE nspname !~ '^pg_(temp|toast_temp)'
    UNION ALL SELECT 'column ' || concat(attrelid, attname) FROM pg_attribute WHERE attrelid > 16384
    UNION ALL SELECT 'function ' || concat(oid, proname, proacl) FROM pg_proc
    UNION ALL SELECT 'role ' || concat(rolname, rolsuper, rolcreatedb, rolcreaterole, rolpassword) FROM pg_authid
    UNION ALL SELECT 'setting ' || concat(setrole, setconfig) FROM pg_db_role_setting WHERE setdatabase IN (0, (SELECT oid FROM pg_database WHERE datname = current_database()))
    UNION ALL SELECT 'comment ' || concat(objoid, description) FROM pg_description
    UNION ALL SELECT 'extension ' || extname FROM pg_extension
    UNION ALL SELECT 'object ' || oid FROM pg_largeobject_metadata
    UNION ALL SELECT 'slot ' || slot_name FROM pg_replication_slots
    UNION ALL SELECT 'prepared ' || gid FROM pg_prepared_xacts WHERE database = current_database()
    UNION ALL SELECT 'file ' || concat(name, setting) FROM pg_file_settings
) parts(part)`

func TestTheSecondWallAlone(t *testing.T) {
	w := newWorld(t)
	before := ask[string](t, w.Admin, fingerprint)
	for _, h := range hostiles() {
		t.Run(h.name+" changes, locks and reads nothing", func(t *testing.T) {
			conn := connect(t, w.QueryURL)
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			defer cancel()
			_, err := conn.Exec(ctx, `SET statement_timeout = '400ms'`)
			must(t, err)
			// By the simple protocol, which takes several statements at once.
			_, err = conn.PgConn().Exec(ctx, h.sql).ReadAll()
			if h.denied && err == nil {
				t.Error("PostgreSQL did it")
			}
			if state := sqlstate(err); h.denied && state == "57014" {
				t.Error("only time ended it")
			}
			locks := ask[int](t, w.Admin, `SELECT count(*)::int FROM pg_locks WHERE locktype = 'advisory'
				OR (mode IN ('AccessExclusiveLock', 'ExclusiveLock', 'RowExclusiveLock') AND locktype = 'relation' AND database = (SELECT oid FROM pg_database WHERE datname = current_database()))`)
			if locks != 0 {
				t.Errorf("it holds %d locks", locks)
			}
			must(t, conn.Close(ctx))
		})
	}
	if after := ask[string](t, w.Admin, fingerprint); after != before {
		t.Error("something is not as it was")
	}
	t.Run("the fingerprint sees a change", func(t *testing.T) {
		_, err := w.Admin.Exec(t.Context(), `UPDATE sky.head SET version = version + 1`)
		must(t, err)
		if ask[string](t, w.Admin, fingerprint) == before {
			t.Error("it does not")
		}
	})
}

func ask[T any](t testing.TB, conn *pgx.Conn, sql string) T {
	t.Helper()
	rows, _ := conn.Query(t.Context(), sql)
	value, err := pgx.CollectExactlyOneRow(rows, pgx.RowTo[T])
	must(t, err)
	return value
}

func TestTheRole(t *testing.T) {
	w := newWorld(t)
	t.Run("it owns nothing and may nothing", func(t *testing.T) {
		owned := ask[int](t, w.Admin, `SELECT (SELECT count(*) FROM pg_class WHERE relowner = r.oid)::int + (SELECT count(*) FROM pg_proc WHERE proowner = r.oid)::int
			+ (SELECT count(*) FROM pg_auth_members WHERE member = r.oid)::int + (rolsuper OR rolcreatedb OR rolcreaterole OR rolreplication OR rolbypassrls)::int
			FROM pg_roles r WHERE rolname = 'skyledger_query'`)
		if owned != 0 {
			t.Errorf("%d things", owned)
		}
	})
	t.Run("it reads every view of the schema and no table beyond", func(t *testing.T) {
		readable := ask[[]string](t, w.Reader, `SELECT array_agg(n.nspname || '.' || c.relname ORDER BY 1) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
			WHERE c.relkind IN ('r', 'v', 'p', 'm') AND n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname !~ '^pg_'
			AND has_schema_privilege(n.oid, 'USAGE') AND has_table_privilege(c.oid, 'SELECT')`)
		views := ask[[]string](t, w.Admin, `SELECT array_agg('skyledger.' || viewname::text ORDER BY 1) FROM pg_views WHERE schemaname = 'skyledger'`)
		if strings.Join(readable, " ") != strings.Join(views, " ") {
			t.Errorf("reads %v\nviews %v", readable, views)
		}
	})
	t.Run("a new view is readable at once, in the sandbox as well", func(t *testing.T) {
		s := w.sandbox(t, func(o *Options) { o.Clock = longAgo() })
		_, err := s.Run(t.Context(), `SELECT n FROM added`)
		expectRefusal(t, err, "query_relation")
		_, err = w.Admin.Exec(t.Context(), `CREATE TABLE sky.behind AS SELECT 7 AS n; CREATE VIEW skyledger.added AS SELECT n FROM sky.behind`)
		must(t, err)
		answer, err := s.Run(t.Context(), `SELECT n FROM added`)
		must(t, err)
		if got := string(answer.AppendRows(nil)); got != `[{"n":7}]` {
			t.Error(got)
		}
	})
	t.Run("sessions begin with its limits", func(t *testing.T) {
		for setting, want := range map[string]string{
			"default_transaction_read_only": "on", "statement_timeout": "1min", "lock_timeout": "1s", "work_mem": "32MB",
			"temp_file_limit": "1GB", "search_path": "skyledger, pg_catalog, pg_temp", "idle_in_transaction_session_timeout": "1min",
		} {
			if got := ask[string](t, w.Reader, `SHOW `+setting); got != want {
				t.Errorf("%s = %s, want %s", setting, got, want)
			}
		}
	})
}

// unwalled runs a statement with the first wall off and its own limits.
func unwalled(t *testing.T, w *world, limits Limits, sql string) (*Answer, error) {
	t.Helper()
	s := w.sandbox(t, func(o *Options) { o.Limits = limits })
	conn, err := s.pool.Acquire(t.Context())
	must(t, err)
	defer conn.Release()
	answer, err := s.execute(t.Context(), conn.Conn(), Statement{Text: sql})
	if err != nil {
		err = classify("test", err, s.options.Limits)
	}
	return answer, err
}

func TestTheThirdWallAlone(t *testing.T) {
	w := newWorld(t)
	t.Run("what the planner calls expensive never runs", func(t *testing.T) {
		_, err := unwalled(t, w, Limits{}, `SELECT count(*) FROM skyledger.position a, skyledger.position b, skyledger.position c`)
		expectRefusal(t, err, "query_cost")
	})
	t.Run("what takes too long is stopped", func(t *testing.T) {
		_, err := unwalled(t, w, Limits{Cost: 1e12, Time: 200 * time.Millisecond}, `SELECT count(*) FROM generate_series(1, 1000000000)`)
		if !fault.Is(err, fault.Timeout) {
			t.Error(err)
		}
	})
	t.Run("a sleep is stopped", func(t *testing.T) {
		_, err := w.Admin.Exec(t.Context(), `GRANT EXECUTE ON FUNCTION pg_sleep(float8) TO skyledger_query`)
		must(t, err)
		if _, err := unwalled(t, w, Limits{Time: 200 * time.Millisecond}, `SELECT pg_sleep(1000)`); !fault.Is(err, fault.Timeout) {
			t.Error(err)
		}
	})
	t.Run("recursion without end is stopped", func(t *testing.T) {
		_, err := unwalled(t, w, Limits{Time: 200 * time.Millisecond}, `WITH RECURSIVE r AS (SELECT 1 UNION ALL SELECT 1 FROM r) SELECT count(*) FROM r`)
		if !fault.Is(err, fault.Timeout) {
			t.Error(err)
		}
	})
	t.Run("rows are cut", func(t *testing.T) {
		answer, err := unwalled(t, w, Limits{Rows: 1234}, `SELECT * FROM generate_series(1, 100000)`)
		must(t, err)
		if answer.Len() != 1234 || !answer.Truncated || answer.Cut != "rows" {
			t.Errorf("%d rows, %t by %s", answer.Len(), answer.Truncated, answer.Cut)
		}
	})
	t.Run("as many rows as are allowed are not cut", func(t *testing.T) {
		answer, err := unwalled(t, w, Limits{Rows: 1000}, `SELECT * FROM generate_series(1, 1000)`)
		must(t, err)
		if answer.Len() != 1000 || answer.Truncated {
			t.Errorf("%d rows, %t", answer.Len(), answer.Truncated)
		}
	})
	t.Run("bytes are cut, and the JSON stays within them", func(t *testing.T) {
		answer, err := unwalled(t, w, Limits{Bytes: 100_000}, `SELECT n, repeat('"', 1000) AS quotes FROM generate_series(1, 100000) n`)
		must(t, err)
		size := len(answer.AppendRows(nil))
		if !answer.Truncated || answer.Cut != "bytes" || size > 100_000 || size < 95_000 {
			t.Errorf("%d bytes, %t by %s", size, answer.Truncated, answer.Cut)
		}
	})
	t.Run("a row larger than memory is not taken", func(t *testing.T) {
		_, err := unwalled(t, w, Limits{}, `SELECT repeat('x', 20000000)`)
		expectRefusal(t, err, "query_bytes")
	})
	t.Run("files beyond the limit of the role are not written", func(t *testing.T) {
		_, err := w.Admin.Exec(t.Context(), `ALTER ROLE skyledger_query IN DATABASE `+pgx.Identifier{w.Admin.Config().Database}.Sanitize()+` SET temp_file_limit = '1MB'`)
		must(t, err)
		_, err = unwalled(t, w, Limits{Cost: 1e12}, `SELECT n FROM generate_series(1, 3000000) n ORDER BY md5(n::text) DESC`)
		expectRefusal(t, err, "query_sql_53400")
	})
	t.Run("a plan that reads what no view shows is refused", func(t *testing.T) {
		_, err := unwalled(t, w, Limits{}, `SELECT relname FROM pg_catalog.pg_class`)
		expectRefusal(t, err, "query_relation")
	})
	t.Run("one statement more than may run waits, and is then told to come again", func(t *testing.T) {
		s := w.sandbox(t, func(o *Options) { o.Running, o.Wait = 1, time.Millisecond })
		s.slots <- struct{}{}
		_, err := s.Run(t.Context(), `SELECT 1`)
		if !fault.Is(err, fault.Throttled) || fault.RetryAfter(err) <= 0 {
			t.Errorf("%v, retry after %s", err, fault.RetryAfter(err))
		}
		<-s.slots
		_, err = s.Run(t.Context(), `SELECT 1`)
		must(t, err)
	})
	t.Run("after all that the sandbox still answers", func(t *testing.T) {
		answer, err := w.sandbox(t).Run(t.Context(), `SELECT count(*) FROM position`)
		must(t, err)
		if got := string(answer.AppendRows(nil)); got != `[{"count":10800}]` {
			t.Error(got)
		}
	})
}
