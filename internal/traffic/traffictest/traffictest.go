// Package traffictest is a small made-up world and hand-made ways through it,
// for tests of movements and flights.
package traffictest

import (
	"math"
	"testing"
	"time"

	"github.com/skyledger/skyledger/internal/geo"
	"github.com/skyledger/skyledger/internal/reference"
	"github.com/skyledger/skyledger/internal/traffic"
)

// The hand-made world lies around a point on the equator's side of nowhere, so
// that miles east and north are easy to turn into degrees.
const originLat, originLon = 40.0, -150.0

// FieldElevation is that of every airport but WRNG, in feet.
const FieldElevation = 300

// Degrees turns miles from the origin into a place.
func Degrees(east, north float64) (lat, lon float64) {
	lat = originLat + north/geo.MilesPerDegree
	return lat, originLon + east/geo.MilesPerDegree/math.Cos(originLat*math.Pi/180)
}

// strip is a runway from west to east, so many miles long.
func strip(icao, low, high string, east, north, length float64, closed bool) reference.Runway {
	end := func(ident string, east float64, heading float64) reference.RunwayEnd {
		lat, lon := Degrees(east, north)
		return reference.RunwayEnd{Ident: ident, Lat: lat, Lon: lon, Placed: true, Heading: heading}
	}
	return reference.Runway{
		Airport: icao, LengthFt: int(length * 6076), Closed: closed,
		Low: end(low, east, 90), High: end(high, east+length, 270),
	}
}

// World has AAAA with parallel runways 09L and 09R at the origin, a quarter of
// a mile apart; HELI, a helipad beside it; BBBB 60 miles east; SHUT, all closed,
// 60 miles north; WRNG, whose elevation is 500 ft too low, 60 miles south; and
// NEXT, a second code for BBBB's place.
func World(t testing.TB) *reference.World {
	t.Helper()
	field := func(icao string, east, north float64, elevation int) reference.Airport {
		lat, lon := Degrees(east, north)
		return reference.Airport{ICAO: icao, Lat: lat, Lon: lon, ElevationFt: elevation}
	}
	w, err := reference.NewWorld([]reference.Airport{
		field("AAAA", 0.7, 0, FieldElevation), field("BBBB", 60.7, 0, FieldElevation), field("HELI", 1, -1.2, FieldElevation),
		field("NEXT", 60.9, 0.2, FieldElevation), field("SHUT", 0.7, 60, FieldElevation), field("WRNG", 0.7, -60, FieldElevation-500),
	}, []reference.Runway{
		strip("AAAA", "09L", "27R", 0, 0, 1.4, false), strip("AAAA", "09R", "27L", 0, -0.25, 1.4, false),
		strip("BBBB", "09", "27", 60, 0, 1.4, false), strip("SHUT", "09", "27", 0, 60, 1.4, true), strip("WRNG", "09", "27", 0, -60, 1.4, false),
	}, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// Way is where an aircraft is: at a second, miles east and north of the origin,
// feet, knots. Between two it moves evenly.
type Way [5]float64

// Midnight is second 0.
func Midnight() time.Time { return time.Date(2026, 1, 2, 0, 0, 0, 0, time.UTC) }

// Samples reports the way every so many seconds, from its first second on.
func Samples(ways []Way, every float64) (out []traffic.Sample) {
	heading := 90.0
	for at := ways[0][0]; at <= ways[len(ways)-1][0]; at += every {
		i := 0
		for i+2 < len(ways) && ways[i+1][0] <= at {
			i++
		}
		a, b := ways[i], ways[i+1]
		part := (at - a[0]) / (b[0] - a[0])
		mix := func(x, y float64) float64 { return x + part*(y-x) }
		lat, lon := Degrees(mix(a[1], b[1]), mix(a[2], b[2]))
		if a[1] != b[1] || a[2] != b[2] {
			heading = geo.Turn(math.Atan2(b[1]-a[1], b[2]-a[2]) * 180 / math.Pi)
		}
		out = append(out, traffic.Sample{
			At: Midnight().Add(time.Duration(at * float64(time.Second))), Latitude: int32(math.Round(lat * 1e5)), Longitude: int32(math.Round(lon * 1e5)),
			Altitude: int32(math.Round(mix(a[3], b[3]))), Groundspeed: int16(math.Round(mix(a[4], b[4]))), Heading: int16(heading) % 360,
		})
	}
	return out
}

// Shift moves a way in time and space.
func Shift(ways []Way, at, east, north, up float64) []Way {
	out := make([]Way, len(ways))
	for i, w := range ways {
		out[i] = Way{w[0] + at, w[1] + east, w[2] + north, w[3] + up, w[4]}
	}
	return out
}

// Takeoff stands, taxis, lines up on 09L and leaves the ground at 410 s.
func Takeoff() []Way {
	return []Way{
		{0, 0.8, -0.6, 300, 0}, {120, 0.8, -0.6, 300, 0}, {130, 0.75, -0.6, 300, 12}, {330, 0, -0.05, 300, 12}, {350, 0.03, 0, 300, 3},
		{375, 0.03, 0, 300, 0}, {410, 0.7, 0, 300, 145}, {470, 3.3, 0, 2300, 170}, {700, 16, 0, 9000, 220}, {900, 30, 0, 9000, 300},
	}
}

// Approach comes down to 09L, where the wheels would touch at 274 s.
func Approach() []Way {
	return []Way{{0, -10.5, 0, 3700, 140}, {274, 0.15, 0, 300, 140}}
}

// Landing goes on to the stand.
func Landing() []Way {
	return append(Approach(), Way{305, 0.9, 0, 300, 25}, Way{330, 1, -0.1, 300, 15}, Way{400, 0.9, -0.4, 300, 0}, Way{700, 0.9, -0.4, 300, 0})
}

// TouchAndGo is eleven seconds on the ground and climbs again.
func TouchAndGo() []Way {
	return append(Approach(), Way{285, 0.5, 0, 300, 110}, Way{345, 2.6, 0, 1500, 140}, Way{420, 5.5, 0, 2500, 140}, Way{700, 16, 0, 2500, 150})
}

// GoAround gives up at 500 ft above the field, 217 s in.
func GoAround() []Way {
	return []Way{{0, -10.5, 0, 3700, 140}, {233, -1.45, 0, 800, 140}, {300, 1.5, 0, 2000, 150}, {400, 6, 0, 3000, 160}, {600, 14, 0, 3000, 160}}
}
