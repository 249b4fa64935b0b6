package store

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
)

// Counters are the figures of a status page.
type Counters struct {
	Head          Head
	Source        string
	Pilots        int   // open sessions, by kind
	Controllers   int   // observers and supervisors included
	ATIS          int   // stations
	Prefiles      int   // plans
	Snapshots     int64 // rows, as the statistics estimate them
	Sessions      int64 // rows of all kinds, likewise
	DatabaseBytes int64
	Unchunked     int // snapshots whose positions are not chunks yet
}

// Counters returns the figures as they are now.
func (s *Store) Counters(ctx context.Context) (Counters, error) {
	var c Counters
	err := s.use(ctx, "store.Counters", func(ctx context.Context, conn *pgx.Conn) error {
		return conn.QueryRow(ctx, `
			SELECT h.version, h.snapshot, (SELECT max(tick) FROM ticks), h.held_since, h.held_count, h.pilot_count,
			       coalesce((SELECT name FROM source), ''), o.pilots, o.controllers, o.atis, o.prefiles,
			       (SELECT greatest(reltuples, 0)::bigint FROM pg_class WHERE oid = 'snapshots'::regclass),
			       (SELECT greatest(reltuples, 0)::bigint FROM pg_class WHERE oid = 'sessions'::regclass),
			       pg_database_size(current_database()),
			       (SELECT count(*) FROM snapshots WHERE no IS NULL)
			FROM head h CROSS JOIN (
			    SELECT count(*) FILTER (WHERE kind = 1) AS pilots, count(*) FILTER (WHERE kind = 2) AS controllers,
			           count(*) FILTER (WHERE kind = 3) AS atis, count(*) FILTER (WHERE kind = 4) AS prefiles
			    FROM sessions WHERE last_seen IS NULL) o`).
			Scan(&c.Head.Version, (*moment)(&c.Head.Snapshot), (*moment)(&c.Head.Tick), (*moment)(&c.Head.HeldSince),
				&c.Head.HeldCount, &c.Head.PilotCount, &c.Source, &c.Pilots, &c.Controllers, &c.ATIS, &c.Prefiles,
				&c.Snapshots, &c.Sessions, &c.DatabaseBytes, &c.Unchunked)
	})
	return c, err
}

// CurrentFlight is one pilot of the newest snapshot. PostgreSQL knows no names.
type CurrentFlight struct {
	SessionID   int64
	CID         int32
	Callsign    string
	Logon       time.Time
	Server      string
	Latitude    int32 // 1e-5 degrees
	Longitude   int32
	Altitude    int32 // feet
	Groundspeed int16 // knots
	Heading     int16 // degrees
	Squawk      int16
	Aircraft    string // of the plan in force; "" when none
	Departure   string
	Arrival     string
	Route       string
}

// CurrentController is one open controller or ATIS session.
type CurrentController struct {
	SessionID int64
	Kind      int16 // vatsim.KindController or vatsim.KindATIS
	CID       int32
	Callsign  string
	Logon     time.Time
	Server    string
	Facility  int16
	Rating    int16
	Frequency int32 // kHz; 0 when never set
	ATISCode  string
	ATISText  string
}

// Current is the network as it was at Snapshot.
type Current struct {
	Snapshot    time.Time
	Flights     []CurrentFlight
	Controllers []CurrentController
}

// Current reads the newest snapshot back: what the live view answers from when
// its cache is gone. Flights are empty while the snapshot's positions are
// missing after a crash of PostgreSQL.
func (s *Store) Current(ctx context.Context) (Current, error) {
	var current Current
	err := s.transact(ctx, "store.Current", snapshotRead(), func(ctx context.Context, tx pgx.Tx) error {
		if err := tx.QueryRow(ctx, `SELECT snapshot FROM head`).Scan((*moment)(&current.Snapshot)); err != nil {
			return err
		}
		rows, err := tx.Query(ctx, currentFlightsSQL)
		if err != nil {
			return err
		}
		if current.Flights, err = pgx.CollectRows(rows, pgx.RowToStructByPos[CurrentFlight]); err != nil {
			return err
		}
		if rows, err = tx.Query(ctx, currentControllersSQL); err != nil {
			return err
		}
		current.Controllers, err = pgx.CollectRows(rows, pgx.RowToStructByPos[CurrentController])
		return err
	})
	return current, err
}

const currentFlightsSQL = `
SELECT s.id, s.cid, s.callsign, s.logon_time, s.server,
       f.latitude, f.longitude, f.altitude, f.groundspeed, f.heading, f.squawk,
       coalesce(p.aircraft_short, ''), coalesce(p.departure, ''), coalesce(p.arrival, ''), coalesce(p.route, '')
FROM head h
JOIN position_frames n ON n.at = h.snapshot
CROSS JOIN LATERAL unnest(n.session_id, n.latitude, n.longitude, n.altitude, n.groundspeed, n.heading, n.squawk)
    AS f(session_id, latitude, longitude, altitude, groundspeed, heading, squawk)
JOIN sessions s ON s.id = f.session_id
LEFT JOIN LATERAL (SELECT aircraft_short, departure, arrival, route FROM flight_plans
    WHERE session_id = s.id ORDER BY since DESC LIMIT 1) p ON true
ORDER BY s.id`

const currentControllersSQL = `
SELECT s.id, s.kind, s.cid, s.callsign, s.logon_time, s.server, s.facility, s.rating,
       coalesce(f.frequency, 0), coalesce(a.code, ''), coalesce(a.text, '')
FROM sessions s
LEFT JOIN LATERAL (SELECT frequency FROM frequencies WHERE session_id = s.id ORDER BY since DESC LIMIT 1) f ON true
LEFT JOIN LATERAL (SELECT code, text FROM atis_texts WHERE session_id = s.id ORDER BY since DESC LIMIT 1) a ON true
WHERE s.last_seen IS NULL AND s.absent_since IS NULL AND s.kind IN (2, 3)
ORDER BY s.id`
