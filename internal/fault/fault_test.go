package fault

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestTheClassDecidesStatusAndRetry(t *testing.T) {
	tests := []struct {
		name      string
		err       error
		class     Class
		status    int
		retryable bool
	}{
		{"no error", nil, "", http.StatusOK, false},
		{"invalid", E("op", Invalid, "", nil), Invalid, 422, false},
		{"unauthorized", E("op", Unauthorized, "", nil), Unauthorized, 401, false},
		{"forbidden", E("op", Forbidden, "", nil), Forbidden, 403, false},
		{"not found", E("op", NotFound, "", nil), NotFound, 404, false},
		{"conflict", E("op", Conflict, "", nil), Conflict, 409, false},
		{"upstream", E("op", Upstream, "", nil), Upstream, 502, true},
		{"timeout", E("op", Timeout, "", nil), Timeout, 504, true},
		{"throttled", E("op", Throttled, "", nil), Throttled, 429, true},
		{"unavailable", E("op", Unavailable, "", nil), Unavailable, 503, true},
		{"internal", E("op", Internal, "", nil), Internal, 500, false},
		{"unclassified", errors.New("x"), Internal, 500, false},
		{"a deadline", fmt.Errorf("x: %w", context.DeadlineExceeded), Timeout, 504, true},
		{"a cancelled context", context.Canceled, Unavailable, 503, true},
		{"wrapped", fmt.Errorf("x: %w", E("op", NotFound, "", nil)), NotFound, 404, false},
		{"the outermost class counts", E("outer", Unavailable, "", E("inner", Invalid, "", nil)), Unavailable, 503, true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			class := ClassOf(test.err)
			if class != test.class || class.HTTPStatus() != test.status || Retryable(test.err) != test.retryable || !Is(test.err, test.class) {
				t.Errorf("class %q, status %d, retryable %v", class, class.HTTPStatus(), Retryable(test.err))
			}
		})
	}
}

func TestErrorTellsOperatorsWhatHappened(t *testing.T) {
	cause := errors.New("connection refused")
	err := E("store.Commit", Unavailable, "no_connection", cause).WithMessage("The database is down.").WithRetryAfter(time.Second)
	if got, want := err.Error(), "store.Commit: unavailable (no_connection): connection refused"; got != want {
		t.Errorf("text %q; want %q", got, want)
	}
	wrapped := fmt.Errorf("tick: %w", err)
	if !errors.Is(wrapped, cause) || RetryAfter(wrapped) != time.Second || ReasonOf(wrapped) != "no_connection" || err.Message == "" {
		t.Errorf("cause, wait or reason are lost: %v, %v, %q", errors.Is(wrapped, cause), RetryAfter(wrapped), ReasonOf(wrapped))
	}
}

func TestReasonIsTheOutermostOneGivenOrElseTheClass(t *testing.T) {
	tests := []struct {
		err  error
		want string
	}{
		{E("a", Upstream, "outer", E("b", Invalid, "inner", nil)), "outer"},
		{E("a", Upstream, "", E("b", Invalid, "inner", nil)), "inner"},
		{E("a", Upstream, "", nil), "upstream"},
		{context.DeadlineExceeded, "timeout"},
		{errors.New("x"), string(Internal)},
		{nil, ""},
	}
	for _, test := range tests {
		if got := ReasonOf(test.err); got != test.want {
			t.Errorf("ReasonOf(%v) = %q; want %q", test.err, got, test.want)
		}
	}
	if RetryAfter(errors.New("x")) != 0 {
		t.Error("an unclassified error asks for no wait")
	}
}
