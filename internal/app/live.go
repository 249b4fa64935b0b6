package app

import (
	"context"
	"time"

	"github.com/skyledger/skyledger/internal/ingest"
	"github.com/skyledger/skyledger/internal/live"
	"github.com/skyledger/skyledger/internal/store"
)

// livePublisher is ingest's live view: it builds each snapshot's view from the
// one before and publishes it.
type livePublisher struct {
	publisher *live.Publisher
	durable   live.Durable
	source    string
	previous  *live.View
}

func newPublisher(ctx context.Context, runtime *Runtime) (*livePublisher, error) {
	database, err := runtime.Store(ctx)
	if err != nil {
		return nil, err
	}
	durable, err := newDurable(ctx, runtime, database)
	if err != nil {
		return nil, err
	}
	client, err := runtime.Redis()
	if err != nil {
		return nil, err
	}
	return &livePublisher{
		publisher: live.NewPublisher(client, runtime.space(), runtime.Memory),
		durable:   durable, source: runtime.Config.Source,
	}, nil
}

func newDurable(ctx context.Context, runtime *Runtime, database *store.Store) (live.Durable, error) {
	log, err := runtime.Log(ctx)
	if err != nil {
		return live.Durable{}, err
	}
	return live.Durable{Head: database.Head, Log: log, Source: runtime.Config.Source, Loads: database.NewestLoads}, nil
}

// Publish shows the snapshot, or keeps showing the last good one while the
// snapshot is held. Ingest calls it from one goroutine at a time.
func (p *livePublisher) Publish(ctx context.Context, current ingest.Current) error {
	if current.Head.HeldCount > 0 {
		return p.publisher.Hold(ctx, current.Snapshot.UpdateTimestamp)
	}
	view, err := p.view(ctx, current)
	if err != nil {
		return err
	}
	p.previous = view
	if current.Before.IsZero() {
		// The database is new: what Redis may still show is another one's.
		if err := p.publisher.Reset(ctx); err != nil {
			return err
		}
	}
	return p.publisher.Publish(ctx, view)
}

// view builds the snapshot's view on the view of the snapshot before it. Where
// that one is not at hand (a new process, a backlog) both come from the log, so
// that the answers are the same whoever renders them.
func (p *livePublisher) view(ctx context.Context, current ingest.Current) (*live.View, error) {
	known := p.previous != nil && p.previous.Snapshot.Equal(current.Before)
	if known || current.Before.IsZero() {
		view := live.Build(current.Snapshot, p.previous, current.Stations, live.Meta{Source: p.source, Received: current.Received})
		p.durable.Weigh(ctx, view)
		return view, nil
	}
	newest, err := p.durable.Newest(ctx, time.Time{})
	return newest.View, err
}
