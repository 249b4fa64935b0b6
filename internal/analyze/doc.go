// Package analyze turns snapshots into what the network did: once a minute it
// takes every projected snapshot behind its watermark in the ledger's order,
// shows it to everything that follows the network (flights, movements), and
// writes what changes in one transaction per snapshot with the watermark.
//
// What is remembered between snapshots lives in memory and, every ten minutes
// of snapshots, in a checkpoint in the database. A process that starts, or that
// lost to another one, loads the newest checkpoint and looks again at what
// follows it in the log, without writing; a snapshot that came late takes
// analysis back to the checkpoint before it. So it may be killed anywhere, run
// twice, or come an hour late, and the rows are the same; a rebuild from the
// log gives them as well.
package analyze
