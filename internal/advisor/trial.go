package advisor

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/skyledger/skyledger/internal/store"
)

// Evidence is what an index would change for one statement.
type Evidence struct {
	Fingerprint string  `json:"fingerprint"`
	Statement   string  `json:"statement" doc:"without values"`
	Calls       int64   `json:"calls"`
	TotalMS     float64 `json:"total_ms" doc:"what its calls took"`
	CostBefore  float64 `json:"cost_before" doc:"planner's units, with the indexes there are"`
	CostAfter   float64 `json:"cost_after" doc:"the same, with this one as well"`
	Used        bool    `json:"used" doc:"whether the planner takes it"`
	Refused     *string `json:"refused" doc:"why it could not be tried on the statement; null when it was"`
}

// trial is a candidate with what it was tried on.
type trial struct {
	store.Candidate
	store.Trial
	on          []*profiled
	benefit     float64 // cost saved, over all calls
	recommended bool
	reason      string
}

// usefulShare is what an index must save of a statement's cost to be worth its
// writes, and usefulCost the cost below which nobody would notice: about a
// millisecond at the planner's default of 100 units for reading 100 pages.
const (
	usefulShare = 0.3
	usefulCost  = 100
	// nearlyAsGood is the share of another's benefit at which an index of fewer
	// columns is better.
	nearlyAsGood = 0.95
)

// candidates are those of all plans, the statements that ask for each with
// them, those first whose statements took most time.
func (l *look) candidates() []trial {
	var all []trial
	for _, one := range l.statements {
		if one.plan == nil {
			continue
		}
		for _, candidate := range candidates(one.plan, &l.catalogue) {
			at := slices.IndexFunc(all, func(t trial) bool { return same(t.Candidate, candidate) })
			if at < 0 {
				all = append(all, trial{Candidate: candidate})
				at = len(all) - 1
			}
			if len(all[at].on) < statementsATrial {
				all[at].on = append(all[at].on, one)
			}
		}
	}
	total := func(t trial) (ms float64) {
		for _, one := range t.on {
			ms += one.TotalMS
		}
		return ms
	}
	slices.SortStableFunc(all, func(a, b trial) int { return cmp.Compare(total(b), total(a)) })
	return all[:min(len(all), mostTrials)]
}

// try tries a candidate by hypopg, else on a scratch copy.
func (l *look) try(ctx context.Context, candidate trial) (trial, error) {
	statements := make([]store.TrialStatement, len(candidate.on))
	for i, one := range candidate.on {
		statements[i] = store.TrialStatement{Fingerprint: one.Fingerprint, Text: one.Text}
	}
	var err error
	if l.sources.HypoPG.Available {
		if candidate.Trial, err = l.database.TryHypothetical(ctx, candidate.Candidate, statements); err != nil || candidate.Trial.Refused == "" {
			return candidate, err
		}
	}
	candidate.Trial, err = l.database.TryScratch(ctx, candidate.Candidate, statements)
	return candidate, err
}

// choose weighs the trials. Of several indexes that help the same statements
// the best is recommended; one with fewer columns that is nearly as good is
// better.
func choose(trials []trial) []trial {
	for i := range trials {
		trials[i].weigh()
	}
	slices.SortStableFunc(trials, func(a, b trial) int { return cmp.Compare(b.benefit, a.benefit) })
	for i := range trials {
		for j := i + 1; j < len(trials) && trials[j].benefit >= nearlyAsGood*trials[i].benefit; j++ {
			if trials[j].Schema == trials[i].Schema && trials[j].Table == trials[i].Table && len(trials[j].Columns) < len(trials[i].Columns) {
				trials[i], trials[j] = trials[j], trials[i]
			}
		}
	}
	helped := map[string]string{} // table and statement → index recommended for it
	for i := range trials {
		one := &trials[i]
		if !one.recommended {
			continue
		}
		fresh := false
		other := ""
		for _, cost := range one.Costs {
			if !useful(cost) {
				continue
			}
			at := one.Schema + "." + one.Table + " " + key(cost.Fingerprint)
			if by, taken := helped[at]; taken {
				other = by
			} else {
				fresh = true
				helped[at] = one.Definition()
			}
		}
		if !fresh {
			one.recommended, one.reason = false, "Helps no statement that a better one does not help: "+other+"."
		}
	}
	return trials
}

func useful(cost store.TrialCost) bool {
	return cost.Refused == "" && cost.Used && cost.Before >= usefulCost && cost.Before-cost.After >= usefulShare*cost.Before
}

// weigh says what a trial came to.
func (t *trial) weigh() {
	if t.Trial.Refused != "" {
		t.reason = "Could not be tried: " + t.Trial.Refused
		return
	}
	best := store.TrialCost{}
	helps := 0
	for i, cost := range t.Costs {
		if !useful(cost) {
			continue
		}
		helps++
		t.benefit += float64(t.on[i].Calls) * (cost.Before - cost.After)
		if cost.Before-cost.After > best.Before-best.After {
			best = cost
		}
	}
	if helps == 0 {
		t.reason = "The planner would not use it, or save less than 30 % by it."
		return
	}
	t.recommended = true
	t.reason = fmt.Sprintf("Lowers the planner's cost of %d of the %d statements it was tried on, the most from %s to %s.",
		helps, len(t.Costs), count(best.Before), count(best.After))
	if t.Method == store.TriedScratch {
		t.reason += fmt.Sprintf(" Tried on a copy of %s of about %s rows; on the whole table it saves more.", count(float64(t.SampleRows)), count(float64(t.TableRows)))
	}
}

// row is the trial as it is kept, with what the index would cost each write.
func (l *look) row(one trial, now time.Time) (store.AdviceRow, error) {
	row := store.AdviceRow{
		Definition: one.Definition(), Schema: one.Schema, Table: one.Table, Columns: one.Columns,
		Tested: now, Method: one.Method, Recommended: one.recommended, Reason: one.reason, Bytes: one.Bytes,
	}
	if table := tablesOf(&l.catalogue)[[2]string{one.Schema, one.Table}]; table != nil {
		// An update that is not within its page needs an entry in every index;
		// one that is would no longer be, if it changed an indexed column.
		writes := table.Inserted + table.Updated - table.HotUpdated
		row.Writes, row.WritesSince = &writes, since(&l.catalogue)
	}
	evidence := []Evidence{}
	for i, cost := range one.Costs {
		on := one.on[i]
		shown := Evidence{
			Fingerprint: key(on.Fingerprint), Statement: on.Shape, Calls: on.Calls, TotalMS: on.TotalMS,
			CostBefore: cost.Before, CostAfter: cost.After, Used: cost.Used,
		}
		if cost.Refused != "" {
			shown.Refused = &cost.Refused
		}
		evidence = append(evidence, shown)
	}
	var err error
	row.Evidence, err = json.Marshal(evidence)
	return row, err
}

// since is when the counters of tables and indexes began; nil when they have
// never been reset and the database is as old as it is.
func since(catalogue *store.Catalogue) *time.Time { return catalogue.StatsReset }
