package advisor

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/skyledger/skyledger/internal/store"
)

// PlanFinding is one thing that is expensive about a plan, in words.
type PlanFinding struct {
	Code     string `json:"code" enum:"seq_scan,filter_removes_most,sort_spills,nested_loop,bad_estimate,all_partitions,jit"`
	Relation string `json:"relation" doc:"the table it is about; empty for none"`
	Text     string `json:"text" doc:"what is expensive, and why"`
}

// The thresholds are where a step begins to matter beside the round trip of a
// statement, about a millisecond: PostgreSQL filters some 10,000 rows in that
// time (seen on a 2-core machine with PostgreSQL 15, 0.9 ms).
const (
	manyRows     = 10_000
	fewShare     = 0.1   // a filter that keeps less reads mostly in vain
	manyLoops    = 1_000 // at about 2 µs for a look into an index
	badFactor    = 10    // rows estimated wrongly by this factor lead to other plans
	badRows      = 1_000 // if there are that many
	jitShareOfMS = 0.2   // of the execution's time
	// costlyLoops is the share of a plan's cost that makes a nested loop matter.
	costlyLoops = 0.3
)

// tables finds tables by schema and name.
type tables map[[2]string]*store.TableState

func tablesOf(catalogue *store.Catalogue) tables {
	found := tables{}
	for i := range catalogue.Tables {
		table := &catalogue.Tables[i]
		found[[2]string{table.Schema, table.Name}] = table
	}
	return found
}

// rows is how many rows a table has by its statistics; 0 when unknown.
func (t tables) rows(n *node) float64 {
	if table := t[[2]string{n.Schema, n.Relation}]; table != nil && table.Rows != nil {
		return float64(*table.Rows)
	}
	return 0
}

// findings says what is expensive about a plan, the most expensive step first.
func findings(plan *explained, catalogue *store.Catalogue) []PlanFinding {
	known := tablesOf(catalogue)
	type costed struct {
		PlanFinding
		cost float64
	}
	var all []costed
	plan.Plan.walk(func(n *node) {
		for _, found := range []*PlanFinding{
			scanned(n, known), filtered(n), spilled(n, catalogue.WorkMemory), looped(n, plan.Plan.TotalCost),
			misjudged(n), unpruned(n, catalogue, known),
		} {
			if found != nil {
				all = append(all, costed{*found, n.TotalCost})
			}
		}
	})
	slices.SortStableFunc(all, func(a, b costed) int { return int(math.Copysign(1, b.cost-a.cost)) })
	list := []PlanFinding{}
	for _, one := range all {
		if !slices.Contains(list, one.PlanFinding) {
			list = append(list, one.PlanFinding)
		}
	}
	if found := compiled(plan); found != nil {
		list = append(list, *found)
	}
	return list
}

func name(n *node) string { return n.Schema + "." + n.Relation }

// scanned: a whole table is read.
func scanned(n *node, known tables) *PlanFinding {
	total := known.rows(n)
	if n.Type != "Seq Scan" || !n.scans() || total < manyRows {
		return nil
	}
	text := fmt.Sprintf("Reads all of %s, about %s rows, from first to last.", name(n), count(total))
	if n.Filter != "" && n.Rows < fewShare*total {
		text = fmt.Sprintf("Reads all of %s, about %s rows, to keep about %s of them: no index serves the condition %s.",
			name(n), count(total), count(n.Rows), n.Filter)
	}
	return &PlanFinding{"seq_scan", name(n), text}
}

// filtered: most of what was read is thrown away. Only an execution tells.
func filtered(n *node) *PlanFinding {
	if n.Removed == nil || n.ActualRows == nil || n.Loops == nil {
		return nil
	}
	removed, kept := *n.Removed**n.Loops, *n.ActualRows**n.Loops
	if removed < manyRows || kept > fewShare*(kept+removed) {
		return nil
	}
	return &PlanFinding{"filter_removes_most", relationOf(n),
		fmt.Sprintf("%s read %s rows and threw %s of them away by the condition %s.", n.Type, count(kept+removed), count(removed), n.Filter)}
}

// spilled: a sort that goes to disk, seen or to be expected.
func spilled(n *node, memory int64) *PlanFinding {
	if n.Type != "Sort" && n.Type != "Incremental Sort" {
		return nil
	}
	key := strings.Join(n.SortKey, ", ")
	if n.SortType == "Disk" && n.SortSpace != nil {
		return &PlanFinding{"sort_spills", "", fmt.Sprintf("The sort by %s wrote %s kB to disk: work_mem is %s.", key, count(*n.SortSpace), size(memory))}
	}
	// A row in a sort takes 24 bytes more than its columns (tuplesort's slot
	// and the tuple's header).
	if needed := n.Rows * (n.Width + 24); n.SortType == "" && n.Type == "Sort" && needed > float64(memory) {
		return &PlanFinding{"sort_spills", "", fmt.Sprintf("The sort by %s is of about %s rows and %s, more than work_mem (%s): it will go to disk.",
			key, count(n.Rows), size(int64(needed)), size(memory))}
	}
	return nil
}

// looped: the inner side of a nested loop runs very often.
func looped(n *node, whole float64) *PlanFinding {
	if n.Type != "Nested Loop" || len(n.Plans) < 2 {
		return nil
	}
	outer, inner := n.Plans[0], n.Plans[1]
	times := outer.Rows
	if inner.Loops != nil {
		times = *inner.Loops
	}
	if inner.Type == "Materialize" || inner.Type == "Memoize" || times < manyLoops || n.TotalCost < costlyLoops*whole {
		return nil
	}
	what := inner.Type
	if r := relationOf(inner); r != "" {
		what += " of " + r
	}
	return &PlanFinding{"nested_loop", relationOf(inner), fmt.Sprintf("The nested loop runs its inner side (%s) about %s times.", what, count(times))}
}

// misjudged: the planner expected other numbers of rows.
func misjudged(n *node) *PlanFinding {
	if n.ActualRows == nil || n.Loops == nil || *n.Loops == 0 {
		return nil
	}
	more, fewer := math.Max(*n.ActualRows, n.Rows), math.Max(1, math.Min(*n.ActualRows, n.Rows))
	if more < badRows || more < badFactor*fewer {
		return nil
	}
	return &PlanFinding{"bad_estimate", relationOf(n), fmt.Sprintf("%s was expected to give %s rows and gave %s: the statistics are stale, or the columns depend on each other.",
		n.Type, count(n.Rows), count(*n.ActualRows))}
}

// unpruned: every partition is read, and nothing in the conditions could have
// chosen among them, now or when the values are known.
func unpruned(n *node, catalogue *store.Catalogue, known tables) *PlanFinding {
	if n.Type != "Append" && n.Type != "Merge Append" {
		return nil
	}
	for _, whole := range catalogue.Partitioned {
		read := 0
		chosen := false
		for _, below := range n.Plans {
			part := false
			below.walk(func(m *node) {
				if table := known[[2]string{m.Schema, m.Relation}]; table != nil && table.Schema == whole.Schema && table.Parent == whole.Name {
					part = true
				}
				for _, key := range whole.Key {
					chosen = chosen || strings.Contains(m.conditions(), "."+key)
				}
			})
			if part {
				read++
			}
		}
		if read > 1 && read == whole.Partitions && !chosen {
			return &PlanFinding{"all_partitions", whole.Schema + "." + whole.Name,
				fmt.Sprintf("Reads all %d partitions of %s.%s: no condition on %s chooses among them.", read, whole.Schema, whole.Name, strings.Join(whole.Key, ", "))}
		}
	}
	return nil
}

// compiled: just-in-time compilation takes more than it saves.
func compiled(plan *explained) *PlanFinding {
	switch {
	case plan.JIT == nil:
		return nil
	case plan.JIT.Timing == nil:
		return &PlanFinding{"jit", "", fmt.Sprintf("PostgreSQL compiles %s functions each time before it begins (jit is on, and the plan is above jit_above_cost).", count(plan.JIT.Functions))}
	case plan.ExecutionTime == nil || plan.JIT.Timing.Total < jitShareOfMS**plan.ExecutionTime:
		return nil
	default:
		return &PlanFinding{"jit", "", fmt.Sprintf("Compiling took %.1f of %.1f ms: jit costs more here than it saves.", plan.JIT.Timing.Total, *plan.ExecutionTime)}
	}
}

// relationOf is the table that a node, or what feeds it alone, reads.
func relationOf(n *node) string {
	for n.Relation == "" && len(n.Plans) == 1 {
		n = n.Plans[0]
	}
	if n.Relation == "" {
		return ""
	}
	return name(n)
}

// count writes a number of things with commas.
func count(n float64) string {
	digits := fmt.Sprintf("%.0f", n)
	for at := len(digits) - 3; at > 0; at -= 3 {
		digits = digits[:at] + "," + digits[at:]
	}
	return digits
}

// size writes bytes.
func size(n int64) string {
	switch {
	case n >= 10<<30:
		return count(float64(n)/(1<<30)) + " GB"
	case n >= 10<<20:
		return count(float64(n)/(1<<20)) + " MB"
	case n >= 10<<10:
		return count(float64(n)/(1<<10)) + " kB"
	default:
		return count(float64(n)) + " bytes"
	}
}
