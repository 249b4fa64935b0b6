package faulttest

import (
	"context"
	"database/sql"
	"fmt"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"
	_ "github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"go.uber.org/zap"

	"github.com/skyledger/skyledger/internal/advisor"
	"github.com/skyledger/skyledger/internal/cleanup"
	"github.com/skyledger/skyledger/internal/feedserver/scripted"
	"github.com/skyledger/skyledger/internal/provision/pgtest"
	"github.com/skyledger/skyledger/internal/resource"
	"github.com/skyledger/skyledger/internal/store"
	"github.com/skyledger/skyledger/internal/telemetry"
	"github.com/skyledger/skyledger/migrations"
)

func TestFloods(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.record(0, 0, 12)
	body := traffic(1, 12).body()
	start := body[:strings.Index(string(body), `"controllers"`)]
	k := 1
	for _, test := range []struct {
		sentence string
		step     scripted.Step
	}{
		{"100 MB without an end in sight", scripted.Spaces(start, 100<<20)},
		{"100 MB with their length", scripted.WrongLength(start, 100<<20)},
		{"a gzip bomb of 10 GB", scripted.GzipBomb(start, 10<<30)},
	} {
		t.Run("15: "+test.sentence+" is cut at the limit within 128 MB", func(t *testing.T) {
			w := w.in(t)
			w.always(test.step)
			said, _ := w.spawn(k, "", 0).wait()
			if said.Report.Outcome != store.Malformed || said.Report.Reason != "too_large" || said.Error != "" {
				t.Errorf("the tick is %s %q, error %q", said.Report.Outcome, said.Report.Reason, said.Error)
			}
			if !raceDetector && (said.PeakKB == 0 || said.PeakKB >= 128<<10) {
				t.Errorf("the process had %d kB at its peak", said.PeakKB)
			}
			t.Logf("the process had %d kB at its peak", said.PeakKB)
			w.feed.Always(networkPath, nil)
			w.record(k+1, k+1, 12)
			k += 2
		})
	}
	w.verify()
}

func TestConnections(t *testing.T) {
	t.Parallel()
	server := pgtest.Server(t, map[string]string{"max_connections": "10", "superuser_reserved_connections": "0", "max_wal_senders": "0"})
	t.Run("22: a database without a free connection delays ticks, and they resume by themselves", func(t *testing.T) {
		w := newWorld(t, onServer(databaseOn(t, server, "crowded")))
		w.record(0, 1, 12)
		w.stop()
		taken := []*pgx.Conn{}
		eventually(t, "every connection is taken", func() bool {
			conn, err := pgx.Connect(t.Context(), w.site.DatabaseURL)
			if err != nil {
				return len(taken) == 10
			}
			taken = append(taken, conn)
			return len(taken) == 10
		})
		w.start()
		for k := 2; k <= 4; k++ {
			if report := w.delayed(k, 12); report.Delayed != "too_many_connections" {
				t.Errorf("delayed for %q", report.Delayed)
			}
		}
		for _, conn := range taken {
			must(t, conn.Close(t.Context()))
		}
		eventually(t, "the ticks are projected", func() bool { return w.tick(4).Delayed == "" })
		w.record(5, 5, 12)
		w.verify()
	})
}

// cleaner returns the cleanup of a world.
func (w *world) cleaner(change func(*cleanup.Options)) *cleanup.Cleaner {
	options := cleanup.Options{
		Store: w.parts.store, Log: w.parts.log, Usage: resource.Keeper{Kept: w.parts.store},
		Advisor: advisor.New(w.parts.store, time.Now, zap.NewNop()), Clock: w.clock.Now, Logger: zap.NewNop(),
		Metrics:         telemetry.NewMetrics(zap.NewNop(), "cleanup", w.clock.Now),
		PartitionsAhead: 3, ChunkDelay: 10 * time.Minute, CompactDelay: 2 * time.Hour,
	}
	change(&options)
	return cleanup.New(options)
}

const partitionsSQL = `SELECT c.relname::text FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid WHERE i.inhparent = 'position_chunks'::regclass ORDER BY 1`

func TestPartitions(t *testing.T) {
	t.Parallel()
	scenario(t, 25, "cleanup makes partitions ahead, and none takes what no other does", func(t *testing.T) {
		w := newWorld(t)
		w.record(0, 1, 12)
		_, err := w.cleaner(func(*cleanup.Options) {}).Run(t.Context())
		must(t, err)
		want := []string{"position_chunks_20260301", "position_chunks_20260302", "position_chunks_20260303", "position_chunks_20260304"}
		if diff := cmp.Diff(want, query(t, w.site.DatabaseURL, pgx.RowTo[string], partitionsSQL)); diff != "" {
			t.Error(diff)
		}
		if n := one[int](t, w.site.DatabaseURL, `SELECT count(*)::int FROM pg_partitioned_table WHERE partdefid <> 0`); n != 0 {
			t.Error("there is a default partition, which fills silently")
		}
		w.verify()
	})

	scenario(t, 25, "an hour whose partition is missing makes it on demand", func(t *testing.T) {
		w := newWorld(t)
		w.record(0, 3, 12)
		w.record(240, 241, 12)
		if before := query(t, w.site.DatabaseURL, pgx.RowTo[string], partitionsSQL); len(before) != 0 {
			t.Fatalf("there are partitions already: %v", before)
		}
		must(t, w.parts.store.ChunkHour(t.Context(), base))
		if diff := cmp.Diff([]string{"position_chunks_20260301"}, query(t, w.site.DatabaseURL, pgx.RowTo[string], partitionsSQL)); diff != "" {
			t.Error(diff)
		}
		if n := one[int](t, w.site.DatabaseURL, `SELECT count(*)::int FROM position_frames WHERE at < $1`, base.Add(time.Hour)); n != 0 {
			t.Errorf("%d frames are left of the hour", n)
		}
		w.verify()
	})
}

func TestRetention(t *testing.T) {
	t.Parallel()
	scenario(t, 26, "retention beside ticks and readers removes nothing newer than the cut", func(t *testing.T) {
		w := newWorld(t)
		const aDay = 24 * 240
		for _, day := range []int{0, 1, 2, 3} {
			w.record(day*aDay, day*aDay+2, 12)
		}
		// A reader of all positions goes on and on, as does cleanup.
		ctx, cancel := context.WithCancel(t.Context())
		var runs, reads atomic.Int64
		reading, cleaning := make(chan error, 1), make(chan error, 1)
		go func() { reading <- readOn(ctx, w.site.DatabaseURL, &reads) }()
		cleaner := w.cleaner(func(o *cleanup.Options) {
			o.RetainPositions, o.RetainHistory, o.RetainLog = 30*time.Hour, 54*time.Hour, 54*time.Hour
		})
		go func() {
			for ctx.Err() == nil {
				if _, err := cleaner.Run(context.WithoutCancel(ctx)); err != nil && !strings.Contains(err.Error(), "locked") {
					cleaning <- err
					return
				}
				runs.Add(1)
			}
			cleaning <- nil
		}()
		last := 3*aDay + 3
		eventually(t, "cleanup and reader have run beside some ticks", func() bool {
			w.serve(traffic(last, 12))
			if report := w.expect(last, store.Received, ""); report.Projected != 1 {
				t.Errorf("tick %d projected %d", last, report.Projected)
			}
			last++
			return runs.Load() >= 5 && reads.Load() >= 5
		})
		cancel()
		must(t, <-reading)
		must(t, <-cleaning)
		_, err := cleaner.Run(t.Context())
		must(t, err)

		newest := stampOf(last - 1)
		positions, history := newest.Add(-30*time.Hour), newest.Add(-54*time.Hour)
		for at := range w.served {
			if at.Before(history.Truncate(24 * time.Hour)) {
				delete(w.served, at) // may be gone, and must be: see below
			}
		}
		if n := one[int](t, w.site.DatabaseURL, `SELECT count(*)::int FROM snapshots WHERE at < $1`, history.Truncate(24*time.Hour)); n != 0 {
			t.Errorf("%d snapshots are older than the cut's day", n)
		}
		w.checkSnapshots()
		w.checkLedger()
		for _, s := range w.inOrder() {
			got := one[int](t, w.site.DatabaseURL, `SELECT count(*)::int FROM skyledger.position WHERE time = $1`, s.key())
			switch want := len(flightsOf(s)); {
			case s.at.Before(positions.Truncate(24 * time.Hour)):
				if got != 0 {
					t.Errorf("%s, older than the cut's day, has %d positions", s.key(), got)
				}
			case got != want:
				t.Errorf("%s, newer than the cut, has %d positions of %d", s.key(), got, want)
			}
		}
		for _, s := range w.inOrder() {
			if s.at.Before(history) {
				continue
			}
			if _, err := w.parts.log.Get(t.Context(), s.key()); err != nil {
				t.Errorf("the log lost %s: %v", s.key(), err)
			}
		}
		w.stop()
		w.checkRetained(30*time.Hour, 54*time.Hour)
	})

	scenario(t, 26, "what retention leaves in the database is what the whole log says", func(t *testing.T) {
		w := newWorld(t)
		const aDay = 24 * 240
		for _, day := range []int{0, 1, 2, 3} {
			w.record(day*aDay, day*aDay+2, 12)
		}
		_, err := w.cleaner(func(o *cleanup.Options) { o.RetainPositions, o.RetainHistory = 30*time.Hour, 30*time.Hour }).Run(t.Context())
		must(t, err)
		w.stop()
		if n := one[int](t, w.site.DatabaseURL, `SELECT count(*)::int FROM snapshots`); n != 6 {
			t.Errorf("%d snapshots are left, want those of 2 days", n)
		}
		w.checkRetained(30*time.Hour, 30*time.Hour)
	})
}

// readOn reads every position in long transactions until the context ends.
func readOn(ctx context.Context, address string, reads *atomic.Int64) error {
	background := context.Background()
	conn, err := pgx.Connect(background, address)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(background) }()
	for ctx.Err() == nil {
		var n int
		if err := conn.QueryRow(background, `SELECT count(*) FROM skyledger.position`).Scan(&n); err != nil {
			return err
		}
		reads.Add(1)
	}
	return nil
}

func TestPassword(t *testing.T) {
	t.Parallel()
	server := pgtest.Server(t)
	t.Run("33: a password that changes during the run is read again once, and ticks go on", func(t *testing.T) {
		ctx := t.Context()
		must(t, server.EnsureDatabase(ctx, "rotated"))
		executeAt(t, server.URL("postgres"), `CREATE ROLE collector SUPERUSER LOGIN PASSWORD 'first'`)
		address, err := url.Parse(server.URL("rotated"))
		must(t, err)
		address.User = url.UserPassword("collector", "first")
		must(t, store.Migrate(ctx, address.String(), store.DefaultSchema, source))

		var password atomic.Value
		password.Store("first")
		var reads atomic.Int64
		address.User = url.User("collector")
		w := newWorld(t, onServer(address.String()), with(func(s *site) {
			s.password = func(context.Context) (string, error) {
				reads.Add(1)
				return password.Load().(string), nil
			}
		}))
		w.record(0, 1, 12)
		password.Store("second")
		executeAt(t, server.URL("rotated"), `ALTER ROLE collector PASSWORD 'second'`, terminateSQL)
		before := reads.Load()
		w.serve(traffic(2, 12))
		w.tick(2) // may be delayed: its connection was ended
		w.serve(traffic(3, 12))
		if report := w.tick(3); report.Delayed != "" {
			t.Errorf("delayed for %q", report.Delayed)
		}
		w.record(4, 5, 12)
		if n := reads.Load() - before; n != 1 {
			t.Errorf("the password was read %d times after it changed, want once", n)
		}
		w.stop()
		w.site.DatabaseURL = server.URL("rotated")
		executeAt(t, server.URL("rotated"), `ALTER ROLE skyledger IN DATABASE rotated SET search_path = sky, skyledger, public`)
		w.site.password = nil
		w.verify()
	})
}

func TestMigrations(t *testing.T) {
	t.Parallel()
	scenario(t, 34, "a database without tables delays ticks and says so, until somebody migrates", func(t *testing.T) {
		w := newWorld(t, onServer(pgtest.New(t).URL))
		for k := range 2 {
			if report := w.delayed(k, 12); report.Delayed != "schema_missing" {
				t.Errorf("delayed for %q", report.Delayed)
			}
		}
		must(t, store.Migrate(t.Context(), w.site.DatabaseURL, store.DefaultSchema, source))
		w.serve(traffic(2, 12))
		if report := w.tick(2); report.Projected != 3 {
			t.Errorf("projected %d, delayed %q; want 3", report.Projected, report.Delayed)
		}
		w.verify()
	})

	scenario(t, 34, "a schema that is half migrated is refused by its version, and works once it is whole", func(t *testing.T) {
		address := pgtest.New(t).URL
		migrateHalf(t, address)
		w := newWorld(t, onServer(address))
		if report := w.delayed(0, 12); report.Delayed != "schema_outdated" {
			t.Errorf("delayed for %q", report.Delayed)
		}
		must(t, store.Migrate(t.Context(), address, store.DefaultSchema, source))
		w.serve(traffic(1, 12))
		if report := w.tick(1); report.Projected != 2 {
			t.Errorf("projected %d, delayed %q; want 2", report.Projected, report.Delayed)
		}
		w.verify()
	})

	scenario(t, 34, "a second migration waits for the first, and ticks go on meanwhile", func(t *testing.T) {
		w := newWorld(t)
		w.record(0, 1, 12)
		held := w.lock(`SELECT pg_advisory_xact_lock(7590001, 0)`)
		migrated := make(chan error, 1)
		go func() {
			migrated <- store.Migrate(context.Background(), w.site.DatabaseURL, store.DefaultSchema, source)
		}()
		eventually(t, "the migration waits", func() bool {
			return one[int](t, w.site.DatabaseURL, `SELECT count(*)::int FROM pg_stat_activity
				WHERE datname = current_database() AND application_name = 'skyledger migrate' AND wait_event_type = 'Lock'`) == 1
		})
		w.record(2, 3, 12)
		select {
		case err := <-migrated:
			t.Errorf("it did not wait: %v", err)
		default:
		}
		held.release()
		must(t, <-migrated)
		w.record(4, 4, 12)
		w.verify()
	})

	scenario(t, 34, "a schema newer than the program works", func(t *testing.T) {
		w := newWorld(t)
		w.record(0, 1, 12)
		w.execute(`INSERT INTO schema_version (version_id, is_applied) VALUES (9999, true)`,
			`ALTER TABLE snapshots ADD COLUMN mood text NOT NULL DEFAULT 'fine'`, `ALTER TABLE sessions ADD COLUMN mood text`,
			`CREATE INDEX sessions_mood ON sessions (mood)`)
		w.restart()
		w.record(2, 4, 12)
		w.verify()
	})

	scenario(t, 34, "a database of another source is refused", func(t *testing.T) {
		w := newWorld(t)
		w.execute(`UPDATE source SET name = 'somebody else'`)
		w.serve(traffic(0, 12))
		w.clock.set(tickAt(0).Add(fetchedAfter))
		report, err := w.parts.recorder.Tick(t.Context(), tickAt(0))
		if report.Projected != 0 || err == nil && report.Delayed != "other_source" {
			t.Errorf("projected %d, delayed %q, error %v", report.Projected, report.Delayed, err)
		}
	})
}

// migrateHalf applies all migrations but the last one, as a deploy that died.
func migrateHalf(t *testing.T, address string) {
	t.Helper()
	executeAt(t, address, `CREATE SCHEMA sky`)
	parsed, err := url.Parse(address)
	must(t, err)
	parameters := parsed.Query()
	parameters.Set("search_path", "sky")
	parsed.RawQuery = parameters.Encode()
	db, err := sql.Open("pgx", parsed.String())
	must(t, err)
	defer func() { _ = db.Close() }()
	provider, err := goose.NewProvider(goose.DialectPostgres, db, migrations.Tables(), goose.WithTableName("schema_version"), goose.WithDisableGlobalRegistry(true))
	must(t, err)
	sources := provider.ListSources()
	_, err = provider.UpTo(t.Context(), sources[len(sources)-2].Version)
	must(t, err)
	name := one[string](t, address, `SELECT current_database()`)
	executeAt(t, address, fmt.Sprintf(`ALTER ROLE CURRENT_USER IN DATABASE %s SET search_path = sky, skyledger, public`, name))
}
