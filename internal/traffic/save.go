package traffic

import (
	"errors"
	"maps"
	"slices"

	"github.com/skyledger/skyledger/internal/packed"
)

var errTrack = errors.New("traffic: more fixes than a track has")

// Save visits a track: airports by code, so that a track outlives the reference
// data it was made with. An airport that is no more is none.
func (f *Fields) Save(c *packed.Coder, t *Track) {
	packed.Number(c, &t.n)
	if t.n < 0 || t.n > remembered {
		c.Fail(errTrack)
		t.n = 0
		return
	}
	var before fix
	for i := range t.seen() {
		saveFix(c, &t.fixes[i], &before)
		before = t.fixes[i]
	}
	packed.Number(c, &t.state)
	packed.Number(c, &t.signs)
	packed.After(c, &t.level, before.altitude)
	c.Truth(&t.suspected)
	if t.suspected {
		saveFix(c, &t.suspect, &before)
	}
	packed.Number(c, &t.since)
	c.Truth(&t.touching)
	if t.touching {
		packed.Number(c, &t.touchFrom)
		packed.Number(c, &t.touchTo)
	}
	for i := range t.told {
		packed.Number(c, &t.told[i].at)
		if t.told[i].at != 0 {
			f.saveField(c, &t.told[i].field)
		}
	}
	if c.Reading() {
		t.fieldFor, t.field = place{}, noField
	}
}

func saveFix(c *packed.Coder, at, before *fix) {
	packed.After(c, &at.at, before.at)
	packed.After(c, &at.latitude, before.latitude)
	packed.After(c, &at.longitude, before.longitude)
	packed.After(c, &at.altitude, before.altitude)
	packed.After(c, &at.groundspeed, before.groundspeed)
	packed.After(c, &at.heading, before.heading)
	packed.Number(c, &at.state)
}

func (f *Fields) saveField(c *packed.Coder, field *int32) {
	code := ""
	if !c.Reading() {
		code = f.code(*field)
	}
	c.Text(&code)
	if c.Reading() {
		*field = f.number(code)
	}
}

// SaveLevels visits what is known of the airports' elevations.
func (f *Fields) SaveLevels(c *packed.Coder) {
	length := c.Length(len(f.levels))
	if !c.Reading() {
		for _, field := range slices.Sorted(maps.Keys(f.levels)) {
			known := f.levels[field]
			f.saveField(c, &field)
			packed.Number(c, &known.altitude)
			packed.Number(c, &known.aircraft)
		}
		return
	}
	clear(f.levels)
	for range length {
		var field int32
		var known level
		f.saveField(c, &field)
		packed.Number(c, &known.altitude)
		packed.Number(c, &known.aircraft)
		if field != noField {
			f.levels[field] = known
		}
	}
}
