package ingest

import (
	"context"
	"time"

	"go.uber.org/zap"
	"golang.org/x/sync/errgroup"

	"github.com/skyledger/skyledger/internal/fault"
	"github.com/skyledger/skyledger/internal/rawlog"
	"github.com/skyledger/skyledger/internal/store"
	"github.com/skyledger/skyledger/internal/vatsim"
)

// arrival is a snapshot that is durable in the log, decoded.
type arrival struct {
	entry    rawlog.Entry
	snapshot *vatsim.Snapshot
	stations []vatsim.Station
}

// receive fetches the tick's bodies and makes them durable. It returns nil and
// sets the report's observation when the tick brought no new snapshot. Its error
// means that a body was received and could not be made durable.
func (r *Recorder) receive(ctx context.Context, tick time.Time, report *Report) (*arrival, error) {
	if !r.begin(tick) {
		// The same message twice: the feed is asked once a tick.
		report.Outcome, report.Reason = store.Unchanged, "duplicate_tick"
		return nil, nil
	}
	if age := r.Clock().Sub(tick); age > r.StaleAfter {
		// A message delivered long after its time: fetching now would record this
		// moment under that tick, and hammer the feed when many come at once.
		report.settle(store.TickRow{Tick: tick, Outcome: store.Missing, Reason: "expired"})
		return nil, nil
	}
	network, transceivers, err := r.fetch(ctx)
	report.fetched = time.Now()
	switch {
	case err != nil:
		outcome := store.Missing
		if vatsim.Malformed(err) {
			outcome = store.Malformed
		}
		report.settle(store.TickRow{Tick: tick, Outcome: outcome, Reason: fault.ReasonOf(err)})
		r.note(ctx, zap.WarnLevel, "no snapshot", err, zap.Time("tick", tick))
		return nil, nil
	case network.NotModified:
		report.settle(store.TickRow{Tick: tick, Outcome: store.Unchanged, Reason: "not_modified", Received: network.Received})
		return nil, nil
	}
	report.Bytes = len(network.Body)
	return r.keep(ctx, tick, network, transceivers, report)
}

// begin says whether this process has yet to do the tick, and notes that it does.
func (r *Recorder) begin(tick time.Time) bool {
	r.ticking.Lock()
	defer r.ticking.Unlock()
	if r.newest.Equal(tick) {
		return false
	}
	r.newest = tick
	return true
}

// retry lets a tick that failed be done again.
func (r *Recorder) retry(tick time.Time) {
	r.ticking.Lock()
	defer r.ticking.Unlock()
	if r.newest.Equal(tick) {
		r.newest = time.Time{}
	}
}

// fetch gets both feeds at once. Radios that cannot be had cost nothing but
// the controllers' positions of this tick.
func (r *Recorder) fetch(ctx context.Context) (network, transceivers vatsim.Fetched, err error) {
	var group errgroup.Group
	group.Go(func() (err error) {
		network, err = r.Feed.Network(ctx)
		return err
	})
	group.Go(func() error {
		fetched, err := r.Feed.Transceivers(ctx)
		if err != nil {
			// A source without radios, as most recordings are, says so every tick.
			if !fault.Is(err, fault.NotFound) {
				r.note(ctx, zap.WarnLevel, "no radios", err)
			}
			return nil
		}
		transceivers = fetched
		return nil
	})
	err = group.Wait()
	return network, transceivers, err
}

// keep decodes the bodies beside their compression and writes them to the log.
// A body is logged once it is known to be a whole snapshot; nothing computed
// from it leaves the process before the log has it.
func (r *Recorder) keep(ctx context.Context, tick time.Time, network, transceivers vatsim.Fetched, report *Report) (*arrival, error) {
	malformed := func(err error) (*arrival, error) {
		report.settle(store.TickRow{
			Tick: tick, Outcome: store.Malformed, Reason: fault.ReasonOf(err),
			Received: network.Received, Bytes: len(network.Body), Hash: network.Hash[:],
		})
		r.note(ctx, zap.WarnLevel, "malformed snapshot", err, zap.Time("tick", tick))
		return nil, nil
	}
	at, err := vatsim.PeekTimestamp(network.Body)
	if err != nil {
		return malformed(err)
	}
	record := rawlog.Record{
		At: at, Tick: tick, Received: network.Received,
		Network: network.Body, Transceivers: transceivers.Body,
	}
	arrived := &arrival{}
	var decodeErr, prepareErr error
	var prepared *rawlog.Prepared
	compressed := make(chan struct{})
	go func() {
		defer close(compressed)
		prepared, prepareErr = r.Log.Prepare(record)
	}()
	arrived.snapshot, decodeErr = vatsim.Decode(network.Body)
	if decodeErr == nil && transceivers.Body != nil {
		arrived.stations = r.decodeStations(ctx, transceivers.Body)
	}
	report.decoded = time.Now()
	<-compressed
	if decodeErr == nil && !arrived.snapshot.UpdateTimestamp.Equal(at) {
		decodeErr = fault.E("ingest.keep", fault.Upstream, "no_timestamp", nil)
	}
	if decodeErr != nil {
		return malformed(decodeErr)
	}
	if prepareErr != nil {
		return nil, prepareErr
	}
	entry, appended, err := r.Log.Commit(ctx, prepared)
	report.logged = time.Now()
	if err != nil {
		return nil, err
	}
	// Radios are asked for in full every time: a record without them would say
	// that they could not be had.
	r.Feed.Confirm(network)
	arrived.entry = entry
	report.Snapshot, report.Stored = at, entry.Stored
	if !appended {
		report.settle(store.TickRow{
			Tick: tick, Outcome: store.Unchanged, Reason: "same_snapshot", Snapshot: at,
			Received: network.Received, Bytes: len(network.Body), Hash: network.Hash[:],
		})
		return nil, nil
	}
	return arrived, nil
}

// decodeStations returns nil for radios that cannot be read: positions stay.
func (r *Recorder) decodeStations(ctx context.Context, body []byte) []vatsim.Station {
	stations, err := vatsim.DecodeStations(body)
	if err != nil {
		r.note(ctx, zap.WarnLevel, "radios cannot be read", err)
		return nil
	}
	return stations
}
