package api

import (
	"context"
	"encoding/hex"
	"maps"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/cespare/xxhash/v2"
	"github.com/danielgtaylor/huma/v2"
	"github.com/go-json-experiment/json"

	"github.com/skyledger/skyledger/internal/live"
	"github.com/skyledger/skyledger/internal/store"
)

// longestLedger is the largest span of the ledger in one request: 40,320 ticks.
const longestLedger = 7 * 24 * time.Hour

type ledgerInput struct {
	From        string  `query:"from" doc:"first tick; RFC 3339, epoch seconds or milliseconds"`
	To          string  `query:"to" doc:"end, exclusive; now when not given"`
	Hours       float64 `query:"hours" minimum:"0.01" maximum:"168" default:"1" doc:"span before to, where from is not given"`
	Limit       int     `query:"limit" minimum:"1" maximum:"10000" default:"1000" doc:"most rows in one answer"`
	Cursor      string  `query:"cursor" doc:"next_cursor of the page before"`
	IfNoneMatch string  `header:"If-None-Match" hidden:"true"`
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

// LedgerAnswer is the shape of /api/feed/ledger.
type LedgerAnswer struct {
	Data    []LedgerRow   `json:"data"`
	Summary LedgerSummary `json:"summary" doc:"of the whole span, not of this page"`
	Meta    Meta          `json:"meta"`
}

type ledgerOutput struct {
	Status       int
	ETag         string `header:"ETag"`
	CacheControl string `header:"Cache-Control"`
	Link         string `header:"Link"`
	Body         *LedgerAnswer
}

func (s *service) ledger() {
	operation := huma.Operation{
		OperationID: "feed-ledger", Method: http.MethodGet, Path: "/api/feed/ledger",
		Summary: "Every 15-second tick accounted for",
	}
	huma.Register(s.api, operation, func(ctx context.Context, input *ledgerInput) (*ledgerOutput, error) {
		output, err := s.ledgerPage(ctx, input)
		if err != nil {
			return nil, s.problem(ctx, err)
		}
		return output, nil
	})
}

func (s *service) ledgerPage(ctx context.Context, input *ledgerInput) (*ledgerOutput, error) {
	span, err := s.span(ctx, input.From, input.To, input.Hours, longestLedger)
	if err != nil {
		return nil, err
	}
	// One row more than asked for says whether there is another page.
	query := store.LedgerQuery{From: span.from, To: span.to, Limit: input.Limit + 1}
	if input.Cursor != "" {
		var ok bool
		if query.After, ok = parseCursor(input.Cursor); !ok {
			return nil, invalid(ctx, "cursor", input.Cursor, "is not a next_cursor of ours")
		}
	}
	rows, err := s.Ledger.Ledger(ctx, query)
	if err != nil {
		return nil, err
	}
	summary, err := s.Ledger.LedgerSummary(ctx, span.from, span.to)
	if err != nil {
		return nil, err
	}
	answer := &LedgerAnswer{Data: make([]LedgerRow, 0, len(rows)), Summary: summaryOf(summary)}
	output := &ledgerOutput{Status: http.StatusOK, Body: answer}
	var next *string
	if len(rows) > input.Limit {
		rows = rows[:input.Limit]
		cursor := cursorAfter(rows[len(rows)-1].Tick)
		next = &cursor
		output.Link = nextLink(input, span, cursor)
	}
	for i := range rows {
		answer.Data = append(answer.Data, ledgerRow(&rows[i]))
	}
	answer.Meta = s.ledgerMeta(answer.Data, summary, span)
	answer.Meta.NextCursor = next
	return output, s.tag(output, input.IfNoneMatch)
}

// tag sets the headers of caching; the tag is made of what depends on the
// ledger and not of what depends on the moment.
func (s *service) tag(output *ledgerOutput, ifNoneMatch string) error {
	stable := *output.Body
	stable.Meta.AgeS = nil
	raw, err := json.Marshal(stable, json.Deterministic(true))
	if err != nil {
		return err
	}
	output.ETag = `"` + strconv.FormatUint(xxhash.Sum64(raw), 36) + `"`
	output.CacheControl = s.untilNextTick(stable.Meta.Stale)
	if matches(ifNoneMatch, output.ETag) {
		output.Status, output.Body = http.StatusNotModified, nil
	}
	return nil
}

func nextLink(input *ledgerInput, span window, cursor string) string {
	query := url.Values{
		"from": {span.from.Format(time.RFC3339Nano)}, "to": {span.to.Format(time.RFC3339Nano)},
		"limit": {strconv.Itoa(input.Limit)}, "cursor": {cursor},
	}
	return "</api/feed/ledger?" + query.Encode() + `>; rel="next"`
}

// ledgerMeta says how far the ledger has come. It is stale when the span reaches
// the present and the ledger does not.
func (s *service) ledgerMeta(rows []LedgerRow, summary store.LedgerSummary, span window) Meta {
	meta := s.meta(len(rows))
	now := s.Clock()
	if summary.Expected > 0 {
		meta.AsOf, meta.AgeS = utc(summary.To), seconds(now.Sub(summary.To))
	}
	present := !span.to.Before(now.Add(-live.StaleAfter))
	meta.Stale = present && now.Sub(summary.To) > live.StaleAfter
	if present && summary.Expected == 0 {
		meta.Stale = true
	}
	for i := range rows {
		if at := rows[i].Snapshot; at != nil && (meta.Snapshot == nil || at.After(*meta.Snapshot)) {
			meta.Snapshot = at
		}
	}
	return meta
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
