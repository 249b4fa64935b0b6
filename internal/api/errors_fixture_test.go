package api_test

import (
	"context"
	"time"

	"github.com/skyledger/skyledger/internal/fault"
	"github.com/skyledger/skyledger/internal/rawlog"
	"github.com/skyledger/skyledger/internal/resource"
	"github.com/skyledger/skyledger/internal/store"
)

// told is what a database would answer with, or why it does not. Spans are cut
// and stepped as the real one does, which is tested where that is.
type told struct {
	failures  []fault.FailureCount
	requests  []fault.RequestCount
	upstreams []store.ToldUpstream
	processes []store.Process
	health    store.DatabaseHealth
	marks     store.Watermarks
	waiting   int
	err       error
}

func bin(span store.FaultSpan, at time.Time) (time.Time, bool) {
	step := span.Step
	if step == 0 {
		step = span.To.Sub(span.From)
	}
	return span.From.Add(at.Sub(span.From).Truncate(step)), !at.Before(span.From) && at.Before(span.To)
}

func (a *told) Failures(_ context.Context, span store.FaultSpan) (found []fault.FailureCount, _ error) {
	known := map[string]int{}
	for _, row := range a.failures {
		var inside bool
		if row.Bucket, inside = bin(span, row.Bucket); !inside || span.Function != "" && span.Function != row.Function {
			continue
		}
		key := row.Bucket.String() + row.Function + row.Fingerprint
		if at, seen := known[key]; seen {
			row.Count += found[at].Count
			row.FirstSeen = found[at].FirstSeen
			found[at] = row
			continue
		}
		known[key] = len(found)
		found = append(found, row)
	}
	return found, a.err
}

func (a *told) Requests(_ context.Context, span store.FaultSpan) (found []fault.RequestCount, _ error) {
	for _, row := range a.requests { // whoever reads them adds them up
		var inside bool
		if row.Bucket, inside = bin(span, row.Bucket); inside && (span.Function == "" || span.Function == row.Function) {
			found = append(found, row)
		}
	}
	return found, a.err
}

func (a *told) Upstreams(context.Context, time.Time) ([]store.ToldUpstream, error) {
	return a.upstreams, a.err
}

func (a *told) Processes(context.Context, time.Time, int) ([]store.Process, error) {
	return a.processes, a.err
}

func (a *told) Health(context.Context) (store.DatabaseHealth, error) { return a.health, a.err }
func (a *told) Watermarks(context.Context) (store.Watermarks, error) { return a.marks, a.err }
func (a *told) Pool() store.Pool                                     { return store.Pool{Size: 2, Idle: 1, InUse: 1, Max: 2} }

func (a *told) Entries(context.Context, time.Time, time.Time) ([]rawlog.Entry, error) {
	return make([]rawlog.Entry, a.waiting), a.err
}

// measured is a process and a machine at rest.
type measured struct{}

func (measured) Process() resource.Process {
	limit := int64(400 << 20)
	return resource.Process{PID: 7, GOMAXPROCS: 2, GoMemory: 100 << 20, MemoryLimit: &limit, Goroutines: 12}
}

func (measured) Machine(context.Context) resource.Machine {
	return resource.Machine{CPUCount: 2, Platform: "linux arm64", Disks: []resource.Disk{{Path: "/log", Total: 1000, Free: 600, UsedPercent: 40}}}
}

// aDay is a day of failures and requests of two functions, as recorders tell of
// them: an hour of trouble in the middle.
func aDay() *told {
	clock := now.Add(-24 * time.Hour)
	recorder := fault.NewRecorder(fault.RecorderOptions{
		Process: "api-status-1", Function: "api-status", Clock: func() time.Time { return clock },
		RequestID: func(context.Context) string { return "r-" + clock.Format("1504") },
	})
	status := fault.WithFunction(context.Background(), "api-status")
	ingest := fault.WithFunction(context.Background(), "ingest")
	for clock.Before(now.Add(-30 * time.Minute)) {
		recorder.Request(status, "GET /api/status", 200, 4*time.Millisecond)
		recorder.Request(ingest, "event", 200, 80*time.Millisecond)
		if hour := clock.Hour(); hour == 3 {
			recorder.Note(ingest, fault.E("vatsim.Network", fault.Upstream, "http_503", nil))
			recorder.Request(status, "GET /api/feed/ledger", 503, 40*time.Millisecond)
			recorder.Note(status, fault.E("store.Ledger", fault.Unavailable, "connection", nil))
			recorder.Refused(status, fault.Invalid)
			recorder.Request(status, "GET /api/flights", 422, time.Millisecond)
		}
		clock = clock.Add(10 * time.Minute)
	}
	failures, requests := recorder.Recent(now.Add(-48*time.Hour), now)
	moment := moment.Truncate(time.Second)
	return &told{
		failures: failures, requests: requests, marks: store.Watermarks{Projected: moment, Ledger: moment, Unchunked: moment.Add(-time.Hour)},
		upstreams: []store.ToldUpstream{
			{Process: "ingest-1", Function: "ingest", Told: now.Add(-5 * time.Second).Truncate(time.Second), UpstreamState: fault.UpstreamState{
				Name: "feed", State: "open", Since: now.Add(-time.Minute).Truncate(time.Second), Calls: 9, Attempts: 8, Failures: 8, Refused: 1, Opened: 1,
			}},
		},
		processes: []store.Process{
			{Process: "ingest-1", Function: "ingest", Started: now.Add(-24 * time.Hour), Told: now.Add(-5 * time.Second)},
			{Process: "api-status-1", Function: "api-status", Started: now.Add(-24 * time.Hour), Told: now.Add(-time.Hour), Ended: now.Add(-time.Hour)},
		},
		health: store.DatabaseHealth{
			Connect: 200 * time.Microsecond, Query: 2 * time.Millisecond, Version: "17.5", Bytes: 123456, Connections: 7, MaxConnections: 100,
			Tables: store.Migration{Applied: 3, Latest: 3}, Kept: store.Migration{Applied: 2, Latest: 2},
		},
	}
}
