package live

import (
	"math"

	"github.com/skyledger/skyledger/internal/geo"
	"github.com/skyledger/skyledger/internal/vatsim"
)

const (
	// The radio horizon over the 4/3 earth of ITU-R P.453: 4.12 km for each
	// square root of a metre of antenna height, at both ends.
	horizonPerRootMetre = 4.12 / 1.852 // nautical miles
	// Clients name one channel 5 kHz apart in 8.33 and 25 kHz terms.
	namingSlack = 5 // kHz
	leastHeight = 3 // metres; an antenna stands on something
)

// radios finds the controller whom a pilot can talk to.
type radios struct {
	controllers map[int32][]antenna // by frequency in kHz
	stations    map[string][]vatsim.Transceiver
}

type antenna struct {
	position *string // id of the controller's row
	radio    vatsim.Transceiver
}

// newRadios indexes the stations of controllers who are on a frequency: each of
// their antennas under the frequency they are logged on with. The first of them
// is where the position's row says it stands.
func newRadios(rows []vatsim.Controller, positions []Position, stations []vatsim.Station) *radios {
	found := &radios{
		controllers: make(map[int32][]antenna, len(rows)),
		stations:    make(map[string][]vatsim.Transceiver, len(stations)),
	}
	for _, station := range stations {
		found.stations[station.Callsign] = station.Transceivers
	}
	for i := range rows {
		if positions[i].Status != StatusOnline {
			continue
		}
		for _, radio := range found.stations[rows[i].Callsign] {
			if near(radio.Frequency, rows[i].Frequency) {
				frequency := rows[i].Frequency
				found.controllers[frequency] = append(found.controllers[frequency], antenna{&positions[i].ID, radio})
				if positions[i].Lat == nil {
					lat, lon := float64(radio.Latitude)/degreesPerUnit, float64(radio.Longitude)/degreesPerUnit
					positions[i].Lat, positions[i].Lon = &lat, &lon
				}
			}
		}
	}
	return found
}

func near(a, b int32) bool { return a-b <= namingSlack && b-a <= namingSlack }

// controllerOf returns the id of the nearest controller in radio range on a
// frequency that one of the pilot's radios has, or nil.
func (r *radios) controllerOf(pilot *vatsim.Pilot) *string {
	var nearest *string
	least := math.Inf(1)
	for _, radio := range r.stations[pilot.Callsign] {
		for _, frequency := range []int32{radio.Frequency - namingSlack, radio.Frequency, radio.Frequency + namingSlack} {
			for _, candidate := range r.controllers[frequency] {
				miles := distance(radio, candidate.radio)
				if miles < least && miles <= horizon(radio)+horizon(candidate.radio) {
					least, nearest = miles, candidate.position
				}
			}
		}
	}
	return nearest
}

func horizon(radio vatsim.Transceiver) float64 {
	return horizonPerRootMetre * math.Sqrt(float64(max(radio.HeightMSL, leastHeight)))
}

// distance returns the great-circle distance in nautical miles.
func distance(a, b vatsim.Transceiver) float64 {
	return geo.Distance(
		float64(a.Latitude)/degreesPerUnit, float64(a.Longitude)/degreesPerUnit,
		float64(b.Latitude)/degreesPerUnit, float64(b.Longitude)/degreesPerUnit)
}
