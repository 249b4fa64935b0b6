package runtimeapi

import (
	"context"
	"errors"
	"sync"
	"syscall"
	"time"

	"github.com/aws/aws-lambda-go/lambdacontext"
)

// Function runs a binary as Lambda runs a function: a process for each
// invocation that goes on at once, kept for the next one, replaced when it
// ended. It is a lambda.Handler.
type Function struct {
	options Options

	mu     sync.Mutex
	idle   []*Process
	all    map[*Process]bool
	closed bool
	inits  []time.Duration
}

// NewFunction returns a function; its first process starts with its first
// invocation.
func NewFunction(options Options) *Function {
	return &Function{options: options, all: map[*Process]bool{}}
}

// Invoke hands the event to a process that is free, starting one where none is.
func (f *Function) Invoke(ctx context.Context, payload []byte) ([]byte, error) {
	requestID := ""
	if known, has := lambdacontext.FromContext(ctx); has {
		requestID = known.AwsRequestID
	}
	result, err := f.Do(ctx, requestID, payload)
	return result.Payload, err
}

// Do is Invoke with everything that was measured.
func (f *Function) Do(ctx context.Context, requestID string, payload []byte) (Result, error) {
	process, err := f.take(ctx)
	if err != nil {
		return Result{}, err
	}
	result, err := process.Invoke(ctx, requestID, payload)
	return result, errors.Join(err, f.giveBack(process))
}

// take returns a process that is free and alive.
func (f *Function) take(ctx context.Context) (*Process, error) {
	for {
		f.mu.Lock()
		if f.closed {
			f.mu.Unlock()
			return nil, errors.New("the function is closed")
		}
		last := len(f.idle) - 1
		if last < 0 {
			f.mu.Unlock()
			return f.start(ctx)
		}
		process := f.idle[last]
		f.idle = f.idle[:last]
		f.mu.Unlock()
		select {
		case <-process.Exited():
			if err := f.remove(process); err != nil {
				return nil, err
			}
		default:
			return process, nil
		}
	}
}

func (f *Function) start(ctx context.Context) (*Process, error) {
	process, err := Start(ctx, f.options)
	if err != nil {
		return nil, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.all[process] = true
	f.inits = append(f.inits, process.Init())
	return process, nil
}

func (f *Function) giveBack(process *Process) error {
	select {
	case <-process.Exited():
		return f.remove(process)
	default:
	}
	f.mu.Lock()
	closed := f.closed
	if !closed {
		f.idle = append(f.idle, process)
	}
	f.mu.Unlock()
	if closed {
		return f.remove(process)
	}
	return nil
}

func (f *Function) remove(process *Process) error {
	f.mu.Lock()
	delete(f.all, process)
	f.mu.Unlock()
	return process.Kill()
}

// Inits returns how long each process so far took to start.
func (f *Function) Inits() []time.Duration {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]time.Duration(nil), f.inits...)
}

// Processes returns how many are there now.
func (f *Function) Processes() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.all)
}

// Close ends every process, asking first.
func (f *Function) Close(patience time.Duration) error {
	f.mu.Lock()
	f.closed = true
	var processes []*Process
	for process := range f.all {
		processes = append(processes, process)
	}
	f.all, f.idle = map[*Process]bool{}, nil
	f.mu.Unlock()
	var failures []error
	for _, process := range processes {
		_ = process.Signal(syscall.SIGTERM) // one that is gone needs none
	}
	for _, process := range processes {
		failures = append(failures, process.Terminate(patience))
	}
	return errors.Join(failures...)
}
