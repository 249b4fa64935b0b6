package api

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"time"

	"github.com/skyledger/skyledger/internal/fault"
	"github.com/skyledger/skyledger/internal/manifest"
	"github.com/skyledger/skyledger/internal/store"
)

// Account is what the processes told of failures and requests; *store.Store is
// one.
type Account interface {
	Failures(ctx context.Context, span store.FaultSpan) ([]fault.FailureCount, error)
	Requests(ctx context.Context, span store.FaultSpan) ([]fault.RequestCount, error)
	Upstreams(ctx context.Context, since time.Time) ([]store.ToldUpstream, error)
	Processes(ctx context.Context, since time.Time, limit int) ([]store.Process, error)
}

// The scopes of an account.
const (
	scopeDeployment = "deployment" // what every process told
	scopeProcess    = "process"    // what the process that answers has seen itself
	scopeNobody     = "nobody"     // there is nothing to tell from
)

// account is what is known of a span.
type account struct {
	span     store.FaultSpan
	failures []fault.FailureCount
	requests []fault.RequestCount
	scope    string
	since    *time.Time // of a process's account: when it began to count
	down     string     // why there is no more than that
}

// AccountKeys are what an account says of itself beside its figures.
type AccountKeys struct {
	From  time.Time  `json:"from" doc:"the span counted; it begins with a span of five minutes, in which all is counted"`
	To    time.Time  `json:"to" doc:"exclusive"`
	Scope string     `json:"scope" enum:"deployment,process,nobody" doc:"whose counts these are: every process's, or, while PostgreSQL does not answer, those of the process that answers, or nobody's"`
	Since *time.Time `json:"since" doc:"when the process that answers began to count; null when the counts are the deployment's"`
}

func (a *account) keys() AccountKeys {
	return AccountKeys{From: a.span.From, To: a.span.To, Scope: a.scope, Since: a.since}
}

// stale reports whether the counts are less than what was told.
func (a *account) stale() bool { return a.scope != scopeDeployment }

// begins is the first step that the account knows of.
func (a *account) begins() time.Time {
	if a.since == nil || a.since.Before(a.span.From) {
		return a.span.From
	}
	return a.span.From.Add(a.since.Sub(a.span.From).Truncate(a.span.Step))
}

// errorSpan is what one request may ask of the recorded errors.
func errorSpan() spanRule { return spanRule{usual: 24 * time.Hour, longest: 31 * 24 * time.Hour} }

// faultSpan reads the span and lets it begin where a bucket does.
func (s *service) faultSpan(ctx context.Context, p *SpanParams, rule spanRule) (store.FaultSpan, error) {
	span, err := s.span(ctx, p, rule)
	return store.FaultSpan{From: span.from.Truncate(fault.BucketLength), To: span.to}, err
}

// lastly is the span of so long up to now.
func (s *service) lastly(length time.Duration) store.FaultSpan {
	now := s.Clock().UTC()
	return store.FaultSpan{From: now.Add(-length).Truncate(fault.BucketLength), To: now}
}

// account returns what is known of the span: what the processes told, or, while
// PostgreSQL does not answer, what this process has seen itself. Its error is
// that there is nothing of either.
func (s *service) account(ctx context.Context, span store.FaultSpan) (*account, error) {
	a := &account{span: span, scope: scopeDeployment}
	var err error
	if a.failures, err = s.Account.Failures(ctx, span); err == nil {
		a.requests, err = s.Account.Requests(ctx, span)
	}
	if err == nil {
		return a, nil
	}
	began := s.Faults.Since()
	a.scope, a.since, a.down = scopeProcess, &began, fault.ReasonOf(err)
	a.failures, a.requests = s.Faults.Recent(span.From, span.To)
	nothing := len(a.failures) == 0 && len(a.requests) == 0
	if nothing || span.Function != "" && !s.counts(a, span.Function) {
		return nil, err
	}
	s.note(ctx, err)
	a.fold()
	return a, nil
}

// fold makes of buckets of five minutes the steps and the function that the
// span asks for, as the database would.
func (a *account) fold() {
	step := a.span.Step
	if step == 0 {
		step = a.span.To.Sub(a.span.From)
	}
	bin := func(at time.Time) time.Time { return a.span.From.Add(at.Sub(a.span.From).Truncate(step)) }
	type failureKey struct {
		at                    time.Time
		function, fingerprint string
	}
	failures := map[failureKey]*fault.FailureCount{}
	for _, row := range a.failures {
		if a.span.Function != "" && row.Function != a.span.Function {
			continue
		}
		row.Bucket = bin(row.Bucket)
		key := failureKey{row.Bucket, row.Function, row.Fingerprint}
		if known := failures[key]; known != nil {
			row.Count += known.Count
			row.FirstSeen = known.FirstSeen // the rows come by time
		}
		failures[key] = &row
	}
	type requestKey struct {
		at              time.Time
		function, route string
		status          int
	}
	requests := map[requestKey]*fault.RequestCount{}
	for _, row := range a.requests {
		if a.span.Function != "" && row.Function != a.span.Function {
			continue
		}
		row.Bucket = bin(row.Bucket)
		key := requestKey{row.Bucket, row.Function, row.Route, row.Status}
		if known := requests[key]; known != nil {
			row.Count += known.Count
			row.Total += known.Total
			for i := range row.Durations {
				row.Durations[i] += known.Durations[i]
			}
		}
		requests[key] = &row
	}
	a.failures, a.requests = nil, nil
	for _, row := range failures {
		a.failures = append(a.failures, *row)
	}
	for _, row := range requests {
		a.requests = append(a.requests, *row)
	}
	slices.SortFunc(a.failures, func(x, y fault.FailureCount) int {
		return cmp.Or(x.Bucket.Compare(y.Bucket), cmp.Compare(x.Function, y.Function), cmp.Compare(x.Fingerprint, y.Fingerprint))
	})
	slices.SortFunc(a.requests, func(x, y fault.RequestCount) int {
		return cmp.Or(x.Bucket.Compare(y.Bucket), cmp.Compare(x.Function, y.Function), cmp.Compare(x.Route, y.Route), cmp.Compare(x.Status, y.Status))
	})
}

// upstreams returns every process's last word on its upstreams, and this
// process's as they are now. Without PostgreSQL these alone.
func (s *service) upstreams(ctx context.Context) ([]store.ToldUpstream, error) {
	now := s.Clock().UTC()
	told, err := s.Account.Upstreams(ctx, now.Add(-upstreamsSince))
	own := s.Faults.Process()
	upstreams := slices.DeleteFunc(told, func(u store.ToldUpstream) bool { return u.Process == own })
	for _, upstream := range s.Faults.Upstreams() {
		upstreams = append(upstreams, store.ToldUpstream{Process: own, Function: s.Faults.Function(), Told: now, UpstreamState: upstream})
	}
	return upstreams, err
}

// upstreamsSince is how long a process's word on its upstreams is worth
// something: the life of a Lambda process that is not called any more.
const upstreamsSince = 15 * time.Minute

// functionNames are the functions of the manifest, in order.
func functionNames() []string {
	var names []string
	for _, function := range manifest.Functions() {
		names = append(names, function.Name)
	}
	return slices.Sorted(slices.Values(names))
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
