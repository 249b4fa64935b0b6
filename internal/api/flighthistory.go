package api

import (
	"context"
	"strconv"
	"time"

	"github.com/skyledger/skyledger/internal/store"
)

// historySpan is what one request may ask of ended flights.
func historySpan() spanRule { return spanRule{usual: 24 * time.Hour, longest: 366 * 24 * time.Hour} }

const (
	// mostSorted bounds what is sorted in memory.
	mostSorted = 20_000
	// mostLooked bounds the rows that one page by region looks at.
	mostLooked = 100_000
)

type flightHistoryInput struct {
	ListParams
	SpanParams
	AreaParams
	Airport   string `query:"airport" pattern:"^([A-Za-z0-9]{3,4})?$" doc:"ICAO or IATA code: departure or arrival"`
	Departure string `query:"departure" pattern:"^([A-Za-z0-9]{3,4})?$" doc:"ICAO or IATA code; where the flight began, or where it was filed to where that is not known"`
	Arrival   string `query:"arrival" pattern:"^([A-Za-z0-9]{3,4})?$" doc:"ICAO or IATA code; where it landed, or where it was filed to where that is not known"`
	Aircraft  string `query:"aircraft" pattern:"^([A-Za-z0-9]{2,4})?$" doc:"ICAO type, such as B738"`
	Airline   string `query:"airline" pattern:"^([A-Za-z]{3})?$" doc:"ICAO designator, such as BAW"`
	Callsign  string `query:"callsign" pattern:"^([A-Za-z0-9_-]{1,20})?$" doc:"the whole callsign, in any case"`
	CID       int64  `query:"cid" minimum:"0" maximum:"2147483647" doc:"the pilot's VATSIM id"`
}

// history registers /api/flights/history.
func (s *service) history() {
	list(s, Operation{
		Path: "/api/flights/history", Summary: "Flights that ended, the newest first",
		Description: "The span is of when they ended. The conditions must all hold. sort=ended gives the oldest first; any other order is of the rows of the whole span, which must then be fewer than 20,000. A page by region or fir may have fewer rows than limit and still a next_cursor.",
		Example:     "/api/flights/history?hours=24&fields=id,callsign,departure,arrival,takeoff,landing,ending&limit=5",
	}, List[FlightRow]{Key: "flights", ID: "id", Codes: flightCodes}, s.endedFlights)
}

func flightCodes(row *FlightRow) []string {
	departure, arrival := row.Departure, row.Arrival
	if departure == nil {
		departure = row.FiledDeparture
	}
	if arrival == nil {
		arrival = row.FiledArrival
	}
	return codes(departure, arrival)
}

func (s *service) endedFlights(ctx context.Context, input *flightHistoryInput) (Rows[FlightRow], error) {
	span, err := s.span(ctx, &input.SpanParams, historySpan())
	if err != nil {
		return Rows[FlightRow]{}, err
	}
	query, err := s.flightQuery(input, span)
	if err != nil {
		return Rows[FlightRow]{}, err
	}
	holds, err := input.holds(ctx, s)
	if err != nil {
		return Rows[FlightRow]{}, err
	}
	analyzed, err := s.History.AnalyzedTo(ctx)
	if err != nil {
		return Rows[FlightRow]{}, err
	}
	found := Rows[FlightRow]{All: []FlightRow{}}
	switch input.Sort {
	case "", "-ended", "ended":
		found, err = s.historyPage(ctx, input, query, holds)
	default:
		query.Limit = mostSorted + 1
		var flights []store.Flight
		if flights, err = s.History.EndedFlights(ctx, query); len(flights) > mostSorted {
			err = errTooMany(input.Sort, mostSorted)
		}
		for i := range flights {
			found.All = append(found.All, flightRow(&flights[i]))
		}
	}
	return asAnalyzed(s, found, analyzed, span.to), err
}

func (s *service) flightQuery(input *flightHistoryInput, span window) (store.FlightQuery, error) {
	query := store.FlightQuery{
		From: span.from, To: span.to, Aircraft: capitals(input.Aircraft), Airline: capitals(input.Airline),
		Callsign: capitals(input.Callsign), CID: int32(input.CID), OldestFirst: input.Sort == "ended",
	}
	for _, airport := range []struct {
		code string
		into *string
	}{{input.Airport, &query.Airport}, {input.Departure, &query.Departure}, {input.Arrival, &query.Arrival}} {
		var err error
		if *airport.into, err = s.icaoOf(airport.code); err != nil {
			return query, err
		}
	}
	return query, nil
}

// historyPage is one page from the database. One row more than asked for says
// whether there is another; with a region, as many batches as a page needs.
func (s *service) historyPage(ctx context.Context, input *flightHistoryInput, query store.FlightQuery, holds func([]string) bool) (Rows[FlightRow], error) {
	page := Rows[FlightRow]{All: []FlightRow{}, Paged: true}
	order := ""
	if input.Sort != "" {
		order = input.Sort + ","
	}
	var err error
	if query.AfterEnded, query.AfterID, err = afterFlight(input.Cursor, order); err != nil {
		return page, invalid(ctx, "cursor", input.Cursor, err.Error())
	}
	query.Limit = input.Limit + 1
	for looked := 0; ; {
		flights, err := s.History.EndedFlights(ctx, query)
		if err != nil {
			return page, err
		}
		for i := range flights {
			row := flightRow(&flights[i])
			if !holds(flightCodes(&row)) {
				query.AfterEnded, query.AfterID = flights[i].Ended, flights[i].ID
				continue
			}
			if len(page.All) == input.Limit {
				page.Next, err = flightCursor(order, query.AfterEnded, query.AfterID)
				return page, err
			}
			page.All = append(page.All, row)
			query.AfterEnded, query.AfterID = flights[i].Ended, flights[i].ID
		}
		if looked += len(flights); len(flights) < query.Limit {
			return page, nil
		}
		if looked >= mostLooked {
			page.Next, err = flightCursor(order, query.AfterEnded, query.AfterID)
			return page, err
		}
	}
}

// flightCursor is the cursor of ended flights after one of them.
func flightCursor(order string, ended time.Time, id int64) (string, error) {
	return keysetCursor(order, ended, strconv.FormatInt(id, 10))
}

func afterFlight(text, order string) (ended time.Time, id int64, err error) {
	ended, rest, err := afterKeyset(text, order)
	if err != nil || text == "" {
		return ended, 0, err
	}
	if id, err = strconv.ParseInt(rest, 10, 64); err != nil {
		return ended, 0, errNotACursor
	}
	return ended, id, nil
}
