package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"go.uber.org/zap"

	"github.com/skyledger/skyledger/internal/analyze"
	"github.com/skyledger/skyledger/internal/feedserver"
	"github.com/skyledger/skyledger/internal/ingest"
	"github.com/skyledger/skyledger/internal/projection"
	"github.com/skyledger/skyledger/internal/provision"
	"github.com/skyledger/skyledger/internal/rawlog"
	"github.com/skyledger/skyledger/internal/reference"
	"github.com/skyledger/skyledger/internal/simulator"
	"github.com/skyledger/skyledger/internal/store"
	"github.com/skyledger/skyledger/internal/telemetry"
	"github.com/skyledger/skyledger/internal/vatsim"
)

// sourceName labels what the bench records.
const sourceName = "simulated"

// scene is the bodies of one simulated moment, served to the recorder.
type scene struct {
	world   *simulator.Simulator
	current feedserver.Body
}

// show renders the world at a moment.
func (s *scene) show(at time.Time) {
	network, transceivers := s.world.At(at)
	timestamp, err := vatsim.PeekTimestamp(network)
	if err != nil {
		timestamp = at
	}
	s.current = feedserver.Body{At: timestamp, Network: network, Transceivers: transceivers}
}

// Current is what the feed server serves.
func (s *scene) Current() (feedserver.Body, bool) { return s.current, true }

// recorderParts are a recorder on real parts.
type recorderParts struct {
	recorder *ingest.Recorder
	analyst  *analyze.Runner
	store    *store.Store
	log      *rawlog.Log
	metrics  *telemetry.Metrics
	now      time.Time
}

// noLive stands where the live view would: what is timed ends at the commit.
type noLive struct{}

func (noLive) Publish(context.Context, ingest.Current) error { return nil }

type noQueue struct{}

func (noQueue) Later(context.Context, time.Time, time.Duration) error { return nil }

// newRecorder makes a recorder of the feed at the address, on the database and
// a log in the directory.
func newRecorder(ctx context.Context, feedURL, databaseURL, logDir string) (*recorderParts, error) {
	parts := &recorderParts{}
	clock := func() time.Time { return parts.now }
	database, err := store.Open(ctx, store.Options{URL: databaseURL, Source: sourceName})
	if err != nil {
		return nil, err
	}
	parts.store = database
	if parts.log, err = rawlog.Open(ctx, rawlog.OpenDir(logDir), rawlog.Options{Clock: clock}); err != nil {
		return nil, err
	}
	parts.metrics = telemetry.NewMetrics(zap.NewNop(), "bench", clock)
	parts.recorder = ingest.New(ingest.Options{
		Feed: vatsim.NewClient(vatsim.ClientOptions{
			StatusURL: feedURL, Clock: clock,
			// Ten times the network is more than the cap that protects from faults.
			MaxWire: 64 << 20, MaxBody: 128 << 20,
		}),
		Log: parts.log, Store: database, Live: noLive{}, Queue: noQueue{}, Clock: clock,
		Logger: zap.NewNop(), Metrics: parts.metrics,
		BacklogPerRun: 240, RewindLimit: 240, SuspiciousTicks: 4,
	})
	parts.analyst = analyze.New(analyze.Options{Log: parts.log, Store: database, Places: reference.NewReader(reference.ReaderOptions{
		Shelf: database, Clock: time.Now, Logger: zap.NewNop(),
	})})
	return parts, nil
}

// analyze takes what is recorded and not analysed.
func (p *recorderParts) analyze(ctx context.Context) error {
	_, err := p.analyst.Run(ctx)
	return err
}

// tick records the moment and says whether it brought a new snapshot: the feed
// repeats itself now and then, and so does the simulated one.
func (p *recorderParts) tick(ctx context.Context, at time.Time) (projected bool, err error) {
	p.now = at
	report, err := p.recorder.Tick(ctx, projection.TickOf(at))
	switch {
	case err != nil:
		return false, err
	case report.Projected == 1:
		return true, nil
	case report.Outcome == store.Unchanged:
		return false, nil
	}
	return false, fmt.Errorf("a tick projected %d snapshots: %s %s %s", report.Projected, report.Outcome, report.Reason, report.Delayed)
}

func (p *recorderParts) close() error {
	p.store.Close()
	return p.log.Close()
}

// bench is a PostgreSQL server and a feed server with directories of their own.
type bench struct {
	dir      string
	postgres *provision.PostgresServer
	scene    *scene
	feed     *feedserver.Server
}

func newBench(ctx context.Context, aircraft int) (*bench, error) {
	dir, err := os.MkdirTemp("", "skyledger-bench-")
	if err != nil {
		return nil, err
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		return nil, err
	}
	world, err := simulator.New(simulator.Options{Seed: 1, Aircraft: aircraft})
	if err != nil {
		return nil, err
	}
	b := &bench{dir: dir, scene: &scene{world: world}}
	b.feed = feedserver.New(b.scene, feedserver.Options{})
	if err := b.feed.Start("127.0.0.1:0"); err != nil {
		return nil, errors.Join(err, b.close(ctx))
	}
	// A checkpoint within the measurement would charge whole pages to whoever
	// writes next.
	b.postgres, err = provision.Postgres(ctx, provision.PostgresOptions{
		DataDir:  filepath.Join(dir, "postgres"),
		Settings: map[string]string{"checkpoint_timeout": "1h", "max_wal_size": "8GB"},
	})
	if err != nil {
		return nil, errors.Join(err, b.close(ctx))
	}
	return b, nil
}

// show puts a moment on the feed and asks for it once: rendering and the feed
// server's own compression are the outside world's work, not the tick's.
func (b *bench) show(ctx context.Context, at time.Time) error {
	b.scene.show(at)
	client := vatsim.NewClient(vatsim.ClientOptions{StatusURL: b.feed.StatusURL(), MaxWire: 64 << 20, MaxBody: 128 << 20})
	defer client.Close()
	if _, err := client.Network(ctx); err != nil {
		return err
	}
	_, err := client.Transceivers(ctx)
	return err
}

// database makes and migrates a database.
func (b *bench) database(ctx context.Context, name string) (string, error) {
	if err := b.postgres.EnsureDatabase(ctx, name); err != nil {
		return "", err
	}
	url := b.postgres.URL(name)
	return url, store.Migrate(ctx, url, "", sourceName)
}

func (b *bench) close(ctx context.Context) error {
	var failures []error
	if b.postgres != nil {
		failures = append(failures, b.postgres.Stop(ctx))
	}
	failures = append(failures, b.feed.Close(), os.RemoveAll(b.dir))
	return errors.Join(failures...)
}
