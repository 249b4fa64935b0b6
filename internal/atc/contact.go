package atc

import (
	"cmp"
	"slices"
	"time"

	"github.com/skyledger/skyledger/internal/flight"
	"github.com/skyledger/skyledger/internal/geo"
	"github.com/skyledger/skyledger/internal/store"
	"github.com/skyledger/skyledger/internal/vatsim"
)

// aircraft is one pilot as last seen.
type aircraft struct {
	member
	flight   int64
	lat, lon int32
	altitude int32
	speed    int16
	rate     int16
	airborne bool
	left     int64 // duty whose frequency it left last; 0 when none
	leftAt   time.Time

	radio    *radio
	contacts []*contact
	seen     uint64
	stirred  uint64 // round in which its contacts may differ
	listed   uint64
	place    int
}

// contact is one that is open: of a duty that speaks to the aircraft now, or
// parting since last.
type contact struct {
	duty      int64
	by        *duty // nil while parting
	pilot     member
	plane     *aircraft // nil while parting
	flight    int64
	frequency int32
	since     time.Time
	last      time.Time // last snapshot, while parting
	decided   time.Time
}

// parted names a contact that has not long been over.
type parted struct {
	duty   int64
	pilot  member
	flight int64
}

func (c *contact) row() store.Contact {
	return store.Contact{
		DutyID: c.duty, CID: c.pilot.CID, Callsign: c.pilot.Callsign, FlightID: c.flight,
		Frequency: c.frequency, Since: c.since, Decided: c.decided,
	}
}

// over gives out the row of a contact that has ended for good.
func (t *Tracker) over(c *contact, last time.Time) {
	row := c.row()
	row.Until = last
	t.result.Contacts = append(t.result.Contacts, row)
}

// partForGood ends the contacts that have been over for too long to come back,
// and all of them when nobody saw what was since the last scene.
func (t *Tracker) partForGood(at time.Time) {
	blind := !t.at.IsZero() && at.Sub(t.at) > Unseen
	for key, c := range t.parting {
		if blind || at.Sub(c.last) > Linger {
			t.over(c, c.last)
			delete(t.parting, key)
		}
	}
	if !blind {
		return
	}
	for _, d := range t.duties {
		for _, c := range d.contacts {
			t.over(c, t.at)
		}
		d.contacts = nil
	}
	for _, p := range t.planes {
		p.contacts, p.left, p.leftAt = nil, 0, time.Time{}
		t.stir(p)
	}
}

// pilots moves the aircraft past a scene's pilots.
func (t *Tracker) pilots(rows []vatsim.Pilot, statuses []flight.Status, held bool, at time.Time) {
	for i := range rows {
		row := &rows[i]
		key := member{row.CID, row.Callsign}
		p := t.planes[key]
		if p == nil {
			p = &aircraft{member: key}
			t.planes[key] = p
			t.join(p)
			t.stir(p)
		}
		status := flight.Status{}
		if i < len(statuses) {
			status = statuses[i]
		}
		if row.Latitude != p.lat || row.Longitude != p.lon || status.FlightID != p.flight {
			p.lat, p.lon, p.flight = row.Latitude, row.Longitude, status.FlightID
			if len(p.radio.Tuned) > 0 {
				t.stir(p)
			}
		}
		p.altitude, p.speed, p.seen = row.Altitude, row.Groundspeed, t.round
		p.rate, p.airborne = status.VerticalRate, status.Airborne
	}
	if held || len(rows) == len(t.planes) { // rows are unique: with as many nobody is gone
		return
	}
	for key, p := range t.planes {
		if p.seen != t.round {
			delete(t.planes, key)
			for len(p.contacts) > 0 {
				t.part(p.contacts[0], at)
			}
			t.leave(p)
		}
	}
}

// stir notes that an aircraft's contacts may differ.
func (t *Tracker) stir(p *aircraft) {
	if p.stirred != t.round {
		p.stirred = t.round
		t.moved = append(t.moved, p)
	}
}

// disturb stirs everybody who can hear a duty.
func (t *Tracker) disturb(d *duty) {
	if d.tuned == 0 {
		return
	}
	for frequency := d.tuned - Tolerance; frequency <= d.tuned+Tolerance; frequency++ {
		for _, p := range t.tuned[frequency] {
			t.stir(p)
		}
	}
	for _, c := range d.contacts {
		t.stir(c.plane)
	}
}

// speak puts a duty into the band of its frequency, and takes it out of another,
// when it is there, has one and stands somewhere.
func (t *Tracker) speak(d *duty) {
	frequency := d.frequency()
	if !d.Ended.IsZero() || !d.Away.IsZero() || frequency == Unicom || d.Site.Source == store.SiteUnknown {
		frequency = 0
	}
	if frequency == d.tuned {
		return
	}
	t.disturb(d)
	if d.tuned != 0 {
		removeFrom(t.bands, bandOf(d.tuned), d)
	}
	if d.tuned = frequency; frequency != 0 {
		t.bands[bandOf(frequency)] = append(t.bands[bandOf(frequency)], d)
	}
	t.disturb(d)
}

// bandOf groups frequencies, so that few lookups find all that are close.
func bandOf(frequency int32) int32 { return frequency >> 4 }

func removeFrom[K, V comparable](lists map[K][]V, key K, value V) {
	list := lists[key]
	if at := slices.Index(list, value); at >= 0 {
		list[at] = list[len(list)-1]
		list = list[:len(list)-1]
	}
	if len(list) == 0 {
		delete(lists, key)
		return
	}
	lists[key] = list
}

// heardBy appends to found who speaks to an aircraft, and on which of its
// frequencies, each once.
func (t *Tracker) heardBy(found []heard, p *aircraft) []heard {
	for _, frequency := range p.radio.Tuned {
		for band := bandOf(frequency - Tolerance); band <= bandOf(frequency+Tolerance); band++ {
			for _, d := range t.bands[band] {
				apart := d.tuned - frequency
				if apart > Tolerance || apart < -Tolerance || slices.ContainsFunc(found, func(h heard) bool { return h.duty == d }) {
					continue
				}
				if geo.Within(RangeMiles(d.kind), degrees(p.lat), degrees(p.lon), degrees(d.Site.Latitude), degrees(d.Site.Longitude)) {
					found = append(found, heard{d, frequency})
				}
			}
		}
	}
	return found
}

type heard struct {
	duty      *duty
	frequency int32
}

// meet brings the contacts of the aircraft that were stirred up to date.
func (t *Tracker) meet(at time.Time) {
	var room [8]heard
	for _, p := range t.moved {
		if t.planes[p.member] != p {
			continue
		}
		now := t.heardBy(room[:0], p)
		for i := len(p.contacts) - 1; i >= 0; i-- {
			c := p.contacts[i]
			if c.flight != p.flight || !slices.ContainsFunc(now, func(h heard) bool { return h.duty == c.by }) {
				t.part(c, at)
			}
		}
		slices.SortFunc(now, func(a, b heard) int { return cmp.Compare(a.duty.ID, b.duty.ID) })
		for _, h := range now {
			if !slices.ContainsFunc(p.contacts, func(c *contact) bool { return c.by == h.duty }) {
				t.greet(p, h, at)
			}
		}
	}
}

// greet opens a contact, or goes on with one that has not long been over.
func (t *Tracker) greet(p *aircraft, h heard, at time.Time) {
	key := parted{h.duty.ID, p.member, p.flight}
	c, again := t.parting[key]
	if again {
		delete(t.parting, key)
	} else {
		c = &contact{duty: h.duty.ID, pilot: p.member, flight: p.flight, frequency: h.frequency, since: at, decided: at}
		t.result.Contacts = append(t.result.Contacts, c.row())
		h.duty.handled.Aircraft++
		h.duty.entries.Add(at, 1)
		t.handOff(p, h.duty, at)
	}
	c.by, c.plane, c.last = h.duty, p, time.Time{}
	h.duty.contacts = append(h.duty.contacts, c)
	p.contacts = append(p.contacts, c)
}

// handOff counts a handoff for both controllers when an aircraft comes from
// another's frequency, which it left not longer ago than somebody may be away.
func (t *Tracker) handOff(p *aircraft, to *duty, at time.Time) {
	from := p.left
	if at.Sub(p.leftAt) > Reconnect {
		from = 0
	}
	for _, c := range p.contacts {
		if from == 0 || from == to.ID || c.duty < from {
			from = c.duty
		}
	}
	if from == 0 || from == to.ID {
		return
	}
	to.handoffs.Add(at, 1)
	if d := t.byID[from]; d != nil {
		d.handoffs.Add(at, 1)
	}
}

// part ends a contact: for now, or for good when nobody looked for long enough.
func (t *Tracker) part(c *contact, at time.Time) {
	removeOne(&c.by.contacts, c)
	removeOne(&c.plane.contacts, c)
	if p := c.plane; !p.leftAt.Equal(t.at) || c.duty < p.left { // of several at once the least
		p.left, p.leftAt = c.duty, t.at
	}
	c.last, c.by, c.plane = t.at, nil, nil
	if at.Sub(t.at) > Linger {
		t.over(c, t.at)
		return
	}
	t.parting[parted{c.duty, c.pilot, c.flight}] = c
}

func removeOne[V comparable](list *[]V, value V) {
	if at := slices.Index(*list, value); at >= 0 {
		*list = slices.Delete(*list, at, at+1)
	}
}

func degrees(hundredThousandths int32) float64 { return float64(hundredThousandths) / 1e5 }
