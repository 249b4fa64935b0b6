package live

import (
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/skyledger/skyledger/internal/vatsim"
)

const (
	// A vertical speed needs two reports close to each other, and beyond this
	// rate the aircraft was put somewhere else rather than flown there: the
	// fastest climbs on the network, of fighters, stay under 30,000 ft/min.
	longestStep      = time.Minute
	fastestVertical  = 30_000 // feet per minute
	degreesPerUnit   = 1e5    // the feed's positions are whole 1e-5 degrees
	noAirport        = "ZZZZ" // ICAO: the aerodrome has no code
	filedInTheAir    = "AFIL" // ICAO: the plan was filed in the air
	lettersOfAirport = 4
)

// planFields is what a flight shows of its plan.
type planFields struct {
	aircraft, departure, arrival, route *string
}

func flightOf(pilot *vatsim.Pilot, id int64) Flight {
	lat, lon := float64(pilot.Latitude)/degreesPerUnit, float64(pilot.Longitude)/degreesPerUnit
	flight := Flight{
		ID: formatID(id), Callsign: pilot.Callsign,
		Altitude: int(pilot.Altitude), Heading: int(pilot.Heading),
		Speed: int(pilot.Groundspeed), GroundSpeed: int(pilot.Groundspeed),
		PositionLat: lat, PositionLng: lon, Lat: lat, Lon: lon,
		LastUpdated: utc(pilot.LastUpdated),
	}
	if pilot.Squawk != vatsim.NoSquawk {
		flight.Squawk = text(fmt.Sprintf("%04d", pilot.Squawk))
	}
	return flight
}

// plan fills what the flight shows of its plan and notes its airports. From one
// snapshot to the next nearly every plan is the same, so parsed ones are kept
// from view to view by their hash.
func (v *View) plan(flight *Flight, filed vatsim.Plan, previous *View, airports map[string]bool) {
	if len(filed) == 0 {
		return
	}
	hash := filed.Hash()
	fields, known := v.plans[hash]
	if !known && previous != nil {
		fields, known = previous.plans[hash]
	}
	if !known {
		fields = parsePlan(filed)
	}
	v.plans[hash] = fields
	flight.AircraftType, flight.Route = fields.aircraft, fields.route
	flight.Departure, flight.Arrival = fields.departure, fields.arrival
	for _, airport := range []*string{fields.departure, fields.arrival} {
		if airport != nil && isICAO(*airport) {
			airports[*airport] = true
		}
	}
}

// parsePlan returns nothing for a plan that cannot be read: ingest has counted
// it, and the flight is there all the same.
func parsePlan(filed vatsim.Plan) planFields {
	plan, err := filed.Parse()
	if err != nil {
		return planFields{}
	}
	aircraft := plan.AircraftShort
	if aircraft == "" {
		aircraft, _, _ = strings.Cut(plan.Aircraft, "/")
	}
	return planFields{
		aircraft: text(aircraft), route: text(plan.Route),
		departure: text(plan.Departure), arrival: text(plan.Arrival),
	}
}

// isICAO reports whether a filed text has the form of an airport's ICAO code
// and is not one of the two that stand for "none".
func isICAO(code string) bool {
	if len(code) != lettersOfAirport || code == noAirport || code == filedInTheAir {
		return false
	}
	for i := range len(code) {
		if code[i] < 'A' || code[i] > 'Z' {
			return false
		}
	}
	return true
}

// verticalSpeed returns the change of altitude between the client's last two
// reports, in feet per minute.
func verticalSpeed(view, previous *View, id int64) *int {
	if previous == nil {
		return nil
	}
	now := view.motion[id]
	before, known := previous.motion[id]
	step := now.at.Sub(before.at)
	if !known || step < time.Second || step > longestStep {
		return nil
	}
	rate := float64(now.altitude-before.altitude) / step.Minutes()
	if math.Abs(rate) > fastestVertical {
		return nil
	}
	rounded := int(math.Round(rate))
	return &rounded
}
