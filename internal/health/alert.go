package health

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/skyledger/skyledger/internal/fault"
	"github.com/skyledger/skyledger/internal/store"
)

// Severity is how soon somebody should look.
type Severity string

// The severities.
const (
	Warning  Severity = "warning"
	Critical Severity = "critical"
)

// The conditions, by the name that an alert carries.
const (
	AlertErrorRate   = "error_rate"
	AlertNewFailure  = "new_failure"
	AlertBreakerOpen = "breaker_open"
	AlertNoTick      = "no_tick"
	AlertLostNotes   = "notes_lost"
	AlertDatabase    = "database_down"
)

// Threshold is when a condition is an alert.
type Threshold struct {
	Alert     string
	Severity  Severity
	Value     float64
	Unit      string
	Condition string // in words
	Source    string // where the figure comes from
}

const (
	// RateWindow is the span over which a share of failed requests is reckoned.
	RateWindow = 15 * time.Minute
	// LeastAsked is the fewest requests of which there is such a share.
	LeastAsked = 20

	newWindow = time.Hour
	worstRate = 0.05
	noTickFor = time.Minute
)

// Thresholds are the conditions in force.
func Thresholds() []Threshold {
	return []Threshold{
		{AlertDatabase, Critical, 0, "", "PostgreSQL does not answer", "history cannot be read, and what is recorded waits in the log"},
		{AlertNoTick, Critical, noTickFor.Seconds(), "seconds", "the newest tick in the ledger is older", "four ticks; FAULTS I9 asks for two to be told of as stale"},
		{
			AlertErrorRate, Critical, worstRate, "share", fmt.Sprintf("of a function's requests of 15 minutes failed, of %d at least", LeastAsked),
			"one dashboard's thirty panels with two that fail is above it, a single failure is not",
		},
		{AlertBreakerOpen, Warning, 0, "", "a circuit breaker is open in a process that spoke within 15 minutes", "the policies in internal/fault"},
		{AlertLostNotes, Warning, 0, "", "failures or requests found no room in a process's memory within the hour", "4,096 kinds in internal/fault"},
		{AlertNewFailure, Warning, newWindow.Seconds(), "seconds", "a failure whose kind was never seen before", "an hour is how long a change is looked at after it was made"},
	}
}

// Evidence is what alerts are made from. Windows end at Now.
type Evidence struct {
	Now       time.Time
	Requests  []fault.RequestCount // of the last 15 minutes, by bucket
	Failures  []fault.FailureCount // of the last hour
	Upstreams []store.ToldUpstream
	// Ledger is the newest tick accounted for; nil: not known.
	Ledger *time.Time
	// DatabaseDown is why PostgreSQL does not answer; "" when it does.
	DatabaseDown string
}

// Alert is a condition that is in force.
type Alert struct {
	Alert    string
	Severity Severity
	Function string // "" where it is not one function's
	Subject  string // what it is about: an upstream, a fingerprint
	Since    *time.Time
	Value    *float64
	Limit    *float64
	Message  string
}

// Alerts returns the conditions in force, the worst first.
func Alerts(e Evidence) []Alert {
	var found []Alert
	found = append(found, e.database()...)
	found = append(found, e.ticks()...)
	found = append(found, e.rates()...)
	found = append(found, e.breakers()...)
	found = append(found, e.kinds()...)
	slices.SortStableFunc(found, func(a, b Alert) int {
		return cmp.Or(cmp.Compare(weightOf(b.Severity), weightOf(a.Severity)), cmp.Compare(a.Alert, b.Alert),
			cmp.Compare(a.Function, b.Function), cmp.Compare(a.Subject, b.Subject))
	})
	return found
}

func weightOf(s Severity) int { return slices.Index([]Severity{Warning, Critical}, s) }

func (e Evidence) database() []Alert {
	if e.DatabaseDown == "" {
		return nil
	}
	return []Alert{{
		Alert: AlertDatabase, Severity: Critical, Subject: e.DatabaseDown,
		Message: "PostgreSQL does not answer (" + e.DatabaseDown + "): the log goes on, history cannot be read.",
	}}
}

func (e Evidence) ticks() []Alert {
	if e.Ledger == nil {
		return nil
	}
	age := e.Now.Sub(*e.Ledger)
	if age <= noTickFor {
		return nil
	}
	alert := Alert{Alert: AlertNoTick, Severity: Critical, Function: "ingest", Limit: pointer(noTickFor.Seconds())}
	if e.Ledger.IsZero() {
		alert.Message = "No tick was ever recorded: is ingest running?"
		return []Alert{alert}
	}
	// A tick is over 15 seconds after its beginning, and the next one is due then.
	alert.Since, alert.Value = pointer(e.Ledger.Add(15*time.Second)), pointer(rounded(age.Seconds()))
	alert.Message = fmt.Sprintf("The newest tick in the ledger is %s old: is ingest running?", age.Round(time.Second))
	return []Alert{alert}
}

// rates looks at each function's requests. An alert is in force since the
// beginning of the first bucket in which something failed.
func (e Evidence) rates() []Alert {
	byFunction, since := map[string]*Volume{}, map[string]time.Time{}
	for _, row := range e.Requests {
		if byFunction[row.Function] == nil {
			byFunction[row.Function] = &Volume{}
		}
		byFunction[row.Function].Add(row)
		if first, known := since[row.Function]; row.Failed() && (!known || row.Bucket.Before(first)) {
			since[row.Function] = row.Bucket
		}
	}
	var found []Alert
	for _, function := range slices.Sorted(maps.Keys(byFunction)) {
		volume := byFunction[function]
		rate := volume.ErrorRate()
		if volume.Requests < LeastAsked || *rate <= worstRate {
			continue
		}
		found = append(found, Alert{
			Alert: AlertErrorRate, Severity: Critical, Function: function, Since: pointer(since[function].UTC()),
			Value: rate, Limit: pointer(worstRate),
			Message: fmt.Sprintf("%d of %d requests of %s failed within 15 minutes.", volume.Failed, volume.Requests, function),
		})
	}
	return found
}

func (e Evidence) breakers() []Alert {
	var found []Alert
	for _, upstream := range e.Upstreams {
		if upstream.State == "closed" || upstream.Told.Before(e.Now.Add(-RateWindow)) {
			continue
		}
		found = append(found, Alert{
			Alert: AlertBreakerOpen, Severity: Warning, Function: upstream.Function, Subject: upstream.Name,
			Since:   pointer(upstream.Since.UTC()),
			Message: fmt.Sprintf("The breaker of %s is %s in %s: calls are refused until it answers again.", upstream.Name, upstream.State, upstream.Function),
		})
	}
	return found
}

// kinds looks at what the failures are.
func (e Evidence) kinds() []Alert {
	var found []Alert
	for _, failure := range e.Failures {
		alert := Alert{
			Severity: Warning, Function: failure.Function, Subject: failure.Fingerprint,
			Since: pointer(failure.FirstSeen.UTC()), Value: pointer(float64(failure.Count)),
		}
		switch {
		case failure.Refusal:
			continue
		case failure.Lost():
			alert.Alert = AlertLostNotes
			alert.Message = fmt.Sprintf("%d notes found no room in the memory of %s, or could not be stored: counts are too low by that.", failure.Count, failure.Function)
		case !failure.FirstSeen.Before(e.Now.Add(-newWindow)):
			alert.Alert = AlertNewFailure
			alert.Message = fmt.Sprintf("New in %s: %s failed as %s (%s), %d times.", failure.Function, failure.Op, failure.Class, failure.Reason, failure.Count)
		default:
			continue
		}
		found = append(found, alert)
	}
	return found
}

func pointer[T any](value T) *T { return &value }
