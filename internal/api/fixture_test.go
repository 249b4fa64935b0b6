package api_test

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
	"go.uber.org/zap"

	"github.com/skyledger/skyledger/internal/api"
	"github.com/skyledger/skyledger/internal/fault"
	"github.com/skyledger/skyledger/internal/live"
	"github.com/skyledger/skyledger/internal/provision/pgtest"
	"github.com/skyledger/skyledger/internal/rawlog"
	"github.com/skyledger/skyledger/internal/store"
	"github.com/skyledger/skyledger/internal/vatsim"
)

var update = flag.Bool("update", false, "write the golden files anew")

func TestMain(m *testing.M) { pgtest.Main(m, func() error { return goleak.Find() }) }

// moment is the update_timestamp of the fixtures' snapshot; now is a little later.
var (
	moment = time.Date(2026, 3, 1, 12, 0, 0, 123456000, time.UTC)
	now    = moment.Add(4 * time.Second)
)

// view is a network of so many flights, beside one controller and one observer.
func view(flights int) *live.View {
	snapshot := &vatsim.Snapshot{UpdateTimestamp: moment}
	for i := range flights {
		pilot := vatsim.Pilot{
			CID: int32(1000000 + i), Callsign: "TST" + string(rune('A'+i%26)) + strings.Repeat("X", i/26%3), Name: "Jane Doe",
			Latitude: 5123456, Longitude: -12345, Altitude: 34000, Groundspeed: 450, Heading: 359, Squawk: 123,
			LogonTime: moment.Add(-time.Hour + time.Duration(i)*time.Second), LastUpdated: moment.Add(-time.Second),
			Plan: vatsim.Plan(`{"aircraft_short":"B738","departure":"EGLL","arrival":"ZZZZ","route":"DCT \"ABC\" <é>"}`),
		}
		if i%2 == 1 {
			pilot.Plan, pilot.Squawk = nil, vatsim.NoSquawk
		}
		snapshot.Pilots = append(snapshot.Pilots, pilot)
	}
	snapshot.Controllers = []vatsim.Controller{
		{CID: 7, Callsign: "EGLL_N_APP", Name: "Control One", Frequency: 119730, Facility: 5, Rating: 5, LogonTime: moment.Add(-time.Hour), LastUpdated: moment},
		{CID: 8, Callsign: "XX_OBS", Facility: 0, Rating: 42, LogonTime: moment.Add(-time.Hour), LastUpdated: moment},
	}
	return live.Build(snapshot, nil, nil, live.Meta{Source: "live", Received: moment.Add(time.Second)})
}

// liveView is a reader of that network, or of nothing for a nil view.
func liveView(t testing.TB, shown *live.View, clock func() time.Time) *live.Reader {
	t.Helper()
	memory := live.NewMemory()
	if shown != nil {
		if err := live.NewPublisher(nil, "live", memory).Publish(context.Background(), shown); err != nil {
			t.Fatal(err)
		}
	}
	reader := live.NewReader(live.Options{
		Memory: memory, Clock: clock,
		Fallback: func(_ context.Context, newerThan time.Time) (live.Newest, error) {
			if newerThan.IsZero() {
				return live.Newest{}, fault.E("test", fault.Unavailable, "database_down", nil)
			}
			return live.Newest{Seen: newerThan}, nil
		},
	})
	t.Cleanup(reader.Close)
	return reader
}

// ledger has one row per tick of the last minutes, or fails.
type ledger struct {
	rows []store.LedgerRow
	err  error
}

func (l *ledger) Ledger(_ context.Context, query store.LedgerQuery) ([]store.LedgerRow, error) {
	var page []store.LedgerRow
	for _, row := range l.rows {
		inside := !row.Tick.Before(query.From) && row.Tick.Before(query.To) && row.Tick.After(query.After)
		if inside && len(page) < query.Limit {
			page = append(page, row)
		}
	}
	return page, l.err
}

func (l *ledger) LedgerSummary(_ context.Context, from, to time.Time) (store.LedgerSummary, error) {
	summary := store.LedgerSummary{From: from, To: to, Outcomes: map[store.Outcome]int{}, Completeness: 1}
	for _, row := range l.rows {
		if !row.Tick.Before(from) && row.Tick.Before(to) {
			summary.Expected++
			summary.Outcomes[row.Outcome]++
			summary.To = row.Tick.Add(15 * time.Second)
		}
	}
	if summary.Expected > 0 {
		met := summary.Outcomes[store.Received] + summary.Outcomes[store.Unchanged] + summary.Outcomes[store.Late]
		summary.Completeness = float64(met) / float64(summary.Expected)
	}
	return summary, l.err
}

func ledgerRows() []store.LedgerRow {
	first := time.Date(2026, 3, 1, 11, 59, 0, 0, time.UTC)
	row := func(i int, outcome store.Outcome, reason string) store.LedgerRow {
		return store.LedgerRow{TickRow: store.TickRow{Tick: first.Add(time.Duration(i) * 15 * time.Second), Outcome: outcome, Reason: reason}}
	}
	received := row(4, store.Received, "")
	received.Snapshot, received.Received, received.Bytes, received.Hash = moment, moment.Add(time.Second), 123, []byte{0xab, 0xcd}
	received.Stored = &store.StoredCounts{Pilots: 2, Controllers: 2, Rejected: map[string]int{"pilot.latitude_range": 1}}
	return []store.LedgerRow{
		row(0, store.Unchanged, "not_modified"), row(1, store.Missing, "http_503"), row(2, store.Malformed, "truncated"),
		row(3, store.Late, ""), received,
	}
}

// log is one record.
type log struct{ record rawlog.Record }

func (l log) At(_ context.Context, at time.Time) (rawlog.Record, error) {
	if at.Before(l.record.At) {
		return rawlog.Record{}, fault.E("test.At", fault.NotFound, "before_first", nil)
	}
	return l.record, nil
}

// received is a body as it came, with bytes that any re-encoding would change.
var received = []byte("{ \"general\":{\"update_timestamp\":\"2026-03-01T12:00:00.1234567Z\"},\t\"pilots\":[], \"x\":\"\\u00e9\xc3\xa9" +
	strings.Repeat(" ", 3000) + "\"}\r\n")

// nothingAnalyzed is a database that is recorded to and not analysed.
type nothingAnalyzed struct{ api.Traffic }

func (nothingAnalyzed) AnalyzedTo(context.Context) (time.Time, error) { return time.Time{}, nil }

func deps(t testing.TB) api.Deps {
	t.Helper()
	clock := func() time.Time { return now }
	return api.Deps{
		Live: liveView(t, view(2), clock), Ledger: &ledger{rows: ledgerRows()},
		Account: &told{}, Health: &told{}, Entries: &told{}, System: measured{},
		Log:     log{rawlog.Record{At: moment, Received: moment.Add(time.Second), Network: received}},
		Traffic: nothingAnalyzed{},
		Source:  "live", Clock: clock, Logger: zap.NewNop(),
	}
}

func handler(t testing.TB, deps api.Deps) http.Handler {
	t.Helper()
	built, err := api.New(deps, "api-status", "api-atc", "api-flights")
	if err != nil {
		t.Fatal(err)
	}
	return built
}

// ask sends a request; headers come in pairs.
func ask(handler http.Handler, method, target string, headers ...string) *httptest.ResponseRecorder {
	request := httptest.NewRequest(method, target, nil)
	for i := 0; i+1 < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
	}
	recorder := httptest.NewRecorder()
	handler.ServeHTTP(recorder, request)
	return recorder
}

// golden compares JSON with the file of that name, which -update writes.
func golden(t *testing.T, name string, body []byte) {
	t.Helper()
	var indented bytes.Buffer
	if err := json.Indent(&indented, body, "", "  "); err != nil {
		t.Fatalf("not JSON: %v\n%s", err, body)
	}
	indented.WriteByte('\n')
	path := filepath.Join("testdata", name+".json")
	if *update {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, indented.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), indented.String()); diff != "" {
		t.Error(diff)
	}
}

// askBody sends a request with a JSON body.
func askBody(handler http.Handler, method, target, body string) *httptest.ResponseRecorder {
	request := httptest.NewRequest(method, target, strings.NewReader(body))
	request.Header.Set("Content-Type", "application/json")
	recorder := httptest.NewRecorder()
	handler.ServeHTTP(recorder, request)
	return recorder
}
