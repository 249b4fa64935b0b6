package traffic_test

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/skyledger/skyledger/internal/traffic"
	tt "github.com/skyledger/skyledger/internal/traffic/traffictest"
)

// without leaves samples out by their index.
func without(all []traffic.Sample, lost ...int) (out []traffic.Sample) {
	for i, s := range all {
		if !slices.Contains(lost, i) {
			out = append(out, s)
		}
	}
	return out
}

// edit changes samples in place.
func edit(all []traffic.Sample, from, to int, change func(*traffic.Sample)) []traffic.Sample {
	for i := from; i < min(to, len(all)); i++ {
		change(&all[i])
	}
	return all
}

func TestMovements(t *testing.T) {
	toB, circuit := traffic.Plan{Departure: "AAAA", Arrival: "BBBB"}, traffic.Plan{Departure: "AAAA", Arrival: "AAAA"}
	helicopter := []tt.Way{{0, 1, -1.2, 300, 0}, {120, 1, -1.2, 300, 0}, {140, 1, -1.2, 360, 0}, {170, 1.3, -1.5, 900, 90}, {600, 9, -9, 1500, 110}, {900, 14, -14, 1500, 110}}
	tests := []struct {
		name    string
		plan    traffic.Plan
		samples []traffic.Sample
		want    []string
		at      float64 // seconds: when the first movement truly happened; 0 when that is not the question
	}{
		{"a departure, on the runway of the roll", toB, tt.Samples(tt.Takeoff(), 15), []string{"departure AAAA 09L"}, 410},
		{"a departure from the parallel runway", toB, tt.Samples(tt.Shift(tt.Takeoff(), 0, 0, -0.25, 0), 15), []string{"departure AAAA 09R"}, 410},
		{"a departure at a report every two minutes", toB, tt.Samples(tt.Takeoff(), 120), []string{"departure AAAA 09L"}, 410},
		{"a departure in scenery that is 90 ft too high", toB, tt.Samples(tt.Shift(tt.Takeoff(), 0, 0, 0, 90), 15), []string{"departure AAAA 09L"}, 410},
		{"a departure with four reports lost at the roll", toB, without(tt.Samples(tt.Takeoff(), 15), 25, 26, 27, 28), []string{"departure AAAA 09L"}, 410},
		{"an arrival as filed", traffic.Plan{Departure: "BBBB", Arrival: "AAAA"}, tt.Samples(tt.Landing(), 15), []string{"arrival AAAA 09L"}, 274},
		{"an arrival at a report every two minutes", circuit, tt.Samples(tt.Landing(), 120), []string{"arrival AAAA 09L"}, 274},
		{"an arrival with four reports lost at the touch", circuit, without(tt.Samples(tt.Landing(), 15), 17, 18, 19, 20), []string{"arrival AAAA 09L"}, 274},
		{"an arrival elsewhere than filed is a diversion as well", toB, tt.Samples(tt.Landing(), 15), []string{"arrival AAAA 09L", "diversion AAAA 09L"}, 274},
		{"a landing at another code of the filed place is none", traffic.Plan{Departure: "AAAA", Arrival: "NEXT"}, tt.Samples(tt.Shift(tt.Landing(), 0, 60, 0, 0), 15), []string{"arrival BBBB 09"}, 274},
		{"without a plan there is no diversion", traffic.Plan{}, tt.Samples(tt.Landing(), 15), []string{"arrival AAAA 09L"}, 274},
		{"a plan to ZZZZ makes no diversion", traffic.Plan{Departure: "AAAA", Arrival: "ZZZZ"}, tt.Samples(tt.Landing(), 15), []string{"arrival AAAA 09L"}, 274},
		{"a plan to a local code makes no diversion", traffic.Plan{Departure: "AAAA", Arrival: "BB1"}, tt.Samples(tt.Landing(), 15), []string{"arrival AAAA 09L"}, 274},
		{"a go-around", circuit, tt.Samples(tt.GoAround(), 15), []string{"go-around AAAA 09L"}, 233},
		{"a go-around at a report every minute", circuit, tt.Samples(tt.GoAround(), 60), []string{"go-around AAAA 09L"}, 0},
		{"a touch-and-go that no report shows on the ground", circuit, tt.Samples(tt.Shift(tt.TouchAndGo(), 8, 0, 0, 0), 15), []string{"touch-and-go AAAA 09L"}, 282},
		{"a touch-and-go with two reports lost at the touch", circuit, without(tt.Samples(tt.TouchAndGo(), 15), 18, 19), []string{"touch-and-go AAAA 09L"}, 274},
		{
			"a touch-and-go that slows below 50 knots", circuit,
			tt.Samples(append(tt.Approach(), tt.Way{294, 0.6, 0, 300, 40}, tt.Way{320, 1.1, 0, 300, 100}, tt.Way{380, 3, 0, 1500, 140}, tt.Way{700, 16, 0, 2500, 150}), 15),
			[]string{"touch-and-go AAAA 09L"}, 274,
		},
		{
			"a stop on the runway and a take-off are both", circuit,
			tt.Samples(append(tt.Approach(), tt.Way{305, 0.7, 0, 300, 0}, tt.Way{400, 0.7, 0, 300, 0}, tt.Way{430, 1.3, 0, 300, 130}, tt.Way{490, 3.5, 0, 1800, 150}, tt.Way{700, 14, 0, 3000, 180}), 15),
			[]string{"arrival AAAA 09L", "departure AAAA 09L"}, 274,
		},
		{
			"two circuits of four minutes are two touch-and-goes", circuit,
			append(tt.Samples(tt.TouchAndGo()[:5], 15), tt.Samples(tt.Shift(append([]tt.Way{{0, -4, 0, 1800, 100}}, tt.Way{110, 0.15, 0, 300, 70}, tt.Way{121, 0.4, 0, 300, 65}, tt.Way{240, 3, 0, 1800, 90}), 430, 0, 0, 0), 15)...),
			[]string{"touch-and-go AAAA 09L", "touch-and-go AAAA 09L"}, 274,
		},
		{"an overflight at 1,200 ft is nothing", circuit, tt.Samples([]tt.Way{{0, -10, 0, 1500, 140}, {514, 10, 0, 1500, 140}, {700, 17, 0, 1500, 140}}, 15), nil, 0},
		{"a descent to the airport's other side and a climb are nothing", circuit, tt.Samples([]tt.Way{{0, -10, 3, 3000, 140}, {240, -1, 3, 900, 140}, {480, 8, 3, 3000, 140}}, 15), nil, 0},

		// Bad input, each with its outcome.
		{"who appears in the air and flies on does nothing", toB, tt.Samples(tt.Takeoff()[6:], 15)[2:], nil, 0},
		{"who appears on a runway does nothing by that, and departs when it does", toB, tt.Samples(tt.Takeoff()[5:], 15), []string{"departure AAAA 09L"}, 410},
		{"who appears in the middle of the roll does not depart", toB, tt.Samples(tt.Takeoff()[5:], 15)[2:], nil, 0},
		{"who vanishes in the air does not land", circuit, tt.Samples(tt.Approach(), 15)[:17], nil, 0},
		{"who vanishes on the roll, slow, has landed", circuit, tt.Samples(tt.Landing(), 15)[:22], []string{"arrival AAAA 09L"}, 274},
		{"an altitude spike on the ground is no departure", toB, edit(tt.Samples(tt.Takeoff()[:4], 15), 9, 10, func(s *traffic.Sample) { s.Altitude = 9000 }), nil, 0},
		{"altitude spikes of two reports are no movement either", toB, edit(tt.Samples(tt.Takeoff()[:4], 15), 9, 11, func(s *traffic.Sample) { s.Altitude = 9000 }), nil, 0},
		{"an altitude that settles by 400 ft at the stand is no departure", toB, edit(tt.Samples(tt.Takeoff(), 15), 0, 5, func(s *traffic.Sample) { s.Altitude -= 400 }), []string{"departure AAAA 09L"}, 410},
		{"a spike to the ground in cruise is no arrival", toB, edit(tt.Samples(tt.Takeoff(), 15), 50, 51, func(s *traffic.Sample) { s.Altitude, s.Groundspeed = 0, 0 }), []string{"departure AAAA 09L"}, 0},
		{"a position that jumps away and back is no teleport", toB, edit(tt.Samples(tt.Takeoff(), 15), 40, 41, func(s *traffic.Sample) { s.Latitude, s.Longitude = 0, 0 }), []string{"departure AAAA 09L"}, 0},
		{"a teleport from the air to a stand is no arrival", toB, append(tt.Samples(tt.Takeoff(), 15), tt.Samples(tt.Shift([]tt.Way{{0, 60.8, -0.3, 300, 0}, {120, 60.8, -0.3, 300, 0}}, 915, 0, 0, 0), 15)...), []string{"departure AAAA 09L"}, 0},
		{"a teleport from a stand into the air is no departure", toB, append(tt.Samples(tt.Takeoff()[:2], 15), tt.Samples([]tt.Way{{135, 40, 0, 9000, 250}, {400, 58, 0, 9000, 250}}, 15)...), nil, 0},
		{"a connection that hangs on final does not go around", circuit, append(tt.Samples(tt.Approach(), 15)[:15], edit(tt.Samples(tt.GoAround(), 15)[15:25], 0, 10, func(s *traffic.Sample) {
			last := tt.Samples(tt.Approach(), 15)[14]
			s.Latitude, s.Longitude, s.Altitude, s.Groundspeed, s.Heading = last.Latitude, last.Longitude, last.Altitude, last.Groundspeed, last.Heading
		})...), nil, 0},
		{"a simulator paused on short final has not landed", circuit, append(tt.Samples(tt.Approach(), 15)[:18], edit(tt.Samples(tt.Approach(), 15)[16:19], 0, 3, func(s *traffic.Sample) {
			s.At, s.Altitude, s.Groundspeed = s.At.Add(30*time.Second), 430, 0
		})...), nil, 0},
		{"a simulator paused in cruise far from any airport has not landed", toB, append(tt.Samples(tt.Takeoff(), 15), edit(tt.Samples(tt.Shift([]tt.Way{{0, 30, 0, 9000, 0}, {300, 30, 0, 9000, 0}}, 915, 0, 0, 0), 15), 0, 99, func(*traffic.Sample) {})...), []string{"departure AAAA 09L"}, 0},
		{"a helicopter departs from its helipad, without a runway", traffic.Plan{}, tt.Samples(helicopter, 15), []string{"departure HELI"}, 120},
		{"a closed airport has no runways, and movements all the same", toB, tt.Samples(tt.Shift(tt.Takeoff(), 0, 0, 60, 0), 15), []string{"departure SHUT"}, 410},
		{"off every airport a movement has none", toB, tt.Samples(tt.Shift(tt.Takeoff(), 0, 20, 20, 0), 15), []string{"departure"}, 410},
		{"a landing off every airport is told after the roll", toB, tt.Samples(tt.Shift(tt.Landing(), 0, 20, 20, 0), 15), []string{"arrival"}, 274},
		{"an elevation that is 500 ft too low hides no landing", circuit, tt.Samples(tt.Shift(tt.Landing(), 0, 0, -60, 0), 15), []string{"arrival WRNG 09", "diversion WRNG 09"}, 274},
		{"nor a departure", toB, tt.Samples(tt.Shift(tt.Takeoff(), 0, 0, -60, 0), 15), []string{"departure WRNG 09"}, 410},
		{"reports out of order and repeated say nothing", toB, func() []traffic.Sample {
			all := tt.Samples(tt.Takeoff(), 15)
			return append(all[:30:30], append([]traffic.Sample{all[10], all[29], all[3]}, all[30:]...)...)
		}(), []string{"departure AAAA 09L"}, 410},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			told, moved := observe(t, traffic.NewFields(tt.World(t)), &traffic.Track{}, test.plan, test.samples)
			if diff := cmp.Diff(test.want, told); diff != "" {
				t.Fatalf("(-want +told):\n%s", diff)
			}
			for _, m := range moved {
				if m.Confidence <= 0 || m.Confidence > 1 || len(m.Evidence) > 5 || len(m.Evidence) < 2 ||
					!slices.IsSortedFunc(m.Evidence, func(a, b traffic.Sample) int { return a.At.Compare(b.At) }) {
					t.Errorf("confidence %v, evidence %v", m.Confidence, m.Evidence)
				}
			}
			if test.at == 0 {
				return
			}
			// A report just above the runway counts as on it: within three seconds.
			truth := tt.Midnight().Add(time.Duration(test.at * float64(time.Second)))
			if off := moved[0].At.Sub(truth).Abs(); off > moved[0].Error+3*time.Second {
				t.Errorf("told for %v ± %v, and was at %v", moved[0].At, moved[0].Error, truth)
			}
		})
	}
}

func TestWithoutReferenceDataMovementsHaveNoAirport(t *testing.T) {
	plan := traffic.Plan{Departure: "AAAA", Arrival: "BBBB"}
	told, moved := observe(t, traffic.NewFields(nil), &traffic.Track{}, plan, append(tt.Samples(tt.Takeoff(), 15), tt.Samples(tt.Shift(tt.Landing(), 1200, 60, 0, 0), 15)...))
	if diff := cmp.Diff([]string{"departure", "arrival"}, told); diff != "" {
		t.Fatalf("(-want +told):\n%s", diff)
	}
	for _, m := range moved {
		if m.Confidence > 0.4 {
			t.Errorf("%v: confidence %v", m.Kind, m.Confidence)
		}
	}
}

func TestAHopOfAMinuteIsADepartureAndAnArrivalEachTime(t *testing.T) {
	hop := append(tt.Takeoff()[:7:7], tt.Way{440, 1.4, 0, 700, 120}, tt.Way{475, 2.5, 0, 300, 30}, tt.Way{490, 2.6, 0, 300, 0}, tt.Way{520, 2.6, 0, 300, 0},
		tt.Way{550, 3.2, 0, 300, 130}, tt.Way{610, 5, 0, 2000, 150}, tt.Way{700, 9, 0, 3000, 180})
	told, _ := observe(t, traffic.NewFields(tt.World(t)), &traffic.Track{}, traffic.Plan{}, tt.Samples(hop, 15))
	if diff := cmp.Diff([]string{"departure AAAA 09L", "arrival AAAA 09L", "departure AAAA"}, told); diff != "" {
		t.Errorf("(-want +told):\n%s", diff)
	}
}

func TestThreeParkedAircraftCorrectAnElevationAndOneDoesALittle(t *testing.T) {
	tests := []struct {
		name     string
		parked   int
		off      float64 // feet from the reference
		expected []string
	}{
		{"nobody at a place that is 250 ft higher", 0, 250, nil},
		{"one there", 1, 250, []string{"arrival AAAA 09L"}},
		{"one at a place that is 500 ft higher", 1, 500, nil},
		{"three there", 3, 500, []string{"arrival AAAA 09L"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			fields := traffic.NewFields(tt.World(t))
			tracks := make([]traffic.Track, test.parked)
			for _, s := range tt.Samples(tt.Shift(tt.Takeoff()[:2], -200, 0, 0, test.off), 15) {
				for i := range tracks {
					fields.Step(&tracks[i], s, traffic.Plan{})
				}
				fields.Settle()
			}
			// It stops on the runway at once and is gone: only the elevation can tell.
			gone := append(tt.Shift(tt.Approach(), 0, 0, 0, test.off), tt.Way{300, 0.7, 0, tt.FieldElevation + test.off, 40}, tt.Way{316, 0.8, 0, tt.FieldElevation + test.off, 20})
			told, _ := observe(t, fields, &traffic.Track{}, traffic.Plan{}, tt.Samples(gone, 15))
			if diff := cmp.Diff(test.expected, told); diff != "" {
				t.Errorf("(-want +told):\n%s", diff)
			}
		})
	}
}
