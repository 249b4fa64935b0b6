// Package sector knows how many aircraft are in each FIR and sector, who comes
// in and goes out, how long they stay and how busy it is there. It is pure: the
// same scenes give the same rows whether they come from the feed, a backlog or a
// rebuild of the whole log.
package sector
