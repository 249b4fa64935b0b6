package atc_test

import (
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/skyledger/skyledger/internal/atc"
	"github.com/skyledger/skyledger/internal/scene"
	"github.com/skyledger/skyledger/internal/store"
	"github.com/skyledger/skyledger/internal/vatsim"
)

// shift is what one person does from one scene to the next.
type shift struct {
	after  time.Duration
	away   bool
	held   bool
	logon  time.Duration // from start; 0 keeps the first one
	kHz    int32
	rating int16
}

func TestDutiesMergeShortAbsences(t *testing.T) {
	const s, m = time.Second, time.Minute
	here := func(after time.Duration) shift { return shift{after: after, kHz: 118_700} }
	gone := func(after time.Duration) shift { return shift{after: after, away: true} }
	again := func(after, logon time.Duration) shift { return shift{after: after, kHz: 118_700, logon: logon} }
	type want struct {
		began, ended time.Duration // ended −1: still open
		away         time.Duration // of an open one; 0 none
		logons       int16
	}
	for _, test := range []struct {
		name   string
		shifts []shift
		want   []want
	}{
		{"one who is there is on one duty", []shift{here(0), here(15 * s), here(30 * s)}, []want{{0, -1, 0, 1}}},
		{"one who leaves may come back for five minutes", []shift{here(0), here(15 * s), gone(30 * s), gone(5 * m)}, []want{{0, -1, 15 * s, 1}}},
		{"and is gone after them, since last seen", []shift{here(0), here(15 * s), gone(30 * s), gone(5*m + 16*s)}, []want{{0, 15 * s, 0, 1}}},
		{"a reconnect within five minutes is the same duty", []shift{here(0), gone(15 * s), again(4*m, 3*m), again(5*m, 3*m)}, []want{{0, -1, 0, 2}}},
		{"the same logon that blinks is as well", []shift{here(0), gone(15 * s), here(30 * s)}, []want{{0, -1, 0, 1}}},
		{"a reconnect after them is another", []shift{here(0), gone(15 * s), again(6*m, 6*m-s)}, []want{{0, 0, 0, 1}, {6 * m, -1, 0, 1}}},
		{"a held snapshot proves nobody's absence", []shift{here(0), {after: 15 * s, away: true, held: true}, {after: 10 * m, away: true, held: true}, here(11 * m)}, []want{{0, -1, 0, 1}}},
		{"seventy minutes that nobody saw under one logon are one duty", []shift{here(0), here(70 * m)}, []want{{0, -1, 0, 1}}},
		{"a new logon soon after the last look is the same duty", []shift{here(0), again(70*m, 4*m)}, []want{{0, -1, 0, 2}}},
		{"a new logon long after it is another", []shift{here(0), again(70*m, 60*m)}, []want{{0, 0, 0, 1}, {70 * m, -1, 0, 1}}},
		{"gone after seventy minutes ended when last seen", []shift{here(0), gone(70 * m)}, []want{{0, 0, 0, 1}}},
		{"a logon time from the future counts as now", []shift{here(0), gone(15 * s), again(2*m, 90*m)}, []want{{0, -1, 0, 2}}},
	} {
		t.Run(test.name, func(t *testing.T) {
			rows := newDatabase()
			tracker := atc.New(world(t))
			for _, step := range test.shifts {
				rows.write(t, tracker.Observe(step.scene("EGLL_TWR", 4), nil, nil))
			}
			var got []want
			for _, row := range rows.duties {
				w := want{row.Began.Sub(start), -1, 0, row.Logons}
				if !row.Ended.IsZero() {
					w.ended = row.Ended.Sub(start)
				}
				if !row.Away.IsZero() {
					w.away = row.Away.Sub(start)
				}
				got = append(got, w)
			}
			if len(got) == 2 && got[0].began > got[1].began {
				got[0], got[1] = got[1], got[0]
			}
			if diff := gocmp.Diff(test.want, got, gocmp.AllowUnexported(want{})); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
		})
	}
}

func (step shift) scene(callsign string, facility int16) scene.Scene {
	s := at(step.after)
	s.Held = step.held
	if step.away {
		return s
	}
	row := controller(7, callsign, facility, step.kHz)
	if step.logon != 0 {
		row.LogonTime = start.Add(step.logon)
	}
	if step.rating != 0 {
		row.Rating = step.rating
	}
	s.Controllers = []vatsim.Controller{row}
	return s
}

func TestDutyRecordsFrequenciesAndRating(t *testing.T) {
	tracker, rows := atc.New(world(t)), newDatabase()
	for n, step := range []shift{{kHz: 0}, {kHz: 118_700}, {kHz: 0}, {kHz: 118_700}, {kHz: 118_500, rating: 7}, {kHz: 118_700, rating: 7}} {
		step.after = time.Duration(n) * 15 * time.Second
		rows.write(t, tracker.Observe(step.scene("EGLL_TWR", 4), nil, nil))
	}
	if len(rows.duties) != 1 {
		t.Fatalf("%d duties", len(rows.duties))
	}
	for _, row := range rows.duties {
		want := []store.Tuned{{Since: start.Add(15 * time.Second), Frequency: 118_700}, {Since: start.Add(60 * time.Second), Frequency: 118_500}, {Since: start.Add(75 * time.Second), Frequency: 118_700}}
		if diff := gocmp.Diff(want, row.Tuned); diff != "" {
			t.Errorf("frequencies: -want +got\n%s", diff)
		}
		if row.Rating != 7 || row.Handled != nil {
			t.Errorf("rating %d, handled %+v", row.Rating, row.Handled)
		}
	}
}

func TestOnlyPositionsAreDuties(t *testing.T) {
	tracker := atc.New(world(t))
	s := at(0)
	s.Controllers = []vatsim.Controller{
		controller(1, "EGLL_TWR", 4, 118_700),
		controller(2, "EGLL_TWR", 0, 118_700), // an observer under a position's name
		controller(3, "EGLL_OBS", 4, 118_700),
		controller(4, "GB_SUP", 6, 0),
		controller(5, "VATCAN1", 6, 0),
		controller(6, "_TWR", 4, 118_700),
		controller(7, "EGLL_1_DEP", 5, 118_700),
	}
	var got []string
	for _, row := range tracker.Observe(s, nil, nil).Duties {
		got = append(got, row.Callsign)
	}
	if len(got) != 2 || got[0] == got[1] {
		t.Errorf("%v", got)
	}
}

func TestWhereRadiosStand(t *testing.T) {
	tracker, rows := atc.New(world(t)), newDatabase()
	observe := func(after time.Duration, stations []vatsim.Station) store.Site {
		s := shift{after: after, kHz: 118_700}.scene("EGLL_TWR", 4)
		s.Stations = stations
		rows.write(t, tracker.Observe(s, nil, nil))
		for _, row := range rows.duties {
			return row.Site
		}
		return store.Site{}
	}
	airport := store.Site{Source: store.SiteAirport, Latitude: 5_147_060, Longitude: -46_194}
	if got := observe(0, nil); got != airport {
		t.Errorf("without radios it stands at its airport: %+v", got)
	}
	stands := store.Site{Source: store.SiteRadios, Latitude: 5_150_000, Longitude: -40_000}
	first := radios("EGLL_TWR", 51.6, -0.6, 118_700, 118_700)
	first.Transceivers[0].ID = 9
	first.Transceivers[1].Latitude, first.Transceivers[1].Longitude = stands.Latitude, stands.Longitude
	if got := observe(15*time.Second, []vatsim.Station{first}); got != stands {
		t.Errorf("with radios it stands where the first of them does: %+v", got)
	}
	if got := observe(30*time.Second, []vatsim.Station{}); got != stands {
		t.Errorf("without them again it stands where it stood: %+v", got)
	}
}

func TestRefreshedFIRsPlaceOpenDutiesAnewAndLeaveEndedOnesAlone(t *testing.T) {
	tracker, rows := atc.New(world(t)), newDatabase()
	s := at(0)
	s.Controllers = []vatsim.Controller{controller(1, "LON_S_CTR", 6, 129_430), controller(2, "LON_CTR", 6, 127_830)}
	rows.write(t, tracker.Observe(s, nil, nil))
	byCallsign := func(callsign string) store.Duty {
		for _, row := range rows.duties {
			if row.Callsign == callsign {
				return row
			}
		}
		t.Fatalf("no duty of %s", callsign)
		return store.Duty{}
	}
	if row := byCallsign("LON_S_CTR"); row.FIR != "" || row.Site.Source != store.SiteUnknown {
		t.Errorf("without FIRs: %+v", row)
	}
	gone := at(10 * time.Minute)
	gone.Controllers = s.Controllers[:1]
	rows.write(t, tracker.Observe(gone, nil, nil))
	later := at(11 * time.Minute)
	later.Controllers = s.Controllers[:1]
	rows.write(t, tracker.Observe(later, nil, airspace(t, 1)))
	if row := byCallsign("LON_S_CTR"); row.FIR != "EGTT" || row.Sector != "EGTT-S" || row.Site != (store.Site{Source: store.SiteLabel, Latitude: 5_100_000}) {
		t.Errorf("with FIRs: %+v", row)
	}
	if row := byCallsign("LON_CTR"); row.FIR != "" || row.Ended.IsZero() {
		t.Errorf("ended before there were FIRs: %+v", row)
	}
	if changes := tracker.Observe(at(11*time.Minute+15*time.Second), nil, airspace(t, 1)); len(changes.Duties) != 1 {
		t.Errorf("its absence alone changes it: %+v", changes.Duties)
	}
}

func TestStaffedMinutesAreThoseSeen(t *testing.T) {
	// The first scene is 11:58:07.
	tracker, rows := atc.New(world(t)), []store.Staffing{}
	var seen []store.SeenHour
	for _, step := range []shift{
		{after: 0, kHz: 0},                                  // 11:58, no frequency yet
		{after: time.Minute, kHz: 118_700},                  // 11:59
		{after: 2 * time.Minute, kHz: 118_700},              // 12:00
		{after: 2*time.Minute + 15*time.Second, away: true}, // 12:00
		{after: 4 * time.Minute, away: true},                // 12:02
		{after: 5 * time.Minute, away: true, held: true},    // 12:03, not believed
		{after: 6 * time.Minute, kHz: 118_700},              // 12:04
		{after: 3 * time.Hour, away: true},                  // 14:58
	} {
		changes := tracker.Observe(step.scene("EGLL_N_TWR", 4), nil, airspace(t, 1))
		rows, seen = append(rows, changes.Staffing...), append(seen, changes.Seen...)
	}
	hour := start.Truncate(time.Hour)
	row := store.Staffing{Callsign: "EGLL_N_TWR", Facility: 4, Airport: "EGLL", FIR: "EGTT"}
	first, second := row, row
	first.Hour, first.Minutes, first.Decided = hour, 1<<59, start.Add(2*time.Minute)
	second.Hour, second.Minutes, second.Decided = hour.Add(time.Hour), 1<<0|1<<4, start.Add(3*time.Hour)
	if diff := gocmp.Diff([]store.Staffing{first, second}, rows); diff != "" {
		t.Errorf("staffed: -want +got\n%s", diff)
	}
	want := []store.SeenHour{
		{Hour: hour, Minutes: 1<<58 | 1<<59, Decided: start.Add(2 * time.Minute)},
		{Hour: hour.Add(time.Hour), Minutes: 1<<0 | 1<<2 | 1<<4, Decided: start.Add(3 * time.Hour)},
	}
	if diff := gocmp.Diff(want, seen); diff != "" {
		t.Errorf("seen: -want +got\n%s", diff)
	}
}
