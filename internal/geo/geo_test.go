package geo

import (
	"math"
	"testing"

	"pgregory.net/rapid"
)

func TestDistanceAndBearing(t *testing.T) {
	for _, test := range []struct {
		name                   string
		latA, lonA, latB, lonB float64
		miles, course          float64
	}{
		{"a degree of latitude is 60 miles", 10, 20, 11, 20, 60, 0},
		{"a degree of longitude on the equator as well", 0, 179.5, 0, -179.5, 60, 90},
		{"half the way round", 0, 0, 0, 180, HalfWay, 90},
		{"over the pole", 89, 0, 89, 180, 120, 0},
		{"Heathrow to Kennedy, as the great circle mapper has it", 51.4706, -0.461941, 40.639751, -73.778925, 2991, 288},
		{"Auckland to Honolulu", -37.0081, 174.792, 21.3187, -157.9224, 3817, 28.4},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := Distance(test.latA, test.lonA, test.latB, test.lonB); math.Abs(got-test.miles) > 8 {
				t.Errorf("distance %.2f, want %.2f", got, test.miles)
			}
			if got := Bearing(test.latA, test.lonA, test.latB, test.lonB); math.Abs(got-test.course) > 0.7 {
				t.Errorf("bearing %.2f, want %.2f", got, test.course)
			}
		})
	}
}

func latitudes() *rapid.Generator[float64]  { return rapid.Float64Range(-90, 90) }
func longitudes() *rapid.Generator[float64] { return rapid.Float64Range(-180, 180) }

func TestDistanceIsTheAngleBetweenVectors(t *testing.T) {
	vector := func(lat, lon float64) [3]float64 {
		lat, lon = lat*math.Pi/180, lon*math.Pi/180
		return [3]float64{math.Cos(lat) * math.Cos(lon), math.Cos(lat) * math.Sin(lon), math.Sin(lat)}
	}
	rapid.Check(t, func(t *rapid.T) {
		latA, lonA := latitudes().Draw(t, "latA"), longitudes().Draw(t, "lonA")
		latB, lonB := latitudes().Draw(t, "latB"), longitudes().Draw(t, "lonB")
		a, b := vector(latA, lonA), vector(latB, lonB)
		chord := math.Sqrt(math.Pow(a[0]-b[0], 2) + math.Pow(a[1]-b[1], 2) + math.Pow(a[2]-b[2], 2))
		want := 2 * math.Asin(math.Min(1, chord/2)) * 180 / math.Pi * 60
		got := Distance(latA, lonA, latB, lonB)
		if math.Abs(got-want) > 0.001 {
			t.Fatalf("%v, want %v", got, want)
		}
		if back := Distance(latB, lonB, latA, lonA); back != got {
			t.Fatalf("%v there, %v back", got, back)
		}
		if bearing := Bearing(latA, lonA, latB, lonB); !(bearing >= 0 && bearing < 360) {
			t.Fatalf("bearing %v", bearing)
		}
		if miles := rapid.Float64Range(0, HalfWay).Draw(t, "miles"); Within(miles, latA, lonA, latB, lonB) != (got <= miles) && math.Abs(got-miles) > 1e-6 {
			t.Fatalf("within %v is wrong at %v", miles, got)
		}
	})
}

func TestLongitudesAreBroughtHome(t *testing.T) {
	for _, test := range [][2]float64{{0, 0}, {180, -180}, {-180, -180}, {181, -179}, {-181, 179}, {540, -180}, {359.5, -0.5}, {-1e-20, -1e-20}} {
		if got := Longitude(test[0]); got != test[1] {
			t.Errorf("%v became %v, want %v", test[0], got, test[1])
		}
	}
	if got := Turn(-1e-20); got != 0 {
		t.Errorf("a tiny negative angle became %v", got)
	}
}

func TestBox(t *testing.T) {
	for _, test := range []struct {
		name string
		box  Box
		in   [][2]float64 // lat, lon
		out  [][2]float64
	}{
		{"a plain one", Box{-10, 50, 5, 60}, [][2]float64{{50, -10}, {60, 5}, {55, 0}}, [][2]float64{{49.9, 0}, {55, 5.1}, {55, 180}}},
		{"across the date line", Box{170, -10, -170, 10}, [][2]float64{{0, 175}, {0, -175}, {0, 180}, {0, -180}}, [][2]float64{{0, 0}, {0, 169}, {0, -169}, {11, 175}}},
		{"the whole world", Box{-180, -90, 180, 90}, [][2]float64{{90, 0}, {-90, 180}, {0, -180}}, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			if !test.box.Valid() {
				t.Error("not valid")
			}
			for _, p := range test.in {
				if !test.box.Holds(p[0], p[1]) {
					t.Errorf("%v is not in", p)
				}
			}
			for _, p := range test.out {
				if test.box.Holds(p[0], p[1]) {
					t.Errorf("%v is in", p)
				}
			}
		})
	}
	for _, wrong := range []Box{{-181, 0, 0, 0}, {0, 10, 0, 5}, {0, -91, 0, 0}, {math.NaN(), 0, 0, 0}} {
		if wrong.Valid() {
			t.Errorf("%v is valid", wrong)
		}
	}
}

func TestBoxesMeetWhereTheyHaveAPointInCommon(t *testing.T) {
	// Whole degrees: every common stretch then has a whole degree in it.
	boxes := rapid.Custom(func(t *rapid.T) Box {
		south := rapid.IntRange(-9, 9).Draw(t, "south")
		return Box{
			West: float64(rapid.IntRange(-18, 18).Draw(t, "west") * 10), East: float64(rapid.IntRange(-18, 18).Draw(t, "east") * 10),
			South: float64(south * 10), North: float64(rapid.IntRange(south, 9).Draw(t, "north") * 10),
		}
	})
	rapid.Check(t, func(t *rapid.T) {
		a, b := boxes.Draw(t, "a"), boxes.Draw(t, "b")
		want := false
		for lat := -90.0; lat <= 90 && !want; lat += 10 {
			for lon := -180.0; lon <= 180 && !want; lon += 10 {
				// 180 and −180 are one meridian.
				inA, inB := a.Holds(lat, lon), b.Holds(lat, lon)
				if math.Abs(lon) == 180 {
					inA, inB = a.Holds(lat, 180) || a.Holds(lat, -180), b.Holds(lat, 180) || b.Holds(lat, -180)
				}
				want = inA && inB
			}
		}
		if got := a.Meets(b); got != want || got != b.Meets(a) {
			t.Fatalf("%v meets %v: %t, want %t", a, b, got, want)
		}
	})
}
