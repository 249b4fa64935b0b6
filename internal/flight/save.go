package flight

import (
	"errors"
	"time"

	"github.com/skyledger/skyledger/internal/fault"
	"github.com/skyledger/skyledger/internal/packed"
)

// stateVersion is what a saved state begins with; another layout needs another.
const stateVersion = 1

var errNoLeg = errors.New("flight: a flight without a leg")

// Save returns the whole state: some 350 bytes an open flight, most of them its
// filed route.
func (t *Tracker) Save() ([]byte, error) {
	c := packed.Writer(make([]byte, 0, 400*len(t.open)))
	t.visit(c)
	return c.Bytes(), nil
}

// Load replaces the state by one that Save returned; afterwards everything goes
// on as if nothing had happened. The error is fault.Conflict "state_version" for
// a state of another program's version, and fault.Internal "state" for bytes
// that are none; then the Tracker has seen nothing.
func (t *Tracker) Load(state []byte) error {
	const op = "flight.Load"
	t.open, t.byCID, t.newest = nil, map[int32]*course{}, 0
	c := packed.Reader(state)
	if version := t.visit(c); c.Err() == nil && version != stateVersion {
		return fault.E(op, fault.Conflict, "state_version", nil)
	}
	if err := c.Err(); err != nil || len(c.Bytes()) != 0 {
		t.open, t.byCID, t.newest = nil, map[int32]*course{}, 0
		return fault.E(op, fault.Internal, "state", err)
	}
	return nil
}

// visit reads or writes everything, and returns the version.
func (t *Tracker) visit(c *packed.Coder) (version int) {
	version = stateVersion
	packed.Number(c, &version)
	if version != stateVersion {
		return version
	}
	packed.Number(c, &t.newest)
	t.fields.SaveLevels(c)
	length := c.Length(len(t.open))
	for i := range length {
		if !c.Reading() {
			t.visitCourse(c, t.open[i])
			continue
		}
		f := &course{}
		if t.visitCourse(c, f); c.Err() != nil {
			return version
		}
		t.link(f)
	}
	return version
}

func (t *Tracker) visitCourse(c *packed.Coder, f *course) {
	packed.Number(c, &f.ID)
	packed.Number(c, &f.CID)
	c.Text(&f.Callsign)
	moment(c, &f.Began)
	moment(c, &f.Ended)
	packed.Number(c, &f.Phase)
	packed.Number(c, &f.Ending)
	for _, text := range []*string{&f.Filed.Departure, &f.Filed.Arrival, &f.Filed.Alternate, &f.Filed.Aircraft, &f.Filed.Rules,
		&f.Filed.Deptime, &f.Filed.Route, &f.Departure, &f.Arrival} {
		c.Text(text)
	}
	for _, at := range []*time.Time{&f.OffBlock, &f.Takeoff, &f.Landing, &f.OnBlock} {
		moment(c, at)
	}
	c.Float(&f.DistanceNM)
	c.Float(&f.DirectNM)
	packed.Number(c, &f.Teleports)
	packed.List(c, &f.Legs, func(leg *Leg) {
		packed.Number(c, &leg.SessionID)
		moment(c, &leg.From)
		moment(c, &leg.To)
	})
	packed.List(c, &f.Gaps, func(gap *Gap) {
		moment(c, &gap.From)
		moment(c, &gap.To)
		c.Float(&gap.DistanceNM)
		c.Truth(&gap.Airborne)
		c.Truth(&gap.Teleport)
	})
	c.Float(&f.told.distanceNM)
	c.Float(&f.told.directNM)
	moment(c, &f.told.to)
	for _, number := range []*int64{&f.logon, &f.shadowed, &f.plan, &f.seen, &f.standing, &f.stood, &f.level} {
		packed.Number(c, number)
	}
	c.Text(&f.shadow)
	c.Truth(&f.missed)
	c.Truth(&f.moved)
	for _, number := range []*int32{&f.standLat, &f.standLon, &f.fromLat, &f.fromLon, &f.top, &f.cruise} {
		packed.Number(c, number)
	}
	t.fields.Save(c, &f.track)
	if c.Reading() && c.Err() == nil && len(f.Legs) == 0 {
		c.Fail(errNoLeg)
	}
}

// moment visits a time in whole microseconds; the zero time is kept as such.
func moment(c *packed.Coder, at *time.Time) {
	micros := int64(0)
	if !at.IsZero() {
		micros = at.UnixMicro()
	}
	packed.Number(c, &micros)
	if c.Reading() && micros != 0 {
		*at = time.UnixMicro(micros).UTC()
	}
}
