package store

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// hourAgo returns the start of the hour so many hours ago: condensing goes by
// the database's clock.
func hourAgo(n int) time.Time {
	return time.Now().UTC().Truncate(time.Hour).Add(-time.Duration(n) * time.Hour)
}

// usageOf is a process's row of an hour with n invocations, every figure of it
// different from the others.
func usageOf(hour time.Time, process string, n int64) UsageRow {
	histogram := make([]int64, UsageBuckets)
	for i := range histogram {
		histogram[i] = n * int64(i)
	}
	cold, billed, init, cpu, gc, peak, memory := n+3, n*10, float64(n)*90, float64(n)*7, float64(n)*2, n<<20, int32(512)
	return UsageRow{
		Hour: hour, Function: "ingest", Process: process, Invocations: n, Failures: n + 1, Timeouts: n + 2, ColdStarts: &cold,
		DurationMS: float64(n) * 5, DurationMaxMS: float64(n) * 2, Histogram: histogram, BilledMS: &billed,
		InitMS: &init, InitMaxMS: &init, CPUMS: &cpu, GCMS: &gc, PeakMemory: &peak, MemoryMB: &memory,
	}
}

// together is what two of usageOf make.
func together(hour time.Time, a, b int64) UsageRow {
	sum := usageOf(hour, "", a+b)
	most := max(a, b)
	sum.Failures, sum.Timeouts = a+b+2, a+b+4
	*sum.ColdStarts = a + b + 6
	initMax, peak := float64(most)*90, most<<20
	sum.DurationMaxMS, sum.InitMaxMS, sum.PeakMemory = float64(most)*2, &initMax, &peak
	return sum
}

func readUsage(t *testing.T, s *Store) []UsageRow {
	t.Helper()
	rows, err := s.Usage(t.Context(), hourAgo(24*365), hourAgo(-1))
	must(t, err)
	return rows
}

func TestUsageWrittenTwiceCountsOnce(t *testing.T) {
	s, _ := setup(t)
	hour := hourAgo(0)
	for _, n := range []int64{3, 3, 8, 5} { // a write repeated, one that goes on, one that comes too late
		must(t, s.RecordUsage(t.Context(), []UsageRow{usageOf(hour, "one", n)}))
	}
	want := usageOf(hour, "", 8)
	if diff := cmp.Diff([]UsageRow{want}, readUsage(t, s)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestProcessesOfAnHourAddUp(t *testing.T) {
	s, _ := setup(t)
	hour, before := hourAgo(0), hourAgo(1)
	unknown := UsageRow{Hour: before, Function: "api-atc", Process: "three", Invocations: 1, Histogram: make([]int64, UsageBuckets)}
	must(t, s.RecordUsage(t.Context(), []UsageRow{usageOf(hour, "one", 4), unknown}))
	must(t, s.RecordUsage(t.Context(), []UsageRow{usageOf(hour, "two", 9)}))
	unknown.Process = ""
	if diff := cmp.Diff([]UsageRow{unknown, together(hour, 4, 9)}, readUsage(t, s)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestCondensingChangesNoFigure(t *testing.T) {
	s, b := setup(t)
	old, young := hourAgo(72), hourAgo(2)
	must(t, s.RecordUsage(t.Context(), []UsageRow{
		usageOf(old, "one", 4), usageOf(old, "two", 9), usageOf(young, "one", 1), usageOf(young, "two", 2),
	}))
	before := readUsage(t, s)
	for round := range 3 {
		must(t, s.CondenseUsage(t.Context(), 0))
		if diff := cmp.Diff(before, readUsage(t, s)); diff != "" {
			t.Fatalf("round %d changed figures (-before +after):\n%s", round, diff)
		}
		var processes string
		must(t, b.Conn.QueryRow(t.Context(), `SELECT string_agg(process, ',' ORDER BY hour, process) FROM kept.function_usage`).Scan(&processes))
		if processes != ",one,two" {
			t.Fatalf("the rows are of %q", processes)
		}
	}
	// What comes for an hour that is condensed already is added to it.
	must(t, s.RecordUsage(t.Context(), []UsageRow{usageOf(old, "late", 100)}))
	grown := readUsage(t, s)
	must(t, s.CondenseUsage(t.Context(), 0))
	if diff := cmp.Diff(grown, readUsage(t, s)); diff != "" || grown[0].Invocations != 113 {
		t.Errorf("what came late: %d invocations\n%s", grown[0].Invocations, diff)
	}
}

func TestUsageEndsWithItsRetention(t *testing.T) {
	s, b := setup(t)
	must(t, s.RecordUsage(t.Context(), []UsageRow{usageOf(hourAgo(100), "one", 4), usageOf(hourAgo(20), "one", 9)}))
	must(t, s.RecordFill(t.Context(), nil))
	_, err := b.Conn.Exec(t.Context(), `INSERT INTO kept.fill_samples VALUES ($1, 'database', 1, NULL)`, hourAgo(100))
	must(t, err)
	must(t, s.CondenseUsage(t.Context(), 99*time.Hour))
	if rows := readUsage(t, s); len(rows) != 1 || rows[0].Invocations != 9 {
		t.Errorf("left are %+v", rows)
	}
	samples, err := s.FillSamples(t.Context(), hourAgo(1000))
	must(t, err)
	if len(samples) != 1 || !samples[0].Hour.Equal(hourAgo(0)) {
		t.Errorf("left are %+v", samples)
	}
}

func TestFillIsTheHoursLastLook(t *testing.T) {
	s, b := setup(t)
	capacity := int64(1000)
	for _, used := range []int64{10, 25} {
		must(t, s.RecordFill(t.Context(), []FillSample{{What: "disk /data", Used: used, Capacity: &capacity}}))
	}
	samples, err := s.FillSamples(t.Context(), hourAgo(1))
	must(t, err)
	var size int64
	must(t, b.Conn.QueryRow(t.Context(), `SELECT pg_database_size(current_database())`).Scan(&size))
	if len(samples) != 2 || samples[0].What != "database" || samples[0].Capacity != nil {
		t.Fatalf("samples are %+v", samples)
	}
	if difference := samples[0].Used - size; difference > 1<<20 || difference < -1<<20 {
		t.Errorf("the database has %d bytes, noted were %d", size, samples[0].Used)
	}
	if samples[1].Used != 25 || *samples[1].Capacity != 1000 {
		t.Errorf("the disk is %+v", samples[1])
	}
}

func TestFeedLagIsOfTheLedgersLastHour(t *testing.T) {
	s, b := setup(t)
	if _, n, err := s.FeedLag(t.Context()); err != nil || n != 0 {
		t.Fatalf("an empty ledger gave %d snapshots, %v", n, err)
	}
	for i, lag := range []int{900, 20, 21, 22, 23, 24} { // the first is two hours before the others
		tick := start.Truncate(15 * time.Second).Add(time.Duration(i) * 15 * time.Second)
		if i == 0 {
			tick = tick.Add(-2 * time.Hour)
		}
		_, err := b.Conn.Exec(t.Context(), `INSERT INTO ticks (tick, outcome, reason, snapshot, received, bytes) VALUES ($1, 5, '', $1, $1::timestamptz + $2::interval, 1)`,
			tick, fmt.Sprintf("%d seconds", lag))
		must(t, err)
	}
	p95, n, err := s.FeedLag(t.Context())
	must(t, err)
	if n != 5 || p95 < 23.7 || p95 > 23.9 {
		t.Errorf("%d snapshots, p95 %v s; of 20 to 24 s it is 23.8", n, p95)
	}
}

func TestThePoolSaysWhoWaited(t *testing.T) {
	s, _ := setup(t, func(o *Options) { o.MaxConns = 1 })
	for range 5 {
		must(t, s.Ping(t.Context()))
	}
	pool := s.Pool()
	if pool.Acquires != 5 || pool.Waits < 1 || pool.Max != 1 || pool.Idle != 1 {
		t.Errorf("five statements one after the other: %+v", pool)
	}
	s.DropIdle()
	if after := s.Pool(); after.Idle != 0 {
		t.Errorf("idle connections are left: %+v", after)
	}
	must(t, s.Ping(t.Context()))
}
