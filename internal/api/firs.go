package api

import (
	"context"
	"slices"

	"github.com/skyledger/skyledger/internal/geo"
	"github.com/skyledger/skyledger/internal/reference"
)

// RegionRow is a region that people ask by.
type RegionRow struct {
	Name     string   `json:"name" doc:"as region= takes it, in any case"`
	Prefixes []string `json:"prefixes" doc:"what the ICAO codes of its airports begin with"`
	Except   []string `json:"except" doc:"beginnings that do not count"`
	Airports int      `json:"airports" doc:"how many are known"`
}

func (s *service) regions() {
	list(s, Operation{
		Path: "/api/regions", Summary: "The regions that region= takes", Keep: lasting,
		Description: "Regions overlap: New Zealand is in Oceania and in Pacific as well. region= takes the id of an FIR, too; /api/firs lists those.",
		Example:     "/api/regions?limit=4",
	}, List[RegionRow]{ID: "name"}, func(context.Context, *plainInput) (Rows[RegionRow], error) {
		world, err := s.Atlas.World()
		if err != nil {
			return Rows[RegionRow]{}, err
		}
		var rows Rows[RegionRow]
		for _, region := range reference.Regions() {
			rows.All = append(rows.All, RegionRow{
				Name: region.Name, Prefixes: region.Prefixes, Except: append([]string{}, region.Except...),
				Airports: len(world.RegionAirports(&region)),
			})
		}
		return rows, nil
	})
}

type plainInput struct{ ListParams }

// FIRRow is a flight information region or a sector of one.
type FIRRow struct {
	ID               string   `json:"id" doc:"such as EGTT"`
	Name             string   `json:"name"`
	CallsignPrefixes []string `json:"callsign_prefixes" doc:"what its controllers' callsigns begin with"`
	Sector           bool     `json:"sector" doc:"whether it is a part of others: by its id, or because it lies in an FIR with airports and has none"`
	Oceanic          bool     `json:"oceanic"`
	VATSIMRegion     *string  `json:"vatsim_region" enum:"AMAS,APAC,EMEA"`
	Division         *string  `json:"division" doc:"VATSIM's"`
	Airports         int      `json:"airports" doc:"how many VAT-Spy says are in it"`
	Lat              *float64 `json:"lat" doc:"where a map writes its name; null when VAT-Spy does not say"`
	Lon              *float64 `json:"lon"`
	West             *float64 `json:"west" doc:"of the box around it; greater than east across the date line; null without a boundary"`
	South            *float64 `json:"south"`
	East             *float64 `json:"east"`
	North            *float64 `json:"north"`

	shape geo.MultiPolygon
}

// multiPolygon is a GeoJSON geometry.
type multiPolygon struct {
	Type        string           `json:"type"`
	Coordinates geo.MultiPolygon `json:"coordinates"`
}

type firsInput struct {
	ListParams
	PlaceParams
	At      string `query:"at" maxLength:"100" pattern:"^(-?[0-9]{1,2}(\\.[0-9]+)?,-?[0-9]{1,3}(\\.[0-9]+)?)?$" doc:"lat,lon: only those that the point lies in"`
	Sectors bool   `query:"sectors" default:"true" doc:"whether sectors and terminal areas are wanted as well"`
}

func (s *service) firs() {
	list(s, Operation{
		Path: "/api/firs", Summary: "Flight information regions; format=geojson gives their boundaries", Keep: lasting,
		Description: "VAT-Spy's, of the version in force. While none was loaded the answer is 503. bbox, near and region go by where a map writes an FIR's name; at goes by its boundary.",
		Example:     "/api/firs?at=51.47,-0.46&fields=id,name,callsign_prefixes,sector,airports",
	}, List[FIRRow]{
		ID: "id", Codes: func(row *FIRRow) []string { return []string{row.ID} },
		Geometry: func(row *FIRRow) any {
			if row.shape == nil {
				return nil
			}
			return multiPolygon{"MultiPolygon", row.shape}
		},
	}, s.firRows)
}

func (s *service) firRows(ctx context.Context, input *firsInput) (Rows[FIRRow], error) {
	airspace, err := s.Atlas.Airspace(ctx)
	if err != nil {
		return Rows[FIRRow]{}, err
	}
	within := func(*reference.FIR) bool { return true }
	if input.At != "" {
		at, ok := parseNumbers(input.At, 2)
		if !ok || !geo.IsLatitude(at[0]) || !geo.IsLongitude(at[1]) {
			return Rows[FIRRow]{}, invalid(ctx, "at", input.At, "must be lat,lon in degrees")
		}
		within = func(fir *reference.FIR) bool { return fir.Holds(at[0], at[1]) }
	}
	rows := Rows[FIRRow]{AsOf: airspace.Version.Fetched, Stale: s.Atlas.Stale(), Attribution: reference.Attribution}
	firs := airspace.FIRs()
	for i := range firs {
		if fir := &firs[i]; (input.Sectors || !fir.Sector) && within(fir) {
			rows.All = append(rows.All, firRow(fir))
		}
	}
	return rows, nil
}

func firRow(fir *reference.FIR) FIRRow {
	row := FIRRow{
		ID: fir.ID, Name: fir.Name, CallsignPrefixes: slices.Clone(fir.Prefixes), Sector: fir.Sector, Oceanic: fir.Oceanic,
		VATSIMRegion: textOrNull(fir.Region), Division: textOrNull(fir.Division), Airports: fir.Airports, shape: fir.Shape,
	}
	if fir.Label != nil {
		row.Lat, row.Lon = &fir.Label[1], &fir.Label[0]
	}
	if box, ok := fir.Box(); ok {
		row.West, row.South, row.East, row.North = &box.West, &box.South, &box.East, &box.North
	}
	return row
}
