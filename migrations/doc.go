// Package migrations holds the schema as SQL, in order, and the views that
// people read.
//
// What is computed from the log lies in one schema: table names are unqualified
// there, the connection's search_path chooses it, so that a rebuild fills a
// fresh one beside the active one and takes its place. What no log brings back
// (keys, reference data, recorded errors, measurements) lies in the schema kept,
// which a rebuild leaves alone. internal/store applies all of them.
package migrations
