package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"text/tabwriter"
)

// Row is one figure beside its limit, as build/bench.json has it.
type Row struct {
	Name      string  `json:"name"`
	Value     float64 `json:"value"`
	Unit      string  `json:"unit"`
	Limit     float64 `json:"limit"`
	LimitName string  `json:"limit_name"`
	Ratio     float64 `json:"ratio"` // value over limit
	Goal      float64 `json:"goal"`  // greatest ratio wanted; of a floor the least
	Met       bool    `json:"met"`

	floor bool
}

func newRow(name string, value float64, unit string, limit float64, limitName string, goal float64) Row {
	ratio := value / limit
	return Row{Name: name, Value: value, Unit: unit, Limit: limit, LimitName: limitName, Ratio: ratio, Goal: goal, Met: ratio <= goal}
}

// newFloor is a figure of which more is better: goal is the least ratio wanted.
func newFloor(name string, value float64, unit string, limit float64, limitName string, goal float64) Row {
	row := newRow(name, value, unit, limit, limitName, goal)
	row.Met, row.floor = row.Ratio >= goal, true
	return row
}

// settings are the command's flags.
type settings struct {
	aircraft int
	ticks    int
	captured string
	places   string
	out      string
	child    string
	only     string
}

func main() {
	var set settings
	flag.IntVar(&set.aircraft, "aircraft", 2500, "simulated aircraft of the ordinary measurements")
	flag.IntVar(&set.ticks, "ticks", 240, "ticks measured; 240 are the hour whose positions become chunks")
	flag.StringVar(&set.captured, "captured", "../shared/data/feed", "folder of captured snapshots for the log's size; skipped where absent")
	flag.StringVar(&set.places, "reference", "../shared/data/reference", "folder with VAT-Spy's files; without it nobody is in any FIR")
	flag.StringVar(&set.out, "out", "build/bench.json", "where the rows go as JSON")
	flag.StringVar(&set.only, "only", "", "measure only what has this word in its name, such as reads")
	flag.StringVar(&set.child, "child", "", "internal: measure one tick's memory in a process of its own")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if set.child != "" {
		exitOn(runChild(ctx, set.child))
		return
	}
	exitOn(run(ctx, set))
}

func exitOn(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, set settings) error {
	var rows []Row
	var failures []error
	measurements := []struct {
		name    string
		measure func(context.Context, settings) ([]Row, error)
	}{
		{"decoding", measureDecode},
		{"ticks against plain COPY", measureTicks},
		{"analysis against the tick", measureAnalysis},
		{"the log on simulated neighbours", measureSimulatedLog},
		{"the log on captured neighbours", measureCapturedLog},
		{"memory and ten times the network", measureScale},
		{"reads from memory and from Redis", measureReads},
		{"what a year of history answers", measureHistory},
		{"people's SQL behind its walls", measureStatements},
		{"cold starts of the API's functions", measureCold},
	}
	for i, m := range measurements {
		if !strings.Contains(m.name, set.only) {
			continue
		}
		fmt.Fprintf(os.Stderr, "[%d/%d] %s …\n", i+1, len(measurements), m.name)
		measured, err := m.measure(ctx, set)
		if err != nil {
			failures = append(failures, fmt.Errorf("%s could not be measured: %w", m.name, err))
		}
		rows = append(rows, measured...)
	}
	printTable(os.Stdout, rows)
	failures = append(failures, writeJSON(set.out, rows))
	return errors.Join(failures...)
}

func printTable(w io.Writer, rows []Row) {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(table, "figure\tvalue\tlimit\tratio\tgoal\tmet\t  limit is\t")
	for _, row := range rows {
		met := "no"
		if row.Met {
			met = "yes"
		}
		bound := "≤"
		if row.floor {
			bound = "≥"
		}
		fmt.Fprintf(table, "%s\t%s %s\t%s\t%.3f\t%s %.3g\t%s\t  %s\t\n",
			row.Name, number(row.Value), row.Unit, number(row.Limit), row.Ratio, bound, row.Goal, met, row.LimitName)
	}
	table.Flush()
}

func number(value float64) string {
	if value >= 1000 {
		return strconv.FormatFloat(value, 'f', 0, 64)
	}
	return strconv.FormatFloat(value, 'f', 2, 64)
}

func writeJSON(path string, rows []Row) error {
	encoded, err := json.MarshalIndent(rows, "", "  ")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return os.WriteFile(path, append(encoded, '\n'), 0o644)
}
