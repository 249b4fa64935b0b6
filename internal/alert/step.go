package alert

import (
	"time"

	"github.com/skyledger/skyledger/internal/store"
)

// The phases of a subject.
const (
	phaseOK      = "ok"
	phasePending = "pending" // the condition holds, not for long enough yet
	phaseOpen    = "open"
	phaseNoData  = "no_data" // the figure cannot be had; an alert may be open all the same
)

// The kinds of an alert.
const (
	KindThreshold = "threshold"
	KindNoData    = "no_data"
)

// The events that people are told of.
const (
	EventOpened   = "opened"
	EventReminder = "reminder"
	EventEnded    = "ended"
	EventTest     = "test"
)

// Why an alert ends.
const (
	EndCleared  = "cleared"      // the figure is back at the clear level
	EndData     = "data_back"    // an alert about missing data: they are back
	EndNoData   = "no_data"      // the figure cannot be had any more
	EndChanged  = "rule_changed" // the rule asks something else now
	EndDisabled = "rule_disabled"
	EndDeleted  = "rule_deleted"
)

// longestStep is the most that one evaluation adds to how long a condition held:
// two evaluations that were missed. What nobody looked at was not seen to hold,
// and a clock that jumps an hour ahead makes no hour.
const longestStep = 150 * time.Second

// longestQuiet is how far ahead a notification may be due: quiet hours of a day,
// on which a clock is put back.
const longestQuiet = 25 * time.Hour

// change is what one evaluation makes of one subject. Not more than one alert
// opens or ends in it, and never both.
type change struct {
	state  store.AlertState
	opens  string // kind of the alert that opens; "" none
	ends   string // outcome of the alert that ends; "" none
	unsaid bool   // the one that ends was not told yet
	notes  []note
}

type note struct {
	event string
	delay time.Duration // until the end of quiet hours
}

// step is the whole of the decision: what follows for a subject from what was
// remembered, what the figure is, and the time. It knows nothing else.
//
// A value beyond the threshold, seen to be there for the rule's time, opens an
// alert; a value at the clear level or on its other side ends it. Between the two
// nothing changes. Time without data counts neither for nor against.
func step(rule *store.AlertRule, before store.AlertState, value *float64, valueAt, now time.Time) change {
	c := change{state: before}
	s := &c.state
	var passed time.Duration
	if !before.At.IsZero() {
		passed = min(max(0, now.Sub(before.At)), longestStep)
	}
	s.At = now
	if s.Told.Sub(now) > longestQuiet { // a clock that was ahead has been put right
		s.Told = now
	}
	if value == nil {
		c.missing(rule, passed, now)
	} else {
		s.Value, s.ValueAt, s.Missing = value, valueAt, 0
		c.known(rule, before.Phase, passed, now)
	}
	if s.Phase != before.Phase || s.Since.IsZero() {
		s.Since = now
	}
	return c
}

// missing goes by what the rule says of a figure that cannot be had.
func (c *change) missing(rule *store.AlertRule, passed time.Duration, now time.Time) {
	s := &c.state
	if s.Phase == phaseNoData {
		s.Missing += passed
	}
	s.Phase = phaseNoData
	switch {
	case rule.NoData == store.AlertEnd && s.OpenKind != "":
		c.end(rule, EndNoData, now)
	case rule.NoData == store.AlertEnd:
		s.Held = 0
	case rule.NoData == store.AlertNotify && s.OpenKind == "" && s.Missing >= rule.For:
		c.open(rule, KindNoData, now)
		s.Phase = phaseNoData
	case s.OpenKind == KindNoData:
		c.remind(rule, now)
	}
}

func (c *change) known(rule *store.AlertRule, was string, passed time.Duration, now time.Time) {
	s := &c.state
	beyond := *s.Value > rule.Threshold
	clear := *s.Value <= rule.Clear
	if rule.Direction == store.AlertBelow {
		beyond, clear = *s.Value < rule.Threshold, *s.Value >= rule.Clear
	}
	switch {
	case s.OpenKind == KindNoData:
		c.end(rule, EndData, now)
		if s.Phase = phaseOK; beyond {
			s.Phase = phasePending
		}
	case s.OpenKind == KindThreshold && clear:
		c.end(rule, EndCleared, now)
		s.Phase = phaseOK
	case s.OpenKind == KindThreshold:
		s.Phase = phaseOpen
		c.remind(rule, now)
	case !beyond:
		s.Phase, s.Held = phaseOK, 0
	default:
		if was == phasePending {
			s.Held += passed
		}
		if s.Phase = phasePending; s.Held >= rule.For {
			c.open(rule, KindThreshold, now)
		}
	}
}

// open opens an alert. In quiet hours it is told at their end, if it lasts.
func (c *change) open(rule *store.AlertRule, kind string, now time.Time) {
	delay := quietUntil(rule.Quiet, now)
	c.opens, c.notes = kind, append(c.notes, note{EventOpened, delay})
	c.state.OpenKind, c.state.Told, c.state.Phase = kind, now.Add(delay), phaseOpen
}

// end ends the alert. One that nobody was to be told of yet is taken back; who
// was told of the opening after all is told of the end, not in quiet hours.
func (c *change) end(rule *store.AlertRule, outcome string, now time.Time) {
	c.ends, c.unsaid = outcome, now.Before(c.state.Told)
	c.notes = append(c.notes, note{EventEnded, quietUntil(rule.Quiet, now)})
	c.state.OpenKind, c.state.Told, c.state.Held = "", time.Time{}, 0
}

// remind tells of an alert again. A reminder that comes due in quiet hours comes
// at their end.
func (c *change) remind(rule *store.AlertRule, now time.Time) {
	if rule.Renotify == 0 || now.Sub(c.state.Told) < rule.Renotify || quietUntil(rule.Quiet, now) > 0 {
		return
	}
	c.state.Told = now
	c.notes = append(c.notes, note{EventReminder, 0})
}
