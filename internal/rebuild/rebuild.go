package rebuild

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"go.uber.org/zap"

	"github.com/skyledger/skyledger/internal/fault"
	"github.com/skyledger/skyledger/internal/rawlog"
	"github.com/skyledger/skyledger/internal/reference"
	"github.com/skyledger/skyledger/internal/store"
)

// Log is what is read of the log.
type Log interface {
	Entries(ctx context.Context, from, to time.Time) ([]rawlog.Entry, error)
	Range(ctx context.Context, from, to time.Time) iter.Seq2[rawlog.Record, error]
}

// Places is where the reference data come from that analysis looks things up in.
type Places interface {
	World() (*reference.World, error)
	Airspace(ctx context.Context) (*reference.Airspace, error)
}

// Options are a rebuild's parts and bounds.
type Options struct {
	Log         Log
	Places      Places
	DatabaseURL string
	Password    func(ctx context.Context) (string, error) // as store.Options has it
	Source      string

	Schema      string // the active one; default store.DefaultSchema
	FreshSchema string // the one to fill; default Schema with "_rebuild". What a killed run left of it is dropped

	// Swap puts the fresh schema in the place of the active one at the end;
	// without it, the fresh one stays for the caller to look at and to drop.
	Swap bool
	// Through is the newest snapshot to project; zero is everything, and what
	// comes in meanwhile. Not to be used with Swap.
	Through time.Time
	// AnalyzeThrough is the newest snapshot to analyse; zero is every one that is
	// projected.
	AnalyzeThrough time.Time
	// LoseOlder allows a swap although the database reaches further back than
	// the log does: what is older than the log is lost.
	LoseOlder bool

	SuspiciousTicks int           // as the collector has it
	ChunkDelay      time.Duration // as the cleanup has it

	Progress func(step string, done, total int) // nil is nobody
	Logger   *zap.Logger                        // default: none
}

// Report says what a rebuild did.
type Report struct {
	Records      int // of the log, read
	Snapshots    int // projected
	Rows         int // pilots, controllers, ATIS and prefiles in them
	Positions    int
	Analyzed     int // snapshots
	Movements    int // found in them
	Unreadable   int // records that are damaged, or whose bodies are no snapshots
	ChunkedHours int
	Late         int // snapshots that came behind others during the rebuild, put into their place
	Swapped      bool
	Took         time.Duration
}

// Run rebuilds. Its errors are:
//   - fault.Conflict "rebuild_running" while another one is at work,
//   - fault.Conflict "log_begins_later" when a swap would lose history, see LoseOlder,
//   - fault.Invalid for options that contradict each other,
//   - those of the store and the log.
//
// Whatever the error, the active schema is as it was.
func Run(ctx context.Context, options Options) (Report, error) {
	const op = "rebuild.Run"
	started := time.Now()
	options.Schema = cmp.Or(options.Schema, store.DefaultSchema)
	options.FreshSchema = cmp.Or(options.FreshSchema, options.Schema+"_rebuild")
	options.Logger = cmp.Or(options.Logger, zap.NewNop())
	options.SuspiciousTicks = cmp.Or(options.SuspiciousTicks, 4)
	if options.Schema == options.FreshSchema || options.Swap && !options.Through.IsZero() {
		return Report{}, fault.E(op, fault.Invalid, "options", nil).WithMessage("A rebuild fills a schema of its own, and swaps only a whole one.")
	}
	unlock, err := lock(ctx, options)
	if err != nil {
		return Report{}, err
	}
	defer unlock()
	r := &rebuild{Options: options, unreadable: map[time.Time]bool{}}
	defer r.close()
	if err := r.open(ctx); err != nil {
		return Report{}, err
	}
	// Twice: analysis takes long, and what came in meanwhile is little.
	for range 2 {
		if err := r.fill(ctx); err != nil {
			return r.report, err
		}
		if err := r.analyze(ctx); err != nil {
			return r.report, err
		}
	}
	if options.Swap {
		if err := r.active.SwapSchema(ctx, options.FreshSchema); err != nil {
			return r.report, err
		}
		r.report.Swapped = true
	}
	r.report.Took = time.Since(started)
	return r.report, nil
}

// rebuild is the state of one Run.
type rebuild struct {
	Options
	active     *store.Store
	fresh      *store.Store
	filler     *filler
	unreadable map[time.Time]bool // records that give no snapshot, told once
	report     Report
}

// lockRebuild is the first half of our advisory lock; the second is the fresh
// schema. The store's are 7590001 and 7590002.
const lockRebuild = 7_590_003

const stateLockTimeout = "55P03"

// lock keeps a second rebuild from dropping the schema that this one fills. The
// lock is of a connection and not of a transaction: it is held for minutes.
func lock(ctx context.Context, options Options) (unlock func(), err error) {
	const op = "rebuild.lock"
	config, err := pgx.ParseConfig(options.DatabaseURL)
	if err != nil {
		return nil, fault.E(op, fault.Invalid, "database_url", err).WithMessage("The database's URL cannot be read.")
	}
	config.RuntimeParams["application_name"] = "skyledger rebuild"
	// The server may not have noticed yet that a rebuild before this one was killed.
	config.RuntimeParams["lock_timeout"] = "3s"
	if options.Password != nil {
		if config.Password, err = options.Password(ctx); err != nil {
			return nil, fault.E(op, fault.Unavailable, "secret", err)
		}
	}
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return nil, fault.E(op, fault.Unavailable, "connection", err)
	}
	_, err = conn.Exec(ctx, `SELECT pg_advisory_lock($1, hashtext($2))`, lockRebuild, options.FreshSchema)
	if err == nil {
		return func() { _ = conn.Close(context.Background()) }, nil
	}
	_ = conn.Close(context.Background())
	var answered *pgconn.PgError
	if errors.As(err, &answered) && answered.Code == stateLockTimeout {
		return nil, fault.E(op, fault.Conflict, "rebuild_running", err).WithMessage("Another rebuild is at work on this database.")
	}
	return nil, fault.E(op, fault.Unavailable, "connection", err)
}

// open prepares an empty fresh schema beside the active one.
func (r *rebuild) open(ctx context.Context) error {
	var err error
	if r.active, err = r.store(ctx, r.Schema); err != nil {
		return err
	}
	if err := r.ready(ctx); err != nil {
		return err
	}
	if err := r.refuseLoss(ctx); err != nil {
		return err
	}
	if err := r.active.DropSchema(ctx, r.FreshSchema); err != nil {
		return err
	}
	if err := store.Migrate(ctx, r.DatabaseURL, r.FreshSchema, r.Source); err != nil {
		return err
	}
	r.fresh, err = r.store(ctx, r.FreshSchema)
	return err
}

// ready makes sure of the active schema: the first schema that is migrated in a
// database becomes the one that people see, and that must not be the fresh one.
// One that is there is left alone: migrating it again would wait for everybody
// who reads its views.
func (r *rebuild) ready(ctx context.Context) error {
	err := r.active.Ping(ctx)
	if reason := fault.ReasonOf(err); !r.Swap || reason != "schema_missing" && reason != "schema_outdated" {
		return err
	}
	return store.Migrate(ctx, r.DatabaseURL, r.Schema, r.Source)
}

// store opens a store that is patient: dropping a schema takes its time, and
// the swap waits for people's queries.
func (r *rebuild) store(ctx context.Context, schema string) (*store.Store, error) {
	return store.Open(ctx, store.Options{
		URL: r.DatabaseURL, Password: r.Password, Schema: schema, Source: r.Source,
		ApplicationName: "skyledger rebuild", MaxConns: 1, Logger: r.Logger,
		LockTimeout: 30 * time.Second, StatementTimeout: 10 * time.Minute,
	})
}

func (r *rebuild) close() {
	for _, s := range []*store.Store{r.fresh, r.active} {
		if s != nil {
			s.Close()
		}
	}
}

// refuseLoss refuses to replace a history that the log cannot give back.
func (r *rebuild) refuseLoss(ctx context.Context) error {
	if !r.Swap || r.LoseOlder {
		return nil
	}
	entries, err := r.Log.Entries(ctx, beginningOfTime(), endOfTime())
	if err != nil {
		return err
	}
	begins := endOfTime()
	if len(entries) > 0 {
		begins = entries[0].At
	}
	history, err := r.active.HistoryBegins(ctx)
	if err != nil || history.IsZero() || !history.Before(begins) {
		return err
	}
	return fault.E("rebuild.Run", fault.Conflict, "log_begins_later", nil).WithMessage(fmt.Sprintf(
		"The database reaches back to %s, further than anything in the log: a rebuild would lose that.",
		history.UTC().Format(time.RFC3339)))
}

// beginningOfTime and endOfTime lie around all that a log can hold.
func beginningOfTime() time.Time { return time.Date(1980, 1, 1, 0, 0, 0, 0, time.UTC) }
func endOfTime() time.Time       { return time.Date(9998, 1, 1, 0, 0, 0, 0, time.UTC) }
