package atc

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/skyledger/skyledger/internal/flight"
	"github.com/skyledger/skyledger/internal/reference"
	"github.com/skyledger/skyledger/internal/scene"
	"github.com/skyledger/skyledger/internal/store"
)

const (
	// Reconnect is how long somebody may be away and still be on the same duty.
	Reconnect = 5 * time.Minute
	// Unseen is how long the recorder may see nothing and a contact still be the
	// same: beyond it nobody knows what was in between. It is also how long
	// radios stay as they were while none come.
	Unseen = 5 * time.Minute
	// Linger is how long an aircraft that is seen off the frequency or out of
	// range may be so and the contact still be the same: what a reconnect of the
	// radios takes, and a few reports at the edge of the range.
	Linger = time.Minute
)

// Tracker follows controllers from scene to scene. Not safe for concurrent use.
type Tracker struct {
	world    *reference.World
	airspace *reference.Airspace // of the newest scene; nil while there are no FIRs
	version  int32               // of the FIRs that the posts are from
	at       time.Time           // of the newest scene
	round    uint64

	duties  map[member]*duty
	byID    map[int64]*duty   // the same by id
	bands   map[int32][]*duty // those that can be spoken to, by bandOf their frequency
	radios  map[string]*radio // by callsign
	heard   time.Time         // when radios came last; zero while nobody's are known
	planes  map[member]*aircraft
	tuned   map[int32][]*aircraft // by frequency
	parting map[parted]*contact

	hour   time.Time // whose minutes are counted
	seen   int64     // its minutes with a snapshot
	staff  map[string]*store.Staffing
	moved  []*aircraft // of this round: whose contacts may differ
	result store.ControllerChanges
}

// member is somebody under one callsign: unique within a scene.
type member struct {
	CID      int32
	Callsign string
}

func (m member) compare(other member) int {
	return cmp.Or(cmp.Compare(m.CID, other.CID), strings.Compare(m.Callsign, other.Callsign))
}

// New returns a tracker that has seen nothing. The world places callsigns.
func New(world *reference.World) *Tracker {
	return &Tracker{
		world: world, duties: map[member]*duty{}, byID: map[int64]*duty{}, bands: map[int32][]*duty{}, radios: map[string]*radio{},
		planes: map[member]*aircraft{}, tuned: map[int32][]*aircraft{}, parting: map[parted]*contact{}, staff: map[string]*store.Staffing{},
	}
}

// Observe moves the tracker past a scene, which is newer than any before, and
// returns what it changes. pilots are the statuses of the scene's pilots, in
// their order. airspace are the FIRs in force at the scene, nil when there are
// none: then callsigns stand for airports alone. When they are refreshed, what
// the callsigns of open duties stand for is found anew and their rows change;
// those that have ended stay as they were.
func (t *Tracker) Observe(s scene.Scene, pilots []flight.Status, airspace *reference.Airspace) store.ControllerChanges {
	t.round++
	t.moved, t.result = nil, store.ControllerChanges{}
	at := s.UpdateTimestamp
	t.turnHour(at)
	t.follow(s, pilots, airspace, at)
	t.count(s.Held, at)
	t.weigh(at)
	t.collect(at)
	t.at = at
	return t.result
}

// follow brings duties and contacts to a scene.
func (t *Tracker) follow(s scene.Scene, pilots []flight.Status, airspace *reference.Airspace, at time.Time) {
	t.partForGood(at)
	t.hear(s.Stations, at)
	t.refresh(airspace)
	t.controllers(s.Controllers, s.Held, at)
	t.pilots(s.Pilots, pilots, s.Held, at)
	t.meet(at)
}

// Open returns the rows that may still change, as they are now.
func (t *Tracker) Open() store.ControllerChanges {
	var open store.ControllerChanges
	for _, d := range t.duties {
		open.Duties = append(open.Duties, d.row())
		for _, c := range d.contacts {
			open.Contacts = append(open.Contacts, c.row())
		}
	}
	for _, c := range t.parting {
		open.Contacts = append(open.Contacts, c.row())
	}
	order(&open)
	return open
}

// collect adds the rows of duties that changed.
func (t *Tracker) collect(at time.Time) {
	for key, d := range t.duties {
		if !d.Ended.IsZero() {
			delete(t.duties, key)
			delete(t.byID, d.ID)
		}
		if d.changed == t.round {
			if d.Decided.IsZero() {
				d.Decided = at
			}
			t.result.Duties = append(t.result.Duties, d.row())
		}
	}
	order(&t.result)
}

func order(changes *store.ControllerChanges) {
	slices.SortFunc(changes.Duties, func(a, b store.Duty) int { return cmp.Compare(a.ID, b.ID) })
	slices.SortFunc(changes.Contacts, func(a, b store.Contact) int {
		return cmp.Or(cmp.Compare(a.DutyID, b.DutyID), cmp.Compare(a.CID, b.CID),
			strings.Compare(a.Callsign, b.Callsign), a.Since.Compare(b.Since))
	})
	slices.SortFunc(changes.Staffing, func(a, b store.Staffing) int { return strings.Compare(a.Callsign, b.Callsign) })
}
