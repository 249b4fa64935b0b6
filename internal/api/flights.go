package api

import (
	"context"
	"fmt"
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

// make renders what was asked for, or takes it as it was rendered for somebody
// else from the same rows. What goes by reference data, which change without the
// rows, is rendered each time.
func (i *liveInput) make(answer *live.Answer, path string, render func(squeezed bool) (*rendered, error)) (*rendered, error) {
	squeezed := acceptsGzip(i.AcceptEncoding)
	if i.Region != "" || i.FIR != "" {
		return render(squeezed)
	}
	key := fmt.Sprintf("%t %d %q", squeezed, i.Limit, []string{path, string(i.format()), i.Fields, i.Sort, i.Cursor, i.BBox, i.Near})
	made, err := answer.Make(key, func() (any, int, error) {
		made, err := render(squeezed)
		if err != nil {
			return nil, 0, err
		}
		return made, made.bytes(), nil
	})
	if err != nil {
		return nil, err
	}
	return made.(*rendered), nil
}

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
	s.history()
	s.storyOf()
	s.track()
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
		wanted, err := shape.read(ctx, s, &input.ListParams, input)
		if err != nil {
			return nil, err
		}
		answer, err := s.Live.Get(ctx, name, live.JSON)
		if err != nil {
			return nil, err
		}
		made, err := input.make(&answer, o.Path, func(squeezed bool) (*rendered, error) {
			rows, err := read(&answer)
			if err != nil {
				return nil, err
			}
			rows.AsOf, rows.Snapshot, rows.Stale = answer.Snapshot, answer.Snapshot, answer.Stale
			p, err := shape.page(wanted, &rows)
			if err != nil {
				return nil, err
			}
			made, err := s.render(wanted.format, p)
			if err == nil && squeezed {
				err = made.squeeze()
			}
			return made, err
		})
		if err != nil {
			return nil, err
		}
		return s.stream(o, &input.ListParams, made)
	})
	shape.parameters(s.described(operation))
}
