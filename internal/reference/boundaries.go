package reference

import (
	"cmp"
	"math"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/skyledger/skyledger/internal/fault"
	"github.com/skyledger/skyledger/internal/geo"
	"github.com/skyledger/skyledger/internal/store"
)

// feature is one of Boundaries.geojson's. Numbers come as text there.
type feature struct {
	Properties struct {
		ID       string         `json:"id"`
		Oceanic  jsontext.Value `json:"oceanic"`
		LabelLat jsontext.Value `json:"label_lat"`
		LabelLon jsontext.Value `json:"label_lon"`
		Region   string         `json:"region"`
		Division string         `json:"division"`
	} `json:"properties"`
	Geometry struct {
		Type        string         `json:"type"`
		Coordinates jsontext.Value `json:"coordinates"`
	} `json:"geometry"`
}

// ParseBoundaries reads Boundaries.geojson. Features that are no area are left
// out and counted by reason; only a file that is no FeatureCollection is an
// error (fault.Upstream).
func ParseBoundaries(file []byte) ([]store.Boundary, map[string]int, error) {
	const op = "reference.ParseBoundaries"
	var collection struct {
		Type     string           `json:"type"`
		Features []jsontext.Value `json:"features"`
	}
	if err := json.Unmarshal(file, &collection, jsontext.AllowInvalidUTF8(true), jsontext.AllowDuplicateNames(true)); err != nil {
		return nil, nil, fault.E(op, fault.Upstream, "not_json", err)
	}
	if collection.Type != "FeatureCollection" {
		return nil, nil, fault.E(op, fault.Upstream, "not_features", nil)
	}
	var boundaries []store.Boundary
	skipped := map[string]int{}
	for _, raw := range collection.Features {
		boundary, reason := readFeature(raw)
		if reason != "" {
			skipped["boundaries."+reason]++
			continue
		}
		boundaries = append(boundaries, boundary)
	}
	slices.SortStableFunc(boundaries, func(a, b store.Boundary) int { return cmp.Compare(a.ID, b.ID) })
	return boundaries, skipped, nil
}

// readFeature returns a boundary, or why a feature is none.
func readFeature(raw jsontext.Value) (store.Boundary, string) {
	var f feature
	if err := json.Unmarshal(raw, &f, jsontext.AllowInvalidUTF8(true), jsontext.AllowDuplicateNames(true)); err != nil {
		return store.Boundary{}, "feature"
	}
	boundary := store.Boundary{
		ID: strings.ToUpper(clean(f.Properties.ID)), Oceanic: strings.Trim(string(f.Properties.Oceanic), `"`) == "1",
		Region: clean(f.Properties.Region), Division: clean(f.Properties.Division),
		LabelLat: finite(string(f.Properties.LabelLat)), LabelLon: finite(string(f.Properties.LabelLon)),
	}
	if boundary.ID == "" {
		return store.Boundary{}, "no_id"
	}
	var err error
	switch f.Geometry.Type {
	case "MultiPolygon":
		err = json.Unmarshal(f.Geometry.Coordinates, &boundary.Shape)
	case "Polygon":
		boundary.Shape = geo.MultiPolygon{nil}
		err = json.Unmarshal(f.Geometry.Coordinates, &boundary.Shape[0])
	default:
		return store.Boundary{}, "geometry_type"
	}
	if err != nil {
		return store.Boundary{}, "coordinates"
	}
	closeRings(boundary.Shape)
	area, err := geo.NewArea(boundary.Shape)
	if err != nil {
		return store.Boundary{}, "no_area"
	}
	if !geo.IsLatitude(boundary.LabelLat) || !geo.IsLongitude(boundary.LabelLon) {
		boundary.LabelLat, boundary.LabelLon = math.NaN(), math.NaN()
	}
	boundary.Box = area.Box()
	return boundary, ""
}

// closeRings repeats the first point of a ring at its end, as GeoJSON wants it.
func closeRings(shape geo.MultiPolygon) {
	for _, polygon := range shape {
		for i, ring := range polygon {
			if n := len(ring); n > 0 && ring[0] != ring[n-1] {
				polygon[i] = append(ring, ring[0])
			}
		}
	}
}

// clean takes out what PostgreSQL's texts cannot hold.
func clean(text string) string {
	return strings.TrimSpace(strings.ReplaceAll(strings.ToValidUTF8(text, ""), "\x00", ""))
}
