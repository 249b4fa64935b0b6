package store

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"go.uber.org/zap"

	"github.com/skyledger/skyledger/internal/fault"
)

// use runs work on a connection of the pool, the whole of it again when it lost
// to another transaction, and classifies what remains wrong. work must leave no
// transaction open, and must be safe to repeat after one that rolled back.
func (s *Store) use(ctx context.Context, op string, work func(ctx context.Context, conn *pgx.Conn) error) error {
	refreshed := false
	return s.policy.Do(ctx, func(ctx context.Context) error {
		err := s.once(ctx, work)
		if sqlstate(err) == stateLoginRefused && !refreshed && s.secret.Forget() {
			refreshed = true
			// Mended here or not, somebody should know that a secret was refused.
			s.options.Faults.Note(ctx, classify(op, err))
			s.options.Logger.Warn("login refused, password is read again", zap.String("operation", op))
			err = s.once(ctx, work)
		}
		switch {
		case sqlstate(err) == stateReadOnly:
			// The server became a standby. Its address may belong to another
			// one by now: connect anew, for this call and the next.
			s.pool.Reset()
		case repeatable(err):
			s.options.Logger.Info("transaction lost to another", zap.String("operation", op), zap.Error(err))
		}
		return classify(op, err)
	})
}

func (s *Store) once(ctx context.Context, work func(ctx context.Context, conn *pgx.Conn) error) error {
	conn, err := s.acquire(ctx)
	if err != nil {
		return err
	}
	defer conn.Release()
	return work(ctx, conn.Conn())
}

// acquire takes a connection from the pool. Waiting too long for one is not the
// caller's timeout but a lack of connections.
func (s *Store) acquire(ctx context.Context) (*pgxpool.Conn, error) {
	limited, cancel := context.WithTimeout(ctx, s.options.AcquireTimeout)
	defer cancel()
	conn, err := s.pool.Acquire(limited)
	if err != nil && limited.Err() != nil && ctx.Err() == nil {
		return nil, fault.E("store.acquire", fault.Unavailable, "no_connection", err)
	}
	return conn, err
}

// transact runs work in a transaction on one connection.
func (s *Store) transact(ctx context.Context, op string, options pgx.TxOptions, work func(ctx context.Context, tx pgx.Tx) error) error {
	return s.use(ctx, op, func(ctx context.Context, conn *pgx.Conn) error {
		return pgx.BeginTxFunc(ctx, conn, options, func(tx pgx.Tx) error {
			if _, err := tx.Exec(ctx, limitsSQL, s.limits()...); err != nil {
				return err
			}
			return work(ctx, tx)
		})
	})
}

// snapshotRead is a transaction whose statements all see the same moment.
func snapshotRead() pgx.TxOptions {
	return pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}
}

// limitsSQL sets timeouts until the end of the transaction: connections keep
// no state, so that they can be shared by a proxy. The last one frees locks
// that a frozen process would hold.
const limitsSQL = `SELECT set_config('lock_timeout', $1, true), set_config('statement_timeout', $2, true),
	set_config('idle_in_transaction_session_timeout', $2, true)`

func (s *Store) limits() []any {
	return []any{milliseconds(s.options.LockTimeout), milliseconds(s.options.StatementTimeout)}
}

func milliseconds(d time.Duration) string { return fmt.Sprintf("%dms", d.Milliseconds()) }

func isNetworkError(err error) bool {
	var network net.Error
	return errors.As(err, &network) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed)
}
