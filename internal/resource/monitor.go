package resource

import (
	"context"
	"slices"
	"time"

	"github.com/skyledger/skyledger/internal/fault"
	"github.com/skyledger/skyledger/internal/store"
)

// Figures are what is kept of the functions, and the database it is kept in;
// *store.Store is both.
type Figures interface {
	Usage(ctx context.Context, from, to time.Time) ([]store.UsageRow, error)
	FillSamples(ctx context.Context, from time.Time) ([]store.FillSample, error)
	FeedLag(ctx context.Context) (p95 float64, snapshots int, err error)
	Ping(ctx context.Context) error
	Pool() store.Pool
	DropIdle()
}

// Surroundings read the machine; *machine.Meter is one.
type Surroundings interface {
	Machine(ctx context.Context) Machine
	Network(ctx context.Context) *Network
	DiskIO(ctx context.Context) *DiskIO
}

// MonitorOptions are a monitor's parts.
type MonitorOptions struct {
	Functions []Function
	Process   *Meter
	Machine   Surroundings
	Figures   Figures
	Cache     func(ctx context.Context) (time.Duration, error) // an empty round trip
	Usage     *Recorder                                        // of this process
	Lambda    Lambda
	Clock     func() time.Time // the wall's
}

// Monitor puts together what is known of the functions, of this process and of
// what it stands on.
type Monitor struct{ MonitorOptions }

// NewMonitor returns a monitor.
func NewMonitor(options MonitorOptions) *Monitor { return &Monitor{options} }

// Now is the wall's time.
func (m *Monitor) Now() time.Time { return m.Clock() }

// Report is everything that was measured.
type Report struct {
	Process   Process
	Machine   Machine
	Network   *Network
	DiskIO    *DiskIO
	Lambda    Lambda
	Init      *time.Duration // of this process; nil when not known
	Pool      store.Pool
	Parts     []Part
	Functions []FunctionReport
	Fill      []Fill
	Findings  []Finding
	// UsageReason is why the functions' figures are this process's alone; "" when
	// they are everybody's.
	UsageReason string
}

// FunctionReport is a function's figures over a span.
type FunctionReport struct {
	Planned        Function       // zero but for the name when the manifest does not have it any more
	Usage          store.UsageRow // added up
	Hours          int            // different hours with invocations
	Recommendation Recommendation
}

// fillSpan is how far back a trend looks.
const fillSpan = 7 * 24 * time.Hour

// Report measures now, and adds up the hours that begin from <= hour < to. A
// database that is away costs the figures kept there, not the others.
func (m *Monitor) Report(ctx context.Context, from, to time.Time) Report {
	r := Report{
		Process: m.Process.Process(), Machine: m.Machine.Machine(ctx), Network: m.Machine.Network(ctx), DiskIO: m.Machine.DiskIO(ctx),
		Lambda: m.Lambda, Init: m.Usage.Init(), Parts: []Part{m.database(ctx), m.cache(ctx)},
	}
	evidence := Evidence{Functions: m.Functions, Process: r.Process, Machine: &r.Machine, Parts: r.Parts}
	usage, err := m.Figures.Usage(ctx, from, to)
	if err != nil {
		r.UsageReason = fault.ReasonOf(err)
		usage = m.Usage.Rows()
	} else {
		// One that cannot be read is not measured: nothing is said of it.
		evidence.Fill, _ = m.Figures.FillSamples(ctx, m.Clock().Add(-fillSpan))
		if lag, snapshots, err := m.Figures.FeedLag(ctx); err == nil && snapshots > 0 {
			evidence.FeedLagS = &lag
		}
	}
	r.Pool = m.Figures.Pool()
	evidence.Usage, evidence.Pool = usage, &r.Pool
	r.Functions, r.Fill, r.Findings = m.functions(usage), Fills(evidence.Fill), Findings(evidence)
	return r
}

// History returns the hours that begin from <= hour < to by hour and function.
func (m *Monitor) History(ctx context.Context, from, to time.Time) ([]store.UsageRow, error) {
	return m.Figures.Usage(ctx, from, to)
}

// functions are those of the manifest, invoked or not, and those that were
// invoked and are no longer in it.
func (m *Monitor) functions(usage []store.UsageRow) []FunctionReport {
	totals, hours := ByFunction(usage)
	var reports []FunctionReport
	for _, planned := range m.Functions {
		total := store.UsageRow{Function: planned.Name, Histogram: make([]int64, store.UsageBuckets)}
		if at := slices.IndexFunc(totals, func(u store.UsageRow) bool { return u.Function == planned.Name }); at >= 0 {
			total = totals[at]
			totals = slices.Delete(totals, at, at+1)
		}
		reports = append(reports, FunctionReport{planned, total, hours[planned.Name], Recommend(total, hours[planned.Name])})
	}
	for _, total := range totals {
		reports = append(reports, FunctionReport{Function{Name: total.Function}, total, hours[total.Function], Recommend(total, hours[total.Function])})
	}
	return reports
}

// database measures a round trip on a connection that is there already.
func (m *Monitor) database(ctx context.Context) Part {
	part := Part{Name: "database"}
	if err := m.Figures.Ping(ctx); err != nil {
		part.Reason = pointer(fault.ReasonOf(err))
		return part
	}
	began := time.Now()
	if err := m.Figures.Ping(ctx); err != nil {
		part.Reason = pointer(fault.ReasonOf(err))
		return part
	}
	part.PingMS = pointer(milliseconds(time.Since(began)))
	return part
}

func (m *Monitor) cache(ctx context.Context) Part {
	took, err := m.Cache(ctx)
	if err != nil {
		return Part{Name: "cache", Reason: pointer(fault.ReasonOf(err))}
	}
	return Part{Name: "cache", PingMS: pointer(milliseconds(took))}
}

// MemoryWork is what an optimisation of the memory does, or would.
type MemoryWork struct {
	Process Process   // before
	Free    int64     // bytes that Go keeps free and would give back
	Done    *Released // nil for a plan
}

// ConnectionWork is what an optimisation of the connections does, or would.
type ConnectionWork struct {
	Before store.Pool
	After  *store.Pool // nil for a plan
}

// Plan says what Optimize would do, and does nothing: not even a collection of
// garbage, so how much that would find is not known.
func (m *Monitor) Plan() (MemoryWork, ConnectionWork) {
	process := m.Process.Process()
	return MemoryWork{Process: process, Free: process.HeapFree}, ConnectionWork{Before: m.Figures.Pool()}
}

// Optimize collects garbage, gives free memory back to the system and closes
// idle connections of the database, measured before and after.
func (m *Monitor) Optimize() (MemoryWork, ConnectionWork) {
	memory, connections := m.Plan()
	m.Figures.DropIdle()
	after := m.Figures.Pool()
	connections.After = &after
	released := m.Process.Release()
	memory.Done = &released
	return memory, connections
}
