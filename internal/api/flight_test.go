package api_test

import (
	"encoding/json"
	"encoding/xml"
	"fmt"
	"math"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"github.com/skyledger/skyledger/internal/store"
)

// asked asks for JSON that must be there.
func asked[T any](t *testing.T, handler http.Handler, target string) (body T) {
	t.Helper()
	answer := ask(handler, "GET", target)
	if answer.Code != http.StatusOK {
		t.Fatalf("%s: %d %s", target, answer.Code, answer.Body)
	}
	must(t, json.Unmarshal(answer.Body.Bytes(), &body))
	return body
}

func TestFlightGoldens(t *testing.T) {
	handler := newSkies(t).over(t, "api-flights")
	for name, target := range map[string]string{
		"flight":         fmt.Sprintf("/api/flights/%d", int64(outboundID)),
		"flight_lost":    fmt.Sprintf("/api/flights/%d", lostID),
		"flight_history": "/api/flights/history?hours=2",
		"flight_track":   fmt.Sprintf("/api/flights/%d/track?tolerance=20", int64(outboundID)),
		"flight_lines":   fmt.Sprintf("/api/flights/%d/track?tolerance=20&format=geojson", int64(outboundID)),
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

type flightBody struct {
	ID, Ending, Phase, Callsign string
	EndingText                  string `json:"ending_text"`
	Ended                       *time.Time
	Meta                        struct {
		AsOf  time.Time `json:"as_of"`
		Age   int       `json:"age_s"`
		Stale bool
	}
}

func TestOneFlight(t *testing.T) {
	world := newSkies(t)
	handler := world.over(t, "api-flights")
	t.Run("it is found by the id of either of its connections", func(t *testing.T) {
		for _, session := range []store.SessionKey{outbound(), outboundAgain()} {
			got := asked[flightBody](t, handler, fmt.Sprintf("/api/flights/%d", store.SessionID(session)))
			if got.ID != fmt.Sprint(int64(outboundID)) {
				t.Errorf("flight %s", got.ID)
			}
		}
	})
	t.Run("an id of the live list finds the flight that it is", func(t *testing.T) {
		list := asked[struct{ Data []struct{ ID string } }](t, handler, "/api/flights")
		if got := asked[flightBody](t, handler, "/api/flights/"+list.Data[0].ID); got.ID != fmt.Sprint(inboundID) {
			t.Errorf("flight %s", got.ID)
		}
	})
	t.Run("each ending has its word, and lost is never landed", func(t *testing.T) {
		for id, want := range map[int64]string{outboundID: "complete", inboundID: "open", lostID: "lost", probablyID: "probably_landed", neverID: "never_left"} {
			got := asked[flightBody](t, handler, fmt.Sprintf("/api/flights/%d", id))
			if got.Ending != want || got.EndingText == "" || (got.Ended == nil) != (want == "open") {
				t.Errorf("%d is %q (%s), want %q", id, got.Ending, got.EndingText, want)
			}
		}
	})
	t.Run("as_of is how far the analysis is, and one that is late is stale while the flight is open", func(t *testing.T) {
		d := world.deps(t)
		d.Clock = func() time.Time { return moment.Add(3 * time.Minute) }
		late := world.handler(t, d, "api-flights")
		open := asked[flightBody](t, late, fmt.Sprintf("/api/flights/%d", inboundID))
		if !open.Meta.AsOf.Equal(moment) || open.Meta.Age != 180 || !open.Meta.Stale {
			t.Errorf("open: %+v", open.Meta)
		}
		ended := asked[flightBody](t, late, fmt.Sprintf("/api/flights/%d", lostID))
		if ended.Meta.Stale {
			t.Error("what ended is stale")
		}
		if fresh := asked[flightBody](t, handler, fmt.Sprintf("/api/flights/%d", inboundID)); fresh.Meta.Stale {
			t.Error("what is fresh is stale")
		}
	})
	t.Run("its tag is the same later, and another flight's is another", func(t *testing.T) {
		target := fmt.Sprintf("/api/flights/%d", int64(outboundID))
		tag := ask(handler, "GET", target).Header().Get("ETag")
		d := world.deps(t)
		d.Clock = func() time.Time { return moment.Add(time.Minute) }
		if again := ask(world.handler(t, d, "api-flights"), "GET", target, "If-None-Match", tag); again.Code != http.StatusNotModified {
			t.Errorf("%d", again.Code)
		}
		if other := ask(handler, "GET", fmt.Sprintf("/api/flights/%d", lostID), "If-None-Match", tag); other.Code != http.StatusOK {
			t.Errorf("another: %d", other.Code)
		}
	})
}

func TestFlightRefusals(t *testing.T) {
	handler := newSkies(t).over(t, "api-flights")
	track := fmt.Sprintf("/api/flights/%d/track", int64(outboundID))
	for target, want := range map[string]int{
		"/api/flights/1":                             404,
		"/api/flights/1/track":                       404,
		"/api/flights/9999999999999999999":           422,
		"/api/flights/-1":                            422,
		"/api/flights/BAW123":                        422,
		track + "?tolerance=-1":                      422,
		track + "?tolerance=NaN":                     422,
		track + "?format=kml":                        422,
		track + "?fields=moon":                       422,
		"/api/flights/history?airport=ZZZZ":          404,
		"/api/flights/history?departure=E":           422,
		"/api/flights/history?region=Atlantis":       404,
		"/api/flights/history?fir=ZZXX":              404,
		"/api/flights/history?days=367":              422,
		"/api/flights/history?cursor=abc":            422,
		"/api/flights/history?cid=-1":                422,
		"/api/flights/history?airline=BA":            422,
		"/api/flights/history?sort=altitude":         422,
		"/api/flights/history?format=geojson":        422,
		"/api/flights/history?from=2026-03-02&hours": 422,
	} {
		t.Run(target, func(t *testing.T) {
			if answer := ask(handler, "GET", target); answer.Code != want || answer.Header().Get("Content-Type") != "application/problem+json" {
				t.Errorf("%d, want %d: %s", answer.Code, want, answer.Body)
			}
		})
	}
}

type history struct {
	Data []struct{ ID, Callsign string }
	Meta struct {
		NextCursor *string   `json:"next_cursor"`
		AsOf       time.Time `json:"as_of"`
		Stale      bool
	}
}

func (h *history) callsigns() string {
	var names []string
	for _, row := range h.Data {
		names = append(names, row.Callsign)
	}
	return strings.Join(names, " ")
}

func TestFlightHistory(t *testing.T) {
	world := newSkies(t)
	handler := world.over(t, "api-flights")
	for name, c := range map[string]struct{ query, want string }{
		"the newest first":                               {"", "EZY8 BAW123 RYR7 AFR5 GABCD"},
		"the oldest first where asked":                   {"sort=ended", "GABCD AFR5 RYR7 BAW123 EZY8"},
		"by departure, which is where it really was":     {"departure=EGLL", "BAW123 RYR7 GABCD"},
		"by an IATA code":                                {"departure=lhr", "BAW123 RYR7 GABCD"},
		"by arrival, filed where it did not land":        {"arrival=EGLL", "EZY8 AFR5"},
		"by arrival, not where it was filed and did not": {"arrival=EGKK", ""},
		"by either airport":                              {"airport=EGLL", "EZY8 BAW123 RYR7 AFR5 GABCD"},
		"by both":                                        {"departure=EGLL&arrival=LFPG", "BAW123"},
		"by type":                                        {"aircraft=b738", "RYR7"},
		"by airline":                                     {"airline=baw", "BAW123"},
		"a registration is no airline's":                 {"airline=GAB", ""},
		"by callsign":                                    {"callsign=afr5", "AFR5"},
		"by member":                                      {"cid=1000004", "RYR7"},
		"by a span of when it ended":                     {"from=" + q(minute(20)) + "&to=" + q(minute(67)), "RYR7 AFR5"},
		"by region of an airport":                        {"region=Australia", ""},
		"by FIR of an airport":                           {"fir=EGXX", "EZY8 BAW123 RYR7 AFR5 GABCD"},
		"in another order":                               {"sort=callsign", "AFR5 BAW123 EZY8 GABCD RYR7"},
		"in another order, cut":                          {"sort=-callsign&limit=2", "RYR7 GABCD"},
	} {
		t.Run(name, func(t *testing.T) {
			got := asked[history](t, handler, "/api/flights/history?"+c.query)
			if got.callsigns() != c.want {
				t.Errorf("%s, want %s", got.callsigns(), c.want)
			}
		})
	}
	for _, query := range []string{"limit=2", "limit=2&sort=ended", "limit=1&fir=EGXX", "limit=2&sort=callsign", "limit=1&departure=EGLL"} {
		t.Run("pages of "+query+" have each row once, in order", func(t *testing.T) {
			whole := asked[history](t, handler, "/api/flights/history?"+strings.Replace(query, "limit=", "limit=100", 1))
			var pages []string
			for cursor, n := "", 0; n < 10; n++ {
				page := asked[history](t, handler, "/api/flights/history?"+query+"&cursor="+cursor)
				pages = append(pages, page.callsigns())
				if page.Meta.NextCursor == nil {
					break
				}
				cursor = *page.Meta.NextCursor
			}
			if got := strings.Join(pages, " "); got != whole.callsigns() || len(pages) < 2 {
				t.Errorf("%q in %d pages, want %q", got, len(pages), whole.callsigns())
			}
		})
	}
	t.Run("a cursor of one order is none of another", func(t *testing.T) {
		page := asked[history](t, handler, "/api/flights/history?limit=2")
		if answer := ask(handler, "GET", "/api/flights/history?limit=2&sort=ended&cursor="+*page.Meta.NextCursor); answer.Code != 422 {
			t.Errorf("%d", answer.Code)
		}
	})
	t.Run("it is stale when the analysis is late, unless the span ends before", func(t *testing.T) {
		d := world.deps(t)
		d.Clock = func() time.Time { return moment.Add(time.Hour) }
		late := world.handler(t, d, "api-flights")
		if got := asked[history](t, late, "/api/flights/history"); !got.Meta.Stale || !got.Meta.AsOf.Equal(moment) {
			t.Errorf("%+v", got.Meta)
		}
		if got := asked[history](t, late, "/api/flights/history?to="+q(minute(65))); got.Meta.Stale {
			t.Errorf("%+v", got.Meta)
		}
	})
}

func q(at time.Time) string { return url.QueryEscape(at.Format(time.RFC3339Nano)) }

type trackBody struct {
	Data []struct {
		Time                                    time.Time
		Lat, Lon                                float64
		Altitude, Groundspeed, Heading, Segment int
	}
	Gaps        []struct{ From, To time.Time }
	TotalPoints int `json:"total_points"`
}

func TestTrack(t *testing.T) {
	world := newSkies(t)
	handler := world.over(t, "api-flights")
	track := fmt.Sprintf("/api/flights/%d/track", int64(outboundID))
	whole := asked[trackBody](t, handler, track)

	t.Run("it is what the view of positions has of the member, chunked or not", func(t *testing.T) {
		conn, err := pgx.Connect(t.Context(), world.url)
		must(t, err)
		defer conn.Close(t.Context())
		rows, err := conn.Query(t.Context(), `SELECT to_char(time AT TIME ZONE 'UTC', 'HH24:MI:SS.US') || ' ' || lat || ' ' || lon || ' ' || altitude || ' ' || groundspeed
			FROM skyledger.position WHERE cid = 1000001 ORDER BY time`)
		must(t, err)
		want, err := pgx.CollectRows(rows, pgx.RowTo[string])
		must(t, err)
		var got []string
		for _, p := range whole.Data {
			got = append(got, fmt.Sprintf("%s %v %v %d %d", p.Time.Format("15:04:05.000000"), p.Lat, p.Lon, p.Altitude, p.Groundspeed))
		}
		if diff := cmp.Diff(want, got); diff != "" || len(want) != 30*4+1+27*4+1 {
			t.Errorf("%d points (-view +track)\n%s", len(want), diff)
		}
	})
	t.Run("the gap ends a segment", func(t *testing.T) {
		for _, p := range whole.Data {
			if want := 1 + truth(p.Time.After(minute(30))); p.Segment != want {
				t.Fatalf("%s is of segment %d, want %d", p.Time, p.Segment, want)
			}
		}
		if len(whole.Gaps) != 1 || !whole.Gaps[0].From.Equal(minute(30)) {
			t.Errorf("gaps %v", whole.Gaps)
		}
	})
	t.Run("the flight that goes on has all of its snapshots, of the last hour as well", func(t *testing.T) {
		if got := asked[trackBody](t, handler, fmt.Sprintf("/api/flights/%d/track", inboundID)); len(got.Data) != lastSnapshot+1 {
			t.Errorf("%d points", len(got.Data))
		}
	})
	t.Run("one without positions is an empty list", func(t *testing.T) {
		if got := asked[trackBody](t, handler, fmt.Sprintf("/api/flights/%d/track", lostID)); got.Data == nil || len(got.Data) != 0 {
			t.Errorf("%v", got.Data)
		}
	})
	t.Run("a tolerance leaves out points, never the ends of a segment", func(t *testing.T) {
		some := asked[trackBody](t, handler, track+"?tolerance=0.3")
		if len(some.Data) >= len(whole.Data)/4 || len(some.Data) < 4 || some.TotalPoints != len(whole.Data) {
			t.Errorf("%d of %d, total %d", len(some.Data), len(whole.Data), some.TotalPoints)
		}
		if !some.Data[0].Time.Equal(minute(0)) || !some.Data[len(some.Data)-1].Time.Equal(minute(67)) {
			t.Errorf("from %s to %s", some.Data[0].Time, some.Data[len(some.Data)-1].Time)
		}
	})
	t.Run("pages hold each point once", func(t *testing.T) {
		var points int
		for cursor := ""; ; {
			page := asked[struct {
				Data []json.RawMessage
				Meta struct {
					NextCursor *string `json:"next_cursor"`
				}
			}](t, handler, track+"?limit=50&cursor="+cursor)
			points += len(page.Data)
			if page.Meta.NextCursor == nil {
				break
			}
			cursor = *page.Meta.NextCursor
		}
		if points != len(whole.Data) {
			t.Errorf("%d points", points)
		}
	})
	t.Run("CSV has a line a point", func(t *testing.T) {
		answer := ask(handler, "GET", track, "Accept", "text/csv")
		lines := strings.Split(strings.TrimSpace(answer.Body.String()), "\r\n")
		if lines[0] != "time,lat,lon,altitude,groundspeed,heading,segment" || len(lines) != len(whole.Data)+1 {
			t.Errorf("%d lines, the first %q", len(lines), lines[0])
		}
	})
	t.Run("GPX has a segment for each part, and its tag is answered with 304", func(t *testing.T) {
		for _, answer := range []*httptest.ResponseRecorder{ask(handler, "GET", track+"?format=gpx"), ask(handler, "GET", track, "Accept", "application/gpx+xml")} {
			var file struct {
				Segments []struct {
					Points []struct {
						Lat  float64   `xml:"lat,attr"`
						Ele  float64   `xml:"ele"`
						Time time.Time `xml:"time"`
					} `xml:"trkpt"`
				} `xml:"trk>trkseg"`
			}
			if err := xml.Unmarshal(answer.Body.Bytes(), &file); err != nil || answer.Header().Get("Content-Type") != "application/gpx+xml" {
				t.Fatalf("%v %q", err, answer.Header().Get("Content-Type"))
			}
			if len(file.Segments) != 2 || len(file.Segments[0].Points)+len(file.Segments[1].Points) != len(whole.Data) {
				t.Errorf("%d segments", len(file.Segments))
			}
			if last := file.Segments[0].Points[120]; !last.Time.Equal(minute(30)) || math.Abs(last.Ele-float64(whole.Data[120].Altitude)*0.3048) > 0.1 {
				t.Errorf("the last one before the gap: %+v", last)
			}
			if refused := ask(handler, "GET", track+"?format=gpx&fields=nonsense"); refused.Code != http.StatusUnprocessableEntity {
				t.Errorf("columns that do not exist: %d", refused.Code)
			}
			if again := ask(handler, "GET", track+"?format=gpx", "If-None-Match", answer.Header().Get("ETag")); again.Code != http.StatusNotModified {
				t.Errorf("%d", again.Code)
			}
		}
	})
}

func truth(is bool) int {
	if is {
		return 1
	}
	return 0
}
