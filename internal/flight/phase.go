package flight

import (
	"time"

	"github.com/skyledger/skyledger/internal/geo"
	"github.com/skyledger/skyledger/internal/traffic"
)

const (
	standLong   = 3 * time.Minute  // standing so long after a landing is on block; taxiing aircraft wait less, mostly
	standAgain  = 20 * time.Minute // standing so long before take-off is not under way: it only moved to another stand
	restMiles   = 0.003            // nearer to it, 18 ft, it has not begun to move
	standMiles  = 0.02             // farther from its stand, 120 ft, an aircraft has left it
	taxiSpeed   = 30               // knots
	rollLong    = 45 * time.Second
	climbing    = 500 // feet a minute, and more is a climb
	levelLong   = 2 * time.Minute
	levelBand   = 1500 // feet around a cruising level that are still cruise
	initialBand = 1500 // feet above the ground up to which a flight has departed and not climbed
	finalMiles  = 20.0
	highFinal   = 20000 // feet: above the approach to any airport on earth
	finalBand   = 5000  // feet above the arrival below which a flight within finalMiles approaches
)

// phase says how far a flight is after a sample.
func (t *Tracker) phase(f *course, s traffic.Sample, now int64) {
	phase := f.Phase
	switch f.track.State() {
	case traffic.Ground:
		phase = t.onGround(f, s)
	case traffic.Airborne:
		phase = t.inAir(f, s)
	}
	if phase != f.Phase {
		f.Phase, f.changed = phase, true
	}
}

// onGround keeps the block times.
func (t *Tracker) onGround(f *course, s traffic.Sample) Phase {
	at := s.At.UnixMicro()
	if s.Groundspeed > 0 {
		f.standing = 0
	} else if f.standing == 0 {
		f.standing = at
	}
	stood := time.Duration(0)
	if f.standing != 0 {
		stood = time.Duration(at-f.standing) * time.Microsecond
	}
	if f.Landing.IsZero() && (f.Takeoff.IsZero() && f.DistanceNM < 0) {
		if here := t.fields.Where(&f.track); here != f.Departure {
			f.Departure, f.changed = here, true
		}
		return f.untilTakeoff(s, stood)
	}
	switch {
	case f.Landing.IsZero(): // touched, and may go on
		return Landed
	case stood >= standLong:
		if f.OnBlock.IsZero() {
			f.OnBlock, f.changed = time.UnixMicro(f.standing).UTC(), true
		}
		return Arrived
	case !f.OnBlock.IsZero() && stood == 0 && f.leftStand(s):
		// It only waited on its way.
		f.OnBlock, f.changed = time.Time{}, true
		return TaxiIn
	case !f.OnBlock.IsZero():
		return Arrived
	case f.Phase == TaxiIn || s.Groundspeed < taxiSpeed && s.At.Sub(f.Landing) >= rollLong:
		f.standLat, f.standLon = s.Latitude, s.Longitude
		return TaxiIn
	}
	return Landed
}

// untilTakeoff tells the stand from the way to the runway.
func (f *course) untilTakeoff(s traffic.Sample, stood time.Duration) Phase {
	f.cruise = s.Altitude
	switch {
	case f.standLat == 0 && f.standLon == 0, stood >= standAgain:
		f.standLat, f.standLon = s.Latitude, s.Longitude
		f.moved = s.Groundspeed >= 5 // appeared while it was taxiing: nobody saw it leave its stand
		if !f.OffBlock.IsZero() {
			f.OffBlock, f.changed = time.Time{}, true
		}
	case !f.moved && f.leftStand(s):
		f.moved, f.changed = true, true
		f.OffBlock = time.UnixMicro(f.stood).UTC()
	}
	if f.within(restMiles, s) {
		f.stood = s.At.UnixMicro()
	}
	if f.moved {
		return TaxiOut
	}
	return Preflight
}

func (f *course) leftStand(s traffic.Sample) bool { return !f.within(standMiles, s) }

// within reports whether a sample is so near its stand.
func (f *course) within(miles float64, s traffic.Sample) bool {
	return geo.Within(miles, float64(f.standLat)/1e5, float64(f.standLon)/1e5, float64(s.Latitude)/1e5, float64(s.Longitude)/1e5)
}

// inAir tells the phases of flight from the vertical rate, with a band of 1,500
// ft around the cruising level, so that a phase does not flicker.
func (t *Tracker) inAir(f *course, s traffic.Sample) Phase {
	rate, at := int(f.track.VerticalRate()), s.At.UnixMicro()
	f.standing, f.top = 0, max(f.top, s.Altitude)
	if rate > -climbing && rate < climbing {
		if f.level == 0 {
			f.level = at
		}
	} else {
		f.level = 0
	}
	level := f.level != 0 && time.Duration(at-f.level)*time.Microsecond >= levelLong
	if rate < climbing && t.nearArrival(f, s) {
		return Approach
	}
	switch f.Phase {
	case Preflight, TaxiOut, Landed, TaxiIn, Arrived, Departed:
		if f.Takeoff.IsZero() || s.Altitude > f.cruise+initialBand || level {
			return f.byRate(rate, s)
		}
		return Departed
	case Climb:
		if level {
			return f.byRate(0, s)
		}
		if rate <= -climbing && s.Altitude < f.top-levelBand {
			return Descent
		}
		return Climb
	case Cruise:
		switch {
		case rate >= climbing && s.Altitude > f.cruise+levelBand:
			return Climb
		case rate <= -climbing && s.Altitude < f.cruise-levelBand:
			return Descent
		case level:
			f.cruise = s.Altitude
		}
		return Cruise
	default: // Descent, Approach, Lost
		if rate >= climbing {
			return Climb
		}
		if f.Phase == Approach {
			return f.byRate(rate, s)
		}
		if level && s.Altitude > f.top-f.top/10 {
			return f.byRate(0, s)
		}
		return Descent
	}
}

func (f *course) byRate(rate int, s traffic.Sample) Phase {
	switch {
	case rate >= climbing:
		return Climb
	case rate <= -climbing:
		return Descent
	}
	f.cruise = s.Altitude
	return Cruise
}

// nearArrival reports whether a flight is low and near its filed arrival, or at
// any airport when it has filed none.
func (t *Tracker) nearArrival(f *course, s traffic.Sample) bool {
	if s.Altitude > highFinal || f.Phase < Climb && !f.Takeoff.IsZero() {
		return false // of any airport; it has only just departed there
	}
	miles, feet, found := t.fields.Above(f.Filed.Arrival, s)
	if !found {
		_, feet, found = t.fields.Above(t.fields.Where(&f.track), s)
		return found && feet < finalBand/2 && f.Phase >= Descent
	}
	return feet < finalBand && miles <= finalMiles
}
