package sector_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/skyledger/skyledger/internal/flight"
	"github.com/skyledger/skyledger/internal/geo"
	"github.com/skyledger/skyledger/internal/reference"
	"github.com/skyledger/skyledger/internal/scene"
	"github.com/skyledger/skyledger/internal/sector"
	"github.com/skyledger/skyledger/internal/store"
	"github.com/skyledger/skyledger/internal/vatsim"
)

var start = time.Date(2026, 3, 2, 12, 1, 7, 0, time.UTC)

func square(west, south, east, north float64) geo.MultiPolygon {
	return geo.MultiPolygon{{{{west, south}, {east, south}, {east, north}, {west, north}, {west, south}}}}
}

// airspace has an FIR with a sector beside another FIR, one across the date line
// and one around the pole. In its second version the border between the first
// two is farther north, and the sector has another name.
func airspace(t testing.TB, version int32) *reference.Airspace {
	t.Helper()
	border, south := 50.0, "EGTT-S"
	if version == 2 {
		border, south = 51, "EGTT-X"
	}
	boundary := func(id string, shape geo.MultiPolygon) store.Boundary { return store.Boundary{ID: id, Shape: shape} }
	content := store.VATSpy{Boundaries: []store.Boundary{
		boundary("EGTT", square(-5, border, 2, 55)), boundary(south, square(-5, border, 2, 52)), boundary("LFFF", square(-5, 46, 2, border)),
		boundary("NZZO", append(square(170, -50, 180, -20), square(-180, -50, -150, -20)...)),
		boundary("XPOL", geo.MultiPolygon{{{{0, 70}, {90, 70}, {180, 70}, {-90, 70}, {0, 70}}}}),
	}}
	for _, b := range content.Boundaries {
		content.FIRs = append(content.FIRs, store.FIR{ID: b.ID, Boundary: b.ID})
	}
	a, err := reference.NewAirspace(content, store.VATSpyVersion{Version: version})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// step is one scene in the life of one aircraft.
type step struct {
	after    time.Duration
	lat, lon float64
	ground   bool
	away     bool
	held     bool
	firs     int32 // version; 0 none
}

func (s step) scene() (scene.Scene, []flight.Status) {
	made := scene.Scene{Snapshot: &vatsim.Snapshot{UpdateTimestamp: start.Add(s.after)}, Held: s.held}
	if s.away {
		return made, nil
	}
	made.Pilots = []vatsim.Pilot{{CID: 1, Callsign: "TST1", Latitude: int32(s.lat * 1e5), Longitude: int32(s.lon * 1e5)}}
	return made, []flight.Status{{FlightID: 1, Airborne: !s.ground}}
}

func TestOneAircraft(t *testing.T) {
	const s, m = time.Second, time.Minute
	type row struct {
		Sector                                           string
		First, Entries, Exits, Appeared, Vanished, Stays int
		Seconds                                          int64
	}
	over := func(after time.Duration, lat, lon float64) step {
		return step{after: after, lat: lat, lon: lon, firs: 1}
	}
	for _, test := range []struct {
		name  string
		steps []step
		now   []string // that hold it in the last scene
		want  []row    // of the quarter
	}{
		{"one that connects in the air appears", []step{over(0, 53, 0)}, []string{"EGTT"}, []row{{"EGTT", 0, 0, 0, 1, 0, 0, 0}}},
		{"one on the ground is nowhere", []step{{lat: 53, ground: true, firs: 1}}, nil, nil},
		{"a take-off is an entry, a landing an exit, and between them a stay",
			[]step{{lat: 53, ground: true, firs: 1}, over(15*s, 53, 0), over(60*s, 53.1, 0), {after: 90 * s, lat: 53.1, ground: true, firs: 1}},
			nil, []row{{"EGTT", 0, 1, 1, 0, 0, 1, 75}}},
		{"a sector counts for itself and for its FIR",
			[]step{over(0, 53, 0), over(15*s, 51.5, 0), over(45*s, 53, 0)}, []string{"EGTT"},
			[]row{{"EGTT", 0, 0, 0, 1, 0, 0, 0}, {"EGTT-S", 0, 1, 1, 0, 0, 1, 30}}},
		{"a border crossed is an exit and an entry; who appeared has no stay",
			[]step{over(0, 53, 0), over(15*s, 49, 0)}, []string{"LFFF"},
			[]row{{"EGTT", 0, 0, 1, 1, 0, 0, 0}, {"LFFF", 0, 1, 0, 0, 0, 0, 0}}},
		{"a crossing that nobody saw for minutes is counted and not timed",
			[]step{{lat: 53, ground: true, firs: 1}, over(15*s, 53, 0), over(6*m, 49, 0), over(7*m, 53, 0)}, []string{"EGTT"},
			[]row{{"EGTT", 0, 2, 1, 0, 0, 0, 0}, {"LFFF", 0, 1, 1, 0, 0, 0, 0}}},
		{"one that disconnects in the air vanishes", []step{over(0, 53, 0), {after: 15 * s, away: true, firs: 1}}, nil, []row{{"EGTT", 0, 0, 0, 1, 1, 0, 0}}},
		{"one that a held snapshot lacks is where it was", []step{over(0, 53, 0), {after: 15 * s, away: true, held: true, firs: 1}}, []string{"EGTT"},
			[]row{{"EGTT", 0, 0, 0, 1, 0, 0, 0}}},
		{"the date line is no border", []step{over(0, -30, 179.9), over(15*s, -30, -179.9)}, []string{"NZZO"}, []row{{"NZZO", 0, 0, 0, 1, 0, 0, 0}}},
		{"nor is a meridian at the pole", []step{over(0, 89.9, 10), over(15*s, 89.9, -170), over(30*s, 90, 0)}, []string{"XPOL"}, []row{{"XPOL", 0, 0, 0, 1, 0, 0, 0}}},
		{"some sea is nobody's", []step{over(0, 53, 0), over(15*s, 0, 0)}, nil, []row{{"EGTT", 0, 0, 1, 1, 0, 0, 0}}},
		{"without FIRs nothing is known", []step{{lat: 53}, {after: 15 * s, lat: 53.1}}, nil, nil},
		{"when FIRs come everybody appears in them", []step{{lat: 53}, over(15*s, 53, 0)}, []string{"EGTT"}, []row{{"EGTT", 0, 0, 0, 1, 0, 0, 0}}},
		{"when they go everybody vanishes", []step{over(0, 53, 0), {after: 15 * s, lat: 53}}, nil, []row{{"EGTT", 0, 0, 0, 1, 1, 0, 0}}},
		{"FIRs redrawn over one that stands: nobody crossed anything",
			[]step{over(0, 50.5, 0), {after: 15 * s, lat: 50.5, firs: 2}}, []string{"LFFF"},
			[]row{{"EGTT", 0, 0, 0, 1, 1, 0, 0}, {"EGTT-S", 0, 0, 0, 1, 1, 0, 0}, {"LFFF", 0, 0, 0, 1, 0, 0, 0}}},
		{"where FIRs are as they were a stay goes on",
			[]step{{lat: 53, ground: true, firs: 1}, over(15*s, 53, 0), {after: 30 * s, lat: 53, firs: 2}, {after: 60 * s, lat: 53, ground: true, firs: 2}}, nil,
			[]row{{"EGTT", 0, 1, 1, 0, 0, 1, 45}}},
		{"a sector renamed is another", []step{over(0, 51.5, 0), {after: 15 * s, lat: 51.5, firs: 2}}, []string{"EGTT", "EGTT-X"},
			[]row{{"EGTT", 0, 0, 0, 1, 0, 0, 0}, {"EGTT-S", 0, 0, 0, 1, 1, 0, 0}, {"EGTT-X", 0, 0, 0, 1, 0, 0, 0}}},
	} {
		t.Run(test.name, func(t *testing.T) {
			versions := map[int32]*reference.Airspace{1: airspace(t, 1), 2: airspace(t, 2)}
			tracker := sector.New()
			var last store.SectorTick
			for _, step := range test.steps {
				s, statuses := step.scene()
				last = tracker.Observe(s, statuses, versions[step.firs]).Tick
				if last.Version != step.firs {
					t.Errorf("tick by FIRs %d, want %d", last.Version, step.firs)
				}
			}
			var now []string
			for i, id := range last.Sector {
				if last.Occupancy[i] > 0 {
					now = append(now, id)
				}
			}
			if !slices.Equal(now, test.now) {
				t.Errorf("it is in %v, want %v", now, test.now)
			}
			s, statuses := test.steps[len(test.steps)-1].scene()
			s.Snapshot.UpdateTimestamp = start.Add(14 * m)
			var got []row
			for _, q := range tracker.Observe(s, statuses, versions[test.steps[len(test.steps)-1].firs]).Quarters {
				got = append(got, row{q.Sector, int(q.First), int(q.Entries), int(q.Exits), int(q.Appeared), int(q.Vanished), int(q.Stays), q.StaySeconds})
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
		})
	}
}

type traffic struct {
	scenes   []scene.Scene
	statuses [][]flight.Status
	firs     []int32
}

func drawTraffic(t *rapid.T) traffic {
	var made traffic
	now := time.Duration(0)
	version := int32(1)
	for range rapid.IntRange(1, 30).Draw(t, "scenes") {
		now += time.Duration(rapid.SampledFrom([]int{15, 15, 15, 60, 301, 1000, 4200}).Draw(t, "later")) * time.Second
		if rapid.IntRange(0, 6).Draw(t, "refresh") == 0 {
			version = rapid.Int32Range(0, 2).Draw(t, "version")
		}
		s := scene.Scene{Snapshot: &vatsim.Snapshot{UpdateTimestamp: start.Add(now)}, Held: rapid.IntRange(0, 7).Draw(t, "held") == 0}
		var statuses []flight.Status
		for cid := range int32(5) {
			if rapid.IntRange(0, 6).Draw(t, "there") == 0 {
				continue
			}
			place := rapid.SampledFrom([][2]int32{{5_300_000, 0}, {5_150_000, 0}, {5_151_000, 1_000}, {5_050_000, 0}, {4_800_000, 0}, {-3_000_000, 17_999_000}, {-3_000_000, -17_999_000}, {8_990_000, 1_000_000}, {0, 0}}).Draw(t, "place")
			s.Pilots = append(s.Pilots, vatsim.Pilot{
				CID: cid, Callsign: "TST", Latitude: place[0], Longitude: place[1], Groundspeed: int16(rapid.IntRange(0, 500).Draw(t, "speed")),
			})
			statuses = append(statuses, flight.Status{Airborne: rapid.IntRange(0, 3).Draw(t, "airborne") > 0, VerticalRate: int16(rapid.IntRange(-900, 900).Draw(t, "rate"))})
		}
		made.scenes, made.statuses, made.firs = append(made.scenes, s), append(made.statuses, statuses), append(made.firs, version)
	}
	return made
}

// where is the plain way: every airborne aircraft that is known, looked up anew.
func where(known map[int32]vatsim.Pilot, airborne map[int32]bool, firs *reference.Airspace) map[string]int {
	counts := map[string]int{}
	if firs == nil {
		return counts
	}
	for cid, p := range known {
		lat, lon := float64(p.Latitude)/1e5, float64(p.Longitude)/1e5
		if !airborne[cid] {
			continue
		}
		if fir, found := firs.At(lat, lon); found {
			counts[fir.ID]++
		}
		for _, fir := range firs.FIRs() {
			if fir.Sector && fir.Holds(lat, lon) {
				counts[fir.ID]++
			}
		}
	}
	return counts
}

func TestOccupancyIsWhoIsThereAndBalancesWithWhoCameAndWent(t *testing.T) {
	versions := map[int32]*reference.Airspace{1: airspace(t, 1), 2: airspace(t, 2)}
	rows := 0
	rapid.Check(t, func(t *rapid.T) {
		made := drawTraffic(t)
		tracker := sector.New()
		known, airborne := map[int32]vatsim.Pilot{}, map[int32]bool{}
		next := map[string]int16{} // occupancy at the end of the quarter before
		sums, entered, left := map[string]int32{}, map[string]int32{}, map[string]int32{}
		for n, s := range made.scenes {
			changes := tracker.Observe(s, made.statuses[n], versions[made.firs[n]])
			for _, q := range changes.Quarters {
				rows++
				if q.First != next[q.Sector] || q.OccupancySum != sums[q.Sector] || q.Entries != entered[q.Sector] || q.Exits != left[q.Sector] {
					t.Fatalf("scene %d: %+v, but it began with %d, ticks sum up to %d, %d came and %d went", n, q, next[q.Sector], sums[q.Sector], entered[q.Sector], left[q.Sector])
				}
				next[q.Sector] = q.First + int16(q.Entries+q.Appeared-q.Exits-q.Vanished)
				if q.OccupancyMax > 5 || q.WorkloadMax > 100 || q.StaySeconds < 0 || q.Stays > q.Exits {
					t.Fatalf("%+v", q)
				}
				delete(sums, q.Sector)
				delete(entered, q.Sector)
				delete(left, q.Sector)
			}
			if !s.Held {
				clear(known)
			}
			for i, p := range s.Pilots {
				known[p.CID], airborne[p.CID] = p, made.statuses[n][i].Airborne
			}
			got := map[string]int{}
			for i, id := range changes.Tick.Sector {
				if changes.Tick.Occupancy[i] > 0 {
					got[id] = int(changes.Tick.Occupancy[i])
				}
				sums[id] += int32(changes.Tick.Occupancy[i])
				entered[id] += int32(changes.Tick.Entries[i])
				left[id] += int32(changes.Tick.Exits[i])
			}
			if diff := cmp.Diff(where(known, airborne, versions[made.firs[n]]), got); diff != "" {
				t.Fatalf("scene %d: -plain +tracker\n%s", n, diff)
			}
		}
	})
	if rows < 100 {
		t.Errorf("only %d quarters came out of it", rows)
	}
}

func TestTrackerGoesOnTheSameWhenItIsSavedAndLoaded(t *testing.T) {
	versions := map[int32]*reference.Airspace{1: airspace(t, 1), 2: airspace(t, 2)}
	rapid.Check(t, func(t *rapid.T) {
		made := drawTraffic(t)
		straight, broken := sector.New(), sector.New()
		for n, s := range made.scenes {
			want, got := straight.Observe(s, made.statuses[n], versions[made.firs[n]]), broken.Observe(s, made.statuses[n], versions[made.firs[n]])
			if diff := cmp.Diff(want, got); diff != "" {
				t.Fatalf("scene %d: -straight +loaded\n%s", n, diff)
			}
			if rapid.Bool().Draw(t, "save") {
				saved, err := broken.Save()
				if err != nil {
					t.Fatal(err)
				}
				broken = sector.New()
				if err := broken.Load(saved); err != nil {
					t.Fatal(err)
				}
			}
		}
	})
}

func TestWhatIsNoStateIsRefused(t *testing.T) {
	for _, saved := range []string{"", "{}", `{"Format":2}`, `{"Format":1,"Planes":[{"i":[3],"t":["2026-01-01T00:00:00Z"]}]}`} {
		if err := sector.New().Load([]byte(saved)); err == nil {
			t.Errorf("%s is a state", saved)
		}
	}
}

// realAirspace is VAT-Spy's, of the machines that have it.
func realAirspace(t testing.TB) *reference.Airspace {
	t.Helper()
	const captured = "../../../shared/data/reference"
	if _, err := os.Stat(filepath.Join(captured, "VATSpy.dat")); err != nil {
		t.Skip("VAT-Spy's files are not at ../shared/data/reference beside the repository")
	}
	files, err := reference.NewDirectory(captured).Fetch(t.Context(), store.VATSpyVersion{})
	if err != nil {
		t.Fatal(err)
	}
	content, err := reference.ParseVATSpy(files.VATSpy)
	if err != nil {
		t.Fatal(err)
	}
	if content.Boundaries, _, err = reference.ParseBoundaries(files.Boundaries); err != nil {
		t.Fatal(err)
	}
	a, err := reference.NewAirspace(content, store.VATSpyVersion{Version: 1})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// Of real aircraft nearly everybody is in an FIR, and each in one.
func TestRealAircraftAreInFIRs(t *testing.T) {
	firs := realAirspace(t)
	paths, _ := filepath.Glob("../../../shared/data/feed/2024-11-21/*.json")
	tracker := sector.New()
	for _, path := range paths {
		body, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		snapshot, err := vatsim.Decode(body)
		if err != nil {
			t.Fatal(err)
		}
		statuses := make([]flight.Status, len(snapshot.Pilots))
		airborne := 0
		for i := range statuses {
			if snapshot.Pilots[i].Groundspeed > 80 {
				statuses[i].Airborne = true
				airborne++
			}
		}
		tick := tracker.Observe(scene.Scene{Snapshot: snapshot}, statuses, firs).Tick
		in, entries, sectors := 0, 0, 0
		for i, id := range tick.Sector {
			if fir, known := firs.FIR(id); !known {
				t.Errorf("%s is no FIR", id)
			} else if fir.Sector {
				sectors++
				continue
			}
			in += int(tick.Occupancy[i])
			entries += int(tick.Entries[i])
		}
		t.Logf("%s: %d of %d airborne in %d FIRs, %d entries; %d sectors", filepath.Base(path), in, airborne, len(tick.Sector)-sectors, entries, sectors)
		if in > airborne || in*100 < airborne*97 {
			t.Errorf("%d of %d airborne aircraft are in an FIR", in, airborne)
		}
	}
}

func BenchmarkObserve(b *testing.B) {
	firs := realAirspace(b)
	for _, pilots := range []int{2_500, 25_000} {
		for _, moving := range []int{0, 10, 70, 100} { // percent
			b.Run(fmt.Sprintf("%d airborne, %d %% move", pilots, moving), func(b *testing.B) {
				s := scene.Scene{}
				first := &vatsim.Snapshot{}
				statuses := make([]flight.Status, pilots)
				for i := range pilots {
					first.Pilots = append(first.Pilots, vatsim.Pilot{
						CID: int32(i), Callsign: fmt.Sprintf("TST%d", i), Altitude: int32(i%13) * 3000,
						Latitude: int32(i*7919%9_000_000) - 2_000_000, Longitude: int32(i*104_729%36_000_000) - 18_000_000,
					})
					statuses[i].Airborne = true
				}
				tracker := sector.New()
				n := 0
				for b.Loop() {
					n++
					next := *first
					next.UpdateTimestamp = start.Add(time.Duration(n) * 15 * time.Second)
					for i := range pilots * moving / 100 {
						next.Pilots[i].Latitude += int32(n%2*2-1) * 100
					}
					s.Snapshot = &next
					tracker.Observe(s, statuses, firs)
				}
			})
		}
	}
}
