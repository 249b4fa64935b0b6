package reference

import (
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/skyledger/skyledger/internal/fault"
	"github.com/skyledger/skyledger/internal/geo"
)

func TestAirportsAreFoundByEitherCode(t *testing.T) {
	world := embedded(t)
	for _, code := range []string{"EGLL", "egll", "LHR", "lhr", " Lhr "} {
		airport, found := world.Airport(code)
		if !found || airport.ICAO != "EGLL" {
			t.Errorf("%q: %v %t", code, airport, found)
		}
	}
	for _, code := range []string{"", "E", "ZZZZ", "QQQ", "EGLLX", "é"} {
		if airport, found := world.Airport(code); found {
			t.Errorf("%q is %v", code, airport)
		}
	}
	heathrow, _ := world.Airport("EGLL")
	want := Airport{
		ICAO: "EGLL", IATA: "LHR", Name: "London Heathrow Airport", City: "London", Country: "GB", Region: "GB-ENG",
		TZ: "Europe/London", Lat: 51.4706, Lon: -0.46194, ElevationFt: 83,
	}
	if diff := cmp.Diff(want, *heathrow, cmpopts.IgnoreUnexported(Airport{})); diff != "" {
		t.Error(diff)
	}
	runways := world.RunwaysOf(heathrow)
	if len(runways) != 2 || runways[0].Low.Ident != "09L" || runways[0].High.Ident != "27R" || runways[0].Airport != "EGLL" {
		t.Fatalf("%+v", runways)
	}
	north := runways[0]
	if math.Abs(north.Low.Heading-89.7) > 0.5 || math.Abs(north.High.Heading-269.7) > 0.5 || north.LengthFt != 12799 || !north.Low.Placed || north.Low.DisplacedFt != 1007 || north.Closed {
		t.Errorf("%+v", north)
	}
}

func TestAirportsAreWhereTheirRunwaysAre(t *testing.T) {
	world := embedded(t)
	for i := range world.Airports() {
		a := &world.Airports()[i]
		nearest := math.Inf(1)
		for _, r := range world.RunwaysOf(a) {
			if r.Low.Placed && r.High.Placed {
				nearest = min(nearest, geo.Distance(a.Lat, a.Lon, (r.Low.Lat+r.High.Lat)/2, (r.Low.Lon+r.High.Lon)/2))
			}
		}
		if nearest > 3 && !math.IsInf(nearest, 1) {
			t.Errorf("%s is %.1f miles from its nearest runway", a.ICAO, nearest)
		}
	}
	// One source has degrees and minutes of Belgium's airports as decimal numbers,
	// old sites of some, and metres for feet.
	for code, want := range map[string]struct {
		lat, lon    float64
		elevationFt int
	}{"EBBR": {50.901, 4.484, 175}, "ELLX": {49.627, 6.212, 1234}, "ZPPP": {25.102, 102.929, 6885}, "SEQM": {-0.129, -78.358, 7843}} {
		airport, found := world.Airport(code)
		if !found || geo.Distance(want.lat, want.lon, airport.Lat, airport.Lon) > 2 || abs(airport.ElevationFt-want.elevationFt) > 15 {
			t.Errorf("%s is %+v", code, airport)
		}
	}
	// Its runways are still under its old code.
	if renamed, _ := world.Airport("PBI"); len(world.RunwaysOf(renamed)) != 3 {
		t.Errorf("%+v has runways %+v", renamed, world.RunwaysOf(renamed))
	}
}

func abs(n int) int { return max(n, -n) }

func TestTheEmbeddedWorldIsSound(t *testing.T) {
	world := embedded(t)
	if len(world.Airports()) < 28_000 || len(world.Runways()) < 26_000 || len(world.Countries()) < 240 || len(world.Subdivisions()) < 3_500 {
		t.Errorf("%d airports, %d runways, %d countries, %d regions", len(world.Airports()), len(world.Runways()), len(world.Countries()), len(world.Subdivisions()))
	}
	regions := map[string]bool{}
	for _, s := range world.Subdivisions() {
		regions[s.Code] = true
		if _, known := world.Country(s.Country); !known {
			t.Errorf("region %s is of the country %q", s.Code, s.Country)
		}
	}
	iata := map[string]string{}
	withRegion, placed := 0, 0
	for i := range world.Airports() {
		a := &world.Airports()[i]
		if _, known := world.Country(a.Country); !known || !geo.IsLatitude(a.Lat) || !geo.IsLongitude(a.Lon) || len(a.ICAO) != 4 || a.Name == "" {
			t.Errorf("%+v", a)
		}
		if other, taken := iata[a.IATA]; taken && a.IATA != "" {
			t.Errorf("%s is %s and %s", a.IATA, other, a.ICAO)
		}
		iata[a.IATA] = a.ICAO
		if a.Region != "" {
			withRegion++
			if !regions[a.Region] || !strings.HasPrefix(a.Region, a.Country+"-") {
				t.Errorf("%s is in the region %s of %s", a.ICAO, a.Region, a.Country)
			}
		}
		for _, r := range world.RunwaysOf(a) {
			if r.Airport != a.ICAO {
				t.Errorf("%s has a runway of %s", a.ICAO, r.Airport)
			}
			if r.Low.Placed && r.High.Placed {
				placed++
				if apart := geo.Distance(r.Low.Lat, r.Low.Lon, r.High.Lat, r.High.Lon) * 6076.12; r.LengthFt > 0 && math.Abs(apart-float64(r.LengthFt)) > 0.61*float64(r.LengthFt) {
					t.Errorf("%s %s: %.0f ft apart and %d ft long", a.ICAO, r.Low.Ident, apart, r.LengthFt)
				}
				if turn := math.Abs(math.Remainder(r.High.Heading-r.Low.Heading-180, 360)); turn > 0.3 && math.Abs(a.Lat) < 80 {
					t.Errorf("%s %s: headings %v and %v", a.ICAO, r.Low.Ident, r.Low.Heading, r.High.Heading)
				}
			}
		}
	}
	if share := float64(withRegion) / float64(len(world.Airports())); share < 0.85 {
		t.Errorf("%.2f of the airports have a region", share)
	}
	if placed < 13_000 {
		t.Errorf("%d runways are placed", placed)
	}
}

func TestTimeZonesAreKnown(t *testing.T) {
	zones := map[string]bool{}
	for _, a := range embedded(t).Airports() {
		zones[a.TZ] = true
	}
	if _, err := time.LoadLocation("Europe/London"); err != nil {
		t.Skip("this machine has no time zone database")
	}
	for zone := range zones {
		if _, err := time.LoadLocation(zone); err != nil {
			t.Errorf("%q: %v", zone, err)
		}
	}
}

func TestNearestIsWhatASlowSearchFinds(t *testing.T) {
	world := embedded(t)
	rapid.Check(t, func(t *rapid.T) {
		lat, lon := rapid.Float64Range(-90, 90).Draw(t, "lat"), rapid.Float64Range(-180, 180).Draw(t, "lon")
		miles := rapid.Float64Range(1, 600).Draw(t, "miles")
		least := math.Inf(1)
		for i := range world.airports {
			if a := &world.airports[i]; isICAO(a.ICAO) {
				least = min(least, geo.Distance(lat, lon, a.Lat, a.Lon))
			}
		}
		nearest, found := world.Nearest(lat, lon, miles)
		if found != (least <= miles) {
			t.Fatalf("found %t, the nearest is %v away", found, least)
		}
		if found && geo.Distance(lat, lon, nearest.Lat, nearest.Lon) != least {
			t.Fatalf("%s is not the nearest", nearest.ICAO)
		}
	})
}

func TestDecodeReadsWhatEncodeWrote(t *testing.T) {
	line := rapid.StringMatching(`[^\n\r]{0,12}`)
	rapid.Check(t, func(t *rapid.T) {
		var airports []Airport
		var runways []Runway
		for _, code := range rapid.SliceOfDistinct(rapid.StringMatching(`[A-Z0-9]{4}`), rapid.ID).Draw(t, "codes") {
			airports = append(airports, Airport{
				ICAO: code, Name: line.Draw(t, "name"), City: line.Draw(t, "city"), Country: "XX", TZ: "UTC",
				Lat: float64(rapid.Int64Range(-90e6, 90e6).Draw(t, "lat")) / 1e6, Lon: float64(rapid.Int64Range(-180e6, 180e6).Draw(t, "lon")) / 1e6,
				ElevationFt: rapid.IntRange(-1300, 15000).Draw(t, "elevation"),
			})
		}
		slices.SortFunc(airports, func(a, b Airport) int { return strings.Compare(a.ICAO, b.ICAO) })
		for _, a := range airports {
			for range rapid.IntRange(0, 3).Draw(t, "runways") {
				runways = append(runways, Runway{
					Airport: a.ICAO, LengthFt: rapid.IntRange(0, 20000).Draw(t, "length"), Surface: line.Draw(t, "surface"), Closed: rapid.Bool().Draw(t, "closed"),
					Low:  RunwayEnd{Ident: "09", Placed: true, Lat: a.Lat, Lon: a.Lon, Heading: float64(rapid.IntRange(-10, 3599).Draw(t, "heading")) / 10},
					High: RunwayEnd{Ident: line.Draw(t, "high"), Heading: -1},
				})
			}
		}
		made, err := NewWorld(airports, runways, []Country{{"XX", "Exland", "EU"}}, []Subdivision{{"XX-A", "XX", "Part"}})
		if err != nil {
			t.Fatal(err)
		}
		packed, err := made.Encode()
		if err != nil {
			t.Fatal(err)
		}
		again, err := Decode(packed)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(made, again, cmp.AllowUnexported(World{}, Airport{}, nation{}), cmpopts.IgnoreFields(World{}, "hash"), cmpopts.EquateEmpty()); diff != "" {
			t.Fatal(diff)
		}
	})
}

func TestADamagedWorldIsRefused(t *testing.T) {
	for name, packed := range map[string][]byte{
		"nothing": nil, "no zstd": []byte("skyledger"), "the first half": packedWorld[:len(packedWorld)/2],
	} {
		if _, err := Decode(packed); !fault.Is(err, fault.Internal) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, rows := range map[string]struct {
		airports []Airport
		runways  []Runway
	}{
		"airports out of order":     {[]Airport{{ICAO: "B"}, {ICAO: "A"}}, nil},
		"an airport twice":          {[]Airport{{ICAO: "A"}, {ICAO: "A"}}, nil},
		"a runway of no airport":    {[]Airport{{ICAO: "A"}}, []Runway{{Airport: "B"}}},
		"a runway before its place": {[]Airport{{ICAO: "A"}, {ICAO: "B"}}, []Runway{{Airport: "B"}, {Airport: "A"}}},
	} {
		if _, err := NewWorld(rows.airports, rows.runways, nil, nil); err == nil {
			t.Errorf("%s make a world", name)
		}
	}
}

func FuzzDecode(f *testing.F) {
	world, err := NewWorld([]Airport{{ICAO: "EGLL"}}, []Runway{{Airport: "EGLL"}}, nil, nil)
	if err != nil {
		f.Fatal(err)
	}
	packed, err := world.Encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(packed)
	f.Fuzz(func(_ *testing.T, packed []byte) { _, _ = Decode(packed) })
}

func TestTheSourcesAreNamed(t *testing.T) {
	sources, err := os.ReadFile("SOURCES.txt")
	if err != nil {
		t.Fatal(err)
	}
	for _, needed := range []string{"airportsdata", "OurAirports", "The MIT License", "public domain", "CC BY-SA 4.0"} {
		if !strings.Contains(string(sources), needed) {
			t.Errorf("SOURCES.txt does not name %s", needed)
		}
	}
	for _, file := range []string{"VATSpy.dat", "Boundaries.geojson"} {
		found, err := filepath.Glob("../../*/*/" + file)
		if err != nil || len(found) > 0 {
			t.Errorf("%v is VAT-Spy's and must not be here (%v)", found, err)
		}
	}
}
