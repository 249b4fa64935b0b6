package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/skyledger/skyledger/internal/fault"
	"github.com/skyledger/skyledger/internal/projection"
	"github.com/skyledger/skyledger/internal/recorded"
)

// source is where snapshots come from. Each has a database and a directory of
// its own, so that made-up or replayed history never mixes with real history.
type source struct {
	Kind     string `json:"kind"`     // "live", "simulated", "recorded"
	Name     string `json:"name"`     // what answers say: "live", "simulated", "recorded:2024-11-21"
	Key      string `json:"key"`      // "live", "simulated", "recorded_1a2b3c4d": of the database and the directory
	Dir      string `json:"dir"`      // of a recording, absolute
	Aircraft int    `json:"aircraft"` // of a simulation

	folder *recorded.Folder // of a recording, once opened
}

func (s source) database() string { return "skyledger_" + s.Key }

// home is the source's directory below the data directory.
func (s source) home(data string) string { return filepath.Join(data, s.Key) }

// chooseSource returns the source of --source. Without one it asks whether the
// live feed can be reached, and says why it simulates when it cannot.
func chooseSource(ctx context.Context, s session, statusURL string) (source, error) {
	switch s.options.source.kind {
	case "live":
		return liveSource(), nil
	case "simulated":
		return simulatedSource(s.options.source.aircraft), nil
	case "recorded":
		return recordedSource(s.options.source.dir)
	}
	err := reach(ctx, statusURL)
	if err == nil {
		return liveSource(), nil
	}
	if ctx.Err() != nil {
		return source{}, ctx.Err()
	}
	fmt.Fprintf(s.out, "The live feed cannot be reached (%v).\nSimulating %d aircraft instead; --source simulated:N changes how many, --source live insists.\n",
		reason(err), defaultAircraft)
	return simulatedSource(defaultAircraft), nil
}

func liveSource() source { return source{Kind: "live", Name: "live", Key: "live"} }

func simulatedSource(aircraft int) source {
	return source{Kind: "simulated", Name: "simulated", Key: "simulated", Aircraft: aircraft}
}

func recordedSource(dir string) (source, error) {
	absolute, err := filepath.Abs(dir)
	if err == nil {
		absolute, err = filepath.EvalSymlinks(absolute)
	}
	if err != nil {
		return source{}, fault.E("local.recordedSource", fault.Invalid, "folder", err).
			WithMessage("The folder " + dir + " cannot be read.")
	}
	sum := sha256.Sum256([]byte(absolute))
	return source{
		Kind: "recorded", Name: "recorded:" + filepath.Base(absolute),
		Key: "recorded_" + hex.EncodeToString(sum[:4]), Dir: absolute,
	}, nil
}

// reachTimeout is how long the live feed may take to show that it is there.
const reachTimeout = 4 * time.Second

func reach(ctx context.Context, url string) error {
	ctx, cancel := context.WithTimeout(ctx, reachTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	defer transport.CloseIdleConnections()
	response, err := (&http.Client{Transport: transport}).Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answers %s", url, response.Status)
	}
	return nil
}

// reason is the innermost error: what went wrong, without who called whom.
func reason(err error) error {
	for {
		inner := errors.Unwrap(err)
		if inner == nil {
			return err
		}
		err = inner
	}
}

// rememberSource notes what ran last, for the commands that work on it.
func rememberSource(data string, s source) error {
	content, err := json.Marshal(s)
	if err != nil {
		return err
	}
	path := filepath.Join(data, "last-source.json")
	if err := os.WriteFile(path+".new", content, 0o644); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}

// sourceOf is the source a command works on: that of --source, else the one
// that ran last.
func sourceOf(s session) (source, error) {
	switch s.options.source.kind {
	case "live":
		return liveSource(), nil
	case "simulated":
		return simulatedSource(s.options.source.aircraft), nil
	case "recorded":
		return recordedSource(s.options.source.dir)
	}
	var last source
	content, err := os.ReadFile(filepath.Join(s.options.data, "last-source.json"))
	if err == nil {
		err = json.Unmarshal(content, &last)
	}
	if err != nil {
		return source{}, fault.E("local.sourceOf", fault.NotFound, "source", err).
			WithMessage("Nothing was recorded in " + s.options.data + " yet: run it first, or name --data and --source.")
	}
	return last, nil
}

// skipOver is the longest stretch without a snapshot that a recording is played
// through tick by tick; longer ones are jumped over.
const skipOver = 2 * time.Hour

// settleTime is how much of such a stretch is played before the jump, so that
// those who left are seen to have left.
const settleTime = 5 * time.Minute

// skipGaps returns the function that moves a time out of a recording's long
// gaps. It is for times that only move forward.
func skipGaps(times []time.Time) func(time.Time) time.Time {
	next := 0
	return func(at time.Time) time.Time {
		for next < len(times) && !times[next].After(at) {
			next++
		}
		if next == 0 || next == len(times) {
			return at
		}
		before, after := times[next-1], times[next]
		if after.Sub(before) > skipOver && at.After(before.Add(settleTime)) {
			return after
		}
		return at
	}
}

// tickAfter is the first tick at or after a moment.
func tickAfter(at time.Time) time.Time {
	tick := at.Truncate(projection.TickLength)
	if tick.Before(at) {
		tick = tick.Add(projection.TickLength)
	}
	return tick
}
