package atc_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/skyledger/skyledger/internal/atc"
	"github.com/skyledger/skyledger/internal/reference"
	"github.com/skyledger/skyledger/internal/scene"
	"github.com/skyledger/skyledger/internal/store"
	"github.com/skyledger/skyledger/internal/vatsim"
	"github.com/skyledger/skyledger/internal/workload"
)

const captured = "../../../shared/data"

func TestRealCallsignsStandForSomething(t *testing.T) {
	bodies, _ := filepath.Glob(filepath.Join(captured, "feed", "*", "*.json"))
	if len(bodies) == 0 {
		t.Skip("captured snapshots are not at ../shared/data/feed beside the repository")
	}
	w, fir := world(t), realAirspace(t)
	positions, airports, areas, inFIR, placed := 0, 0, 0, 0, 0
	for _, path := range bodies {
		body, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		snapshot, err := vatsim.Decode(body)
		if err != nil {
			t.Fatal(err)
		}
		for _, row := range atc.New(w).Observe(scene.Scene{Snapshot: snapshot}, nil, fir).Duties {
			if kind := workload.Kind(row.Facility); kind == workload.Area || kind == workload.FlightService {
				areas++
				if row.FIR != "" {
					inFIR++
				} else {
					t.Logf("no FIR: %s", row.Callsign)
				}
				continue
			}
			positions++
			if row.Airport != "" || row.Sector != "" {
				airports++
			} else {
				t.Logf("no airport: %s", row.Callsign)
			}
			if row.Site.Source != store.SiteUnknown {
				placed++
			}
		}
	}
	t.Logf("%d of %d positions at an airport or in a terminal area, %d placed; %d of %d centres in an FIR", airports, positions, placed, inFIR, areas)
	if airports*100 < positions*97 || inFIR*100 < areas*95 {
		t.Error("too many callsigns stand for nothing")
	}
}

func realAirspace(t *testing.T) *reference.Airspace {
	t.Helper()
	files, err := reference.NewDirectory(filepath.Join(captured, "reference")).Fetch(t.Context(), store.VATSpyVersion{})
	if err != nil {
		t.Fatal(err)
	}
	content, err := reference.ParseVATSpy(files.VATSpy)
	if err != nil {
		t.Fatal(err)
	}
	if content.Boundaries, _, err = reference.ParseBoundaries(files.Boundaries); err != nil {
		t.Fatal(err)
	}
	a, err := reference.NewAirspace(content, store.VATSpyVersion{Version: 1})
	if err != nil {
		t.Fatal(err)
	}
	return a
}
