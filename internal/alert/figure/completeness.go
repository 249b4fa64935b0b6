package figure

import (
	"context"
	"fmt"
	"time"

	"github.com/skyledger/skyledger/internal/alert"
	"github.com/skyledger/skyledger/internal/store"
)

// Ledger accounts for ticks; *store.Store does.
type Ledger interface {
	LedgerSummary(ctx context.Context, from, to time.Time) (store.LedgerSummary, error)
}

// Completeness is the share of an hour's ticks that were met, as
// /api/feed/ledger has it.
type Completeness struct{ Ledger Ledger }

// Describe implements alert.Figure.
func (Completeness) Describe() alert.Description {
	return alert.Description{
		Name: "ledger_completeness", Unit: "share", Subjects: networkAlone,
		What: "15-second ticks of the last hour in which the feed answered well, 0 to 1",
		// Ticks that nobody recorded yet are not missing: data_age tells of them.
		MaxAge: 10 * time.Minute,
	}
}

// Check implements alert.Figure.
func (c Completeness) Check(_ context.Context, subject string) error {
	return ofNetwork{}.check(c.Describe().Name, subject)
}

// Observe implements alert.Figure.
func (c Completeness) Observe(ctx context.Context, now time.Time, _ []string) (alert.Observation, error) {
	summary, err := c.Ledger.LedgerSummary(ctx, now.Add(-time.Hour), now)
	if err != nil || summary.Expected == 0 {
		return alert.Observation{}, err
	}
	unmet := summary.Outcomes[store.Missing] + summary.Outcomes[store.Malformed]
	return whole(alert.Observation{AsOf: summary.To}, summary.Completeness, fmt.Sprintf("%d of %d ticks were not met", unmet, summary.Expected)), nil
}
