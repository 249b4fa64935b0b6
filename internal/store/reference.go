package store

import (
	"time"

	"github.com/skyledger/skyledger/internal/geo"
)

// VATSpy is the content of VAT-Spy's two files.
type VATSpy struct {
	FIRs       []FIR
	UIRs       []UIR
	Airports   []SpyAirport
	Boundaries []Boundary     // by id; an id may have several
	Skipped    map[string]int // lines and features left out, by section and reason
}

// FIR is a flight information region, or a sector of one, under one callsign
// prefix. An FIR with several prefixes has as many rows.
type FIR struct {
	ID             string // such as EGTT; a sector's has a hyphen
	Name           string
	CallsignPrefix string // such as LON of LON_S_CTR; "" when it is the id
	Boundary       string // id of its boundary
}

// UIR is an upper region: several FIRs under one callsign prefix.
type UIR struct {
	ID   string
	Name string
	FIRs []string
}

// SpyAirport is an airport as VAT-Spy has it. A pseudo airport is another name
// for one that has its own row.
type SpyAirport struct {
	ICAO      string
	Name      string
	Lat, Lon  float64
	LocalCode string // IATA or national; "" when none
	FIR       string
	Pseudo    bool
}

// Boundary is the outline of an FIR or of a sector.
type Boundary struct {
	ID                 string
	Oceanic            bool
	Region, Division   string  // VATSIM's
	LabelLat, LabelLon float64 // where a map writes the name; NaN when nowhere
	Shape              geo.MultiPolygon
	Box                geo.Box
}

// VATSpyVersion is one content of VAT-Spy's files.
type VATSpyVersion struct {
	Version    int32
	Hash       []byte // SHA-256 of both files
	Source     string // where it came from: a URL or a directory
	Commit     string // of VAT-Spy's repository; "" when not known
	Fetched    time.Time
	Since      time.Time // in force
	FIRs       int32     // rows of each kind
	UIRs       int32
	Airports   int32
	Boundaries int32
	Skipped    map[string]int
}

// AirportFIR says in which FIR an airport lies.
type AirportFIR struct{ ICAO, FIR string }

// ReferenceCheck is the last attempt to refresh the reference data.
type ReferenceCheck struct {
	At      time.Time
	Outcome string // "stored", "unchanged", "refused", "unavailable"
	Reason  string // why it was not stored; "" where that says it all
	Source  string
}
