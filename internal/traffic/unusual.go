package traffic

import (
	"math"
	"slices"
	"time"
)

// Day is how many movements a UTC day had.
type Day struct {
	Day       time.Time // midnight
	Movements int
}

// UnusualDay is one that is far from others of its weekday.
type UnusualDay struct {
	Day
	Median float64 // of the days of its weekday
	Score  float64 // modified z-score; negative when there was less
}

const (
	// unusualScore is the bound of Iglewicz and Hoaglin (How to Detect and Handle
	// Outliers, 1993) for modified z-scores.
	unusualScore = 3.5
	// enoughDays of a weekday are needed to say what is usual.
	enoughDays = 4
)

// UnusualDays returns the days whose modified z-score among the days of their
// weekday is beyond ±3.5: 0.6745 × (x − median) / MAD, and where MAD, the median
// of the absolute deviations, is 0, (x − median) / (1.2533 × their mean).
func UnusualDays(days []Day) []UnusualDay {
	weekdays := map[time.Weekday][]float64{}
	for _, day := range days {
		weekday := day.Day.UTC().Weekday()
		weekdays[weekday] = append(weekdays[weekday], float64(day.Movements))
	}
	var unusual []UnusualDay
	for _, day := range days {
		all := weekdays[day.Day.UTC().Weekday()]
		if len(all) < enoughDays {
			continue
		}
		middle := median(all)
		score := modified(float64(day.Movements)-middle, all, middle)
		if math.Abs(score) > unusualScore {
			unusual = append(unusual, UnusualDay{day, middle, score})
		}
	}
	return unusual
}

func modified(deviation float64, all []float64, middle float64) float64 {
	deviations, sum := make([]float64, len(all)), 0.0
	for i, x := range all {
		deviations[i] = math.Abs(x - middle)
		sum += deviations[i]
	}
	switch spread := median(deviations); {
	case spread > 0:
		return 0.6745 * deviation / spread
	case sum > 0:
		return deviation / (1.253314 * sum / float64(len(all)))
	default:
		return 0
	}
}

func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	half := len(sorted) / 2
	if len(sorted)%2 == 1 {
		return sorted[half]
	}
	return (sorted[half-1] + sorted[half]) / 2
}
