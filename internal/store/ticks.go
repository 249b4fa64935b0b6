package store

import (
	"context"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
)

// outcomes in the order of their rank; the index + 1 is stored.
func outcomes() []Outcome { return []Outcome{Missing, Malformed, Unchanged, Late, Received} }

func rank(outcome Outcome) int16 { return int16(slices.Index(outcomes(), outcome) + 1) }

// RecordTick writes the ledger's rows of a tick that brought no new snapshot,
// and of ticks before it that never ran. Of two outcomes of a tick the better
// one stands (received, late, unchanged, malformed, missing), and any reason
// stands before "not_run", which is what is assumed of ticks nobody reported; the
// same again changes nothing.
func (s *Store) RecordTick(ctx context.Context, tick TickRow, missing []TickRow) error {
	batch := &pgx.Batch{}
	batch.Queue(limitsSQL, s.limits()...)
	queueTicks(batch, append(slices.Clone(missing), tick))
	return s.use(ctx, "store.RecordTick", func(ctx context.Context, conn *pgx.Conn) error {
		return conn.SendBatch(ctx, batch).Close()
	})
}

func queueTicks(batch *pgx.Batch, rows []TickRow) {
	rows = bestTicks(rows)
	if len(rows) == 0 {
		return
	}
	batch.Queue(`INSERT INTO ticks (tick, outcome, reason, snapshot, received, bytes, hash)
		SELECT * FROM unnest($1::timestamptz[], $2::smallint[], $3::text[], $4::timestamptz[], $5::timestamptz[],
			$6::integer[], $7::bytea[])
		ON CONFLICT (tick) DO UPDATE SET outcome = excluded.outcome, reason = excluded.reason,
			snapshot = excluded.snapshot, received = excluded.received, bytes = excluded.bytes, hash = excluded.hash
		WHERE excluded.outcome > ticks.outcome
			OR excluded.outcome = ticks.outcome AND ticks.reason = 'not_run' AND excluded.reason <> 'not_run'`,
		column(rows, func(r TickRow) time.Time { return r.Tick }),
		column(rows, func(r TickRow) int16 { return rank(r.Outcome) }),
		column(rows, func(r TickRow) string { return r.Reason }),
		column(rows, func(r TickRow) moment { return moment(r.Snapshot) }),
		column(rows, func(r TickRow) moment { return moment(r.Received) }),
		column(rows, func(r TickRow) int32 { return int32(r.Bytes) }),
		column(rows, func(r TickRow) []byte { return r.Hash }))
}

// bestTicks returns one row per tick, by tick: an upsert takes no key twice.
func bestTicks(rows []TickRow) []TickRow {
	rows = slices.DeleteFunc(slices.Clone(rows), func(r TickRow) bool { return r.Tick.IsZero() })
	slices.SortStableFunc(rows, func(a, b TickRow) int {
		if order := a.Tick.Compare(b.Tick); order != 0 {
			return order
		}
		return int(rank(b.Outcome)) - int(rank(a.Outcome))
	})
	return slices.CompactFunc(rows, func(a, b TickRow) bool { return a.Tick.Equal(b.Tick) })
}
