package live

import (
	"strconv"
	"strings"
	"time"
)

// pointer says which version is the newest. Versions are snapshots, in µs
// since 1970.
type pointer struct {
	seen     int64 // newest snapshot projected, suspicious ones included
	snapshot int64 // newest one that is believed: the version of the rows
}

// String is how a pointer lies in Redis.
func (p pointer) String() string {
	return strconv.FormatInt(p.seen, 10) + " " + strconv.FormatInt(p.snapshot, 10)
}

// parsePointer reads String's form; anything else is not ok.
func parsePointer(text string) (p pointer, ok bool) {
	seen, snapshot, found := strings.Cut(text, " ")
	if !found {
		return pointer{}, false
	}
	var errSeen, errSnapshot error
	p.seen, errSeen = strconv.ParseInt(seen, 10, 64)
	p.snapshot, errSnapshot = strconv.ParseInt(snapshot, 10, 64)
	return p, errSeen == nil && errSnapshot == nil && p.snapshot > 0 && p.seen >= p.snapshot
}

// after reports whether p replaces other.
func (p pointer) after(other pointer) bool { return p.seen > other.seen }

func (p pointer) time() time.Time {
	if p.snapshot == 0 {
		return time.Time{}
	}
	return time.UnixMicro(p.snapshot).UTC()
}

// keys names what lies in Redis for one source. Space is the source, made
// unique where two sources could share a Redis.
type keys struct{ prefix string }

func newKeys(space string) keys { return keys{"sl:" + space + ":" + schema + ":"} }

func (k keys) pointer() string { return k.prefix + "pointer" }

func (k keys) entry(version int64, name Name, encoding Encoding) string {
	return k.prefix + strconv.FormatInt(version, 10) + ":" + string(name) + "." + string(encoding)
}
