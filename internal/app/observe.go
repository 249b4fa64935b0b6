package app

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-lambda-go/lambdacontext"

	"github.com/skyledger/skyledger/internal/fault"
	"github.com/skyledger/skyledger/internal/manifest"
	"github.com/skyledger/skyledger/internal/telemetry"
)

const (
	// localFunction is the name under which a process that runs every function
	// speaks of itself.
	localFunction = "local"
	// eventRoute is the route of an invocation that is no HTTP request.
	eventRoute = "event"
	// tellEvery is the pace of a process that lives on between invocations.
	tellEvery = 10 * time.Second
	// farewellBudget is the most that a process that ends spends on its last words.
	farewellBudget = time.Second
)

// account is what a process notes of itself.
type account struct {
	once     sync.Once
	recorder *fault.Recorder
	steady   atomic.Bool // somebody tells what was noted between the invocations
}

// Faults returns the recorder of the process.
func (r *Runtime) Faults() *fault.Recorder {
	r.account.once.Do(func() {
		function := cmp.Or(r.Function, localFunction)
		r.account.recorder = fault.NewRecorder(fault.RecorderOptions{
			Process: function + "-" + rand.Text(), Function: function, RequestID: requestOf, Clock: r.Clock,
		})
	})
	return r.account.recorder
}

// requestOf is the id that log lines carry, or Lambda's where a function has
// not chosen one yet.
func requestOf(ctx context.Context) string {
	if id := telemetry.RequestID(ctx); id != "" {
		return id
	}
	if called, ok := lambdacontext.FromContext(ctx); ok {
		return called.AwsRequestID
	}
	return ""
}

// Tell sends what is noted to the database at a steady pace until stop is
// called, which waits for the last sending to end. It is for a process that
// lives on: invocations then spend nothing on it.
func (r *Runtime) Tell(ctx context.Context) (stop func(), err error) {
	database, err := r.Store(ctx)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	r.account.steady.Store(true)
	go func() {
		defer close(done)
		r.Faults().Every(ctx, tellEvery, database)
	}()
	return func() { cancel(); <-done }, nil
}

// farewell tells the rest, while the database is still open.
func (r *Runtime) farewell() {
	r.mu.Lock()
	database := cmp.Or(r.store, r.answers)
	r.mu.Unlock()
	if database == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), farewellBudget)
	defer cancel()
	_ = r.Faults().Finish(ctx, database) // nobody is left to tell that it failed
}

// observed builds what build builds, with account kept around it.
func observed(function manifest.Function, build Build) Build {
	return func(ctx context.Context, runtime *Runtime) (lambda.Handler, error) {
		handler, err := build(ctx, runtime)
		if err != nil {
			return nil, err
		}
		return runtime.measured(ctx, function.Name, &observer{function: function, handler: handler, runtime: runtime})
	}
}

// observer keeps account of a function's invocations: what failed, how often it
// was asked, how long it took. HTTP requests are counted by their routes, where
// they are answered.
type observer struct {
	function manifest.Function
	handler  lambda.Handler
	runtime  *Runtime
}

// Invoke calls the handler. What is noted is told at the end, when it is time
// for that: on Lambda nothing runs between two invocations.
func (o *observer) Invoke(ctx context.Context, payload []byte) (answer []byte, err error) {
	faults := o.runtime.Faults()
	ctx = fault.WithFunction(ctx, o.function.Name)
	began, returned := time.Now(), false
	defer func() {
		if !returned { // it panics: Lambda ends the process
			err = fault.E("app.Invoke", fault.Internal, "panic", fmt.Errorf("%s panicked", o.function.Name))
		}
		faults.Note(ctx, err)
		if o.answersEvents() {
			faults.Request(ctx, eventRoute, eventStatus(answer, err), time.Since(began))
		}
		o.tell(ctx, faults)
	}()
	answer, err = o.handler.Invoke(ctx, payload)
	returned = true
	return answer, err
}

func (o *observer) answersEvents() bool { return len(o.function.Trigger.Routes) == 0 }

// eventStatus says as HTTP would how an event went. A batch of which messages
// come back has failed, even if others of it have not.
func eventStatus(answer []byte, err error) int {
	var batch events.SQSEventResponse
	switch {
	case err != nil:
		return http.StatusInternalServerError
	case json.Unmarshal(answer, &batch) == nil && len(batch.BatchItemFailures) > 0:
		return http.StatusInternalServerError
	default:
		return http.StatusOK
	}
}

func (o *observer) tell(ctx context.Context, faults *fault.Recorder) {
	if o.runtime.account.steady.Load() {
		return
	}
	open := o.runtime.Answers // the connections that the function has anyway
	if o.answersEvents() {
		open = o.runtime.Store
	}
	// A function without a database has nobody to tell.
	if database, err := open(ctx); err == nil {
		faults.FlushDue(ctx, database, o.answersEvents())
	}
}
