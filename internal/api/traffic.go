package api

import (
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/skyledger/skyledger/internal/store"
)

// Traffic knows movements and what they add up to; *store.Store is one.
type Traffic interface {
	Watermark
	Movements(ctx context.Context, query store.MovementQuery) ([]store.Movement, error)
	CountMovements(ctx context.Context, from, to time.Time) ([]store.AirportCounts, error)
	TotalMovements(ctx context.Context, from, to time.Time) (int, error)
	AirportDays(ctx context.Context, airport string, from, to time.Time) ([]store.DayCounts, error)
	AirportQuarters(ctx context.Context, airport string, from, to time.Time) ([]store.RunwayQuarter, error)
	ActiveAirports(ctx context.Context, from, to time.Time) ([]string, error)
	AnalyzedDays(ctx context.Context, from, to time.Time) (map[time.Time]int, error)
	BoardFlights(ctx context.Context, airport string, since time.Time) ([]store.BoardFlight, error)
	NetworkHistory(ctx context.Context, from, to time.Time, step time.Duration) ([]store.NetworkStep, error)
	MovementHistory(ctx context.Context, airports []string, from, to time.Time, step time.Duration) ([]store.MovementStep, error)
	Busiest(ctx context.Context, from, to time.Time, hour, top int) ([]store.Busy, error)
}

const (
	aDay    = 24 * time.Hour
	quarter = 15 * time.Minute
)

// movementSpan is what one request may ask of movements, countSpan of their
// counts, trendSpan of days.
func movementSpan() spanRule { return spanRule{usual: aDay, longest: 31 * aDay} }
func countSpan() spanRule    { return spanRule{usual: aDay, longest: 31 * aDay} }
func trendSpan() spanRule    { return spanRule{usual: 7 * aDay, longest: 366 * aDay} }

// TrafficGroup registers the operations of api-traffic.
func TrafficGroup(s *service) {
	list(s, Operation{
		Path: "/api/traffic/movements/{airport_icao}", Summary: "What happened at an airport, with runway, confidence and proof",
		Description: "Departures, arrivals, go-arounds, touch-and-goes and diversions, found by what aircraft reported and not by their plans alone, by time; sort=-timestamp gives the newest first. Any other order is of the rows of the whole span, which must then be fewer than 20,000.",
		Example:     "/api/traffic/movements/EGLL?hours=24&fields=timestamp,movement_type,flight_callsign,runway,confidence&limit=5",
	}, List[MovementRow]{Key: "movements", ID: "id", Keys: MovementKeys{}, Timestamp: true}, s.movements)
	list(s, Operation{
		Path: "/api/traffic/summary/{region}", Summary: "Movements in a region or an FIR, by airport",
		Description: "From what is added up by quarters of an hour: those that begin within the span, which is cut to them.",
		Example:     "/api/traffic/summary/Europe?hours=24&sort=-total&limit=5",
	}, List[AirportMovements]{ID: "airport_icao", Keys: RegionSummaryKeys{}, Timestamp: true, Codes: func(row *AirportMovements) []string { return []string{row.AirportICAO} }}, s.regionSummary)
	list(s, Operation{
		Path: "/api/traffic/trends/{airport_icao}", Summary: "An airport's movements by UTC day",
		Description: "Every day of the span has a row, the last one as far as it has come.",
		Example:     "/api/traffic/trends/EGLL?days=7",
	}, List[DayMovements]{ID: "time", Keys: DailyKeys{}, Timestamp: true}, s.dailyTrends)
	s.sectors()
	s.patterns()
	s.networkHistory()
	s.boards()
}

// MovementKeys are the keys beside movements.
type MovementKeys struct {
	AirportICAO string    `json:"airport_icao"`
	From        time.Time `json:"from"`
	To          time.Time `json:"to" doc:"exclusive"`
	Cached      bool      `json:"cached" doc:"false: PostgreSQL answered"`
}

type movementsInput struct {
	ListParams
	SpanParams
	Airport string `path:"airport_icao" pattern:"^[A-Za-z0-9]{3,4}$" doc:"ICAO or IATA code, in any case"`
	Type    string `query:"type" enum:"departure,arrival,go_around,touch_and_go,diversion" doc:"of one kind; all when not given"`
}

// kindOfMovement is the number of a word of movementsInput.Type; 0 is all.
func kindOfMovement(word string) int16 {
	kinds := []string{"departure", "arrival", "go_around", "touch_and_go", "diversion"}
	for i := range kinds {
		if kinds[i] == word {
			return int16(i + 1)
		}
	}
	return 0
}

func (s *service) movements(ctx context.Context, input *movementsInput) (Rows[MovementRow], error) {
	found := Rows[MovementRow]{All: []MovementRow{}}
	airport, err := s.icaoOf(input.Airport)
	if err != nil {
		return found, err
	}
	span, err := s.span(ctx, &input.SpanParams, movementSpan())
	if err != nil {
		return found, err
	}
	analyzed, err := s.Traffic.AnalyzedTo(ctx)
	if err != nil {
		return found, err
	}
	query := store.MovementQuery{
		Airport: airport, From: span.from, To: span.to, Kind: kindOfMovement(input.Type),
		NewestFirst: input.Sort == "-timestamp", Limit: input.Limit + 1,
	}
	order := ""
	switch input.Sort {
	case "", "timestamp", "-timestamp":
		if found.Paged = true; input.Sort != "" {
			order = input.Sort + ","
		}
		if query.After, err = afterMovement(input.Cursor, order); err != nil {
			return found, invalid(ctx, "cursor", input.Cursor, err.Error())
		}
	default:
		query.Limit = mostSorted + 1
	}
	rows, err := s.Traffic.Movements(ctx, query)
	if err != nil {
		return found, err
	}
	switch {
	case !found.Paged && len(rows) > mostSorted:
		return found, errTooMany(input.Sort, mostSorted)
	case found.Paged && len(rows) > input.Limit:
		rows = rows[:input.Limit]
		if found.Next, err = movementCursor(order, &rows[len(rows)-1]); err != nil {
			return found, err
		}
	}
	for i := range rows {
		found.All = append(found.All, movementRow(&rows[i]))
	}
	keys := MovementKeys{AirportICAO: airport, From: span.from, To: span.to}
	found.Keys = func([]MovementRow) any { return keys }
	return asAnalyzed(s, found, analyzed, span.to), nil
}

// movementCursor is the cursor of movements after one of them.
func movementCursor(order string, m *store.Movement) (string, error) {
	return keysetCursor(order, m.At, strconv.FormatInt(m.FlightID, 10)+" "+strconv.Itoa(int(m.Kind)))
}

func afterMovement(text, order string) (key store.MovementKey, err error) {
	at, rest, err := afterKeyset(text, order)
	if err != nil || text == "" {
		return key, err
	}
	id, kind, _ := strings.Cut(rest, " ")
	key.At = at
	if key.FlightID, err = strconv.ParseInt(id, 10, 64); err != nil {
		return key, errNotACursor
	}
	number, err := strconv.ParseInt(kind, 10, 16)
	if err != nil {
		return key, errNotACursor
	}
	key.Kind = int16(number)
	return key, nil
}

// CountsRow is how often things happened.
type CountsRow struct {
	Arrivals     int `json:"arrivals" doc:"landings, diversions among them"`
	Departures   int `json:"departures"`
	Total        int `json:"total" doc:"arrivals and departures"`
	GoArounds    int `json:"go_arounds"`
	TouchAndGoes int `json:"touch_and_goes"`
	Diversions   int `json:"diversions" doc:"arrivals of flights that had filed another airport"`
}

func countsRow(c store.MovementCounts) CountsRow {
	return CountsRow{
		Arrivals: c.Arrivals, Departures: c.Departures, Total: c.Arrivals + c.Departures,
		GoArounds: c.GoArounds, TouchAndGoes: c.TouchAndGoes, Diversions: c.Diversions,
	}
}

// AirportMovements are an airport's movements over a span.
type AirportMovements struct {
	AirportICAO string `json:"airport_icao"`
	CountsRow
}

// ArrivalsDepartures are the original's two figures.
type ArrivalsDepartures struct {
	Arrivals   int `json:"arrivals"`
	Departures int `json:"departures"`
}

// RegionSummaryKeys are the original's keys of a region's movements.
type RegionSummaryKeys struct {
	Region           string                        `json:"region" doc:"as asked for"`
	PeriodHours      float64                       `json:"period_hours"`
	From             time.Time                     `json:"from" doc:"beginning of the first quarter of an hour counted"`
	To               time.Time                     `json:"to" doc:"exclusive"`
	TotalMovements   int                           `json:"total_movements" doc:"arrivals and departures"`
	Arrivals         int                           `json:"arrivals"`
	Departures       int                           `json:"departures"`
	GoArounds        int                           `json:"go_arounds"`
	TouchAndGoes     int                           `json:"touch_and_goes"`
	Diversions       int                           `json:"diversions"`
	AirportBreakdown map[string]ArrivalsDepartures `json:"airport_breakdown" doc:"by ICAO code, of all pages"`
}

type summaryInput struct {
	ListParams
	SpanParams
	Region string `path:"region" maxLength:"100" doc:"a region's name or an FIR's id, in any case"`
}

func (s *service) regionSummary(ctx context.Context, input *summaryInput) (Rows[AirportMovements], error) {
	found := Rows[AirportMovements]{All: []AirportMovements{}}
	area, err := s.area(ctx, "region", input.Region, Places.Region)
	if err != nil {
		return found, err
	}
	span, err := s.span(ctx, &input.SpanParams, countSpan())
	if err != nil {
		return found, err
	}
	from := span.from.Truncate(quarter)
	analyzed, err := s.Traffic.AnalyzedTo(ctx)
	if err != nil {
		return found, err
	}
	counts, err := s.Traffic.CountMovements(ctx, from, span.to)
	if err != nil {
		return found, err
	}
	for _, c := range counts {
		if area.Airport(c.Airport) {
			found.All = append(found.All, AirportMovements{AirportICAO: c.Airport, CountsRow: countsRow(c.MovementCounts)})
		}
	}
	found.Keys = func(matched []AirportMovements) any {
		keys := RegionSummaryKeys{
			Region: input.Region, PeriodHours: rounded(span.to.Sub(span.from).Hours(), 100), From: from, To: span.to,
			AirportBreakdown: map[string]ArrivalsDepartures{},
		}
		for _, row := range matched {
			keys.TotalMovements += row.Total
			keys.Arrivals += row.Arrivals
			keys.Departures += row.Departures
			keys.GoArounds += row.GoArounds
			keys.TouchAndGoes += row.TouchAndGoes
			keys.Diversions += row.Diversions
			keys.AirportBreakdown[row.AirportICAO] = ArrivalsDepartures{row.Arrivals, row.Departures}
		}
		return keys
	}
	return asAnalyzed(s, found, analyzed, span.to), nil
}

// DayMovements are an airport's movements of a day.
type DayMovements struct {
	Time time.Time `json:"time" doc:"midnight UTC that the day begins with"`
	CountsRow
}

// DailyKeys are the original's keys of an airport's days.
type DailyKeys struct {
	AirportICAO    string                        `json:"airport_icao"`
	PeriodDays     int                           `json:"period_days" doc:"days in daily_stats"`
	DailyStats     map[string]ArrivalsDepartures `json:"daily_stats" doc:"by UTC date"`
	TotalMovements int                           `json:"total_movements" doc:"arrivals and departures"`
}

type dailyInput struct {
	ListParams
	SpanParams
	LayoutParams
	Airport string `path:"airport_icao" pattern:"^[A-Za-z0-9]{3,4}$" doc:"ICAO or IATA code, in any case"`
}

func (s *service) dailyTrends(ctx context.Context, input *dailyInput) (Rows[DayMovements], error) {
	found := Rows[DayMovements]{}
	airport, err := s.icaoOf(input.Airport)
	if err != nil {
		return found, err
	}
	span, err := s.span(ctx, &input.SpanParams, trendSpan())
	if err != nil {
		return found, err
	}
	analyzed, err := s.Traffic.AnalyzedTo(ctx)
	if err != nil {
		return found, err
	}
	// So many days, today among them: the day that a span of whole days before
	// now begins in is the one before them.
	from := span.from.Truncate(aDay)
	if from.Before(span.from) && input.From == "" {
		from = from.Add(aDay)
	}
	counts, err := s.Traffic.AirportDays(ctx, airport, from, span.to)
	if err != nil {
		return found, err
	}
	byDay := map[time.Time]store.MovementCounts{}
	for _, c := range counts {
		byDay[c.Day.UTC()] = c.MovementCounts
	}
	keys := DailyKeys{AirportICAO: airport, DailyStats: map[string]ArrivalsDepartures{}}
	for day := from; day.Before(span.to); day = day.Add(aDay) {
		row := DayMovements{Time: day, CountsRow: countsRow(byDay[day])}
		found.All = append(found.All, row)
		keys.DailyStats[day.Format(time.DateOnly)] = ArrivalsDepartures{row.Arrivals, row.Departures}
		keys.TotalMovements += row.Total
	}
	keys.PeriodDays = len(found.All)
	found.Keys = func([]DayMovements) any { return keys }
	return asAnalyzed(s, found, analyzed, span.to), nil
}
