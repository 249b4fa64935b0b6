package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/skyledger/skyledger/internal/feedserver"
	"github.com/skyledger/skyledger/internal/projection"
	"github.com/skyledger/skyledger/internal/rawlog"
	"github.com/skyledger/skyledger/internal/recorded"
	"github.com/skyledger/skyledger/internal/simulator"
)

// measureCapturedLog compares the log's frame of a captured snapshot, whose
// keyframe is its neighbour of 15 s before, with gzip of the same body.
func measureCapturedLog(ctx context.Context, set settings) ([]Row, error) {
	folders, err := os.ReadDir(set.captured)
	if os.IsNotExist(err) {
		fmt.Fprintf(os.Stderr, "      no captured snapshots at %s: skipped\n", set.captured)
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var framed, gzipped, pairs int
	for _, entry := range folders {
		if !entry.IsDir() {
			continue
		}
		folder, err := recorded.Open(filepath.Join(set.captured, entry.Name()))
		if err != nil {
			return nil, err
		}
		times := folder.Times()
		for i := 1; i < len(times); i++ {
			if times[i].Sub(times[i-1]).Round(time.Second) != projection.TickLength {
				continue
			}
			frame, plain, err := neighbour(ctx, folder, i)
			if err != nil {
				return nil, err
			}
			framed, gzipped, pairs = framed+frame, gzipped+plain, pairs+1
		}
	}
	if pairs == 0 {
		return nil, nil
	}
	name := fmt.Sprintf("log, %d captured neighbours", pairs)
	return []Row{newRow(name, float64(framed)/float64(pairs)/1e3, "kB", float64(gzipped)/float64(pairs)/1e3, "gzip of the same body, kB", 0.2)}, nil
}

// neighbour logs snapshots i-1 and i and returns what the second one took.
func neighbour(ctx context.Context, folder *recorded.Folder, i int) (frame, plain int, err error) {
	var bodies []feedserver.Body
	for _, index := range []int{i - 1, i} {
		network, err := folder.Body(index)
		if err != nil {
			return 0, 0, err
		}
		bodies = append(bodies, feedserver.Body{At: folder.Times()[index], Network: network})
	}
	return secondFrame(ctx, bodies)
}

// secondFrame logs two bodies and returns what the second took in the log, and
// what it takes as gzip.
func secondFrame(ctx context.Context, bodies []feedserver.Body) (frame, plain int, err error) {
	dir, err := os.MkdirTemp("", "skyledger-bench-log-")
	if err != nil {
		return 0, 0, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	log, err := rawlog.Open(ctx, rawlog.OpenDir(dir), rawlog.Options{})
	if err != nil {
		return 0, 0, err
	}
	defer log.Close()
	for _, body := range bodies {
		entry, _, err := log.Append(ctx, rawlog.Record{
			At: body.At, Tick: projection.TickOf(body.At), Received: body.At,
			Network: body.Network, Transceivers: body.Transceivers,
		})
		if err != nil {
			return 0, 0, err
		}
		frame = entry.Stored
		if plain, err = gzipSize(body); err != nil {
			return 0, 0, err
		}
	}
	return frame, plain, nil
}

// measureSimulatedLog does for simulated neighbours what measureCapturedLog
// does for captured ones.
func measureSimulatedLog(ctx context.Context, set settings) ([]Row, error) {
	world, err := simulator.New(simulator.Options{Seed: 1, Aircraft: set.aircraft})
	if err != nil {
		return nil, err
	}
	s := &scene{world: world}
	var bodies []feedserver.Body
	for n := range 2 {
		s.show(epoch.Add(time.Duration(n)*projection.TickLength + time.Minute))
		bodies = append(bodies, s.current)
	}
	frame, plain, err := secondFrame(ctx, bodies)
	if err != nil {
		return nil, err
	}
	return []Row{newRow("log, simulated neighbours", float64(frame)/1e3, "kB", float64(plain)/1e3, "gzip of the same bodies, kB", 0.2)}, nil
}
