package api

import (
	"context"
	"encoding/base64"
	"strconv"
	"strings"
	"time"
)

// millisecondsFrom is where a number stops being epoch seconds (the year 5138)
// and is epoch milliseconds (from 1973 on).
const millisecondsFrom = 100_000_000_000

// parseTime reads RFC 3339, epoch seconds or epoch milliseconds. A plus sign
// that a query turned into a space is put back.
func parseTime(text string) (time.Time, bool) {
	if number, err := strconv.ParseInt(text, 10, 64); err == nil {
		if number >= millisecondsFrom || number <= -millisecondsFrom {
			return time.UnixMilli(number).UTC(), inRange(time.UnixMilli(number))
		}
		return time.Unix(number, 0).UTC(), true
	}
	at, err := time.Parse(time.RFC3339Nano, strings.Replace(text, " ", "+", 1))
	return at.UTC(), err == nil && inRange(at)
}

// inRange keeps times to the years that PostgreSQL and RFC 3339 both have.
func inRange(at time.Time) bool { return at.Year() >= 1 && at.Year() <= 9999 }

// window is a half-open span of time.
type window struct{ from, to time.Time }

// span reads from, to and hours: to is now when it is not given, from is hours
// before it.
func (s *service) span(ctx context.Context, from, to string, hours float64, longest time.Duration) (window, error) {
	chosen := window{to: s.Clock().UTC()}
	var ok bool
	if to != "" {
		if chosen.to, ok = parseTime(to); !ok {
			return chosen, invalid(ctx, "to", to, notATime)
		}
	}
	chosen.from = chosen.to.Add(-time.Duration(hours * float64(time.Hour)))
	if from != "" {
		if chosen.from, ok = parseTime(from); !ok {
			return chosen, invalid(ctx, "from", from, notATime)
		}
	}
	if !chosen.from.Before(chosen.to) {
		return chosen, invalid(ctx, "from", from, "must be before to")
	}
	if length := chosen.to.Sub(chosen.from); length > longest {
		return chosen, invalid(ctx, "from", from, "the span may be at most "+strconv.Itoa(int(longest/time.Hour))+" hours")
	}
	return chosen, nil
}

const notATime = "must be RFC 3339, epoch seconds or epoch milliseconds"

// A cursor is the last row's time in µs, made opaque so that nobody builds one.
const cursorVersion = "t1."

func cursorAfter(at time.Time) string {
	return base64.RawURLEncoding.EncodeToString([]byte(cursorVersion + strconv.FormatInt(at.UnixMicro(), 36)))
}

func parseCursor(text string) (time.Time, bool) {
	raw, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil {
		return time.Time{}, false
	}
	number, found := strings.CutPrefix(string(raw), cursorVersion)
	if !found {
		return time.Time{}, false
	}
	micros, err := strconv.ParseInt(number, 36, 64)
	at := time.UnixMicro(micros).UTC()
	return at, err == nil && inRange(at)
}
