package main

import (
	"context"
	"fmt"
	"path/filepath"
	"time"

	"github.com/skyledger/skyledger/infra/local/cloud"
	"github.com/skyledger/skyledger/internal/projection"
	"github.com/skyledger/skyledger/internal/simulator"
)

// worldSeed makes the simulated world the same on every machine.
const worldSeed = 1

// startSimulated flies from now on. The world is a function of time, so a run
// that was stopped goes on in the same one; a run that was faster than the wall
// left a ledger that ends in the future, and goes on there.
func startSimulated(_ context.Context, s source, home string, speed float64, newest time.Time) (*feed, error) {
	world, err := simulator.New(simulator.Options{Seed: worldSeed, Aircraft: s.Aircraft})
	if err != nil {
		return nil, err
	}
	begin := time.Now().UTC()
	clock := cloud.WallClock()
	if resume := newest.Add(projection.TickLength); resume.After(begin) {
		begin, clock = resume, cloud.ClockAt(resume, speed)
	} else if speed != 1 {
		clock = cloud.ClockAt(begin, speed)
	}
	// One truth log a world: another number of aircraft is another world.
	journal, err := simulator.OpenJournal(world, filepath.Join(home, fmt.Sprintf("truth-%d.jsonl", s.Aircraft)), begin)
	if err != nil {
		return nil, err
	}
	f := &feed{clock: clock, advance: journal.Advance, summary: fmt.Sprintf("%s aircraft from %s UTC%s", grouped(int64(s.Aircraft)),
		begin.Format("2006-01-02 15:04:05"), speedText(speed))}
	return f, f.serve(simulator.NewSource(world, clock.Now))
}
