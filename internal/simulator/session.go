package simulator

import (
	"cmp"
	"math"
	"slices"
)

// chooseSessions cuts a duty into connections.
func (s *Simulator) chooseSessions(d *duty, r *random) {
	variant := uint64(d.block) % callsignVariants
	first := session{from: 0, to: d.end, frozen: math.Inf(1), callsign: s.callsign(d, variant)}
	d.sessions = append(d.sessions, first)
	switch u := r.unit(); {
	case u < 0.05:
		d.dropInFlight(r)
	case u < 0.08:
		d.dropOnGround(r)
	case u < 0.095:
		d.rename(r, s.callsign(d, variant+callsignVariants))
	}
	last := &d.sessions[len(d.sessions)-1]
	if d.airborne(d.end) && r.chance(0.7) { // vanished in flight: a ghost until the server notices
		last.frozen = max(last.from, d.end-r.between(30, 300))
		if near := d.lastMovement(d.end); last.frozen < near+120 {
			last.frozen = math.Inf(1)
		}
	}
	for i := range d.sessions {
		logon := d.start + int64(d.sessions[i].from*1e9)
		logon -= logon % 100
		if r.chance(0.1) {
			logon -= logon % 1e9
		}
		d.sessions[i].logon = logon
	}
}

// split ends the only session at from and begins another at to.
func (d *duty) split(from, to float64, callsign string) {
	d.sessions[0].to = from
	d.sessions = append(d.sessions, session{from: to, to: d.end, frozen: math.Inf(1), callsign: callsign})
}

// dropInFlight loses the connection between take-off and landing. The aircraft
// flies on meanwhile, as it does when only the network fails.
func (d *duty) dropInFlight(r *random) {
	i := r.below(len(d.legs))
	early := max(d.offs[i]+d.legs[i].takeoffAt, 0) + 400
	late := min(d.offs[i]+d.legs[i].landingAt, d.end) - 400
	gap := r.between(30, 180)
	if r.chance(0.4) {
		gap = r.between(180, 1200)
	}
	if late-early < gap+60 || d.legs[i].touches > 0 || d.legs[i].goAround > 0 {
		return
	}
	from := r.between(early, late-gap)
	d.split(from, from+gap, d.sessions[0].callsign)
	if r.chance(0.4) {
		d.sessions[0].frozen = from - r.between(15, 100)
	}
}

// dropOnGround loses the connection at the stand before departure.
func (d *duty) dropOnGround(r *random) {
	gap := r.between(30, 240)
	if d.offs[0] < gap+150 {
		return
	}
	from := r.between(60, d.offs[0]-gap-60)
	d.split(from, from+gap, d.sessions[0].callsign)
}

// rename reconnects at the stand under another callsign. The old connection is
// still listed for a tick.
func (d *duty) rename(r *random, callsign string) {
	if d.offs[0] < 240 {
		return
	}
	at := r.between(60, d.offs[0]-120)
	d.split(at+r.between(8, 16), at, callsign)
	d.sessions[0].frozen = at - 2
}

func (d *duty) airborne(t float64) bool {
	for i := range d.legs {
		if t > d.offs[i]+d.legs[i].takeoffAt && t < d.offs[i]+d.legs[i].landingAt {
			return true
		}
	}
	return false
}

// lastMovement is when the last happening before t was.
func (d *duty) lastMovement(t float64) float64 {
	last := math.Inf(-1)
	for i := range d.legs {
		for _, h := range d.legs[i].happenings {
			if at := d.offs[i] + h.t; at <= t {
				last = max(last, at)
			}
		}
	}
	return last
}

// connected returns the index of the session that shows the aircraft as it is
// at t, −1 when none does.
func (d *duty) connected(t float64) int {
	for i := len(d.sessions) - 1; i >= 0; i-- {
		if t >= d.sessions[i].from && t < min(d.sessions[i].to, d.sessions[i].frozen) {
			return i
		}
	}
	return -1
}

// tell lists the incidents in order.
func (d *duty) tell() {
	add := func(t float64, kind Kind, leg, session int) {
		d.incidents = append(d.incidents, incident{t: t, kind: kind, leg: leg, session: session})
	}
	for i := range d.sessions {
		from, to := d.sessions[i].from, d.sessions[i].to
		last := i == len(d.sessions)-1
		switch {
		case i == 0:
			add(from, Connect, d.legOf(from), i)
		case d.sessions[i].callsign != d.sessions[i-1].callsign:
			add(from, Rename, d.legOf(from), i)
		default:
			add(from, Reconnect, d.legOf(from), i)
		}
		if last {
			add(to, Logoff, d.legOf(to), i)
		} else if to <= d.sessions[i+1].from {
			add(to, Disconnect, d.legOf(to), i)
		}
	}
	for i := range d.legs {
		for _, h := range d.legs[i].happenings {
			t := d.offs[i] + h.t
			session := d.connected(t)
			if session < 0 {
				continue
			}
			add(t, h.kind, i, session)
			if h.kind == Landing && d.legs[i].arrival != d.legs[i].planned {
				add(t, Diversion, i, session)
			}
		}
	}
	slices.SortStableFunc(d.incidents, func(a, b incident) int { return cmp.Compare(a.t, b.t) })
}

// legOf is the leg that a moment belongs to: the one under way, or the one
// that comes next.
func (d *duty) legOf(t float64) int {
	for i := range d.legs {
		if t < d.offs[i]+d.legs[i].duration {
			return i
		}
	}
	return len(d.legs) - 1
}
