package verify_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/skyledger/skyledger/internal/provision/pgtest"
	"github.com/skyledger/skyledger/internal/rebuild"
	"github.com/skyledger/skyledger/internal/verify"
	"github.com/skyledger/skyledger/internal/verify/verifytest"
)

func TestMain(m *testing.M) {
	pgtest.Main(m, func() error { return goleak.Find() })
}

func options(b *verifytest.Bench) verify.Options {
	return verify.Options{Log: b.Log, URL: b.URL, Schema: "sky", Source: verifytest.Source}
}

// whole are options that check everything.
func whole(t *testing.T, b *verifytest.Bench) verify.Options {
	o := options(b)
	o.Replay = b.Replay(t)
	o.Rebuild = recompute(b)
	return o
}

func recompute(b *verifytest.Bench) func(ctx context.Context, schema string, through, analyzed time.Time) error {
	return func(ctx context.Context, schema string, through, analyzed time.Time) error {
		_, err := rebuild.Run(ctx, rebuild.Options{
			Log: b.Log, Places: b.Places(), DatabaseURL: b.URL, Source: verifytest.Source, FreshSchema: schema,
			Through: through, AnalyzeThrough: analyzed,
			SuspiciousTicks: verifytest.SuspiciousTicks,
		})
		return err
	}
}

func run(t *testing.T, o verify.Options) verify.Report {
	t.Helper()
	report, err := verify.Run(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	return report
}

func text(t *testing.T, report verify.Report) string {
	t.Helper()
	var out strings.Builder
	if err := report.Print(&out); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func TestTheStoryHolds(t *testing.T) {
	t.Parallel()
	t.Run("every check holds on frames", func(t *testing.T) {
		t.Parallel()
		b := verifytest.NewBench(t)
		b.Collect(t, verifytest.Story()...)
		report := run(t, whole(t, b))
		t.Log("\n" + text(t, report))
		for _, line := range report.Lines {
			if line.Status != verify.OK {
				t.Errorf("%s is %s", line.Name, line.Status)
			}
		}
		if got, want := report.Line("I1").Summary, "18 of 18 snapshots of the log projected exactly once"; got != want {
			t.Errorf("I1 says %q, want %q", got, want)
		}
	})

	t.Run("every check holds on chunks, and after a late snapshot", func(t *testing.T) {
		t.Parallel()
		b := verifytest.NewBench(t)
		story := verifytest.Story()
		late := story[4]
		b.Collect(t, append(append(story[:4:4], story[5:8]...), late)...)
		b.Collect(t, story[8:]...)
		must(t, b.Store.ChunkHour(t.Context(), verifytest.Start()))
		report := run(t, whole(t, b))
		if !report.OK() {
			t.Errorf("\n%s", text(t, report))
		}
	})

	t.Run("every check holds while a suspicious snapshot is held", func(t *testing.T) {
		t.Parallel()
		b := verifytest.NewBench(t)
		b.Collect(t, verifytest.Story()[:8]...) // up to tick 9, which has no pilots
		report := run(t, whole(t, b))
		if !report.OK() {
			t.Errorf("\n%s", text(t, report))
		}
		if summary := report.Line("I4").Summary; !strings.HasSuffix(summary, "and 15 held") {
			t.Errorf("I4 says %q, want 15 held", summary)
		}
	})

	t.Run("a range and a retention bound what is checked", func(t *testing.T) {
		t.Parallel()
		b := verifytest.NewBench(t)
		b.Collect(t, verifytest.Story()...)
		b.Exec(t, `DELETE FROM sky.snapshots WHERE at < $1`, verifytest.At(2))
		b.Exec(t, `DELETE FROM sky.position_frames WHERE at < $1`, verifytest.At(8))
		o := whole(t, b)
		o.RetainHistory = verifytest.At(verifytest.Length - 1).Sub(verifytest.At(2))
		o.RetainPositions = verifytest.At(verifytest.Length - 1).Sub(verifytest.At(8))
		if report := run(t, o); !report.OK() {
			t.Errorf("\n%s", text(t, report))
		}
	})
}

func TestDamageIsFound(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name    string
		chunked bool
		damage  string // one statement, or several
		want    string
	}{
		{"a snapshot that is not in the database", false,
			`DELETE FROM sky.snapshots WHERE at = (SELECT max(at) FROM sky.snapshots WHERE at < (SELECT snapshot FROM sky.head))`, "I1"},
		{"a snapshot that is not in the log", false,
			`INSERT INTO sky.snapshots (at, hour, received, bytes, hash, clients, unique_users, pilots, controllers, atis, prefiles, rejected, duplicates, drift, suspicious, held_count, pilot_count)
			 SELECT at + interval '7 s', hour, received, bytes, hash, clients, unique_users, pilots, controllers, atis, prefiles, rejected, duplicates, drift, suspicious, held_count, pilot_count
			 FROM sky.snapshots ORDER BY at LIMIT 1`, "I1"},
		{"another hash", false, `UPDATE sky.snapshots SET hash = '\x00' WHERE at = (SELECT min(at) FROM sky.snapshots)`, "I1"},
		{"a rejected row that is not counted", false,
			`UPDATE sky.snapshots SET rejected = rejected - 'pilot.latitude_range' WHERE at = (SELECT min(at) FROM sky.snapshots)`, "I2"},
		{"a duplicate that is not counted", false,
			`UPDATE sky.snapshots SET duplicates = '{}' WHERE at = (SELECT min(at) FROM sky.snapshots)`, "I2"},
		{"a gap that is forgotten", false, `DELETE FROM sky.session_gaps WHERE session_id = (SELECT id FROM sky.sessions WHERE cid = 1000003 AND kind = 1)`, "I2"},
		{"a session too many", false,
			`INSERT INTO sky.sessions SELECT id + 1, kind, cid, callsign || 'X', logon_time, first_seen, first_seen + interval '1 min', absent_since,
				server, facility, rating, visual_range, pilot_rating, military_rating FROM sky.sessions WHERE kind = 2 AND facility = 4`, "I2"},
		{"a controller that ended too early", false,
			`UPDATE sky.sessions SET last_seen = (SELECT max(at) FROM sky.snapshots WHERE at < (SELECT snapshot FROM sky.head)) WHERE kind = 2 AND facility = 4`, "I2 I4"},
		{"a position that moved in a frame", false,
			`UPDATE sky.position_frames SET latitude[3] = latitude[3] + 1 WHERE at = (SELECT min(at) FROM sky.position_frames)`, "I3"},
		{"an altitude that changed in a chunk", true,
			`UPDATE sky.position_chunks SET altitude[1] = altitude[1] + 1 WHERE session_id = (SELECT min(session_id) FROM sky.position_chunks)`, "I3"},
		{"a frame that is lost", false, `DELETE FROM sky.position_frames WHERE at = (SELECT min(at) FROM sky.position_frames)`, "I2 I3"},
		{"a session open twice", false,
			`ALTER TABLE sky.sessions DROP CONSTRAINT sessions_key;
			 INSERT INTO sky.sessions SELECT id + 1, kind, cid, callsign, logon_time, first_seen, last_seen, absent_since,
				server, facility, rating, visual_range, pilot_rating, military_rating FROM sky.sessions WHERE kind = 3`, "I2 I4 R1"},
		{"a session open that is gone", false,
			`UPDATE sky.sessions SET last_seen = NULL WHERE kind = 4`, "I2 I4"},
		{"a tick that has no row", false, `DELETE FROM sky.ticks WHERE tick = (SELECT min(tick) + interval '75 s' FROM sky.ticks)`, "I5"},
		{"the last tick that has no row", false, `DELETE FROM sky.ticks WHERE tick = (SELECT max(tick) FROM sky.ticks)`, "I5"},
		{"a missed tick without a reason", false, `UPDATE sky.ticks SET reason = '' WHERE outcome = 1`, "I5"},
		{"a tick received that is called missing", false,
			`UPDATE sky.ticks SET outcome = 1, reason = 'timeout' WHERE tick = (SELECT min(tick) + interval '30 s' FROM sky.ticks)`, "I5"},
		{"a plan to another airport", false, `UPDATE sky.flight_plans SET arrival = 'EDDF' WHERE arrival = 'EHAM'`, "R1"},
		{"a plan with another route", false, `UPDATE sky.flight_plans SET route = 'DCT' WHERE route = 'DET L6 DVR 7'`, "R1"},
		{"a plan that is lost", false, `DELETE FROM sky.flight_plans WHERE route = 'DET L6 DVR 7'`, "R1"},
		{"a frequency that is off", false, `UPDATE sky.frequencies SET frequency = frequency + 5 WHERE frequency = 118700`, "R1"},
		{"an ATIS text that changed", false, `UPDATE sky.atis_texts SET text = text || '.' WHERE code = 'L'`, "R1"},
		{"a name in remarks", false, `UPDATE sky.flight_plans SET remarks = 'RMK/Almad__BERGD' WHERE route = 'DET L6 DVR 3'`, "P1"},
		{"a name in a count of oddities", false, `UPDATE sky.snapshots SET drift = '{"Cora Dahl": 1}' WHERE at = (SELECT min(at) FROM sky.snapshots)`, "P1"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			b := verifytest.NewBench(t)
			b.Collect(t, verifytest.Story()...)
			if test.chunked {
				must(t, b.Store.ChunkHour(t.Context(), verifytest.Start()))
			}
			b.Exec(t, test.damage)
			report := run(t, options(b))
			if got := strings.Join(report.Failed(), " "); got != test.want {
				t.Errorf("failed %q, want %q\n%s", got, test.want, text(t, report))
			}
		})
	}
}

func TestDerivedTablesThatDifferAreFound(t *testing.T) {
	t.Parallel()
	for name, damage := range map[string]string{
		"sessions":        `UPDATE sky.sessions SET server = 'UK' WHERE cid = 1000003`,
		"stations":        `UPDATE sky.stations SET height_msl = 99`,
		"snapshots":       `UPDATE sky.snapshots SET drift = '{"x": 1}' WHERE at = (SELECT min(at) FROM sky.snapshots)`,
		"positions":       `UPDATE sky.position_frames SET squawk[1] = 7500 WHERE at = (SELECT max(at) FROM sky.position_frames)`,
		"session_gaps":    `INSERT INTO sky.session_gaps SELECT 7, first_seen, first_seen + interval '1 min' FROM sky.sessions LIMIT 1`,
		"flight_plans":    `UPDATE sky.flight_plans SET remarks = ''`,
		"position_frames": `INSERT INTO sky.position_frames SELECT at + interval '1 s', session_id, latitude, longitude, altitude, groundspeed, heading, squawk FROM sky.position_frames LIMIT 1`,
	} {
		t.Run("in "+name, func(t *testing.T) {
			t.Parallel()
			b := verifytest.NewBench(t)
			b.Collect(t, verifytest.Story()...)
			b.Exec(t, damage)
			o := options(b)
			o.Rebuild = recompute(b)
			report := run(t, o)
			if diff := cmp.Diff([]string{"I7"}, report.Failed()); diff != "" {
				t.Errorf("failed (-want +got):\n%s\n%s", diff, text(t, report))
			}
			var left int
			must(t, b.Conn.QueryRow(t.Context(), `SELECT count(*) FROM pg_namespace WHERE nspname LIKE 'sky\_%'`).Scan(&left))
			if left != 0 {
				t.Errorf("%d schemas were left", left)
			}
		})
	}
}

func TestAReplayThatWritesIsFound(t *testing.T) {
	t.Parallel()
	b := verifytest.NewBench(t)
	b.Collect(t, verifytest.Story()...)
	o := options(b)
	o.Replay = func(context.Context, time.Time) error {
		// The values stay the same; the row is written all the same.
		b.Exec(t, `UPDATE sky.sessions SET server = server WHERE kind = 3`)
		return nil
	}
	report := run(t, o)
	if diff := cmp.Diff([]string{"I6"}, report.Failed()); diff != "" {
		t.Errorf("failed (-want +got):\n%s\n%s", diff, text(t, report))
	}
	if !strings.Contains(text(t, report), "table sessions was written") {
		t.Errorf("the table is not named:\n%s", text(t, report))
	}
}

func TestWhatTheLogHasBeyondTheDatabaseIsFound(t *testing.T) {
	t.Parallel()
	b := verifytest.NewBench(t)
	story := verifytest.Story()
	b.Collect(t, story[:len(story)-1]...)
	b.Append(t, story[len(story)-1])
	report := run(t, options(b))
	if line := report.Line("I1"); line.Status != verify.Failed || line.Violations != 1 {
		t.Errorf("I1 is %+v", line)
	}
}

func TestADatabaseOfAnotherSourceIsRefused(t *testing.T) {
	t.Parallel()
	b := verifytest.NewBench(t)
	b.Collect(t, verifytest.Story()[:1]...)
	o := options(b)
	o.Source = "live"
	if _, err := verify.Run(t.Context(), o); err == nil || !strings.Contains(err.Error(), "other_source") {
		t.Errorf("error = %v", err)
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
