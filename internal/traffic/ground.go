package traffic

// State says whether an aircraft is on the ground.
type State uint8

// The states. Unknown is one of which too little was seen.
const (
	Unknown  State = 0
	Ground   State = 1
	Airborne State = 2
)

// Reading is what a report says about ground and air.
type Reading struct {
	Height      int32 // feet above the ground there
	HeightKnown bool  // false far from any airport
	Groundspeed int16 // knots
	Rising      bool  // higher than the report before by more than a runway rises
	Level       bool  // as high as the report before, within what a runway rises
	Paused      bool  // stands, and stopped as no brakes can
	High        bool  // higher than any airport on earth
	Away        bool  // farther from the report before than anybody taxis
	Rolled      bool  // came down to this altitude, and has rolled level at it since
	Signs       int8  // reports before it, one after the other, that looked airborne
}

// The thresholds of Judge. They are those of the field: 200 ft and
// 50 kt make it GROUND; more than 300 ft, or over 80 kt and rising, in two
// reports make it AIRBORNE. Between them the state stays as it was.
const (
	groundHeight   = 200 // feet
	groundSpeed    = 50  // knots
	airborneHeight = 300 // feet
	airborneSpeed  = 80  // knots
	// pausedHeight is how far above the ground a simulator that stopped in the
	// flare may stand and still count as landed.
	pausedHeight = 60
	// standsHigh is how wrong an airport's elevation may be for somebody who
	// stands still or rolls there: reference data has metres for feet and
	// elevations of old sites.
	standsHigh = 1000
)

// Judge decides between GROUND and AIRBORNE. It is the only place that does.
//
// One report that is fast and high, or fast and far away, is enough to be
// airborne: an altitude spike is not fast. Far from any airport the ground's height is not known, and
// at some it is wrong: who was in the air there is on the ground after a descent
// and a level roll, so that a simulator paused in cruise has not landed; who
// appears and stands still is on the ground.
func Judge(before State, r Reading) State {
	switch {
	case before == Ground:
		sure := r.Away || r.HeightKnown && r.Height > airborneHeight
		if sure && r.Groundspeed > airborneSpeed || r.LooksAirborne() && r.Signs > 0 && !r.Rolled {
			return Airborne
		}
		return Ground
	case r.HeightKnown && abs(r.Height) < groundHeight && r.Groundspeed < groundSpeed && !(r.Paused && r.Height > pausedHeight):
		return Ground
	case r.Rolled && r.Groundspeed < groundSpeed && (!r.HeightKnown || abs(r.Height) < standsHigh):
		return Ground
	case before == Unknown && !r.HeightKnown && !r.High && (r.Groundspeed == 0 || r.Groundspeed < groundSpeed && r.Level):
		return Ground
	case before == Unknown && r.HeightKnown && r.Height < standsHigh && r.Groundspeed == 0 && r.Level:
		return Ground
	case before == Unknown && r.Groundspeed > 0 && (r.LooksAirborne() || !r.HeightKnown && r.Groundspeed >= groundSpeed):
		return Airborne
	}
	return before
}

// LooksAirborne reports whether a report by itself is one of an aircraft in the
// air.
func (r Reading) LooksAirborne() bool {
	if !r.HeightKnown {
		return r.Groundspeed > airborneSpeed
	}
	return r.Height > airborneHeight || r.Groundspeed > airborneSpeed && r.Rising
}
