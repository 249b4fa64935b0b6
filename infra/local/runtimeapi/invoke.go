package runtimeapi

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/skyledger/skyledger/internal/fault"
)

// Result is what an invocation gave and took.
type Result struct {
	RequestID string
	Payload   []byte
	Took      time.Duration // from the function's receipt of the event to its answer
	Init      time.Duration // of the process, with its first invocation alone
	// PeakMemory is the greatest resident size so far, in bytes; nil where the
	// kernel does not tell.
	PeakMemory *int64
}

// Failure is the error that a function reported.
type Failure struct {
	Message string `json:"errorMessage"`
	Type    string `json:"errorType"`
}

// Error returns type and message.
func (f *Failure) Error() string { return f.Type + ": " + f.Message }

// Invoke hands the event to the process and waits for its answer; invocations
// come one after the other. An error that the function reports is a *Failure.
// A process that ends, or exceeds its timeout and is killed for it, takes no
// more invocations: Exited says so.
func (p *Process) Invoke(ctx context.Context, requestID string, payload []byte) (Result, error) {
	p.invoking.Lock()
	defer p.invoking.Unlock()
	if requestID == "" {
		requestID = newID()
	}
	result := Result{RequestID: requestID}
	if p.mu.Lock(); !p.invoked {
		result.Init, p.invoked = p.init, true
	}
	p.mu.Unlock()
	call := &invocation{
		id: requestID, payload: payload, deadline: time.Now().Add(p.options.Timeout),
		answered: make(chan answer, 1),
	}
	reply, err := p.await(ctx, call)
	result.PeakMemory = p.PeakMemory()
	if err != nil {
		return result, err
	}
	result.Payload, result.Took = reply.body, reply.took
	if reply.failed {
		return result, failureOf(reply.body)
	}
	return result, nil
}

// await gives the call to the process and waits for what becomes of it.
func (p *Process) await(ctx context.Context, call *invocation) (answer, error) {
	const op = "runtimeapi.Invoke"
	select {
	case p.server.calls <- call:
	case <-p.exited:
		return answer{}, p.gone(op)
	case <-ctx.Done():
		return answer{}, fault.E(op, fault.Timeout, "stopped", ctx.Err())
	}
	var expired <-chan time.Time
	if p.options.Timeout > 0 {
		timer := time.NewTimer(time.Until(call.deadline))
		defer timer.Stop()
		expired = timer.C
	}
	select {
	case reply := <-call.answered:
		return reply, nil
	case <-p.exited:
		select {
		case reply := <-call.answered: // it answered, and then ended
			return reply, nil
		default:
			return answer{}, p.gone(op)
		}
	case <-expired:
		p.PeakMemory() // while there is a process to ask
		_ = p.Kill()
		return answer{}, fault.E(op, fault.Timeout, "timeout", nil).
			WithMessage(fmt.Sprintf("%s did not answer within %s and was killed.", p.options.Function, p.options.Timeout))
	case <-ctx.Done():
		// Nobody waits for the answer; who uses the process next would get it.
		_ = p.Kill()
		return answer{}, fault.E(op, fault.Timeout, "stopped", ctx.Err())
	}
}

func (p *Process) gone(op string) error {
	<-p.exited
	return fault.E(op, fault.Unavailable, "exited", nil).
		WithMessage(p.options.Function + " ended during an invocation (" + p.state.String() + "): its output says why.")
}

func failureOf(body []byte) error {
	failure := &Failure{}
	if err := json.Unmarshal(body, failure); err != nil {
		failure.Type, failure.Message = "Runtime.UnknownReason", string(body)
	}
	return failure
}
