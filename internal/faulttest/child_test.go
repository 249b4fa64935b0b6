package faulttest

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/skyledger/skyledger/internal/analyze"
	"github.com/skyledger/skyledger/internal/fault"
	"github.com/skyledger/skyledger/internal/ingest"
	"github.com/skyledger/skyledger/internal/rawlog"
	"github.com/skyledger/skyledger/internal/store"
	"github.com/skyledger/skyledger/internal/vatsim"
)

// childVariable holds a child's orders.
const childVariable = "SKYLEDGER_FAULTTEST_CHILD"

// orders are what a child process does: one tick as a cold function does it, and
// at one point of it what befalls the process.
type orders struct {
	Site  site
	Tick  int
	Point string         // see points; "" is an undisturbed run
	Fate  syscall.Signal // what the process sends itself at that point
}

// result is what a child says at its end.
type result struct {
	Report   ingest.Report
	Error    string
	Commits  []string // reasons of refused commits, "" for those that went well
	Canceled bool     // SIGTERM came
	PeakKB   int      // resident memory at its peak
}

// beChild does one tick in this process and prints a result.
func beChild(text string) int {
	var o orders
	if err := json.Unmarshal([]byte(text), &o); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 2
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	now := func() time.Time { return tickAt(o.Tick).Add(fetchedAfter) }
	o.Site.logger = zap.NewNop()
	hurt := &hurt{point: o.Point, fate: o.Fate}
	o.Site.storage = func(inner rawlog.Storage) rawlog.Storage { return hurtStorage{inner, hurt} }
	opened, err := o.Site.open(ctx, now, func(options *ingest.Options) {
		options.Feed = hurtFeed{options.Feed, hurt}
		options.Log = hurtLog{options.Log, hurt}
		options.Store = &hurtStore{Store: options.Store, hurt: hurt}
		options.Live = hurtLive{options.Live, hurt}
	})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 2
	}
	defer opened.close()
	said := result{}
	said.Report, err = opened.recorder.Tick(ctx, tickAt(o.Tick))
	if err == nil {
		analysis := analyze.New(analyze.Options{Log: opened.log, Store: hurtAnalysis{opened.store, hurt}, Places: places()})
		if _, err = analysis.Run(ctx); fault.Retryable(err) || fault.Is(err, fault.Conflict) {
			err = nil // the next minute's
		}
	}
	if err != nil {
		said.Error = err.Error()
	}
	hurt.mu.Lock()
	said.Commits, said.Canceled, said.PeakKB = hurt.commits, ctx.Err() != nil, peakMemory(os.Getpid())
	hurt.mu.Unlock()
	if err := json.NewEncoder(os.Stdout).Encode(said); err != nil {
		return 2
	}
	return 0
}

// hurt is where in a run the process meets its fate.
type hurt struct {
	point string
	fate  syscall.Signal

	once    sync.Once
	mu      sync.Mutex
	commits []string
}

// points are the places in a run, in their order.
func points() []string {
	return []string{
		"before the fetch", "after the fetch", "after compression", "before the log's append", "with the log's lock", "with half a frame written", "after the log's append",
		"after the body is confirmed", "before the commit", "after the commit", "before the live view", "after the live view",
		"before the analysis commits", "after the analysis committed",
	}
}

func (h *hurt) at(point string) {
	if h.point == point {
		h.once.Do(h.strike)
	}
}

func (h *hurt) strike() {
	// Neither signal need have arrived when the call returns: a process that is
	// killed waits for its end, one that is frozen for whoever wakes it.
	woken := make(chan os.Signal, 1)
	signal.Notify(woken, syscall.SIGCONT)
	_ = syscall.Kill(os.Getpid(), h.fate)
	<-woken
}

type hurtFeed struct {
	ingest.Feed
	hurt *hurt
}

func (f hurtFeed) Network(ctx context.Context) (vatsim.Fetched, error) {
	f.hurt.at("before the fetch")
	fetched, err := f.Feed.Network(ctx)
	f.hurt.at("after the fetch")
	return fetched, err
}

func (f hurtFeed) Confirm(fetched vatsim.Fetched) {
	f.Feed.Confirm(fetched)
	f.hurt.at("after the body is confirmed")
}

type hurtLog struct {
	ingest.Log
	hurt *hurt
}

func (l hurtLog) Prepare(record rawlog.Record) (*rawlog.Prepared, error) {
	prepared, err := l.Log.Prepare(record)
	l.hurt.at("after compression")
	return prepared, err
}

func (l hurtLog) Commit(ctx context.Context, prepared *rawlog.Prepared) (rawlog.Entry, bool, error) {
	l.hurt.at("before the log's append")
	entry, appended, err := l.Log.Commit(ctx, prepared)
	l.hurt.at("after the log's append")
	return entry, appended, err
}

type hurtStorage struct {
	rawlog.Storage
	hurt *hurt
}

func (s hurtStorage) Append(ctx context.Context, at time.Time, frame []byte, end int64) (rawlog.File, int64, bool, error) {
	s.hurt.at("with the log's lock")
	const point = "with half a frame written"
	if s.hurt.point == point {
		file, offset, appended, err := s.Storage.Append(ctx, at, frame[:len(frame)/2], end)
		s.hurt.at(point)
		return file, offset, appended, err
	}
	return s.Storage.Append(ctx, at, frame, end)
}

type hurtStore struct {
	ingest.Store
	hurt *hurt
}

func (s *hurtStore) Commit(ctx context.Context, changes store.Changes) error {
	s.hurt.at("before the commit")
	err := s.Store.Commit(ctx, changes)
	s.hurt.at("after the commit")
	s.hurt.mu.Lock()
	defer s.hurt.mu.Unlock()
	reason := ""
	if err != nil {
		reason = fault.ReasonOf(err)
	}
	s.hurt.commits = append(s.hurt.commits, reason)
	return err
}

type hurtAnalysis struct {
	analyze.Store
	hurt *hurt
}

func (s hurtAnalysis) CommitAnalysis(ctx context.Context, changes store.Analysis) error {
	s.hurt.at("before the analysis commits")
	err := s.Store.CommitAnalysis(ctx, changes)
	s.hurt.at("after the analysis committed")
	return err
}

type hurtLive struct {
	ingest.LiveView
	hurt *hurt
}

func (v hurtLive) Publish(ctx context.Context, current ingest.Current) error {
	v.hurt.at("before the live view")
	err := v.LiveView.Publish(ctx, current)
	v.hurt.at("after the live view")
	return err
}

// child is a running child process.
type child struct {
	t       testing.TB
	command *exec.Cmd
	output  *bufio.Reader
	waited  bool
}

// spawn starts a process of its own for one tick.
func (w *world) spawn(k int, point string, fate syscall.Signal) *child {
	w.t.Helper()
	order, err := json.Marshal(orders{Site: w.site, Tick: k, Point: point, Fate: fate})
	must(w.t, err)
	program, err := os.Executable()
	must(w.t, err)
	command := exec.Command(program)
	command.Env = append(os.Environ(), childVariable+"="+string(order))
	command.Stderr = os.Stderr
	output, err := command.StdoutPipe()
	must(w.t, err)
	must(w.t, command.Start())
	c := &child{t: w.t, command: command, output: bufio.NewReader(output)}
	w.t.Cleanup(func() {
		if !c.waited {
			_ = command.Process.Kill()
			_ = command.Wait()
		}
	})
	return c
}

func (c *child) signal(s syscall.Signal) { _ = c.command.Process.Signal(s) }

// wait returns what the child said; nothing when it was killed.
func (c *child) wait() (said result, killed bool) {
	c.t.Helper()
	patience := time.AfterFunc(2*time.Minute, func() { c.signal(syscall.SIGABRT) }) // it says where it hangs
	defer patience.Stop()
	decodeErr := json.NewDecoder(c.output).Decode(&said)
	c.waited = true
	_ = c.command.Wait() // how it ended is read from its state
	status, _ := c.command.ProcessState.Sys().(syscall.WaitStatus)
	if status.Signaled() && status.Signal() == syscall.SIGKILL {
		return result{}, true
	}
	if decodeErr != nil || status.ExitStatus() != 0 {
		c.t.Fatalf("the child ended with %d and said nothing: %v", status.ExitStatus(), decodeErr)
	}
	return said, false
}

// state is the process's state as /proc has it: T is stopped.
func (c *child) state() string {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", c.command.Process.Pid))
	if err != nil {
		return ""
	}
	fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
	return fields[0]
}

// peakMemory is the most memory a process had resident, in kB.
func peakMemory(pid int) int {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(text)) {
		var kilobytes int
		if n, _ := fmt.Sscanf(line, "VmHWM: %d kB", &kilobytes); n == 1 {
			return kilobytes
		}
	}
	return 0
}
