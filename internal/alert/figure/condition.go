package figure

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/skyledger/skyledger/internal/alert"
	"github.com/skyledger/skyledger/internal/fault"
	"github.com/skyledger/skyledger/internal/health"
)

// Condition is how often each condition of /api/errors/alerts is in force, so
// that these reach people as well.
type Condition struct {
	Account Account
	Marks   Watermarks
}

// Describe implements alert.Figure.
func (Condition) Describe() alert.Description {
	return alert.Description{
		Name: "condition", Unit: "", Every: true,
		Subjects: "the conditions of /api/errors/alerts: " + strings.Join(conditions(), ", "),
		What:     "how many times a condition of /api/errors/alerts is in force",
	}
}

// conditions are those that can be seen from a database that answers.
func conditions() []string {
	var names []string
	for _, threshold := range health.Thresholds() {
		if threshold.Alert != health.AlertDatabase {
			names = append(names, threshold.Alert)
		}
	}
	return names
}

// Check implements alert.Figure.
func (c Condition) Check(_ context.Context, subject string) error {
	if slices.Contains(conditions(), subject) {
		return nil
	}
	return alert.Unknown(c.Describe().Name, subject, "its subjects are "+strings.Join(conditions(), ", "))
}

// Observe implements alert.Figure.
func (c Condition) Observe(ctx context.Context, now time.Time, _ []string) (alert.Observation, error) {
	evidence := health.Evidence{Now: now}
	span := lately(now, health.RateWindow)
	span.Step = fault.BucketLength
	var err error
	if evidence.Requests, err = c.Account.Requests(ctx, span); err != nil {
		return alert.Observation{}, err
	}
	if evidence.Failures, err = c.Account.Failures(ctx, lately(now, time.Hour)); err != nil {
		return alert.Observation{}, err
	}
	if evidence.Upstreams, err = c.Account.Upstreams(ctx, now.Add(-health.RateWindow)); err != nil {
		return alert.Observation{}, err
	}
	marks, err := c.Marks.Watermarks(ctx)
	if err != nil {
		return alert.Observation{}, err
	}
	evidence.Ledger = &marks.Ledger
	counts, said := map[string]float64{}, map[string]string{}
	for _, found := range health.Alerts(evidence) {
		if counts[found.Alert]++; said[found.Alert] == "" {
			said[found.Alert] = found.Message
		}
	}
	none := 0.0
	o := alert.Observation{AsOf: now, Rest: &none}
	for name, count := range counts {
		o.Readings = append(o.Readings, alert.Value(name, count, said[name]))
	}
	return o, nil
}
