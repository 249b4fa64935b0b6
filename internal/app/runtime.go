package app

import (
	"cmp"
	"context"
	"errors"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
	"go.uber.org/zap"

	"github.com/skyledger/skyledger/internal/access"
	"github.com/skyledger/skyledger/internal/config"
	"github.com/skyledger/skyledger/internal/ingest"
	"github.com/skyledger/skyledger/internal/live"
	"github.com/skyledger/skyledger/internal/query"
	"github.com/skyledger/skyledger/internal/rawlog"
	"github.com/skyledger/skyledger/internal/reference"
	"github.com/skyledger/skyledger/internal/resource"
	"github.com/skyledger/skyledger/internal/store"
	"github.com/skyledger/skyledger/internal/telemetry"
)

// Runtime holds what the functions of one process share: settings, logger,
// clock, and connections that are opened when the first function asks.
type Runtime struct {
	Config config.Config
	Logger *zap.Logger
	Clock  func() time.Time
	// Queue carries the minute's later ticks; nil uses SQS at TICK_QUEUE_URL.
	Queue ingest.Queue
	// Function is the one that the process is for; empty where it runs them all.
	Function string
	// Memory is the live view within this process, shared by its functions.
	Memory *live.Memory
	// Loopback says that only this machine can connect to the API.
	Loopback bool

	account account
	// Lambda is what Lambda says of the process, MemoryMB the function's memory
	// there or in the manifest.
	Lambda   resource.Lambda
	MemoryMB int

	// Grammar parses people's SQL, for the function that runs it alone: see
	// internal/query/grammar.
	Grammar query.Parser

	mu      sync.Mutex
	sandbox *query.Sandbox
	store   *store.Store
	answers *store.Store
	log     *rawlog.Log
	redis   *redis.Client
	reader  *live.Reader
	gate    *access.Gate
	places  *reference.Reader
	metrics map[string]*telemetry.Metrics
	usage   *resource.Recorder
}

// Metrics returns the metrics of a function, the same ones on every call.
func (r *Runtime) Metrics(function string) *telemetry.Metrics {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.metrics == nil {
		r.metrics = map[string]*telemetry.Metrics{}
	}
	if r.metrics[function] == nil {
		r.metrics[function] = telemetry.NewMetrics(r.Logger, function, r.Clock)
	}
	return r.metrics[function]
}

// Store returns the database for those that write. It does not connect: a
// database that is away is an error of the statement, not of the start.
func (r *Runtime) Store(ctx context.Context) (*store.Store, error) {
	return r.opened(ctx, &r.store)
}

// Answers returns the database for those that answer people. Its connections
// are its own: where one process does everything, many or slow answers leave
// the recorder those of Store.
func (r *Runtime) Answers(ctx context.Context) (*store.Store, error) {
	return r.opened(ctx, &r.answers)
}

func (r *Runtime) opened(ctx context.Context, place **store.Store) (*store.Store, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if *place != nil {
		return *place, nil
	}
	password, err := r.databasePassword(ctx)
	if err != nil {
		return nil, err
	}
	*place, err = store.Open(ctx, store.Options{
		URL: r.Config.DatabaseURL, Schema: r.Config.DatabaseSchema, MaxConns: r.poolSize(),
		Source: r.Config.Source, Password: password, Logger: r.Logger, Faults: r.Faults(), Timed: true,
	})
	return *place, err
}

// Log returns the log of bodies.
func (r *Runtime) Log(ctx context.Context) (*rawlog.Log, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.log != nil {
		return r.log, nil
	}
	var err error
	r.log, err = rawlog.OpenURL(ctx, r.Config.LogURL, rawlog.Options{Clock: r.Clock, Logger: r.Logger, Faults: r.Faults()})
	return r.log, err
}

// Redis returns the cache's client. It does not connect.
func (r *Runtime) Redis() (*redis.Client, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.redis != nil {
		return r.redis, nil
	}
	var err error
	r.redis, err = live.Dial(r.Config.RedisURL)
	return r.redis, err
}

// space sets this deployment's keys in Redis apart from others'.
func (r *Runtime) space() string { return cmp.Or(r.Config.RedisPrefix, r.Config.Source) }

// usagePatience is how long a closing process waits for its last figures.
const usagePatience = time.Second

// Close tells what was noted and not told yet, and closes what was opened.
func (r *Runtime) Close() error {
	r.farewell()
	r.mu.Lock()
	defer r.mu.Unlock()
	var failures []error
	if r.usage != nil {
		ctx, cancel := context.WithTimeout(context.Background(), usagePatience)
		defer cancel()
		r.usage.Close(ctx)
	}
	if r.reader != nil {
		r.reader.Close()
	}
	if r.gate != nil {
		r.gate.Close()
	}
	if r.sandbox != nil {
		r.sandbox.Close()
	}
	for _, database := range []*store.Store{r.store, r.answers} {
		if database != nil {
			database.Close()
		}
	}
	if r.log != nil {
		failures = append(failures, r.log.Close())
	}
	if r.redis != nil {
		failures = append(failures, r.redis.Close())
	}
	return errors.Join(failures...)
}
