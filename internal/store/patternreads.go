package store

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
)

// BoardFlight is a flight with its newest session.
type BoardFlight struct {
	Flight
	SessionID int64 // 0 while none is written
}

// BoardFlights returns the flights to and from an airport, flown or filed, that
// go on or ended since. Open ones are few and found by the index of those; those
// that ended are looked at by time.
func (s *Store) BoardFlights(ctx context.Context, airport string, since time.Time) ([]BoardFlight, error) {
	return collect[BoardFlight](ctx, s, "store.BoardFlights", func(row pgx.CollectableRow) (b BoardFlight, err error) {
		return b, row.Scan(append(flightTargets(&b.Flight), &b.SessionID)...)
	}, `SELECT `+flightColumns+`,
			coalesce((SELECT l.session_id FROM flight_legs l WHERE l.flight_id = f.id ORDER BY l.began DESC LIMIT 1), 0)
		FROM flights f WHERE f.ending = 0 AND $1 IN (f.filed_arrival, f.filed_departure, f.arrival, f.departure)
		UNION ALL
		SELECT `+flightColumns+`,
			coalesce((SELECT l.session_id FROM flight_legs l WHERE l.flight_id = f.id ORDER BY l.began DESC LIMIT 1), 0)
		FROM flights f WHERE f.ending <> 0 AND f.ended >= $2 AND $1 IN (f.filed_arrival, f.filed_departure, f.arrival, f.departure)
		ORDER BY 1`, airport, since)
}

// NetworkStep are the network's figures over a step of time: means and peaks.
type NetworkStep struct {
	At                                       time.Time
	Snapshots                                int
	Pilots, Airborne, Controllers, Observers float64
	ATIS, Prefiles                           float64
	MostPilots, MostAirborne                 int
	MostControllers                          int
}

// NetworkHistory returns the figures of the analysed snapshots of
// from <= at < to by steps; steps without any are not among them.
func (s *Store) NetworkHistory(ctx context.Context, from, to time.Time, step time.Duration) ([]NetworkStep, error) {
	return collect[NetworkStep](ctx, s, "store.NetworkHistory", pgx.RowToStructByPos[NetworkStep], `
		SELECT date_bin($3::interval, at, '2000-01-01T00:00:00Z') AS step, count(*)::integer,
		       avg(pilots)::float8, avg(airborne)::float8, avg(controllers)::float8, avg(observers)::float8, avg(atis)::float8, avg(prefiles)::float8,
		       max(pilots), max(airborne), max(controllers)
		FROM analyzed WHERE at >= $1 AND at < $2 GROUP BY step ORDER BY step`, from, to, step)
}

// MovementStep are the movements of a step of time.
type MovementStep struct {
	At                   time.Time
	Departures, Arrivals int
}

// MovementHistory adds up the quarters of from <= quarter < to by steps, of all
// airports or, where given, of some.
func (s *Store) MovementHistory(ctx context.Context, airports []string, from, to time.Time, step time.Duration) ([]MovementStep, error) {
	return collect[MovementStep](ctx, s, "store.MovementHistory", pgx.RowToStructByPos[MovementStep], `
		SELECT date_bin($3::interval, quarter, '2000-01-01T00:00:00Z') AS step, sum(departures)::integer, sum(arrivals)::integer
		FROM airport_quarters WHERE quarter >= $1 AND quarter < $2 AND ($4::text[] IS NULL OR airport = ANY ($4))
		GROUP BY step ORDER BY step`, from, to, step, airports)
}

// ActiveAirports returns the airports with movements on the days that a span
// touches.
func (s *Store) ActiveAirports(ctx context.Context, from, to time.Time) ([]string, error) {
	return collect[string](ctx, s, "store.ActiveAirports", pgx.RowTo[string],
		`SELECT DISTINCT airport FROM airport_days WHERE day >= date_trunc('day', $1::timestamptz, 'UTC') AND day < $2 AND airport <> ''`, from, to)
}

// AnalyzedDays counts the analysed snapshots of UTC days.
func (s *Store) AnalyzedDays(ctx context.Context, from, to time.Time) (map[time.Time]int, error) {
	type day struct {
		day   time.Time
		count int
	}
	days, err := collect[day](ctx, s, "store.AnalyzedDays", func(row pgx.CollectableRow) (d day, err error) {
		return d, row.Scan(&d.day, &d.count)
	}, `SELECT date_trunc('day', at, 'UTC') AS day, count(*)::integer FROM analyzed WHERE at >= $1 AND at < $2 GROUP BY day`, from, to)
	counts := map[time.Time]int{}
	for _, d := range days {
		counts[d.day.UTC()] = d.count
	}
	return counts, err
}

// Busy is something that many movements have in common.
type Busy struct {
	Dimension Dimension // 0: the airport, of departures and arrivals
	Subject   string
	Rank      int
	Total     int
	Hours     []int32 // of the week that have any: 0 is Monday 0 z, 167 Sunday 23 z
	Counts    []int64 // likewise
}

// Busiest returns the busiest of each dimension over from <= time < to, with
// their hours of the week; by one of those alone where hour is not negative.
func (s *Store) Busiest(ctx context.Context, from, to time.Time, hour, top int) ([]Busy, error) {
	const hourOfWeek = `(extract(isodow FROM t AT TIME ZONE 'UTC')::integer - 1) * 24 + extract(hour FROM t AT TIME ZONE 'UTC')::integer`
	return collect[Busy](ctx, s, "store.Busiest", pgx.RowToStructByPos[Busy], `
		WITH counted AS MATERIALIZED (
		    SELECT dimension, subject, `+hourOfWeek+` AS how, sum(n) AS n FROM (
		        SELECT dimension, subject, hour AS t, departures AS n FROM departure_hours WHERE hour >= $1 AND hour < $2
		        UNION ALL
		        SELECT 0::smallint, airport, quarter, departures + arrivals FROM airport_quarters
		        WHERE quarter >= $1 AND quarter < $2 AND airport <> ''
		    ) e GROUP BY dimension, subject, how),
		ranked AS (
		    SELECT dimension, subject, total, row_number() OVER (PARTITION BY dimension ORDER BY total DESC, subject) AS rank
		    FROM (SELECT dimension, subject, sum(n) FILTER (WHERE $3::integer < 0 OR how = $3) AS total
		          FROM counted GROUP BY dimension, subject) t
		    WHERE total > 0)
		SELECT r.dimension, r.subject, r.rank::integer, r.total::integer,
		       array_agg(c.how::integer ORDER BY c.how), array_agg(c.n::bigint ORDER BY c.how)
		FROM ranked r JOIN counted c ON c.dimension = r.dimension AND c.subject = r.subject
		WHERE r.rank <= $4 GROUP BY r.dimension, r.subject, r.rank, r.total ORDER BY r.dimension, r.rank`, from, to, hour, top)
}
