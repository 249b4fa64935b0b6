package store

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/skyledger/skyledger/internal/fault"
	"github.com/skyledger/skyledger/internal/vatsim"
)

func TestCommit(t *testing.T) {
	t.Parallel()
	t.Run("what a commit writes is the state that LoadState returns", func(t *testing.T) {
		t.Parallel()
		s, _ := setup(t)
		pilot := pilotKey(1)
		tower := SessionKey{Kind: vatsim.KindController, CID: 7, Callsign: "EGLL_TWR", Logon: start.Add(-time.Minute)}
		atis := SessionKey{Kind: vatsim.KindATIS, CID: 7, Callsign: "EGLL_ATIS", Logon: start.Add(-time.Minute)}
		prefile := SessionKey{Kind: vatsim.KindPrefile, CID: 9, Callsign: "BAW9"}
		c := changes(Head{}, at(0))
		c.Head.PilotCount = 1
		for _, key := range []SessionKey{tower, prefile, pilot, atis} {
			c.Opened = append(c.Opened, opened(key, at(0)))
		}
		c.Plans = []PlanRevision{
			{SessionID: SessionID(pilot), Since: at(0), Hash: -42, Plan: vatsim.FlightPlan{Departure: "EGLL", Arrival: "ZZZZ", Remarks: "ünï"}},
			{SessionID: SessionID(prefile), Since: at(0), Hash: 43},
		}
		c.Frequencies = []FrequencyRevision{{SessionID: SessionID(tower), Since: at(0), Frequency: 118500}}
		c.ATIS = []ATISRevision{{SessionID: SessionID(atis), Since: at(0), Hash: 77, Code: "K", Text: "INFO\nK"}}
		c.Stations = []StationRevision{{SessionID: SessionID(tower), Since: at(0), Hash: 99, Latitude: 5147000, Longitude: -45000, HeightMSL: 25}}
		c.Snapshot.Drift = map[string]int{"pilots.unknown_field.a\x00b\xff": 2}
		c.Positions = Frame{
			SessionID: []int64{SessionID(pilot)}, Latitude: []int32{5147000}, Longitude: []int32{-45000}, Altitude: []int32{-5},
			Groundspeed: []int16{1254}, Heading: []int16{359}, Squawk: []int16{-1},
		}
		must(t, s.Commit(t.Context(), c))

		want := State{Head: c.Head, Open: sorted([]OpenSession{
			{ID: SessionID(pilot), Key: pilot, PlanHash: -42},
			{ID: SessionID(prefile), Key: prefile, PlanHash: 43},
			{ID: SessionID(tower), Key: tower, Frequency: 118500, StationHash: 99},
			{ID: SessionID(atis), Key: atis, ATISHash: 77, ATISCode: "K"},
		}, func(o OpenSession) int64 { return o.ID })}
		got, err := s.LoadState(t.Context())
		must(t, err)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("state differs (-want +got):\n%s", diff)
		}
	})

	t.Run("a writer that lost the race is fenced", func(t *testing.T) {
		t.Parallel()
		s, _ := setup(t)
		must(t, s.Commit(t.Context(), changes(Head{}, at(0))))
		err := s.Commit(t.Context(), changes(Head{}, at(1)))
		expectConflict(t, err, "fenced")
		head, err := s.Head(t.Context())
		must(t, err)
		if want := (Head{Version: 1, Snapshot: at(0), Tick: tickOf(at(0))}); head != want {
			t.Errorf("head = %v, want %v", head, want)
		}
	})

	t.Run("an id that belongs to another session is refused by name and nothing is written", func(t *testing.T) {
		t.Parallel()
		s, b := setup(t)
		first, second := pilotKey(1), pilotKey(2)
		c := changes(Head{}, at(0))
		c.Opened = []OpenedSession{opened(first, at(0))}
		must(t, s.Commit(t.Context(), c))

		usurper := opened(second, at(1))
		usurper.ID = SessionID(first)
		c = changes(c.Head, at(1))
		c.Opened = []OpenedSession{opened(pilotKey(3), at(1)), usurper}
		err := s.Commit(t.Context(), c)
		expectConflict(t, err, "session_id_collision")
		var collision *CollisionError
		if !errors.As(err, &collision) || !cmp.Equal(collision.Keys, []SessionKey{second}) {
			t.Errorf("colliding keys = %v, want %v", collision, second)
		}
		if got := count(t, b, "sessions"); got != 1 {
			t.Errorf("%d sessions, want 1", got)
		}
	})
}

func expectConflict(t *testing.T, err error, reason string) {
	t.Helper()
	if !fault.Is(err, fault.Conflict) || fault.ReasonOf(err) != reason {
		t.Fatalf("error = %v, want a conflict with reason %q", err, reason)
	}
}

func count(t testing.TB, b *bundle, table string) int {
	t.Helper()
	var n int
	must(t, b.Conn.QueryRow(t.Context(), "SELECT count(*) FROM "+table).Scan(&n))
	return n
}
