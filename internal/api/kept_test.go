package api_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/skyledger/skyledger/internal/api"
	"github.com/skyledger/skyledger/internal/live"
	"github.com/skyledger/skyledger/internal/vatsim"
)

// shown is a network that moves on: every flight's altitude is the number of
// the snapshot.
type shown struct {
	api.Deps
	publisher *live.Publisher
	mu        sync.Mutex
	now       time.Time
}

func newShown(t testing.TB) *shown {
	t.Helper()
	s := &shown{Deps: deps(t)}
	memory := live.NewMemory()
	s.publisher = live.NewPublisher(nil, "live", memory)
	s.Clock = func() time.Time {
		s.mu.Lock()
		defer s.mu.Unlock()
		return s.now
	}
	reader := live.NewReader(live.Options{Memory: memory, Clock: s.Clock, Fallback: func(_ context.Context, newer time.Time) (live.Newest, error) {
		return live.Newest{Seen: newer}, nil
	}})
	t.Cleanup(reader.Close)
	s.Live = reader
	s.show(t, 1)
	return s
}

// show publishes snapshot number n, n ticks after moment.
func (s *shown) show(t testing.TB, n int) {
	t.Helper()
	snapshot := &vatsim.Snapshot{UpdateTimestamp: moment.Add(time.Duration(n) * 15 * time.Second)}
	for i := range 60 {
		snapshot.Pilots = append(snapshot.Pilots, vatsim.Pilot{
			CID: int32(1_000_000 + i), Callsign: fmt.Sprintf("TST%02d", i), Latitude: int32(i * 100_000), Longitude: int32(i * 100_000),
			Altitude: int32(n), Squawk: vatsim.NoSquawk, LogonTime: moment, LastUpdated: snapshot.UpdateTimestamp,
		})
	}
	received := snapshot.UpdateTimestamp.Add(time.Second)
	if err := s.publisher.Publish(context.Background(), live.Build(snapshot, nil, nil, live.Meta{Source: "live", Received: received})); err != nil {
		t.Fatal(err)
	}
	s.at(received)
}

func (s *shown) at(now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.now = now
}

// filtered is what a filtered list shows.
type filtered struct {
	Total int
	Data  []struct {
		Callsign string
		Altitude int
	}
	Flights []struct{ Altitude int }
	Meta    struct {
		AgeS     float64 `json:"age_s"`
		Stale    bool
		Snapshot time.Time
	}
}

func TestAKeptListIsNeverOfOlderRows(t *testing.T) {
	s := newShown(t)
	handler := handler(t, s.Deps)
	const target = "/api/flights?bbox=9.5,9.5,40,40&sort=-callsign"
	get := func(t *testing.T, want int) (list filtered, tag string) {
		t.Helper()
		answer := ask(handler, "GET", target)
		if err := json.Unmarshal(answer.Body.Bytes(), &list); err != nil || answer.Code != http.StatusOK {
			t.Fatalf("%d %v", answer.Code, err)
		}
		if len(list.Data) != 31 || list.Total != 31 || list.Data[0].Callsign != "TST40" || list.Data[0].Altitude != want || list.Flights[30].Altitude != want {
			t.Errorf("%+v", list)
		}
		return list, answer.Header().Get("ETag")
	}
	first, tag := get(t, 1)
	t.Run("its age goes on", func(t *testing.T) {
		s.at(s.now.Add(7 * time.Second))
		if again, same := get(t, 1); again.Meta.AgeS != first.Meta.AgeS+7 || same != tag || again.Meta.Stale {
			t.Errorf("%+v after %+v, tag %s after %s", again.Meta, first.Meta, same, tag)
		}
	})
	t.Run("it becomes stale with its rows", func(t *testing.T) {
		s.at(s.now.Add(live.StaleAfter))
		again, other := get(t, 1)
		if !again.Meta.Stale || other == tag || ask(handler, "GET", target).Header().Get("X-Stale") != "true" {
			t.Errorf("%+v, tag %s", again.Meta, other)
		}
		s.at(s.now.Add(-live.StaleAfter)) // a clock set right
		if again, same := get(t, 1); again.Meta.Stale || same != tag {
			t.Errorf("%+v", again.Meta)
		}
	})
	t.Run("the next snapshot takes its place", func(t *testing.T) {
		s.show(t, 2)
		if next, other := get(t, 2); other == tag || !next.Meta.Snapshot.After(first.Meta.Snapshot) {
			t.Errorf("%+v, tag %s", next.Meta, other)
		}
	})
}

func TestKeptListsAreWhatWasAskedFor(t *testing.T) {
	s := newShown(t)
	shared := handler(t, s.Deps)
	queries := []string{
		"bbox=9.5,9.5,40,40", "bbox=9.5,9.5,41,41", "near=20,20,600", "sort=callsign", "sort=-callsign", "limit=7", "limit=8",
		"fields=callsign", "fields=callsign,altitude", "format=csv", "format=geojson", "format=ndjson", "format=csv&limit=2",
		"sort=altitude&fields=callsign&limit=50&near=20,20,6000",
	}
	plain := map[string]string{}
	for range 2 {
		for _, path := range []string{"/api/flights?", "/api/flights/memory?"} {
			for _, query := range queries {
				alone := newShown(t) // keeps nothing of what others asked
				want := ask(handler(t, alone.Deps), "GET", path+query)
				got := ask(shared, "GET", path+query)
				if want.Code != http.StatusOK || got.Body.String() != want.Body.String() || got.Header().Get("ETag") != want.Header().Get("ETag") {
					t.Errorf("%s%s: %d %s\nwant %s", path, query, got.Code, got.Body, want.Body)
				}
				squeezed := ask(shared, "GET", path+query, "Accept-Encoding", "gzip")
				body := squeezed.Body.Bytes()
				if squeezed.Header().Get("Content-Encoding") == "gzip" {
					body = gunzipped(t, body)
					if tag := squeezed.Header().Get("ETag"); tag != strings.TrimSuffix(got.Header().Get("ETag"), `"`)+`-gzip"` {
						t.Errorf("%s%s: tag %s as gzip", path, query, tag)
					}
				} else if len(body) >= 1024 {
					t.Errorf("%s%s: %d bytes are not compressed", path, query, len(body))
				}
				if string(body) != got.Body.String() {
					t.Errorf("%s%s: gzip holds %s\nplain %s", path, query, body, got.Body)
				}
				plain[path+query] = got.Body.String()
			}
		}
	}
	for query, body := range plain {
		for other, same := range plain {
			if query != other && body == same && !strings.Contains(query, "format=csv") && !strings.Contains(query, "format=ndjson") && !strings.Contains(query, "format=geojson") {
				t.Errorf("%s is answered as %s", query, other) // the other forms name no layer
			}
		}
	}
}

func gunzipped(t testing.TB, body []byte) []byte {
	t.Helper()
	reader, err := gzip.NewReader(bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	reader.Multistream(false)
	text, err := io.ReadAll(reader)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestManyWhoAskWhileTheNetworkMovesOn(t *testing.T) {
	s := newShown(t)
	handler := handler(t, s.Deps)
	var group sync.WaitGroup
	for client := range 8 {
		group.Go(func() {
			last := time.Time{}
			for turn := range 60 {
				answer := ask(handler, "GET", fmt.Sprintf("/api/flights?bbox=-1,-1,60,60&limit=%d", 100+(client+turn)%3))
				var list filtered
				if err := json.Unmarshal(answer.Body.Bytes(), &list); err != nil || len(list.Data) != 60 {
					t.Errorf("%d %v %d", answer.Code, err, len(list.Data))
					return
				}
				want := int(list.Meta.Snapshot.Sub(moment) / (15 * time.Second))
				if list.Data[0].Altitude != want || list.Flights[59].Altitude != want || list.Meta.Snapshot.Before(last) {
					t.Errorf("rows of snapshot %d are called %d", list.Data[0].Altitude, want)
				}
				last = list.Meta.Snapshot
			}
		})
	}
	for n := range 40 {
		s.show(t, n+2)
	}
	group.Wait()
}

// redrawn is reference data whose one FIR is drawn anew.
type redrawn struct {
	world
	empty bool
}

func (r *redrawn) FIR(context.Context, string) (api.Area, error) {
	if r.empty {
		return nowhereAtAll{}, nil
	}
	return area{}, nil
}

type nowhereAtAll struct{}

func (nowhereAtAll) Airport(string) bool         { return false }
func (nowhereAtAll) Point(float64, float64) bool { return false }

func TestAListByReferenceDataIsAsTheyAreNow(t *testing.T) {
	s, places := newShown(t), &redrawn{}
	s.Places = places
	handler := handler(t, s.Deps)
	for _, want := range []int{59, 0} { // the first flight lies on the line
		places.empty = want == 0
		if rows, _ := rowsOf(t, handler, "/api/flights?fir=NRTH&fields=id"); len(rows) != want {
			t.Errorf("%d flights, want %d", len(rows), want)
		}
	}
}
