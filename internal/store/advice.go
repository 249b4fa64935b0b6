package store

import (
	"context"
	"encoding/json"
	"time"

	"github.com/jackc/pgx/v5"
)

// PlanRow is a statement's plan as it is kept. Plan is nil where Problem says
// why.
type PlanRow struct {
	Fingerprint int64
	Shape       string
	Source      string
	Calls       int64
	MeanMS      float64
	TotalMS     float64
	Explained   time.Time
	Method      string
	Executed    bool
	Cost        *float64
	Plan        json.RawMessage
	Findings    json.RawMessage
	Problem     *string
}

// AdviceRow is an index that was tried, as it is kept.
type AdviceRow struct {
	Definition  string
	Schema      string
	Table       string
	Columns     []string
	Tested      time.Time
	Method      string
	Recommended bool
	Reason      string
	Bytes       *int64
	Writes      *int64 // entries it would have taken since WritesSince
	WritesSince *time.Time
	Evidence    json.RawMessage
}

// Look is what one look at the statements found.
type Look struct {
	At      time.Time
	Sources json.RawMessage
	Plans   []PlanRow
	Advice  []AdviceRow
}

// SaveLook replaces what the look before found.
func (s *Store) SaveLook(ctx context.Context, look Look) error {
	return s.transact(ctx, "store.SaveLook", pgx.TxOptions{}, func(ctx context.Context, tx pgx.Tx) error {
		var batch pgx.Batch
		batch.Queue(`DELETE FROM kept.statement_plans`)
		batch.Queue(`DELETE FROM kept.index_advice`)
		batch.Queue(`INSERT INTO kept.advisor_looks (at, sources) VALUES ($1, $2)
			ON CONFLICT (only_row) DO UPDATE SET at = excluded.at, sources = excluded.sources`, look.At, look.Sources)
		for _, p := range look.Plans {
			batch.Queue(`INSERT INTO kept.statement_plans (fingerprint, shape, source, calls, mean_ms, total_ms, explained, method, executed, cost, plan, findings, problem)
				VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)`,
				p.Fingerprint, p.Shape, p.Source, p.Calls, p.MeanMS, p.TotalMS, p.Explained, p.Method, p.Executed, p.Cost, p.Plan, p.Findings, p.Problem)
		}
		for _, a := range look.Advice {
			batch.Queue(`INSERT INTO kept.index_advice (definition, schema_name, table_name, columns, tested, method, recommended, reason, bytes, writes, writes_since, evidence)
				VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)`,
				a.Definition, a.Schema, a.Table, a.Columns, a.Tested, a.Method, a.Recommended, a.Reason, a.Bytes, a.Writes, a.WritesSince, a.Evidence)
		}
		return tx.SendBatch(ctx, &batch).Close()
	})
}

// LastLook returns what the last look found; its At is zero when there was none.
func (s *Store) LastLook(ctx context.Context) (Look, error) {
	var look Look
	err := s.look(ctx, "store.LastLook", func(ctx context.Context, tx pgx.Tx) error {
		look = Look{}
		rows, err := tx.Query(ctx, `SELECT at, sources FROM kept.advisor_looks`)
		if err != nil {
			return err
		}
		found, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (l Look, err error) {
			return l, row.Scan(&l.At, &l.Sources)
		})
		if err != nil || len(found) == 0 {
			return err
		}
		look = found[0]
		if rows, err = tx.Query(ctx, `
			SELECT fingerprint, shape, source, calls, mean_ms, total_ms, explained, method, executed, cost, plan, findings, problem
			FROM kept.statement_plans ORDER BY total_ms DESC, fingerprint`); err != nil {
			return err
		}
		if look.Plans, err = pgx.CollectRows(rows, pgx.RowToStructByPos[PlanRow]); err != nil {
			return err
		}
		if rows, err = tx.Query(ctx, `
			SELECT definition, schema_name, table_name, columns, tested, method, recommended, reason, bytes, writes, writes_since, evidence
			FROM kept.index_advice ORDER BY recommended DESC, definition`); err != nil {
			return err
		}
		look.Advice, err = pgx.CollectRows(rows, pgx.RowToStructByPos[AdviceRow])
		return err
	})
	return look, err
}
