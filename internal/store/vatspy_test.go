package store

import (
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/skyledger/skyledger/internal/geo"
)

// spy is a small content; tag makes it another one.
func spy(tag string) *VATSpy {
	return &VATSpy{
		FIRs:     []FIR{{ID: "XAAA", Name: "Alpha " + tag, CallsignPrefix: "ALF", Boundary: "XAAA"}, {ID: "XAAA", Name: "Upper", Boundary: "XAAA"}},
		UIRs:     []UIR{{ID: "XUPP", Name: "Upper", FIRs: []string{"XAAA"}}},
		Airports: []SpyAirport{{ICAO: "XAAB", Name: "Bravo", Lat: 1.25, Lon: 2.5, FIR: "XAAA"}, {ICAO: "XAAB", Lat: 1, Lon: 2, LocalCode: "B", FIR: "XAAA", Pseudo: true}},
		Boundaries: []Boundary{
			{ID: "XAAA", Region: "EMEA", Division: "X", LabelLat: 1, LabelLon: 2, Box: geo.Box{West: 170, South: 0, East: -170, North: 5},
				Shape: geo.MultiPolygon{{{{170, 0}, {180, 0}, {180, 5.123456789}}}, {{{-180, 0}, {-170, 0}, {-170, 5}}}}},
			{ID: "XOCE", Oceanic: true, LabelLat: math.NaN(), LabelLon: math.NaN(), Box: geo.Box{West: 0, South: 0, East: 1, North: 1},
				Shape: geo.MultiPolygon{{{{0, 0}, {1, 0}, {1, 1}}}}},
		},
		Skipped: map[string]int{"airports.place": 3},
	}
}

func spyVersion(tag string, at time.Time) VATSpyVersion {
	return VATSpyVersion{Hash: []byte(tag), Source: "test", Commit: "commit-" + tag, Fetched: at, Since: at}
}

func TestVATSpyComesBackAsItWasPut(t *testing.T) {
	s, _ := setup(t)
	if version, err := s.VATSpyInForce(t.Context()); err != nil || version.Version != 0 {
		t.Fatalf("an empty database has %+v, %v", version, err)
	}
	if content, version, err := s.VATSpyContent(t.Context()); err != nil || version.Version != 0 || len(content.FIRs) != 0 {
		t.Fatalf("an empty database has %+v, %v", version, err)
	}
	stored, err := s.PutVATSpy(t.Context(), spy("one"), spyVersion("one", start), 5)
	must(t, err)
	content, version, err := s.VATSpyContent(t.Context())
	must(t, err)
	want := spy("one")
	want.Skipped = nil // the version has it
	if diff := cmp.Diff(*want, content, cmpopts.EquateNaNs(), cmpopts.EquateEmpty()); diff != "" || !stored {
		t.Errorf("stored %t\n%s", stored, diff)
	}
	wantVersion := spyVersion("one", start)
	wantVersion.Version, wantVersion.FIRs, wantVersion.UIRs, wantVersion.Airports, wantVersion.Boundaries = version.Version, 2, 1, 2, 2
	wantVersion.Skipped = map[string]int{"airports.place": 3}
	if diff := cmp.Diff(wantVersion, version); diff != "" {
		t.Error(diff)
	}
}

// spyRowVersions tells every row version of the tables of VAT-Spy's versions.
const spyRowVersions = `SELECT string_agg(t, ',' ORDER BY t) FROM (
	SELECT 'v' || xmin || ctid AS t FROM kept.vatspy_versions UNION ALL SELECT 'f' || xmin || ctid FROM kept.vatspy_firs UNION ALL
	SELECT 'b' || xmin || ctid FROM kept.vatspy_boundaries UNION ALL SELECT 'a' || xmin || ctid FROM kept.vatspy_airports) rows`

func TestVersionsOfVATSpy(t *testing.T) {
	s, b := setup(t)
	put := func(tag string, at time.Time, keep int) bool {
		t.Helper()
		stored, err := s.PutVATSpy(t.Context(), spy(tag), spyVersion(tag, at), keep)
		must(t, err)
		return stored
	}
	inForce := func() string {
		t.Helper()
		version, err := s.VATSpyInForce(t.Context())
		must(t, err)
		return string(version.Hash)
	}
	rows := func(query string) (text string) {
		t.Helper()
		must(t, b.Conn.QueryRow(t.Context(), query).Scan(&text))
		return text
	}
	const hashes = `SELECT string_agg(convert_from(hash, 'utf8'), ' ' ORDER BY version) FROM kept.vatspy_versions`
	put("one", start, 3)

	t.Run("the same content again writes nothing", func(t *testing.T) {
		before := rows(spyRowVersions)
		if put("one", start.Add(time.Hour), 3) {
			t.Error("it was stored")
		}
		if diff := cmp.Diff(before, rows(spyRowVersions)); diff != "" {
			t.Error(diff)
		}
	})
	t.Run("another content takes its place", func(t *testing.T) {
		if !put("two", start.Add(2*time.Hour), 3) || inForce() != "two" {
			t.Errorf("%s is in force", inForce())
		}
		if got := rows(hashes); got != "one two" {
			t.Errorf("kept: %s", got)
		}
	})
	t.Run("a content that was in force before comes back without new rows", func(t *testing.T) {
		if !put("one", start.Add(3*time.Hour), 3) || inForce() != "one" {
			t.Errorf("%s is in force", inForce())
		}
		if got := rows(hashes); got != "one two" {
			t.Errorf("kept: %s", got)
		}
		version, err := s.VATSpyInForce(t.Context())
		must(t, err)
		if !version.Since.Equal(start.Add(3*time.Hour)) || !version.Fetched.Equal(start) {
			t.Errorf("since %s, fetched %s", version.Since, version.Fetched)
		}
	})
	t.Run("old versions are kept to a bound, with their rows", func(t *testing.T) {
		put("three", start.Add(4*time.Hour), 3)
		put("four", start.Add(5*time.Hour), 3)
		if got := rows(hashes); got != "one three four" { // two was in force longest ago
			t.Errorf("kept: %s", got)
		}
		if got := rows(`SELECT count(DISTINCT version)::text FROM kept.vatspy_firs`); got != "3" {
			t.Errorf("%s versions have rows", got)
		}
	})
	t.Run("a failure keeps what is in force", func(t *testing.T) {
		broken := spy("five")
		broken.UIRs = append(broken.UIRs, broken.UIRs[0]) // the key is taken
		if _, err := s.PutVATSpy(t.Context(), broken, spyVersion("five", start.Add(6*time.Hour)), 3); err == nil {
			t.Error("it was stored")
		}
		if inForce() != "four" || rows(hashes) != "one three four" {
			t.Errorf("%s is in force of %s", inForce(), rows(hashes))
		}
	})
}

func TestReferenceCheck(t *testing.T) {
	s, _ := setup(t)
	if check, err := s.LastReferenceCheck(t.Context()); err != nil || !check.At.IsZero() {
		t.Errorf("%+v %v", check, err)
	}
	for _, want := range []ReferenceCheck{
		{At: start, Outcome: "unavailable", Reason: "dns", Source: "a"}, {At: start.Add(time.Hour), Outcome: "stored", Source: "b"},
	} {
		must(t, s.PutReferenceCheck(t.Context(), want))
		got, err := s.LastReferenceCheck(t.Context())
		must(t, err)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	}
}

func TestWorld(t *testing.T) {
	s, b := setup(t)
	length, heading, lat, lon := 12799, 89.7, 51.47749, -0.489439
	world := World{
		Hash:      "one",
		Countries: []WorldCountry{{"GB", "United Kingdom", "EU"}},
		Regions:   []WorldRegion{{"GB-ENG", "GB", "England"}},
		Airports: []WorldAirport{
			{ICAO: "EGLL", IATA: "LHR", Name: "London Heathrow Airport", City: "London", Country: "GB", Region: "GB-ENG", TZ: "Europe/London", Lat: 51.4706, Lon: -0.46194, ElevationFt: 83},
			{ICAO: "EGZZ", Name: "Nowhere", Country: "GB"},
		},
		Runways: []WorldRunway{{ICAO: "EGLL", No: 1, LengthFt: &length, Surface: "ASP", Lighted: true, LowIdent: "09L", HighIdent: "27R",
			Low: WorldRunwayEnd{Lat: &lat, Lon: &lon, Heading: &heading, DisplacedFt: 1007}}},
	}
	put := func(want bool) {
		t.Helper()
		stored, err := s.PutWorld(t.Context(), world, start)
		must(t, err)
		hash, err := s.WorldHash(t.Context())
		must(t, err)
		if stored != want || hash != world.Hash {
			t.Errorf("stored %t, hash %q", stored, hash)
		}
	}
	ask := func(query string) (text string) {
		t.Helper()
		must(t, b.Conn.QueryRow(t.Context(), query).Scan(&text))
		return text
	}
	const versions = `SELECT string_agg(xmin::text || ctid::text, ',') FROM kept.airports`
	put(true)
	must(t, s.PutAirportFIRs(t.Context(), "one", 7, []AirportFIR{{"EGLL", "EGTT"}}))

	t.Run("the views show it, unknown is NULL", func(t *testing.T) {
		want := `{"icao":"EGLL","iata":"LHR","name":"London Heathrow Airport","city":"London","country":"GB","country_name":"United Kingdom","continent":"EU","region":"GB-ENG","region_name":"England","lat":51.4706,"lon":-0.46194,"elevation_ft":83,"tz":"Europe/London","fir":"EGTT"}`
		if diff := cmp.Diff(want, ask(`SELECT row_to_json(a)::text FROM skyledger.airport a WHERE icao = 'EGLL'`)); diff != "" {
			t.Error(diff)
		}
		want = `{"icao":"EGZZ","iata":null,"name":"Nowhere","city":null,"country":"GB","country_name":"United Kingdom","continent":"EU","region":null,"region_name":null,"lat":0,"lon":0,"elevation_ft":0,"tz":null,"fir":null}`
		if diff := cmp.Diff(want, ask(`SELECT row_to_json(a)::text FROM skyledger.airport a WHERE icao = 'EGZZ'`)); diff != "" {
			t.Error(diff)
		}
		want = `{"icao":"EGLL","no":1,"low_ident":"09L","high_ident":"27R","length_ft":12799,"width_ft":null,"surface":"ASP","lighted":true,"closed":false,"low_heading":89.7,"low_lat":51.47749,"low_lon":-0.489439,"low_displaced_ft":1007,"high_heading":null,"high_lat":null,"high_lon":null,"high_displaced_ft":0}`
		if diff := cmp.Diff(want, ask(`SELECT row_to_json(r)::text FROM skyledger.runway r`)); diff != "" {
			t.Error(diff)
		}
	})
	t.Run("the same content again writes nothing", func(t *testing.T) {
		before := ask(versions)
		put(false)
		must(t, s.PutAirportFIRs(t.Context(), "one", 7, nil))
		if after := ask(versions); after != before {
			t.Errorf("%s became %s", before, after)
		}
		if got := ask(`SELECT count(*)::text FROM kept.airport_firs`); got != "1" {
			t.Errorf("%s airports are in an FIR", got)
		}
	})
	t.Run("another content takes its place", func(t *testing.T) {
		world.Hash, world.Airports, world.Runways = "two", world.Airports[1:], nil
		put(true)
		if got := ask(`SELECT (SELECT count(*) FROM skyledger.airport) || ' ' || (SELECT count(*) FROM skyledger.runway)`); got != "1 0" {
			t.Errorf("airports and runways: %s", got)
		}
	})
	t.Run("where airports lie is known for one content of the world and one version", func(t *testing.T) {
		of, version, err := s.AirportFIRsOf(t.Context())
		must(t, err)
		if of != "one" || version != 7 {
			t.Errorf("%s %d", of, version)
		}
	})
}

func TestFIRView(t *testing.T) {
	s, b := setup(t)
	for _, tag := range []string{"one", "two"} {
		_, err := s.PutVATSpy(t.Context(), spy(tag), spyVersion(tag, start), 5)
		must(t, err)
	}
	var got string
	must(t, b.Conn.QueryRow(t.Context(), `SELECT json_agg(row_to_json(f))::text FROM (SELECT id, name, callsign_prefixes, airports, oceanic, region, division, label_lat, label_lon, shape FROM skyledger.fir) f`).Scan(&got))
	want := `[{"id":"XAAA","name":"Alpha two","callsign_prefixes":["ALF","XAAA"],"airports":1,"oceanic":false,"region":"EMEA","division":"X","label_lat":1,"label_lon":2,` +
		`"shape":{"type": "MultiPolygon", "coordinates": [[[[170, 0], [180, 0], [180, 5.123456789]]], [[[-180, 0], [-170, 0], [-170, 5]]]]}}]`
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
