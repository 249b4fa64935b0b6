package app

import (
	"context"
	"os"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/redis/go-redis/v9"

	"github.com/skyledger/skyledger/internal/advisor"
	"github.com/skyledger/skyledger/internal/api"
	"github.com/skyledger/skyledger/internal/fault"
	"github.com/skyledger/skyledger/internal/live"
	"github.com/skyledger/skyledger/internal/manifest"
	"github.com/skyledger/skyledger/internal/resource"
	"github.com/skyledger/skyledger/internal/resource/machine"
)

// APIPerformance builds the function that answers what the functions use.
func APIPerformance(ctx context.Context, runtime *Runtime) (lambda.Handler, error) {
	monitor, err := runtime.monitor(ctx)
	if err != nil {
		return nil, err
	}
	database, err := runtime.Answers(ctx)
	if err != nil {
		return nil, err
	}
	advice := advisor.New(database, time.Now, runtime.Logger)
	return runtime.serve(ctx, "api-performance", api.Deps{Resources: monitor, Maintenance: advice, Advice: advice})
}

// pinging measures an empty round trip to the cache, with the patience that a
// request has for it. It asks the cache itself: the live view's reader would
// bring the log along.
func pinging(cache *redis.Client) func(context.Context) (time.Duration, error) {
	return func(ctx context.Context) (time.Duration, error) {
		ctx, cancel := context.WithTimeout(ctx, live.Timeout)
		defer cancel()
		began := time.Now()
		if err := cache.Ping(ctx).Err(); err != nil {
			return 0, fault.E("app.pinging", fault.Unavailable, "redis_down", err)
		}
		return time.Since(began), nil
	}
}

// monitor measures this process and reads what the functions used.
func (r *Runtime) monitor(ctx context.Context) (*resource.Monitor, error) {
	database, err := r.Answers(ctx)
	if err != nil {
		return nil, err
	}
	cache, err := r.Redis()
	if err != nil {
		return nil, err
	}
	usage, err := r.Usage(ctx)
	if err != nil {
		return nil, err
	}
	var functions []resource.Function
	for _, row := range manifest.Functions() {
		functions = append(functions, resource.Function{Name: row.Name, MemoryMB: row.Memory, Timeout: row.Timeout, Concurrency: row.Concurrency})
	}
	return resource.NewMonitor(resource.MonitorOptions{
		Functions: functions, Process: resource.NewMeter(),
		Machine: machine.NewMeter(ctx, append(r.disks(), os.TempDir())...),
		Figures: database, Cache: pinging(cache), Usage: usage, Lambda: r.Lambda, Clock: time.Now,
	}), nil
}
