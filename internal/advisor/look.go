package advisor

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.uber.org/zap"

	"github.com/skyledger/skyledger/internal/statement"
	"github.com/skyledger/skyledger/internal/store"
)

// Sources say what the answers are made from, by the names of the JSON fields.
type Sources struct {
	PGStatStatements store.Figures `json:"pg_stat_statements" doc:"PostgreSQL's own account of every statement"`
	Timings          store.Figures `json:"timings" doc:"what the functions timed themselves, round trip included"`
	HypoPG           store.Figures `json:"hypopg" doc:"indexes tried without being built; where it is missing they are built on a scratch copy of some rows"`
}

// Names of the sources of a profile.
const (
	FromPGStatStatements = "pg_stat_statements"
	FromTimings          = "timings"
)

// profiled is a statement with where it is known from.
type profiled struct {
	store.Profile
	source string
	plan   *explained
}

// look is one look at the statements, while it goes on.
type look struct {
	*Advisor
	catalogue  store.Catalogue
	sources    Sources
	statements []*profiled
	plans      []store.PlanRow
}

// Look looks at the statements that took most time and at the database itself,
// and keeps what it finds in place of what the look before found. It takes at
// most a minute. Nothing but the advisor's own tables is changed by it; a part
// that fails does not keep the others from being kept.
func (a *Advisor) Look(ctx context.Context) error {
	now := a.clock().UTC()
	failures := []error{a.sample(ctx, now), a.database.CondenseTimings(ctx, now, now.Add(-keepTimings))}
	bounded, cancel := context.WithTimeout(ctx, lookBudget)
	defer cancel()
	l := &look{Advisor: a}
	if err := l.begin(bounded, now); err != nil {
		return errors.Join(append(failures, err)...)
	}
	failures = append(failures, l.explain(bounded, now))
	advice, err := l.advise(bounded, now)
	failures = append(failures, err)
	sources, err := json.Marshal(l.sources)
	failures = append(failures, err)
	failures = append(failures, a.database.SaveLook(ctx, store.Look{At: now, Sources: sources, Plans: l.plans, Advice: advice}))
	return errors.Join(failures...)
}

func (a *Advisor) sample(ctx context.Context, now time.Time) error {
	sample, err := a.database.DatabaseNow(ctx)
	if err != nil {
		return err
	}
	return a.database.SaveDatabaseSample(ctx, sample, now.Add(-keepSamples))
}

// begin reads the catalogue and chooses the statements: the program's own text
// before PostgreSQL's, which has lost its constants.
func (l *look) begin(ctx context.Context, now time.Time) error {
	var err error
	if l.catalogue, err = l.database.Catalogue(ctx); err != nil {
		return err
	}
	timed, err := l.database.TimedStatements(ctx, now.Add(-timedOver), mostPlans)
	if err != nil {
		return err
	}
	counted, err := l.database.PGStatements(ctx, 2*mostPlans)
	if err != nil {
		return err
	}
	if l.sources.HypoPG, err = l.database.HypoPG(ctx); err != nil {
		return err
	}
	l.sources.Timings, l.sources.PGStatStatements = timed.Figures, counted.Figures
	known := map[int64]bool{}
	add := func(profiles []store.Profile, source string) {
		for _, profile := range profiles {
			if !known[profile.Fingerprint] && statement.Explainable(profile.Text) {
				known[profile.Fingerprint] = true
				l.statements = append(l.statements, &profiled{Profile: profile, source: source})
			}
		}
	}
	add(timed.Statements, FromTimings)
	add(counted.Statements, FromPGStatStatements)
	slices.SortStableFunc(l.statements, func(a, b *profiled) int {
		switch {
		case a.TotalMS > b.TotalMS:
			return -1
		case a.TotalMS < b.TotalMS:
			return 1
		default:
			return 0
		}
	})
	return nil
}

// explain plans the statements on tables of ours.
func (l *look) explain(ctx context.Context, now time.Time) error {
	for _, one := range l.statements {
		if len(l.plans) == mostPlans || ctx.Err() != nil {
			return ctx.Err()
		}
		found, err := l.database.Explain(ctx, one.Text, one.Ours)
		if err != nil {
			return err
		}
		row := store.PlanRow{
			Fingerprint: one.Fingerprint, Shape: one.Shape, Source: one.source, Calls: one.Calls,
			MeanMS: one.TotalMS / float64(max(1, one.Calls)), TotalMS: one.TotalMS,
			Explained: now, Method: found.Method, Executed: found.Executed, Findings: []byte("[]"),
		}
		if found.Refused != "" && asksCatalogue(one.Shape) {
			continue
		}
		if found.Refused != "" {
			row.Problem = &found.Refused
			l.plans = append(l.plans, row)
			continue
		}
		plan, err := readPlan(found.Plan)
		if err != nil {
			return err
		}
		if !plan.touches() {
			continue // the catalogue, or nothing at all
		}
		one.plan = plan
		row.Cost, row.Plan = &plan.Plan.TotalCost, found.Plan
		if row.Findings, err = json.Marshal(findings(plan, &l.catalogue)); err != nil {
			return err
		}
		l.plans = append(l.plans, row)
	}
	return nil
}

// asksCatalogue reports whether a statement without a plan is about PostgreSQL
// itself, as the advisor's own are.
func asksCatalogue(shape string) bool {
	return strings.Contains(shape, "pg_stat_") || strings.Contains(shape, "pg_class") || strings.Contains(shape, "pg_proc")
}

// advise tries the indexes that the plans ask for.
func (l *look) advise(ctx context.Context, now time.Time) ([]store.AdviceRow, error) {
	var advice []store.AdviceRow
	var tried []trial
	for _, candidate := range l.candidates() {
		if ctx.Err() != nil {
			break
		}
		one, err := l.try(ctx, candidate)
		if err != nil {
			return nil, err
		}
		tried = append(tried, one)
	}
	for _, one := range choose(tried) {
		row, err := l.row(one, now)
		if err != nil {
			return nil, err
		}
		advice = append(advice, row)
	}
	l.logger.Debug("looked at statements", zap.Int("plans", len(l.plans)), zap.Int("indexes_tried", len(tried)))
	return advice, nil
}

// key is a fingerprint as JSON has it: it may be beyond 2^53.
func key(fingerprint int64) string { return strconv.FormatInt(fingerprint, 10) }
