package store

import (
	"context"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
)

// Fix is where an aircraft was at a snapshot.
type Fix struct {
	At          time.Time
	Latitude    int32 // 1e-5 degrees
	Longitude   int32
	Altitude    int32 // feet
	Groundspeed int16 // knots
	Heading     int16 // degrees
}

// trackSQL reads whole chunks with the times of their hours' snapshots, and of
// the frames of hours that are not chunked yet one element each, as a chunk of
// one. All of it is one statement: an hour that is being chunked is seen before
// or after. The chunks are found by their key in partitions that the planner chooses, the
// frames by time; a frame's
// arrays must be read whole for one element, which is what a plain table would
// do better.
const trackSQL = `
SELECT c.session_id, s.no, s.at, c.skipped, c.held, c.latitude, c.longitude, c.altitude, c.groundspeed, c.heading
FROM position_chunks c
CROSS JOIN LATERAL (SELECT array_agg(n.no ORDER BY n.no), array_agg(n.at ORDER BY n.no)
    FROM snapshots n WHERE n.hour = c.hour AND n.no > 0) AS s(no, at)
WHERE c.session_id = ANY ($1) AND c.hour >= $4 AND c.hour <= $3
UNION ALL
SELECT w.id, ARRAY[1::smallint], ARRAY[f.at], ARRAY[0::smallint], ARRAY[1::smallint], ARRAY[f.latitude[p.i]], ARRAY[f.longitude[p.i]],
       ARRAY[f.altitude[p.i]], ARRAY[f.groundspeed[p.i]], ARRAY[f.heading[p.i]]
FROM position_frames f
CROSS JOIN unnest($1::bigint[]) AS w(id)
CROSS JOIN LATERAL (SELECT array_position(f.session_id, w.id)) AS p(i)
WHERE f.at >= $2 AND f.at <= $3 AND p.i IS NOT NULL`

// Track returns where the legs' sessions were while the legs lasted, by time.
func (s *Store) Track(ctx context.Context, legs []FlightLeg) ([]Fix, error) {
	if len(legs) == 0 {
		return nil, nil
	}
	sessions := map[int64]bool{}
	from, to := legs[0].Began, legs[0].Ended
	for _, leg := range legs {
		sessions[leg.SessionID] = true
		if leg.Began.Before(from) {
			from = leg.Began
		}
		if leg.Ended.After(to) {
			to = leg.Ended
		}
	}
	ids := make([]int64, 0, len(sessions))
	for id := range sessions {
		ids = append(ids, id)
	}
	var track []Fix
	err := s.use(ctx, "store.Track", func(ctx context.Context, conn *pgx.Conn) error {
		track = nil
		rows, err := conn.Query(ctx, trackSQL, ids, from, to, hourOf(from))
		if err != nil {
			return err
		}
		var chunk runs
		var numbers []int16
		var times []time.Time
		_, err = pgx.ForEachRow(rows, []any{
			&chunk.SessionID, &numbers, &times, &chunk.Skipped, &chunk.Held, &chunk.Latitude, &chunk.Longitude,
			&chunk.Altitude, &chunk.Groundspeed, &chunk.Heading,
		}, func() error {
			track = chunk.fixes(track, numbers, times, legs)
			return nil
		})
		return err
	})
	slices.SortFunc(track, func(a, b Fix) int { return a.At.Compare(b.At) })
	return slices.CompactFunc(track, func(a, b Fix) bool { return a.At.Equal(b.At) }), err
}

// fixes appends what the runs say of the snapshots of those numbers and times,
// as far as a leg of the session lasted.
func (r *runs) fixes(track []Fix, numbers []int16, times []time.Time, legs []FlightLeg) []Fix {
	at := 0 // in numbers, which ascend as the runs do
	for run := range r.Skipped {
		for ; at < len(numbers) && numbers[at] < r.first(run); at++ {
		}
		for ; at < len(numbers) && numbers[at] < r.end(run); at++ {
			if !within(legs, r.SessionID, times[at]) {
				continue
			}
			track = append(track, Fix{
				At: times[at], Latitude: r.Latitude[run], Longitude: r.Longitude[run], Altitude: r.Altitude[run],
				Groundspeed: r.Groundspeed[run], Heading: r.Heading[run],
			})
		}
	}
	return track
}

func within(legs []FlightLeg, session int64, at time.Time) bool {
	return slices.ContainsFunc(legs, func(l FlightLeg) bool {
		return l.SessionID == session && !at.Before(l.Began) && !at.After(l.Ended)
	})
}
