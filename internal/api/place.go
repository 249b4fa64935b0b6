package api

import (
	"context"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/skyledger/skyledger/internal/fault"
	"github.com/skyledger/skyledger/internal/geo"
)

// Places knows regions and FIRs; *reference.Reader is one. An unknown name is a
// fault.NotFound whose message says which there are.
type Places interface {
	Region(ctx context.Context, name string) (Area, error) // a region's name or an FIR's id
	FIR(ctx context.Context, id string) (Area, error)
}

// Area is a part of the world.
type Area = interface {
	Airport(icao string) bool    // whether the airport, or the FIR of that id, belongs to it
	Point(lat, lon float64) bool // whether the point lies in it, in degrees
}

// PlaceParams are the parameters of a list whose rows lie somewhere. Several
// together must all hold.
type PlaceParams struct {
	BBox   string `query:"bbox" doc:"west,south,east,north in degrees; west greater than east crosses the date line" maxLength:"200"`
	Near   string `query:"near" doc:"lat,lon,nm: within so many nautical miles of a point" maxLength:"200"`
	Region string `query:"region" doc:"a region such as Europe, or an FIR's id; by the airports of a row, else by its place" maxLength:"100"`
	FIR    string `query:"fir" doc:"an FIR's id such as EGTT; by the place of a row, else by its airports" maxLength:"20"`
}

func (p *PlaceParams) placeParams() *PlaceParams { return p }

func (p *PlaceParams) none() bool { return *p == PlaceParams{} }

// place is where a row is.
type place struct {
	lat, lon float64
	known    bool // lat and lon are
	codes    []string
}

// read returns what must hold of a row's place.
func (p *PlaceParams) read(ctx context.Context, s *service) (inside []func(place) bool, err error) {
	if p.BBox != "" {
		box, ok := parseBBox(p.BBox)
		if !ok {
			return nil, invalid(ctx, "bbox", p.BBox, "must be west,south,east,north in degrees: longitudes from -180 to 180, latitudes from -90 to 90, south not above north")
		}
		inside = append(inside, func(at place) bool { return at.known && box.Holds(at.lat, at.lon) })
	}
	if p.Near != "" {
		circle, ok := parseCircle(p.Near)
		if !ok {
			return nil, invalid(ctx, "near", p.Near, "must be lat,lon,nm: a place in degrees and more than 0 nautical miles, 10,801 at most")
		}
		inside = append(inside, func(at place) bool { return at.known && circle.holds(at.lat, at.lon) })
	}
	if p.Region != "" {
		area, err := s.area(ctx, "region", p.Region, Places.Region)
		if err != nil {
			return nil, err
		}
		inside = append(inside, func(at place) bool {
			if len(at.codes) > 0 {
				return slices.ContainsFunc(at.codes, area.Airport)
			}
			return at.known && area.Point(at.lat, at.lon)
		})
	}
	if p.FIR != "" {
		area, err := s.area(ctx, "fir", p.FIR, Places.FIR)
		if err != nil {
			return nil, err
		}
		inside = append(inside, func(at place) bool {
			if at.known {
				return area.Point(at.lat, at.lon)
			}
			return slices.ContainsFunc(at.codes, area.Airport)
		})
	}
	return inside, nil
}

// area finds a region or FIR. An unknown one is 404, and not everything.
func (s *service) area(ctx context.Context, parameter, name string, find func(Places, context.Context, string) (Area, error)) (Area, error) {
	if s.Places == nil {
		return nil, fault.E("api.area", fault.Unavailable, "no_reference_data", nil).
			WithMessage("The parameter " + parameter + " needs reference data, which this deployment does not have yet.")
	}
	return find(s.Places, ctx, name)
}

// parseNumbers reads so many numbers separated by commas; none is infinite.
func parseNumbers(text string, count int) ([]float64, bool) {
	parts := strings.Split(text, ",")
	if len(parts) != count {
		return nil, false
	}
	numbers := make([]float64, count)
	for i, part := range parts {
		number, err := strconv.ParseFloat(strings.TrimSpace(part), 64)
		if err != nil || math.IsNaN(number) || math.IsInf(number, 0) {
			return nil, false
		}
		numbers[i] = number
	}
	return numbers, true
}

func parseBBox(text string) (geo.Box, bool) {
	n, ok := parseNumbers(text, 4)
	if !ok {
		return geo.Box{}, false
	}
	box := geo.Box{West: n[0], South: n[1], East: n[2], North: n[3]}
	return box, box.Valid()
}

// circle is a part of the world around a point.
type circle struct{ lat, lon, miles float64 }

// farthest is the greatest distance of two places in nautical miles, rounded up.
const farthest = geo.HalfWay + 1

func parseCircle(text string) (circle, bool) {
	n, ok := parseNumbers(text, 3)
	if !ok {
		return circle{}, false
	}
	c := circle{n[0], n[1], n[2]}
	return c, geo.IsLatitude(c.lat) && geo.IsLongitude(c.lon) && c.miles > 0 && c.miles <= farthest
}

func (c circle) holds(lat, lon float64) bool { return geo.Within(c.miles, c.lat, c.lon, lat, lon) }
