package geo

import "math"

const (
	// MilesPerDegree makes a nautical mile what it was defined as: a minute of
	// arc. On the WGS84 ellipsoid the error is below 0.6 %.
	MilesPerDegree = 60.0
	// HalfWay is the greatest distance of two places, in nautical miles.
	HalfWay = 180 * MilesPerDegree

	degree = math.Pi / 180
)

// Distance returns the great-circle distance of two points in nautical miles
// (haversine, which is exact for points close together).
func Distance(latA, lonA, latB, lonB float64) float64 {
	h := square(math.Sin((latB-latA)*degree/2)) +
		math.Cos(latA*degree)*math.Cos(latB*degree)*square(math.Sin((lonB-lonA)*degree/2))
	return 2 * math.Asin(math.Min(1, math.Sqrt(h))) / degree * MilesPerDegree
}

func square(x float64) float64 { return x * x }

// Bearing returns the true course from A to B at A, from 0 to less than 360
// degrees; 0 for the same point.
func Bearing(latA, lonA, latB, lonB float64) float64 {
	dLon := (lonB - lonA) * degree
	east := math.Sin(dLon) * math.Cos(latB*degree)
	north := math.Cos(latA*degree)*math.Sin(latB*degree) - math.Sin(latA*degree)*math.Cos(latB*degree)*math.Cos(dLon)
	return Turn(math.Atan2(east, north) / degree)
}

// Turn brings an angle to 0 … less than 360 degrees.
func Turn(degrees float64) float64 {
	degrees = math.Mod(degrees, 360)
	if degrees < 0 {
		degrees += 360
	}
	if degrees >= 360 { // a tiny negative angle, rounded
		return 0
	}
	return degrees
}

// Longitude brings a longitude to −180 … less than 180 degrees.
func Longitude(lon float64) float64 {
	if lon >= -180 && lon < 180 {
		return lon
	}
	return Turn(lon+180) - 180
}

// IsLatitude and IsLongitude report whether a number of degrees can be one;
// NaN can not.
func IsLatitude(degrees float64) bool { return math.Abs(degrees) <= 90 }

// IsLongitude: see IsLatitude.
func IsLongitude(degrees float64) bool { return math.Abs(degrees) <= 180 }

// Within reports whether two points are at most so many nautical miles apart.
// It compares latitudes first: that is enough for most of the world.
func Within(miles, latA, lonA, latB, lonB float64) bool {
	return math.Abs(latA-latB)*MilesPerDegree <= miles && Distance(latA, lonA, latB, lonB) <= miles
}
