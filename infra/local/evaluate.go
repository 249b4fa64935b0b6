package main

import (
	"cmp"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"time"

	"github.com/skyledger/skyledger/internal/evaluate"
	"github.com/skyledger/skyledger/internal/fault"
	"github.com/skyledger/skyledger/internal/reference"
)

const evaluateDetails = `Measures how well flights and movements are found, by what truly happened.

  evaluate --tracks DIR [--json]
      the labelled tracks of a folder: track*.csv, labels_events.csv, labels_flights.csv
  evaluate --simulated AIRCRAFT [--minutes M] [--lose] [--seed N] [--json]
      a simulated world, a snapshot every 15 seconds, by its own truth log; with --lose one
      tick in a hundred is lost and now and then four in a row

It runs the product's own code and prints recall and precision of each kind of movement,
how often runways and flights are right, and every miss. It needs no database.
`

// evaluation is what evaluate is asked for.
type evaluation struct {
	tracks   string
	aircraft int
	minutes  int
	lose     bool
	seed     uint64
	json     bool
}

func (e *evaluation) flags(set *flag.FlagSet) {
	set.StringVar(&e.tracks, "tracks", "", "")
	set.IntVar(&e.aircraft, "simulated", 0, "")
	set.IntVar(&e.minutes, "minutes", 0, "")
	set.BoolVar(&e.lose, "lose", false, "")
	set.Uint64Var(&e.seed, "seed", 0, "")
	set.BoolVar(&e.json, "json", false, "")
}

// evaluateTracker prints how well the Tracker does.
func evaluateTracker(_ context.Context, s session) error {
	asked := s.options.evaluate
	if (asked.tracks == "") == (asked.aircraft == 0) {
		return fault.E("local.evaluateTracker", fault.Invalid, "arguments", nil).
			WithMessage("evaluate needs --tracks DIR or --simulated AIRCRAFT: evaluate --help")
	}
	world, err := reference.Embedded()
	if err != nil {
		return err
	}
	result, err := asked.run(s, world)
	if err != nil {
		return err
	}
	if !asked.json {
		return result.Write(s.out)
	}
	encoder := json.NewEncoder(s.out)
	encoder.SetIndent("", "  ")
	return encoder.Encode(result)
}

func (e evaluation) run(s session, world *reference.World) (*evaluate.Result, error) {
	if e.tracks != "" {
		return evaluate.Labelled(e.tracks, world)
	}
	const usual = 120 // minutes
	shown := time.Now()
	return evaluate.Simulated(evaluate.SimulatedOptions{
		Aircraft: e.aircraft, Length: time.Duration(cmp.Or(e.minutes, usual)) * time.Minute, Lose: e.lose,
		Seed: cmp.Or(e.seed, worldSeed), World: world,
		Progress: func(done, total int) {
			if now := time.Now(); now.Sub(shown) > 2*time.Second {
				fmt.Fprintf(s.complaints, "%d of %d snapshots\n", done, total)
				shown = now
			}
		},
	})
}
