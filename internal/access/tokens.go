package access

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"github.com/go-redis/redis_rate/v10"
	"github.com/redis/go-redis/v9"
	"go.uber.org/zap"

	"github.com/skyledger/skyledger/internal/fault"
)

// redisTimeout is the longest that a request waits for Redis.
const redisTimeout = 50 * time.Millisecond

// tokens takes requests from what callers have in Redis, where all processes
// take them from.
type tokens struct {
	limiter *redis_rate.Limiter
	prefix  string
	faults  *fault.Recorder
	policy  *fault.Policy
	logger  *zap.Logger
	state   atomic.Pointer[string] // reason of the last failure, "" when well, nil when never asked
}

// grant is what Redis gave.
type grant struct {
	tokens     int
	remaining  int           // what is left there
	retryAfter time.Duration // until there is another, when it gave none
}

func newTokens(options Options) *tokens {
	policy := fault.RedisPolicy()
	policy.Name = "limits"
	return &tokens{
		limiter: redis_rate.NewLimiter(options.Redis), prefix: "sl:" + options.Space + ":",
		faults: options.Faults, policy: options.Faults.Policy(policy), logger: options.Logger,
	}
}

// take takes up to n. Its error says that Redis could not tell.
func (t *tokens) take(ctx context.Context, name string, rate Rate, n int) (grant, error) {
	var granted grant
	err := t.policy.Do(ctx, func(ctx context.Context) (err error) {
		// The client minds a context's deadline, not its end.
		ctx, cancel := context.WithTimeout(ctx, redisTimeout)
		defer cancel()
		granted, err = t.exchange(ctx, t.prefix+name, rate, n)
		return err
	})
	reason := ""
	if err != nil {
		reason = fault.ReasonOf(err)
		t.faults.Note(ctx, err)
	}
	was := t.state.Swap(&reason)
	switch changed := was == nil || *was != reason; {
	case changed && err != nil:
		t.logger.Warn("redis does not answer: requests are counted in this process alone", zap.String("reason", reason), zap.Error(err))
	case changed && was != nil:
		t.logger.Info("redis counts requests again")
	}
	return granted, err
}

func (t *tokens) exchange(ctx context.Context, name string, rate Rate, n int) (grant, error) {
	const op = "access.tokens.exchange"
	limit := redis_rate.Limit{Rate: rate.Requests, Burst: rate.Requests, Period: rate.Per}
	result, err := allowAtMost(ctx, t.limiter, name, limit, n)
	var answered redis.Error
	switch {
	case errors.As(err, &answered) && spoilt(answered.Error()):
		return grant{}, t.discard(ctx, op, name, err)
	case errors.Is(err, context.DeadlineExceeded):
		return grant{}, fault.E(op, fault.Timeout, "timeout", err)
	case err != nil:
		return grant{}, fault.E(op, fault.Unavailable, "redis", err)
	}
	// The time at which all is paid for lies at most one period ahead, whatever
	// the limit was before: what says otherwise is not ours.
	if result.ResetAfter < 0 || result.ResetAfter > rate.Per+time.Second || result.Allowed < 0 || result.Allowed > n {
		return grant{}, t.discard(ctx, op, name, fmt.Errorf("allowed %d, reset after %s", result.Allowed, result.ResetAfter))
	}
	granted := grant{tokens: result.Allowed, remaining: max(0, result.Remaining), retryAfter: result.RetryAfter}
	if granted.tokens == 0 && granted.retryAfter <= 0 {
		granted.retryAfter = time.Duration(rate.interval())
	}
	return granted, nil
}

// allowAtMost makes an error of a panic: the library takes for granted that the
// script's answer has the script's shape.
func allowAtMost(ctx context.Context, limiter *redis_rate.Limiter, name string, limit redis_rate.Limit, n int) (result *redis_rate.Result, err error) {
	defer func() {
		if raised := recover(); raised != nil {
			err = fmt.Errorf("not the script's answer: %v", raised)
		}
	}()
	return limiter.AllowAtMost(ctx, name, limit, n)
}

// spoilt reports whether the script failed on what lay under the key.
func spoilt(message string) bool {
	return strings.Contains(message, "WRONGTYPE") || strings.Contains(message, "user_script")
}

// discard deletes what is not ours to count by. Its error is why.
func (t *tokens) discard(ctx context.Context, op, name string, why error) error {
	t.logger.Warn("count of requests deleted: not as written", zap.String("key", name), zap.Error(why))
	return fault.E(op, fault.Unavailable, "spoilt", errors.Join(why, t.limiter.Reset(ctx, name)))
}

// reason says why Redis did not answer last; asked is false when nobody asked.
func (t *tokens) reason() (reason string, asked bool) {
	if last := t.state.Load(); last != nil {
		return *last, true
	}
	return "", false
}
