package main

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
)

// totals are the sums that a function's metrics keep since the start.
type totals map[string]float64

// minuteLine says what happened since the line before: aligned, so that a
// column of them can be read.
func minuteLine(now time.Time, before, after totals, last totals) string {
	since := func(name string) float64 { return after[name] - before[name] }
	ticks := since("ticks")
	latency := "–"
	if ticks > 0 {
		latency = fmt.Sprintf("%.0f ms", since("tick_ms")/ticks)
	}
	lag := "–"
	if since("projected") > 0 {
		lag = fmt.Sprintf("%.0f s", last["lag_s"])
	}
	line := fmt.Sprintf("%s  ticks %3.0f  new %3.0f  rows %9s  tick %8s  lag %6s  log %8s",
		now.Format("2006-01-02 15:04"), ticks, since("projected"), grouped(int64(since("rows"))), latency, lag,
		bytesText(int64(since("log_bytes"))))
	for _, trouble := range []struct{ metric, word string }{
		{"ticks_missing", "missing"}, {"ticks_malformed", "malformed"}, {"ticks_late", "late"},
		{"rejected_rows", "rejected rows"}, {"delayed", "delayed"}, {"live_errors", "live view errors"}, {"errors", "errors"},
	} {
		if n := since(trouble.metric); n > 0 {
			line += fmt.Sprintf("  %s %s", trouble.word, grouped(int64(n)))
		}
	}
	return line
}

// summary says what a run did, in aligned lines.
func summary(w io.Writer, ran time.Duration, sums totals, dead int) {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	line := func(what, format string, values ...any) {
		fmt.Fprintf(table, "  %s\t%s\n", what, fmt.Sprintf(format, values...))
	}
	fmt.Fprintln(w, "Summary")
	line("ran", "%s", ran.Round(100*time.Millisecond))
	ticks := sums["ticks"]
	line("ticks", "%s (%s with a new snapshot, %s unchanged, %s missing, %s malformed, %s late)", grouped(int64(ticks)),
		grouped(int64(sums["ticks_received"])), grouped(int64(sums["ticks_unchanged"])), grouped(int64(sums["ticks_missing"])),
		grouped(int64(sums["ticks_malformed"])), grouped(int64(sums["ticks_late"])))
	line("snapshots projected", "%s", grouped(int64(sums["projected"])))
	line("rows", "%s stored, %s rejected", grouped(int64(sums["rows"]-sums["rejected_rows"])), grouped(int64(sums["rejected_rows"])))
	if ticks > 0 {
		line("latency", "%.1f ms a tick on average", sums["tick_ms"]/ticks)
	}
	line("log", "%s for %s received", bytesText(int64(sums["log_bytes"])), bytesText(int64(sums["body_bytes"])))
	if sums["errors"] > 0 || dead > 0 {
		line("errors", "%s failed runs, %d messages given up", grouped(int64(sums["errors"])), dead)
	}
	table.Flush()
}

// grouped writes a number with commas.
func grouped(n int64) string {
	text := strconv.FormatInt(n, 10)
	sign := ""
	if n < 0 {
		sign, text = "-", text[1:]
	}
	var groups []string
	for len(text) > 3 {
		groups = append([]string{text[len(text)-3:]}, groups...)
		text = text[:len(text)-3]
	}
	return sign + strings.Join(append([]string{text}, groups...), ",")
}

// bytesText writes a number of bytes in decimal units.
func bytesText(n int64) string {
	switch {
	case n >= 1e9:
		return fmt.Sprintf("%.1f GB", float64(n)/1e9)
	case n >= 1e6:
		return fmt.Sprintf("%.1f MB", float64(n)/1e6)
	case n >= 1e3:
		return fmt.Sprintf("%.0f kB", float64(n)/1e3)
	default:
		return fmt.Sprintf("%d B", n)
	}
}
