package reference

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/skyledger/skyledger/internal/store"
)

// captured is where VAT-Spy's real files lie on the machines that have them.
const captured = "../../../shared/data/reference"

// realFiles are VAT-Spy's real files.
func realFiles(t testing.TB) Files {
	t.Helper()
	if _, err := os.Stat(filepath.Join(captured, "VATSpy.dat")); err != nil {
		t.Skip("VAT-Spy's files are not at ../shared/data/reference beside the repository")
	}
	files, err := NewDirectory(captured).Fetch(t.Context(), store.VATSpyVersion{})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func realVersion() store.VATSpyVersion { return store.VATSpyVersion{Version: 1} }

func realAirspace(t testing.TB) *Airspace {
	t.Helper()
	content, err := parse(realFiles(t))
	if err != nil {
		t.Fatal(err)
	}
	airspace, err := NewAirspace(content, realVersion())
	if err != nil {
		t.Fatal(err)
	}
	return airspace
}

// linesOf counts a section's lines without looking into them.
func linesOf(file []byte, section string) (count int) {
	_, rest, _ := bytes.Cut(file, []byte("["+section+"]"))
	rest, _, _ = bytes.Cut(rest, []byte("\n["))
	for line := range bytes.Lines(rest) {
		if line = bytes.TrimSpace(line); len(line) > 0 && line[0] != ';' {
			count++
		}
	}
	return count
}

func TestEveryLineOfTheRealFilesIsRead(t *testing.T) {
	files := realFiles(t)
	content, err := parse(files)
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]int{
		"Airports": len(content.Airports), "FIRs": len(content.FIRs), "UIRs": len(content.UIRs), "features": len(content.Boundaries), "skipped": len(content.Skipped),
	}
	want := map[string]int{
		"Airports": linesOf(files.VATSpy, "Airports"), "FIRs": linesOf(files.VATSpy, "FIRs"), "UIRs": linesOf(files.VATSpy, "UIRs"),
		"features": bytes.Count(files.Boundaries, []byte(`"MultiPolygon"`)), "skipped": 0,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if lost := withoutBoundary(&content); lost != 0 {
		t.Errorf("%d FIRs have no boundary", lost)
	}
}

func TestRealPlacesLieInTheirFIRs(t *testing.T) {
	airspace := realAirspace(t)
	for _, test := range []struct {
		name     string
		lat, lon float64
		want     string
	}{
		{"London", 51.5, 0, "EGTT"}, {"Zurich", 47.45, 8.55, "LSAS"}, {"Sydney's sea", -30, 180, "NZZO"},
		{"Oakland's ocean on the date line", 10, 180, "KZAK"}, {"from the other side", 10, -180, "KZAK"},
		{"Siberia beyond the date line", 66, -179.9, "UHMM"}, {"before it", 66, 179.9, "UHMM"},
		{"Fiji's sea, cut by the date line", -10, 179, "NFFF"}, {"beyond it", -10, -179.5, "NFFF"}, {"Alaska's islands west of it", 52, 173, "PAZA"},
		{"McMurdo, on a continent that the pole is on", -77.85, 166.7, "NZCM"},
		{"a minute from the north pole, towards Russia", 89.98, 100, "ULLL"}, {"towards Canada", 89.98, -100, "CZEG"},
	} {
		t.Run(test.name, func(t *testing.T) {
			fir, found := airspace.At(test.lat, test.lon)
			if !found || fir.ID != test.want {
				t.Errorf("%t %+v, want %s", found, fir.ID, test.want)
			}
		})
	}
	t.Run("each pole lies in one", func(t *testing.T) {
		for _, lat := range []float64{90, -90} {
			if _, found := airspace.At(lat, 0); !found {
				t.Errorf("latitude %v lies nowhere", lat)
			}
		}
	})
	t.Run("nearly all airports lie where VAT-Spy says", func(t *testing.T) {
		content, err := parse(realFiles(t))
		if err != nil {
			t.Fatal(err)
		}
		agree := 0
		for _, a := range content.Airports {
			if fir, found := airspace.At(a.Lat, a.Lon); found && fir.ID == a.FIR {
				agree++
			}
		}
		if share := float64(agree) / float64(len(content.Airports)); share < 0.95 {
			t.Errorf("%.3f of %d airports", share, len(content.Airports))
		}
	})
}

// slowly finds the boundaries that hold a point with the file alone: in the real
// one no ring leaves ±180, so every ring is a plain polygon of the plane.
func slowly(features []rawFeature, lat, lon float64) (ids []string) {
	for _, f := range features {
		for _, polygon := range f.Geometry.Coordinates {
			inside := false
			for _, ring := range polygon {
				for i := range ring {
					j := (i + len(ring) - 1) % len(ring)
					if (ring[i][1] > lat) != (ring[j][1] > lat) &&
						lon < (ring[j][0]-ring[i][0])*(lat-ring[i][1])/(ring[j][1]-ring[i][1])+ring[i][0] {
						inside = !inside
					}
				}
			}
			if inside {
				ids = append(ids, strings.ToUpper(f.Properties.ID))
			}
		}
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}

type rawFeature struct {
	Properties struct{ ID string }
	Geometry   struct{ Coordinates [][][][]float64 }
}

func TestRealBoundariesHoldWhatAPlainPolygonHolds(t *testing.T) {
	files := realFiles(t)
	airspace := realAirspace(t)
	var raw struct{ Features []rawFeature }
	if err := json.Unmarshal(files.Boundaries, &raw); err != nil {
		t.Fatal(err)
	}
	rapid.Check(t, func(t *rapid.T) {
		lat, lon := rapid.Float64Range(-89.9, 89.9).Draw(t, "lat"), rapid.Float64Range(-179.9, 179.9).Draw(t, "lon")
		got := []string{}
		for _, i := range airspace.index.At(nil, lat, lon) {
			got = append(got, airspace.boundaries[i].ID)
		}
		slices.Sort(got)
		want := append([]string{}, slowly(raw.Features, lat, lon)...)
		if diff := cmp.Diff(want, slices.Compact(got)); diff != "" {
			t.Fatalf("%v, %v: %s", lat, lon, diff)
		}
	})
}

func TestEveryRealIDCanBeAskedFor(t *testing.T) {
	airspace := realAirspace(t)
	for _, fir := range airspace.firs {
		if found, ok := airspace.FIR(strings.ToLower(fir.ID)); !ok || found.ID != fir.ID || !firID.MatchString(fir.ID) || fir.area == nil {
			t.Errorf("%s cannot be asked for", fir.ID)
		}
	}
	for _, uir := range airspace.uirs {
		if found, ok := airspace.FIR(uir.ID); !ok || !firID.MatchString(uir.ID) || found.area == nil {
			t.Errorf("%s cannot be asked for", uir.ID)
		}
	}
}
