package simulator

import (
	"math"
	"strconv"
)

// unicomHz is the frequency where no controller is in range.
const unicomHz = 122800000

// Ranges in nautical miles within which pilots tune a controller.
const (
	fieldRange    = 15
	approachRange = 60
	centreRange   = 400
)

// ether is who can be tuned at a snapshot.
type ether struct {
	fields  map[int]*field // by airport
	centres []reachable
	cosine  float64 // of centreRange
}

// field is the carriers of one airport's positions in Hz, by facility.
type field struct{ hz [7]int }

type reachable struct {
	at vec
	hz int
}

func newEther(v *view) *ether {
	e := &ether{fields: map[int]*field{}, cosine: math.Cos(centreRange * metresPerNM / earthRadius)}
	for i := range v.controllers {
		c := &v.controllers[i]
		if c.post == nil || v.stamp < c.setAt {
			continue
		}
		hz := carrierHz(c.kHz, c.key)
		if c.post.airport < 0 {
			e.centres = append(e.centres, reachable{at: c.post.at, hz: hz})
			continue
		}
		f := e.fields[c.post.airport]
		if f == nil {
			f = &field{}
			e.fields[c.post.airport] = f
		}
		f.hz[c.facility] = hz
	}
	return e
}

// tuned is the frequency in Hz of an aircraft at a place: at an airport its
// lowest position that is staffed, near it the approach, else a centre.
func (e *ether) tuned(place vec, ground bool, near, other *airport, nearIndex, otherIndex int) int {
	for _, candidate := range []struct {
		airport *airport
		index   int
	}{{near, nearIndex}, {other, otherIndex}} {
		f := e.fields[candidate.index]
		if f == nil {
			continue
		}
		miles := place.metresTo(candidate.airport.at) / metresPerNM
		order := []int{facilityTower, facilityApproach}
		switch {
		case ground && miles < fieldRange:
			order = []int{facilityGround, facilityTower, facilityDelivery, facilityApproach}
		case miles >= approachRange:
			continue
		case miles >= fieldRange:
			order = order[1:]
		}
		for _, facility := range order {
			if f.hz[facility] != 0 {
				return f.hz[facility]
			}
		}
	}
	best, nearest := unicomHz, e.cosine
	for i := range e.centres {
		if closeness := place.dot(e.centres[i].at); closeness > nearest {
			best, nearest = e.centres[i].hz, closeness
		}
	}
	return best
}

// appendRadios writes the transceivers body of the same moment.
func (s *Simulator) appendRadios(out []byte, v *view) []byte {
	e := newEther(v)
	out = append(out, '[')
	count := 0
	for i := range v.pilots {
		p := &v.pilots[i]
		d := s.cache[p.slot].duty
		h := hash(s.seed, aboutRadio, uint64(d.cid), uint64(d.block))
		if h%100 < 6 { // no voice
			continue
		}
		out = s.appendPilotRadios(separate(out, count), e, p, &v.states[i], d, h)
		count++
	}
	for i := range v.controllers {
		c := &v.controllers[i]
		if c.post == nil {
			continue
		}
		out = s.appendStationRadios(separate(out, count), c.callsign, carrierHz(c.kHz, c.key), c.post, c.key)
		count++
	}
	for i := range v.atis {
		st := &v.atis[i]
		place := post{facility: facilityGround, at: s.atlas.airports[st.airport].at, airport: st.airport}
		out = s.appendStationRadios(separate(out, count), st.callsign, st.kHz*1000, &place, st.key)
		count++
	}
	return append(out, ']')
}

func (s *Simulator) appendPilotRadios(out []byte, e *ether, p *sighting, now *state, d *duty, h uint64) []byte {
	t := float64(p.seen-d.start) / 1e9
	leg := &d.legs[d.legOf(t)]
	near, other := leg.arrival, leg.departure
	if now.ground && t < d.offs[d.legOf(t)]+leg.takeoffAt {
		near, other = other, near
	}
	hz := e.tuned(now.at, now.ground, &s.atlas.airports[near], &s.atlas.airports[other], near, other)
	if hz == unicomHz && h>>8%10 < 8 {
		hz += int(h >> 16 % 13) // clients spread themselves by a few hertz
	}
	metres := now.alt / feetPerMetre
	above := metres - s.atlas.airports[near].elevation/feetPerMetre*0.5
	if now.ground {
		above = 2 + float64(h>>24%40)/10
	}
	out = append(out, `{"callsign":`...)
	out = appendText(out, p.session.callsign)
	out = append(out, `,"transceivers":[`...)
	out = appendRadio(out, 1, hz, now.at, metres, max(above, 2))
	if h>>32%10 < 2 { // the second radio listens on guard or somewhere else
		second := 121500000
		if h>>40%2 == 0 {
			second = 118000000 + 25000*int(h>>44%700)
		}
		out = appendRadio(append(out, ','), 2, second, now.at, metres, max(above, 2))
	}
	return append(out, ']', '}')
}

// appendStationRadios writes one radio at an airport, or several around a
// centre's middle.
func (s *Simulator) appendStationRadios(out []byte, callsign string, hz int, p *post, key uint64) []byte {
	count, spread := 1, 900.0
	switch p.facility {
	case facilityApproach:
		count, spread = 1+int(key>>5%2), 6000
	case facilityCentre:
		count, spread = 3+int(key>>5%7), 160*metresPerNM
	}
	elevation := 300.0
	if p.airport >= 0 {
		elevation = s.atlas.airports[p.airport].elevation
	}
	out = append(out, `{"callsign":`...)
	out = appendText(out, callsign)
	out = append(out, `,"transceivers":[`...)
	r := newRandom(aboutRadio, key)
	for i := range count {
		place := p.at
		if i > 0 || count == 1 {
			place = place.move(place.towards(r.between(0, 360)), r.between(0, spread))
		}
		mast := r.between(15, 90)
		out = appendRadio(separate(out, i), i, hz, place, elevation/feetPerMetre+mast, mast)
	}
	return append(out, ']', '}')
}

func appendRadio(out []byte, id, hz int, place vec, metres, above float64) []byte {
	lat, lon := place.degrees()
	out = append(out, `{"id":`...)
	out = strconv.AppendInt(out, int64(id), 10)
	out = appendInt(out, "frequency", hz)
	out = append(out, `,"latDeg":`...)
	out = strconv.AppendFloat(out, lat, 'f', -1, 64)
	out = append(out, `,"lonDeg":`...)
	out = strconv.AppendFloat(out, lon, 'f', -1, 64)
	out = append(out, `,"heightMslM":`...)
	out = strconv.AppendFloat(out, metres, 'f', -1, 64)
	out = append(out, `,"heightAglM":`...)
	out = strconv.AppendFloat(out, above, 'f', -1, 64)
	return append(out, '}')
}
