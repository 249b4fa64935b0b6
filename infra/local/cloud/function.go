package cloud

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"runtime/debug"
	"sync/atomic"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-lambda-go/lambdacontext"
	"go.uber.org/zap"

	"github.com/skyledger/skyledger/internal/fault"
)

// Function runs a handler within Lambda's bounds: its timeout, its reserved
// concurrency, and that a panic is an error of one invocation.
type Function struct {
	Name    string
	handler lambda.Handler
	timeout time.Duration // by the wall; 0: none
	slots   chan struct{} // nil: no bound
	logger  *zap.Logger

	invocations, failures atomic.Int64
}

// NewFunction returns the function; concurrency 0 sets no bound.
func NewFunction(name string, handler lambda.Handler, timeout time.Duration, concurrency int, logger *zap.Logger) *Function {
	f := &Function{Name: name, handler: handler, timeout: timeout, logger: logger}
	if concurrency > 0 {
		f.slots = make(chan struct{}, concurrency)
	}
	return f
}

// Invocations and Failures count since the start.
func (f *Function) Invocations() int64 { return f.invocations.Load() }

// Failures counts the invocations that returned an error.
func (f *Function) Failures() int64 { return f.failures.Load() }

// Invoke waits for a free slot and calls the handler with a request id.
func (f *Function) Invoke(ctx context.Context, requestID string, payload []byte) ([]byte, error) {
	release, err := f.slot(ctx)
	if err != nil {
		return nil, err
	}
	defer release()
	return f.call(ctx, requestID, payload)
}

// slot waits until one more may run.
func (f *Function) slot(ctx context.Context) (release func(), err error) {
	if f.slots == nil {
		return func() {}, nil
	}
	select {
	case f.slots <- struct{}{}:
		return func() { <-f.slots }, nil
	case <-ctx.Done():
		return nil, fault.E("cloud.Invoke", fault.Throttled, "concurrency", ctx.Err())
	}
}

func (f *Function) call(ctx context.Context, requestID string, payload []byte) (answer []byte, err error) {
	if f.timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, f.timeout)
		defer cancel()
	}
	ctx = lambdacontext.NewContext(ctx, &lambdacontext.LambdaContext{
		AwsRequestID: requestID, InvokedFunctionArn: arn("lambda", "function:"+f.Name),
	})
	f.invocations.Add(1)
	defer func() {
		if raised := recover(); raised != nil {
			err = fault.E("cloud.Invoke", fault.Internal, "panic", fmt.Errorf("%v\n%s", raised, debug.Stack()))
		}
		if err != nil {
			f.failures.Add(1)
			f.logger.Error("function failed", zap.String("function", f.Name), zap.String("request_id", requestID), zap.Error(err))
		}
	}()
	return f.handler.Invoke(ctx, payload)
}

// The account and region that events name: nobody's.
const (
	accountID = "000000000000"
	region    = "local"
)

func arn(service, resource string) string {
	return "arn:aws:" + service + ":" + region + ":" + accountID + ":" + resource
}

// newID returns a random UUID (version 4).
func newID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails: see crypto/rand
	b[6] = b[6]&0x0f | 0x40
	b[8] = b[8]&0x3f | 0x80
	text := hex.EncodeToString(b[:])
	return text[:8] + "-" + text[8:12] + "-" + text[12:16] + "-" + text[16:20] + "-" + text[20:]
}
