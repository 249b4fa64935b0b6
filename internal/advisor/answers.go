package advisor

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/skyledger/skyledger/internal/store"
)

// SlowQuery is what a statement cost.
type SlowQuery struct {
	Fingerprint string   `json:"fingerprint" doc:"tells statements apart; the same in /api/performance/plans"`
	Query       string   `json:"query" doc:"the statement with every value replaced by a parameter"`
	Source      string   `json:"source" enum:"pg_stat_statements,timings"`
	Calls       int64    `json:"calls"`
	Errors      *int64   `json:"errors" doc:"calls that failed; null where the source does not count them"`
	Rows        int64    `json:"rows" doc:"returned or changed"`
	TotalMS     float64  `json:"total_ms"`
	MeanMS      float64  `json:"mean_ms"`
	MaxMS       float64  `json:"max_ms"`
	Share       *float64 `json:"share" doc:"of the time of all statements of the source, 0 to 1; null when that is nothing"`
	HitRatio    *float64 `json:"hit_ratio" doc:"share of the blocks found in PostgreSQL's cache; null where unknown"`
	BlocksRead  *int64   `json:"blocks_read" doc:"8 kB blocks asked of the operating system; null where unknown"`
	TempBytes   *int64   `json:"temp_bytes" doc:"written to temporary files; null where unknown"`
}

// SlowQueries are the statements of one source.
type SlowQueries struct {
	Source     string // that they are from; "" when none has any
	Since      *time.Time
	TotalMS    float64 // of all statements of the source
	Calls      int64
	Sources    Sources
	Statements []SlowQuery // by total time, the greatest first
}

// SlowQueries reads the statements of a source; "" takes PostgreSQL's account
// where it can be read and else our own timings.
func (a *Advisor) SlowQueries(ctx context.Context, source string) (SlowQueries, error) {
	counted, err := a.database.PGStatements(ctx, mostStatements)
	if err != nil {
		return SlowQueries{}, err
	}
	timed, err := a.database.TimedStatements(ctx, a.clock().Add(-timedOver), mostStatements)
	if err != nil {
		return SlowQueries{}, err
	}
	found := SlowQueries{Sources: Sources{PGStatStatements: counted.Figures, Timings: timed.Figures}}
	if found.Sources.HypoPG, err = a.database.HypoPG(ctx); err != nil {
		return found, err
	}
	chosen := counted
	switch {
	case source == FromTimings, source == "" && !counted.Available:
		source, chosen = FromTimings, timed
	default:
		source = FromPGStatStatements
	}
	found.Statements = []SlowQuery{}
	if !chosen.Available {
		return found, nil
	}
	found.Source, found.Since, found.TotalMS, found.Calls = source, chosen.Since, rounded(chosen.TotalMS), chosen.Calls
	for i := range chosen.Statements {
		found.Statements = append(found.Statements, slowQuery(&chosen.Statements[i], source, chosen.TotalMS))
	}
	return found, nil
}

func slowQuery(p *store.Profile, source string, total float64) SlowQuery {
	query := SlowQuery{
		Fingerprint: key(p.Fingerprint), Query: p.Shape, Source: source, Calls: p.Calls, Errors: p.Errors, Rows: p.Rows,
		TotalMS: rounded(p.TotalMS), MeanMS: rounded(p.TotalMS / float64(max(1, p.Calls))), MaxMS: rounded(p.MaxMS), BlocksRead: p.BlocksRead,
		Share: ratio(p.TotalMS, total),
	}
	if p.BlocksHit != nil && p.BlocksRead != nil {
		query.HitRatio = ratio(float64(*p.BlocksHit), float64(*p.BlocksHit+*p.BlocksRead))
	}
	if p.TempBlocks != nil {
		bytes := *p.TempBlocks * blockSize
		query.TempBytes = &bytes
	}
	return query
}

const blockSize = 8192

func rounded(ms float64) float64 { return math.Round(ms*1000) / 1000 }

// ratio is nil when the whole is nothing.
func ratio(part, whole float64) *float64 {
	if whole <= 0 {
		return nil
	}
	share := math.Round(part/whole*10000) / 10000
	return &share
}

// QueryPlan is how PostgreSQL goes about a statement.
type QueryPlan struct {
	Fingerprint string          `json:"fingerprint"`
	Query       string          `json:"query" doc:"the statement with every value replaced by a parameter"`
	Source      string          `json:"source" enum:"pg_stat_statements,timings"`
	Calls       int64           `json:"calls"`
	TotalMS     float64         `json:"total_ms"`
	MeanMS      float64         `json:"mean_ms"`
	Cost        *float64        `json:"cost" doc:"the planner's, in its units; null when there is no plan"`
	Method      string          `json:"method" enum:"as_is,generic_plan,placeholders" doc:"how parameters were planned without values: as_is has none, generic_plan is EXPLAIN's option since PostgreSQL 16, placeholders are sub-selects of the parameters' types"`
	Executed    bool            `json:"executed" doc:"whether rows and times were measured; only statements that read and have no parameters are ever executed, for two seconds at most"`
	Findings    []PlanFinding   `json:"findings" doc:"what is expensive, the most expensive step first"`
	Problem     *string         `json:"problem" doc:"why there is no plan"`
	Explained   time.Time       `json:"explained" doc:"when"`
	Plan        json.RawMessage `json:"plan" doc:"as EXPLAIN (FORMAT JSON) gives it; null when there is none"`
}

// Plans are those of the last look.
type Plans struct {
	At      time.Time // of the look; zero when there was none yet
	Sources Sources
	Plans   []QueryPlan // by total time of the statements
}

// Plans reads what the last look found.
func (a *Advisor) Plans(ctx context.Context) (Plans, error) {
	last, err := a.database.LastLook(ctx)
	if err != nil {
		return Plans{}, err
	}
	found := Plans{At: last.At, Plans: []QueryPlan{}}
	if found.Sources, err = sourcesOf(&last); err != nil {
		return found, err
	}
	for _, row := range last.Plans {
		plan := QueryPlan{
			Fingerprint: key(row.Fingerprint), Query: row.Shape, Source: row.Source, Calls: row.Calls,
			TotalMS: rounded(row.TotalMS), MeanMS: rounded(row.MeanMS), Cost: row.Cost, Method: row.Method, Executed: row.Executed,
			Problem: row.Problem, Explained: row.Explained, Plan: row.Plan,
		}
		if err := json.Unmarshal(row.Findings, &plan.Findings); err != nil {
			return found, err
		}
		found.Plans = append(found.Plans, plan)
	}
	return found, nil
}

// notYet is the reason before the first look.
const notYet = "The hourly job has not looked yet."

func sourcesOf(last *store.Look) (Sources, error) {
	if last.At.IsZero() {
		reason := notYet
		none := store.Figures{Reason: &reason}
		return Sources{none, none, none}, nil
	}
	var sources Sources
	return sources, json.Unmarshal(last.Sources, &sources)
}

// DatabaseMoment is one sample of the database's figures. Rates are over the
// time since the sample before; null where there is none, or where the counters
// were reset between.
type DatabaseMoment struct {
	Time                time.Time `json:"time"`
	DatabaseBytes       int64     `json:"database_bytes"`
	CacheHitRate        *float64  `json:"cache_hit_rate" doc:"share of the blocks found in PostgreSQL's cache, 0 to 1"`
	CommitsPerS         *float64  `json:"commits_per_s"`
	RollbacksPerS       *float64  `json:"rollbacks_per_s"`
	TempBytes           *int64    `json:"temp_bytes" doc:"written to temporary files since the sample before"`
	TempFiles           *int64    `json:"temp_files"`
	Deadlocks           *int64    `json:"deadlocks"`
	Connections         int32     `json:"connections" doc:"to this database"`
	MaxConnections      int32     `json:"max_connections" doc:"of the server"`
	Active              *int32    `json:"active" doc:"null when this role may not see others' sessions, as the next two"`
	IdleInTransaction   *int32    `json:"idle_in_transaction"`
	LongestTransactionS *float64  `json:"longest_transaction_s"`
	LiveRows            int64     `json:"live_rows" doc:"estimated"`
	DeadRows            int64     `json:"dead_rows" doc:"waiting for a vacuum"`
	XIDAge              int64     `json:"xid_age" doc:"transactions since the oldest row that is not frozen; autovacuum forces a vacuum at 200 million"`
	OldestVacuumS       *float64  `json:"oldest_vacuum_s" doc:"since the last vacuum of the table with dead rows that waits longest; null when none was ever vacuumed"`
}

// Moments returns the samples of from <= time < to, by time.
func (a *Advisor) Moments(ctx context.Context, from, to time.Time) ([]DatabaseMoment, error) {
	samples, err := a.database.DatabaseSamples(ctx, from, to)
	if err != nil {
		return nil, err
	}
	moments := []DatabaseMoment{}
	for i := range samples {
		if samples[i].At.Before(from) {
			continue
		}
		var before *store.DatabaseSample
		if i > 0 {
			before = &samples[i-1]
		}
		moments = append(moments, momentOf(&samples[i], before))
	}
	return moments, nil
}

func momentOf(now, before *store.DatabaseSample) DatabaseMoment {
	moment := DatabaseMoment{
		Time: now.At.UTC(), DatabaseBytes: now.DatabaseBytes, Connections: now.Connections, MaxConnections: now.MaxConnections,
		Active: now.Active, IdleInTransaction: now.IdleInTransaction, LongestTransactionS: now.LongestTransactionS,
		LiveRows: now.LiveRows, DeadRows: now.DeadRows, XIDAge: now.XIDAge, OldestVacuumS: now.OldestVacuumS,
	}
	if before == nil || !continued(before, now) {
		return moment
	}
	elapsed := now.At.Sub(before.At).Seconds()
	hit, read := now.BlocksHit-before.BlocksHit, now.BlocksRead-before.BlocksRead
	moment.CacheHitRate = ratio(float64(hit), float64(hit+read))
	moment.CommitsPerS = ratio(float64(now.Commits-before.Commits), elapsed)
	moment.RollbacksPerS = ratio(float64(now.Rollbacks-before.Rollbacks), elapsed)
	bytes, files, deadlocks := now.TempBytes-before.TempBytes, now.TempFiles-before.TempFiles, now.Deadlocks-before.Deadlocks
	moment.TempBytes, moment.TempFiles, moment.Deadlocks = &bytes, &files, &deadlocks
	return moment
}

// continued reports whether the counters went on from one sample to the other:
// a reset, and a crash of the server, begin them again.
func continued(before, now *store.DatabaseSample) bool {
	same := before.StatsReset == nil && now.StatsReset == nil ||
		before.StatsReset != nil && now.StatsReset != nil && before.StatsReset.Equal(*now.StatsReset)
	return same && now.Commits >= before.Commits && now.BlocksHit >= before.BlocksHit && now.BlocksRead >= before.BlocksRead &&
		now.TempBytes >= before.TempBytes && now.Rollbacks >= before.Rollbacks
}

// TableHealth is how a table is doing.
type TableHealth struct {
	Schema      string     `json:"schema"`
	Table       string     `json:"table"`
	Bytes       int64      `json:"bytes" doc:"with indexes and what is stored out of line"`
	IndexBytes  int64      `json:"index_bytes"`
	Rows        *int64     `json:"rows" doc:"estimated; null before the first ANALYZE"`
	DeadRows    int64      `json:"dead_rows"`
	DeadShare   *float64   `json:"dead_share" doc:"of all rows, 0 to 1; null for an empty table"`
	BloatBytes  *int64     `json:"bloat_bytes" doc:"more than the rows need, estimated from the planner's statistics; null where they do not tell"`
	SeqScans    int64      `json:"seq_scans"`
	IndexScans  int64      `json:"index_scans"`
	LastVacuum  *time.Time `json:"last_vacuum" doc:"by hand or automatic; null: never, or not since a crash of the server"`
	LastAnalyze *time.Time `json:"last_analyze"`
	Autovacuum  *float64   `json:"autovacuum_due" doc:"dead rows as a share of the number at which autovacuum begins: above 1 it lags"`
	XIDAge      int64      `json:"xid_age"`
}

// Tables returns the tables, the largest first, and what their figures say in
// words.
func (a *Advisor) Tables(ctx context.Context) (health []TableHealth, remarks []string, err error) {
	catalogue, err := a.database.Catalogue(ctx)
	if err != nil {
		return nil, nil, err
	}
	health, remarks = []TableHealth{}, []string{}
	for i := range catalogue.Tables {
		table := &catalogue.Tables[i]
		one := TableHealth{
			Schema: table.Schema, Table: table.Name, Bytes: table.Bytes, IndexBytes: table.IndexBytes, Rows: table.Rows,
			DeadRows: table.DeadRows, DeadShare: ratio(float64(table.DeadRows), float64(table.DeadRows+table.LiveRows)), BloatBytes: table.BloatBytes,
			SeqScans: table.SeqScans, IndexScans: table.IndexScans, LastVacuum: utc(table.LastVacuum), LastAnalyze: utc(table.LastAnalyze),
			Autovacuum: ratio(float64(table.DeadRows), float64(table.AutovacuumDead)), XIDAge: table.XIDAge,
		}
		health = append(health, one)
		if b := table.BloatBytes; b != nil && *b >= bloatedBytes && float64(*b) >= bloatedShare*float64(table.HeapBytes) {
			remarks = append(remarks, fmt.Sprintf("%s.%s: about %s of its %s hold nothing. New rows fill them; only VACUUM FULL or a rebuild gives them back.",
				table.Schema, table.Name, size(*b), size(table.HeapBytes)))
		}
		if table.XIDAge >= vacuumAge {
			remarks = append(remarks, fmt.Sprintf("%s.%s: its oldest row is %s transactions old.", table.Schema, table.Name, count(float64(table.XIDAge))))
		}
	}
	slices.SortStableFunc(health, func(a, b TableHealth) int { return int(math.Copysign(1, float64(b.Bytes-a.Bytes))) })
	for _, action := range due(&catalogue) {
		remarks = append(remarks, action.Object+": "+string(action.Kind)+" is due. "+action.Reason)
	}
	return health, remarks, nil
}

func utc(at *time.Time) *time.Time {
	if at == nil {
		return nil
	}
	moment := at.UTC()
	return &moment
}
