package api

import (
	"cmp"
	"context"
	"slices"
	"strconv"
	"time"

	"github.com/skyledger/skyledger/internal/flight"
	"github.com/skyledger/skyledger/internal/geo"
	"github.com/skyledger/skyledger/internal/live"
	"github.com/skyledger/skyledger/internal/reference"
	"github.com/skyledger/skyledger/internal/store"
	"github.com/skyledger/skyledger/internal/traffic"
)

// boardRule is how a board's estimates are made, in words.
const boardRule = "arrivals: great circle to the airport at the present speed, with a descent of 3 NM per 1,000 ft at no more than 300 kt, from 30 NM at 210 kt, the last 10 NM at 150 kt; " +
	"departures: off-block, or the filed time where that is later than now, and the airport's mean taxi time of the last 24 hours (10 minutes where there is none); " +
	"arrivals that have not left yet: the same at 430 kt after their departure"

const (
	boardPast    = time.Hour        // how long flights that ended stay on a board
	usualTaxi    = 10 * time.Minute // where the airport has no figure
	plannedKnots = 430.0
	plannedFeet  = 35_000.0
	filedWithin  = 12 * time.Hour // a filed time of day means the nearest moment within
)

// BoardRow is a flight to or from an airport.
type BoardRow struct {
	ID           string     `json:"id" doc:"the flight's with the direction"`
	Direction    string     `json:"direction" enum:"arrival,departure"`
	FlightID     string     `json:"flight_id" doc:"see /api/flights/{id}"`
	Callsign     string     `json:"callsign"`
	Airline      *string    `json:"airline"`
	AircraftType *string    `json:"aircraft_type"`
	Origin       *string    `json:"origin" doc:"flown, or filed where not known"`
	Destination  *string    `json:"destination" doc:"flown, or filed where not known"`
	Status       string     `json:"status" enum:"scheduled,taxiing,departed,en_route,descending,approaching,landed,arrived,diverted,probably_landed,lost,never_left"`
	Scheduled    *time.Time `json:"scheduled" doc:"filed departure time as the nearest moment"`
	DelayS       *int       `json:"delay_s" doc:"seconds from the filed departure time to off-block or take-off; negative when early"`
	OffBlock     *time.Time `json:"off_block"`
	Takeoff      *time.Time `json:"takeoff"`
	Landing      *time.Time `json:"landing"`
	OnBlock      *time.Time `json:"on_block"`
	Estimated    *time.Time `json:"estimated" doc:"take-off or landing here while it has not happened; null when nothing can be said"`
	RemainingNM  *float64   `json:"remaining_nm" doc:"great circle to here, of arrivals in the air"`
	Lat          *float64   `json:"lat" doc:"of the newest snapshot; null where it is not connected, as the next three"`
	Lon          *float64   `json:"lon"`
	Altitude     *int       `json:"altitude" doc:"feet above mean sea level"`
	Groundspeed  *int       `json:"groundspeed" doc:"knots"`
}

// BoardKeys are the keys beside a board's rows.
type BoardKeys struct {
	AirportICAO string `json:"airport_icao"`
	Inbound     int    `json:"inbound" doc:"flights that are to land here"`
	Outbound    int    `json:"outbound" doc:"flights that are to take off here"`
	Estimates   string `json:"estimates" doc:"how they are made"`
}

type boardInput struct {
	ListParams
	Airport   string `path:"airport_code" pattern:"^[A-Za-z0-9]{3,4}$" doc:"ICAO or IATA code, in any case"`
	Direction string `query:"direction" enum:"arrival,departure" doc:"one of the two; both when not given"`
}

// boards registers the operations on an airport's traffic.
func (s *service) boards() {
	list(s, Operation{
		Path: "/api/airports/{airport_code}/board", Summary: "Who comes to an airport and who leaves it, with estimates",
		Description: "Open flights, and those that ended within the last hour, by the time of take-off or landing here. Estimates are " + boardRule + ".",
		Example:     "/api/airports/EGLL/board?fields=direction,callsign,origin,destination,status,estimated,delay_s&limit=5",
	}, List[BoardRow]{ID: "id", Keys: BoardKeys{}, Timestamp: true}, s.board)
	s.density()
}

func (s *service) board(ctx context.Context, input *boardInput) (Rows[BoardRow], error) {
	found := Rows[BoardRow]{All: []BoardRow{}}
	world, airport, err := s.find(input.Airport)
	if err != nil {
		return found, err
	}
	analyzed, err := s.Traffic.AnalyzedTo(ctx)
	if err != nil {
		return found, err
	}
	rows, err := s.boardRows(ctx, world, airport)
	if err != nil {
		return found, err
	}
	keys := BoardKeys{AirportICAO: airport.ICAO, Estimates: boardRule}
	for _, row := range rows {
		if row.Estimated != nil && row.Direction == directionArrival {
			keys.Inbound++
		} else if row.Estimated != nil {
			keys.Outbound++
		}
		if input.Direction == "" || input.Direction == row.Direction {
			found.All = append(found.All, row)
		}
	}
	found.Keys = func([]BoardRow) any { return keys }
	return asAnalyzed(s, found, analyzed, s.Clock()), nil
}

const (
	directionArrival   = "arrival"
	directionDeparture = "departure"
)

// boarding is what estimates are made with.
type boarding struct {
	world   *reference.World
	airport *reference.Airport
	now     time.Time
	taxi    time.Duration
	live    map[string]*live.Flight // by connection
}

// boardRows are the flights to and from an airport by time. Without a live view
// those in the air have no estimate.
func (s *service) boardRows(ctx context.Context, world *reference.World, airport *reference.Airport) ([]BoardRow, error) {
	now := s.Clock().UTC()
	flights, err := s.Traffic.BoardFlights(ctx, airport.ICAO, now.Add(-boardPast))
	if err != nil {
		return nil, err
	}
	quarters, err := s.Traffic.AirportQuarters(ctx, airport.ICAO, now.Add(-aDay), now)
	if err != nil {
		return nil, err
	}
	b := &boarding{world: world, airport: airport, now: now, taxi: usualTaxi, live: map[string]*live.Flight{}}
	if sums := addQuarters(quarters); sums.TaxiedOut > 0 {
		b.taxi = time.Duration(sums.TaxiOutS/sums.TaxiedOut) * time.Second
	}
	answer, err := s.Live.Get(ctx, live.Flights, live.JSON)
	if err == nil {
		var connected []live.Flight
		connected, _, err = answer.FlightRows()
		for i := range connected {
			b.live[connected[i].ID] = &connected[i]
		}
	}
	if err != nil {
		s.note(ctx, err)
	}
	rows := []BoardRow{}
	for i := range flights {
		rows = append(rows, b.rows(&flights[i])...)
	}
	slices.SortStableFunc(rows, func(x, y BoardRow) int {
		return cmp.Or(x.moment().Compare(y.moment()), cmp.Compare(x.ID, y.ID))
	})
	return rows, nil
}

// moment is when it takes off or lands here; what is not known comes last.
func (r *BoardRow) moment() time.Time {
	done := r.Landing
	if r.Direction == directionDeparture {
		done = r.Takeoff
	}
	switch {
	case done != nil:
		return *done
	case r.Estimated != nil:
		return *r.Estimated
	default:
		return time.Unix(1<<40, 0)
	}
}

func (b *boarding) rows(f *store.BoardFlight) (rows []BoardRow) {
	from, to := cmp.Or(f.Departure, f.FiledDeparture), cmp.Or(f.Arrival, f.FiledArrival)
	row := BoardRow{
		FlightID: strconv.FormatInt(f.ID, 10), Callsign: f.Callsign, Airline: textOrNull(store.AirlineOf(f.Callsign)),
		AircraftType: textOrNull(f.Aircraft), Origin: textOrNull(from), Destination: textOrNull(to), Scheduled: utc(b.scheduled(f)),
		OffBlock: utc(f.OffBlock), Takeoff: utc(f.Takeoff), Landing: utc(f.Landing), OnBlock: utc(f.OnBlock), DelayS: flightRow(&f.Flight).DelayS,
	}
	if here := b.live[strconv.FormatInt(f.SessionID, 10)]; here != nil && f.Ending == 0 {
		row.Lat, row.Lon, row.Altitude, row.Groundspeed = &here.Lat, &here.Lon, &here.Altitude, &here.GroundSpeed
	}
	if from == b.airport.ICAO {
		departure := row
		departure.ID, departure.Direction, departure.Status = row.FlightID+"-"+directionDeparture, directionDeparture, departureStatus(&f.Flight)
		if f.Takeoff.IsZero() && f.Ending == 0 {
			departure.Estimated = utc(b.leaves(f))
		}
		rows = append(rows, departure)
	}
	if to == b.airport.ICAO || f.FiledArrival == b.airport.ICAO {
		arrival := row
		arrival.ID, arrival.Direction, arrival.Status = row.FlightID+"-"+directionArrival, directionArrival, arrivalStatus(&f.Flight, b.airport.ICAO)
		if f.Landing.IsZero() && f.Ending == 0 {
			arrival.Estimated, arrival.RemainingNM = b.comes(f, &row)
		}
		rows = append(rows, arrival)
	}
	return rows
}

// scheduled is the filed departure as a moment: what the analysis says, and of
// flights that have not moved the nearest one to now.
func (b *boarding) scheduled(f *store.BoardFlight) time.Time {
	if !f.Scheduled.IsZero() || !f.OffBlock.IsZero() || !f.Takeoff.IsZero() {
		return f.Scheduled
	}
	clock, err := time.Parse("1504", f.Deptime)
	if err != nil {
		return time.Time{}
	}
	at := b.now.Truncate(aDay).Add(time.Duration(clock.Hour())*time.Hour + time.Duration(clock.Minute())*time.Minute)
	switch {
	case at.Sub(b.now) > filedWithin:
		at = at.Add(-aDay)
	case b.now.Sub(at) > filedWithin:
		at = at.Add(aDay)
	}
	return at
}

// leaves is when a flight that stands or taxis takes off.
func (b *boarding) leaves(f *store.BoardFlight) time.Time {
	off := f.OffBlock
	if off.IsZero() {
		off = b.scheduled(f)
		if off.Before(b.now) {
			off = b.now
		}
	}
	if at := off.Add(b.taxi); at.After(b.now) {
		return at
	}
	return b.now
}

// comes is when a flight lands, and how far it has to go where that is seen.
func (b *boarding) comes(f *store.BoardFlight, row *BoardRow) (*time.Time, *float64) {
	if f.Takeoff.IsZero() && flight.Phase(f.Phase) < flight.Departed {
		origin, known := b.world.Airport(cmp.Or(f.Departure, f.FiledDeparture))
		if !known {
			return nil, nil
		}
		miles := geo.Distance(origin.Lat, origin.Lon, b.airport.Lat, b.airport.Lon)
		return utc(b.leaves(f).Add(traffic.Remaining(miles, min(plannedFeet, 100*miles), plannedKnots))), nil
	}
	if row.Lat == nil || flight.Phase(f.Phase) >= flight.Landed {
		return nil, nil
	}
	miles := geo.Distance(*row.Lat, *row.Lon, b.airport.Lat, b.airport.Lon)
	above := float64(*row.Altitude - b.airport.ElevationFt)
	return utc(b.now.Add(traffic.Remaining(miles, above, float64(*row.Groundspeed))).Truncate(time.Second)), tenth(miles)
}

func departureStatus(f *store.Flight) string {
	switch phase := flight.Phase(f.Phase); {
	case flight.Ending(f.Ending) == flight.NeverLeft:
		return "never_left"
	case !f.Takeoff.IsZero() || phase >= flight.Departed:
		return "departed"
	case phase == flight.TaxiOut:
		return "taxiing"
	default:
		return "scheduled"
	}
}

func arrivalStatus(f *store.Flight, airport string) string {
	switch flight.Ending(f.Ending) {
	case flight.ProbablyLanded:
		return "probably_landed"
	case flight.LostInFlight:
		return "lost"
	case flight.NeverLeft:
		return "never_left"
	}
	if f.Arrival != "" && f.Arrival != airport {
		return "diverted"
	}
	switch flight.Phase(f.Phase) {
	case flight.Preflight:
		return "scheduled"
	case flight.TaxiOut:
		return "taxiing"
	case flight.Descent:
		return "descending"
	case flight.Approach:
		return "approaching"
	case flight.Landed, flight.TaxiIn:
		return "landed"
	case flight.Arrived:
		return "arrived"
	case flight.Lost:
		return "lost"
	default:
		return "en_route"
	}
}
