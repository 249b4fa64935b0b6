package api_test

import (
	"fmt"
	"math"
	"math/bits"
	"math/rand/v2"
	"net/http"
	"net/url"
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/skyledger/skyledger/internal/api"
	"github.com/skyledger/skyledger/internal/fault"
	"github.com/skyledger/skyledger/internal/provision/pgtest"
	"github.com/skyledger/skyledger/internal/reference"
	"github.com/skyledger/skyledger/internal/store"
)

// staffing is who staffed what in two weeks: minutes by hour and callsign.
type staffing struct {
	from time.Time
	seen map[time.Time]int64
	rows []store.Staffing
}

// some are minutes of an hour, each with a chance in percent.
func some(random *rand.Rand, chance int) (minutes int64) {
	for minute := range 60 {
		if random.IntN(100) < chance {
			minutes |= 1 << minute
		}
	}
	return minutes
}

// drawStaffing makes it up: some hours were not recorded, or not all of them.
func drawStaffing() staffing {
	random := rand.New(rand.NewPCG(3, 4))
	drawn := staffing{from: moment.Truncate(time.Hour).Add(-14 * 24 * time.Hour), seen: map[time.Time]int64{}}
	for hour := drawn.from; hour.Before(moment.Truncate(time.Hour)); hour = hour.Add(time.Hour) {
		minutes := some(random, 75)
		if random.IntN(10) == 0 {
			continue
		}
		drawn.seen[hour] = minutes
		for _, row := range []store.Staffing{
			{Callsign: "EGLL_TWR", Facility: 4, Airport: "EGLL", FIR: "EGXX"},
			{Callsign: "EGLL_N_TWR", Facility: 4, Airport: "EGLL", FIR: "EGXX"},
			{Callsign: "EGLL_APP", Facility: 5, Airport: "EGLL", FIR: "EGXX"},
			{Callsign: "EGSS_TWR", Facility: 4, Airport: "EGSS", FIR: "EGXX"},
			{Callsign: "LON_S_CTR", Facility: 6, FIR: "EGXX", Sector: "EGXX-S"},
			{Callsign: "LON_CTR", Facility: 6, FIR: "EGXX"},
			{Callsign: "LON_T_CTR", Facility: 6, FIR: "EGXX", Sector: "EGXX-T"}, // another part, not over Heathrow
			{Callsign: "EUXX_FSS", Facility: 1, FIR: "EUXX"},
			{Callsign: "NZXX_CTR", Facility: 6, FIR: "NZXX"},
		} {
			if random.IntN(3) == 0 {
				row.Hour, row.Minutes, row.Decided = hour, some(random, 25)&minutes, moment
				drawn.rows = append(drawn.rows, row)
			}
		}
	}
	return drawn
}

// towers is an API over a real database in which three snapshots were analysed:
// a tower and a centre with their aircraft, and two weeks of staffing.
func towers(t testing.TB, drawn staffing, adapt ...func(*api.Deps)) http.Handler {
	t.Helper()
	db := pgtest.NewFrom(t, "api-migrated", func(url string) error { return store.Migrate(t.Context(), url, store.DefaultSchema, "live") })
	must(t, store.Migrate(t.Context(), db.URL, store.DefaultSchema, "live"))
	s, err := store.Open(t.Context(), store.Options{URL: db.URL, Source: "live"})
	must(t, err)
	t.Cleanup(s.Close)
	at := func(n int) time.Time { return moment.Add(time.Duration(n-2) * 15 * time.Second) }
	duty := func(id int64, callsign string, facility int16, airport, fir, sector string, began int) store.Duty {
		return store.Duty{
			ID: id, CID: int32(1_000_000 + id), Callsign: callsign, Facility: facility, Rating: 5, Airport: airport, FIR: fir, Sector: sector, Logon: at(began), Began: at(began),
			Logons: 1, Tuned: []store.Tuned{{Since: at(began), Frequency: 118_500 + int32(id)*25}}, Decided: at(began),
			Site: store.Site{Source: store.SiteRadios, Latitude: 5_147_000, Longitude: -46_000},
		}
	}
	tower, centre, upper := duty(9007199254740995, "EGLL_N_TWR", 4, "EGLL", "EGXX", "", 0), duty(2, "LON_S_CTR", 6, "", "EGXX", "EGXX-S", 0), duty(3, "EUXX_FSS", 1, "", "EUXX", "", 1)
	tower.CID, tower.Tuned[0].Frequency = 1_000_001, 118_505
	ended := tower
	ended.Ended, ended.Handled = at(1), &store.Handled{Aircraft: 2, PeakAircraft: 2, PeakWorkload: 12}
	contact := func(duty int64, cid int32, since int) store.Contact {
		return store.Contact{DutyID: duty, CID: cid, Callsign: fmt.Sprintf("BAW%d", cid), FlightID: int64(cid), Frequency: 118_500, Since: at(since), Decided: at(since)}
	}
	first, second, third := contact(tower.ID, 1, 0), contact(tower.ID, 2, 0), contact(2, 1, 2)
	over := first
	over.Until = at(1)
	end := second
	end.Until = at(1)
	tick := func(n int, occupancy int16) store.SectorTick {
		return store.SectorTick{At: at(n), Version: 1, Sector: []string{"EGXX", "EGXX-S"}, Occupancy: []int16{occupancy + 1, occupancy}, Entries: []int16{1, 0}, Exits: []int16{0, 0}, Workload: []int16{20, 9}}
	}
	last := store.ControllerChanges{Duties: []store.Duty{ended}, Contacts: []store.Contact{over, end, third}, Staffing: drawn.rows}
	for hour, minutes := range drawn.seen {
		last.Seen = append(last.Seen, store.SeenHour{Hour: hour, Minutes: minutes, Decided: moment})
	}
	quarter := func(sector string, back int, entries int32) store.SectorQuarter {
		return store.SectorQuarter{
			Sector: sector, Quarter: moment.Truncate(15 * time.Minute).Add(time.Duration(-back) * 15 * time.Minute), Ticks: 60, OccupancySum: 90, OccupancyMax: 4,
			Entries: entries, Exits: 1, Stays: 1, StaySeconds: 700, WorkloadSum: 600, WorkloadMax: 14, Decided: moment,
		}
	}
	steps := []store.Analysis{
		{Controllers: store.ControllerChanges{Duties: []store.Duty{tower, centre}, Contacts: []store.Contact{first, second}}, Sectors: store.SectorChanges{Tick: tick(0, 1)}},
		{Controllers: store.ControllerChanges{Duties: []store.Duty{upper}}, Sectors: store.SectorChanges{Tick: store.SectorTick{At: at(1)}}},
		{Controllers: last, Sectors: store.SectorChanges{Tick: tick(2, 2), Quarters: []store.SectorQuarter{quarter("EGXX", 1, 3), quarter("EGXX", 2, 5), quarter("NZXX", 3, 1)}}},
	}
	var head store.Head
	for n, step := range steps {
		next := store.Head{Version: head.Version + 1, Snapshot: at(n), Tick: at(n).Truncate(15 * time.Second)}
		must(t, s.Commit(t.Context(), store.Changes{
			ExpectedVersion: head.Version, Head: next, Snapshot: store.SnapshotRow{At: at(n), Received: at(n), Hash: []byte(at(n).String())},
			Tick: store.TickRow{Tick: next.Tick, Outcome: store.Received, Snapshot: at(n), Received: at(n)},
		}))
		step.ExpectedVersion, step.At = int64(n), at(n)
		must(t, s.CommitAnalysis(t.Context(), step))
		head = next
	}
	d := deps(t)
	reader := reference.NewReader(reference.ReaderOptions{Shelf: spyShelf{}, Clock: d.Clock, Logger: zap.NewNop()})
	d.Atlas, d.Places, d.Controllers, d.Sectors = reader, reader, s, s
	for _, change := range adapt {
		change(&d)
	}
	built, err := api.New(d, "api-atc", "api-traffic")
	must(t, err)
	return built
}

func TestControllerGoldens(t *testing.T) {
	handler := towers(t, staffing{})
	for name, target := range map[string]string{
		"controller_sessions": "/api/controllers/sessions?hours=1",
		"atc_contacts":        "/api/atc/contacts",
		"atc_coverage":        "/api/atc/coverage/EGLL?limit=2&sort=hour_of_week",
		"sectors":             "/api/sectors",
		"sector_occupancy":    "/api/sectors/egxx/occupancy",
		"sector_quarters":     "/api/sectors/EGXX/occupancy?step=quarter",
	} {
		t.Run(name, func(t *testing.T) {
			answer := ask(handler, "GET", target)
			if answer.Code != http.StatusOK {
				t.Fatalf("%d %s", answer.Code, answer.Body)
			}
			golden(t, name, answer.Body.Bytes())
		})
	}
}

func TestControllersAndSectorsAreChosen(t *testing.T) {
	handler := towers(t, staffing{})
	type rows struct{ Data []map[string]any }
	for _, test := range []struct {
		name, target, column string
		want                 []string
	}{
		{"those that go on", "/api/controllers/sessions?online=true&sort=callsign", "callsign", []string{"EUXX_FSS", "LON_S_CTR"}},
		{"a position, whichever half", "/api/controllers/sessions?position=egll_twr", "callsign", []string{"EGLL_N_TWR"}},
		{"an airport's", "/api/controllers/sessions?airport=EGLL", "callsign", []string{"EGLL_N_TWR"}},
		{"a member's", "/api/controllers/sessions?cid=1000002", "callsign", []string{"LON_S_CTR"}},
		{"those on within the span alone", "/api/controllers/sessions?online=false&from=" + url.QueryEscape(moment.Format(time.RFC3339Nano)) + "&to=" + url.QueryEscape(moment.Add(time.Second).Format(time.RFC3339Nano)) + "&sort=callsign", "callsign", []string{"EUXX_FSS", "LON_S_CTR"}},
		{"contacts of a pilot", "/api/atc/contacts?callsign=baw1", "controller", []string{"EGLL_N_TWR", "LON_S_CTR"}},
		{"of a position", "/api/atc/contacts?position=LON_CTR", "callsign", []string{"BAW1"}},
		{"of a flight", "/api/atc/contacts?flight=2", "callsign", []string{"BAW2"}},
		{"that go on", "/api/atc/contacts?online=true", "controller", []string{"LON_S_CTR"}},
		{"whole FIRs alone", "/api/sectors?sectors=false&sort=id", "id", []string{"EGXX", "NZXX"}},
		{"with those that are empty", "/api/sectors?empty=true&sort=id", "id", []string{"EGXX", "EGXX-S", "NZXX"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			var got []string
			for _, row := range asked[rows](t, handler, test.target).Data {
				got = append(got, fmt.Sprint(row[test.column]))
			}
			if fmt.Sprint(got) != fmt.Sprint(test.want) {
				t.Errorf("%v, want %v", got, test.want)
			}
		})
	}
	t.Run("pages of contacts are all of them, each once", func(t *testing.T) {
		type page struct {
			Data []map[string]any
			Meta struct {
				Next *string `json:"next_cursor"`
			}
		}
		seen, target := 0, "/api/atc/contacts?limit=1"
		for range 5 {
			got := asked[page](t, handler, target)
			seen += len(got.Data)
			if got.Meta.Next == nil {
				break
			}
			target = "/api/atc/contacts?limit=1&cursor=" + *got.Meta.Next
		}
		if seen != 3 {
			t.Errorf("%d contacts", seen)
		}
	})
	for target, status := range map[string]int{
		"/api/controllers/sessions?days=32": 422, "/api/atc/contacts?days=2": 422, "/api/atc/contacts?days=2&cid=1": 200, "/api/atc/contacts?cursor=x": 422,
		"/api/atc/contacts?flight=7123387307595123456": 200, "/api/atc/contacts?cid=2147483648": 422, "/api/controllers/sessions?cid=2147483648": 422,
		"/api/atc/coverage/NOWHERE": 404, "/api/sectors/NOWHERE/occupancy": 404, "/api/sectors/EGXX/occupancy?step=tick&days=2": 422, "/api/sectors?at=x": 422,
		"/api/sectors?at=" + url.QueryEscape(moment.Add(-time.Hour).Format(time.RFC3339)):          503,
		"/api/sectors?at=" + url.QueryEscape(moment.Add(-15*time.Second).Format(time.RFC3339Nano)): 503, // FIRs were not known
	} {
		if answer := ask(handler, "GET", target); answer.Code != status {
			t.Errorf("%s: %d, want %d: %s", target, answer.Code, status, answer.Body)
		}
	}
}

// TestCoverageIsMinutesCounted counts what was drawn, minute by minute.
func TestCoverageIsMinutesCounted(t *testing.T) {
	drawn := drawStaffing()
	handler := towers(t, drawn)
	type answer struct {
		Staffed, Covered *float64
		Observed         float64 `json:"observed_h"`
		Data             []struct {
			HourOfWeek                   int `json:"hour_of_week"`
			Weekday                      string
			Observed                     float64 `json:"observed_h"`
			Staffed, Covered, Likelihood *float64
		}
		Positions []struct {
			Position, How string
			Staffed       float64 `json:"staffed_h"`
		}
	}
	for _, test := range []struct {
		target     string
		own, above map[string]bool
	}{
		{"EGLL", map[string]bool{"EGLL_TWR": true, "EGLL_N_TWR": true, "EGLL_APP": true}, map[string]bool{"LON_S_CTR": true, "LON_CTR": true, "EUXX_FSS": true}},
		{"EGLL?position=EGLL_TWR", map[string]bool{"EGLL_TWR": true, "EGLL_N_TWR": true}, map[string]bool{"EGLL_APP": true, "LON_S_CTR": true, "LON_CTR": true, "EUXX_FSS": true}},
		{"EGXX", map[string]bool{"LON_S_CTR": true, "LON_CTR": true, "LON_T_CTR": true}, map[string]bool{"EUXX_FSS": true}},
		{"EGXX-S", map[string]bool{"LON_S_CTR": true}, map[string]bool{"LON_CTR": true, "EUXX_FSS": true}},
		{"EUXX", map[string]bool{"EUXX_FSS": true}, nil},
	} {
		t.Run(test.target, func(t *testing.T) {
			own, above := map[time.Time]int64{}, map[time.Time]int64{}
			for _, row := range drawn.rows {
				if test.own[row.Callsign] {
					own[row.Hour] |= row.Minutes
				}
				if test.own[row.Callsign] || test.above[row.Callsign] {
					above[row.Hour] |= row.Minutes
				}
			}
			var observed, staffed, covered [168]int
			for hour, minutes := range drawn.seen {
				of := (int(hour.Weekday())+6)%7*24 + hour.Hour()
				observed[of] += bits.OnesCount64(uint64(minutes))
				staffed[of] += bits.OnesCount64(uint64(minutes & own[hour]))
				covered[of] += bits.OnesCount64(uint64(minutes & above[hour]))
			}
			got := asked[answer](t, handler, "/api/atc/coverage/"+test.target)
			if len(got.Data) != 168 {
				t.Fatalf("%d hours", len(got.Data))
			}
			near := func(share *float64, part, whole int) bool {
				return share == nil && whole == 0 || share != nil && whole > 0 && math.Abs(*share-float64(part)/float64(whole)) < 1e-9
			}
			for i, row := range got.Data {
				if math.Abs(row.Observed-float64(observed[i])/60) > 1e-9 || !near(row.Staffed, staffed[i], observed[i]) || !near(row.Covered, covered[i], observed[i]) {
					t.Fatalf("%s hour %d: %+v, but %d of %d minutes, %d covered", row.Weekday, i, row, staffed[i], observed[i], covered[i])
				}
				if row.Likelihood == nil || *row.Likelihood < 0 || *row.Likelihood > 1 {
					t.Fatalf("hour %d: likelihood %v", i, row.Likelihood)
				}
			}
			for _, p := range got.Positions {
				if p.Position == "EGSS_TWR" || p.Position == "NZXX_CTR" || p.Staffed <= 0 {
					t.Errorf("%+v", p)
				}
			}
		})
	}
}

func TestControllersWithoutADatabase(t *testing.T) {
	down := fault.E("test", fault.Unavailable, "database_down", nil)
	handler := towers(t, staffing{}, func(d *api.Deps) {
		reader := reference.NewReader(reference.ReaderOptions{Shelf: spyShelf{err: down}, Clock: d.Clock, Logger: zap.NewNop()})
		d.Atlas, d.Places = reader, reader
	})
	for target, status := range map[string]int{"/api/sectors": 503, "/api/sectors/EGXX/occupancy": 503, "/api/atc/coverage/EGXX": 503, "/api/atc/coverage/EGLL": 200} {
		if answer := ask(handler, "GET", target); answer.Code != status {
			t.Errorf("%s without FIRs: %d, want %d: %s", target, answer.Code, status, answer.Body)
		}
	}
}
