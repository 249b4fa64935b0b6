package geo

import (
	"cmp"
	"math"
	"slices"
)

// Box is the part of the world between two parallels and two meridians, edges
// included. West greater than east crosses the date line.
type Box struct{ West, South, East, North float64 }

// Valid reports whether the edges are degrees and south is not above north.
func (b Box) Valid() bool {
	return IsLongitude(b.West) && IsLongitude(b.East) && IsLatitude(b.South) && IsLatitude(b.North) && b.South <= b.North
}

// Holds reports whether the point lies in the box.
func (b Box) Holds(lat, lon float64) bool {
	if lat < b.South || lat > b.North {
		return false
	}
	if b.West <= b.East {
		return lon >= b.West && lon <= b.East
	}
	return lon >= b.West || lon <= b.East
}

// Meets reports whether two boxes have a point in common.
func (b Box) Meets(other Box) bool {
	if b.South > other.North || other.South > b.North {
		return false
	}
	for _, one := range b.halves() {
		for _, two := range other.halves() {
			if one.West <= two.East && two.West <= one.East {
				return true
			}
		}
	}
	return false
}

// halves are the parts of the box on either side of the date line, which itself
// is on both.
func (b Box) halves() []Box {
	var halves []Box
	if b.West > b.East {
		halves = []Box{{b.West, b.South, 180, b.North}, {-180, b.South, b.East, b.North}}
	} else {
		halves = []Box{b}
	}
	for _, half := range halves {
		switch {
		case half.West == -180:
			halves = append(halves, Box{180, b.South, 180, b.North})
		case half.East == 180:
			halves = append(halves, Box{-180, b.South, -180, b.North})
		}
	}
	return halves
}

// span is a stretch of longitudes eastwards: from is −180 … less than 180, to at
// most 360 more.
type span struct{ from, to float64 }

func spanOf(west, east float64) span {
	home := Longitude(west)
	turn := math.Round((west - home) / 360)
	return span{home, min(home+360, east-360*turn)}
}

// around returns the narrowest stretch that covers all: the circle less its
// widest gap.
func around(spans []span) (west, east float64) {
	slices.SortFunc(spans, func(a, b span) int { return cmp.Compare(a.from, b.from) })
	reach := spans[0].to // how far east the spans so far go
	widest, west, east := -1.0, 0.0, 0.0
	for i := 1; i <= len(spans); i++ {
		next := spans[i%len(spans)]
		begins := next.from
		if i == len(spans) {
			begins += 360
		}
		if gap := begins - reach; gap > widest {
			widest, west, east = gap, next.from, reach
		}
		reach = max(reach, next.to)
	}
	if widest <= 0 {
		return -180, 180
	}
	if east = Longitude(east); east == -180 {
		east = 180
	}
	return west, east
}
