package simulator

import (
	"fmt"
	"math"
	"strconv"
	"time"
)

// serversJSON and tablesJSON are the parts of the feed that hardly change.
const serversJSON = `"servers":[` +
	`{"ident":"USA-SE","hostname_or_ip":"192.0.2.11","location":"Atlanta, USA","name":"USA-SE","clients_connection_allowed":1,"client_connections_allowed":true,"is_sweatbox":false},` +
	`{"ident":"USA-WEST","hostname_or_ip":"192.0.2.12","location":"San Francisco, USA","name":"USA-WEST","clients_connection_allowed":1,"client_connections_allowed":true,"is_sweatbox":false},` +
	`{"ident":"AMSTERDAM","hostname_or_ip":"192.0.2.13","location":"Amsterdam, Netherlands","name":"AMSTERDAM","clients_connection_allowed":1,"client_connections_allowed":true,"is_sweatbox":false},` +
	`{"ident":"UK","hostname_or_ip":"192.0.2.14","location":"London, UK","name":"UK","clients_connection_allowed":1,"client_connections_allowed":true,"is_sweatbox":false},` +
	`{"ident":"GERMANY","hostname_or_ip":"192.0.2.15","location":"Frankfurt, Germany","name":"GERMANY","clients_connection_allowed":1,"client_connections_allowed":true,"is_sweatbox":false},` +
	`{"ident":"GERMANY2","hostname_or_ip":"192.0.2.16","location":"Frankfurt, Germany","name":"GERMANY2","clients_connection_allowed":1,"client_connections_allowed":true,"is_sweatbox":false},` +
	`{"ident":"USA-EAST","hostname_or_ip":"192.0.2.17","location":"New York, USA","name":"USA-EAST","clients_connection_allowed":1,"client_connections_allowed":true,"is_sweatbox":false},` +
	`{"ident":"CANADA","hostname_or_ip":"192.0.2.18","location":"Toronto, Canada","name":"CANADA","clients_connection_allowed":1,"client_connections_allowed":true,"is_sweatbox":false}]`

const tablesJSON = `"facilities":[{"id":0,"short":"OBS","long":"Observer"},{"id":1,"short":"FSS","long":"Flight Service Station"},` +
	`{"id":2,"short":"DEL","long":"Clearance Delivery"},{"id":3,"short":"GND","long":"Ground"},{"id":4,"short":"TWR","long":"Tower"},` +
	`{"id":5,"short":"APP","long":"Approach/Departure"},{"id":6,"short":"CTR","long":"Enroute"}],` +
	`"ratings":[{"id":-1,"short":"INAC","long":"Inactive"},{"id":0,"short":"SUS","long":"Suspended"},{"id":1,"short":"OBS","long":"Observer"},` +
	`{"id":2,"short":"S1","long":"Tower Trainee"},{"id":3,"short":"S2","long":"Tower Controller"},{"id":4,"short":"S3","long":"Senior Student"},` +
	`{"id":5,"short":"C1","long":"Enroute Controller"},{"id":6,"short":"C2","long":"Controller 2 (not in use)"},{"id":7,"short":"C3","long":"Senior Controller"},` +
	`{"id":8,"short":"I1","long":"Instructor"},{"id":9,"short":"I2","long":"Instructor 2 (not in use)"},{"id":10,"short":"I3","long":"Senior Instructor"},` +
	`{"id":11,"short":"SUP","long":"Supervisor"},{"id":12,"short":"ADM","long":"Administrator"}],` +
	`"pilot_ratings":[{"id":0,"short_name":"NEW","long_name":"Basic Member"},{"id":1,"short_name":"PPL","long_name":"Private Pilot License"},` +
	`{"id":3,"short_name":"IR","long_name":"Instrument Rating"},{"id":7,"short_name":"CMEL","long_name":"Commercial Multi-Engine License"},` +
	`{"id":15,"short_name":"ATPL","long_name":"Airline Transport Pilot License"},{"id":31,"short_name":"FI","long_name":"Flight Instructor"},` +
	`{"id":63,"short_name":"FE","long_name":"Flight Examiner"}],` +
	`"military_ratings":[{"id":0,"short_name":"M0","long_name":"No Military Rating"},{"id":1,"short_name":"M1","long_name":"Military Pilot License"},` +
	`{"id":3,"short_name":"M2","long_name":"Military Instrument Rating"},{"id":7,"short_name":"M3","long_name":"Military Multi-Engine Rating"},` +
	`{"id":15,"short_name":"M4","long_name":"Military Mission Ready Pilot"}]`

func (s *Simulator) appendController(out []byte, c *shift, stamp int64) []byte {
	kHz := c.kHz
	if stamp < c.setAt {
		kHz = frequencyNotSetKHz
	}
	out = s.appendConnection(out, c, c.callsign, kHz, c.facility, c.visual)
	out = append(out, `,"text_atis":`...)
	if stamp < c.textAt {
		out = append(out, "null"...)
	} else {
		out = s.appendInformation(out, c)
	}
	out = append(out, `,"last_updated":`...)
	out = appendTime(out, s.refreshed(c.from, uint64(c.cid)+uint64(c.facility), stamp))
	out = append(out, `,"logon_time":`...)
	out = appendTime(out, c.from)
	return append(out, '}')
}

// refreshed is when a controller's client last reported: every 15 seconds or
// so (captured snapshots: median 8 s, at most 25 s).
func (s *Simulator) refreshed(logon int64, key uint64, stamp int64) int64 {
	lag := unit(hash(s.seed, aboutLag, key, uint64(stamp)))
	at := max(logon, stamp-int64(16e9*lag+9e9*lag*lag*lag*lag))
	return at - at%100
}

func (s *Simulator) appendConnection(out []byte, c *shift, callsign string, kHz, facility, visual int) []byte {
	out = append(out, `{"cid":`...)
	out = strconv.AppendInt(out, int64(c.cid), 10)
	out = appendField(out, "name", s.name(c.cid))
	out = appendField(out, "callsign", callsign)
	out = append(out, `,"frequency":"`...)
	out = appendMHz(out, kHz)
	out = append(out, '"')
	out = appendInt(out, "facility", facility)
	out = appendInt(out, "rating", c.rating)
	out = appendField(out, "server", c.server)
	return appendInt(out, "visual_range", visual)
}

func appendMHz(out []byte, kHz int) []byte {
	out = strconv.AppendInt(out, int64(kHz/1000), 10)
	rest := kHz % 1000
	return append(out, '.', '0'+byte(rest/100), '0'+byte(rest/10%10), '0'+byte(rest%10))
}

// appendInformation writes one to four lines of controller information.
func (s *Simulator) appendInformation(out []byte, c *shift) []byte {
	r := newRandom(s.seed, aboutText, c.key, uint64(c.began))
	lines := []string{
		fmt.Sprintf("%s \"%s\" online until %s", c.callsign, invent(r, plainSyllables, 3), time.Unix(0, c.to).UTC().Format("1504z")),
		"Charts and procedures on our web site",
		"Feedback is welcome \\ Fly safe",
		"Unable DCL, call for clearance",
	}
	count := 3
	if r.chance(0.25) {
		count = 1 + r.below(4)
	}
	out = append(out, '[')
	for i, line := range lines[:count] {
		out = appendText(separate(out, i), line)
	}
	return append(out, ']')
}

func (s *Simulator) appendStation(out []byte, st *station, stamp int64) []byte {
	out = s.appendConnection(out, st.shift, st.callsign, st.kHz, facilityTower, 50)
	switch {
	case st.key%41 == 0: // an old client that sends no letter at all
	case s.flickers(st, stamp):
		out = append(out, `,"atis_code":null`...)
	default:
		out = append(append(append(out, `,"atis_code":"`...), st.letter(stamp)), '"')
	}
	out = append(out, `,"text_atis":`...)
	out = s.appendATIS(out, st, stamp)
	out = append(out, `,"last_updated":`...)
	out = appendTime(out, s.refreshed(st.from, st.key, stamp))
	out = append(out, `,"logon_time":`...)
	out = appendTime(out, st.from)
	return append(out, '}')
}

// prefile is a plan of somebody not connected under its callsign.
type prefile struct {
	cid      int32
	callsign string
	filed    int64
	plan     []byte
}

// prefiles are the plans of those who will connect soon, and of some more who
// are flying something else or never come.
func (s *Simulator) prefiles(stamp int64) []prefile {
	var out []prefile
	for slot := range s.slots {
		d := s.cache[slot].duty // sightings has just asked for it
		if stamp >= d.start || len(d.filings) == 0 || !math.IsInf(d.filings[0].at, -1) {
			continue
		}
		h := hash(s.seed, aboutPrefile, uint64(slot), uint64(d.block))
		filed := d.start - int64(5*60e9+unit(h)*145*60e9)
		if mix(h)%10 < 9 && stamp >= filed {
			out = append(out, prefile{cid: d.cid, callsign: d.sessions[0].callsign, filed: filed - filed%100, plan: s.plan(&s.cache[slot], 0)})
		}
	}
	for slot := range s.prefilers {
		if p, ok := s.otherPrefile(slot, stamp); ok {
			out = append(out, p)
		}
	}
	return out
}

// otherPrefile is a plan by a member who is flying already, or one who never
// connects.
func (s *Simulator) otherPrefile(slot, stamp int64) (prefile, bool) {
	const length = int64(3 * time.Hour)
	phase := int64(hash(s.seed, aboutPrefile, uint64(slot), 1) % uint64(length))
	block := (stamp - phase) / length
	if (stamp-phase)%length < 0 {
		block--
	}
	if c := &s.filed[slot]; c.plan == nil || c.block != block {
		*c = filed{prefile: s.newPrefile(slot, block, block*length+phase), block: block}
	}
	return s.filed[slot].prefile, stamp >= s.filed[slot].filed
}

func (s *Simulator) newPrefile(slot, block, began int64) prefile {
	r := newRandom(s.seed, aboutPrefile, uint64(slot), uint64(block))
	filed := began + int64(r.unit()*15*60e9)
	var l leg
	for found := false; !found; {
		l, found = s.firstLeg(fleetShort, r, shortBlock.Seconds(), began)
	}
	l.cruiseAlt = l.askedAlt
	code := uint64(s.slots)*2*callsignVariants + uint64(slot)
	p := prefile{
		cid:      spreadCID(int64(r.below(int(s.slots)))*4 + int64(r.below(peoplePerSlot))),
		callsign: s.callsignOf(code, fleetShort, s.atlas.airports[l.departure].icao), filed: filed - filed%100,
	}
	if r.chance(0.8) { // by somebody who is flying at that moment
		d := s.dutyBetween(int64(r.below(int(s.slots))), filed)
		if t := float64(filed-d.start) / 1e9; t >= 0 && t < d.end {
			p.cid = d.cid
		}
	}
	p.plan = s.appendPlan(nil, &l, fleetShort, r.below(3), time.Unix(0, filed).UTC().Add(40*time.Minute), p.cid)
	return p
}

func (s *Simulator) appendPrefile(out []byte, p *prefile) []byte {
	out = append(out, `{"cid":`...)
	out = strconv.AppendInt(out, int64(p.cid), 10)
	out = appendField(out, "name", s.name(p.cid))
	out = appendField(out, "callsign", p.callsign)
	out = append(out, `,"flight_plan":`...)
	out = append(out, p.plan...)
	out = append(out, `,"last_updated":`...)
	out = appendTime(out, p.filed)
	return append(out, '}')
}
