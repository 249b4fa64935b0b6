package vatsim

import (
	"bytes"
	"math"
	"strconv"
	"time"
)

const (
	degree         = 100_000 // coordinates are kept as 1e-5 degrees
	unsetFrequency = 199_998 // kHz: what the feed sends when none is set
)

// parseInt reads a JSON number, rounded to the nearest integer, halves away
// from zero. Numbers beyond ±1e15 come back as ±1e15.
func parseInt(raw []byte) (number int64, ok bool) {
	const most = 15
	digits := raw
	if len(digits) > 0 && digits[0] == '-' {
		digits = digits[1:]
	}
	if len(digits) == 0 || digits[0] < '0' || digits[0] > '9' {
		return 0, false
	}
	if len(digits) <= most {
		for _, c := range digits {
			if c < '0' || c > '9' {
				return parseRounded(raw, 1)
			}
			number = number*10 + int64(c-'0')
		}
		if raw[0] == '-' {
			number = -number
		}
		return number, true
	}
	return parseRounded(raw, 1)
}

// parseDegrees reads a JSON number as 1e-5 degrees, rounded as parseInt rounds.
func parseDegrees(raw []byte) (number int64, ok bool) {
	const most, places = 14, 5
	if len(raw) == 0 || len(raw) > most || raw[0] != '-' && (raw[0] < '0' || raw[0] > '9') {
		return parseRounded(raw, degree)
	}
	fraction := -1 // digits after the point; −1 before it
	for i, c := range raw {
		switch {
		case c >= '0' && c <= '9':
			number = number*10 + int64(c-'0')
			if fraction >= 0 {
				fraction++
			}
		case c == '.':
			fraction = 0
		case c == '-' && i == 0:
		default:
			return parseRounded(raw, degree)
		}
	}
	if fraction > places {
		return parseRounded(raw, degree)
	}
	for range places - max(fraction, 0) {
		number *= 10
	}
	if raw[0] == '-' {
		number = -number
	}
	return number, true
}

// parseRounded is the slow way, for numbers in whatever form JSON allows.
func parseRounded(raw []byte, scale float64) (number int64, ok bool) {
	if len(raw) == 0 || raw[0] != '-' && (raw[0] < '0' || raw[0] > '9') {
		return 0, false
	}
	const limit = 1e15
	// Out of float64's range the result is ±Inf, which the limit catches.
	float, _ := strconv.ParseFloat(string(raw), 64)
	return int64(max(-limit, min(limit, math.Round(float*scale)))), true
}

// isWhole reports whether a JSON number has no fraction.
func isWhole(raw []byte) bool {
	if !bytes.ContainsAny(raw, ".eE") {
		return true
	}
	float, err := strconv.ParseFloat(string(raw), 64)
	return err == nil && float == math.Trunc(float)
}

// trimNumber shortens a raw number for use in the name of a count.
func trimNumber(raw []byte) []byte { return raw[:min(len(raw), 8)] }

// parseMegahertz reads "118.7" or "118.700" as 118700 kHz.
func parseMegahertz(raw []byte) (kilohertz int32, ok bool) {
	if len(raw) < 2 || raw[0] != '"' {
		return 0, false
	}
	whole, fraction, _ := bytes.Cut(raw[1:len(raw)-1], []byte("."))
	if len(whole) == 0 || len(whole) > 3 || len(fraction) > 3 {
		return 0, false
	}
	for i := range 6 {
		digit := byte('0') // what the text leaves out on the right
		switch {
		case i < 3 && i < 3-len(whole): // and on the left
		case i < 3:
			digit = whole[i-3+len(whole)]
		case i-3 < len(fraction):
			digit = fraction[i-3]
		}
		if digit < '0' || digit > '9' {
			return 0, false
		}
		kilohertz = kilohertz*10 + int32(digit-'0')
	}
	return kilohertz, true
}

// parseTime reads a quoted RFC 3339 time with any number of fractional digits
// and cuts it to microseconds. Years outside 2000–2099, such as the year 1 that
// some software sends for "never", are not ok.
func parseTime(raw []byte) (at time.Time, ok bool) {
	if len(raw) < 2 || raw[0] != '"' {
		return time.Time{}, false
	}
	text := raw[1 : len(raw)-1]
	at, ok = parseUTC(text)
	if !ok {
		parsed, err := time.Parse(time.RFC3339Nano, string(text))
		if err != nil {
			return time.Time{}, false
		}
		at = parsed.UTC().Truncate(time.Microsecond)
	}
	if at.Year() < 2000 || at.Year() > 2099 {
		return time.Time{}, false
	}
	return at, true
}

// parseUTC is the fast way for the feed's own form, "2024-11-21T12:57:25.1164247Z".
func parseUTC(text []byte) (at time.Time, ok bool) {
	const layout = "0000-00-00T00:00:00"
	if len(text) <= len(layout) || text[len(text)-1] != 'Z' {
		return time.Time{}, false
	}
	for i := range layout {
		if c := text[i]; layout[i] == '0' && (c < '0' || c > '9') || layout[i] != '0' && c != layout[i] {
			return time.Time{}, false
		}
	}
	number := func(from, to int) (n int) {
		for _, c := range text[from:to] {
			n = n*10 + int(c-'0')
		}
		return n
	}
	nanoseconds, scale := 0, 100_000_000
	if fraction := text[len(layout) : len(text)-1]; len(fraction) > 0 {
		if fraction[0] != '.' || len(fraction) == 1 {
			return time.Time{}, false
		}
		for _, c := range fraction[1:] {
			if c < '0' || c > '9' {
				return time.Time{}, false
			}
			nanoseconds += int(c-'0') * scale
			scale /= 10
		}
	}
	month, day := number(5, 7), number(8, 10)
	hour, minute, second := number(11, 13), number(14, 16), number(17, 19)
	// Days 29–31 that a month may lack are left to time.Parse, which knows.
	if month < 1 || month > 12 || day < 1 || day > 28 || hour > 23 || minute > 59 || second > 59 {
		return time.Time{}, false
	}
	const microsecond = int(time.Microsecond)
	return time.Date(number(0, 4), time.Month(month), day, hour, minute, second,
		nanoseconds/microsecond*microsecond, time.UTC), true
}
