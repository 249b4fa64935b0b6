package atc

import (
	"cmp"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/skyledger/skyledger/internal/fault"
	"github.com/skyledger/skyledger/internal/reference"
	"github.com/skyledger/skyledger/internal/store"
	"github.com/skyledger/skyledger/internal/workload"
)

// stateFormat changes whenever a saved state can no longer be read, or would
// mean something else.
const stateFormat = 1

// state is a whole tracker, in an order of its own.
type state struct {
	Format   int
	At       time.Time
	Version  int32
	Heard    time.Time
	Hour     time.Time
	Seen     int64
	Staff    []store.Staffing
	Duties   []dutyState
	Radios   []radioState
	Planes   []planeState
	Contacts []contactState
}

type dutyState struct {
	store.Duty
	Post     reference.Post
	Newest   time.Time // logon of the newest connection
	Last     time.Time
	Heard    bool
	Sum      store.Handled
	Entries  workload.Window
	Handoffs workload.Window
}

type radioState struct {
	Callsign string `json:"s"`
	radio
}

type planeState struct {
	CID       int32     `json:"c"`
	Callsign  string    `json:"s"`
	Flight    int64     `json:"f"`
	Latitude  int32     `json:"y"`
	Longitude int32     `json:"x"`
	Altitude  int32     `json:"a"`
	Speed     int16     `json:"g"`
	Rate      int16     `json:"r"`
	Airborne  bool      `json:"u"`
	Left      int64     `json:"l,omitzero"`
	LeftAt    time.Time `json:"t,omitzero"`
}

type contactState struct {
	Duty      int64     `json:"d"`
	CID       int32     `json:"c"`
	Callsign  string    `json:"s"`
	Flight    int64     `json:"f"`
	Frequency int32     `json:"q"`
	Since     time.Time `json:"b"`
	Last      time.Time `json:"l,omitzero"` // zero unless it is parting
	Decided   time.Time `json:"t"`
}

// Save returns the whole state. Equal trackers save equal bytes.
func (t *Tracker) Save() ([]byte, error) {
	s := state{Format: stateFormat, At: t.at, Version: t.version, Heard: t.heard, Hour: t.hour, Seen: t.seen}
	for _, row := range t.staff {
		s.Staff = append(s.Staff, *row)
	}
	for _, d := range t.duties {
		s.Duties = append(s.Duties, dutyState{d.row(), d.post, d.logon, d.last, d.heard, d.handled, d.entries, d.handoffs})
		for _, c := range d.contacts {
			s.Contacts = append(s.Contacts, c.state())
		}
	}
	for _, c := range t.parting {
		s.Contacts = append(s.Contacts, c.state())
	}
	for callsign, r := range t.radios {
		s.Radios = append(s.Radios, radioState{callsign, radio{Tuned: r.Tuned, Placed: r.Placed, Latitude: r.Latitude, Longitude: r.Longitude}})
	}
	for _, p := range t.planes {
		s.Planes = append(s.Planes, planeState{p.CID, p.Callsign, p.flight, p.lat, p.lon, p.altitude, p.speed, p.rate, p.airborne, p.left, p.leftAt})
	}
	slices.SortFunc(s.Staff, func(a, b store.Staffing) int { return strings.Compare(a.Callsign, b.Callsign) })
	slices.SortFunc(s.Duties, func(a, b dutyState) int { return cmp.Compare(a.ID, b.ID) })
	slices.SortFunc(s.Radios, func(a, b radioState) int { return strings.Compare(a.Callsign, b.Callsign) })
	slices.SortFunc(s.Planes, func(a, b planeState) int { return member{a.CID, a.Callsign}.compare(member{b.CID, b.Callsign}) })
	slices.SortFunc(s.Contacts, func(a, b contactState) int {
		return cmp.Or(cmp.Compare(a.Duty, b.Duty), member{a.CID, a.Callsign}.compare(member{b.CID, b.Callsign}), a.Since.Compare(b.Since))
	})
	saved, err := json.Marshal(s)
	if err != nil {
		return nil, fault.E("atc.Save", fault.Internal, "encode", err)
	}
	return saved, nil
}

func (c *contact) state() contactState {
	return contactState{c.duty, c.pilot.CID, c.pilot.Callsign, c.flight, c.frequency, c.since, c.last, c.decided}
}

// Load brings a tracker that has seen nothing to a saved state. What is none, or
// of another format, is a fault.Internal "state"; the tracker must be thrown
// away then.
func (t *Tracker) Load(saved []byte) error {
	const op = "atc.Load"
	var s state
	if err := json.Unmarshal(saved, &s); err != nil {
		return fault.E(op, fault.Internal, "state", err)
	}
	if s.Format != stateFormat {
		return fault.E(op, fault.Internal, "state_format", nil)
	}
	t.at, t.version, t.heard, t.hour, t.seen = s.At, s.Version, s.Heard, s.Hour, s.Seen
	for i := range s.Staff {
		t.staff[s.Staff[i].Callsign] = &s.Staff[i]
	}
	for i := range s.Radios {
		t.radios[s.Radios[i].Callsign] = &s.Radios[i].radio
	}
	for _, p := range s.Planes {
		plane := &aircraft{
			member: member{p.CID, p.Callsign}, flight: p.Flight, lat: p.Latitude, lon: p.Longitude,
			altitude: p.Altitude, speed: p.Speed, rate: p.Rate, airborne: p.Airborne, left: p.Left, leftAt: p.LeftAt,
		}
		t.planes[plane.member] = plane
		t.join(plane)
	}
	for _, row := range s.Duties {
		d := &duty{
			Duty: row.Duty, post: row.Post, logon: row.Newest, last: row.Last, heard: row.Heard, handled: row.Sum,
			entries: row.Entries, handoffs: row.Handoffs, kind: workload.Kind(row.Facility),
		}
		t.duties[member{d.CID, d.Callsign}] = d
		t.byID[d.ID] = d
		t.speak(d)
	}
	for _, row := range s.Contacts {
		if !t.restore(row) {
			return fault.E(op, fault.Internal, "state", nil)
		}
	}
	return nil
}

// restore puts a contact back; false when whom it is of is not there.
func (t *Tracker) restore(row contactState) bool {
	c := &contact{
		duty: row.Duty, pilot: member{row.CID, row.Callsign}, flight: row.Flight, frequency: row.Frequency,
		since: row.Since, last: row.Last, decided: row.Decided,
	}
	if !c.last.IsZero() {
		t.parting[parted{c.duty, c.pilot, c.flight}] = c
		return true
	}
	c.by, c.plane = t.byID[c.duty], t.planes[c.pilot]
	if c.by == nil || c.plane == nil {
		return false
	}
	c.by.contacts = append(c.by.contacts, c)
	c.plane.contacts = append(c.plane.contacts, c)
	return true
}
