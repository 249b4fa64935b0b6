package access

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/maypok86/otter/v2"
	"go.uber.org/zap"
	"golang.org/x/sync/singleflight"

	"github.com/skyledger/skyledger/internal/fault"
	"github.com/skyledger/skyledger/internal/store"
)

// How long what the database said of a key counts. A revoked key stops within
// checkBy and the time of one lookup, which together are less than a minute.
const (
	freshFor    = 20 * time.Second // is used as it is
	checkBy     = 45 * time.Second // is used while it is asked for again beside the request
	graceFor    = 15 * time.Minute // is used while the database does not answer,
	spareFor    = 30 * time.Second // without waiting for it again so soon
	unknownFor  = 10 * time.Second // an id that the database did not know
	lookupLimit = 2 * time.Second  // longest lookup, waiting for a connection included
	noteEvery   = time.Minute      // how often the last use of a key is written

	keysKept    = 10_000 // known keys in memory, and as many ids that are none
	askAgain    = 5 * time.Second
	lookupsOnce = 60 // lookups of ids never seen that may come at once,
	// and how many a second go on: what a storm of made-up keys may cost the
	// database, for each process.
	lookupsPerSecond = 20
)

// Keystore holds the keys; *store.Store is one.
type Keystore interface {
	APIKey(ctx context.Context, id string) (store.APIKey, error)
	APIKeyUsed(ctx context.Context, id string, at time.Time) error
}

// keyring remembers keys by their ids, and no secrets.
type keyring struct {
	store   Keystore
	now     func() time.Time // the wall's
	logger  *zap.Logger
	faults  *fault.Recorder
	policy  *fault.Policy
	flights singleflight.Group
	known   *otter.Cache[string, *record]
	unknown *otter.Cache[string, int64] // when the database did not know the id, ns

	mu      sync.Mutex
	lookups gcra // of ids never seen

	background sync.WaitGroup
	noting     chan struct{} // one use is written at a time, the others later
	asked      atomic.Int64  // lookups
	lost       atomic.Int64  // uses that could not be written
}

// record is a key as the database had it at a time.
type record struct {
	key     store.APIKey
	scope   Scope        // the largest of the key's
	checked int64        // ns
	noted   atomic.Int64 // when its use was last written, ns
	failed  atomic.Int64 // when it could last not be asked for, ns

	refreshing atomic.Bool
}

func newKeyring(options Options) *keyring {
	return &keyring{
		store: options.Keys, now: options.Clock, logger: options.Logger, faults: options.Faults,
		policy: options.Faults.Policy(fault.PolicyOptions{
			Name: "api keys", Timeout: lookupLimit,
			Breaker: fault.BreakerOptions{Failures: 3, Delay: 2 * time.Second},
		}),
		known: bounded[string, *record](keysKept), unknown: bounded[string, int64](keysKept),
		noting: make(chan struct{}, 1),
	}
}

// bounded is a cache that keeps what is used most and does its housekeeping in
// its callers.
func bounded[K comparable, V any](size int) *otter.Cache[K, V] {
	return otter.Must(&otter.Options[K, V]{MaximumSize: size, Executor: func(do func()) { do() }})
}

// find returns the key of an id: fault.Unauthorized when there is none,
// fault.Unavailable when nobody can say.
func (r *keyring) find(ctx context.Context, id string) (*record, error) {
	now := r.now().UnixNano()
	found, ok := r.known.GetIfPresent(id)
	if !ok {
		return r.meet(ctx, id, now)
	}
	// A clock that was set back makes an age negative: then it counts as old.
	switch age := time.Duration(now - found.checked); {
	case age >= 0 && age < freshFor:
		return found, nil
	case age >= 0 && age < checkBy, age >= 0 && age < graceFor && now-found.failed.Load() < int64(spareFor):
		r.refresh(ctx, found)
		return found, nil
	case age >= 0 && age < graceFor:
		fresh, err := r.ask(ctx, id)
		if fault.Is(err, fault.Unavailable) {
			found.failed.Store(now)
			return found, nil
		}
		return fresh, err
	default:
		return r.ask(ctx, id)
	}
}

// refresh asks for a key again beside the request, once at a time. What comes
// of it the next request sees.
func (r *keyring) refresh(ctx context.Context, found *record) {
	if !found.refreshing.CompareAndSwap(false, true) {
		return
	}
	ctx = context.WithoutCancel(ctx)
	r.background.Go(func() {
		defer found.refreshing.Store(false)
		_, _ = r.ask(ctx, found.key.ID)
	})
}

// remembers reports whether find can answer without the database.
func (r *keyring) remembers(id string) bool {
	_, ok := r.known.GetIfPresent(id)
	return ok
}

// meet is find for an id that is not remembered as a key.
func (r *keyring) meet(ctx context.Context, id string, now int64) (*record, error) {
	if since, ok := r.unknown.GetIfPresent(id); ok && now >= since && now-since < int64(unknownFor) {
		return nil, unknownKey("access.keyring.meet")
	}
	return r.once(id, now, func() (*record, error) {
		r.mu.Lock()
		wait := r.lookups.take(r.now().UnixNano(), int64(time.Second)/lookupsPerSecond, lookupsOnce)
		r.mu.Unlock()
		if wait > 0 {
			return nil, fault.E("access.keyring.meet", fault.Unavailable, "too_many_new_keys", nil).WithRetryAfter(askAgain).
				WithMessage("Too many new keys are being checked right now; try again in a moment.")
		}
		return r.lookUp(ctx, id)
	})
}

// ask is find for an id that was a key some time ago.
func (r *keyring) ask(ctx context.Context, id string) (*record, error) {
	return r.once(id, r.now().UnixNano(), func() (*record, error) { return r.lookUp(ctx, id) })
}

// once does something about an id, once for all who ask for the same, unless
// what is remembered is newer than since: then it was done this instant.
func (r *keyring) once(id string, since int64, do func() (*record, error)) (*record, error) {
	found, err, _ := r.flights.Do(id, func() (any, error) {
		if found, ok := r.known.GetIfPresent(id); ok && found.checked > since {
			return found, nil
		}
		if at, ok := r.unknown.GetIfPresent(id); ok && at > since {
			return nil, unknownKey("access.keyring.once")
		}
		return do()
	})
	if err != nil {
		return nil, err
	}
	return found.(*record), nil
}

// lookUp asks the database. Its errors are those of find.
func (r *keyring) lookUp(ctx context.Context, id string) (*record, error) {
	const op = "access.keyring.lookUp"
	var key store.APIKey
	// The others' answer must not end with the first one's patience.
	err := r.policy.Do(context.WithoutCancel(ctx), func(ctx context.Context) (err error) {
		r.asked.Add(1)
		ctx, cancel := context.WithTimeout(ctx, lookupLimit)
		defer cancel()
		key, err = r.store.APIKey(ctx, id)
		return err
	})
	now := r.now().UnixNano()
	switch {
	case fault.Is(err, fault.NotFound):
		r.known.Invalidate(id)
		r.unknown.Set(id, now)
		return nil, unknownKey(op)
	case err != nil:
		return nil, fault.E(op, fault.Unavailable, "keys_unreachable", err).WithRetryAfter(askAgain).
			WithMessage("The key cannot be checked right now; try again in a moment.")
	}
	return r.remember(key, now), nil
}

func (r *keyring) remember(key store.APIKey, now int64) *record {
	fresh := &record{key: key, checked: now}
	for _, name := range key.Scopes {
		if scope := Scope(name); scope.Covers(fresh.scope) && scope.Covers(Read) {
			fresh.scope = scope
		}
	}
	if !key.LastUsed.IsZero() {
		fresh.noted.Store(key.LastUsed.UnixNano())
	}
	if before, ok := r.known.GetIfPresent(key.ID); ok {
		fresh.noted.Store(max(fresh.noted.Load(), before.noted.Load()))
	}
	r.known.Set(key.ID, fresh)
	r.unknown.Invalidate(key.ID)
	return fresh
}

func unknownKey(op string) error {
	return fault.E(op, fault.Unauthorized, "unknown_key", nil).WithMessage("This key is not known.")
}

// used writes down that a key was used, at most once a minute and beside the
// request. What cannot be written now is written by a later use.
func (r *keyring) used(ctx context.Context, found *record) {
	now := r.now()
	noted := found.noted.Load()
	if now.UnixNano()-noted < int64(noteEvery) {
		return
	}
	select {
	case r.noting <- struct{}{}:
	default:
		return
	}
	if !found.noted.CompareAndSwap(noted, now.UnixNano()) {
		<-r.noting
		return
	}
	ctx = context.WithoutCancel(ctx)
	r.background.Go(func() {
		defer func() { <-r.noting }()
		ctx, cancel := context.WithTimeout(ctx, lookupLimit)
		defer cancel()
		if err := r.store.APIKeyUsed(ctx, found.key.ID, now); err != nil {
			r.lost.Add(1)
			r.faults.Note(ctx, err)
			r.logger.Warn("use of a key not noted", zap.String("key", found.key.ID), zap.Error(err))
		}
	})
}
