package faulttest

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"github.com/skyledger/skyledger/internal/ingest"
	"github.com/skyledger/skyledger/internal/provision"
	"github.com/skyledger/skyledger/internal/provision/pgtest"
	"github.com/skyledger/skyledger/internal/store"
)

// databaseOn returns a migrated database of a private server.
func databaseOn(t testing.TB, server *provision.PostgresServer, name string) string {
	t.Helper()
	must(t, server.EnsureDatabase(context.Background(), name))
	must(t, store.Migrate(context.Background(), server.URL(name), store.DefaultSchema, source))
	return server.URL(name)
}

// delayed serves and does the kth tick, which the log must have and the database not.
func (w *world) delayed(k, pilots int) ingest.Report {
	w.t.Helper()
	w.serve(traffic(k, pilots))
	report := w.tick(k)
	if report.Delayed == "" || report.Projected > 0 {
		w.t.Fatalf("tick %d is %s %q, delayed %q, projected %d; want it delayed", k, report.Outcome, report.Reason, report.Delayed, report.Projected)
	}
	return report
}

func TestPostgresDies(t *testing.T) {
	t.Parallel()
	server := pgtest.Server(t)

	t.Run("19: PostgreSQL that is down at the start loses nothing: the log drains oldest first, so many a run", func(t *testing.T) {
		url := databaseOn(t, server, "down")
		must(t, server.Stop(t.Context()))
		w := newWorld(t, onServer(url), with(func(s *site) { s.BacklogPerRun = 3 }))
		for k := range 8 {
			w.delayed(k, 12)
		}
		must(t, server.Restart(t.Context()))
		for run := range 4 {
			k := 8 + run
			w.serve(traffic(k, 12))
			report := w.tick(k)
			waiting := 9 + run - 3*run // before the run, its own included
			if want := min(3, waiting); report.Projected != want || report.MoreWaits != (waiting > want) {
				t.Errorf("run %d projected %d of %d, more waits: %v", run, report.Projected, waiting, report.MoreWaits)
			}
			head := one[time.Time](t, url, `SELECT snapshot FROM head`)
			if want := stampOf(min(k, 3*(run+1)-1)).Truncate(time.Microsecond); !head.Equal(want) {
				t.Errorf("run %d: the head is at %s, want %s", run, head.UTC(), want)
			}
		}
		w.record(12, 12, 12)
		w.verify()
	})

	t.Run("19: PostgreSQL restarted in the middle of a transaction loses nothing", func(t *testing.T) {
		w := newWorld(t, onServer(databaseOn(t, server, "restarted")))
		w.record(0, 2, 12)
		w.serve(traffic(3, 12))
		// The transaction sleeps by itself: a lock that somebody else holds could
		// end before it does, and the shutdown find it committed.
		w.execute(`CREATE FUNCTION sky.slow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(60); RETURN new; END $$`,
			`CREATE TRIGGER slow BEFORE INSERT ON sky.position_frames FOR EACH ROW EXECUTE FUNCTION sky.slow()`)
		tick := w.begin(t.Context(), 3)
		w.untilWaiting("Timeout")
		must(t, server.Stop(t.Context()))
		if report := tick.ended(t); report.Delayed == "" {
			t.Errorf("the tick was not delayed, projected %d", report.Projected)
		}
		w.delayed(4, 12)
		must(t, server.Restart(t.Context()))
		w.execute(`DROP TRIGGER slow ON sky.position_frames`, `DROP FUNCTION sky.slow`)
		w.serve(traffic(5, 12))
		if report := w.tick(5); report.Projected != 3 || report.Restored != 0 {
			t.Errorf("projected %d, restored %d; want 3 and none", report.Projected, report.Restored)
		}
		w.verify()
	})

	t.Run("19: PostgreSQL killed in the middle of a transaction loses nothing, and lost positions come back from the log", func(t *testing.T) {
		w := newWorld(t, onServer(databaseOn(t, server, "killed")))
		w.record(0, 2, 12)
		w.serve(traffic(3, 12))
		w.lock(`LOCK TABLE position_frames IN ACCESS EXCLUSIVE MODE`)
		tick := w.begin(t.Context(), 3)
		w.untilBlocked()
		must(t, server.Kill())
		if report := tick.ended(t); report.Delayed == "" {
			t.Errorf("the tick was not delayed, projected %d", report.Projected)
		}
		w.delayed(4, 12)
		must(t, server.Restart(t.Context()))
		if n := one[int](t, w.site.DatabaseURL, `SELECT count(*)::int FROM position_frames`); n != 0 {
			t.Errorf("%d frames survived: this is not the crash that is meant", n)
		}
		w.serve(traffic(5, 12))
		if report := w.tick(5); report.Projected != 3 || report.Restored != 3 {
			t.Errorf("projected %d, restored %d; want 3 and 3", report.Projected, report.Restored)
		}
		w.verify()
	})

	t.Run("19: PostgreSQL killed mid-COPY loses nothing", func(t *testing.T) {
		w := newWorld(t, onServer(databaseOn(t, server, "copying")))
		w.record(0, 3, 30)
		w.record(240, 242, 30)
		// The third row of the COPY waits for a lock of ours.
		w.execute(`CREATE SEQUENCE sky.copied`, `CREATE FUNCTION sky.hold() RETURNS trigger LANGUAGE plpgsql AS $$
			BEGIN IF nextval('sky.copied') = 3 THEN PERFORM pg_advisory_xact_lock(4711); END IF; RETURN new; END $$`,
			`CREATE TRIGGER hold BEFORE INSERT ON sky.position_chunks FOR EACH ROW EXECUTE FUNCTION sky.hold()`)
		w.lock(`SELECT pg_advisory_xact_lock(4711)`)
		chunked := make(chan error, 1)
		go func() { chunked <- w.parts.store.ChunkHour(context.Background(), base) }()
		w.untilBlocked()
		must(t, server.Kill())
		if err := <-chunked; err == nil {
			t.Error("the hour became chunks")
		}
		must(t, server.Restart(t.Context()))
		w.execute(`DROP TRIGGER hold ON sky.position_chunks`)
		if n := one[int](t, w.site.DatabaseURL, `SELECT count(*)::int FROM position_chunks`); n != 0 {
			t.Errorf("%d rows of the COPY were kept", n)
		}
		w.record(243, 243, 30)
		w.check()
		must(t, w.parts.store.ChunkHour(t.Context(), base))
		if n := one[int](t, w.site.DatabaseURL, `SELECT count(*)::int FROM position_chunks`); n == 0 {
			t.Error("the hour is still no chunks")
		}
		w.record(244, 244, 30)
		w.verify()
	})
}

func TestReplyIsLost(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name string
		next func(w *world)
	}{{"the same process", func(*world) {}}, {"a new process", (*world).restart}} {
		scenario(t, 20, "a commit whose reply is lost is not done again by "+test.name, func(t *testing.T) {
			url := freshDatabase(t)
			between, through := relayed(t, url)
			deaf := &deafStore{relay: between, deafAt: stampOf(3).Truncate(time.Microsecond), committed: func() bool {
				return one[bool](t, url, `SELECT EXISTS (SELECT FROM snapshots WHERE at = $1)`, stampOf(3).Truncate(time.Microsecond))
			}}
			w := newWorld(t, onServer(through), adapted(func(options *ingest.Options) {
				deaf.Store = options.Store
				options.Store = deaf
			}))
			w.record(0, 2, 12)
			w.serve(traffic(3, 12))
			if report := w.tick(3); report.Delayed == "" {
				t.Fatal("the reply was not lost")
			}
			if !deaf.committed() {
				t.Fatal("the commit was not done")
			}
			between.resume()
			before := query(t, url, pgx.RowTo[string], `SELECT ctid || ' ' || xmin || ' ' || at FROM snapshots ORDER BY at`)
			test.next(w)
			w.serve(traffic(3, 12))
			w.clock.set(tickAt(3).Add(2 * fetchedAfter))
			report, err := w.parts.recorder.Tick(t.Context(), tickAt(3))
			must(t, err)
			if report.Projected != 0 || report.Delayed != "" {
				t.Errorf("the retry projected %d, delayed %q", report.Projected, report.Delayed)
			}
			if diff := cmp.Diff(before, query(t, url, pgx.RowTo[string], `SELECT ctid || ' ' || xmin || ' ' || at FROM snapshots ORDER BY at`)); diff != "" {
				t.Errorf("the retry wrote:\n%s", diff)
			}
			for w.feed.Pending(networkPath) > 0 { // the warm process did not ask again
				w.drop()
			}
			w.record(4, 5, 12)
			w.verify()
		})
	}
}

// deafStore loses the reply to one commit, after PostgreSQL has done it.
type deafStore struct {
	ingest.Store
	relay     *relay
	deafAt    time.Time
	committed func() bool
	once      bool
}

func (s *deafStore) Commit(ctx context.Context, changes store.Changes) error {
	if s.once || !changes.Snapshot.At.Equal(s.deafAt) {
		return s.Store.Commit(ctx, changes)
	}
	s.once = true
	s.relay.loseReplies()
	done := make(chan struct{})
	go func() {
		defer close(done)
		eventually(s.relay.t, "PostgreSQL has committed", s.committed)
		s.relay.cut()
	}()
	err := s.Store.Commit(ctx, changes)
	<-done
	return err
}

func TestReadOnly(t *testing.T) {
	t.Parallel()
	scenario(t, 21, "a database that turns read-only delays ticks, and they resume without a restart of ours", func(t *testing.T) {
		w := newWorld(t)
		w.record(0, 1, 12)
		name := one[string](t, w.site.DatabaseURL, `SELECT current_database()`)
		w.execute(`ALTER DATABASE `+name+` SET default_transaction_read_only = on`, terminateSQL)
		for k := 2; k <= 4; k++ {
			w.delayed(k, 12)
		}
		if report := w.delayed(5, 12); report.Delayed != "read_only" {
			t.Errorf("delayed for %q", report.Delayed)
		}
		w.execute(`SET default_transaction_read_only = off`, `ALTER DATABASE `+name+` RESET default_transaction_read_only`)
		w.serve(traffic(6, 12))
		if report := w.tick(6); report.Projected != 5 || report.Delayed != "" {
			t.Errorf("projected %d, delayed %q; want 5", report.Projected, report.Delayed)
		}
		w.verify()
	})
}

// terminateSQL ends every connection of the product, as a failover does.
const terminateSQL = `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'skyledger'`

func TestLostRaces(t *testing.T) {
	t.Parallel()
	for _, state := range []string{"40P01", "40001", "55P03"} {
		scenario(t, 24, state+" is tried three times as a whole, and then at the next run", func(t *testing.T) {
			w := newWorld(t)
			w.record(0, 0, 12)
			w.execute(`CREATE SEQUENCE sky.attempts`, fmt.Sprintf(`CREATE FUNCTION sky.fail() RETURNS trigger LANGUAGE plpgsql AS $$
				BEGIN IF nextval('sky.attempts') <= 2 THEN RAISE EXCEPTION 'induced' USING ERRCODE = '%s'; END IF; RETURN new; END $$`, state),
				`CREATE TRIGGER fail BEFORE INSERT ON sky.position_frames FOR EACH ROW EXECUTE FUNCTION sky.fail()`)
			w.record(1, 1, 12) // two attempts fail, the third does not
			if n := one[int64](t, w.site.DatabaseURL, `SELECT last_value FROM sky.attempts`); n != 3 {
				t.Errorf("%d attempts, want 3", n)
			}
			w.execute(`ALTER SEQUENCE sky.attempts MINVALUE -10 RESTART -1`) // now four fail
			w.delayed(2, 12)
			w.serve(traffic(3, 12))
			if report := w.tick(3); report.Projected != 2 || report.Delayed != "" {
				t.Errorf("projected %d, delayed %q; want 2", report.Projected, report.Delayed)
			}
			w.execute(`DROP TRIGGER fail ON sky.position_frames`)
			w.verify()
		})
	}

	scenario(t, 24, "a lock that somebody holds delays the tick, not the feed", func(t *testing.T) {
		w := newWorld(t, with(func(s *site) { s.LockTimeout = 100 * time.Millisecond }))
		w.record(0, 0, 12)
		held := w.lock(`SELECT FROM head FOR UPDATE`)
		for k := 1; k <= 2; k++ {
			if report := w.delayed(k, 12); report.Delayed != "locked" {
				t.Errorf("delayed for %q", report.Delayed)
			}
		}
		held.release()
		w.serve(traffic(3, 12))
		if report := w.tick(3); report.Projected != 3 {
			t.Errorf("projected %d, want 3", report.Projected)
		}
		w.verify()
	})

	scenario(t, 24, "a true deadlock costs a repetition and no tick", func(t *testing.T) {
		w := newWorld(t, with(func(s *site) { s.LockTimeout = time.Minute }))
		name := one[string](t, w.site.DatabaseURL, `SELECT current_database()`)
		w.execute(`ALTER DATABASE ` + name + ` SET deadlock_timeout = '2s'`) // time enough for the other side to get in
		w.record(0, 1, 12)
		// The other side never looks for deadlocks, so that ours is the victim.
		held := w.lock(`LOCK TABLE position_frames IN ACCESS EXCLUSIVE MODE`)
		_, err := held.conn.Exec(t.Context(), `SET LOCAL deadlock_timeout = '5min'`)
		must(t, err)
		w.serve(traffic(2, 12))
		tick := w.begin(t.Context(), 2)
		w.untilBlocked()
		_, err = held.conn.Exec(t.Context(), `SELECT FROM head FOR UPDATE`)
		must(t, err)
		held.release()
		if report := tick.ended(t); report.Projected != 1 || report.Delayed != "" {
			t.Errorf("projected %d, delayed %q", report.Projected, report.Delayed)
		}
		if w.logs.FilterMessage("transaction lost to another").Len() == 0 {
			t.Error("there was no deadlock")
		}
		w.record(3, 3, 12)
		w.verify()
	})
}
