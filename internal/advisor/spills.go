package advisor

import (
	"cmp"
	"fmt"
	"strings"
)

// boundsOf finds how many rows the sorts below a LIMIT have to keep: such a sort
// throws away what cannot be among the first, whatever it reads.
func boundsOf(top *node) map[*node]float64 {
	bounds := map[*node]float64{}
	top.walk(func(n *node) {
		inputs := n.inputs()
		for n.Type == "Limit" && len(inputs) == 1 {
			bounds[inputs[0]] = n.Rows
			inputs = passesBound(inputs[0])
		}
	})
	return bounds
}

// passesBound returns the node to which a node hands a LIMIT's bound on, as
// ExecSetTupleBound does; none for most.
func passesBound(n *node) []*node {
	switch n.Type {
	case "Gather", "Gather Merge", "Result", "Subquery Scan":
		if n.Filter == "" {
			return n.inputs()
		}
	}
	return nil
}

// Bytes of memory that a row takes beside its columns.
const (
	sortOverhead = 24 // tuplesort's slot, and the tuple's header
	hashOverhead = 40 // HJTUPLE_OVERHEAD, the aligned header, and a bucket's pointer
)

// sorted: a sort that goes to disk, seen or to be expected.
func sorted(n *node, bounds map[*node]float64, memory int64) *PlanFinding {
	if n.Type != "Sort" && n.Type != "Incremental Sort" {
		return nil
	}
	key := strings.Join(n.SortKey, ", ")
	if n.ActualRows != nil {
		written := 0.0
		for _, process := range n.processes() {
			if process.SortType == "Disk" {
				written += process.SortSpace
			}
		}
		for _, groups := range []*sortGroups{n.Full, n.Sorted} {
			if groups != nil && groups.Disk != nil {
				written = max(written, groups.Disk.Peak)
			}
		}
		if written == 0 {
			return nil
		}
		return &PlanFinding{"sort_spills", "", fmt.Sprintf("The sort by %s wrote %s kB to disk: work_mem is %s.", key, count(written), size(memory))}
	}
	rows := n.Rows
	if bound, limited := bounds[n]; limited {
		rows = min(rows, bound)
	}
	// An incremental sort sorts a group at a time, whose size is not known before.
	needed := rows * (n.Width + sortOverhead)
	if n.Type != "Sort" || needed <= float64(memory) {
		return nil
	}
	return &PlanFinding{"sort_spills", "", fmt.Sprintf("The sort by %s is of about %s rows and %s, more than work_mem (%s): it will go to disk.",
		key, count(rows), size(int64(needed)), size(memory))}
}

// hashed: a hash that goes to disk, of a join or of groups, seen or to be
// expected.
func hashed(n *node, memory int64) *PlanFinding {
	const allowed = "work_mem times hash_mem_multiplier is "
	of := "The hash of " + cmp.Or(relationOf(n), "a join")
	if len(n.GroupKey) > 0 {
		of = "The hash of groups by " + strings.Join(n.GroupKey, ", ")
	}
	say := func(format string, values ...any) *PlanFinding {
		return &PlanFinding{"hash_spills", relationOf(n), of + fmt.Sprintf(format, values...)}
	}
	executed := n.ActualRows != nil
	switch {
	case n.Type == "Hash" && executed && n.Batches > 1:
		return say(" did not fit and went through the disk in %s batches: %s%s.", count(n.Batches), allowed, size(memory))
	case n.Type == "Hash" && !executed && n.Rows*(n.Width+hashOverhead) > float64(memory):
		return say(" is of about %s rows and %s: %s%s, so it will go to disk.", count(n.Rows), size(int64(n.Rows*(n.Width+hashOverhead))), allowed, size(memory))
	case n.Type == "Aggregate" && executed:
		written := 0.0
		for _, process := range n.processes() {
			written += process.HashSpace
		}
		if written > 0 {
			return say(" wrote %s kB to disk: %s%s.", count(written), allowed, size(memory))
		}
	case n.Type == "Aggregate" && n.Planned > 0:
		return say(" is expected to go to disk in %s parts: %s%s.", count(n.Planned), allowed, size(memory))
	}
	return nil
}
