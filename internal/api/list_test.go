package api_test

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/skyledger/skyledger/internal/api"
	"github.com/skyledger/skyledger/internal/fault"
	"github.com/skyledger/skyledger/internal/live"
	"github.com/skyledger/skyledger/internal/manifest"
	"github.com/skyledger/skyledger/internal/vatsim"
)

// crowd is a network of flights spread over the world, the same for every seed.
func crowd(flights int, seed uint64) *live.View {
	random := rand.New(rand.NewPCG(seed, 1))
	snapshot := &vatsim.Snapshot{UpdateTimestamp: moment}
	airports := []string{"EGLL", "KJFK", "YSSY", "ZZZZ"}
	for i := range flights {
		pilot := vatsim.Pilot{
			CID: int32(1000000 + i), Callsign: fmt.Sprintf("TST%d", i), Name: "Jane Doe",
			Latitude: int32(random.IntN(18_000_001) - 9_000_000), Longitude: int32(random.IntN(36_000_001) - 18_000_000),
			Altitude: int32(random.IntN(5) * 1000), Groundspeed: int16(random.IntN(3) * 100), Heading: int16(random.IntN(360)),
			Squawk: int16(random.IntN(8)), LogonTime: moment.Add(-time.Hour), LastUpdated: moment.Add(-time.Duration(random.IntN(3)) * time.Second),
		}
		if random.IntN(3) > 0 {
			pilot.Plan = vatsim.Plan(fmt.Sprintf(`{"aircraft_short":"B738","departure":"%s","arrival":"%s","route":"=A,\"B\"\nC"}`,
				airports[random.IntN(4)], airports[random.IntN(4)]))
		}
		snapshot.Pilots = append(snapshot.Pilots, pilot)
	}
	return live.Build(snapshot, nil, nil, live.Meta{Source: "live", Received: moment.Add(time.Second)})
}

// rowsOf asks for a list and returns its data.
func rowsOf(t rapid.TB, handler http.Handler, target string) (rows []map[string]any, next string) {
	t.Helper()
	answer := ask(handler, "GET", target)
	if answer.Code != http.StatusOK {
		t.Fatalf("%s: %d %s", target, answer.Code, answer.Body)
	}
	var list struct {
		Data    []map[string]any
		Flights []map[string]any
		Total   int
		Meta    struct {
			Count      int
			NextCursor *string `json:"next_cursor"`
		}
	}
	if err := json.Unmarshal(answer.Body.Bytes(), &list); err != nil {
		t.Fatalf("%v: %s", err, answer.Body)
	}
	if diff := cmp.Diff(list.Data, list.Flights); diff != "" || list.Meta.Count != len(list.Data) || list.Total < len(list.Data) {
		t.Fatalf("%s: count %d, total %d for %d rows; original's key differs: %s", target, list.Meta.Count, list.Total, len(list.Data), diff)
	}
	if list.Meta.NextCursor != nil {
		next = *list.Meta.NextCursor
	}
	return list.Data, next
}

func crowded(t testing.TB, flights int) http.Handler {
	deps := deps(t)
	deps.Live = liveView(t, crowd(flights, 1), deps.Clock)
	deps.Places = world{}
	return handler(t, deps)
}

// world has one region, of airports that begin with E, and one FIR, the north.
type world struct{}

func (world) Region(_ context.Context, name string) (api.Area, error) {
	if name != "Europe" {
		return nil, fault.E("test", fault.NotFound, "region", nil).WithMessage("There is no region " + name + "; there is Europe.")
	}
	return area{}, nil
}

func (world) FIR(ctx context.Context, id string) (api.Area, error) {
	if id != "NRTH" {
		return nil, fault.E("test", fault.NotFound, "fir", nil)
	}
	return area{}, nil
}

type area struct{}

func (area) Airport(icao string) bool    { return strings.HasPrefix(icao, "E") }
func (area) Point(lat, lon float64) bool { return lat > 0 }

func TestPagesTogetherAreTheWholeListInOrder(t *testing.T) {
	handler := crowded(t, 57)
	sorts := []string{"", "altitude", "-altitude,callsign", "departure,-heading", "-departure", "squawk,last_updated", "-position_lat"}
	rapid.Check(t, func(t *rapid.T) {
		sort := rapid.SampledFrom(sorts).Draw(t, "sort")
		limit := rapid.IntRange(1, 60).Draw(t, "limit")
		whole, _ := rowsOf(t, handler, "/api/flights?sort="+sort+"&layout=wide&limit=10000&fields=id,callsign,altitude,departure,heading,squawk,last_updated,position_lat")
		var paged []map[string]any
		for cursor, pages := "", 0; ; pages++ {
			rows, next := rowsOf(t, handler, fmt.Sprintf("/api/flights?sort=%s&limit=%d&cursor=%s&fields=id,callsign,altitude,departure,heading,squawk,last_updated,position_lat", sort, limit, cursor))
			paged = append(paged, rows...)
			if next == "" {
				break
			}
			if len(rows) != limit || pages > 60 {
				t.Fatalf("a page of %d rows before the last, limit %d", len(rows), limit)
			}
			cursor = next
		}
		byID := func(a, b map[string]any) int { return strings.Compare(a["id"].(string), b["id"].(string)) }
		if sort == "" && limit < 57 { // pages need an order, the whole list keeps the feed's
			slices.SortFunc(whole, byID)
		}
		if len(whole) != 57 {
			t.Fatalf("%d rows", len(whole))
		}
		if diff := cmp.Diff(whole, paged); diff != "" {
			t.Fatal(diff)
		}
	})
}

func TestSortOrdersByEachColumnWithTheUnknownLast(t *testing.T) {
	handler := crowded(t, 200)
	for _, test := range []struct {
		column string
		down   bool
	}{{"altitude", false}, {"altitude", true}, {"departure", false}, {"departure", true}, {"lat", true}, {"last_updated", false}} {
		sort := test.column
		if test.down {
			sort = "-" + sort
		}
		t.Run(sort, func(t *testing.T) {
			rows, _ := rowsOf(t, handler, "/api/flights?sort="+sort)
			for i := 1; i < len(rows); i++ {
				before, after := rows[i-1][test.column], rows[i][test.column]
				if before == nil && after != nil {
					t.Fatalf("row %d: known after unknown", i)
				}
				if before == nil || after == nil {
					continue
				}
				wrong := false
				switch value := before.(type) {
				case float64:
					wrong = value > after.(float64) && !test.down || value < after.(float64) && test.down
				case string:
					wrong = value > after.(string) && !test.down || value < after.(string) && test.down
				}
				if wrong {
					t.Fatalf("row %d: %v before %v", i, before, after)
				}
			}
		})
	}
}

func TestPlaces(t *testing.T) {
	handler := crowded(t, 400)
	all, _ := rowsOf(t, handler, "/api/flights")
	number := func(row map[string]any, name string) float64 { return row[name].(float64) }
	code := func(row map[string]any, name string) string { text, _ := row[name].(string); return text }
	tests := map[string]struct {
		query string
		holds func(row map[string]any) bool
	}{
		"a box": {"bbox=-10,-20,30,40", func(r map[string]any) bool {
			return number(r, "lon") >= -10 && number(r, "lon") <= 30 && number(r, "lat") >= -20 && number(r, "lat") <= 40
		}},
		"a box across the date line": {"bbox=170,-60,-170,60", func(r map[string]any) bool {
			return (number(r, "lon") >= 170 || number(r, "lon") <= -170) && number(r, "lat") >= -60 && number(r, "lat") <= 60
		}},
		"the whole world": {"bbox=-180,-90,180,90", func(map[string]any) bool { return true }},
		"near a pole, whatever the longitude": {"near=90,0,1200", func(r map[string]any) bool {
			return number(r, "lat") >= 70 // 1,200 miles are 20 degrees
		}},
		"a region, by the airports where there are any": {"region=Europe", func(r map[string]any) bool {
			if r["departure"] == nil {
				return number(r, "lat") > 0
			}
			return code(r, "departure")[0] == 'E' || code(r, "arrival")[0] == 'E'
		}},
		"an FIR, by the place": {"fir=NRTH", func(r map[string]any) bool { return number(r, "lat") > 0 }},
		"two at once": {"fir=NRTH&bbox=0,-90,90,90", func(r map[string]any) bool {
			return number(r, "lat") > 0 && number(r, "lon") >= 0 && number(r, "lon") <= 90
		}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			var want []map[string]any
			for _, row := range all {
				if test.holds(row) {
					want = append(want, row)
				}
			}
			if got, _ := rowsOf(t, handler, "/api/flights?"+test.query); len(want) < 5 || cmp.Diff(want, got) != "" {
				t.Errorf("%d rows, want %d", len(got), len(want))
			}
		})
	}
	t.Run("an unknown region is not everything", func(t *testing.T) {
		if answer := ask(handler, "GET", "/api/flights?region=Atlantis"); answer.Code != http.StatusNotFound || !strings.Contains(answer.Body.String(), "Europe") {
			t.Errorf("%d %s", answer.Code, answer.Body)
		}
	})
}

// TestControllersLieWhereTheirAntennasAre asks by region for a position whose
// callsign names no airport, as those of many divisions do.
func TestControllersLieWhereTheirAntennasAre(t *testing.T) {
	at := func(callsign string, facility int16, frequency int32) vatsim.Controller {
		return vatsim.Controller{CID: int32(len(callsign)), Callsign: callsign, Facility: facility, Frequency: frequency, LogonTime: moment, LastUpdated: moment}
	}
	antenna := func(callsign string, lat, frequency int32) vatsim.Station {
		return vatsim.Station{Callsign: callsign, Transceivers: []vatsim.Transceiver{{Frequency: frequency, Latitude: lat, Longitude: 100000}}}
	}
	snapshot := &vatsim.Snapshot{UpdateTimestamp: moment, Controllers: []vatsim.Controller{
		at("LON_CTR", 6, 127100), at("SY_GND", 3, 121700), at("EKDK_CTR", 6, 136485), at("ENBR", 6, 125000),
	}}
	stations := []vatsim.Station{antenna("LON_CTR", 5000000, 127100), antenna("SY_GND", -3300000, 121700), antenna("EKDK_CTR", 5500000, 136485)}
	deps := deps(t)
	deps.Live = liveView(t, live.Build(snapshot, nil, stations, live.Meta{Source: "live", Received: moment}), deps.Clock)
	deps.Places = world{}
	var found struct{ Positions []live.Position }
	answer := ask(handler(t, deps), "GET", "/api/atc-positions?region=Europe&sort=callsign")
	if err := json.Unmarshal(answer.Body.Bytes(), &found); err != nil {
		t.Fatalf("%v: %s", err, answer.Body)
	}
	var callsigns []string
	for _, position := range found.Positions {
		callsigns = append(callsigns, position.Callsign)
	}
	if diff := cmp.Diff([]string{"EKDK_CTR", "ENBR", "LON_CTR"}, callsigns); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestTheDescriptionTakesWhatTheServerTakes holds the patterns of places in the
// description against requests.
func TestTheDescriptionTakesWhatTheServerTakes(t *testing.T) {
	spec, err := api.Spec()
	if err != nil {
		t.Fatal(err)
	}
	var description struct {
		Paths map[string]map[string]struct {
			Parameters []struct {
				Name   string
				Schema struct{ Pattern string }
			}
		}
	}
	if err := json.Unmarshal(spec, &description); err != nil {
		t.Fatal(err)
	}
	patterns := map[string]*regexp.Regexp{}
	for _, parameter := range description.Paths["/api/flights"]["get"].Parameters {
		patterns[parameter.Name] = regexp.MustCompile(parameter.Schema.Pattern)
	}
	handler := crowded(t, 3)
	for _, test := range []struct {
		parameter, value string
		taken            bool
	}{
		{"bbox", "170,-60,-170,60", true}, {"bbox", "-180,-90,180,90", true}, {"bbox", "-10.5,35.123456,30,60", true},
		{"bbox", "181,0,0,1", false}, {"bbox", "0,-91,1,1", false}, {"bbox", "1,2,3", false},
		{"near", "51.47,-0.46,5", true}, {"near", "-33.9461,151.177,0.5", true}, {"near", "0,180,10800", true}, {"near", "90,-180,10.25", true},
		{"near", "91,0,5", false}, {"near", "0,181,5", false}, {"near", "0,0,0", false}, {"near", "0,0,20000", false},
	} {
		t.Run(test.parameter+"="+test.value, func(t *testing.T) {
			answer := ask(handler, "GET", "/api/flights?"+test.parameter+"="+test.value)
			if described := patterns[test.parameter].MatchString(test.value); described != test.taken || (answer.Code == http.StatusOK) != test.taken {
				t.Errorf("described %v, answered %d, want %v", described, answer.Code, test.taken)
			}
		})
	}
}

func TestFormatsShowTheSameRows(t *testing.T) {
	handler := crowded(t, 30)
	const query = "sort=callsign&fields=callsign,departure,route,altitude,lat,lon,last_updated"
	want, _ := rowsOf(t, handler, "/api/flights?"+query)
	t.Run("csv, with null empty", func(t *testing.T) {
		for _, how := range [][]string{{"/api/flights?format=csv&" + query}, {"/api/flights?" + query, "Accept", "text/csv"}} {
			answer := ask(handler, "GET", how[0], how[1:]...)
			if !strings.HasPrefix(answer.Header().Get("Content-Type"), "text/csv") {
				t.Fatalf("%d %s", answer.Code, answer.Header())
			}
			lines, err := csv.NewReader(answer.Body).ReadAll()
			if err != nil || len(lines) != 31 || strings.Join(lines[0], ",") != "callsign,departure,route,altitude,lat,lon,last_updated" {
				t.Fatalf("%v, %d lines: %v", err, len(lines), lines[:1])
			}
			for i, line := range lines[1:] {
				for column, name := range lines[0] {
					text := ""
					switch value := want[i][name].(type) {
					case string:
						text = value
					case float64:
						raw, _ := json.Marshal(value)
						text = string(raw)
					}
					if line[column] != text {
						t.Errorf("line %d, %s: %q, want %q", i, name, line[column], text)
					}
				}
			}
		}
	})
	t.Run("ndjson, a row a line", func(t *testing.T) {
		answer := ask(handler, "GET", "/api/flights?format=ndjson&"+query)
		lines := strings.Split(strings.TrimSpace(answer.Body.String()), "\n")
		for i, line := range lines {
			var row map[string]any
			if err := json.Unmarshal([]byte(line), &row); err != nil || cmp.Diff(want[i], row) != "" {
				t.Errorf("line %d: %v %s", i, err, line)
			}
		}
		if len(lines) != len(want) {
			t.Errorf("%d lines", len(lines))
		}
	})
	t.Run("geojson, longitude first", func(t *testing.T) {
		answer := ask(handler, "GET", "/api/flights?"+query, "Accept", "application/geo+json")
		var found struct {
			Type     string
			Features []struct {
				Type       string
				Geometry   struct{ Coordinates [2]float64 }
				Properties map[string]any
			}
			Meta struct{ Count int }
		}
		if err := json.Unmarshal(answer.Body.Bytes(), &found); err != nil || found.Type != "FeatureCollection" || len(found.Features) != 30 || found.Meta.Count != 30 {
			t.Fatalf("%v: %s", err, answer.Body)
		}
		for i, feature := range found.Features {
			if feature.Geometry.Coordinates != [2]float64{want[i]["lon"].(float64), want[i]["lat"].(float64)} || feature.Properties["callsign"] != want[i]["callsign"] {
				t.Errorf("%+v, want %v", feature, want[i])
			}
		}
	})
	t.Run("JSON whatever else a client prefers", func(t *testing.T) {
		for _, accept := range []string{"text/html", "text/csv;q=0.9,application/json;q=0.1", "application/json;q=0.9,text/plain", "*/*"} {
			if got := ask(handler, "GET", "/api/flights?limit=1", "Accept", accept).Header().Get("Content-Type"); got != "application/json" {
				t.Errorf("%s: %s", accept, got)
			}
		}
	})
}

func TestTheCommonAnswerAndTheListAreTheSame(t *testing.T) {
	handler := crowded(t, 40)
	for _, path := range []string{"/api/flights", "/api/atc-positions"} {
		var direct, listed map[string]any
		for target, into := range map[string]*map[string]any{path: &direct, path + "?bbox=-180,-90,180,90": &listed} {
			if err := json.Unmarshal(ask(handler, "GET", target).Body.Bytes(), into); err != nil {
				t.Fatal(err)
			}
		}
		if path == "/api/atc-positions" { // whose rows have no place here
			listed["data"], listed["positions"], listed["total"], listed["online"] = direct["data"], direct["positions"], direct["total"], direct["online"]
			listed["meta"].(map[string]any)["count"] = direct["meta"].(map[string]any)["count"]
		}
		if diff := cmp.Diff(direct, listed); diff != "" {
			t.Errorf("%s: %s", path, diff)
		}
	}
}

func TestParametersOutOfBoundsAreNamed(t *testing.T) {
	handler := crowded(t, 3)
	tests := map[string][]string{
		"fields": {"fields=nothing", "fields=,", "fields=id,,callsign"},
		"sort":   {"sort=nothing", "sort=-", "sort=--altitude"},
		"limit":  {"limit=0", "limit=10001", "limit=x", "limit=1.5", "limit=", "limit=1&limit=2"},
		"cursor": {"cursor=x", "cursor=bDEueyJvIjoiIiwiayI6W3t9XX0", "sort=altitude&cursor=bDEueyJvIjoiIiwiayI6WzFdfQ"},
		"format": {"format=xml", "format="},
		"bbox":   {"bbox=1,2,3", "bbox=0,50,10,40", "bbox=0,0,181,1", "bbox=NaN,0,1,1", "bbox=a,b,c,d", "bbox=0,0,Inf,1"},
		"near":   {"near=91,0,1", "near=0,0,0", "near=0,0", "near=0,0,NaN", "near=0,0,20000"},
	}
	for parameter, queries := range tests {
		for _, query := range queries {
			t.Run(query, func(t *testing.T) {
				answer := ask(handler, "GET", "/api/flights?"+query)
				var problem api.Problem
				if err := json.Unmarshal(answer.Body.Bytes(), &problem); err != nil || answer.Code != http.StatusUnprocessableEntity {
					t.Fatalf("%d %s", answer.Code, answer.Body)
				}
				if len(problem.Errors) != 1 || problem.Errors[0].Location != "query."+parameter || len(problem.Errors[0].Message) < 5 {
					t.Errorf("%s", answer.Body)
				}
			})
		}
	}
	t.Run("a query that is none", func(t *testing.T) {
		if answer := ask(handler, "GET", "/api/flights?fields=%zz"); answer.Code != http.StatusUnprocessableEntity {
			t.Errorf("%d %s", answer.Code, answer.Body)
		}
	})
	t.Run("rows without a place have no geojson", func(t *testing.T) {
		if answer := ask(handler, "GET", "/api/vatsim/ratings?format=geojson"); answer.Code != http.StatusUnprocessableEntity {
			t.Errorf("%d %s", answer.Code, answer.Body)
		}
	})
	t.Run("spans", func(t *testing.T) {
		for _, query := range []string{"hours=-1", "hours=0", "days=0", "hours=NaN", "hours=Inf", "hours=169", "days=8", "hours=1&days=1", "from=2026-03-01T12:00:00Z&to=2026-03-01T12:00:00Z", "from=9999999999999999", "to=-99999999999", "to=x"} {
			if answer := ask(handler, "GET", "/api/feed/ledger?"+query); answer.Code != http.StatusUnprocessableEntity {
				t.Errorf("%s: %d %s", query, answer.Code, answer.Body)
			}
		}
		for _, query := range []string{"hours=0.5", "days=7", "from=1772366400&to=1772366430000"} {
			if answer := ask(handler, "GET", "/api/feed/ledger?"+query); answer.Code != http.StatusOK {
				t.Errorf("%s: %d %s", query, answer.Code, answer.Body)
			}
		}
	})
}

func TestListsAreKeptByTag(t *testing.T) {
	handler := crowded(t, 20)
	const target = "/api/flights?sort=callsign&limit=3"
	first := ask(handler, "GET", target)
	tag := first.Header().Get("ETag")
	if again := ask(handler, "GET", target, "If-None-Match", tag); again.Code != http.StatusNotModified || again.Body.Len() > 0 {
		t.Errorf("%d", again.Code)
	}
	for _, other := range []string{"/api/flights?sort=-callsign&limit=3", "/api/flights?sort=callsign&limit=4", target + "&format=csv"} {
		if got := ask(handler, "GET", other).Header().Get("ETag"); got == tag || got == "" {
			t.Errorf("%s has the tag %s as well", other, got)
		}
	}
	link := first.Header().Get("Link")
	next, err := url.Parse(strings.TrimSuffix(strings.TrimPrefix(link, "<"), `>; rel="next"`))
	if err != nil || next.Query().Get("sort") != "callsign" || next.Query().Get("cursor") == "" {
		t.Errorf("Link %q", link)
	}
}

func TestListsAreCompressed(t *testing.T) {
	handler := crowded(t, 50)
	for _, target := range []string{"/api/flights?sort=callsign", "/api/flights", "/api/flights?format=csv", "/api/flights?format=json"} {
		for _, encoding := range []string{"gzip", "zstd"} {
			answer := ask(handler, "GET", target, "Accept-Encoding", encoding)
			if got := answer.Header().Get("Content-Encoding"); got != encoding {
				t.Errorf("%s asked for as %s is %q", target, encoding, got)
			}
			tag := answer.Header().Get("ETag")
			if again := ask(handler, "GET", target, "Accept-Encoding", encoding, "If-None-Match", tag); again.Code != http.StatusNotModified {
				t.Errorf("%s as %s: its own tag %s gives %d", target, encoding, tag, again.Code)
			}
		}
	}
}

func TestLargeBodiesAreRefused(t *testing.T) {
	answer := askBody(handler(t, deps(t)), "GET", "/api/flights?limit=1", strings.Repeat("x", 65<<10))
	if answer.Code != http.StatusRequestEntityTooLarge {
		t.Errorf("%d %s", answer.Code, answer.Body)
	}
}

// TestRoutesAreOperations holds the manifest, which the gateway is made from,
// against the operations, which the documentation is made from.
func TestRoutesAreOperations(t *testing.T) {
	documented := map[string]bool{}
	raw, err := api.Spec()
	if err != nil {
		t.Fatal(err)
	}
	var spec struct {
		OpenAPI string
		Paths   map[string]map[string]struct {
			Example string `json:"x-example"`
		}
	}
	if err := json.Unmarshal(raw, &spec); err != nil || !strings.HasPrefix(spec.OpenAPI, "3.1") {
		t.Fatalf("%v, OpenAPI %s", err, spec.OpenAPI)
	}
	for path, methods := range spec.Paths {
		for method, operation := range methods {
			documented[strings.ToUpper(method)+" "+path] = true
			if operation.Example == "" {
				t.Errorf("%s %s has no example", method, path)
			}
		}
	}
	routed := map[string]bool{}
	for _, function := range manifest.Functions() {
		var routes []string
		for _, route := range function.Trigger.Routes {
			if route.Method != manifest.AnyMethod {
				routes = append(routes, route.Method+" "+route.Path)
				routed[route.Method+" "+route.Path] = true
			}
		}
		if len(routes) == 0 {
			continue
		}
		slices.Sort(routes)
		operations, err := api.Routes(function.Name)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(routes, operations); diff != "" {
			t.Errorf("%s: -manifest +operations\n%s", function.Name, diff)
		}
	}
	if diff := cmp.Diff(routed, documented); diff != "" {
		t.Errorf("-manifest +openapi\n%s", diff)
	}
}

func TestTheDocsPageLoadsNothingFromElsewhere(t *testing.T) {
	answer := ask(handler(t, deps(t)), "GET", "/api/docs")
	page, err := os.ReadFile("docs.html")
	if err != nil || answer.Code != http.StatusOK || answer.Body.String() != string(page) {
		t.Fatalf("%v, %d", err, answer.Code)
	}
	for _, reference := range []string{"http:", "https:", "src=", "@import", "url("} {
		if strings.Contains(string(page), reference) {
			t.Errorf("the page has %s", reference)
		}
	}
	if policy := answer.Header().Get("Content-Security-Policy"); !strings.HasPrefix(policy, "default-src 'none'") {
		t.Errorf("policy %q", policy)
	}
}
