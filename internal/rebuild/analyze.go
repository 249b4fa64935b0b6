package rebuild

import (
	"context"
	"math"

	"github.com/skyledger/skyledger/internal/analyze"
)

// analyze does for the fresh schema what the function of that name does for the
// active one: everything that is projected, or what AnalyzeThrough allows of it.
func (r *rebuild) analyze(ctx context.Context) error {
	runner := analyze.New(analyze.Options{
		Log: r.Log, Store: r.fresh, Places: r.Places, Logger: r.Logger,
		Budget: math.MaxInt64, Through: r.AnalyzeThrough,
		Progress: func() {
			r.report.Analyzed++
			if r.Progress != nil {
				r.Progress("snapshots analysed", r.report.Analyzed, r.report.Snapshots)
			}
		},
	})
	report, err := runner.Run(ctx)
	r.report.Movements += report.Movements
	return err
}
