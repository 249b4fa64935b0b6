package figure_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"
	"go.uber.org/goleak"

	"github.com/skyledger/skyledger/internal/alert"
	"github.com/skyledger/skyledger/internal/alert/figure"
	"github.com/skyledger/skyledger/internal/fault"
	"github.com/skyledger/skyledger/internal/live"
	"github.com/skyledger/skyledger/internal/provision/pgtest"
	"github.com/skyledger/skyledger/internal/reference"
	"github.com/skyledger/skyledger/internal/store"
	"github.com/skyledger/skyledger/internal/vatsim"
)

func TestMain(m *testing.M) { pgtest.Main(m, func() error { return goleak.Find() }) }

var now = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// world is every figure, measured from a real database that the test fills by
// itself, and from a live view of its own.
type world struct {
	figures alert.Catalogue
	conn    *pgx.Conn
	store   *store.Store
}

// london is an area of the world; there is no other.
type london struct{}

func (london) Airport(code string) bool    { return strings.HasPrefix(code, "EG") }
func (london) Point(lat, lon float64) bool { return lat > 50 && lat < 55 && lon > -6 && lon < 2 }
func (london) Region(_ context.Context, name string) (reference.Area, error) {
	if name == "EGTT" {
		return london{}, nil
	}
	return nil, fault.E("test", fault.NotFound, "no_region", nil)
}

func (l london) FIR(ctx context.Context, id string) (reference.Area, error) { return l.Region(ctx, id) }

func newWorld(t *testing.T, shown *vatsim.Snapshot) *world {
	t.Helper()
	db := pgtest.NewFrom(t, "migrated", func(url string) error {
		return store.Migrate(context.Background(), url, store.DefaultSchema, "live")
	})
	must(t, store.Migrate(t.Context(), db.URL, store.DefaultSchema, "live"))
	w := &world{}
	var err error
	w.store, err = store.Open(t.Context(), store.Options{URL: db.URL})
	must(t, err)
	t.Cleanup(w.store.Close)
	w.conn, err = pgx.Connect(t.Context(), db.URL)
	must(t, err)
	t.Cleanup(func() { _ = w.conn.Close(context.Background()) })
	memory := live.NewMemory()
	if shown != nil {
		view := live.Build(shown, nil, nil, live.Meta{Source: "live", Received: now})
		must(t, live.NewPublisher(nil, "live", memory).Publish(t.Context(), view))
	}
	reader := live.NewReader(live.Options{Memory: memory, Clock: func() time.Time { return now }, Fallback: func(_ context.Context, newer time.Time) (live.Newest, error) {
		return live.Newest{Seen: newer}, nil
	}})
	t.Cleanup(reader.Close)
	w.figures = figure.All(figure.Deps{
		Ledger: w.store, Marks: w.store, Account: w.store, Functions: []string{"analyze", "ingest"}, Live: reader, Places: london{},
		Squawks: w.store, Positions: w.store, Traffic: w.store, Sectors: w.store, FIRs: london{},
	})
	return w
}

func (w *world) exec(t *testing.T, sql string, arguments ...any) {
	t.Helper()
	_, err := w.conn.Exec(t.Context(), sql, arguments...)
	must(t, err)
}

// observe returns a figure's values by subject; "*" is the one of the rest.
func (w *world) observe(t *testing.T, name string, subjects ...string) (values map[string]float64, asOf time.Time) {
	t.Helper()
	found, known := w.figures.Find(name)
	if !known {
		t.Fatalf("there is no figure %s", name)
	}
	o, err := found.Observe(t.Context(), now, subjects)
	must(t, err)
	values = map[string]float64{}
	for _, reading := range o.Readings {
		if reading.Value != nil {
			values[reading.Subject] = *reading.Value
		}
	}
	if o.Rest != nil {
		values["*"] = *o.Rest
	}
	return values, o.AsOf
}

func (w *world) is(t *testing.T, name string, want map[string]float64, subjects ...string) {
	t.Helper()
	got, _ := w.observe(t, name, subjects...)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s: %s", name, diff)
	}
}

func TestTheLedger(t *testing.T) {
	w := newWorld(t, nil)
	t.Run("without a ledger there is nothing to say", func(t *testing.T) {
		w.is(t, "ledger_completeness", map[string]float64{})
		w.is(t, "data_age", map[string]float64{})
	})
	// 40 ticks of the last ten minutes, of which ten are missing or malformed.
	w.exec(t, `INSERT INTO sky.ticks (tick, outcome, reason, bytes)
		SELECT $1::timestamptz - i * interval '15 seconds', CASE WHEN i % 4 > 0 THEN 3 WHEN i % 8 = 0 THEN 1 ELSE 2 END, '', 0
		FROM generate_series(1, 40) AS i`, now)
	w.exec(t, `UPDATE sky.head SET snapshot = $1`, now.Add(-90*time.Second))
	w.is(t, "ledger_completeness", map[string]float64{"network": 0.75})
	w.is(t, "data_age", map[string]float64{"network": 90})
}

func TestRecordedErrors(t *testing.T) {
	w := newWorld(t, nil)
	bucket := now.Add(-10 * time.Minute)
	w.exec(t, `INSERT INTO kept.request_counts (bucket, function, route, status, count, total_us, durations, last)
		SELECT $1, f, 'event', s, n, 0, array_fill(0::bigint, ARRAY[13]), $1
		FROM (VALUES ('ingest', 2, 30), ('ingest', 5, 10), ('analyze', 5, 19), ('api-status', 2, 20)) AS r(f, s, n)`, bucket)
	w.exec(t, `INSERT INTO kept.request_counts SELECT bucket - interval '1 hour', function, route, status, 1000, 0, durations, last FROM kept.request_counts`)
	w.exec(t, `INSERT INTO kept.failures (function, fingerprint, class, op, reason, refusal, first_seen, last_seen, sample, request_id)
		VALUES ('ingest', 'a', 'internal', 'x', 'y', false, $1, $1, '', ''), ('ingest', 'b', 'invalid_input', 'x', 'y', true, $1, $1, '', '')`, bucket)
	w.exec(t, `INSERT INTO kept.failure_counts VALUES ($1, 'ingest', 'a', 7), ($1, 'ingest', 'b', 100)`, bucket)
	w.exec(t, `INSERT INTO kept.processes VALUES ('p', 'ingest', 1, $1, $1, NULL)`, now)
	w.exec(t, `INSERT INTO kept.upstreams VALUES ('p', 'feed', 'open', $1, 0, 0, 0, 0, 1)`, now)
	w.exec(t, `INSERT INTO sky.ticks (tick, outcome, reason, bytes) VALUES ($1, 3, '', 0)`, now.Add(-30*time.Second))
	t.Run("the rate is of functions that were asked enough", func(t *testing.T) {
		w.is(t, "error_rate", map[string]float64{"ingest": 0.25, "api-status": 0})
	})
	t.Run("refusals are no errors", func(t *testing.T) {
		w.is(t, "recorded_errors", map[string]float64{"ingest": 7, "*": 0})
	})
	t.Run("conditions are those of the errors' alerts", func(t *testing.T) {
		w.is(t, "condition", map[string]float64{"error_rate": 1, "breaker_open": 1, "new_failure": 1, "*": 0})
	})
}

func TestWhoIsOnline(t *testing.T) {
	shown := &vatsim.Snapshot{UpdateTimestamp: now.Add(-10 * time.Second)}
	for i, place := range [][2]int32{{5147000, -45000}, {5210000, 10000}, {4064000, -7378000}} {
		shown.Pilots = append(shown.Pilots, vatsim.Pilot{CID: int32(i + 1), Callsign: "TST" + string(rune('A'+i)), Latitude: place[0], Longitude: place[1], LogonTime: now, LastUpdated: now})
	}
	shown.Controllers = []vatsim.Controller{
		{CID: 7, Callsign: "EGTT_CTR", Frequency: 119730, Facility: 6, LogonTime: now, LastUpdated: now},
		{CID: 8, Callsign: "EGLL_OBS", Facility: 0, LogonTime: now, LastUpdated: now},
		{CID: 9, Callsign: "EHAM_TWR", Frequency: 118100, Facility: 4, LogonTime: now, LastUpdated: now},
	}
	w := newWorld(t, shown)
	w.is(t, "pilots_online", map[string]float64{"network": 3, "EGTT": 2}, "network", "EGTT", "gone by now")
	w.is(t, "controllers_online", map[string]float64{"network": 2, "EGTT": 1}, "network", "EGTT")
	if _, asOf := w.observe(t, "pilots_online", "network"); !asOf.Equal(shown.UpdateTimestamp) {
		t.Errorf("as of %s", asOf)
	}
}

func (w *world) session(t *testing.T, id int64, kind int, callsign string, facility int, lastSeen any) {
	t.Helper()
	w.exec(t, `INSERT INTO sky.sessions (id, kind, cid, callsign, logon_time, first_seen, last_seen, server, facility, rating, visual_range, pilot_rating, military_rating)
		VALUES ($1::bigint, $2, ($1::bigint)::int, $3, $4, $4, $5, '', $6, 1, 0, 0, 0)`, id, kind, callsign, now.Add(-5*time.Hour), lastSeen, facility)
}

func TestSquawks(t *testing.T) {
	w := newWorld(t, nil)
	frame := func(before time.Duration, squawks ...int16) {
		ids := []int64{1, 2, 3, 4}[:len(squawks)]
		w.exec(t, `INSERT INTO sky.position_frames VALUES ($1, $2::bigint[], array_fill(0, ARRAY[cardinality($2::bigint[])]), array_fill(0, ARRAY[cardinality($2::bigint[])]),
			array_fill(0, ARRAY[cardinality($2::bigint[])]), array_fill(0::smallint, ARRAY[cardinality($2::bigint[])]), array_fill(0::smallint, ARRAY[cardinality($2::bigint[])]), $3::smallint[])`,
			now.Add(-before), ids, squawks)
	}
	for i, callsign := range []string{"AAA1", "BBB2", "CCC3", "DDD4"} {
		w.session(t, int64(i+1), 1, callsign, 0, nil)
	}
	frame(40*time.Second, 7700, 7700, 7700, 7700)
	if _, asOf := w.observe(t, "squawk"); !asOf.IsZero() {
		t.Error("one sample is no two")
	}
	frame(25*time.Second, 7700, 7600, 1200, 7500)
	frame(10*time.Second, 7700, 7700, 7700, 7500)
	w.is(t, "squawk", map[string]float64{"AAA1": 7700, "DDD4": 7500, "*": 0})
}

func TestPositionsWithoutAController(t *testing.T) {
	w := newWorld(t, nil)
	w.exec(t, `UPDATE sky.head SET snapshot = $1`, now)
	for i, row := range []struct {
		callsign string
		facility int
		ended    any
		tuned    bool
	}{
		{"EGTT_CTR", 6, nil, true}, {"EGTT_CTR", 6, now.Add(-time.Hour), true}, // a reconnect
		{"EGPX_CTR", 6, now.Add(-20 * time.Minute), true}, {"EHAA_CTR", 6, now.Add(-3 * time.Hour), true},
		{"EGLL_OBS", 0, now.Add(-20 * time.Minute), true}, {"EGKK_TWR", 4, now.Add(-20 * time.Minute), false},
	} {
		w.session(t, int64(i+1), 2, row.callsign, row.facility, row.ended)
		if row.tuned {
			w.exec(t, `INSERT INTO sky.frequencies VALUES ($1, $2, 119730)`, i+1, now.Add(-4*time.Hour))
		}
	}
	w.is(t, "position_unstaffed", map[string]float64{"EGTT_CTR": 0, "EGPX_CTR": 20})
}

func TestTrafficOfAirports(t *testing.T) {
	w := newWorld(t, nil)
	if values, asOf := w.observe(t, "airport_movements"); len(values) != 1 || !asOf.IsZero() {
		t.Errorf("before the first snapshot: %v as of %s", values, asOf)
	}
	at := now.Add(-7 * time.Minute) // in the quarter that began at 11:45
	w.exec(t, `UPDATE sky.analysis SET snapshot = $1`, at)
	w.exec(t, `INSERT INTO sky.airport_quarters
		SELECT airport, $1::timestamptz + before * interval '15 minutes', runway, 2, 3, 100, 100, 100, 0, 0, 0, 0, 0, 0
		FROM (VALUES ('EGLL', 0, '27L'), ('EGLL', 0, '27R'), ('EGLL', -3, '27L'), ('EGLL', -4, '27L'), ('EHAM', -1, '06')) AS q(airport, before, runway)`,
		at.Truncate(15*time.Minute))
	w.is(t, "airport_movements", map[string]float64{"EGLL": 15, "EHAM": 5, "*": 0})
	w.exec(t, `INSERT INTO sky.flights (id, decided, cid, callsign, began, phase, ending, filed_departure, filed_arrival, filed_alternate, aircraft, rules,
			deptime, route, departure, arrival, teleports)
		SELECT id, $1, id, 'TST', $1, phase, ending, '', arrival, '', '', '', '', '', '', '', 0
		FROM (VALUES (1, 2, 0, 'EGLL'), (2, 3, 0, 'EGLL'), (3, 7, 0, 'EGLL'), (4, 8, 0, 'EGLL'), (5, 5, 3, 'EGLL'), (6, 5, 0, ''), (7, 5, 0, 'KJFK'))
		    AS f(id, phase, ending, arrival)`, at.Add(-time.Hour))
	w.is(t, "airport_inbound", map[string]float64{"EGLL": 2, "KJFK": 1, "*": 0})
}

func TestSectors(t *testing.T) {
	w := newWorld(t, nil)
	tick := func(before time.Duration, airspace int, occupancy ...int16) {
		w.exec(t, `INSERT INTO sky.sector_ticks (at, airspace, sector, occupancy, entries, exits, workload)
			VALUES ($1, $2, '{EGTT,EHAA}', $3::smallint[], '{0,0}', '{0,0}', '{30,5}')`, now.Add(-before), airspace, occupancy)
		w.exec(t, `UPDATE sky.analysis SET snapshot = $1`, now.Add(-before))
	}
	tick(30*time.Second, 1, 40, 9)
	tick(15*time.Second, 1, 41, 0)
	w.is(t, "sector_occupancy", map[string]float64{"EGTT": 41, "EHAA": 0, "*": 0})
	w.is(t, "sector_workload", map[string]float64{"EGTT": 30, "EHAA": 5, "*": 0})
	tick(0, 0, 0, 0)
	if _, asOf := w.observe(t, "sector_occupancy"); !asOf.IsZero() {
		t.Errorf("without FIRs it is known as of %s", asOf)
	}
}

// TestShippedRules holds the rules that come with the program to what people's
// rules are held to.
func TestShippedRules(t *testing.T) {
	w := newWorld(t, nil)
	rules, err := w.store.AlertRules(t.Context())
	must(t, err)
	if len(rules) < 7 {
		t.Fatalf("%d rules", len(rules))
	}
	for _, rule := range rules {
		t.Run(rule.ID, func(t *testing.T) {
			if err := w.figures.Check(t.Context(), &rule); err != nil {
				t.Error(err)
			}
			if !rule.Shipped || rule.Reason == "" || len(rule.Receivers) > 0 {
				t.Errorf("%+v", rule)
			}
		})
	}
}

// TestUnknownSubjects asks every figure for a subject that no figure has: the
// refusal says what there is.
func TestUnknownSubjects(t *testing.T) {
	w := newWorld(t, nil)
	for _, description := range w.figures.Descriptions() {
		t.Run(description.Name, func(t *testing.T) {
			found, _ := w.figures.Find(description.Name)
			err := found.Check(t.Context(), "no such subject")
			if !fault.Is(err, fault.Invalid) || description.What == "" || description.Subjects == "" {
				t.Errorf("error %v, %+v", err, description)
			}
		})
	}
}
