package flight

import (
	"time"

	"github.com/skyledger/skyledger/internal/traffic"
)

// Phase is how far a flight is. The numbers are stored; never renumber them.
type Phase int16

// The phases of a flight.
const (
	Preflight Phase = 1
	TaxiOut   Phase = 2
	Departed  Phase = 3
	Climb     Phase = 4
	Cruise    Phase = 5
	Descent   Phase = 6
	Approach  Phase = 7
	Landed    Phase = 8
	TaxiIn    Phase = 9
	Arrived   Phase = 10
	Lost      Phase = 11 // gone in the air
)

// Ending says how a flight ended. The numbers are stored; never renumber them.
type Ending int16

// The endings of a flight.
const (
	Open           Ending = 0 // it goes on, or may
	Complete       Ending = 1 // landed, and left its seat or began another flight
	ProbablyLanded Ending = 2 // gone on descent within 2 NM and 1,000 ft of the filed arrival
	LostInFlight   Ending = 3 // gone in the air anywhere else
	NeverLeft      Ending = 4 // gone before take-off
)

// Flight is one flight as it is known. Times are zero, codes empty and
// distances negative while unknown.
type Flight struct {
	ID       int64 // derived from its first session and when it began: the same in every rebuild
	CID      int32
	Callsign string // of its newest session

	Began time.Time // first snapshot
	Ended time.Time // last snapshot; zero while Ending is Open
	Phase Phase
	Ending

	Filed     Filed     // the plan in force, or the last that was
	Departure string    // airport it took off from, or stands at; geometry's word
	Arrival   string    // airport it landed at
	OffBlock  time.Time // began to move
	Takeoff   time.Time
	Landing   time.Time
	OnBlock   time.Time // stands, after the landing

	// The distances run on between changes: a row has them as of its last one.
	DistanceNM float64 // flown, gaps as great circles
	DirectNM   float64 // great circle of what was flown: take-off, or where it appeared, to landing, or where it was last seen
	Teleports  int     // jumps that no aircraft can make

	Legs []Leg // by time
	Gaps []Gap // by time
}

// Filed is what a flight's plan says that matters here.
type Filed struct {
	Departure, Arrival, Alternate string // as filed, in capitals; "" when none
	Aircraft                      string // ICAO type; "" when none
	Rules                         string
	Deptime                       string // hhmm as filed
	Route                         string
}

// Leg is a part of a flight under one session.
type Leg struct {
	SessionID int64     // store.SessionID
	From, To  time.Time // of snapshots; To is zero while it goes on
}

// Gap is a part of a flight that nobody saw.
type Gap struct {
	From, To   time.Time // last sample before it and first after it
	DistanceNM float64   // great circle between them
	Airborne   bool      // before it
	Teleport   bool      // no aircraft covers the distance in the time
}

// Status is what a flight is doing in the scene just observed.
type Status struct {
	FlightID     int64
	Phase        Phase
	Airborne     bool
	VerticalRate int16 // feet a minute, from the last samples; 0 when there is one
}

// Changes is what one scene changes.
type Changes struct {
	Flights   []Flight // as they are now; those whose row changes, by id
	Movements []Moved  // by time
	Statuses  []Status // of the scene's pilots, in their order
}

// Moved is a movement with the flight that made it.
type Moved struct {
	FlightID int64
	traffic.Movement
}
