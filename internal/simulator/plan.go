package simulator

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// appendPlan writes a filing of a leg as the feed's flight_plan object. off is
// the planned off-block.
func (s *Simulator) appendPlan(out []byte, l *leg, f fleet, revision int, off time.Time, cid int32) []byte {
	r := newRandom(s.seed, aboutPlan, l.choice)
	from, to := s.atlas.airports[l.departure].icao, s.atlas.airports[l.planned].icao
	metres := s.atlas.airports[l.departure].at.metresTo(s.atlas.airports[l.planned].at)
	vfr := (f == fleetLight || f == fleetCircuits || f == fleetHelicopter) && r.chance(0.7)
	alternate := ""
	if other := s.atlas.alternate(l.planned, l.model.runway); other >= 0 && r.chance(0.92) {
		alternate = s.atlas.airports[other].icao
	}
	enroute := time.Duration(max(l.landingAt-l.takeoffAt, metres/(l.model.cruise*knot))) * time.Second
	m := l.model

	out = append(out, `{"flight_rules":"`...)
	out = append(out, rules(r, vfr, s.oddities)...)
	out = append(out, `","aircraft":"`...)
	out = append(append(append(append(append(out, m.icao...), '/'), m.wake...), '-'), m.equipment...)
	out = append(out, `","aircraft_faa":"`...)
	if m.wake == "H" || m.wake == "J" {
		out = append(append(out, m.wake...), '/')
	}
	out = append(append(out, m.icao...), `/L"`...)
	out = appendField(out, "aircraft_short", m.icao)
	out = appendField(out, "departure", s.filedAirport(r, from))
	out = appendField(out, "arrival", s.filedAirport(r, to))
	out = appendField(out, "alternate", alternate)
	out = appendField(out, "cruise_tas", filedSpeed(r, m.cruise, s.oddities))
	out = appendField(out, "altitude", filedLevel(r, l.filedLevel(revision), vfr, s.oddities))
	out = appendField(out, "deptime", filedTime(r, off, s.oddities))
	out = appendField(out, "enroute_time", hhmm(enroute))
	out = appendField(out, "fuel_time", hhmm(enroute+80*time.Minute))
	out = appendField(out, "remarks", s.remarks(r, l, vfr, off, cid))
	out = appendField(out, "route", route(newRandom(s.seed, aboutText, l.choice, uint64(revision/3)), metres, vfr))
	out = append(out, `,"revision_id":`...)
	out = strconv.AppendInt(out, int64(revision), 10)
	out = appendField(out, "assigned_transponder", l.assigned())
	return append(out, '}')
}

func appendField(out []byte, name, value string) []byte {
	out = append(append(append(out, `,"`...), name...), `":`...)
	return appendText(out, value)
}

func rules(r *random, vfr bool, oddities float64) string {
	switch u := r.unit(); {
	case u < 0.0003*oddities:
		return "D"
	case u < 0.0006*oddities:
		return "S"
	case vfr:
		return "V"
	default:
		return "I"
	}
}

// filedLevel is the altitude in feet that a revision asks for.
func (l *leg) filedLevel(revision int) int {
	level := int(l.cruiseAlt/100+0.5) * 100
	if revision%4 == 3 && level > 20000 {
		level -= 2000
	}
	return level
}

// filedLevel forms and rates are those of 39,000 captured plans: 97.6 % are
// three to five digits.
func filedLevel(r *random, feet int, vfr bool, oddities float64) string {
	odd := r.unit() / max(oddities, 1e-9)
	switch {
	case vfr && odd < 0.2:
		return "VFR"
	case odd < 0.004:
		return ""
	case odd < 0.014:
		return fmt.Sprintf("FL%03d", feet/100)
	case odd < 0.018:
		return fmt.Sprintf("F%03d", feet/100+1)
	case odd < 0.040:
		return strconv.Itoa(feet / 100)
	default:
		return strconv.Itoa(feet)
	}
}

func filedSpeed(r *random, knots, oddities float64) string {
	switch u := r.unit() / max(oddities, 1e-9); {
	case u < 0.006:
		return fmt.Sprintf("N%04.0f", knots)
	case u < 0.009:
		return fmt.Sprintf("M%03.0f", knots/5.8)
	case u < 0.012:
		return ""
	default:
		return strconv.Itoa(int(knots) + r.below(30) - 10)
	}
}

func filedTime(r *random, off time.Time, oddities float64) string {
	if r.chance(0.0014 * oddities) {
		return pick(r, []string{"", "now", "2460", "9"})
	}
	return off.Add(time.Duration(r.below(21)-10) * time.Minute).Truncate(5 * time.Minute).Format("1504")
}

func hhmm(d time.Duration) string {
	minutes := int(d / time.Minute)
	return fmt.Sprintf("%02d%02d", minutes/60%100, minutes%60)
}

// filedAirport is what is in the plan for an airport: at the rates of the
// captured plans something that is no ICAO code.
func (s *Simulator) filedAirport(r *random, icao string) string {
	switch u := r.unit() / max(s.oddities, 1e-9); {
	case u < 0.001:
		return ""
	case u < 0.002:
		return "ZZZZ"
	case u < 0.0035:
		return icao[1:]
	default:
		return icao
	}
}

// assigned is the squawk given to the flight, "0000" for none.
func (l *leg) assigned() string {
	if h := hash(aboutPlan, l.choice, 9); unit(h) < 0.45 {
		return octal(mix(h))
	}
	return "0000"
}

func octal(h uint64) string {
	code := h % 4096
	if code%64 == 0 { // ends in 00: kept for special use
		code++
	}
	return string([]byte{'0' + byte(code>>9), '0' + byte(code>>6&7), '0' + byte(code>>3&7), '0' + byte(code&7)})
}

// squawk is what the transponder sends so many seconds after off-block.
func (l *leg) squawk(since float64, oddities float64) string {
	h := hash(aboutPlan, l.choice, 11)
	switch u := unit(h) / max(oddities, 1e-9); {
	case u < 0.0005:
		return "7700"
	case u < 0.0012:
		return "8" + octal(mix(h))[1:] // not octal
	}
	if code := l.assigned(); code != "0000" && since > -300 && h%20 != 0 {
		return code
	}
	if l.model.level < 10000 {
		return pick(&random{h}, []string{"1200", "7000", "7000", "2000"})
	}
	return pick(&random{h}, []string{"2000", "2000", "2000", "2000", "2000", "2000", "1000", "1000", "7000", "1234", "2200", "1200"})
}

// remarks are ICAO item 18; some give away the pilot's name.
func (s *Simulator) remarks(r *random, l *leg, vfr bool, off time.Time, cid int32) string {
	if vfr && r.chance(0.5) {
		return pick(r, []string{"/V/", "/T/ NEW PILOT", "TOUCH AND GO /V/", "RMK/STUDENT \"FIRST SOLO\" /V/", ""})
	}
	var b strings.Builder
	fmt.Fprintf(&b, "PBN/A1B1C1D1L1O1S2 DOF/%s REG/%s", off.Format("060102"), registration(l.choice%400000))
	if r.chance(0.7) {
		b.WriteString(" EET/")
		for i := range 1 + r.below(7) {
			fmt.Fprintf(&b, "%s%s ", s.tower.firs[r.below(len(s.tower.firs))].fir, hhmm(time.Duration(12+i*37)*time.Minute))
		}
	}
	fmt.Fprintf(&b, " SEL/%c%c%c%c", 'A'+r.below(4), 'E'+r.below(4), 'J'+r.below(4), 'P'+r.below(3))
	if r.chance(0.4) {
		fmt.Fprintf(&b, " CODE/%06X", r.next()&0xffffff)
	}
	b.WriteString(" OPR/VIRTUAL PER/C")
	switch {
	case r.chance(0.02):
		fmt.Fprintf(&b, " RMK/PIC %s", s.name(cid))
	case r.chance(0.15):
		b.WriteString(" RMK/TCAS SIMBRIEF")
	}
	return b.String() + pick(r, []string{" /V/", " /V/", " /V/", " /T/", " /R/"})
}

// route makes up waypoints and airways, about as long as captured ones.
func route(r *random, metres float64, vfr bool) string {
	if vfr {
		return pick(r, []string{"DCT", "VFR", "", "LOCAL", "DCT " + fix(r) + " DCT"})
	}
	first := fix(r)
	b := []byte(first + strconv.Itoa(1+r.below(9)) + string(rune('A'+r.below(26))) + " " + first)
	for range 2 + int(metres/metresPerNM/160) {
		way := "DCT"
		if r.chance(0.6) {
			way = pick(r, []string{"L", "M", "N", "T", "UL", "UM", "UN", "Y", "Z", "Q", "J"}) + strconv.Itoa(10+r.below(980))
		}
		b = append(append(append(append(b, ' '), way...), ' '), fix(r)...)
	}
	last := fix(r)
	return string(b) + " DCT " + last + " " + last + strconv.Itoa(1+r.below(9)) + string(rune('A'+r.below(26)))
}

func fix(r *random) string {
	const consonants, vowels = "BDFGKLMNPRSTVXZ", "AEIOU"
	h := r.next()
	at := func(from string, shift uint) byte { return from[(h>>shift)%uint64(len(from))] }
	return string([]byte{at(consonants, 3), at(vowels, 9), at(consonants, 17), at(vowels, 25), at(consonants, 33)})
}
