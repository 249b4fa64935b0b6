package store

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// staffedBy is a duty of the tests, on from the nth snapshot.
func staffedBy(id int64, callsign string, n int) Duty {
	return Duty{
		ID: id, CID: int32(id), Callsign: callsign, Facility: 4, Rating: 5, Airport: "EGLL", FIR: "EGTT", Logon: at(n), Began: at(n), Logons: 1,
		Tuned: []Tuned{{Since: at(n), Frequency: 118_500}}, Site: Site{Source: SiteAirport, Latitude: 5_147_060, Longitude: -46_194}, Decided: at(n),
	}
}

func contactOf(duty, flight int64, n int) Contact {
	return Contact{DutyID: duty, CID: int32(flight), Callsign: "BAW1", FlightID: flight, Frequency: 118_500, Since: at(n), Decided: at(n)}
}

// watched are five snapshots: a tower opens, speaks to one, is reached by a
// second; the first leaves, the tower closes, the hour and its last quarter end.
func watched() []Analysis {
	tower, first, second := staffedBy(7, "EGLL_TWR", 0), contactOf(7, 100, 0), contactOf(7, 101, 2)
	retuned := tower
	retuned.Tuned = append(retuned.Tuned[:1:1], Tuned{Since: at(1), Frequency: 118_700})
	gone := retuned
	gone.Ended, gone.Handled = at(3), &Handled{Aircraft: 2, PeakAircraft: 2, PeakWorkload: 17}
	over := first
	over.Until = at(2)
	end := second
	end.Until = at(3)
	tick := func(n int, occupancy int16) SectorTick {
		return SectorTick{At: at(n), Version: 1, Sector: []string{"EGTT"}, Occupancy: []int16{occupancy}, Entries: []int16{1}, Exits: []int16{0}, Workload: []int16{9}}
	}
	hour := at(0).UTC().Truncate(time.Hour)
	all := []Analysis{
		{Controllers: ControllerChanges{Duties: []Duty{tower}, Contacts: []Contact{first}, Tick: DutyTick{At: at(0), Duty: []int64{7}, Aircraft: []int16{1}, Workload: []int16{5}}}, Sectors: SectorChanges{Tick: tick(0, 1)}},
		{Controllers: ControllerChanges{Duties: []Duty{retuned}, Tick: DutyTick{At: at(1), Duty: []int64{7}, Aircraft: []int16{1}, Workload: []int16{5}}}, Sectors: SectorChanges{Tick: tick(1, 2)}},
		{Controllers: ControllerChanges{Contacts: []Contact{second}}, Sectors: SectorChanges{Tick: SectorTick{At: at(2)}}},
		{Controllers: ControllerChanges{
			Contacts: []Contact{over}, Staffing: []Staffing{{Callsign: "EGLL_TWR", Hour: hour, Facility: 4, Airport: "EGLL", FIR: "EGTT", Minutes: 1 << 59, Decided: at(3)}},
			Seen: []SeenHour{{Hour: hour, Minutes: 1 << 59, Decided: at(3)}},
		}, Sectors: SectorChanges{Tick: tick(3, 3), Quarters: []SectorQuarter{{Sector: "EGTT", Quarter: QuarterOf(at(0)), Ticks: 2, OccupancySum: 3, OccupancyMax: 2, Entries: 2, Decided: at(3)}}}},
		{Controllers: ControllerChanges{Duties: []Duty{gone}, Contacts: []Contact{end}}, Sectors: SectorChanges{Tick: tick(4, 3)}},
	}
	for n := range all {
		all[n].ExpectedVersion, all[n].At = int64(n), at(n)
	}
	return all
}

func TestControllersAndSectorsGoBack(t *testing.T) {
	s, b := setup(t)
	projectSnapshots(t, s, 5)
	steps := watched()
	var after []map[string][]string
	for _, step := range steps {
		must(t, s.CommitAnalysis(t.Context(), step))
		after = append(after, contents(t, b.Conn))
	}
	want := []string{`(7,"` + at(0).UTC().Format("2006-01-02 15:04:05.999999+00") + `",7,EGLL_TWR,4,5,EGLL,EGTT,"",` +
		`"2024-11-21 18:59:15.123456+00","2024-11-21 18:59:15.123456+00",,"2024-11-21 19:00:00.123456+00",1,` +
		`"{118500,118700}","{""2024-11-21 18:59:15.123456+00"",""2024-11-21 18:59:30.123456+00""}",2,5147060,-46194,2,2,17)`}
	_, err := b.Conn.Exec(t.Context(), `SET timezone = 'UTC'`)
	must(t, err)
	if diff := cmp.Diff(want, contents(t, b.Conn)["controller_duties"]); diff != "" {
		t.Errorf("the tower's row: -want +got\n%s", diff)
	}
	for table, rows := range map[string]int{"contacts": 2, "duty_ticks": 2, "staffed_hours": 1, "observed_hours": 1, "sector_ticks": 5, "sector_quarters": 1} {
		if got := len(contents(t, b.Conn)[table]); got != rows {
			t.Errorf("%s has %d rows, want %d", table, got, rows)
		}
	}
	_, err = b.Conn.Exec(t.Context(), `RESET timezone`)
	must(t, err)

	// Back to the second snapshot: what was open there is open again.
	open := Analysis{Controllers: ControllerChanges{Duties: steps[1].Controllers.Duties, Contacts: steps[0].Controllers.Contacts}}
	head, err := s.RewindAnalysis(t.Context(), 5, at(1), open)
	must(t, err)
	if diff := cmp.Diff(after[1], contents(t, b.Conn)); diff != "" {
		t.Errorf("after going back: -want +got\n%s", diff)
	}
	for _, step := range steps[2:] {
		step.ExpectedVersion = head.Version
		must(t, s.CommitAnalysis(t.Context(), step))
		head.Version++
	}
	if diff := cmp.Diff(after[4], contents(t, b.Conn)); diff != "" {
		t.Errorf("after going on: -want +got\n%s", diff)
	}
	if _, err = s.RewindAnalysis(t.Context(), head.Version, time.Time{}, Analysis{}); err != nil {
		t.Fatal(err)
	}
	for table, rows := range contents(t, b.Conn) {
		if len(rows) > 0 {
			t.Errorf("%s has %d rows after going back to the beginning", table, len(rows))
		}
	}
}

func TestRetentionKeepsWhatIsSummedUp(t *testing.T) {
	s, b := setup(t)
	projectSnapshots(t, s, 5)
	for _, step := range watched() {
		must(t, s.CommitAnalysis(t.Context(), step))
	}
	next := start.Add(48 * time.Hour)
	count := func() map[string]int {
		counts := map[string]int{}
		for table, rows := range contents(t, b.Conn) {
			counts[table] = len(rows)
		}
		return counts
	}
	_, err := s.DropBefore(t.Context(), Retention{Positions: next})
	must(t, err)
	got := count()
	if got["duty_ticks"]+got["sector_ticks"] != 0 || got["contacts"] != 2 || got["controller_duties"] != 1 {
		t.Errorf("with the positions only what was the case at each snapshot goes: %v", got)
	}
	dropped, err := s.DropBefore(t.Context(), Retention{History: next})
	must(t, err)
	got = count()
	if got["contacts"]+got["controller_duties"] != 0 || dropped.Contacts != 2 || dropped.Duties != 1 {
		t.Errorf("with the history duties and contacts go: %v, %+v", got, dropped)
	}
	if got["staffed_hours"] != 1 || got["observed_hours"] != 1 || got["sector_quarters"] != 1 {
		t.Errorf("roll-ups stay: %v", got)
	}
}

func TestNewestLoadsAreOfTheNewestSnapshot(t *testing.T) {
	s, _ := setup(t)
	projectSnapshots(t, s, 5)
	check := func(name string, sectors *int, workload map[LoadKey]int16, when time.Time) {
		t.Helper()
		got, err := s.NewestLoads(t.Context())
		must(t, err)
		if diff := cmp.Diff(Loads{At: when, Sectors: sectors, Workload: workload}, got); diff != "" {
			t.Errorf("%s: -want +got\n%s", name, diff)
		}
	}
	one := 1
	check("nothing is analysed", nil, map[LoadKey]int16{}, time.Time{})
	steps := watched()
	for _, step := range steps[:2] {
		must(t, s.CommitAnalysis(t.Context(), step))
	}
	check("a tower and an FIR", &one, map[LoadKey]int16{{7, "EGLL_TWR"}: 5}, at(1))
	must(t, s.CommitAnalysis(t.Context(), steps[2]))
	check("neither radios nor FIRs were known", nil, map[LoadKey]int16{}, at(2))
}
