package live_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/skyledger/skyledger/internal/live"
	"github.com/skyledger/skyledger/internal/store"
	"github.com/skyledger/skyledger/internal/vatsim"
)

func TestBuild(t *testing.T) {
	first := view(t, moment, 3)
	second := live.Build(decode(t, body(t, moment.Add(15*time.Second), 3)), first, nil, live.Meta{Source: "live"})

	t.Run("a flight shows what the feed and its plan say", func(t *testing.T) {
		flight := first.Flights[1]
		want := live.Flight{
			ID: flight.ID, Callsign: "TST1", AircraftType: ptr("B738"), Departure: ptr("EGLL"), Arrival: ptr("EHAM"),
			Route: ptr("BPK1 Q295 CLN L620 REDFA"), Altitude: 10000, Speed: 420, GroundSpeed: 420, Heading: 1, Squawk: ptr("2200"),
			PositionLat: 50.001, PositionLng: -9.99, Lat: 50.001, Lon: -9.99, LastUpdated: &moment,
		}
		if diff := cmp.Diff(want, flight); diff != "" {
			t.Error(diff)
		}
	})
	t.Run("vertical speed is unknown at first and measured from the snapshot before", func(t *testing.T) {
		if first.Flights[0].VerticalSpeed != nil {
			t.Errorf("first: %d", *first.Flights[0].VerticalSpeed)
		}
		if got := second.Flights[0].VerticalSpeed; got == nil || *got != 500 {
			t.Errorf("second: %v, want 500", got)
		}
	})
	t.Run("a gap of minutes leaves vertical speed unknown", func(t *testing.T) {
		late := live.Build(decode(t, body(t, moment.Add(5*time.Minute), 3)), first, nil, live.Meta{})
		if late.Flights[0].VerticalSpeed != nil {
			t.Errorf("got %d", *late.Flights[0].VerticalSpeed)
		}
	})
	t.Run("observers are listed and not counted as online", func(t *testing.T) {
		want := live.Summary{Flights: 3, Controllers: 2, Online: 1, Airports: 2}
		if diff := cmp.Diff(want, first.Summary); diff != "" {
			t.Error(diff)
		}
		position := first.Positions[0]
		if position.Status != "online" || *position.Frequency != "132.605" || position.Facility != "CTR" || position.Position != "CTR" {
			t.Errorf("%+v", position)
		}
		if observer := first.Positions[1]; observer.Status != "observing" || observer.Frequency != nil {
			t.Errorf("%+v", observer)
		}
	})
}

func TestControllerOfAPilot(t *testing.T) {
	radio := func(frequency, lat, lon, height int32) []vatsim.Transceiver {
		return []vatsim.Transceiver{{Frequency: frequency, Latitude: lat, Longitude: lon, HeightMSL: height}}
	}
	tests := []struct {
		name  string
		pilot []vatsim.Transceiver
		found bool
	}{
		{"tuned and near", radio(132605, 5000000, -1000000, 10000), true},
		{"tuned under the channel's other name", radio(132610, 5000000, -1000000, 10000), true},
		{"tuned beyond the radio horizon", radio(132605, 1000000, -1000000, 10000), false},
		{"tuned but on the ground far away", radio(132605, 5300000, -1000000, 0), false},
		{"on another frequency", radio(121500, 5000000, -1000000, 10000), false},
		{"without a radio", nil, false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			stations := []vatsim.Station{
				{Callsign: "EGTT_CTR", Transceivers: radio(132605, 5050000, -1000000, 100)},
				{Callsign: "TST0", Transceivers: test.pilot},
			}
			built := live.Build(decode(t, body(t, moment, 1)), nil, stations, live.Meta{})
			got := built.Flights[0].ATCPositionID
			if (got != nil) != test.found {
				t.Fatalf("got %v, want found=%t", got, test.found)
			}
			if got != nil && *got != built.Positions[0].ID {
				t.Errorf("got %s, want %s", *got, built.Positions[0].ID)
			}
		})
	}
}

func ptr[T any](value T) *T { return &value }

func TestViewsAreWeighedByWhatIsNotOld(t *testing.T) {
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	sectors := 0
	loads := func(age time.Duration) store.Loads {
		return store.Loads{At: at.Add(-age), Sectors: &sectors, Workload: map[store.LoadKey]int16{{CID: 7, Callsign: "EGLL_TWR"}: 42, {CID: 9, Callsign: "EGLL_GND"}: 8}}
	}
	for _, test := range []struct {
		name  string
		loads store.Loads
		known bool
	}{
		{"of a minute before", loads(time.Minute), true},
		{"of a snapshot after it", loads(-time.Minute), true},
		{"of an analysis that is far behind", loads(6 * time.Minute), false},
		{"of none", store.Loads{}, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			snapshot := &vatsim.Snapshot{UpdateTimestamp: at, Controllers: []vatsim.Controller{{CID: 7, Callsign: "EGLL_TWR", Facility: 4}, {CID: 9, Callsign: "EGLL_TWR", Facility: 4}}}
			view := live.Build(snapshot, nil, nil, live.Meta{})
			view.Weigh(test.loads)
			score := view.Positions[0].WorkloadScore
			if known := score != nil && *score == 42; known != test.known || (view.Summary.Sectors != nil) != test.known {
				t.Errorf("score %v, sectors %v", score, view.Summary.Sectors)
			}
			if view.Positions[1].WorkloadScore != nil {
				t.Error("another member under the callsign has a score")
			}
		})
	}
}
