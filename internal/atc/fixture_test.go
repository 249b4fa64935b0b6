package atc_test

import (
	"testing"
	"time"

	"github.com/skyledger/skyledger/internal/flight"
	"github.com/skyledger/skyledger/internal/geo"
	"github.com/skyledger/skyledger/internal/reference"
	"github.com/skyledger/skyledger/internal/scene"
	"github.com/skyledger/skyledger/internal/store"
	"github.com/skyledger/skyledger/internal/vatsim"
)

var start = time.Date(2026, 3, 2, 11, 58, 7, 0, time.UTC) // a Monday

func world(t testing.TB) *reference.World {
	t.Helper()
	w, err := reference.Embedded()
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func square(west, south, east, north float64) geo.MultiPolygon {
	return geo.MultiPolygon{{{{west, south}, {east, south}, {east, north}, {west, north}, {west, south}}}}
}

// airspace is Britain in two sectors beside France, under one upper region. Its
// shapes are squares.
func airspace(t testing.TB, version int32) *reference.Airspace {
	t.Helper()
	boundary := func(id string, lat, lon float64, shape geo.MultiPolygon) store.Boundary {
		return store.Boundary{ID: id, LabelLat: lat, LabelLon: lon, Shape: shape}
	}
	a, err := reference.NewAirspace(store.VATSpy{
		FIRs: []store.FIR{
			{ID: "EGTT", Name: "London", CallsignPrefix: "LON", Boundary: "EGTT"},
			{ID: "EGTT-S", Name: "London South", CallsignPrefix: "LON_S", Boundary: "EGTT-S"},
			{ID: "LFFF", Name: "Paris", Boundary: "LFFF"},
		},
		UIRs: []store.UIR{{ID: "EURW", Name: "Europe West", FIRs: []string{"EGTT", "LFFF"}}},
		Airports: []store.SpyAirport{
			{ICAO: "EGLL", Lat: 51.4706, Lon: -0.4619, LocalCode: "LHR", FIR: "EGTT"},
			{ICAO: "EGSS", Lat: 51.885, Lon: 0.235, LocalCode: "ESSEX", FIR: "EGTT", Pseudo: true},
			{ICAO: "LFPG", Lat: 49.0097, Lon: 2.5479, LocalCode: "CDG", FIR: "LFFF"},
		},
		Boundaries: []store.Boundary{
			boundary("EGTT", 53, 0, square(-5, 50, 2, 55)),
			boundary("EGTT-S", 51, 0, square(-5, 50, 2, 52)),
			boundary("LFFF", 48, 2, square(-5, 46, 5, 50)),
		},
	}, store.VATSpyVersion{Version: version})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func controller(cid int32, callsign string, facility int16, kHz int32) vatsim.Controller {
	return vatsim.Controller{CID: cid, Callsign: callsign, Facility: facility, Rating: 5, Frequency: kHz, LogonTime: start.Add(-time.Hour)}
}

func pilot(cid int32, callsign string, lat, lon float64) vatsim.Pilot {
	return vatsim.Pilot{CID: cid, Callsign: callsign, Latitude: int32(lat * 1e5), Longitude: int32(lon * 1e5)}
}

func radios(callsign string, lat, lon float64, kHz ...int32) vatsim.Station {
	station := vatsim.Station{Callsign: callsign}
	for i, frequency := range kHz {
		station.Transceivers = append(station.Transceivers, vatsim.Transceiver{
			ID: int32(i), Frequency: frequency, Latitude: int32(lat * 1e5), Longitude: int32(lon * 1e5),
		})
	}
	return station
}

// flights gives every pilot a flight of its own.
func flights(pilots []vatsim.Pilot) []flight.Status {
	statuses := make([]flight.Status, len(pilots))
	for i := range pilots {
		statuses[i] = flight.Status{FlightID: 1000 + int64(pilots[i].CID), Airborne: true}
	}
	return statuses
}

func at(after time.Duration) scene.Scene {
	return scene.Scene{Snapshot: &vatsim.Snapshot{UpdateTimestamp: start.Add(after)}}
}
