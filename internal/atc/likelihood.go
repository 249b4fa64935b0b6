package atc

// HoursOfWeek are the hours from Monday 00:00 UTC on.
const HoursOfWeek = 7 * 24

// Hour sums up one hour of the week over many weeks.
type Hour struct {
	Observed float64 // hours that were recorded
	Staffed  float64 // of these, hours in which the position was staffed
}

// weight is how many weeks the hours around count for: after a month an hour of
// the week speaks for itself as much as its neighbours speak for it.
const weight = 4

// Likelihood returns for each hour of the week the probability that a position
// is online then: its share of the observed time, shrunk toward the same hour of
// all days, which is shrunk toward the share of all hours. With s hours staffed
// of n observed and m the share it is shrunk to
//
//	p = (s + 4 m) / (n + 4)
//
// It is not ok while nothing was observed: then nothing is known.
func Likelihood(week *[HoursOfWeek]Hour) (likelihood [HoursOfWeek]float64, ok bool) {
	var all Hour
	var daily [24]Hour
	for i, hour := range week {
		all.Observed += hour.Observed
		all.Staffed += hour.Staffed
		daily[i%24].Observed += hour.Observed
		daily[i%24].Staffed += hour.Staffed
	}
	if all.Observed <= 0 {
		return likelihood, false
	}
	overall := all.Staffed / all.Observed
	for i, hour := range week {
		likelihood[i] = hour.shrunk(daily[i%24].shrunk(overall))
	}
	return likelihood, true
}

func (h Hour) shrunk(toward float64) float64 {
	return (h.Staffed + weight*toward) / (h.Observed + weight)
}
