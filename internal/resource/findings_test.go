package resource_test

import (
	"encoding/json"
	"flag"
	"os"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/skyledger/skyledger/internal/resource"
	"github.com/skyledger/skyledger/internal/store"
)

var update = flag.Bool("update", false, "write the golden files anew")

var midnight = time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)

func to[T any](value T) *T { return &value }

// sound is an hour of a function with nothing to say about.
func sound(hour int) store.UsageRow {
	return store.UsageRow{
		Hour: midnight.Add(time.Duration(hour) * time.Hour), Function: "ingest", Invocations: 240,
		DurationMS: 240 * 500, DurationMaxMS: 2000, Histogram: make([]int64, store.UsageBuckets),
		ColdStarts: to(int64(1)), InitMS: to(90.0), CPUMS: to(9000.0), GCMS: to(500.0),
		PeakMemory: to(int64(200 << 20)), MemoryMB: to(int32(512)),
	}
}

func soundDay(change func(*store.UsageRow)) []store.UsageRow {
	var day []store.UsageRow
	for hour := range 24 {
		row := sound(hour)
		change(&row)
		day = append(day, row)
	}
	return day
}

func filling(perHour int64, hours int) []store.FillSample {
	var samples []store.FillSample
	for hour := range hours {
		samples = append(samples, store.FillSample{
			Hour: midnight.Add(time.Duration(hour) * time.Hour), What: "disk /data",
			Used: 40e9 + int64(hour)*perHour, Capacity: to(int64(100e9)),
		})
	}
	return samples
}

func evidence(change func(*resource.Evidence)) resource.Evidence {
	e := resource.Evidence{
		Functions: []resource.Function{{Name: "ingest", MemoryMB: 512, Timeout: 45 * time.Second, Concurrency: 2}},
		Usage:     soundDay(func(*store.UsageRow) {}), Fill: filling(1e6, 24),
		Process: resource.Process{GoMemory: 50 << 20, MemoryLimit: to(int64(400 << 20)), GCShare: to(0.05), CPUSeconds: 100, SchedP99MS: to(0.5), GOMAXPROCS: 2},
		Pool:    &store.Pool{Max: 2, Acquires: 5000, Waits: 10, WaitTime: time.Second},
		Parts:   []resource.Part{{Name: "database", PingMS: to(1.0)}, {Name: "cache", PingMS: to(0.4)}}, FeedLagS: to(22.0),
		Machine: &resource.Machine{CPUCount: 2, Load1: to(1.0), MemoryTotal: to(int64(8 << 30)), MemoryAvailable: to(int64(4 << 30))},
	}
	change(&e)
	return e
}

func TestNothingIsFoundWhereNothingIsShort(t *testing.T) {
	if found := resource.Findings(evidence(func(*resource.Evidence) {})); len(found) > 0 {
		t.Errorf("found %+v", found)
	}
	if found := resource.Findings(resource.Evidence{}); found == nil || len(found) > 0 {
		t.Errorf("of nothing measured it says %+v", found)
	}
}

// TestEachShortageIsSaidInWords holds every rule's finding against a golden
// file, and that the rule fires alone.
func TestEachShortageIsSaidInWords(t *testing.T) {
	usage := func(change func(*store.UsageRow)) func(*resource.Evidence) {
		return func(e *resource.Evidence) { e.Usage = soundDay(change) }
	}
	cases := []struct {
		name  string
		spoil func(*resource.Evidence)
		codes []string
	}{
		{"memory near its limit", usage(func(u *store.UsageRow) { u.PeakMemory = to(int64(450 << 20)) }), []string{"memory_near_limit"}},
		{"memory at its limit", usage(func(u *store.UsageRow) { u.PeakMemory = to(int64(500 << 20)) }), []string{"memory_near_limit"}},
		{"a collector that is always at work", usage(func(u *store.UsageRow) { u.GCMS = to(4000.0) }), []string{"gc_share"}},
		{"timeouts", usage(func(u *store.UsageRow) { u.Timeouts, u.Failures = 1, 1 }), []string{"timeouts"}},
		{"an invocation near its timeout", usage(func(u *store.UsageRow) { u.DurationMaxMS = 40000 }), []string{"near_timeout"}},
		{"failures", usage(func(u *store.UsageRow) { u.Failures = 12 }), []string{"failures"}},
		{"cold starts", usage(func(u *store.UsageRow) { u.ColdStarts = to(int64(60)); u.InitMS = to(6000.0) }), []string{"cold_starts"}},
		{"a busy processor", usage(func(u *store.UsageRow) { u.CPUMS = to(30000.0) }), []string{"processor_bound"}},
		{"concurrency used up in one hour", func(e *resource.Evidence) {
			e.Usage[7].DurationMS = 6.5e6
			e.Usage[7].CPUMS = to(400000.0)
		}, []string{"concurrency_used_up"}},
		{"a disk that is full in days", func(e *resource.Evidence) { e.Fill = filling(500e6, 24) }, []string{"filling"}},
		{"a disk that is full tomorrow", func(e *resource.Evidence) { e.Fill = filling(2e9, 24) }, []string{"filling"}},
		{"a full disk whose trend is not known", func(e *resource.Evidence) {
			e.Fill = []store.FillSample{{Hour: midnight, What: "disk /data", Used: 95e9, Capacity: to(int64(100e9))}}
		}, []string{"filling"}},
		{"the soft memory limit", func(e *resource.Evidence) { e.Process.GoMemory = 390 << 20 }, []string{"soft_limit"}},
		{"this process's collector", func(e *resource.Evidence) { e.Process.GCShare = to(0.4) }, []string{"gc_share"}},
		{"goroutines that wait for a processor", func(e *resource.Evidence) { e.Process.SchedP99MS = to(25.0) }, []string{"scheduler_lag"}},
		{"statements that wait for a connection", func(e *resource.Evidence) { e.Pool.WaitTime = time.Minute }, []string{"pool_waits"}},
		{"a slow database", func(e *resource.Evidence) { e.Parts[0].PingMS = to(35.0) }, []string{"slow_database"}},
		{"a slow cache", func(e *resource.Evidence) { e.Parts[1].PingMS = to(15.0) }, []string{"slow_cache"}},
		{"a slow feed", func(e *resource.Evidence) { e.FeedLagS = to(70.0) }, []string{"slow_feed"}},
		{"a crowded machine", func(e *resource.Evidence) { e.Machine.Load1 = to(6.0) }, []string{"machine_load"}},
		{"a machine without memory", func(e *resource.Evidence) { e.Machine.MemoryAvailable = to(int64(100 << 20)) }, []string{"machine_memory"}},
	}
	all := map[string][]resource.Finding{}
	for _, test := range cases {
		t.Run(test.name, func(t *testing.T) {
			found := resource.Findings(evidence(test.spoil))
			var codes []string
			for _, one := range found {
				codes = append(codes, one.Code)
			}
			if diff := cmp.Diff(test.codes, codes); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			all[test.name] = found
		})
	}
	golden(t, "findings", all)
}

func TestTheWorstIsSaidFirst(t *testing.T) {
	found := resource.Findings(evidence(func(e *resource.Evidence) {
		e.Usage = soundDay(func(u *store.UsageRow) { u.Timeouts, u.Failures, u.CPUMS = 1, 1, to(30000.0) })
		e.FeedLagS = to(70.0)
	}))
	var order []resource.Severity
	for _, one := range found {
		order = append(order, one.Severity)
	}
	if diff := cmp.Diff([]resource.Severity{resource.Critical, resource.Warning, resource.Info}, order); diff != "" {
		t.Error(diff)
	}
}

func TestRecommendations(t *testing.T) {
	tests := []struct {
		name   string
		change func(*store.UsageRow)
		hours  int
		want   *int
	}{
		{"the peak, 30 % more, to the next 64 MB", func(*store.UsageRow) {}, 24, to(320)},
		{"never under Lambda's least", func(u *store.UsageRow) { u.PeakMemory = to(int64(20 << 20)) }, 24, to(128)},
		{"never over Lambda's most", func(u *store.UsageRow) { u.PeakMemory = to(int64(9 << 30)) }, 24, to(10240)},
		{"not less where the processor is the limit", func(u *store.UsageRow) { u.CPUMS = to(34000.0) }, 24, to(512)},
		{"more where memory is short, whatever the processor does", func(u *store.UsageRow) {
			u.CPUMS, u.PeakMemory = to(34000.0), to(int64(500<<20))
		}, 24, to(704)},
		{"none from too few invocations", func(u *store.UsageRow) { u.Invocations = 49 }, 24, nil},
		{"none from too few hours", func(*store.UsageRow) {}, 2, nil},
		{"none where functions share a process", func(u *store.UsageRow) { u.PeakMemory = nil }, 24, nil},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			row := sound(0)
			test.change(&row)
			got := resource.Recommend(row, test.hours)
			if diff := cmp.Diff(test.want, got.MemoryMB); diff != "" || got.Reason == "" {
				t.Errorf("%s %q", diff, got.Reason)
			}
		})
	}
}

func TestATrendNeedsSixHours(t *testing.T) {
	if fill := resource.Fills(filling(1e9, 5))[0]; fill.GrowthPerDay != nil || fill.DaysLeft != nil {
		t.Errorf("five hours gave %+v", fill)
	}
	fill := resource.Fills(filling(1e9, 6))[0]
	// 24 GB a day; 100 - 45 GB are left.
	if fill.GrowthPerDay == nil || !near(*fill.GrowthPerDay, 24e9) || !near(*fill.DaysLeft, 55.0/24) {
		t.Errorf("six hours gave %+v", fill)
	}
	if shrinking := resource.Fills(filling(-1e9, 12))[0]; shrinking.DaysLeft != nil {
		t.Errorf("what shrinks is full in %v days", *shrinking.DaysLeft)
	}
}

func near(got, want float64) bool { return got > want*0.999 && got < want*1.001 }

func golden(t *testing.T, name string, value any) {
	t.Helper()
	encoded, err := json.MarshalIndent(value, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	encoded = append(encoded, '\n')
	path := "testdata/" + name + ".json"
	if *update {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, encoded, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(encoded)); diff != "" {
		t.Error(diff)
	}
}
