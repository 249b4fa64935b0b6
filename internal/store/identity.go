package store

import (
	"hash/fnv"
	"strconv"
	"time"
)

// sessionEpoch is what session ids count their seconds from; VATSIM's v3 feed
// began after it.
var sessionEpoch = time.Date(2015, 1, 1, 0, 0, 0, 0, time.UTC)

// SessionID derives a session's id from its key alone, so that any process,
// and any rebuild from the log, gives a session the same id. The upper 32 bits
// are the seconds from 2015 to the logon, which keeps indexes local in time;
// the lower 31 are a hash. A prefile has no logon: all 63 bits of its id are
// hash. Always positive.
func SessionID(key SessionKey) int64 {
	hash := fnv.New64a()
	hash.Write(strconv.AppendInt(nil, int64(key.Kind), 10))
	hash.Write([]byte{0})
	hash.Write(strconv.AppendInt(nil, int64(key.CID), 10))
	hash.Write([]byte{0})
	hash.Write([]byte(key.Callsign))
	hash.Write([]byte{0})
	if key.Logon.IsZero() {
		return int64(hash.Sum64() >> 1)
	}
	hash.Write(strconv.AppendInt(nil, key.Logon.UnixMicro(), 10))
	sum := hash.Sum64()
	seconds := max(0, min(int64(key.Logon.Sub(sessionEpoch)/time.Second), 1<<32-1))
	return seconds<<31 | int64((sum^sum>>32)&(1<<31-1))
}
