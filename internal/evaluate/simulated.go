package evaluate

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/skyledger/skyledger/internal/flight"
	"github.com/skyledger/skyledger/internal/geo"
	"github.com/skyledger/skyledger/internal/reference"
	"github.com/skyledger/skyledger/internal/scene"
	"github.com/skyledger/skyledger/internal/simulator"
	"github.com/skyledger/skyledger/internal/traffic"
	"github.com/skyledger/skyledger/internal/vatsim"
)

// SimulatedOptions say what to simulate.
type SimulatedOptions struct {
	Aircraft int
	Length   time.Duration
	// Lose lets one tick in a hundred be lost, and now and then, every twenty
	// minutes on average, four in a row.
	Lose     bool
	Seed     uint64
	World    *reference.World
	Progress func(done, total int) // nil for none
}

// beginning is when simulated worlds begin: any moment does.
const beginning = 1767268800 // 2026-01-01 12:00 UTC

// What happens so shortly after the first snapshot or before the last one has
// too little on one side to be seen; nobody can be asked for it.
const (
	warmUp  = 3 * time.Minute
	runDown = 3 * time.Minute
)

// Simulated flies a world, shows the Tracker its snapshots and judges what it
// finds by what was flown. Everything is judged: the truth log is complete but
// for what happens while a pilot is not connected.
func Simulated(options SimulatedOptions) (*Result, error) {
	world, err := simulator.New(simulator.Options{Seed: options.Seed, Aircraft: options.Aircraft})
	if err != nil {
		return nil, err
	}
	from := time.Unix(beginning, 0).UTC()
	to := from.Add(options.Length)
	tracker := flight.New(flight.Options{World: options.World})
	run := &Run{Aircraft: options.Aircraft}
	losses := losses{random: rand.New(rand.NewPCG(options.Seed, 1))}
	total := int(options.Length / simulator.Cadence)
	var moved []flight.Moved
	cids := map[int64]int32{}
	for tick := range total {
		if options.Progress != nil {
			options.Progress(tick, total)
		}
		run.Ticks++
		if options.Lose && losses.next() {
			run.Lost++
			continue
		}
		body, _ := world.At(from.Add(time.Duration(tick) * simulator.Cadence))
		snapshot, err := vatsim.Decode(body)
		if err != nil {
			return nil, err
		}
		changes := tracker.Observe(scene.Scene{Snapshot: snapshot})
		moved = append(moved, changes.Movements...)
		for _, f := range changes.Flights {
			cids[f.ID] = f.CID
		}
	}
	j := &judge{result: newResult(), world: options.World, moved: moved, cids: cids, from: from.Add(warmUp), to: to.Add(-runDown), matches: map[string][]int64{}}
	j.movements(world.Truth(from, to))
	j.flights()
	j.result.Run = run
	j.result.finish(j.errors)
	return j.result, nil
}

// losses decides which ticks are lost.
type losses struct {
	random *rand.Rand
	left   int
}

func (l *losses) next() bool {
	const single, run, length = 0.01, 1.0 / 80, 4 // of a tick; of a tick, once in twenty minutes; ticks
	if l.left > 0 {
		l.left--
		return true
	}
	if l.random.Float64() < run {
		l.left = length - 1
		return true
	}
	return l.random.Float64() < single
}

// judge compares movements with the truth.
type judge struct {
	world    *reference.World
	result   *Result
	moved    []flight.Moved
	cids     map[int64]int32
	from, to time.Time
	errors   []float64          // seconds
	matches  map[string][]int64 // by flight of the truth: the Tracker's flights that made its movements
}

// apart is how far a movement may be told from the truth and still be it: a
// touch-and-go and the one before are more than twice as far apart.
const apart = 100 * time.Second

func (j *judge) movements(truth []simulator.Event) {
	taken := make([]bool, len(j.moved))
	for _, event := range truth {
		name := kindOf(string(event.Kind))
		if name == "" {
			continue
		}
		best := -1
		for i, m := range j.moved {
			if !taken[i] && nameOf(m.Kind) == name && j.cids[m.FlightID] == event.CID && j.sameAirport(m.Airport, event) &&
				off(m, event) <= apart && (best < 0 || off(m, event) < off(j.moved[best], event)) {
				best = i
			}
		}
		if event.Time.Before(j.from) || event.Time.After(j.to) {
			if best >= 0 {
				taken[best] = true
			}
			continue
		}
		j.result.Kinds[name].Expected++
		if best < 0 {
			j.miss(name, "missed", event.CID, event.Callsign, event.Time, event.Airport+" "+event.Runway)
			continue
		}
		taken[best] = true
		j.match(name, event, j.moved[best])
	}
	for i, m := range j.moved {
		if name := nameOf(m.Kind); !taken[i] && !m.At.Before(j.from) && !m.At.After(j.to) {
			j.result.Kinds[name].Found++
			j.miss(name, "made up", j.cids[m.FlightID], "", m.At, fmt.Sprintf("%s %s, confidence %.2f", m.Airport, m.Runway, m.Confidence))
		}
	}
}

// sameAirport reports whether a movement is at an event's airport. One whose
// code is not in the reference data, for codes change and airports close, cannot
// be named: then the airport in its place is right, or none.
func (j *judge) sameAirport(found string, event simulator.Event) bool {
	if found == event.Airport {
		return true
	}
	if _, known := j.world.Airport(event.Airport); known {
		return false
	}
	if found == "" {
		return true
	}
	const near = 3.0 // miles
	airport, known := j.world.Airport(found)
	return known && geo.Within(near, airport.Lat, airport.Lon, event.Lat, event.Lon)
}

func off(m flight.Moved, event simulator.Event) time.Duration { return m.At.Sub(event.Time).Abs() }

func (j *judge) match(name string, event simulator.Event, m flight.Moved) {
	j.result.Kinds[name].Matched++
	if m.Kind == traffic.Diversion { // its arrival is judged
		return
	}
	j.errors = append(j.errors, off(m, event).Seconds())
	j.matches[event.Flight] = append(j.matches[event.Flight], m.FlightID)
	if event.Runway == "" {
		return
	}
	j.result.Runways.Expected++
	if m.Runway == event.Runway {
		j.result.Runways.Right++
		return
	}
	j.miss("runway", "found "+cmp.Or(m.Runway, "none"), event.CID, event.Callsign, event.Time, name+" "+event.Airport+" "+event.Runway)
}

// flights judges how movements were put together: those of one flight belong
// to one, and to no other's.
func (j *judge) flights() {
	owners := map[int64]int{}
	for _, ids := range j.matches {
		for _, id := range distinct(ids) {
			owners[id]++
		}
	}
	for name, ids := range j.matches {
		j.result.Flights.Expected++
		ids = distinct(ids)
		if len(ids) == 1 && owners[ids[0]] == 1 {
			j.result.Flights.Right++
			continue
		}
		wrong := fmt.Sprintf("in %d flights", len(ids))
		if len(ids) == 1 {
			wrong = "joined with another"
		}
		j.miss("flight", wrong, j.cids[ids[0]], name, j.from, "")
	}
}

func distinct(ids []int64) []int64 {
	ids = slices.Clone(ids)
	slices.Sort(ids)
	return slices.Compact(ids)
}

func (j *judge) miss(kind, wrong string, cid int32, callsign string, at time.Time, note string) {
	j.result.Misses = append(j.result.Misses, Miss{Kind: kind, Wrong: wrong, Where: fmt.Sprintf("%s %d", callsign, cid), At: at, Note: note})
}
