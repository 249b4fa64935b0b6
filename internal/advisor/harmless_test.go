package advisor_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"go.uber.org/zap/zaptest"

	"github.com/skyledger/skyledger/internal/advisor"
	"github.com/skyledger/skyledger/internal/store"
)

// lookAndLeave looks over a connection of its own, and waits until its server
// process is gone: what it counted is in the statistics then.
func (w *world) lookAndLeave(t testing.TB) {
	t.Helper()
	looking, err := store.Open(t.Context(), store.Options{URL: w.url, Source: source, ApplicationName: "looking"})
	must(t, err)
	must(t, advisor.New(looking, time.Now, zaptest.NewLogger(t)).Look(t.Context()))
	looking.Close()
	for ask[bool](t, w, `SELECT EXISTS (SELECT FROM pg_stat_activity WHERE application_name = 'looking') FROM pg_sleep(0.02)`) {
		must(t, t.Context().Err())
	}
}

func TestAnsweringChangesNothing(t *testing.T) {
	w := newWorld(t, lab...)
	w.use(t)
	w.lookAndLeave(t)
	state := func() string {
		return ask[string](t, w, `SELECT md5(
			(SELECT string_agg(relid || ' ' || n_tup_ins || ' ' || n_tup_upd || ' ' || n_tup_del || ' ' || vacuum_count || ' ' || analyze_count, ',' ORDER BY relid) FROM pg_stat_user_tables)
			|| (SELECT string_agg(xmin::text || ctid::text || fingerprint, ',' ORDER BY fingerprint) FROM kept.statement_plans)
			|| (SELECT string_agg(xmin::text || ctid::text || definition, ',' ORDER BY definition) FROM kept.index_advice)
			|| (SELECT string_agg(xmin::text || ctid::text || oid, ',' ORDER BY oid) FROM pg_class))`)
	}
	w.run(t, `SET stats_fetch_consistency = none`, `SELECT pg_stat_force_next_flush()`)
	before := state()
	for range 3 {
		_, err := w.Plans(t.Context())
		must(t, err)
		_, err = w.Indexes(t.Context())
		must(t, err)
		_, err = w.SlowQueries(t.Context(), "")
		must(t, err)
		_, _, err = w.Tables(t.Context())
		must(t, err)
		_, err = w.Moments(t.Context(), time.Now().Add(-time.Hour), time.Now())
		must(t, err)
		_, err = w.Plan(t.Context())
		must(t, err)
	}
	if after := state(); after != before {
		t.Error("something changed")
	}
	t.Run("and a look changes the advisor's own tables alone", func(t *testing.T) {
		others := func() string {
			return ask[string](t, w, `SELECT md5(string_agg(relid || ' ' || n_tup_ins || ' ' || n_tup_upd || ' ' || n_tup_del, ',' ORDER BY relid))
				FROM pg_stat_user_tables WHERE schemaname <> 'kept'`)
		}
		before := others()
		w.lookAndLeave(t)
		if others() != before {
			t.Error("a look changed tables of others")
		}
	})
}

func TestWhatIsNotAllowedIsSaid(t *testing.T) {
	w := newWorld(t, slices.Concat(lab, []string{
		`DROP ROLE IF EXISTS advisor_reader`, `CREATE ROLE advisor_reader LOGIN PASSWORD 'reader'`,
		`GRANT USAGE ON SCHEMA sky, kept TO advisor_reader`, `GRANT SELECT ON ALL TABLES IN SCHEMA sky TO advisor_reader`,
		`GRANT SELECT, INSERT, UPDATE, DELETE ON kept.statement_plans, kept.index_advice, kept.advisor_looks, kept.database_samples,
			kept.statements, kept.statement_timings, kept.schema_version TO advisor_reader`,
		`DO $$ BEGIN EXECUTE format('REVOKE TEMP ON DATABASE %I FROM PUBLIC', current_database()); END $$`,
		withoutHypoPG,
	})...)
	w.use(t)
	t.Cleanup(func() {
		for _, statement := range []string{`DROP OWNED BY advisor_reader`, `DROP ROLE advisor_reader`} {
			_, err := w.conn.Exec(context.Background(), statement)
			must(t, err)
		}
	})
	config, err := pgx.ParseConfig(w.url)
	must(t, err)
	reader, err := store.Open(t.Context(), store.Options{
		URL:    strings.Replace(strings.Replace(w.url, config.User+":", "advisor_reader:", 1), config.Password, "reader", 1),
		Schema: store.DefaultSchema, Source: source,
	})
	must(t, err)
	defer reader.Close()
	limited := advisor.New(reader, time.Now, zaptest.NewLogger(t))
	must(t, limited.Look(t.Context()))

	report, err := limited.Indexes(t.Context())
	must(t, err)
	refused := 0
	for _, one := range report.Indexes {
		if one.Verdict == advisor.NotWorth && strings.Contains(one.Reason, "lacks the rights") {
			refused++
		}
	}
	if refused == 0 {
		t.Errorf("no index says that its trial was not allowed: %+v", report.Indexes)
	}
	if report.Sources.HypoPG.Available || report.Sources.HypoPG.Reason == nil {
		t.Errorf("%+v", report.Sources)
	}
	actions, err := limited.Plan(t.Context())
	must(t, err)
	for _, action := range actions {
		if action.Automatic {
			t.Errorf("a table of another role would be worked on: %+v", action)
		}
	}
	found, err := limited.SlowQueries(t.Context(), "")
	must(t, err)
	for _, query := range found.Statements {
		if strings.Contains(query.Query, "insufficient") {
			t.Errorf("%+v", query)
		}
	}
}

func TestWithoutPGStatStatementsOurTimingsAnswer(t *testing.T) {
	w := newWorld(t, slices.Concat(lab, []string{`DROP EXTENSION IF EXISTS pg_stat_statements`})...)
	w.use(t)
	found, err := w.SlowQueries(t.Context(), "")
	must(t, err)
	if found.Source != advisor.FromTimings || found.Sources.PGStatStatements.Available || found.Sources.PGStatStatements.Reason == nil {
		t.Errorf("%+v", found.Sources)
	}
	if len(found.Statements) == 0 || found.Statements[0].Errors == nil || found.Statements[0].HitRatio != nil {
		t.Errorf("%+v", found.Statements)
	}
}

func TestBeforeTheFirstLook(t *testing.T) {
	w := newWorld(t)
	plans, err := w.Plans(t.Context())
	must(t, err)
	if !plans.At.IsZero() || len(plans.Plans) != 0 || plans.Sources.Timings.Available || plans.Sources.Timings.Reason == nil {
		t.Errorf("%+v", plans)
	}
}

func TestALookEndsWithItsContext(t *testing.T) {
	w := newWorld(t, lab...)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := w.Look(ctx); err == nil {
		t.Error("it ended well")
	}
}
