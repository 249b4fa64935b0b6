// Package flight makes flights of connections: one aircraft's way from plan or
// take-off to landing or loss, across reconnects, with gaps told as such. It is
// pure: the same scenes give the same flights whether they come from the feed,
// a backlog or a rebuild of the whole log.
package flight
