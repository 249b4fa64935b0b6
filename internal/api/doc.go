// Package api knows the HTTP interface: its paths, parameters, shapes, errors
// and headers, as typed operations grouped by the function that serves them. It
// computes nothing: rows come from the live view, the ledger from PostgreSQL,
// bodies from the log, each through an interface declared here. Every answer
// carries a request id, every error is a problem of RFC 9457, and every list
// says how old its data is.
package api
