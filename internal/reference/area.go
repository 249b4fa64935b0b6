package reference

import (
	"math"
	"slices"
	"strings"

	"github.com/skyledger/skyledger/internal/geo"
)

// Area is a part of the world to filter by. Airport reports whether an airport
// belongs to it, by its ICAO or IATA code, or an FIR, by its id or the prefix of
// its callsigns. Point reports whether a point lies in it, in degrees. Both are
// fast enough to call for every row, and safe from several goroutines.
type Area = interface {
	Airport(code string) bool
	Point(lat, lon float64) bool
}

// regionArea is a region of the table. airspace is nil while there is none.
type regionArea struct {
	region   Region
	world    *World
	airspace *Airspace
}

// Airport goes by the ICAO code's prefix. Other codes, such as controllers'
// callsigns begin with, are an airport's IATA code or an FIR's prefix.
func (r *regionArea) Airport(code string) bool {
	code = upper(code)
	if len(code) == 4 {
		return r.world.InRegion(&r.region, code)
	}
	if airport, known := r.world.Airport(code); known && r.world.InRegion(&r.region, airport.ICAO) {
		return true
	}
	if r.airspace == nil {
		return false
	}
	return slices.ContainsFunc(r.airspace.withPrefix(code), func(fir *FIR) bool { return r.holdsFIR(fir.ID) }) || r.holdsFIR(code)
}

func (r *regionArea) holdsFIR(id string) bool {
	id, _, _ = strings.Cut(id, "-")
	return isICAO(id) && r.region.HoldsCode(id)
}

// nearby is how far the nearest airport may be that says where a point lies
// which no FIR does.
const nearby = 300 // nautical miles

// Point goes by the FIR that holds the point. Without FIRs, and where none
// does, the nearest airport tells.
func (r *regionArea) Point(lat, lon float64) bool {
	if r.airspace != nil {
		if fir, found := r.airspace.At(lat, lon); found {
			if id, _, _ := strings.Cut(fir.ID, "-"); isICAO(id) {
				return r.region.HoldsCode(id)
			}
		}
	}
	airport, found := r.world.Nearest(lat, lon, nearby)
	return found && r.region.HoldsCode(airport.ICAO)
}

// firArea is an FIR.
type firArea struct {
	fir      *FIR
	world    *World
	airspace *Airspace
}

// Airport goes by where the airport is.
func (f *firArea) Airport(code string) bool {
	code = upper(code)
	if f.fir.named(code) {
		return true
	}
	if airport, known := f.world.Airport(code); known {
		return f.fir.Holds(airport.Lat, airport.Lon)
	}
	lat, lon, found := f.airspace.place(code)
	return found && f.fir.Holds(lat, lon)
}

// Point reports whether the FIR's boundary holds the point.
func (f *firArea) Point(lat, lon float64) bool { return f.fir.Holds(lat, lon) }

// Nearest returns the airport with an ICAO code that is nearest to a point, and
// at most so many nautical miles away.
func (w *World) Nearest(lat, lon, miles float64) (nearest *Airport, found bool) {
	south, _ := slices.BinarySearchFunc(w.byLat, lat-miles/geo.MilesPerDegree, func(i int32, lat float64) int {
		if w.airports[i].Lat < lat {
			return -1
		}
		return 1
	})
	for _, i := range w.byLat[south:] {
		a := &w.airports[i]
		if (a.Lat-lat)*geo.MilesPerDegree > miles {
			break
		}
		if !isICAO(a.ICAO) || math.Abs(lat-a.Lat)*geo.MilesPerDegree > miles {
			continue
		}
		if apart := geo.Distance(lat, lon, a.Lat, a.Lon); apart <= miles {
			nearest, miles = a, apart
		}
	}
	return nearest, nearest != nil
}
