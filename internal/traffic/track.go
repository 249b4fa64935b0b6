package traffic

import (
	"math"
	"time"

	"github.com/skyledger/skyledger/internal/geo"
)

// Plan is what a flight plan in force says that helps: its airports in
// capitals, "" when there is none.
type Plan struct{ Departure, Arrival string }

// fix is a Sample as a Track keeps it.
type fix struct {
	at          int64 // microseconds since 1970
	latitude    int32
	longitude   int32
	altitude    int32
	groundspeed int16
	heading     int16
	state       State // as judged with it
}

func fixOf(s Sample) fix {
	return fix{
		at: s.At.UnixMicro(), latitude: s.Latitude, longitude: s.Longitude,
		altitude: s.Altitude, groundspeed: s.Groundspeed, heading: s.Heading,
	}
}

func (f *fix) sample() Sample {
	return Sample{
		At: time.UnixMicro(f.at).UTC(), Latitude: f.latitude, Longitude: f.longitude,
		Altitude: f.altitude, Groundspeed: f.groundspeed, Heading: f.heading,
	}
}

func (f *fix) degrees() (lat, lon float64) {
	return float64(f.latitude) / 1e5, float64(f.longitude) / 1e5
}

func miles(a, b *fix) float64 {
	if a.latitude == b.latitude && a.longitude == b.longitude {
		return 0
	}
	latA, lonA := a.degrees()
	latB, lonB := b.degrees()
	// Nearly every step is short: there a plane is good to a thousandth, and a
	// third of the work of a sphere.
	const short, polar = 0.3, 75.0 // degrees
	if north, east := latB-latA, lonB-lonA; math.Abs(north) < short && math.Abs(east) < short && math.Abs(latA) < polar {
		return geo.MilesPerDegree * math.Hypot(north, east*math.Cos((latA+latB)*math.Pi/360))
	}
	return geo.Distance(latA, lonA, latB, lonB)
}

// remembered is how many fixes a Track keeps: two and a half minutes at a report
// every 15 s, enough for a go-around (90 s) with what led to it.
const remembered = 10

// Track is what is remembered of one aircraft's way. The zero Track has seen
// nothing.
type Track struct {
	fixes [remembered]fix // the last n, by time
	n     int8
	state State
	signs int8 // fixes in a row that looked airborne
	// level is how high it last stood or rolled, in feet; meaningless unless
	// state is Ground.
	level int32

	suspect   fix // the last fix, when it does not follow from the one before
	suspected bool

	since int64 // what came before belongs to a movement already told

	// A landing that may yet be a touch-and-go: the fixes that bracket it.
	touching           bool
	touchFrom, touchTo int64

	told [kinds]told // the last movement of each kind

	field    int32 // of the last fix, when it is low
	distance float32
	fieldFor place // for which the field was found
}

// told is when and where the last movement of a kind was.
type told struct {
	at    int64
	field int32
}

type place struct {
	latitude, longitude int32
	plan                Plan
	known               bool
}

const kinds = int(Diversion) + 1

// Jump is a way that no aircraft can make in the time, or that nobody saw.
type Jump struct {
	From, To Sample
	Miles    float64
	Airborne bool // before it
}

// Outcome is what a sample changes.
type Outcome struct {
	Used      bool       // the sample says something new; when not, nothing below is set
	Miles     float64    // great circle from the sample before; 0 for the first
	Movements []Movement // by time
	Teleport  *Jump      // the samples before it say nothing about those after
	Moved     bool       // on the ground before and now, at places too far apart to taxi: nobody saw how
}

// State is whether the aircraft is on the ground.
func (t *Track) State() State { return t.state }

// Samples is how many samples are remembered.
func (t *Track) Samples() int { return int(t.n) }

// Last returns the newest sample; the zero Sample when there is none.
func (t *Track) Last() Sample {
	if t.n == 0 {
		return Sample{}
	}
	return t.newest().sample()
}

// Interrupt says that the aircraft comes back from an absence in which it may
// have been put anywhere: what is told of it begins anew, and what it does
// first is no movement. What was told stays told.
func (t *Track) Interrupt() { t.forget() }

func (t *Track) newest() *fix { return &t.fixes[t.n-1] }
func (t *Track) seen() []fix  { return t.fixes[:t.n] }

// Stands reports whether the aircraft is on the ground and does not move.
func (t *Track) Stands() bool { return t.state == Ground && t.n > 0 && t.newest().groundspeed == 0 }

// VerticalRate is in feet a minute, from the samples of the last 45 seconds or
// the last two; 0 when there is one. A report is cut to whole feet and 15 s, so
// two reports alone are off by some hundred feet a minute in a turn of the rate.
func (t *Track) VerticalRate() int16 {
	if t.n < 2 {
		return 0
	}
	const window = 45e6 // microseconds
	last, i := t.newest(), int(t.n)-2
	for i > 0 && last.at-t.fixes[i-1].at <= window {
		i--
	}
	from := &t.fixes[i]
	rate := float64(last.altitude-from.altitude) / (float64(last.at-from.at) / 60e6)
	return int16(max(math.MinInt16, min(math.MaxInt16, math.Round(rate))))
}

// push remembers a fix.
func (t *Track) push(next fix) {
	if int(t.n) == remembered {
		copy(t.fixes[:], t.fixes[1:])
		t.n--
	}
	t.fixes[t.n] = next
	t.n++
}

// forget begins anew with nothing seen.
func (t *Track) forget() {
	told := t.told
	*t = Track{told: told}
}

const (
	// fastest is what any aircraft may do over the ground, in knots, however
	// slow it says it is.
	fastest = 700
	// steepest is what a fighter does, in feet a minute.
	steepest = 15000
	// A jump below these is no jump, however short the time.
	leastMiles = 1.0
	leastFeet  = 1000
)

// follows reports whether an aircraft at one fix can be at the other.
func follows(a, b *fix) bool {
	hours := float64(b.at-a.at) / 3600e6
	speed := max(fastest, 2*float64(max(a.groundspeed, b.groundspeed)))
	return miles(a, b) <= leastMiles+speed*hours &&
		math.Abs(float64(b.altitude-a.altitude)) <= leastFeet+steepest*60*hours
}

// stuck reports whether a fix repeats the one before although the aircraft
// moves: a connection that hangs, of which nothing can be told.
func stuck(a, b *fix) bool {
	return b.groundspeed >= groundSpeed && a.latitude == b.latitude && a.longitude == b.longitude &&
		a.altitude == b.altitude && a.groundspeed == b.groundspeed && a.heading == b.heading
}

// touches reports whether two fixes, one of which is on the ground, differ in
// altitude no more than a runway rises: by 20 ft, or a gradient of 1.5 % up to
// 120 ft. Runways rise 2 % at most, aircraft that fly 3 % at least.
func touches(a, b *fix) bool {
	const feet, gradient, most = 20, 0.015, 120
	return math.Abs(float64(b.altitude-a.altitude)) <= max(feet, min(most, gradient*feetPerMile*miles(a, b)))
}

// paused reports whether an aircraft stands since it slowed by more than brakes
// do, 6 knots a second.
func paused(fixes []fix, next *fix) bool {
	const brakes = 6
	if next.groundspeed > 0 {
		return false
	}
	stands := next
	for i := len(fixes) - 1; i >= 0; i-- {
		if last := &fixes[i]; last.groundspeed > 0 {
			return float64(last.groundspeed) > brakes*float64(stands.at-last.at)/1e6
		}
		stands = &fixes[i]
	}
	return true
}
