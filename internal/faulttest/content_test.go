package faulttest

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/skyledger/skyledger/internal/store"
	"github.com/skyledger/skyledger/internal/vatsim"
)

// bad returns a pilot whose row has one wrong value, and must be refused for it.
func bad(cid, k int, field, raw, reason string) *row {
	return pilot(cid, k).set(field, raw).refusedFor(reason)
}

func TestContent(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.record(0, 0, 12)
	megabyte := strings.Repeat("X", 1<<20)
	for i, test := range []struct {
		number   int
		sentence string
		change   func(s *snapshot, k int) // adds rows to the snapshot and says what must become of them
		drift    map[string]int           // that must be counted; more may be
	}{
		{10, "unknown fields and sections are counted and cost no row", func(s *snapshot, k int) {
			s.rows = append(s.rows, pilot(1, k).set("autopilot", "true").set("crew", `[{"cid":5}]`), controller(2, "AA_TWR", "118.100").set("mood", `"fine"`))
			s.sections["weather"] = `{"metar":["EGLL"]}`
		}, map[string]int{"pilots.unknown_field.autopilot": 1, "pilots.unknown_field.crew": 1, "controllers.unknown_field.mood": 1, "unknown_section.weather": 1}},
		{10, "rows that lack what is optional are stored", func(s *snapshot, k int) {
			bare := pilot(1, k)
			for _, field := range []string{"name", "server", "pilot_rating", "military_rating", "transponder", "qnh_i_hg", "qnh_mb", "flight_plan", "last_updated"} {
				bare.without(field)
			}
			s.rows = append(s.rows, bare, pilot(2, k).set("flight_plan", "null"), controller(3, "AA_TWR", "118.100").without("text_atis").without("visual_range"))
		}, nil},
		{10, "a rating and a facility nobody knows are kept and counted", func(s *snapshot, k int) {
			s.rows = append(s.rows, pilot(1, k).set("pilot_rating", "127"), controller(2, "AA_XYZ", "118.100").set("facility", "9").set("rating", "42"))
		}, map[string]int{"pilots.unknown_pilot_rating.127": 1, "controllers.unknown_facility.9": 1, "controllers.unknown_rating.42": 1}},
		{10, "sections may be missing", func(s *snapshot, k int) {
			s.rows = s.of(vatsim.KindPilot)
			s.sections["controllers"], s.sections["atis"], s.sections["prefiles"] = "null", "null", "null"
		}, map[string]int{"section_missing.controller": 1, "section_missing.atis": 1, "section_missing.prefile": 1}},
		{11, "a wrong type refuses its row and no other", func(s *snapshot, k int) {
			s.rows = append(s.rows,
				bad(1, k, "altitude", `"FL350"`, "altitude_type"), bad(2, k, "latitude", "null", "latitude_type"), bad(3, k, "cid", `"abc"`, "cid_type"),
				bad(4, k, "callsign", "17", "callsign_type"), bad(5, k, "longitude", `{"deg":1}`, "longitude_type"), bad(6, k, "groundspeed", "true", "groundspeed_type"),
				bad(7, k, "heading", `[90]`, "heading_type"), bad(8, k, "logon_time", "1700000000", "logon_time_type"),
				pilot(9, k).without("latitude").refusedFor("latitude_missing"), pilot(10, k).without("callsign").refusedFor("callsign_missing"),
				controller(11, "AA_TWR", "118.100").set("facility", `"TWR"`).refusedFor("facility_type"),
				prefile(12).set("cid", "1.5").refusedFor("cid_type"), pilot(13, k))
		}, nil},
		{11, "rows that are no objects are refused", func(s *snapshot, k int) {
			text := s.section(vatsim.KindPilot)
			s.sections["pilots"] = strings.Replace(text, "[", `[null,7,"pilot",[],`, 1)
			for range 4 {
				s.rows = append(s.rows, &row{kind: vatsim.KindPilot, rejected: "row_type"})
			}
		}, nil},
		{12, "NUL, bad UTF-8 and lone surrogates are cleaned, and the batch survives", func(s *snapshot, k int) {
			nul, name := pilot(1, k).set("callsign", `"NU\u0000L1"`), pilot(2, k)
			nul.wantedCallsign = "NUL1"
			name.set("name", "\"Qu\xff\xfeillon\"").set("server", "\"T\xc3\x28\"")
			remarks := pilot(3, k).set("flight_plan", strings.Replace(plan("EGLL", "KJFK", 1, "RMKS"), "RMKS", "\\u0000 \\ud800 \xff \\udc00\\ud83d", 1))
			station := atis(4, "AA_ATIS", "K", "x").set("text_atis", "[\"INFO \\u0000\xf0\x28 K\",\"\\ud800\"]")
			s.rows = append(s.rows, nul, name, remarks, station,
				pilot(5, k).set("callsign", "\"B\xffD\"").refusedFor("callsign_invalid"), pilot(6, k).set("callsign", `"\ud800X"`).refusedFor("callsign_invalid"),
				pilot(7, k).set("callsign", `"TWO WORDS"`).refusedFor("callsign_invalid"), pilot(8, k).set("callsign", `""`).refusedFor("callsign_invalid"),
				pilot(9, k).set("callsign", quote(strings.Repeat("L", 21))).refusedFor("callsign_invalid"))
		}, nil},
		{12, "remarks of a megabyte do no harm", func(s *snapshot, k int) {
			s.rows = append(s.rows, pilot(1, k).set("flight_plan", plan("EGLL", "KJFK", 1, megabyte)), prefile(2).set("flight_plan", plan("EGLL", "KJFK", 1, megabyte)),
				pilot(3, k).set("name", quote(megabyte)), controller(4, "AA_CTR", "118.100").set("text_atis", "["+quote(megabyte)+"]"))
		}, map[string]int{"pilots.plan_large": 1, "prefiles.plan_large": 1, "pilots.cut.name": 1, "controllers.cut.text_atis": 1}},
		{13, "what no aircraft can do is refused", func(s *snapshot, k int) {
			s.rows = append(s.rows,
				bad(1, k, "latitude", "91", "latitude_range"), bad(2, k, "latitude", "-90.00001", "latitude_range"), bad(3, k, "longitude", "180.1", "longitude_range"),
				bad(4, k, "altitude", "99999", "altitude_range"), bad(5, k, "altitude", "-32769", "altitude_range"), bad(6, k, "groundspeed", "-1", "groundspeed_range"),
				bad(7, k, "groundspeed", "40000", "groundspeed_range"), bad(8, k, "heading", "361", "heading_range"), bad(9, k, "heading", "-1", "heading_range"),
				bad(10, k, "latitude", "1e999", "latitude_range"), bad(11, k, "longitude", `"NaN"`, "longitude_type"), bad(12, k, "cid", "0", "cid_range"),
				bad(13, k, "cid", "99999999999", "cid_range"), bad(14, k, "logon_time", `"0001-01-01T00:00:00Z"`, "logon_time_invalid"))
		}, nil},
		{13, "the edges are stored, and a squawk that is none is unknown", func(s *snapshot, k int) {
			s.rows = append(s.rows, pilot(1, k).set("heading", "360"), pilot(2, k).set("transponder", `"8888"`), pilot(3, k).set("transponder", "2200"),
				placed(pilot(4, k), 9_000_000, 18_000_000, 90_000), placed(pilot(5, k), -9_000_000, -18_000_000, -2_000))
		}, map[string]int{"pilots.squawk_not_octal": 2}},
		{16, "a leap second costs a row where it says who is meant, and nothing where it does not", func(s *snapshot, k int) {
			s.rows = append(s.rows, bad(1, k, "logon_time", `"2016-12-31T23:59:60Z"`, "logon_time_invalid"), pilot(2, k).set("last_updated", `"2016-12-31T23:59:60Z"`))
		}, nil},
		{14, "of two rows of one connection the newer logon wins, wherever it stands", func(s *snapshot, k int) {
			s.rows = append(s.rows, pilot(1, k).beaten(), pilot(1, k).loggedOn(base.Add(-time.Minute)),
				pilot(2, k).loggedOn(base.Add(-time.Minute)), pilot(2, k).beaten(),
				controller(3, "AA_TWR", "118.100").beaten(), controller(3, "AA_TWR", "118.200").set("last_updated", stamp(base.Add(time.Minute))))
		}, nil},
		{14, "one cid may fly twice, one callsign may be flown twice, and a prefile may lie beside", func(s *snapshot, k int) {
			other := prefile(1).named("TST1")
			s.rows = append(s.rows, pilot(1, k), pilot(1, k).named("TST1B"), pilot(2, k).named("TST1"), other, controller(1, "TST1", "118.100"))
		}, nil},
		{14, "the network's own machines are nobody", func(s *snapshot, k int) {
			s.rows = append(s.rows, pilot(1, k).named("AFVDATA").refusedFor("system_callsign"), controller(2, "DATASVR", "199.998").refusedFor("system_callsign"))
		}, nil},
	} {
		k := i + 1
		t.Run(fmt.Sprintf("%d: %s", test.number, test.sentence), func(t *testing.T) {
			w := w.in(t)
			s := traffic(k, 12)
			test.change(s, k)
			w.serve(s)
			w.expect(k, store.Received, "")
			w.checkSnapshots()
			w.checkPositions()
			w.checkLog()
			drift := one[map[string]int](t, w.site.DatabaseURL, `SELECT drift FROM snapshots WHERE at = $1`, s.key())
			for name, want := range test.drift {
				if drift[name] != want {
					t.Errorf("drift %s is %d, want %d; there are %v", name, drift[name], want, drift)
				}
			}
		})
	}
	w.verify()
	t.Run("13: nothing stored is NaN or out of range", func(t *testing.T) {
		const sql = `SELECT count(*)::int FROM skyledger.position WHERE NOT (lat BETWEEN -90 AND 90 AND lon BETWEEN -180 AND 180
			AND altitude BETWEEN -2000 AND 90000 AND groundspeed BETWEEN 0 AND 5000 AND heading BETWEEN 0 AND 359)`
		if n := one[int](t, w.site.DatabaseURL, sql); n > 0 {
			t.Errorf("%d positions", n)
		}
	})
}

func placed(r *row, lat, lon, alt int) *row {
	r.lat, r.lon, r.alt = lat, lon, alt
	return r.set("latitude", degrees(lat)).set("longitude", degrees(lon)).set("altitude", fmt.Sprint(alt))
}

func TestNames(t *testing.T) {
	t.Parallel()
	scenario(t, 10, "no name reaches the database, whatever a row looks like", func(t *testing.T) {
		w := newWorld(t)
		s := traffic(0, 12, pilot(1, 0).set("name", `"Zethrin Ombrel"`).set("flight_plan", plan("EGLL", "KJFK", 1, "OPR/ZETHRIN OMBREL TCAS")))
		w.serve(s)
		w.expect(0, store.Received, "")
		for table := range w.dump() {
			const sql = `SELECT count(*)::int FROM %s r WHERE r::text ILIKE '%%ombrel%%' OR r::text ILIKE '%%varstag%%' OR r::text ILIKE '%%tolvane%%'`
			if n := one[int](t, w.site.DatabaseURL, fmt.Sprintf(sql, table)); n > 0 {
				t.Errorf("%d rows of %s hold a name", n, table)
			}
		}
		remarks := one[string](t, w.site.DatabaseURL, `SELECT remarks FROM skyledger.flight_plan WHERE cid = 1`)
		if diff := cmp.Diff("OPR/… TCAS", remarks); diff != "" {
			t.Error(diff)
		}
		w.verify()
	})
}
