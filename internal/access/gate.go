package access

import (
	"context"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
	"go.uber.org/zap"

	"github.com/skyledger/skyledger/internal/fault"
)

// Rates are how much callers may ask. A caller is a key, else an address.
type Rates struct {
	Address Rate // without a key
	Key     Rate // with one
	Query   Rate // statements of one's own, counted apart
}

// Options are a gate's parts.
type Options struct {
	Keys   Keystore
	Policy Policy
	Rates  Rates
	Redis  redis.Cmdable    // nil where there is none: each process counts for itself
	Space  string           // sets this deployment's counts in Redis apart
	Clock  func() time.Time // the wall's, whatever clock the feed runs by; nil: time.Now
	Logger *zap.Logger      // nil: none
	Faults *fault.Recorder  // nil: nobody keeps account
}

// Gate lets requests in. Safe for concurrent use.
type Gate struct {
	policy  Policy
	rates   Rates
	keys    *keyring
	limiter *limiter
	now     func() time.Time
}

// NewGate returns a gate. It does nothing until it is asked.
func NewGate(options Options) *Gate {
	if options.Clock == nil {
		options.Clock = time.Now
	}
	if options.Logger == nil {
		options.Logger = zap.NewNop()
	}
	var counts *tokens
	if options.Redis != nil {
		counts = newTokens(options)
	}
	return &Gate{
		policy: options.Policy, rates: options.Rates, now: options.Clock,
		keys:    newKeyring(options),
		limiter: newLimiter(counts, options.Clock, options.Logger),
	}
}

// Close waits for what runs beside requests. The gate must not be used after.
func (g *Gate) Close() {
	g.keys.background.Wait()
	g.limiter.background.Wait()
}

// NoKey is the reason of a fault.Unauthorized where a key was needed and none
// was shown.
const NoKey = "no_key"

// Verdict is what is known of a caller, whether it was let in or not.
type Verdict struct {
	KeyID string // of the key, when it holds
	Open  bool   // whether anybody may do the same without a key
	Quota Quota
}

// Admit lets a request in that needs the scope need, or says why not: key is
// what the caller shows, "" when nothing, and address where it comes from. A
// key that is wrong is refused even where none is needed, so that its owner
// notices. The error is fault.Unauthorized (401), fault.Forbidden (403: it
// names the scope), fault.Throttled (429) or fault.Unavailable (503: the key
// cannot be checked), the last two with the time to wait. It never holds the
// key.
func (g *Gate) Admit(ctx context.Context, key, address string, need Scope) (Verdict, error) {
	verdict, err := g.admit(ctx, key, address, need)
	verdict.Open = g.policy.OpenTo(need)
	return verdict, err
}

func (g *Gate) admit(ctx context.Context, key, address string, need Scope) (Verdict, error) {
	const op = "access.Gate.Admit"
	from := network(address)
	if key == "" {
		verdict, err := g.count(ctx, caller{address: from}, need)
		if err == nil && !g.policy.OpenTo(need) {
			err = fault.E(op, fault.Unauthorized, NoKey, nil).WithMessage(
				"This needs a key with the scope " + string(need) + ": send it as X-API-Key or as Authorization: Bearer.")
		}
		return verdict, err
	}
	found, verdict, err := g.recognize(ctx, key, from)
	if err != nil {
		return verdict, err
	}
	g.keys.used(ctx, found)
	verdict, err = g.count(ctx, caller{key: found.key.ID}, need)
	verdict.KeyID = found.key.ID
	if err == nil && !found.scope.Covers(need) {
		err = fault.E(op, fault.Forbidden, "missing_scope", nil).WithMessage(fmt.Sprintf(
			"This needs a key with the scope %s; this one has %s.", need, strings.Join(found.key.Scopes, ", ")))
	}
	return verdict, err
}

// recognize returns the key that is shown. Requests with keys that are wrong,
// and with those that must be looked up first, are counted by their address:
// whoever makes keys up has no more of them than anybody without one.
func (g *Gate) recognize(ctx context.Context, shown string, from netip.Addr) (found *record, verdict Verdict, err error) {
	id, ok := idOf(shown)
	remembered := ok && g.keys.remembers(id)
	if !remembered {
		if verdict, err = g.count(ctx, caller{address: from}, Read); err != nil {
			return nil, verdict, err
		}
	}
	if !ok {
		return nil, verdict, fault.E("access.Gate.recognize", fault.Unauthorized, "malformed_key", nil).WithMessage(
			"What was sent is no key of this API: one reads sky_<id>_<secret>. Send one as X-API-Key or as Authorization: Bearer.")
	}
	if found, err = g.keys.find(ctx, id); err == nil {
		err = g.check(found, shown)
	}
	if err == nil || !remembered {
		return found, verdict, err
	}
	verdict, counted := g.count(ctx, caller{address: from}, Read)
	if counted != nil {
		err = counted
	}
	return nil, verdict, err
}

// check says whether the key shown is the one found, and holds. Only its owner
// learns why it does not.
func (g *Gate) check(found *record, shown string) error {
	const op = "access.Gate.check"
	switch now := g.now(); {
	case !matches(shown, found.key.Hash):
		return unknownKey(op)
	case !found.key.Revoked.IsZero():
		return fault.E(op, fault.Unauthorized, "revoked_key", nil).
			WithMessage("This key was revoked at " + found.key.Revoked.UTC().Format(time.RFC3339) + ".")
	case !found.key.Expires.IsZero() && !now.Before(found.key.Expires):
		return fault.E(op, fault.Unauthorized, "expired_key", nil).
			WithMessage("This key expired at " + found.key.Expires.UTC().Format(time.RFC3339) + ".")
	}
	return nil
}

// count takes one request from what a caller has.
func (g *Gate) count(ctx context.Context, who caller, need Scope) (Verdict, error) {
	rate := g.rates.Address
	switch {
	case need == Query:
		rate, who.query = g.rates.Query, true
	case who.key != "":
		rate = g.rates.Key
	}
	quota := g.limiter.take(ctx, who, rate)
	if quota.Refused {
		return Verdict{Quota: quota}, fault.E("access.Gate.count", fault.Throttled, "too_many_requests", nil).
			WithRetryAfter(quota.RetryAfter).WithMessage("Too many requests: " + rate.String() + " are allowed; slow down.")
	}
	return Verdict{Quota: quota}, nil
}

// Stats is what a gate has done since the process began, and how it stands with
// what it depends on.
type Stats struct {
	Lookups     int64  // of keys in the database
	LostUses    int64  // uses of keys that could not be written down
	KeysState   string // breaker of the lookups: "closed", "open", "half-open"
	Callers     int    // whose requests this process remembers
	Leases      int64  // times Redis was asked for requests
	Local       int64  // requests that were counted in the process alone
	RedisReason string // why Redis did not answer last; "" when it did
	RedisAsked  bool
	RedisState  string // breaker of the counts in Redis; "" without Redis
}

// Stats returns the counts so far.
func (g *Gate) Stats() Stats {
	stats := Stats{
		Lookups: g.keys.asked.Load(), LostUses: g.keys.lost.Load(), KeysState: g.keys.policy.State(),
		Callers: g.limiter.buckets.EstimatedSize(), Leases: g.limiter.leases.Load(), Local: g.limiter.local.Load(),
	}
	if counts := g.limiter.redis; counts != nil {
		stats.RedisReason, stats.RedisAsked = counts.reason()
		stats.RedisState = counts.policy.State()
	}
	return stats
}
