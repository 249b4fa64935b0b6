// Package traffic finds movements in what aircraft report: departures,
// arrivals, go-arounds, touch-and-goes, diversions, from geometry and not from
// the filed plan alone. It is pure: the same samples give the same movements
// whether they come from the feed, a backlog or a rebuild of the whole log.
package traffic
