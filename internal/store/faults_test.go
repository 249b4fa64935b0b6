package store

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/skyledger/skyledger/internal/fault"
)

func TestClassify(t *testing.T) {
	t.Parallel()
	answered := func(state string) error { return fmt.Errorf("context: %w", &pgconn.PgError{Code: state}) }
	for _, test := range []struct {
		err    error
		class  fault.Class
		reason string
	}{
		{answered("57P01"), fault.Unavailable, "shutting_down"},
		{answered("57P03"), fault.Unavailable, "shutting_down"},
		{answered("08006"), fault.Unavailable, "connection"},
		{answered("25006"), fault.Unavailable, "read_only"},
		{answered("53300"), fault.Unavailable, "too_many_connections"},
		{answered("53100"), fault.Unavailable, "disk_full"},
		{answered("53200"), fault.Unavailable, "out_of_resources"},
		{answered("40P01"), fault.Unavailable, "deadlock"},
		{answered("28P01"), fault.Unavailable, "login_refused"},
		{answered("57014"), fault.Timeout, "statement_timeout"},
		{answered("22021"), fault.Invalid, "data_22021"},
		{answered("42601"), fault.Internal, "sqlstate_42601"},
		{answered("SK002"), fault.Conflict, "fenced"},
		{context.DeadlineExceeded, fault.Timeout, "timeout"},
		{context.Canceled, fault.Unavailable, "canceled"},
		{io.ErrUnexpectedEOF, fault.Unavailable, "connection"},
		{fault.E("x", fault.Conflict, "fenced", nil), fault.Conflict, "fenced"},
		{errors.New("a bug"), fault.Internal, "internal_error"},
	} {
		t.Run(test.err.Error()+" is "+string(test.class), func(t *testing.T) {
			t.Parallel()
			got := classify("op", test.err)
			if !fault.Is(got, test.class) {
				t.Errorf("class = %v, want %v", fault.ClassOf(got), test.class)
			}
			if reason := fault.ReasonOf(got); test.class != fault.Internal && reason != test.reason {
				t.Errorf("reason = %q, want %q", reason, test.reason)
			}
		})
	}
}

func TestFaults(t *testing.T) {
	t.Parallel()
	t.Run("a replay of everything leaves no trace in the statistics", func(t *testing.T) {
		t.Parallel()
		s, b := setup(t)
		var all []Changes
		state := State{}
		for n := range 5 {
			c := project(state, snapshot{At: at(n), Present: []presence{{0, int32(n + 3)}, {1, 5}, {2, 9}, {6, 9}}})
			must(t, s.Commit(t.Context(), c))
			all = append(all, c)
			var err error
			state, err = s.LoadState(t.Context())
			must(t, err)
		}
		before := written(t, s, b)
		for _, c := range all {
			expectConflict(t, s.Commit(t.Context(), c), "already_projected")
			must(t, s.RecordTick(t.Context(), c.Tick, c.MissingTicks))
			must(t, s.RecordTick(t.Context(), TickRow{Tick: c.Tick.Tick, Outcome: Missing, Reason: "not_run"}, nil))
		}
		expectConflict(t, s.Commit(t.Context(), changes(Head{}, at(9))), "fenced")
		requireDiff(t, "rows written", cmp.Diff(before, written(t, s, b)))
	})

	t.Run("of writers at once one wins each snapshot and the others lose without a trace", func(t *testing.T) {
		t.Parallel()
		s, b := setup(t, func(o *Options) { o.MaxConns = 6 })
		var won, lost atomic.Int32
		var group sync.WaitGroup
		for range 6 {
			group.Go(func() {
				for n := range 10 {
					state, err := s.LoadState(context.Background())
					if err == nil {
						err = s.Commit(context.Background(), project(state, snapshot{At: at(n), Present: []presence{{0, int32(n + 3)}, {1, 5}}}))
					}
					switch {
					case err == nil:
						won.Add(1)
					case fault.Is(err, fault.Conflict):
						lost.Add(1)
					default:
						t.Errorf("unexpected: %v", err)
					}
				}
			})
		}
		group.Wait()
		head, err := s.Head(t.Context())
		must(t, err)
		if int(won.Load()) != count(t, b, "snapshots") || head.Version != int64(won.Load()) || won.Load()+lost.Load() != 60 {
			t.Errorf("%d won, %d lost; %d snapshots, version %d", won.Load(), lost.Load(), count(t, b, "snapshots"), head.Version)
		}
	})

	t.Run("a server that became read-only is unavailable until another connection finds it writable", func(t *testing.T) {
		t.Parallel()
		s, b := setup(t)
		must(t, s.Commit(t.Context(), changes(Head{}, at(0))))
		database := pgx.Identifier{b.Conn.Config().Database}.Sanitize()
		_, err := b.Conn.Exec(t.Context(), `ALTER DATABASE `+database+` SET default_transaction_read_only = on`)
		must(t, err)
		s.pool.Reset() // as a failover cuts connections
		err = s.Commit(t.Context(), changes(Head{Version: 1}, at(1)))
		if !fault.Is(err, fault.Unavailable) || fault.ReasonOf(err) != "read_only" {
			t.Fatalf("error = %v, want read_only", err)
		}
		_, err = b.Conn.Exec(t.Context(), `ALTER DATABASE `+database+` RESET default_transaction_read_only`)
		must(t, err)
		must(t, s.Commit(t.Context(), changes(Head{Version: 1}, at(1))))
	})

	t.Run("connections that the server ended are replaced", func(t *testing.T) {
		t.Parallel()
		s, b := setup(t)
		must(t, s.Ping(t.Context()))
		_, err := b.Conn.Exec(t.Context(), `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
			WHERE datname = current_database() AND application_name = 'skyledger'`)
		must(t, err)
		c := changes(Head{}, at(0))
		if err := s.Commit(t.Context(), c); err != nil {
			if !fault.Is(err, fault.Unavailable) {
				t.Fatalf("error = %v, want unavailable", err)
			}
			must(t, s.Commit(t.Context(), c))
		}
	})

	t.Run("a lock that somebody holds is waited for, thrice, and then it is unavailable", func(t *testing.T) {
		t.Parallel()
		s, b := setup(t, func(o *Options) { o.LockTimeout = 20 * time.Millisecond })
		tx, err := b.Conn.Begin(t.Context())
		must(t, err)
		_, err = tx.Exec(t.Context(), `SELECT FROM head FOR UPDATE`)
		must(t, err)
		err = s.Commit(t.Context(), changes(Head{}, at(0)))
		if !fault.Is(err, fault.Unavailable) || fault.ReasonOf(err) != "locked" {
			t.Fatalf("error = %v, want locked", err)
		}
		must(t, tx.Rollback(t.Context()))
		must(t, s.Commit(t.Context(), changes(Head{}, at(0))))
	})

	t.Run("all connections in use is a lack of connections, not a bug", func(t *testing.T) {
		t.Parallel()
		s, _ := setup(t, func(o *Options) { o.MaxConns = 1; o.AcquireTimeout = 30 * time.Millisecond })
		conn, err := s.pool.Acquire(t.Context())
		must(t, err)
		defer conn.Release()
		err = s.Commit(t.Context(), changes(Head{}, at(0)))
		if !fault.Is(err, fault.Unavailable) || fault.ReasonOf(err) != "no_connection" {
			t.Fatalf("error = %v, want no_connection", err)
		}
	})

	t.Run("no server at all is unavailable, and opening does not mind", func(t *testing.T) {
		t.Parallel()
		s, err := Open(t.Context(), Options{URL: "postgres://nobody@127.0.0.1:1/none?connect_timeout=2"})
		must(t, err)
		defer s.Close()
		if err := s.Ping(t.Context()); !fault.Is(err, fault.Unavailable) {
			t.Errorf("error = %v, want unavailable", err)
		}
	})
}

// written returns n_tup_ins, n_tup_upd and n_tup_del of every table, once the
// statistics of the store's own connections have arrived.
func written(t *testing.T, s *Store, b *bundle) string {
	t.Helper()
	s.pool.Reset() // a connection that ends reports its statistics
	poll(t, "the store's connections are gone", func() bool {
		var n int
		must(t, b.Conn.QueryRow(t.Context(), `SELECT count(*) FROM pg_stat_activity
			WHERE datname = current_database() AND application_name = 'skyledger'`).Scan(&n))
		return n == 0
	})
	var all string
	must(t, b.Conn.QueryRow(t.Context(), `SELECT string_agg(format('%s %s %s %s', relname, n_tup_ins, n_tup_upd, n_tup_del), E'\n' ORDER BY relname)
		FROM pg_stat_user_tables`).Scan(&all))
	return all
}

func TestPassword(t *testing.T) {
	t.Parallel()
	s, b := setup(t)
	s.Close()
	login := strings.ReplaceAll(b.Conn.Config().Database, "test_", "role_")
	_, err := b.Conn.Exec(t.Context(), `CREATE ROLE `+login+` LOGIN SUPERUSER PASSWORD 'one'`)
	must(t, err)
	t.Cleanup(func() {
		conn, err := pgx.Connect(context.Background(), b.URL)
		must(t, err)
		defer closeQuietly(conn)
		_, err = conn.Exec(context.Background(), `DROP ROLE `+login)
		must(t, err)
	})
	address, err := url.Parse(b.URL)
	must(t, err)
	address.User = url.UserPassword(login, "wrong")
	if conn, err := pgx.Connect(t.Context(), address.String()); err == nil {
		closeQuietly(conn)
		t.Fatal("the server trusts everybody: give the tests one that asks for passwords")
	}
	address.User = url.User(login)
	current, reads := "one", 0
	s, err = Open(t.Context(), Options{URL: address.String(), Schema: DefaultSchema, Password: func(context.Context) (string, error) {
		reads++
		return current, nil
	}})
	must(t, err)
	defer s.Close()
	must(t, s.Ping(t.Context()))
	_, err = b.Conn.Exec(t.Context(), `ALTER ROLE `+login+` PASSWORD 'two'`)
	must(t, err)
	current = "two"
	s.pool.Reset()
	must(t, s.Ping(t.Context()))
	if reads != 2 {
		t.Errorf("the password was read %d times, want 2", reads)
	}
	current = "neither"
	_, err = b.Conn.Exec(t.Context(), `ALTER ROLE `+login+` PASSWORD 'three'`)
	must(t, err)
	s.pool.Reset()
	if err := s.Ping(t.Context()); fault.ReasonOf(err) != "login_refused" {
		t.Errorf("error = %v, want login_refused", err)
	}
	if reads != 3 {
		t.Errorf("the password was read %d times, want 3: once more and no further", reads)
	}
}
