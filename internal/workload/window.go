package workload

import "time"

// Window counts events of the last WindowMinutes, by the minute.
type Window struct {
	Minute int64                `json:"m"` // newest one, minutes since 1970
	Counts [WindowMinutes]int32 `json:"c"` // of the minutes, by their number modulo WindowMinutes
}

// Add counts events at a moment, which is not before any other that was added.
func (w *Window) Add(at time.Time, events int) {
	w.roll(at)
	w.Counts[w.Minute%WindowMinutes] += int32(events)
}

// Hourly returns how many an hour the window's events are.
func (w *Window) Hourly(at time.Time) float64 {
	w.roll(at)
	sum := int32(0)
	for _, count := range w.Counts {
		sum += count
	}
	return float64(sum) * 60 / WindowMinutes
}

func (w *Window) roll(at time.Time) {
	minute := at.Unix() / 60
	if minute-w.Minute >= WindowMinutes {
		w.Counts = [WindowMinutes]int32{}
		w.Minute = minute
		return
	}
	for w.Minute < minute {
		w.Minute++
		w.Counts[w.Minute%WindowMinutes] = 0
	}
}
