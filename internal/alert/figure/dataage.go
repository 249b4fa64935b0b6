package figure

import (
	"context"
	"time"

	"github.com/skyledger/skyledger/internal/alert"
	"github.com/skyledger/skyledger/internal/store"
)

// Watermarks say how far the recording has come; *store.Store does.
type Watermarks interface {
	Watermarks(ctx context.Context) (store.Watermarks, error)
}

// DataAge is how old the newest snapshot in the database is.
type DataAge struct{ Marks Watermarks }

// Describe implements alert.Figure.
func (DataAge) Describe() alert.Description {
	return alert.Description{
		Name: "data_age", Unit: "s", Subjects: networkAlone,
		What: "seconds since the update_timestamp of the newest snapshot in the database",
	}
}

// Check implements alert.Figure.
func (d DataAge) Check(_ context.Context, subject string) error {
	return ofNetwork{}.check(d.Describe().Name, subject)
}

// Observe implements alert.Figure. Before the first snapshot there is no age.
func (d DataAge) Observe(ctx context.Context, now time.Time, _ []string) (alert.Observation, error) {
	marks, err := d.Marks.Watermarks(ctx)
	if err != nil || marks.Projected.IsZero() {
		return alert.Observation{AsOf: now}, err
	}
	age := max(0, now.Sub(marks.Projected)).Truncate(time.Millisecond)
	return whole(alert.Observation{AsOf: now}, age.Seconds(), "the newest snapshot is of "+marks.Projected.UTC().Format(time.RFC3339)), nil
}
