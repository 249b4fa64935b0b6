package runtimeapi

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/skyledger/skyledger/internal/fault"
)

// Options say which binary is run, as which function.
type Options struct {
	Binary   string // the bootstrap
	Function string
	MemoryMB int           // what the function is told it has; nothing bounds it
	Timeout  time.Duration // of an invocation; then the process is killed, as Lambda does
	// InitTimeout bounds the start; default 10 s, which is Lambda's.
	InitTimeout time.Duration
	// Environ are the function's settings ("NAME=value"). Nothing of this
	// process's own environment is passed on.
	Environ []string
	Output  io.Writer // what the function writes; nil: nowhere
}

// Process is a running bootstrap, ready for one invocation at a time.
type Process struct {
	options Options
	server  *server
	command *exec.Cmd
	started time.Time

	exited chan struct{} // closed when the process is gone
	state  *os.ProcessState

	invoking sync.Mutex
	mu       sync.Mutex
	init     time.Duration
	peak     int64
	invoked  bool
}

// Region is the region the functions are told they are in.
const Region = "local"

// Start starts the binary and returns when it asks for its first invocation. A
// function that reports an error, ends or takes too long before that is a fault
// whose message says which.
func Start(ctx context.Context, options Options) (*Process, error) {
	options.InitTimeout = cmp.Or(options.InitTimeout, 10*time.Second)
	if options.Output == nil {
		options.Output = io.Discard
	}
	serving, err := newServer(options)
	if err != nil {
		return nil, fault.E("runtimeapi.Start", fault.Internal, "listen", err)
	}
	p := &Process{options: options, server: serving, exited: make(chan struct{})}
	// Not bound to ctx: a process outlives the call that starts it.
	p.command = exec.Command(options.Binary)
	p.command.Dir = filepath.Dir(options.Binary)
	p.command.Env = environ(options, serving.address())
	p.command.Stdout, p.command.Stderr = options.Output, options.Output
	p.started = time.Now()
	if err := p.command.Start(); err != nil {
		_ = serving.close() // nothing was served
		return nil, fault.E("runtimeapi.Start", fault.Invalid, "binary", err).
			WithMessage(options.Binary + " cannot be run: build it with make build.")
	}
	go p.wait()
	if err := p.ready(ctx); err != nil {
		return nil, errors.Join(err, p.Kill())
	}
	return p, nil
}

func (p *Process) wait() {
	_ = p.command.Wait() // how it ended is in its state
	p.state = p.command.ProcessState
	close(p.exited)
}

// ready waits for the first request of an invocation.
func (p *Process) ready(ctx context.Context) error {
	const op = "runtimeapi.Start"
	timer := time.NewTimer(p.options.InitTimeout)
	defer timer.Stop()
	select {
	case at := <-p.server.asked:
		p.mu.Lock()
		p.init = at.Sub(p.started)
		p.mu.Unlock()
		return nil
	case failed := <-p.server.initFailed:
		return fault.E(op, fault.Internal, "init_error", failed).WithMessage(p.options.Function + " reports while it starts: " + failed.Error())
	case <-p.exited:
		return fault.E(op, fault.Internal, "exited", errors.New(p.state.String())).
			WithMessage(p.options.Function + " ended while it started (" + p.state.String() + "): its output says why.")
	case <-timer.C:
		return fault.E(op, fault.Timeout, "init", nil).
			WithMessage(fmt.Sprintf("%s was not ready within %s.", p.options.Function, p.options.InitTimeout))
	case <-ctx.Done():
		return fault.E(op, fault.Unavailable, "stopped", ctx.Err())
	}
}

// environ is what Lambda sets for a function on provided.al2023, and the
// function's own settings. The credentials are nobody's.
func environ(options Options, api string) []string {
	memory := strconv.Itoa(options.MemoryMB)
	return append([]string{
		"AWS_LAMBDA_RUNTIME_API=" + api,
		"AWS_LAMBDA_FUNCTION_NAME=" + options.Function,
		"AWS_LAMBDA_FUNCTION_VERSION=$LATEST",
		"AWS_LAMBDA_FUNCTION_MEMORY_SIZE=" + memory,
		"AWS_LAMBDA_INITIALIZATION_TYPE=on-demand",
		"AWS_LAMBDA_LOG_GROUP_NAME=/aws/lambda/" + options.Function,
		"AWS_LAMBDA_LOG_STREAM_NAME=" + time.Now().UTC().Format("2006/01/02") + "/[$LATEST]" + strings.ReplaceAll(newID(), "-", ""),
		"AWS_REGION=" + Region, "AWS_DEFAULT_REGION=" + Region,
		"AWS_ACCESS_KEY_ID=local", "AWS_SECRET_ACCESS_KEY=local", "AWS_SESSION_TOKEN=local",
		"LAMBDA_TASK_ROOT=" + filepath.Dir(options.Binary), "LAMBDA_RUNTIME_DIR=/var/runtime",
		"_HANDLER=bootstrap", "TZ=:UTC", "LANG=en_US.UTF-8", "PATH=/usr/local/bin:/usr/bin:/bin:/opt/bin",
	}, options.Environ...)
}

// Init is how long the start took: from the process's start to its first
// request for an invocation. Lambda calls it the init duration.
func (p *Process) Init() time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.init
}

// PID is the process's id.
func (p *Process) PID() int { return p.command.Process.Pid }

// Exited is closed when the process is gone.
func (p *Process) Exited() <-chan struct{} { return p.exited }

// Terminate asks the process to end (SIGTERM) and kills it when it does not
// within patience. It returns when the process is gone.
func (p *Process) Terminate(patience time.Duration) error {
	_ = p.Signal(syscall.SIGTERM) // it may have ended by itself
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-p.exited:
	case <-timer.C:
	}
	return p.Kill()
}

// Kill ends the process at once (SIGKILL) and returns when it is gone. A second
// call does nothing.
func (p *Process) Kill() error {
	_ = p.Signal(syscall.SIGKILL)
	<-p.exited
	return p.server.close()
}

// Signal sends the process a signal; an error says that it is gone.
func (p *Process) Signal(signal syscall.Signal) error {
	select {
	case <-p.exited:
		return os.ErrProcessDone // its id may be another's by now
	default:
		return p.command.Process.Signal(signal)
	}
}

// PeakMemory returns the greatest resident size of the process so far, in
// bytes; nil where the kernel does not tell. A process that is gone says what
// its last invocation saw.
func (p *Process) PeakMemory() *int64 {
	content, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.PID()))
	p.mu.Lock()
	defer p.mu.Unlock()
	if err == nil {
		for line := range strings.Lines(string(content)) {
			value, found := strings.CutPrefix(line, "VmHWM:")
			if kilobytes, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(value), " kB"), 10, 64); found && err == nil {
				p.peak = max(p.peak, kilobytes*1024)
			}
		}
	}
	if p.peak == 0 {
		return nil
	}
	peak := p.peak
	return &peak
}
