package advisor

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/skyledger/skyledger/internal/fault"
	"github.com/skyledger/skyledger/internal/store"
)

// Kind is what maintenance does.
type Kind string

// The kinds of maintenance.
const (
	Vacuum  Kind = "vacuum"  // make the room of dead rows usable again
	Analyze Kind = "analyze" // refresh the planner's statistics
	Reindex Kind = "reindex" // build an index anew beside what goes on
)

// Action is one piece of maintenance that is due.
type Action struct {
	Kind      Kind   `json:"kind" enum:"vacuum,analyze,reindex"`
	Object    string `json:"object" doc:"the table or index, with its schema"`
	Statement string `json:"statement" doc:"the SQL that does it"`
	Reason    string `json:"reason" doc:"why it is due, with the figures"`
	Bytes     int64  `json:"bytes" doc:"size of the object"`
	Automatic bool   `json:"automatic" doc:"whether Apply does it; what may wait long or needs another role's rights is for people"`

	schema, name string
}

// Done is what became of an action.
type Done struct {
	Action
	Outcome    string  `json:"outcome" enum:"done,skipped,failed" doc:"skipped: somebody else held the table, or the time was up"`
	Detail     string  `json:"detail" doc:"what was measured afterwards, or why it was not done"`
	DurationMS float64 `json:"duration_ms"`
	DeadBefore int64   `json:"dead_rows_before"`
	DeadAfter  *int64  `json:"dead_rows_after" doc:"null when it was not done"`
}

const (
	// A table is vacuumed or analyzed by hand at half of what autovacuum waits
	// for, and not for a few rows.
	shareOfAutovacuum = 0.5
	leastDead         = 1_000
	// An index is built anew when half of it, and 8 MB, are to be had.
	bloatedShare = 0.5
	bloatedBytes = 8 << 20
	// vacuumAge is when transaction ids are worth a thought: autovacuum forces
	// a vacuum at 200 million (autovacuum_freeze_max_age).
	vacuumAge = 150_000_000
	// mostActions and applyBudget bound an Apply; the HTTP front waits 30 s.
	mostActions = 20
	applyBudget = 20 * time.Second
	// largestVacuum is the largest table that is vacuumed within a request: at
	// some 100 MB a second it takes ten seconds to read.
	largestVacuum = 1 << 30
)

// Plan returns the maintenance that is due now, most urgent first. It changes
// nothing.
func (a *Advisor) Plan(ctx context.Context) ([]Action, error) {
	catalogue, err := a.database.Catalogue(ctx)
	if err != nil {
		return nil, err
	}
	return due(&catalogue), nil
}

func due(catalogue *store.Catalogue) []Action {
	type weighed struct {
		Action
		weight float64
	}
	var all []weighed
	for i := range catalogue.Tables {
		if action, weight := tableDue(&catalogue.Tables[i]); action != nil {
			all = append(all, weighed{*action, weight})
		}
	}
	for i := range catalogue.Indexes {
		index := &catalogue.Indexes[i]
		if index.BloatBytes == nil || *index.BloatBytes < bloatedBytes || float64(*index.BloatBytes) < bloatedShare*float64(index.Bytes) {
			continue
		}
		all = append(all, weighed{Action{
			Kind: Reindex, Object: index.Schema + "." + index.Name, Statement: store.ReindexStatement(index.Schema, index.Name),
			Reason: fmt.Sprintf("About %s of its %s hold nothing. It waits for older transactions, so that people run it.", size(*index.BloatBytes), size(index.Bytes)),
			Bytes:  index.Bytes,
		}, 0})
	}
	slices.SortStableFunc(all, func(a, b weighed) int { return cmp.Compare(b.weight, a.weight) })
	actions := make([]Action, len(all))
	for i := range all {
		actions[i] = all[i].Action
	}
	return actions
}

// tableDue says what a table needs and how much it does: 1 is when autovacuum
// would begin.
func tableDue(table *store.TableState) (*Action, float64) {
	action := Action{
		Kind: Vacuum, Object: table.Schema + "." + table.Name, Bytes: table.HeapBytes,
		Automatic: table.Owned && table.HeapBytes <= largestVacuum, schema: table.Schema, name: table.Name,
	}
	action.Statement = store.VacuumStatement(table.Schema, table.Name)
	dead := float64(table.DeadRows) / float64(max(1, table.AutovacuumDead))
	changed := float64(table.Modified) / float64(max(1, table.AutovacuumMods))
	weight := dead
	switch {
	case table.DeadRows >= leastDead && dead >= shareOfAutovacuum:
		action.Reason = fmt.Sprintf("%s dead rows beside %s live ones; autovacuum begins at %s, and the last vacuum was %s.",
			count(float64(table.DeadRows)), count(float64(table.LiveRows)), count(float64(table.AutovacuumDead)), when(table.LastVacuum))
	case table.XIDAge >= vacuumAge:
		weight = float64(table.XIDAge) / vacuumAge
		action.Reason = fmt.Sprintf("Its oldest row is %s transactions old; PostgreSQL stops writing before 2,147 million.", count(float64(table.XIDAge)))
	case table.Modified >= leastDead && changed >= shareOfAutovacuum || table.Rows == nil && table.LiveRows >= leastDead:
		weight = changed
		action.Kind, action.Statement = Analyze, store.AnalyzeStatement(table.Schema, table.Name)
		action.Automatic = table.Owned // it reads a sample, however large the table
		action.Reason = fmt.Sprintf("%s rows changed since the planner last looked, which was %s.", count(float64(table.Modified)), when(table.LastAnalyze))
	default:
		return nil, 0
	}
	if !table.Owned {
		action.Reason += " The table belongs to another role, which must do it."
	}
	return &action, weight
}

func when(at *time.Time) string {
	if at == nil {
		return "never"
	}
	return "at " + at.UTC().Format("2006-01-02 15:04:05Z")
}

// Apply does what Plan calls automatic, one after the other and within 20
// seconds, and says what became of each. Vacuum and analyze wait for nobody's
// lock and keep nobody from reading or writing. What is not done is due still.
func (a *Advisor) Apply(ctx context.Context) ([]Done, error) {
	actions, err := a.Plan(ctx)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, applyBudget)
	defer cancel()
	before, err := a.tables(ctx)
	if err != nil {
		return nil, err
	}
	done := []Done{}
	for i, action := range actions {
		one := Done{Action: action, Outcome: "skipped", DeadBefore: before.dead(action)}
		switch {
		case !action.Automatic:
			one.Detail = "It is for people to do."
		case i >= mostActions || ctx.Err() != nil:
			one.Detail = "The time was up; it is due still."
		default:
			a.apply(ctx, &one)
		}
		done = append(done, one)
	}
	a.measure(context.WithoutCancel(ctx), before, done)
	return done, nil
}

func (a *Advisor) apply(ctx context.Context, one *Done) {
	began := a.clock()
	var err error
	if one.Kind == Vacuum {
		err = a.database.Vacuum(ctx, one.schema, one.name)
	} else {
		err = a.database.Analyze(ctx, one.schema, one.name)
	}
	one.DurationMS = float64(a.clock().Sub(began).Microseconds()) / 1000
	one.Outcome = "done"
	if err != nil {
		one.Outcome, one.Detail = "failed", "It failed: "+fault.ReasonOf(err)+"."
		if ctx.Err() != nil {
			one.Outcome, one.Detail = "skipped", "The time was up before it ended; it is due still."
		}
	}
}

// measure looks at what the statistics say afterwards: a table that somebody
// else held was passed over without a word.
func (a *Advisor) measure(ctx context.Context, before tables, done []Done) {
	after, err := a.tables(ctx)
	for i := range done {
		one := &done[i]
		if one.Outcome != "done" {
			continue
		}
		key := [2]string{one.schema, one.name}
		was, is := before[key], after[key]
		if err != nil || was == nil || is == nil {
			one.Detail = "It was done; what it changed could not be measured."
			continue
		}
		one.DeadAfter = &is.DeadRows
		stamp, stamped := was.LastAnalyze, is.LastAnalyze
		if one.Kind == Vacuum {
			stamp, stamped = was.LastVacuum, is.LastVacuum
		}
		if stamped == nil || stamp != nil && !stamped.After(*stamp) {
			one.Outcome, one.Detail, one.DeadAfter = "skipped", "Somebody else held the table; it is due still.", nil
			continue
		}
		one.Detail = fmt.Sprintf("%s dead rows before, %s after; %s rows not analyzed before, %s after.",
			count(float64(was.DeadRows)), count(float64(is.DeadRows)), count(float64(was.Modified)), count(float64(is.Modified)))
	}
}

func (a *Advisor) tables(ctx context.Context) (tables, error) {
	catalogue, err := a.database.Catalogue(ctx)
	if err != nil {
		return nil, err
	}
	return tablesOf(&catalogue), nil
}

func (t tables) dead(action Action) int64 {
	if table := t[[2]string{action.schema, action.name}]; table != nil {
		return table.DeadRows
	}
	return 0
}
