package health

import (
	"cmp"
	"fmt"
	"math"
	"time"

	"github.com/skyledger/skyledger/internal/store"
)

// Part is one part of the overall health.
type Part struct {
	Name   string
	Score  *float64 // 0 to 100; nil: could not be measured, and is left out
	Weight float64
	Reason string // what the score comes from, or why there is none
}

// Formula says in words how the overall health follows from the parts.
const Formula = "overall_health = sum of score x weight over the parts that were measured / sum of their weights, rounded; " +
	"a part's score is that of its worst figure, 100 up to where the figure is good, 0 from where it is bad, straight between; " +
	"a part that does not answer scores 0, one that cannot be measured is left out"

// The words of the overall health.
const (
	Healthy   = "healthy"   // 90 and more
	Degraded  = "degraded"  // 50 and more
	Unhealthy = "unhealthy" // less
)

// Overall returns the figure from 0 to 100 and its word; nil where no part was
// measured.
func Overall(parts []Part) (*int, string) {
	sum, weights := 0.0, 0.0
	for _, part := range parts {
		if part.Score != nil {
			sum += *part.Score * part.Weight
			weights += part.Weight
		}
	}
	if weights == 0 {
		return nil, Unhealthy
	}
	overall := int(math.Round(sum / weights))
	switch {
	case overall >= 90:
		return &overall, Healthy
	case overall >= 50:
		return &overall, Degraded
	default:
		return &overall, Unhealthy
	}
}

// The parts' weights: what people see first weighs most.
const (
	freshnessWeight = 30
	databaseWeight  = 25
	endpointsWeight = 20
	upstreamsWeight = 10
	cacheWeight     = 5
	systemWeight    = 10
)

// figure is one measurement of a part with what is good and bad of it.
type figure struct {
	value     float64
	good, bad float64
	words     string
}

func (f figure) score() float64 {
	return 100 * min(1, max(0, (f.bad-f.value)/(f.bad-f.good)))
}

// worst makes a part of its figures.
func worst(name string, weight float64, figures []figure) Part {
	part := Part{Name: name, Weight: weight, Reason: "nothing could be measured"}
	for _, f := range figures {
		if score := rounded(f.score()); part.Score == nil || score < *part.Score {
			part.Score, part.Reason = &score, f.words
		}
	}
	return part
}

// Freshness is how old what is shown is, and what is missing behind it. What is
// not known is nil.
type Freshness struct {
	Age          *time.Duration // of the snapshot shown; nil: nothing is shown
	StaleAfter   time.Duration  // the age at which people are told that it is stale
	Held         bool           // newer snapshots are held back
	Completeness *float64       // of 24 hours
	Backlog      *int           // records of the log that are not projected
}

// FreshnessPart scores the data. Good and bad: the age at which people are told
// that it is stale and ten minutes; 99.5 % of the ticks, which is
// the service level, and 90 %; no backlog and what one run takes.
func FreshnessPart(f Freshness) Part {
	if f.Age == nil {
		return Part{Name: "data_freshness", Score: pointer(0.0), Weight: freshnessWeight, Reason: "no snapshot can be shown"}
	}
	figures := []figure{{f.Age.Seconds(), f.StaleAfter.Seconds(), 600, fmt.Sprintf("the newest snapshot is %s old", f.Age.Round(time.Second))}}
	if f.Completeness != nil {
		figures = append(figures, figure{1 - *f.Completeness, 0.005, 0.1, fmt.Sprintf("%.2f %% of the ticks of 24 hours were met", 100**f.Completeness)})
	}
	if f.Backlog != nil {
		figures = append(figures, figure{float64(*f.Backlog), 2, 240, fmt.Sprintf("%d snapshots wait in the log", *f.Backlog)})
	}
	return worst("data_freshness", freshnessWeight, figures)
}

// DatabasePart scores PostgreSQL; reason is why it does not answer, "" when it
// does. Good and bad: a simple statement within 50 ms and a second; 80 % of the
// connections and all of them; a transaction of five minutes and of an hour,
// which keeps vacuum from its work.
func DatabasePart(h *store.DatabaseHealth, reason string) Part {
	down := func(words string) Part {
		return Part{Name: "database", Score: pointer(0.0), Weight: databaseWeight, Reason: words}
	}
	switch {
	case h == nil:
		return down("PostgreSQL does not answer: " + cmp.Or(reason, "unknown"))
	case h.Tables.Applied < h.Tables.Latest || h.Kept.Applied < h.Kept.Latest:
		return down("the tables are older than this program: run migrate")
	case h.ReadOnly:
		return down("PostgreSQL takes no writes")
	}
	figures := []figure{
		{h.Query.Seconds(), 0.05, 1, fmt.Sprintf("a statement takes %s", h.Query.Round(100*time.Microsecond))},
		{float64(h.Connections) / float64(max(1, h.MaxConnections)), 0.8, 1, fmt.Sprintf("%d of %d connections are in use", h.Connections, h.MaxConnections)},
	}
	if h.OldestOpen != nil {
		figures = append(figures, figure{h.OldestOpen.Seconds(), 300, 3600, fmt.Sprintf("the oldest transaction is %s old", h.OldestOpen.Round(time.Second))})
	}
	return worst("database", databaseWeight, figures)
}

// EndpointsPart scores the answers of the last hour: none failed is good, one
// in ten is bad.
func EndpointsPart(v Volume) Part {
	rate := v.ErrorRate()
	if rate == nil {
		return Part{Name: "endpoints", Weight: endpointsWeight, Reason: "nothing was asked within the hour"}
	}
	return worst("endpoints", endpointsWeight, []figure{{*rate, 0, 0.1, fmt.Sprintf("%d of %d requests of the hour failed", v.Failed, v.Requests)}})
}

// UpstreamsPart scores the circuit breakers of all processes: open ones are as
// good as no upstream.
func UpstreamsPart(upstreams []store.ToldUpstream) Part {
	part := Part{Name: "upstreams", Weight: upstreamsWeight, Reason: "no process has told of its upstreams"}
	for _, upstream := range upstreams {
		score, words := 100.0, "every breaker is closed"
		switch upstream.State {
		case "open":
			score = 0
		case "half-open":
			score = 50
		}
		if score < 100 {
			words = fmt.Sprintf("the breaker of %s is %s in %s", upstream.Name, upstream.State, upstream.Function)
		}
		if part.Score == nil || score < *part.Score {
			part.Score, part.Reason = &score, words
		}
	}
	return part
}

// CachePart scores Redis by whether it answers; reason is why not. Without one
// there is nothing to score.
func CachePart(configured bool, reason string) Part {
	part := Part{Name: "cache", Weight: cacheWeight, Reason: "no Redis is configured"}
	switch {
	case configured && reason == "":
		part.Score, part.Reason = pointer(100.0), "Redis answers"
	case configured:
		part.Score, part.Reason = pointer(0.0), "Redis does not answer: "+reason
	}
	return part
}

// System is what the process and its machine use; nil where that cannot be
// measured.
type System struct {
	MemoryShare *float64 // of what the process may use
	DiskShare   *float64 // of the disk that the log is on
}

// SystemPart scores it. Good and bad: 80 % and all of the memory, 85 % and 98 %
// of the disk, as PostgreSQL stops where a disk is full.
func SystemPart(s System) Part {
	var figures []figure
	add := func(share *float64, good, bad float64, words string) {
		if share != nil {
			figures = append(figures, figure{*share, good, bad, fmt.Sprintf("%.0f %% of %s", 100**share, words)})
		}
	}
	add(s.MemoryShare, 0.8, 1, "the memory is used")
	add(s.DiskShare, 0.85, 0.98, "the log's disk is used")
	return worst("system", systemWeight, figures)
}
