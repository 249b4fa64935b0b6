package app

import (
	"context"
	"crypto/rand"
	"errors"
	"net/url"
	"os"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"go.uber.org/zap"

	"github.com/skyledger/skyledger/internal/resource"
)

// errPanicked is how an invocation ended whose handler did not return.
var errPanicked = errors.New("the handler panicked")

// Usage returns what counts the invocations of the process's functions.
func (r *Runtime) Usage(ctx context.Context) (*resource.Recorder, error) {
	var sink resource.Sink
	if r.Config.DatabaseURL != "" {
		database, err := r.Store(ctx)
		if err != nil {
			return nil, err
		}
		sink = database
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.usage == nil {
		r.usage = resource.NewRecorder(resource.Options{
			Process: rand.Text()[:12], Sink: sink, Logger: r.Logger,
			// Usage is of the wall's hours, whatever clock the functions live by.
			Clock: time.Now,
			Alone: r.Function != "", Lambda: r.Lambda,
		})
	}
	return r.usage, nil
}

// measured returns the handler with its invocations counted under the
// function's name.
func (r *Runtime) measured(ctx context.Context, function string, handler lambda.Handler) (lambda.Handler, error) {
	usage, err := r.Usage(ctx)
	if err != nil {
		return nil, err
	}
	return handlerFunc(func(ctx context.Context, payload []byte) (answer []byte, err error) {
		invocation := usage.Begin(ctx, function)
		finished := false
		defer func() {
			if !finished {
				err = errPanicked // the panic goes on to Lambda
			}
			invocation.End(err)
		}()
		answer, err = handler.Invoke(ctx, payload)
		finished = true
		return answer, err
	}), nil
}

// started notes how long the process took to be ready, and says so.
func (r *Runtime) started(ctx context.Context, function string, memoryLimit int64) error {
	usage, err := r.Usage(ctx)
	if err != nil {
		return err
	}
	fields := []zap.Field{zap.String("function", function), zap.Int32("pool_size", r.poolSize())}
	if age, known := resource.Age(); known {
		usage.Started(age)
		fields = append(fields, zap.Float64("init_ms", float64(age.Microseconds())/1000))
	}
	if memoryLimit > 0 {
		fields = append(fields, zap.Int64("memory_limit_bytes", memoryLimit))
	}
	r.Logger.Info("started", fields...)
	return nil
}

// poolSize is the setting's, else what the function's memory asks for.
func (r *Runtime) poolSize() int32 {
	if r.Config.DatabasePoolSize > 0 {
		return r.Config.DatabasePoolSize
	}
	return resource.PoolSize(r.MemoryMB)
}

// disks are paths on the file systems that the process fills.
func (r *Runtime) disks() []string {
	address, err := url.Parse(r.Config.LogURL)
	if err != nil || address.Scheme != "file" {
		return nil
	}
	return []string{address.Path}
}

// limitMemory sets Go's memory limit from what Lambda gives the function.
func limitMemory(says resource.Lambda) int64 {
	return resource.LimitMemory(says.MemoryMB, os.Getenv("GOMEMLIMIT"))
}
