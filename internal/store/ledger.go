package store

import (
	"context"
	"encoding/json"
	"time"

	"github.com/jackc/pgx/v5"
)

// LedgerQuery chooses rows of the ledger.
type LedgerQuery struct {
	From, To    time.Time // From <= tick < To; zero: no bound
	After       time.Time // the last tick of the page before; zero: the first page
	NewestFirst bool
	Limit       int
}

// LedgerRow is one tick and the snapshot it brought.
type LedgerRow struct {
	TickRow
	Stored *StoredCounts // nil when the tick brought nothing that is projected
}

// StoredCounts says what was stored of a snapshot.
type StoredCounts struct {
	Pilots, Controllers, ATIS, Prefiles int
	Rejected, Duplicates, Drift         map[string]int
	Suspicious                          bool
}

// Ledger returns ticks with what they brought, by time.
func (s *Store) Ledger(ctx context.Context, query LedgerQuery) ([]LedgerRow, error) {
	order, after := `ASC`, `t.tick > $3`
	if query.NewestFirst {
		order, after = `DESC`, `t.tick < $3`
	}
	statement := `
		SELECT t.tick, t.outcome, t.reason, t.snapshot, t.received, t.bytes, t.hash,
		       s.at IS NOT NULL, coalesce(s.pilots, 0), coalesce(s.controllers, 0), coalesce(s.atis, 0), coalesce(s.prefiles, 0),
		       s.rejected, s.duplicates, s.drift, coalesce(s.suspicious, false)
		FROM ticks t LEFT JOIN snapshots s ON s.at = t.snapshot
		WHERE ($1::timestamptz IS NULL OR t.tick >= $1) AND ($2::timestamptz IS NULL OR t.tick < $2)
		  AND ($3::timestamptz IS NULL OR ` + after + `)
		ORDER BY t.tick ` + order + ` LIMIT $4`
	var page []LedgerRow
	err := s.use(ctx, "store.Ledger", func(ctx context.Context, conn *pgx.Conn) error {
		rows, err := conn.Query(ctx, statement, moment(query.From), moment(query.To), moment(query.After), query.Limit)
		if err != nil {
			return err
		}
		page, err = pgx.CollectRows(rows, scanLedgerRow)
		return err
	})
	return page, err
}

func scanLedgerRow(row pgx.CollectableRow) (LedgerRow, error) {
	var r LedgerRow
	var outcome int16
	var stored bool
	var counts StoredCounts
	var rejected, duplicates, drift []byte
	err := row.Scan(&r.Tick, &outcome, &r.Reason, (*moment)(&r.Snapshot), (*moment)(&r.Received), &r.Bytes, &r.Hash,
		&stored, &counts.Pilots, &counts.Controllers, &counts.ATIS, &counts.Prefiles, &rejected, &duplicates, &drift, &counts.Suspicious)
	if err != nil {
		return r, err
	}
	r.Outcome = outcomes()[outcome-1]
	if !stored {
		return r, nil
	}
	r.Stored = &counts
	for _, object := range []struct {
		text []byte
		into *map[string]int
	}{{rejected, &counts.Rejected}, {duplicates, &counts.Duplicates}, {drift, &counts.Drift}} {
		if err := json.Unmarshal(object.text, object.into); err != nil {
			return r, err
		}
	}
	return r, nil
}

// LedgerSummary counts the ticks of a span by outcome.
type LedgerSummary struct {
	From, To time.Time // the span counted: what was asked for, cut to where the ledger begins and ends
	Expected int       // 15-second ticks in the span
	Outcomes map[Outcome]int
	// Completeness is the share of the expected ticks in which the feed was
	// asked and answered well: received, late or unchanged. 1 for an empty span.
	Completeness float64
}

// LedgerSummary accounts for the ticks of from <= tick < to. Ticks without a
// row, between the ledger's first and its last, count as missing.
func (s *Store) LedgerSummary(ctx context.Context, from, to time.Time) (LedgerSummary, error) {
	summary := LedgerSummary{From: from, To: to, Outcomes: map[Outcome]int{}, Completeness: 1}
	err := s.use(ctx, "store.LedgerSummary", func(ctx context.Context, conn *pgx.Conn) error {
		var first, last time.Time
		counts := make([]int, len(outcomes()))
		if err := conn.QueryRow(ctx, ledgerSummarySQL, from, to).Scan((*moment)(&first), (*moment)(&last),
			&counts[0], &counts[1], &counts[2], &counts[3], &counts[4]); err != nil {
			return err
		}
		if first.IsZero() {
			return nil
		}
		summary.From, summary.To = first, last.Add(15*time.Second)
		summary.Expected = int(summary.To.Sub(first) / (15 * time.Second))
		rows := 0
		for i, outcome := range outcomes() {
			summary.Outcomes[outcome] = counts[i]
			rows += counts[i]
		}
		summary.Outcomes[Missing] += max(0, summary.Expected-rows)
		met := summary.Outcomes[Received] + summary.Outcomes[Late] + summary.Outcomes[Unchanged]
		summary.Completeness = float64(met) / float64(summary.Expected)
		return nil
	})
	return summary, err
}

// The span begins where the ledger has a tick before it, else at its first row;
// its end likewise: a gap at an edge of the span counts.
const ledgerSummarySQL = `
SELECT CASE WHEN EXISTS (SELECT FROM ticks WHERE tick < $1)
            THEN (SELECT to_timestamp(ceil(extract(epoch FROM $1::timestamptz) / 15) * 15)) ELSE min(tick) END,
       CASE WHEN EXISTS (SELECT FROM ticks WHERE tick >= $2)
            THEN (SELECT to_timestamp(ceil(extract(epoch FROM $2::timestamptz) / 15) * 15 - 15)) ELSE max(tick) END,
       count(*) FILTER (WHERE outcome = 1), count(*) FILTER (WHERE outcome = 2), count(*) FILTER (WHERE outcome = 3),
       count(*) FILTER (WHERE outcome = 4), count(*) FILTER (WHERE outcome = 5)
FROM ticks WHERE tick >= $1 AND tick < $2`
