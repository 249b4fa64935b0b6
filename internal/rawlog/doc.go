// Package rawlog keeps every body of the feed byte for byte, in order, before
// anything is computed from it. It is the truth: PostgreSQL and Redis hold what
// can be rebuilt from it. Records lie in a directory or in S3 behind one small
// interface; a keyframe every few minutes is plain zstd, the frames between use
// the keyframe as a raw dictionary, and finished hours become one object.
package rawlog
