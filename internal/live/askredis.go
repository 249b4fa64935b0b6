package live

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"
	"go.uber.org/zap"

	"github.com/skyledger/skyledger/internal/fault"
)

// NoRedis is the reason of a fault where no Redis is configured.
const NoRedis = "no_redis"

// askRedis returns the newest pointer and, when memory lacks it, the key's
// entry of that version. A pointer or entry that cannot be used is deleted and
// counts as absent. The error says that Redis could not tell anything.
func (r *Reader) askRedis(ctx context.Context, key entryKey, found held) (pointer, *entry, error) {
	const op = "live.Reader.askRedis"
	if r.client == nil {
		return pointer{}, nil, fault.E(op, fault.Unavailable, NoRedis, nil)
	}
	var newest pointer
	var loaded *entry
	err := r.policy.Do(ctx, func(ctx context.Context) (err error) {
		// The client minds a context's deadline, not its end.
		ctx, cancel := context.WithTimeout(ctx, Timeout)
		defer cancel()
		newest, loaded, err = r.exchange(ctx, key, found)
		return redisFault(op, err)
	})
	reason := ""
	if err != nil {
		reason = fault.ReasonOf(err)
		r.counts.redisErrors.Add(1)
		r.faults.Note(ctx, err)
	}
	was := r.counts.redisState.Swap(&reason)
	switch changed := was == nil || *was != reason; {
	case changed && err != nil:
		r.logger.Warn("redis does not answer", zap.String("reason", reason), zap.Error(err))
	case changed && was != nil:
		r.logger.Info("redis answers again")
	}
	return newest, loaded, err
}

func (r *Reader) exchange(ctx context.Context, key entryKey, found held) (pointer, *entry, error) {
	text, err := r.value(ctx, r.keys.pointer())
	if err != nil || text == nil {
		return pointer{}, nil, err
	}
	newest, ok := parsePointer(string(text))
	if !ok {
		r.discard(ctx, r.keys.pointer())
		return pointer{}, nil, nil
	}
	if found.pointer.after(newest) || found.entry != nil && found.pointer.snapshot == newest.snapshot {
		return newest, nil, nil
	}
	name := r.keys.entry(newest.snapshot, key.name, key.encoding)
	raw, err := r.value(ctx, name)
	if err != nil {
		return pointer{}, nil, err
	}
	if raw == nil {
		return pointer{}, nil, nil // evicted
	}
	kept, err := unmarshal(raw, newest.snapshot, key.name, key.encoding)
	if err == nil {
		var loaded *entry
		if loaded, err = kept.load(); err == nil {
			return newest, loaded, nil
		}
	}
	r.discard(ctx, name)
	return pointer{}, nil, nil
}

// value returns a key's bytes, nil when there are none or they are not a string.
func (r *Reader) value(ctx context.Context, key string) ([]byte, error) {
	raw, err := r.client.Get(ctx, key).Bytes()
	switch {
	case errors.Is(err, redis.Nil):
		return nil, nil
	case err != nil && strings.HasPrefix(err.Error(), "WRONGTYPE"):
		r.discard(ctx, key)
		return nil, nil
	}
	return raw, err
}

// discard deletes what is not ours to use. That it may fail changes nothing:
// the next reader finds the same and goes on to the log as well.
func (r *Reader) discard(ctx context.Context, key string) {
	r.counts.discarded.Add(1)
	r.logger.Warn("cache entry deleted: not as written", zap.String("key", key))
	_ = r.client.Del(ctx, key).Err()
}

// counters count what happened since the process began.
type counters struct {
	memory, redis, log, failed, redisErrors, discarded atomic.Int64
	redisState                                         atomic.Pointer[string] // reason of the last failure, "" when well, nil when never asked
}

func (c *counters) answered(layer Layer) {
	switch layer {
	case LayerMemory:
		c.memory.Add(1)
	case LayerRedis:
		c.redis.Add(1)
	default:
		c.log.Add(1)
	}
}

// Stats is what a reader has done since the process began, and how Redis was
// when it was last asked.
type Stats struct {
	Memory, Redis, Log int64  // answers by layer
	Failed             int64  // requests that no layer could answer
	RedisErrors        int64  // checks that Redis did not answer, or was spared
	Discarded          int64  // entries deleted because they were not as written
	RedisReason        string // why Redis did not answer last; "" when it did
	RedisAsked         bool
	Breaker            string // "closed", "open", "half-open"
}

// Stats returns the counts so far.
func (r *Reader) Stats() Stats {
	stats := Stats{
		Memory: r.counts.memory.Load(), Redis: r.counts.redis.Load(), Log: r.counts.log.Load(),
		Failed: r.counts.failed.Load(), RedisErrors: r.counts.redisErrors.Load(), Discarded: r.counts.discarded.Load(),
		Breaker: r.policy.State(),
	}
	if reason := r.counts.redisState.Load(); reason != nil {
		stats.RedisReason, stats.RedisAsked = *reason, true
	}
	return stats
}

// Ping asks Redis whether it is there and returns how long it took. Its error
// is fault.Unavailable or fault.Timeout.
func (r *Reader) Ping(ctx context.Context) (time.Duration, error) {
	const op = "live.Reader.Ping"
	if r.client == nil {
		return 0, fault.E(op, fault.Unavailable, NoRedis, nil)
	}
	ctx, cancel := context.WithTimeout(ctx, Timeout)
	defer cancel()
	began := time.Now()
	if err := r.client.Ping(ctx).Err(); err != nil {
		return 0, redisFault(op, err)
	}
	return time.Since(began), nil
}
