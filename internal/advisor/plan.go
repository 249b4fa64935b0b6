package advisor

import (
	"encoding/json"
	"strings"
)

// node is a step of a plan as EXPLAIN (FORMAT JSON, VERBOSE) has it. Costs are
// in the planner's units; the pointers are nil where nothing was executed.
type node struct {
	Type       string   `json:"Node Type"`
	Schema     string   `json:"Schema"`
	Relation   string   `json:"Relation Name"`
	Alias      string   `json:"Alias"`
	Index      string   `json:"Index Name"`
	TotalCost  float64  `json:"Total Cost"`
	Rows       float64  `json:"Plan Rows"`
	Width      float64  `json:"Plan Width"`
	ActualRows *float64 `json:"Actual Rows"`
	Loops      *float64 `json:"Actual Loops"`
	Removed    *float64 `json:"Rows Removed by Filter"`
	Filter     string   `json:"Filter"`
	IndexCond  string   `json:"Index Cond"`
	Recheck    string   `json:"Recheck Cond"`
	JoinFilter string   `json:"Join Filter"`
	HashCond   string   `json:"Hash Cond"`
	MergeCond  string   `json:"Merge Cond"`
	SortKey    []string `json:"Sort Key"`
	SortSpace  *float64 `json:"Sort Space Used"` // kB
	SortType   string   `json:"Sort Space Type"`
	Plans      []*node  `json:"Plans"`
}

// explained is a whole plan.
type explained struct {
	Plan *node
	JIT  *struct {
		Functions float64
		Timing    *struct{ Total float64 } // ms
	}
	ExecutionTime *float64 `json:"Execution Time"` // ms
}

func readPlan(raw json.RawMessage) (*explained, error) {
	plan := &explained{Plan: &node{}}
	return plan, json.Unmarshal(raw, plan)
}

// walk visits the node and what is below it.
func (n *node) walk(visit func(*node)) {
	visit(n)
	for _, below := range n.Plans {
		below.walk(visit)
	}
}

// conditions are everything that a row must meet at this node.
func (n *node) conditions() string {
	return strings.Join([]string{n.Filter, n.IndexCond, n.Recheck, n.JoinFilter, n.HashCond, n.MergeCond}, " ")
}

// scans reports whether the node reads rows of a table of ours.
func (n *node) scans() bool {
	return n.Relation != "" && !strings.HasPrefix(n.Schema, "pg_") && n.Schema != "information_schema"
}

// touches reports whether any node reads a table of ours.
func (e *explained) touches() bool {
	found := false
	e.Plan.walk(func(n *node) { found = found || n.scans() })
	return found
}
