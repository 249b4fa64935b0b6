package api

import (
	"context"
	"slices"
	"time"

	"github.com/skyledger/skyledger/internal/store"
)

// densitySpan is what one request may ask of an airport's quarters of an hour.
func densitySpan() spanRule { return spanRule{usual: 6 * time.Hour, longest: 31 * aDay} }

// usedWithin is how long ago a runway's last movement may be for it to be in use.
const usedWithin = time.Hour

// DensityRow is a quarter of an hour at an airport.
type DensityRow struct {
	Time               time.Time `json:"time" doc:"beginning of the quarter of an hour"`
	Arrivals           *int      `json:"arrivals" doc:"landings; null of what is to come, as the next three"`
	Departures         *int      `json:"departures"`
	GoArounds          *int      `json:"go_arounds"`
	Diversions         *int      `json:"diversions" doc:"of the arrivals, those that had filed another airport"`
	ExpectedArrivals   *int      `json:"expected_arrivals" doc:"of the flights known now, by the board's estimates; null of what is past"`
	ExpectedDepartures *int      `json:"expected_departures"`
	TaxiOutS           *int      `json:"taxi_out_s" doc:"mean seconds from off-block to take-off, of the departures where it is known; null where there are none"`
	TaxiInS            *int      `json:"taxi_in_s" doc:"mean seconds from landing to on-block, likewise"`
	DelayS             *int      `json:"delay_s" doc:"mean seconds from the filed time to off-block or take-off, likewise; negative when early"`
	Runways            []string  `json:"runways" doc:"that had movements, the busiest first"`
}

// RunwayUse is how much a runway was used.
type RunwayUse struct {
	Runway     string `json:"runway"`
	Arrivals   int    `json:"arrivals"`
	Departures int    `json:"departures"`
}

// DensityKeys are the keys beside an airport's quarters of an hour.
type DensityKeys struct {
	AirportICAO  string      `json:"airport_icao"`
	RunwaysInUse []RunwayUse `json:"runways_in_use" doc:"of the last hour, the busiest first"`
	TaxiOutS     *int        `json:"taxi_out_s" doc:"mean of the span, in seconds"`
	TaxiInS      *int        `json:"taxi_in_s"`
	DelayS       *int        `json:"delay_s"`
	Estimates    string      `json:"estimates" doc:"how what is expected is estimated"`
}

type densityInput struct {
	ListParams
	SpanParams
	LayoutParams
	Airport string `path:"airport_code" pattern:"^[A-Za-z0-9]{3,4}$" doc:"ICAO or IATA code, in any case"`
	Ahead   int    `query:"ahead" minimum:"0" maximum:"12" default:"2" doc:"hours to come"`
}

func (s *service) density() {
	list(s, Operation{
		Path: "/api/airports/{airport_code}/density", Summary: "An airport's movements and demand by quarters of an hour, past and expected",
		Description: "What is expected is of the flights that are connected now: who has not connected yet is not in it, so it falls with every hour ahead. The quarter that runs has both.",
		Example:     "/api/airports/EGLL/density?hours=2&ahead=1",
	}, List[DensityRow]{ID: "time", Keys: DensityKeys{}, Timestamp: true}, s.densityRows)
}

func (s *service) densityRows(ctx context.Context, input *densityInput) (Rows[DensityRow], error) {
	found := Rows[DensityRow]{All: []DensityRow{}}
	world, airport, err := s.find(input.Airport)
	if err != nil {
		return found, err
	}
	span, err := s.span(ctx, &input.SpanParams, densitySpan())
	if err != nil {
		return found, err
	}
	from, now := span.from.Truncate(quarter), s.Clock().UTC()
	analyzed, err := s.Traffic.AnalyzedTo(ctx)
	if err != nil {
		return found, err
	}
	quarters, err := s.Traffic.AirportQuarters(ctx, airport.ICAO, from, span.to)
	if err != nil {
		return found, err
	}
	byTime := map[time.Time][]store.RunwayQuarter{}
	for _, q := range quarters {
		byTime[q.Quarter.UTC()] = append(byTime[q.Quarter.UTC()], q)
	}
	end := span.to
	var expected map[time.Time]*[2]int
	if input.To == "" {
		board, err := s.boardRows(ctx, world, airport)
		if err != nil {
			return found, err
		}
		expected, end = expectations(board), now.Add(time.Duration(input.Ahead)*time.Hour)
	}
	for at := from; at.Before(end); at = at.Add(quarter) {
		row := DensityRow{Time: at, Runways: []string{}}
		if at.Before(span.to) {
			row = densityRow(at, byTime[at])
		}
		if expected != nil && at.Add(quarter).After(now) {
			counts := expected[at]
			if counts == nil {
				counts = &[2]int{}
			}
			row.ExpectedArrivals, row.ExpectedDepartures = &counts[0], &counts[1]
		}
		found.All = append(found.All, row)
	}
	sums := addQuarters(quarters)
	keys := DensityKeys{
		AirportICAO: airport.ICAO, RunwaysInUse: []RunwayUse{}, Estimates: boardRule,
		TaxiOutS: mean(sums.TaxiOutS, sums.TaxiedOut), TaxiInS: mean(sums.TaxiInS, sums.TaxiedIn), DelayS: mean(sums.DelayS, sums.Scheduled),
	}
	recent := slices.DeleteFunc(slices.Clone(quarters), func(q store.RunwayQuarter) bool {
		return q.Quarter.Before(span.to.Add(-usedWithin).Truncate(quarter))
	})
	keys.RunwaysInUse = append(keys.RunwaysInUse, runwayUse(recent)...)
	found.Keys = func([]DensityRow) any { return keys }
	return asAnalyzed(s, found, analyzed, span.to), nil
}

// expectations counts a board's estimates by quarters: arrivals, departures.
func expectations(board []BoardRow) map[time.Time]*[2]int {
	counts := map[time.Time]*[2]int{}
	for i := range board {
		if board[i].Estimated == nil {
			continue
		}
		at := board[i].Estimated.Truncate(quarter)
		if counts[at] == nil {
			counts[at] = &[2]int{}
		}
		if board[i].Direction == directionArrival {
			counts[at][0]++
		} else {
			counts[at][1]++
		}
	}
	return counts
}

func densityRow(at time.Time, runways []store.RunwayQuarter) DensityRow {
	sums := addQuarters(runways)
	row := DensityRow{
		Time: at, Arrivals: &sums.Arrivals, Departures: &sums.Departures, GoArounds: &sums.GoArounds, Diversions: &sums.Diversions,
		TaxiOutS: mean(sums.TaxiOutS, sums.TaxiedOut), TaxiInS: mean(sums.TaxiInS, sums.TaxiedIn), DelayS: mean(sums.DelayS, sums.Scheduled),
		Runways: []string{},
	}
	for _, use := range runwayUse(runways) {
		row.Runways = append(row.Runways, use.Runway)
	}
	return row
}

// addQuarters adds up quarters and runways.
func addQuarters(quarters []store.RunwayQuarter) (sums store.RunwayQuarter) {
	for _, q := range quarters {
		sums.Departures += q.Departures
		sums.Arrivals += q.Arrivals
		sums.GoArounds += q.GoArounds
		sums.TouchAndGoes += q.TouchAndGoes
		sums.Diversions += q.Diversions
		sums.TaxiedOut += q.TaxiedOut
		sums.TaxiOutS += q.TaxiOutS
		sums.TaxiedIn += q.TaxiedIn
		sums.TaxiInS += q.TaxiInS
		sums.Scheduled += q.Scheduled
		sums.DelayS += q.DelayS
	}
	return sums
}

// mean is nil of nothing.
func mean(sum, count int) *int {
	if count == 0 {
		return nil
	}
	value := int(rounded(float64(sum)/float64(count), 1))
	return &value
}

// runwayUse adds up arrivals and departures by runway, the busiest first.
func runwayUse(quarters []store.RunwayQuarter) (uses []RunwayUse) {
	for _, q := range quarters {
		if q.Runway == "" || q.Arrivals+q.Departures == 0 {
			continue
		}
		at := slices.IndexFunc(uses, func(u RunwayUse) bool { return u.Runway == q.Runway })
		if at < 0 {
			uses, at = append(uses, RunwayUse{Runway: q.Runway}), len(uses)
		}
		uses[at].Arrivals += q.Arrivals
		uses[at].Departures += q.Departures
	}
	slices.SortStableFunc(uses, func(a, b RunwayUse) int { return b.Arrivals + b.Departures - a.Arrivals - a.Departures })
	return uses
}
