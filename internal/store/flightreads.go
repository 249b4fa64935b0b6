package store

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/skyledger/skyledger/internal/fault"
)

// AnalyzedTo returns the newest analysed snapshot: what flights and movements
// tell of ends there. Zero while nothing is analysed.
func (s *Store) AnalyzedTo(ctx context.Context) (time.Time, error) {
	var to time.Time
	err := s.use(ctx, "store.AnalyzedTo", func(ctx context.Context, conn *pgx.Conn) error {
		return conn.QueryRow(ctx, `SELECT snapshot FROM analysis`).Scan((*moment)(&to))
	})
	return to, err
}

// FlightStory is a flight with all its parts, each by time.
type FlightStory struct {
	Flight
	Legs      []FlightLeg
	Gaps      []FlightGap
	Movements []Movement
}

// flightColumns are in the order that scanFlight reads.
const flightColumns = `f.id, f.cid, f.callsign, f.began, f.ended, f.phase, f.ending,
	f.filed_departure, f.filed_arrival, f.filed_alternate, f.aircraft, f.rules, f.deptime, f.route, f.scheduled,
	f.departure, f.arrival, f.off_block, f.takeoff, f.landing, f.on_block, f.distance_nm, f.direct_nm, f.teleports`

func flightTargets(f *Flight) []any {
	return []any{
		&f.ID, &f.CID, &f.Callsign, &f.Began, (*moment)(&f.Ended), &f.Phase, &f.Ending,
		&f.FiledDeparture, &f.FiledArrival, &f.Alternate, &f.Aircraft, &f.Rules, &f.Deptime, &f.Route, (*moment)(&f.Scheduled),
		&f.Departure, &f.Arrival, (*moment)(&f.OffBlock), (*moment)(&f.Takeoff), (*moment)(&f.Landing), (*moment)(&f.OnBlock),
		(*unmeasured)(&f.DistanceNM), (*unmeasured)(&f.DirectNM), &f.Teleports,
	}
}

func scanFlight(row pgx.CollectableRow) (Flight, error) {
	var f Flight
	err := row.Scan(flightTargets(&f)...)
	return f, err
}

// FlightStory returns the flight of an id, or the newest one of the session of
// that id. One that is neither is fault.NotFound.
func (s *Store) FlightStory(ctx context.Context, id int64) (FlightStory, error) {
	const op = "store.FlightStory"
	var story FlightStory
	err := s.transact(ctx, op, snapshotRead(), func(ctx context.Context, tx pgx.Tx) error {
		story = FlightStory{}
		var err error
		if story.Flight, err = flightOf(ctx, tx, id); err != nil {
			return err
		}
		if story.Legs, err = legsOf(ctx, tx, story.ID); err != nil {
			return err
		}
		rows, err := tx.Query(ctx, `SELECT flight_id, began, ended, distance_nm, airborne, teleport
			FROM flight_gaps WHERE flight_id = $1 ORDER BY began`, story.ID)
		if err != nil {
			return err
		}
		if story.Gaps, err = pgx.CollectRows(rows, pgx.RowToStructByPos[FlightGap]); err != nil {
			return err
		}
		rows, err = tx.Query(ctx, `SELECT `+movementColumns+` FROM movements WHERE flight_id = $1 ORDER BY at, kind`, story.ID)
		if err != nil {
			return err
		}
		story.Movements, err = pgx.CollectRows(rows, pgx.RowToStructByPos[Movement])
		return err
	})
	return story, err
}

// FlightPath returns a flight with its legs and gaps, and where it was at every
// snapshot it was in.
func (s *Store) FlightPath(ctx context.Context, id int64) (FlightStory, []Fix, error) {
	story, err := s.FlightStory(ctx, id)
	if err != nil {
		return story, nil, err
	}
	fixes, err := s.Track(ctx, story.seen())
	return story, fixes, err
}

// seen are the legs as far as they can reach: the last one of an open flight
// goes on.
func (s *FlightStory) seen() []FlightLeg {
	legs := append([]FlightLeg(nil), s.Legs...)
	if n := len(legs); n > 0 && s.Ending == 0 {
		legs[n-1].Ended = legs[n-1].Ended.Add(longestLeg)
	}
	return legs
}

// longestLeg is longer than anybody stays connected after what is written of it.
const longestLeg = 48 * time.Hour

func flightOf(ctx context.Context, tx pgx.Tx, id int64) (Flight, error) {
	rows, err := tx.Query(ctx, `SELECT `+flightColumns+` FROM flights f WHERE f.id = coalesce(
		(SELECT e.id FROM flights e WHERE e.id = $1),
		(SELECT l.flight_id FROM flight_legs l WHERE l.session_id = $1 ORDER BY l.began DESC LIMIT 1))`, id)
	if err != nil {
		return Flight{}, err
	}
	found, err := pgx.CollectRows(rows, scanFlight)
	if err != nil {
		return Flight{}, err
	}
	if len(found) == 0 {
		return Flight{}, fault.E("store.FlightStory", fault.NotFound, "no_flight", nil).
			WithMessage("There is no flight of this id, nor a connection of it that was analysed; /api/flights lists those connected and /api/flights/history those that ended.")
	}
	return found[0], nil
}

func legsOf(ctx context.Context, tx pgx.Tx, flight int64) ([]FlightLeg, error) {
	rows, err := tx.Query(ctx, `SELECT flight_id, began, ended, session_id FROM flight_legs WHERE flight_id = $1 ORDER BY began`, flight)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowToStructByPos[FlightLeg])
}

// FlightQuery chooses ended flights; what is empty chooses nothing.
type FlightQuery struct {
	From, To           time.Time // From <= ended < To
	Airport            string    // departure or arrival
	Departure, Arrival string    // flown, or filed where that is not known
	Aircraft, Airline  string
	Callsign           string
	CID                int32
	OldestFirst        bool
	AfterEnded         time.Time // the last row of the page before; zero: the first page
	AfterID            int64
	Limit              int
}

// EndedFlights returns flights by when they ended. Conditions that are not asked
// for are constants to the planner, which sees the parameters' values: each
// combination has an index that gives the rows in their order.
func (s *Store) EndedFlights(ctx context.Context, q FlightQuery) ([]Flight, error) {
	order, after := `DESC`, `<`
	if q.OldestFirst {
		order, after = `ASC`, `>`
	}
	statement := `SELECT ` + flightColumns + ` FROM flights f
		WHERE f.ending <> 0 AND f.ended >= $1 AND f.ended < $2
		  AND ($3::text = '' OR coalesce(nullif(f.departure, ''), f.filed_departure) = $3 OR coalesce(nullif(f.arrival, ''), f.filed_arrival) = $3)
		  AND ($4::text = '' OR coalesce(nullif(f.departure, ''), f.filed_departure) = $4)
		  AND ($5::text = '' OR coalesce(nullif(f.arrival, ''), f.filed_arrival) = $5)
		  AND ($6::text = '' OR f.aircraft = $6)
		  AND ($7::text = '' OR left(f.callsign, 3) = $7 AND substr(f.callsign, 4, 1) BETWEEN '0' AND '9')
		  AND ($8::text = '' OR f.callsign = $8)
		  AND ($9::integer = 0 OR f.cid = $9)
		  AND ($10::timestamptz IS NULL OR (f.ended, f.id) ` + after + ` ($10, $11))
		ORDER BY f.ended ` + order + `, f.id ` + order + ` LIMIT $12`
	var page []Flight
	err := s.use(ctx, "store.EndedFlights", func(ctx context.Context, conn *pgx.Conn) error {
		rows, err := conn.Query(ctx, statement, q.From, q.To, q.Airport, q.Departure, q.Arrival, q.Aircraft, q.Airline,
			q.Callsign, q.CID, moment(q.AfterEnded), q.AfterID, q.Limit)
		if err != nil {
			return err
		}
		page, err = pgx.CollectRows(rows, scanFlight)
		return err
	})
	return page, err
}
