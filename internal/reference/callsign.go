package reference

import (
	"cmp"
	"slices"
	"strings"

	"github.com/skyledger/skyledger/internal/geo"
	"github.com/skyledger/skyledger/internal/store"
)

// Post is what a controller's callsign stands for. Whatever is not known is "".
type Post struct {
	Airport string // ICAO; "" for what serves none in particular
	FIR     string // id of the whole FIR, or of the upper region
	Sector  string // id of the part of the FIR that it has; "" for all of it
	Placed  bool
	Lat     float64 // of the airport, else where a map writes the FIR's name; meaningless unless Placed
	Lon     float64
}

// Post finds what a callsign such as EGLL_N_TWR or LON_S_CTR stands for, by the
// longest beginning that is known. Of a centre (area) that is a prefix of an
// FIR's callsigns, an FIR, an upper region or an airport's ICAO code; of anything
// else an airport first: by ICAO's code, by what VAT-Spy calls it (JFK, SOCAL,
// ESSEX), by IATA's code. A nil airspace knows airports alone.
func (a *Airspace) Post(world *World, callsign string, area bool) Post {
	order := []func(*World, string) (Post, bool){a.airportPost, a.areaPost}
	if area {
		// Of an airport's codes ICAO's alone: others are like prefixes of FIRs.
		order = []func(*World, string) (Post, bool){a.areaPost, a.icaoPost}
	}
	head := upper(callsign)
	for at := strings.LastIndexByte(head, '_'); at > 0; at = strings.LastIndexByte(head, '_') {
		head = head[:at]
		for _, find := range order {
			if post, known := find(world, head); known {
				return post
			}
		}
	}
	return Post{}
}

func (a *Airspace) icaoPost(world *World, code string) (Post, bool) {
	if len(code) != 4 {
		return Post{}, false
	}
	if airport, known := world.Airport(code); known {
		return a.at(Post{Airport: airport.ICAO}, airport.Lat, airport.Lon, ""), true
	}
	if a == nil {
		return Post{}, false
	}
	if lat, lon, known := a.place(code); known {
		return a.at(Post{Airport: code}, lat, lon, ""), true
	}
	return Post{}, false
}

func (a *Airspace) airportPost(world *World, code string) (Post, bool) {
	if post, known := a.icaoPost(world, code); known {
		return post, true
	}
	if a != nil {
		if at, known := a.byCode[code]; known {
			row := &a.coded[at]
			return a.at(Post{Airport: row.ICAO}, row.Lat, row.Lon, row.FIR), true
		}
	}
	if len(code) != 3 {
		return Post{}, false
	}
	// What IATA calls an airport, and the United States' local codes, which are
	// ICAO's without the K.
	for _, full := range []string{code, "K" + code} {
		if airport, known := world.Airport(full); known {
			return a.at(Post{Airport: airport.ICAO}, airport.Lat, airport.Lon, ""), true
		}
	}
	return Post{}, false
}

// at places a post that is in an airport: in the FIR that holds it, else in the
// one that VAT-Spy says.
func (a *Airspace) at(post Post, lat, lon float64, said string) Post {
	post.Placed, post.Lat, post.Lon = true, lat, lon
	if a == nil {
		return post
	}
	fir, found := a.At(lat, lon)
	if !found {
		fir, found = a.FIR(said)
	}
	if found {
		whole, _ := a.Whole(fir)
		post.FIR = whole.ID
	}
	return post
}

func (a *Airspace) areaPost(_ *World, code string) (Post, bool) {
	if a == nil {
		return Post{}, false
	}
	fir := a.prefixed(code)
	if fir == nil {
		var known bool
		if fir, known = a.FIR(code); !known {
			return Post{}, false
		}
	}
	whole, part := a.Whole(fir)
	post := Post{FIR: whole.ID}
	if part {
		post.Sector = fir.ID
	}
	for _, named := range []*FIR{fir, whole} {
		if named.Label != nil && !post.Placed {
			post.Placed, post.Lon, post.Lat = true, named.Label[0], named.Label[1]
		}
	}
	return post, true
}

// prefixed returns the FIR that a prefix of callsigns means: of several a whole
// one before a sector, then the first by id.
func (a *Airspace) prefixed(prefix string) (best *FIR) {
	for _, fir := range a.withPrefix(prefix) {
		if best == nil || cmp.Or(compareBool(fir.Sector, best.Sector), strings.Compare(fir.ID, best.ID)) < 0 {
			best = fir
		}
	}
	return best
}

func compareBool(a, b bool) int {
	switch {
	case a == b:
		return 0
	case b:
		return -1
	default:
		return 1
	}
}

// Whole returns the FIR that a sector is a part of: the one its id names before
// the hyphen, else the one around its label. part is false for one that is whole
// itself, and for a sector whose FIR is not known.
func (a *Airspace) Whole(fir *FIR) (whole *FIR, part bool) {
	if !fir.Sector {
		return fir, false
	}
	if at := strings.IndexAny(fir.ID, "-_"); at > 0 {
		if number, found := a.byName[fir.ID[:at]]; found && !a.firs[number].Sector {
			return &a.firs[number], true
		}
	}
	if fir.Label != nil {
		if over, found := a.At(fir.Label[1], fir.Label[0]); found && over.ID != fir.ID && !over.Sector {
			return over, true
		}
	}
	return fir, false
}

// Within appends to found what holds a point: the FIR that At names first, then
// the sectors, by id. It is the same for every point between two boundaries.
func (a *Airspace) Within(found []*FIR, lat, lon float64) []*FIR {
	var room [16]int32
	from, best := len(found), -1
	for _, i := range a.index.At(room[:0], lat, lon) {
		if a.owner[i] < 0 {
			continue
		}
		if best < 0 || a.rank[i] < a.rank[best] {
			best = int(i)
		}
		if fir := &a.firs[a.owner[i]]; fir.Sector && !slices.Contains(found[from:], fir) {
			found = append(found, fir)
		}
	}
	if best < 0 {
		return found
	}
	sectors := found[from:]
	slices.SortFunc(sectors, func(x, y *FIR) int { return strings.Compare(x.ID, y.ID) })
	first := &a.firs[a.owner[best]]
	if at := slices.Index(sectors, first); at >= 0 {
		found = slices.Delete(found, from+at, from+at+1)
	}
	return slices.Insert(found, from, first)
}

// Over returns the ids of all that a point lies in, so that a controller of any
// of them is responsible there: FIR, sectors, and upper regions of these.
func (a *Airspace) Over(lat, lon float64) []string {
	var ids []string
	for _, fir := range a.Within(nil, lat, lon) {
		ids = append(ids, fir.ID)
	}
	for i := range a.uirs {
		if slices.ContainsFunc(a.uirs[i].FIRs, func(id string) bool { return slices.Contains(ids, id) }) {
			ids = append(ids, a.uirs[i].ID)
		}
	}
	return ids
}

// Upper returns the ids of the upper regions that an FIR is a part of.
func (a *Airspace) Upper(fir string) []string {
	var ids []string
	for i := range a.uirs {
		if slices.Contains(a.uirs[i].FIRs, fir) {
			ids = append(ids, a.uirs[i].ID)
		}
	}
	return ids
}

// codeAirports makes the lookup of VAT-Spy's airports by what controllers'
// callsigns begin with. Pseudo airports are names of others.
func (a *Airspace) codeAirports(rows []store.SpyAirport) {
	a.byCode = make(map[string]int32, 2*len(rows))
	a.coded = rows
	for _, pseudo := range []bool{false, true} {
		for i := range rows {
			if rows[i].Pseudo != pseudo || !geo.IsLatitude(rows[i].Lat) {
				continue
			}
			for _, code := range []string{rows[i].ICAO, rows[i].LocalCode} {
				if _, taken := a.byCode[code]; !taken && code != "" {
					a.byCode[code] = int32(i)
				}
			}
		}
	}
}
