// Package figure is the figures that alerts can be about, a file each: a source
// says what it measures, in which unit, of which subjects, and measures it as
// the endpoint that serves it does. It keeps nothing: figures come from
// internal/store, internal/live and internal/reference through the small
// interfaces beside each source, and go to internal/alert.
//
// A new figure is a type with Describe, Check and Observe, in a file of its own,
// and a line in All.
package figure
