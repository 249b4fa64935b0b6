package api

import (
	"context"
	"slices"
	"time"

	"github.com/skyledger/skyledger/internal/fault"
	"github.com/skyledger/skyledger/internal/health"
)

// TrendRow is one step of the errors' series.
type TrendRow struct {
	Time      time.Time `json:"time" doc:"beginning of the step"`
	Group     string    `json:"group" doc:"the function, class or operation; total where by is"`
	Errors    int64     `json:"errors"`
	Refusals  int64     `json:"refusals" doc:"requests answered with 4xx"`
	Requests  *int64    `json:"requests" doc:"null by class and by operation"`
	Failed    *int64    `json:"failed" doc:"likewise"`
	ErrorRate *float64  `json:"error_rate" doc:"failed of the requests; null where there were none"`
}

// TrendKeys are the keys beside the series.
type TrendKeys struct {
	AccountKeys
	ErrorTotals
	IntervalS int    `json:"interval_s" doc:"length of a step, in seconds"`
	By        string `json:"by"`
}

type trendsInput struct {
	ListParams
	SpanParams
	LayoutParams
	By       string `query:"by" enum:"total,function,class,operation" default:"total" doc:"what makes a series of its own"`
	Interval string `query:"interval" enum:"5m,15m,1h,6h,1d" doc:"length of a step; one that makes 300 steps or less when not given"`
}

// interval is one length of a step by its word.
type interval struct {
	word   string
	length time.Duration
}

func intervals() []interval {
	return []interval{
		{"5m", 5 * time.Minute}, {"15m", 15 * time.Minute}, {"1h", time.Hour}, {"6h", 6 * time.Hour}, {"1d", 24 * time.Hour},
	}
}

// usualSteps is about what fits side by side in a chart.
const usualSteps = 300

func (i *trendsInput) step(span time.Duration) time.Duration {
	for _, one := range intervals() {
		if i.Interval == one.word || i.Interval == "" && span <= usualSteps*one.length {
			return one.length
		}
	}
	return 24 * time.Hour
}

const groupTotal = "total"

func (s *service) errorTrends(ctx context.Context, input *trendsInput) (Rows[TrendRow], error) {
	span, err := s.faultSpan(ctx, &input.SpanParams, errorSpan())
	if err != nil {
		return Rows[TrendRow]{}, err
	}
	span.Step = input.step(span.To.Sub(span.From))
	a, err := s.account(ctx, span)
	if err != nil {
		return Rows[TrendRow]{}, err
	}
	keys := TrendKeys{AccountKeys: a.keys(), ErrorTotals: totalsOf(a), IntervalS: int(span.Step / time.Second), By: input.By}
	return accountRows(a, trendRows(a, input.By), keys), nil
}

// trendRows have a row for each step and each group that appears in the span.
func trendRows(a *account, by string) []TrendRow {
	ofFailure, ofRequest := groupsOf(by)
	groups := []string{}
	if by == groupTotal {
		groups = append(groups, groupTotal)
	}
	type key struct {
		at    int64
		group string
	}
	errors, refusals, volumes := map[key]int64{}, map[key]int64{}, map[key]*health.Volume{}
	note := func(at time.Time, group string) key {
		if !slices.Contains(groups, group) {
			groups = append(groups, group)
		}
		return key{at.Unix(), group}
	}
	for i := range a.failures {
		failure := &a.failures[i]
		at := note(failure.Bucket, ofFailure(failure))
		if failure.Refusal {
			refusals[at] += failure.Count
		} else {
			errors[at] += failure.Count
		}
	}
	for i := range a.requests {
		if ofRequest == nil {
			break
		}
		at := note(a.requests[i].Bucket, ofRequest(&a.requests[i]))
		if volumes[at] == nil {
			volumes[at] = &health.Volume{}
		}
		volumes[at].Add(a.requests[i])
	}
	slices.Sort(groups)
	rows := []TrendRow{}
	for at := a.begins(); at.Before(a.span.To); at = at.Add(a.span.Step) {
		for _, group := range groups {
			here := key{at.Unix(), group}
			row := TrendRow{Time: at, Group: group, Errors: errors[here], Refusals: refusals[here]}
			if ofRequest != nil {
				volume := volumes[here]
				if volume == nil {
					volume = &health.Volume{}
				}
				row.Requests, row.Failed, row.ErrorRate = &volume.Requests, &volume.Failed, volume.ErrorRate()
			}
			rows = append(rows, row)
		}
	}
	return rows
}

// groupsOf says which series a failure and a request belong to; a request has
// neither class nor operation.
func groupsOf(by string) (func(*fault.FailureCount) string, func(*fault.RequestCount) string) {
	switch by {
	case "function":
		return func(f *fault.FailureCount) string { return f.Function }, func(r *fault.RequestCount) string { return r.Function }
	case "class":
		return func(f *fault.FailureCount) string { return string(f.Class) }, nil
	case "operation":
		return func(f *fault.FailureCount) string { return f.Op }, nil
	default:
		return func(*fault.FailureCount) string { return groupTotal }, func(*fault.RequestCount) string { return groupTotal }
	}
}

// DayRow is one UTC day.
type DayRow struct {
	Time      time.Time `json:"time" doc:"beginning of the day, UTC"`
	Errors    int64     `json:"errors"`
	Kinds     int       `json:"kinds" doc:"different ones"`
	NewKinds  int       `json:"new_kinds" doc:"of those, never seen before that day"`
	Refusals  int64     `json:"refusals"`
	Requests  int64     `json:"requests"`
	Failed    int64     `json:"failed"`
	ErrorRate *float64  `json:"error_rate" doc:"failed of the requests; null where there were none"`
	P95MS     *float64  `json:"p95_ms" doc:"95 % of the requests and events took no longer"`
	Worst     *string   `json:"worst" doc:"function, operation and reason of the most frequent error"`
	WorstN    int64     `json:"worst_count" doc:"how often that was"`
}

// ReportKeys are the keys beside the days.
type ReportKeys struct {
	AccountKeys
	ErrorTotals
	Worst []FailureRow `json:"worst_errors" doc:"the ten most frequent of the span"`
}

const (
	day        = 24 * time.Hour
	worstShown = 10
)

func (s *service) errorReport(ctx context.Context, input *errorsInput) (Rows[DayRow], error) {
	rule := spanRule{usual: 7 * day, longest: 31 * day}
	span, err := s.faultSpan(ctx, &input.SpanParams, rule)
	if err != nil {
		return Rows[DayRow]{}, err
	}
	span.From, span.Step = span.From.Truncate(day), day
	a, err := s.account(ctx, span)
	if err != nil {
		return Rows[DayRow]{}, err
	}
	whole := *a
	whole.span.Step = 0
	whole.fold()
	worst := failureRows(&whole)
	keys := ReportKeys{AccountKeys: a.keys(), ErrorTotals: totalsOf(a), Worst: worst[:min(worstShown, len(worst))]}
	return accountRows(a, dayRows(a), keys), nil
}

func dayRows(a *account) []DayRow {
	rows := []DayRow{}
	for at := a.begins(); at.Before(a.span.To); at = at.Add(day) {
		row := DayRow{Time: at}
		for i := range a.failures {
			if failure := &a.failures[i]; failure.Bucket.Equal(at) {
				row.add(failure)
			}
		}
		var volume health.Volume
		for i := range a.requests {
			if a.requests[i].Bucket.Equal(at) {
				volume.Add(a.requests[i])
			}
		}
		row.Requests, row.Failed, row.ErrorRate, row.P95MS = volume.Requests, volume.Failed, volume.ErrorRate(), volume.PercentileMS(0.95)
		rows = append(rows, row)
	}
	return rows
}

func (r *DayRow) add(failure *fault.FailureCount) {
	if failure.Refusal {
		r.Refusals += failure.Count
		return
	}
	r.Errors += failure.Count
	r.Kinds++
	if !failure.FirstSeen.Before(r.Time) && failure.FirstSeen.Before(r.Time.Add(day)) {
		r.NewKinds++
	}
	if failure.Count > r.WorstN {
		words := failure.Function + " " + failure.Op + " " + failure.Reason
		r.Worst, r.WorstN = &words, failure.Count
	}
}
