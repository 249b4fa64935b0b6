package reference

import (
	"cmp"
	"slices"
	"strings"
	"sync"

	"github.com/skyledger/skyledger/internal/fault"
	"github.com/skyledger/skyledger/internal/geo"
	"github.com/skyledger/skyledger/internal/store"
)

// Airspace is a version of VAT-Spy's content made ready for questions. It is
// immutable; what its methods return must not be changed.
type Airspace struct {
	Version store.VATSpyVersion

	firs       []FIR // by id
	uirs       []store.UIR
	byName     map[string]int // of firs, by id and by boundary id
	byPrefix   map[string][]int
	boundaries []store.Boundary
	areas      []*geo.Area // of the boundaries
	rank       []int       // of the boundaries: where several hold a point, the least names its FIR
	owner      []int       // of the boundaries: the FIR
	index      *geo.Index
	airports   []store.SpyAirport // that are not pseudo, by ICAO
	coded      []store.SpyAirport // all of them
	byCode     map[string]int32   // of coded, by what callsigns begin with

	placing sync.Once
	placed  []*FIR
}

// FIR is a flight information region, or a sector of one.
type FIR struct {
	ID         string
	Name       string
	Prefixes   []string // of its controllers' callsigns
	Boundaries []string // ids of its boundaries
	Airports   int      // of VAT-Spy's airports, how many it says are in this FIR
	Sector     bool     // a part of others: its id says so, or it lies in an FIR that has airports and has none
	Oceanic    bool     // all of it
	Region     string   // VATSIM's: AMAS, APAC, EMEA; "" when not known
	Division   string   // VATSIM's
	Label      *geo.Coordinate
	Shape      geo.MultiPolygon // nil where VAT-Spy has no boundary

	area *geo.Area
}

// Holds reports whether a point lies in the FIR.
func (f *FIR) Holds(lat, lon float64) bool { return f.area != nil && f.area.Holds(lat, lon) }

// Box returns the box around the FIR; not ok where it has no boundary.
func (f *FIR) Box() (box geo.Box, ok bool) {
	if f.area == nil {
		return geo.Box{}, false
	}
	return f.area.Box(), true
}

// SquareMiles returns the FIR's size in square nautical miles.
func (f *FIR) SquareMiles() float64 {
	if f.area == nil {
		return 0
	}
	return f.area.SquareMiles()
}

// named reports whether a code in capitals means this FIR.
func (f *FIR) named(code string) bool {
	return f.ID == code || slices.Contains(f.Prefixes, code) || slices.Contains(f.Boundaries, code)
}

// NewAirspace prepares a content; its boundaries must be areas.
func NewAirspace(content store.VATSpy, version store.VATSpyVersion) (*Airspace, error) {
	a := &Airspace{
		Version: version, uirs: content.UIRs, boundaries: content.Boundaries,
		areas: make([]*geo.Area, len(content.Boundaries)), byName: map[string]int{}, byPrefix: map[string][]int{},
	}
	for i := range content.Boundaries {
		area, err := geo.NewArea(content.Boundaries[i].Shape)
		if err != nil {
			return nil, fault.E("reference.NewAirspace", fault.Internal, "boundary_"+content.Boundaries[i].ID, err)
		}
		a.areas[i] = area
	}
	a.index = geo.NewIndex(a.areas)
	a.collect(content.FIRs)
	a.codeAirports(content.Airports)
	for _, airport := range content.Airports {
		if airport.Pseudo {
			continue
		}
		a.airports = append(a.airports, airport)
		if at, found := a.byName[airport.FIR]; found {
			a.firs[at].Airports++
		}
	}
	a.rankBoundaries()
	a.markSectors()
	slices.SortStableFunc(a.airports, func(x, y store.SpyAirport) int { return strings.Compare(x.ICAO, y.ICAO) })
	return a, nil
}

// collect makes one FIR of the rows that share an id.
func (a *Airspace) collect(rows []store.FIR) {
	parts := map[string][]int{} // boundaries by id
	for i := range a.boundaries {
		parts[a.boundaries[i].ID] = append(parts[a.boundaries[i].ID], i)
	}
	rows = slices.Clone(rows)
	slices.SortStableFunc(rows, func(x, y store.FIR) int { return strings.Compare(x.ID, y.ID) })
	for _, row := range rows {
		if n := len(a.firs); n == 0 || a.firs[n-1].ID != row.ID {
			a.firs = append(a.firs, FIR{ID: row.ID, Name: row.Name})
		}
		fir := &a.firs[len(a.firs)-1]
		if prefix := cmp.Or(row.CallsignPrefix, row.ID); !slices.Contains(fir.Prefixes, prefix) {
			fir.Prefixes = append(fir.Prefixes, prefix)
		}
		if !slices.Contains(fir.Boundaries, row.Boundary) && parts[row.Boundary] != nil {
			fir.Boundaries = append(fir.Boundaries, row.Boundary)
		}
	}
	a.owner = make([]int, len(a.boundaries))
	for i := range a.owner {
		a.owner[i] = -1
	}
	for number := range a.firs {
		a.outline(number, parts)
	}
}

// outline gives an FIR its boundaries and its names.
func (a *Airspace) outline(number int, parts map[string][]int) {
	fir := &a.firs[number]
	a.byName[fir.ID] = number
	for _, prefix := range fir.Prefixes {
		a.byPrefix[prefix] = append(a.byPrefix[prefix], number)
	}
	var all []int
	for _, id := range fir.Boundaries {
		all = append(all, parts[id]...)
		if _, taken := a.byName[id]; !taken {
			a.byName[id] = number
		}
	}
	fir.Oceanic = len(all) > 0
	for _, i := range all {
		b := &a.boundaries[i]
		if a.owner[i] < 0 || b.ID == fir.ID {
			a.owner[i] = number
		}
		fir.Oceanic = fir.Oceanic && b.Oceanic
		fir.Region, fir.Division = cmp.Or(fir.Region, b.Region), cmp.Or(fir.Division, b.Division)
		if fir.Label == nil && geo.IsLatitude(b.LabelLat) && geo.IsLongitude(b.LabelLon) {
			fir.Label = &geo.Coordinate{b.LabelLon, b.LabelLat}
		}
		fir.Shape = append(fir.Shape, b.Shape...)
	}
	switch len(all) {
	case 0:
	case 1:
		fir.area = a.areas[all[0]]
	default:
		fir.area, _ = geo.NewArea(fir.Shape) // of shapes that are areas each
	}
}

// rankBoundaries puts the FIRs that airports are in before those that none is
// in, such as terminal areas; whole ones before sectors; and small before large:
// what an FIR covers of an oceanic one belongs to itself. Of 17,409 airports
// that lie in the FIR that VAT-Spy says, 17,207 are found in it so, and 14,423
// by size alone.
func (a *Airspace) rankBoundaries() {
	var order []int
	for i := range a.boundaries {
		if a.owner[i] >= 0 {
			order = append(order, i)
		}
	}
	fir := func(i int) *FIR { return &a.firs[a.owner[i]] }
	slices.SortStableFunc(order, func(x, y int) int {
		return cmp.Or(cmp.Compare(min(1, fir(y).Airports), min(1, fir(x).Airports)),
			cmp.Compare(hyphens(fir(x).ID), hyphens(fir(y).ID)), cmp.Compare(a.areas[x].SquareMiles(), a.areas[y].SquareMiles()))
	})
	a.rank = make([]int, len(a.boundaries))
	for rank, i := range order {
		a.rank[i] = rank
	}
}

// hyphens is how often an id says that it is a part of another.
func hyphens(id string) int { return strings.Count(id, "-") + strings.Count(id, "_") }

// markSectors needs the boundaries' ranks.
func (a *Airspace) markSectors() {
	for i := range a.firs {
		fir := &a.firs[i]
		fir.Sector = hyphens(fir.ID) > 0
		if fir.Sector || fir.Airports > 0 || fir.Label == nil {
			continue
		}
		over, found := a.At(fir.Label[1], fir.Label[0])
		fir.Sector = found && over.ID != fir.ID && over.Airports > 0
	}
}

// At returns the FIR that a point lies in: see rankBoundaries for which of
// several. A few stretches of sea belong to none.
func (a *Airspace) At(lat, lon float64) (*FIR, bool) {
	var room [16]int32
	best := -1
	for _, i := range a.index.At(room[:0], lat, lon) {
		if a.owner[i] >= 0 && (best < 0 || a.rank[i] < a.rank[best]) {
			best = int(i)
		}
	}
	if best < 0 {
		return nil, false
	}
	return &a.firs[a.owner[best]], true
}

// Airports returns the FIR of each of the world's airports, in their order; nil
// where one lies in none. It is worked out once.
func (a *Airspace) Airports(world *World) []*FIR {
	a.placing.Do(func() {
		a.placed = make([]*FIR, len(world.airports))
		for i := range world.airports {
			a.placed[i], _ = a.At(world.airports[i].Lat, world.airports[i].Lon)
		}
	})
	return a.placed
}

// FIRs returns every FIR and sector, by id.
func (a *Airspace) FIRs() []FIR { return a.firs }

// FIR finds an FIR, a sector or an upper region (UIR) by its id or its
// boundary's, in any case.
func (a *Airspace) FIR(id string) (*FIR, bool) {
	id = upper(id)
	if number, found := a.byName[id]; found {
		return &a.firs[number], true
	}
	at := slices.IndexFunc(a.uirs, func(u store.UIR) bool { return u.ID == id })
	if at < 0 {
		return nil, false
	}
	return a.upper(&a.uirs[at]), true
}

// upper makes an FIR of the FIRs of an upper region.
func (a *Airspace) upper(uir *store.UIR) *FIR {
	whole := &FIR{ID: uir.ID, Name: uir.Name, Prefixes: []string{uir.ID}}
	for _, id := range uir.FIRs {
		if number, found := a.byName[id]; found {
			part := &a.firs[number]
			whole.Boundaries = append(whole.Boundaries, part.ID)
			whole.Shape = append(whole.Shape, part.Shape...)
		}
	}
	if len(whole.Shape) > 0 {
		whole.area, _ = geo.NewArea(whole.Shape) // of shapes that are areas each
	}
	return whole
}

// withPrefix returns the FIRs whose controllers' callsigns begin so.
func (a *Airspace) withPrefix(prefix string) (found []*FIR) {
	for _, number := range a.byPrefix[prefix] {
		found = append(found, &a.firs[number])
	}
	return found
}

// place returns where VAT-Spy says that an airport is.
func (a *Airspace) place(icao string) (lat, lon float64, found bool) {
	at, found := slices.BinarySearchFunc(a.airports, icao, func(s store.SpyAirport, code string) int { return strings.Compare(s.ICAO, code) })
	if !found {
		return 0, 0, false
	}
	return a.airports[at].Lat, a.airports[at].Lon, true
}
