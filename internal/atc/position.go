package atc

import (
	"strings"

	"github.com/skyledger/skyledger/internal/vatsim"
	"github.com/skyledger/skyledger/internal/workload"
)

// Unicom is where pilots talk to each other where nobody controls, kHz.
const Unicom = 122_800

// Tolerance is how far apart two names of one frequency may be, kHz: 8.33 kHz
// channels and the radios' 25 kHz steps differ by as much.
const Tolerance = 5

// Facility returns what kind of position a row of the feed's controllers is; not
// ok for observers, supervisors and whoever holds no position. The callsign's
// last part tells: the feed has observers and supervisors with any facility.
func Facility(row *vatsim.Controller) (facility workload.Kind, ok bool) {
	at := strings.LastIndexByte(row.Callsign, '_')
	if at <= 0 || row.Facility < int16(workload.FlightService) || row.Facility > int16(workload.Area) {
		return 0, false
	}
	switch row.Callsign[at+1:] {
	case "DEL":
		return workload.Delivery, true
	case "GND":
		return workload.Ground, true
	case "TWR":
		return workload.Tower, true
	case "APP", "DEP":
		return workload.Approach, true
	case "CTR":
		return workload.Area, true
	case "FSS":
		return workload.FlightService, true
	default:
		return 0, false
	}
}

// RangeMiles is how far from its radios a position's aircraft are, nautical
// miles.
func RangeMiles(facility workload.Kind) float64 {
	switch facility {
	case workload.Approach:
		return 60
	case workload.Area:
		return 400
	case workload.FlightService:
		return 1000
	default:
		return 15
	}
}

// Position names the position of a callsign without the part that says which
// half of it somebody has: EGLL_TWR of EGLL_N_TWR.
func Position(callsign string) string {
	first := strings.IndexByte(callsign, '_')
	last := strings.LastIndexByte(callsign, '_')
	if first == last {
		return callsign
	}
	return callsign[:first] + callsign[last:]
}
