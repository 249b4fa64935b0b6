package rawlog

import "time"

// Record is what one tick brought: the network body and, where it could be
// fetched, the transceivers body of the same moment.
type Record struct {
	At           time.Time // update_timestamp of the network body: UTC, cut to microseconds; the key
	Tick         time.Time // the 15-second tick it was fetched for
	Received     time.Time // when the body had arrived, by our clock
	Network      []byte    // as received, after content decoding
	Transceivers []byte    // as received, or nil
}

// Entry describes a record without its bodies.
type Entry struct {
	At       time.Time
	Tick     time.Time
	Received time.Time
	Bytes    int      // of both bodies, as received
	Stored   int      // bytes the record takes in the log
	Hash     [32]byte // SHA-256 of the network body
}
