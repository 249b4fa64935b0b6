package store

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
)

// Flight is one flight's row; see internal/flight for what its columns mean.
// Times are NULL while zero, distances while negative.
type Flight struct {
	ID                                      int64
	CID                                     int32
	Callsign                                string
	Began, Ended                            time.Time
	Phase, Ending                           int16
	FiledDeparture, FiledArrival, Alternate string
	Aircraft, Rules, Deptime, Route         string
	Scheduled                               time.Time // the filed departure as a moment
	Departure, Arrival                      string
	OffBlock, Takeoff, Landing, OnBlock     time.Time
	DistanceNM, DirectNM                    float32
	Teleports                               int32
}

// FlightLeg is a part of a flight under one session.
type FlightLeg struct {
	FlightID     int64
	Began, Ended time.Time
	SessionID    int64
}

// FlightGap is a part of a flight that nobody saw.
type FlightGap struct {
	FlightID           int64
	Began, Ended       time.Time
	DistanceNM         float32
	Airborne, Teleport bool
}

// Movement is one movement's row.
type Movement struct {
	FlightID                     int64
	At                           time.Time
	Kind                         int16
	Airport, Runway              string
	Callsign, Aircraft           string
	Origin, Destination, Planned string
	ErrorS, Confidence           float32
	Altitude                     int32
	Groundspeed                  int16
	Evidence                     []byte // JSON: see the table
}

// AirportQuarter names a quarter of an hour at an airport.
type AirportQuarter struct {
	Airport string
	Quarter time.Time
}

// Dimension is what departures are counted by. The numbers are stored.
type Dimension int16

// The dimensions of departures.
const (
	ByRoute   Dimension = 1 // "EGLL-KJFK"
	ByType    Dimension = 2 // ICAO type
	ByAirline Dimension = 3 // ICAO's three letters, of callsigns that have a number behind them
)

// Traffic is what flights and movements change.
type Traffic struct {
	Flights   []Flight
	Legs      []FlightLeg
	Gaps      []FlightGap
	Movements []Movement
	Recount   []AirportQuarter // beside those of Movements
}

func queueTraffic(batch *pgx.Batch, at time.Time, t Traffic) {
	queueFlights(batch, at, t.Flights)
	queueFlightLegs(batch, at, t.Legs)
	queueFlightGaps(batch, at, t.Gaps)
	queueMovements(batch, at, t.Movements)
	queueDepartures(batch, t.Movements, 1)
	queueRecount(batch, append(quartersOf(t.Movements), t.Recount...))
}

func queueRecount(batch *pgx.Batch, quarters []AirportQuarter) {
	// Somewhere is no airport: what happens there is a movement and no figure.
	quarters = slices.DeleteFunc(quarters, func(q AirportQuarter) bool { return q.Airport == "" })
	if len(quarters) == 0 {
		return
	}
	airports := column(quarters, func(q AirportQuarter) string { return q.Airport })
	starts := column(quarters, func(q AirportQuarter) time.Time { return q.Quarter })
	batch.Queue(`SELECT recount_quarters($1, $2)`, airports, starts)
	batch.Queue(`SELECT recount_days($1, $2)`, airports, starts)
}

func quartersOf(movements []Movement) []AirportQuarter {
	return column(movements, func(m Movement) AirportQuarter { return AirportQuarter{m.Airport, QuarterOf(m.At)} })
}

// QuarterOf returns the quarter of an hour that a moment lies in.
func QuarterOf(at time.Time) time.Time { return at.UTC().Truncate(15 * time.Minute) }

// departure is one of the things that a departure is counted under.
type departure struct {
	hour      time.Time
	dimension Dimension
	subject   string
}

func departuresOf(movements []Movement) map[departure]int32 {
	counts := map[departure]int32{}
	for _, m := range movements {
		if m.Kind != departureKind {
			continue
		}
		hour := m.At.UTC().Truncate(time.Hour)
		if m.Origin != "" && m.Destination != "" {
			counts[departure{hour, ByRoute, m.Origin + "-" + m.Destination}]++
		}
		if m.Aircraft != "" {
			counts[departure{hour, ByType, m.Aircraft}]++
		}
		if airline := AirlineOf(m.Callsign); airline != "" {
			counts[departure{hour, ByAirline, airline}]++
		}
	}
	return counts
}

// departureKind is traffic.Departure as it is stored.
const departureKind = 1

// AirlineOf returns the ICAO designator of the airline that a callsign is of,
// three letters with a digit behind them, as in BAW123; "" for all others.
func AirlineOf(callsign string) string {
	if len(callsign) < 4 || callsign[3] < '0' || callsign[3] > '9' {
		return ""
	}
	for i := range 3 {
		if callsign[i] < 'A' || callsign[i] > 'Z' {
			return ""
		}
	}
	return callsign[:3]
}

func queueDepartures(batch *pgx.Batch, movements []Movement, sign int32) {
	counts := departuresOf(movements)
	if len(counts) == 0 {
		return
	}
	keys := slices.SortedFunc(maps.Keys(counts), func(a, b departure) int {
		return cmp.Or(a.hour.Compare(b.hour), cmp.Compare(a.dimension, b.dimension), cmp.Compare(a.subject, b.subject))
	})
	batch.Queue(`INSERT INTO departure_hours AS d (hour, dimension, subject, departures)
		SELECT * FROM unnest($1::timestamptz[], $2::smallint[], $3::text[], $4::integer[])
		ON CONFLICT (hour, dimension, subject) DO UPDATE SET departures = d.departures + excluded.departures`,
		column(keys, func(k departure) time.Time { return k.hour }),
		column(keys, func(k departure) int16 { return int16(k.dimension) }),
		column(keys, func(k departure) string { return k.subject }),
		column(keys, func(k departure) int32 { return sign * counts[k] }))
}
func queueFlights(batch *pgx.Batch, at time.Time, flights []Flight) {
	if len(flights) == 0 {
		return
	}
	flights = sorted(flights, func(f Flight) int64 { return f.ID })
	batch.Queue(`INSERT INTO flights (id, cid, callsign, began, ended, phase, ending,
			filed_departure, filed_arrival, filed_alternate, aircraft, rules, deptime, route, scheduled,
			departure, arrival, off_block, takeoff, landing, on_block, distance_nm, direct_nm, teleports, decided)
		SELECT u.*, $25::timestamptz FROM unnest($1::bigint[], $2::integer[], $3::text[], $4::timestamptz[], $5::timestamptz[], $6::smallint[], $7::smallint[],
			$8::text[], $9::text[], $10::text[], $11::text[], $12::text[], $13::text[], $14::text[], $15::timestamptz[],
			$16::text[], $17::text[], $18::timestamptz[], $19::timestamptz[], $20::timestamptz[], $21::timestamptz[], $22::real[], $23::real[], $24::integer[]) AS u
		ON CONFLICT (id) DO UPDATE SET callsign = excluded.callsign, ended = excluded.ended, phase = excluded.phase, ending = excluded.ending,
			filed_departure = excluded.filed_departure, filed_arrival = excluded.filed_arrival, filed_alternate = excluded.filed_alternate,
			aircraft = excluded.aircraft, rules = excluded.rules, deptime = excluded.deptime, route = excluded.route, scheduled = excluded.scheduled,
			departure = excluded.departure, arrival = excluded.arrival, off_block = excluded.off_block, takeoff = excluded.takeoff,
			landing = excluded.landing, on_block = excluded.on_block, distance_nm = excluded.distance_nm, direct_nm = excluded.direct_nm,
			teleports = excluded.teleports`,
		column(flights, func(f Flight) int64 { return f.ID }),
		column(flights, func(f Flight) int32 { return f.CID }),
		column(flights, func(f Flight) string { return f.Callsign }),
		column(flights, func(f Flight) time.Time { return f.Began }),
		column(flights, func(f Flight) moment { return moment(f.Ended) }),
		column(flights, func(f Flight) int16 { return f.Phase }),
		column(flights, func(f Flight) int16 { return f.Ending }),
		column(flights, func(f Flight) string { return f.FiledDeparture }),
		column(flights, func(f Flight) string { return f.FiledArrival }),
		column(flights, func(f Flight) string { return f.Alternate }),
		column(flights, func(f Flight) string { return f.Aircraft }),
		column(flights, func(f Flight) string { return f.Rules }),
		column(flights, func(f Flight) string { return f.Deptime }),
		column(flights, func(f Flight) string { return f.Route }),
		column(flights, func(f Flight) moment { return moment(f.Scheduled) }),
		column(flights, func(f Flight) string { return f.Departure }),
		column(flights, func(f Flight) string { return f.Arrival }),
		column(flights, func(f Flight) moment { return moment(f.OffBlock) }),
		column(flights, func(f Flight) moment { return moment(f.Takeoff) }),
		column(flights, func(f Flight) moment { return moment(f.Landing) }),
		column(flights, func(f Flight) moment { return moment(f.OnBlock) }),
		column(flights, func(f Flight) *float32 { return measured(f.DistanceNM) }),
		column(flights, func(f Flight) *float32 { return measured(f.DirectNM) }),
		column(flights, func(f Flight) int32 { return f.Teleports }),
		at)
}

// measured is nil for a negative figure: it is not known.
func measured(figure float32) *float32 {
	if figure < 0 {
		return nil
	}
	return &figure
}

func queueFlightLegs(batch *pgx.Batch, at time.Time, legs []FlightLeg) {
	if len(legs) == 0 {
		return
	}
	legs = sorted(legs, func(l FlightLeg) int64 { return l.FlightID })
	batch.Queue(`INSERT INTO flight_legs AS l (flight_id, began, ended, session_id, decided)
		SELECT u.*, $5::timestamptz FROM unnest($1::bigint[], $2::timestamptz[], $3::timestamptz[], $4::bigint[]) AS u
		ON CONFLICT (flight_id, began) DO UPDATE SET ended = excluded.ended WHERE l.ended <> excluded.ended`,
		column(legs, func(l FlightLeg) int64 { return l.FlightID }),
		column(legs, func(l FlightLeg) time.Time { return l.Began }),
		column(legs, func(l FlightLeg) time.Time { return l.Ended }),
		column(legs, func(l FlightLeg) int64 { return l.SessionID }),
		at)
}

func queueFlightGaps(batch *pgx.Batch, at time.Time, gaps []FlightGap) {
	if len(gaps) == 0 {
		return
	}
	gaps = sorted(gaps, func(g FlightGap) int64 { return g.FlightID })
	batch.Queue(`INSERT INTO flight_gaps (flight_id, began, ended, distance_nm, airborne, teleport, decided)
		SELECT u.*, $7::timestamptz FROM unnest($1::bigint[], $2::timestamptz[], $3::timestamptz[], $4::real[], $5::boolean[], $6::boolean[]) AS u
		ON CONFLICT (flight_id, began) DO NOTHING`,
		column(gaps, func(g FlightGap) int64 { return g.FlightID }),
		column(gaps, func(g FlightGap) time.Time { return g.Began }),
		column(gaps, func(g FlightGap) time.Time { return g.Ended }),
		column(gaps, func(g FlightGap) float32 { return g.DistanceNM }),
		column(gaps, func(g FlightGap) bool { return g.Airborne }),
		column(gaps, func(g FlightGap) bool { return g.Teleport }),
		at)
}

func queueMovements(batch *pgx.Batch, at time.Time, movements []Movement) {
	if len(movements) == 0 {
		return
	}
	batch.Queue(`INSERT INTO movements (flight_id, at, kind, airport, runway, callsign, aircraft, origin, destination, planned,
			error_s, confidence, altitude, groundspeed, evidence, decided)
		SELECT u.*, $16::timestamptz FROM unnest($1::bigint[], $2::timestamptz[], $3::smallint[], $4::text[], $5::text[], $6::text[], $7::text[],
			$8::text[], $9::text[], $10::text[], $11::real[], $12::real[], $13::integer[], $14::smallint[], $15::jsonb[]) AS u`,
		column(movements, func(m Movement) int64 { return m.FlightID }),
		column(movements, func(m Movement) time.Time { return m.At }),
		column(movements, func(m Movement) int16 { return m.Kind }),
		column(movements, func(m Movement) string { return m.Airport }),
		column(movements, func(m Movement) string { return m.Runway }),
		column(movements, func(m Movement) string { return m.Callsign }),
		column(movements, func(m Movement) string { return m.Aircraft }),
		column(movements, func(m Movement) string { return m.Origin }),
		column(movements, func(m Movement) string { return m.Destination }),
		column(movements, func(m Movement) string { return m.Planned }),
		column(movements, func(m Movement) float32 { return m.ErrorS }),
		column(movements, func(m Movement) float32 { return m.Confidence }),
		column(movements, func(m Movement) int32 { return m.Altitude }),
		column(movements, func(m Movement) int16 { return m.Groundspeed }),
		column(movements, func(m Movement) []byte { return m.Evidence }),
		at)
}

// rewindTraffic takes back what was decided after a time; the zero time is
// before everything. Quarters that lose movements are counted anew.
func rewindTraffic(ctx context.Context, tx pgx.Tx, to time.Time) error {
	const after = `coalesce($1::timestamptz, '-infinity')`
	for _, table := range []string{"flights", "flight_legs", "flight_gaps"} {
		if _, err := tx.Exec(ctx, `DELETE FROM `+table+` WHERE decided > `+after, moment(to)); err != nil {
			return err
		}
	}
	rows, err := tx.Query(ctx, `DELETE FROM movements WHERE decided > `+after+`
		RETURNING kind, at, airport, callsign, aircraft, origin, destination`, moment(to))
	if err != nil {
		return err
	}
	gone, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (Movement, error) {
		var m Movement
		err := row.Scan(&m.Kind, &m.At, &m.Airport, &m.Callsign, &m.Aircraft, &m.Origin, &m.Destination)
		return m, err
	})
	if err != nil {
		return err
	}
	batch := &pgx.Batch{}
	queueRecount(batch, quartersOf(gone))
	queueDepartures(batch, gone, -1)
	batch.Queue(`DELETE FROM departure_hours WHERE departures = 0`)
	return tx.SendBatch(ctx, batch).Close()
}
