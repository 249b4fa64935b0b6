package simulator

import (
	"fmt"
	"strconv"
	"strings"
)

// cids are spread over a prime's residues, so that neighbours in the world are
// no neighbours in number and no two people share one.
const (
	firstCID      = 800000
	cidPrime      = 1000003
	cidSpread     = 611953
	peoplePerSlot = 3
)

func spreadCID(person int64) int32 {
	return firstCID + int32(uint64(person)*cidSpread%cidPrime)
}

// pilotCID is one of the few people who fly in a slot, or very rarely somebody
// who is connected from the next slot as well.
func (s *Simulator) pilotCID(slot int64, r *random) int32 {
	who := int64(r.below(peoplePerSlot))
	if r.chance(0.0002 * s.oddities) {
		slot ^= 1
	}
	return spreadCID(slot*4 + who)
}

// controllerCID is the person behind a controller's slot.
func controllerCID(slot int64) int32 { return spreadCID(slot*4 + 3) }

// callsignVariants is how many callsigns a slot uses in turn; as many again
// are kept for those who change theirs.
const callsignVariants = 5

// callsign returns the slot's callsign of a variant below 2·callsignVariants.
// No two slots ever have the same one.
func (s *Simulator) callsign(d *duty, variant uint64) string {
	code := uint64(d.slot)*2*callsignVariants + variant
	return s.callsignOf(code, d.fleet, s.atlas.airports[d.legs[0].departure].icao)
}

func (s *Simulator) callsignOf(code uint64, f fleet, departure string) string {
	code = code * 7919 % s.callsigns
	r := newRandom(s.seed, aboutCallsign, code)
	if f == fleetLight || f == fleetCircuits {
		return registration(code)
	}
	airlines := airlinesOf(departure)
	if r.chance(0.3) {
		airlines = worldwide
	}
	return pick(r, airlines) + flightNumber(code)
}

// flightNumber writes a code so that no two codes look alike: 1234, 123A,
// 12AB, 1234A, 123AB.
func flightNumber(code uint64) string {
	letter := func(n uint64) string { return string(rune('A' + n%26)) }
	if code < 9999 {
		return strconv.FormatUint(code+1, 10)
	}
	if code -= 9999; code < 999*26 {
		return strconv.FormatUint(code/26+1, 10) + letter(code)
	}
	if code -= 999 * 26; code < 99*676 {
		return strconv.FormatUint(code/676+1, 10) + letter(code/26) + letter(code)
	}
	if code -= 99 * 676; code < 9000*26 {
		return strconv.FormatUint(code/26+1000, 10) + letter(code)
	}
	code -= 9000 * 26
	return strconv.FormatUint(code/676+100, 10) + letter(code/26) + letter(code)
}

// registration writes a code as an aircraft's registration.
func registration(code uint64) string {
	if code < 90000 && code%2 == 0 {
		return "N" + strconv.FormatUint(10000+code, 10)
	}
	letters := make([]byte, 5)
	letters[0] = "GDFICO"[code%6]
	for i := 4; i > 0; i-- {
		letters[i] = 'A' + byte(code%26)
		code /= 26
	}
	return string(letters)
}

// airlinesOf are ICAO designators of airlines that fly from a region.
func airlinesOf(icao string) []string {
	switch icao[0] {
	case 'K', 'P', 'T', 'M':
		return american
	case 'C':
		return canadian
	case 'S':
		return southern
	case 'E', 'B':
		return northern
	case 'L':
		return mediterranean
	case 'O', 'H', 'F', 'D', 'G':
		return eastern
	default:
		return pacific
	}
}

var (
	american      = []string{"AAL", "DAL", "UAL", "SWA", "JBU", "ASA", "NKS", "FFT", "SKW", "ENY", "RPA", "EDV", "FDX", "UPS", "GTI", "AMX", "VOI", "CMP"}
	canadian      = []string{"ACA", "WJA", "JZA", "TSC", "POE", "ROU", "FLE", "CJT", "WEN"}
	southern      = []string{"TAM", "GLO", "AZU", "ARG", "LAN", "AVA", "LPE", "FBZ", "BOV", "JAT"}
	northern      = []string{"BAW", "EZY", "DLH", "KLM", "SAS", "RYR", "EIN", "FIN", "NOZ", "BEL", "EWG", "LOT", "BTI", "EXS", "VIR", "CFG", "TUI", "ICE", "SHT", "LOG", "WZZ", "BCS"}
	mediterranean = []string{"AFR", "IBE", "VLG", "ITY", "AUA", "SWR", "TAP", "AEE", "CSA", "THY", "PGT", "ROT", "CTN", "EJU", "RYR", "WZZ", "VOE", "AEA", "TRA", "BPA", "ELY"}
	eastern       = []string{"UAE", "QTR", "ETD", "SVA", "GFA", "OMA", "KAC", "MSR", "ETH", "SAA", "KQA", "RAM", "DAH", "FDB", "ABY", "RJA"}
	pacific       = []string{"SIA", "CPA", "QFA", "ANZ", "JAL", "ANA", "KAL", "AAR", "CCA", "CES", "CSN", "MAS", "AXM", "THA", "GIA", "PAL", "CEB", "HVN", "IGO", "AIC", "VOZ", "JST", "EVA", "CAL", "CHH", "AFL"}
	worldwide     = []string{"BAW", "DLH", "AFR", "KLM", "UAE", "QTR", "SIA", "UAL", "DAL", "AAL", "THY", "FDX", "UPS", "GTI", "CLX", "BOX", "VIR", "ACA", "QFA", "CPA"}
)

// name makes up a name from syllables. The same person always has the same.
func (s *Simulator) name(cid int32) string {
	r := newRandom(s.seed, aboutIdentity, uint64(cid), 77)
	kind := r.unit()
	if kind < 0.018*s.oddities {
		return strconv.Itoa(int(cid))
	}
	syllables := plainSyllables
	if r.chance(0.06) {
		syllables = accentedSyllables
	}
	text := invent(r, syllables, 2) + " " + invent(r, syllables, 2+r.below(2))
	switch {
	case kind < 0.08:
		return text
	default:
		return text + " " + s.atlas.airports[s.atlas.choose(r)].icao
	}
}

var (
	plainSyllables    = []string{"ba", "bren", "cal", "da", "dor", "el", "fen", "ga", "hol", "in", "ja", "kel", "la", "lin", "mar", "mo", "na", "nor", "o", "per", "ra", "ril", "sa", "sel", "ta", "tor", "u", "val", "vi", "wen", "ya", "zo"}
	accentedSyllables = []string{"bär", "çel", "dö", "él", "fję", "gü", "håk", "ír", "ña", "øs", "ré", "šim", "tů", "vỹ", "ž", "łu", "ма", "ри", "на", "ко", "김", "山", "ó"}
)

func invent(r *random, syllables []string, n int) string {
	var text strings.Builder
	for range n {
		text.WriteString(pick(r, syllables))
	}
	first, rest := splitFirst(text.String())
	return strings.ToUpper(first) + rest
}

func splitFirst(text string) (string, string) {
	for i := range text {
		if i > 0 {
			return text[:i], text[i:]
		}
	}
	return text, ""
}

// flightID names a flight in the truth: the same for all its events.
func (s *Simulator) flightID(d *duty, leg int) string {
	return fmt.Sprintf("%016x", hash(s.seed, uint64(d.slot), uint64(d.block), uint64(leg), 4711))
}
