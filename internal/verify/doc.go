// Package verify checks the database against the log, as somebody would who
// trusts neither: its own decoder on encoding/json, the feed's rules written
// down a second time, and its own SQL over the views that people read. It
// imports nothing of the code that filled the database and promises one line
// per invariant, with what was counted and the first violations.
package verify
