package figure

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/skyledger/skyledger/internal/alert"
	"github.com/skyledger/skyledger/internal/fault"
	"github.com/skyledger/skyledger/internal/health"
	"github.com/skyledger/skyledger/internal/store"
)

// Account is what the processes told of failures and requests; *store.Store has
// it.
type Account interface {
	Failures(ctx context.Context, span store.FaultSpan) ([]fault.FailureCount, error)
	Requests(ctx context.Context, span store.FaultSpan) ([]fault.RequestCount, error)
	Upstreams(ctx context.Context, since time.Time) ([]store.ToldUpstream, error)
}

// lately is the span of so long up to now, from the beginning of a bucket on, as
// /api/errors has it.
func lately(now time.Time, length time.Duration) store.FaultSpan {
	return store.FaultSpan{From: now.Add(-length).Truncate(fault.BucketLength), To: now}
}

func checkFunction(figure string, functions []string, subject string) error {
	if slices.Contains(functions, subject) {
		return nil
	}
	return alert.Unknown(figure, subject, "its subjects are functions: "+strings.Join(functions, ", "))
}

const functionsWords = "functions by name, such as ingest; * is every one"

// ErrorRate is the share of a function's requests that failed, by the rule of
// /api/errors/alerts: of few requests there is no rate.
type ErrorRate struct {
	Account   Account
	Functions []string
}

// Describe implements alert.Figure.
func (ErrorRate) Describe() alert.Description {
	return alert.Description{
		Name: "error_rate", Unit: "share", Subjects: functionsWords, Every: true,
		What: fmt.Sprintf("requests and events of 15 minutes that failed, 0 to 1; not known of a function that had fewer than %d", health.LeastAsked),
	}
}

// Check implements alert.Figure.
func (e ErrorRate) Check(_ context.Context, subject string) error {
	return checkFunction(e.Describe().Name, e.Functions, subject)
}

// Observe implements alert.Figure.
func (e ErrorRate) Observe(ctx context.Context, now time.Time, _ []string) (alert.Observation, error) {
	requests, err := e.Account.Requests(ctx, lately(now, health.RateWindow))
	if err != nil {
		return alert.Observation{}, err
	}
	volumes := map[string]*health.Volume{}
	for _, row := range requests {
		if volumes[row.Function] == nil {
			volumes[row.Function] = &health.Volume{}
		}
		volumes[row.Function].Add(row)
	}
	o := alert.Observation{AsOf: now}
	for function, volume := range volumes {
		if volume.Requests >= health.LeastAsked {
			o.Readings = append(o.Readings, alert.Value(function, *volume.ErrorRate(), fmt.Sprintf("%d of %d requests failed", volume.Failed, volume.Requests)))
		}
	}
	return o, nil
}

// RecordedErrors counts the failures that a function recorded.
type RecordedErrors struct {
	Account   Account
	Functions []string
}

// Describe implements alert.Figure.
func (RecordedErrors) Describe() alert.Description {
	return alert.Description{
		Name: "recorded_errors", Unit: "errors", Subjects: functionsWords, Every: true,
		What: "failures that a function recorded within 15 minutes, refusals aside",
	}
}

// Check implements alert.Figure.
func (r RecordedErrors) Check(_ context.Context, subject string) error {
	return checkFunction(r.Describe().Name, r.Functions, subject)
}

// Observe implements alert.Figure.
func (r RecordedErrors) Observe(ctx context.Context, now time.Time, _ []string) (alert.Observation, error) {
	failures, err := r.Account.Failures(ctx, lately(now, health.RateWindow))
	if err != nil {
		return alert.Observation{}, err
	}
	counts := map[string]int64{}
	for _, row := range failures {
		if !row.Refusal {
			counts[row.Function] += row.Count
		}
	}
	none := 0.0
	o := alert.Observation{AsOf: now, Rest: &none}
	for function, count := range counts {
		o.Readings = append(o.Readings, alert.Value(function, float64(count), ""))
	}
	return o, nil
}
