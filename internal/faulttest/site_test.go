package faulttest

import (
	"context"
	"time"

	"github.com/redis/go-redis/v9"
	"go.uber.org/zap"

	"github.com/skyledger/skyledger/internal/analyze"
	"github.com/skyledger/skyledger/internal/fault"
	"github.com/skyledger/skyledger/internal/ingest"
	"github.com/skyledger/skyledger/internal/live"
	"github.com/skyledger/skyledger/internal/rawlog"
	"github.com/skyledger/skyledger/internal/store"
	"github.com/skyledger/skyledger/internal/telemetry"
	"github.com/skyledger/skyledger/internal/vatsim"
)

// site says where things are and how long they may take. It can be told to
// another process as JSON.
type site struct {
	DatabaseURL, StatusURL, LogDir, RedisURL string
	QueryURL                                 string // as the role of people's SQL; may be empty
	ReferenceDir                             string // VAT-Spy's files; may be empty

	Timeout, Stall   time.Duration // of a fetch
	Attempts         int           // of a fetch
	BreakerDelay     time.Duration
	LockTimeout      time.Duration // of a statement
	BacklogPerRun    int
	RewindLimit      int
	SuspiciousTicks  int
	DatabasePoolSize int32
	NetworkURL       string // while status.json cannot be read

	logger   *zap.Logger
	password func(ctx context.Context) (string, error)
	feed     func(*vatsim.ClientOptions) // changes the client; may be nil
	storage  func(rawlog.Storage) rawlog.Storage
}

func defaultSite(statusURL, logDir string) site {
	return site{
		StatusURL: statusURL, LogDir: logDir,
		Timeout: 10 * time.Second, Stall: 3 * time.Second, Attempts: 2, BreakerDelay: 100 * time.Millisecond,
		LockTimeout: 3 * time.Second, BacklogPerRun: 240, RewindLimit: 240, SuspiciousTicks: 4, DatabasePoolSize: 2,
		logger: zap.NewNop(),
	}
}

// parts are a process's: what a cold start opens.
type parts struct {
	recorder *ingest.Recorder
	analyst  *analyze.Runner
	feed     *vatsim.Client
	policy   *fault.Policy
	log      *rawlog.Log
	store    *store.Store
	redis    *redis.Client // nil without a cache
	metrics  *telemetry.Metrics
}

// open opens the parts and puts the recorder together; adapt may wrap them.
func (s site) open(ctx context.Context, now func() time.Time, adapt func(*ingest.Options)) (*parts, error) {
	policy := fault.FeedPolicy()
	policy.Attempts, policy.Backoff, policy.MaxBackoff, policy.Breaker.Delay = s.Attempts, time.Millisecond, 10*time.Millisecond, s.BreakerDelay
	p := &parts{policy: fault.NewPolicy(policy), metrics: telemetry.NewMetrics(s.logger, "ingest", now)}
	client := vatsim.ClientOptions{
		StatusURL: s.StatusURL, NetworkURL: s.NetworkURL, Timeout: s.Timeout, Stall: s.Stall,
		Policy: p.policy, Clock: now, Logger: s.logger,
	}
	if s.feed != nil {
		s.feed(&client)
	}
	p.feed = vatsim.NewClient(client)
	var err error
	if p.log, err = s.openLog(ctx); err != nil {
		return nil, err
	}
	p.store, err = store.Open(ctx, store.Options{
		URL: s.DatabaseURL, Source: source, Password: s.password, MaxConns: s.DatabasePoolSize,
		LockTimeout: s.LockTimeout, Logger: s.logger,
	})
	if err != nil {
		return nil, err
	}
	view := &liveView{}
	if s.RedisURL != "" {
		if p.redis, err = live.Dial(s.RedisURL); err != nil {
			return nil, err
		}
		view.publisher = live.NewPublisher(p.redis, source, nil)
	}
	options := ingest.Options{
		Feed: p.feed, Log: p.log, Store: p.store, Live: view, Queue: noQueue{}, Clock: now, Logger: s.logger, Metrics: p.metrics,
		BacklogPerRun: s.BacklogPerRun, RewindLimit: s.RewindLimit, SuspiciousTicks: s.SuspiciousTicks,
	}
	if adapt != nil {
		adapt(&options)
	}
	p.recorder = ingest.New(options)
	p.analyst = analyze.New(analyze.Options{Log: p.log, Store: p.store, Places: places(), Logger: s.logger})
	return p, nil
}

func (p *parts) close() {
	p.feed.Close()
	p.store.Close()
	_ = p.log.Close()
	if p.redis != nil {
		_ = p.redis.Close()
	}
}

// liveView publishes to Redis where the scenario has one.
type liveView struct {
	publisher *live.Publisher
	previous  *live.View
}

func (v *liveView) Publish(ctx context.Context, current ingest.Current) error {
	if v.publisher == nil {
		return nil
	}
	if current.Head.HeldCount > 0 {
		return v.publisher.Hold(ctx, current.Snapshot.UpdateTimestamp)
	}
	v.previous = live.Build(current.Snapshot, v.previous, current.Stations, live.Meta{Source: source, Received: current.Received})
	return v.publisher.Publish(ctx, v.previous)
}

// noQueue takes no ticks: scenarios do each by themselves.
type noQueue struct{}

func (noQueue) Later(context.Context, time.Time, time.Duration) error { return nil }

func (s site) openLog(ctx context.Context) (*rawlog.Log, error) {
	var storage rawlog.Storage = rawlog.OpenDir(s.LogDir)
	if s.storage != nil {
		storage = s.storage(storage)
	}
	return rawlog.Open(ctx, storage, rawlog.Options{Logger: s.logger})
}
