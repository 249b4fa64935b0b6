package advisor

import (
	"context"
	"time"

	"go.uber.org/zap"

	"github.com/skyledger/skyledger/internal/store"
)

// Database is what the advisor reads, tries and maintains; *store.Store is one.
type Database interface {
	PGStatements(ctx context.Context, limit int) (store.Profiles, error)
	TimedStatements(ctx context.Context, since time.Time, limit int) (store.Profiles, error)
	Catalogue(ctx context.Context) (store.Catalogue, error)
	DatabaseNow(ctx context.Context) (store.DatabaseSample, error)
	DatabaseSamples(ctx context.Context, from, to time.Time) ([]store.DatabaseSample, error)
	LastLook(ctx context.Context) (store.Look, error)

	HypoPG(ctx context.Context) (store.Figures, error)
	Explain(ctx context.Context, text string, measured bool) (store.Explained, error)
	TryHypothetical(ctx context.Context, candidate store.Candidate, statements []store.TrialStatement) (store.Trial, error)
	TryScratch(ctx context.Context, candidate store.Candidate, statements []store.TrialStatement) (store.Trial, error)

	SaveLook(ctx context.Context, look store.Look) error
	SaveDatabaseSample(ctx context.Context, sample store.DatabaseSample, cut time.Time) error
	CondenseTimings(ctx context.Context, now, cut time.Time) error
	Vacuum(ctx context.Context, schema, table string) error
	Analyze(ctx context.Context, schema, table string) error
}

// Advisor answers what the database's statements cost and what would help.
type Advisor struct {
	database Database
	clock    func() time.Time
	logger   *zap.Logger
}

// New returns an advisor. Times are of the wall, whatever the recorded network
// lives by: clock is time.Now outside tests.
func New(database Database, clock func() time.Time, logger *zap.Logger) *Advisor {
	return &Advisor{database: database, clock: clock, logger: logger}
}

// Now is the time by the advisor's clock.
func (a *Advisor) Now() time.Time { return a.clock().UTC() }

const (
	// timedOver is the span over which the program's own timings are added up.
	timedOver = 7 * 24 * time.Hour
	// keepTimings and keepSamples are how long the figures are kept: some
	// 1,000 rows a day of the one (a statement and an hour each), 24 of the
	// other.
	keepTimings = 14 * 24 * time.Hour
	keepSamples = 90 * 24 * time.Hour
	// mostStatements bounds a list of statements, mostPlans the plans of a look
	// and mostTrials the indexes that one tries.
	mostStatements = 500
	mostPlans      = 40
	mostTrials     = 12
	// statementsATrial bounds the statements that an index is tried on.
	statementsATrial = 5
	// lookBudget bounds a look; what it has by then is kept.
	lookBudget = time.Minute
)
