package store

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"
	"pgregory.net/rapid"
)

// projectSnapshots commits the first n snapshots of the tests, empty ones.
func projectSnapshots(t testing.TB, s *Store, n int) {
	t.Helper()
	var head Head
	for i := range n {
		c := changes(head, at(i))
		c.Snapshot.Suspicious = i == 2
		must(t, s.Commit(t.Context(), c))
		head = c.Head
	}
}

func analyzed(version int64, snapshot int, traffic Traffic) Analysis {
	return Analysis{ExpectedVersion: version, At: at(snapshot), Figures: AnalysisFigures{Pilots: snapshot}, Traffic: traffic}
}

func departed(id int64, when time.Time) (Flight, Movement) {
	f := Flight{
		ID: id, CID: int32(id), Callsign: fmt.Sprintf("BAW%d", id), Began: at(0), Phase: 3, FiledArrival: "KJFK", Aircraft: "B772",
		Departure: "EGLL", OffBlock: when.Add(-10 * time.Minute), Takeoff: when, Scheduled: when.Add(-15 * time.Minute), DistanceNM: 12, DirectNM: -1,
	}
	return f, Movement{
		FlightID: id, At: when, Kind: 1, Airport: "EGLL", Runway: "27L", Callsign: f.Callsign, Aircraft: f.Aircraft,
		Origin: "EGLL", Destination: "KJFK", ErrorS: 7.5, Confidence: 0.9, Evidence: []byte(`[[0,1,2,3,4,5]]`),
	}
}

// analysisTables are those that hold what analysis finds.
func analysisTables() []string {
	return []string{"analyzed", "flights", "flight_legs", "flight_gaps", "movements", "airport_quarters", "airport_days", "departure_hours",
		"controller_duties", "contacts", "duty_ticks", "staffed_hours", "observed_hours", "sector_ticks", "sector_quarters"}
}

// contents returns every row of the analysis tables as text, by table.
func contents(t testing.TB, conn *pgx.Conn) map[string][]string {
	t.Helper()
	all := map[string][]string{}
	for _, table := range analysisTables() {
		rows, err := conn.Query(context.Background(), `SELECT t::text FROM sky.`+table+` t ORDER BY 1`)
		must(t, err)
		all[table], err = pgx.CollectRows(rows, pgx.RowTo[string])
		must(t, err)
	}
	return all
}

func TestCommitAnalysis(t *testing.T) {
	t.Parallel()
	t.Run("work is what is projected and not analysed, with whether it is believed", func(t *testing.T) {
		t.Parallel()
		s, _ := setup(t)
		projectSnapshots(t, s, 4)
		must(t, s.CommitAnalysis(t.Context(), analyzed(0, 0, Traffic{})))
		work, err := s.FindAnalysisWork(t.Context(), time.Hour, 2)
		must(t, err)
		want := AnalysisWork{
			Head:    AnalysisHead{Version: 1, Snapshot: at(0)},
			Waiting: []WaitingSnapshot{{At: at(1)}, {At: at(2), Held: true}}, More: true,
		}
		if diff := cmp.Diff(want, work); diff != "" {
			t.Errorf("work differs (-want +got):\n%s", diff)
		}
	})

	t.Run("a snapshot that came late is found", func(t *testing.T) {
		t.Parallel()
		s, b := setup(t)
		projectSnapshots(t, s, 4)
		for i := range 4 {
			must(t, s.CommitAnalysis(t.Context(), analyzed(int64(i), i, Traffic{})))
		}
		_, err := b.Conn.Exec(t.Context(), `DELETE FROM sky.analyzed WHERE at = $1`, at(2))
		must(t, err)
		work, err := s.FindAnalysisWork(t.Context(), time.Hour, 10)
		must(t, err)
		if !work.Late.Equal(at(2)) || len(work.Waiting) > 0 {
			t.Errorf("late is %s, want %s; waiting %v", work.Late, at(2), work.Waiting)
		}
	})

	t.Run("who read another version, was there already, or saw what is not projected is refused and leaves no trace", func(t *testing.T) {
		t.Parallel()
		s, b := setup(t)
		projectSnapshots(t, s, 3)
		must(t, s.CommitAnalysis(t.Context(), analyzed(0, 1, Traffic{})))
		before := contents(t, b.Conn)
		f, m := departed(1, at(1))
		traffic := Traffic{Flights: []Flight{f}, Movements: []Movement{m}}
		expectConflict(t, s.CommitAnalysis(t.Context(), analyzed(0, 2, traffic)), "fenced")
		expectConflict(t, s.CommitAnalysis(t.Context(), analyzed(1, 1, traffic)), "already_projected")
		expectConflict(t, s.CommitAnalysis(t.Context(), analyzed(1, 9, traffic)), "older_than_head")
		if diff := cmp.Diff(before, contents(t, b.Conn)); diff != "" {
			t.Errorf("the tables differ (-before +after):\n%s", diff)
		}
	})

	t.Run("quarters and hours of departures are counted with taxi times and delays", func(t *testing.T) {
		t.Parallel()
		s, b := setup(t)
		projectSnapshots(t, s, 2)
		var traffic Traffic
		for id := range int64(3) {
			f, m := departed(id+1, at(0))
			traffic.Flights, traffic.Movements = append(traffic.Flights, f), append(traffic.Movements, m)
		}
		must(t, s.CommitAnalysis(t.Context(), analyzed(0, 1, traffic)))
		got := contents(t, b.Conn)
		quarter := QuarterOf(at(0)).Format("2006-01-02 15:04:05-07")
		if diff := cmp.Diff([]string{`(EGLL,"` + quarter + `",27L,3,0,0,0,0,3,1800,0,0,3,900)`}, got["airport_quarters"]); diff != "" {
			t.Errorf("quarters differ (-want +got):\n%s", diff)
		}
		if n := strings.Count(strings.Join(got["departure_hours"], "\n"), ",3)"); n != 3 {
			t.Errorf("departures are counted as %v", got["departure_hours"])
		}
	})
}

const rewindSnapshots = 8

// TestRewindAnalysis goes back at random points, as a late snapshot makes it,
// and comes to the same tables as a run that never did.
func TestRewindAnalysis(t *testing.T) {
	t.Parallel()
	s, b := setup(t)
	projectSnapshots(t, s, rewindSnapshots)
	version := int64(0)
	rapid.Check(t, func(rt *rapid.T) {
		var story []Traffic // what each snapshot changes
		open := make([]Traffic, rewindSnapshots)
		flights := map[int64]Flight{}
		for i := range rewindSnapshots {
			var changed Traffic
			for id := range int64(4) {
				switch f, known := flights[id]; {
				case known && f.OnBlock.IsZero() && rapid.Bool().Draw(rt, "lands"):
					if f.Landing.IsZero() {
						f.Landing, f.Arrival = at(i), "KJFK"
						changed.Movements = append(changed.Movements, Movement{FlightID: id, At: at(i), Kind: 2, Airport: "KJFK", Runway: "04L", Evidence: []byte(`[]`)})
					} else {
						f.OnBlock = at(i)
					}
					changed.Recount = append(changed.Recount, AirportQuarter{"KJFK", QuarterOf(f.Landing)})
					flights[id] = f
					changed.Flights = append(changed.Flights, f)
				case !known && rapid.Bool().Draw(rt, "departs"):
					f, m := departed(id, at(i))
					flights[id] = f
					changed.Flights, changed.Movements = append(changed.Flights, f), append(changed.Movements, m)
					changed.Legs = append(changed.Legs, FlightLeg{FlightID: id, Began: at(i), Ended: at(i), SessionID: id})
					changed.Gaps = append(changed.Gaps, FlightGap{FlightID: id, Began: at(i), Ended: at(i + 1)})
				}
			}
			story = append(story, changed)
			for id := range int64(4) {
				if f, known := flights[id]; known {
					open[i].Flights = append(open[i].Flights, f)
					if !f.Landing.IsZero() {
						open[i].Recount = append(open[i].Recount, AirportQuarter{"KJFK", QuarterOf(f.Landing)})
					}
				}
			}
		}
		head, err := s.RewindAnalysis(t.Context(), version, time.Time{}, Analysis{})
		must(t, err)
		version = head.Version
		next := 0
		analyse := func(through int) {
			for ; next < through; next++ {
				must(t, s.CommitAnalysis(t.Context(), analyzed(version, next, story[next])))
				version++
			}
		}
		analyse(rewindSnapshots)
		want := contents(t, b.Conn)
		for range rapid.IntRange(1, 3).Draw(rt, "rewinds") {
			target := rapid.IntRange(-1, next-1).Draw(rt, "target")
			var to time.Time
			var was Analysis
			if target >= 0 {
				to, was = at(target), Analysis{Traffic: open[target]}
			}
			head, err := s.RewindAnalysis(t.Context(), version, to, was)
			must(t, err)
			version, next = head.Version, target+1
			analyse(rapid.IntRange(next, rewindSnapshots).Draw(rt, "goes on to"))
		}
		analyse(rewindSnapshots)
		if diff := cmp.Diff(want, contents(t, b.Conn)); diff != "" {
			rt.Fatalf("the tables differ (-straight +rewound):\n%s", diff)
		}
		_, err = s.RewindAnalysis(t.Context(), version-1, at(0), Analysis{})
		expectConflict(t, err, "fenced")
	})
}
