package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"runtime"
	"slices"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/skyledger/skyledger/internal/simulator"
	"github.com/skyledger/skyledger/internal/vatsim"
)

// epoch is the simulated time that every measurement starts from: the start of
// an hour, so that 240 ticks fill one.
var epoch = time.Date(2026, 3, 1, 18, 0, 0, 0, time.UTC)

// measureDecode compares a decode with skipping through the same tokens.
func measureDecode(_ context.Context, set settings) ([]Row, error) {
	// The goal speaks of a body of 3.8 MB.
	world, err := simulator.New(simulator.Options{Seed: 1, Aircraft: set.aircraft * 3 / 2})
	if err != nil {
		return nil, err
	}
	body, _ := world.At(epoch)
	const rounds = 30
	var decode, skip []float64
	for range rounds {
		// By turns, so that whatever else the machine does weighs on both.
		took, err := timed(func() error { _, err := vatsim.Decode(body); return err })
		if err != nil {
			return nil, err
		}
		decode = append(decode, took)
		if took, err = timed(func() error { return skipTokens(body) }); err != nil {
			return nil, err
		}
		skip = append(skip, took)
	}
	allocated, err := allocatedBy(func() error { _, err := vatsim.Decode(body); return err })
	if err != nil {
		return nil, err
	}
	return []Row{
		newRow(fmt.Sprintf("decode, %.1f MB", float64(len(body))/1e6), median(decode), "ms", median(skip), "skipping through its tokens, ms", 2),
		newRow("decode, allocated", allocated/1e6, "MB", 1, "1 MB", 1),
	}, nil
}

func skipTokens(body []byte) error {
	decoder := jsontext.NewDecoder(bytes.NewBuffer(body))
	for {
		if _, err := decoder.ReadToken(); err != nil {
			if errors.Is(err, io.EOF) {
				return nil
			}
			return err
		}
	}
}

// allocatedBy returns the bytes that f allocates: the least of a few runs, for
// the runtime allocates beside it now and then.
func allocatedBy(f func() error) (float64, error) {
	least := math.Inf(1)
	for range 5 {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		if err := f(); err != nil {
			return 0, err
		}
		runtime.ReadMemStats(&after)
		least = min(least, float64(after.TotalAlloc-before.TotalAlloc))
	}
	return least, nil
}

// timed returns how long f took, in milliseconds.
func timed(f func() error) (float64, error) {
	started := time.Now()
	err := f()
	return float64(time.Since(started).Nanoseconds()) / 1e6, err
}

func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	return sorted[len(sorted)/2]
}

func sum(values []float64) (total float64) {
	for _, value := range values {
		total += value
	}
	return total
}
