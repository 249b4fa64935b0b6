package api

import (
	"context"
	"time"

	"github.com/skyledger/skyledger/internal/store"
	"github.com/skyledger/skyledger/internal/traffic"
)

func patternSpan() spanRule { return spanRule{usual: 28 * aDay, longest: 92 * aDay} }

const (
	// unusualOver is how far back days are compared: twelve of each weekday.
	unusualOver = 84 * aDay
	// wholeDay is how many snapshots a day must have to be compared: nine tenths.
	wholeDay    = 5760 * 9 / 10
	unusualRule = "modified z-score of the day's movements among the last 12 days of its weekday: 0.6745 × (x − median) / MAD; beyond ±3.5 is unusual (Iglewicz and Hoaglin 1993). " +
		"Where MAD, the median of the absolute deviations, is 0: (x − median) / (1.2533 × their mean). Days with less than 90 % of their snapshots, and weekdays with less than 4 such days, are left out."
)

// PatternRow is something busy.
type PatternRow struct {
	ID             string  `json:"id"`
	Dimension      string  `json:"dimension" enum:"airport,route,aircraft,airline"`
	Subject        string  `json:"subject" doc:"ICAO code, EGLL-KJFK, ICAO type, or ICAO's three letters of an airline"`
	Rank           int     `json:"rank" doc:"1 is the busiest of its dimension"`
	Movements      int     `json:"movements" doc:"arrivals and departures of an airport, departures of the others; of the hour of week where one is asked for"`
	BusiestWeekday int     `json:"busiest_weekday" doc:"1 is Monday; of the busiest hour of the week"`
	BusiestHour    int     `json:"busiest_hour" doc:"0 to 23, UTC"`
	BusiestCount   int     `json:"busiest_count" doc:"movements in that hour of the week, all weeks together"`
	HoursOfWeek    []int64 `json:"hours_of_week" doc:"168 counts: the first is Monday 0 z, the last Sunday 23 z"`
}

// UnusualRow is a day that is far from others of its weekday.
type UnusualRow struct {
	Day       string  `json:"day" doc:"UTC date"`
	Movements int     `json:"movements" doc:"arrivals and departures everywhere"`
	Median    float64 `json:"median" doc:"of the days of its weekday"`
	Score     float64 `json:"score" doc:"negative when there was less"`
}

// PatternKeys are the keys beside what is busy.
type PatternKeys struct {
	From        time.Time    `json:"from"`
	To          time.Time    `json:"to"`
	UnusualDays []UnusualRow `json:"unusual_days" doc:"of the last 84 whole days before to, by time"`
	Formula     string       `json:"formula" doc:"how a day is found to be unusual"`
}

type patternsInput struct {
	ListParams
	SpanParams
	Dimension string `query:"dimension" enum:"airport,route,aircraft,airline" doc:"one alone; all when not given"`
	Weekday   int    `query:"weekday" minimum:"0" maximum:"7" doc:"with hour: of one hour of the week alone; 1 is Monday"`
	Hour      int    `query:"hour" minimum:"0" maximum:"23" doc:"UTC, with weekday"`
	Top       int    `query:"top" minimum:"1" maximum:"100" default:"10" doc:"how many of each dimension"`
}

func (s *service) patterns() {
	list(s, Operation{
		Path: "/api/traffic/patterns", Summary: "The busiest airports, routes, types and airlines by hour of week, and unusual days", Keep: 5 * time.Minute,
		Description: "From what is added up by hours and quarters of an hour: those that begin within the span. Unusual days are found by the " + unusualRule,
		Example:     "/api/traffic/patterns?days=28&top=5&fields=dimension,subject,rank,movements,busiest_weekday,busiest_hour",
	}, List[PatternRow]{ID: "id", Keys: PatternKeys{}, Timestamp: true}, s.busiest)
}

func (s *service) busiest(ctx context.Context, input *patternsInput) (Rows[PatternRow], error) {
	found := Rows[PatternRow]{All: []PatternRow{}}
	span, err := s.span(ctx, &input.SpanParams, patternSpan())
	if err != nil {
		return found, err
	}
	hour := -1
	if input.Weekday > 0 {
		hour = (input.Weekday-1)*24 + input.Hour
	} else if input.Hour > 0 {
		return found, invalid(ctx, "weekday", "", "hour needs a weekday, 1 is Monday")
	}
	analyzed, err := s.Traffic.AnalyzedTo(ctx)
	if err != nil {
		return found, err
	}
	busy, err := s.Traffic.Busiest(ctx, span.from.Truncate(time.Hour), span.to, hour, input.Top)
	if err != nil {
		return found, err
	}
	for i := range busy {
		if row := patternRow(&busy[i]); input.Dimension == "" || input.Dimension == row.Dimension {
			found.All = append(found.All, row)
		}
	}
	keys := PatternKeys{From: span.from.Truncate(time.Hour), To: span.to, Formula: unusualRule}
	if keys.UnusualDays, err = s.unusualDays(ctx, span.to); err != nil {
		return found, err
	}
	found.Keys = func([]PatternRow) any { return keys }
	return asAnalyzed(s, found, analyzed, span.to), nil
}

func patternRow(b *store.Busy) PatternRow {
	names := map[store.Dimension]string{0: "airport", store.ByRoute: "route", store.ByType: "aircraft", store.ByAirline: "airline"}
	row := PatternRow{
		Dimension: names[b.Dimension], Subject: b.Subject, Rank: b.Rank, Movements: b.Total, HoursOfWeek: make([]int64, 7*24),
	}
	row.ID = row.Dimension + ":" + row.Subject
	most := 0
	for i, hour := range b.Hours {
		row.HoursOfWeek[hour] = b.Counts[i]
		if b.Counts[i] > row.HoursOfWeek[most] {
			most = int(hour)
		}
	}
	row.BusiestWeekday, row.BusiestHour, row.BusiestCount = most/24+1, most%24, int(row.HoursOfWeek[most])
	return row
}

func (s *service) unusualDays(ctx context.Context, to time.Time) ([]UnusualRow, error) {
	to = to.Truncate(aDay)
	from := to.Add(-unusualOver)
	counts, err := s.Traffic.AirportDays(ctx, "", from, to)
	if err != nil {
		return nil, err
	}
	recorded, err := s.Traffic.AnalyzedDays(ctx, from, to)
	if err != nil {
		return nil, err
	}
	var days []traffic.Day
	for _, day := range counts {
		if recorded[day.Day.UTC()] >= wholeDay {
			days = append(days, traffic.Day{Day: day.Day.UTC(), Movements: day.Arrivals + day.Departures})
		}
	}
	rows := []UnusualRow{}
	for _, day := range traffic.UnusualDays(days) {
		rows = append(rows, UnusualRow{day.Day.Day.Format(time.DateOnly), day.Movements, day.Median, rounded(day.Score, 100)})
	}
	return rows, nil
}
