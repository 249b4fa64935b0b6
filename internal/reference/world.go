package reference

import (
	"cmp"
	_ "embed" // the world
	"encoding/hex"
	"slices"
	"strings"
)

// World is the embedded part: airports, runways, countries and their regions.
// It is immutable; what its methods return must not be changed.
type World struct {
	airports  []Airport // by ICAO
	runways   []Runway  // by airport, in the airports' order
	countries []Country // by code
	regions   []Subdivision
	hash      [32]byte

	byIATA   []int32 // airports that have an IATA code, by it
	byLat    []int32 // airports from south to north
	national map[nation]int
}

// Airport is an airport, heliport or seaplane base.
type Airport struct {
	ICAO        string // ICAO's location indicator, or a national code of four characters
	IATA        string // "" for most
	Name        string
	City        string
	Country     string // ISO 3166-1 code of two letters
	Region      string // ISO 3166-2 code, such as GB-ENG; "" when not known
	TZ          string // IANA name of the time zone
	Lat, Lon    float64
	ElevationFt int

	firstRunway, runways int32
}

// Runway is a runway with both its ends; a helipad has one.
type Runway struct {
	Airport  string // ICAO
	Low      RunwayEnd
	High     RunwayEnd // without an ident where there is none
	LengthFt int       // 0 when not known
	WidthFt  int       // 0 when not known
	Surface  string    // as OurAirports has it, in capitals: ASP, CON, TURF, …; "" when not known
	Lighted  bool
	Closed   bool
}

// RunwayEnd is where a runway begins in one of its directions.
type RunwayEnd struct {
	Ident       string
	Lat, Lon    float64 // of the pavement's end; meaningless unless Placed
	Placed      bool
	Heading     float64 // degrees true, to a tenth; −1 when not known
	DisplacedFt int     // from the pavement's end to the threshold
}

// Country is a country as OurAirports has it.
type Country struct {
	Code      string // ISO 3166-1, two letters; XK is Kosovo
	Name      string
	Continent string // AF, AN, AS, EU, NA, OC, SA
}

// Subdivision is a part of a country, of which ISO 3166-2 makes codes.
type Subdivision struct {
	Code    string // ISO 3166-2, such as AU-NSW
	Country string
	Name    string
}

//go:embed world.bin
var packedWorld []byte

// Embedded decodes the embedded part. It takes some 30 ms: keep what it returns.
func Embedded() (*World, error) { return Decode(packedWorld) }

// Hash names the content, in hexadecimal digits.
func (w *World) Hash() string { return hex.EncodeToString(w.hash[:]) }

// Airports returns every airport, by ICAO code.
func (w *World) Airports() []Airport { return w.airports }

// Runways returns every runway, by the airport's ICAO code.
func (w *World) Runways() []Runway { return w.runways }

// Countries returns every country, by code.
func (w *World) Countries() []Country { return w.countries }

// Subdivisions returns every country's parts, by code.
func (w *World) Subdivisions() []Subdivision { return w.regions }

// RunwaysOf returns an airport's runways.
func (w *World) RunwaysOf(a *Airport) []Runway {
	return w.runways[a.firstRunway : a.firstRunway+a.runways]
}

// Airport finds an airport by its ICAO or IATA code, in any case.
func (w *World) Airport(code string) (*Airport, bool) {
	code = upper(code)
	if len(code) == 3 {
		at, found := slices.BinarySearchFunc(w.byIATA, code, func(i int32, code string) int {
			return strings.Compare(w.airports[i].IATA, code)
		})
		if !found {
			return nil, false
		}
		return &w.airports[w.byIATA[at]], true
	}
	at, found := slices.BinarySearchFunc(w.airports, code, func(a Airport, code string) int { return strings.Compare(a.ICAO, code) })
	if !found {
		return nil, false
	}
	return &w.airports[at], true
}

// Country finds a country by its code.
func (w *World) Country(code string) (Country, bool) {
	at, found := slices.BinarySearchFunc(w.countries, code, func(c Country, code string) int { return strings.Compare(c.Code, code) })
	if !found {
		return Country{}, false
	}
	return w.countries[at], true
}

// upper returns the text in capitals; codes are ASCII and most are capitals
// already.
func upper(text string) string { return strings.ToUpper(strings.TrimSpace(text)) }

// nation is the beginning of ICAO codes, one letter or two, and a country; where
// the country is empty, all of them.
type nation struct{ prefix, country string }

// index makes the world's lookups.
func (w *World) index() {
	w.national = map[nation]int{}
	w.byLat = make([]int32, len(w.airports))
	for i := range w.airports {
		a := &w.airports[i]
		w.byLat[i] = int32(i)
		if a.IATA != "" {
			w.byIATA = append(w.byIATA, int32(i))
		}
		if isICAO(a.ICAO) {
			w.national[nation{a.ICAO[:1], a.Country}]++
			w.national[nation{a.ICAO[:2], a.Country}]++
			w.national[nation{a.ICAO[:1], ""}]++
		}
	}
	slices.SortFunc(w.byIATA, func(a, b int32) int { return strings.Compare(w.airports[a].IATA, w.airports[b].IATA) })
	slices.SortFunc(w.byLat, func(a, b int32) int { return cmp.Compare(w.airports[a].Lat, w.airports[b].Lat) })
}

// isICAO reports whether a code is shaped like ICAO's: four capital letters.
// Those of four characters with digits are national ones.
func isICAO(code string) bool {
	if len(code) != 4 {
		return false
	}
	for i := range len(code) {
		if code[i] < 'A' || code[i] > 'Z' {
			return false
		}
	}
	return true
}
