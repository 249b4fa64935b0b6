package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/skyledger/skyledger/internal/projection"
)

// childTask is what a child process records, and childResult what it says:
// memory is measured where nothing but a tick has used any.
type childTask struct {
	Analyze     bool      `json:"analyze"` // what is recorded by the parent, instead of recording
	FeedURL     string    `json:"feed_url"`
	DatabaseURL string    `json:"database_url"`
	LogDir      string    `json:"log_dir"`
	Start       time.Time `json:"start"`
}

type childResult struct {
	TickMS float64 `json:"tick_ms"`
}

// childTicks is how many ticks a child records: the first is cold.
const childTicks = 6

// measureScale records with 3,000 pilots and with ten times the network, each
// in a process of its own.
func measureScale(ctx context.Context, _ settings) ([]Row, error) {
	ordinary, _, err := measureChild(ctx, 3000, false)
	if err != nil {
		return nil, err
	}
	tenfold, tick, err := measureChild(ctx, 25000, false)
	if err != nil {
		return nil, err
	}
	analyst, analysis, err := measureChild(ctx, 25000, true)
	if err != nil {
		return nil, err
	}
	return []Row{
		newRow("ingest's peak memory, 3,000 aircraft", ordinary, "MB", 128, "128 MB", 1),
		newRow("ingest's peak memory, 25,000 aircraft", tenfold, "MB", 512, "512 MB", 1),
		newRow("tick, 25,000 aircraft", tick, "ms", 3000, "3 s", 1),
		newRow("analyze's peak memory, 25,000 aircraft", analyst, "MB", 512, "512 MB", 1),
		newRow("analyze, 25,000 aircraft", analysis, "ms", 5000, "5 s", 1),
	}, nil
}

// measureChild returns the peak resident memory in MB and the slowest warm tick
// in milliseconds of a process that records so many aircraft, or analyses them.
func measureChild(ctx context.Context, aircraft int, analyze bool) (peak, tick float64, err error) {
	b, err := newBench(ctx, aircraft)
	if err != nil {
		return 0, 0, err
	}
	defer func() { err = errors.Join(err, b.close(context.WithoutCancel(ctx))) }()
	url, err := b.database(ctx, "scale")
	if err != nil {
		return 0, 0, err
	}
	var recorder *recorderParts
	if analyze {
		if recorder, err = newRecorder(ctx, b.feed.StatusURL(), url, filepath.Join(b.dir, "log")); err != nil {
			return 0, 0, err
		}
		defer func() { err = errors.Join(err, recorder.close()) }()
	}
	task, err := json.Marshal(childTask{Analyze: analyze, FeedURL: b.feed.StatusURL(), DatabaseURL: url, LogDir: filepath.Join(b.dir, "log"), Start: epoch})
	if err != nil {
		return 0, 0, err
	}
	program, err := os.Executable()
	if err != nil {
		return 0, 0, err
	}
	child := exec.CommandContext(ctx, program, "-child", string(task))
	child.Stderr = os.Stderr
	asked, err := child.StdinPipe()
	if err != nil {
		return 0, 0, err
	}
	answers, err := child.StdoutPipe()
	if err != nil {
		return 0, 0, err
	}
	if err := child.Start(); err != nil {
		return 0, 0, err
	}
	lines := bufio.NewScanner(answers)
	for n := range childTicks {
		if err := b.show(ctx, childTime(epoch, n)); err != nil {
			return 0, 0, err
		}
		if recorder != nil {
			if _, err := recorder.tick(ctx, childTime(epoch, n)); err != nil {
				return 0, 0, err
			}
		}
		if _, err := fmt.Fprintln(asked, n); err != nil {
			return 0, 0, err
		}
		if !lines.Scan() {
			return 0, 0, errors.Join(errors.New("the child said nothing"), child.Wait())
		}
		var result childResult
		if err := json.Unmarshal(lines.Bytes(), &result); err != nil {
			return 0, 0, err
		}
		if n > 0 {
			tick = max(tick, result.TickMS)
		}
	}
	if peak, err = peakMemory(child.Process.Pid); err != nil {
		return 0, 0, err
	}
	return peak, tick, errors.Join(asked.Close(), child.Wait())
}

func childTime(start time.Time, n int) time.Time {
	return start.Add(time.Duration(n)*projection.TickLength + time.Second)
}

// runChild records one tick for each line on standard input, or analyses what
// is recorded, and answers each with its time.
func runChild(ctx context.Context, encoded string) error {
	var task childTask
	if err := json.Unmarshal([]byte(encoded), &task); err != nil {
		return err
	}
	parts, err := newRecorder(ctx, task.FeedURL, task.DatabaseURL, task.LogDir)
	if err != nil {
		return err
	}
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		n, err := strconv.Atoi(lines.Text())
		if err != nil {
			return err
		}
		took, err := timed(func() error {
			if task.Analyze {
				return parts.analyze(ctx)
			}
			_, err := parts.tick(ctx, childTime(task.Start, n))
			return err
		})
		if err != nil {
			return err
		}
		if err := json.NewEncoder(os.Stdout).Encode(childResult{TickMS: took}); err != nil {
			return err
		}
	}
	return errors.Join(lines.Err(), parts.close())
}

// peakMemory reads a process's greatest resident size from the kernel, in MB.
func peakMemory(pid int) (float64, error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(status)) {
		value, found := strings.CutPrefix(line, "VmHWM:")
		if !found {
			continue
		}
		kilobytes, err := strconv.ParseFloat(strings.TrimSuffix(strings.TrimSpace(value), " kB"), 64)
		return kilobytes * 1024 / 1e6, err
	}
	return 0, errors.New("the kernel does not tell the peak memory")
}
