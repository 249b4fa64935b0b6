package reference

import (
	"bytes"
	"math"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/skyledger/skyledger/internal/fault"
	"github.com/skyledger/skyledger/internal/geo"
	"github.com/skyledger/skyledger/internal/store"
)

func TestParseVATSpy(t *testing.T) {
	got, err := ParseVATSpy([]byte("\xef\xbb\xbf" + strings.ReplaceAll(madeVATSpy, "\n", "\r\n")))
	if err != nil {
		t.Fatal(err)
	}
	want := store.VATSpy{
		FIRs: []store.FIR{
			{ID: "XAAA", Name: "Alpha", CallsignPrefix: "ALF", Boundary: "XAAA"},
			{ID: "XAAA", Name: "Alpha Upper", CallsignPrefix: "ALF_U", Boundary: "XAAA"},
			{ID: "XAAA-S", Name: "Alpha South", CallsignPrefix: "ALF_S", Boundary: "XAAA-S"},
			{ID: "XATM", Name: "Alpha TMA", Boundary: "XATM"},
			{ID: "XBBB", Name: "Bravo", CallsignPrefix: "XBBB", Boundary: "XBBB"},
			{ID: "XOCE", Name: "Ocean", CallsignPrefix: "OCE", Boundary: "XOCE"},
			{ID: "XDAT", Name: "Dateline", CallsignPrefix: "XDAT", Boundary: "XDAT"},
			{ID: "XPOL", Name: "Pole", Boundary: "XPOL"},
		},
		UIRs: []store.UIR{{ID: "XUPP", Name: "Upper", FIRs: []string{"XAAA", "XBBB"}}},
		Airports: []store.SpyAirport{
			{ICAO: "XAAB", Name: "Alpha", Lat: 5.5, Lon: 5.5, LocalCode: "XAB", FIR: "XAAA"},
			{ICAO: "XAAB", Name: "Alpha again", Lat: 5.5, Lon: 5.5, LocalCode: "ALPHA", FIR: "XAAA", Pseudo: true},
			{ICAO: "XBBC", Name: "Bravo", Lat: 5, Lon: 12, FIR: "XBBB"},
			{ICAO: "XDAT", Name: "Dateline", Lat: 0, Lon: -179, FIR: "XDAT"},
			{ICAO: "XPOL", Name: "Pole", Lat: 89, Lon: 10, FIR: "XPOL"},
		},
		Skipped: map[string]int{},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestBadLinesAreCountedAndTheOthersKept(t *testing.T) {
	for name, test := range map[string]struct{ section, line, reason string }{
		"too few fields":             {"Airports", "XXXX|Name|1|2", "airports.fields"},
		"a latitude of 91":           {"Airports", "XXXX|Name|91|2||XAAA|0", "airports.place"},
		"not a number":               {"Airports", "XXXX|Name|NaN|2||XAAA|0", "airports.place"},
		"no number":                  {"Airports", "XXXX|Name|1.2.3|2||XAAA|0", "airports.place"},
		"no code":                    {"Airports", "|Name|1|2||XAAA|0", "airports.no_code"},
		"neither pseudo nor real":    {"Airports", "XXXX|Name|1|2||XAAA|2", "airports.pseudo"},
		"an FIR without a code":      {"FIRs", "|Name||XAAA", "firs.no_code"},
		"an FIR of five fields":      {"FIRs", "A|B|C|D|E", "firs.fields"},
		"a UIR without FIRs":         {"UIRs", "XU|Name|,", "uirs.no_firs"},
		"a UIR twice":                {"UIRs", "XUPP|Name|XAAA", "uirs.twice"},
		"bytes that are no text":     {"FIRs", "XX\xff|Name||XAAA", "firs.text"},
		"a NUL":                      {"FIRs", "XX\x00|Name||XAAA", "firs.text"},
		"a line without an end":      {"FIRs", strings.Repeat("A", longestLine+1), "firs.text"},
		"a section nobody has heard": {"FIRs", "[Moons]", "section.moons"},
	} {
		t.Run(name, func(t *testing.T) {
			file := strings.Replace(madeVATSpy, "["+test.section+"]\n", "["+test.section+"]\n"+test.line+"\n", 1)
			if test.section == "UIRs" || strings.HasPrefix(test.line, "[") {
				file = madeVATSpy + "[" + test.section + "]\n" + test.line + "\n"
			}
			got, err := ParseVATSpy([]byte(file))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(map[string]int{test.reason: 1}, got.Skipped); diff != "" {
				t.Error(diff)
			}
			got.Skipped = map[string]int{}
			want, err := ParseVATSpy([]byte(madeVATSpy))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestWhatIsNoVATSpyFileIsRefused(t *testing.T) {
	for name, file := range map[string]string{
		"nothing": "", "a page": "<!DOCTYPE html><html>busy</html>", "the first half": madeVATSpy[:len(madeVATSpy)/2],
	} {
		if _, err := ParseVATSpy([]byte(file)); !fault.Is(err, fault.Upstream) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// text is what a field of a line may hold.
func text() *rapid.Generator[string] {
	return rapid.StringMatching(`[A-Za-zÀ-ÿ0-9 ()/.'-]{0,20}`).Filter(func(s string) bool { return s == strings.TrimSpace(s) && utf8.ValidString(s) })
}

func TestParseVATSpyReadsWhatWasWritten(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		code := rapid.StringMatching(`[A-Z][A-Z0-9]{2,3}(-[A-Z0-9]{1,3})?`)
		want := store.VATSpy{Skipped: map[string]int{}}
		var file strings.Builder
		file.WriteString("[Airports]\n")
		for range rapid.IntRange(0, 5).Draw(t, "airports") {
			a := store.SpyAirport{
				ICAO: code.Draw(t, "icao"), Name: text().Draw(t, "name"), FIR: code.Draw(t, "fir"), Pseudo: rapid.Bool().Draw(t, "pseudo"),
				Lat: float64(rapid.IntRange(-90_000_000, 90_000_000).Draw(t, "lat")) / 1e6, Lon: float64(rapid.IntRange(-180_000_000, 180_000_000).Draw(t, "lon")) / 1e6,
			}
			want.Airports = append(want.Airports, a)
			pseudo := map[bool]string{false: "0", true: "1"}[a.Pseudo]
			file.WriteString(strings.Join([]string{a.ICAO, a.Name, number(a.Lat), number(a.Lon), "", a.FIR, pseudo}, "|") + "\n")
		}
		file.WriteString("[FIRs]\n")
		for range rapid.IntRange(0, 5).Draw(t, "firs") {
			f := store.FIR{ID: code.Draw(t, "id"), Name: text().Draw(t, "name"), CallsignPrefix: rapid.SampledFrom([]string{"", "LON_S"}).Draw(t, "prefix"), Boundary: code.Draw(t, "boundary")}
			want.FIRs = append(want.FIRs, f)
			file.WriteString(strings.Join([]string{f.ID, f.Name, f.CallsignPrefix, f.Boundary}, "|") + "\n")
		}
		file.WriteString("[UIRs]\n")
		got, err := ParseVATSpy([]byte(file.String()))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatal(diff)
		}
	})
}

func number(value float64) string {
	return strconv.FormatFloat(value, 'f', -1, 64)
}

func TestParseBoundaries(t *testing.T) {
	boundaries, skipped, err := ParseBoundaries([]byte(madeBoundaries()))
	if err != nil || len(skipped) != 0 || len(boundaries) != 7 {
		t.Fatalf("%d boundaries, %v, %v", len(boundaries), skipped, err)
	}
	for _, b := range boundaries {
		switch b.ID {
		case "XDAT":
			want := store.Boundary{
				ID: "XDAT", Region: "EMEA", Division: "VATX", LabelLat: 0, LabelLon: 180, Box: geo.Box{West: 170, South: -10, East: -170, North: 10},
			}
			if diff := cmp.Diff(want, b, cmpopts.IgnoreFields(store.Boundary{}, "Shape")); diff != "" || len(b.Shape) != 2 {
				t.Error(diff)
			}
		case "XOCE", "XPOL":
			if !b.Oceanic {
				t.Errorf("%s is not oceanic", b.ID)
			}
		default:
			if b.Oceanic {
				t.Errorf("%s is oceanic", b.ID)
			}
		}
	}
}

func TestBadFeaturesAreCountedAndTheOthersKept(t *testing.T) {
	const square = `[[[[0,0],[1,0],[1,1]]]]`
	for name, test := range map[string]struct{ feature, reason string }{
		"no id":             {`{"properties":{},"geometry":{"type":"MultiPolygon","coordinates":` + square + `}}`, "no_id"},
		"a point":           {`{"properties":{"id":"X"},"geometry":{"type":"Point","coordinates":[0,0]}}`, "geometry_type"},
		"no geometry":       {`{"properties":{"id":"X"},"geometry":null}`, "geometry_type"},
		"a text for places": {`{"properties":{"id":"X"},"geometry":{"type":"MultiPolygon","coordinates":"x"}}`, "coordinates"},
		"three numbers":     {`{"properties":{"id":"X"},"geometry":{"type":"MultiPolygon","coordinates":[[[[0,0,1],[1,0,1],[1,1,1]]]]}}`, "coordinates"},
		"two points":        {`{"properties":{"id":"X"},"geometry":{"type":"MultiPolygon","coordinates":[[[[0,0],[1,0]]]]}}`, "no_area"},
		"beyond the pole":   {`{"properties":{"id":"X"},"geometry":{"type":"MultiPolygon","coordinates":[[[[0,0],[1,0],[1,95]]]]}}`, "no_area"},
		"no feature":        {`7`, "feature"},
	} {
		t.Run(name, func(t *testing.T) {
			file := strings.Replace(madeBoundaries(), "[", "["+test.feature+",", 1)
			boundaries, skipped, err := ParseBoundaries([]byte(file))
			if err != nil || len(boundaries) != 7 {
				t.Fatalf("%d boundaries, %v", len(boundaries), err)
			}
			if diff := cmp.Diff(map[string]int{"boundaries." + test.reason: 1}, skipped); diff != "" {
				t.Error(diff)
			}
		})
	}
	t.Run("labels as numbers, as nonsense and a polygon", func(t *testing.T) {
		boundaries, skipped, err := ParseBoundaries([]byte(`{"type":"FeatureCollection","features":[
			{"properties":{"id":"a","oceanic":1,"label_lat":1.5,"label_lon":2},"geometry":{"type":"Polygon","coordinates":[[[0,0],[1,0],[1,1]]]}},
			{"properties":{"id":"b","label_lat":"north","label_lon":"2"},"geometry":{"type":"MultiPolygon","coordinates":` + square + `}}]}`))
		if err != nil || len(skipped) != 0 || len(boundaries) != 2 {
			t.Fatalf("%v, %v, %v", boundaries, skipped, err)
		}
		if a := boundaries[0]; a.ID != "A" || !a.Oceanic || a.LabelLat != 1.5 || a.LabelLon != 2 {
			t.Errorf("%+v", a)
		}
		if b := boundaries[1]; b.Oceanic || !math.IsNaN(b.LabelLat) || !math.IsNaN(b.LabelLon) {
			t.Errorf("%+v", b)
		}
	})
}

func TestWhatAreNoBoundariesIsRefused(t *testing.T) {
	whole := madeBoundaries()
	for name, file := range map[string]string{
		"nothing": "", "a page": "<html>", "the first half": whole[:len(whole)/2], "another object": `{"type":"Feature"}`, "a list": `[]`,
	} {
		if _, _, err := ParseBoundaries([]byte(file)); !fault.Is(err, fault.Upstream) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzParseVATSpy(f *testing.F) {
	f.Add([]byte(madeVATSpy))
	f.Add([]byte("[Airports]\n[FIRs]\n|||\n[UIRs]\nA|B|C,,D"))
	f.Fuzz(func(t *testing.T, file []byte) {
		content, err := ParseVATSpy(file)
		if err != nil {
			return
		}
		skipped := 0
		for _, count := range content.Skipped {
			skipped += count
		}
		lines := bytes.Count(file, []byte("\n")) + 1
		if kept := len(content.Airports) + len(content.FIRs) + len(content.UIRs) + skipped; kept > lines {
			t.Errorf("%d rows of %d lines", kept, lines)
		}
		for _, a := range content.Airports {
			if !geo.IsLatitude(a.Lat) || !geo.IsLongitude(a.Lon) || a.ICAO == "" || !utf8.ValidString(a.Name) || strings.Contains(a.Name, "\x00") {
				t.Errorf("%+v", a)
			}
		}
	})
}

func FuzzParseBoundaries(f *testing.F) {
	f.Add([]byte(madeBoundaries()))
	f.Add([]byte(`{"type":"FeatureCollection","features":[{"properties":{"id":"a"},"geometry":{"type":"Polygon","coordinates":[[[179,0],[-179,0],[180,1e308]]]}}]}`))
	f.Fuzz(func(t *testing.T, file []byte) {
		boundaries, _, err := ParseBoundaries(file)
		if err != nil {
			return
		}
		content := store.VATSpy{Boundaries: boundaries}
		for _, b := range boundaries {
			if !b.Box.Valid() || b.ID == "" || strings.Contains(b.ID+b.Region+b.Division, "\x00") {
				t.Errorf("%+v", b)
			}
			content.FIRs = append(content.FIRs, store.FIR{ID: b.ID, Boundary: b.ID})
		}
		airspace, err := NewAirspace(content, store.VATSpyVersion{Version: 1})
		if err != nil {
			t.Fatal(err)
		}
		for lat := -90.0; lat <= 90; lat += 30 {
			airspace.At(lat, 179.999)
		}
	})
}

func TestOpenRingsAreClosed(t *testing.T) {
	boundaries, _, err := ParseBoundaries([]byte(`{"type":"FeatureCollection","features":[
		{"properties":{"id":"A"},"geometry":{"type":"MultiPolygon","coordinates":[[[[0,0],[1,0],[1,1]]]]}},
		{"properties":{"id":"B"},"geometry":{"type":"MultiPolygon","coordinates":[[[[0,0],[1,0],[1,1],[0,0]]]]}}]}`))
	if err != nil || len(boundaries) != 2 {
		t.Fatalf("%v, %v", boundaries, err)
	}
	if diff := cmp.Diff(boundaries[1].Shape, boundaries[0].Shape); diff != "" {
		t.Error(diff)
	}
}
