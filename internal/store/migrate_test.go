package store

import (
	"context"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"github.com/skyledger/skyledger/internal/fault"
	"github.com/skyledger/skyledger/internal/provision/pgtest"
)

func TestMigrate(t *testing.T) {
	t.Parallel()
	t.Run("several at once leave one schema, and again changes nothing", func(t *testing.T) {
		t.Parallel()
		db := pgtest.New(t)
		results := make(chan error, 3)
		for range 3 {
			go func() { results <- Migrate(context.Background(), db.URL, DefaultSchema, "live") }()
		}
		for range 3 {
			must(t, <-results)
		}
		must(t, Migrate(t.Context(), db.URL, DefaultSchema, "live"))
		s, err := Open(t.Context(), Options{URL: db.URL, Source: "live"})
		must(t, err)
		defer s.Close()
		must(t, s.Ping(t.Context()))
	})

	t.Run("a database of another source is refused by both and left as it is", func(t *testing.T) {
		t.Parallel()
		_, b := setup(t)
		expectConflict(t, Migrate(t.Context(), b.URL, DefaultSchema, "live"), "other_source")
		s, err := Open(t.Context(), Options{URL: b.URL, Source: "live"})
		must(t, err)
		defer s.Close()
		expectConflict(t, s.Ping(t.Context()), "other_source")
		var source string
		must(t, b.Conn.QueryRow(t.Context(), `SELECT name FROM source`).Scan(&source))
		requireDiff(t, "source", cmp.Diff(testSource, source))
	})

	t.Run("a program newer than the tables refuses, one older works", func(t *testing.T) {
		t.Parallel()
		s, b := setup(t)
		_, err := b.Conn.Exec(t.Context(), `INSERT INTO `+versionTable+` (version_id, is_applied) VALUES (9999, true); ALTER TABLE sessions ADD added_later text`)
		must(t, err)
		commitAll(t.Context(), t, s, []snapshot{{At: at(0), Present: []presence{{0, 1}, {2, 3}}}})

		_, err = b.Conn.Exec(t.Context(), `DELETE FROM `+versionTable+` WHERE version_id > 1`)
		must(t, err)
		s.pool.Reset()
		err = s.Ping(t.Context())
		if !fault.Is(err, fault.Unavailable) || fault.ReasonOf(err) != "schema_outdated" {
			t.Errorf("error = %v, want schema_outdated", err)
		}
	})

	t.Run("an empty database is refused with the reason", func(t *testing.T) {
		t.Parallel()
		s, err := Open(t.Context(), Options{URL: pgtest.New(t).URL})
		must(t, err)
		defer s.Close()
		if err := s.Ping(t.Context()); fault.ReasonOf(err) != "schema_missing" {
			t.Errorf("error = %v, want schema_missing", err)
		}
	})

	t.Run("every view and each of its columns has a comment", func(t *testing.T) {
		t.Parallel()
		_, b := setup(t)
		rows, err := b.Conn.Query(t.Context(), `
			SELECT c.relname || '.' || coalesce(a.attname, '') FROM pg_class c
			JOIN pg_namespace n ON n.oid = c.relnamespace
			LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0
			WHERE n.nspname = 'skyledger' AND (col_description(c.oid, a.attnum) IS NULL OR obj_description(c.oid) IS NULL)`)
		must(t, err)
		bare, err := pgx.CollectRows(rows, pgx.RowTo[string])
		must(t, err)
		if len(bare) > 0 {
			t.Errorf("without a comment: %v", bare)
		}
	})
}

func TestSwapSchema(t *testing.T) {
	t.Parallel()
	prepare := func(t *testing.T) (*Store, *Store, *bundle) {
		s, b := setup(t)
		must(t, Migrate(t.Context(), b.URL, "sky_fresh", testSource))
		fresh, err := Open(t.Context(), Options{URL: b.URL, Schema: "sky_fresh", Source: testSource})
		must(t, err)
		t.Cleanup(fresh.Close)
		return s, fresh, b
	}
	history := []snapshot{
		{At: at(0), Present: []presence{{0, 1}, {1, 5}}},
		{At: at(1), Present: []presence{{0, 2}, {1, 5}}},
	}

	t.Run("the fresh tables take the place of the old ones under their name", func(t *testing.T) {
		t.Parallel()
		s, fresh, b := prepare(t)
		commitAll(t.Context(), t, s, history[:1])
		state, err := s.LoadState(t.Context())
		must(t, err)
		late := project(state, history[1])
		must(t, s.RecordTick(t.Context(), TickRow{Tick: tickOf(at(5)), Outcome: Unchanged, Reason: "not_modified"}, nil))
		commitAll(t.Context(), t, fresh, history)
		must(t, s.EnsurePartitions(t.Context(), start, 0))
		requireDiff(t, "the view before", cmp.Diff(positionsOf(history[:1]), viewRows(t.Context(), t, b.Conn, "skyledger.position")))

		must(t, s.SwapSchema(t.Context(), "sky_fresh"))
		requireDiff(t, "the view after", cmp.Diff(positionsOf(history), viewRows(t.Context(), t, b.Conn, "skyledger.position")))
		expectConflict(t, s.Commit(t.Context(), late), "already_projected")
		expectConflict(t, s.Commit(t.Context(), changes(Head{Version: 2}, at(9))), "fenced")
		head, err := s.Head(t.Context())
		must(t, err)
		if head.Version != 3 || !head.Tick.Equal(tickOf(at(5))) {
			t.Errorf("head = %+v, want version 3 and the observed tick", head)
		}
		var schemas int
		must(t, b.Conn.QueryRow(t.Context(), `SELECT count(*) FROM pg_namespace WHERE nspname LIKE 'sky%'`).Scan(&schemas))
		if schemas != 2 {
			t.Errorf("%d schemas, want sky and skyledger", schemas)
		}
		must(t, Migrate(t.Context(), b.URL, DefaultSchema, testSource))
		must(t, Migrate(t.Context(), b.URL, "sky_fresh", testSource))
	})

	t.Run("a writer that waits for the swap is fenced by the fresh head", func(t *testing.T) {
		t.Parallel()
		s, fresh, b := prepare(t)
		commitAll(t.Context(), t, s, history[:1])
		commitAll(t.Context(), t, fresh, history[:1])
		state, err := s.LoadState(t.Context())
		must(t, err)
		late := project(state, history[1])
		// A reader of the old tables holds the swap up while it holds the head.
		reader, err := pgx.Connect(t.Context(), b.URL)
		must(t, err)
		defer closeQuietly(reader)
		tx, err := reader.Begin(t.Context())
		must(t, err)
		_, err = tx.Exec(t.Context(), `SELECT FROM stations`)
		must(t, err)
		swapped, committed := make(chan error, 1), make(chan error, 1)
		go func() { swapped <- s.SwapSchema(context.Background(), "sky_fresh") }()
		awaitBlocked(t, b)
		go func() {
			committed <- fresh.Ping(context.Background())
			committed <- s.Commit(context.Background(), late)
		}()
		must(t, <-committed)
		must(t, tx.Rollback(t.Context()))
		must(t, <-swapped)
		expectConflict(t, <-committed, "fenced")
	})

	t.Run("the active schema is neither swapped with itself nor dropped", func(t *testing.T) {
		t.Parallel()
		s, _, _ := prepare(t)
		if err := s.SwapSchema(t.Context(), DefaultSchema); !fault.Is(err, fault.Invalid) {
			t.Errorf("swap: %v", err)
		}
		if err := s.DropSchema(t.Context(), DefaultSchema); !fault.Is(err, fault.Invalid) {
			t.Errorf("drop: %v", err)
		}
		must(t, s.DropSchema(t.Context(), "sky_fresh"))
		must(t, s.DropSchema(t.Context(), "sky_fresh"))
	})
}
