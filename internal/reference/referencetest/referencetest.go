// Package referencetest makes a small world in VAT-Spy's form for the tests of
// other packages: one airport and one FIR, EGTT, which it lies in.
package referencetest

import (
	"os"
	"path/filepath"
	"testing"
)

// Dir returns a directory with VATSpy.dat and Boundaries.geojson, removed when
// the test ends.
func Dir(t testing.TB) string {
	t.Helper()
	dir := t.TempDir()
	for name, content := range map[string]string{
		"VATSpy.dat": "[Airports]\nEGLL|Heathrow|51.47|-0.46|LHR|EGTT|0\n[FIRs]\nEGTT|London|LON|EGTT\n[UIRs]\nEG|Britain|EGTT\n",
		"Boundaries.geojson": `{"type":"FeatureCollection","features":[{"properties":{"id":"EGTT","oceanic":"0","label_lat":"52","label_lon":"0","region":"EMEA","division":"VATUK"},
			"geometry":{"type":"MultiPolygon","coordinates":[[[[-5,50],[2,50],[2,55],[-5,55],[-5,50]]]]}}]}`,
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}
