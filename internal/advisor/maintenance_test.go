package advisor_test

import (
	"strings"
	"testing"

	"github.com/skyledger/skyledger/internal/advisor"
)

// littered is a table with many dead rows, and stale one with new rows that the
// planner has not seen; autovacuum is kept away from both.
var littered = []string{
	`CREATE TABLE littered (id int PRIMARY KEY, text text) WITH (autovacuum_enabled = off)`,
	`INSERT INTO littered SELECT i, 'row ' || i FROM generate_series(1, 20000) i`,
	`ANALYZE littered`,
	`DELETE FROM littered WHERE id % 2 = 0`,
	`CREATE TABLE stale (id int) WITH (autovacuum_enabled = off)`,
	`ANALYZE stale`,
	`INSERT INTO stale SELECT generate_series(1, 30000)`,
	`SELECT pg_stat_force_next_flush()`,
}

func actionFor(actions []advisor.Action, object string) *advisor.Action {
	for i := range actions {
		if actions[i].Object == object {
			return &actions[i]
		}
	}
	return nil
}

func TestMaintenance(t *testing.T) {
	w := newWorld(t, littered...)
	actions, err := w.Plan(t.Context())
	must(t, err)
	vacuum, analyze := actionFor(actions, "sky.littered"), actionFor(actions, "sky.stale")
	if vacuum == nil || vacuum.Kind != advisor.Vacuum || !strings.Contains(vacuum.Reason, "10,000 dead rows") {
		t.Errorf("littered: %+v", vacuum)
	}
	if analyze == nil || analyze.Kind != advisor.Analyze || !strings.Contains(analyze.Reason, "30,000 rows changed") {
		t.Errorf("stale: %+v", analyze)
	}

	t.Run("planning it changed nothing", func(t *testing.T) {
		if n := ask[int64](t, w, `SELECT count(*) FROM pg_stat_user_tables WHERE last_vacuum IS NOT NULL`); n != 0 {
			t.Errorf("%d tables were vacuumed", n)
		}
	})

	t.Run("applying it does it, and says what it measured", func(t *testing.T) {
		done, err := w.Apply(t.Context())
		must(t, err)
		for _, one := range done {
			if one.Object == "sky.littered" && (one.Outcome != "done" || one.DeadBefore != 10_000 || *one.DeadAfter != 0) {
				t.Errorf("%+v", one)
			}
		}
		if n := ask[int64](t, w, `SELECT n_dead_tup FROM pg_stat_user_tables WHERE relname = 'littered'`); n != 0 {
			t.Errorf("%d dead rows are left", n)
		}
		if rows := ask[float64](t, w, `SELECT reltuples FROM pg_class WHERE relname = 'stale'`); rows != 30_000 {
			t.Errorf("the planner believes in %.0f rows", rows)
		}
		left, err := w.Plan(t.Context())
		must(t, err)
		if actionFor(left, "sky.littered") != nil || actionFor(left, "sky.stale") != nil {
			t.Errorf("still due: %+v", left)
		}
	})
}

func TestMaintenancePassesOverWhatIsHeld(t *testing.T) {
	w := newWorld(t, littered...)
	w.run(t, `BEGIN`, `LOCK TABLE littered IN SHARE UPDATE EXCLUSIVE MODE`)
	done, err := w.Apply(t.Context())
	must(t, err)
	w.run(t, `ROLLBACK`)
	outcomes := map[string]string{}
	for _, one := range done {
		outcomes[one.Object] = one.Outcome
	}
	if outcomes["sky.littered"] != "skipped" || outcomes["sky.stale"] != "done" {
		t.Errorf("%v", outcomes)
	}
}
