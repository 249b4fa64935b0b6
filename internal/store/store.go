package store

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/jackc/pgx/v5/pgxpool"
	"go.uber.org/zap"

	"github.com/skyledger/skyledger/internal/fault"
)

// Store is the product's PostgreSQL. Its methods may be called from several
// goroutines at once; their errors carry a fault class.
type Store struct {
	pool    *pgxpool.Pool
	options Options
	secret  *Password
	policy  *fault.Policy
	saver   *saver // nil where statements are not timed
}

// Options say which database to use, and how.
type Options struct {
	URL string // postgres://…

	// Schema holds the tables. Empty is the one that Migrate made the default
	// for the role; a rebuild names the fresh one it fills.
	Schema string

	// Source is the feed the database must record; empty takes any.
	Source string

	// Password reads the current password from where it is kept. It is called
	// for the first connection and again when a login is refused. nil takes
	// what URL says.
	Password func(ctx context.Context) (string, error)

	ApplicationName  string        // as pg_stat_activity shows it; default "skyledger"
	MaxConns         int32         // default 2
	AcquireTimeout   time.Duration // longest wait for a connection; default 5 s
	LockTimeout      time.Duration // longest wait of a statement for a lock; default 3 s
	StatementTimeout time.Duration // longest statement of a transaction; default 30 s

	// Timed times every statement and keeps the figures in the database.
	Timed bool

	Logger *zap.Logger     // default: none
	Faults *fault.Recorder // nil: nobody keeps account
}

// Open returns a store. It does not connect: a collector starts, and logs what
// it receives, while its database is down. Every new connection is checked
// before its first use; a schema that is older than this program, or of another
// source, is refused with an error that says so. Ping checks at once.
func Open(ctx context.Context, options Options) (*Store, error) {
	const op = "store.Open"
	options.ApplicationName = cmp.Or(options.ApplicationName, "skyledger")
	options.MaxConns = cmp.Or(options.MaxConns, 2)
	options.AcquireTimeout = cmp.Or(options.AcquireTimeout, 5*time.Second)
	options.LockTimeout = cmp.Or(options.LockTimeout, 3*time.Second)
	options.StatementTimeout = cmp.Or(options.StatementTimeout, 30*time.Second)
	options.Logger = cmp.Or(options.Logger, zap.NewNop())

	config, err := pgxpool.ParseConfig(options.URL)
	if err != nil {
		return nil, fault.E(op, fault.Invalid, "database_url", err).WithMessage("The database's URL cannot be read.")
	}
	latest, err := latestMigrations()
	if err != nil {
		return nil, err
	}
	s := &Store{options: options, secret: NewPassword(options.Password), policy: options.Faults.Policy(fault.PostgresPolicy(repeatable))}
	connection := config.ConnConfig
	// Describing a statement once per connection, without preparing it, leaves
	// no state on the server: connections may go through a proxy.
	connection.DefaultQueryExecMode = pgx.QueryExecModeCacheDescribe
	connection.RuntimeParams["application_name"] = options.ApplicationName
	if options.Schema != "" {
		connection.RuntimeParams["search_path"] = pgx.Identifier{options.Schema}.Sanitize()
	}
	connection.ConnectTimeout = cmp.Or(connection.ConnectTimeout, options.AcquireTimeout)
	if options.Timed {
		s.saver = newSaver(options.Logger, s.saveTimings)
		connection.Tracer = s.saver
	}
	config.MaxConns = options.MaxConns
	config.BeforeConnect = s.secret.Apply
	config.AfterConnect = func(ctx context.Context, conn *pgx.Conn) error {
		registerTypes(conn.TypeMap())
		return checkSchema(ctx, conn, latest, options.Source)
	}
	if s.pool, err = pgxpool.NewWithConfig(ctx, config); err != nil {
		return nil, classify(op, err)
	}
	return s, nil
}

// Close closes every connection, waiting for those in use. Timings that the
// database does not know yet are told before, if it takes them at once.
func (s *Store) Close() {
	s.saver.finish()
	s.pool.Close()
}

// Ping connects, where nobody has yet, and with that checks the schema.
func (s *Store) Ping(ctx context.Context) error {
	return s.use(ctx, "store.Ping", func(ctx context.Context, conn *pgx.Conn) error {
		return conn.Ping(ctx)
	})
}

// checkSchema refuses a connection to a database that this program cannot work
// with. A schema that is newer than the program is fine: migrations only add.
func checkSchema(ctx context.Context, conn *pgx.Conn, latest needed, wanted string) error {
	const op = "store.checkSchema"
	exists, keptExists, err := schemasThere(ctx, conn)
	if err == nil && !exists {
		// A swap that commits while a name is looked up makes it look in the
		// schema that is gone. Asked again, it finds the one that took its place.
		exists, keptExists, err = schemasThere(ctx, conn)
	}
	if err != nil {
		return classify(op, err)
	}
	if !exists {
		return fault.E(op, fault.Unavailable, "schema_missing", nil).
			WithMessage("The database has no tables yet: run migrate.")
	}
	var found needed
	var source *string
	if keptExists {
		err = conn.QueryRow(ctx, `
			SELECT (SELECT max(version_id) FROM `+versionTable+` WHERE is_applied),
			       (SELECT max(version_id) FROM `+KeptSchema+`.`+versionTable+` WHERE is_applied),
			       (SELECT name FROM source)`).Scan(&found.tables, &found.kept, &source)
	}
	switch {
	case err != nil:
		return classify(op, err)
	case found.tables < latest.tables || found.kept < latest.kept:
		return fault.E(op, fault.Unavailable, "schema_outdated", fmt.Errorf("schema versions %+v, need %+v", found, latest)).
			WithMessage("The database's tables are older than this program: run migrate.")
	case wanted != "" && (source == nil || *source != wanted):
		return otherSource(op, source, wanted)
	}
	return nil
}

func schemasThere(ctx context.Context, conn *pgx.Conn) (tables, kept bool, err error) {
	err = conn.QueryRow(ctx, `
		SELECT to_regclass('`+versionTable+`') IS NOT NULL AND to_regclass('source') IS NOT NULL,
		       to_regclass('`+KeptSchema+`.`+versionTable+`') IS NOT NULL`).Scan(&tables, &kept)
	return tables, kept, err
}

func otherSource(op string, source *string, wanted string) error {
	records := "nothing yet"
	if source != nil {
		records = *source
	}
	return fault.E(op, fault.Conflict, "other_source", fmt.Errorf("database records %q, not %q", records, wanted)).
		WithMessage(fmt.Sprintf("This database records the source %q, not %q: give each source its own database.", records, wanted))
}

// registerTypes makes times come back in UTC, as they are everywhere else.
func registerTypes(types *pgtype.Map) {
	utc := &pgtype.Type{Name: "timestamptz", OID: pgtype.TimestamptzOID, Codec: &pgtype.TimestamptzCodec{ScanLocation: time.UTC}}
	types.RegisterType(utc)
	types.RegisterType(&pgtype.Type{Name: "_timestamptz", OID: pgtype.TimestamptzArrayOID, Codec: &pgtype.ArrayCodec{ElementType: utc}})
}
