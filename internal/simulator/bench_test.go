package simulator

import (
	"testing"
	"time"
)

func benchmarkAt(b *testing.B, aircraft int) {
	sim, err := New(Options{Seed: 1, Aircraft: aircraft})
	if err != nil {
		b.Fatal(err)
	}
	at := start
	sim.At(at)
	for b.Loop() {
		at = at.Add(Cadence)
		network, transceivers := sim.At(at)
		b.SetBytes(int64(len(network) + len(transceivers)))
	}
}

func BenchmarkAt2500(b *testing.B)  { benchmarkAt(b, 2500) }
func BenchmarkAt25000(b *testing.B) { benchmarkAt(b, 25000) }

// BenchmarkFirst2500 includes planning every flight.
func BenchmarkFirst2500(b *testing.B) {
	for b.Loop() {
		sim, err := New(Options{Seed: 1, Aircraft: 2500})
		if err != nil {
			b.Fatal(err)
		}
		sim.At(start)
	}
}

var start = time.Date(2026, 3, 14, 9, 26, 53, 0, time.UTC)
