// Package rebuild computes the database anew from the log: a fresh schema is
// filled record by record, as the collector would have done had it met every
// record in order, and takes the place of the active one in one transaction.
// Killed anywhere it has changed nothing that anybody reads; the next run
// starts again. The collector may go on meanwhile.
package rebuild
