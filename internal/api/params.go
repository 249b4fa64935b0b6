package api

import (
	"context"
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
			return time.UnixMilli(number).UTC(), inRange(time.UnixMilli(number).UTC())
		}
		return time.Unix(number, 0).UTC(), inRange(time.Unix(number, 0).UTC())
	}
	at, err := time.Parse(time.RFC3339Nano, strings.Replace(text, " ", "+", 1))
	return at.UTC(), err == nil && inRange(at)
}

// inRange keeps times to the years that PostgreSQL and RFC 3339 both have.
func inRange(at time.Time) bool { return at.Year() >= 1 && at.Year() <= 9999 }

// window is a half-open span of time.
type window struct{ from, to time.Time }

// SpanParams are the parameters of what happened over a span of time. hours and
// days say how long before to it begins, where from is not given.
type SpanParams struct {
	From  string  `query:"from" doc:"beginning; RFC 3339, epoch seconds or milliseconds" maxLength:"40"`
	To    string  `query:"to" doc:"end, exclusive; now when not given" maxLength:"40"`
	Hours float64 `query:"hours" exclusiveMinimum:"0" doc:"length of the span before to, where from is not given"`
	Days  float64 `query:"days" exclusiveMinimum:"0" doc:"the same in days"`
}

// spanRule says what spans an endpoint takes.
type spanRule struct {
	usual   time.Duration // where nothing says how long
	longest time.Duration
}

// span reads the parameters. A span that is longer than the endpoint takes is
// refused, not cut.
func (s *service) span(ctx context.Context, p *SpanParams, rule spanRule) (window, error) {
	chosen := window{to: s.Clock().UTC()}
	var ok bool
	if p.To != "" {
		if chosen.to, ok = parseTime(p.To); !ok {
			return chosen, invalid(ctx, "to", p.To, notATime)
		}
	}
	length, err := p.length(ctx, rule)
	if err != nil {
		return chosen, err
	}
	chosen.from = chosen.to.Add(-length)
	if p.From != "" {
		if chosen.from, ok = parseTime(p.From); !ok {
			return chosen, invalid(ctx, "from", p.From, notATime)
		}
	}
	if !inRange(chosen.from) || !chosen.from.Before(chosen.to) {
		return chosen, invalid(ctx, "from", p.From, "must be before to")
	}
	if chosen.to.Sub(chosen.from) > rule.longest {
		return chosen, invalid(ctx, "from", p.From, "the span may be at most "+rule.words())
	}
	return chosen, nil
}

// length is what hours or days say.
func (p *SpanParams) length(ctx context.Context, rule spanRule) (time.Duration, error) {
	parameter, units, unit := "hours", p.Hours, time.Hour
	if p.Days != 0 {
		if p.Hours != 0 {
			return 0, invalid(ctx, "days", number(p.Days), "give hours or days, not both")
		}
		parameter, units, unit = "days", p.Days, 24*time.Hour
	}
	if units == 0 {
		return rule.usual, nil
	}
	if !(units > 0 && units <= float64(rule.longest)/float64(unit)) { // NaN is neither
		return 0, invalid(ctx, parameter, number(units), "must be more than 0, and the span may be at most "+rule.words())
	}
	return time.Duration(units * float64(unit)), nil
}

func (r spanRule) words() string {
	if r.longest%(24*time.Hour) == 0 && r.longest > 48*time.Hour {
		return itoa(int(r.longest/(24*time.Hour))) + " days"
	}
	return itoa(int(r.longest/time.Hour)) + " hours"
}

func number(value float64) string { return strconv.FormatFloat(value, 'g', -1, 64) }

func itoa(value int) string { return strconv.Itoa(value) }

const notATime = "must be RFC 3339, epoch seconds or epoch milliseconds"
