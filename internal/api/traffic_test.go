package api_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/skyledger/skyledger/internal/api"
)

func TestTrafficGoldens(t *testing.T) {
	handler := newSkies(t).over(t, "api-traffic")
	for name, target := range map[string]string{
		"movements":       "/api/traffic/movements/EGLL?limit=2",
		"traffic_summary": "/api/traffic/summary/Europe",
		"traffic_trends":  "/api/traffic/trends/LHR?days=3",
		"traffic_long":    "/api/traffic/trends/LHR?days=1&layout=long",
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

func TestTrafficRefusals(t *testing.T) {
	handler := newSkies(t).over(t, "api-traffic")
	for target, want := range map[string]int{
		"/api/traffic/movements/ZZZZ":                   404,
		"/api/traffic/movements/E":                      422,
		"/api/traffic/movements/EGLL?hours=745":         422,
		"/api/traffic/movements/EGLL?hours=0":           422,
		"/api/traffic/movements/EGLL?type=landing":      422,
		"/api/traffic/movements/EGLL?cursor=abc":        422,
		"/api/traffic/movements/EGLL?format=geojson":    422,
		"/api/traffic/summary/Atlantis":                 404,
		"/api/traffic/summary/ZZXX":                     404,
		"/api/traffic/summary/Europe?days=32":           422,
		"/api/traffic/trends/ZZZZ":                      404,
		"/api/traffic/trends/EGLL?days=367":             422,
		"/api/traffic/trends/EGLL?days=1&hours=3":       422,
		"/api/traffic/trends/EGLL?fields=time,the+moon": 422,
		"/api/traffic/nothing":                          404,
	} {
		t.Run(target, func(t *testing.T) {
			if answer := ask(handler, "GET", target); answer.Code != want || answer.Header().Get("Content-Type") != "application/problem+json" {
				t.Errorf("%d, want %d: %s", answer.Code, want, answer.Body)
			}
		})
	}
}

type movementList struct {
	Movements []struct {
		ID, MovementType, FlightCallsign string
		Timestamp                        time.Time
		Evidence                         []struct{ Lat float64 }
	}
	Data []struct {
		ID       string
		Type     string `json:"movement_type"`
		Callsign string `json:"flight_callsign"`
	}
	Meta struct {
		NextCursor *string   `json:"next_cursor"`
		AsOf       time.Time `json:"as_of"`
		Stale      bool
	}
}

func (l *movementList) words() string {
	var words []string
	for _, row := range l.Data {
		words = append(words, row.Callsign+":"+row.Type)
	}
	return strings.Join(words, " ")
}

func TestMovements(t *testing.T) {
	world := newSkies(t)
	handler := world.over(t, "api-traffic")
	for name, c := range map[string]struct{ query, want string }{
		"EGLL?":                      {"", "RYR7:departure BAW123:departure EZY8:arrival EZY8:diversion"},
		"EGLL?sort=-timestamp":       {"", "EZY8:diversion EZY8:arrival BAW123:departure RYR7:departure"},
		"lhr?type=departure":         {"", "RYR7:departure BAW123:departure"},
		"EGLL?sort=flight_callsign":  {"", "BAW123:departure EZY8:arrival EZY8:diversion RYR7:departure"},
		"EGKK?":                      {"", "EZY8:go_around"},
		"EGLL?hours=0.5":             {"", "EZY8:arrival EZY8:diversion"},
		"EGSS?":                      {"an airport without movements is an empty list", ""},
		"EGLL?to=" + q(minute(15)):   {"the end is exclusive", "RYR7:departure"},
		"EGLL?from=" + q(minute(15)): {"the beginning is not", "BAW123:departure EZY8:arrival EZY8:diversion"},
	} {
		t.Run(name, func(t *testing.T) {
			got := asked[movementList](t, handler, "/api/traffic/movements/"+name)
			if got.words() != c.want || got.Data == nil || len(got.Movements) != len(got.Data) {
				t.Errorf("%q, want %q", got.words(), c.want)
			}
		})
	}
	for _, sort := range []string{"", "timestamp", "-timestamp", "flight_callsign"} {
		t.Run("pages sorted by "+sort+" have each row once, in order", func(t *testing.T) {
			whole := asked[movementList](t, handler, "/api/traffic/movements/EGLL?sort="+sort)
			var pages []string
			for cursor := ""; len(pages) < 10; {
				page := asked[movementList](t, handler, "/api/traffic/movements/EGLL?limit=1&sort="+sort+"&cursor="+cursor)
				pages = append(pages, page.words())
				if page.Meta.NextCursor == nil {
					break
				}
				cursor = *page.Meta.NextCursor
			}
			if got := strings.Join(pages, " "); got != whole.words() || len(pages) != 4 {
				t.Errorf("%q, want %q", got, whole.words())
			}
		})
	}
	t.Run("the original's keys are there", func(t *testing.T) {
		row := asked[struct{ Movements []map[string]any }](t, handler, "/api/traffic/movements/EGLL").Movements[0]
		for _, key := range []string{"id", "airport_icao", "flight_callsign", "movement_type", "timestamp", "confidence", "altitude", "speed", "runway", "error_s", "evidence"} {
			if row[key] == nil {
				t.Errorf("%s is missing in %v", key, row)
			}
		}
	})
	t.Run("a late analysis is stale and says how far it is", func(t *testing.T) {
		d := world.deps(t)
		d.Clock = func() time.Time { return moment.Add(3 * time.Minute) }
		got := asked[movementList](t, world.handler(t, d, "api-traffic"), "/api/traffic/movements/EGLL")
		if !got.Meta.Stale || !got.Meta.AsOf.Equal(moment) {
			t.Errorf("%+v", got.Meta)
		}
	})
}

type summaryBody struct {
	Total      int `json:"total_movements"`
	Arrivals   int
	Departures int
	Hours      float64                           `json:"period_hours"`
	Breakdown  map[string]api.ArrivalsDepartures `json:"airport_breakdown"`
}

func TestSummary(t *testing.T) {
	handler := newSkies(t).over(t, "api-traffic", "api-status")
	counted := func(keys ...string) map[string]api.ArrivalsDepartures { // from the movements themselves
		all := map[string]api.ArrivalsDepartures{}
		for _, m := range movements() {
			for _, airport := range keys {
				c := all[m.Airport]
				if airport != m.Airport {
					continue
				}
				switch m.Kind {
				case 1:
					c.Departures++
				case 2:
					c.Arrivals++
				}
				all[m.Airport] = c
			}
		}
		return all
	}
	for region, airports := range map[string][]string{
		"Europe": {"EGLL", "LFPG", "EDDF", "EGKK"}, "europe": {"EGLL", "LFPG", "EDDF", "EGKK"}, "United-Kingdom": {"EGLL", "EGKK"},
		"EGXX": {"EGLL"}, "France": {"LFPG"}, "Australia": {},
	} {
		t.Run(region, func(t *testing.T) {
			got := asked[summaryBody](t, handler, "/api/traffic/summary/"+region)
			want := counted(airports...)
			if diff := cmp.Diff(want, got.Breakdown); diff != "" {
				t.Error(diff)
			}
			var total int
			for _, c := range want {
				total += c.Arrivals + c.Departures
			}
			if got.Total != total || got.Arrivals+got.Departures != total || got.Hours != 24 {
				t.Errorf("%+v, want %d", got, total)
			}
		})
	}
	t.Run("a shorter span counts its quarters alone", func(t *testing.T) {
		if got := asked[summaryBody](t, handler, "/api/traffic/summary/Europe?hours=0.25"); got.Arrivals != 2 || got.Departures != 0 {
			t.Errorf("%+v", got) // EGLL at 11:52, LFPG at 11:50
		}
	})
	t.Run("the status counts the movements of a day", func(t *testing.T) {
		var total int
		for _, m := range movements() {
			total += truth(m.Kind <= 2)
		}
		status := asked[struct {
			MovementsCount *int `json:"movements_count"`
		}](t, handler, "/api/status")
		if status.MovementsCount == nil || *status.MovementsCount != total {
			t.Errorf("%v, want %d", status.MovementsCount, total)
		}
	})
}

func TestDailyTrends(t *testing.T) {
	handler := newSkies(t).over(t, "api-traffic")
	type trends struct {
		Days  int                               `json:"period_days"`
		Total int                               `json:"total_movements"`
		Stats map[string]api.ArrivalsDepartures `json:"daily_stats"`
		Data  []struct{ Time time.Time }
	}
	t.Run("each of the days has its figures, today last", func(t *testing.T) {
		got := asked[trends](t, handler, "/api/traffic/trends/EGLL")
		today := api.ArrivalsDepartures{Arrivals: 1, Departures: 2}
		if got.Days != 7 || len(got.Stats) != 7 || got.Stats["2026-03-01"] != today || got.Stats["2026-02-23"] != (api.ArrivalsDepartures{}) || got.Total != 3 {
			t.Errorf("%+v", got)
		}
	})
	for days, want := range map[int]int{1: 1, 2: 2, 366: 366} {
		if got := asked[trends](t, handler, fmt.Sprintf("/api/traffic/trends/EGLL?days=%d", days)); got.Days != want {
			t.Errorf("%d days are %d", days, got.Days)
		}
	}
}
