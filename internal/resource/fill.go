package resource

import (
	"time"

	"github.com/skyledger/skyledger/internal/store"
)

// leastFillHours is how many hourly samples a trend is drawn through at least.
const leastFillHours = 6

// Fill is how full something is and where that leads.
type Fill struct {
	What         string   `json:"what" doc:"database, or disk and its path"`
	UsedBytes    int64    `json:"used_bytes" doc:"at the last look, at most an hour ago"`
	Capacity     *int64   `json:"capacity_bytes" doc:"null where nobody can tell"`
	GrowthPerDay *float64 `json:"growth_bytes_per_day" doc:"slope of a line through the hourly samples; null before there are six"`
	DaysLeft     *float64 `json:"days_left" doc:"until it is full at that pace; null where it does not grow or has no known end"`
	Samples      int      `json:"samples" doc:"hours the trend is drawn through"`
}

// Fills draws a line through the samples of each thing, given by what and hour.
func Fills(samples []store.FillSample) []Fill {
	var fills []Fill
	for len(samples) > 0 {
		end := 1
		for end < len(samples) && samples[end].What == samples[0].What {
			end++
		}
		fills = append(fills, fillOf(samples[:end]))
		samples = samples[end:]
	}
	return fills
}

func fillOf(samples []store.FillSample) Fill {
	last := samples[len(samples)-1]
	fill := Fill{What: last.What, UsedBytes: last.Used, Capacity: last.Capacity, Samples: len(samples)}
	if len(samples) < leastFillHours {
		return fill
	}
	perDay := slope(samples) * float64(24*time.Hour/time.Second)
	fill.GrowthPerDay = &perDay
	if last.Capacity != nil && perDay > 0 {
		fill.DaysLeft = pointer(float64(*last.Capacity-last.Used) / perDay)
	}
	return fill
}

// slope is the least squares slope in bytes a second.
func slope(samples []store.FillSample) float64 {
	var meanX, meanY float64
	n := float64(len(samples))
	x := func(s store.FillSample) float64 { return s.Hour.Sub(samples[0].Hour).Seconds() }
	for _, s := range samples {
		meanX += x(s) / n
		meanY += float64(s.Used) / n
	}
	var up, down float64
	for _, s := range samples {
		up += (x(s) - meanX) * (float64(s.Used) - meanY)
		down += (x(s) - meanX) * (x(s) - meanX)
	}
	if down == 0 {
		return 0
	}
	return up / down
}
