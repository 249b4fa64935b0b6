package store

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func TestHealth(t *testing.T) {
	t.Parallel()

	t.Run("a sound database says how large it is and who is connected", func(t *testing.T) {
		t.Parallel()
		s, b := setup(t)
		health, err := s.Health(t.Context())
		must(t, err)
		var bytes int64
		var most int
		must(t, b.Conn.QueryRow(t.Context(), `SELECT pg_database_size(current_database()), current_setting('max_connections')::int`).Scan(&bytes, &most))
		if health.Connect <= 0 || health.Query <= 0 || health.Version == "" || health.Connections < 2 || health.Tables.Applied == 0 {
			t.Errorf("%+v", health)
		}
		requireDiff(t, "health", cmp.Diff(
			DatabaseHealth{Bytes: bytes, MaxConnections: most, Tables: Migration{health.Tables.Latest, health.Tables.Latest}, Kept: Migration{health.Kept.Latest, health.Kept.Latest}},
			health, cmpopts.IgnoreFields(DatabaseHealth{}, "Connect", "Query", "Version", "Connections", "OldestOpen")))
	})

	t.Run("a transaction that stays open shows", func(t *testing.T) {
		t.Parallel()
		s, b := setup(t)
		tx, err := b.Conn.Begin(t.Context())
		must(t, err)
		defer func() { _ = tx.Rollback(t.Context()) }()
		_, err = tx.Exec(t.Context(), `SELECT pg_sleep(0.05)`)
		must(t, err)
		health, err := s.Health(t.Context())
		must(t, err)
		if health.OldestOpen == nil || *health.OldestOpen < 50*time.Millisecond {
			t.Errorf("oldest transaction %v", health.OldestOpen)
		}
	})

	t.Run("a database that takes no writes says so", func(t *testing.T) {
		t.Parallel()
		s, _ := setup(t, func(o *Options) { o.URL += "&default_transaction_read_only=on" })
		health, err := s.Health(t.Context())
		must(t, err)
		if !health.ReadOnly || health.Standby {
			t.Errorf("%+v", health)
		}
	})
}

func TestWatermarks(t *testing.T) {
	t.Parallel()
	s, _ := setup(t)
	before, err := s.Watermarks(t.Context())
	must(t, err)
	requireDiff(t, "of an empty database", cmp.Diff(Watermarks{}, before))
	head, err := s.Head(t.Context())
	must(t, err)
	must(t, s.Commit(t.Context(), changes(head, start)))
	after, err := s.Watermarks(t.Context())
	must(t, err)
	requireDiff(t, "after a snapshot", cmp.Diff(Watermarks{Projected: start, Ledger: tickOf(start), Unchunked: start}, after))
}
