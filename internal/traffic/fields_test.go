package traffic_test

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/skyledger/skyledger/internal/geo"
	"github.com/skyledger/skyledger/internal/packed"
	"github.com/skyledger/skyledger/internal/reference"
	"github.com/skyledger/skyledger/internal/traffic"
	tt "github.com/skyledger/skyledger/internal/traffic/traffictest"
)

// where is the airport that somebody who stands at a place is at.
func where(fields *traffic.Fields, lat, lon float64, altitude int32, plan traffic.Plan) string {
	var track traffic.Track
	fields.Step(&track, traffic.Sample{At: tt.Midnight(), Latitude: int32(lat * 1e5), Longitude: int32(lon * 1e5), Altitude: altitude}, plan)
	return fields.Where(&track)
}

func TestWhere(t *testing.T) {
	fields := traffic.NewFields(tt.World(t))
	tests := []struct {
		name        string
		east, north float64
		altitude    int32
		plan        traffic.Plan
		want        string
	}{
		{"on the apron", 0.7, -0.6, 300, traffic.Plan{}, "AAAA"},
		{"on the helipad beside it", 1, -1.2, 300, traffic.Plan{}, "HELI"},
		{"at the end of a runway, far from the airport's middle", -2.9, 0, 900, traffic.Plan{}, "AAAA"},
		{"more than three miles from a runway", -3.1, 0, 900, traffic.Plan{}, ""},
		{"at a place with two codes, one with runways", 60.8, 0.15, 300, traffic.Plan{}, "BBBB"},
		{"at a place with two codes, one as filed", 60.8, 0.15, 300, traffic.Plan{Arrival: "NEXT"}, "NEXT"},
		{"at an airport whose runways are all closed", 0.7, 60, 300, traffic.Plan{}, "SHUT"},
		{"high above an airport", 0.7, 0, 16500, traffic.Plan{}, ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			lat, lon := tt.Degrees(test.east, test.north)
			if got := where(fields, lat, lon, test.altitude, test.plan); got != test.want {
				t.Errorf("%q; want %q", got, test.want)
			}
		})
	}
}

// The index must find what looking at every airport finds, also across the date
// line and at the poles.
func TestTheIndexFindsWhatLookingEverywhereFinds(t *testing.T) {
	random := rand.New(rand.NewPCG(7, 7))
	var airports []reference.Airport
	for i := range 500 {
		lat, lon := random.Float64()*180-90, random.Float64()*360-180
		switch i % 5 {
		case 0:
			lon = 180 - random.Float64()*0.2
		case 1:
			lon = -180 + random.Float64()*0.2
		case 2:
			lat = 90 - random.Float64()*0.3
		case 3:
			lat = -90 + random.Float64()*0.3
		}
		airports = append(airports, reference.Airport{ICAO: string([]byte{'A' + byte(i/26/26), 'A' + byte(i/26%26), 'A' + byte(i%26), 'X'}), Lat: lat, Lon: lon})
	}
	world, err := reference.NewWorld(airports, nil, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	fields := traffic.NewFields(world)
	found := 0
	for range 3000 {
		near := airports[random.IntN(len(airports))]
		lat := max(-90, min(90, near.Lat+(random.Float64()-0.5)*0.2))
		lon := geo.Longitude(near.Lon + (random.Float64()-0.5)*20)
		if random.IntN(2) == 0 {
			lon = geo.Longitude(near.Lon + (random.Float64()-0.5)*0.2)
		}
		want, nearest := "", 3.0
		lat, lon = float64(int32(lat*1e5))/1e5, float64(int32(lon*1e5))/1e5
		for _, a := range airports {
			if away := geo.Distance(lat, lon, a.Lat, a.Lon); away <= nearest {
				want, nearest = a.ICAO, away
			}
		}
		if got := where(fields, lat, lon, 0, traffic.Plan{}); got != want {
			t.Fatalf("at %.5f, %.5f: %q; want %q", lat, lon, got, want)
		}
		if want != "" {
			found++
		}
	}
	if found < 500 {
		t.Errorf("only %d of the places are at an airport", found)
	}
}

func TestAbove(t *testing.T) {
	fields := traffic.NewFields(tt.World(t))
	lat, lon := tt.Degrees(-5, 0)
	sample := traffic.Sample{Latitude: int32(lat * 1e5), Longitude: int32(lon * 1e5), Altitude: 1300}
	if miles, feet, found := fields.Above("AAAA", sample); !found || miles < 4.99 || miles > 5.01 || feet != 1000 {
		t.Errorf("%.3f miles, %d ft, %t", miles, feet, found)
	}
	for _, code := range []string{"", "ZZZZ", "AAA", "aaaa"} {
		if _, _, found := fields.Above(code, sample); found {
			t.Errorf("%q is found", code)
		}
	}
}

// A track outlives the reference data it was made with: what it remembers of an
// airport goes by code.
func TestATrackGoesOnUnderOtherReferenceData(t *testing.T) {
	plan := traffic.Plan{Departure: "AAAA", Arrival: "BBBB"}
	all := append(tt.Samples(tt.Takeoff(), 15), tt.Samples(tt.Shift(tt.Landing(), 1300, 60, 0, 0), 15)...)
	small, err := reference.NewWorld([]reference.Airport{{ICAO: "ZZZA", Lat: 1, Lon: 1}}, nil, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	larger := func() *reference.World {
		w := tt.World(t)
		airports := append([]reference.Airport{{ICAO: "AAA0", Lat: -40, Lon: 9}}, w.Airports()...)
		out, err := reference.NewWorld(airports, w.Runways(), nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	tests := []struct {
		name  string
		world *reference.World
		want  []string
	}{
		{"with one airport more", larger(), []string{"departure AAAA 09L", "arrival BBBB 09"}},
		{"with its airports gone", small, []string{"departure AAAA 09L", "arrival"}},
		{"with none at all", nil, []string{"departure AAAA 09L", "arrival"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			fields, track := traffic.NewFields(tt.World(t)), &traffic.Track{}
			told, _ := observe(t, fields, track, plan, all[:50])
			c := packed.Writer(nil)
			fields.SaveLevels(c)
			fields.Save(c, track)
			again, loaded := traffic.NewFields(test.world), &traffic.Track{}
			back := packed.Reader(c.Bytes())
			again.SaveLevels(back)
			again.Save(back, loaded)
			if back.Err() != nil || len(back.Bytes()) != 0 {
				t.Fatalf("error %v, %d bytes left", back.Err(), len(back.Bytes()))
			}
			more, _ := observe(t, again, loaded, plan, all[50:])
			if diff := cmp.Diff(test.want, append(told, more...)); diff != "" {
				t.Errorf("(-want +told):\n%s", diff)
			}
		})
	}
}

func TestVerticalRate(t *testing.T) {
	var track traffic.Track
	fields := traffic.NewFields(nil)
	at := func(seconds int, altitude int32) {
		fields.Step(&track, traffic.Sample{At: tt.Midnight().Add(time.Duration(seconds) * time.Second), Longitude: int32(seconds) * 100, Altitude: altitude, Groundspeed: 240}, traffic.Plan{})
	}
	for _, step := range []struct {
		seconds  int
		altitude int32
		want     int16
	}{{0, 5000, 0}, {15, 5500, 2000}, {30, 6000, 2000}, {45, 6000, 1333}, {60, 6000, 667}, {75, 6000, 0}, {90, 5700, -400}, {1000, 5700, 0}} {
		if at(step.seconds, step.altitude); track.VerticalRate() != step.want {
			t.Errorf("after %d s: %d feet a minute; want %d", step.seconds, track.VerticalRate(), step.want)
		}
	}
}
