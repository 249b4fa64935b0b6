package fault

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/cespare/xxhash/v2"
)

// Identity is what makes two failures the same: class, operation and reason,
// never the text of a message.
type Identity struct {
	Class   Class
	Op      string
	Reason  string
	Refusal bool // of a request, for what it asked
}

const (
	longestOp     = 120
	longestReason = 64
)

// IdentityOf returns an error's identity: the operation is that of the
// outermost classified error.
func IdentityOf(err error) Identity {
	identity := Identity{Class: ClassOf(err), Op: opOf(err), Reason: ReasonOf(err)}
	identity.Op, identity.Reason = tidy(identity.Op, longestOp), tidy(identity.Reason, longestReason)
	return identity
}

func refusalOf(class Class) Identity {
	return Identity{Class: class, Op: "request", Reason: string(class), Refusal: true}
}

// Fingerprint is the identity as 16 hexadecimal digits, the same in every
// process and version.
func (i Identity) Fingerprint() string {
	sum := xxhash.Sum64String(string(i.Class) + "\x00" + i.Op + "\x00" + i.Reason)
	const digits = 16
	text := strconv.FormatUint(sum, 16)
	return "0000000000000000"[:digits-len(text)] + text
}

// FailureCount is how often one failure happened in one function and span.
type FailureCount struct {
	Bucket      time.Time // start of the span
	Function    string
	Fingerprint string
	Class       Class
	Op          string
	Reason      string
	Refusal     bool
	Count       int64
	FirstSeen   time.Time
	LastSeen    time.Time
	Sample      string // one message, without names and secrets; "" for refusals
	RequestID   string // of the last one; "" when unknown
}

// Lost reports whether the row counts what a recorder could not keep.
func (c FailureCount) Lost() bool {
	return c.Op == recorderOp && strings.HasPrefix(c.Reason, overflowReason)
}

// RequestCount is how often one route of one function was asked in one span,
// and how it answered.
type RequestCount struct {
	Bucket    time.Time
	Function  string
	Route     string
	Status    int // of HTTP, its hundreds alone: 2 to 5
	Count     int64
	Total     time.Duration // of all of them
	Durations []int64       // how many took no longer than each of DurationBounds, and not less; the last: longer
	Last      time.Time
}

// Failed reports whether the answers were failures of ours.
func (c RequestCount) Failed() bool { return c.Status >= 5 }

// DurationBounds are the upper bounds of the slots of RequestCount.Durations.
// They are fine around what an answer from memory, from Redis and from
// PostgreSQL takes, and coarse beyond a function's patience.
func DurationBounds() []time.Duration {
	return []time.Duration{
		time.Millisecond, 2500 * time.Microsecond, 5 * time.Millisecond, 10 * time.Millisecond, 25 * time.Millisecond,
		50 * time.Millisecond, 100 * time.Millisecond, 250 * time.Millisecond, 500 * time.Millisecond,
		time.Second, 2500 * time.Millisecond, 10 * time.Second,
	}
}

func durationSlot(took time.Duration) int {
	slot, _ := slices.BinarySearch(DurationBounds(), took)
	return slot
}

type failureKey struct {
	bucket   int64 // start, in seconds since 1970
	function string
	identity Identity
}

type requestKey struct {
	bucket          int64
	function, route string
	status          int
}

func bucketOf(at time.Time) int64 { return at.Truncate(BucketLength).Unix() }

type failureEntry struct {
	FailureCount
	sent int64 // of Count, how many the sink has
}

func newFailure(key failureKey, now time.Time) *failureEntry {
	return &failureEntry{FailureCount: FailureCount{
		Bucket: time.Unix(key.bucket, 0).UTC(), Function: key.function, Fingerprint: key.identity.Fingerprint(),
		Class: key.identity.Class, Op: key.identity.Op, Reason: key.identity.Reason, Refusal: key.identity.Refusal, FirstSeen: now,
	}}
}

func (e *failureEntry) count(now time.Time, request string, times int64) {
	e.Count += times
	e.LastSeen = now
	if request != "" {
		e.RequestID = tidy(request, longestOp)
	}
}

func (e *failureEntry) settled() (bucket time.Time, sent bool) { return e.Bucket, e.sent == e.Count }

// requestEntry keeps what the sink has beside what there is.
type requestEntry struct {
	RequestCount
	sent          int64
	sentTotal     time.Duration
	sentDurations []int64
}

func (e *requestEntry) settled() (bucket time.Time, sent bool) { return e.Bucket, e.sent == e.Count }

// room reports whether another entry fits, after removing some that the sink
// has: first old ones, then all but those of the running bucket. full is the
// bucket in which that was tried in vain since the last flush.
func room[K comparable, E interface{ settled() (time.Time, bool) }](entries map[K]E, most int, full *int64, now time.Time) bool {
	if len(entries) < most {
		return true
	}
	if *full == bucketOf(now) {
		return false
	}
	for _, before := range []time.Time{now.Add(-keepSent), now.Truncate(BucketLength)} {
		for key, entry := range entries {
			if bucket, sent := entry.settled(); sent && bucket.Before(before) {
				delete(entries, key)
			}
		}
		if len(entries) < most {
			return true
		}
	}
	*full = bucketOf(now)
	return false
}
