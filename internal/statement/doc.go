// Package statement knows what a SQL statement says without the values in it:
// its shape with every literal replaced by a parameter, a fingerprint of that,
// the functions it calls, and the same statement made fit for EXPLAIN where
// parameters have no value. It reads PostgreSQL's tokens, not its grammar.
package statement
