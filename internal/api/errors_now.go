package api

import (
	"context"
	"slices"
	"time"

	"github.com/skyledger/skyledger/internal/fault"
	"github.com/skyledger/skyledger/internal/health"
	"github.com/skyledger/skyledger/internal/store"
)

// UpstreamRow is one upstream as one process sees it.
type UpstreamRow struct {
	Function string    `json:"function" doc:"what the process is for; local where it runs every function"`
	Process  string    `json:"process" doc:"id of the process"`
	Upstream string    `json:"upstream"`
	State    string    `json:"state" enum:"closed,open,half-open" doc:"of its circuit breaker"`
	Since    time.Time `json:"since" doc:"when the state began"`
	At       time.Time `json:"at" doc:"when the process told of it; now for the one that answers"`
	Calls    int64     `json:"calls" doc:"since the process began, as the rest"`
	Attempts int64     `json:"attempts"`
	Failures int64     `json:"failures" doc:"attempts that failed for the upstream's sake"`
	Refused  int64     `json:"refused" doc:"calls that ended because the breaker was open"`
	Opened   int64     `json:"opened" doc:"times the breaker opened"`
}

// RecordingKeys are the keys beside the upstreams.
type RecordingKeys struct {
	Status     string       `json:"status" enum:"healthy,degraded,unhealthy"`
	Reasons    []string     `json:"reasons" doc:"why it is not healthy"`
	Scope      string       `json:"scope" enum:"deployment,process"`
	ErrorRate  *float64     `json:"error_rate_15m" doc:"requests and events of the last 15 minutes that failed; null where there were none or nobody can tell"`
	Errors     *int64       `json:"errors_1h" doc:"errors recorded in the last hour; null where nobody can tell"`
	Lost       *int64       `json:"lost_1h" doc:"notes of the last hour that found no room or could not be stored"`
	Process    string       `json:"process" doc:"the process that answers"`
	TellEveryS int          `json:"tell_every_s" doc:"an error is told within so many seconds where a process lives on, else at the end of an invocation"`
	Processes  []ProcessRow `json:"processes" doc:"those that told something within 24 hours, the last first"`
}

// ProcessRow is one process that records.
type ProcessRow struct {
	Function string     `json:"function"`
	Process  string     `json:"process"`
	Started  time.Time  `json:"started"`
	Told     time.Time  `json:"told" doc:"when it last told what it noted"`
	Ended    *time.Time `json:"ended" doc:"null while it lives, and for ever when it was killed: then what it noted after told is lost"`
	SilentS  *int       `json:"silent_s" doc:"seconds since it told something; null for one that ended"`
}

const mostProcesses = 100

type nowInput struct{ ListParams }

func (s *service) errorHealth(ctx context.Context, _ *nowInput) (Rows[UpstreamRow], error) {
	ctx, cancel := context.WithTimeout(ctx, healthBudget)
	defer cancel()
	now := s.Clock().UTC()
	keys := RecordingKeys{Reasons: []string{}, Scope: scopeDeployment, Process: s.Faults.Process(), TellEveryS: tellsWithin, Processes: []ProcessRow{}}
	upstreams, err := s.upstreams(ctx)
	if err != nil {
		s.note(ctx, err)
		keys.Scope = scopeProcess
		keys.Reasons = append(keys.Reasons, "database: "+fault.ReasonOf(err)+"; what is noted waits in the processes' memory")
	}
	if hour, err := s.account(ctx, s.lastly(time.Hour)); err == nil {
		keys.count(hour, s.lastly(15*time.Minute).From)
	}
	if processes, err := s.Account.Processes(ctx, now.Add(-day), mostProcesses); err == nil {
		for _, process := range processes {
			keys.Processes = append(keys.Processes, processRow(process, now))
		}
	}
	rows := []UpstreamRow{}
	for _, upstream := range upstreams {
		rows = append(rows, upstreamRow(upstream))
		if upstream.State != "closed" {
			keys.Reasons = append(keys.Reasons, upstream.Name+": breaker "+upstream.State+" in "+upstream.Function)
		}
	}
	keys.judge()
	return Rows[UpstreamRow]{All: rows, AsOf: now, Stale: keys.Scope == scopeProcess, Keys: func([]UpstreamRow) any { return keys }}, nil
}

// tellsWithin is in seconds; internal/app keeps the pace.
const tellsWithin = 10

// count fills in the figures of the last hour, and those of the buckets since.
func (k *RecordingKeys) count(hour *account, since time.Time) {
	var errors, lost int64
	for _, failure := range hour.failures {
		switch {
		case failure.Refusal:
		case failure.Lost():
			lost += failure.Count
		default:
			errors += failure.Count
		}
	}
	k.Errors, k.Lost = &errors, &lost
	recent := slices.DeleteFunc(slices.Clone(hour.requests), func(r fault.RequestCount) bool { return r.Bucket.Before(since) })
	k.ErrorRate = health.VolumeOf(recent).ErrorRate()
	if lost > 0 {
		k.Reasons = append(k.Reasons, "notes were lost: counts are too low")
	}
}

func (k *RecordingKeys) judge() {
	switch {
	case k.Scope == scopeProcess:
		k.Status = health.Unhealthy
	case len(k.Reasons) > 0:
		k.Status = health.Degraded
	default:
		k.Status = health.Healthy
	}
}

func upstreamRow(u store.ToldUpstream) UpstreamRow {
	return UpstreamRow{
		Function: u.Function, Process: u.Process, Upstream: u.Name, State: u.State, Since: u.Since.UTC(), At: u.Told.UTC(),
		Calls: u.Calls, Attempts: u.Attempts, Failures: u.Failures, Refused: u.Refused, Opened: u.Opened,
	}
}

func processRow(p store.Process, now time.Time) ProcessRow {
	row := ProcessRow{Function: p.Function, Process: p.Process, Started: p.Started.UTC(), Told: p.Told.UTC(), Ended: utc(p.Ended)}
	if row.Ended == nil {
		row.SilentS = seconds(now.Sub(p.Told))
	}
	return row
}

// AlertRow is a condition in force.
type AlertRow struct {
	Alert     string     `json:"alert" doc:"which threshold"`
	Severity  string     `json:"severity" enum:"warning,critical"`
	Function  *string    `json:"function"`
	Subject   *string    `json:"subject" doc:"what it is about: an upstream, a fingerprint, a reason"`
	Since     *time.Time `json:"since" doc:"since when, as far as that is known"`
	Value     *float64   `json:"value" doc:"what was measured; null where it is a state"`
	Threshold *float64   `json:"threshold" doc:"what it would have to stay within"`
	Message   string     `json:"message"`
}

// ThresholdRow is when a condition is an alert.
type ThresholdRow struct {
	Alert     string   `json:"alert"`
	Severity  string   `json:"severity" enum:"warning,critical"`
	Value     *float64 `json:"value" doc:"null for a state"`
	Unit      *string  `json:"unit"`
	Condition string   `json:"condition"`
	Source    string   `json:"source" doc:"where the figure comes from"`
}

// AlertKeys are the keys beside the alerts.
type AlertKeys struct {
	Total      int            `json:"total"`
	Critical   int            `json:"critical"`
	Scope      string         `json:"scope" enum:"deployment,process"`
	Thresholds []ThresholdRow `json:"thresholds"`
}

func (s *service) errorAlerts(ctx context.Context, _ *nowInput) (Rows[AlertRow], error) {
	ctx, cancel := context.WithTimeout(ctx, healthBudget)
	defer cancel()
	alerts, scope := s.alerts(ctx)
	keys := AlertKeys{Total: len(alerts), Scope: scope, Thresholds: []ThresholdRow{}}
	for _, threshold := range health.Thresholds() {
		row := ThresholdRow{
			Alert: threshold.Alert, Severity: string(threshold.Severity), Unit: textOrNull(threshold.Unit),
			Condition: threshold.Condition, Source: threshold.Source,
		}
		if threshold.Unit != "" {
			row.Value = &threshold.Value
		}
		keys.Thresholds = append(keys.Thresholds, row)
	}
	rows := []AlertRow{}
	for _, alert := range alerts {
		if alert.Severity == health.Critical {
			keys.Critical++
		}
		rows = append(rows, AlertRow{
			Alert: alert.Alert, Severity: string(alert.Severity), Function: textOrNull(alert.Function), Subject: textOrNull(alert.Subject),
			Since: alert.Since, Value: alert.Value, Threshold: alert.Limit, Message: alert.Message,
		})
	}
	return Rows[AlertRow]{All: rows, AsOf: s.Clock(), Stale: scope == scopeProcess, Keys: func([]AlertRow) any { return keys }}, nil
}

// alerts are the conditions in force, as far as anybody can tell.
func (s *service) alerts(ctx context.Context) ([]health.Alert, string) {
	evidence := health.Evidence{Now: s.Clock().UTC()}
	scope := scopeDeployment
	span := s.lastly(time.Hour)
	span.Step = fault.BucketLength
	hour, err := s.account(ctx, span)
	switch {
	case err != nil:
		s.note(ctx, err)
		scope, evidence.DatabaseDown = scopeProcess, fault.ReasonOf(err)
	case hour.down != "":
		scope, evidence.DatabaseDown = scopeProcess, hour.down
	}
	if hour != nil {
		since := s.lastly(15 * time.Minute).From
		evidence.Requests = slices.DeleteFunc(hour.requests, func(r fault.RequestCount) bool { return r.Bucket.Before(since) })
		hour.span.Step = 0
		hour.requests = nil
		hour.fold()
		evidence.Failures = hour.failures
	}
	if evidence.Upstreams, err = s.upstreams(ctx); err != nil {
		s.note(ctx, err)
	}
	if marks, err := s.Health.Watermarks(ctx); err == nil {
		evidence.Ledger = &marks.Ledger
	}
	return health.Alerts(evidence), scope
}
