package live

import (
	"context"
	"time"

	"github.com/skyledger/skyledger/internal/fault"
	"github.com/skyledger/skyledger/internal/rawlog"
	"github.com/skyledger/skyledger/internal/store"
	"github.com/skyledger/skyledger/internal/vatsim"
)

// Records reads the log: the newest record not after a moment.
type Records interface {
	At(ctx context.Context, at time.Time) (rawlog.Record, error)
}

// Durable builds the view that every cache has lost, from what is durable: the
// head in PostgreSQL says which snapshot is shown, the log holds it.
type Durable struct {
	Head   func(ctx context.Context) (store.Head, error)
	Log    Records
	Source string
	Loads  Loads // nil: nothing is known of them
}

// Newest is a Fallback. The snapshot before the newest is read as well, so that
// the answer is the same as the one that ingest published.
func (d Durable) Newest(ctx context.Context, newerThan time.Time) (Newest, error) {
	const op = "live.Durable.Newest"
	head, err := d.Head(ctx)
	if err != nil {
		return Newest{}, err
	}
	believed := head.Snapshot
	if head.HeldCount > 0 {
		believed = head.HeldSince
	}
	newest := Newest{Seen: head.Snapshot}
	if believed.IsZero() || !believed.After(newerThan) {
		return newest, nil
	}
	record, err := d.Log.At(ctx, believed)
	if err != nil {
		return Newest{}, err
	}
	if !record.At.Equal(believed) {
		return Newest{}, fault.E(op, fault.Unavailable, "not_in_log", nil)
	}
	var previous *View
	before, err := d.Log.At(ctx, believed.Add(-time.Microsecond))
	if err == nil && believed.Sub(before.At) <= longestStep {
		// Without it only vertical speeds are unknown.
		previous, _ = viewOf(before, nil, d.Source)
	}
	if newest.View, err = viewOf(record, previous, d.Source); err != nil {
		return newest, err
	}
	d.Weigh(ctx, newest.View)
	return newest, nil
}

// Weigh weighs a view. What cannot be had is not known: the view is shown all
// the same.
func (d Durable) Weigh(ctx context.Context, view *View) {
	if d.Loads == nil {
		return
	}
	if loads, err := d.Loads(ctx); err == nil {
		view.Weigh(loads)
	}
}

func viewOf(record rawlog.Record, previous *View, source string) (*View, error) {
	snapshot, err := vatsim.Decode(record.Network)
	if err != nil {
		return nil, err
	}
	var stations []vatsim.Station
	if record.Transceivers != nil {
		// Radios that cannot be read leave atc_position_id unknown, nothing else.
		stations, _ = vatsim.DecodeStations(record.Transceivers)
	}
	return Build(snapshot, previous, stations, Meta{Source: source, Received: record.Received}), nil
}
