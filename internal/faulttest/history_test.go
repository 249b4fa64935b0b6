package faulttest

import (
	"net/http"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"github.com/skyledger/skyledger/internal/feedserver/scripted"
	"github.com/skyledger/skyledger/internal/store"
	"github.com/skyledger/skyledger/internal/vatsim"
)

func TestOlderSnapshots(t *testing.T) {
	t.Parallel()
	scenario(t, 3, "a snapshot that comes late is put into its place and reopens nobody", func(t *testing.T) {
		w := newWorld(t)
		w.serve(traffic(0, 12, pilot(1, 0)))
		w.expect(0, store.Received, "")
		late := traffic(1, 12, pilot(1, 1), pilot(2, 1))
		w.play(scripted.Status(http.StatusBadGateway), scripted.Status(http.StatusBadGateway))
		w.expect(1, store.Missing, "http_502")
		w.record(2, 3, 12)
		w.serve(late)
		w.expect(4, store.Late, "")
		w.record(5, 6, 12)
		if n := one[int](t, w.site.DatabaseURL, `SELECT count(*)::int FROM skyledger.pilot_session WHERE cid IN (1, 2) AND (online OR last_seen <> $1)`, late.key()); n > 0 {
			t.Errorf("%d sessions were not closed at the late snapshot", n)
		}
		if diff := cmp.Diff([]string{"received", "missing http_502", "received", "received", "late", "received", "received"}, w.ledger()); diff != "" {
			t.Error(diff)
		}
		w.verify()
	})

	scenario(t, 3, "an older snapshot that is known changes nothing", func(t *testing.T) {
		w := newWorld(t)
		w.record(0, 3, 12)
		w.serve(traffic(1, 12))
		w.expect(4, store.Unchanged, "same_snapshot")
		w.record(5, 5, 12)
		w.verify()
	})

	scenario(t, 3, "several late ones, out of order, end in the same history", func(t *testing.T) {
		w := newWorld(t)
		w.record(0, 1, 120)
		w.record(6, 6, 120)
		for i, k := range []int{4, 2, 5, 3} {
			w.serve(traffic(k, 120))
			w.expect(7+i, store.Late, "")
		}
		w.record(11, 12, 120)
		w.verify()
	})

	scenario(t, 3, "one that is older than all others becomes the first", func(t *testing.T) {
		w := newWorld(t)
		w.record(1, 2, 12)
		w.serve(traffic(0, 12, pilot(1, 0)))
		w.expect(3, store.Late, "")
		w.record(4, 4, 12)
		w.verify()
	})

	scenario(t, 3, "one that is too old to be put into its place is left to a rebuild, and the ledger says so", func(t *testing.T) {
		w := newWorld(t, with(func(s *site) { s.RewindLimit = 3 }))
		w.record(0, 0, 12)
		w.record(2, 6, 12)
		left := traffic(1, 12)
		w.play(scripted.JSON(left.body()))
		report := w.expect(7, store.Late, "left_to_rebuild")
		if report.LateLeft != 1 {
			t.Errorf("%d left", report.LateLeft)
		}
		w.record(8, 9, 12)
		w.checkSnapshots()
		w.checkPositions()
		w.checkPresence()
		w.checkLedger()
		w.served[left.key()] = left
		w.checkLog()
	})

	scenario(t, 3, "one of hours ago is left to a rebuild, and the ledger says so", func(t *testing.T) {
		w := newWorld(t)
		w.record(1000, 1001, 12)
		left := traffic(1, 12)
		w.play(scripted.JSON(left.body()))
		w.expect(1002, store.Late, "left_to_rebuild")
		w.record(1003, 1004, 12)
		w.checkSnapshots()
		w.checkPositions()
		w.checkPresence()
		w.checkLedger()
		w.served[left.key()] = left
		w.checkLog()
	})
}

func TestSuddenLoss(t *testing.T) {
	t.Parallel()
	scenario(t, 9, "pilots that vanish for three snapshots were never gone", func(t *testing.T) {
		w := newWorld(t)
		w.record(0, 1, 60)
		for k := 2; k <= 4; k++ {
			w.serve(newSnapshot(stampOf(k)))
			w.expect(k, store.Received, "suspicious")
			if open := w.openPilots(); open != 60 {
				t.Errorf("tick %d: %d sessions open, want 60", k, open)
			}
		}
		w.record(5, 6, 60)
		if n := one[int](t, w.site.DatabaseURL, `SELECT count(*)::int FROM snapshots WHERE suspicious`); n != 3 {
			t.Errorf("%d snapshots are marked suspicious, want 3", n)
		}
		w.verify()
	})

	scenario(t, 9, "a loss of nine tenths is believed at the fourth snapshot", func(t *testing.T) {
		w := newWorld(t)
		w.record(0, 1, 60)
		for k := 2; k <= 4; k++ {
			w.serve(traffic(k, 5))
			w.expect(k, store.Received, "suspicious")
		}
		w.restart() // a cold start in between must not forget
		w.serve(traffic(5, 5))
		w.expect(5, store.Received, "")
		if open := w.openPilots(); open != 5 {
			t.Errorf("%d sessions open, want 5", open)
		}
		w.record(6, 7, 5)
		w.verify()
	})

	scenario(t, 9, "a late snapshot in the middle of a suspicious run keeps it right", func(t *testing.T) {
		w := newWorld(t)
		w.record(0, 1, 60)
		for _, k := range []int{2, 4} {
			w.serve(traffic(k, 3))
			w.expect(k, store.Received, "suspicious")
		}
		w.serve(traffic(3, 60))
		w.expect(5, store.Late, "")
		w.record(6, 7, 60)
		w.verify()
	})
}

func (w *world) openPilots() int {
	w.t.Helper()
	return one[int](w.t, w.site.DatabaseURL, `SELECT count(*)::int FROM skyledger.pilot_session WHERE online`)
}

func TestClocks(t *testing.T) {
	t.Parallel()
	scenario(t, 16, "a feed an hour ahead is stored with its own time, and then put into order", func(t *testing.T) {
		w := newWorld(t)
		w.record(0, 1, 12)
		w.serve(traffic(242, 12)) // served in tick 2
		w.expect(2, store.Received, "")
		if lag := w.parts.metrics.Last()["lag_s"]; lag > -3500 {
			t.Errorf("the skew metric is %g s", lag)
		}
		w.serve(traffic(3, 12))
		w.expect(3, store.Late, "")
		w.serve(traffic(4, 12))
		w.expect(4, store.Late, "")
		w.verify()
	})

	scenario(t, 16, "a feed an hour behind is stored with its own time", func(t *testing.T) {
		w := newWorld(t)
		w.record(240, 241, 12)
		w.serve(traffic(2, 12)) // served in tick 242
		w.expect(242, store.Late, "")
		if lag := w.parts.metrics.Last()["lag_s"]; lag < 3500 {
			t.Errorf("the skew metric is %g s", lag)
		}
		w.record(243, 244, 12)
		w.verify()
	})

	scenario(t, 16, "our clock may jump: ticks it makes too old say so, and nothing has a negative duration", func(t *testing.T) {
		w := newWorld(t)
		w.record(0, 1, 12)
		w.clock.set(tickAt(2).Add(time.Hour))
		report, err := w.parts.recorder.Tick(t.Context(), tickAt(2))
		must(t, err)
		if report.Outcome != store.Missing || report.Reason != "expired" {
			t.Errorf("the tick is %s %q", report.Outcome, report.Reason)
		}
		w.record(3, 3, 12)
		w.clock.set(tickAt(4).Add(-time.Hour))
		w.serve(traffic(4, 12))
		report, err = w.parts.recorder.Tick(t.Context(), tickAt(4))
		must(t, err)
		if report.Outcome != store.Received {
			t.Errorf("the tick is %s %q", report.Outcome, report.Reason)
		}
		w.record(5, 6, 12)
		w.verify()
	})

	scenario(t, 16, "the night in which the database's zone changes to summer time is a night like any other", func(t *testing.T) {
		w := newWorld(t)
		w.execute(`ALTER DATABASE ` + one[string](t, w.site.DatabaseURL, `SELECT current_database()`) + ` SET timezone = 'America/New_York'`)
		w.restart()
		change := time.Date(2026, 3, 8, 7, 0, 0, 0, time.UTC) // 2 o'clock becomes 3 o'clock
		first := int(change.Sub(base) / tickLength)
		w.record(first-4, first+4, 12)
		w.record(first+240, first+241, 12)
		for _, hour := range []time.Time{change.Add(-time.Hour), change} {
			must(t, w.parts.store.ChunkHour(t.Context(), hour))
		}
		if diff := cmp.Diff([]string{"position_chunks_20260308"}, query(t, w.site.DatabaseURL, pgx.RowTo[string], partitionsSQL)); diff != "" {
			t.Error(diff)
		}
		w.verify()
	})
}

func TestMembers(t *testing.T) {
	t.Parallel()
	scenario(t, 17, "a frequency of 199.998 for a tick or two is no change and ends nothing", func(t *testing.T) {
		w := newWorld(t)
		for k, frequency := range []string{"199.998", "199.998", "118.700", "199.998", "118.700", "121.900", "199.998"} {
			w.serve(traffic(k, 12, controller(5, "EDDF_TWR", frequency)))
			w.expect(k, store.Received, "")
		}
		got := query(t, w.site.DatabaseURL, pgx.RowTo[int], `SELECT frequency_khz FROM skyledger.frequency WHERE cid = 5 ORDER BY since`)
		if diff := cmp.Diff([]int{118700, 121900}, got); diff != "" {
			t.Error(diff)
		}
		if n := one[int](t, w.site.DatabaseURL, `SELECT count(*)::int FROM skyledger.controller_session WHERE cid = 5 AND online`); n != 1 {
			t.Errorf("%d open sessions", n)
		}
		w.verify()
	})

	scenario(t, 18, "who reconnects under a new logon has a new session, and the old one ends", func(t *testing.T) {
		w := newWorld(t)
		again := tickAt(4)
		for k := range 10 {
			var rows []*row
			switch {
			case k < 3:
				rows = append(rows, pilot(5, k))
			case k >= 6: // gone for 45 s
				rows = append(rows, pilot(5, k).loggedOn(again))
			}
			w.serve(traffic(k, 12, rows...))
			w.expect(k, store.Received, "")
		}
		got := query(t, w.site.DatabaseURL, pgx.RowTo[string],
			`SELECT first_seen::text || ' ' || last_seen::text || ' ' || online FROM skyledger.pilot_session WHERE cid = 5 ORDER BY first_seen`)
		want := []string{span(0, 2) + " false", span(6, 9) + " true"}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
		w.verify()
	})

	scenario(t, 18, "who drops out and returns with the same logon has one session with a gap", func(t *testing.T) {
		w := newWorld(t)
		for k := range 8 {
			var rows []*row
			if k < 3 || k > 5 {
				rows = append(rows, pilot(5, k))
			}
			w.serve(traffic(k, 12, rows...))
			w.expect(k, store.Received, "")
		}
		got := query(t, w.site.DatabaseURL, pgx.RowTo[string],
			`SELECT last_present::text || ' ' || next_present::text FROM skyledger.session_gap WHERE cid = 5`)
		if diff := cmp.Diff([]string{span(2, 6)}, got); diff != "" {
			t.Error(diff)
		}
		w.verify()
	})

	scenario(t, 18, "a new callsign is a new session, also where both show for a tick", func(t *testing.T) {
		w := newWorld(t)
		for k := range 6 {
			var rows []*row
			if k <= 3 {
				rows = append(rows, pilot(5, k))
			}
			if k >= 3 {
				rows = append(rows, pilot(5, k).named("NEW5"))
			}
			w.serve(traffic(k, 12, rows...))
			w.expect(k, store.Received, "")
		}
		got := query(t, w.site.DatabaseURL, pgx.RowTo[string],
			`SELECT callsign || ' ' || first_seen::text || ' ' || last_seen::text FROM skyledger.pilot_session WHERE cid = 5 ORDER BY first_seen`)
		if diff := cmp.Diff([]string{"TST5 " + span(0, 3), "NEW5 " + span(3, 5)}, got); diff != "" {
			t.Error(diff)
		}
		w.verify()
	})
}

// span is two snapshots' times as PostgreSQL writes them.
func span(from, to int) string {
	text := func(k int) string {
		return stampOf(k).Truncate(time.Microsecond).Format("2006-01-02 15:04:05.999999") + "+00"
	}
	return text(from) + " " + text(to)
}

func TestMissedTicks(t *testing.T) {
	t.Parallel()
	scenario(t, 32, "ticks for which no run was made are gaps, and what is live stays right", func(t *testing.T) {
		w := newWorld(t)
		w.record(0, 1, 12)
		w.record(5, 6, 12)
		if diff := cmp.Diff([]string{"received", "received", "missing not_run", "missing not_run", "missing not_run", "received", "received"}, w.ledger()); diff != "" {
			t.Error(diff)
		}
		newest := traffic(6, 12)
		if open := w.openPilots(); open != newest.count(vatsim.KindPilot) {
			t.Errorf("%d sessions open, %d served: %s", open, newest.count(vatsim.KindPilot), strconv.Itoa(len(newest.rows)))
		}
		w.verify()
	})

	scenario(t, 32, "a missed tick whose message comes in the end is no gap", func(t *testing.T) {
		w := newWorld(t)
		w.record(0, 1, 12)
		w.record(3, 3, 12)
		w.serve(traffic(2, 12))
		report := w.tick(2) // delivered after its successor, within its minute
		if report.Outcome != store.Late {
			t.Errorf("the tick is %s %q", report.Outcome, report.Reason)
		}
		if diff := cmp.Diff([]string{"received", "received", "late", "received"}, w.ledger()); diff != "" {
			t.Error(diff)
		}
		w.verify()
	})
}
