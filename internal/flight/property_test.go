package flight_test

import (
	"math/rand/v2"
	"reflect"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/skyledger/skyledger/internal/fault"
	"github.com/skyledger/skyledger/internal/flight"
	"github.com/skyledger/skyledger/internal/scene"
	"github.com/skyledger/skyledger/internal/simulator"
	"github.com/skyledger/skyledger/internal/vatsim"
)

// simulated renders a stretch of a small world, a scene every so often.
func simulated(t testing.TB, seed uint64, aircraft, scenes int, every time.Duration) []scene.Scene {
	t.Helper()
	world, err := simulator.New(simulator.Options{Seed: seed, Aircraft: aircraft})
	if err != nil {
		t.Fatal(err)
	}
	from := time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)
	out := make([]scene.Scene, scenes)
	for i := range out {
		body, _ := world.At(from.Add(time.Duration(i) * every))
		snapshot, err := vatsim.Decode(body)
		if err != nil {
			t.Fatal(err)
		}
		out[i] = scene.Scene{Snapshot: snapshot}
	}
	return out
}

func TestSavingAndLoadingAnywhereChangesNothing(t *testing.T) {
	scenes := simulated(t, 3, 40, 240, 15*time.Second)
	straight := flight.New(flight.Options{World: largerWorld(t)})
	want := make([]flight.Changes, len(scenes))
	for i := range scenes {
		want[i] = straight.Observe(scenes[i])
	}
	last, err := straight.Save()
	if err != nil {
		t.Fatal(err)
	}
	rapid.Check(t, func(r *rapid.T) {
		saves := rapid.SliceOfN(rapid.IntRange(0, len(scenes)-1), 1, 6).Draw(r, "saved before")
		tracker := flight.New(flight.Options{World: largerWorld(t)})
		for i := range scenes {
			for _, at := range saves {
				if at != i {
					continue
				}
				state, err := tracker.Save()
				if err != nil {
					r.Fatal(err)
				}
				tracker = flight.New(flight.Options{World: largerWorld(t)})
				if err := tracker.Load(state); err != nil {
					r.Fatal(err)
				}
			}
			if got := tracker.Observe(scenes[i]); !reflect.DeepEqual(want[i], got) {
				r.Fatalf("scene %d (-straight +saved and loaded):\n%s", i, cmp.Diff(want[i], got))
			}
		}
		if state, err := tracker.Save(); err != nil || !cmp.Equal(state, last) {
			r.Fatalf("the states in the end differ; error %v", err)
		}
	})
}

func TestOrderOfPilotsDoesNotMatter(t *testing.T) {
	scenes := simulated(t, 4, 40, 120, 15*time.Second)
	rapid.Check(t, func(r *rapid.T) {
		random := rand.New(rand.NewPCG(rapid.Uint64().Draw(r, "shuffle"), 1))
		one, two := flight.New(flight.Options{World: largerWorld(t)}), flight.New(flight.Options{World: largerWorld(t)})
		for i := range scenes {
			shuffled := *scenes[i].Snapshot
			order := random.Perm(len(shuffled.Pilots))
			shuffled.Pilots = make([]vatsim.Pilot, len(order))
			for to, from := range order {
				shuffled.Pilots[to] = scenes[i].Pilots[from]
			}
			a, b := one.Observe(scenes[i]), two.Observe(scene.Scene{Snapshot: &shuffled})
			statuses := make([]flight.Status, len(order))
			for to, from := range order {
				statuses[from] = b.Statuses[to]
			}
			b.Statuses = statuses
			if !reflect.DeepEqual(a, b) {
				r.Fatalf("scene %d (-as it is +shuffled):\n%s", i, cmp.Diff(a, b))
			}
		}
	})
}

func TestLosingTicksDoublesNoMovement(t *testing.T) {
	scenes := simulated(t, 5, 40, 400, 15*time.Second)
	type key struct {
		flight int64
		kind   int16
	}
	rapid.Check(t, func(r *rapid.T) {
		random := rand.New(rand.NewPCG(rapid.Uint64().Draw(r, "lost"), 1))
		share := rapid.Float64Range(0, 0.4).Draw(r, "share")
		tracker := flight.New(flight.Options{World: largerWorld(t)})
		seen := map[key]time.Time{}
		for i := range scenes {
			if random.Float64() < share {
				continue
			}
			for _, m := range tracker.Observe(scenes[i]).Movements {
				k := key{m.FlightID, int16(m.Kind)}
				before, again := seen[k]
				// A flight departs once and lands once; what it may do again takes a circuit.
				if again && (m.Kind <= 2 || m.At.Sub(before) < 2*time.Minute) {
					r.Fatalf("%+v follows one at %v", m, before)
				}
				seen[k] = m.At
			}
		}
	})
}

func TestLoadRefusesWhatSaveDidNotWrite(t *testing.T) {
	tracker := flight.New(flight.Options{World: largerWorld(t)})
	for _, s := range simulated(t, 6, 20, 5, 15*time.Second) {
		tracker.Observe(s)
	}
	state, err := tracker.Save()
	if err != nil {
		t.Fatal(err)
	}
	for cut := range state {
		if err := flight.New(flight.Options{}).Load(state[:cut]); fault.ReasonOf(err) != "state" {
			t.Fatalf("%d of %d bytes: %v", cut, len(state), err)
		}
	}
	newer := append([]byte{state[0] + 2}, state[1:]...) // varints count up in steps of two
	if err := flight.New(flight.Options{}).Load(newer); fault.ReasonOf(err) != "state_version" || !fault.Is(err, fault.Conflict) {
		t.Errorf("a newer version: %v", err)
	}
}
