// Package store holds every SQL statement of the product. It keeps the
// projection of the log in PostgreSQL: the ledger, sessions with their gaps,
// plans, frequencies, ATIS and positions. A snapshot and everything derived
// from it commit in one transaction, fenced by the head's version. It never
// sees a person's name: history is keyed by cid.
package store
