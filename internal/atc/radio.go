package atc

import (
	"cmp"
	"math"
	"slices"
	"time"

	"github.com/skyledger/skyledger/internal/vatsim"
)

// radio is what the radios of one callsign are tuned to and where they stand.
type radio struct {
	Tuned               []int32 // kHz, ascending, each once, without Unicom
	Placed              bool
	Latitude, Longitude int32 // of the one with the least id

	heard uint64
	users []*aircraft
}

// hear takes the radios that came with a scene. Without any, everybody's stay as
// they were, but not for longer than Unseen.
func (t *Tracker) hear(stations []vatsim.Station, at time.Time) {
	if stations == nil {
		if t.heard.IsZero() || at.Sub(t.heard) <= Unseen {
			return
		}
		t.heard = time.Time{}
	} else {
		t.heard = at
	}
	var room [8]int32
	for i := range stations {
		station := &stations[i]
		r := t.radios[station.Callsign]
		if r == nil {
			r = &radio{}
			t.radios[station.Callsign] = r
		}
		r.heard = t.round
		if len(station.Transceivers) > 0 {
			site := slices.MinFunc(station.Transceivers, func(a, b vatsim.Transceiver) int { return cmp.Compare(a.ID, b.ID) })
			r.Placed, r.Latitude, r.Longitude = true, site.Latitude, site.Longitude
		}
		t.tune(r, frequencies(room[:0], station.Transceivers))
	}
	for callsign, r := range t.radios {
		if r.heard == t.round {
			continue
		}
		t.tune(r, nil)
		r.Placed, r.Latitude, r.Longitude = false, 0, 0
		if len(r.users) == 0 {
			delete(t.radios, callsign)
		}
	}
}

// frequencies appends what radios are tuned to, ascending and each once.
func frequencies(tuned []int32, radios []vatsim.Transceiver) []int32 {
	for i := range radios {
		if radios[i].Frequency > 0 && radios[i].Frequency != Unicom {
			tuned = append(tuned, radios[i].Frequency)
		}
	}
	slices.Sort(tuned)
	return slices.Compact(tuned)
}

// tune gives a radio its frequencies, and its users what may differ by it.
func (t *Tracker) tune(r *radio, tuned []int32) {
	if slices.Equal(tuned, r.Tuned) {
		return
	}
	for _, p := range r.users {
		for _, frequency := range r.Tuned {
			removeFrom(t.tuned, frequency, p)
		}
		for _, frequency := range tuned {
			t.tuned[frequency] = append(t.tuned[frequency], p)
		}
		t.stir(p)
	}
	r.Tuned = slices.Clone(tuned)
}

// join gives an aircraft its callsign's radio.
func (t *Tracker) join(p *aircraft) {
	r := t.radios[p.Callsign]
	if r == nil {
		r = &radio{}
		t.radios[p.Callsign] = r
	}
	p.radio = r
	r.users = append(r.users, p)
	for _, frequency := range r.Tuned {
		t.tuned[frequency] = append(t.tuned[frequency], p)
	}
}

func (t *Tracker) leave(p *aircraft) {
	for _, frequency := range p.radio.Tuned {
		removeFrom(t.tuned, frequency, p)
	}
	removeOne(&p.radio.users, p)
	if len(p.radio.users) == 0 && len(p.radio.Tuned) == 0 && !p.radio.Placed {
		delete(t.radios, p.Callsign)
	}
}

func hundredThousandths(degrees float64) int32 { return int32(math.Round(degrees * 1e5)) }
