package traffic_test

import (
	"testing"

	"pgregory.net/rapid"

	"github.com/skyledger/skyledger/internal/traffic"
)

func TestJudge(t *testing.T) {
	const unknown, ground, airborne = traffic.Unknown, traffic.Ground, traffic.Airborne
	tests := []struct {
		name    string
		before  traffic.State
		reading traffic.Reading
		want    traffic.State
	}{
		{"low and slow is on the ground", airborne, traffic.Reading{HeightKnown: true, Height: 199, Groundspeed: 49}, ground},
		{"at 200 ft it is not yet", airborne, traffic.Reading{HeightKnown: true, Height: 200, Groundspeed: 49}, airborne},
		{"at 50 knots it is not yet", airborne, traffic.Reading{HeightKnown: true, Height: 0, Groundspeed: 50}, airborne},
		{"below the field counts as at it", airborne, traffic.Reading{HeightKnown: true, Height: -150, Groundspeed: 10}, ground},
		{"high and fast is in the air at once", ground, traffic.Reading{HeightKnown: true, Height: 301, Groundspeed: 81}, airborne},
		{"high alone is only at the second report", ground, traffic.Reading{HeightKnown: true, Height: 301, Groundspeed: 40}, ground},
		{"and then it is", ground, traffic.Reading{HeightKnown: true, Height: 301, Groundspeed: 40, Signs: 1}, airborne},
		{"fast and rising is at the second report", ground, traffic.Reading{HeightKnown: true, Height: 90, Groundspeed: 81, Rising: true, Signs: 1}, airborne},
		{"fast and level is a roll", ground, traffic.Reading{HeightKnown: true, Height: 10, Groundspeed: 140, Signs: 5}, ground},
		{"fast and far away has left unseen", ground, traffic.Reading{Groundspeed: 300, Away: true}, airborne},
		{"between the thresholds the ground stays", ground, traffic.Reading{HeightKnown: true, Height: 250, Groundspeed: 60}, ground},
		{"and so does the air", airborne, traffic.Reading{HeightKnown: true, Height: 250, Groundspeed: 60}, airborne},
		{"and what is not known", unknown, traffic.Reading{HeightKnown: true, Height: 250, Groundspeed: 60}, unknown},
		{"a simulator that stops in the flare is paused", airborne, traffic.Reading{HeightKnown: true, Height: 61, Groundspeed: 0, Paused: true}, airborne},
		{"one that stops on the runway crashed there", airborne, traffic.Reading{HeightKnown: true, Height: 60, Groundspeed: 0, Paused: true}, ground},
		{"who stands where the elevation is wrong is on the ground", unknown, traffic.Reading{HeightKnown: true, Height: 999, Level: true}, ground},
		{"who stands at 1,000 ft above an airport is not known", unknown, traffic.Reading{HeightKnown: true, Height: 1000, Level: true}, unknown},
		{"who rolls where the elevation is wrong has landed", airborne, traffic.Reading{HeightKnown: true, Height: 500, Groundspeed: 20, Rolled: true}, ground},
		{"who rolls far from any airport as well", airborne, traffic.Reading{Groundspeed: 20, Rolled: true}, ground},
		{"who stands still there came from the air, and is paused", airborne, traffic.Reading{Level: true}, airborne},
		{"who appears there and stands is on the ground", unknown, traffic.Reading{}, ground},
		{"unless it is higher than any airport", unknown, traffic.Reading{High: true}, unknown},
		{"who appears there and moves is in the air", unknown, traffic.Reading{Groundspeed: 90}, airborne},
		{"who appears on a roll is not known", unknown, traffic.Reading{HeightKnown: true, Height: 5, Groundspeed: 100}, unknown},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if got := traffic.Judge(test.before, test.reading); got != test.want {
				t.Errorf("%d; want %d", got, test.want)
			}
		})
	}
}

func TestJudgeNeverForgetsAndDoesNotFlicker(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		reading := traffic.Reading{
			Height: rapid.Int32Range(-2000, 60000).Draw(t, "height"), HeightKnown: rapid.Bool().Draw(t, "known"),
			Groundspeed: rapid.Int16Range(0, 1500).Draw(t, "groundspeed"), Rising: rapid.Bool().Draw(t, "rising"), Level: rapid.Bool().Draw(t, "level"),
			Paused: rapid.Bool().Draw(t, "paused"), High: rapid.Bool().Draw(t, "high"), Away: rapid.Bool().Draw(t, "away"),
			Rolled: rapid.Bool().Draw(t, "rolled"), Signs: rapid.Int8Range(0, 100).Draw(t, "signs"),
		}
		before := rapid.SampledFrom([]traffic.State{traffic.Unknown, traffic.Ground, traffic.Airborne}).Draw(t, "before")
		once := traffic.Judge(before, reading)
		if before != traffic.Unknown && once == traffic.Unknown {
			t.Fatalf("a known state is forgotten")
		}
		// The same report again must not turn it back, were it to come for ever.
		turned := 0
		for state, i := once, 0; i < 5; i++ {
			next := traffic.Judge(state, reading)
			if state != traffic.Unknown && next != state {
				turned++
			}
			state = next
		}
		if turned > 1 {
			t.Fatalf("it turned %d times", turned)
		}
	})
}
