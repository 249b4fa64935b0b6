package vatsim

import "time"

// What a row may hold. Limits that captured data does not set come from what
// aircraft and simulators can do; 41,193 captured pilot rows lie between −98 and
// 61,729 ft and reach 1,636 kt.
const (
	minAltitude    = -2_000 // feet: the Dead Sea's shore is at −1,412, a low QNH adds some
	maxAltitude    = 90_000 // feet: the SR-71's record is 85,069
	maxGroundspeed = 5_000  // knots
	maxCID         = 1<<31 - 1
	maxCallsign    = 20 // bytes; the network allows 10 to 12

	maxName       = 200  // bytes; 18 seen
	maxServer     = 64   // bytes; 10 seen
	maxATISCode   = 8    // bytes; 1 seen
	maxTextLine   = 1000 // bytes; 351 seen
	maxTextLines  = 100  // 27 seen
	maxPlanLength = 64 << 10
)

// identity reads what every kind of row must have.
func (d *decoder) identity(row *values) (cid int32, callsign, reason string) {
	number, reason := requiredInt(row[fieldCID], "cid", 1, maxCID)
	if reason != "" {
		return 0, "", reason
	}
	if !isWhole(row[fieldCID]) {
		return 0, "", "cid_type"
	}
	callsign, reason = d.callsign(row[fieldCallsign])
	return int32(number), callsign, reason
}

func (d *decoder) callsign(raw []byte) (callsign, reason string) {
	switch {
	case raw == nil:
		return "", "callsign_missing"
	case raw[0] != '"':
		return "", "callsign_type"
	}
	text := d.text.unquoted(raw)
	if len(text) == 0 || len(text) > maxCallsign {
		return "", "callsign_invalid"
	}
	for _, c := range text {
		if c <= ' ' || c > '~' {
			return "", "callsign_invalid"
		}
	}
	switch string(text) {
	case "AFVDATA", "AFV-SLURPER", "DATA", "DATASVR": // the network's own machines
		return "", "system_callsign"
	}
	return string(text), ""
}

// requiredInt reads a number that a row must have. Fractions, never seen, are
// rounded; the reason is name with _missing, _type or _range.
func requiredInt(raw []byte, name string, low, high int64) (number int64, reason string) {
	if raw == nil {
		return 0, name + "_missing"
	}
	number, ok := parseInt(raw)
	switch {
	case !ok:
		return 0, name + "_type"
	case number < low || number > high:
		return 0, name + "_range"
	default:
		return number, ""
	}
}

// requiredDegrees reads a coordinate as 1e-5 degrees.
func requiredDegrees(raw []byte, name string, limit int64) (degrees int32, reason string) {
	if raw == nil {
		return 0, name + "_missing"
	}
	number, ok := parseDegrees(raw)
	switch {
	case !ok:
		return 0, name + "_type"
	case number < -limit || number > limit:
		return 0, name + "_range"
	default:
		return int32(number), ""
	}
}

func requiredTime(raw []byte, name string) (at time.Time, reason string) {
	switch {
	case raw == nil:
		return time.Time{}, name + "_missing"
	case raw[0] != '"':
		return time.Time{}, name + "_type"
	}
	at, ok := parseTime(raw)
	if !ok {
		return time.Time{}, name + "_invalid"
	}
	return at, ""
}

// optionalInt reads a number that a row may lack. What is no number, or none
// that fits, is counted as drift and is 0.
func (d *decoder) optionalInt(kind Kind, raw []byte, name string, low, high int64) int64 {
	if raw == nil {
		return 0
	}
	number, ok := parseInt(raw)
	if !ok || number < low || number > high {
		d.tally.driftName(kind.section()+".odd.", []byte(name))
		return 0
	}
	return number
}

// optionalRating reads a rating or facility; numbers that nobody has documented
// are kept and counted.
func (d *decoder) optionalRating(kind Kind, raw []byte, name string, known func(int64) bool) int16 {
	number := d.optionalInt(kind, raw, name, -1<<15, 1<<15-1)
	if !known(number) {
		d.tally.driftName(kind.section()+".unknown_"+name+".", trimNumber(raw))
	}
	return int16(number)
}

func isRating(n int64) bool   { return n >= -1 && n <= 12 }
func isFacility(n int64) bool { return n >= 0 && n <= 6 }

func isPilotRating(n int64) bool {
	switch n {
	case 0, 1, 3, 7, 15, 31, 63:
		return true
	default:
		return false
	}
}

func isMilitaryRating(n int64) bool {
	switch n {
	case 0, 1, 3, 7, 15:
		return true
	default:
		return false
	}
}

// optionalText reads a text that a row may lack, cleaned and cut at limit bytes.
func (d *decoder) optionalText(kind Kind, raw []byte, name string, limit int) string {
	switch {
	case raw == nil:
		return ""
	case raw[0] != '"':
		d.tally.driftName(kind.section()+".odd.", []byte(name))
		return ""
	}
	text := d.text.unquoted(raw)
	if len(text) > limit {
		d.tally.driftName(kind.section()+".cut.", []byte(name))
		text = cutText(text, limit)
	}
	return string(text)
}

func (d *decoder) optionalTime(kind Kind, raw []byte, name string) time.Time {
	if raw == nil {
		return time.Time{}
	}
	at, ok := parseTime(raw)
	if !ok {
		d.tally.driftName(kind.section()+".odd.", []byte(name))
	}
	return at
}

// server returns one string for all rows of a server: there are about ten.
func (d *decoder) server(kind Kind, raw []byte) string {
	if raw == nil || raw[0] != '"' {
		return d.optionalText(kind, raw, "server", maxServer)
	}
	if text := d.text.unquoted(raw); len(text) <= maxServer {
		return d.text.intern(text)
	}
	return d.optionalText(kind, raw, "server", maxServer)
}
