package evaluate

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/skyledger/skyledger/internal/flight"
)

// judgeStatus judges the rows that say how far a flight is: at every report of
// the row the flight must be that far. Codes of airports are compared where
// the track has positions.
//
//	Preparing, Departing, Departure  not taken off
//	Flying                           in the air
//	TouchedDown, Arrival, Arrived    landed
//	Lost                             not online, and in the air when it was last: lost for good, or in a gap
//
// Where the pilot is not online it is about the flight that was seen last. Beside
// them, status_event says of the flight before: Finished, that it landed and is
// complete; Terminated, that it ended otherwise. Other words are not judged.
func (f *flown) judgeStatus(result *Result, labels []eventLabel) {
	for _, label := range labels {
		if !label.Active || !slices.Contains(statuses(), label.Status) && label.Change != "Finished" && label.Change != "Terminated" {
			continue
		}
		result.Flights.Expected++
		if wrong := f.status(label); wrong != "" {
			at, when := f.index(label.From), time.Time{}
			if at >= 0 {
				when = f.Reports[at].At
			}
			result.Misses = append(result.Misses, Miss{
				Kind: "flight", Wrong: wrong, Where: fmt.Sprintf("%s reports %d–%d", f.File, label.From, label.To), At: when,
				Note: strings.TrimSpace(label.Status + " " + label.Change),
			})
			continue
		}
		result.Flights.Right++
	}
}

func statuses() []string {
	return []string{"Preparing", "Departing", "Departure", "Flying", "TouchedDown", "Arrival", "Arrived", "Lost"}
}

// status says what is wrong with a row; "" for nothing.
func (f *flown) status(label eventLabel) string {
	first, last := f.index(label.From), f.index(label.To)
	if first < 0 || last < first {
		return "no such report"
	}
	if wrong := f.ended(label.Change, first); wrong != "" {
		return wrong
	}
	for i := first; i <= last && label.Status != ""; i++ {
		if wrong := f.statusAt(label, i); wrong != "" {
			return fmt.Sprintf("report %d: %s", f.Reports[i].ID, wrong)
		}
	}
	return ""
}

func (f *flown) statusAt(label eventLabel, i int) string {
	now, found := f.before(i + 1) // the flight of the report, or the last before it
	if !found {
		return "there is no flight"
	}
	at := f.Reports[i].At
	landed := !now.Landing.IsZero() && !now.Landing.After(at)
	waits := !now.Takeoff.IsZero() && now.Takeoff.After(at) || now.DistanceNM < 0
	switch label.Status {
	case "Preparing", "Departing", "Departure":
		if !waits {
			return "the flight has taken off"
		}
		return ""
	case "Flying":
		if waits || landed {
			return "the flight is not in the air"
		}
		return f.codes(label.Dep, "", now)
	case "Lost":
		unseen := slices.ContainsFunc(now.Gaps, func(gap flight.Gap) bool { return gap.From.Before(at) && gap.To.After(at) })
		if waits || landed || !unseen && now.Ending != flight.LostInFlight {
			return "the flight was not lost in the air"
		}
		return ""
	case "TouchedDown", "Arrival", "Arrived":
		if !landed {
			return "the flight has not landed"
		}
		return f.codes(label.Dep, label.Arr, now)
	default:
		return ""
	}
}

func (f *flown) codes(departure, arrival string, now flight.Flight) string {
	switch {
	case !f.Placed:
		return ""
	case departure != "" && departure != now.Departure:
		return fmt.Sprintf("the flight left %q and not %s", now.Departure, departure)
	case arrival != "" && arrival != now.Arrival:
		return fmt.Sprintf("the flight landed at %q and not %s", now.Arrival, arrival)
	}
	return ""
}

// ended says what is wrong with how the flight that was seen before a report
// ended.
func (f *flown) ended(change string, i int) string {
	if change != "Finished" && change != "Terminated" {
		return ""
	}
	before, found := f.before(i)
	switch {
	case !found || before.ID == f.ids[i]:
		return "no flight ended before it"
	case change == "Finished" && before.Ending != flight.Complete:
		return "the flight before it is not complete"
	case change == "Terminated" && before.Ending == flight.Complete:
		return "the flight before it is complete"
	}
	return ""
}

// before is the last flight that was seen before a report's index.
func (f *flown) before(i int) (flight.Flight, bool) {
	for i--; i >= 0; i-- {
		if f.ids[i] != 0 {
			now, found := f.flights[f.ids[i]]
			return now, found
		}
	}
	return flight.Flight{}, false
}

// judgeFlights finds for each labelled flight one of the Tracker's with the same
// airports, callsign, day and times; each serves once.
func (f *flown) judgeFlights(result *Result, labels []flightLabel) {
	var open []flight.Flight
	for _, known := range f.flights {
		if known.DistanceNM >= 0 {
			open = append(open, known)
		}
	}
	slices.SortFunc(open, func(a, b flight.Flight) int { return cmp.Or(a.Began.Compare(b.Began), cmp.Compare(a.ID, b.ID)) })
	for _, label := range labels {
		result.Flights.Expected++
		at := slices.IndexFunc(open, func(known flight.Flight) bool { return f.same(label, known) })
		if at < 0 {
			result.Misses = append(result.Misses, Miss{
				Kind: "flight", Wrong: "missed", Where: f.File, At: f.Reports[0].At,
				Note: strings.Join([]string{label.Callsign, label.Dep, label.Arr, label.Date, label.Takeoff, label.Landing}, " "),
			})
			continue
		}
		result.Flights.Right++
		open = slices.Delete(open, at, at+1)
	}
}

func (f *flown) same(label flightLabel, known flight.Flight) bool {
	return (!f.Placed || label.Dep == known.Departure && label.Arr == known.Arrival) &&
		(label.Callsign == "" || label.Callsign == known.Callsign) &&
		(label.Date == "" || label.Date == known.Began.Format(time.DateOnly)) &&
		minute(label.FirstSeen, known.Began) && minute(label.Takeoff, known.Takeoff) &&
		minute(label.Landing, known.Landing) && minute(label.LastSeen, known.Ended)
}

// minute reports whether a moment is at a labelled minute. Takeoffs are labelled
// with the last report before them, landings with the first after: both may be
// a report apart.
func minute(label string, at time.Time) bool {
	const report = 4 * time.Minute
	if label == "" {
		return true
	}
	clock, err := time.Parse("15:04", label)
	if err != nil || at.IsZero() {
		return false
	}
	apart := time.Duration(at.Hour()-clock.Hour())*time.Hour + time.Duration(at.Minute()-clock.Minute())*time.Minute
	if apart > 12*time.Hour {
		apart -= 24 * time.Hour
	} else if apart < -12*time.Hour {
		apart += 24 * time.Hour
	}
	return apart.Abs() <= report
}
