package store

import (
	"time"

	"github.com/skyledger/skyledger/internal/vatsim"
)

// Head is the newest projected snapshot and the version that fences writers:
// every commit expects the version it read and moves it by one, so a writer
// that was frozen, or that lost a race, is refused with a fault.Conflict.
type Head struct {
	Version    int64
	Snapshot   time.Time // zero when nothing is projected yet
	Tick       time.Time // newest tick in the ledger; zero when none
	HeldSince  time.Time // newest accepted snapshot before the current run of suspicious ones; zero when none are held
	HeldCount  int       // suspicious snapshots in that run
	PilotCount int       // pilots in the newest accepted snapshot
}

// SessionKey identifies a session: one connection of one member.
// Prefiles have no logon: theirs is the zero time.
type SessionKey struct {
	Kind     vatsim.Kind
	CID      int32
	Callsign string
	Logon    time.Time
}

// OpenSession is what the projector must know of a session that is open.
type OpenSession struct {
	ID          int64
	Key         SessionKey
	AbsentSince time.Time // last snapshot it was seen in, while a suspicious run hides it; zero when present
	PlanHash    int64     // of the plan in force; 0 when none was ever filed
	Frequency   int32     // kHz; 0 when none was ever set
	ATISHash    int64     // of the ATIS in force
	ATISCode    string
	StationHash int64 // of the position in force; 0 when unknown
}

// State is everything a projector needs to continue: the head and what is open.
type State struct {
	Head Head
	Open []OpenSession
}

// Changes is what one snapshot changes, computed by internal/projection and
// committed as a whole by Commit.
type Changes struct {
	ExpectedVersion int64
	Snapshot        SnapshotRow
	Tick            TickRow   // the ledger row of this snapshot's tick
	MissingTicks    []TickRow // ledger rows for ticks between the newest and this one

	Head Head // the head as it is after this snapshot; Version is ExpectedVersion+1

	Opened   []OpenedSession   // sessions never seen before, or seen before and closed (they reopen and get a gap)
	Closed   []ClosedSession   // sessions whose last snapshot is known
	Hidden   []ClosedSession   // sessions that a suspicious snapshot hides: At is when they were last seen
	Returned []ReturnedSession // hidden sessions that are seen again

	Plans       []PlanRevision
	Frequencies []FrequencyRevision
	ATIS        []ATISRevision
	Stations    []StationRevision

	Positions Frame
}

// SnapshotRow is the ledger's record of one snapshot.
type SnapshotRow struct {
	At          time.Time // update_timestamp
	Received    time.Time
	Bytes       int
	Hash        []byte // SHA-256 of the body
	Clients     int    // connected_clients as the feed says
	UniqueUsers int
	Pilots      int // rows stored, by kind
	Controllers int
	ATIS        int
	Prefiles    int
	Rejected    map[string]int // "pilot.latitude_range" → rows
	Duplicates  map[string]int // "pilot" → rows
	Drift       map[string]int
	Suspicious  bool // held: far fewer pilots than before
}

// Outcome says what became of a tick.
type Outcome string

// The outcomes of a tick.
const (
	Received  Outcome = "received"  // a snapshot never seen before
	Unchanged Outcome = "unchanged" // 304, or the snapshot we have already
	Late      Outcome = "late"      // a snapshot older than the newest one
	Missing   Outcome = "missing"   // nothing came; the reason says why
	Malformed Outcome = "malformed" // what came was no snapshot
)

// TickRow is the ledger's row for one 15-second tick.
type TickRow struct {
	Tick     time.Time // start of the tick, a multiple of 15 s
	Outcome  Outcome
	Reason   string    // "not_modified", "same_snapshot", "http_503", "timeout", "not_run", "suspicious", … or ""
	Snapshot time.Time // update_timestamp that this tick brought or confirmed; zero when none
	Received time.Time // when the answer had arrived; zero when none came
	Bytes    int       // of the body; 0 when none
	Hash     []byte    // SHA-256 of the body; nil when none
}

// OpenedSession is a session's row as first seen. For one that exists already,
// closed, Commit reopens it and records the gap since it was last seen.
type OpenedSession struct {
	ID             int64
	Key            SessionKey
	FirstSeen      time.Time
	Server         string
	Facility       int16 // controllers and ATIS
	Rating         int16 // controllers and ATIS
	VisualRange    int32 // controllers and ATIS, nautical miles
	PilotRating    int16 // pilots
	MilitaryRating int16 // pilots
}

// ClosedSession says when an open session was last seen.
type ClosedSession struct {
	ID int64
	At time.Time
}

// ReturnedSession is a hidden session seen again at Until after Since.
type ReturnedSession struct {
	ID    int64
	Since time.Time // last snapshot it was seen in before
	Until time.Time // snapshot it is seen in again
}

// PlanRevision is a plan from the snapshot Since on.
type PlanRevision struct {
	SessionID int64
	Since     time.Time
	Hash      int64
	Plan      vatsim.FlightPlan
}

// FrequencyRevision is a controller's frequency from Since on; "not set" is
// never recorded.
type FrequencyRevision struct {
	SessionID int64
	Since     time.Time
	Frequency int32 // kHz
}

// ATISRevision is an ATIS text from Since on.
type ATISRevision struct {
	SessionID int64
	Since     time.Time
	Hash      int64
	Code      string // "" when the station never sent one
	Text      string // lines joined by \n
}

// StationRevision is where a controller's radios stand from Since on.
type StationRevision struct {
	SessionID int64
	Since     time.Time
	Hash      int64
	Latitude  int32 // 1e-5 degrees
	Longitude int32
	HeightMSL int32 // metres
}

// Frame is the positions of one snapshot, column by column; index i of each is
// one pilot. Rows are ordered by session id.
type Frame struct {
	SessionID   []int64
	Latitude    []int32 // 1e-5 degrees
	Longitude   []int32
	Altitude    []int32 // feet
	Groundspeed []int16 // knots
	Heading     []int16 // degrees
	Squawk      []int16 // four octal digits as a decimal number, −1 unknown
}
