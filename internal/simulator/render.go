package simulator

import (
	"math"
	"slices"
	"strconv"
	"time"
)

// At renders the newest snapshot at t: the network body and the transceivers
// body, in the shape and order of the feed.
func (s *Simulator) At(t time.Time) (network, transceivers []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	v := s.view(s.snapshot(t.UnixNano()))
	return s.appendNetwork(make([]byte, 0, 1000*len(v.pilots)+64<<10), v), s.appendRadios(make([]byte, 0, 300*len(v.pilots)+16<<10), v)
}

// view is everything that is in one snapshot.
type view struct {
	stamp       int64
	pilots      []sighting
	states      []state // of pilots
	controllers []shift
	atis        []station
	prefiles    []prefile
	users       int
}

func (s *Simulator) view(stamp int64) *view {
	v := &view{stamp: stamp, pilots: s.sightings(stamp)}
	v.states = make([]state, len(v.pilots))
	cids := make([]int32, 0, len(v.pilots)+100)
	for i := range v.pilots {
		c := &s.cache[v.pilots[i].slot]
		v.states[i] = c.stateAt(float64(v.pilots[i].seen-c.duty.start) / 1e9)
		cids = append(cids, c.duty.cid)
	}
	var staffed []shift
	for slot := range s.tower.slots {
		if c, on := s.tower.controller(slot, stamp); on {
			staffed = append(staffed, c)
		}
	}
	for i := range staffed {
		if !staffed[i].away {
			v.controllers = append(v.controllers, staffed[i])
		}
		v.atis = append(v.atis, s.stations(&staffed[i], stamp)...)
	}
	for slot := range s.tower.supervisors {
		if c, on := s.tower.supervisor(slot, stamp); on && !c.away {
			v.controllers = append(v.controllers, c)
		}
	}
	for slot := range s.tower.observers {
		if c, on := s.observer(slot, stamp); on {
			v.controllers = append(v.controllers, c)
		}
	}
	slices.SortStableFunc(v.controllers, func(a, b shift) int { return int((a.from - b.from) / 100) })
	for i := range v.controllers {
		cids = append(cids, v.controllers[i].cid)
	}
	slices.Sort(cids)
	v.users = len(slices.Compact(cids))
	v.prefiles = s.prefiles(stamp)
	return v
}

func (s *Simulator) appendNetwork(out []byte, v *view) []byte {
	clients := len(v.pilots) + len(v.controllers) + len(v.atis)
	out = append(out, `{"general":{"version":3,"reload":1,"update":"`...)
	out = time.Unix(0, v.stamp).UTC().AppendFormat(out, "20060102150405")
	out = append(out, `","update_timestamp":`...)
	out = appendTime(out, v.stamp)
	out = append(out, `,"connected_clients":`...)
	out = strconv.AppendInt(out, int64(clients), 10)
	out = append(out, `,"unique_users":`...)
	out = strconv.AppendInt(out, int64(v.users), 10)
	out = append(out, `},"pilots":[`...)
	repeated := -1 // very rarely a row is there twice
	if h := hash(s.seed, aboutSnapshot, uint64(v.stamp), 3); len(v.pilots) > 0 && unit(h) < 0.00001*s.oddities*float64(len(v.pilots)) {
		repeated = int(mix(h) % uint64(len(v.pilots)))
	}
	for i := range v.pilots {
		out = s.appendPilot(separate(out, i), v, i)
		if i == repeated {
			out = s.appendPilot(append(out, ','), v, i)
		}
	}
	out = append(out, `],"controllers":[`...)
	for i := range v.controllers {
		out = s.appendController(separate(out, i), &v.controllers[i], v.stamp)
	}
	out = append(out, `],"atis":[`...)
	for i := range v.atis {
		out = s.appendStation(separate(out, i), &v.atis[i], v.stamp)
	}
	out = append(out, `],`...)
	out = append(out, serversJSON...)
	out = append(out, `,"prefiles":[`...)
	for i := range v.prefiles {
		out = s.appendPrefile(separate(out, i), &v.prefiles[i])
	}
	out = append(out, `],`...)
	out = append(out, tablesJSON...)
	return append(out, '}')
}

func separate(out []byte, i int) []byte {
	if i > 0 {
		return append(out, ',')
	}
	return out
}

func appendInt(out []byte, name string, value int) []byte {
	out = append(append(append(out, `,"`...), name...), `":`...)
	return strconv.AppendInt(out, int64(value), 10)
}

func (s *Simulator) appendPilot(out []byte, v *view, i int) []byte {
	p, now := &v.pilots[i], &v.states[i]
	c := &s.cache[p.slot]
	d := c.duty
	who := hash(s.seed, aboutIdentity, uint64(d.cid))
	lat, lon := now.at.degrees()
	out = append(out, `{"cid":`...)
	out = strconv.AppendInt(out, int64(d.cid), 10)
	out = appendField(out, "name", s.name(d.cid))
	out = appendField(out, "callsign", p.session.callsign)
	out = appendField(out, "server", servers[hash(who, uint64(d.block))%uint64(len(servers))])
	out = appendInt(out, "pilot_rating", pilotRating(who))
	out = appendInt(out, "military_rating", militaryRating(who))
	out = append(out, `,"latitude":`...)
	out = appendDegrees(out, lat)
	out = append(out, `,"longitude":`...)
	out = appendDegrees(out, lon)
	out = appendInt(out, "altitude", int(math.Round(now.alt)))
	out = appendInt(out, "groundspeed", int(math.Round(now.speed)))
	t := float64(v.stamp-d.start) / 1e9
	leg := d.legOf(t)
	out = appendField(out, "transponder", d.legs[leg].squawk(t-d.offs[leg], s.oddities))
	out = appendInt(out, "heading", s.heading(now.heading, who))
	pressure := s.pressure(lat, lon, p.seen)
	out = append(out, `,"qnh_i_hg":`...)
	out = strconv.AppendFloat(out, math.Round(float64(pressure)*2.953)/100, 'f', -1, 64)
	out = appendInt(out, "qnh_mb", pressure)
	out = append(out, `,"flight_plan":`...)
	out = append(out, s.plan(c, t)...)
	out = append(out, `,"logon_time":`...)
	out = appendTime(out, p.session.logon)
	out = append(out, `,"last_updated":`...)
	out = appendTime(out, p.seen)
	return append(out, '}')
}

// heading rounds as clients do: some say 360 for north.
func (s *Simulator) heading(degrees float64, who uint64) int {
	rounded := int(math.Round(degrees)) % 360
	if rounded == 0 && s.oddities > 0 && who%2 == 0 {
		return 360
	}
	return rounded
}

// plan returns the flight_plan in force, written once per filing.
func (s *Simulator) plan(c *cached, t float64) []byte {
	f := c.duty.filed(t)
	if f == nil {
		return []byte("null")
	}
	if c.filing != f {
		d := c.duty
		off := time.Unix(0, d.start+int64(d.offs[f.leg]*1e9)).UTC()
		c.plan = s.appendPlan(c.plan[:0], &d.legs[f.leg], d.fleet, f.revision, off, d.cid)
		c.filing = f
	}
	return c.plan
}

func pilotRating(who uint64) int {
	switch u := unit(mix(who + 1)); {
	case u < 0.922:
		return 0
	case u < 0.954:
		return 1
	case u < 0.966:
		return 3
	case u < 0.978:
		return 7
	case u < 0.998:
		return 15
	case u < 0.999:
		return 31
	default:
		return 63
	}
}

func militaryRating(who uint64) int {
	ratings := []int{1, 3, 7, 15}
	if h := mix(who + 2); unit(h) < 0.004 {
		return ratings[h%4]
	}
	return 0
}

// pressure is a smooth field that wanders over hours, in hectopascals.
func (s *Simulator) pressure(lat, lon float64, at int64) int {
	hours := float64(at) / 3600e9
	wave := 11*math.Sin(lat/9+hours/17) + 9*math.Sin(lon/23-hours/29) + 5*math.Sin((lat+lon)/7+hours/11)
	return 1013 + int(math.Round(wave))
}
