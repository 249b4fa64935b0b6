package workload

import "math"

// Kind is what somebody is responsible for. The numbers are the feed's
// facilities.
type Kind int16

// The kinds that have limits of their own.
const (
	FlightService Kind = 1
	Delivery      Kind = 2
	Ground        Kind = 3
	Tower         Kind = 4
	Approach      Kind = 5
	Area          Kind = 6 // a centre, and every FIR and sector
)

// Limits are what can be worked for long and what only for moments, as
// EUROCONTROL monitors sectors by sustain and peak values.
type Limits struct {
	Aircraft, PeakAircraft float64 // at once
	Hourly, PeakHourly     float64 // entries, or handoffs, an hour
}

// LimitsOf returns a kind's limits. They are starting points of the order that
// en-route sectors declare; nobody has measured VATSIM's.
func LimitsOf(kind Kind) Limits {
	switch kind {
	case FlightService:
		return Limits{20, 30, 40, 60}
	case Delivery:
		return Limits{8, 14, 30, 45}
	case Ground:
		return Limits{10, 16, 40, 60}
	case Tower:
		return Limits{8, 14, 30, 45}
	case Approach:
		return Limits{10, 16, 30, 45}
	default:
		return Limits{15, 22, 40, 60}
	}
}

// Figures are what an index is made of, all of one moment.
type Figures struct {
	Aircraft int     // under control: on the frequency and in range, or airborne in the sector
	Hourly   float64 // entries an hour, from those of the Window
	Handoffs float64 // an hour, from those of the Window
	Vertical int     // aircraft that climb or descend by at least VerticalRate
	Pairs    int     // of aircraft within PairMiles and PairFeet of each other
	Spread   float64 // standard deviation of the groundspeeds, knots
}

const (
	// VerticalRate is from which on an aircraft changes level, feet a minute: more
	// than a level flight's wavering at one report every 15 s.
	VerticalRate = 500
	// PairMiles and PairFeet are twice the separation that an area controller
	// keeps (ICAO Doc 4444: 5 NM and 1,000 ft): pairs that want looking after.
	PairMiles = 10.0
	// PairFeet: see PairMiles.
	PairFeet = 2000
	// WindowMinutes is how far back entries and handoffs are counted.
	WindowMinutes = 15

	spreadAtFull = 120.0 // knots: jets among propellers
)

// Index returns how busy it is, from 0 to 100:
//
//	100 × (0.40 A + 0.20 E + 0.10 H + A × (0.15 C + 0.10 P + 0.05 S))
//
//	A  aircraft at once against the limits
//	E  entries an hour against the limits
//	H  handoffs an hour against the same
//	C  share of the aircraft that climb or descend
//	P  pairs close to each other for each aircraft, at most 1
//	S  spread of the speeds, 1 at 120 kt
//
// Against limits is a half at the sustain value and 1 at the peak value and
// beyond, straight in between. C, P and S make traffic harder in proportion to
// how much of it there is. It is rounded to a whole number; without aircraft,
// entries and handoffs it is 0.
func Index(kind Kind, f Figures) int16 {
	limits := LimitsOf(kind)
	aircraft := against(float64(f.Aircraft), limits.Aircraft, limits.PeakAircraft)
	entries := against(f.Hourly, limits.Hourly, limits.PeakHourly)
	handoffs := against(f.Handoffs, limits.Hourly, limits.PeakHourly)
	harder := 0.0
	if f.Aircraft > 0 {
		each := float64(f.Aircraft)
		harder = 0.15*float64(f.Vertical)/each + 0.10*math.Min(1, float64(f.Pairs)/each) + 0.05*math.Min(1, f.Spread/spreadAtFull)
	}
	return int16(math.Round(100 * (0.40*aircraft + 0.20*entries + 0.10*handoffs + aircraft*harder)))
}

func against(value, sustain, peak float64) float64 {
	if value <= sustain {
		return 0.5 * value / sustain
	}
	return math.Min(1, 0.5+0.5*(value-sustain)/(peak-sustain))
}

// Speeds sums groundspeeds, exactly and in any order.
type Speeds struct{ count, sum, squares int64 }

// Add adds one, in knots.
func (s *Speeds) Add(knots int16) {
	s.count++
	s.sum += int64(knots)
	s.squares += int64(knots) * int64(knots)
}

// Spread returns the standard deviation, in knots; 0 of fewer than two.
func (s *Speeds) Spread() float64 {
	if s.count < 2 {
		return 0
	}
	variance := float64(s.count*s.squares-s.sum*s.sum) / float64(s.count*s.count)
	return math.Sqrt(variance)
}
