package store

import "time"

// Duty is one member's time at one controller's position, across short
// reconnects. It is open while Ended is zero; closed it never changes.
type Duty struct {
	ID       int64 // derived from member, callsign and Began: the same in every rebuild
	CID      int32
	Callsign string
	Facility int16  // 1 FSS, 2 DEL, 3 GND, 4 TWR, 5 APP, 6 CTR
	Rating   int16  // of the newest connection
	Airport  string // ICAO; "" for a position that serves none in particular
	FIR      string // whole FIR or upper region; "" when not known
	Sector   string // the part of the FIR it has; "" for all of it

	Logon  time.Time // of the first connection
	Began  time.Time // first snapshot
	Away   time.Time // last snapshot, while it may come back; zero else
	Ended  time.Time // last snapshot; zero while open
	Logons int16     // connections it is made of

	Tuned   []Tuned // frequencies, by time
	Site    Site    // where the radios stand, or what stands for it
	Handled *Handled
	Decided time.Time // snapshot whose transaction wrote the row first
}

// Tuned is a frequency from a snapshot on. "Not set" is none.
type Tuned struct {
	Since     time.Time
	Frequency int32 // kHz
}

// SiteSource says how a place is known. The numbers are stored.
type SiteSource int16

// The sources of places.
const (
	SiteUnknown SiteSource = 0
	SiteRadios  SiteSource = 1 // the first of its radios
	SiteAirport SiteSource = 2 // the airport of the callsign
	SiteLabel   SiteSource = 3 // where a map writes the FIR's name
)

// Site is where a controller's radios stand.
type Site struct {
	Source              SiteSource
	Latitude, Longitude int32 // 1e-5 degrees; 0 when unknown
}

// Handled sums up a duty that has ended, as far as radios were known.
type Handled struct {
	Aircraft     int32 // contacts, by flight
	PeakAircraft int16 // at once
	PeakWorkload int16 // workload.Index
}

// Contact is one aircraft on one controller's frequency and in range. It is
// open while Until is zero.
type Contact struct {
	DutyID    int64
	CID       int32 // the pilot's
	Callsign  string
	FlightID  int64
	Frequency int32     // the pilot's, kHz
	Since     time.Time // first snapshot
	Until     time.Time // last snapshot
	Decided   time.Time
}

// DutyTick is how busy the controllers of a snapshot were, column by column, by
// duty. There is none while nobody's radios are known.
type DutyTick struct {
	At       time.Time
	Duty     []int64
	Aircraft []int16
	Workload []int16
}

// Staffing says in which minutes of an hour a callsign was staffed.
type Staffing struct {
	Callsign string
	Hour     time.Time
	Facility int16
	Airport  string // as Duty's, at its last snapshot of the hour
	FIR      string
	Sector   string
	Minutes  int64 // bit m for minute m; of those with a snapshot
	Decided  time.Time
}

// SeenHour says which minutes of an hour had a snapshot that was believed: only
// in these can anybody be known to have been away.
type SeenHour struct {
	Hour    time.Time
	Minutes int64
	Decided time.Time
}

// ControllerChanges is what one snapshot changes of controllers: rows as they
// are now.
type ControllerChanges struct {
	Duties   []Duty     // by id
	Contacts []Contact  // by duty, pilot and Since
	Tick     DutyTick   // without rows when nothing is known
	Staffing []Staffing // of the hour that ended, by callsign
	Seen     []SeenHour
}
