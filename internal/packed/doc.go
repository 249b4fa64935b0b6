// Package packed knows how small values become few bytes and values again:
// numbers as varints, texts with their length. One function visits a value for
// both ways, so that what is read is what was written.
package packed
