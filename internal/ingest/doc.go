// Package ingest records one tick: fetch the feed, make the body durable in the
// log, project it and whatever the log holds beyond the database in one
// transaction a snapshot, and move the live view. It can be killed anywhere,
// run twice or run late: the next run finds what is missing and goes on.
package ingest
