package rebuild_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"
	"go.uber.org/goleak"

	"github.com/skyledger/skyledger/internal/fault"
	"github.com/skyledger/skyledger/internal/provision/pgtest"
	"github.com/skyledger/skyledger/internal/rawlog"
	"github.com/skyledger/skyledger/internal/rebuild"
	"github.com/skyledger/skyledger/internal/store"
	"github.com/skyledger/skyledger/internal/verify"
	"github.com/skyledger/skyledger/internal/verify/verifytest"
)

func TestMain(m *testing.M) {
	pgtest.Main(m, func() error { return goleak.Find() })
}

func options(b *verifytest.Bench) rebuild.Options {
	return rebuild.Options{
		Log: b.Log, Places: b.Places(), DatabaseURL: b.URL, Source: verifytest.Source, Swap: true,
		SuspiciousTicks: verifytest.SuspiciousTicks,
	}
}

func run(t *testing.T, o rebuild.Options) rebuild.Report {
	t.Helper()
	report, err := rebuild.Run(t.Context(), o)
	must(t, err)
	return report
}

// dump returns every row of the active tables, but for what may differ.
func dump(t *testing.T, b *verifytest.Bench) map[string][]string {
	t.Helper()
	tables := map[string][]string{}
	for table, columns := range map[string]string{
		"head": "snapshot, held_since, held_count, pilot_count", "ticks": "*", "sessions": "*", "session_gaps": "*",
		"flight_plans": "*", "frequencies": "*", "atis_texts": "*", "stations": "*",
		"analysis": "snapshot", "analyzed": "*", "flights": "*", "flight_legs": "*", "flight_gaps": "*", "movements": "*",
		"airport_quarters": "*", "departure_hours": "*", "controller_duties": "*", "contacts": "*", "duty_ticks": "*", "staffed_hours": "*",
		"observed_hours": "*", "sector_ticks": "*", "sector_quarters": "*",
		"snapshots": "at, hour, received, bytes, hash, pilots, controllers, atis, prefiles, rejected, duplicates, drift, suspicious, held_since, held_count, pilot_count",
	} {
		rows, err := b.Conn.Query(t.Context(), fmt.Sprintf(`SELECT r::text FROM (SELECT %s FROM sky.%s) r ORDER BY 1`, columns, table))
		must(t, err)
		tables[table], err = pgx.CollectRows(rows, pgx.RowTo[string])
		must(t, err)
	}
	rows, err := b.Conn.Query(t.Context(), `SELECT p::text FROM skyledger.position p ORDER BY 1`)
	must(t, err)
	tables["position"], err = pgx.CollectRows(rows, pgx.RowTo[string])
	must(t, err)
	return tables
}

// holds checks the database with verify.
func holds(t *testing.T, b *verifytest.Bench) {
	t.Helper()
	report, err := verify.Run(t.Context(), verify.Options{Log: b.Log, URL: b.URL, Schema: store.DefaultSchema, Replay: b.Replay(t)})
	must(t, err)
	if !report.OK() {
		var text strings.Builder
		must(t, report.Print(&text))
		t.Errorf("after the rebuild:\n%s", &text)
	}
}

func schemas(t *testing.T, b *verifytest.Bench) []string {
	t.Helper()
	rows, err := b.Conn.Query(t.Context(), `SELECT nspname::text FROM pg_namespace WHERE nspname LIKE 'sky%' ORDER BY 1`)
	must(t, err)
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	must(t, err)
	return names
}

func TestRebuild(t *testing.T) {
	t.Parallel()
	t.Run("gives the tables that collecting gave", func(t *testing.T) {
		t.Parallel()
		b := verifytest.NewBench(t)
		b.Collect(t, verifytest.Story()...)
		b.Analyze(t)
		before := dump(t, b)
		report := run(t, options(b))
		if diff := cmp.Diff(before, dump(t, b)); diff != "" {
			t.Errorf("tables differ (-before +after):\n%s", diff)
		}
		want := rebuild.Report{Records: 18, Snapshots: 18, Rows: 293, Positions: 234, Analyzed: 18, ChunkedHours: 1, Swapped: true, Took: report.Took}
		if diff := cmp.Diff(want, report); diff != "" {
			t.Errorf("report differs (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff([]string{"sky", "skyledger"}, schemas(t, b)); diff != "" {
			t.Errorf("schemas (-want +got):\n%s", diff)
		}
		holds(t, b)
	})

	t.Run("heals whatever was damaged and keeps what was observed", func(t *testing.T) {
		t.Parallel()
		b := verifytest.NewBench(t)
		b.Collect(t, verifytest.Story()...)
		b.Analyze(t)
		missed := verifytest.At(5).Truncate(15 * time.Second)
		b.Exec(t, `UPDATE sky.ticks SET outcome = 3, reason = 'not_modified' WHERE tick = $1`, missed)
		before := dump(t, b)
		for _, damage := range []string{
			`DELETE FROM sky.sessions WHERE kind = 2`,
			`DELETE FROM sky.snapshots WHERE at < (SELECT snapshot - interval '2 min' FROM sky.head)`,
			`UPDATE sky.flight_plans SET remarks = 'Almab Bergb'`,
			`DELETE FROM sky.position_frames`,
			`UPDATE sky.head SET pilot_count = 9000, version = version + 70`,
			`DELETE FROM sky.flights`,
			`UPDATE sky.analysis SET version = version + 70`,
		} {
			b.Exec(t, damage)
		}
		run(t, options(b))
		if diff := cmp.Diff(before, dump(t, b)); diff != "" {
			t.Errorf("tables differ (-before +after):\n%s", diff)
		}
		holds(t, b)
	})

	t.Run("fills a database that is empty", func(t *testing.T) {
		t.Parallel()
		b := verifytest.NewBench(t)
		b.Append(t, verifytest.Story()...)
		b.Exec(t, `DROP SCHEMA sky CASCADE`)
		run(t, options(b))
		holds(t, b)
	})

	t.Run("fences a collector, which then goes on", func(t *testing.T) {
		t.Parallel()
		b := verifytest.NewBench(t)
		story := verifytest.Story()
		b.Collect(t, story[:12]...)
		before, err := b.Store.Head(t.Context())
		must(t, err)
		run(t, options(b))
		_, err = b.Store.Rewind(t.Context(), before.Version, verifytest.At(0))
		if fault.ReasonOf(err) != "fenced" {
			t.Errorf("a writer from before the swap gets %v", err)
		}
		b.Collect(t, story[12:]...)
		holds(t, b)
	})
}

func TestARebuildThatIsKilled(t *testing.T) {
	t.Parallel()
	b := verifytest.NewBench(t)
	b.Collect(t, verifytest.Story()...)
	b.Analyze(t)
	before := dump(t, b)
	ctx, cancel := context.WithCancel(t.Context())
	o := options(b)
	o.Progress = func(_ string, done, _ int) {
		if done == 7 {
			cancel()
		}
	}
	if _, err := rebuild.Run(ctx, o); !errors.Is(err, context.Canceled) {
		t.Fatalf("error = %v", err)
	}
	if diff := cmp.Diff(before, dump(t, b)); diff != "" {
		t.Errorf("the active tables changed (-before +after):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"sky", "sky_rebuild", "skyledger"}, schemas(t, b)); diff != "" {
		t.Errorf("schemas after the kill (-want +got):\n%s", diff)
	}
	run(t, options(b))
	if diff := cmp.Diff(before, dump(t, b)); diff != "" {
		t.Errorf("tables differ after the next run (-before +after):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"sky", "skyledger"}, schemas(t, b)); diff != "" {
		t.Errorf("schemas (-want +got):\n%s", diff)
	}
}

func TestWhatComesInMeanwhile(t *testing.T) {
	t.Parallel()
	b := verifytest.NewBench(t)
	story := verifytest.Story()
	late := story[3]
	b.Collect(t, append(append([]rawlog.Record{}, story[:3]...), story[4:12]...)...)
	o := options(b)
	o.Progress = func(step string, done, _ int) {
		switch fmt.Sprint(step, " ", done) {
		case "snapshots projected 5": // newer ones come, and one that the rebuild has passed
			b.Collect(t, story[12:15]...)
			b.Collect(t, late)
		case "snapshots projected 14":
			b.Collect(t, story[15:17]...)
		case "snapshots analysed 9":
			b.Collect(t, story[17:]...)
		}
	}
	report := run(t, o)
	if report.Late != 1 {
		t.Errorf("%d late snapshots, want 1", report.Late)
	}
	holds(t, b)

	straight := verifytest.NewBench(t)
	straight.Collect(t, story...)
	straight.Analyze(t)
	want, got := dump(t, straight), dump(t, b)
	delete(want, "ticks") // late once, received once
	delete(got, "ticks")
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("tables differ from those of a straight story (-want +got):\n%s", diff)
	}
}

func TestOneRebuildAtATime(t *testing.T) {
	t.Parallel()
	b := verifytest.NewBench(t)
	b.Collect(t, verifytest.Story()[:3]...)
	o := options(b)
	var second error
	o.Progress = func(string, int, int) { _, second = rebuild.Run(t.Context(), options(b)) }
	run(t, o)
	if fault.ReasonOf(second) != "rebuild_running" {
		t.Errorf("the second one gets %v", second)
	}
}

func TestALogThatBeginsLaterIsRefused(t *testing.T) {
	t.Parallel()
	b := verifytest.NewBench(t)
	b.Collect(t, verifytest.Story()...)
	before := dump(t, b)
	shorter := verifytest.NewBench(t)
	shorter.Append(t, verifytest.Story()[4:]...)
	o := options(b)
	o.Log = shorter.Log
	if _, err := rebuild.Run(t.Context(), o); fault.ReasonOf(err) != "log_begins_later" {
		t.Errorf("error = %v", err)
	}
	if diff := cmp.Diff(before, dump(t, b)); diff != "" {
		t.Errorf("the tables changed (-before +after):\n%s", diff)
	}
	// Retention leaves sessions that began before all snapshots left.
	b.Exec(t, `DELETE FROM sky.snapshots WHERE at < $1`, verifytest.At(4))
	if _, err := rebuild.Run(t.Context(), o); fault.ReasonOf(err) != "log_begins_later" {
		t.Errorf("with sessions alone that are older: error = %v", err)
	}
	o.LoseOlder = true
	if report := run(t, o); report.Snapshots != 14 {
		t.Errorf("%d snapshots, want 14", report.Snapshots)
	}
}

func TestRecordsThatAreNoSnapshots(t *testing.T) {
	t.Parallel()
	b := verifytest.NewBench(t)
	story := verifytest.Story()
	b.Append(t, story...)
	broken := verifytest.Record(5)
	broken.Network = broken.Network[:len(broken.Network)/2]
	b.Append(t, broken)
	if report := run(t, options(b)); report.Unreadable != 1 || report.Snapshots != len(story) {
		t.Errorf("report = %+v", report)
	}
	holds(t, b)
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
