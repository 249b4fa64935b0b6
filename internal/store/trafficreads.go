package store

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
)

// movementColumns are in the order of Movement's fields.
const movementColumns = `flight_id, at, kind, airport, runway, callsign, aircraft, origin, destination, planned,
	error_s, confidence, altitude, groundspeed, evidence`

// MovementQuery chooses movements at an airport.
type MovementQuery struct {
	Airport     string
	From, To    time.Time // From <= at < To
	Kind        int16     // 0: all
	NewestFirst bool
	After       MovementKey // the last row of the page before; zero: the first page
	Limit       int
}

// MovementKey tells a movement apart.
type MovementKey struct {
	At       time.Time
	FlightID int64
	Kind     int16
}

// Movements returns an airport's movements by time.
func (s *Store) Movements(ctx context.Context, q MovementQuery) ([]Movement, error) {
	order, after := `ASC`, `>`
	if q.NewestFirst {
		order, after = `DESC`, `<`
	}
	// The index gives the rows in order of time; those of one moment are few.
	statement := `SELECT ` + movementColumns + ` FROM movements
		WHERE airport = $1 AND at >= $2 AND at < $3 AND ($4::smallint = 0 OR kind = $4)
		  AND ($5::timestamptz IS NULL OR (at, flight_id, kind) ` + after + ` ($5, $6, $7))
		ORDER BY at ` + order + `, flight_id ` + order + `, kind ` + order + ` LIMIT $8`
	var page []Movement
	err := s.use(ctx, "store.Movements", func(ctx context.Context, conn *pgx.Conn) error {
		rows, err := conn.Query(ctx, statement, q.Airport, q.From, q.To, q.Kind, moment(q.After.At), q.After.FlightID, q.After.Kind, q.Limit)
		if err != nil {
			return err
		}
		page, err = pgx.CollectRows(rows, pgx.RowToStructByPos[Movement])
		return err
	})
	return page, err
}

// MovementCounts are how often things happened.
type MovementCounts struct {
	Departures, Arrivals, GoArounds, TouchAndGoes, Diversions int
}

// AirportCounts are the movements of an airport over a span.
type AirportCounts struct {
	Airport string
	MovementCounts
}

const countColumns = `sum(departures)::integer, sum(arrivals)::integer, sum(go_arounds)::integer, sum(touch_and_goes)::integer, sum(diversions)::integer`

// CountMovements returns the movements of the quarters of an hour that begin in
// from <= quarter < to, by airport. The index on quarter holds all it needs.
func (s *Store) CountMovements(ctx context.Context, from, to time.Time) ([]AirportCounts, error) {
	return collect[AirportCounts](ctx, s, "store.CountMovements", func(row pgx.CollectableRow) (c AirportCounts, err error) {
		return c, row.Scan(&c.Airport, &c.Departures, &c.Arrivals, &c.GoArounds, &c.TouchAndGoes, &c.Diversions)
	}, `SELECT airport, `+countColumns+` FROM airport_quarters
		WHERE quarter >= $1 AND quarter < $2 AND airport <> '' GROUP BY airport ORDER BY airport`, from, to)
}

// TotalMovements adds up departures and arrivals everywhere, of the same
// quarters, those at no known airport included.
func (s *Store) TotalMovements(ctx context.Context, from, to time.Time) (int, error) {
	var total int
	err := s.use(ctx, "store.TotalMovements", func(ctx context.Context, conn *pgx.Conn) error {
		return conn.QueryRow(ctx, `SELECT coalesce(sum(departures + arrivals), 0)::integer FROM airport_quarters
			WHERE quarter >= $1 AND quarter < $2`, from, to).Scan(&total)
	})
	return total, err
}

// DayCounts are the movements of a UTC day.
type DayCounts struct {
	Day time.Time
	MovementCounts
}

// AirportDays returns the movements of the days that begin in from <= day < to;
// of all airports together where airport is empty. Days without any are not
// among them.
func (s *Store) AirportDays(ctx context.Context, airport string, from, to time.Time) ([]DayCounts, error) {
	return collect[DayCounts](ctx, s, "store.AirportDays", func(row pgx.CollectableRow) (c DayCounts, err error) {
		return c, row.Scan(&c.Day, &c.Departures, &c.Arrivals, &c.GoArounds, &c.TouchAndGoes, &c.Diversions)
	}, `SELECT day, `+countColumns+` FROM airport_days
		WHERE day >= $2 AND day < $3 AND ($1::text = '' OR airport = $1) GROUP BY day ORDER BY day`, airport, from, to)
}

// RunwayQuarter is a quarter of an hour at an airport's runway; Runway is ""
// where it is not known. The sums of seconds are of as many as stand before them.
type RunwayQuarter struct {
	Quarter time.Time
	Runway  string
	MovementCounts
	TaxiedOut, TaxiOutS int
	TaxiedIn, TaxiInS   int
	Scheduled, DelayS   int
}

// AirportQuarters returns the quarters of from <= quarter < to with movements,
// by time and runway.
func (s *Store) AirportQuarters(ctx context.Context, airport string, from, to time.Time) ([]RunwayQuarter, error) {
	return collect[RunwayQuarter](ctx, s, "store.AirportQuarters", func(row pgx.CollectableRow) (q RunwayQuarter, err error) {
		return q, row.Scan(&q.Quarter, &q.Runway, &q.Departures, &q.Arrivals, &q.GoArounds, &q.TouchAndGoes, &q.Diversions,
			&q.TaxiedOut, &q.TaxiOutS, &q.TaxiedIn, &q.TaxiInS, &q.Scheduled, &q.DelayS)
	}, `SELECT quarter, runway, departures, arrivals, go_arounds, touch_and_goes, diversions,
			taxied_out, taxi_out_s, taxied_in, taxi_in_s, scheduled, delay_s
		FROM airport_quarters WHERE airport = $1 AND quarter >= $2 AND quarter < $3 ORDER BY quarter, runway`, airport, from, to)
}

// collect runs a statement and reads its rows.
func collect[T any](ctx context.Context, s *Store, op string, scan func(pgx.CollectableRow) (T, error), statement string, arguments ...any) ([]T, error) {
	var found []T
	err := s.use(ctx, op, func(ctx context.Context, conn *pgx.Conn) error {
		rows, err := conn.Query(ctx, statement, arguments...)
		if err != nil {
			return err
		}
		found, err = pgx.CollectRows(rows, scan)
		return err
	})
	return found, err
}
