package verify

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/skyledger/skyledger/internal/vatsim"
	"github.com/skyledger/skyledger/internal/verify/verifytest"
)

// poisons are values that a field may hold for once.
func poisons() []string {
	return []string{
		`null`, `true`, `{}`, `[]`, `""`, `" "`, `"abc"`, `"A\u0000B"`, `"\ud800"`, `"ÄÖ"`, `"AFVDATA"`, `"AAAAAAAAAAAAAAAAAAAAA"`, "\"\xff\xfe\"",
		`0`, `-0`, `-0.4`, `-1`, `0.5`, `1.5`, `7e0`, `12e-1`, `90`, `90.000004`, `90.000006`, `-90.00001`, `180`, `180.1`, `-180.000001`, `359.6`, `360`, `360.5`, `361`,
		`4999.5`, `5000.5`, `90000`, `90000.5`, `-2000.4`, `-2001`, `32767`, `32768`, `-32769`, `2147483647`, `2147483648`, `1e400`, `-1e400`, `123456789012345678901234567890`, `51.4775000000000001`,
		`"2026-03-01T12:00:00Z"`, `"2026-03-01T12:00:00.1234567Z"`, `"2026-03-01T14:00:00+02:00"`, `"0001-01-01T00:00:00Z"`, `"2100-01-01T00:00:00Z"`, `"2026-02-30T00:00:00Z"`, `"2026-03-01 12:00:00"`,
		`"199.998"`, `"118.7"`, `"18.5"`, `"118.7000"`, `"118,7"`, `"0"`,
	}
}

// poisoned returns a body of the story in which some fields of some rows are
// replaced, dropped, or rows by something else, and some rows come twice.
func poisoned(t *rapid.T) []byte {
	var body map[string]json.RawMessage
	if err := json.Unmarshal(verifytest.Record(rapid.IntRange(0, 8).Draw(t, "tick")).Network, &body); err != nil {
		t.Fatal(err)
	}
	for _, section := range []string{"pilots", "controllers", "atis", "prefiles"} {
		var rows []map[string]json.RawMessage
		if err := json.Unmarshal(body[section], &rows); err != nil {
			t.Fatal(err)
		}
		var out []byte
		for _, row := range rows {
			for range rapid.IntRange(0, 2).Draw(t, "faults") {
				name := rapid.SampledFrom([]string{
					"cid", "callsign", "logon_time", "last_updated", "latitude", "longitude", "altitude", "groundspeed", "heading", "facility", "frequency", "name",
				}).Draw(t, "field")
				if rapid.IntRange(0, 9).Draw(t, "drop") == 0 {
					delete(row, name)
					continue
				}
				row[name] = json.RawMessage(rapid.SampledFrom(poisons()).Draw(t, "value"))
			}
			out = appendRow(out, row)
			if rapid.IntRange(0, 4).Draw(t, "twice") == 0 {
				row["last_updated"] = json.RawMessage(rapid.SampledFrom([]string{`"2026-03-01T12:00:00Z"`, `"2026-03-01T12:59:00Z"`, `null`}).Draw(t, "updated"))
				out = appendRow(out, row)
			}
			if rapid.IntRange(0, 19).Draw(t, "other") == 0 {
				out = append(append(out, rapid.SampledFrom([]string{`null`, `7`, `"row"`, `[]`}).Draw(t, "instead")...), ',')
			}
		}
		if len(out) > 0 {
			out = out[:len(out)-1]
		}
		body[section] = append(append([]byte{'['}, out...), ']')
	}
	return join(body)
}

// appendRow writes a row as it stands: what is no UTF-8 must stay.
func appendRow(out []byte, row map[string]json.RawMessage) []byte {
	return append(append(out, join(row)...), ',')
}

func join(fields map[string]json.RawMessage) []byte {
	out := []byte{'{'}
	for _, name := range sortedKeys(fields) {
		if len(out) > 1 {
			out = append(out, ',')
		}
		out = append(append(append(out, '"'), name...), '"', ':')
		out = append(out, fields[name]...)
	}
	return append(out, '}')
}

// TestTheCounterAgreesWithTheDecoder holds the two against each other: neither
// was made from the other, so what both say is what the feed means.
func TestTheCounterAgreesWithTheDecoder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		body := poisoned(t)
		want, err := vatsim.Decode(body)
		if err != nil {
			t.Fatal(err)
		}
		got, err := count(body)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(decoded(want), counters(got)); diff != "" {
			t.Fatalf("decoder and counter differ (-decoder +counter):\n%s\n%s", diff, body)
		}
		if !want.UpdateTimestamp.Equal(got.at) {
			t.Fatalf("times differ: %s, %s", want.UpdateTimestamp, got.at)
		}
	})
}

// summary is what both can say of a body.
type summary struct {
	Tallies     map[string][3]int // accepted, rejected, duplicates
	Connections map[string]bool
	Positions   map[string]bool
}

func newSummary() summary {
	return summary{Tallies: map[string][3]int{}, Connections: map[string]bool{}, Positions: map[string]bool{}}
}

func (s summary) add(k kind, cid int32, callsign string, logon time.Time) {
	c := connection{kind: k, cid: cid, callsign: callsign}
	if !logon.IsZero() {
		c.logon = logon.UnixMicro()
	}
	s.Connections[c.String()] = true
}

func decoded(s *vatsim.Snapshot) summary {
	out := newSummary()
	accepted := map[vatsim.Kind]int{
		vatsim.KindPilot: len(s.Pilots), vatsim.KindController: len(s.Controllers), vatsim.KindATIS: len(s.ATIS), vatsim.KindPrefile: len(s.Prefiles),
	}
	for k, rows := range accepted {
		rejected := 0
		for _, reject := range s.Rejects {
			if reject.Kind == k {
				rejected += reject.Count
			}
		}
		out.Tallies[k.String()] = [3]int{rows, rejected, s.Duplicates[k]}
	}
	for _, p := range s.Pilots {
		out.add(pilots, p.CID, p.Callsign, p.LogonTime)
		out.Positions[position{
			cid: p.CID, callsign: p.Callsign, lat: p.Latitude, lon: p.Longitude, altitude: p.Altitude,
			groundspeed: int32(p.Groundspeed), heading: int32(p.Heading),
		}.String()] = true
	}
	for _, c := range s.Controllers {
		out.add(controllers, c.CID, c.Callsign, c.LogonTime)
	}
	for _, c := range s.ATIS {
		out.add(atisStations, c.CID, c.Callsign, c.LogonTime)
	}
	for _, p := range s.Prefiles {
		out.add(prefiles, p.CID, p.Callsign, time.Time{})
	}
	return out
}

func counters(s *snapshot) summary {
	out := newSummary()
	for k := pilots; k <= prefiles; k++ {
		t := s.tallies[k]
		out.Tallies[k.String()] = [3]int{t.accepted, t.rejected, t.duplicates}
		for _, row := range s.rows[k] {
			logon := time.Time{}
			if row.logon != 0 {
				logon = time.UnixMicro(row.logon)
			}
			out.add(k, row.cid, row.callsign, logon)
		}
	}
	for _, p := range s.positions() {
		out.Positions[p.String()] = true
	}
	return out
}

func TestBodiesThatAreNoSnapshots(t *testing.T) {
	whole := string(verifytest.Record(0).Network)
	for name, body := range map[string]string{
		"nothing": "", "a page": "<html>", "an array": "[]", "cut off": whole[:len(whole)-1], "something behind": whole + "{}",
		"no time": `{"pilots":[]}`, "a section that is no array": `{"general":{"update_timestamp":"2026-03-01T12:00:00Z"},"pilots":{}}`,
	} {
		t.Run(name, func(t *testing.T) {
			_, decodeErr := vatsim.Decode([]byte(body))
			if _, err := count([]byte(body)); err == nil || decodeErr == nil {
				t.Errorf("the counter says %v, the decoder %v", err, decodeErr)
			}
		})
	}
}

func TestFullNames(t *testing.T) {
	for name, want := range map[string][]string{
		"Jane Doe EGLL": {"jane", "doe"}, "jane doe": {"jane", "doe"}, "Jean-Luc O'Neil": {"jean", "luc", "o", "neil"},
		"Jane": nil, "Jane EGLL": nil, "1234567": nil, "Jane 1234567": nil, "": nil, "Åsa Öberg": {"åsa", "öberg"},
	} {
		if diff := cmp.Diff(want, fullName(name)); diff != "" {
			t.Errorf("fullName(%q) (-want +got):\n%s", name, diff)
		}
	}
	n := newNames()
	n.all["jane doe"], n.most = true, 2
	for text, want := range map[string]int{
		"RMK/JANE DOE": 1, "jane_doe, Jane  Doe": 2, "JANEDOE": 0, "JANE X DOE": 0, "MARYJANE DOE": 0,
	} {
		if got := len(n.find(text)); got != want {
			t.Errorf("%q holds %d names, want %d", text, got, want)
		}
	}
}
