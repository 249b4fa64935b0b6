package verify

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/skyledger/skyledger/internal/fault"
)

// database reads the database as it was at one moment.
type database struct {
	config  *pgx.ConnConfig
	conn    *pgx.Conn
	tx      pgx.Tx // repeatable read, read only
	schema  string
	cursors int
}

// head is the newest snapshot the database has.
type head struct {
	version  int64
	snapshot time.Time // zero when there is none
}

func openDatabase(ctx context.Context, url, schema, source string) (*database, error) {
	const op = "verify.Open"
	config, err := pgx.ParseConfig(url)
	if err != nil {
		return nil, fault.E(op, fault.Invalid, "database_url", err).WithMessage("The database's URL cannot be read.")
	}
	config.RuntimeParams["application_name"] = "skyledger verify"
	config.RuntimeParams["timezone"] = "UTC"
	if schema != "" {
		config.RuntimeParams["search_path"] = pgx.Identifier{schema}.Sanitize()
	}
	d := &database{config: config}
	if d.conn, err = d.connect(ctx); err != nil {
		return nil, classify(op, err)
	}
	d.tx, err = d.conn.BeginTx(ctx, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly})
	if err == nil {
		err = d.prepare(ctx, source)
	}
	if err != nil {
		d.close()
		return nil, classify(op, err)
	}
	return d, nil
}

func (d *database) connect(ctx context.Context) (*pgx.Conn, error) {
	conn, err := pgx.ConnectConfig(ctx, d.config)
	if err != nil {
		return nil, err
	}
	conn.TypeMap().RegisterType(&pgtype.Type{
		Name: "timestamptz", OID: pgtype.TimestamptzOID, Codec: &pgtype.TimestamptzCodec{ScanLocation: time.UTC},
	})
	return conn, nil
}

// prepare sets what long ordered readings want: plans made for all rows of a
// cursor, and memory to sort an hour of positions in.
func (d *database) prepare(ctx context.Context, source string) error {
	for _, setting := range []string{"cursor_tuple_fraction = 1", "work_mem = '64MB'", "jit = off", "statement_timeout = 0"} {
		if _, err := d.tx.Exec(ctx, "SET LOCAL "+setting); err != nil {
			return err
		}
	}
	var records string
	if err := d.tx.QueryRow(ctx, `SELECT current_schema(), name FROM source`).Scan(&d.schema, &records); err != nil {
		return err
	}
	if source != "" && source != records {
		return fault.E("verify.Open", fault.Conflict, "other_source", nil).
			WithMessage(fmt.Sprintf("This database records the source %q, not %q.", records, source))
	}
	return nil
}

func (d *database) close() {
	// A read-only transaction has nothing to roll back.
	_ = d.conn.Close(context.Background())
}

func readHead(row pgx.Row) (head, error) {
	var h head
	var snapshot *time.Time
	err := row.Scan(&h.version, &snapshot)
	if snapshot != nil {
		h.snapshot = snapshot.UTC()
	}
	return h, err
}

const headSQL = `SELECT version, snapshot FROM head`

func (d *database) head(ctx context.Context) (head, error) {
	h, err := readHead(d.tx.QueryRow(ctx, headSQL))
	return h, classify("verify.head", err)
}

// now runs work on a connection that sees the database as it is now.
func (d *database) now(ctx context.Context, op string, work func(conn *pgx.Conn) error) error {
	conn, err := d.connect(ctx)
	if err != nil {
		return classify(op, err)
	}
	defer func() { _ = conn.Close(context.Background()) }()
	return classify(op, work(conn))
}

// reaches reports whether the database has, or gets within a second, the
// snapshot: a collector writes the log before it commits.
func (d *database) reaches(ctx context.Context, snapshot time.Time) (reached bool, err error) {
	err = d.now(ctx, "verify.reaches", func(conn *pgx.Conn) error {
		for range 10 {
			h, err := readHead(conn.QueryRow(ctx, headSQL))
			if err != nil || !h.snapshot.Before(snapshot) {
				reached = err == nil
				return err
			}
			if _, err := conn.Exec(ctx, `SELECT pg_sleep(0.1)`); err != nil {
				return err
			}
		}
		return nil
	})
	return reached, err
}

// inWrittenOrder has what work declares joined in the order in which the views
// write it.
func (d *database) inWrittenOrder(ctx context.Context, work func() error) error {
	limit := func(joins int) error {
		_, err := d.tx.Exec(ctx, fmt.Sprintf(`SET LOCAL join_collapse_limit = %[1]d; SET LOCAL from_collapse_limit = %[1]d`, joins))
		return classify("verify.inWrittenOrder", err)
	}
	if err := limit(1); err != nil {
		return err
	}
	if err := work(); err != nil {
		return err
	}
	return limit(8)
}

// fetched is how many rows a cursor takes at once.
const fetched = 5000

// cursor reads an ordered result in pieces, beside others of the transaction.
type cursor[R any] struct {
	db     *database
	name   string
	scan   func(pgx.CollectableRow) (R, error)
	rows   []R
	at     int
	ended  bool
	closed bool
}

// openCursor declares a cursor. The statement's bounds are literals: DECLARE
// takes no parameters.
func openCursor[R any](ctx context.Context, d *database, statement string, scan func(pgx.CollectableRow) (R, error)) (*cursor[R], error) {
	d.cursors++
	c := &cursor[R]{db: d, name: fmt.Sprintf("c%d", d.cursors), scan: scan}
	_, err := d.tx.Exec(ctx, "DECLARE "+c.name+" NO SCROLL CURSOR FOR "+statement)
	return c, classify("verify.openCursor", err)
}

// peek returns the next row without taking it; ok is false at the end.
func (c *cursor[R]) peek(ctx context.Context) (row R, ok bool, err error) {
	if c.at == len(c.rows) && !c.ended {
		rows, err := c.db.tx.Query(ctx, fmt.Sprintf("FETCH %d FROM %s", fetched, c.name), pgx.QueryExecModeDescribeExec)
		if err != nil {
			return row, false, classify("verify.cursor", err)
		}
		c.at = 0
		if c.rows, err = pgx.AppendRows(c.rows[:0], rows, c.scan); err != nil {
			return row, false, classify("verify.cursor", err)
		}
		c.ended = len(c.rows) < fetched
	}
	if c.at == len(c.rows) {
		return row, false, nil
	}
	return c.rows[c.at], true, nil
}

// take moves past the row that peek returned.
func (c *cursor[R]) take() { c.at++ }

func (c *cursor[R]) close(ctx context.Context) error {
	if c.closed {
		return nil
	}
	c.closed = true
	_, err := c.db.tx.Exec(ctx, "CLOSE "+c.name)
	return classify("verify.cursor", err)
}

// literal writes a time for a statement that takes no parameters.
func literal(at time.Time) string {
	return "'" + at.UTC().Format("2006-01-02 15:04:05.999999") + "+00'::timestamptz"
}

func classify(op string, err error) error {
	var answered *pgconn.PgError
	var classified *fault.Error
	switch {
	case err == nil:
		return nil
	case errors.As(err, &classified):
		return err
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return fault.E(op, fault.Timeout, "interrupted", err)
	case errors.As(err, &answered):
		return fault.E(op, fault.Internal, "sqlstate_"+answered.Code, err)
	default:
		return fault.E(op, fault.Unavailable, "connection", err)
	}
}
