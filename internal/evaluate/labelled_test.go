package evaluate

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/skyledger/skyledger/internal/fault"
)

func TestLabelled(t *testing.T) {
	takeoff, landing := event(3, 3, "Takeoff", "Flying", "", "EGKK", "", "active"), event(6, 6, "Landing", "Arrival", "", "EGKK", "EGLL", "active")
	type count struct{ Expected, Found, Matched, Unjudged int }
	tests := []struct {
		name             string
		track            []string
		events, flights  []string
		takeoff, landing count
		status           Flights
		misses           []string
	}{
		{
			name: "what is found where it is labelled matches", track: rows("BAW1", hop()), events: []string{takeoff, landing},
			takeoff: count{1, 1, 1, 0}, landing: count{1, 1, 1, 0}, status: Flights{2, 2},
		},
		{
			name: "the other columns have no positions, and no airports to compare", track: shifted("BAW1", hop()), events: []string{takeoff, landing},
			takeoff: count{1, 1, 1, 0}, landing: count{1, 1, 1, 0}, status: Flights{2, 2},
		},
		{
			name: "what is labelled elsewhere is missed there and made up here", track: rows("BAW1", hop()),
			events:  []string{event(1, 8, "", "", "", "", "", "active"), event(5, 5, "Takeoff", "", "", "", "", "active"), landing},
			takeoff: count{1, 1, 0, 0}, landing: count{1, 1, 1, 0}, status: Flights{1, 1},
			misses: []string{"takeoff made up track01.csv report 3", "takeoff missed track01.csv report 5"},
		},
		{
			name: "outside of test cases nothing is made up", track: rows("BAW1", hop()), events: []string{landing},
			takeoff: count{0, 0, 0, 1}, landing: count{1, 1, 1, 0}, status: Flights{1, 1},
		},
		{
			name: "within a case a kind that it labels is made up where no row is", track: rows("BAW1", hop()),
			events:  []string{event(1, 1, "Takeoff", "", "", "", "", "active"), event(8, 8, "Offline", "", "", "", "", "active")},
			takeoff: count{1, 1, 0, 0}, landing: count{0, 0, 0, 1},
			misses: []string{"takeoff missed track01.csv report 1", "takeoff made up track01.csv report 3"},
		},
		{
			name: "ignored rows ask for nothing and deny nothing", track: rows("BAW1", hop()), events: []string{event(1, 8, "Takeoff", "Departure", "", "", "", "ignored")},
			takeoff: count{0, 0, 0, 1}, landing: count{0, 0, 0, 1},
		},
		{
			name: "a status that lasts too long is wrong", track: rows("BAW1", hop()), events: []string{event(1, 3, "", "Departure", "", "", "", "active")},
			takeoff: count{0, 1, 0, 0}, landing: count{0, 0, 0, 1}, status: Flights{1, 0},
			misses: []string{"flight report 3: the flight has taken off track01.csv reports 1–3", "takeoff made up track01.csv report 3"},
		},
		{
			name: "a flight that landed and left is finished", track: rows("BAW1", hop()), events: []string{event(8, 8, "Offline", "", "Finished", "EGKK", "EGLL", "active")},
			takeoff: count{0, 0, 0, 1}, landing: count{0, 0, 0, 1}, status: Flights{1, 1},
		},
		{
			name: "one that vanished in the air is lost", track: rows("BAW1", append(hop()[:4], seen{}, seen{})), events: []string{event(5, 6, "Offline", "Lost", "", "", "", "active")},
			takeoff: count{0, 0, 0, 1}, status: Flights{1, 1},
		},
		{
			name: "one that comes back was lost in its gap, and flies on", track: rows("BAW1", append(append(hop()[:4:4], seen{}), hop()[4:]...)),
			events:  []string{event(3, 4, "", "Flying", "", "EGKK", "", "active"), event(5, 5, "Offline", "Lost", "", "", "", "active"), event(6, 6, "", "Flying", "", "EGKK", "", "active")},
			takeoff: count{0, 1, 0, 0}, landing: count{0, 0, 0, 1}, status: Flights{3, 3}, misses: []string{"takeoff made up track01.csv report 3"},
		},
		{
			name: "one that never left is terminated and not finished", track: rows("BAW1", append(hop()[:2:2], seen{}, seen{})),
			events: []string{event(3, 3, "Offline", "", "Terminated", "", "", "active"), event(4, 4, "", "", "Finished", "", "", "active")}, status: Flights{2, 1},
			misses: []string{"flight the flight before it is not complete track01.csv reports 4–4"},
		},
		{
			name: "a word that nobody knows is not judged", track: rows("BAW1", hop()), events: []string{event(3, 4, "", "Dreaming", "Waking", "", "", "active")},
			takeoff: count{0, 1, 0, 0}, landing: count{0, 0, 0, 1}, misses: []string{"takeoff made up track01.csv report 3"},
		},
		{
			name: "a flight is known by its airports, callsign and times", track: rows("BAW1", hop()),
			flights: []string{"track01.csv,1,BAW1,EGKK,EGLL,2024-05-01,10:00,10:02,10:10,10:12"},
			takeoff: count{0, 0, 0, 1}, landing: count{0, 0, 0, 1}, status: Flights{1, 1},
		},
		{
			name: "another airport, callsign or time is another flight", track: rows("BAW1", hop()),
			flights: []string{"track01.csv,1,BAW1,EGKK,EGSS,2024-05-01,,,,", "track01.csv,1,BAW2,EGKK,EGLL,,,,,", "track01.csv,1,,EGKK,EGLL,,,10:20,,"},
			takeoff: count{0, 0, 0, 1}, landing: count{0, 0, 0, 1}, status: Flights{3, 0},
			misses: []string{"flight missed track01.csv", "flight missed track01.csv", "flight missed track01.csv"},
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			result, err := Labelled(folder(t, test.track, test.events, test.flights), world(t))
			if err != nil {
				t.Fatal(err)
			}
			counts := func(kind string) count {
				s := result.Kinds[kind]
				return count{s.Expected, s.Found, s.Matched, s.Unjudged}
			}
			var misses []string
			for _, m := range result.Misses {
				misses = append(misses, strings.TrimSpace(m.Kind+" "+m.Wrong+" "+m.Where))
			}
			if diff := cmp.Diff(test.takeoff, counts("takeoff")) + cmp.Diff(test.landing, counts("landing")) +
				cmp.Diff(test.status, result.Flights) + cmp.Diff(test.misses, misses); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestLabelledRefuses(t *testing.T) {
	tests := map[string]struct {
		dir  string
		want fault.Class
	}{
		"a folder without tracks":      {t.TempDir(), fault.NotFound},
		"a track with a broken time":   {folder(t, []string{trackHeader, "1,yesterday,1,1,,,,,,,,,,,"}, nil, nil), fault.Invalid},
		"a track with a broken number": {folder(t, []string{trackHeader, "1,20240501100000,1,1,7,BAW1,high,0,0,0,,,,0,0"}, nil, nil), fault.Invalid},
		"labels with broken ids":       {folder(t, rows("BAW1", hop()), []string{"track01.csv,1,x,y,,,,,,,,,,active"}, nil), fault.Invalid},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if _, err := Labelled(test.dir, world(t)); !fault.Is(err, test.want) {
				t.Errorf("error %v; want %v", err, test.want)
			}
		})
	}
}

func TestResultReadsTheSameByPeopleAndMachines(t *testing.T) {
	result, err := Labelled(folder(t, rows("BAW1", hop()), []string{event(5, 5, "Takeoff", "", "", "", "", "active")}, nil), world(t))
	if err != nil {
		t.Fatal(err)
	}
	var text bytes.Buffer
	if err := result.Write(&text); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"takeoff       1         0      0        0.00 %", "missed  track01.csv report 5"} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("there is no %q in:\n%s", want, text.String())
		}
	}
	raw, err := json.Marshal(result)
	if err != nil {
		t.Fatal(err)
	}
	var read struct {
		Kinds map[string]struct {
			Expected, Found, Matched int
			Recall, Precision        *float64
		}
		Runways struct{ Expected, Right int }
		Flights struct{ Expected, Right int }
		Misses  []map[string]any
	}
	if err := json.Unmarshal(raw, &read); err != nil {
		t.Fatal(err)
	}
	if k := read.Kinds["takeoff"]; len(read.Kinds) != 5 || k.Expected != 1 || k.Recall == nil || *k.Recall != 0 || k.Precision != nil || len(read.Misses) != 1 {
		t.Errorf("%s", raw)
	}
}

func TestCapturedTracks(t *testing.T) {
	const dir = "../../../shared/data/tracks"
	if files, _ := filepath.Glob(filepath.Join(dir, "track*.csv")); len(files) == 0 {
		t.Skip("no labelled tracks at ../shared/data/tracks beside the repository")
	}
	result, err := Labelled(dir, world(t))
	if err != nil {
		t.Fatal(err)
	}
	atLeast(t, result, map[string]goal{"takeoff": {5, 0.95, 0.97}, "landing": {5, 0.95, 0.97}, "touch_and_go": {1, 0.95, 0.97}})
	if result.Flights.Expected < 30 || result.Flights.Right != result.Flights.Expected {
		t.Errorf("%d of %d labels of flights are right", result.Flights.Right, result.Flights.Expected)
	}
	if t.Failed() {
		if err := result.Write(os.Stdout); err != nil {
			t.Error(err)
		}
	}
}

// goal is how much must have been expected, and how well it must be found.
type goal struct {
	expected          int
	recall, precision float64
}

func atLeast(t *testing.T, result *Result, goals map[string]goal) {
	t.Helper()
	for kind, want := range goals {
		got := result.Kinds[kind]
		if got.Expected < want.expected || got.Recall == nil || got.Precision == nil || *got.Recall < want.recall || *got.Precision < want.precision {
			t.Errorf("%s: %d expected, recall %s, precision %s; want %d at least, %.3f, %.3f", kind, got.Expected,
				percent(got.Recall), percent(got.Precision), want.expected, want.recall, want.precision)
		}
	}
}
