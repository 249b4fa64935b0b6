package query

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"go.uber.org/goleak"

	"github.com/skyledger/skyledger/internal/fault"
	"github.com/skyledger/skyledger/internal/provision/pgtest"
	"github.com/skyledger/skyledger/internal/query/grammar"
	"github.com/skyledger/skyledger/internal/store"
)

func TestMain(m *testing.M) { pgtest.Main(m, func() error { return goleak.Find() }) }

const testPassword = "of the tests"

// world is a migrated database with a little history, and the query role.
type world struct {
	URL      string // the superuser's
	QueryURL string
	Admin    *pgx.Conn
	Reader   *pgx.Conn // as the query role, without the first wall
}

func newWorld(t testing.TB) *world {
	t.Helper()
	w := &world{URL: pgtest.New(t).URL}
	must(t, store.Migrate(t.Context(), w.URL, store.DefaultSchema, "simulated"))
	var err error
	w.QueryURL, err = store.QueryURL(w.URL, testPassword)
	must(t, err)
	must(t, store.LetQueryRoleIn(t.Context(), w.URL, w.QueryURL))
	w.Admin, w.Reader = connect(t, w.URL), connect(t, w.QueryURL)
	_, err = w.Admin.Exec(t.Context(), historySQL)
	must(t, err)
	return w
}

func connect(t testing.TB, url string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	must(t, err)
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	return conn
}

// historySQL is three days of 20 pilots, an hour each: chunks of one run of 240
// snapshots, and the plans, controllers and ticks that go with them.
const historySQL = `
UPDATE head SET snapshot = '2024-11-23 18:59:45Z';
INSERT INTO sessions (id, kind, cid, callsign, logon_time, first_seen, last_seen, server, facility, rating, visual_range, pilot_rating, military_rating)
SELECT d * 1000 + i, CASE WHEN i > 15 THEN 2 ELSE 1 END, 810000 + i, CASE WHEN i > 15 THEN 'EDDF_TWR' ELSE 'DLH' || i END,
       '2024-11-20 18:00Z'::timestamptz + d * interval '1 day', '2024-11-20 18:00Z'::timestamptz + d * interval '1 day',
       '2024-11-20 18:59:45Z'::timestamptz + d * interval '1 day', 'GERMANY', CASE WHEN i > 15 THEN 4 ELSE 0 END, 3, 50, 1, 0
FROM generate_series(1, 3) d, generate_series(1, 20) i;
INSERT INTO snapshots (at, hour, no, received, bytes, hash, clients, unique_users, pilots, controllers, atis, prefiles,
    rejected, duplicates, drift, suspicious, held_count, pilot_count)
SELECT date_trunc('day', t) + interval '18 hours' + (n - 1) * interval '15 seconds', date_trunc('day', t) + interval '18 hours', n,
       t, 1000, '\x01ff', 20, 20, 15, 5, 0, 0, '{}', '{"pilot": 1}', '{}', false, 0, 15
FROM generate_series('2024-11-21Z'::timestamptz, '2024-11-23Z', '1 day') t, generate_series(1, 240) n;
CREATE TABLE position_chunks_20241121 PARTITION OF position_chunks FOR VALUES FROM ('2024-11-21Z') TO ('2024-11-22Z');
CREATE TABLE position_chunks_20241122 PARTITION OF position_chunks FOR VALUES FROM ('2024-11-22Z') TO ('2024-11-23Z');
CREATE TABLE position_chunks_20241123 PARTITION OF position_chunks FOR VALUES FROM ('2024-11-23Z') TO ('2024-11-24Z');
INSERT INTO position_chunks (session_id, hour, skipped, held, latitude, longitude, altitude, groundspeed, heading, squawk)
SELECT id, date_trunc('hour', first_seen), '{0}', '{240}', ARRAY[5000000 + id::int], '{850000}', '{35000}', '{440}', '{90}', '{2000}'
FROM sessions WHERE kind = 1;
INSERT INTO flight_plans (session_id, since, hash, flight_rules, aircraft, aircraft_faa, aircraft_short, departure, arrival, alternate,
    cruise_tas, altitude, deptime, enroute_time, fuel_time, remarks, route, revision_id, assigned_transponder)
SELECT id, first_seen, id, 'I', 'A320/M', 'A320', 'A320', CASE WHEN id % 2 = 0 THEN 'EDDF' ELSE 'EGLL' END, 'KJFK', '', '450', '35000', '1800',
       '0730', '0900', '', 'DCT', 1, '' FROM sessions WHERE kind = 1;
INSERT INTO ticks (tick, outcome, reason, snapshot, received, bytes, hash) SELECT at, 5, '', at, received, bytes, hash FROM snapshots;
ANALYZE;`

// sandbox is all three walls around the database.
func (w *world) sandbox(t testing.TB, change ...func(*Options)) *Sandbox {
	t.Helper()
	options := Options{URL: w.QueryURL, Parser: grammar.Parse}
	for _, adapt := range change {
		adapt(&options)
	}
	s, err := Open(options)
	must(t, err)
	t.Cleanup(s.Close)
	return s
}

// known is the catalogue as the query role has it.
func (w *world) known(t testing.TB) *Catalogue {
	t.Helper()
	known, err := Read(t.Context(), w.Reader)
	must(t, err)
	return known
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// expectRefusal asks for the caller's error with a reason.
func expectRefusal(t testing.TB, err error, reason string) {
	t.Helper()
	if !fault.Is(err, fault.Invalid) || fault.ReasonOf(err) != reason {
		t.Errorf("error = %v, want %s", err, reason)
	}
}

// longAgo lets a catalogue be read anew at each look.
func longAgo() func() time.Time {
	now := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	return func() time.Time { now = now.Add(time.Hour); return now }
}

func refusalIn(t testing.TB, err error) *Refusal {
	t.Helper()
	var refusal *Refusal
	if !errors.As(err, &refusal) {
		t.Fatalf("%v is no refusal", err)
	}
	return refusal
}
