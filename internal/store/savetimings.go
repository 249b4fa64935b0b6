package store

import (
	"context"
	"crypto/rand"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"go.uber.org/zap"
)

const (
	// saveEvery is how often a process tells the database of its timings.
	saveEvery = time.Minute
	// saveBudget is the longest that telling takes, connection included. It
	// happens beside the calls that are timed, never before or after them.
	saveBudget = 2 * time.Second
	// latestSave is when a timing is too old to be told: the processes of its
	// hour may have been added up by then.
	latestSave = 2 * time.Hour
)

// saver tells the database of a store's timings in the background.
type saver struct {
	*timings
	process string
	logger  *zap.Logger
	save    func(ctx context.Context, process string, rows []Timing) error

	due     atomic.Int64 // when, in nanoseconds of the Unix epoch
	mu      sync.Mutex   // held while saving
	running sync.WaitGroup
	closed  atomic.Bool
}

func newSaver(logger *zap.Logger, save func(context.Context, string, []Timing) error) *saver {
	s := &saver{timings: newTimings(time.Now), process: rand.Text()[:12], logger: logger, save: save}
	s.due.Store(time.Now().Add(saveEvery).UnixNano())
	return s
}

// TraceQueryEnd counts the call and, when a minute has passed, starts to tell
// the database. In a function that is frozen between invocations the telling
// goes on in the next one, or fails and is done again.
func (s *saver) TraceQueryEnd(ctx context.Context, conn *pgx.Conn, data pgx.TraceQueryEndData) {
	s.timings.TraceQueryEnd(ctx, conn, data)
	now, due := s.clock(), s.due.Load()
	if now.UnixNano() < due || s.closed.Load() || !s.due.CompareAndSwap(due, now.Add(saveEvery).UnixNano()) {
		return
	}
	s.running.Go(func() { s.tell(context.Background()) })
}

// tell saves what is not saved. What cannot be saved now is saved later.
func (s *saver) tell(ctx context.Context) {
	s.mu.Lock()
	defer s.mu.Unlock()
	rows := s.unsaved()
	fresh := rows[:0]
	for _, row := range rows {
		if s.clock().Sub(row.Hour.Add(time.Hour)) < latestSave {
			fresh = append(fresh, row)
		}
	}
	if len(fresh) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(untimed(ctx), saveBudget)
	defer cancel()
	if err := s.save(ctx, s.process, fresh); err != nil {
		s.logger.Debug("timings of statements wait for the database", zap.Int("statements", len(fresh)), zap.Error(err))
		return
	}
	s.settle(fresh)
}

// finish tells what is left, and no more after that.
func (s *saver) finish() {
	if s == nil || s.closed.Swap(true) {
		return
	}
	s.running.Wait()
	s.tell(context.Background())
}

// SaveTimings tells the database now what the store timed; without timings it
// does nothing. The store does so by itself every minute and when it is closed.
func (s *Store) SaveTimings(ctx context.Context) {
	if s.saver != nil {
		s.saver.tell(ctx)
	}
}

// saveTimings writes rows of a process. A row replaces the one of the same
// hour, statement and process when it counts more.
func (s *Store) saveTimings(ctx context.Context, process string, rows []Timing) error {
	conn, err := s.acquire(ctx)
	if err != nil {
		return err
	}
	defer conn.Release()
	_, err = conn.Exec(ctx, saveTimingsSQL, process,
		column(rows, func(t Timing) time.Time { return t.Hour }),
		column(rows, func(t Timing) int64 { return t.Fingerprint }),
		column(rows, func(t Timing) string { return t.Shape }),
		column(rows, func(t Timing) string { return t.Text }),
		column(rows, func(t Timing) int64 { return t.Calls }),
		column(rows, func(t Timing) int64 { return t.Errors }),
		column(rows, func(t Timing) int64 { return t.Rows }),
		column(rows, func(t Timing) float64 { return milli(t.Total) }),
		column(rows, func(t Timing) float64 { return milli(t.Max) }))
	return classify("store.SaveTimings", err)
}

func milli(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

const saveTimingsSQL = `
WITH given AS (
    SELECT * FROM unnest($2::timestamptz[], $3::bigint[], $4::text[], $5::text[], $6::bigint[], $7::bigint[], $8::bigint[], $9::float8[], $10::float8[])
        AS g(hour, fingerprint, shape, text, calls, errors, rows, total_ms, max_ms)
), known AS (
    INSERT INTO kept.statements (fingerprint, shape, text, first_seen)
    SELECT DISTINCT ON (fingerprint) fingerprint, shape, nullif(text, ''), hour FROM given ORDER BY fingerprint, hour
    ON CONFLICT DO NOTHING
)
INSERT INTO kept.statement_timings AS t (hour, fingerprint, process, calls, errors, rows, total_ms, max_ms)
SELECT hour, fingerprint, $1, calls, errors, rows, total_ms, max_ms FROM given ORDER BY hour, fingerprint
ON CONFLICT (hour, fingerprint, process) DO UPDATE SET
    calls = excluded.calls, errors = excluded.errors, rows = excluded.rows, total_ms = excluded.total_ms, max_ms = excluded.max_ms
WHERE excluded.calls > t.calls`

// CondenseTimings adds up the processes of hours that nobody writes any more,
// and removes hours before cut and statements that have no hour left.
func (s *Store) CondenseTimings(ctx context.Context, now, cut time.Time) error {
	return s.transact(ctx, "store.CondenseTimings", pgx.TxOptions{}, func(ctx context.Context, tx pgx.Tx) error {
		// An hour later than the latest moment at which somebody may still write.
		settled := now.Add(-latestSave - 2*time.Hour).Truncate(time.Hour)
		if _, err := tx.Exec(ctx, condenseTimingsSQL, settled); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `DELETE FROM kept.statement_timings WHERE hour < $1`, cut); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `
			DELETE FROM kept.statements s WHERE first_seen < $1
			AND NOT EXISTS (SELECT FROM kept.statement_timings t WHERE t.fingerprint = s.fingerprint)`, cut)
		return err
	})
}

const condenseTimingsSQL = `
WITH several AS (
    DELETE FROM kept.statement_timings WHERE hour < $1 AND process <> ''
    RETURNING hour, fingerprint, calls, errors, rows, total_ms, max_ms
)
INSERT INTO kept.statement_timings AS t (hour, fingerprint, process, calls, errors, rows, total_ms, max_ms)
SELECT hour, fingerprint, '', sum(calls), sum(errors), sum(rows), sum(total_ms), max(max_ms)
FROM several GROUP BY hour, fingerprint ORDER BY hour, fingerprint
ON CONFLICT (hour, fingerprint, process) DO UPDATE SET
    calls = t.calls + excluded.calls, errors = t.errors + excluded.errors, rows = t.rows + excluded.rows,
    total_ms = t.total_ms + excluded.total_ms, max_ms = greatest(t.max_ms, excluded.max_ms)`
