package vatsim

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// capturedData is where captured bodies lie beside the repository; they are
// never part of it.
const capturedData = "../../../shared/data"

func capturedBodies(t *testing.T, pattern string) []string {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(capturedData, pattern))
	if err != nil {
		t.Fatal(err)
	}
	if len(paths) == 0 {
		t.Skipf("no captured data: %s does not exist beside the repository", filepath.Join(capturedData, pattern))
	}
	return paths
}

// TestCapturedBodiesAreAccountedFor compares with encoding/json, which knows
// nothing of the decoder's rules.
func TestCapturedBodiesAreAccountedFor(t *testing.T) {
	for _, path := range capturedBodies(t, "feed/*/*.json") {
		t.Run(filepath.Base(path), func(t *testing.T) {
			raw, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			var naive struct {
				Pilots                      []struct{ Latitude, Longitude float64 }
				Controllers, ATIS, Prefiles []json.RawMessage
			}
			if err := json.Unmarshal(raw, &naive); err != nil {
				t.Fatal(err)
			}
			snapshot := mustDecode(t, raw)
			if len(snapshot.Rejects) != 0 {
				t.Errorf("rejects %v", snapshot.Rejects)
			}
			want := map[Kind]int{
				KindPilot: len(naive.Pilots), KindController: len(naive.Controllers), KindATIS: len(naive.ATIS), KindPrefile: len(naive.Prefiles),
			}
			got := make(map[Kind]int)
			for kind := range want {
				got[kind] = accounted(snapshot, kind)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("rows accounted for (-want +got):\n%s", diff)
			}
			for i, pilot := range snapshot.Pilots {
				if float64(pilot.Latitude)/degree != naive.Pilots[i].Latitude || float64(pilot.Longitude)/degree != naive.Pilots[i].Longitude {
					t.Fatalf("pilot %d at %d, %d; want %v", i, pilot.Latitude, pilot.Longitude, naive.Pilots[i])
				}
			}
			checkPlans(t, snapshot)
		})
	}
}

func checkPlans(t *testing.T, snapshot *Snapshot) {
	t.Helper()
	for i, pilot := range snapshot.Pilots {
		if len(pilot.Plan) == 0 {
			continue
		}
		plan, err := pilot.Plan.Parse()
		if err != nil {
			t.Fatalf("plan of pilot %d: %v", i, err)
		}
		var naive struct {
			Departure, Arrival, Altitude, Remarks, Route string
			Revision                                     int32 `json:"revision_id"`
		}
		if err := json.Unmarshal(pilot.Plan, &naive); err != nil {
			t.Fatal(err)
		}
		got := []any{plan.Departure, plan.Arrival, plan.Altitude, plan.Remarks, plan.Route, plan.RevisionID}
		want := []any{naive.Departure, naive.Arrival, naive.Altitude, naive.Remarks, naive.Route, naive.Revision}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("plan of pilot %d (-want +got):\n%s", i, diff)
		}
	}
}

func TestCapturedTransceiversAreAccountedFor(t *testing.T) {
	raw, err := os.ReadFile(capturedBodies(t, "other/transceivers-data.json")[0])
	if err != nil {
		t.Fatal(err)
	}
	var naive []struct{ Transceivers []json.RawMessage }
	if err := json.Unmarshal(raw, &naive); err != nil {
		t.Fatal(err)
	}
	stations, rejects, err := DecodeStationsCounted(raw)
	if err != nil {
		t.Fatal(err)
	}
	radios, wantRadios := 0, 0
	for _, station := range stations {
		radios += len(station.Transceivers)
	}
	for _, station := range naive {
		wantRadios += len(station.Transceivers)
	}
	if len(stations) != len(naive) || radios != wantRadios || len(rejects) != 0 {
		t.Errorf("%d stations with %d radios, rejects %v; want %d with %d", len(stations), radios, rejects, len(naive), wantRadios)
	}
}
