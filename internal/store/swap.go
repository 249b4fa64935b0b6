package store

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/skyledger/skyledger/internal/fault"
)

// SwapSchema puts the tables of a freshly filled schema in the place of the
// active ones, under their name, and drops those: one transaction, so that
// readers see the one or the other. What was observed and is not in the log,
// the ledger's ticks, is carried over. The versions of head and analysis are
// above both, so that whoever read the old ones is fenced. The store must be open on the active
// schema.
func (s *Store) SwapSchema(ctx context.Context, fresh string) error {
	const op = "store.SwapSchema"
	return s.transact(ctx, op, pgx.TxOptions{}, func(ctx context.Context, tx pgx.Tx) error {
		var active string
		if err := tx.QueryRow(ctx, `SELECT current_schema()`).Scan(&active); err != nil {
			return err
		}
		if active == fresh {
			return fault.E(op, fault.Invalid, "same_schema", nil)
		}
		names := swapNames{
			active: pgx.Identifier{active}.Sanitize(),
			fresh:  pgx.Identifier{fresh}.Sanitize(),
			old:    pgx.Identifier{active + "_replaced"}.Sanitize(),
		}
		if err := names.checkSource(ctx, tx, fresh); err != nil {
			return err
		}
		for _, statement := range names.statements() {
			if _, err := tx.Exec(ctx, statement); err != nil {
				return err
			}
		}
		if err := replaceViews(ctx, tx); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `DROP SCHEMA `+names.old+` CASCADE`)
		return err
	})
}

type swapNames struct {
	active, fresh, old string
}

func (n swapNames) checkSource(ctx context.Context, tx pgx.Tx, fresh string) error {
	var same bool
	err := tx.QueryRow(ctx, fmt.Sprintf(`SELECT EXISTS (SELECT FROM %s.source a JOIN %s.source f USING (name))`, n.active, n.fresh)).Scan(&same)
	if err == nil && !same {
		err = fault.E("store.SwapSchema", fault.Conflict, "other_source", fmt.Errorf("schema %s is of another source", fresh))
	}
	return err
}

// statements are in the order that keeps writers out: they wait for the head's
// table and, woken, find the new one by its name.
func (n swapNames) statements() []string {
	return []string{
		fmt.Sprintf(`LOCK TABLE %[1]s.head, %[2]s.head, %[1]s.analysis, %[2]s.analysis IN ACCESS EXCLUSIVE MODE`, n.active, n.fresh),
		fmt.Sprintf(`INSERT INTO %[2]s.ticks AS t (tick, outcome, reason, snapshot, received, bytes, hash)
			SELECT tick, outcome, reason, snapshot, received, bytes, hash FROM %[1]s.ticks
			ON CONFLICT (tick) DO UPDATE SET outcome = excluded.outcome, reason = excluded.reason, snapshot = excluded.snapshot,
				received = excluded.received, bytes = excluded.bytes, hash = excluded.hash
			WHERE excluded.outcome > t.outcome`, n.active, n.fresh),
		fmt.Sprintf(`UPDATE %[2]s.head f SET version = greatest(a.version, f.version) + 1 FROM %[1]s.head a`, n.active, n.fresh),
		fmt.Sprintf(`UPDATE %[2]s.analysis f SET version = greatest(a.version, f.version) + 1 FROM %[1]s.analysis a`, n.active, n.fresh),
		fmt.Sprintf(`ALTER SCHEMA %s RENAME TO %s`, n.active, n.old),
		fmt.Sprintf(`ALTER SCHEMA %s RENAME TO %s`, n.fresh, n.active),
	}
}

// DropSchema removes a schema that a rebuild began and did not finish. It
// refuses the one that the store works on.
func (s *Store) DropSchema(ctx context.Context, schema string) error {
	const op = "store.DropSchema"
	return s.transact(ctx, op, pgx.TxOptions{}, func(ctx context.Context, tx pgx.Tx) error {
		var active string
		if err := tx.QueryRow(ctx, `SELECT current_schema()`).Scan(&active); err != nil {
			return err
		}
		if active == schema {
			return fault.E(op, fault.Invalid, "active_schema", nil)
		}
		_, err := tx.Exec(ctx, `DROP SCHEMA IF EXISTS `+pgx.Identifier{schema}.Sanitize()+` CASCADE`)
		return err
	})
}
