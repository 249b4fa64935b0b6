package verify_test

import (
	"testing"
	"time"

	"github.com/skyledger/skyledger/internal/rawlog"
	"github.com/skyledger/skyledger/internal/simulator"
	"github.com/skyledger/skyledger/internal/vatsim"
	"github.com/skyledger/skyledger/internal/verify/verifytest"
)

// TestSimulatedSnapshots collects a simulated network whose oddities come far
// more often than those of the real one.
func TestSimulatedSnapshots(t *testing.T) {
	t.Parallel()
	sim, err := simulator.New(simulator.Options{Seed: 7, Aircraft: 150, Oddities: 20})
	must(t, err)
	b := verifytest.NewBench(t)
	start := time.Date(2026, 3, 1, 12, 55, 0, 0, time.UTC)
	for i := range 40 {
		now := start.Add(time.Duration(i) * 15 * time.Second)
		network, transceivers := sim.At(sim.SnapshotTime(now))
		snapshot, err := vatsim.Decode(network)
		if err != nil {
			continue // cut off: nothing that the log takes
		}
		b.Collect(t, rawlog.Record{
			At: snapshot.UpdateTimestamp, Tick: now.Truncate(15 * time.Second), Received: now.Add(2 * time.Second),
			Network: network, Transceivers: transceivers,
		})
	}
	must(t, b.Store.ChunkHour(t.Context(), start))
	report := run(t, whole(t, b))
	t.Log("\n" + text(t, report))
	if len(report.Failed()) > 0 {
		t.Errorf("failed: %v", report.Failed())
	}
}
