package api

import (
	"context"
	"strings"
	"sync"
	"time"

	"github.com/skyledger/skyledger/internal/fault"
	"github.com/skyledger/skyledger/internal/reference"
)

// Atlas knows airports, FIRs and regions; *reference.Reader is one.
type Atlas interface {
	Places
	World() (*reference.World, error)
	Airspace(ctx context.Context) (*reference.Airspace, error)
	Stale() bool
}

// lasting is how long answers about the world may be kept: it changes once a day
// at the most.
const lasting = time.Hour

// AirportRow is an airport.
type AirportRow struct {
	ICAO            string  `json:"icao" doc:"ICAO location indicator, or a national code of four characters"`
	IATA            *string `json:"iata"`
	Name            string  `json:"name"`
	City            *string `json:"city"`
	Country         string  `json:"country" doc:"ISO 3166-1, two letters"`
	Region          *string `json:"region" doc:"ISO 3166-2 code of the part of the country; null when not known"`
	Lat             float64 `json:"lat" doc:"degrees, north positive"`
	Lon             float64 `json:"lon" doc:"degrees, east positive"`
	ElevationFt     int     `json:"elevation_ft" doc:"above mean sea level"`
	TZ              *string `json:"tz" doc:"time zone, such as Europe/London"`
	FIR             *string `json:"fir" doc:"FIR it lies in; null when in none, or while FIRs are not loaded"`
	Runways         int     `json:"runways" doc:"that are not closed"`
	LongestRunwayFt *int    `json:"longest_runway_ft" doc:"of those; null when no length is known"`
}

// RunwayRow is a runway of an airport.
type RunwayRow struct {
	Ends     []RunwayEndRow `json:"ends" doc:"the lower number first; a helipad has one"`
	LengthFt *int           `json:"length_ft"`
	WidthFt  *int           `json:"width_ft"`
	Surface  *string        `json:"surface" doc:"as OurAirports has it: ASP, CON, TURF and many more"`
	Lighted  bool           `json:"lighted"`
	Closed   bool           `json:"closed"`
}

// RunwayEndRow is where a runway begins in one direction.
type RunwayEndRow struct {
	Ident       string   `json:"ident" doc:"such as 09L"`
	Heading     *float64 `json:"heading" doc:"degrees true, taking off from here"`
	Lat         *float64 `json:"lat" doc:"of the pavement's end"`
	Lon         *float64 `json:"lon"`
	DisplacedFt int      `json:"displaced_ft" doc:"from there to the threshold"`
}

// AirportDetail is an airport with its runways.
type AirportDetail struct {
	Stamped
	AirportRow
	CountryName *string     `json:"country_name"`
	Continent   *string     `json:"continent" enum:"AF,AN,AS,EU,NA,OC,SA"`
	RunwayList  []RunwayRow `json:"runway_list"`
	Attribution string      `json:"attribution,omitempty" doc:"whose the FIR is"`
}

// Coordinates say where an airport is, with the original's keys.
type Coordinates struct {
	Stamped
	AirportCode string  `json:"airport_code" doc:"as asked for, in capitals"`
	Latitude    float64 `json:"latitude" doc:"degrees, north positive"`
	Longitude   float64 `json:"longitude" doc:"degrees, east positive"`
}

// RegionKeys are the original's keys of a region's airports.
type RegionKeys struct {
	Region        string   `json:"region" doc:"as asked for"`
	TotalAirports int      `json:"total_airports"`
	Airports      []string `json:"airports" doc:"ICAO codes, of all pages"`
}

// Airports registers the operations of api-airports.
func Airports(s *service) {
	rows := &airportRows{}
	codes := func(row *AirportRow) []string { return []string{row.ICAO} }
	list(s, Operation{
		Path: "/api/airports", Summary: "Airports of the world", Keep: lasting,
		Description: "28,000 airports, heliports and seaplane bases, from airportsdata and OurAirports; fir is by VAT-Spy's boundaries.",
		Example:     "/api/airports?near=51.47,-0.46,20&sort=-longest_runway_ft&fields=icao,iata,name,fir,longest_runway_ft&limit=3",
	}, List[AirportRow]{ID: "icao", Codes: codes}, func(ctx context.Context, input *airportsInput) (Rows[AirportRow], error) {
		return s.airports(ctx, rows, input)
	})
	list(s, Operation{
		Path: "/api/airports/region/{region}", Summary: "The airports of a region or an FIR", Keep: lasting,
		Description: "A region is a set of ICAO prefixes, see /api/regions; an FIR's airports are those inside its boundary. An unknown name is 404.",
		Example:     "/api/airports/region/Australia?limit=3&fields=icao,name,city",
	}, List[AirportRow]{ID: "icao", Keys: RegionKeys{}, Timestamp: true, Codes: codes}, func(ctx context.Context, input *regionInput) (Rows[AirportRow], error) {
		return s.regionAirports(ctx, rows, input)
	})
	object(s, Operation{
		Path: "/api/airports/{airport_code}", Summary: "One airport with its runways", Keep: lasting, Example: "/api/airports/LHR",
	}, s.airport)
	object(s, Operation{
		Path: "/api/airports/{airport_code}/coordinates", Summary: "Where an airport is", Keep: lasting, Example: "/api/airports/EGLL/coordinates",
	}, s.coordinates)
	s.regions()
	s.firs()
}

// airportRows are every airport's row, made anew when another version of the
// FIRs is in force.
type airportRows struct {
	mu       sync.Mutex
	airspace *reference.Airspace
	rows     []AirportRow
}

// of returns the rows by the airports' order; airspace may be nil.
func (r *airportRows) of(world *reference.World, airspace *reference.Airspace) []AirportRow {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.rows != nil && r.airspace == airspace {
		return r.rows
	}
	airports := world.Airports()
	rows := make([]AirportRow, len(airports))
	for i := range airports {
		rows[i] = airportRow(world, &airports[i])
	}
	if airspace != nil {
		for i, fir := range airspace.Airports(world) {
			if fir != nil {
				rows[i].FIR = &fir.ID
			}
		}
	}
	r.airspace, r.rows = airspace, rows
	return rows
}

func airportRow(world *reference.World, a *reference.Airport) AirportRow {
	row := AirportRow{
		ICAO: a.ICAO, IATA: textOrNull(a.IATA), Name: a.Name, City: textOrNull(a.City), Country: a.Country, Region: textOrNull(a.Region),
		Lat: a.Lat, Lon: a.Lon, ElevationFt: a.ElevationFt, TZ: textOrNull(a.TZ),
	}
	longest := 0
	for _, runway := range world.RunwaysOf(a) {
		if !runway.Closed {
			row.Runways++
			longest = max(longest, runway.LengthFt)
		}
	}
	row.LongestRunwayFt = positive(longest)
	return row
}

// positive is nil for 0, which stands for "not known".
func positive(measure int) *int {
	if measure == 0 {
		return nil
	}
	return &measure
}

// world returns what is embedded and, where there is one, the version of the
// FIRs in force.
func (s *service) world(ctx context.Context) (*reference.World, *reference.Airspace, error) {
	world, err := s.Atlas.World()
	if err != nil {
		return nil, nil, err
	}
	airspace, err := s.Atlas.Airspace(ctx)
	if err != nil {
		return world, nil, nil // the rest is worth answering; the reader says in the log what is wrong
	}
	return world, airspace, nil
}

type airportsInput struct {
	ListParams
	PlaceParams
	Country string `query:"country" pattern:"^([A-Za-z]{2})?$" doc:"ISO 3166-1 code of two letters"`
	Query   string `query:"q" maxLength:"100" doc:"words that the codes, the name or the city contain, in any case"`
}

func (s *service) airports(ctx context.Context, rows *airportRows, input *airportsInput) (Rows[AirportRow], error) {
	world, airspace, err := s.world(ctx)
	if err != nil {
		return Rows[AirportRow]{}, err
	}
	all := rows.of(world, airspace)
	words := strings.Fields(strings.ToLower(input.Query))
	if input.Country != "" || len(words) > 0 {
		var some []AirportRow
		for i := range all {
			if (input.Country == "" || strings.EqualFold(all[i].Country, input.Country)) && all[i].contains(words) {
				some = append(some, all[i])
			}
		}
		all = some
	}
	return s.dated(Rows[AirportRow]{All: all}, airspace), nil
}

func (r *AirportRow) contains(words []string) bool {
	if len(words) == 0 {
		return true
	}
	text := strings.ToLower(strings.Join(append(codes(r.IATA, r.City), r.ICAO, r.Name), "\n"))
	for _, word := range words {
		if !strings.Contains(text, word) {
			return false
		}
	}
	return true
}

// dated says of what moment FIRs are, and whose.
func (s *service) dated(rows Rows[AirportRow], airspace *reference.Airspace) Rows[AirportRow] {
	rows.Stale = s.Atlas.Stale()
	if airspace != nil {
		rows.AsOf, rows.Attribution = airspace.Version.Fetched, reference.Attribution
	}
	return rows
}

type regionInput struct {
	ListParams
	Region string `path:"region" maxLength:"100" doc:"a region's name or an FIR's id, in any case"`
}

func (s *service) regionAirports(ctx context.Context, rows *airportRows, input *regionInput) (Rows[AirportRow], error) {
	area, err := s.Atlas.Region(ctx, input.Region)
	if err != nil {
		return Rows[AirportRow]{}, err
	}
	world, airspace, err := s.world(ctx)
	if err != nil {
		return Rows[AirportRow]{}, err
	}
	all := rows.of(world, airspace)
	in := []AirportRow{}
	for i := range all {
		if area.Airport(all[i].ICAO) {
			in = append(in, all[i])
		}
	}
	found := Rows[AirportRow]{All: in, Keys: func(matched []AirportRow) any {
		keys := RegionKeys{Region: input.Region, TotalAirports: len(matched), Airports: make([]string, len(matched))}
		for i := range matched {
			keys.Airports[i] = matched[i].ICAO
		}
		return keys
	}}
	return s.dated(found, airspace), nil
}

type airportInput struct {
	Conditional
	Code string `path:"airport_code" pattern:"^[A-Za-z0-9]{3,4}$" doc:"ICAO or IATA code, in any case"`
}

func (s *service) find(code string) (*reference.World, *reference.Airport, error) {
	world, err := s.Atlas.World()
	if err != nil {
		return nil, nil, err
	}
	airport, found := world.Airport(code)
	if !found {
		return nil, nil, fault.E("api.airport", fault.NotFound, "no_airport", nil).
			WithMessage("There is no airport with the code " + strings.ToUpper(code) + "; /api/airports?q= finds airports by name.")
	}
	return world, airport, nil
}

func (s *service) coordinates(_ context.Context, input *airportInput) (*Coordinates, error) {
	_, airport, err := s.find(input.Code)
	if err != nil {
		return nil, err
	}
	return &Coordinates{AirportCode: strings.ToUpper(input.Code), Latitude: airport.Lat, Longitude: airport.Lon}, nil
}

func (s *service) airport(ctx context.Context, input *airportInput) (*AirportDetail, error) {
	_, airport, err := s.find(input.Code)
	if err != nil {
		return nil, err
	}
	world, airspace, err := s.world(ctx)
	if err != nil {
		return nil, err
	}
	detail := &AirportDetail{AirportRow: airportRow(world, airport), RunwayList: []RunwayRow{}}
	if country, known := world.Country(airport.Country); known {
		detail.CountryName, detail.Continent = &country.Name, &country.Continent
	}
	if airspace != nil {
		detail.Attribution = reference.Attribution
		if fir, found := airspace.At(airport.Lat, airport.Lon); found {
			detail.FIR = &fir.ID
		}
	}
	for _, runway := range world.RunwaysOf(airport) {
		detail.RunwayList = append(detail.RunwayList, runwayRow(&runway))
	}
	return detail, nil
}

func runwayRow(r *reference.Runway) RunwayRow {
	row := RunwayRow{
		LengthFt: positive(r.LengthFt), WidthFt: positive(r.WidthFt), Surface: textOrNull(r.Surface), Lighted: r.Lighted, Closed: r.Closed,
	}
	for _, end := range []reference.RunwayEnd{r.Low, r.High} {
		if end.Ident == "" {
			continue
		}
		made := RunwayEndRow{Ident: end.Ident, DisplacedFt: end.DisplacedFt}
		if end.Heading >= 0 {
			made.Heading = &end.Heading
		}
		if end.Placed {
			made.Lat, made.Lon = &end.Lat, &end.Lon
		}
		row.Ends = append(row.Ends, made)
	}
	return row
}
