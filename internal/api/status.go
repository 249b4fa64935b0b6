package api

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"github.com/cespare/xxhash/v2"
	"github.com/go-json-experiment/json"

	"github.com/skyledger/skyledger/internal/fault"
	"github.com/skyledger/skyledger/internal/live"
	"github.com/skyledger/skyledger/internal/store"
)

// completenessOver is the span that the status page answers for.
const completenessOver = 24 * time.Hour

// The words of a status.
const (
	operational = "operational" // the newest snapshot is shown, every part answers
	degraded    = "degraded"    // answers are stale, slower or less certain than they should be
	down        = "down"        // there is nothing to show
)

// StatusAnswer is the shape of /api/status. Every figure is measured when it is
// asked for; what cannot be measured is null.
type StatusAnswer struct {
	Status            string      `json:"status" enum:"operational,degraded,down"`
	Reasons           []string    `json:"reasons" doc:"why it is not operational"`
	Timestamp         time.Time   `json:"timestamp"`
	ATCPositionsCount *int        `json:"atc_positions_count" doc:"controllers' connections in the live view, observers included"`
	FlightsCount      *int        `json:"flights_count" doc:"pilots' connections in the live view"`
	AirportsCount     *int        `json:"airports_count" doc:"distinct ICAO airports that the plans of the flights in the live view name as departure or arrival"`
	MovementsCount    *int        `json:"movements_count" doc:"departures and arrivals of the last 24 hours, by quarters of an hour; null when the database does not answer or nothing is analysed"`
	DataFreshness     Freshness   `json:"data_freshness"`
	CacheStatus       CacheStatus `json:"cache_status"`
	Ledger            *LastDay    `json:"ledger" doc:"the last 24 hours; null when the database does not answer"`
	Data              []StatusRow `json:"data" doc:"the main figures as one flat row"`
	Meta              Meta        `json:"meta"`
}

// Freshness says how old the live view is.
type Freshness struct {
	AgeS         *int       `json:"age_s" doc:"seconds since last_snapshot"`
	LastSnapshot *time.Time `json:"last_snapshot" doc:"update_timestamp of the snapshot shown"`
	LastReceived *time.Time `json:"last_received" doc:"when it had arrived"`
	Stale        bool       `json:"stale"`
	Held         bool       `json:"held" doc:"whether newer snapshots are held back because they lost most pilots at once"`
	StaleAfterS  int        `json:"stale_after_s" doc:"seconds without a new snapshot that make it stale"`
}

// CacheStatus says how the cache layers are doing.
type CacheStatus struct {
	Layer        *string  `json:"layer" doc:"layer that answered this request" enum:"memory,redis,log"`
	Redis        string   `json:"redis" doc:"none where no Redis is configured" enum:"up,down,none"`
	RedisReason  *string  `json:"redis_reason" doc:"why it is down"`
	RedisPingMS  *float64 `json:"redis_ping_ms" doc:"round trip measured for this request"`
	Breaker      string   `json:"breaker" enum:"closed,open,half-open"`
	Hits         int64    `json:"hits" doc:"answers from memory or Redis since this process began"`
	Misses       int64    `json:"misses" doc:"answers built from the log"`
	HitRate      *float64 `json:"hit_rate" doc:"hits of all answers, 0 to 1"`
	MemoryHits   int64    `json:"memory_hits"`
	RedisHits    int64    `json:"redis_hits"`
	RedisErrors  int64    `json:"redis_errors"`
	BadEntries   int64    `json:"bad_entries" doc:"entries deleted because they were not as written"`
	Unanswerable int64    `json:"unanswerable" doc:"requests that no layer could answer"`
}

// LastDay accounts for the ticks of the last 24 hours, up to now.
type LastDay struct {
	LedgerSummary
	Unrecorded int `json:"unrecorded" doc:"ticks since the ledger's last row, of which nothing is known; they count as missed"`
}

// StatusRow is the status as one flat row.
type StatusRow struct {
	Time              time.Time `json:"time"`
	Status            string    `json:"status"`
	ATCPositionsCount *int      `json:"atc_positions_count"`
	FlightsCount      *int      `json:"flights_count"`
	AirportsCount     *int      `json:"airports_count"`
	MovementsCount    *int      `json:"movements_count"`
	AgeS              *int      `json:"age_s"`
	Stale             bool      `json:"stale"`
	Completeness      *float64  `json:"completeness"`
}

type statusInput struct {
	IfNoneMatch string `header:"If-None-Match" hidden:"true"`
}

type statusOutput struct {
	Status       int
	ETag         string `header:"ETag"`
	CacheControl string `header:"Cache-Control"`
	Body         *StatusAnswer
}

// Status registers the operations of api-status.
func Status(s *service) {
	o := Operation{Path: "/api/status", Summary: "What is recorded, how fresh it is and how the parts are doing", Keep: -1}
	register(s, o, o.huma(s), s.status)
	s.network()
	s.ledger()
	s.replay()
	s.errors()
	s.health()
	s.documentation()
}

func (s *service) status(ctx context.Context, input *statusInput) (*statusOutput, error) {
	answer := &StatusAnswer{
		Status: operational, Reasons: []string{}, Timestamp: s.Clock().UTC(),
		DataFreshness: Freshness{StaleAfterS: int(live.StaleAfter / time.Second), Stale: true},
	}
	s.fillLive(ctx, answer)
	s.fillCache(ctx, answer)
	s.fillLedger(ctx, answer)
	s.fillMovements(ctx, answer)
	switch {
	case answer.FlightsCount == nil:
		answer.Status = down
	case len(answer.Reasons) > 0:
		answer.Status = degraded
	}
	row := StatusRow{
		Time: answer.Timestamp, Status: answer.Status, ATCPositionsCount: answer.ATCPositionsCount,
		FlightsCount: answer.FlightsCount, AirportsCount: answer.AirportsCount, MovementsCount: answer.MovementsCount,
		AgeS: answer.DataFreshness.AgeS, Stale: answer.DataFreshness.Stale,
	}
	if answer.Ledger != nil {
		row.Completeness = &answer.Ledger.Completeness
	}
	answer.Data = []StatusRow{row}
	answer.Meta = s.meta(1)
	answer.Meta.AsOf, answer.Meta.Snapshot = answer.DataFreshness.LastSnapshot, answer.DataFreshness.LastSnapshot
	answer.Meta.AgeS, answer.Meta.Stale = answer.DataFreshness.AgeS, answer.DataFreshness.Stale

	etag, err := statusTag(*answer)
	if err != nil {
		return nil, err
	}
	// A status is looked at to learn of a change: it is kept, but always checked.
	output := &statusOutput{Status: http.StatusOK, ETag: etag, CacheControl: "no-cache", Body: answer}
	if matches(input.IfNoneMatch, etag) {
		output.Status, output.Body = http.StatusNotModified, nil
	}
	return output, nil
}

func (s *service) fillLive(ctx context.Context, answer *StatusAnswer) {
	shown, err := s.Live.Get(ctx, live.Network, live.JSON)
	if err != nil {
		s.note(ctx, err)
		answer.Reasons = append(answer.Reasons, "live view: "+fault.ReasonOf(err))
		return
	}
	layer := string(shown.Layer)
	answer.CacheStatus.Layer = &layer
	answer.ATCPositionsCount, answer.FlightsCount = &shown.Summary.Controllers, &shown.Summary.Flights
	answer.AirportsCount = &shown.Summary.Airports
	fresh := &answer.DataFreshness
	fresh.AgeS, fresh.LastSnapshot, fresh.LastReceived = seconds(shown.Age), utc(shown.Snapshot), utc(shown.Received)
	fresh.Stale, fresh.Held = shown.Stale, shown.Held
	switch {
	case shown.Held:
		answer.Reasons = append(answer.Reasons, "live view: held, the newest snapshot is suspicious")
	case shown.Stale:
		answer.Reasons = append(answer.Reasons, "live view: stale")
	}
}

func (s *service) fillCache(ctx context.Context, answer *StatusAnswer) {
	cache := &answer.CacheStatus
	cache.Redis = "up"
	switch took, err := s.Live.Ping(ctx); {
	case fault.ReasonOf(err) == live.NoRedis:
		cache.Redis = "none"
	case err != nil:
		reason := fault.ReasonOf(err)
		cache.Redis, cache.RedisReason = "down", &reason
		answer.Reasons = append(answer.Reasons, "cache: "+reason)
	default:
		milliseconds := float64(took.Microseconds()) / 1000
		cache.RedisPingMS = &milliseconds
	}
	stats := s.Live.Stats()
	cache.Breaker = stats.Breaker
	cache.MemoryHits, cache.RedisHits = stats.Memory, stats.Redis
	cache.Hits, cache.Misses = stats.Memory+stats.Redis, stats.Log
	cache.RedisErrors, cache.BadEntries, cache.Unanswerable = stats.RedisErrors, stats.Discarded, stats.Failed
	if all := cache.Hits + cache.Misses; all > 0 {
		rate := float64(cache.Hits) / float64(all)
		cache.HitRate = &rate
	}
}

func (s *service) fillLedger(ctx context.Context, answer *StatusAnswer) {
	now := s.Clock()
	summary, err := s.Ledger.LedgerSummary(ctx, now.Add(-completenessOver), now)
	if err != nil {
		s.note(ctx, err)
		answer.Reasons = append(answer.Reasons, "database: "+fault.ReasonOf(err))
		return
	}
	day := &LastDay{LedgerSummary: summaryOf(summary)}
	if summary.Expected > 0 {
		day.Unrecorded, day.Completeness = upToNow(summary, now)
	}
	answer.Ledger = day
}

// fillMovements counts what the analysis found. While nothing was analysed the
// count is not known, and not 0.
func (s *service) fillMovements(ctx context.Context, answer *StatusAnswer) {
	if answer.Ledger == nil {
		return // the database does not answer: it was said already
	}
	now := s.Clock()
	analyzed, err := s.Traffic.AnalyzedTo(ctx)
	if err == nil && analyzed.IsZero() {
		return
	}
	var total int
	if err == nil {
		total, err = s.Traffic.TotalMovements(ctx, now.Add(-aDay).Truncate(quarter), now)
	}
	if err != nil {
		s.note(ctx, err)
		answer.Reasons = append(answer.Reasons, "analysis: "+fault.ReasonOf(err))
		return
	}
	answer.MovementsCount = &total
}

// upToNow counts the ticks since the ledger's last row, of which nothing is
// known, as missed. The one that is being recorded now and the one before it
// may still come.
func upToNow(summary store.LedgerSummary, now time.Time) (unrecorded int, completeness float64) {
	unrecorded = max(0, int(now.Sub(summary.To)/tick)-1)
	return unrecorded, summary.Completeness * float64(summary.Expected) / float64(summary.Expected+unrecorded)
}

// statusTag is made of what a change of the network or of a part changes.
func statusTag(answer StatusAnswer) (string, error) {
	answer.Timestamp, answer.Data = time.Time{}, nil
	answer.DataFreshness.AgeS, answer.Meta.AgeS = nil, nil
	answer.CacheStatus = CacheStatus{Redis: answer.CacheStatus.Redis, Breaker: answer.CacheStatus.Breaker}
	raw, err := json.Marshal(answer, json.Deterministic(true))
	if err != nil {
		return "", err
	}
	return `"` + strconv.FormatUint(xxhash.Sum64(raw), 36) + `"`, nil
}
