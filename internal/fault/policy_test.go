package fault

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"
)

// upstream answers calls with the errors of a script, then with success.
type upstream struct {
	mu     sync.Mutex
	script []error
	calls  int
}

func (u *upstream) call(context.Context) error {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.calls++
	if len(u.script) == 0 {
		return nil
	}
	err := u.script[0]
	u.script = u.script[1:]
	return err
}

func repeat(err error, times int) []error { return slices.Repeat([]error{err}, times) }

func TestPolicyTriesAgainWhenThatMayHelp(t *testing.T) {
	down := E("op", Unavailable, "down", nil)
	tests := []struct {
		name   string
		script []error
		want   error
		calls  int
	}{
		{"success at once", nil, nil, 1},
		{"success by the second attempt", repeat(down, 1), nil, 2},
		{"success by the last", repeat(down, 2), nil, 3},
		{"the last attempt's error when all fail", repeat(down, 9), down, 3},
		{"an error that will not go away", []error{E("op", Invalid, "", nil)}, E("op", Invalid, "", nil), 1},
		{"an unclassified error is a bug", []error{errors.New("x")}, errors.New("x"), 1},
		{"a caller that gave up", []error{context.Canceled}, context.Canceled, 1},
		{"a short wait is waited", []error{E("op", Throttled, "", nil).WithRetryAfter(time.Millisecond)}, nil, 2},
		{"a long wait is the caller's", []error{E("op", Throttled, "", nil).WithRetryAfter(time.Hour)}, E("op", Throttled, "", nil), 1},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			policy := NewPolicy(PolicyOptions{Name: "x", Attempts: 3, Backoff: time.Millisecond, MaxBackoff: 2 * time.Millisecond})
			server := &upstream{script: test.script}
			err := policy.Do(t.Context(), server.call)
			if ClassOf(err) != ClassOf(test.want) || (err == nil) != (test.want == nil) || server.calls != test.calls {
				t.Errorf("%v after %d calls; want %v after %d", err, server.calls, test.want, test.calls)
			}
			if stats := policy.Stats(); stats.Calls != 1 || stats.Attempts != uint64(test.calls) || stats.State != "closed" {
				t.Errorf("stats %+v", stats)
			}
		})
	}
}

func TestPolicyLeavesNoTimeForAnAttemptThatCannotEnd(t *testing.T) {
	policy := NewPolicy(PolicyOptions{Attempts: 5, Backoff: time.Hour})
	server := &upstream{script: repeat(E("op", Unavailable, "down", nil), 9)}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := policy.Do(ctx, server.call); ReasonOf(err) != "down" || server.calls != 1 {
		t.Errorf("%v after %d calls", err, server.calls)
	}
}

func TestPolicyEndsAnAttemptAtItsTimeout(t *testing.T) {
	policy := NewPolicy(PolicyOptions{Attempts: 2, Timeout: 5 * time.Millisecond, Breaker: BreakerOptions{Failures: 9, Delay: time.Hour}})
	err := policy.Do(t.Context(), func(ctx context.Context) error {
		<-ctx.Done()
		return ctx.Err()
	})
	if !Is(err, Timeout) || ReasonOf(err) != "timeout" {
		t.Errorf("error %v", err)
	}
	if stats := policy.Stats(); stats.Attempts != 2 || stats.Failures != 2 {
		t.Errorf("stats %+v", stats)
	}
}

func TestPolicyEndsWithItsCaller(t *testing.T) {
	policy := NewPolicy(PolicyOptions{Attempts: 3, Breaker: BreakerOptions{Failures: 1, Delay: time.Hour}})
	ctx, cancel := context.WithCancel(t.Context())
	err := policy.Do(ctx, func(ctx context.Context) error {
		cancel()
		<-ctx.Done()
		return E("op", Unavailable, "canceled", ctx.Err())
	})
	if !errors.Is(err, context.Canceled) || policy.State() != "closed" || policy.Stats().Failures != 0 {
		t.Errorf("%v, breaker %s, %+v", err, policy.State(), policy.Stats())
	}
}

func TestBreakerOpensProbesAndCloses(t *testing.T) {
	down := E("op", Upstream, "http_503", nil)
	policy := NewPolicy(PolicyOptions{Name: "x", Attempts: 2, Breaker: BreakerOptions{Failures: 3, Delay: 20 * time.Millisecond}})
	server := &upstream{script: repeat(down, 4)}
	_ = policy.Do(t.Context(), server.call)
	if policy.State() != "closed" {
		t.Fatalf("after two failures the breaker is %s", policy.State())
	}
	_ = policy.Do(t.Context(), server.call)
	if policy.State() != "open" || server.calls != 3 {
		t.Fatalf("after three failures the breaker is %s, %d calls", policy.State(), server.calls)
	}
	err := policy.Do(t.Context(), server.call)
	if !Is(err, Unavailable) || ReasonOf(err) != "breaker_open" || server.calls != 3 || policy.Stats().Opened != 1 {
		t.Fatalf("%v, %d calls, %+v", err, server.calls, policy.Stats())
	}
	probe := func(calls int) {
		t.Helper()
		deadline := time.Now().Add(10 * time.Second)
		for server.calls < calls && time.Now().Before(deadline) {
			_ = policy.Do(t.Context(), server.call)
		}
	}
	probe(4) // fails: open again, after one call only
	if policy.State() != "open" || server.calls != 4 {
		t.Fatalf("after a probe that failed the breaker is %s, %d calls", policy.State(), server.calls)
	}
	probe(5)
	if policy.State() != "closed" || policy.Stats().Refused == 0 {
		t.Errorf("after a probe that succeeded the breaker is %s, %+v", policy.State(), policy.Stats())
	}
}

func TestBreakerDoesNotCountWhatIsNotTheUpstreamsFault(t *testing.T) {
	for _, err := range []error{E("op", Invalid, "", nil), E("op", Conflict, "", nil), E("op", Throttled, "", nil), context.Canceled, errors.New("bug")} {
		policy := NewPolicy(PolicyOptions{Breaker: BreakerOptions{Failures: 1, Delay: time.Hour}})
		server := &upstream{script: repeat(err, 3)}
		for range 3 {
			_ = policy.Do(t.Context(), server.call)
		}
		if policy.State() != "closed" || server.calls != 3 {
			t.Errorf("%v: the breaker is %s after %d calls", err, policy.State(), server.calls)
		}
	}
}

func TestEveryUpstreamHasAPolicy(t *testing.T) {
	for _, options := range []PolicyOptions{FeedPolicy(), PostgresPolicy(Retryable), RedisPolicy(), S3Policy()} {
		policy := NewPolicy(options)
		if err := policy.Do(t.Context(), func(context.Context) error { return nil }); err != nil {
			t.Errorf("%s: %v", options.Name, err)
		}
		if stats := policy.Stats(); stats.Name == "" || stats.State != "closed" || stats.Attempts != 1 {
			t.Errorf("stats %+v", stats)
		}
	}
}
