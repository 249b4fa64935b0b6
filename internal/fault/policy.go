package fault

import (
	"cmp"
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/failsafe-go/failsafe-go"
	"github.com/failsafe-go/failsafe-go/circuitbreaker"
	"github.com/failsafe-go/failsafe-go/retrypolicy"
	"github.com/failsafe-go/failsafe-go/timeout"
)

// Policy is how calls to one upstream are tried, timed out and, while it is
// down, spared. One Policy serves all calls to its upstream, from any number of
// goroutines. Whether an error is worth another attempt is decided by Retryable.
type Policy struct {
	options  PolicyOptions
	op       string // names the upstream
	breaker  circuitbreaker.CircuitBreaker[any]
	executor failsafe.Executor[any]

	clock   func() time.Time
	changed atomic.Int64 // when the breaker changed its state last, in µs since 1970; 0: never

	calls, attempts, failures, refused, opened atomic.Uint64
}

// PolicyOptions describe a policy. Zero values leave a part out: no retry, no
// breaker, no timeout.
type PolicyOptions struct {
	Name       string        // of the upstream, as status and metrics show it
	Attempts   int           // in all, the first included; 0 means 1
	Backoff    time.Duration // before the second attempt; doubles up to MaxBackoff, varied by a quarter
	MaxBackoff time.Duration // 0 means Backoff
	Timeout    time.Duration // of one attempt
	Breaker    BreakerOptions

	// Again says which errors another attempt may mend; nil is Retryable.
	Again func(error) bool
}

// BreakerOptions describe a circuit breaker.
type BreakerOptions struct {
	Failures int           // attempts in a row that must fail before it opens; 0 means there is none
	Delay    time.Duration // how long it stays open before it lets one attempt through
}

// PolicyStats are a policy's counts since the process started.
type PolicyStats struct {
	Name     string `json:"name"`
	State    string `json:"state"`    // "closed", "open", "half-open"
	Calls    uint64 `json:"calls"`    // of Do
	Attempts uint64 `json:"attempts"` // that reached the upstream
	Failures uint64 `json:"failures"` // attempts that failed for the upstream's sake
	Refused  uint64 `json:"refused"`  // calls that ended because the breaker was open
	Opened   uint64 `json:"opened"`   // times the breaker opened
}

// FeedPolicy is for VATSIM's servers, asked every 15 s: a second attempt where
// the tick's deadline allows it, and while they are down one probe per tick.
func FeedPolicy() PolicyOptions {
	return PolicyOptions{
		Name: "feed", Attempts: 2, Backoff: 500 * time.Millisecond, MaxBackoff: 2 * time.Second,
		Breaker: BreakerOptions{Failures: 3, Delay: 14 * time.Second},
	}
}

// ReceiverPolicy is for one receiver of alerts: what fails is tried again by
// later runs, and after three failures it is spared for two of these, so that
// what waits for it does not cost a run its time. It counts as nobody's
// upstream: whether somebody's webhook is up says nothing about this program.
func ReceiverPolicy(patience time.Duration) PolicyOptions {
	return PolicyOptions{
		Name: "receiver", Timeout: patience, Breaker: BreakerOptions{Failures: 3, Delay: 110 * time.Second},
	}
}

// PostgresPolicy is for the database: transactions that lose to others, which
// again tells, are repeated. Statements carry their own timeouts. There is no
// breaker: connecting is bounded, and a recorder must find its database again
// at the very next tick.
func PostgresPolicy(again func(error) bool) PolicyOptions {
	return PolicyOptions{
		Name: "postgres", Attempts: 3, Backoff: 15 * time.Millisecond, MaxBackoff: 50 * time.Millisecond, Again: again,
	}
}

// RedisPolicy is for the cache, which must never cost more than it saves.
func RedisPolicy() PolicyOptions {
	return PolicyOptions{
		Name: "redis", Attempts: 1, Timeout: 50 * time.Millisecond,
		Breaker: BreakerOptions{Failures: 5, Delay: 2 * time.Second},
	}
}

// S3Policy is for the log's objects, the largest of which is an hour. There is
// no breaker: an append that is refused is a snapshot lost.
func S3Policy() PolicyOptions {
	return PolicyOptions{
		Name: "s3", Attempts: 3, Backoff: 200 * time.Millisecond, MaxBackoff: 2 * time.Second, Timeout: 20 * time.Second,
	}
}

// NewPolicy composes the policy: retries around the breaker around the timeout.
func NewPolicy(options PolicyOptions) *Policy { return newPolicy(options, time.Now) }

func newPolicy(options PolicyOptions, clock func() time.Time) *Policy {
	options.Attempts = max(options.Attempts, 1)
	options.MaxBackoff = max(cmp.Or(options.MaxBackoff, options.Backoff), options.Backoff)
	p := &Policy{options: options, op: "fault.Policy.Do(" + options.Name + ")", clock: clock}

	var policies []failsafe.Policy[any]
	if options.Attempts > 1 {
		policies = append(policies, p.retries())
	}
	if options.Breaker.Failures > 0 {
		p.breaker = p.newBreaker()
		policies = append(policies, p.breaker)
	}
	if options.Timeout > 0 {
		policies = append(policies, timeout.New[any](options.Timeout))
	}
	p.executor = failsafe.With(policies...)
	return p
}

func (p *Policy) retries() retrypolicy.RetryPolicy[any] {
	builder := retrypolicy.NewBuilder[any]().
		HandleIf(func(_ any, err error) bool { return p.again(err) }).
		WithMaxAttempts(p.options.Attempts).
		ReturnLastFailure()
	if p.options.Backoff > 0 {
		builder = builder.WithJitterFactor(0.25)
		if p.options.MaxBackoff > p.options.Backoff {
			builder = builder.WithBackoff(p.options.Backoff, p.options.MaxBackoff)
		} else {
			builder = builder.WithDelay(p.options.Backoff)
		}
	}
	return builder.WithDelayFunc(func(attempt failsafe.ExecutionAttempt[any]) time.Duration {
		if wait := RetryAfter(attempt.LastError()); wait > 0 {
			return wait + wait/3 // the jitter takes a quarter off at most
		}
		return -1 // the backoff's turn
	}).Build()
}

func (p *Policy) newBreaker() circuitbreaker.CircuitBreaker[any] {
	return circuitbreaker.NewBuilder[any]().
		HandleIf(func(_ any, err error) bool { return blames(err) }).
		WithFailureThreshold(uint(p.options.Breaker.Failures)).
		WithSuccessThreshold(1).
		WithDelay(p.options.Breaker.Delay).
		OnOpen(func(circuitbreaker.StateChangedEvent) { p.opened.Add(1) }).
		OnStateChanged(func(circuitbreaker.StateChangedEvent) { p.changed.Store(p.clock().UnixMicro()) }).
		Build()
}

// Do calls the upstream by call until it succeeds, fails for good, or runs out
// of attempts or of ctx's time, and returns the last attempt's error. While the
// breaker is open it returns Unavailable "breaker_open" at once. call must heed
// its context: Do waits for it to return.
func (p *Policy) Do(ctx context.Context, call func(ctx context.Context) error) error {
	p.calls.Add(1)
	err := p.executor.WithContext(ctx).RunWithExecution(func(attempt failsafe.Execution[any]) error {
		p.attempts.Add(1)
		err := call(attempt.Context())
		timedOut := err != nil && attempt.IsCanceled() && ctx.Err() == nil
		if timedOut || blames(err) {
			p.failures.Add(1)
		}
		if err != nil && !p.timeLeft(ctx, err) {
			return &last{err}
		}
		return err
	})
	var final *last
	if errors.As(err, &final) {
		err = final.error
	}
	switch {
	case errors.Is(err, circuitbreaker.ErrOpen):
		p.refused.Add(1)
		return E(p.op, Unavailable, "breaker_open", err).WithRetryAfter(p.breaker.RemainingDelay())
	case errors.Is(err, timeout.ErrExceeded):
		return E(p.op, Timeout, "timeout", err)
	default:
		return err
	}
}

// last marks an error after which there is no time for another attempt.
type last struct{ error }

func (l *last) Unwrap() error { return l.error }

// timeLeft reports whether the wait before another attempt ends within ctx's
// deadline. A wait beyond MaxBackoff, which only the other side can ask for, is
// left to the caller.
func (p *Policy) timeLeft(ctx context.Context, err error) bool {
	wait := RetryAfter(err)
	if wait > p.options.MaxBackoff {
		return false
	}
	deadline, ok := ctx.Deadline()
	return !ok || time.Until(deadline) > max(wait, p.options.Backoff)
}

// again reports whether another attempt may help.
func (p *Policy) again(err error) bool {
	var final *last
	switch {
	case err == nil, errors.As(err, &final), errors.Is(err, circuitbreaker.ErrOpen), errors.Is(err, context.Canceled):
		return false
	case errors.Is(err, timeout.ErrExceeded):
		return true
	case p.options.Again != nil:
		return p.options.Again(err)
	default:
		return Retryable(err)
	}
}

// blames reports whether an error speaks against the upstream's health. Being
// asked to wait does not, nor does a caller that gave up.
func blames(err error) bool {
	switch {
	case err == nil, errors.Is(err, context.Canceled):
		return false
	case errors.Is(err, timeout.ErrExceeded):
		return true
	default:
		return Retryable(err) && !Is(err, Throttled)
	}
}

// State returns the breaker's state: "closed", "open" or "half-open". A breaker
// whose delay is over stays open until the next call; a policy without one is
// always closed.
func (p *Policy) State() string {
	if p.breaker == nil {
		return circuitbreaker.ClosedState.String()
	}
	return p.breaker.State().String()
}

// Stats returns the counts so far.
func (p *Policy) Stats() PolicyStats {
	return PolicyStats{
		Name: p.options.Name, State: p.State(),
		Calls: p.calls.Load(), Attempts: p.attempts.Load(), Failures: p.failures.Load(),
		Refused: p.refused.Load(), Opened: p.opened.Load(),
	}
}
