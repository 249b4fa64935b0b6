package evaluate

import (
	"os"
	"testing"
	"time"
)

// The goals are those of the whole evaluation; a run of hours says more:
// evaluate --simulated.
func TestSimulated(t *testing.T) {
	tests := []struct {
		name  string
		lose  bool
		moves goal
		round goal
	}{
		{"with every tick", false, goal{150, 0.995, 0.995}, goal{1, 0.9, 0.9}},
		{"with one tick in a hundred lost, and runs of four", true, goal{150, 0.975, 0.975}, goal{1, 0.88, 0.88}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			result, err := Simulated(SimulatedOptions{Aircraft: 250, Length: 100 * time.Minute, Seed: 11, Lose: test.lose, World: world(t)})
			if err != nil {
				t.Fatal(err)
			}
			atLeast(t, result, map[string]goal{"takeoff": test.moves, "landing": test.moves, "go_around": test.round, "touch_and_go": test.round})
			if result.Runways.Expected < 300 || *result.Runways.Accuracy < 0.98 {
				t.Errorf("%d of %d runways are right", result.Runways.Right, result.Runways.Expected)
			}
			if result.TimeError.Median > 10 {
				t.Errorf("half of the times are off by %.1f s or more", result.TimeError.Median)
			}
			if right := *share(result.Flights.Right, result.Flights.Expected); right < 0.99 {
				t.Errorf("%d of %d flights are right", result.Flights.Right, result.Flights.Expected)
			}
			if test.lose != (result.Run.Lost > 0) {
				t.Errorf("%d of %d ticks were lost", result.Run.Lost, result.Run.Ticks)
			}
			if t.Failed() {
				if err := result.Write(os.Stdout); err != nil {
					t.Error(err)
				}
			}
		})
	}
}
