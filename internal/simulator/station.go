package simulator

import "fmt"

// station is an ATIS connection.
type station struct {
	shift    *shift
	callsign string
	airport  int
	from     int64
	kHz      int
	key      uint64
	arrivals bool
	both     bool
}

// stations are the ATIS connections of a controller at a moment: one or two
// for each airport of the post, up to four.
func (s *Simulator) stations(c *shift, at int64) []station {
	var out []station
	for n, airport := range c.post.atis {
		icao := s.atlas.airports[airport].icao
		key := hash(s.seed, aboutStation, hashText(icao))
		from := c.began + int64(60+key%240+uint64(n)*90)*1e9
		if at < from || key>>8%20 == 0 {
			continue
		}
		add := func(infix string, arrivals, both bool) {
			k := hash(key, hashText(infix))
			out = append(out, station{
				shift: c, callsign: icao + infix + "_ATIS", airport: airport, from: from - from%100,
				kHz: 118000 + 25*int(k%720), key: k, arrivals: arrivals, both: both,
			})
		}
		if key>>16%10 < 5 {
			add("", true, true)
		} else {
			add("_A", true, false)
			add("_D", false, false)
		}
	}
	return out[:min(len(out), 4)]
}

// letter is the information's letter, a new one each half hour.
func (st *station) letter(at int64) byte {
	return 'A' + byte((st.key%26+uint64(at-st.from)/(30*60*1e9))%26)
}

// appendATIS writes the station's text at a moment.
func (s *Simulator) appendATIS(out []byte, st *station, at int64) []byte {
	a := &s.atlas.airports[st.airport]
	letter := st.letter(at)
	runway := a.runway(s.seed, at, a.longest, st.key)
	name := "ATIS"
	if !st.both {
		name = "DEP ATIS"
		if st.arrivals {
			name = "ARR ATIS"
		}
	}
	minute := at / 60e9
	clock := minute - minute%30
	out = append(out, '[')
	out = appendText(out, fmt.Sprintf("%s %s INFORMATION %c TIME %02d%02dZ. RUNWAY IN USE %s.", a.icao, name, letter, clock/60%24, clock%60, runway.ident))
	out = appendText(append(out, ','), fmt.Sprintf("WIND %03.0f DEGREES %d KNOTS. VISIBILITY 10 KM. QNH %d.",
		runway.heading, 3+hash(st.key, uint64(clock))%18, s.pressure(a.lat, a.lon, at)))
	out = appendText(append(out, ','), fmt.Sprintf("ADVISE ON FIRST CONTACT \"%c\" RECEIVED.", letter))
	return append(out, ']')
}

// flickers reports whether the station's letter is missing from a snapshot.
func (s *Simulator) flickers(st *station, stamp int64) bool {
	return unit(hash(st.key, aboutStation, uint64(stamp))) < 0.03*s.oddities
}
