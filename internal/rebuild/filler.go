package rebuild

import (
	"context"
	"errors"
	"time"

	"github.com/skyledger/skyledger/internal/fault"
	"github.com/skyledger/skyledger/internal/projection"
	"github.com/skyledger/skyledger/internal/rawlog"
	"github.com/skyledger/skyledger/internal/store"
	"github.com/skyledger/skyledger/internal/vatsim"
)

// filler moves a store forward, record by record.
type filler struct {
	store           *store.Store
	suspiciousTicks int
	projector       *projection.Projector
}

// filled says what became of a record; reason is "" when it was projected.
type filled struct {
	rows, positions int
	reason          string
}

func newFiller(ctx context.Context, to *store.Store, options Options) (*filler, error) {
	f := &filler{store: to, suspiciousTicks: options.SuspiciousTicks}
	return f, f.load(ctx)
}

func (f *filler) load(ctx context.Context) error {
	state, err := f.store.LoadState(ctx)
	if err != nil {
		return err
	}
	f.projector = projection.New(state, f.suspiciousTicks)
	return nil
}

func (f *filler) head() store.Head { return f.projector.Head() }

// rewind goes back to before a snapshot that must be put into its place.
func (f *filler) rewind(ctx context.Context, snapshot time.Time) error {
	if _, err := f.store.Rewind(ctx, f.head().Version, snapshot.Add(-time.Microsecond)); err != nil {
		return err
	}
	return f.load(ctx)
}

func (f *filler) project(ctx context.Context, entry rawlog.Entry, record rawlog.Record, late bool) (filled, error) {
	snapshot, err := vatsim.Decode(record.Network)
	if err != nil {
		return filled{reason: fault.ReasonOf(err)}, nil
	}
	if !snapshot.UpdateTimestamp.Equal(entry.At) {
		return filled{reason: "other_timestamp"}, nil
	}
	input := projection.Input{Record: entry, Snapshot: snapshot, Outcome: store.Received}
	if late {
		input.Outcome = store.Late
	}
	if record.Transceivers != nil {
		// Radios that cannot be read leave every position as it is.
		input.Stations, _ = vatsim.DecodeStations(record.Transceivers)
	}
	changes, err := f.commit(ctx, input)
	if err != nil {
		return filled{}, err
	}
	row := changes.Snapshot
	return filled{rows: row.Pilots + row.Controllers + row.ATIS + row.Prefiles, positions: row.Pilots}, nil
}

// commit writes what the snapshot changes. Of two sessions whose ids are the
// same hash the second one is refused, as the collector does it.
func (f *filler) commit(ctx context.Context, input projection.Input) (store.Changes, error) {
	changes := f.projector.Project(input)
	err := f.store.Commit(ctx, changes)
	var collision *store.CollisionError
	if !errors.As(err, &collision) {
		return changes, err
	}
	if err := f.load(ctx); err != nil {
		return changes, err
	}
	input.Snapshot = projection.Without(input.Snapshot, collision.Keys)
	changes = f.projector.Project(input)
	return changes, f.store.Commit(ctx, changes)
}
