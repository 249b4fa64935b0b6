package api

import (
	"context"
	"encoding/hex"
	"maps"
	"time"

	"github.com/skyledger/skyledger/internal/live"
	"github.com/skyledger/skyledger/internal/store"
)

// ledgerSpan is what one request may ask of the ledger: 40,320 ticks.
func ledgerSpan() spanRule { return spanRule{usual: time.Hour, longest: 7 * 24 * time.Hour} }

type ledgerInput struct {
	ListParams
	SpanParams
}

// LedgerRow is one 15-second tick accounted for.
type LedgerRow struct {
	Time        time.Time      `json:"time" doc:"start of the tick"`
	Outcome     string         `json:"outcome" enum:"received,unchanged,late,missing,malformed"`
	Reason      *string        `json:"reason" doc:"why, where the outcome alone does not say"`
	Snapshot    *time.Time     `json:"snapshot" doc:"update_timestamp that the tick brought or confirmed"`
	Received    *time.Time     `json:"received" doc:"when the answer had arrived"`
	AgeS        *float64       `json:"age_s" doc:"how old the snapshot was then, in seconds"`
	Bytes       int            `json:"bytes" doc:"of the body"`
	Hash        *string        `json:"hash" doc:"SHA-256 of the body"`
	Pilots      *int           `json:"pilots" doc:"rows stored"`
	Controllers *int           `json:"controllers" doc:"rows stored"`
	ATIS        *int           `json:"atis" doc:"rows stored"`
	Prefiles    *int           `json:"prefiles" doc:"rows stored"`
	Rejected    map[string]int `json:"rejected" doc:"rows refused, by kind and reason"`
	Suspicious  *bool          `json:"suspicious" doc:"whether the snapshot was held back from the live view"`
}

// LedgerSummary counts the ticks of a span by outcome.
type LedgerSummary struct {
	From         time.Time `json:"from" doc:"the span asked for, cut to where the ledger begins and ends"`
	To           time.Time `json:"to"`
	Expected     int       `json:"expected" doc:"ticks in the span"`
	Received     int       `json:"received"`
	Unchanged    int       `json:"unchanged"`
	Late         int       `json:"late"`
	Missing      int       `json:"missing"`
	Malformed    int       `json:"malformed"`
	Completeness float64   `json:"completeness" doc:"share of the expected ticks in which the feed answered well"`
}

// LedgerKeys are the keys beside the ticks.
type LedgerKeys struct {
	Summary LedgerSummary `json:"summary" doc:"of the whole span, not of this page"`
}

func (s *service) ledger() {
	list(s, Operation{
		Path: "/api/feed/ledger", Summary: "Every 15-second tick accounted for",
		Example: "/api/feed/ledger?hours=1&fields=time,outcome,age_s,bytes,pilots&limit=4",
	}, List[LedgerRow]{ID: "time", Keys: LedgerKeys{}}, s.ticks)
}

// ticks pages in the database while the order is the ledger's own; another
// order takes the whole span.
func (s *service) ticks(ctx context.Context, input *ledgerInput) (Rows[LedgerRow], error) {
	span, err := s.span(ctx, &input.SpanParams, ledgerSpan())
	if err != nil {
		return Rows[LedgerRow]{}, err
	}
	summary, err := s.Ledger.LedgerSummary(ctx, span.from, span.to)
	if err != nil {
		return Rows[LedgerRow]{}, err
	}
	// One row more than asked for says whether there is another page.
	query := store.LedgerQuery{From: span.from, To: span.to, Limit: input.Limit + 1}
	found := Rows[LedgerRow]{Paged: input.Sort == ""}
	if !found.Paged {
		query.Limit = int(ledgerSpan().longest/tick) + 1
	} else if query.After, err = cursorTime(input.Cursor); err != nil {
		return found, invalid(ctx, "cursor", input.Cursor, err.Error())
	}
	rows, err := s.Ledger.Ledger(ctx, query)
	if err != nil {
		return found, err
	}
	if found.Paged && len(rows) > input.Limit {
		rows = rows[:input.Limit]
		if found.Next, err = timeCursor(rows[len(rows)-1].Tick); err != nil {
			return found, err
		}
	}
	for i := range rows {
		found.All = append(found.All, ledgerRow(&rows[i]))
	}
	found.Keys = func([]LedgerRow) any { return LedgerKeys{Summary: summaryOf(summary)} }
	s.dateLedger(&found, summary, span)
	return found, nil
}

// dateLedger says how far the ledger has come. It is stale when the span reaches
// the present and the ledger does not.
func (s *service) dateLedger(found *Rows[LedgerRow], summary store.LedgerSummary, span window) {
	now := s.Clock()
	if summary.Expected > 0 {
		found.AsOf = summary.To
	}
	present := !span.to.Before(now.Add(-live.StaleAfter))
	found.Stale = present && (summary.Expected == 0 || now.Sub(summary.To) > live.StaleAfter)
	for i := range found.All {
		if at := found.All[i].Snapshot; at != nil && at.After(found.Snapshot) {
			found.Snapshot = *at
		}
	}
}

func ledgerRow(row *store.LedgerRow) LedgerRow {
	shown := LedgerRow{
		Time: row.Tick.UTC(), Outcome: string(row.Outcome), Snapshot: utc(row.Snapshot), Received: utc(row.Received),
		Bytes: row.Bytes, Rejected: map[string]int{},
	}
	if row.Reason != "" {
		shown.Reason = &row.Reason
	}
	if len(row.Hash) > 0 {
		hash := hex.EncodeToString(row.Hash)
		shown.Hash = &hash
	}
	if shown.Snapshot != nil && shown.Received != nil {
		age := shown.Received.Sub(*shown.Snapshot).Seconds()
		shown.AgeS = &age
	}
	if stored := row.Stored; stored != nil {
		shown.Pilots, shown.Controllers, shown.ATIS, shown.Prefiles = &stored.Pilots, &stored.Controllers, &stored.ATIS, &stored.Prefiles
		shown.Suspicious = &stored.Suspicious
		maps.Copy(shown.Rejected, stored.Rejected)
	}
	return shown
}

func summaryOf(summary store.LedgerSummary) LedgerSummary {
	return LedgerSummary{
		From: summary.From.UTC(), To: summary.To.UTC(), Expected: summary.Expected,
		Received: summary.Outcomes[store.Received], Unchanged: summary.Outcomes[store.Unchanged],
		Late: summary.Outcomes[store.Late], Missing: summary.Outcomes[store.Missing],
		Malformed: summary.Outcomes[store.Malformed], Completeness: summary.Completeness,
	}
}
