package vatsim

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/skyledger/skyledger/internal/fault"
)

func mustDecode(t *testing.T, body []byte) *Snapshot {
	t.Helper()
	snapshot, err := Decode(body)
	if err != nil {
		t.Fatalf("Decode: %v", err)
	}
	return snapshot
}

func TestDecodeReturnsEveryFieldInItsUnit(t *testing.T) {
	snapshot := mustDecode(t, body(t, object{
		"pilots": []any{pilotRow(nil)}, "controllers": []any{controllerRow(nil)},
		"atis": []any{atisRow(nil)}, "prefiles": []any{prefileRow(nil)},
	}))
	logon := time.Date(2026, 11, 24, 1, 0, 0, 0, time.UTC)
	plan := Plan(marshal(t, planObject(nil)))
	want := &Snapshot{
		UpdateTimestamp: time.Date(2026, 11, 24, 2, 39, 0, 123_456_000, time.UTC), ConnectedClients: 3, UniqueUsers: 2,
		Pilots: []Pilot{{
			CID: 1000001, Callsign: "BAW123", Name: "Jane Doe EGLL", Server: "UK-1", PilotRating: 1,
			Latitude: 5147750, Longitude: -46139, Altitude: 83, Groundspeed: 12, Heading: 271, Squawk: 2200, QNHMillibar: 1013,
			LogonTime: logon.Add(500 * time.Millisecond), LastUpdated: time.Date(2026, 11, 24, 2, 38, 58, 765_432_000, time.UTC), Plan: plan,
		}},
		Controllers: []Controller{{
			CID: 1000002, Callsign: "EGLL_TWR", Name: "John Roe", Server: "UK-1", Frequency: 118700, Facility: 4, Rating: 3, VisualRange: 50,
			Text: []string{"Heathrow Tower"}, LogonTime: logon, LastUpdated: time.Date(2026, 11, 24, 2, 38, 58, 0, time.UTC),
		}},
		ATIS: []Controller{{
			CID: 1000002, Callsign: "EGLL_ATIS", Name: "John Roe", Server: "UK-1", Frequency: 128075, Facility: 4, Rating: 3, VisualRange: 50,
			ATISCode: "K", Text: []string{"HEATHROW INFORMATION K", "RUNWAY 27L"},
			LogonTime: logon, LastUpdated: time.Date(2026, 11, 24, 2, 38, 58, 0, time.UTC),
		}},
		Prefiles: []Prefile{{
			CID: 1000003, Callsign: "DLH4PK", Name: "1000003", LastUpdated: time.Date(2026, 11, 24, 0, 10, 0, 100_000_000, time.UTC), Plan: plan,
		}},
		Duplicates: map[Kind]int{}, Drift: map[string]int{},
	}
	if diff := cmp.Diff(want, snapshot); diff != "" {
		t.Errorf("snapshot (-want +got):\n%s", diff)
	}
}

func TestOneWrongPilotIsRejectedAloneWithItsReason(t *testing.T) {
	tests := []struct {
		name   string
		row    any
		reason string
	}{
		{"a cid that is text", pilotRow(object{"cid": "abc"}), "cid_type"},
		{"a cid that is a number in quotes", pilotRow(object{"cid": "1000001"}), "cid_type"},
		{"a cid with a fraction", pilotRow(object{"cid": 1000001.5}), "cid_type"},
		{"no cid", pilotRow(object{"cid": absent}), "cid_missing"},
		{"a null cid", pilotRow(object{"cid": nil}), "cid_type"},
		{"a cid of zero", pilotRow(object{"cid": 0}), "cid_range"},
		{"a cid beyond 31 bits", pilotRow(object{"cid": 1 << 31}), "cid_range"},
		{"no callsign", pilotRow(object{"callsign": absent}), "callsign_missing"},
		{"a numeric callsign", pilotRow(object{"callsign": 7}), "callsign_type"},
		{"an empty callsign", pilotRow(object{"callsign": ""}), "callsign_invalid"},
		{"a callsign of 21 characters", pilotRow(object{"callsign": strings.Repeat("A", 21)}), "callsign_invalid"},
		{"a callsign with a line break", pilotRow(object{"callsign": "BAW\n1"}), "callsign_invalid"},
		{"a callsign that is not ASCII", pilotRow(object{"callsign": "BÄW1"}), "callsign_invalid"},
		{"the network's own machine", pilotRow(object{"callsign": "AFVDATA"}), "system_callsign"},
		{"no logon time", pilotRow(object{"logon_time": absent}), "logon_time_missing"},
		{"a numeric logon time", pilotRow(object{"logon_time": 5}), "logon_time_type"},
		{"a logon time that is none", pilotRow(object{"logon_time": "yesterday"}), "logon_time_invalid"},
		{"a logon in the year 1", pilotRow(object{"logon_time": "0001-01-01T00:00:00"}), "logon_time_invalid"},
		{"a null latitude", pilotRow(object{"latitude": nil}), "latitude_type"},
		{"no latitude", pilotRow(object{"latitude": absent}), "latitude_missing"},
		{"a latitude of 91", pilotRow(object{"latitude": 91}), "latitude_range"},
		{"a longitude of -180.1", pilotRow(object{"longitude": -180.1}), "longitude_range"},
		{"a longitude that is text", pilotRow(object{"longitude": "0"}), "longitude_type"},
		{"an altitude that is a flight level", pilotRow(object{"altitude": "FL350"}), "altitude_type"},
		{"an altitude of 99,999 ft", pilotRow(object{"altitude": 99999}), "altitude_range"},
		{"an altitude below every sea", pilotRow(object{"altitude": -2001}), "altitude_range"},
		{"an altitude beyond 64 bits", pilotRow(object{"altitude": 1e30}), "altitude_range"},
		{"a groundspeed of -1", pilotRow(object{"groundspeed": -1}), "groundspeed_range"},
		{"a groundspeed of 5,001", pilotRow(object{"groundspeed": 5001}), "groundspeed_range"},
		{"a groundspeed that is an object", pilotRow(object{"groundspeed": object{"kt": 3}}), "groundspeed_type"},
		{"a heading of 361", pilotRow(object{"heading": 361}), "heading_range"},
		{"a row that is a number", 7, "row_type"},
		{"a row that is null", nil, "row_type"},
		{"a row that is an array", []any{1}, "row_type"},
		{"several faults, of which the cid comes first", pilotRow(object{"heading": 999, "cid": "x", "latitude": nil}), "cid_type"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			good := pilotRow(object{"cid": 1000009, "callsign": "GOOD1"})
			snapshot := mustDecode(t, body(t, object{"pilots": []any{test.row, good}}))
			if len(snapshot.Pilots) != 1 || snapshot.Pilots[0].Callsign != "GOOD1" {
				t.Errorf("pilots %v; want the good one alone", snapshot.Pilots)
			}
			want := []RejectCount{{Kind: KindPilot, Reason: test.reason, Count: 1}}
			if diff := cmp.Diff(want, snapshot.Rejects); diff != "" {
				t.Errorf("rejects (-want +got):\n%s", diff)
			}
		})
	}
}

func TestOddPilotIsKept(t *testing.T) {
	tests := []struct {
		name  string
		row   object
		check func(p Pilot) bool
		drift string // "" for none
	}{
		{"heading 360 is north", object{"heading": 360}, func(p Pilot) bool { return p.Heading == 0 }, ""},
		{"squawk 8888 is unknown", object{"transponder": "8888"}, func(p Pilot) bool { return p.Squawk == NoSquawk }, "pilots.squawk_not_octal"},
		{"squawk 7700 reads as 7700", object{"transponder": "7700"}, func(p Pilot) bool { return p.Squawk == 7700 }, ""},
		{"squawk 0000 is a code", object{"transponder": "0000"}, func(p Pilot) bool { return p.Squawk == 0 }, ""},
		{"a squawk of three digits is unknown", object{"transponder": "220"}, func(p Pilot) bool { return p.Squawk == NoSquawk }, "pilots.squawk_not_octal"},
		{"no military rating, as in 2020", object{"military_rating": absent}, func(p Pilot) bool { return p.MilitaryRating == 0 }, ""},
		{"a new rating", object{"pilot_rating": 127}, func(p Pilot) bool { return p.PilotRating == 127 }, "pilots.unknown_pilot_rating.127"},
		{"a rating that is text", object{"pilot_rating": "PPL"}, func(p Pilot) bool { return p.PilotRating == 0 }, "pilots.odd.pilot_rating"},
		{"a numeric name", object{"name": 1000001}, func(p Pilot) bool { return p.Name == "" }, "pilots.odd.name"},
		{"no name", object{"name": absent}, func(p Pilot) bool { return p.Name == "" }, ""},
		{"no server", object{"server": absent}, func(p Pilot) bool { return p.Server == "" }, ""},
		{"a QNH that is text", object{"qnh_mb": "1013"}, func(p Pilot) bool { return p.QNHMillibar == 0 }, "pilots.odd.qnh_mb"},
		{"a last update that is none", object{"last_updated": "soon"}, func(p Pilot) bool { return p.LastUpdated.IsZero() }, "pilots.odd.last_updated"},
		{"a field nobody knows", object{"mach": 0.8}, func(p Pilot) bool { return p.CID == 1000001 }, "pilots.unknown_field.mach"},
		{"a null plan", object{"flight_plan": nil}, func(p Pilot) bool { return p.Plan == nil }, ""},
		{"a plan that is text", object{"flight_plan": "VFR"}, func(p Pilot) bool { return p.Plan == nil }, "plan_malformed"},
		{"a plan of a megabyte", object{"flight_plan": planObject(object{"remarks": strings.Repeat("R", 1<<20)})},
			func(p Pilot) bool { return len(p.Plan) > 1<<20 }, "pilots.plan_large"},
		{"the deepest altitude seen", object{"altitude": -98}, func(p Pilot) bool { return p.Altitude == -98 }, ""},
		{"the highest altitude seen", object{"altitude": 61729}, func(p Pilot) bool { return p.Altitude == 61729 }, ""},
		{"the fastest seen", object{"groundspeed": 1636}, func(p Pilot) bool { return p.Groundspeed == 1636 }, ""},
		{"an altitude with a fraction", object{"altitude": 1234.5}, func(p Pilot) bool { return p.Altitude == 1235 }, ""},
		{"the poles and the date line", object{"latitude": -90, "longitude": 180}, func(p Pilot) bool { return p.Latitude == -90*degree && p.Longitude == 180*degree }, ""},
		{"a coordinate of many digits", object{"latitude": 51.477512345678, "longitude": 1e-7}, func(p Pilot) bool { return p.Latitude == 5147751 && p.Longitude == 0 }, ""},
		{"a name of 300 characters is cut", object{"name": strings.Repeat("é", 150)}, func(p Pilot) bool { return p.Name == strings.Repeat("é", 100) }, "pilots.cut.name"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			snapshot := mustDecode(t, body(t, object{"pilots": []any{pilotRow(test.row)}}))
			if len(snapshot.Pilots) != 1 || !test.check(snapshot.Pilots[0]) {
				t.Errorf("pilots %+v, rejects %v", snapshot.Pilots, snapshot.Rejects)
			}
			want := map[string]int{}
			if test.drift != "" {
				want[test.drift] = 1
			}
			if diff := cmp.Diff(want, snapshot.Drift); diff != "" {
				t.Errorf("drift (-want +got):\n%s", diff)
			}
		})
	}
}

func TestControllerOddities(t *testing.T) {
	tests := []struct {
		name   string
		row    object
		check  func(c Controller) bool
		reason string
		drift  string
	}{
		{"199.998 means that no frequency is set", object{"frequency": "199.998"}, func(c Controller) bool { return c.Frequency == 0 }, "", ""},
		{"118.7 is 118700 kHz", object{"frequency": "118.7"}, func(c Controller) bool { return c.Frequency == 118700 }, "", ""},
		{"an 8.33 kHz channel", object{"frequency": "132.005"}, func(c Controller) bool { return c.Frequency == 132005 }, "", ""},
		{"a frequency that is a number", object{"frequency": 118.7}, func(c Controller) bool { return c.Frequency == 0 }, "", "controllers.odd.frequency"},
		{"a frequency that is a word", object{"frequency": "UNICOM"}, func(c Controller) bool { return c.Frequency == 0 }, "", "controllers.odd.frequency"},
		{"a null text", object{"text_atis": nil}, func(c Controller) bool { return c.Text == nil }, "", ""},
		{"a text that is one string", object{"text_atis": "hello"}, func(c Controller) bool { return c.Text == nil }, "", "controllers.odd.text_atis"},
		{"a text with a number among its lines", object{"text_atis": []any{"a", 1, "b,\"]"}},
			func(c Controller) bool { return cmp.Equal(c.Text, []string{"a", "b,\"]"}) }, "", "controllers.odd.text_atis"},
		{"an observer", object{"facility": 0, "rating": 1}, func(c Controller) bool { return c.Facility == 0 }, "", ""},
		{"an inactive member's rating", object{"rating": -1}, func(c Controller) bool { return c.Rating == -1 }, "", ""},
		{"a new facility", object{"facility": 9}, func(c Controller) bool { return c.Facility == 9 }, "", "controllers.unknown_facility.9"},
		{"a new rating", object{"rating": 13}, func(c Controller) bool { return c.Rating == 13 }, "", "controllers.unknown_rating.13"},
		{"a facility that is text", object{"facility": "TWR"}, nil, "facility_type", ""},
		{"no facility", object{"facility": absent}, nil, "facility_missing", ""},
		{"no rating", object{"rating": absent}, func(c Controller) bool { return c.Rating == 0 }, "", ""},
		{"a system callsign", object{"callsign": "DATASVR"}, nil, "system_callsign", ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			snapshot := mustDecode(t, body(t, object{"controllers": []any{controllerRow(test.row)}}))
			if test.reason != "" {
				want := []RejectCount{{Kind: KindController, Reason: test.reason, Count: 1}}
				if diff := cmp.Diff(want, snapshot.Rejects); diff != "" {
					t.Errorf("rejects (-want +got):\n%s", diff)
				}
				return
			}
			if len(snapshot.Controllers) != 1 || !test.check(snapshot.Controllers[0]) {
				t.Errorf("controllers %+v, rejects %v", snapshot.Controllers, snapshot.Rejects)
			}
			want := map[string]int{}
			if test.drift != "" {
				want[test.drift] = 1
			}
			if diff := cmp.Diff(want, snapshot.Drift); diff != "" {
				t.Errorf("drift (-want +got):\n%s", diff)
			}
		})
	}
	t.Run("an ATIS code comes, is null, or is absent", func(t *testing.T) {
		snapshot := mustDecode(t, body(t, object{"atis": []any{
			atisRow(object{"callsign": "A_ATIS"}), atisRow(object{"callsign": "B_ATIS", "atis_code": nil}),
			atisRow(object{"callsign": "C_ATIS", "atis_code": absent}),
		}}))
		var codes []string
		for _, station := range snapshot.ATIS {
			codes = append(codes, station.ATISCode)
		}
		if diff := cmp.Diff([]string{"K", "", ""}, codes); diff != "" || len(snapshot.Drift) != 0 {
			t.Errorf("codes (-want +got):\n%s drift %v", diff, snapshot.Drift)
		}
	})
}

func TestPoisonedTextIsCleanedAndTheRowKept(t *testing.T) {
	tests := []struct{ name, raw, want string }{
		{"NUL is dropped", `"Ja\u0000ne"`, "Jane"},
		{"a lone surrogate is replaced", `"Ja\ud800ne"`, "Ja\uFFFDne"},
		{"a surrogate pair is one character", `"\ud83d\ude00"`, "😀"},
		{"bytes that are not UTF-8 are replaced", "\"Ja\xff\xc3ne\"", "Ja\uFFFD\uFFFDne"},
		{"an overlong NUL is replaced", "\"Ja\xc0\x80ne\"", "Ja\uFFFD\uFFFDne"},
		{"escapes are resolved", `"a\"b\\c\/\u00e9"`, `a"b\c/é`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			raw := string(body(t, object{"pilots": []any{pilotRow(object{"name": "NAME"})}}))
			snapshot := mustDecode(t, []byte(strings.Replace(raw, `"NAME"`, test.raw, 1)))
			if len(snapshot.Pilots) != 1 || snapshot.Pilots[0].Name != test.want {
				t.Errorf("pilots %+v, rejects %v; want name %q", snapshot.Pilots, snapshot.Rejects, test.want)
			}
		})
	}
	t.Run("in a callsign it rejects the row alone", func(t *testing.T) {
		raw := string(body(t, object{"pilots": []any{pilotRow(object{"callsign": "NAME"}), pilotRow(object{"cid": 2})}}))
		for _, poison := range []string{"\"B\xff1\"", `"B\ud8001"`, `"B\u00011"`} {
			snapshot := mustDecode(t, []byte(strings.Replace(raw, `"NAME"`, poison, 1)))
			if len(snapshot.Pilots) != 1 || snapshot.Rejects[0].Reason != "callsign_invalid" {
				t.Errorf("%q: pilots %v, rejects %v", poison, snapshot.Pilots, snapshot.Rejects)
			}
		}
	})
}

func TestBodyThatIsNoFeedIsRefusedWhole(t *testing.T) {
	whole := string(body(t, object{"pilots": []any{pilotRow(nil)}}))
	tests := []struct{ name, body, reason string }{
		{"nothing", "", "empty"},
		{"white space", " \r\n", "empty"},
		{"a page", "\n<!DOCTYPE html><html></html>", "html"},
		{"a sentence", "Service unavailable", "not_json"},
		{"an array", "[]", "not_object"},
		{"null", "null", "not_object"},
		{"an empty object", "{}", "no_timestamp"},
		{"no general section", `{"pilots":[]}`, "no_timestamp"},
		{"a null general section", `{"general":null}`, "no_timestamp"},
		{"a timestamp that is none", `{"general":{"update_timestamp":"now"}}`, "no_timestamp"},
		{"a timestamp of the year 1", `{"general":{"update_timestamp":"0001-01-01T00:00:00Z"}}`, "no_timestamp"},
		{"pilots that are an object", `{"general":{"update_timestamp":"2026-11-24T02:39:00Z"},"pilots":{}}`, "section_type"},
		{"something after the end", whole + "{}", "not_json"},
		{"a comma too many", strings.Replace(whole, `"pilots":[`, `"pilots":[,`, 1), "not_json"},
		{"brackets without end", `{"general":` + strings.Repeat("[", 20_000), "not_json"},
		{"NaN", strings.Replace(whole, "51.4775", "NaN", 1), "not_json"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			snapshot, err := Decode([]byte(test.body))
			if snapshot != nil || fault.ReasonOf(err) != test.reason || !fault.Is(err, fault.Upstream) || !Malformed(err) {
				t.Errorf("Decode = %v, %v; want reason %q", snapshot, err, test.reason)
			}
		})
	}
	t.Run("a body cut anywhere is truncated", func(t *testing.T) {
		for cut := 1; cut < len(whole); cut++ {
			if snapshot, err := Decode([]byte(whole[:cut])); snapshot != nil || fault.ReasonOf(err) != "truncated" {
				t.Fatalf("cut at %d of %d: %v, %v", cut, len(whole), snapshot, err)
			}
		}
	})
	t.Run("an error never quotes the body", func(t *testing.T) {
		_, err := Decode([]byte(`{"name":"Jane Doe",` + "\x01"))
		for ; err != nil; err = errors.Unwrap(err) {
			if strings.Contains(err.Error(), "Jane") {
				t.Errorf("error %v", err)
			}
		}
	})
}

func TestSectionsMayBeMissingNullRepeatedOrNew(t *testing.T) {
	t.Run("missing and null sections are empty and counted", func(t *testing.T) {
		snapshot := mustDecode(t, []byte(`{"general":{"update_timestamp":"2026-11-24T02:39:00Z"},"pilots":null}`))
		want := map[string]int{"section_missing.pilot": 1, "section_missing.controller": 1, "section_missing.atis": 1, "section_missing.prefile": 1}
		if diff := cmp.Diff(want, snapshot.Drift); diff != "" {
			t.Errorf("drift (-want +got):\n%s", diff)
		}
	})
	t.Run("a new section is skipped and counted", func(t *testing.T) {
		snapshot := mustDecode(t, body(t, object{"vehicles": []any{object{"cid": 1}}}))
		if diff := cmp.Diff(map[string]int{"unknown_section.vehicles": 1}, snapshot.Drift); diff != "" {
			t.Errorf("drift (-want +got):\n%s", diff)
		}
	})
	t.Run("the rows of a repeated section all count", func(t *testing.T) {
		raw := strings.TrimSuffix(string(body(t, object{"pilots": []any{pilotRow(nil)}})), "}")
		raw += `,"pilots":[` + string(marshal(t, pilotRow(object{"cid": 5}))) + `]}`
		if snapshot := mustDecode(t, []byte(raw)); len(snapshot.Pilots) != 2 || snapshot.Drift["section_repeated.pilot"] != 1 {
			t.Errorf("pilots %v, drift %v", snapshot.Pilots, snapshot.Drift)
		}
	})
	t.Run("a hostile body cannot invent endless names of counts", func(t *testing.T) {
		row := pilotRow(nil)
		for i := range 1000 {
			row[strings.Repeat("x", i+1)] = i
		}
		snapshot := mustDecode(t, body(t, object{"pilots": []any{row}}))
		if len(snapshot.Drift) > maxDriftNames+1 {
			t.Errorf("%d names of drift", len(snapshot.Drift))
		}
	})
}

func TestOfSeveralRowsForOneConnectionTheSameWinsInAnyOrder(t *testing.T) {
	rows := []any{
		pilotRow(object{"altitude": 100}),
		pilotRow(object{"altitude": 200, "logon_time": "2026-11-24T01:30:00Z"}),
		pilotRow(object{"altitude": 300, "logon_time": "2026-11-24T01:30:00Z", "last_updated": "2026-11-24T02:38:59Z"}),
		pilotRow(object{"altitude": 400, "logon_time": "2026-11-24T01:30:00Z", "last_updated": "2026-11-24T02:38:59Z"}),
		pilotRow(object{"callsign": "BAW124"}), // the same member's second connection
		pilotRow(object{"cid": 1000009}),       // another member under the same callsign
	}
	for _, order := range [][]int{{0, 1, 2, 3, 4, 5}, {5, 4, 3, 2, 1, 0}, {3, 0, 2, 5, 1, 4}, {1, 3, 4, 0, 5, 2}} {
		var shuffled []any
		for _, i := range order {
			shuffled = append(shuffled, rows[i])
		}
		snapshot := mustDecode(t, body(t, object{"pilots": shuffled, "prefiles": []any{prefileRow(object{"cid": 1000001, "callsign": "BAW123"})}}))
		if len(snapshot.Pilots) != 3 || len(snapshot.Prefiles) != 1 {
			t.Fatalf("order %v: %d pilots, %d prefiles", order, len(snapshot.Pilots), len(snapshot.Prefiles))
		}
		if diff := cmp.Diff(map[Kind]int{KindPilot: 3}, snapshot.Duplicates); diff != "" {
			t.Errorf("order %v: duplicates (-want +got):\n%s", order, diff)
		}
		for _, pilot := range snapshot.Pilots {
			if pilot.CID == 1000001 && pilot.Callsign == "BAW123" && pilot.Altitude != 300 {
				t.Errorf("order %v: the row at %d ft won", order, pilot.Altitude)
			}
		}
	}
}
