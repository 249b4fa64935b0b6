package fault

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Class says what kind of failure an error is.
type Class string

// The classes, from the caller's mistake to ours.
const (
	Invalid      Class = "invalid_input" // the request or row is wrong; repeating it will not help
	Unauthorized Class = "unauthorized"  // whoever asks did not show a key that holds
	Forbidden    Class = "forbidden"     // the key holds, and does not allow this
	NotFound     Class = "not_found"
	Conflict     Class = "conflict"    // somebody else got there first; a fenced write
	Upstream     Class = "upstream"    // the other side answered, wrongly
	Timeout      Class = "timeout"     // the other side did not answer in time
	Throttled    Class = "throttled"   // the other side asked us to wait, or we asked it
	Unavailable  Class = "unavailable" // the other side cannot be reached or refuses work for now
	Internal     Class = "internal"    // a bug, or something nobody classified
)

// Error is a failure with its class, the operation it happened in, a short
// machine-readable reason ("http_503", "truncated") and the cause. Message is
// the sentence people see; nothing else of the error leaves the process.
// RetryAfter is how long the other side asked us to wait; 0 when it did not.
type Error struct {
	Class      Class
	Op         string
	Reason     string
	Message    string
	RetryAfter time.Duration
	Err        error
}

// E makes an Error. op is "package.Function"; err may be nil.
func E(op string, class Class, reason string, err error) *Error {
	return &Error{Class: class, Op: op, Reason: reason, Err: err}
}

// WithMessage sets the sentence that people see and returns e.
func (e *Error) WithMessage(message string) *Error {
	e.Message = message
	return e
}

// WithRetryAfter sets how long the other side asked us to wait and returns e.
func (e *Error) WithRetryAfter(wait time.Duration) *Error {
	e.RetryAfter = wait
	return e
}

func (e *Error) Error() string {
	text := e.Op + ": " + string(e.Class)
	if e.Reason != "" {
		text += " (" + e.Reason + ")"
	}
	if e.Err != nil {
		text += ": " + e.Err.Error()
	}
	return text
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// ClassOf returns the class of the outermost classified error in err's chain.
// Contexts that ran out are timeouts; whatever nobody classified is internal.
func ClassOf(err error) Class {
	var classified *Error
	switch {
	case err == nil:
		return ""
	case errors.As(err, &classified):
		return classified.Class
	case errors.Is(err, context.DeadlineExceeded):
		return Timeout
	case errors.Is(err, context.Canceled):
		return Unavailable
	default:
		return Internal
	}
}

// ReasonOf returns the reason of the outermost classified error that has one,
// else the class.
func ReasonOf(err error) string {
	for current := err; current != nil; {
		var classified *Error
		if !errors.As(current, &classified) {
			break
		}
		if classified.Reason != "" {
			return classified.Reason
		}
		current = classified.Err
	}
	return string(ClassOf(err))
}

// RetryAfter returns how long the other side asked us to wait, 0 when it did not.
func RetryAfter(err error) time.Duration {
	var classified *Error
	if errors.As(err, &classified) {
		return classified.RetryAfter
	}
	return 0
}

// AskedWait is how long an answer's Retry-After asks to wait, in seconds or by a
// date; 0 when it does not. A date is counted from the answer's own, so that
// clocks that differ do not matter.
func AskedWait(header http.Header, now time.Time) time.Duration {
	text := strings.TrimSpace(header.Get("Retry-After"))
	if seconds, err := strconv.ParseInt(text, 10, 32); err == nil {
		return max(time.Duration(seconds)*time.Second, 0)
	}
	until, err := http.ParseTime(text)
	if err != nil {
		return 0
	}
	if sent, err := http.ParseTime(header.Get("Date")); err == nil {
		now = sent
	}
	return max(until.Sub(now), 0)
}

// Is reports whether err is of the class.
func Is(err error, class Class) bool { return ClassOf(err) == class }

// Retryable reports whether the same call may succeed later without anybody
// changing anything.
func Retryable(err error) bool {
	switch ClassOf(err) {
	case Upstream, Timeout, Throttled, Unavailable:
		return true
	default:
		return false
	}
}

// HTTPStatus returns the status a client gets for an error of this class.
func (c Class) HTTPStatus() int {
	switch c {
	case "":
		return http.StatusOK
	case Invalid:
		return http.StatusUnprocessableEntity
	case Unauthorized:
		return http.StatusUnauthorized
	case Forbidden:
		return http.StatusForbidden
	case NotFound:
		return http.StatusNotFound
	case Conflict:
		return http.StatusConflict
	case Throttled:
		return http.StatusTooManyRequests
	case Upstream:
		return http.StatusBadGateway
	case Timeout:
		return http.StatusGatewayTimeout
	case Unavailable:
		return http.StatusServiceUnavailable
	default:
		return http.StatusInternalServerError
	}
}
