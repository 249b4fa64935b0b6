// Package atc makes duties of controllers' connections, knows what a callsign
// stands for and which airports it covers, which aircraft are on whose frequency
// and how busy each controller is. It is pure: the same scenes give the same
// rows whether they come from the feed, a backlog or a rebuild of the whole log.
package atc
