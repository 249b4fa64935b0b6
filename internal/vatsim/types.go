package vatsim

import "time"

// Snapshot is one decoded network body. Rows are unique by (CID, Callsign)
// within their kind; what a body repeats is counted in Duplicates.
type Snapshot struct {
	UpdateTimestamp  time.Time // the snapshot's identity: UTC, cut to microseconds as PostgreSQL keeps it
	ConnectedClients int
	UniqueUsers      int

	Pilots      []Pilot
	Controllers []Controller // observers and supervisors included
	ATIS        []Controller
	Prefiles    []Prefile

	// Rejects counts the rows that are not in the slices above, by kind and
	// reason; every row of the body is in a slice, in Rejects or in Duplicates.
	Rejects []RejectCount
	// Duplicates counts rows dropped because a better row of the same
	// (CID, Callsign) exists, by kind.
	Duplicates map[Kind]int
	// Drift counts what is new or odd and was accepted all the same: unknown
	// fields, unknown ratings or facilities, squawks that are not octal, plans
	// that cannot be read ("pilots.unknown_field.foo", "plan_malformed", …).
	Drift map[string]int
}

// Kind is the kind of connection a row describes.
type Kind int16

// The kinds of rows. The numbers are stored; never renumber them.
const (
	KindPilot      Kind = 1
	KindController Kind = 2
	KindATIS       Kind = 3
	KindPrefile    Kind = 4
)

// String returns the kind's name as the ledger shows it.
func (k Kind) String() string {
	switch k {
	case KindPilot:
		return "pilot"
	case KindController:
		return "controller"
	case KindATIS:
		return "atis"
	case KindPrefile:
		return "prefile"
	default:
		return "unknown"
	}
}

// RejectCount says how many rows of a kind were refused for one reason.
type RejectCount struct {
	Kind   Kind   `json:"kind"`
	Reason string `json:"reason"` // "latitude_range", "cid_type", "system_callsign", …
	Count  int    `json:"count"`
}

// NoSquawk is the Squawk of a pilot whose transponder is not four octal digits.
const NoSquawk = int16(-1)

// Pilot is one pilot's connection at one snapshot.
type Pilot struct {
	CID            int32
	Callsign       string
	Name           string // personal data: for the live view alone
	Server         string
	PilotRating    int16
	MilitaryRating int16
	Latitude       int32 // 1e-5 degrees, north positive
	Longitude      int32 // 1e-5 degrees, east positive
	Altitude       int32 // feet above mean sea level
	Groundspeed    int16 // knots
	Heading        int16 // degrees, 0–359
	Squawk         int16 // the four octal digits read as a decimal number (7700 is 7700), or NoSquawk
	QNHMillibar    int16
	LogonTime      time.Time // UTC, cut to microseconds
	LastUpdated    time.Time
	Plan           Plan // empty when the pilot has filed none
}

// Controller is one controller's, observer's or ATIS station's connection.
type Controller struct {
	CID         int32
	Callsign    string
	Name        string // personal data: for the live view alone
	Server      string
	Frequency   int32 // kHz; 0 when not set (the feed's 199.998)
	Facility    int16
	Rating      int16
	VisualRange int32  // nautical miles
	ATISCode    string // ATIS only; "" when the feed has none
	Text        []string
	LogonTime   time.Time
	LastUpdated time.Time
}

// Prefile is a plan filed by somebody who is not connected under its callsign.
type Prefile struct {
	CID         int32
	Callsign    string
	Name        string // personal data: for the live view alone
	LastUpdated time.Time
	Plan        Plan
}

// Plan is a flight plan as the feed's JSON object, parsed only when somebody
// asks: from one snapshot to the next nearly every plan is the same. It refers
// to the body it was decoded from; Clone it to keep it. Empty means none filed.
type Plan []byte

// FlightPlan is a parsed plan. Texts are as filed, cleaned of NUL and invalid
// UTF-8; a key the feed did not send is the zero value.
type FlightPlan struct {
	FlightRules         string
	Aircraft            string // ICAO type with equipment
	AircraftFAA         string
	AircraftShort       string
	Departure           string
	Arrival             string
	Alternate           string
	CruiseTAS           string
	Altitude            string
	Deptime             string
	EnrouteTime         string
	FuelTime            string
	Remarks             string
	Route               string
	RevisionID          int32
	AssignedTransponder string // "" when none ("0000" in the feed)
}

// Station is one callsign's radios from the transceivers feed.
type Station struct {
	Callsign     string
	Transceivers []Transceiver
}

// Transceiver is one radio.
type Transceiver struct {
	ID        int32
	Frequency int32 // kHz, rounded
	Latitude  int32 // 1e-5 degrees
	Longitude int32 // 1e-5 degrees
	HeightMSL int32 // metres above mean sea level
	HeightAGL int32 // metres above ground
}
