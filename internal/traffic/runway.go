package traffic

import (
	"math"

	"github.com/skyledger/skyledger/internal/geo"
	"github.com/skyledger/skyledger/internal/reference"
)

// runway is a runway in one of its directions.
type runway struct {
	ident    string
	lat, lon float64 // where the pavement begins
	heading  float64 // degrees true
	length   float64 // nautical miles
}

const (
	feetPerMile = 6076.12
	// alignedDegrees is how far a course may differ from the runway's.
	alignedDegrees = 25.0
	// besideMiles is how far beside the centreline an aircraft on the runway
	// may be: half a wide runway, and scenery that is out of place.
	besideMiles = 0.1
	// rolling is the speed, in knots, above which an aircraft on the ground is
	// on a runway and not on a taxiway.
	rolling = 40
)

// appendRunways adds every open runway of which the data says where it is, in
// both directions. A helipad is none.
func appendRunways(out []runway, all []reference.Runway) []runway {
	for i := range all {
		if r := &all[i]; !r.Closed && r.High.Ident != "" {
			out = appendRunway(out, &r.Low, &r.High, r.LengthFt)
			out = appendRunway(out, &r.High, &r.Low, r.LengthFt)
		}
	}
	return out
}

func appendRunway(out []runway, near, far *reference.RunwayEnd, lengthFt int) []runway {
	switch {
	case near.Placed && far.Placed:
		return append(out, runway{
			ident: near.Ident, lat: near.Lat, lon: near.Lon,
			heading: geo.Bearing(near.Lat, near.Lon, far.Lat, far.Lon),
			length:  geo.Distance(near.Lat, near.Lon, far.Lat, far.Lon),
		})
	case near.Placed && near.Heading >= 0 && lengthFt > 0:
		return append(out, runway{ident: near.Ident, lat: near.Lat, lon: near.Lon, heading: near.Heading, length: float64(lengthFt) / feetPerMile})
	}
	return out
}

// from is where a place lies, in nautical miles: along the runway from its
// beginning, and across from its centreline. The plane it is measured in is
// good to a few feet within ten miles.
func (r *runway) from(lat, lon float64) (along, across float64) {
	north := (lat - r.lat) * geo.MilesPerDegree
	east := geo.Longitude(lon-r.lon) * geo.MilesPerDegree * math.Cos((lat+r.lat)/2*math.Pi/180)
	sin, cos := math.Sincos(r.heading * math.Pi / 180)
	return east*sin + north*cos, math.Abs(east*cos - north*sin)
}

// aligned reports whether a course is the runway's.
func (r *runway) aligned(course float64) bool { return turn(course, r.heading) <= alignedDegrees }

// turn is the angle between two courses, 0 to 180 degrees.
func turn(a, b float64) float64 { return math.Abs(math.Mod(a-b+540, 360) - 180) }

// used is a runway found, and how far beside its centreline the aircraft was;
// without an ident when none was.
type used struct {
	ident  string
	across float64
}

// pick finds the runway of an airport whose line the fixes keep to best. fits
// says of a fix whether it tells anything, and whether it is on a runway's line.
// The nearer a fix is to the runway the more it counts; one that is on no line
// counts as far beside it.
func (f *Fields) pick(field int32, fixes []fix, tells func(i int) bool, fits func(r *runway, along, across float64) bool) used {
	const misfit = 0.3 // miles
	best, bestCost := used{}, math.Inf(1)
	runways := f.runways(field)
	for n := range runways {
		r := &runways[n]
		var cost, weights, offset float64
		count := 0
		for i := range fixes {
			if !tells(i) {
				continue
			}
			along, across := r.from(fixes[i].degrees())
			weight := 1 / (1 + 2*max(0, -along, along-r.length))
			weights += weight
			if r.aligned(course(fixes, i)) && fits(r, along, across) {
				cost += weight * across
				offset += across
				count++
			} else {
				cost += weight * misfit
			}
		}
		if count > 0 && cost/weights < bestCost {
			best, bestCost = used{ident: r.ident, across: offset / float64(count)}, cost/weights
		}
	}
	return best
}

// course is where an aircraft went at one of its fixes: by the way it made to
// it and from it, or by its nose where it made none.
func course(fixes []fix, i int) float64 {
	before, after := max(0, i-1), i
	if before == after && len(fixes) > 1 {
		after = i + 1
	}
	a, b := &fixes[before], &fixes[after]
	latA, lonA := a.degrees()
	latB, lonB := b.degrees()
	const tooShort, tooLong = 0.05, 2 * 60e6 // miles, microseconds: a turn may hide in more
	if geo.Distance(latA, lonA, latB, lonB) < tooShort || b.at-a.at > tooLong/2 {
		return float64(fixes[i].heading)
	}
	return geo.Bearing(latA, lonA, latB, lonB)
}

// departed finds the runway of a take-off from the fixes of the roll and the
// first in the air; ground is the last that stood. When none was seen rolling,
// as at a cadence of minutes, the end that the last fix on the ground waits at
// is taken if the aircraft left in its direction.
func (f *Fields) departed(field int32, fixes []fix, ground int) used {
	found := f.pick(field, fixes, func(i int) bool {
		return i >= ground && fixes[i].groundspeed >= rolling
	}, func(r *runway, along, across float64) bool {
		return along > -0.1 && along < r.length+1 && across < besideMiles+0.03*max(0, along-r.length)
	})
	if found.ident != "" || field == noField || ground+1 >= len(fixes) {
		return found
	}
	return f.waited(field, &fixes[ground], &fixes[ground+1])
}

// waited finds the runway whose beginning is near a fix and that points to the
// next one.
func (f *Fields) waited(field int32, hold, away *fix) used {
	const near, beside, within = 0.35, 0.15, 50.0 // miles, miles, degrees
	best, bestTurn := used{}, within
	lat, lon := away.degrees()
	runways := f.runways(field)
	for i := range runways {
		r := &runways[i]
		along, across := r.from(hold.degrees())
		if math.Abs(along) > near || across > beside {
			continue
		}
		if off := turn(geo.Bearing(r.lat, r.lon, lat, lon), r.heading) + 100*math.Hypot(along, across); off < bestTurn {
			best, bestTurn = used{ident: r.ident, across: across}, off
		}
	}
	return best
}

// landed finds the runway of a landing from the fixes of the approach and the
// roll.
func (f *Fields) landed(field int32, fixes []fix, elevation int32) used {
	return f.pick(field, fixes, func(i int) bool {
		return fixes[i].groundspeed >= rolling && fixes[i].altitude-elevation < 1800
	}, func(r *runway, along, across float64) bool {
		return along > -approachMiles && along < r.length+0.1 && across < besideMiles+0.04*max(0, -along)
	})
}
