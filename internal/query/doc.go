// Package query runs people's SQL: one read-only statement over the views of
// the schema skyledger. Three walls stand around it, each built to hold by
// itself. The first is an allow-list over the parse tree that PostgreSQL's own
// grammar makes (Check): whatever is not named in it, statement, node,
// function, type, operator or relation, is refused with its place and what is
// allowed. The second is the role that runs it (store.QueryRole): it owns
// nothing, can read those views alone and never writes. The third are limits
// on the planner's estimate, rows, bytes, time and how many run at once.
//
// What may be read is taken from the database's catalogue, so that a new view
// is one migration and nothing else.
package query
