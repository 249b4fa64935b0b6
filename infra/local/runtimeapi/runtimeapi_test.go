package runtimeapi

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-lambda-go/lambdacontext"
	"go.uber.org/goleak"

	"github.com/skyledger/skyledger/internal/fault"
	"github.com/skyledger/skyledger/internal/provision/pgtest"
)

var _ lambda.Handler = (*Function)(nil)

// binaries are built once for all tests, below this directory.
var binaries = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "skyledger-runtimeapi-")
	if err != nil {
		return "", err
	}
	return dir, errors.Join(
		buildOne(context.Background(), ".", Binary(dir, "odd"), "./testdata/odd"),
		Build(context.Background(), "../../..", dir, []string{"migrate", "api-status"}, func(string) {}))
})

func TestMain(m *testing.M) {
	pgtest.Main(m, func() error {
		dir, err := binaries()
		return errors.Join(err, os.RemoveAll(dir), goleak.Find())
	})
}

// lines is an output that a test may read while it is written.
type lines struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

func options(t *testing.T, name string, settings ...string) Options {
	t.Helper()
	dir, err := binaries()
	if err != nil {
		t.Fatal(err)
	}
	return Options{Binary: Binary(dir, name), Function: name, MemoryMB: 512, Timeout: 20 * time.Second, Environ: settings, Output: &lines{}}
}

func begin(t *testing.T, o Options) *Process {
	t.Helper()
	process, err := Start(t.Context(), o)
	if err != nil {
		t.Fatalf("%v\n%s", err, o.Output)
	}
	t.Cleanup(func() {
		if err := process.Kill(); err != nil {
			t.Error(err)
		}
	})
	return process
}

func TestAnInvocationGetsItsEventAndGivesItsAnswer(t *testing.T) {
	process := begin(t, options(t, "odd"))
	first, err := process.Invoke(t.Context(), "r-1", []byte(`"who"`))
	if err != nil {
		t.Fatal(err)
	}
	var said struct {
		ID, ARN, Trace string
		PID            int
		Left           float64
	}
	if err := json.Unmarshal(first.Payload, &said); err != nil {
		t.Fatal(err)
	}
	if said.ID != "r-1" || !strings.HasSuffix(said.ARN, ":function:odd") || said.PID != process.PID() || !strings.HasPrefix(said.Trace, "Root=1-") {
		t.Errorf("it says %+v", said)
	}
	if said.Left <= 10 || said.Left > 20 {
		t.Errorf("it has %v s of 20 left", said.Left)
	}
	second, err := process.Invoke(t.Context(), "", []byte(`"who"`))
	if err != nil || second.RequestID == "" {
		t.Fatal(second, err)
	}
	if first.Init != process.Init() || first.Init <= 0 || second.Init != 0 {
		t.Errorf("the start took %s; the first invocation says %s, the second %s", process.Init(), first.Init, second.Init)
	}
	if first.Took <= 0 || second.Took <= 0 {
		t.Errorf("they took %s and %s", first.Took, second.Took)
	}
}

func TestTheEnvironmentIsLambdasAndNothingOfOurs(t *testing.T) {
	t.Setenv("SECRET_OF_THE_TEST", "x")
	process := begin(t, options(t, "odd", "MINE=yes"))
	result, err := process.Invoke(t.Context(), "", []byte(`"environ"`))
	if err != nil {
		t.Fatal(err)
	}
	var environ []string
	if err := json.Unmarshal(result.Payload, &environ); err != nil {
		t.Fatal(err)
	}
	for _, wanted := range []string{"MINE=yes", "AWS_LAMBDA_FUNCTION_NAME=odd", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE=512", "AWS_LAMBDA_INITIALIZATION_TYPE=on-demand", "_HANDLER=bootstrap"} {
		if !slices.Contains(environ, wanted) {
			t.Errorf("%s is missing", wanted)
		}
	}
	for _, line := range environ {
		if strings.HasPrefix(line, "SECRET_OF_THE_TEST=") || strings.HasPrefix(line, "HOME=") {
			t.Errorf("%s was passed on", line)
		}
	}
}

func TestPeakMemoryIsTheProcessesOwn(t *testing.T) {
	if _, err := os.Stat("/proc/self/status"); err != nil {
		t.Skip("the kernel does not tell memory in /proc")
	}
	process := begin(t, options(t, "odd"))
	small, err := process.Invoke(t.Context(), "", []byte(`"who"`))
	if err != nil {
		t.Fatal(err)
	}
	filled, err := process.Invoke(t.Context(), "", []byte(`"fill"`))
	if err != nil {
		t.Fatal(err)
	}
	if grown := *filled.PeakMemory - *small.PeakMemory; grown < 55<<20 || *small.PeakMemory > 40<<20 {
		t.Errorf("64 MB more: peak from %d to %d", *small.PeakMemory, *filled.PeakMemory)
	}
}

func TestWhatGoesWrongSaysSo(t *testing.T) {
	tests := []struct {
		name, event string
		reported    string // errorMessage, when the function itself reports
		reason      string // else the fault's
		lives       bool
	}{
		{"an error is the function's and leaves it alive", `"fail"`, "as asked", "", true},
		{"an answer too large is an error", `"large"`, "the response is larger than 6 MB", "", false},
		{"a panic is reported and ends the process", `"panic"`, "as asked", "", false},
		{"a process that ends is not waited for", `"end"`, "", "exited", false},
		{"a timeout kills the process", `"hang"`, "", "timeout", false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			o := options(t, "odd")
			if test.reason == "timeout" {
				o.Timeout = 300 * time.Millisecond
			}
			process := begin(t, o)
			_, err := process.Invoke(t.Context(), "", []byte(test.event))
			var failure *Failure
			switch {
			case test.reported != "" && (!errors.As(err, &failure) || failure.Message != test.reported):
				t.Errorf("got %v", err)
			case test.reason != "" && fault.ReasonOf(err) != test.reason:
				t.Errorf("got %v", err)
			}
			if test.lives {
				if _, err := process.Invoke(t.Context(), "", []byte(`"who"`)); err != nil {
					t.Errorf("the next invocation: %v", err)
				}
				return
			}
			<-process.Exited()
			if _, err := process.Invoke(t.Context(), "", []byte(`"who"`)); fault.ReasonOf(err) != "exited" {
				t.Errorf("the next invocation: %v", err)
			}
		})
	}
}

func TestAStartThatFailsSaysWhy(t *testing.T) {
	tests := map[string]struct{ how, reason string }{
		"a process that ends":                     {"ends", "exited"},
		"a process that is not ready in its time": {"hangs", "init"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			o := options(t, "odd", "ODD_START="+test.how)
			if test.how == "hangs" {
				o.InitTimeout = 200 * time.Millisecond
			}
			if _, err := Start(t.Context(), o); fault.ReasonOf(err) != test.reason {
				t.Errorf("got %v", err)
			}
		})
	}
	if _, err := Start(t.Context(), Options{Binary: "testdata/none"}); fault.ReasonOf(err) != "binary" {
		t.Errorf("a binary that is not there: %v", err)
	}
}

func TestAProcessThatIgnoresSIGTERMIsKilled(t *testing.T) {
	process := begin(t, options(t, "odd", "ODD_START=stubborn"))
	if err := process.Terminate(100 * time.Millisecond); err != nil {
		t.Error(err)
	}
	if state := process.state.String(); state != "signal: killed" {
		t.Errorf("it ended by %s", state)
	}
	polite := begin(t, options(t, "odd"))
	if err := polite.Terminate(20 * time.Second); err != nil {
		t.Error(err)
	}
	if state := polite.state.String(); state != "signal: terminated" {
		t.Errorf("it ended by %s", state)
	}
}

func TestAFunctionRunsAsManyProcessesAsItNeeds(t *testing.T) {
	function := NewFunction(options(t, "odd"))
	t.Cleanup(func() {
		if err := function.Close(5 * time.Second); err != nil {
			t.Error(err)
		}
	})
	ctx := lambdacontext.NewContext(t.Context(), &lambdacontext.LambdaContext{AwsRequestID: "mine"})
	answer, err := function.Invoke(ctx, []byte(`"who"`))
	if err != nil || !bytes.Contains(answer, []byte(`"id":"mine"`)) {
		t.Fatalf("%s %v", answer, err)
	}
	for range 3 {
		if _, err := function.Invoke(ctx, []byte(`"who"`)); err != nil {
			t.Fatal(err)
		}
	}
	if n := function.Processes(); n != 1 {
		t.Errorf("invocations one after the other took %d processes", n)
	}
	if _, err := function.Invoke(ctx, []byte(`"end"`)); err == nil {
		t.Error("a process that ended was no error")
	}
	if _, err := function.Invoke(ctx, []byte(`"who"`)); err != nil {
		t.Errorf("after it: %v", err)
	}
	if n := len(function.Inits()); n != 2 {
		t.Errorf("%d processes were started, want 2", n)
	}
	hanging, cancel := context.WithCancel(ctx)
	first := make(chan error, 1)
	go func() {
		_, err := function.Invoke(hanging, []byte(`"hang"`))
		first <- err
	}()
	for function.Processes() < 2 { // the hanging one holds the other
		if _, err := function.Invoke(ctx, []byte(`"who"`)); err != nil {
			t.Fatal(err)
		}
	}
	cancel()
	if err := <-first; err == nil {
		t.Error("an invocation nobody waits for was no error")
	}
	if n := function.Processes(); n != 1 {
		t.Errorf("%d processes are left of an invocation that was given up", n)
	}
}
