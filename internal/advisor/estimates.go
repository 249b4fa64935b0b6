package advisor

import (
	"fmt"
	"math"
	"slices"
)

// noteCutShort notes the nodes that are perhaps not run to their end, because
// what is above them has enough before: they give fewer rows than there are.
func noteCutShort(n *node, cut bool, noted map[*node]bool) {
	noted[n] = cut
	for _, below := range n.Plans {
		one := n.Unique || n.Join == "Semi" || n.Join == "Anti"
		switch {
		case below.Role == "InitPlan", below.Role == "SubPlan": // EXISTS takes one row
			noteCutShort(below, true, noted)
		case n.Type == "Limit", n.Type == "Merge Join", n.Type == "Nested Loop" && one && below.Role == "Inner":
			noteCutShort(below, true, noted)
		case n.Type == "Sort", n.Type == "Hash", n.Type == "Aggregate" && n.Strategy != "Sorted":
			noteCutShort(below, false, noted) // these read everything before they give a row
		default:
			noteCutShort(below, cut, noted)
		}
	}
}

// misjudged: the planner expected other numbers of rows. Of a mistake that goes
// on upwards, the lowest step is told, where it begins.
func misjudged(n *node, cutShort map[*node]bool) *PlanFinding {
	if !wrong(n, cutShort[n]) || slices.ContainsFunc(n.Plans, func(below *node) bool { return wrong(below, cutShort[below]) }) {
		return nil
	}
	return &PlanFinding{"bad_estimate", relationOf(n), fmt.Sprintf("%s was expected to give %s rows and gave %s: the statistics are stale, or the columns depend on each other.",
		n.Type, count(n.Rows), count(*n.ActualRows))}
}

func wrong(n *node, cutShort bool) bool {
	if n.ActualRows == nil || n.Loops == nil || *n.Loops == 0 || n.Type == "BitmapAnd" || n.Type == "BitmapOr" {
		return false // the last two do not count their rows
	}
	if cutShort && *n.ActualRows < n.Rows {
		return false
	}
	more, fewer := math.Max(*n.ActualRows, n.Rows), math.Max(1, math.Min(*n.ActualRows, n.Rows))
	return more >= badRows && more >= badFactor*fewer
}
