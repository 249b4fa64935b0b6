package traffic

import (
	"math"
	"slices"
	"time"

	"github.com/skyledger/skyledger/internal/geo"
	"github.com/skyledger/skyledger/internal/reference"
)

type airport = reference.Airport

// event is a movement in the making.
type event struct {
	kind     Kind
	from, to int64 // the fixes that bracket it
	since    int64 // fixes before this one belong to it
	field    int32
	distance float64 // of the field's nearest runway
	runway   used
	placed   bool // field and runway are known, or known to be none
}

// tell makes movements of an event: none when it repeats the last one, and a
// diversion beside an arrival elsewhere than filed.
func (f *Fields) tell(t *Track, plan Plan, e event) []Movement {
	fixes := t.seen()
	if !e.placed {
		on := max(0, slices.IndexFunc(fixes, func(x fix) bool { return x.at >= e.to }))
		e.field, e.distance = f.fieldAt(&fixes[on], plan)
		if e.field != noField {
			feet, _ := f.elevation(e.field)
			e.runway = f.landed(e.field, fixes, feet)
		}
	}
	t.since = e.since
	at := e.from + (e.to-e.from)/2
	if t.repeats(e, at) {
		return nil
	}
	t.told[e.kind] = told{at, e.field}
	m := Movement{
		Kind: e.kind, At: time.UnixMicro(at).UTC(), Error: time.Duration(e.to-e.from) * time.Microsecond / 2,
		Airport: f.code(e.field), Runway: e.runway.ident, Confidence: f.confidence(t, e), Evidence: evidence(fixes, e),
	}
	if e.kind != Arrival {
		return []Movement{m}
	}
	m.Planned = plan.Arrival
	out := []Movement{m}
	if f.itsOwn(t, plan) && f.diverted(e, plan.Arrival) {
		m.Kind = Diversion
		out = append(out, m)
	}
	return out
}

// repeats reports whether an event is one that was told already: the same kind
// at the same airport, too soon to be another. A departure after an arrival is
// another however soon, and an arrival after a departure.
func (t *Track) repeats(e event, at int64) bool {
	last, least := t.told[e.kind], collapse
	if e.kind == TouchAndGo || e.kind == GoAround {
		least = collapseRound
	}
	if last.at == 0 || last.field != e.field || at-last.at >= least.Microseconds() {
		return false
	}
	switch e.kind {
	case Departure:
		return t.told[Arrival].at < last.at
	case Arrival:
		return t.told[Departure].at < last.at
	default:
		return true
	}
}

// sameField is how near an airport of another code may be and still be the one
// that was meant: codes change, and some airports have two.
const sameField = 3.0 // miles

// diverted reports whether a landing is elsewhere than filed, be it at the
// alternate. A filed code that names no airport in the data (ZZZZ, empty, three
// letters) says nothing, and nowhere is not elsewhere.
func (f *Fields) diverted(e event, filed string) bool {
	planned := f.number(filed)
	return planned != noField && e.field != noField && !f.near(planned, e.field)
}

// itsOwn reports whether a plan is the flight's: not when it is for a departure
// elsewhere than the flight's own, as a plan of the flight before.
func (f *Fields) itsOwn(t *Track, plan Plan) bool {
	left, filed := t.told[Departure], f.number(plan.Departure)
	if left.at == 0 || left.field == noField || filed == noField {
		return true
	}
	return f.near(left.field, filed)
}

// near reports whether two codes are of one place.
func (f *Fields) near(one, two int32) bool {
	a, b := &f.world.Airports()[one], &f.world.Airports()[two]
	return one == two || geo.Within(sameField, a.Lat, a.Lon, b.Lat, b.Lon)
}

// confidence is the product of four figures from 0 to 1:
//
//	density    1 up to 30 s between the samples, then 60 s / (30 s + their distance in time)
//	distance   1 at the runway, 0.7 at 3 NM; 0.4 where there is no airport
//	alignment  1 on the line of a runway, 0.8 where the airport has none, 0.7 where none fits
//	elevation  1 corrected by three or more that are parked there, 0.85 as in the data
func (f *Fields) confidence(t *Track, e event) float64 {
	const usual, rest = 30.0, 60.0 // seconds
	density := min(1, rest/(usual+float64(e.to-e.from)/1e6))
	if e.field == noField {
		return round(0.4 * density)
	}
	distance := 1 - 0.1*min(fieldMiles, e.distance)
	alignment := 0.7
	switch {
	case e.runway.ident != "":
		alignment = 1 - min(0.2, max(0, e.runway.across-0.02))
	case len(f.runways(e.field)) == 0:
		alignment = 0.8
	}
	_, elevation := f.elevation(e.field)
	return round(density * distance * alignment * elevation)
}

func round(x float64) float64 { return math.Round(x*1000) / 1000 }

// evidence are three to five samples around an event; fewer when no more were
// seen.
func evidence(fixes []fix, e event) []Sample {
	const before, after = 2, 3
	first := max(0, slices.IndexFunc(fixes, func(x fix) bool { return x.at >= e.from })-before+1)
	last := slices.IndexFunc(fixes, func(x fix) bool { return x.at >= e.to })
	if last < 0 {
		last = len(fixes) - 1
	}
	last = min(len(fixes)-1, last+after-1, first+4)
	out := make([]Sample, 0, last-first+1)
	for i := first; i <= last; i++ {
		out = append(out, fixes[i].sample())
	}
	return out
}
