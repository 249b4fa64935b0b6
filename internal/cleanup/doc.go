// Package cleanup keeps the stores in shape: day partitions are made ahead,
// finished hours of positions become chunks and finished hours of the log one
// object each, and what is past its retention ends. Every step is bounded, can
// be killed anywhere and goes on where it was; nothing newer than the cut is
// ever removed.
package cleanup
