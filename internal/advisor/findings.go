package advisor

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"github.com/skyledger/skyledger/internal/store"
)

// PlanFinding is one thing that is expensive about a plan, in words.
type PlanFinding struct {
	Code     string `json:"code" enum:"seq_scan,filter_removes_most,sort_spills,hash_spills,nested_loop,bad_estimate,all_partitions,jit"`
	Relation string `json:"relation" doc:"the table it is about; empty for none"`
	Text     string `json:"text" doc:"what is expensive, and why"`
}

// The thresholds are where a step begins to matter beside the round trip of a
// statement, about a millisecond: PostgreSQL filters some 10,000 rows in that
// time (seen on a 2-core machine with PostgreSQL 15, 0.9 ms).
const (
	manyRows     = 10_000
	fewShare     = 0.1       // a filter that keeps less reads mostly in vain
	manyLoops    = 1_000     // at about 2 µs for a look into an index
	badFactor    = 10        // rows estimated wrongly by this factor lead to other plans
	badRows      = 1_000     // if there are that many
	jitShareOfMS = 0.2       // of the execution's time
	manyPairs    = 1_000_000 // rows compared with rows in memory: some 50 ms
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
	limits, cutShort := boundsOf(plan.Plan), map[*node]bool{}
	noteCutShort(plan.Plan, false, cutShort)
	plan.Plan.walk(func(n *node) {
		for _, found := range []*PlanFinding{
			scanned(n, known), filtered(n), sorted(n, limits, catalogue.WorkMemory), hashed(n, catalogue.HashMemory),
			looped(n, plan.Plan.TotalCost), misjudged(n, cutShort), unpruned(n, catalogue, known),
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

// looped: the inner side of a nested loop runs very often.
func looped(n *node, whole float64) *PlanFinding {
	inputs := n.inputs()
	if n.Type != "Nested Loop" || len(inputs) != 2 {
		return nil
	}
	outer, inner := inputs[0], inputs[1]
	times := outer.Rows
	if inner.Loops != nil {
		times = *inner.Loops
	}
	if inner.Type == "Memoize" || times < manyLoops || n.TotalCost < costlyLoops*whole {
		return nil
	}
	if inner.Type == "Materialize" {
		return compared(inner, times)
	}
	what := inner.Type
	if r := relationOf(inner); r != "" {
		what += " of " + r
	}
	return &PlanFinding{"nested_loop", relationOf(inner), fmt.Sprintf("The nested loop runs its inner side (%s) about %s times.", what, count(times))}
}

// compared: the inner side was read once and lies in memory, and every row of
// the outer side goes through all of it.
func compared(inner *node, times float64) *PlanFinding {
	rows := inner.Rows
	if inner.ActualRows != nil {
		rows = *inner.ActualRows
	}
	if times*rows < manyPairs {
		return nil
	}
	return &PlanFinding{"nested_loop", relationOf(inner), fmt.Sprintf("The nested loop compares each of about %s rows with %s rows of %s: no condition is an equality that a hash could serve, or the planner thought it not worth one.",
		count(times), count(rows), cmp.Or(relationOf(inner), "its inner side"))}
}

// compiled: just-in-time compilation takes a good part of the time.
func compiled(plan *explained) *PlanFinding {
	switch {
	case plan.JIT == nil:
		return nil
	case plan.JIT.Timing == nil:
		return &PlanFinding{"jit", "", fmt.Sprintf("PostgreSQL compiles %s functions each time before it begins (jit is on, and the plan is above jit_above_cost).", count(plan.JIT.Functions))}
	case plan.ExecutionTime == nil || plan.JIT.Timing.Total < jitShareOfMS**plan.ExecutionTime:
		return nil
	default:
		return &PlanFinding{"jit", "", fmt.Sprintf("Compiling took %.1f of %.1f ms, and does so each time: jit is worth it only where it saves more than that.", plan.JIT.Timing.Total, *plan.ExecutionTime)}
	}
}

// relationOf is the table that a node, or what feeds it alone, reads.
func relationOf(n *node) string {
	for inputs := n.inputs(); n.Relation == "" && len(inputs) == 1; inputs = n.inputs() {
		n = inputs[0]
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
