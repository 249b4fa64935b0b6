package api_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/zap"

	"github.com/skyledger/skyledger/internal/api"
	"github.com/skyledger/skyledger/internal/fault"
	"github.com/skyledger/skyledger/internal/geo"
	"github.com/skyledger/skyledger/internal/reference"
	"github.com/skyledger/skyledger/internal/store"
)

// spyShelf holds a made-up airspace: EGXX around Heathrow with a sector in it,
// and an ocean across the date line.
type spyShelf struct{ err error }

func (s spyShelf) VATSpyInForce(context.Context) (store.VATSpyVersion, error) {
	return store.VATSpyVersion{Version: 1, Fetched: now.Add(-time.Hour)}, s.err
}

func (s spyShelf) VATSpyContent(context.Context) (store.VATSpy, store.VATSpyVersion, error) {
	version, err := s.VATSpyInForce(context.Background())
	box := func(west, south, east, north float64) geo.MultiPolygon {
		return geo.MultiPolygon{{{{west, south}, {east, south}, {east, north}, {west, north}, {west, south}}}}
	}
	return store.VATSpy{
		FIRs: []store.FIR{
			{ID: "EGXX", Name: "London", CallsignPrefix: "LON", Boundary: "EGXX"}, {ID: "EGXX", Name: "London", CallsignPrefix: "LTC", Boundary: "EGXX"},
			{ID: "EGXX-S", Name: "London South", CallsignPrefix: "LON_S", Boundary: "EGXX-S"}, {ID: "NZXX", Name: "Ocean", CallsignPrefix: "NZXX", Boundary: "NZXX"},
		},
		UIRs:     []store.UIR{{ID: "EUXX", Name: "Both", FIRs: []string{"EGXX", "NZXX"}}},
		Airports: []store.SpyAirport{{ICAO: "EGLL", Lat: 51.47, Lon: -0.46, FIR: "EGXX"}},
		Boundaries: []store.Boundary{
			{ID: "EGXX", Region: "EMEA", Division: "VATUK", LabelLat: 51.5, LabelLon: -0.4, Shape: box(-0.6, 51.4, -0.35, 51.55)},
			{ID: "EGXX-S", Region: "EMEA", Division: "VATUK", LabelLat: 51.45, LabelLon: -0.4, Shape: box(-0.6, 51.4, -0.35, 51.5)},
			{ID: "NZXX", Oceanic: true, Region: "APAC", Division: "VATNZ", LabelLat: -40, LabelLon: 180, Shape: box(170, -50, 190, -30)},
		},
	}, version, err
}

func airports(t *testing.T, shelf reference.Shelf) http.Handler {
	t.Helper()
	d := deps(t)
	reader := reference.NewReader(reference.ReaderOptions{Shelf: shelf, Clock: d.Clock, Logger: zap.NewNop()})
	d.Atlas, d.Places = reader, reader
	built, err := api.New(d, "api-airports", "api-flights")
	if err != nil {
		t.Fatal(err)
	}
	return built
}

func TestAirportGoldens(t *testing.T) {
	handler := airports(t, spyShelf{})
	for name, target := range map[string]string{
		"airport":             "/api/airports/lhr",
		"airport_coordinates": "/api/airports/egll/coordinates",
		"airports":            "/api/airports?near=51.47,-0.46,5&sort=icao",
		"airports_region":     "/api/airports/region/egxx",
		"airports_geojson":    "/api/airports?fir=EGXX&fields=icao,name,fir&format=geojson",
		"regions":             "/api/regions",
		"firs":                "/api/firs",
		"firs_geojson":        "/api/firs?format=geojson&fields=id,airports",
	} {
		t.Run(name, func(t *testing.T) {
			answer := ask(handler, "GET", target)
			if answer.Code != http.StatusOK {
				t.Fatalf("%d %s", answer.Code, answer.Body)
			}
			golden(t, name, answer.Body.Bytes())
		})
	}
}

// keysOf are the answer's keys at the top.
func keysOf(t *testing.T, body []byte) (keys []string) {
	t.Helper()
	var object map[string]json.RawMessage
	if err := json.Unmarshal(body, &object); err != nil {
		t.Fatalf("%v: %s", err, body)
	}
	for key := range object {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}

func TestTheOriginalsKeysOfAirports(t *testing.T) {
	handler := airports(t, spyShelf{})
	t.Run("coordinates has them and no other", func(t *testing.T) {
		want := []string{"airport_code", "latitude", "longitude", "timestamp"}
		if diff := cmp.Diff(want, keysOf(t, ask(handler, "GET", "/api/airports/EGLL/coordinates").Body.Bytes())); diff != "" {
			t.Error(diff)
		}
	})
	t.Run("a region has them beside data and meta", func(t *testing.T) {
		body := ask(handler, "GET", "/api/airports/region/AUSTRALIA").Body.Bytes()
		if diff := cmp.Diff([]string{"airports", "data", "meta", "region", "timestamp", "total_airports"}, keysOf(t, body)); diff != "" {
			t.Error(diff)
		}
		var answer struct {
			Region        string
			TotalAirports int `json:"total_airports"`
			Airports      []string
		}
		if err := json.Unmarshal(body, &answer); err != nil {
			t.Fatal(err)
		}
		world, err := reference.Embedded()
		if err != nil {
			t.Fatal(err)
		}
		var want []string
		for _, airport := range world.Airports() {
			if strings.HasPrefix(airport.ICAO, "Y") {
				want = append(want, airport.ICAO)
			}
		}
		if diff := cmp.Diff(want, answer.Airports); diff != "" || answer.TotalAirports != len(want) || answer.Region != "AUSTRALIA" {
			t.Errorf("%d of %d, %q\n%s", answer.TotalAirports, len(want), answer.Region, diff)
		}
	})
	t.Run("they count what matches and not what a page shows", func(t *testing.T) {
		var answer struct {
			TotalAirports int `json:"total_airports"`
			Data          []json.RawMessage
		}
		if err := json.Unmarshal(ask(handler, "GET", "/api/airports/region/Europe?limit=2").Body.Bytes(), &answer); err != nil || len(answer.Data) != 2 || answer.TotalAirports < 3000 {
			t.Errorf("%d of %d, %v", len(answer.Data), answer.TotalAirports, err)
		}
	})
}

func TestAirportRefusals(t *testing.T) {
	handler := airports(t, spyShelf{})
	for target, want := range map[string]int{
		"/api/airports/ZZZZ":                    404,
		"/api/airports/ZZZZ/coordinates":        404,
		"/api/airports/E/coordinates":           422,
		"/api/airports/EGLLX/coordinates":       422,
		"/api/airports/E-LL":                    422,
		"/api/airports/EGLL/nothing":            404,
		"/api/airports/region/Atlantis":         404,
		"/api/airports/region/ZZXX":             404,
		"/api/airports/region/coordinates":      404, // a region's name, and not an airport's
		"/api/airports?fir=ZZXX":                404,
		"/api/airports?region=Atlantis":         404,
		"/api/airports?country=GBR":             422,
		"/api/airports?bbox=1,2,3":              422,
		"/api/airports?fields=icao,moon":        422,
		"/api/firs?at=91,0":                     422,
		"/api/firs?at=north":                    422,
		"/api/firs?sectors=perhaps":             422,
		"/api/flights?fir=ZZXX":                 404,
		"/api/flights?region=the lost Atlantis": 404,
	} {
		t.Run(target, func(t *testing.T) {
			answer := ask(handler, "GET", strings.ReplaceAll(target, " ", "%20"))
			if answer.Code != want || answer.Header().Get("Content-Type") != "application/problem+json" {
				t.Errorf("%d, want %d: %s", answer.Code, want, answer.Body)
			}
			if want == 404 && strings.Contains(target, "region=") && !strings.Contains(answer.Body.String(), "Australia") {
				t.Errorf("does not say which regions there are: %s", answer.Body)
			}
		})
	}
}

// icaos are the codes of a list's rows.
func icaos(t *testing.T, handler http.Handler, target string) (codes []string) {
	t.Helper()
	var answer struct {
		Data []struct{ ICAO, ID, Callsign string }
	}
	recorder := ask(handler, "GET", target)
	if err := json.Unmarshal(recorder.Body.Bytes(), &answer); err != nil || recorder.Code != http.StatusOK {
		t.Fatalf("%s: %d %v %s", target, recorder.Code, err, recorder.Body)
	}
	for _, row := range answer.Data {
		codes = append(codes, row.ICAO+row.ID)
	}
	return codes
}

func TestAirportsAreFoundByWhatIsAsked(t *testing.T) {
	handler := airports(t, spyShelf{})
	for query, want := range map[string]string{
		"q=heathrow":                           "EGLL TE17",
		"q=LONDON+heathrow&country=gb":         "EGLL",
		"q=lhr&country=FR":                     "",
		"near=51.4706,-0.46194,0.1":            "EGLL",
		"fir=egxx&near=51.47,-0.46,1&q=london": "EGLL",
		"region=Hawaii&q=HNL":                  "PHNL",
	} {
		t.Run(query, func(t *testing.T) {
			got := icaos(t, handler, "/api/airports?"+query)
			if strings.Join(got, " ") != want {
				t.Errorf("%v, want %s", got, want)
			}
		})
	}
}

func TestAirportsOnEitherSideOfTheDateLine(t *testing.T) {
	var east, west int
	var answer struct{ Data []struct{ Lon float64 } }
	if err := json.Unmarshal(ask(airports(t, spyShelf{}), "GET", "/api/airports?bbox=179,-20,-178,-15&fields=lon").Body.Bytes(), &answer); err != nil {
		t.Fatal(err)
	}
	for _, row := range answer.Data {
		switch {
		case row.Lon >= 179:
			west++
		case row.Lon <= -178:
			east++
		default:
			t.Errorf("longitude %v", row.Lon)
		}
	}
	if east == 0 || west == 0 {
		t.Errorf("%d west of it and %d east", west, east)
	}
}

func TestFIRsAreFoundByPlace(t *testing.T) {
	handler := airports(t, spyShelf{})
	for query, want := range map[string]string{
		"":                                      "EGXX EGXX-S NZXX",
		"?sectors=false":                        "EGXX NZXX",
		"?at=51.45,-0.4":                        "EGXX EGXX-S",
		"?at=51.45,-0.4&sectors=false":          "EGXX",
		"?at=-40,-175":                          "NZXX",
		"?at=-40,175":                           "NZXX",
		"?at=0,0":                               "",
		"?region=europe":                        "EGXX EGXX-S",
		"?bbox=170,-50,-170,-30":                "NZXX",
		"?sort=-airports&limit=1&fields=id":     "EGXX",
		"?fir=EUXX":                             "EGXX EGXX-S NZXX",
		"?near=" + url.QueryEscape("-40,180,1"): "NZXX",
	} {
		t.Run(query, func(t *testing.T) {
			if got := strings.Join(icaos(t, handler, "/api/firs"+query), " "); got != want {
				t.Errorf("%s, want %s", got, want)
			}
		})
	}
}

func TestFlightsAreFilteredByRegionAndFIR(t *testing.T) {
	handler := airports(t, spyShelf{})
	all := len(icaos(t, handler, "/api/flights"))
	if all != 2 {
		t.Fatalf("%d flights", all)
	}
	for query, want := range map[string]int{"fir=NZXX": 0, "region=Europe": 2, "region=Australia": 0, "region=EGXX": 1} {
		if got := len(icaos(t, handler, "/api/flights?"+query)); got != want {
			t.Errorf("%s: %d flights, want %d", query, got, want)
		}
	}
}

func TestAttribution(t *testing.T) {
	handler := airports(t, spyShelf{})
	for _, target := range []string{"/api/firs", "/api/firs?format=geojson", "/api/airports?limit=1", "/api/airports/EGLL", "/api/airports/region/EGXX"} {
		if body := ask(handler, "GET", target).Body.String(); !strings.Contains(body, "CC BY-SA 4.0") {
			t.Errorf("%s does not name VAT-Spy: %.300s", target, body)
		}
	}
	if body := ask(handler, "GET", "/api/regions").Body.String(); strings.Contains(body, "CC BY-SA") {
		t.Error("regions are not VAT-Spy's")
	}
}

func TestWithoutFIRsAirportsAreAnswered(t *testing.T) {
	for name, shelf := range map[string]reference.Shelf{
		"no database": nil, "a database that is away": spyShelf{err: fault.E("test", fault.Unavailable, "database_down", nil)},
	} {
		t.Run(name, func(t *testing.T) {
			handler := airports(t, shelf)
			for _, target := range []string{"/api/airports/EGLL", "/api/airports/EGLL/coordinates", "/api/airports/region/Australia?limit=1", "/api/airports?region=Australia&limit=1", "/api/regions"} {
				answer := ask(handler, "GET", target)
				if answer.Code != http.StatusOK || strings.Contains(answer.Body.String(), "CC BY-SA") {
					t.Errorf("%s: %d %.200s", target, answer.Code, answer.Body)
				}
			}
			for _, target := range []string{"/api/firs", "/api/airports?fir=EGTT", "/api/airports/region/EGTT"} {
				answer := ask(handler, "GET", target)
				if answer.Code != http.StatusServiceUnavailable || answer.Header().Get("Retry-After") == "" {
					t.Errorf("%s: %d %s", target, answer.Code, answer.Body)
				}
			}
		})
	}
}

func TestAirportAnswersAreKeptAndConditional(t *testing.T) {
	handler := airports(t, spyShelf{})
	for _, target := range []string{"/api/airports/EGLL", "/api/airports/EGLL/coordinates", "/api/regions", "/api/firs", "/api/airports/region/Hawaii"} {
		first := ask(handler, "GET", target)
		if got := first.Header().Get("Cache-Control"); got != "public, max-age=3600" {
			t.Errorf("%s: Cache-Control %q", target, got)
		}
		if again := ask(handler, "GET", target, "If-None-Match", first.Header().Get("ETag")); again.Code != http.StatusNotModified || again.Body.Len() > 0 {
			t.Errorf("%s: %d again", target, again.Code)
		}
	}
}

var _ api.Atlas = (*reference.Reader)(nil)
