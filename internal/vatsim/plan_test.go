package vatsim

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/skyledger/skyledger/internal/fault"
)

func TestParseAltitude(t *testing.T) {
	tests := []struct {
		filed string
		feet  int
		ok    bool
	}{
		{"35000", 35000, true}, {"350", 35000, true}, {"FL330", 33000, true}, {"F341", 34100, true}, {"fl090", 9000, true},
		{"A045", 4500, true}, {"FL35000", 35000, true}, {" 5500 ", 5500, true}, {"999", 99900, true}, {"1000", 1000, true},
		{"VFR", 0, false}, {"", 0, false}, {"0", 0, false}, {"FL", 0, false}, {"350/370", 0, false}, {"350000", 0, false}, {"-350", 0, false},
	}
	for _, test := range tests {
		if feet, ok := ParseAltitude(test.filed); ok != test.ok || ok && feet != test.feet {
			t.Errorf("ParseAltitude(%q) = %d, %v; want %d, %v", test.filed, feet, ok, test.feet, test.ok)
		}
	}
}

func TestPlanParse(t *testing.T) {
	whole := FlightPlan{
		FlightRules: "I", Aircraft: "A320/M-SDE2FGHIRWXY/LB1", AircraftFAA: "A320/L", AircraftShort: "A320",
		Departure: "EGLL", Arrival: "EHAM", Alternate: "EBBR", CruiseTAS: "450", Altitude: "35000", Deptime: "0215",
		EnrouteTime: "0055", FuelTime: "0230", Remarks: "PBN/A1B1 RMK/TCAS", Route: "BPK7G BPK Q295 SOMVA REDFA",
		RevisionID: 2, AssignedTransponder: "2200",
	}
	tests := []struct {
		name string
		plan string
		want FlightPlan
	}{
		{"a plan of today has 16 texts", string(marshal(t, planObject(nil))), whole},
		{"a plan of 2020 has 12", `{"departure":"EGLL","arrival":"EHAM"}`, FlightPlan{Departure: "EGLL", Arrival: "EHAM"}},
		{"an empty one has none", "", FlightPlan{}},
		{"fields of a wrong type are empty", `{"departure":7,"arrival":null,"route":["A"],"revision_id":"2","altitude":{"a":"}"},"alternate":"EBBR"}`, FlightPlan{Alternate: "EBBR"}},
		{"0000 means that no squawk is assigned", `{"assigned_transponder":"0000"}`, FlightPlan{}},
		{"poison is cleaned", "{\"remarks\":\"a\\u0000b\\ud800c\xff\"}", FlightPlan{Remarks: "ab\uFFFDc\uFFFD"}},
		{"escaped names are names", `{"\u0072oute":"DCT"}`, FlightPlan{Route: "DCT"}},
		{"the last of a repeated name counts", `{"route":"A","route":"B"}`, FlightPlan{Route: "B"}},
		{"remarks of a megabyte are cut", `{"remarks":"` + strings.Repeat("x", 1<<20) + `"}`, FlightPlan{Remarks: strings.Repeat("x", maxPlanText)}},
		{"white space does not matter", " {\n\t\"route\" : \"DCT\" ,\r \"revision_id\" : 3 } ", FlightPlan{Route: "DCT", RevisionID: 3}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, err := Plan(test.plan).Parse()
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("plan (-want +got):\n%s", diff)
			}
		})
	}
	for _, wrong := range []string{"[]", "7", `{"route":`, "{}{}", "\"VFR\""} {
		t.Run("refuses "+wrong, func(t *testing.T) {
			if _, err := Plan(wrong).Parse(); fault.ReasonOf(err) != "plan_malformed" {
				t.Errorf("error %v", err)
			}
		})
	}
}

func TestPlanHashIsStableAndNeverZero(t *testing.T) {
	const hashOfEGLL = -3391042757169290062
	// The hash is stored: a program that computed another one would file every
	// plan anew.
	if got := Plan(`{"departure":"EGLL"}`).Hash(); got != hashOfEGLL {
		t.Errorf("hash %d; want %d", got, hashOfEGLL)
	}
	if Plan(nil).Hash() == 0 || Plan(`{}`).Hash() == Plan(`{ }`).Hash() {
		t.Error("hashes are zero or equal")
	}
}

func TestPlanCloneOutlivesItsBody(t *testing.T) {
	raw := []byte(`{"route":"DCT"}`)
	clone := Plan(raw).Clone()
	clear(raw)
	if string(clone) != `{"route":"DCT"}` || Plan(nil).Clone() != nil {
		t.Errorf("clone %q", clone)
	}
}

func TestParseTimeCutsAnyFractionToMicroseconds(t *testing.T) {
	base := time.Date(2024, 2, 29, 23, 59, 58, 0, time.UTC)
	tests := []struct {
		text string
		want time.Time
		ok   bool
	}{
		{"2024-02-29T23:59:58Z", base, true},
		{"2024-02-29T23:59:58.1Z", base.Add(100 * time.Millisecond), true},
		{"2024-02-29T23:59:58.12Z", base.Add(120 * time.Millisecond), true},
		{"2024-02-29T23:59:58.123Z", base.Add(123 * time.Millisecond), true},
		{"2024-02-29T23:59:58.1234Z", base.Add(123400 * time.Microsecond), true},
		{"2024-02-29T23:59:58.12345Z", base.Add(123450 * time.Microsecond), true},
		{"2024-02-29T23:59:58.123456Z", base.Add(123456 * time.Microsecond), true},
		{"2024-02-29T23:59:58.1234569Z", base.Add(123456 * time.Microsecond), true},
		{"2024-02-28T23:59:58.9999999Z", base.AddDate(0, 0, -1).Add(999999 * time.Microsecond), true},
		{"2024-03-01T00:59:58+01:00", base, true},
		{"2023-02-29T23:59:58Z", time.Time{}, false},
		{"2024-13-01T00:00:00Z", time.Time{}, false},
		{"2024-02-28T24:00:00Z", time.Time{}, false},
		{"2024-02-28T00:00:00.Z", time.Time{}, false},
		{"2024-02-28T00:00:00", time.Time{}, false},
		{"2024-02-28", time.Time{}, false},
		{"", time.Time{}, false},
		{"1999-12-31T23:59:59Z", time.Time{}, false},
	}
	for _, test := range tests {
		got, ok := parseTime([]byte(`"` + test.text + `"`))
		if ok != test.ok || !got.Equal(test.want) || ok && got.Location() != time.UTC {
			t.Errorf("parseTime(%q) = %v, %v; want %v, %v", test.text, got, ok, test.want, test.ok)
		}
	}
}
