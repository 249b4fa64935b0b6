package vatsim

import (
	"encoding/json"
	"math"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"pgregory.net/rapid"
)

// TestEveryRowIsAccountedFor generates bodies whose rows are right, wrong and
// repeated, and counts them by other means.
func TestEveryRowIsAccountedFor(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		sections := object{}
		want := map[Kind]int{}
		for _, kind := range []Kind{KindPilot, KindController, KindATIS, KindPrefile} {
			rows := rapid.SliceOfN(anyRow(kind), 0, 12).Draw(r, kind.section())
			sections[kind.section()] = rows
			want[kind] = len(rows)
		}
		raw := body(t, sections)
		snapshot, err := Decode(raw)
		if err != nil {
			r.Fatalf("Decode: %v", err)
		}
		for kind, rows := range want {
			if got := accounted(snapshot, kind); got != rows {
				r.Errorf("%d of %d rows of kind %s are accounted for: %+v", got, rows, kind, snapshot)
			}
		}
		checkSnapshot(r, snapshot)
	})
}

func anyRow(kind Kind) *rapid.Generator[any] {
	good := map[Kind]func(object) object{
		KindPilot: pilotRow, KindController: controllerRow, KindATIS: atisRow, KindPrefile: prefileRow,
	}[kind]
	return rapid.Custom(func(r *rapid.T) any {
		if rapid.IntRange(0, 9).Draw(r, "shape") == 0 {
			return anyValue().Draw(r, "row")
		}
		row := good(object{
			"cid":      rapid.IntRange(1, 3).Draw(r, "cid"),
			"callsign": rapid.SampledFrom([]string{"A1", "B2", "DATA"}).Draw(r, "callsign"),
			"logon_time": rapid.SampledFrom([]string{"2026-11-24T01:00:00Z", "2026-11-24T01:00:00.1234567Z"}).
				Draw(r, "logon_time"),
		})
		if kind == KindPrefile {
			delete(row, "logon_time")
		}
		names := rapid.SliceOfN(rapid.SampledFrom(allFields()), 0, 2).Draw(r, "changed")
		for _, name := range names {
			row[name] = anyValue().Draw(r, name)
		}
		return row
	})
}

func allFields() []string {
	return []string{
		"cid", "callsign", "logon_time", "latitude", "longitude", "altitude", "groundspeed", "heading", "facility", "transponder",
		"frequency", "name", "server", "pilot_rating", "military_rating", "rating", "qnh_mb", "visual_range", "atis_code",
		"text_atis", "last_updated", "flight_plan", "something_new",
	}
}

func anyValue() *rapid.Generator[any] {
	return rapid.Custom(func(r *rapid.T) any {
		switch rapid.IntRange(0, 6).Draw(r, "type") {
		case 0:
			return nil
		case 1:
			return rapid.Bool().Draw(r, "bool")
		case 2:
			return rapid.Int64().Draw(r, "int")
		case 3:
			return rapid.Float64Range(-1e300, 1e300).Draw(r, "float")
		case 4:
			return rapid.String().Draw(r, "text")
		case 5:
			return []any{rapid.String().Draw(r, "element"), 1, nil}
		default:
			return object{rapid.String().Draw(r, "name"): rapid.String().Draw(r, "value")}
		}
	})
}

// checkSnapshot checks what must hold of any snapshot, whatever the body.
func checkSnapshot(t interface{ Errorf(string, ...any) }, s *Snapshot) {
	for _, p := range s.Pilots {
		if p.CID <= 0 || p.Latitude < -90*degree || p.Latitude > 90*degree || p.Longitude < -180*degree || p.Longitude > 180*degree ||
			p.Altitude < minAltitude || p.Altitude > maxAltitude || p.Groundspeed < 0 || p.Heading < 0 || p.Heading > 359 ||
			p.Squawk < NoSquawk || p.Squawk > 7777 || p.LogonTime.Year() < 2000 || p.LogonTime.Nanosecond()%int(time.Microsecond) != 0 {
			t.Errorf("pilot %+v", p)
		}
		checkText(t, p.Callsign, p.Name, p.Server)
		checkPlan(t, p.Plan)
	}
	for _, c := range append(s.Controllers[:len(s.Controllers):len(s.Controllers)], s.ATIS...) {
		if c.CID <= 0 || c.Frequency < 0 || c.Frequency > 999_999 || c.VisualRange < 0 {
			t.Errorf("controller %+v", c)
		}
		checkText(t, c.Callsign, c.Name, c.Server, c.ATISCode)
		checkText(t, c.Text...)
	}
	for _, p := range s.Prefiles {
		checkText(t, p.Callsign, p.Name)
		checkPlan(t, p.Plan)
	}
}

func checkText(t interface{ Errorf(string, ...any) }, texts ...string) {
	for _, text := range texts {
		if !utf8.ValidString(text) || strings.ContainsRune(text, 0) {
			t.Errorf("text %q is not clean", text)
		}
	}
}

func checkPlan(t interface{ Errorf(string, ...any) }, plan Plan) {
	parsed, err := plan.Parse()
	if err != nil || plan.Hash() == 0 {
		t.Errorf("plan %q: %v", plan, err)
	}
	checkText(t, parsed.FlightRules, parsed.Aircraft, parsed.Departure, parsed.Arrival, parsed.Remarks, parsed.Route)
}

// TestNumbersAgreeWithEncodingJSON compares the fast ways with the plain one.
func TestNumbersAgreeWithEncodingJSON(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		raw := rapid.StringMatching(`-?(0|[1-9][0-9]{0,17})(\.[0-9]{1,8})?([eE][+-]?[0-9]{1,2})?`).Draw(r, "number")
		var float float64
		if err := json.Unmarshal([]byte(raw), &float); err != nil {
			r.Fatal(err)
		}
		const limit = 1e15
		if math.Abs(float*degree) > limit/2 {
			return
		}
		if got, ok := parseInt([]byte(raw)); !ok || got != int64(math.Round(float)) {
			r.Errorf("parseInt(%s) = %d, %v", raw, got, ok)
		}
		if got, ok := parseDegrees([]byte(raw)); !ok || got != int64(math.Round(float*degree)) {
			r.Errorf("parseDegrees(%s) = %d, %v; want %v", raw, got, ok, math.Round(float*degree))
		}
	})
}
