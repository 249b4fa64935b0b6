package api

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"github.com/skyledger/skyledger/internal/fault"
	"github.com/skyledger/skyledger/internal/health"
	"github.com/skyledger/skyledger/internal/manifest"
)

// FailureRow is one kind of failure of one function.
type FailureRow struct {
	ID          string    `json:"id" doc:"function and fingerprint"`
	Function    string    `json:"function" doc:"where it happened; local where one process runs every function and it was nobody's call"`
	Class       string    `json:"class" doc:"what kind of failure it is"`
	Operation   string    `json:"operation" doc:"what failed"`
	Reason      string    `json:"reason" doc:"why, in a word"`
	Fingerprint string    `json:"fingerprint" doc:"made of class, operation and reason: the same failure has the same one everywhere and in every version"`
	Count       int64     `json:"count" doc:"how often in the span"`
	FirstSeen   time.Time `json:"first_seen" doc:"ever"`
	LastSeen    time.Time `json:"last_seen" doc:"ever"`
	Sample      *string   `json:"sample" doc:"one message, without names, values and secrets"`
	RequestID   *string   `json:"request_id" doc:"of the last one, as in the log lines; null when it belongs to no request"`
}

// ErrorTotals add up the errors and requests of a span.
type ErrorTotals struct {
	TotalErrors   int64    `json:"total_errors" doc:"failures recorded; one request may have several, or none that it was refused for"`
	TotalRefusals int64    `json:"total_refusals" doc:"requests refused for what they asked"`
	TotalRequests int64    `json:"total_requests" doc:"HTTP requests and events"`
	TotalFailed   int64    `json:"total_failed" doc:"requests and events that failed"`
	ErrorRate     *float64 `json:"error_rate" doc:"failed of all requests and events, 0 to 1; null where there were none"`
}

// SummaryKeys are the keys beside the kinds of failure.
type SummaryKeys struct {
	AccountKeys
	ErrorTotals
	ByClass         map[string]int64 `json:"by_class" doc:"errors by class"`
	ByFunction      map[string]int64 `json:"by_function" doc:"errors by function"`
	ByOperation     map[string]int64 `json:"by_operation" doc:"errors by operation"`
	RefusalsByClass map[string]int64 `json:"refusals_by_class"`
}

type errorsInput struct {
	ListParams
	SpanParams
}

// errors registers the operations on recorded errors.
func (s *service) errors() {
	list(s, Operation{
		Path: "/api/errors/summary", Summary: "What failed, by kind, the most frequent first",
		Description: "Failures are recorded by class, operation and reason and told every few seconds. Refusals, requests that were answered with 4xx, are counted by class. While PostgreSQL does not answer, the counts are those of the process that answers, and stale is true.",
		Example:     "/api/errors/summary?hours=24",
	}, List[FailureRow]{Key: "errors", Keys: SummaryKeys{}, Timestamp: true}, s.errorSummary)
	list(s, Operation{
		Path: "/api/errors/statistics", Summary: "Requests, failures and durations by function", Example: "/api/errors/statistics?hours=24",
	}, List[FunctionRow]{Key: "statistics", ID: "function", Keys: StatisticsKeys{}, Timestamp: true}, s.errorStatistics)
	list(s, Operation{
		Path: "/api/errors/trends", Summary: "Errors, refusals and requests over time",
		Description: "Every step of the span has a row, also where nothing happened. by=class and by=operation have no requests: a request belongs to a function.",
		Example:     "/api/errors/trends?hours=24&interval=1h&by=function",
	}, List[TrendRow]{Key: "trends", Keys: TrendKeys{}, Timestamp: true}, s.errorTrends)
	list(s, Operation{
		Path: "/api/errors/service/{name}", Summary: "The errors of one function, with its routes", Example: "/api/errors/service/ingest?hours=24",
	}, List[FailureRow]{Key: "errors", Keys: ServiceKeys{}, Timestamp: true}, s.errorsOfFunction)
	list(s, Operation{
		Path: "/api/errors/daily-report", Summary: "Errors by UTC day, with what failed most", Example: "/api/errors/daily-report?days=7",
	}, List[DayRow]{Key: "days", ID: "time", Keys: ReportKeys{}, Timestamp: true}, s.errorReport)
	list(s, Operation{
		Path: "/api/errors/health", Summary: "Circuit breakers, and how the recording of errors itself is doing", Keep: -1,
	}, List[UpstreamRow]{Key: "upstreams", Keys: RecordingKeys{}, Timestamp: true}, s.errorHealth)
	list(s, Operation{
		Path: "/api/errors/alerts", Summary: "Conditions in force now, with the thresholds they go by", Keep: -1,
	}, List[AlertRow]{Key: "alerts", Keys: AlertKeys{}, Timestamp: true}, s.errorAlerts)
}

func (s *service) errorSummary(ctx context.Context, input *errorsInput) (Rows[FailureRow], error) {
	span, err := s.faultSpan(ctx, &input.SpanParams, errorSpan())
	if err != nil {
		return Rows[FailureRow]{}, err
	}
	a, err := s.account(ctx, span)
	if err != nil {
		return Rows[FailureRow]{}, err
	}
	keys := SummaryKeys{
		AccountKeys: a.keys(), ErrorTotals: totalsOf(a),
		ByClass: map[string]int64{}, ByFunction: map[string]int64{}, ByOperation: map[string]int64{}, RefusalsByClass: map[string]int64{},
	}
	for _, failure := range a.failures {
		if failure.Refusal {
			keys.RefusalsByClass[string(failure.Class)] += failure.Count
			continue
		}
		keys.ByClass[string(failure.Class)] += failure.Count
		keys.ByFunction[failure.Function] += failure.Count
		keys.ByOperation[failure.Op] += failure.Count
	}
	return accountRows(a, failureRows(a), keys), nil
}

// accountRows are rows made of an account.
func accountRows[T any](a *account, rows []T, keys any) Rows[T] {
	return Rows[T]{All: rows, AsOf: a.span.To, Stale: a.stale(), Keys: func([]T) any { return keys }}
}

func totalsOf(a *account) ErrorTotals {
	volume := health.VolumeOf(a.requests)
	totals := ErrorTotals{TotalRequests: volume.Requests, TotalFailed: volume.Failed, ErrorRate: volume.ErrorRate()}
	for _, failure := range a.failures {
		if failure.Refusal {
			totals.TotalRefusals += failure.Count
		} else {
			totals.TotalErrors += failure.Count
		}
	}
	return totals
}

// failureRows are the kinds of failure of an account of one step, the most
// frequent first.
func failureRows(a *account) []FailureRow {
	rows := []FailureRow{}
	for _, failure := range a.failures {
		if !failure.Refusal {
			rows = append(rows, failureRow(failure))
		}
	}
	slices.SortStableFunc(rows, func(x, y FailureRow) int {
		return cmp.Or(cmp.Compare(y.Count, x.Count), y.LastSeen.Compare(x.LastSeen), cmp.Compare(x.ID, y.ID))
	})
	return rows
}

func failureRow(f fault.FailureCount) FailureRow {
	return FailureRow{
		ID: f.Function + "." + f.Fingerprint, Function: f.Function, Class: string(f.Class), Operation: f.Op, Reason: f.Reason,
		Fingerprint: f.Fingerprint, Count: f.Count, FirstSeen: f.FirstSeen.UTC(), LastSeen: f.LastSeen.UTC(),
		Sample: textOrNull(f.Sample), RequestID: textOrNull(f.RequestID),
	}
}

func textOrNull(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}

// FunctionRow is how one function did.
type FunctionRow struct {
	Function string `json:"function"`
	VolumeRow
	Errors      int64      `json:"errors" doc:"failures recorded"`
	Kinds       int        `json:"kinds" doc:"different ones"`
	LastError   *time.Time `json:"last_error" doc:"ever, of those in the span; null when there is none"`
	LastRequest *time.Time `json:"last_request" doc:"in the span"`
}

// VolumeRow is how much was asked and how it was answered.
type VolumeRow struct {
	Requests  *int64   `json:"requests" doc:"HTTP requests, or events of a function without routes; null where nobody can tell, as the next two"`
	Failed    *int64   `json:"failed" doc:"for a fault of ours: 5xx, or an event that failed"`
	Refused   *int64   `json:"refused" doc:"for what was asked: 4xx"`
	ErrorRate *float64 `json:"error_rate" doc:"failed of all, 0 to 1; null where nothing was asked"`
	MeanMS    *float64 `json:"mean_ms" doc:"duration, in milliseconds"`
	P50MS     *float64 `json:"p50_ms" doc:"half took no longer; from counts in slots, even within one"`
	P95MS     *float64 `json:"p95_ms" doc:"95 % took no longer; at most 10,000, the last slot's bound"`
}

func volumeRow(v health.Volume) VolumeRow {
	return VolumeRow{
		Requests: &v.Requests, Failed: &v.Failed, Refused: &v.Refused, ErrorRate: v.ErrorRate(),
		MeanMS: v.MeanMS(), P50MS: v.PercentileMS(0.5), P95MS: v.PercentileMS(0.95),
	}
}

// StatisticsKeys are the keys beside the functions.
type StatisticsKeys struct {
	AccountKeys
	ErrorTotals
}

func (s *service) errorStatistics(ctx context.Context, input *errorsInput) (Rows[FunctionRow], error) {
	span, err := s.faultSpan(ctx, &input.SpanParams, errorSpan())
	if err != nil {
		return Rows[FunctionRow]{}, err
	}
	a, err := s.account(ctx, span)
	if err != nil {
		return Rows[FunctionRow]{}, err
	}
	return accountRows(a, functionRows(a), StatisticsKeys{a.keys(), totalsOf(a)}), nil
}

// functionRows have every function of the manifest, and whoever else told.
func functionRows(a *account) []FunctionRow {
	volumes, rows := map[string]*health.Volume{}, map[string]*FunctionRow{}
	row := func(function string) *FunctionRow {
		if rows[function] == nil {
			rows[function], volumes[function] = &FunctionRow{Function: function}, &health.Volume{}
		}
		return rows[function]
	}
	for _, name := range functionNames() {
		row(name)
	}
	for _, request := range a.requests {
		row(request.Function)
		volumes[request.Function].Add(request)
	}
	for _, failure := range a.failures {
		if failure.Refusal {
			continue
		}
		known := row(failure.Function)
		known.Errors += failure.Count
		known.Kinds++
		if known.LastError == nil || failure.LastSeen.After(*known.LastError) {
			known.LastError = utc(failure.LastSeen)
		}
	}
	all := []FunctionRow{}
	for _, name := range sortedKeys(rows) {
		rows[name].VolumeRow, rows[name].LastRequest = volumeRow(*volumes[name]), utc(volumes[name].Last)
		all = append(all, *rows[name])
	}
	return all
}

// ServiceKeys are the keys beside one function's errors.
type ServiceKeys struct {
	AccountKeys
	Service string `json:"service"`
	Purpose string `json:"purpose"`
	ErrorTotals
	Routes []RouteRow `json:"routes" doc:"as far as they were asked"`
}

// RouteRow is how one route did.
type RouteRow struct {
	Route string `json:"route" doc:"method and path; event for an invocation that is no request, unknown for paths that do not exist"`
	VolumeRow
}

type serviceInput struct {
	ListParams
	SpanParams
	Name string `path:"name" doc:"name of a function" maxLength:"60"`
}

func (s *service) errorsOfFunction(ctx context.Context, input *serviceInput) (Rows[FailureRow], error) {
	function, known := manifest.Find(input.Name)
	if !known {
		return Rows[FailureRow]{}, fault.E("api.errorsOfFunction", fault.NotFound, "function", nil).
			WithMessage("There is no function " + quoted(input.Name) + "; there are " + strings.Join(functionNames(), ", ") + ".")
	}
	span, err := s.faultSpan(ctx, &input.SpanParams, errorSpan())
	if err != nil {
		return Rows[FailureRow]{}, err
	}
	span.Function = function.Name
	a, err := s.account(ctx, span)
	if err != nil {
		return Rows[FailureRow]{}, err
	}
	keys := ServiceKeys{
		AccountKeys: a.keys(), Service: function.Name, Purpose: function.Purpose, ErrorTotals: totalsOf(a), Routes: []RouteRow{},
	}
	volumes := volumesBy(a.requests, func(r *fault.RequestCount) string { return r.Route })
	for _, route := range sortedKeys(volumes) {
		keys.Routes = append(keys.Routes, RouteRow{route, volumeRow(*volumes[route])})
	}
	return accountRows(a, failureRows(a), keys), nil
}

// volumesBy adds up requests by what key says of them.
func volumesBy(requests []fault.RequestCount, key func(*fault.RequestCount) string) map[string]*health.Volume {
	volumes := map[string]*health.Volume{}
	for i := range requests {
		name := key(&requests[i])
		if volumes[name] == nil {
			volumes[name] = &health.Volume{}
		}
		volumes[name].Add(requests[i])
	}
	return volumes
}
