package query

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"
	"github.com/jackc/pgx/v5/pgxpool"
	"go.uber.org/zap"

	"github.com/skyledger/skyledger/internal/fault"
	"github.com/skyledger/skyledger/internal/store"
)

// Sandbox runs people's statements on connections of its own. Its methods may
// be called from several goroutines at once.
type Sandbox struct {
	options    Options
	pool       *pgxpool.Pool
	secret     *store.Password
	slots      chan struct{}
	catalogues catalogues
}

// Options say where people's statements run, and how far they may go. The
// defaults are config's.
type Options struct {
	URL string // of the query role; empty answers every statement with how to set it
	// Password reads the role's password from where it is kept, for the first
	// connection and after a refused login; nil takes what URL says.
	Password func(ctx context.Context) (string, error)

	Parser Parser

	Limits  Limits
	Running int           // statements at once; default 2
	Wait    time.Duration // longest wait for one of them to end; default 2 s

	Clock  func() time.Time
	Logger *zap.Logger // default: none
}

// Limits are the third wall.
type Limits struct {
	Cost  float64       // planner's estimate, in its units; default 50 million
	Rows  int           // default 10,000
	Bytes int           // of the answer as JSON; default 2,900,000
	Time  time.Duration // of the whole statement; default 20 s
}

func (l Limits) orDefaults() Limits {
	return Limits{
		Cost: cmp.Or(l.Cost, 50e6), Rows: cmp.Or(l.Rows, 10_000),
		Bytes: cmp.Or(l.Bytes, 2_900_000), Time: cmp.Or(l.Time, 20*time.Second),
	}
}

// Open returns a sandbox. It does not connect.
func Open(options Options) (*Sandbox, error) {
	const op = "query.Open"
	options.Limits = options.Limits.orDefaults()
	options.Running = cmp.Or(options.Running, 2)
	options.Wait = cmp.Or(options.Wait, 2*time.Second)
	options.Logger = cmp.Or(options.Logger, zap.NewNop())
	if options.Clock == nil {
		options.Clock = time.Now
	}
	s := &Sandbox{
		options: options, slots: make(chan struct{}, options.Running),
		secret: store.NewPassword(options.Password), catalogues: catalogues{clock: options.Clock},
	}
	if options.URL == "" {
		return s, nil
	}
	config, err := pgxpool.ParseConfig(options.URL)
	if err != nil {
		return nil, fault.E(op, fault.Invalid, "query_database_url", nil).WithMessage("QUERY_DATABASE_URL cannot be read.")
	}
	connection := config.ConnConfig
	connection.DefaultQueryExecMode = pgx.QueryExecModeExec
	connection.RuntimeParams["application_name"] = "skyledger query"
	connection.ConnectTimeout = cmp.Or(connection.ConnectTimeout, 5*time.Second)
	// One message from the server is one row: a value made huge must not be
	// taken into memory before its size is seen.
	build := connection.BuildFrontend
	connection.BuildFrontend = func(r io.Reader, w io.Writer) *pgproto3.Frontend {
		frontend := build(r, w)
		frontend.SetMaxBodyLen(largestMessage)
		return frontend
	}
	config.MaxConns = int32(options.Running)
	config.MinConns = 0
	config.BeforeConnect = s.secret.Apply
	if s.pool, err = pgxpool.NewWithConfig(context.Background(), config); err != nil {
		return nil, fault.E(op, fault.Internal, "pool", err)
	}
	return s, nil
}

// largestMessage bounds one row on its way here; a larger one ends the
// connection. It is above every limit on an answer that makes sense, for then
// the answer can say that it was cut.
const largestMessage = 16 << 20

// Close closes every connection, waiting for those in use.
func (s *Sandbox) Close() {
	if s.pool != nil {
		s.pool.Close()
	}
}

// Limits returns those in force.
func (s *Sandbox) Limits() Limits { return s.options.Limits }

// Pool returns the figures of the pool: open connections, of them in use, and
// the most there may be.
func (s *Sandbox) Pool() (open, inUse, most int32) {
	if s.pool == nil {
		return 0, 0, int32(s.options.Running)
	}
	stat := s.pool.Stat()
	return stat.TotalConns(), stat.AcquiredConns(), stat.MaxConns()
}

// Run runs one statement and returns its rows, cut where a limit says so. What
// the caller did wrong is an error with a *Refusal in its chain; a sandbox that
// is busy is fault.Throttled, a database that is away fault.Unavailable.
func (s *Sandbox) Run(ctx context.Context, text string) (*Answer, error) {
	const op = "query.Run"
	tree, err := s.options.Parser.parse(text)
	if err != nil {
		return nil, refused(op, err)
	}
	if s.pool == nil {
		return nil, fault.E(op, fault.Unavailable, "query_role", nil).
			WithMessage("SQL for people is not set up: set QUERY_DATABASE_URL to the address of the role skyledger_query, which migrate makes.")
	}
	release, err := s.turn(ctx)
	if err != nil {
		return nil, err
	}
	defer release()

	limits := s.options.Limits
	began := s.options.Clock()
	// The server's own timeout comes first and says so; this one is for a
	// server that does not answer.
	ctx, cancel := context.WithTimeout(ctx, limits.Time+3*time.Second)
	defer cancel()
	var answer *Answer
	err = s.connected(ctx, func(conn *pgxpool.Conn) error {
		statement, err := s.check(ctx, conn.Conn(), text, tree)
		if err != nil {
			return err
		}
		answer, err = s.execute(ctx, conn.Conn(), statement)
		return err
	})
	if err != nil {
		return nil, classify(op, err, limits)
	}
	answer.Took = s.options.Clock().Sub(began)
	return answer, nil
}

// turn waits for one of the places in which statements run.
func (s *Sandbox) turn(ctx context.Context) (func(), error) {
	timer := time.NewTimer(s.options.Wait)
	defer timer.Stop()
	select {
	case s.slots <- struct{}{}:
		return func() { <-s.slots }, nil
	case <-timer.C:
		return nil, fault.E("query.turn", fault.Throttled, "query_busy", nil).
			WithMessage(fmt.Sprintf("%d statements are running, which is as many as may: try again in a moment.", s.options.Running)).
			WithRetryAfter(5 * time.Second)
	case <-ctx.Done():
		return nil, fault.E("query.turn", fault.ClassOf(ctx.Err()), "canceled", ctx.Err())
	}
}

// connected runs work on a connection of the pool, once more after a refused
// login where the password may have changed.
func (s *Sandbox) connected(ctx context.Context, work func(conn *pgxpool.Conn) error) error {
	conn, err := s.pool.Acquire(ctx)
	if err != nil && sqlstate(err) == stateLoginRefused && s.secret.Forget() {
		conn, err = s.pool.Acquire(ctx)
	}
	if err != nil {
		return err
	}
	defer conn.Release()
	return work(conn)
}

// check asks the first wall, with a fresh catalogue where the one at hand may
// not know a new view yet.
func (s *Sandbox) check(ctx context.Context, conn *pgx.Conn, text string, tree object) (Statement, error) {
	known, err := s.catalogues.get(ctx, conn, lifetime)
	if err != nil {
		return Statement{}, err
	}
	statement, refusal := checkTree(text, tree, known)
	if refusal == nil {
		return statement, nil
	}
	if known, err = s.catalogues.get(ctx, conn, soonest); err != nil {
		return Statement{}, err
	}
	return checkTree(text, tree, known)
}

// execute runs a statement in a transaction that only reads and is undone.
func (s *Sandbox) execute(ctx context.Context, conn *pgx.Conn, statement Statement) (answer *Answer, err error) {
	server := conn.PgConn()
	if _, err := server.Exec(ctx, s.begin()).ReadAll(); err != nil {
		return nil, err
	}
	defer func() {
		// A connection whose transaction cannot be ended is not used again.
		ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		if errors.Is(err, errEnough) {
			err = nil
			_ = server.Close(ending) // there are rows on their way that nobody wants
			return
		}
		if _, failed := server.Exec(ending, `ROLLBACK`).ReadAll(); failed != nil {
			_ = server.Close(ending)
		}
	}()
	estimate, err := s.estimate(ctx, conn, statement)
	if err != nil {
		return nil, err
	}
	answer = &Answer{Query: statement.Text, Estimate: estimate}
	return answer, placed(fetch(ctx, server, answer, s.options.Limits), statement.Text, declare)
}

// begin is one message. Everything is local to the transaction: connections may
// be shared by a proxy. What the role has as its settings is said again here,
// for a database whose role could not be given them. cursor_tuple_fraction
// makes a cursor be planned as the statement it is.
func (s *Sandbox) begin() string {
	milliseconds := s.options.Limits.Time.Milliseconds()
	return fmt.Sprintf(`BEGIN READ ONLY; SET LOCAL statement_timeout = %d; SET LOCAL idle_in_transaction_session_timeout = %d;
SET LOCAL lock_timeout = 1000; SET LOCAL search_path = skyledger, pg_catalog, pg_temp; SET LOCAL standard_conforming_strings = on;
SET LOCAL TimeZone = 'UTC'; SET LOCAL DateStyle = 'ISO, YMD'; SET LOCAL IntervalStyle = 'iso_8601'; SET LOCAL bytea_output = 'hex';
SET LOCAL extra_float_digits = 1; SET LOCAL max_parallel_workers_per_gather = 0; SET LOCAL jit = off; SET LOCAL cursor_tuple_fraction = 1;`,
		milliseconds, milliseconds+5000)
}

const declare = `DECLARE answer NO SCROLL CURSOR FOR `

// rowsAtOnce is how many rows are asked for at a time: what is cut is not made.
const rowsAtOnce = 500

// errEnough says that the answer is full while rows are still coming.
var errEnough = errors.New("the answer is full")

// fetch reads the statement's rows until they end or a limit is met.
func fetch(ctx context.Context, server *pgconn.PgConn, answer *Answer, limits Limits) error {
	if _, err := server.ExecParams(ctx, declare+answer.Query, nil, nil, nil, nil).Close(); err != nil {
		return err
	}
	for {
		// One more than may be told shows whether there is more.
		wanted := min(rowsAtOnce, limits.Rows+1-len(answer.rows))
		rows := server.ExecParams(ctx, fmt.Sprintf(`FETCH %d FROM answer`, wanted), nil, nil, nil, nil)
		if answer.Columns == nil {
			answer.describe(rows.FieldDescriptions())
		}
		got := 0
		for rows.NextRow() {
			got++
			if !answer.add(rows.Values(), limits) && answer.Cut == "bytes" {
				return errEnough
			}
		}
		if _, err := rows.Close(); err != nil {
			return err
		}
		if got < wanted || answer.Truncated {
			return nil
		}
	}
}
