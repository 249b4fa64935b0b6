package api_test

import (
	"context"
	"math"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/skyledger/skyledger/internal/geo"
)

func TestBoardGoldens(t *testing.T) {
	handler := newSkies(t).over(t, "api-traffic")
	for name, target := range map[string]string{
		"board":           "/api/airports/lhr/board",
		"density":         "/api/airports/EGLL/density?hours=1&ahead=1",
		"patterns":        "/api/traffic/patterns?fields=id,rank,movements,busiest_weekday,busiest_hour,busiest_count",
		"network_history": "/api/network/history?hours=2&interval=1h",
	} {
		t.Run(name, func(t *testing.T) {
			answer := ask(handler, "GET", target)
			if answer.Code != http.StatusOK {
				t.Fatalf("%d %s", answer.Code, answer.Body)
			}
			golden(t, name, answer.Body.Bytes())
		})
	}
	for target, want := range map[string]int{
		"/api/airports/ZZZZ/board":              404,
		"/api/airports/ZZZZ/density":            404,
		"/api/airports/EGLL/board?direction=up": 422,
		"/api/airports/EGLL/density?ahead=13":   422,
		"/api/airports/EGLL/density?days=32":    422,
		"/api/traffic/patterns?days=93":         422,
		"/api/traffic/patterns?weekday=8":       422,
		"/api/traffic/patterns?hour=3":          422,
		"/api/network/history?region=Atlantis":  404,
		"/api/network/history?interval=2h":      422,
		"/api/network/history?days=93":          422,
	} {
		t.Run(target, func(t *testing.T) {
			if answer := ask(handler, "GET", target); answer.Code != want {
				t.Errorf("%d, want %d: %s", answer.Code, want, answer.Body)
			}
		})
	}
}

type boardRow struct {
	Direction, Callsign, Status string
	Estimated                   *time.Time
	Remaining                   *float64 `json:"remaining_nm"`
	Lat                         *float64
}

func TestBoard(t *testing.T) {
	world := newSkies(t)
	handler := world.over(t, "api-traffic")
	board := func(handler http.Handler, target string) map[string]boardRow {
		rows := map[string]boardRow{}
		for _, row := range asked[struct{ Data []boardRow }](t, handler, target).Data {
			rows[row.Direction+" "+row.Callsign] = row
		}
		return rows
	}
	rows := board(handler, "/api/airports/EGLL/board")
	t.Run("each has its word", func(t *testing.T) {
		for flight, want := range map[string]string{
			"arrival DLH4": "en_route", "arrival EZY8": "arrived", "arrival AFR5": "lost",
			"departure BAW123": "departed", "departure RYR7": "departed", "departure GABCD": "never_left", "departure BAW456": "scheduled",
		} {
			if rows[flight].Status != want {
				t.Errorf("%s is %q, want %q", flight, rows[flight].Status, want)
			}
		}
		if len(rows) != 7 {
			t.Errorf("%d rows: %v", len(rows), rows)
		}
		if gatwick := board(handler, "/api/airports/EGKK/board"); gatwick["arrival EZY8"].Status != "diverted" {
			t.Errorf("%v", gatwick)
		}
	})
	t.Run("who is in the air is estimated by the way that is left", func(t *testing.T) {
		fix, _ := whereabouts(inbound(), minutes)
		miles := geo.Distance(float64(fix.Latitude)/1e5, float64(fix.Longitude)/1e5, 51.4706, -0.461941)
		in := rows["arrival DLH4"]
		if in.Remaining == nil || math.Abs(*in.Remaining-miles) > 0.2 || in.Estimated == nil {
			t.Fatalf("%+v, %f miles", in, miles)
		}
		fastest, slowest := miles/420, miles/250
		if left := in.Estimated.Sub(now).Hours(); left < fastest || left > slowest {
			t.Errorf("%.2f hours for %.0f miles", left, miles)
		}
	})
	t.Run("who stands leaves at the earliest after the airport's taxi time", func(t *testing.T) {
		out := rows["departure BAW456"] // filed for ten minutes ago; the mean taxi time of this airport is ten minutes
		if out.Estimated == nil || (out.Estimated.Sub(now)-10*time.Minute).Abs() > time.Second {
			t.Errorf("%v", out.Estimated)
		}
	})
	t.Run("what is done or over has no estimate", func(t *testing.T) {
		for _, flight := range []string{"arrival EZY8", "arrival AFR5", "departure BAW123", "departure GABCD"} {
			if rows[flight].Estimated != nil {
				t.Errorf("%s: %v", flight, rows[flight].Estimated)
			}
		}
	})
	t.Run("without a live view the board has no places and is there", func(t *testing.T) {
		d := world.deps(t)
		d.Live = liveView(t, nil, d.Clock)
		in := board(world.handler(t, d, "api-traffic"), "/api/airports/EGLL/board?direction=arrival")["arrival DLH4"]
		if in.Status != "en_route" || in.Estimated != nil || in.Lat != nil {
			t.Errorf("%+v", in)
		}
	})
	t.Run("an airport without traffic has an empty board", func(t *testing.T) {
		if got := asked[struct{ Data []boardRow }](t, handler, "/api/airports/YSSY/board"); got.Data == nil || len(got.Data) != 0 {
			t.Errorf("%v", got)
		}
	})
}

func TestDensity(t *testing.T) {
	handler := newSkies(t).over(t, "api-traffic")
	got := asked[struct {
		Data []struct {
			Time                 time.Time
			Arrivals, Departures *int
			In                   *int `json:"expected_arrivals"`
			Out                  *int `json:"expected_departures"`
		}
		Taxi    *int                      `json:"taxi_out_s"`
		Delay   *int                      `json:"delay_s"`
		Runways []struct{ Runway string } `json:"runways_in_use"`
	}](t, handler, "/api/airports/EGLL/density?hours=2&ahead=2")
	var past, expected int
	for _, row := range got.Data {
		if row.Arrivals != nil {
			past += *row.Arrivals + *row.Departures
		}
		if row.In != nil {
			expected += *row.In + *row.Out
		}
		if (row.In == nil) != row.Time.Add(15*time.Minute).Before(now) {
			t.Errorf("%s: expected %v", row.Time, row.In)
		}
	}
	if past != 3 || expected != 2 || len(got.Data) != 17 {
		t.Errorf("%d past, %d expected in %d quarters", past, expected, len(got.Data))
	}
	if got.Taxi == nil || *got.Taxi != 600 || got.Delay == nil || *got.Delay != 300 {
		t.Errorf("taxi %v, delay %v", got.Taxi, got.Delay)
	}
	if len(got.Runways) != 1 || got.Runways[0].Runway != "27L" {
		t.Errorf("runways %v", got.Runways) // 27R was used at 10:55, more than an hour ago
	}
}

func TestNetworkHistory(t *testing.T) {
	handler := newSkies(t).over(t, "api-traffic")
	type history struct {
		Data []struct {
			Time                                  time.Time
			Pilots, Airborne                      *float64
			Snapshots, Peak, Arrivals, Departures *int
		}
		Interval int  `json:"interval_s"`
		Total    *int `json:"total_movements"`
		Airborne struct {
			Value int
			Time  time.Time
		} `json:"airborne_peak_of_span"`
	}
	t.Run("every snapshot is a step of 15 seconds", func(t *testing.T) {
		if got := asked[history](t, handler, "/api/network/history?hours=2&interval=15s"); len(got.Data) != lastSnapshot+1 || got.Data[0].Arrivals != nil || got.Total != nil {
			t.Errorf("%d rows", len(got.Data))
		}
	})
	t.Run("steps have means, peaks and movements", func(t *testing.T) {
		got := asked[history](t, handler, "/api/network/history?hours=2&interval=1h")
		total, snapshots := 0, 0
		for _, row := range got.Data {
			total += *row.Arrivals + *row.Departures
			snapshots += *row.Snapshots
		}
		if total != 7 || *got.Total != 7 || snapshots != lastSnapshot+1 || *got.Data[0].Pilots != 6 || got.Interval != 3600 {
			t.Errorf("%d movements, %d snapshots, %+v", total, snapshots, got)
		}
		if want := lastSnapshot / 60; got.Airborne.Value != want {
			t.Errorf("peak %d, want %d", got.Airborne.Value, want)
		}
	})
	t.Run("a region has its movements and no connections", func(t *testing.T) {
		got := asked[history](t, handler, "/api/network/history?hours=2&interval=1d&region=United%20Kingdom")
		if len(got.Data) != 1 || got.Data[0].Pilots != nil || *got.Data[0].Arrivals != 1 || *got.Data[0].Departures != 2 {
			t.Errorf("%+v", got.Data)
		}
		if none := asked[history](t, handler, "/api/network/history?region=Australia"); none.Data == nil || len(none.Data) != 0 {
			t.Errorf("%+v", none)
		}
	})
}

func TestPatterns(t *testing.T) {
	world := newSkies(t)
	handler := world.over(t, "api-traffic")
	type patterns struct {
		Data []struct {
			ID                      string
			Movements               int
			Hours                   []int `json:"hours_of_week"`
			BusiestWeekday, Busiest int
		}
		Unusual []struct {
			Day       string
			Movements int
			Median    float64
		} `json:"unusual_days"`
		Formula string
	}
	ids := func(p patterns) string {
		var all []string
		for _, row := range p.Data {
			all = append(all, row.ID)
		}
		return strings.Join(all, " ")
	}
	t.Run("by dimension, the busiest first, with its week", func(t *testing.T) {
		got := asked[patterns](t, handler, "/api/traffic/patterns?dimension=airport&top=2")
		if ids(got) != "airport:EGLL airport:LFPG" || got.Data[0].Movements != 3 || got.Formula == "" {
			t.Errorf("%+v", got)
		}
		sum := 0
		for _, n := range got.Data[0].Hours {
			sum += n
		}
		if len(got.Data[0].Hours) != 168 || sum != 3 || got.Data[0].Hours[6*24+11] != 2 { // Sunday 11 z
			t.Errorf("%v", got.Data[0].Hours)
		}
	})
	t.Run("of one hour of the week", func(t *testing.T) {
		if got := asked[patterns](t, handler, "/api/traffic/patterns?weekday=7&hour=11&dimension=route"); ids(got) != "route:EGLL-LFPG route:LFPG-EGLL" && ids(got) != "route:EGLL-LFPG" {
			t.Errorf("%s", ids(got))
		}
		if got := asked[patterns](t, handler, "/api/traffic/patterns?weekday=1&hour=11"); len(got.Data) != 0 {
			t.Errorf("%s", ids(got))
		}
	})
	t.Run("a day far from others of its weekday is unusual, one that was not recorded is not", func(t *testing.T) {
		conn, err := pgx.Connect(t.Context(), world.url)
		must(t, err)
		defer func() { _ = conn.Close(context.Background()) }()
		_, err = conn.Exec(t.Context(), `
			INSERT INTO sky.airport_days SELECT 'EDDM', d, CASE d WHEN '2026-02-10' THEN 900 WHEN '2026-02-12' THEN 1 ELSE 300 + extract(day FROM d)::integer % 5 END, 0, 0, 0, 0
			FROM generate_series('2026-01-01Z'::timestamptz, '2026-02-28Z', '1 day') d`)
		must(t, err)
		_, err = conn.Exec(t.Context(), `
			INSERT INTO sky.analyzed SELECT d, 0, 1, 1, 1, 1, 1, 1 FROM generate_series('2026-01-01Z'::timestamptz, '2026-02-28 23:59:45Z', '15 seconds') d
			WHERE d < '2026-02-12Z' OR d >= '2026-02-13Z'`)
		must(t, err)
		got := asked[patterns](t, handler, "/api/traffic/patterns")
		if len(got.Unusual) != 1 || got.Unusual[0].Day != "2026-02-10" || got.Unusual[0].Movements != 900 {
			t.Errorf("%+v", got.Unusual)
		}
	})
}
