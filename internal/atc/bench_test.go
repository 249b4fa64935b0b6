package atc

import (
	"fmt"
	"testing"
	"time"

	"github.com/skyledger/skyledger/internal/flight"
	"github.com/skyledger/skyledger/internal/reference"
	"github.com/skyledger/skyledger/internal/scene"
	"github.com/skyledger/skyledger/internal/vatsim"
)

// What finding contacts costs follows what changes: who stands still on the same
// frequency costs two lookups, and nobody is joined with everybody.
func BenchmarkContacts(b *testing.B) {
	for _, pilots := range []int{2_500, 25_000} {
		for _, moving := range []int{0, 1, 10, 70, 100} { // percent
			b.Run(fmt.Sprintf("%d pilots, %d %% move", pilots, moving), func(b *testing.B) {
				repeat(b, pilots, moving, func(t *Tracker, s scene.Scene, statuses []flight.Status) {
					t.round++
					t.moved = nil
					t.follow(s, statuses, nil, s.UpdateTimestamp)
					t.at = s.UpdateTimestamp
				})
			})
		}
	}
}

func BenchmarkObserve(b *testing.B) {
	for _, pilots := range []int{2_500, 25_000} {
		b.Run(fmt.Sprintf("%d pilots, 70 %% move", pilots), func(b *testing.B) {
			repeat(b, pilots, 70, func(t *Tracker, s scene.Scene, statuses []flight.Status) { t.Observe(s, statuses, nil) })
		})
	}
}

func BenchmarkSave(b *testing.B) {
	saved := 0
	repeat(b, 2_500, 70, func(t *Tracker, s scene.Scene, statuses []flight.Status) {
		t.Observe(s, statuses, nil)
		state, err := t.Save()
		if err != nil {
			b.Fatal(err)
		}
		saved = len(state)
	})
	b.ReportMetric(float64(saved), "bytes")
}

// repeat observes one scene again and again in which a share of the pilots
// moves: 200 approaches over the northern half of the world, aircraft around
// each, every one on its frequency.
func repeat(b *testing.B, pilots, moving int, observe func(*Tracker, scene.Scene, []flight.Status)) {
	world, err := reference.Embedded()
	if err != nil {
		b.Fatal(err)
	}
	now := time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)
	place := func(i int) (lat, lon int32) {
		return 500_000 + int32(i%10)*800_000, -17_500_000 + int32(i%200/10)*1_700_000
	}
	station := func(callsign string, lat, lon int32, kHz ...int32) vatsim.Station {
		s := vatsim.Station{Callsign: callsign}
		for i, frequency := range kHz {
			s.Transceivers = append(s.Transceivers, vatsim.Transceiver{ID: int32(i), Frequency: frequency, Latitude: lat, Longitude: lon})
		}
		return s
	}
	first := &vatsim.Snapshot{UpdateTimestamp: now}
	s := scene.Scene{}
	var statuses []flight.Status
	for i := range pilots {
		callsign := fmt.Sprintf("TST%d", i)
		lat, lon := place(i)
		first.Pilots = append(first.Pilots, vatsim.Pilot{
			CID: int32(i), Callsign: callsign, Altitude: int32(i%13) * 3000,
			Latitude: lat + int32(i%31-15)*3_000, Longitude: lon + int32(i%37-18)*3_000,
		})
		s.Stations = append(s.Stations, station(callsign, lat, lon, Unicom, 118_000+int32(i%200)*25))
		statuses = append(statuses, flight.Status{FlightID: int64(i + 1), Airborne: true})
	}
	for i := range 200 {
		callsign := fmt.Sprintf("EGLL_%d_APP", i)
		lat, lon := place(i)
		first.Controllers = append(first.Controllers, vatsim.Controller{
			CID: int32(1_000_000 + i), Callsign: callsign, Facility: 5, Frequency: 118_000 + int32(i)*25, LogonTime: now,
		})
		s.Stations = append(s.Stations, station(callsign, lat, lon, 118_000+int32(i)*25))
	}
	s.Snapshot = first
	tracker := New(world)
	tracker.Observe(s, statuses, nil)
	n := 0
	for b.Loop() {
		n++
		next := *first
		next.UpdateTimestamp = now.Add(time.Duration(n) * 15 * time.Second)
		for i := range pilots * moving / 100 {
			next.Pilots[i].Latitude += int32(n%2*2-1) * 100
		}
		s.Snapshot = &next
		observe(tracker, s, statuses)
	}
}
