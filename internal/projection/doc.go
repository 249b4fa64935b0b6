// Package projection computes what a snapshot changes: which sessions open,
// close or hide, which plans, frequencies and ATIS texts are new, where
// everybody is. It is pure: the same state and snapshot give the same changes
// whether they come from the feed, the backlog or a rebuild of the whole log.
package projection
