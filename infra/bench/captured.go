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
	dir, err := os.MkdirTemp("", "skyledger-bench-log-")
	if err != nil {
		return 0, 0, err
	}
	defer os.RemoveAll(dir)
	log, err := rawlog.Open(ctx, rawlog.OpenDir(dir), rawlog.Options{})
	if err != nil {
		return 0, 0, err
	}
	defer log.Close()
	for _, index := range []int{i - 1, i} {
		body, err := folder.Body(index)
		if err != nil {
			return 0, 0, err
		}
		at := folder.Times()[index]
		entry, _, err := log.Append(ctx, rawlog.Record{At: at, Tick: projection.TickOf(at), Received: at, Network: body})
		if err != nil {
			return 0, 0, err
		}
		frame = entry.Stored
		if plain, err = gzipSize(feedserver.Body{Network: body}); err != nil {
			return 0, 0, err
		}
	}
	return frame, plain, nil
}
