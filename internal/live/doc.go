// Package live knows the network as it is now: the rows of the newest believed
// snapshot, rendered once and kept in three layers. An answer comes from this
// process's memory while the version pointer stands, else from Redis, else from
// the log by way of the durable head in PostgreSQL. Redis that is down, slow,
// full or wrong makes answers slower, never wrong and never an error.
//
// Snapshots come from ingest, which builds a View and hands it to a Publisher;
// answers go to internal/api through a Reader. Members' names live here and in
// the log, nowhere else.
package live
