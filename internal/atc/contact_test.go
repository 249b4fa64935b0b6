package atc_test

import (
	"cmp"
	"slices"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/skyledger/skyledger/internal/atc"
	"github.com/skyledger/skyledger/internal/flight"
	"github.com/skyledger/skyledger/internal/geo"
	"github.com/skyledger/skyledger/internal/reference"
	"github.com/skyledger/skyledger/internal/scene"
	"github.com/skyledger/skyledger/internal/store"
	"github.com/skyledger/skyledger/internal/vatsim"
	"github.com/skyledger/skyledger/internal/workload"
)

// traffic is scenes of few people, close together, who do everything that people
// do: come, go, reconnect, retune, move, start another flight.
type traffic struct {
	scenes   []scene.Scene
	statuses [][]flight.Status
}

func drawTraffic(t *rapid.T) traffic {
	callsigns := []string{"EGLL_TWR", "EGLL_N_TWR", "LON_S_CTR", "EURW_FSS", "XYZ_APP", "EGLL_DEL", "EGLL_OBS"}
	facilities := []int16{4, 4, 6, 1, 5, 2, 0}
	frequencies := []int32{118_700, 118_705, 118_711, 122_800, 122_805, 0}
	places := []float64{51.47, 51.5, 51.73, 52.2, 52.6, 58.5, -30}
	var made traffic
	now := time.Duration(0)
	for range rapid.IntRange(1, 25).Draw(t, "scenes") {
		now += time.Duration(rapid.SampledFrom([]int{15, 15, 15, 15, 30, 45, 75, 301, 4200}).Draw(t, "later")) * time.Second
		s := at(now)
		s.Held = rapid.IntRange(0, 9).Draw(t, "held") == 0
		withRadios := rapid.IntRange(0, 2).Draw(t, "radios") > 0
		if withRadios {
			s.Stations = []vatsim.Station{}
		}
		station := func(callsign string, lat float64) {
			if !withRadios || rapid.IntRange(0, 7).Draw(t, "silent") == 0 {
				return
			}
			tuned := rapid.SliceOfN(rapid.SampledFrom(frequencies), 0, 2).Draw(t, "tuned")
			s.Stations = append(s.Stations, radios(callsign, lat, -0.46, tuned...))
		}
		var statuses []flight.Status
		for cid := range int32(4) {
			if rapid.IntRange(0, 9).Draw(t, "there") == 0 {
				continue
			}
			callsign := rapid.SampledFrom([]string{"AAA", "AAA", "BBB"}).Draw(t, "callsign")
			lat := rapid.SampledFrom(places).Draw(t, "lat")
			s.Pilots = append(s.Pilots, pilot(cid, callsign, lat, -0.46))
			s.Pilots[len(s.Pilots)-1].Groundspeed = int16(rapid.IntRange(0, 500).Draw(t, "speed"))
			statuses = append(statuses, flight.Status{
				FlightID:     1000 + int64(cid)*10 + int64(rapid.IntRange(0, 7).Draw(t, "flight")/7),
				VerticalRate: int16(rapid.IntRange(-2000, 2000).Draw(t, "rate")),
				Airborne:     rapid.Bool().Draw(t, "airborne"),
			})
		}
		for i, callsign := range callsigns {
			if rapid.IntRange(0, 5).Draw(t, "on") == 0 {
				continue
			}
			row := controller(int32(100+i), callsign, facilities[i], rapid.SampledFrom(frequencies).Draw(t, "frequency"))
			row.Rating = int16(rapid.IntRange(4, 5).Draw(t, "rating"))
			if rapid.IntRange(0, 5).Draw(t, "again") == 0 {
				row.LogonTime = s.UpdateTimestamp.Add(-time.Duration(rapid.IntRange(-5, 900).Draw(t, "logon")) * time.Second)
			}
			s.Controllers = append(s.Controllers, row)
			station(callsign, rapid.SampledFrom(places[:3]).Draw(t, "site"))
		}
		station("AAA", 0)
		station("BBB", 0)
		made.scenes, made.statuses = append(made.scenes, s), append(made.statuses, statuses)
	}
	return made
}

// database keeps rows as the tables do.
type database struct {
	duties   map[int64]store.Duty
	contacts map[contactKey]store.Contact
}

type contactKey struct {
	duty     int64
	cid      int32
	callsign string
	since    int64
}

func newDatabase() *database {
	return &database{map[int64]store.Duty{}, map[contactKey]store.Contact{}}
}

func (d *database) write(t interface{ Fatalf(string, ...any) }, changes store.ControllerChanges) {
	for _, row := range changes.Duties {
		if old, known := d.duties[row.ID]; known && !old.Ended.IsZero() {
			t.Fatalf("duty %d changes after its end: %+v", row.ID, row)
		}
		d.duties[row.ID] = row
	}
	for _, row := range changes.Contacts {
		key := contactKey{row.DutyID, row.CID, row.Callsign, row.Since.Unix()}
		if old, known := d.contacts[key]; known && !old.Until.IsZero() {
			t.Fatalf("a contact changes after its end: %+v", row)
		}
		d.contacts[key] = row
	}
}

func (d *database) sorted() []store.Contact {
	var rows []store.Contact
	for _, row := range d.contacts {
		rows = append(rows, row)
	}
	return inOrder(rows)
}

func inOrder(rows []store.Contact) []store.Contact {
	slices.SortFunc(rows, func(a, b store.Contact) int {
		return cmp.Or(cmp.Compare(a.DutyID, b.DutyID), cmp.Compare(a.CID, b.CID), strings.Compare(a.Callsign, b.Callsign), a.Since.Compare(b.Since))
	})
	return rows
}

// join is the plain way: at every scene everybody against everybody, and then
// intervals of what came out.
type join struct {
	pilots map[[2]any]vatsim.Pilot
	flight map[[2]any]int64
	tuned  map[string][]int32
	heard  time.Time
	times  []time.Time
	found  map[pairing][]int // scenes, by number
	on     map[pairing]map[int]int32
}

type pairing struct {
	duty     int64
	cid      int32
	callsign string
	flight   int64
}

func newJoin() *join {
	return &join{map[[2]any]vatsim.Pilot{}, map[[2]any]int64{}, map[string][]int32{}, time.Time{}, nil, map[pairing][]int{}, map[pairing]map[int]int32{}}
}

func (j *join) observe(s scene.Scene, statuses []flight.Status, duties map[int64]store.Duty) {
	now := len(j.times)
	j.times = append(j.times, s.UpdateTimestamp)
	if !s.Held {
		clear(j.pilots)
	}
	for i, p := range s.Pilots {
		j.pilots[[2]any{p.CID, p.Callsign}], j.flight[[2]any{p.CID, p.Callsign}] = p, statuses[i].FlightID
	}
	if s.Stations != nil {
		j.heard = s.UpdateTimestamp
		clear(j.tuned)
		for _, station := range s.Stations {
			for _, radio := range station.Transceivers {
				j.tuned[station.Callsign] = append(j.tuned[station.Callsign], radio.Frequency)
			}
		}
	} else if s.UpdateTimestamp.Sub(j.heard) > 5*time.Minute {
		clear(j.tuned)
	}
	miles := map[int16]float64{1: 1000, 2: 15, 3: 15, 4: 15, 5: 60, 6: 400}
	for key, p := range j.pilots {
		for _, d := range duties {
			if !d.Ended.IsZero() || !d.Away.IsZero() || len(d.Tuned) == 0 || d.Site.Source == store.SiteUnknown {
				continue
			}
			speaks := d.Tuned[len(d.Tuned)-1].Frequency
			least := int32(1 << 30)
			for _, hears := range j.tuned[p.Callsign] {
				if hears != 122_800 && hears > 0 && speaks != 122_800 && max(hears-speaks, speaks-hears) <= 5 {
					least = min(least, hears)
				}
			}
			if least == 1<<30 || geo.Distance(float64(p.Latitude)/1e5, float64(p.Longitude)/1e5, float64(d.Site.Latitude)/1e5, float64(d.Site.Longitude)/1e5) > miles[d.Facility] {
				continue
			}
			pair := pairing{d.ID, p.CID, p.Callsign, j.flight[key]}
			j.found[pair] = append(j.found[pair], now)
			if j.on[pair] == nil {
				j.on[pair] = map[int]int32{}
			}
			j.on[pair][now] = least
		}
	}
}

func (j *join) contacts() []store.Contact {
	var rows []store.Contact
	last := len(j.times) - 1
	for pair, scenes := range j.found {
		begin := 0
		for i, n := range scenes {
			if i+1 < len(scenes) {
				next := scenes[i+1]
				apart := j.times[next].Sub(j.times[n])
				if apart <= time.Minute || next == n+1 && apart <= 5*time.Minute {
					continue
				}
			}
			row := store.Contact{
				DutyID: pair.duty, CID: pair.cid, Callsign: pair.callsign, FlightID: pair.flight,
				Frequency: j.on[pair][scenes[begin]], Since: j.times[scenes[begin]], Decided: j.times[scenes[begin]],
			}
			if n != last && (i+1 < len(scenes) || j.times[last].Sub(j.times[n]) > time.Minute) {
				row.Until = j.times[n]
			}
			rows = append(rows, row)
			begin = i + 1
		}
	}
	return inOrder(rows)
}

func TestContactsAreThoseOfAJoinOfEverybodyWithEverybody(t *testing.T) {
	w, fir := world(t), airspace(t, 1)
	contacts := 0
	rapid.Check(t, func(t *rapid.T) {
		made := drawTraffic(t)
		tracker, rows, plain := atc.New(w), newDatabase(), newJoin()
		for n, s := range made.scenes {
			rows.write(t, tracker.Observe(s, made.statuses[n], fir))
			plain.observe(s, made.statuses[n], rows.duties)
		}
		got, want := rows.sorted(), plain.contacts()
		if diff := gocmp.Diff(want, got); diff != "" {
			t.Fatalf("-join +tracker\n%s", diff)
		}
		contacts += len(got)
		begun := map[int64]int32{}
		for _, row := range got {
			begun[row.DutyID]++
		}
		for id, d := range rows.duties {
			if d.Handled != nil && d.Handled.Aircraft != begun[id] {
				t.Fatalf("%s says %d contacts, there are %d", d.Callsign, d.Handled.Aircraft, begun[id])
			}
		}
	})
	if contacts < 100 {
		t.Errorf("only %d contacts came out of it", contacts)
	}
}

func TestTrackerGoesOnTheSameWhenItIsSavedAndLoaded(t *testing.T) {
	w := world(t)
	versions := []*reference.Airspace{nil, airspace(t, 1), airspace(t, 2)}
	rapid.Check(t, func(t *rapid.T) {
		made := drawTraffic(t)
		straight, broken := atc.New(w), atc.New(w)
		for n, s := range made.scenes {
			fir := rapid.SampledFrom(versions).Draw(t, "firs")
			want := straight.Observe(s, made.statuses[n], fir)
			got := broken.Observe(s, made.statuses[n], fir)
			if diff := gocmp.Diff(want, got); diff != "" {
				t.Fatalf("scene %d: -straight +loaded\n%s", n, diff)
			}
			if diff := gocmp.Diff(straight.Open(), broken.Open()); diff != "" {
				t.Fatalf("scene %d, open rows: -straight +loaded\n%s", n, diff)
			}
			if rapid.IntRange(0, 2).Draw(t, "save") > 0 {
				continue
			}
			saved, err := broken.Save()
			if err != nil {
				t.Fatal(err)
			}
			broken = atc.New(w)
			if err := broken.Load(saved); err != nil {
				t.Fatal(err)
			}
			again, err := broken.Save()
			if err != nil || string(again) != string(saved) {
				t.Fatalf("saved twice: %v\n%s\n%s", err, saved, again)
			}
		}
	})
}

// A rewind deletes the rows decided after a checkpoint and writes the open ones
// again: what follows must come to what a straight run comes to.
func TestRowsAreTheSameAfterARewind(t *testing.T) {
	w, fir := world(t), airspace(t, 1)
	rapid.Check(t, func(t *rapid.T) {
		made := drawTraffic(t)
		straight, rewound := newDatabase(), newDatabase()
		tracker := atc.New(w)
		checkpoint := rapid.IntRange(0, len(made.scenes)-1).Draw(t, "checkpoint")
		var saved []byte
		for n, s := range made.scenes {
			changes := tracker.Observe(s, made.statuses[n], fir)
			straight.write(t, changes)
			rewound.write(t, changes)
			if n == checkpoint {
				saved, _ = tracker.Save()
			}
		}
		again := atc.New(w)
		if err := again.Load(saved); err != nil {
			t.Fatal(err)
		}
		to := made.scenes[checkpoint].UpdateTimestamp
		for id, row := range rewound.duties {
			if row.Decided.After(to) {
				delete(rewound.duties, id)
			}
		}
		for key, row := range rewound.contacts {
			if row.Decided.After(to) {
				delete(rewound.contacts, key)
			}
		}
		open := again.Open()
		for _, row := range open.Duties {
			rewound.duties[row.ID] = row
		}
		for _, row := range open.Contacts {
			rewound.contacts[contactKey{row.DutyID, row.CID, row.Callsign, row.Since.Unix()}] = row
		}
		for n := checkpoint + 1; n < len(made.scenes); n++ {
			rewound.write(t, again.Observe(made.scenes[n], made.statuses[n], fir))
		}
		if diff := gocmp.Diff(straight.sorted(), rewound.sorted()); diff != "" {
			t.Fatalf("contacts: -straight +rewound\n%s", diff)
		}
		if diff := gocmp.Diff(straight.duties, rewound.duties); diff != "" {
			t.Fatalf("duties: -straight +rewound\n%s", diff)
		}
	})
}

func TestRanges(t *testing.T) {
	w, fir := world(t), airspace(t, 1)
	for _, test := range []struct {
		callsign string
		facility int16
		in, out  float64 // nautical miles
	}{
		{"EGLL_DEL", 2, 14.9, 15.1}, {"EGLL_GND", 3, 14.9, 15.1}, {"EGLL_TWR", 4, 14.9, 15.1},
		{"EGLL_APP", 5, 59.9, 60.1}, {"EGLL_DEP", 5, 59.9, 60.1}, {"LON_CTR", 6, 399, 401}, {"EURW_FSS", 1, 999, 1001},
	} {
		t.Run(test.callsign, func(t *testing.T) {
			tracker := atc.New(w)
			s := at(0)
			s.Controllers = []vatsim.Controller{controller(1, test.callsign, test.facility, 118_700)}
			s.Pilots = []vatsim.Pilot{pilot(2, "IN", 51+test.in/60, 0), pilot(3, "OUT", 51+test.out/60, 0)}
			s.Stations = []vatsim.Station{radios(test.callsign, 51, 0, 118_700), radios("IN", 0, 0, 118_700), radios("OUT", 0, 0, 118_700)}
			rows := tracker.Observe(s, flights(s.Pilots), fir).Contacts
			if len(rows) != 1 || rows[0].Callsign != "IN" {
				t.Errorf("%+v", rows)
			}
			if got := atc.RangeMiles(workload.Kind(test.facility)); got < test.in || got > test.out {
				t.Errorf("range %v", got)
			}
		})
	}
}
