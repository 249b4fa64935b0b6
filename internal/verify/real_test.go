package verify_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/skyledger/skyledger/internal/rawlog"
	"github.com/skyledger/skyledger/internal/vatsim"
	"github.com/skyledger/skyledger/internal/verify/verifytest"
)

// TestRealSnapshots collects captured snapshots and expects both decoders to
// agree on every row of them.
func TestRealSnapshots(t *testing.T) {
	t.Parallel()
	for _, folder := range []string{"2023-08-07", "2024-11-21", "single"} {
		t.Run("of "+folder, func(t *testing.T) {
			t.Parallel()
			files, _ := filepath.Glob(filepath.Join("../../../shared/data/feed", folder, "*.json"))
			if len(files) == 0 {
				t.Skip("captured snapshots are not at ../shared/data/feed beside the repository")
			}
			b := verifytest.NewBench(t)
			for _, file := range files {
				body, err := os.ReadFile(file)
				must(t, err)
				at, err := vatsim.PeekTimestamp(body)
				must(t, err)
				b.Collect(t, rawlog.Record{
					At: at, Tick: at.Truncate(15 * time.Second), Received: at.Add(2 * time.Second), Network: body, Transceivers: []byte("[]"),
				})
			}
			report := run(t, whole(t, b))
			t.Log("\n" + text(t, report))
			if len(report.Failed()) > 0 {
				t.Errorf("failed: %v", report.Failed())
			}
		})
	}
}
