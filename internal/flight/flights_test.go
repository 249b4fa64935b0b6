package flight_test

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/skyledger/skyledger/internal/flight"
	"github.com/skyledger/skyledger/internal/scene"
	"github.com/skyledger/skyledger/internal/traffic"
	tt "github.com/skyledger/skyledger/internal/traffic/traffictest"
	"github.com/skyledger/skyledger/internal/vatsim"
)

// part is a connection's stretch of an aircraft's way: the seconds from which
// and up to which it is listed, under which callsign, session and plan.
type part struct {
	from, to float64
	callsign string
	session  int    // a logon time of its own
	plan     string // "AAAA BBBB 1200" (departure, arrival, deptime); "" for none
	frozen   bool   // the position of its first second, reported as new
	ghost    bool   // the report of its first second, not as new
	ways     []tt.Way
}

const cid = int32(1000001)

func planOf(t testing.TB, text string) vatsim.Plan {
	t.Helper()
	if text == "" {
		return nil
	}
	words := strings.Split(text, " ")
	raw, err := json.Marshal(map[string]string{"departure": words[0], "arrival": words[1], "deptime": words[2], "aircraft_short": "A320", "flight_rules": "I", "route": "DCT"})
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// scenesOf lists the parts every 15 seconds until some time after the last.
func scenesOf(t testing.TB, until float64, parts ...part) (out []scene.Scene) {
	t.Helper()
	for at := 0.0; at <= until; at += 15 {
		now := tt.Midnight().Add(time.Duration(at) * time.Second)
		snapshot := &vatsim.Snapshot{UpdateTimestamp: now.Add(2 * time.Second)}
		for _, p := range parts {
			if at < p.from || at >= p.to {
				continue
			}
			all := tt.Samples(p.ways, 15)
			i := int((at - p.ways[0][0]) / 15)
			if p.frozen || p.ghost {
				i = int((p.from - p.ways[0][0]) / 15)
			}
			s := all[max(0, min(i, len(all)-1))]
			row := vatsim.Pilot{
				CID: cid, Callsign: p.callsign, Latitude: s.Latitude, Longitude: s.Longitude, Altitude: s.Altitude, Groundspeed: s.Groundspeed,
				Heading: s.Heading, LogonTime: tt.Midnight().Add(-time.Duration(1000-p.session) * time.Second), LastUpdated: now, Plan: planOf(t, p.plan),
			}
			if p.ghost {
				row.LastUpdated = tt.Midnight().Add(time.Duration(p.from) * time.Second)
			}
			snapshot.Pilots = append(snapshot.Pilots, row)
		}
		out = append(out, scene.Scene{Snapshot: snapshot})
	}
	return out
}

// told is what a Tracker made of scenes.
type told struct {
	flights []flight.Flight // by when they began
	moved   []string        // "departure AAAA"
	phases  []flight.Phase  // of the first pilot, each time it changes
}

// play observes scenes and then an hour of nobody.
func play(t testing.TB, scenes []scene.Scene) (out told) {
	t.Helper()
	tracker := flight.New(flight.Options{World: tt.World(t)})
	known := map[int64]flight.Flight{}
	end := scenes[len(scenes)-1].UpdateTimestamp.Add(time.Hour)
	for _, s := range append(slices.Clone(scenes), scene.Scene{Snapshot: &vatsim.Snapshot{UpdateTimestamp: end}}) {
		changes := tracker.Observe(s)
		for _, f := range changes.Flights {
			known[f.ID] = f
		}
		for _, m := range changes.Movements {
			name := [...]string{"", "departure", "arrival", "go-around", "touch-and-go", "diversion"}[m.Kind]
			out.moved = append(out.moved, strings.TrimSpace(name+" "+m.Airport))
		}
		if len(changes.Statuses) > 0 {
			if phase := changes.Statuses[0].Phase; len(out.phases) == 0 || out.phases[len(out.phases)-1] != phase {
				out.phases = append(out.phases, phase)
			}
		}
	}
	if left := tracker.Open(); len(left) > 0 {
		t.Errorf("%d flights are open after an hour of nobody", len(left))
	}
	for _, f := range known {
		out.flights = append(out.flights, f)
	}
	slices.SortFunc(out.flights, func(a, b flight.Flight) int {
		return cmp.Or(a.Began.Compare(b.Began), strings.Compare(a.Callsign, b.Callsign))
	})
	return out
}

// sum puts a flight into a line.
func sum(f flight.Flight) string {
	ending := [...]string{"open", "complete", "probably landed", "lost", "never left"}[f.Ending]
	return fmt.Sprintf("%s %s-%s %s, legs %d, gaps %d, teleports %d", f.Callsign, f.Departure, f.Arrival, ending, len(f.Legs), len(f.Gaps), f.Teleports)
}

// whole is a flight from AAAA to BBBB: off the ground at 410 s, on it at 1574 s,
// at its stand at 1700 s.
func whole() []tt.Way {
	return append(tt.Takeoff()[:10:10], append([]tt.Way{{1290, 49, 0, 3700, 150}}, tt.Shift(tt.Landing(), 1300, 60, 0, 0)[1:]...)...)
}

func TestFlights(t *testing.T) {
	const filed, back = "AAAA BBBB 0010", "BBBB AAAA 0100"
	way := whole()
	flown := []string{"departure AAAA", "arrival BBBB"}
	home := tt.Shift(landingFrom(), 2000, 0, 0, 0)
	tests := []struct {
		name  string
		parts []part
		until float64
		want  []string
		moved []string
	}{
		{"a whole flight under one session", []part{{0, 2000, "BAW1", 1, filed, false, false, way}}, 2100, []string{"BAW1 AAAA-BBBB complete, legs 1, gaps 0, teleports 0"}, flown},
		{
			"a reconnect in flight after three minutes is a leg and a gap", []part{{0, 700, "BAW1", 1, filed, false, false, way}, {885, 2000, "BAW1", 2, filed, false, false, way}}, 2100,
			[]string{"BAW1 AAAA-BBBB complete, legs 2, gaps 1, teleports 0"}, flown,
		},
		{
			"a reconnect at the stand as well", []part{{0, 60, "BAW1", 1, "", false, false, way}, {150, 2000, "BAW1", 2, filed, false, false, way}}, 2100,
			[]string{"BAW1 AAAA-BBBB complete, legs 2, gaps 1, teleports 0"}, flown,
		},
		{
			"under another callsign the same plan is the same flight", []part{{0, 700, "BAW1", 1, filed, false, false, way}, {885, 2000, "BAW1A", 2, filed, false, false, way}}, 2100,
			[]string{"BAW1A AAAA-BBBB complete, legs 2, gaps 1, teleports 0"}, flown,
		},
		{
			"another callsign without a plan is another flight", []part{{0, 700, "BAW1", 1, filed, false, false, way}, {885, 2000, "GABCD", 2, "", false, false, way}}, 2100,
			[]string{"BAW1 AAAA- lost, legs 1, gaps 0, teleports 0", "GABCD -BBBB complete, legs 1, gaps 0, teleports 0"}, flown,
		},
		{
			"a rename whose old connection is listed for two more ticks is one flight", []part{{0, 75, "BAW1", 1, filed, true, false, way}, {45, 2000, "BAW1A", 2, filed, false, false, way}}, 2100,
			[]string{"BAW1A AAAA-BBBB complete, legs 2, gaps 0, teleports 0"}, flown,
		},
		{
			"a ghost goes on in the connection that replaces it", []part{{0, 700, "BAW1", 1, filed, false, false, way}, {700, 800, "BAW1", 1, filed, false, true, way}, {760, 2000, "BAW1A", 2, filed, false, false, way}}, 2100,
			[]string{"BAW1A AAAA-BBBB complete, legs 2, gaps 1, teleports 0"}, flown,
		},
		{
			"two connections of one member at different places are two flights",
			[]part{{0, 2000, "BAW1", 1, filed, false, false, way}, {0, 900, "GABCD", 2, "", false, false, []tt.Way{{0, 60.5, -0.3, 300, 0}, {900, 60.5, -0.3, 300, 0}}}}, 2100,
			[]string{"BAW1 AAAA-BBBB complete, legs 1, gaps 0, teleports 0", "GABCD BBBB- never left, legs 1, gaps 0, teleports 0"}, flown,
		},
		{
			"back after 31 minutes is another flight", []part{{0, 700, "BAW1", 1, filed, false, false, way}, {2600, 3400, "BAW1", 2, filed, false, false, tt.Shift(way[10:], 1500, 0, 0, 0)}}, 3500,
			[]string{"BAW1 AAAA- lost, legs 1, gaps 0, teleports 0", "BAW1 -BBBB complete, legs 1, gaps 0, teleports 0"}, flown,
		},
		{
			"back at a stand after a crash is another flight", []part{{0, 700, "BAW1", 1, filed, false, false, way}, {900, 1500, "BAW1", 2, filed, false, false, []tt.Way{{900, 0.8, -0.6, 300, 0}, {1500, 0.8, -0.6, 300, 0}}}}, 1600,
			[]string{"BAW1 AAAA- lost, legs 1, gaps 0, teleports 0", "BAW1 AAAA- never left, legs 1, gaps 0, teleports 0"}, flown[:1],
		},
		{
			"back far beyond where it can be is another flight", []part{{0, 700, "BAW1", 1, filed, false, false, way}, {720, 1000, "BAW1", 2, filed, false, false, []tt.Way{{720, 300, 0, 9000, 250}, {1000, 320, 0, 9000, 250}}}}, 1100,
			[]string{"BAW1 AAAA- lost, legs 1, gaps 0, teleports 0", "BAW1 - lost, legs 1, gaps 0, teleports 0"}, flown[:1],
		},
		{
			"gone in the air it is lost", []part{{0, 900, "BAW1", 1, filed, false, false, way}}, 1000, []string{"BAW1 AAAA- lost, legs 1, gaps 0, teleports 0"}, flown[:1],
		},
		{
			"gone on short final it has probably landed", []part{{0, 1545, "BAW1", 1, filed, false, false, way}}, 1600, []string{"BAW1 AAAA- probably landed, legs 1, gaps 0, teleports 0"}, flown[:1],
		},
		{
			"gone on short final to somewhere else it is lost", []part{{0, 1545, "BAW1", 1, "AAAA SHUT 0010", false, false, way}}, 1600, []string{"BAW1 AAAA- lost, legs 1, gaps 0, teleports 0"}, flown[:1],
		},
		{"gone from the stand it never left", []part{{0, 300, "BAW1", 1, filed, false, false, way}}, 400, []string{"BAW1 AAAA- never left, legs 1, gaps 0, teleports 0"}, nil},
		{
			"a new plan after the landing begins the next flight", []part{{0, 1900, "BAW1", 1, filed, false, false, way}, {1900, 4000, "BAW1", 1, back, false, false, append(way, home...)}}, 4100,
			[]string{"BAW1 AAAA-BBBB complete, legs 1, gaps 0, teleports 0", "BAW1 BBBB-AAAA complete, legs 1, gaps 0, teleports 0"}, append(flown, "departure BBBB", "arrival AAAA"),
		},
		{
			"a new time of departure after the landing too", []part{{0, 1900, "BAW1", 1, filed, false, false, way}, {1900, 2400, "BAW1", 1, "AAAA BBBB 0400", false, false, way}}, 2500,
			[]string{"BAW1 AAAA-BBBB complete, legs 1, gaps 0, teleports 0", "BAW1 BBBB- never left, legs 1, gaps 0, teleports 0"}, flown,
		},
		{
			"without a new plan the departure does", []part{{0, 4000, "BAW1", 1, filed, false, false, append(way, home...)}}, 4100,
			[]string{"BAW1 AAAA-BBBB complete, legs 1, gaps 0, teleports 0", "BAW1 BBBB-AAAA complete, legs 1, gaps 0, teleports 0"}, append(flown, "departure BBBB", "arrival AAAA"),
		},
		{
			"a reconnect after the landing under the same plan is the same flight", []part{{0, 1800, "BAW1", 1, filed, false, false, way}, {1900, 2000, "BAW1", 2, filed, false, false, way}}, 2100,
			[]string{"BAW1 AAAA-BBBB complete, legs 2, gaps 1, teleports 0"}, flown,
		},
		{
			"with the next plan it is the next", []part{{0, 1800, "BAW1", 1, filed, false, false, way}, {1900, 2000, "BAW1", 2, back, false, false, way}}, 2100,
			[]string{"BAW1 AAAA-BBBB complete, legs 1, gaps 0, teleports 0", "BAW1 BBBB- never left, legs 1, gaps 0, teleports 0"}, flown,
		},
		{
			"a plan that is blank for a while changes nothing", []part{{0, 500, "BAW1", 1, filed, false, false, way}, {500, 800, "BAW1", 1, "", false, false, way}, {800, 2000, "BAW1", 1, filed, false, false, way}}, 2100,
			[]string{"BAW1 AAAA-BBBB complete, legs 1, gaps 0, teleports 0"}, flown,
		},
		{
			"a new destination in flight is no diversion", []part{{0, 700, "BAW1", 1, "AAAA SHUT 0010", false, false, way}, {700, 2000, "BAW1", 1, filed, false, false, way}}, 2100,
			[]string{"BAW1 AAAA-BBBB complete, legs 1, gaps 0, teleports 0"}, flown,
		},
		{
			"a plan to elsewhere in force at the landing is one", []part{{0, 2000, "BAW1", 1, "AAAA SHUT 0010", false, false, way}}, 2100,
			[]string{"BAW1 AAAA-BBBB complete, legs 1, gaps 0, teleports 0"}, append(flown, "diversion BBBB"),
		},
		{
			"the plan of a flight before makes no diversion", []part{{0, 2000, "BAW1", 1, "SHUT WRNG 0010", false, false, way}}, 2100,
			[]string{"BAW1 AAAA-BBBB complete, legs 1, gaps 0, teleports 0"}, flown,
		},
		{
			"a teleport from the air to a stand loses the flight and begins one", []part{{0, 700, "BAW1", 1, filed, false, false, way}, {700, 1200, "BAW1", 1, filed, false, false, []tt.Way{{700, 60.8, -0.3, 300, 0}, {1200, 60.8, -0.3, 300, 0}}}}, 1300,
			[]string{"BAW1 AAAA- lost, legs 1, gaps 1, teleports 1", "BAW1 BBBB- never left, legs 1, gaps 0, teleports 0"}, flown[:1],
		},
		{
			"a teleport in flight is a gap of the same flight", []part{{0, 700, "BAW1", 1, filed, false, false, tt.Shift(way, 0, 0, 0, 0)}, {700, 1000, "BAW1", 1, filed, false, false, tt.Shift(way, 0, 30, 0, 0)}}, 1100,
			[]string{"BAW1 AAAA- lost, legs 1, gaps 1, teleports 1"}, flown[:1],
		},
		{
			"a position that hangs for two minutes and catches up is no teleport", []part{{0, 700, "BAW1", 1, filed, false, false, way}, {700, 820, "BAW1", 1, filed, true, false, way}, {820, 2000, "BAW1", 1, filed, false, false, way}}, 2100,
			[]string{"BAW1 AAAA-BBBB complete, legs 1, gaps 0, teleports 0"}, flown,
		},
		{
			"an absence of four ticks is a gap", []part{{0, 700, "BAW1", 1, filed, false, false, way}, {765, 2000, "BAW1", 1, filed, false, false, way}}, 2100,
			[]string{"BAW1 AAAA-BBBB complete, legs 1, gaps 1, teleports 0"}, flown,
		},
		{"a plan without airports is none", []part{{0, 2000, "BAW1", 1, "  0010", false, false, way}}, 2100, []string{"BAW1 AAAA-BBBB complete, legs 1, gaps 0, teleports 0"}, flown},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got := play(t, scenesOf(t, test.until, test.parts...))
			var sums []string
			for _, f := range got.flights {
				sums = append(sums, sum(f))
			}
			if diff := gocmp.Diff(test.want, sums) + gocmp.Diff(test.moved, got.moved); diff != "" {
				t.Errorf("(-want +told):\n%s", diff)
			}
		})
	}
}

// landingFrom is the way home from BBBB's stand: off the ground at 710 s, on it
// at 1874 s.
func landingFrom() []tt.Way {
	return []tt.Way{
		{300, 60.9, -0.4, 300, 0}, {330, 60.8, -0.4, 300, 10}, {600, 61.38, -0.05, 300, 10}, {640, 61.37, 0, 300, 3}, {675, 61.37, 0, 300, 0}, {710, 60.7, 0, 300, 145},
		{770, 58.1, 0, 2300, 170}, {1000, 45, 0, 6000, 220}, {1590, 12, 0, 3700, 150}, {1874, 1.2, 0, 300, 140}, {1905, 0.5, 0, 300, 25}, {1990, 0.9, -0.6, 300, 0}, {2300, 0.9, -0.6, 300, 0},
	}
}

func TestAWholeFlightIsKnownInFull(t *testing.T) {
	way := whole()
	got := play(t, scenesOf(t, 2000, part{0, 2000, "BAW1", 1, "AAAA BBBB 0010", false, false, way}))
	if len(got.flights) != 1 {
		t.Fatalf("%d flights", len(got.flights))
	}
	f := got.flights[0]
	at := func(seconds float64) time.Time {
		return tt.Midnight().Add(time.Duration(seconds * float64(time.Second)))
	}
	for name, times := range map[string][2]time.Time{
		"off block": {f.OffBlock, at(120)}, "take-off": {f.Takeoff, at(410)}, "landing": {f.Landing, at(1574)}, "on block": {f.OnBlock, at(1700)},
		"began": {f.Began, at(0)}, "ended": {f.Ended, at(1995)},
	} {
		if off := times[0].Sub(times[1]).Abs(); off > 15*time.Second {
			t.Errorf("%s at %v; it was %v", name, times[0], times[1])
		}
	}
	if f.DistanceNM < 58 || f.DistanceNM > 64 || f.DirectNM < 58 || f.DirectNM > 61 {
		t.Errorf("flown %.1f miles, %.1f direct", f.DistanceNM, f.DirectNM)
	}
	want := flight.Filed{Departure: "AAAA", Arrival: "BBBB", Aircraft: "A320", Rules: "I", Deptime: "0010", Route: "DCT"}
	if diff := gocmp.Diff(want, f.Filed); diff != "" {
		t.Error(diff)
	}
	phases := []flight.Phase{flight.Preflight, flight.TaxiOut, flight.Departed, flight.Climb, flight.Cruise, flight.Descent, flight.Approach, flight.Landed, flight.TaxiIn, flight.Arrived}
	if diff := gocmp.Diff(phases, got.phases); diff != "" {
		t.Errorf("phases (-want +told):\n%s", diff)
	}
}

func TestAHeldSceneEndsNothing(t *testing.T) {
	scenes := scenesOf(t, 900, part{0, 900, "BAW1", 1, "AAAA BBBB 0010", false, false, whole()})
	tracker := flight.New(flight.Options{World: tt.World(t)})
	for _, s := range scenes {
		tracker.Observe(s)
	}
	empty := func(after time.Duration, held bool) flight.Changes {
		at := scenes[len(scenes)-1].UpdateTimestamp.Add(after)
		return tracker.Observe(scene.Scene{Snapshot: &vatsim.Snapshot{UpdateTimestamp: at}, Held: held})
	}
	if changes := empty(40*time.Minute, true); len(changes.Flights) != 0 || len(tracker.Open()) != 1 {
		t.Errorf("a held scene changes %+v", changes.Flights)
	}
	if changes := empty(41*time.Minute, false); len(changes.Flights) != 1 || changes.Flights[0].Ending != flight.LostInFlight || changes.Flights[0].Phase != flight.Lost {
		t.Errorf("a believed one changes %+v", changes.Flights)
	}
}

func TestAnOldSceneChangesNothing(t *testing.T) {
	scenes := scenesOf(t, 600, part{0, 900, "BAW1", 1, "AAAA BBBB 0010", false, false, whole()})
	tracker := flight.New(flight.Options{World: tt.World(t)})
	for _, s := range scenes {
		tracker.Observe(s)
	}
	before, err := tracker.Save()
	if err != nil {
		t.Fatal(err)
	}
	changes := tracker.Observe(scenes[3])
	after, err := tracker.Save()
	if err != nil || len(changes.Flights)+len(changes.Movements) != 0 || !slices.Equal(before, after) {
		t.Errorf("it changes %+v, error %v", changes, err)
	}
	if changes.Statuses[0].FlightID == 0 || !changes.Statuses[0].Airborne {
		t.Errorf("status %+v; want that of now", changes.Statuses[0])
	}
}

func TestAWholeFlightBetweenTwoSnapshots(t *testing.T) {
	row := func(at time.Duration, east float64) scene.Scene {
		s := tt.Samples([]tt.Way{{0, east, -0.3, 300, 0}, {15, east, -0.3, 300, 0}}, 15)[0]
		now := tt.Midnight().Add(at)
		return scene.Scene{Snapshot: &vatsim.Snapshot{UpdateTimestamp: now, Pilots: []vatsim.Pilot{{
			CID: cid, Callsign: "BAW1", Latitude: s.Latitude, Longitude: s.Longitude, Altitude: 300, LogonTime: tt.Midnight(), LastUpdated: now, Plan: planOf(t, "AAAA BBBB 0010"),
		}}}}
	}
	got := play(t, []scene.Scene{row(0, 0.8), row(70*time.Minute, 60.8)})
	if diff := gocmp.Diff([]string{"departure AAAA", "arrival BBBB"}, got.moved); diff != "" || len(got.flights) != 1 {
		t.Fatalf("%d flights, %s", len(got.flights), diff)
	}
	if f := got.flights[0]; f.Ending != flight.Complete || !f.Takeoff.Equal(tt.Midnight().Add(35*time.Minute)) || len(f.Gaps) != 1 {
		t.Errorf("%+v", f)
	}
}

func TestAnotherPlanIsReadOnceAndAnEqualOneNever(t *testing.T) {
	filed := part{0, 900, "BAW1", 1, "AAAA BBBB 0010", false, false, whole()}
	changed := 0
	tracker := flight.New(flight.Options{World: tt.World(t)})
	for _, s := range scenesOf(t, 105, filed) {
		changed += len(tracker.Observe(s).Flights)
	}
	if changed != 1 {
		t.Errorf("somebody who stands at a gate changes %d rows; want the first alone", changed)
	}
}

func TestMovingToAnotherStandIsNotOffBlock(t *testing.T) {
	at := func(seconds float64) time.Time {
		return tt.Midnight().Add(time.Duration(seconds * float64(time.Second)))
	}
	stand := []tt.Way{{0, 0.8, -0.6, 300, 0}, {300, 0.8, -0.6, 300, 0}}
	tests := []struct {
		name     string
		ways     []tt.Way
		offBlock time.Time
		phase    flight.Phase
	}{
		{"a push of 15 minutes before is off block", append(stand, tt.Way{315, 0.8, -0.58, 300, 4}, tt.Way{330, 0.8, -0.55, 300, 0}, tt.Way{1200, 0.8, -0.55, 300, 0}), at(300), flight.TaxiOut},
		{"standing for 20 minutes is another stand", append(stand, tt.Way{315, 0.8, -0.58, 300, 4}, tt.Way{330, 0.8, -0.55, 300, 0}, tt.Way{1800, 0.8, -0.55, 300, 0}), time.Time{}, flight.Preflight},
		{"a jump of five miles to another stand is none", append(stand, tt.Way{315, 5.8, -0.6, 300, 0}, tt.Way{800, 5.8, -0.6, 300, 0}), time.Time{}, flight.Preflight},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			until := test.ways[len(test.ways)-1][0]
			got := play(t, scenesOf(t, until, part{0, until + 15, "BAW1", 1, "AAAA BBBB 0010", false, false, test.ways}))
			if f := got.flights[0]; len(got.flights) != 1 || f.OffBlock.Sub(test.offBlock).Abs() > 15*time.Second || got.phases[len(got.phases)-1] != test.phase {
				t.Errorf("off block %v, phases %v, %d flights; want %v, %v", f.OffBlock, got.phases, len(got.flights), test.offBlock, test.phase)
			}
		})
	}
}

func TestStatusesTellTheVerticalRate(t *testing.T) {
	tracker := flight.New(flight.Options{World: tt.World(t)})
	var last flight.Status
	for _, s := range scenesOf(t, 460, part{0, 900, "BAW1", 1, "", false, false, whole()}) {
		last = tracker.Observe(s).Statuses[0]
	}
	if !last.Airborne || last.VerticalRate < 1000 || last.VerticalRate > 2100 {
		t.Errorf("%+v; the climb is 2,000 feet a minute, since half a minute", last)
	}
	if traffic.Departure != 1 || flight.Lost != 11 {
		t.Error("numbers that are stored have changed")
	}
}
