package reference

import (
	"slices"
	"strings"
)

// Region is a part of the world that people ask by: every ICAO code that begins
// with one of the prefixes, unless it begins with one of the exceptions.
type Region struct {
	Name     string
	Also     []string // other names, in small letters
	Prefixes []string
	Except   []string
}

// Regions is the table of regions, whole continents first. Regions overlap:
// Mexico is in North America as well.
//
// The prefixes follow ICAO's Doc 7910. Three sets are as the API has always had
// them: Australia Y; USA K, PA and PH; Europe E, L, B and U, with which come
// Greenland, Israel, Turkey and all of Russia and Central Asia. The Canary
// Islands are in Africa, as their codes are.
func Regions() []Region {
	return []Region{
		{Name: "Africa", Prefixes: []string{"D", "F", "G", "H"}},
		{Name: "Asia", Prefixes: []string{"OA", "OP", "R", "UA", "UC", "UT", "UZ", "V", "W", "Z"}},
		{Name: "Europe", Prefixes: []string{"E", "L", "B", "U"}},
		{Name: "Middle East", Prefixes: []string{"LL", "O"}, Except: []string{"OA", "OP"}},
		{Name: "North America", Prefixes: []string{"C", "K", "MM", "PA", "PF", "PH", "PO", "PP"}},
		{Name: "Oceania", Prefixes: []string{"A", "N", "P", "Y"}, Except: []string{"PA", "PF", "PH", "PO", "PP"}},
		{Name: "South America", Prefixes: []string{"S"}},
		{Name: "Central America", Prefixes: []string{"MG", "MH", "MM", "MN", "MP", "MR", "MS", "MZ"}},
		{Name: "Caribbean", Prefixes: []string{"MB", "MD", "MK", "MT", "MU", "MW", "MY", "T"}},
		{Name: "Central Asia", Prefixes: []string{"UA", "UC", "UT", "UZ"}},
		{Name: "East Asia", Prefixes: []string{"RC", "RJ", "RK", "RO", "VH", "VM", "Z"}},
		{Name: "South Asia", Prefixes: []string{"OA", "OP", "VA", "VC", "VE", "VG", "VI", "VN", "VO", "VQ", "VR"}},
		{Name: "Southeast Asia", Prefixes: []string{"RP", "VD", "VL", "VT", "VV", "VY", "W"}},
		{Name: "Scandinavia", Prefixes: []string{"BI", "EF", "EK", "EN", "ES"}},
		{Name: "Pacific", Prefixes: []string{"A", "N", "P"}, Except: []string{"PA", "PF", "PO", "PP"}},
		{Name: "Australia", Prefixes: []string{"Y"}},
		{Name: "Brazil", Prefixes: []string{"SB", "SD", "SI", "SJ", "SN", "SS", "SW"}},
		{Name: "Canada", Prefixes: []string{"C"}},
		{Name: "China", Prefixes: []string{"VH", "VM", "Z"}, Except: []string{"ZK", "ZM"}},
		{Name: "France", Prefixes: []string{"LF"}},
		{Name: "Germany", Prefixes: []string{"ED", "ET"}},
		{Name: "India", Prefixes: []string{"VA", "VE", "VI", "VO"}},
		{Name: "Italy", Prefixes: []string{"LI"}},
		{Name: "Japan", Prefixes: []string{"RJ", "RO"}},
		{Name: "Mexico", Prefixes: []string{"MM"}},
		{Name: "New Zealand", Prefixes: []string{"NZ"}},
		{Name: "Russia", Prefixes: []string{"UE", "UH", "UI", "UL", "UN", "UO", "UR", "US", "UU", "UW"}},
		{Name: "South Africa", Prefixes: []string{"FA"}},
		{Name: "Spain", Prefixes: []string{"GC", "GE", "LE"}},
		{Name: "Turkey", Also: []string{"türkiye"}, Prefixes: []string{"LT"}},
		{Name: "United Kingdom", Also: []string{"uk", "great britain"}, Prefixes: []string{"EG"}},
		{Name: "USA", Also: []string{"us", "united states"}, Prefixes: []string{"K", "PA", "PH"}},
		{Name: "Alaska", Prefixes: []string{"PA", "PF", "PO", "PP"}},
		{Name: "Hawaii", Prefixes: []string{"PH"}},
	}
}

// FindRegion finds a region of the table by one of its names, in any case, with
// spaces, hyphens or underscores.
func FindRegion(name string) (Region, bool) {
	name = plainName(name)
	for _, region := range Regions() {
		if plainName(region.Name) == name || slices.Contains(region.Also, name) {
			return region, true
		}
	}
	return Region{}, false
}

func plainName(name string) string {
	return strings.Join(strings.Fields(strings.NewReplacer("-", " ", "_", " ").Replace(strings.ToLower(name))), " ")
}

// HoldsCode reports whether a code in capitals begins as the region's do. It
// looks at nothing else: World.InRegion knows more.
func (r *Region) HoldsCode(code string) bool {
	begins := func(prefix string) bool { return strings.HasPrefix(code, prefix) }
	return slices.ContainsFunc(r.Prefixes, begins) && !slices.ContainsFunc(r.Except, begins)
}

// InRegion reports whether an airport's code is one of the region's. A code of
// four letters is ICAO's and goes by its prefix alone, known here or not. One
// with digits is national: CA03 is in California and not in Canada.
func (w *World) InRegion(r *Region, icao string) bool {
	icao = upper(icao)
	if len(icao) != 4 || !r.HoldsCode(icao) {
		return false
	}
	if isICAO(icao) {
		return true
	}
	airport, known := w.Airport(icao)
	return known && w.likeICAO(airport)
}

// likeICAO reports whether a national code begins as ICAO's codes of its country
// do. In the United States it begins with a state, unless it begins with K.
func (w *World) likeICAO(a *Airport) bool {
	if a.Country == "US" {
		return a.ICAO[0] == 'K'
	}
	if w.national[nation{a.ICAO[:2], a.Country}] > 0 {
		return true
	}
	letter := a.ICAO[:1]
	return 2*w.national[nation{letter, a.Country}] > w.national[nation{letter, ""}]
}

// RegionAirports returns the region's airports, by code.
func (w *World) RegionAirports(r *Region) (in []*Airport) {
	for i := range w.airports {
		if w.InRegion(r, w.airports[i].ICAO) {
			in = append(in, &w.airports[i])
		}
	}
	return in
}

// RegionNames lists the table's names for a sentence.
func RegionNames() string {
	var names []string
	for _, region := range Regions() {
		names = append(names, region.Name)
	}
	return strings.Join(names, ", ")
}
