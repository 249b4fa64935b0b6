package app

import (
	"context"

	"github.com/aws/aws-lambda-go/lambda"

	"github.com/skyledger/skyledger/internal/api"
	"github.com/skyledger/skyledger/internal/live"
	"github.com/skyledger/skyledger/internal/resource"
	"github.com/skyledger/skyledger/internal/resource/machine"
)

// APIStatus builds the function that answers how the recorder is doing.
func APIStatus(ctx context.Context, runtime *Runtime) (lambda.Handler, error) {
	return answering(ctx, runtime, "api-status")
}

// APIATC builds the function that answers who controls what.
func APIATC(ctx context.Context, runtime *Runtime) (lambda.Handler, error) {
	return answering(ctx, runtime, "api-atc")
}

// APIFlights builds the function that answers who flies where.
func APIFlights(ctx context.Context, runtime *Runtime) (lambda.Handler, error) {
	return answering(ctx, runtime, "api-flights")
}

// APITraffic builds the function that answers what the network did.
func APITraffic(ctx context.Context, runtime *Runtime) (lambda.Handler, error) {
	return answering(ctx, runtime, "api-traffic")
}

// APIAirports builds the function that answers where airports and FIRs are.
func APIAirports(ctx context.Context, runtime *Runtime) (lambda.Handler, error) {
	return answering(ctx, runtime, "api-airports")
}

// answering builds the handler of a function's operations; more adds what only
// that function has.
func answering(ctx context.Context, runtime *Runtime, function string, more ...func(*api.Deps)) (lambda.Handler, error) {
	database, err := runtime.Answers(ctx)
	if err != nil {
		return nil, err
	}
	log, err := runtime.Log(ctx)
	if err != nil {
		return nil, err
	}
	reader, err := runtime.Reader(ctx)
	if err != nil {
		return nil, err
	}
	places, err := runtime.Places(ctx)
	if err != nil {
		return nil, err
	}
	deps := api.Deps{
		Live: reader, Cache: reader, Ledger: database, History: database, Traffic: database, Controllers: database, Sectors: database,
		Database: database, Log: log, Places: places, Atlas: places,
		Account: database, Health: database, Entries: log, System: runtime.system(ctx),
	}
	for _, add := range more {
		add(&deps)
	}
	return runtime.serve(ctx, function, deps)
}

// serve makes a handler of a function's operations: to what they answer from it
// adds what every one of them has.
func (r *Runtime) serve(ctx context.Context, function string, deps api.Deps) (lambda.Handler, error) {
	gate, err := r.Gate(ctx)
	if err != nil {
		return nil, err
	}
	if deps.Origins, err = r.Config.Origins(); err != nil {
		return nil, err
	}
	deps.Gate, deps.Source = gate, r.Config.Source
	deps.Clock, deps.Logger, deps.Metrics, deps.Faults = r.Clock, r.Logger, r.Metrics(function), r.Faults()
	handler, err := api.New(deps, function)
	if err != nil {
		return nil, err
	}
	return api.Lambda(handler), nil
}

// system measures the process and its machine.
type system struct {
	*resource.Meter
	machine *machine.Meter
}

// Machine returns the machine's figures as they are now.
func (s system) Machine(ctx context.Context) resource.Machine { return s.machine.Machine(ctx) }

func (r *Runtime) system(ctx context.Context) system {
	return system{Meter: resource.NewMeter(), machine: machine.NewMeter(ctx, r.disks()...)}
}

// Reader returns the live view's reader, one for all functions of the process.
func (r *Runtime) Reader(ctx context.Context) (*live.Reader, error) {
	database, err := r.Answers(ctx)
	if err != nil {
		return nil, err
	}
	durable, err := newDurable(ctx, r, database)
	if err != nil {
		return nil, err
	}
	client, err := r.Redis()
	if err != nil {
		return nil, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.reader == nil {
		r.reader = live.NewReader(live.Options{
			Client: client, Space: r.space(), Memory: r.Memory,
			Fallback: durable.Newest, Clock: r.Clock, Logger: r.Logger, Faults: r.Faults(),
		})
	}
	return r.reader, nil
}
