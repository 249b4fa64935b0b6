package api

import (
	"context"
	"reflect"

	"github.com/danielgtaylor/huma/v2"

	"github.com/skyledger/skyledger/internal/live"
)

// FlightKeys are the original's keys beside the flights.
type FlightKeys struct {
	Total  int     `json:"total" doc:"flights that match"`
	Active int     `json:"active" doc:"of those, the ones connected now: all of them"`
	Cached bool    `json:"cached" doc:"whether a cache answered"`
	Layer  *string `json:"layer,omitempty" doc:"/api/flights/memory alone: the layer that answered" enum:"memory,redis,log"`
}

// liveInput is what a list of the live view takes.
type liveInput struct {
	ListParams
	PlaceParams
	AcceptEncoding string `header:"Accept-Encoding" hidden:"true"`
}

// unfiltered reports whether the common answer is what was asked for.
func (i *liveInput) unfiltered() bool { return i.plain() && i.none() }

// Flights registers the operations of api-flights.
func Flights(s *service) {
	s.flights(Operation{
		Path: "/api/flights", Summary: "Every pilot's connection with plan and position",
		Example: "/api/flights?bbox=-10,50,5,60&fields=callsign,aircraft_type,departure,arrival,altitude,lat,lon&limit=3",
	}, false)
	s.flights(Operation{
		Path: "/api/flights/memory", Summary: "The same rows with the cache layer that answered",
		Example: "/api/flights/memory?fields=callsign,altitude&limit=2",
	}, true)
}

func (s *service) flights(o Operation, withLayer bool) {
	l := List[live.Flight]{Key: "flights", ID: "id", Keys: FlightKeys{}, Codes: func(f *live.Flight) []string { return codes(f.Departure, f.Arrival) }}
	liveList(s, o, live.Flights, withLayer, l, func(answer *live.Answer) (Rows[live.Flight], error) {
		rows, raw, err := answer.FlightRows()
		keys := func(matched []live.Flight) any {
			keys := FlightKeys{Total: len(matched), Active: len(matched), Cached: answer.Cached()}
			if withLayer {
				layer := string(answer.Layer)
				keys.Layer = &layer
			}
			return keys
		}
		return Rows[live.Flight]{All: rows, Raw: raw, Keys: keys}, err
	})
}

// codes are the ones that are there.
func codes(candidates ...*string) []string {
	var known []string
	for _, code := range candidates {
		if code != nil {
			known = append(known, *code)
		}
	}
	return known
}

// liveList registers a list of the live view: as it is kept where nothing was
// asked of it, else from the same rows.
func liveList[T any](s *service, o Operation, name live.Name, withLayer bool, l List[T], read func(*live.Answer) (Rows[T], error)) {
	s.direct[o.Path] = true
	shape := newTable(l)
	operation := o.huma(s)
	operation.Responses["200"] = shape.response(s, reflect.TypeFor[liveInput](), o.Summary)
	register(s, o, operation, func(ctx context.Context, input *liveInput) (*huma.StreamResponse, error) {
		if input.unfiltered() {
			return s.common(ctx, name, &answerInput{input.AcceptEncoding, input.IfNoneMatch}, withLayer)
		}
		return answerList(ctx, s, o, shape, &input.ListParams, input, func() (Rows[T], error) {
			answer, err := s.Live.Get(ctx, name, live.JSON)
			if err != nil {
				return Rows[T]{}, err
			}
			rows, err := read(&answer)
			rows.AsOf, rows.Snapshot, rows.Stale = answer.Snapshot, answer.Snapshot, answer.Stale
			return rows, err
		})
	})
	shape.parameters(s.described(operation))
}
