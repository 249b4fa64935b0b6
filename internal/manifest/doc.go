// Package manifest is the one table of Skyledger's functions: what starts each,
// which routes it answers, what it may use and which settings it gets. The
// deployment, the local runner and the documentation are made from it: a new
// function is one row here and one folder under functions/.
package manifest
