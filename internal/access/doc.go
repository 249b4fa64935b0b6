// Package access knows who may use the API, and how much of it: keys with
// scopes, what is open without one, and how many requests a minute a caller
// has. Keys come from PostgreSQL and are remembered for a while, so that a
// database outage ends nobody's access; requests are counted in Redis, ahead of
// need, so that most cost no round trip, and in the process alone while Redis
// is away.
//
// What is promised: a revoked key stops within a minute in every process that
// reaches the database. A key that cannot be checked is never called wrong. No
// caller gets more than its limit and what each process holds ahead, a tenth of
// the limit at most; one caller alone never gets less than its limit. A secret
// is kept nowhere, and is in no error, log line or answer.
package access
