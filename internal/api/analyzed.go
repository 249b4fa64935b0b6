package api

import (
	"context"
	"strings"
	"time"

	"github.com/skyledger/skyledger/internal/geo"
	"github.com/skyledger/skyledger/internal/store"
)

// History knows flights from beginning to end; *store.Store is one.
type History interface {
	Watermark
	FlightStory(ctx context.Context, id int64) (store.FlightStory, error)
	FlightPath(ctx context.Context, id int64) (store.FlightStory, []store.Fix, error)
	EndedFlights(ctx context.Context, query store.FlightQuery) ([]store.Flight, error)
}

// Watermark says how far the analysis is.
type Watermark interface {
	AnalyzedTo(ctx context.Context) (time.Time, error)
}

// analysisLate is how old the analysis may be before answers that reach the
// present are stale: it runs once a minute, and may take as long.
const analysisLate = 150 * time.Second

// asAnalyzed says that rows tell of what happened until to, as far as the
// analysis is. It must have been asked for before the rows: then what it says is
// never newer than they are.
func asAnalyzed[T any](s *service, rows Rows[T], analyzed, to time.Time) Rows[T] {
	rows.AsOf, rows.Snapshot, rows.Stale = analyzed, analyzed, s.behind(analyzed, to)
	return rows
}

// behind reports whether the analysis should have come further: to the present,
// or to the end of what was asked for.
func (s *service) behind(analyzed, to time.Time) bool {
	due := s.Clock().Add(-analysisLate)
	if to.Before(due) {
		due = to.Add(-tick)
	}
	return analyzed.Before(due)
}

// AreaParams are region and fir, of rows that belong to airports.
type AreaParams struct {
	Region string `query:"region" doc:"a region such as Europe, or an FIR's id: one of the row's airports lies in it" maxLength:"100"`
	FIR    string `query:"fir" doc:"an FIR's id such as EGTT: one of the row's airports lies in it" maxLength:"20"`
}

func (p *AreaParams) placeParams() *PlaceParams { return &PlaceParams{Region: p.Region, FIR: p.FIR} }

// holds returns what must hold of a row's airports.
func (p *AreaParams) holds(ctx context.Context, s *service) (func(codes []string) bool, error) {
	inside, err := p.placeParams().read(ctx, s)
	return func(codes []string) bool {
		for _, in := range inside {
			if !in(place{codes: codes}) {
				return false
			}
		}
		return true
	}, err
}

// icaoOf is the ICAO code of an airport that a parameter names by its ICAO or
// IATA code; an unknown one is 404.
func (s *service) icaoOf(code string) (string, error) {
	if code == "" {
		return "", nil
	}
	_, airport, err := s.find(code)
	if err != nil {
		return "", err
	}
	return airport.ICAO, nil
}

// miles is the great circle between two airports by their ICAO codes; nil where
// one is not known.
func (s *service) miles(from, to string) *float64 {
	world, err := s.Atlas.World()
	if err != nil {
		return nil
	}
	a, known := world.Airport(from)
	b, alsoKnown := world.Airport(to)
	if len(from) != 4 || len(to) != 4 || !known || !alsoKnown {
		return nil
	}
	return tenth(geo.Distance(a.Lat, a.Lon, b.Lat, b.Lon))
}

func capitals(text string) string { return strings.ToUpper(strings.TrimSpace(text)) }
