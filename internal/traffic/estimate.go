package traffic

import "time"

// The schedule of an arrival: a descent of 3 NM per 1,000 ft, flown at no more
// than 300 kt, from 30 NM at 210 kt and the last 10 NM at 150 kt, as airliners
// usually are.
const (
	descentMiles  = 3.0 // per 1,000 ft
	descentKnots  = 300.0
	terminalMiles = 30.0
	terminalKnots = 210.0
	finalMiles    = 10.0
	finalKnots    = 150.0
	slowest       = 60.0 // knots; slower ones are not believed to come
)

// Remaining returns how long an aircraft needs for so many nautical miles to
// its destination, at so many feet above it and so many knots now: it keeps its
// speed where the schedule has no lower one. Great circles are shorter than what
// is flown, so this is early rather than late.
func Remaining(miles, above, knots float64) time.Duration {
	knots = max(knots, slowest)
	top := max(terminalMiles, above/1000*descentMiles)
	hours, done := 0.0, 0.0
	for _, part := range []struct{ to, knots float64 }{
		{finalMiles, finalKnots}, {terminalMiles, terminalKnots}, {top, descentKnots}, {max(top, miles), knots},
	} {
		to := min(part.to, miles)
		if to > done {
			hours += (to - done) / min(part.knots, knots)
			done = to
		}
	}
	return time.Duration(hours * float64(time.Hour))
}
