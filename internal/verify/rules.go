package verify

import (
	"bytes"
	"encoding/json"
	"math"
	"strconv"
	"strings"
	"time"
)

// kind numbers the feed's sections as the database does.
type kind int

const (
	pilots kind = iota + 1
	controllers
	atisStations
	prefiles
	kinds = int(prefiles) + 1
)

func (k kind) String() string {
	return [...]string{"none", "pilot", "controller", "atis", "prefile"}[k]
}

// member is a row of any section as the feed has it, undecoded.
type member struct {
	CID         json.RawMessage `json:"cid"`
	Callsign    json.RawMessage `json:"callsign"`
	Name        json.RawMessage `json:"name"`
	LogonTime   json.RawMessage `json:"logon_time"`
	LastUpdated json.RawMessage `json:"last_updated"`
	Latitude    json.RawMessage `json:"latitude"`
	Longitude   json.RawMessage `json:"longitude"`
	Altitude    json.RawMessage `json:"altitude"`
	Groundspeed json.RawMessage `json:"groundspeed"`
	Heading     json.RawMessage `json:"heading"`
	Facility    json.RawMessage `json:"facility"`
	Frequency   json.RawMessage `json:"frequency"`
	TextATIS    json.RawMessage `json:"text_atis"`
	FlightPlan  json.RawMessage `json:"flight_plan"`
}

// rule is what one field of an acceptable row must be: a number that lies,
// times scale and rounded, between low and high.
type rule struct {
	value          func(*member) json.RawMessage
	scale          float64
	low, high      float64
	wholeInTheFeed bool
}

// rules returns the numbers that a row of a kind must have. A row that breaks
// one is refused; whatever is not listed may be missing or odd.
func rules(k kind) []rule {
	cid := rule{value: func(m *member) json.RawMessage { return m.CID }, scale: 1, low: 1, high: math.MaxInt32, wholeInTheFeed: true}
	switch k {
	case pilots:
		return []rule{
			cid,
			{value: func(m *member) json.RawMessage { return m.Latitude }, scale: 1e5, low: -90e5, high: 90e5},
			{value: func(m *member) json.RawMessage { return m.Longitude }, scale: 1e5, low: -180e5, high: 180e5},
			{value: func(m *member) json.RawMessage { return m.Altitude }, scale: 1, low: -2_000, high: 90_000},
			{value: func(m *member) json.RawMessage { return m.Groundspeed }, scale: 1, low: 0, high: 5_000},
			{value: func(m *member) json.RawMessage { return m.Heading }, scale: 1, low: 0, high: 360},
		}
	case controllers, atisStations:
		facility := rule{value: func(m *member) json.RawMessage { return m.Facility }, scale: 1, low: math.MinInt16, high: math.MaxInt16}
		return []rule{cid, facility}
	default:
		return []rule{cid}
	}
}

// number returns the field as the database keeps it.
func (r rule) number(m *member) (int32, bool) {
	raw := r.value(m)
	if len(raw) == 0 || raw[0] != '-' && (raw[0] < '0' || raw[0] > '9') {
		return 0, false
	}
	// Beyond float64 the value is infinite, which the limits refuse.
	float, _ := strconv.ParseFloat(string(raw), 64)
	if r.wholeInTheFeed && float != math.Trunc(float) {
		return 0, false
	}
	scaled := math.Round(float * r.scale)
	if !(scaled >= r.low && scaled <= r.high) {
		return 0, false
	}
	return int32(scaled), true
}

// text returns a JSON string without its NULs; what is no UTF-8 is replaced.
func text(raw json.RawMessage) (string, bool) {
	if len(raw) == 0 || raw[0] != '"' {
		return "", false
	}
	var unquoted string
	if inner := raw[1 : len(raw)-1]; isPlain(inner) {
		unquoted = string(inner)
	} else if json.Unmarshal(raw, &unquoted) != nil {
		return "", false
	}
	return strings.ReplaceAll(unquoted, "\x00", ""), true
}

func isPlain(inner []byte) bool {
	for _, c := range inner {
		if c == '\\' || c >= 0x80 {
			return false
		}
	}
	return true
}

// callsign returns a row's callsign: 1 to 20 printable ASCII characters without
// spaces, and none of the network's own machines.
func callsign(raw json.RawMessage) (string, bool) {
	name, ok := text(raw)
	if !ok || len(name) < 1 || len(name) > 20 {
		return "", false
	}
	for _, c := range []byte(name) {
		if c < 0x21 || c > 0x7e {
			return "", false
		}
	}
	for _, system := range []string{"AFVDATA", "AFV-SLURPER", "DATA", "DATASVR"} {
		if name == system {
			return "", false
		}
	}
	return name, true
}

// instant returns an RFC 3339 time of this century, cut to microseconds.
func instant(raw json.RawMessage) (time.Time, bool) {
	if len(raw) < 2 || raw[0] != '"' || bytes.IndexByte(raw, '\\') >= 0 {
		return time.Time{}, false
	}
	at, err := time.Parse(time.RFC3339Nano, string(raw[1:len(raw)-1]))
	if err != nil {
		return time.Time{}, false
	}
	at = at.UTC().Truncate(time.Microsecond)
	return at, at.Year() >= 2000 && at.Year() <= 2099
}

// megahertz returns a frequency in kHz; none for what cannot be read and for
// 199.998, which the feed sends when none is set.
func megahertz(raw json.RawMessage) (kilohertz int, ok bool) {
	written, ok := text(raw)
	if !ok {
		return 0, false
	}
	whole, fraction, _ := strings.Cut(written, ".")
	if len(whole) < 1 || len(whole) > 3 || len(fraction) > 3 {
		return 0, false
	}
	number, err := strconv.ParseUint(whole+(fraction + "000")[:3], 10, 32)
	if err != nil || number == 199_998 {
		return 0, false
	}
	return int(number), number != 0
}
