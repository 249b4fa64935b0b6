package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"go.uber.org/zap"

	"github.com/skyledger/skyledger/internal/api"
	"github.com/skyledger/skyledger/internal/reference"
	"github.com/skyledger/skyledger/internal/store"
)

const (
	historyAsked  = 400 // requests of each kind
	historyWarmed = 20  // before those that count
	tracked       = 60  // flights whose tracks are compared
	trackedHours  = 4
	fleet         = 2500
)

// rollupYear writes a year of movements at 700 airports, from the busiest to
// those with one now and then, and what they add up to. Movements themselves are
// of the last two months.
func rollupYear() []string {
	return []string{
		`CREATE TEMPORARY TABLE busy AS SELECT icao, no, least(0.9, 12.0 / no) AS share
			FROM (SELECT icao, row_number() OVER (ORDER BY icao = 'EGLL' DESC, md5(icao)) AS no FROM places) a
			WHERE no <= 700 AND $1::timestamptz < $2::timestamptz`,
		`INSERT INTO airport_quarters
			SELECT b.icao, q, CASE WHEN d.dice % 2 = 0 THEN '27L' ELSE '27R' END, 1 + d.n / 2, (1 + d.n) / 2, 0, 0, 0, 1, 600, 1, 300, 1, 120
			FROM busy b CROSS JOIN generate_series($1::timestamptz, $2::timestamptz, '15 minutes') q
			CROSS JOIN LATERAL (SELECT abs(hashint8(extract(epoch FROM q)::bigint + b.no)::bigint) % 1000 AS dice,
			    abs(hashint8(extract(epoch FROM q)::bigint * 7 + b.no)::bigint)::integer % 4 AS n) d
			WHERE d.dice < 1000 * b.share`,
		`INSERT INTO airport_days SELECT airport, date_trunc('day', quarter, 'UTC'), sum(departures), sum(arrivals), 0, 0, 0
			FROM airport_quarters WHERE quarter >= $1 AND quarter <= $2 GROUP BY 1, 2`,
		`INSERT INTO movements
			SELECT row_number() OVER (), quarter + i * interval '97 seconds', 1 + i % 2, quarter, airport, runway, 'BAW' || i, 'A320',
			       airport, 'EGLL', '', 7.5, 0.9, 100, 140,
			       '[[-22.5,5147000,-46000,120,90,270],[-7.5,5147000,-47000,150,140,270],[7.5,5147000,-49000,700,150,270]]'
			FROM airport_quarters CROSS JOIN LATERAL generate_series(1, departures + arrivals) i
			WHERE quarter >= greatest($1::timestamptz, $2::timestamptz - interval '60 days')`,
		`UPDATE analysis SET snapshot = $2 WHERE $1::timestamptz < $2::timestamptz`,
	}
}

// measureHistory measures what people ask of a year of roll-ups, and a flight's
// track against a plain table of the same rows.
func measureHistory(ctx context.Context, _ settings) (rows []Row, err error) {
	b, err := newBench(ctx, 10)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, b.close(context.WithoutCancel(ctx))) }()
	url, err := b.database(ctx, "history")
	if err != nil {
		return nil, err
	}
	database, err := store.Open(ctx, store.Options{URL: url, Source: sourceName, StatementTimeout: 10 * time.Minute})
	if err != nil {
		return nil, err
	}
	defer database.Close()
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, conn.Close(context.WithoutCancel(ctx))) }()
	asked, err := measureRollups(ctx, database, conn)
	if err != nil {
		return nil, err
	}
	compared, err := measureTrack(ctx, database, conn)
	return append(asked, compared...), err
}

func measureRollups(ctx context.Context, database *store.Store, conn *pgx.Conn) ([]Row, error) {
	now := epoch.Truncate(time.Hour)
	if err := fillRollups(ctx, conn, now); err != nil {
		return nil, err
	}
	clock := func() time.Time { return now }
	reader := reference.NewReader(reference.ReaderOptions{Shelf: database, Clock: clock, Logger: zap.NewNop()})
	handler, err := api.New(api.Deps{
		Traffic: database, Atlas: reader, Places: reader, Source: sourceName, Clock: clock, Logger: zap.NewNop(),
	}, "api-traffic")
	if err != nil {
		return nil, err
	}
	var rows []Row
	for _, question := range []struct{ name, target string }{
		{"movements of a day", "/api/traffic/movements/EGLL?hours=24"},
		{"summary of a day, Europe", "/api/traffic/summary/Europe?hours=24"},
		{"summary of a month, Europe", "/api/traffic/summary/Europe?days=31"},
		{"trends of a year", "/api/traffic/trends/EGLL?days=366"},
	} {
		p99, err := askedOften(ctx, handler, question.target)
		if err != nil {
			return nil, err
		}
		rows = append(rows, newRow(question.name+" under a year of roll-ups, 99th percentile", p99, "ms", latencyGoal, fmt.Sprintf("%d ms", latencyGoal), 1))
	}
	return rows, nil
}

// fillRollups writes the year before a moment, at airports of the world.
func fillRollups(ctx context.Context, conn *pgx.Conn, to time.Time) error {
	world, err := reference.Embedded()
	if err != nil {
		return err
	}
	var codes []string
	for _, airport := range world.Airports() {
		if airport.IATA != "" {
			codes = append(codes, airport.ICAO)
		}
	}
	if _, err := conn.Exec(ctx, `CREATE TEMPORARY TABLE places AS SELECT unnest($1::text[]) AS icao`, codes); err != nil {
		return err
	}
	for _, statement := range rollupYear() {
		if _, err := conn.Exec(ctx, statement, to.AddDate(-1, 0, 0), to); err != nil {
			return fmt.Errorf("%.60s: %w", statement, err)
		}
	}
	_, err = conn.Exec(ctx, `VACUUM ANALYZE airport_quarters, airport_days, movements`)
	return err
}

// askedOften returns the 99th percentile of one question in ms.
func askedOften(ctx context.Context, handler http.Handler, target string) (float64, error) {
	var took []float64
	for i := range historyWarmed + historyAsked {
		request := httptest.NewRequestWithContext(ctx, http.MethodGet, target, nil)
		answer := httptest.NewRecorder()
		began := time.Now()
		handler.ServeHTTP(answer, request)
		if answer.Code != http.StatusOK {
			return 0, fmt.Errorf("%s: %d %.200s", target, answer.Code, answer.Body)
		}
		if i >= historyWarmed {
			took = append(took, float64(time.Since(began).Microseconds())/1000)
		}
	}
	slices.Sort(took)
	return took[len(took)*99/100], nil
}

// measureTrack flies a fleet for some hours, keeps it as chunks and as a plain
// table of rows with a btree on (flight, time), and reads the same flights from
// both, in turns.
func measureTrack(ctx context.Context, database *store.Store, conn *pgx.Conn) ([]Row, error) {
	first := epoch.Truncate(time.Hour).Add(24 * time.Hour)
	if err := flyFleet(ctx, database, conn, first); err != nil {
		return nil, err
	}
	last := first.Add(trackedHours*time.Hour - 15*time.Second)
	var ours, plain []float64
	dice := rand.New(rand.NewPCG(1, 2))
	for range tracked {
		id := int64(dice.IntN(fleet) + 1)
		began := time.Now()
		track, err := database.Track(ctx, []store.FlightLeg{{SessionID: id, Began: first, Ended: last}})
		if err != nil {
			return nil, err
		}
		ours = append(ours, float64(time.Since(began).Microseconds())/1000)
		began = time.Now()
		rows, err := conn.Query(ctx, `SELECT at, latitude, longitude, altitude, groundspeed, heading FROM plain_positions
			WHERE flight = $1 AND at >= $2 AND at <= $3 ORDER BY at`, id, first, last)
		if err != nil {
			return nil, err
		}
		same, err := pgx.CollectRows(rows, pgx.RowToStructByPos[store.Fix])
		if err != nil {
			return nil, err
		}
		plain = append(plain, float64(time.Since(began).Microseconds())/1000)
		if !slices.EqualFunc(track, same, func(a, b store.Fix) bool {
			return a.At.Equal(b.At) && a.Latitude == b.Latitude && a.Altitude == b.Altitude
		}) {
			return nil, fmt.Errorf("flight %d has %d fixes in chunks and %d in rows, or others", id, len(track), len(same))
		}
	}
	return []Row{newRow(fmt.Sprintf("track of a flight of %d hours", trackedHours), median(ours), "ms", median(plain), "a table of rows with a btree (flight, time)", 0.3)}, nil
}

// flyFleet writes the same positions both ways. Everybody moves all the time:
// no run is longer than a snapshot.
func flyFleet(ctx context.Context, database *store.Store, conn *pgx.Conn, first time.Time) error {
	if _, err := conn.Exec(ctx, `CREATE TABLE plain_positions (flight bigint NOT NULL, at timestamptz NOT NULL,
		latitude integer NOT NULL, longitude integer NOT NULL, altitude integer NOT NULL, groundspeed smallint NOT NULL, heading smallint NOT NULL)`); err != nil {
		return err
	}
	var head store.Head
	for i := range trackedHours*240 + 1 {
		at := first.Add(time.Duration(i) * 15 * time.Second)
		next := head
		next.Version, next.Snapshot, next.Tick = head.Version+1, at, at
		changes := store.Changes{
			ExpectedVersion: head.Version, Head: next, Positions: fleetAt(i),
			Snapshot: store.SnapshotRow{At: at, Received: at, Hash: []byte("bench")},
			Tick:     store.TickRow{Tick: at, Outcome: store.Received, Snapshot: at, Received: at},
		}
		if err := database.Commit(ctx, changes); err != nil {
			return err
		}
		head = next
	}
	if _, err := conn.Exec(ctx, `INSERT INTO plain_positions SELECT u.s, f.at, u.a, u.o, u.h, u.g, u.d
		FROM position_frames f CROSS JOIN LATERAL unnest(f.session_id, f.latitude, f.longitude, f.altitude, f.groundspeed, f.heading) AS u(s, a, o, h, g, d)
		WHERE f.at < $1 ORDER BY f.at`, first.Add(trackedHours*time.Hour)); err != nil {
		return err
	}
	for hour := range trackedHours {
		if err := database.ChunkHour(ctx, first.Add(time.Duration(hour)*time.Hour)); err != nil {
			return err
		}
	}
	for _, statement := range []string{`CREATE INDEX ON plain_positions (flight, at)`, `VACUUM ANALYZE plain_positions`, `VACUUM ANALYZE position_chunks`, `VACUUM ANALYZE snapshots`} {
		if _, err := conn.Exec(ctx, statement); err != nil {
			return err
		}
	}
	return nil
}

// fleetAt is where everybody is at the nth snapshot.
func fleetAt(n int) (frame store.Frame) {
	for i := range fleet {
		frame.SessionID = append(frame.SessionID, int64(i+1))
		frame.Latitude = append(frame.Latitude, int32(i*1000+n*i%700+n*90))
		frame.Longitude = append(frame.Longitude, int32(i*1200-n*i%900-n*150))
		frame.Altitude = append(frame.Altitude, int32(min(36000, n*150+i)))
		frame.Groundspeed = append(frame.Groundspeed, int16(300+(n+i)%150))
		frame.Heading = append(frame.Heading, int16((n+i)%360))
		frame.Squawk = append(frame.Squawk, 2000)
	}
	return frame
}
