package app

import (
	"context"
	"time"

	"go.uber.org/zap"

	"github.com/skyledger/skyledger/internal/ingest"
	"github.com/skyledger/skyledger/internal/projection"
	"github.com/skyledger/skyledger/internal/rawlog"
	"github.com/skyledger/skyledger/internal/telemetry"
	"github.com/skyledger/skyledger/internal/vatsim"
)

// Replay hands every record of the log from a moment on to a recorder once more,
// as if the feed served it again at its time. Nothing may change by that, where
// retention has left what they wrote.
func Replay(ctx context.Context, runtime *Runtime, from time.Time) error {
	database, err := runtime.Store(ctx)
	if err != nil {
		return err
	}
	log, err := runtime.Log(ctx)
	if err != nil {
		return err
	}
	feed := &again{}
	settings := runtime.Config
	recorder := ingest.New(ingest.Options{
		Feed: feed, Log: log, Store: database, Live: nobody{}, Queue: nobody{},
		Clock: func() time.Time { return feed.record.Received }, Logger: zap.NewNop(),
		Metrics:       telemetry.NewMetrics(zap.NewNop(), "replay", runtime.Clock),
		BacklogPerRun: settings.BacklogPerRun, RewindLimit: settings.RewindLimit, SuspiciousTicks: settings.SuspiciousTicks,
		// A record of the backlog may have come long after its tick.
		StaleAfter: projection.LongestAbsence,
	})
	for record, err := range log.Range(ctx, from, endOfTime) {
		if err != nil {
			return err
		}
		feed.record = record
		if _, err := recorder.Tick(ctx, record.Tick); err != nil {
			return err
		}
	}
	return nil
}

// endOfTime is later than any snapshot.
var endOfTime = time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)

// again is a feed that serves one record of the log.
type again struct{ record rawlog.Record }

func (a *again) Network(context.Context) (vatsim.Fetched, error) {
	return vatsim.Fetched{Body: a.record.Network, Received: a.record.Received}, nil
}

func (a *again) Transceivers(context.Context) (vatsim.Fetched, error) {
	return vatsim.Fetched{Body: a.record.Transceivers, Received: a.record.Received}, nil
}

func (a *again) Confirm(vatsim.Fetched) {}

// nobody looks at the live view of a replay, and nothing is queued by one.
type nobody struct{}

func (nobody) Publish(context.Context, ingest.Current) error         { return nil }
func (nobody) Later(context.Context, time.Time, time.Duration) error { return nil }
