package evaluate

import (
	"fmt"
	"slices"
	"time"

	"github.com/skyledger/skyledger/internal/flight"
	"github.com/skyledger/skyledger/internal/reference"
	"github.com/skyledger/skyledger/internal/scene"
	"github.com/skyledger/skyledger/internal/vatsim"
)

// flown is what the Tracker made of a track.
type flown struct {
	track
	moved   []flight.Moved
	flights map[int64]flight.Flight
	ids     []int64 // by report: the flight it belongs to, 0 for none
}

// Labelled runs the tracks of a folder and judges what is found by its labels.
func Labelled(dir string, world *reference.World) (*Result, error) {
	tracks, err := readTracks(dir)
	if err != nil {
		return nil, err
	}
	events, flights, err := readLabels(dir)
	if err != nil {
		return nil, err
	}
	result := newResult()
	for _, t := range tracks {
		run := fly(t, world)
		run.judgeMovements(result, ofFile(events, t.File, func(l eventLabel) string { return l.File }))
		run.judgeStatus(result, ofFile(events, t.File, func(l eventLabel) string { return l.File }))
		run.judgeFlights(result, ofFile(flights, t.File, func(l flightLabel) string { return l.File }))
	}
	result.finish(nil)
	return result, nil
}

func ofFile[T any](labels []T, file string, fileOf func(T) string) (out []T) {
	for _, label := range labels {
		if fileOf(label) == file {
			out = append(out, label)
		}
	}
	return out
}

// fly runs a track through a Tracker, a report a snapshot, and then lets so
// much time pass that every flight ends.
func fly(t track, world *reference.World) flown {
	out := flown{track: t, flights: map[int64]flight.Flight{}}
	tracker := flight.New(flight.Options{World: world})
	observe := func(at time.Time, pilots ...vatsim.Pilot) flight.Changes {
		changes := tracker.Observe(scene.Scene{Snapshot: &vatsim.Snapshot{UpdateTimestamp: at, Pilots: pilots}})
		out.moved = append(out.moved, changes.Movements...)
		for _, f := range changes.Flights {
			out.flights[f.ID] = f
		}
		return changes
	}
	for _, r := range t.Reports {
		var id int64
		if r.Pilot == nil {
			observe(r.At)
		} else {
			id = observe(r.At, *r.Pilot).Statuses[0].FlightID
		}
		out.ids = append(out.ids, id)
	}
	if n := len(t.Reports); n > 0 {
		observe(t.Reports[n-1].At.Add(time.Hour))
	}
	return out
}

// index is where a report is in the track; −1 for one that is not there.
func (f *flown) index(id int64) int {
	return slices.IndexFunc(f.Reports, func(r report) bool { return r.ID == id })
}

// wanted is a labelled event.
type wanted struct {
	kind     string
	from, to time.Time // the event lies between
	report   int64
}

// judgeMovements matches labels and movements one to one, by kind.
func (f *flown) judgeMovements(result *Result, labels []eventLabel) {
	found := map[string][]flight.Moved{}
	for _, m := range f.moved {
		found[nameOf(m.Kind)] = append(found[nameOf(m.Kind)], m)
	}
	for _, name := range kindNames() {
		score, open := result.Kinds[name], found[name]
		for _, want := range f.wanted(labels, name) {
			score.Expected++
			best := -1
			for i := range open {
				early, late := open[i].At.Add(-open[i].Error), open[i].At.Add(open[i].Error)
				if !early.After(want.to) && !late.Before(want.from) && (best < 0 || distance(want, open[i]) < distance(want, open[best])) {
					best = i
				}
			}
			if best < 0 {
				result.Misses = append(result.Misses, Miss{Kind: name, Wrong: "missed", Where: fmt.Sprintf("%s report %d", f.File, want.report), At: want.to})
				continue
			}
			score.Matched++
			open = slices.Delete(slices.Clone(open), best, best+1)
		}
		for _, m := range open {
			report := f.reportAt(m.At)
			if !f.judged(labels, name, report) {
				score.Unjudged++
				continue
			}
			score.Found++
			result.Misses = append(result.Misses, Miss{
				Kind: name, Wrong: "made up", Where: fmt.Sprintf("%s report %d", f.File, report), At: m.At,
				Note: fmt.Sprintf("%s %s, confidence %.2f", m.Airport, m.Runway, m.Confidence),
			})
		}
	}
}

func distance(want wanted, m flight.Moved) time.Duration {
	return m.At.Sub(want.from.Add(want.to.Sub(want.from) / 2)).Abs()
}

func (f *flown) wanted(labels []eventLabel, kind string) (out []wanted) {
	for _, label := range labels {
		at := f.index(label.From)
		if !label.Active || at < 0 {
			continue
		}
		for _, event := range label.Events {
			if kindOf(event) == kind {
				out = append(out, wanted{kind: kind, from: f.Reports[max(0, at-1)].At, to: f.Reports[at].At, report: label.From})
			}
		}
	}
	return out
}

// reportAt is the first report at or after a moment.
func (f *flown) reportAt(at time.Time) int64 {
	i := slices.IndexFunc(f.Reports, func(r report) bool { return !r.At.Before(at) })
	if i < 0 {
		i = len(f.Reports) - 1
	}
	return f.Reports[i].ID
}

// judged reports whether the labels say that a movement of a kind at a report
// would be known: see the package's comment.
func (f *flown) judged(labels []eventLabel, kind string, report int64) bool {
	if kind == "go_around" || kind == "diversion" {
		return slices.ContainsFunc(labels, func(l eventLabel) bool { return l.Active && names(l, kind) && within(labels, l.Case, report) })
	}
	for _, l := range labels {
		if !l.Active {
			continue
		}
		if report >= l.From && report <= l.To || names(l, kind) && within(labels, l.Case, report) {
			return true
		}
	}
	return false
}

func names(l eventLabel, kind string) bool {
	return slices.ContainsFunc(l.Events, func(event string) bool { return kindOf(event) == kind })
}

// within reports whether a report lies in a test case.
func within(labels []eventLabel, name string, report int64) bool {
	first, last := int64(0), int64(-1)
	for _, l := range labels {
		if !l.Active || l.Case != name {
			continue
		}
		if last < 0 {
			first = l.From
		}
		first, last = min(first, l.From), max(last, l.To)
	}
	return report >= first && report <= last
}
