package advisor_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"go.uber.org/zap/zaptest"

	"github.com/skyledger/skyledger/internal/advisor"
	"github.com/skyledger/skyledger/internal/statement"
	"github.com/skyledger/skyledger/internal/store"
)

// lab is a table that lacks the index that slowQuery wants, with indexes that
// nobody needs on another.
var lab = []string{
	`CREATE TABLE visits (id int PRIMARY KEY, place text NOT NULL, seen timestamptz NOT NULL, note text NOT NULL)`,
	`INSERT INTO visits SELECT i, 'P' || i % 2000, '2024-01-01Z'::timestamptz + i * interval '1 second', repeat('x', 60)
		FROM generate_series(1, 60000) i`,
	`CREATE TABLE places (name text NOT NULL, country text NOT NULL)`,
	`INSERT INTO places SELECT 'P' || i, 'C' || i % 50 FROM generate_series(1, 2000) i`,
	`CREATE INDEX places_name ON places (name)`,
	`CREATE INDEX places_name_again ON places (name)`,
	`CREATE INDEX places_name_country ON places (name, country)`,
	`CREATE INDEX places_country ON places (country)`,
	`CREATE UNIQUE INDEX places_key ON places (name, country) INCLUDE (country)`,
	`VACUUM ANALYZE visits`, `VACUUM ANALYZE places`, `SELECT pg_stat_force_next_flush()`, `SELECT 1`,
}

const (
	slowQuery  = `SELECT id, seen FROM visits WHERE place = $1 AND seen >= $2`
	slowShape  = slowQuery
	quickQuery = `SELECT id FROM visits WHERE id = $1`
	plainQuery = `SELECT count(*) FROM visits WHERE note = 'never there'`
)

// use calls the statements five times.
func (w *world) use(t testing.TB) {
	t.Helper()
	for range 5 {
		for _, call := range []struct {
			sql  string
			args []any
		}{
			{slowQuery, []any{"P7", time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)}}, {quickQuery, []any{4}}, {plainQuery, nil},
		} {
			w.call(t, call.sql, call.args...)
		}
	}
}

// call runs a statement as a function would, and notes what it took as the
// functions' timings do.
func (w *world) call(t testing.TB, sql string, args ...any) {
	t.Helper()
	began := time.Now()
	done, err := w.conn.Exec(t.Context(), sql, args...)
	took := time.Since(began).Seconds() * 1000
	must(t, err)
	shape := statement.Shape(sql)
	_, err = w.conn.Exec(t.Context(), `INSERT INTO kept.statements VALUES ($1, $2, $3, now()) ON CONFLICT DO NOTHING`,
		statement.Fingerprint(shape), shape, sql)
	must(t, err)
	_, err = w.conn.Exec(t.Context(), `INSERT INTO kept.statement_timings AS t VALUES (date_trunc('hour', now()), $1, 'test', 1, 0, $2, $3, $3)
		ON CONFLICT (hour, fingerprint, process) DO UPDATE SET calls = t.calls + 1, rows = t.rows + $2, total_ms = t.total_ms + $3, max_ms = greatest(t.max_ms, $3)`,
		statement.Fingerprint(shape), done.RowsAffected(), took)
	must(t, err)
}

// withoutHypoPG takes the extension away, as where it is not installed.
const withoutHypoPG = `DROP EXTENSION IF EXISTS hypopg`

func findIndex(report advisor.IndexReport, verdict, table, columns string) *advisor.IndexAdvice {
	for i := range report.Indexes {
		one := &report.Indexes[i]
		if one.Verdict == verdict && one.Table == table && strings.Join(one.Columns, ",") == columns {
			return one
		}
	}
	return nil
}

func (w *world) hasHypoPG(t testing.TB) bool {
	return ask[bool](t, w, `SELECT EXISTS (SELECT FROM pg_extension WHERE extname = 'hypopg')`)
}

func TestAMissingIndexIsFound(t *testing.T) {
	for _, way := range []struct{ name, method, prepare string }{
		{"by hypopg", store.TriedHypothetical, `SELECT 1`},
		{"on a scratch copy", store.TriedScratch, withoutHypoPG},
	} {
		t.Run(way.name, func(t *testing.T) {
			w := newWorld(t, slices.Concat(lab, []string{way.prepare})...)
			if way.method == store.TriedHypothetical && !w.hasHypoPG(t) {
				t.Skip("hypopg is not installed with this PostgreSQL (Debian: postgresql-15-hypopg); the scratch copy is tested instead")
			}
			w.use(t)
			must(t, w.Look(t.Context()))
			report, err := w.Indexes(t.Context())
			must(t, err)
			if report.Sources.HypoPG.Available != (way.method == store.TriedHypothetical) {
				t.Errorf("sources: %+v", report.Sources)
			}
			advice := findIndex(report, advisor.Recommended, "visits", "place,seen")
			if advice == nil {
				advice = findIndex(report, advisor.Recommended, "visits", "place")
			}
			if advice == nil {
				t.Fatalf("it is not among %+v", report.Indexes)
			}
			if *advice.Method != way.method || advice.Bytes == nil || *advice.Bytes < 100_000 || *advice.Bytes > 20_000_000 || *advice.Writes != 60_000 {
				t.Errorf("%+v", advice)
			}
			evidence := advice.EvidenceFor[0]
			if evidence.Statement != slowShape || evidence.Calls != 5 || !evidence.Used || evidence.CostAfter > 0.7*evidence.CostBefore {
				t.Errorf("%+v", evidence)
			}

			before := w.cost(t)
			w.run(t, strings.Replace(advice.Definition, "CONCURRENTLY ", "", 1), `ANALYZE visits`)
			after := w.cost(t)
			if after > 0.7*before {
				t.Errorf("building it lowered the cost from %.0f to %.0f only", before, after)
			}
			t.Logf("%s: promised %.0f → %.0f, built %.0f → %.0f, %d bytes promised, %d built", advice.Definition,
				evidence.CostBefore, evidence.CostAfter, before, after, *advice.Bytes, ask[int64](t, w, `SELECT pg_indexes_size('visits') - pg_relation_size('visits_pkey')`))
			report, err = w.Indexes(t.Context())
			must(t, err)
			if findIndex(report, advisor.Recommended, "visits", strings.Join(advice.Columns, ",")) != nil {
				t.Error("it is recommended still, though it is there")
			}
			if n := ask[int](t, w, `SELECT count(*)::int FROM pg_class WHERE relname LIKE '%trial%' OR relnamespace::regnamespace::text LIKE 'pg_temp%'`); n != 0 {
				t.Errorf("%d relations of a trial are left", n)
			}
		})
	}
}

// cost is what the slow statement costs with values, by a way of the test's own:
// the blocks that an execution really reads.
func (w *world) cost(t testing.TB) (blocks float64) {
	t.Helper()
	var plans []struct {
		Plan struct {
			Hit  float64 `json:"Shared Hit Blocks"`
			Read float64 `json:"Shared Read Blocks"`
		}
	}
	must(t, w.conn.QueryRow(t.Context(), `EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) SELECT id, seen FROM visits WHERE place = 'P7' AND seen >= '2024-01-01Z'`,
		pgx.QueryExecModeSimpleProtocol).Scan(&plans))
	return plans[0].Plan.Hit + plans[0].Plan.Read
}

func TestPlansSayWhatIsExpensive(t *testing.T) {
	w := newWorld(t, lab...)
	w.use(t)
	must(t, w.Look(t.Context()))
	plans, err := w.Plans(t.Context())
	must(t, err)
	by := map[string]advisor.QueryPlan{}
	for _, plan := range plans.Plans {
		by[plan.Query] = plan
	}
	slow, quick := by[slowShape], by[quickQuery]
	if len(slow.Findings) == 0 || slow.Findings[0].Code != "seq_scan" || !strings.Contains(slow.Findings[0].Text, "sky.visits, about 60,000 rows") {
		t.Errorf("slow: %+v", slow)
	}
	want := store.ExplainedPlaceholder
	if ask[bool](t, w, `SELECT current_setting('server_version_num')::int >= 160000`) {
		want = store.ExplainedGeneric
	}
	if slow.Method != want || slow.Executed {
		t.Errorf("method %s, executed %t", slow.Method, slow.Executed)
	}
	if quick.Cost == nil || len(quick.Findings) != 0 || *quick.Cost > 20 {
		t.Errorf("quick: %+v", quick)
	}
	plain := by["SELECT count(*) FROM visits WHERE note = $1"]
	if !plain.Executed || plain.Method != store.ExplainedAsIs {
		t.Errorf("a statement of ours without parameters was not measured: %+v", plain)
	}
}

func TestASlowQueryIsOnTop(t *testing.T) {
	w := newWorld(t, lab...)
	w.use(t)
	for range 3 {
		w.call(t, `SELECT pg_sleep(0.1)`)
	}
	preloaded := strings.Contains(ask[string](t, w, `SHOW shared_preload_libraries`), "pg_stat_statements")
	for _, source := range []string{advisor.FromTimings, advisor.FromPGStatStatements, ""} {
		t.Run("from "+source, func(t *testing.T) {
			found, err := w.SlowQueries(t.Context(), source)
			must(t, err)
			if source == advisor.FromPGStatStatements && !preloaded {
				t.Skip("this PostgreSQL has no pg_stat_statements; the program's own timings are tested instead")
			}
			i := slices.IndexFunc(found.Statements, func(q advisor.SlowQuery) bool { return q.Query == "SELECT pg_sleep($1)" })
			if i < 0 {
				t.Fatalf("not there: %+v", found)
			}
			top := found.Statements[i]
			if top.Calls != 3 || top.MeanMS < 100 || top.TotalMS < 300 || top.MaxMS < 100 || *top.Share <= 0 || found.Since == nil {
				t.Errorf("%+v", top)
			}
			for _, other := range found.Statements[:i] {
				if other.TotalMS < top.TotalMS {
					t.Errorf("%+v is above it", other)
				}
				if strings.Contains(other.Query, "never there") {
					t.Error("a value is shown")
				}
			}
			if preloaded && source == "" && (found.Source != advisor.FromPGStatStatements || top.HitRatio != nil && *top.HitRatio > 1) {
				t.Errorf("%s %+v", found.Source, top)
			}
		})
	}
}

func TestIndexesThatNobodyNeeds(t *testing.T) {
	w := newWorld(t, lab...)
	report, err := w.Indexes(t.Context())
	must(t, err)
	verdicts := map[string]string{}
	for _, one := range report.Indexes {
		if one.Index != nil {
			verdicts[*one.Index] = one.Verdict
		}
	}
	for index, want := range map[string]string{
		"places_name_again": advisor.Duplicate, "places_country": advisor.Unused, "places_name": advisor.Redundant,
		"places_key": "", "visits_pkey": "",
	} {
		if verdicts[index] != want {
			t.Errorf("%s: %q, want %q", index, verdicts[index], want)
		}
	}
	t.Run("one unread for minutes is not to be dropped yet, and a double one is", func(t *testing.T) {
		for verdict, columns := range map[string]string{advisor.Unused: "country", advisor.Duplicate: "name"} {
			one := findIndex(report, verdict, "places", columns)
			if one == nil || (one.Action == nil) != (verdict == advisor.Unused) {
				t.Errorf("%s: %+v", verdict, one)
			}
		}
	})
	t.Run("one unread for weeks is", func(t *testing.T) {
		later := advisor.New(w.store, func() time.Time { return time.Now().Add(30 * 24 * time.Hour) }, zaptest.NewLogger(t))
		report, err := later.Indexes(t.Context())
		must(t, err)
		if one := findIndex(report, advisor.Unused, "places", "country"); one == nil || one.Action == nil {
			t.Errorf("%+v", one)
		}
	})
	t.Run("one that is read is not unused", func(t *testing.T) {
		w.run(t, `SET enable_seqscan = off`, `SELECT * FROM places WHERE country = 'C1'`, `SELECT pg_stat_force_next_flush()`, `SELECT 1`)
		report, err := w.Indexes(t.Context())
		must(t, err)
		if findIndex(report, advisor.Unused, "places", "country") != nil {
			t.Error("it is called unused")
		}
	})
}

func TestBloatIsSeen(t *testing.T) {
	w := newWorld(t,
		`CREATE TABLE holes (id int PRIMARY KEY, text text) WITH (autovacuum_enabled = off)`,
		`INSERT INTO holes SELECT i, repeat('y', 200) FROM generate_series(1, 120000) i`,
		`DELETE FROM holes WHERE id % 10 <> 0`, `VACUUM ANALYZE holes`,
		`CREATE TABLE dense (id int PRIMARY KEY, text text)`,
		`INSERT INTO dense SELECT i, repeat('y', 200) FROM generate_series(1, 50000) i`, `VACUUM ANALYZE dense`)
	health, remarks, err := w.Tables(t.Context())
	must(t, err)
	seen := map[string]advisor.TableHealth{}
	for _, table := range health {
		seen[table.Table] = table
	}
	holes, dense := seen["holes"], seen["dense"]
	size := float64(ask[int64](t, w, `SELECT pg_relation_size('holes')`))
	if holes.BloatBytes == nil || float64(*holes.BloatBytes) < 0.85*size || float64(*holes.BloatBytes) > 0.95*size {
		t.Errorf("nine rows in ten are gone of %.0f bytes, and the bloat is %v", size, *holes.BloatBytes)
	}
	if dense.BloatBytes == nil || float64(*dense.BloatBytes) > 0.05*float64(dense.Bytes) {
		t.Errorf("dense: %+v", dense)
	}
	if !slices.ContainsFunc(remarks, func(r string) bool { return strings.HasPrefix(r, "sky.holes: about") }) {
		t.Errorf("%q", remarks)
	}
}

func TestSamplesBecomeASeries(t *testing.T) {
	w := newWorld(t, lab...)
	from := time.Now().Add(-time.Minute)
	must(t, w.Look(t.Context()))
	w.run(t, `SELECT count(*) FROM visits`, `SELECT pg_stat_force_next_flush()`, `SELECT 1`)
	must(t, w.Look(t.Context()))
	moments, err := w.Moments(t.Context(), from, time.Now().Add(time.Minute))
	must(t, err)
	if len(moments) != 2 || !moments[1].Time.After(moments[0].Time) {
		t.Fatalf("%+v", moments)
	}
	first, second := moments[0], moments[1]
	if first.CacheHitRate != nil || second.CacheHitRate == nil || *second.CacheHitRate <= 0 || *second.CacheHitRate > 1 {
		t.Errorf("hit rates %v %v", first.CacheHitRate, second.CacheHitRate)
	}
	if *second.CommitsPerS <= 0 || second.Connections < 1 || second.LongestTransactionS == nil || second.DatabaseBytes < 5_000_000 {
		t.Errorf("%+v", second)
	}
	later, err := w.Moments(t.Context(), second.Time, second.Time.Add(time.Second))
	must(t, err)
	if len(later) != 1 || later[0].CacheHitRate == nil {
		t.Errorf("the first of a span knows no rate: %+v", later)
	}
}
