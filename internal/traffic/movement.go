package traffic

import "time"

// Kind is the kind of a movement. The numbers are stored; never renumber them.
type Kind int16

// The kinds of movements.
const (
	Departure  Kind = 1
	Arrival    Kind = 2
	GoAround   Kind = 3
	TouchAndGo Kind = 4
	Diversion  Kind = 5 // beside its Arrival: elsewhere than the plan in force in flight said
)

// Sample is one report of an aircraft.
type Sample struct {
	At          time.Time
	Latitude    int32 // 1e-5 degrees, north positive
	Longitude   int32 // 1e-5 degrees, east positive
	Altitude    int32 // feet above mean sea level
	Groundspeed int16 // knots
	Heading     int16 // degrees
}

// Movement is one thing an aircraft did at an airport, with what proves it.
type Movement struct {
	Kind       Kind
	At         time.Time     // midpoint of the samples that bracket it
	Error      time.Duration // half the time between those samples: the truth lies within it
	Airport    string        // ICAO; of a diversion, where it landed; "" off every airport in the data, with a confidence of 0.4 at most
	Runway     string        // "" when not known: a helipad, or a field without runways in the data
	Planned    string        // filed arrival in force in flight; of arrivals and diversions, "" when none
	Confidence float64       // 0 to 1, from sample density, distance, alignment and elevation
	Evidence   []Sample      // the three to five samples around it, by time; fewer when no more were seen
}
