package reference

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/skyledger/skyledger/internal/fault"
	"github.com/skyledger/skyledger/internal/provision/pgtest"
	"github.com/skyledger/skyledger/internal/store"
	"github.com/skyledger/skyledger/internal/telemetry"
)

// vatspyServer is VATSIM's index and what it points to, over real HTTP.
type vatspyServer struct {
	*httptest.Server
	mu       sync.Mutex
	files    Files
	tags     bool                                          // whether files have ETags
	instead  func(w http.ResponseWriter, path string) bool // answers otherwise
	requests map[string]int                                // by path and status
}

func newServer(t *testing.T) *vatspyServer {
	t.Helper()
	s := &vatspyServer{files: madeFiles(), requests: map[string]int{}}
	s.Server = httptest.NewServer(s)
	t.Cleanup(s.Close)
	return s
}

func (s *vatspyServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.instead != nil && s.instead(w, r.URL.Path) {
		s.requests[r.URL.Path+" instead"]++
		return
	}
	var body []byte
	switch r.URL.Path {
	case "/index":
		body = fmt.Appendf(nil, `{"current_commit_hash":%q,"vatspy_dat_url":"%s/VATSpy.dat","fir_boundaries_dat_url":"","fir_boundaries_geojson_url":"%s/Boundaries.geojson"}`, s.files.Commit, s.URL, s.URL)
	case "/VATSpy.dat":
		body = s.files.VATSpy
	case "/Boundaries.geojson":
		body = s.files.Boundaries
	default:
		http.NotFound(w, r)
		return
	}
	tag := fmt.Sprintf(`"%x"`, hashOf(Files{VATSpy: body}))
	if s.tags {
		w.Header().Set("ETag", tag)
		if r.Header.Get("If-None-Match") == tag {
			s.requests[r.URL.Path+" 304"]++
			w.WriteHeader(http.StatusNotModified)
			return
		}
	}
	s.requests[r.URL.Path+" 200"]++
	_, _ = w.Write(body)
}

func (s *vatspyServer) change(change func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change()
}

// asked returns how often a path was answered so since the last call.
func (s *vatspyServer) asked(key string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	count := s.requests[key]
	s.requests[key] = 0
	return count
}

// bench is a refresher on a fresh database and a server.
type bench struct {
	*Refresher
	server *vatspyServer
	store  *store.Store
	url    string
	now    time.Time
	logs   *observer.ObservedLogs
}

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func newBench(t *testing.T) *bench {
	t.Helper()
	migrate := func(url string) error {
		return store.Migrate(context.Background(), url, store.DefaultSchema, "live")
	}
	database := pgtest.NewFrom(t, "migrated", migrate)
	if err := migrate(database.URL); err != nil { // a clone lacks the role's settings
		t.Fatal(err)
	}
	opened, err := store.Open(t.Context(), store.Options{URL: database.URL})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(opened.Close)
	core, logs := observer.New(zap.WarnLevel)
	b := &bench{server: newServer(t), store: opened, url: database.URL, now: noon, logs: logs}
	clock := func() time.Time { return b.now }
	logger := zap.New(core)
	b.Refresher = NewRefresher(RefresherOptions{
		World: smallWorld, Keeper: opened, Clock: clock, Logger: logger, Metrics: telemetry.NewMetrics(logger, "reference", clock),
		Source: NewIndex(IndexOptions{URL: b.server.URL + "/index", Timeout: 5 * time.Second, Stall: 200 * time.Millisecond, Policy: impatient(), Logger: logger}),
	})
	return b
}

// impatient waits no second before another attempt.
func impatient() *fault.Policy {
	return fault.NewPolicy(fault.PolicyOptions{Name: "test", Attempts: 2, Backoff: time.Millisecond})
}

// smallWorld is an embedded part that is quick to store.
func smallWorld() (*World, error) {
	world, err := NewWorld([]Airport{
		{ICAO: "XAAB", Name: "Alpha", Country: "XX", Lat: 5.5, Lon: 5.5}, {ICAO: "XBBC", Name: "Bravo", Country: "XX", Lat: 5, Lon: 12},
		{ICAO: "XDAT", Name: "Dateline", Country: "XX", Lat: 0, Lon: -179}, {ICAO: "XFAR", Name: "Nowhere", Country: "XX", Lat: -80, Lon: 0},
	}, []Runway{{Airport: "XAAB", Low: RunwayEnd{Ident: "09", Heading: 90}, High: RunwayEnd{Ident: "27", Heading: -1}}}, nil, nil)
	if err != nil {
		return nil, err
	}
	packed, err := world.Encode()
	if err != nil {
		return nil, err
	}
	return Decode(packed)
}

// run runs a day later and checks outcome, reason and what is in force.
func (b *bench) run(t *testing.T, outcome, reason, commit string) Report {
	t.Helper()
	b.now = b.now.Add(24 * time.Hour)
	report, err := b.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if report.Outcome != outcome || report.Reason != reason {
		t.Errorf("%s (%s), want %s (%s)", report.Outcome, report.Reason, outcome, reason)
	}
	inForce, err := b.store.VATSpyInForce(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if inForce.Commit != commit {
		t.Errorf("%q is in force, want %q", inForce.Commit, commit)
	}
	check, err := b.store.LastReferenceCheck(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if check.Outcome != outcome || check.Reason != reason || !check.At.Equal(b.now) {
		t.Errorf("the check says %+v", check)
	}
	return report
}

func TestRefreshStoresOnceWhatIsNew(t *testing.T) {
	b := newBench(t)
	report := b.run(t, Stored, "", "made-1")
	if !report.WorldStored || report.InForce.FIRs != 8 || report.InForce.Boundaries != 7 || report.InForce.Airports != 5 || report.Placed != 3 {
		t.Errorf("%+v", report)
	}
	t.Run("the same commit is not fetched again", func(t *testing.T) {
		b.server.asked("/VATSpy.dat 200")
		if again := b.run(t, Unchanged, "", "made-1"); again.WorldStored || again.Placed != 0 {
			t.Errorf("%+v", again)
		}
		if n := b.server.asked("/VATSpy.dat 200"); n != 0 {
			t.Errorf("fetched %d times", n)
		}
	})
	t.Run("another commit with the same content changes nothing", func(t *testing.T) {
		b.server.change(func() { b.server.files.Commit = "made-2" })
		b.run(t, Unchanged, "", "made-1")
	})
	t.Run("another content comes into force, and airports are placed anew", func(t *testing.T) {
		b.server.change(func() {
			b.server.files.Commit = "made-3"
			b.server.files.Boundaries = []byte(strings.Replace(madeBoundaries(), "[[[[0,0],[10,0],[10,10],[0,10],[0,0]]]]", "[[[[0,0],[20,0],[20,10],[0,10],[0,0]]]]", 1))
		})
		if report := b.run(t, Stored, "", "made-3"); report.Placed != 3 {
			t.Errorf("%+v", report)
		}
	})
}

func TestRefreshIsConditional(t *testing.T) {
	b := newBench(t)
	b.server.tags = true
	b.run(t, Stored, "", "made-1")
	t.Run("an index that has not changed ends it", func(t *testing.T) {
		b.run(t, Unchanged, "", "made-1")
		if n := b.server.asked("/index 304"); n != 1 {
			t.Errorf("%d answers 304", n)
		}
	})
	t.Run("files that have not changed are not sent again", func(t *testing.T) {
		b.server.change(func() { b.server.files.Commit = "made-2" })
		b.run(t, Unchanged, "", "made-1")
		if b.server.asked("/VATSpy.dat 304") != 1 || b.server.asked("/Boundaries.geojson 304") != 1 {
			t.Error("they were sent")
		}
	})
	t.Run("where one has changed the other is fetched with it", func(t *testing.T) {
		b.server.change(func() {
			b.server.files.Commit = "made-3"
			b.server.files.VATSpy = []byte(strings.Replace(madeVATSpy, "Alpha South", "Alpha Deep South", 1))
		})
		b.run(t, Stored, "", "made-3")
	})
	t.Run("a database that was emptied is filled whatever was confirmed", func(t *testing.T) {
		empty := newBench(t)
		empty.Source = b.Source
		empty.run(t, Stored, "", "made-3")
	})
}

func TestWhatCannotBeBelievedIsRefusedAndTheLastGoodStays(t *testing.T) {
	b := newBench(t)
	b.run(t, Stored, "", "made-1")
	good := madeFiles()
	features := strings.Split(madeBoundaries(), ",\n")
	for _, test := range []struct {
		name    string
		files   Files
		instead func(w http.ResponseWriter, path string) bool
		outcome string
		reason  string
	}{
		{name: "500", instead: status(http.StatusInternalServerError), outcome: Refused, reason: "http_500"},
		{name: "404", instead: status(http.StatusNotFound), outcome: Unavailable, reason: "http_404"},
		{name: "429 that asks to wait longer than we do", instead: func(w http.ResponseWriter, _ string) bool {
			w.Header().Set("Retry-After", "1")
			w.WriteHeader(http.StatusTooManyRequests)
			return true
		}, outcome: Unavailable, reason: "http_429"},
		{name: "an index that is a page", instead: page("/index"), outcome: Refused, reason: "html"},
		{name: "VATSpy.dat that is a page", instead: page("/VATSpy.dat"), outcome: Refused, reason: "html"},
		{name: "boundaries that are a page", instead: page("/Boundaries.geojson"), outcome: Refused, reason: "html"},
		{name: "an index without addresses", instead: func(w http.ResponseWriter, path string) bool {
			_, _ = w.Write([]byte(`{"vatspy_dat_url":"file:///etc/passwd"}`))
			return true
		}, outcome: Refused, reason: "index_addresses"},
		{name: "a connection that breaks", instead: func(w http.ResponseWriter, path string) bool {
			if path != "/VATSpy.dat" {
				return false
			}
			w.Header().Set("Content-Length", "100000")
			_, _ = w.Write([]byte(madeVATSpy))
			return true
		}, outcome: Refused, reason: "truncated"},
		{name: "silence", instead: func(w http.ResponseWriter, path string) bool {
			_, _ = w.Write([]byte("{"))
			w.(http.Flusher).Flush()
			time.Sleep(400 * time.Millisecond) // longer than the client takes silence for
			return true
		}, outcome: Unavailable, reason: "stall"},
		{name: "an empty VATSpy.dat", files: Files{VATSpy: []byte("\n"), Boundaries: good.Boundaries}, outcome: Refused, reason: "empty"},
		{name: "half of VATSpy.dat", files: Files{VATSpy: good.VATSpy[:len(good.VATSpy)/2], Boundaries: good.Boundaries}, outcome: Refused, reason: "no_section_firs"},
		{name: "half of the boundaries", files: Files{VATSpy: good.VATSpy, Boundaries: []byte(strings.Join(features[:4], ",\n") + "]}")}, outcome: Refused, reason: "fewer_boundaries"},
		{name: "no boundary at all", files: Files{VATSpy: good.VATSpy, Boundaries: []byte(`{"type":"FeatureCollection","features":[]}`)}, outcome: Refused, reason: "empty_boundaries"},
		{name: "boundaries cut off", files: Files{VATSpy: good.VATSpy, Boundaries: good.Boundaries[:500]}, outcome: Refused, reason: "truncated"},
		{name: "fewer airports", files: Files{VATSpy: []byte(strings.Replace(madeVATSpy, "XBBC|Bravo|5|12||XBBB|0\nXDAT|Dateline|0|-179||XDAT|0\n", "", 1)), Boundaries: good.Boundaries}, outcome: Refused, reason: "fewer_airports"},
		{name: "many lines that make no sense", files: Files{VATSpy: []byte(madeVATSpy + "[FIRs]\n?\n?\n?\n"), Boundaries: good.Boundaries}, outcome: Refused, reason: "unreadable"},
		{name: "boundaries of another world", files: Files{VATSpy: good.VATSpy, Boundaries: []byte(strings.ReplaceAll(madeBoundaries(), `"id":"X`, `"id":"Y`))}, outcome: Refused, reason: "boundaries_missing"},
	} {
		t.Run(test.name, func(t *testing.T) {
			b.server.change(func() {
				b.server.instead, b.server.files = test.instead, test.files
				if test.files.VATSpy == nil {
					b.server.files = good
				}
				b.server.files.Commit = test.name
			})
			b.Source = NewIndex(IndexOptions{URL: b.server.URL + "/index", Timeout: 2 * time.Second, Stall: 100 * time.Millisecond, Policy: impatient(), Logger: b.Logger})
			b.logs.TakeAll()
			b.run(t, test.outcome, test.reason, "made-1")
			if said := b.logs.FilterMessageSnippet("last good version stays in force").Len(); said != 1 {
				t.Errorf("the log says it %d times", said)
			}
		})
	}
}

func status(code int) func(http.ResponseWriter, string) bool {
	return func(w http.ResponseWriter, _ string) bool {
		w.WriteHeader(code)
		return true
	}
}

func page(of string) func(http.ResponseWriter, string) bool {
	return func(w http.ResponseWriter, path string) bool {
		if path != of {
			return false
		}
		_, _ = w.Write([]byte("<!DOCTYPE html><html><body>Under maintenance</body></html>"))
		return true
	}
}

func TestWithoutASourceTheEmbeddedPartIsStoredAndNothingElse(t *testing.T) {
	for name, source := range map[string]Source{
		"nobody listens":    NewIndex(IndexOptions{URL: "http://127.0.0.1:1/", Policy: impatient()}),
		"an empty folder":   NewDirectory(t.TempDir()),
		"a folder not here": NewDirectory(filepath.Join(t.TempDir(), "gone")),
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			b.Source = source
			report, err := b.Run(t.Context())
			if err != nil || report.Outcome != Unavailable || !report.WorldStored || report.InForce.Version != 0 {
				t.Errorf("%+v, %v", report, err)
			}
			if b.logs.FilterMessageSnippet("there are no FIRs").Len() != 1 {
				t.Error("the log does not say so")
			}
			hash, err := b.store.WorldHash(t.Context())
			if err != nil || hash == "" {
				t.Errorf("hash %q, %v", hash, err)
			}
		})
	}
}

func TestADirectoryIsASource(t *testing.T) {
	b := newBench(t)
	dir := t.TempDir()
	write := func(name string, content []byte) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("VATSpy.dat", []byte(madeVATSpy))
	write("Boundaries.geojson", []byte(madeBoundaries()))
	b.Source = NewDirectory(dir)
	if report := b.run(t, Stored, "", ""); report.InForce.Source != dir || report.Placed != 3 {
		t.Errorf("%+v", report)
	}
	b.run(t, Unchanged, "", "")
}

func TestADatabaseThatIsAwayIsAnError(t *testing.T) {
	b := newBench(t)
	b.store.Close()
	if _, err := b.Run(t.Context()); err == nil {
		t.Error("it went well")
	} else if fault.ClassOf(err) == fault.Invalid {
		t.Errorf("%v", err)
	}
}
