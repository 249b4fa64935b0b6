package advisor_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/skyledger/skyledger/internal/advisor"
	"github.com/skyledger/skyledger/internal/statement"
)

// house is tables that make statements expensive, on a database where a sort may
// take 64 kB and a hash 128 kB. Autovacuum is kept away, so that the statistics
// are those of the ANALYZE.
var house = []string{
	`DO $$ BEGIN
		EXECUTE format('ALTER DATABASE %I SET work_mem = ''64kB''', current_database());
		EXECUTE format('ALTER DATABASE %I SET hash_mem_multiplier = 2', current_database());
		EXECUTE format('ALTER DATABASE %I SET max_parallel_workers_per_gather = 0', current_database());
	END $$`,
	// twenty and part are the same, which the planner does not know
	`CREATE TABLE crowd (id int PRIMARY KEY, twenty int NOT NULL, part int NOT NULL, early int NOT NULL, late int NOT NULL, visitor int NOT NULL, note text NOT NULL)
		WITH (autovacuum_enabled = off)`,
	`INSERT INTO crowd SELECT i, i % 20, i % 20, i / 1200, (60000 - i) / 1200, i % 10000, md5(i::text) FROM generate_series(1, 60000) i`,
	`CREATE INDEX ON crowd (early)`, `CREATE INDEX ON crowd (late)`,
	`CREATE TABLE herd (id int PRIMARY KEY, size int NOT NULL) WITH (autovacuum_enabled = off)`,
	`INSERT INTO herd SELECT i, i FROM generate_series(1, 3000) i`,
	`CREATE TABLE pair (id int PRIMARY KEY, size int NOT NULL) WITH (autovacuum_enabled = off)`,
	`INSERT INTO pair SELECT i, i FROM generate_series(1, 40) i`,
	`CREATE TABLE days (seen timestamptz NOT NULL, seen_by text NOT NULL, note text NOT NULL) PARTITION BY RANGE (seen)`,
	`CREATE TABLE days_1 PARTITION OF days FOR VALUES FROM ('2024-01-01Z') TO ('2024-01-02Z')`,
	`CREATE TABLE days_2 PARTITION OF days FOR VALUES FROM ('2024-01-02Z') TO ('2024-01-03Z')`,
	`CREATE TABLE days_3 PARTITION OF days FOR VALUES FROM ('2024-01-03Z') TO ('2024-01-04Z')`,
	`INSERT INTO days SELECT '2024-01-01Z'::timestamptz + i * interval '1 minute', 'S' || i % 7, 'N' || i FROM generate_series(1, 4000) i`,
	`VACUUM ANALYZE crowd`, `VACUUM ANALYZE herd`, `VACUUM ANALYZE pair`, `ANALYZE days`,
}

// told is a statement and what is to be found about it: the code, the table, and
// words of the text; absent says that the code must not be found.
type told struct {
	name   string
	sql    string
	args   []any
	code   string
	about  string
	says   string
	absent bool
}

func TestASpillIsTold(t *testing.T) {
	w := newWorld(t, house...)
	w.told(t, []told{
		{name: "a sort that went to disk", code: "sort_spills", says: "to disk: work_mem is 64 kB",
			sql: `SELECT count(*) FROM (SELECT id FROM crowd ORDER BY note OFFSET 0) s`},
		{name: "not one that fits", code: "sort_spills", absent: true,
			sql: `SELECT count(*) FROM (SELECT id FROM pair ORDER BY size OFFSET 0) s`},
		{name: "a sort that will go to disk", code: "sort_spills", says: "it will go to disk",
			sql: `SELECT id FROM crowd WHERE id > $1 ORDER BY note`, args: []any{7}},
		{name: "not one that keeps ten rows of many", code: "sort_spills", absent: true,
			sql: `SELECT id FROM crowd ORDER BY note LIMIT 10`},
		{name: "not one that will keep a few rows of many", code: "sort_spills", absent: true,
			sql: `SELECT id FROM crowd WHERE part = $1 ORDER BY note LIMIT 10`, args: []any{7}},
		{name: "an incremental sort that went to disk", code: "sort_spills", says: "The sort by crowd.early, crowd.note wrote",
			sql: `SELECT early, note FROM crowd ORDER BY early, note LIMIT 1000`},
		{name: "not one whose groups fit", code: "sort_spills", absent: true,
			sql: `SELECT id, note FROM crowd ORDER BY id, note LIMIT 1000`},

		{name: "the hash of a join that went to disk", code: "hash_spills", about: "sky.crowd", says: "batches: work_mem times hash_mem_multiplier is 128 kB",
			sql: `SELECT count(*) FROM crowd a JOIN crowd b ON a.note = b.note`},
		{name: "not one that fits", code: "hash_spills", absent: true,
			sql: `SELECT count(*) FROM crowd c JOIN pair p ON p.size = c.twenty`},
		{name: "the hash of a join that will go to disk", code: "hash_spills", about: "sky.herd", says: "so it will go to disk",
			sql: `SELECT c.id FROM crowd c JOIN herd h ON h.size = c.part WHERE c.twenty <> $1`, args: []any{7}},
		{name: "not one that will fit", code: "hash_spills", absent: true,
			sql: `SELECT c.id FROM crowd c JOIN pair p ON p.size = c.part WHERE c.twenty <> $1`, args: []any{7}},
	})
}

func TestASpillOfGroupsIsTold(t *testing.T) {
	w := newWorld(t, slices.Concat(house, []string{ // PostgreSQL would rather sort rows than spill groups
		`DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET enable_sort = off', current_database()); END $$`,
	})...)
	w.told(t, []told{
		{name: "the hash of groups that went to disk", code: "hash_spills", about: "sky.crowd", says: "The hash of groups by",
			sql: `SELECT count(*) FROM (SELECT visitor FROM crowd GROUP BY visitor) g`},
		{name: "the hash of groups that will go to disk", code: "hash_spills", about: "sky.crowd", says: "is expected to go to disk",
			sql: `SELECT visitor, count(*) FROM crowd WHERE twenty <> $1 GROUP BY visitor`, args: []any{7}},
		{name: "not one of a few groups", code: "hash_spills", absent: true,
			sql: `SELECT twenty, count(*) FROM crowd GROUP BY twenty`},
	})
}

func TestALoopIsTold(t *testing.T) {
	w := newWorld(t, house...)
	w.told(t, []told{
		{name: "a nested loop over many rows", code: "nested_loop", about: "sky.crowd", says: "about 3,000 times",
			sql: `SELECT count(*) FROM herd h CROSS JOIN LATERAL (SELECT c.id FROM crowd c WHERE c.id > h.size ORDER BY c.id LIMIT 1) n`},
		{name: "not one over a few", code: "nested_loop", absent: true,
			sql: `SELECT count(*) FROM pair p CROSS JOIN LATERAL (SELECT c.id FROM crowd c WHERE c.id > p.size ORDER BY c.id LIMIT 1) n`},
		{name: "a nested loop that will go over many rows", code: "nested_loop", about: "sky.crowd", says: "The nested loop runs its inner side",
			sql: `SELECT n.id FROM herd h CROSS JOIN LATERAL (SELECT c.id FROM crowd c WHERE c.id > h.size ORDER BY c.id LIMIT 1) n WHERE h.size <> $1`, args: []any{7}},
		{name: "rows compared each with each", code: "nested_loop", says: "compares each of about 1,500 rows with 1,500 rows of sky.herd",
			sql: `SELECT count(*) FROM herd a JOIN herd b ON a.size > 2 * b.size WHERE a.id <= 1500 AND b.id <= 1500`},
		{name: "not a few of them", code: "nested_loop", absent: true,
			sql: `SELECT count(*) FROM pair a JOIN pair b ON a.size > 2 * b.size`},
	})
}

func TestAWrongEstimateIsTold(t *testing.T) {
	w := newWorld(t, house...)
	w.told(t, []told{
		{name: "an estimate that takes columns for independent", code: "bad_estimate", about: "sky.crowd", says: "and gave 3,000",
			sql: `SELECT count(*) FROM crowd WHERE twenty = 3 AND part = 3`},
		{name: "not one that is right", code: "bad_estimate", absent: true,
			sql: `SELECT count(*) FROM crowd WHERE twenty = 3`},
		{name: "not that of a step that a limit ends", code: "bad_estimate", absent: true,
			sql: `SELECT id, note FROM crowd ORDER BY id LIMIT 20`},
		{name: "not that of a step that EXISTS ends", code: "bad_estimate", absent: true,
			sql: `SELECT id FROM pair WHERE EXISTS (SELECT FROM crowd WHERE twenty > 2)`},
		{name: "not that of a bitmap, which counts no rows", code: "bad_estimate", absent: true,
			sql: `SELECT count(note) FROM crowd WHERE early = 3 OR late = 3`},
	})
}

func TestMissingPruningIsTold(t *testing.T) {
	w := newWorld(t, house...)
	w.told(t, []told{
		{name: "a table of which every partition is read", code: "all_partitions", about: "sky.days", says: "all 3 partitions of sky.days: no condition on seen",
			sql: `SELECT note FROM days WHERE note = $1`, args: []any{"N7"}},
		{name: "also where a column has a name that begins alike", code: "all_partitions", about: "sky.days",
			sql: `SELECT note FROM days WHERE seen_by = $1`, args: []any{"S7"}},
		{name: "also where a function hides the key", code: "all_partitions", about: "sky.days",
			sql: `SELECT note FROM days WHERE date_trunc('day', seen AT TIME ZONE 'UTC') = '2024-01-02'`},
		{name: "not where the values will choose", code: "all_partitions", absent: true,
			sql: `SELECT note FROM days WHERE seen >= $1 AND note <> $2`, args: []any{at("2024-01-02"), ""}},
		{name: "not where they stand on the other side", code: "all_partitions", absent: true,
			sql: `SELECT note FROM days WHERE $1 < seen AND note <> $2`, args: []any{at("2024-01-02"), ""}},
		{name: "not where they have chosen", code: "all_partitions", absent: true,
			sql: `SELECT note FROM days WHERE seen >= '2024-01-02Z'`},
	})
}

func TestReadingMuchForLittleIsTold(t *testing.T) {
	w := newWorld(t, house...)
	w.told(t, []told{
		{name: "a filter that throws most rows away", code: "filter_removes_most", about: "sky.crowd", says: "read 60,000 rows and threw 57,000 of them away",
			sql: `SELECT count(*) FROM crowd WHERE part = 4`},
		{name: "not one that keeps half", code: "filter_removes_most", absent: true,
			sql: `SELECT count(*) FROM crowd WHERE part < 10`},
		{name: "not one of a small table", code: "filter_removes_most", absent: true,
			sql: `SELECT count(*) FROM herd WHERE size = 4`},

		{name: "a whole table that is read", code: "seq_scan", about: "sky.crowd", says: "no index serves the condition",
			sql: `SELECT id FROM crowd WHERE note = $1`, args: []any{"x"}},
		{name: "not one of a few rows", code: "seq_scan", absent: true,
			sql: `SELECT id FROM herd WHERE size = $1`, args: []any{7}},
		{name: "not what an index finds", code: "seq_scan", absent: true,
			sql: `SELECT note FROM crowd WHERE id = $1`, args: []any{7}},
	})
}

func TestCompilationIsTold(t *testing.T) {
	w := newWorld(t, slices.Concat(house, []string{
		`DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET jit_above_cost = 0', current_database()); END $$`,
		`DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET jit = on', current_database()); END $$`,
		`SET jit = on`,
	})...)
	if !ask[bool](t, w, `SELECT pg_jit_available()`) {
		t.Skip("this PostgreSQL cannot compile just in time (Debian's postgresql-15 can; fetched binaries are built without LLVM)")
	}
	w.told(t, []told{
		{name: "where it takes most of the time", code: "jit", says: "Compiling took",
			sql: `SELECT count(*) FROM pair WHERE size % 7 = 3 AND id % 5 = 2`},
		{name: "not where it hardly matters", code: "jit", absent: true,
			sql: `SELECT count(*) FROM herd a JOIN herd b ON a.size > 2 * b.size WHERE a.id <= 1500 AND b.id <= 1500`},
		{name: "where it was not measured", code: "jit", says: "PostgreSQL compiles",
			sql: `SELECT id FROM pair WHERE size % 7 = $1`, args: []any{3}},
	})
	t.Run("and not where the plan is below jit_above_cost", func(t *testing.T) {
		w.run(t, `DO $$ BEGIN EXECUTE format('ALTER DATABASE %I RESET jit_above_cost', current_database()); END $$`)
		w.told(t, []told{{name: "as by default", code: "jit", absent: true, sql: `SELECT count(*) FROM pair WHERE size % 7 = 3 AND id % 5 = 2`}})
	})
}

func at(day string) time.Time {
	moment, _ := time.Parse(time.DateOnly, day)
	return moment
}

// told calls the statements, looks once, and compares what the look found.
func (w *world) told(t *testing.T, cases []told) {
	t.Helper()
	for _, c := range cases {
		w.call(t, c.sql, c.args...)
	}
	w.lookAndLeave(t)
	plans, err := w.Plans(t.Context())
	must(t, err)
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			at := slices.IndexFunc(plans.Plans, func(p advisor.QueryPlan) bool { return p.Query == statement.Shape(c.sql) })
			if at < 0 {
				t.Fatal("there is no plan of it")
			}
			plan := &plans.Plans[at]
			if plan.Problem != nil {
				t.Fatal(*plan.Problem)
			}
			if plan.Executed != (len(c.args) == 0) {
				t.Errorf("executed %t", plan.Executed)
			}
			found := slices.IndexFunc(plan.Findings, func(f advisor.PlanFinding) bool { return f.Code == c.code })
			switch {
			case c.absent && found >= 0:
				t.Errorf("found %q in %s", plan.Findings[found].Text, plan.Plan)
			case !c.absent && found < 0:
				t.Errorf("only %+v in %s", plan.Findings, plan.Plan)
			case !c.absent && (c.about != plan.Findings[found].Relation && c.about != "" || !strings.Contains(plan.Findings[found].Text, c.says)):
				t.Errorf("%+v", plan.Findings[found])
			case !c.absent:
				t.Log(plan.Findings[found].Text)
			}
		})
	}
}
