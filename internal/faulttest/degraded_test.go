package faulttest

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambda"

	"github.com/skyledger/skyledger/internal/api"
	"github.com/skyledger/skyledger/internal/app"
	"github.com/skyledger/skyledger/internal/manifest"
	"github.com/skyledger/skyledger/internal/provision/pgtest"
	"github.com/skyledger/skyledger/internal/reference/referencetest"
	"github.com/skyledger/skyledger/internal/store"
)

// promise is a row of README's table of what endpoints answer while a part is
// away: endpoints, and a word for each state.
type promise struct {
	patterns []string
	words    map[string]string // by the table's heading
}

// promises reads the table. The test holds what it says against what happens,
// so that the table cannot say anything else.
func promises(t *testing.T) []promise {
	t.Helper()
	raw, err := os.ReadFile("../../README.md")
	must(t, err)
	var table []promise
	var headings []string
	for line := range strings.Lines(string(raw)) {
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), "|")
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
		}
		switch {
		case cells[0] == "while this is away":
			headings = cells
		case headings == nil || strings.HasPrefix(cells[0], "---"):
		case len(cells) != len(headings):
			return table
		default:
			row := promise{words: map[string]string{}}
			for i, part := range strings.Split(cells[0], "`") {
				if i%2 == 1 {
					row.patterns = append(row.patterns, part)
				}
			}
			for i, heading := range headings[1:] {
				row.words[heading] = cells[i+1]
			}
			table = append(table, row)
		}
	}
	return table
}

// promised returns what is promised of a path: the row with the longest pattern that fits.
func promised(table []promise, path string) (found promise, ok bool) {
	longest := -1
	for _, row := range table {
		for _, pattern := range row.patterns {
			prefix, open := strings.CutSuffix(pattern, "*")
			if (path == pattern || open && strings.HasPrefix(path, prefix)) && len(prefix) > longest {
				longest, found, ok = len(prefix), row, true
			}
		}
	}
	return found, ok
}

// examples are the requests that the description shows, by path.
func examples(t *testing.T) map[string]string {
	t.Helper()
	raw, err := api.Spec()
	must(t, err)
	var spec struct {
		Paths map[string]map[string]struct {
			Example string `json:"x-example"`
		}
	}
	must(t, json.Unmarshal(raw, &spec))
	targets := map[string]string{}
	for path, methods := range spec.Paths {
		if operation, ok := methods["get"]; ok {
			targets[path] = operation.Example
		}
	}
	return targets
}

// reply is an answer as far as the promises go.
type reply struct {
	status     int
	retryAfter string
	body       []byte
}

func (r reply) stale() bool {
	var answer struct {
		Meta struct{ Stale bool }
	}
	return json.Unmarshal(r.body, &answer) == nil && answer.Meta.Stale
}

// keeps says what is wrong with a reply that was promised by a word.
func (r reply) keeps(word string) string {
	switch word {
	case "same":
		if r.status != http.StatusOK || r.stale() {
			return "is not the same"
		}
	case "stale":
		if r.status != http.StatusOK || !r.stale() {
			return "is not marked stale"
		}
	case "kept":
		if r.status != http.StatusOK || strings.Contains(string(r.body), `"data":[]`) {
			return "is not kept"
		}
	case "told":
		if r.status != http.StatusOK || !json.Valid(r.body) {
			return "does not tell"
		}
	case "503":
		var problem api.Problem
		if r.status != http.StatusServiceUnavailable || r.retryAfter == "" || json.Unmarshal(r.body, &problem) != nil || problem.Code != "unavailable" {
			return "is no 503 that says when to come again"
		}
	default:
		return "is promised by a word that nobody knows: " + word
	}
	return ""
}

func (d *deployment) reply(handler lambda.Handler, target string) reply {
	d.t.Helper()
	address, err := url.Parse(target)
	must(d.t, err)
	event := events.APIGatewayV2HTTPRequest{Version: "2.0", RawPath: address.Path, RawQueryString: address.RawQuery, Headers: map[string]string{"host": "localhost"}}
	event.RequestContext.HTTP.Method, event.RequestContext.HTTP.Path, event.RequestContext.HTTP.SourceIP = http.MethodGet, address.Path, "127.0.0.1"
	payload, err := json.Marshal(event)
	must(d.t, err)
	raw, err := handler.Invoke(context.Background(), payload)
	must(d.t, err)
	var response events.APIGatewayV2HTTPResponse
	must(d.t, json.Unmarshal(raw, &response))
	body := []byte(response.Body)
	if response.IsBase64Encoded {
		body, err = base64.StdEncoding.DecodeString(response.Body)
		must(d.t, err)
	}
	return reply{response.StatusCode, response.Headers["Retry-After"], body}
}

// analyse says of every snapshot that it was analysed; the first one found the
// flight and the movement that the examples ask for.
func analyse(t *testing.T, database string) {
	t.Helper()
	s, err := store.Open(t.Context(), store.Options{URL: database, Source: source})
	must(t, err)
	defer s.Close()
	work, err := s.FindAnalysisWork(t.Context(), time.Hour, 10)
	must(t, err)
	for i, waiting := range work.Waiting {
		found := store.Analysis{ExpectedVersion: work.Head.Version + int64(i), At: waiting.At}
		found.Sectors.Tick = store.SectorTick{At: waiting.At, Version: 1, Sector: []string{"EGTT"}, Occupancy: []int16{1}, Entries: []int16{1}, Exits: []int16{0}, Workload: []int16{3}}
		if work.Head.Version == 0 && i == 0 {
			at := waiting.At
			found.Traffic = store.Traffic{
				Flights: []store.Flight{{ID: 1, CID: 1, Callsign: "BAW1", Began: at, Ended: at, Ending: 1, Phase: 3, Departure: "EGLL", Takeoff: at}},
				Legs:    []store.FlightLeg{{FlightID: 1, Began: at, Ended: at, SessionID: 1}},
				Movements: []store.Movement{{
					FlightID: 1, At: at, Kind: 1, Airport: "EGLL", Callsign: "BAW1", Origin: "EGLL", Destination: "KJFK", Aircraft: "B772", Evidence: []byte(`[]`),
				}},
			}
		}
		must(t, s.CommitAnalysis(t.Context(), found))
	}
}

// TestDegraded asks every GET for what README promises while a part is away.
func TestDegraded(t *testing.T) {
	t.Parallel()
	table := promises(t)
	if len(table) == 0 {
		t.Fatal("README has no table of what is answered while a part is away")
	}
	server := pgtest.Server(t)
	database := databaseOn(t, server, "degraded")
	people, err := store.QueryURL(database, "of the tests")
	must(t, err)
	must(t, store.LetQueryRoleIn(t.Context(), database, people))
	d := newDeployment(t, onServer(database), with(func(s *site) {
		s.QueryURL, s.ReferenceDir = people, referencetest.Dir(t)
	}))
	d.record(0, 0, 30)
	analyse(t, database)
	for _, job := range []app.Build{app.Reference, app.Cleanup} { // what is told of was looked at
		_, err := d.function(job).Invoke(t.Context(), []byte("{}"))
		must(t, err)
	}

	targets := examples(t)
	handlers := map[string]lambda.Handler{} // by path
	for _, function := range manifest.Functions() {
		if len(function.Trigger.Routes) == 0 {
			continue
		}
		handler := d.function(app.Builders()[function.Name])
		for _, route := range function.Trigger.Routes {
			handlers[route.Path] = handler
		}
	}
	check := func(t *testing.T, state string) {
		patience := time.Now().Add(20 * time.Second)
		for _, path := range slices.Sorted(maps.Keys(targets)) {
			row, ok := promised(table, path)
			if !ok {
				t.Errorf("README promises nothing of %s", path)
				continue
			}
			word := "same"
			if state != "" {
				word = row.words[state]
			} else if row.words["Redis"] == "told" {
				word = "told"
			}
			ask := func() reply { return d.reply(handlers[path], targets[path]) }
			got := ask()
			for word == "stale" && got.keeps("same") == "" && time.Now().Before(patience) {
				got = ask() // memory trusts what it has for 3 s before it must ask
			}
			if wrong := got.keeps(word); wrong != "" {
				t.Errorf("%s, promised %q, %s: %d %s", targets[path], word, wrong, got.status, shorten(string(got.body)))
			}
		}
	}
	k := 0
	tick := func(t *testing.T) *snapshot {
		k++
		d := &deployment{world: d.in(t), ingest: d.ingest}
		s := traffic(k, 30)
		d.serve(s)
		d.deliver(k)
		analyse(t, database)
		return s
	}
	run := func(name, state string, before, after func(t *testing.T)) {
		t.Run(name, func(t *testing.T) {
			s := tick(t)
			for _, path := range []string{"/api/network/status", "/api/flights", "/api/atc-positions"} {
				eventually(t, path+" shows the new snapshot", func() bool {
					return strings.Contains(string(d.reply(handlers[path], path).body), `"snapshot":"`+s.key().Format(time.RFC3339Nano))
				})
			}
			before(t)
			check(t, state)
			after(t)
		})
	}
	none := func(*testing.T) {}
	stopRedis := func(t *testing.T) { must(t, d.redis.Server.Kill()) }
	startRedis := func(t *testing.T) { must(t, d.redis.Server.Restart(t.Context())) }
	stopPostgres := func(t *testing.T) { must(t, server.Stop(t.Context())) }
	startPostgres := func(t *testing.T) {
		must(t, server.Restart(t.Context()))
		tick(t) // the one that finds its connections dead
	}
	both := func(one, other func(*testing.T)) func(*testing.T) {
		return func(t *testing.T) { one(t); other(t) }
	}
	run("with everything there every answer is fresh", "", none, none)
	run("with Redis away", "Redis", stopRedis, startRedis)
	run("with PostgreSQL away", "PostgreSQL", stopPostgres, startPostgres)
	run("with both away", "both", both(stopRedis, stopPostgres), both(startRedis, startPostgres))
	run("with the feed away for a minute", "the feed", func(*testing.T) { d.clock.set(tickAt(k).Add(time.Minute)) }, none)
}
