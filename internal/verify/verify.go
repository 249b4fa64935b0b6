package verify

import (
	"cmp"
	"context"
	"iter"
	"slices"
	"time"

	"github.com/skyledger/skyledger/internal/fault"
	"github.com/skyledger/skyledger/internal/rawlog"
)

// Log is what is read of the log.
type Log interface {
	Entries(ctx context.Context, from, to time.Time) ([]rawlog.Entry, error)
	Range(ctx context.Context, from, to time.Time) iter.Seq2[rawlog.Record, error]
}

// Options say what to check against what.
type Options struct {
	Log    Log
	URL    string // of the database
	Schema string // holds the tables; empty is the role's default. It must be the one that the views show
	Source string // the database must record it; empty takes any

	// From and To bound the snapshots that are checked, From <= at < To. Zero:
	// everything that both the log and the retention have left.
	From, To time.Time
	// RetainPositions and RetainHistory are the settings of the cleanup: what is
	// older than that before the newest snapshot may be gone. 0 keeps everything.
	RetainPositions time.Duration
	RetainHistory   time.Duration

	// Samples is how many snapshots have their plans, frequencies and ATIS
	// compared (R1); default 24, evenly spread.
	Samples int

	// Replay hands the records of the log, those of from and later, to the
	// collector once more and closes the connections it used (I6); nil leaves I6
	// unchecked. Of older ones the retention may have removed what they wrote.
	Replay func(ctx context.Context, from time.Time) error
	// Rebuild fills a fresh schema of that name from all records not after
	// through, analysed through another time (I7); nil leaves I7 unchecked. The
	// schema is dropped afterwards.
	Rebuild func(ctx context.Context, schema string, through, analyzed time.Time) error

	// Progress is told how many snapshots of the log have been compared; nil is
	// nobody.
	Progress func(done, total int)
}

// beginningOfTime and endOfTime lie around all that a log can hold.
func beginningOfTime() time.Time { return time.Date(1980, 1, 1, 0, 0, 0, 0, time.UTC) }
func endOfTime() time.Time       { return time.Date(9998, 1, 1, 0, 0, 0, 0, time.UTC) }

// Run checks every invariant and reports one line for each. All reads of the
// database are of one moment, so that it may run beside a collector; what comes
// after that moment is not looked at. The error is for what kept it from
// checking, never for what it found. Memory is bounded by the largest snapshots
// and the number of members seen, not by the length of the log.
func Run(ctx context.Context, options Options) (Report, error) {
	options.Samples = cmp.Or(options.Samples, 24)
	db, err := openDatabase(ctx, options.URL, options.Schema, options.Source)
	if err != nil {
		return Report{}, err
	}
	defer db.close()
	r := &run{Options: options, db: db}
	if err := r.bounds(ctx); err != nil {
		return Report{}, err
	}
	return r.all(ctx)
}

// run is the state of one Run.
type run struct {
	Options
	db      *database
	entries []rawlog.Entry // of the range, by time
	head    head
	from    time.Time // first snapshot checked, or a moment before it
	through time.Time // last snapshot checked
	logFrom time.Time // where the log begins
	places  time.Time // positions before it may be gone
	names   *names
	ticks   []int64 // of the log's records, seconds since 1970
}

// bounds fixes the range. The database's moment is fixed before the log is
// read: then the log has everything that the database may have.
func (r *run) bounds(ctx context.Context) error {
	var err error
	if r.head, err = r.db.head(ctx); err != nil {
		return err
	}
	entries, err := r.Log.Entries(ctx, beginningOfTime(), endOfTime())
	if err != nil {
		return err
	}
	if len(entries) == 0 {
		return fault.E("verify.Run", fault.NotFound, "empty_log", nil).WithMessage("The log has no records: there is nothing to check against.")
	}
	r.logFrom = entries[0].At
	newest := entries[len(entries)-1].At
	r.from, r.through = r.logFrom, newest
	if newest.After(r.head.snapshot) && !r.head.snapshot.IsZero() {
		caughtUp, err := r.db.reaches(ctx, newest)
		if err != nil {
			return err
		}
		if caughtUp {
			// A collector is at work; what it has committed since is not in view.
			r.through = r.head.snapshot
		}
	}
	if r.RetainHistory > 0 {
		r.from = later(r.from, r.head.snapshot.Add(-r.RetainHistory))
	}
	r.from = later(r.from, r.From)
	if !r.To.IsZero() && !r.To.After(r.through) {
		r.through = r.To.Add(-time.Microsecond)
	}
	if r.RetainPositions > 0 {
		r.places = r.head.snapshot.Add(-r.RetainPositions)
	}
	r.entries = slices.DeleteFunc(entries, func(e rawlog.Entry) bool { return e.At.Before(r.from) || e.At.After(r.through) })
	return nil
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// all runs the checks. Those that write come last, once everything has been
// read that must be of one moment.
func (r *run) all(ctx context.Context) (Report, error) {
	r.names = newNames()
	compared, err := r.compare(ctx)
	if err != nil {
		return Report{}, err
	}
	report := Report{Lines: compared.lines()}
	steps := []func(context.Context) (Line, error){
		func(ctx context.Context) (Line, error) { return r.openSessions(ctx, compared.newest) },
		r.ledger, r.replay, r.recompute, r.privacy,
	}
	for _, step := range steps {
		line, err := step(ctx)
		if err != nil {
			return report, err
		}
		report.Lines = append(report.Lines, line)
	}
	report.Lines = append(report.Lines, compared.revisions.result())
	slices.SortStableFunc(report.Lines, func(a, b Line) int { return cmp.Compare(rank(a.Name), rank(b.Name)) })
	return report, nil
}

// rank orders the lines: invariants, revisions, privacy.
func rank(name string) string {
	return map[byte]string{'I': "1", 'R': "2", 'P': "3"}[name[0]] + name
}
