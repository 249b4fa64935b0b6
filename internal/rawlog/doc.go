// Package rawlog keeps every body of the feed byte for byte, in order, before
// anything is computed from it. It is the truth: PostgreSQL and Redis hold what
// can be rebuilt from it.
//
// A record is the network body and the transceivers body of one moment, and is
// either there whole or not at all. Records lie in a directory or in S3 behind
// one small interface, by UTC hour; several processes may write and read at
// once. Every few minutes one is a keyframe, plain zstd; those between are
// compressed against an earlier record of their hour, a tenth of what gzip makes
// of them. Finished hours are packed into one file each.
package rawlog
