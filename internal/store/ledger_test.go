package store

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestLedger(t *testing.T) {
	t.Parallel()
	s, b := setup(t)
	c := changes(Head{}, at(0))
	c.Snapshot.Pilots, c.Snapshot.Rejected = 3, map[string]int{"pilot.latitude_range": 2}
	c.MissingTicks = []TickRow{{Tick: tickOf(at(-1)), Outcome: Missing, Reason: "not_run"}}
	must(t, s.Commit(t.Context(), c))
	must(t, s.RecordTick(t.Context(), TickRow{Tick: tickOf(at(3)), Outcome: Unchanged, Reason: "not_modified", Snapshot: at(0), Received: at(3)},
		[]TickRow{{Tick: tickOf(at(1)), Outcome: Missing, Reason: "timeout"}, {Tick: tickOf(at(2)), Outcome: Malformed, Reason: "truncated", Bytes: 9, Hash: []byte{1}}}))

	first := LedgerRow{TickRow: c.MissingTicks[0]}
	received := LedgerRow{TickRow: c.Tick, Stored: &StoredCounts{
		Pilots: 3, Rejected: map[string]int{"pilot.latitude_range": 2}, Duplicates: map[string]int{}, Drift: map[string]int{},
	}}

	t.Run("pages go forward and back", func(t *testing.T) {
		page, err := s.Ledger(t.Context(), LedgerQuery{Limit: 2})
		must(t, err)
		requireDiff(t, "oldest first", cmp.Diff([]LedgerRow{first, received}, page))
		page, err = s.Ledger(t.Context(), LedgerQuery{Limit: 5, NewestFirst: true, After: tickOf(at(1)), From: tickOf(at(0))})
		must(t, err)
		requireDiff(t, "newest first", cmp.Diff([]LedgerRow{received}, page))
	})

	t.Run("the better outcome of a tick stands, whichever comes first", func(t *testing.T) {
		ranked := []Outcome{Missing, Malformed, Unchanged, Late, Received}
		for i, one := range ranked {
			for j, other := range ranked {
				tick := tickOf(at(1000 + 10*i + j))
				must(t, s.RecordTick(t.Context(), TickRow{Tick: tick, Outcome: one}, []TickRow{{Tick: tick, Outcome: Missing}}))
				must(t, s.RecordTick(t.Context(), TickRow{Tick: tick, Outcome: other}, nil))
				page, err := s.Ledger(t.Context(), LedgerQuery{From: tick, Limit: 1})
				must(t, err)
				if want := ranked[max(i, j)]; page[0].Outcome != want {
					t.Errorf("%s then %s: %s, want %s", one, other, page[0].Outcome, want)
				}
			}
		}
	})

	t.Run("the summary counts what the ledger holds and what it lacks", func(t *testing.T) {
		summary, err := s.LedgerSummary(t.Context(), at(-100), tickOf(at(8)))
		must(t, err)
		want := LedgerSummary{
			From: tickOf(at(-1)), To: tickOf(at(8)), Expected: 9, Completeness: 2.0 / 9,
			Outcomes: map[Outcome]int{Missing: 6, Malformed: 1, Unchanged: 1, Late: 0, Received: 1},
		}
		requireDiff(t, "summary", cmp.Diff(want, summary))
		empty, err := s.LedgerSummary(t.Context(), at(-200), at(-100))
		must(t, err)
		if empty.Completeness != 1 || empty.Expected != 0 {
			t.Errorf("an empty span: %+v", empty)
		}
	})

	t.Run("the view shows the same", func(t *testing.T) {
		var outcome, reason, hash, source string
		var age float64
		var pilots int
		must(t, b.Conn.QueryRow(t.Context(), `SELECT outcome, reason, hash, source, age, pilots FROM skyledger.feed_ledger WHERE snapshot_time = $1 AND outcome = 'received'`, at(0)).
			Scan(&outcome, &reason, &hash, &source, &age, &pilots))
		requireDiff(t, "row", cmp.Diff([]any{"received", "", "68617368", testSource, 2.0, 3}, []any{outcome, reason, hash, source, age, pilots}))
	})
}

func TestReading(t *testing.T) {
	t.Parallel()
	s, b := setup(t)
	empty, err := s.Current(t.Context())
	must(t, err)
	if !empty.Snapshot.IsZero() || len(empty.Flights) > 0 {
		t.Errorf("an empty database: %+v", empty)
	}
	now := snapshot{At: at(1), Present: []presence{{0, 4}, {1, 5}, {2, 9}, {6, 9}}}
	commitAll(t.Context(), t, s, []snapshot{{At: at(0), Present: now.Present[1:]}, now})

	t.Run("counters count what is open", func(t *testing.T) {
		counters, err := s.Counters(t.Context())
		must(t, err)
		if counters.Pilots != 2 || counters.Controllers != 1 || counters.Prefiles != 1 || counters.Unchunked != 2 ||
			counters.DatabaseBytes == 0 || counters.Source != testSource || !counters.Head.Snapshot.Equal(at(1)) {
			t.Errorf("counters = %+v", counters)
		}
	})

	t.Run("the newest snapshot can be read back", func(t *testing.T) {
		current, err := s.Current(t.Context())
		must(t, err)
		frame := frameOf(now)
		requireDiff(t, "ids", cmp.Diff(frame.SessionID, column(current.Flights, func(f CurrentFlight) int64 { return f.SessionID })))
		requireDiff(t, "latitudes", cmp.Diff(frame.Latitude, column(current.Flights, func(f CurrentFlight) int32 { return f.Latitude })))
		requireDiff(t, "frequencies", cmp.Diff([]int32{118003}, column(current.Controllers, func(c CurrentController) int32 { return c.Frequency })))
	})

	t.Run("what is not projected is named", func(t *testing.T) {
		unprojected, err := s.Unprojected(t.Context(), []time.Time{at(9), at(0), at(1), at(5), at(5)})
		must(t, err)
		requireDiff(t, "times", cmp.Diff([]time.Time{at(5), at(9)}, unprojected))
	})

	t.Run("sessions show when they were last seen and whether they are there", func(t *testing.T) {
		commitAll(t.Context(), t, s, []snapshot{{At: at(2), Present: now.Present[1:]}})
		for cid, want := range map[int32][]any{0: {at(1), false}, 1: {at(2), true}} {
			var seen time.Time
			var online bool
			must(t, b.Conn.QueryRow(t.Context(), `SELECT last_seen, online FROM skyledger.pilot_session WHERE cid = $1`, cid).Scan(&seen, &online))
			requireDiff(t, "session", cmp.Diff(want, []any{seen.UTC(), online}))
		}
		var facility, rating string
		must(t, b.Conn.QueryRow(t.Context(), `SELECT facility_name, rating_name FROM skyledger.controller_session`).Scan(&facility, &rating))
		requireDiff(t, "names", cmp.Diff([]string{"OBS", "SUS"}, []string{facility, rating}))
	})
}
