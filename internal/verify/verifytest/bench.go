package verifytest

import (
	"context"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"go.uber.org/zap"

	"github.com/skyledger/skyledger/internal/analyze"
	"github.com/skyledger/skyledger/internal/fault"
	"github.com/skyledger/skyledger/internal/projection"
	"github.com/skyledger/skyledger/internal/provision/pgtest"
	"github.com/skyledger/skyledger/internal/rawlog"
	"github.com/skyledger/skyledger/internal/reference"
	"github.com/skyledger/skyledger/internal/store"
	"github.com/skyledger/skyledger/internal/vatsim"
)

// Source is what the databases of tests record.
const Source = "recorded:story"

// SuspiciousTicks is how many snapshots in a row must agree on a sudden loss.
const SuspiciousTicks = 4

// Bench is a log and a migrated database of one test.
type Bench struct {
	URL   string
	Log   *rawlog.Log
	Store *store.Store
	Conn  *pgx.Conn // to look and to damage with
}

// NewBench returns an empty one.
func NewBench(t testing.TB) *Bench {
	t.Helper()
	ctx := t.Context()
	db := pgtest.New(t)
	must(t, store.Migrate(ctx, db.URL, store.DefaultSchema, Source))
	log, err := rawlog.Open(ctx, rawlog.OpenDir(t.TempDir()), rawlog.Options{})
	must(t, err)
	t.Cleanup(func() { _ = log.Close() })
	database, err := store.Open(ctx, store.Options{URL: db.URL, Schema: store.DefaultSchema, Source: Source})
	must(t, err)
	t.Cleanup(database.Close)
	conn, err := pgx.Connect(ctx, db.URL)
	must(t, err)
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	return &Bench{URL: db.URL, Log: log, Store: database, Conn: conn}
}

// Places are the embedded airports and no FIRs.
func (b *Bench) Places() *reference.Reader {
	return reference.NewReader(reference.ReaderOptions{Clock: time.Now, Logger: zap.NewNop()})
}

// Analyze runs the analysis over what is projected, as a process that has only
// just started.
func (b *Bench) Analyze(t testing.TB) analyze.Report {
	t.Helper()
	report, err := analyze.New(analyze.Options{Log: b.Log, Store: b.Store, Places: b.Places()}).Run(t.Context())
	must(t, err)
	return report
}

// Append writes records to the log alone.
func (b *Bench) Append(t testing.TB, records ...rawlog.Record) {
	t.Helper()
	for _, record := range records {
		_, _, err := b.Log.Append(t.Context(), record)
		must(t, err)
	}
}

// Collect writes records to the log and projects those that are new, in the
// order given. One that is older than the head is put into its place.
func (b *Bench) Collect(t testing.TB, records ...rawlog.Record) {
	t.Helper()
	for _, record := range records {
		_, appended, err := b.Log.Append(t.Context(), record)
		must(t, err)
		if appended {
			b.project(t, record)
		}
	}
}

func (b *Bench) project(t testing.TB, record rawlog.Record) {
	t.Helper()
	ctx := t.Context()
	state, err := b.Store.LoadState(ctx)
	must(t, err)
	if state.Head.Snapshot.Before(record.At) {
		b.commit(t, state, record, store.Received)
		return
	}
	times, err := b.Store.SnapshotTimes(ctx, record.At, state.Head.Snapshot.Add(time.Microsecond))
	must(t, err)
	_, err = b.Store.Rewind(ctx, state.Head.Version, record.At.Add(-time.Microsecond))
	must(t, err)
	for i, at := range append([]time.Time{record.At}, times...) {
		state, err := b.Store.LoadState(ctx)
		must(t, err)
		again, err := b.Log.Get(ctx, at)
		must(t, err)
		outcome := store.Received
		if i == 0 {
			outcome = store.Late
		}
		b.commit(t, state, again, outcome)
	}
}

func (b *Bench) commit(t testing.TB, state store.State, record rawlog.Record, outcome store.Outcome) {
	t.Helper()
	must(t, b.Store.Commit(t.Context(), changes(t, b.Log, state, record, outcome)))
}

func changes(t testing.TB, log *rawlog.Log, state store.State, record rawlog.Record, outcome store.Outcome) store.Changes {
	t.Helper()
	snapshot, err := vatsim.Decode(record.Network)
	must(t, err)
	stations, err := vatsim.DecodeStations(record.Transceivers)
	must(t, err)
	entries, err := log.Entries(t.Context(), record.At, record.At.Add(time.Microsecond))
	must(t, err)
	return projection.New(state, SuspiciousTicks).Project(projection.Input{
		Record: entries[0], Snapshot: snapshot, Stations: stations, Outcome: outcome,
	})
}

// Replay hands every record of the log from a moment on to the log and to the store again, with
// the version the head has, as a run does that lost its reply.
func (b *Bench) Replay(t testing.TB) func(ctx context.Context, from time.Time) error {
	return func(ctx context.Context, from time.Time) error {
		for record, err := range b.Log.Range(ctx, from, time.Now().AddDate(100, 0, 0)) {
			if err != nil {
				return err
			}
			if _, err := vatsim.Decode(record.Network); err != nil {
				continue
			}
			if _, appended, err := b.Log.Append(ctx, record); err != nil || appended {
				t.Errorf("the log took %s again: %v", record.At, err)
			}
			state, err := b.Store.LoadState(ctx)
			if err != nil {
				return err
			}
			err = b.Store.Commit(ctx, changes(t, b.Log, state, record, store.Received))
			if fault.ReasonOf(err) != "already_projected" {
				t.Errorf("the store took %s again: %v", record.At, err)
			}
		}
		return nil
	}
}

// Exec runs a statement on the tables and expects it to change rows.
func (b *Bench) Exec(t testing.TB, statement string, arguments ...any) {
	t.Helper()
	tag, err := b.Conn.Exec(t.Context(), statement, arguments...)
	must(t, err)
	if tag.RowsAffected() == 0 && !tag.Select() && (tag.Insert() || tag.Update() || tag.Delete()) {
		t.Fatalf("no row was changed by: %s", statement)
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
