package main

import (
	"cmp"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"

	"github.com/skyledger/skyledger/internal/geo"
	"github.com/skyledger/skyledger/internal/reference"
)

// builder turns the sources' rows into ours.
type builder struct {
	airports, runways, countries, regions table
}

func (b builder) world() (*reference.World, error) {
	countries := b.allCountries()
	regions := b.allRegions()
	airports := b.allAirports(regions)
	b.moveToRunways(airports)
	b.levelWithRunways(airports)
	return reference.NewWorld(airports, b.allRunways(airports), countries, regions)
}

func (b builder) allCountries() (all []reference.Country) {
	b.countries.each(func(get func(string) string) {
		all = append(all, reference.Country{Code: get("code"), Name: get("name"), Continent: get("continent")})
	})
	slices.SortFunc(all, func(a, b reference.Country) int { return strings.Compare(a.Code, b.Code) })
	return all
}

// allRegions leaves out the ones that stand for "unassigned".
func (b builder) allRegions() (all []reference.Subdivision) {
	b.regions.each(func(get func(string) string) {
		if strings.HasSuffix(get("code"), "-U-A") {
			return
		}
		all = append(all, reference.Subdivision{Code: get("code"), Country: get("iso_country"), Name: get("name")})
	})
	slices.SortFunc(all, func(a, b reference.Subdivision) int { return strings.Compare(a.Code, b.Code) })
	return all
}

// icao keeps codes as they are filed in plans; airportsdata has a few made up
// ones with an underscore.
var icao = regexp.MustCompile(`^[A-Z0-9]{4}$`)

func (b builder) allAirports(regions []reference.Subdivision) (all []reference.Airport) {
	codes := regionCodes(regions)
	b.airports.each(func(get func(string) string) {
		lat, lon := number(get("lat")), number(get("lon"))
		if !icao.MatchString(get("icao")) || !geo.IsLatitude(lat) || !geo.IsLongitude(lon) {
			return
		}
		elevation := number(get("elevation"))
		if math.IsNaN(elevation) {
			elevation = 0
		}
		all = append(all, reference.Airport{
			ICAO: get("icao"), IATA: get("iata"), Name: get("name"), City: get("city"),
			Country: get("country"), Region: codes[get("country")+" "+fold(get("subd"))], TZ: get("tz"),
			Lat: lat, Lon: lon, ElevationFt: int(math.Round(elevation)),
		})
	})
	slices.SortFunc(all, func(a, b reference.Airport) int { return strings.Compare(a.ICAO, b.ICAO) })
	return slices.CompactFunc(all, func(a, b reference.Airport) bool { return a.ICAO == b.ICAO })
}

// regionCodes are the regions' codes by country and folded name: the two
// sources spell names differently.
func regionCodes(regions []reference.Subdivision) map[string]string {
	codes := map[string]string{}
	for _, region := range regions {
		key := region.Country + " " + fold(region.Name)
		if _, taken := codes[key]; !taken {
			codes[key] = region.Code
		}
	}
	return codes
}

// filler are the words that one source has and the other leaves out.
var filler = regexp.MustCompile(`\b(province|region|state|department|prefecture|governorate|county|district|oblast|krai|of|de|la|el|the)\b`)

// fold brings a name to what two spellings have in common: small letters
// without accents, hyphens and words that say what kind of region it is.
func fold(name string) string {
	plain := strings.Map(func(r rune) rune {
		switch {
		case unicode.Is(unicode.Mn, r):
			return -1
		case unicode.IsLetter(r), unicode.IsDigit(r):
			return unicode.ToLower(r)
		default:
			return ' '
		}
	}, norm.NFD.String(name))
	return strings.Join(strings.Fields(filler.ReplaceAllString(plain, " ")), " ")
}

// strip is the middle of a runway whose ends are as far apart as it is long: a
// place that somebody checked on a map.
type strip struct{ lat, lon float64 }

// wrongElevation is how many feet an airport's elevation may lie outside those
// of its runways' ends. Beyond are metres taken for feet, elevations of an old
// site, and zeros.
const wrongElevation = 150

// levelWithRunways gives airports whose elevation is wrong that of the middle
// between their lowest and highest runway end.
func (b builder) levelWithRunways(airports []reference.Airport) {
	type span struct{ low, high float64 }
	spans := map[string]span{}
	b.runways.each(func(get func(string) string) {
		for _, name := range []string{"le_elevation_ft", "he_elevation_ft"} {
			if feet := number(get(name)); feet > -1500 && feet < 20000 { // not for NaN
				known, found := spans[get("airport_ident")]
				if !found {
					known = span{feet, feet}
				}
				spans[get("airport_ident")] = span{min(known.low, feet), max(known.high, feet)}
			}
		}
	})
	for i := range airports {
		a := &airports[i]
		known, found := spans[a.ICAO]
		if elevation := float64(a.ElevationFt); found && (elevation < known.low-wrongElevation || elevation > known.high+wrongElevation) {
			a.ElevationFt = int(math.Round((known.low + known.high) / 2))
		}
	}
}

// strips are the checked runways by the airport's code.
func (b builder) strips() map[string][]strip {
	found := map[string][]strip{}
	b.runways.each(func(get func(string) string) {
		low := reference.RunwayEnd{Lat: number(get("le_latitude_deg")), Lon: number(get("le_longitude_deg"))}
		high := reference.RunwayEnd{Lat: number(get("he_latitude_deg")), Lon: number(get("he_longitude_deg"))}
		if asLong(&low, &high, feet(get("length_ft"))) {
			code := get("airport_ident")
			found[code] = append(found[code], strip{(low.Lat + high.Lat) / 2, (low.Lon + high.Lon) / 2})
		}
	})
	return found
}

const (
	// farFromRunways is more than any airport's middle lies from that of its
	// first runway: Denver's is 2 miles.
	farFromRunways = 3 // nautical miles
	// anotherAirport is so far that the code means another airport. Places that
	// are degrees and minutes read as a decimal number, as all of Belgium's
	// were, are at most 24 miles off there; old sites of airports that moved are
	// nearer.
	anotherAirport = 40 // nautical miles
)

// moveToRunways puts airports where their runways are: the two sources differ by
// miles for some fifty, and only runways are checked on maps.
func (b builder) moveToRunways(airports []reference.Airport) {
	strips := b.strips()
	for i := range airports {
		a := &airports[i]
		for _, s := range strips[a.ICAO] {
			if !geo.Within(anotherAirport, a.Lat, a.Lon, s.lat, s.lon) {
				continue
			}
			if !geo.Within(farFromRunways, a.Lat, a.Lon, s.lat, s.lon) {
				a.Lat, a.Lon = math.Round(s.lat*1e5)/1e5, math.Round(s.lon*1e5)/1e5
			}
			break
		}
	}
}

// renamed finds the airports whose runways are under a code that no airport has
// any more: by that code, the number of the airport without runways of its own
// that is nearest, within a mile and a half.
func (b builder) renamed(airports []reference.Airport) map[string]int {
	const near = 1.5
	strips := b.strips()
	known := func(code string) bool {
		_, found := slices.BinarySearchFunc(airports, code, func(a reference.Airport, code string) int { return strings.Compare(a.ICAO, code) })
		return found
	}
	out := map[string]int{}
	for code, all := range strips {
		if known(code) || !icao.MatchString(code) {
			continue
		}
		nearest := near
		for i := range airports {
			a := &airports[i]
			if len(strips[a.ICAO]) > 0 || !geo.Within(nearest, a.Lat, a.Lon, all[0].lat, all[0].lon) {
				continue
			}
			if away := geo.Distance(a.Lat, a.Lon, all[0].lat, all[0].lon); away < nearest {
				out[code], nearest = i, away
			}
		}
	}
	return out
}

func (b builder) allRunways(airports []reference.Airport) (all []reference.Runway) {
	renamed := b.renamed(airports)
	b.runways.each(func(get func(string) string) {
		at, found := slices.BinarySearchFunc(airports, get("airport_ident"), func(a reference.Airport, code string) int {
			return strings.Compare(a.ICAO, code)
		})
		if !found {
			at, found = renamed[get("airport_ident")]
		}
		if !found || get("le_ident") == "" {
			return
		}
		all = append(all, runway(&airports[at], get))
	})
	slices.SortStableFunc(all, func(a, b reference.Runway) int {
		return cmp.Or(strings.Compare(a.Airport, b.Airport), strings.Compare(a.Low.Ident, b.Low.Ident),
			strings.Compare(a.High.Ident, b.High.Ident), cmp.Compare(a.LengthFt, b.LengthFt))
	})
	return all
}

func runway(airport *reference.Airport, get func(string) string) reference.Runway {
	r := reference.Runway{
		Airport: airport.ICAO, LengthFt: feet(get("length_ft")), WidthFt: feet(get("width_ft")),
		Surface: strings.ToUpper(get("surface")), Lighted: get("lighted") == "1", Closed: get("closed") == "1",
		Low: end(airport, "le_", get), High: end(airport, "he_", get),
	}
	if r.Low.Placed && r.High.Placed {
		straighten(&r)
	}
	return r
}

// farFromAirport is more than any runway lies from its airport's middle.
const farFromAirport = 10 // nautical miles

func end(airport *reference.Airport, prefix string, get func(string) string) reference.RunwayEnd {
	e := reference.RunwayEnd{Ident: get(prefix + "ident"), Heading: -1}
	if e.Ident == "" {
		return e
	}
	e.DisplacedFt = feet(get(prefix + "displaced_threshold_ft"))
	e.Lat, e.Lon = number(get(prefix+"latitude_deg")), number(get(prefix+"longitude_deg"))
	e.Placed = geo.Within(farFromAirport, e.Lat, e.Lon, airport.Lat, airport.Lon) // not for NaN
	if !e.Placed {
		e.Lat, e.Lon = 0, 0
	}
	if heading := number(get(prefix + "heading_degT")); heading >= 0 && heading <= 360 {
		e.Heading = tenth(heading)
	}
	return e
}

// straighten takes the headings from where the ends are, if these are as far
// apart as the runway is long: places are checked on maps, headings are often
// magnetic ones. Ends that are not are places of something else.
func straighten(r *reference.Runway) {
	if !asLong(&r.Low, &r.High, r.LengthFt) {
		r.Low.Placed, r.Low.Lat, r.Low.Lon = false, 0, 0
		r.High.Placed, r.High.Lat, r.High.Lon = false, 0, 0
		return
	}
	r.Low.Heading = tenth(geo.Bearing(r.Low.Lat, r.Low.Lon, r.High.Lat, r.High.Lon))
	r.High.Heading = tenth(geo.Bearing(r.High.Lat, r.High.Lon, r.Low.Lat, r.Low.Lon))
}

// asLong reports whether two ends are as far apart as the runway is long, where
// its length is known.
func asLong(low, high *reference.RunwayEnd, lengthFt int) bool {
	const feetPerMile = 6076.12
	apart := geo.Distance(low.Lat, low.Lon, high.Lat, high.Lon) * feetPerMile
	length := float64(lengthFt)
	return apart >= 100 && (lengthFt == 0 || apart >= 0.6*length && apart <= 1.6*length) // not for NaN
}

func tenth(heading float64) float64 { return geo.Turn(math.Round(heading*10) / 10) }

// feet returns a whole number of feet, 0 for what is none.
func feet(text string) int {
	value := number(text)
	if !(value > 0 && value < 100_000) {
		return 0
	}
	return int(math.Round(value))
}

func number(text string) float64 {
	value, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return math.NaN()
	}
	return value
}
