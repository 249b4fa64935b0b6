package atc

import (
	"cmp"
	"slices"
	"time"

	"github.com/skyledger/skyledger/internal/reference"
	"github.com/skyledger/skyledger/internal/store"
	"github.com/skyledger/skyledger/internal/vatsim"
	"github.com/skyledger/skyledger/internal/workload"
)

// duty is an open duty.
type duty struct {
	store.Duty
	post     reference.Post
	logon    time.Time // of the newest connection
	last     time.Time // last snapshot it was in
	heard    bool      // radios were known at some time
	handled  store.Handled
	entries  workload.Window
	handoffs workload.Window

	// What follows is made anew from the rest.
	kind     workload.Kind
	contacts []*contact
	tuned    int32 // frequency it is in the bands under; 0 when in none
	seen     uint64
	changed  uint64
}

// frequency returns the one in force, kHz; 0 when none was ever set.
func (d *duty) frequency() int32 {
	if len(d.Tuned) == 0 {
		return 0
	}
	return d.Tuned[len(d.Tuned)-1].Frequency
}

// row returns the duty as it is now, sharing nothing with it.
func (d *duty) row() store.Duty {
	row := d.Duty
	row.Tuned = slices.Clone(d.Tuned)
	if row.Handled != nil {
		handled := *row.Handled
		row.Handled = &handled
	}
	return row
}

// controllers moves the duties past a scene's controllers.
func (t *Tracker) controllers(rows []vatsim.Controller, held bool, at time.Time) {
	for i := range rows {
		row := &rows[i]
		kind, holds := Facility(row)
		if !holds {
			continue
		}
		key := member{row.CID, row.Callsign}
		d, open := t.duties[key]
		if open && !d.continues(row, at) {
			t.end(d)
			t.result.Duties = append(t.result.Duties, d.row())
			open = false
		}
		if !open {
			d = t.begin(row, kind, at)
			t.duties[key] = d
		}
		t.present(d, row, at)
	}
	for _, d := range t.duties {
		if d.seen != t.round && !held {
			t.absent(d, at)
		}
	}
}

// continues reports whether a row is the same duty. A connection that nobody saw
// go goes on however long nobody looked; a new one may be away until it logged
// on for no longer than Reconnect.
func (d *duty) continues(row *vatsim.Controller, at time.Time) bool {
	until := at
	if !row.LogonTime.Equal(d.logon) {
		if row.LogonTime.Before(at) {
			until = row.LogonTime
		}
	} else if d.Away.IsZero() {
		return true
	}
	return until.Sub(d.last) <= Reconnect
}

func (t *Tracker) begin(row *vatsim.Controller, kind workload.Kind, at time.Time) *duty {
	d := &duty{kind: kind, logon: row.LogonTime, changed: t.round}
	d.Duty = store.Duty{
		CID: row.CID, Callsign: row.Callsign, Facility: int16(kind), Rating: row.Rating,
		Logon: row.LogonTime, Began: at, Logons: 1, Decided: at,
	}
	d.ID = store.SessionID(store.SessionKey{Kind: vatsim.KindController, CID: row.CID, Callsign: row.Callsign, Logon: at})
	for t.byID[d.ID] != nil {
		d.ID++
	}
	t.byID[d.ID] = d
	t.place(d)
	return d
}

// place finds what the callsign stands for, and where its radios may be as long
// as they are not heard.
func (t *Tracker) place(d *duty) {
	post := t.airspace.Post(t.world, d.Callsign, d.kind == workload.Area || d.kind == workload.FlightService)
	if post != d.post {
		d.post, d.changed = post, t.round
	}
	d.Airport, d.FIR, d.Sector = post.Airport, post.FIR, post.Sector
	if d.Site.Source == store.SiteRadios {
		return
	}
	site := store.Site{}
	if post.Placed {
		site = store.Site{Source: store.SiteLabel, Latitude: hundredThousandths(post.Lat), Longitude: hundredThousandths(post.Lon)}
		if post.Airport != "" {
			site.Source = store.SiteAirport
		}
	}
	t.move(d, site)
}

// present moves a duty past a scene that shows it.
func (t *Tracker) present(d *duty, row *vatsim.Controller, at time.Time) {
	d.seen, d.last = t.round, at
	if !d.Away.IsZero() {
		d.Away, d.changed = time.Time{}, t.round
	}
	if !row.LogonTime.Equal(d.logon) {
		d.logon, d.changed = row.LogonTime, t.round
		d.Logons++
	}
	if row.Rating != d.Rating {
		d.Rating, d.changed = row.Rating, t.round
	}
	// Not set (199.998) is what the feed says for a tick or two after a logon.
	if row.Frequency != 0 && row.Frequency != d.frequency() {
		d.Tuned = append(d.Tuned, store.Tuned{Since: at, Frequency: row.Frequency})
		d.changed = t.round
	}
	if r := t.radios[d.Callsign]; r != nil && r.Placed {
		t.move(d, store.Site{Source: store.SiteRadios, Latitude: r.Latitude, Longitude: r.Longitude})
	}
	d.heard = d.heard || !t.heard.IsZero()
	t.speak(d)
}

func (t *Tracker) move(d *duty, site store.Site) {
	if site == d.Site {
		return
	}
	d.Site, d.changed = site, t.round
	t.disturb(d)
	t.speak(d)
}

// absent moves a duty past a scene that is believed and does not show it.
func (t *Tracker) absent(d *duty, at time.Time) {
	if at.Sub(d.last) > Reconnect {
		t.end(d)
	} else if d.Away.IsZero() {
		d.Away, d.changed = d.last, t.round
	}
	t.speak(d)
}

func (t *Tracker) end(d *duty) {
	d.Away, d.Ended, d.changed = time.Time{}, d.last, t.round
	if d.heard {
		d.Handled = &d.handled
	}
	delete(t.byID, d.ID)
	t.speak(d)
}

// refresh finds the callsigns' posts anew when the FIRs are others.
func (t *Tracker) refresh(airspace *reference.Airspace) {
	t.airspace = airspace
	version := int32(0)
	if airspace != nil {
		version = airspace.Version.Version
	}
	if version == t.version {
		return
	}
	t.version = version
	for _, d := range t.duties {
		t.place(d)
	}
}

// count notes the minute for every position that is staffed.
func (t *Tracker) count(held bool, at time.Time) {
	if held {
		return
	}
	minute := int64(1) << at.Minute()
	t.seen |= minute
	for _, d := range t.duties {
		if d.seen != t.round || d.frequency() == 0 {
			continue
		}
		row := t.staff[d.Callsign]
		if row == nil {
			row = &store.Staffing{Callsign: d.Callsign, Hour: t.hour}
			t.staff[d.Callsign] = row
		}
		row.Minutes |= minute
		row.Facility, row.Airport, row.FIR, row.Sector = d.Facility, d.Airport, d.FIR, d.Sector
	}
}

// turnHour gives out the hour that is over.
func (t *Tracker) turnHour(at time.Time) {
	hour := at.UTC().Truncate(time.Hour)
	if hour.Equal(t.hour) {
		return
	}
	for _, row := range t.staff {
		row.Decided = at
		t.result.Staffing = append(t.result.Staffing, *row)
	}
	if t.seen != 0 {
		t.result.Seen = []store.SeenHour{{Hour: t.hour, Minutes: t.seen, Decided: at}}
	}
	clear(t.staff)
	t.hour, t.seen = hour, 0
}

// weigh works out how busy everybody is who can be spoken to.
func (t *Tracker) weigh(at time.Time) {
	if t.heard.IsZero() {
		return
	}
	var open []*duty
	for _, d := range t.duties {
		if d.tuned != 0 {
			open = append(open, d)
		}
	}
	slices.SortFunc(open, func(a, b *duty) int { return cmp.Compare(a.ID, b.ID) })
	pairs := workload.Pairs(len(open), t.places(open))
	tick := &t.result.Tick
	tick.At = at
	for group, d := range open {
		figures := workload.Figures{Aircraft: len(d.contacts), Hourly: d.entries.Hourly(at), Handoffs: d.handoffs.Hourly(at), Pairs: pairs[group]}
		var speeds workload.Speeds
		for _, c := range d.contacts {
			speeds.Add(c.plane.speed)
			if c.plane.rate >= workload.VerticalRate || c.plane.rate <= -workload.VerticalRate {
				figures.Vertical++
			}
		}
		figures.Spread = speeds.Spread()
		index := workload.Index(d.kind, figures)
		d.handled.PeakAircraft = max(d.handled.PeakAircraft, int16(min(len(d.contacts), 1<<15-1)))
		d.handled.PeakWorkload = max(d.handled.PeakWorkload, index)
		tick.Duty = append(tick.Duty, d.ID)
		tick.Aircraft = append(tick.Aircraft, int16(min(len(d.contacts), 1<<15-1)))
		tick.Workload = append(tick.Workload, index)
	}
}

// places are the airborne aircraft that are spoken to, each with the groups it is
// in. On the ground everybody is close to somebody.
func (t *Tracker) places(open []*duty) []workload.Place {
	var places []workload.Place
	for group, d := range open {
		for _, c := range d.contacts {
			p := c.plane
			if !p.airborne {
				continue
			}
			if p.listed != t.round {
				p.listed, p.place = t.round, len(places)
				places = append(places, workload.Place{Latitude: p.lat, Longitude: p.lon, Altitude: p.altitude})
			}
			places[p.place].Groups = append(places[p.place].Groups, int32(group))
		}
	}
	return places
}
