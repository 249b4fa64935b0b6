package resource

import (
	"fmt"
)

// processFindings are about this process, the machine it is on and what it
// waits for.
func processFindings(e Evidence) []Finding {
	var found []Finding
	for _, one := range []*Finding{softLimitFinding(e), ownCollectorFinding(e), schedulerFinding(e), poolFinding(e), feedFinding(e)} {
		found = appendFound(found, one)
	}
	for _, part := range e.Parts {
		found = appendFound(found, partFinding(part))
	}
	if e.Machine != nil {
		found = append(found, machineFindings(*e.Machine)...)
	}
	return found
}

func softLimitFinding(e Evidence) *Finding {
	p := e.Process
	if p.MemoryLimit == nil || float64(p.GoMemory) < memoryWarning*float64(*p.MemoryLimit) {
		return nil
	}
	share := float64(p.GoMemory) / float64(*p.MemoryLimit)
	return &Finding{
		Code: "soft_limit", Severity: Warning, Subject: "process", Value: share, Limit: memoryWarning, Unit: "share",
		Finding: fmt.Sprintf("Go uses %.0f MB of the %.0f MB of its soft memory limit (%.0f %%).",
			float64(p.GoMemory)/megabyte, float64(*p.MemoryLimit)/megabyte, 100*share),
		Advice: "Give the function more memory, or POST /api/performance/optimize to release what is free.",
	}
}

func ownCollectorFinding(e Evidence) *Finding {
	p := e.Process
	if p.GCShare == nil || *p.GCShare < gcLimit || p.CPUSeconds*1000 < leastCPUMS {
		return nil
	}
	return &Finding{
		Code: "gc_share", Severity: Warning, Subject: "process", Value: *p.GCShare, Limit: gcLimit, Unit: "share",
		Finding: fmt.Sprintf("Garbage collection took %.0f %% of this process's processor time.", 100**p.GCShare),
		Advice:  "Give it more memory, or raise GOMEMLIMIT if it is set by hand.",
	}
}

func schedulerFinding(e Evidence) *Finding {
	lag := e.Process.SchedP99MS
	if lag == nil || *lag < schedLimit {
		return nil
	}
	return &Finding{
		Code: "scheduler_lag", Severity: Warning, Subject: "process", Value: *lag, Limit: schedLimit, Unit: "ms",
		Finding: fmt.Sprintf("One in a hundred goroutines that were ready to run waited %.1f ms or more for a processor; %d threads may run Go.", *lag, e.Process.GOMAXPROCS),
		Advice:  "The processor is overcommitted: give it more (on Lambda, more memory), or run less beside it.",
	}
}

func poolFinding(e Evidence) *Finding {
	if e.Pool == nil || e.Pool.Acquires < leastPoolSample {
		return nil
	}
	mean := milliseconds(e.Pool.WaitTime) / float64(e.Pool.Acquires)
	if mean < poolLimitMS {
		return nil
	}
	return &Finding{
		Code: "pool_waits", Severity: Warning, Subject: "database", Value: mean, Limit: poolLimitMS, Unit: "ms",
		Finding: fmt.Sprintf("Statements waited %.1f ms on average for one of %d connections; %d of %d had to wait.", mean, e.Pool.Max, e.Pool.Waits, e.Pool.Acquires),
		Advice:  "Raise DATABASE_POOL_SIZE if the database has connections to spare; else look at /api/performance/slow-queries.",
	}
}

func feedFinding(e Evidence) *Finding {
	if e.FeedLagS == nil || *e.FeedLagS < feedLagLimit {
		return nil
	}
	return &Finding{
		Code: "slow_feed", Severity: Warning, Subject: "feed", Value: *e.FeedLagS, Limit: feedLagLimit, Unit: "s",
		Finding: fmt.Sprintf("One in twenty snapshots of the last hour was %.0f s old or more when it was received.", *e.FeedLagS),
		Advice:  "See the reasons in /api/feed/ledger: the feed is late, or ingest is.",
	}
}

// partFinding says that something answers slowly. That it does not answer at
// all is told by health.
func partFinding(part Part) *Finding {
	limit := map[string]float64{"database": databaseLimit, "cache": cacheLimit}[part.Name]
	if part.PingMS == nil || *part.PingMS < limit {
		return nil
	}
	return &Finding{
		Code: "slow_" + part.Name, Severity: Warning, Subject: part.Name, Value: *part.PingMS, Limit: limit, Unit: "ms",
		Finding: fmt.Sprintf("The %s took %.1f ms for an empty round trip.", part.Name, *part.PingMS),
		Advice:  "Look at its load and at the way there: each statement pays this at least once.",
	}
}

func machineFindings(m Machine) []Finding {
	var found []Finding
	if m.Load1 != nil && m.CPUCount > 0 && *m.Load1 >= loadLimit*float64(m.CPUCount) {
		found = append(found, Finding{
			Code: "machine_load", Severity: Warning, Subject: "machine", Value: *m.Load1 / float64(m.CPUCount), Limit: loadLimit, Unit: "per processor",
			Finding: fmt.Sprintf("%.1f processes on average wanted to run on %d processors over the last minute.", *m.Load1, m.CPUCount),
			Advice:  "Run less on this machine, or give it more processors.",
		})
	}
	if m.MemoryTotal != nil && m.MemoryAvailable != nil && float64(*m.MemoryAvailable) < availableLimit*float64(*m.MemoryTotal) {
		share := float64(*m.MemoryAvailable) / float64(*m.MemoryTotal)
		found = append(found, Finding{
			Code: "machine_memory", Severity: Warning, Subject: "machine", Value: share, Limit: availableLimit, Unit: "share",
			Finding: fmt.Sprintf("%.0f %% of the machine's memory is available (%.0f of %.0f MB).", 100*share,
				float64(*m.MemoryAvailable)/megabyte, float64(*m.MemoryTotal)/megabyte),
			Advice: "End what else runs here, or give the machine more memory, before the system ends a process.",
		})
	}
	for _, disk := range m.Disks {
		capacity := disk.Total
		one := fillFinding(Fill{What: "disk " + disk.Path, UsedBytes: disk.Total - disk.Free, Capacity: &capacity})
		found = appendFound(found, one)
	}
	return found
}
