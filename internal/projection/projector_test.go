package projection_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/skyledger/skyledger/internal/projection"
	"github.com/skyledger/skyledger/internal/rawlog"
	"github.com/skyledger/skyledger/internal/store"
	"github.com/skyledger/skyledger/internal/vatsim"
)

var start = time.Date(2026, 3, 1, 12, 0, 9, 500000000, time.UTC)

// tick returns the update_timestamp of the n-th snapshot.
func tick(n int) time.Time { return start.Add(time.Duration(n) * projection.TickLength) }

func snapshot(n int, rows ...any) *vatsim.Snapshot {
	s := &vatsim.Snapshot{UpdateTimestamp: tick(n)}
	for _, row := range rows {
		switch row := row.(type) {
		case vatsim.Pilot:
			s.Pilots = append(s.Pilots, row)
		case []vatsim.Pilot:
			s.Pilots = append(s.Pilots, row...)
		case vatsim.Controller:
			s.Controllers = append(s.Controllers, row)
		case vatsim.Prefile:
			s.Prefiles = append(s.Prefiles, row)
		}
	}
	return s
}

func pilot(cid int32, plan string) vatsim.Pilot {
	return vatsim.Pilot{CID: cid, Callsign: fmt.Sprintf("TST%d", cid), LogonTime: start.Add(-time.Hour), Plan: vatsim.Plan(plan)}
}

func pilots(count int) []vatsim.Pilot {
	rows := make([]vatsim.Pilot, count)
	for i := range rows {
		rows[i] = pilot(int32(900000+i), "")
	}
	return rows
}

func project(p *projection.Projector, s *vatsim.Snapshot, stations ...vatsim.Station) store.Changes {
	return p.Project(projection.Input{
		Record:   rawlog.Entry{At: s.UpdateTimestamp, Tick: projection.TickOf(s.UpdateTimestamp)},
		Snapshot: s, Stations: stations, Outcome: store.Received,
	})
}

func fresh() *projection.Projector { return projection.New(store.State{}, 4) }

func TestSessionsOpenAndCloseWithTheRows(t *testing.T) {
	p := fresh()
	first := project(p, snapshot(0, pilot(1, ""), pilot(2, "")))
	if len(first.Opened) != 2 || len(first.Closed) != 0 {
		t.Fatalf("first snapshot: %d opened, %d closed", len(first.Opened), len(first.Closed))
	}
	second := project(p, snapshot(1, pilot(2, "")))
	want := []store.ClosedSession{{ID: idOf(pilot(1, "")), At: tick(0)}}
	if diff := cmp.Diff(want, second.Closed); diff != "" || len(second.Opened) != 0 {
		t.Errorf("a row that is gone closes at the snapshot before (-want +got):\n%s", diff)
	}
	again := project(p, snapshot(2, pilot(1, ""), pilot(2, "")))
	if len(again.Opened) != 1 || again.Opened[0].ID != idOf(pilot(1, "")) {
		t.Errorf("a session that returns keeps its id, got %+v", again.Opened)
	}
	reconnected := pilot(2, "")
	reconnected.LogonTime = tick(3)
	other := project(p, snapshot(3, pilot(1, ""), reconnected))
	if len(other.Opened) != 1 || len(other.Closed) != 1 || other.Opened[0].ID == other.Closed[0].ID {
		t.Errorf("a new logon is a new session, got %+v and %+v", other.Opened, other.Closed)
	}
}

func idOf(row vatsim.Pilot) int64 {
	return store.SessionID(store.SessionKey{Kind: vatsim.KindPilot, CID: row.CID, Callsign: row.Callsign, Logon: row.LogonTime})
}

func TestPlansAreRevisions(t *testing.T) {
	const filed, amended = `{"departure":"EGLL","arrival":"KJFK"}`, `{"departure":"EGLL","arrival":"KBOS"}`
	steps := []struct {
		name, plan, wantArrival string
	}{
		{"the first plan is recorded", filed, "KJFK"},
		{"the same plan is not", filed, ""},
		{"a blank is no change", "", ""},
		{"nor is the same plan after it", filed, ""},
		{"an amendment is recorded", amended, "KBOS"},
		{"what is no object is no change", `"text"`, ""},
	}
	p := fresh()
	for n, step := range steps {
		changes := project(p, snapshot(n, pilot(1, step.plan)))
		got := ""
		for _, revision := range changes.Plans {
			got += revision.Plan.Arrival
		}
		if got != step.wantArrival {
			t.Errorf("%s: recorded %q, want %q", step.name, got, step.wantArrival)
		}
	}
}

func TestNamesStayOutOfPlans(t *testing.T) {
	tests := []struct{ member, remarks, want string }{
		{"Jorva Kelmand EGLL", "PBN/A1 OPR/JORVA KELMAND RMK/TCAS", "PBN/A1 OPR/… RMK/TCAS"},
		{"Jorva Ann Kelmand", "Jorva Ann Kelmand, ANN KELMAND", "…, …"},
		{"Jorva Kelmand EGLL", "DEST EGLL OPR/JORVAKELMANDAIR", "DEST EGLL OPR/JORVAKELMANDAIR"},
		{"1234567", "REG/1234567", "REG/1234567"},
		{"Al", "ALTN VIA AL", "ALTN VIA AL"},
		{"Jorva Kelmand EGLL", "OPR/JORVA_KELMAND. Jorva-Kelmand", "OPR/…. …"},
		{"Jorva Kel-Mand", "RMK/KEL MAND JORVA", "RMK/… JORVA"},
		{"Zäfri Örn", "RMK/zäfri örn says hello", "RMK/… says hello"},
		{"", "PBN/A1", "PBN/A1"},
	}
	for _, test := range tests {
		row := pilot(1, `{"remarks":"`+test.remarks+`"}`)
		row.Name = test.member
		changes := project(fresh(), snapshot(0, row))
		if got := changes.Plans[0].Plan.Remarks; got != test.want {
			t.Errorf("name %q in %q: got %q, want %q", test.member, test.remarks, got, test.want)
		}
	}
}

func TestFrequencyNotSetChangesNothing(t *testing.T) {
	p := fresh()
	var got []int32
	for n, frequency := range []int32{0, 118700, 118700, 0, 118700, 121900} {
		row := vatsim.Controller{CID: 1, Callsign: "EGLL_TWR", LogonTime: start, Frequency: frequency}
		changes := project(p, snapshot(n, row))
		for _, revision := range changes.Frequencies {
			got = append(got, revision.Frequency)
		}
		if n > 0 && len(changes.Opened)+len(changes.Closed) > 0 {
			t.Errorf("snapshot %d split the session", n)
		}
	}
	if diff := cmp.Diff([]int32{118700, 121900}, got); diff != "" {
		t.Error(diff)
	}
}

func TestATISFlickerChangesNothing(t *testing.T) {
	steps := []struct {
		code string
		text []string
		want string
	}{
		{"A", []string{"INFO A"}, "A INFO A"},
		{"", []string{"INFO A"}, ""},
		{"A", nil, ""},
		{"", nil, ""},
		{"B", []string{"INFO B"}, "B INFO B"},
		{"", []string{"INFO C"}, "B INFO C"},
		{"C", []string{"INFO C"}, "C INFO C"},
	}
	p := fresh()
	for n, step := range steps {
		s := snapshot(n)
		s.ATIS = []vatsim.Controller{{CID: 1, Callsign: "EGLL_ATIS", LogonTime: start, ATISCode: step.code, Text: step.text}}
		got := ""
		for _, revision := range project(p, s).ATIS {
			got += revision.Code + " " + revision.Text
		}
		if got != step.want {
			t.Errorf("step %d: recorded %q, want %q", n, got, step.want)
		}
	}
}

func TestNamesStayOutOfATISTexts(t *testing.T) {
	s := snapshot(0)
	s.ATIS = []vatsim.Controller{{CID: 1, Callsign: "EGLL_ATIS", Name: "Jorva Kelmand", LogonTime: start, Text: []string{"INFO A", "BY JORVA KELMAND"}}}
	if got := project(fresh(), s).ATIS[0].Text; got != "INFO A\nBY …" {
		t.Errorf("recorded %q", got)
	}
}

func TestStationsFollowTheRadios(t *testing.T) {
	row := vatsim.Controller{CID: 1, Callsign: "EGLL_TWR", LogonTime: start}
	radios := func(latitude int32) vatsim.Station {
		return vatsim.Station{Callsign: "EGLL_TWR", Transceivers: []vatsim.Transceiver{{ID: 3, Latitude: 1}, {ID: 0, Latitude: latitude}}}
	}
	p := fresh()
	var got []int32
	for n, stations := range [][]vatsim.Station{{radios(51), {Callsign: "TST1", Transceivers: []vatsim.Transceiver{{}}}}, nil, {radios(51)}, {{Callsign: "EGLL_TWR"}}, {radios(52)}} {
		for _, revision := range project(p, snapshot(n, row), stations...).Stations {
			got = append(got, revision.Latitude)
		}
	}
	if diff := cmp.Diff([]int32{51, 52}, got); diff != "" {
		t.Error(diff)
	}
}

func TestSuddenLossIsHeld(t *testing.T) {
	p := fresh()
	project(p, snapshot(0, pilots(100)))
	held := project(p, snapshot(1, pilots(10)))
	if !held.Snapshot.Suspicious || len(held.Closed) != 0 || len(held.Hidden) != 90 || held.Hidden[0].At != tick(0) {
		t.Fatalf("the drop closed %d and hid %d sessions", len(held.Closed), len(held.Hidden))
	}
	back := project(p, snapshot(2, pilots(100)))
	if back.Snapshot.Suspicious || len(back.Returned) != 90 || len(back.Opened) != 0 {
		t.Errorf("the rows returned, yet: %d returned, %d opened", len(back.Returned), len(back.Opened))
	}
	want := store.ReturnedSession{ID: back.Returned[0].ID, Since: tick(0), Until: tick(2)}
	if diff := cmp.Diff(want, back.Returned[0]); diff != "" {
		t.Error(diff)
	}
}

func TestLossIsBelievedAfterFourSnapshots(t *testing.T) {
	p := fresh()
	project(p, snapshot(0, pilots(100)))
	for n := 1; n <= 3; n++ {
		if changes := project(p, snapshot(n, pilots(5))); !changes.Snapshot.Suspicious || len(changes.Closed) > 0 {
			t.Fatalf("snapshot %d was believed", n)
		}
	}
	if head := p.Head(); head.HeldSince != tick(0) || head.HeldCount != 3 {
		t.Errorf("held %d since %s", head.HeldCount, head.HeldSince)
	}
	believed := project(p, snapshot(4, pilots(5)))
	if believed.Snapshot.Suspicious || len(believed.Closed) != 95 || believed.Closed[0].At != tick(0) {
		t.Errorf("closed %d sessions, suspicious %v", len(believed.Closed), believed.Snapshot.Suspicious)
	}
}

func TestMissingTicks(t *testing.T) {
	p := fresh()
	if changes := project(p, snapshot(0, pilot(1, ""))); len(changes.MissingTicks) != 0 {
		t.Errorf("a ledger that begins misses nothing, got %d", len(changes.MissingTicks))
	}
	if changes := project(p, snapshot(4, pilot(1, ""))); len(changes.MissingTicks) != 3 {
		t.Errorf("got %d missing ticks, want 3", len(changes.MissingTicks))
	}
	p.ObserveTick(projection.TickOf(tick(6)))
	if changes := project(p, snapshot(7, pilot(1, ""))); len(changes.MissingTicks) != 0 {
		t.Errorf("an observed tick was reported missing")
	}
	years := snapshot(8, pilot(1, ""))
	years.UpdateTimestamp = tick(7).Add(projection.LongestAbsence + projection.TickLength)
	if changes := project(p, years); len(changes.MissingTicks) != 0 {
		t.Errorf("a ledger that begins anew lists %d ticks", len(changes.MissingTicks))
	}
}

// A projector that is made anew from the stored state at any moment goes on as
// the one that was never interrupted.
func TestRestartedProjectorGoesOnTheSame(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		running := fresh()
		model := newModel()
		for n := range rapid.IntRange(1, 12).Draw(t, "snapshots") {
			s := drawSnapshot(t, n)
			restarted := projection.New(model.state(running.Head()), 4)
			want, got := project(running, s), project(restarted, s)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Fatalf("snapshot %d (-running +restarted):\n%s", n, diff)
			}
			model.apply(want)
		}
	})
}

func drawSnapshot(t *rapid.T, n int) *vatsim.Snapshot {
	s := snapshot(n)
	count := rapid.SampledFrom([]int{0, 1, 12, 40}).Draw(t, "pilots")
	for cid := range count {
		if rapid.IntRange(0, 5).Draw(t, "present") > 0 {
			plan := rapid.SampledFrom([]string{"", `{"arrival":"EGLL"}`, `{"arrival":"KJFK"}`}).Draw(t, "plan")
			s.Pilots = append(s.Pilots, pilot(int32(cid+1), plan))
		}
	}
	for cid := range rapid.IntRange(0, 3).Draw(t, "stations") {
		row := vatsim.Controller{
			CID: int32(cid + 1), Callsign: fmt.Sprintf("EG%d_ATIS", cid), LogonTime: start,
			Frequency: rapid.SampledFrom([]int32{0, 118700, 121900}).Draw(t, "frequency"),
			ATISCode:  rapid.SampledFrom([]string{"", "A", "B"}).Draw(t, "code"),
		}
		if text := rapid.SampledFrom([]string{"", "INFO", "OTHER"}).Draw(t, "text"); text != "" {
			row.Text = []string{text}
		}
		s.ATIS = append(s.ATIS, row)
	}
	return s
}

// model keeps open sessions as the database does.
type model struct{ open map[int64]store.OpenSession }

func newModel() *model { return &model{open: map[int64]store.OpenSession{}} }

func (m *model) apply(changes store.Changes) {
	edit := func(id int64, change func(*store.OpenSession)) {
		s := m.open[id]
		change(&s)
		m.open[id] = s
	}
	for _, closed := range changes.Closed {
		delete(m.open, closed.ID)
	}
	for _, opened := range changes.Opened {
		m.open[opened.ID] = store.OpenSession{ID: opened.ID, Key: opened.Key}
	}
	for _, hidden := range changes.Hidden {
		edit(hidden.ID, func(s *store.OpenSession) { s.AbsentSince = hidden.At })
	}
	for _, returned := range changes.Returned {
		edit(returned.ID, func(s *store.OpenSession) { s.AbsentSince = time.Time{} })
	}
	for _, plan := range changes.Plans {
		edit(plan.SessionID, func(s *store.OpenSession) { s.PlanHash = plan.Hash })
	}
	for _, frequency := range changes.Frequencies {
		edit(frequency.SessionID, func(s *store.OpenSession) { s.Frequency = frequency.Frequency })
	}
	for _, atis := range changes.ATIS {
		edit(atis.SessionID, func(s *store.OpenSession) { s.ATISHash, s.ATISCode = atis.Hash, atis.Code })
	}
}

func (m *model) state(head store.Head) store.State {
	state := store.State{Head: head}
	for _, s := range m.open {
		state.Open = append(state.Open, s)
	}
	return state
}
