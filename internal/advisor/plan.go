package advisor

import (
	"encoding/json"
	"strings"
)

// node is a step of a plan as EXPLAIN (FORMAT JSON, VERBOSE) has it. Costs are
// in the planner's units; the pointers are nil where nothing was executed.
type node struct {
	Type       string   `json:"Node Type"`
	Role       string   `json:"Parent Relationship"`
	Join       string   `json:"Join Type"`
	Unique     bool     `json:"Inner Unique"`
	Strategy   string   `json:"Strategy"` // of an aggregate
	Schema     string   `json:"Schema"`
	Relation   string   `json:"Relation Name"`
	Alias      string   `json:"Alias"`
	Index      string   `json:"Index Name"`
	TotalCost  float64  `json:"Total Cost"`
	Rows       float64  `json:"Plan Rows"`
	Width      float64  `json:"Plan Width"`
	Filter     string   `json:"Filter"`
	IndexCond  string   `json:"Index Cond"`
	Recheck    string   `json:"Recheck Cond"`
	JoinFilter string   `json:"Join Filter"`
	HashCond   string   `json:"Hash Cond"`
	MergeCond  string   `json:"Merge Cond"`
	SortKey    []string `json:"Sort Key"`
	GroupKey   []string `json:"Group Key"`
	Planned    float64  `json:"Planned Partitions"` // that a hash is expected to go to disk in

	ActualRows *float64 `json:"Actual Rows"` // of one loop, as Removed
	Loops      *float64 `json:"Actual Loops"`
	Removed    *float64 `json:"Rows Removed by Filter"`
	Batches    float64  `json:"Hash Batches"`
	spill
	Workers []spill     `json:"Workers"`
	Full    *sortGroups `json:"Full-sort Groups"` // of an incremental sort, as the next
	Sorted  *sortGroups `json:"Pre-sorted Groups"`

	Plans []*node `json:"Plans"`
}

// spill is what a process of a plan wrote to disk.
type spill struct {
	SortSpace float64 `json:"Sort Space Used"` // kB
	SortType  string  `json:"Sort Space Type"`
	HashSpace float64 `json:"Disk Usage"` // kB
}

// sortGroups are the sorts of an incremental one, which reports the largest.
type sortGroups struct {
	Disk *struct {
		Peak float64 `json:"Peak Sort Space Used"` // kB
	} `json:"Sort Space Disk"`
}

// processes are the leader's figures and the workers'.
func (n *node) processes() []spill { return append([]spill{n.spill}, n.Workers...) }

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

// inputs are the nodes whose rows the node works on: what gives it a single value
// stands before them in the plan.
func (n *node) inputs() (inputs []*node) {
	for _, below := range n.Plans {
		if below.Role != "InitPlan" && below.Role != "SubPlan" {
			inputs = append(inputs, below)
		}
	}
	return inputs
}

// conditions are everything that a row must meet at this node.
func (n *node) conditions() []string {
	return []string{n.Filter, n.IndexCond, n.Recheck, n.JoinFilter, n.HashCond, n.MergeCond}
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
