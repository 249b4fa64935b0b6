package faulttest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/skyledger/skyledger/internal/vatsim"
)

// base is tick 0 of every scenario.
var base = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

const (
	tickLength = 15 * time.Second
	// fetchedAfter is when in a tick the feed is asked.
	fetchedAfter = 3 * time.Second
)

// tickAt returns the kth tick.
func tickAt(k int) time.Time { return base.Add(time.Duration(k) * tickLength) }

// stampOf returns the update_timestamp of the kth tick's snapshot, to 100 ns as
// the feed has it.
func stampOf(k int) time.Time { return tickAt(k).Add(1123456700 * time.Nanosecond) }

// row is one row of a feed body as text, with what must become of it.
type row struct {
	kind           vatsim.Kind
	cid            int
	callsign       string
	logon          time.Time
	lat, lon       int // 1e-5 degrees
	alt            int
	names          []string
	values         map[string]string
	rejected       string // the reason it must be refused for; "" when it must be stored
	loses          bool   // a better row of the same connection is in the snapshot
	wantedCallsign string // as stored, where cleaning changes it
}

func quote(text string) string { return strconv.Quote(text) }

func stamp(at time.Time) string { return quote(at.Format("2006-01-02T15:04:05.0000000Z")) }

// pilot returns the row of a pilot who flies east, a little at each tick.
func pilot(cid, k int) *row {
	r := &row{
		kind: vatsim.KindPilot, cid: cid, callsign: fmt.Sprintf("TST%d", cid), logon: base.Add(-time.Hour - time.Duration(cid)*time.Second),
		lat: 4_000_000 + cid%1000*1_000, lon: -3_000_000 + cid%700*2_000 + k*100, alt: 20_000 + cid%100*100 + k,
		values: map[string]string{},
	}
	if cid%3 == 0 { // parked
		r.lon, r.alt = -3_000_000+cid%700*2_000, 80
	}
	r.set("cid", strconv.Itoa(cid)).set("name", quote(fmt.Sprintf("Quillon Varstag%c EGLL", 'a'+cid%26)))
	r.set("callsign", quote(r.callsign)).set("server", `"TEST-1"`).set("pilot_rating", "0").set("military_rating", "0")
	r.set("latitude", degrees(r.lat)).set("longitude", degrees(r.lon)).set("altitude", strconv.Itoa(r.alt))
	r.set("groundspeed", "420").set("transponder", `"2200"`).set("heading", "90").set("qnh_i_hg", "29.92").set("qnh_mb", "1013")
	return r.set("flight_plan", plan("EGLL", "KJFK", 1, "PBN/A1B1")).set("logon_time", stamp(r.logon)).set("last_updated", stamp(stampOf(k)))
}

func degrees(e5 int) string { return strconv.FormatFloat(float64(e5)/1e5, 'f', 5, 64) }

func plan(from, to string, revision int, remarks string) string {
	return fmt.Sprintf(`{"flight_rules":"I","aircraft":"B738/M","aircraft_faa":"B738/L","aircraft_short":"B738","departure":%q,"arrival":%q,`+
		`"alternate":"ZZZZ","cruise_tas":"450","altitude":"35000","deptime":"1130","enroute_time":"0700","fuel_time":"0900",`+
		`"remarks":%q,"route":"DCT","revision_id":%d,"assigned_transponder":"0000"}`, from, to, remarks, revision)
}

func station(kind vatsim.Kind, cid int, callsign, frequency string, facility int) *row {
	r := &row{kind: kind, cid: cid, callsign: callsign, logon: base.Add(-2 * time.Hour), values: map[string]string{}}
	r.set("cid", strconv.Itoa(cid)).set("name", `"Brisk Tolvane"`).set("callsign", quote(callsign)).set("frequency", quote(frequency))
	r.set("facility", strconv.Itoa(facility)).set("rating", "5").set("server", `"TEST-1"`).set("visual_range", "100")
	return r.set("text_atis", "null").set("last_updated", stamp(base)).set("logon_time", stamp(r.logon))
}

func controller(cid int, callsign, frequency string) *row {
	return station(vatsim.KindController, cid, callsign, frequency, 4)
}

func atis(cid int, callsign, code, text string) *row {
	return station(vatsim.KindATIS, cid, callsign, "121.800", 4).set("atis_code", quote(code)).set("text_atis", "["+quote(text)+"]")
}

func prefile(cid int) *row {
	r := &row{kind: vatsim.KindPrefile, cid: cid, callsign: fmt.Sprintf("PRE%d", cid), values: map[string]string{}}
	r.set("cid", strconv.Itoa(cid)).set("name", `"Morwen Ashgale"`).set("callsign", quote(r.callsign))
	return r.set("flight_plan", plan("EHAM", "EGLL", 1, "")).set("last_updated", stamp(base.Add(-time.Hour)))
}

// set puts raw JSON into a field of the row.
func (r *row) set(name, raw string) *row {
	if _, known := r.values[name]; !known {
		r.names = append(r.names, name)
	}
	r.values[name] = raw
	return r
}

// without takes a field out.
func (r *row) without(name string) *row {
	r.names = slices.DeleteFunc(r.names, func(other string) bool { return other == name })
	delete(r.values, name)
	return r
}

// refusedFor says that the row must be refused, and why.
func (r *row) refusedFor(reason string) *row {
	r.rejected = reason
	return r
}

// beaten says that a better row of the same connection is in the snapshot.
func (r *row) beaten() *row {
	r.loses = true
	return r
}

func (r *row) named(callsign string) *row {
	r.callsign = callsign
	return r.set("callsign", quote(callsign))
}

func (r *row) loggedOn(at time.Time) *row {
	r.logon = at
	return r.set("logon_time", stamp(at))
}

func (r *row) stored() bool { return r.rejected == "" && !r.loses }

func (r *row) text() string {
	fields := make([]string, len(r.names))
	for i, name := range r.names {
		fields[i] = quote(name) + ":" + r.values[name]
	}
	return "{" + strings.Join(fields, ",") + "}"
}

// snapshot is a fixture: one body of the feed.
type snapshot struct {
	at       time.Time // update_timestamp
	rows     []*row
	sections map[string]string // sections to replace or add, as raw JSON
}

func newSnapshot(at time.Time, rows ...*row) *snapshot {
	return &snapshot{at: at, rows: rows, sections: map[string]string{}}
}

// traffic returns the kth tick's snapshot of so many pilots with a few
// stations and prefiles beside them. One pilot of each hundred comes and goes.
func traffic(k, pilots int, more ...*row) *snapshot {
	rows := make([]*row, 0, pilots+len(more)+4)
	for i := range pilots {
		if i%100 == 7 && k/3%2 == 1 {
			continue
		}
		rows = append(rows, pilot(1_000_000+i, k))
	}
	rows = append(rows, controller(800_001, "EGLL_TWR", "118.500"), controller(800_002, "XX_OBS", "199.998").set("facility", "0"),
		atis(800_001, "EGLL_ATIS", string(rune('A'+k/20%26)), fmt.Sprintf("INFORMATION %c", 'A'+k/20%26)), prefile(700_001))
	return newSnapshot(stampOf(k), append(rows, more...)...)
}

// key is the snapshot's identity as the database keeps it.
func (s *snapshot) key() time.Time { return s.at.Truncate(time.Microsecond) }

// of returns the rows of a kind.
func (s *snapshot) of(kind vatsim.Kind) []*row {
	var rows []*row
	for _, r := range s.rows {
		if r.kind == kind {
			rows = append(rows, r)
		}
	}
	return rows
}

// count returns how many rows of a kind must be stored.
func (s *snapshot) count(kind vatsim.Kind) int {
	n := 0
	for _, r := range s.of(kind) {
		if r.stored() {
			n++
		}
	}
	return n
}

func (s *snapshot) section(kind vatsim.Kind) string {
	texts := []string{}
	for _, r := range s.of(kind) {
		texts = append(texts, r.text())
	}
	return "[" + strings.Join(texts, ",\n") + "]"
}

// body renders the snapshot as the feed does.
func (s *snapshot) body() []byte {
	clients := s.count(vatsim.KindPilot) + s.count(vatsim.KindController) + s.count(vatsim.KindATIS)
	sections := []struct{ name, text string }{
		{"general", fmt.Sprintf(`{"version":3,"reload":1,"update":%q,"update_timestamp":%s,"connected_clients":%d,"unique_users":%d}`,
			s.at.Format("20060102150405"), stamp(s.at), clients, clients)},
		{"pilots", s.section(vatsim.KindPilot)}, {"controllers", s.section(vatsim.KindController)},
		{"atis", s.section(vatsim.KindATIS)}, {"servers", "[]"}, {"prefiles", s.section(vatsim.KindPrefile)},
		{"facilities", "[]"}, {"ratings", "[]"}, {"pilot_ratings", "[]"}, {"military_ratings", "[]"},
	}
	var out bytes.Buffer
	out.WriteByte('{')
	for i, section := range sections {
		if i > 0 {
			out.WriteByte(',')
		}
		text := section.text
		if other, replaced := s.sections[section.name]; replaced {
			text = other
		}
		fmt.Fprintf(&out, "%q:%s", section.name, text)
	}
	for name, text := range s.sections {
		if !slices.ContainsFunc(sections, func(known struct{ name, text string }) bool { return known.name == name }) {
			fmt.Fprintf(&out, ",%q:%s", name, text)
		}
	}
	out.WriteByte('}')
	return out.Bytes()
}

// radios is a transceivers body in which every station of the snapshot has one.
func (s *snapshot) radios() []byte {
	type transceiver struct {
		ID        int     `json:"id"`
		Frequency int     `json:"frequency"`
		Latitude  float64 `json:"latDeg"`
		Longitude float64 `json:"lonDeg"`
		MSL       float64 `json:"heightMslM"`
		AGL       float64 `json:"heightAglM"`
	}
	type radio struct {
		Callsign     string        `json:"callsign"`
		Transceivers []transceiver `json:"transceivers"`
	}
	list := []radio{}
	for _, r := range append(s.of(vatsim.KindController), s.of(vatsim.KindATIS)...) {
		list = append(list, radio{r.callsign, []transceiver{{0, 118_500_000, 51.47, -0.45, 103, 99}}})
	}
	raw, err := json.Marshal(list)
	if err != nil {
		panic(err) // of numbers and texts of our own
	}
	return raw
}
