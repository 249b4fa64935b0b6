package access

import (
	"context"
	"net/netip"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/maypok86/otter/v2"
	"go.uber.org/zap"
)

// Rate is how much a caller may ask: so many requests at once, and the same
// number again as Per passes. Within any stretch of time t that is at most
// Requests × (1 + t/Per). The zero value sets no limit.
type Rate struct {
	Requests int
	Per      time.Duration
}

func (r Rate) none() bool      { return r.Requests <= 0 }
func (r Rate) interval() int64 { return max(1, int64(r.Per)/int64(r.Requests)) }
func (r Rate) lease() int      { return max(1, r.Requests/leaseShare) }

// PerMinute returns the rate of so many requests a minute; 0 is no limit.
func PerMinute(requests int) Rate { return Rate{Requests: requests, Per: time.Minute} }

const (
	// callersKept is how many callers a process remembers. One that is forgotten
	// is counted on in Redis, and anew where there is none.
	callersKept = 20_000
	// leaseShare is the part of a limit that a process takes ahead at most: a
	// twentieth, so that with what is left of the one before it holds less than a
	// tenth.
	leaseShare = 20
	// growWithin is how quickly a lease must be used up for the next to be twice
	// as large: a process that sees a caller's requests one by one, as on Lambda,
	// holds one.
	growWithin = time.Second
	// localFor is how long a caller is counted in the process after Redis failed,
	// before Redis is asked again.
	localFor = 250 * time.Millisecond
)

// Quota is what a caller has left.
type Quota struct {
	Rate       Rate
	Remaining  int           // as far as this process knows
	Reset      time.Duration // until all of it is there again
	Refused    bool
	RetryAfter time.Duration // until another request is let through, when refused
}

// Limited reports whether there is a limit at all.
func (q Quota) Limited() bool { return !q.Rate.none() }

// caller is who requests are counted by: a key, or else an address. Statements
// of one's own are counted apart from reading.
type caller struct {
	key     string // id
	address netip.Addr
	query   bool
}

// name is the caller's in Redis.
func (c caller) name() string {
	name := "address:" + c.address.String()
	if c.key != "" {
		name = "key:" + c.key
	}
	if c.query {
		name += ":query"
	}
	return name
}

// limiter counts requests. Tokens are taken from Redis ahead of need, in leases
// that grow with what a caller asks of this process, and handed out from memory.
type limiter struct {
	redis   *tokens // nil: each process counts for itself
	now     func() time.Time
	logger  *zap.Logger
	buckets *otter.Cache[caller, *bucket]

	background sync.WaitGroup
	leases     atomic.Int64 // that Redis was asked for
	local      atomic.Int64 // requests that were counted in the process alone
}

func newLimiter(redis *tokens, now func() time.Time, logger *zap.Logger) *limiter {
	return &limiter{redis: redis, now: now, logger: logger, buckets: bounded[caller, *bucket](callersKept)}
}

// mostAsked is how often one request asks Redis. The script there reckons in
// seconds since 2017 as floating point numbers: of a limit of a single request
// it can find a hair less than one, for ever, and say that the rest comes within
// nanoseconds. This process then counts alone.
const mostAsked = 8

// take takes one request from what the caller has.
func (l *limiter) take(ctx context.Context, who caller, rate Rate) Quota {
	if rate.none() {
		return Quota{}
	}
	b, ok := l.buckets.GetIfPresent(who)
	if !ok {
		b, _ = l.buckets.SetIfAbsent(who, &bucket{name: who.name(), rate: rate})
	}
	for asked := 0; ; {
		b.mu.Lock()
		now := l.now().UnixNano()
		switch {
		case b.spend(now):
			quota := b.quota(now)
			if size := b.ahead(now); size > 0 {
				l.background.Go(func() { l.refill(context.WithoutCancel(ctx), b, size, true) })
			}
			b.mu.Unlock()
			return quota
		case now < b.emptyUntil:
			quota := b.refuse(b.emptyUntil - now)
			b.mu.Unlock()
			return quota
		case l.redis == nil || now < b.localUntil || asked == mostAsked || ctx.Err() != nil:
			l.local.Add(1)
			quota := b.takeLocal(now)
			b.mu.Unlock()
			return quota
		case b.asking != nil:
			asking := b.asking
			b.waiting++
			b.mu.Unlock()
			select {
			case <-asking: // within the time that Redis has for an answer
			case <-ctx.Done():
			}
			b.mu.Lock()
			b.waiting--
			b.mu.Unlock()
		default:
			size := b.nextLease(now)
			b.asking = make(chan struct{})
			b.mu.Unlock()
			l.refill(ctx, b, size, false)
			asked++
		}
	}
}

// refill asks Redis for a lease. One that was asked for ahead and did not come
// changes nothing: nobody waited for it.
func (l *limiter) refill(ctx context.Context, b *bucket, size int, ahead bool) {
	l.leases.Add(1)
	before := l.now().UnixNano()
	granted, err := l.redis.take(ctx, b.name, b.rate, size)
	b.mu.Lock()
	defer b.mu.Unlock()
	close(b.asking)
	b.asking = nil
	switch {
	case err == nil:
		b.receive(before, size, granted)
	case !ahead:
		b.localUntil = l.now().UnixNano() + int64(localFor)
	}
}

// bucket is one caller's.
type bucket struct {
	name string
	rate Rate

	mu         sync.Mutex
	tokens     int   // taken from Redis and not yet spent
	goodUntil  int64 // of these tokens, ns
	lease      int   // how many were asked for last,
	leasedAt   int64 // and when
	remaining  int   // what Redis had left then
	emptyUntil int64 // Redis has none before
	localUntil int64 // Redis is not asked before
	asking     chan struct{}
	waiting    int  // requests that wait for asking
	spent      gcra // what this process let through, for when there is no Redis
}

// spend takes a token that is at hand. Tokens end after Per: by then Redis has
// as many again.
func (b *bucket) spend(now int64) bool {
	if now >= b.goodUntil {
		b.tokens = 0
	}
	if b.tokens == 0 {
		return false
	}
	b.tokens--
	b.spent.note(now, b.rate.interval(), int64(b.rate.Requests))
	return true
}

// ahead returns how many tokens to ask for before they run out, 0 when there is
// time.
func (b *bucket) ahead(now int64) int {
	if b.asking != nil || b.lease < 4 || b.tokens > b.lease/2 || now < b.emptyUntil || now < b.localUntil {
		return 0
	}
	size := b.nextLease(now)
	b.asking = make(chan struct{})
	return size
}

// nextLease is how many tokens to ask for: twice what was used up quickly, else
// one, but at least one for each that waits. Never more than Redis is known to
// have: asked for more it would give a fraction away that nobody gets.
func (b *bucket) nextLease(now int64) int {
	size := 1
	if now-b.leasedAt < int64(growWithin) {
		size = 2 * b.lease
	}
	return max(1, min(max(size, b.waiting), b.rate.lease(), b.remaining))
}

// receive takes what Redis granted, asked at the time before.
func (b *bucket) receive(before int64, asked int, granted grant) {
	b.lease, b.leasedAt, b.remaining = asked, before, granted.remaining
	b.goodUntil = before + int64(b.rate.Per)
	b.tokens += granted.tokens
	b.emptyUntil = 0
	if granted.tokens == 0 {
		b.emptyUntil = before + int64(granted.retryAfter)
	}
}

// takeLocal counts in this process alone, going on from what it let through.
func (b *bucket) takeLocal(now int64) Quota {
	interval, burst := b.rate.interval(), int64(b.rate.Requests)
	if wait := b.spent.take(now, interval, burst); wait > 0 {
		return b.refuse(wait)
	}
	return b.left(int(b.spent.left(now, interval, burst)))
}

// quota is what is left after a token was spent: those at hand, what Redis had,
// and what it got since.
func (b *bucket) quota(now int64) Quota {
	since := max(0, now-b.leasedAt) / b.rate.interval()
	return b.left(int(min(int64(b.tokens+b.remaining)+since, int64(b.rate.Requests-1))))
}

func (b *bucket) refuse(wait int64) Quota {
	quota := b.left(0)
	quota.Refused, quota.RetryAfter = true, time.Duration(wait)
	return quota
}

func (b *bucket) left(remaining int) Quota {
	missing := int64(b.rate.Requests - remaining)
	return Quota{Rate: b.rate, Remaining: remaining, Reset: time.Duration(missing * b.rate.interval())}
}

// String is how the rate reads: "1200 requests a minute".
func (r Rate) String() string {
	if r.Per == time.Minute {
		return strconv.Itoa(r.Requests) + " requests a minute"
	}
	return strconv.Itoa(r.Requests) + " requests in " + r.Per.String()
}
