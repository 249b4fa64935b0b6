package api_test

import (
	"context"
	"math"
	"net/http"
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/skyledger/skyledger/internal/api"
	"github.com/skyledger/skyledger/internal/live"
	"github.com/skyledger/skyledger/internal/provision/pgtest"
	"github.com/skyledger/skyledger/internal/reference"
	"github.com/skyledger/skyledger/internal/store"
	"github.com/skyledger/skyledger/internal/vatsim"
)

// skies is a real database with an hour and ten minutes of a small network: one
// flight from Heathrow to Paris that disconnected on the way, one on its way to
// Heathrow, one at a gate there, and some that ended in other ways.
type skies struct {
	store *store.Store
	url   string
	first time.Time // snapshot
}

// The sessions of the flights that have positions.
func outbound() store.SessionKey {
	return store.SessionKey{Kind: vatsim.KindPilot, CID: 1000001, Callsign: "BAW123", Logon: moment.Add(-75 * time.Minute)}
}

func outboundAgain() store.SessionKey {
	return store.SessionKey{Kind: vatsim.KindPilot, CID: 1000001, Callsign: "BAW123", Logon: minute(39)}
}

func inbound() store.SessionKey {
	return store.SessionKey{Kind: vatsim.KindPilot, CID: 1000002, Callsign: "DLH4", Logon: moment.Add(-75 * time.Minute)}
}

const (
	minutes      = 70 // of snapshots; the last is at moment
	outboundID   = 9007199254740993
	inboundID    = 102
	lostID       = 103
	probablyID   = 104
	neverID      = 105
	atGateID     = 106
	divertedID   = 107
	lastSnapshot = minutes * 4
)

// minute is so many minutes after the first snapshot.
func minute(n float64) time.Time {
	return moment.Add(time.Duration((n - minutes) * float64(time.Minute)))
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func newSkies(t testing.TB) *skies {
	t.Helper()
	db := pgtest.NewFrom(t, "skies", func(url string) error { return fillSkies(context.Background(), url) })
	must(t, store.Migrate(t.Context(), db.URL, store.DefaultSchema, "live"))
	opened, err := store.Open(t.Context(), store.Options{URL: db.URL, Source: "live"})
	must(t, err)
	t.Cleanup(opened.Close)
	return &skies{store: opened, url: db.URL, first: minute(0)}
}

func fillSkies(ctx context.Context, url string) error {
	if err := store.Migrate(ctx, url, store.DefaultSchema, "live"); err != nil {
		return err
	}
	opened, err := store.Open(ctx, store.Options{URL: url, Source: "live"})
	if err != nil {
		return err
	}
	defer opened.Close()
	if err := project(ctx, opened); err != nil {
		return err
	}
	if err := opened.ChunkHour(ctx, minute(0).Truncate(time.Hour)); err != nil {
		return err
	}
	return analyse(ctx, opened)
}

// project commits the snapshots with the positions of those who were there.
func project(ctx context.Context, s *store.Store) error {
	var head store.Head
	for i := range lastSnapshot + 1 {
		at := minute(float64(i) / 4)
		next := head
		next.Version, next.Snapshot, next.Tick = head.Version+1, at, at.Truncate(15*time.Second)
		c := store.Changes{
			ExpectedVersion: head.Version, Head: next,
			Snapshot: store.SnapshotRow{At: at, Received: at.Add(time.Second), Hash: []byte(at.String())},
			Tick:     store.TickRow{Tick: next.Tick, Outcome: store.Received, Snapshot: at, Received: at.Add(time.Second)},
		}
		for _, key := range []store.SessionKey{outbound(), outboundAgain(), inbound()} {
			fix, there := whereabouts(key, float64(i)/4)
			if before, was := whereabouts(key, float64(i)/4-0.25); there && !was {
				c.Opened = append(c.Opened, store.OpenedSession{ID: store.SessionID(key), Key: key, FirstSeen: at})
			} else if !there && was && i > 0 {
				c.Closed = append(c.Closed, store.ClosedSession{ID: store.SessionID(key), At: before.At})
			}
			if there {
				c.Positions.SessionID = append(c.Positions.SessionID, store.SessionID(key))
				c.Positions.Latitude = append(c.Positions.Latitude, fix.Latitude)
				c.Positions.Longitude = append(c.Positions.Longitude, fix.Longitude)
				c.Positions.Altitude = append(c.Positions.Altitude, fix.Altitude)
				c.Positions.Groundspeed = append(c.Positions.Groundspeed, fix.Groundspeed)
				c.Positions.Heading = append(c.Positions.Heading, fix.Heading)
				c.Positions.Squawk = append(c.Positions.Squawk, 2000)
			}
		}
		if err := s.Commit(ctx, c); err != nil {
			return err
		}
		head = next
	}
	return nil
}

// whereabouts is where a session was at a minute, and whether it was there.
func whereabouts(key store.SessionKey, at float64) (store.Fix, bool) {
	between := func(from, to float64) float64 { return max(0, min(1, (at-from)/(to-from))) }
	fix := store.Fix{At: minute(at), Heading: 140}
	switch key {
	case outbound(), outboundAgain():
		if at < 0 || at > 67 || at > 30 && at < 40 || (at <= 30) != (key == outbound()) {
			return fix, false
		}
		flown := between(15, 60) // a straight line from Heathrow to Paris
		fix.Latitude, fix.Longitude = int32(5147000-flown*245000), int32(-46000+flown*300000)
		fix.Altitude = int32(30000 * math.Min(between(15, 30), 1-between(45, 60)))
		if flown > 0 && flown < 1 {
			fix.Groundspeed = 300
		}
		return fix, true
	case inbound():
		if at < 0 {
			return fix, false
		}
		fix.Latitude, fix.Longitude = int32(5003000+at*1500), int32(857000-at*8000)
		fix.Altitude, fix.Groundspeed, fix.Heading = 36000, 420, 300
		return fix, true
	}
	return fix, false
}

func flights() []store.Flight {
	base := store.Flight{DistanceNM: -1, DirectNM: -1, Rules: "I", Aircraft: "A320"}
	with := func(change func(*store.Flight)) store.Flight { f := base; change(&f); return f }
	return []store.Flight{
		with(func(f *store.Flight) {
			f.ID, f.CID, f.Callsign = outboundID, 1000001, "BAW123"
			f.Began, f.Ended, f.Phase, f.Ending = minute(0), minute(67), 10, 1
			f.FiledDeparture, f.FiledArrival, f.Alternate, f.Deptime, f.Route = "EGLL", "LFPG", "LFPO", "1050", "MID UN615 <XIDIL>"
			f.Departure, f.Arrival, f.Scheduled = "EGLL", "LFPG", minute(0).Truncate(time.Minute)
			f.OffBlock, f.Takeoff, f.Landing, f.OnBlock = minute(5), minute(15), minute(60), minute(65)
			f.DistanceNM, f.DirectNM = 195.4, 188.2
		}),
		with(func(f *store.Flight) {
			f.ID, f.CID, f.Callsign, f.Aircraft = inboundID, 1000002, "DLH4", "A321"
			f.Began, f.Phase, f.FiledDeparture, f.FiledArrival = minute(0), 5, "EDDF", "EGLL"
			f.Departure, f.OffBlock, f.Takeoff = "EDDF", minute(1), minute(9)
		}),
		with(func(f *store.Flight) {
			f.ID, f.CID, f.Callsign = lostID, 1000003, "AFR5"
			f.Began, f.Ended, f.Phase, f.Ending = minute(0), minute(20), 11, 3
			f.FiledDeparture, f.FiledArrival, f.Departure, f.Takeoff = "LFPG", "EGLL", "LFPG", minute(10)
		}),
		with(func(f *store.Flight) {
			f.ID, f.CID, f.Callsign, f.Aircraft = probablyID, 1000004, "RYR7", "B738"
			f.Began, f.Ended, f.Phase, f.Ending = minute(0), minute(50), 7, 2
			f.FiledDeparture, f.FiledArrival, f.Departure, f.Takeoff = "EGLL", "EIDW", "EGLL", minute(5)
		}),
		with(func(f *store.Flight) {
			f.ID, f.CID, f.Callsign = neverID, 1000005, "GABCD"
			f.Began, f.Ended, f.Phase, f.Ending = minute(2), minute(12), 1, 4
			f.FiledDeparture, f.Departure, f.Aircraft = "EGLL", "EGLL", ""
		}),
		with(func(f *store.Flight) {
			f.ID, f.CID, f.Callsign = atGateID, 1000006, "BAW456"
			f.Began, f.Phase, f.FiledDeparture, f.FiledArrival, f.Departure = minute(60), 1, "EGLL", "KJFK", "EGLL"
			f.Deptime = "1150"
		}),
		with(func(f *store.Flight) {
			f.ID, f.CID, f.Callsign = divertedID, 1000007, "EZY8"
			f.Began, f.Ended, f.Phase, f.Ending = minute(0), minute(69), 10, 1
			f.FiledDeparture, f.FiledArrival, f.Departure, f.Arrival = "LFPG", "EGKK", "LFPG", "EGLL"
			f.Takeoff, f.Landing, f.OnBlock = minute(3), minute(62), minute(66)
		}),
	}
}

func movements() []store.Movement {
	evidence := []byte(`[[-22.5,5147000,-46000,120,90,270],[-7.5,5147000,-47000,150,140,270],[7.5,5147000,-49000,700,150,270]]`)
	of := func(id int64, at time.Time, kind int16, airport, runway, callsign, origin, destination, planned string) store.Movement {
		return store.Movement{
			FlightID: id, At: at, Kind: kind, Airport: airport, Runway: runway, Callsign: callsign, Aircraft: "A320",
			Origin: origin, Destination: destination, Planned: planned, ErrorS: 7.5, Confidence: 0.93, Altitude: 150, Groundspeed: 140, Evidence: evidence,
		}
	}
	return []store.Movement{
		of(divertedID, minute(3), 1, "LFPG", "26R", "EZY8", "LFPG", "EGKK", ""),
		of(probablyID, minute(5), 1, "EGLL", "27R", "RYR7", "EGLL", "EIDW", ""),
		of(inboundID, minute(9), 1, "EDDF", "18", "DLH4", "EDDF", "EGLL", ""),
		of(lostID, minute(10), 1, "LFPG", "26R", "AFR5", "LFPG", "EGLL", ""),
		of(outboundID, minute(15), 1, "EGLL", "27L", "BAW123", "EGLL", "LFPG", ""),
		of(divertedID, minute(55), 3, "EGKK", "26L", "EZY8", "LFPG", "EGKK", "EGKK"),
		of(outboundID, minute(60), 2, "LFPG", "26L", "BAW123", "EGLL", "LFPG", "LFPG"),
		of(divertedID, minute(62), 2, "EGLL", "27L", "EZY8", "LFPG", "EGKK", "EGKK"),
		of(divertedID, minute(62), 5, "EGLL", "27L", "EZY8", "LFPG", "EGKK", "EGKK"),
	}
}

// analyse commits what an analysis of the snapshots would have found.
func analyse(ctx context.Context, s *store.Store) error {
	a, b, in := store.SessionID(outbound()), store.SessionID(outboundAgain()), store.SessionID(inbound())
	for i := range lastSnapshot + 1 {
		found := store.Analysis{
			ExpectedVersion: int64(i), At: minute(float64(i) / 4),
			Figures: store.AnalysisFigures{Airspace: 1, Pilots: 6, Airborne: i / 60, Controllers: 2, Observers: 1, ATIS: 1, Prefiles: 3},
		}
		if i == lastSnapshot {
			found.Traffic = store.Traffic{
				Flights: flights(), Movements: movements(),
				Legs: []store.FlightLeg{
					{FlightID: outboundID, Began: minute(0), Ended: minute(30), SessionID: a},
					{FlightID: outboundID, Began: minute(40), Ended: minute(67), SessionID: b},
					{FlightID: inboundID, Began: minute(0), Ended: minute(0), SessionID: in},
				},
				Gaps: []store.FlightGap{{FlightID: outboundID, Began: minute(30), Ended: minute(40), DistanceNM: 42.3, Airborne: true}},
			}
		}
		if err := s.CommitAnalysis(ctx, found); err != nil {
			return err
		}
	}
	return nil
}

// over is a handler of functions over the skies.
func (w *skies) over(t testing.TB, functions ...string) http.Handler {
	t.Helper()
	return w.handler(t, w.deps(t), functions...)
}

func (w *skies) deps(t testing.TB) api.Deps {
	t.Helper()
	d := deps(t)
	reader := reference.NewReader(reference.ReaderOptions{Shelf: spyShelf{}, Clock: d.Clock, Logger: zap.NewNop()})
	d.Atlas, d.Places, d.History, d.Traffic = reader, reader, w.store, w.store
	d.Live = liveView(t, aloft(), d.Clock)
	return d
}

func (w *skies) handler(t testing.TB, d api.Deps, functions ...string) http.Handler {
	t.Helper()
	built, err := api.New(d, functions...)
	must(t, err)
	return built
}

// aloft is the live view of the last snapshot.
func aloft() *live.View {
	snapshot := &vatsim.Snapshot{UpdateTimestamp: moment}
	fix, _ := whereabouts(inbound(), minutes)
	snapshot.Pilots = []vatsim.Pilot{{
		CID: inbound().CID, Callsign: inbound().Callsign, LogonTime: inbound().Logon, LastUpdated: moment,
		Latitude: fix.Latitude, Longitude: fix.Longitude, Altitude: fix.Altitude, Groundspeed: fix.Groundspeed, Heading: fix.Heading,
		Plan: vatsim.Plan(`{"aircraft_short":"A321","departure":"EDDF","arrival":"EGLL"}`),
	}}
	return live.Build(snapshot, nil, nil, live.Meta{Source: "live", Received: moment.Add(time.Second)})
}
