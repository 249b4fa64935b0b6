package api

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"go.uber.org/zap"

	"github.com/skyledger/skyledger/internal/fault"
	"github.com/skyledger/skyledger/internal/telemetry"
)

// Problem is an error as clients get it: RFC 9457 problem details with a code
// and the request's id.
type Problem struct {
	Type      string              `json:"type" doc:"always about:blank: the code says more"`
	Title     string              `json:"title"`
	Status    int                 `json:"status"`
	Detail    string              `json:"detail" doc:"a sentence to act on"`
	Code      string              `json:"code" doc:"the class of the error"`
	RequestID string              `json:"request_id"`
	Errors    []*huma.ErrorDetail `json:"errors,omitempty" doc:"which parameters are wrong, and how"`

	retryAfter time.Duration
}

// Error makes a Problem an error for huma to find.
func (p *Problem) Error() string { return p.Detail }

// GetStatus returns the HTTP status.
func (p *Problem) GetStatus() int { return p.Status }

// ContentType returns the media type of RFC 9457.
func (p *Problem) ContentType(string) string { return problemType }

// GetHeaders says when to come again, where that is known, and that errors are
// not to be kept.
func (p *Problem) GetHeaders() http.Header {
	headers := http.Header{"Cache-Control": {"no-store"}}
	if p.retryAfter > 0 {
		headers.Set("Retry-After", strconv.FormatInt(wholeSeconds(p.retryAfter), 10))
	}
	return headers
}

const (
	problemType = "application/problem+json"
	// retrySoon is the Retry-After of what is unavailable for now: by the next
	// tick things may be different.
	retrySoon = 15 * time.Second
)

// sentences are what people see for an error that brings no message of its own.
func sentence(class fault.Class) string {
	switch class {
	case fault.Invalid:
		return "The request is not valid."
	case fault.Unauthorized:
		return "This needs a key: send it as X-API-Key or as Authorization: Bearer."
	case fault.Forbidden:
		return "The key does not allow this."
	case fault.NotFound:
		return "There is no such thing here."
	case fault.Conflict:
		return "Somebody else changed this first; try again."
	case fault.Upstream:
		return "A part this answer depends on answered wrongly; try again in a moment."
	case fault.Timeout:
		return "The answer took too long; try again in a moment or ask for less."
	case fault.Throttled:
		return "Too many requests; slow down."
	case fault.Unavailable:
		return "The data cannot be reached right now; try again in a moment."
	default:
		return "Something went wrong on our side; the request id helps to find out what."
	}
}

// problem turns an error into what the client gets and logs the rest of it.
func (s *service) problem(ctx context.Context, err error) *Problem {
	var known *Problem
	if errors.As(err, &known) {
		return known
	}
	class := fault.ClassOf(err)
	problem := newProblem(ctx, class.HTTPStatus(), string(class), sentence(class))
	var classified *fault.Error
	if errors.As(err, &classified) && classified.Message != "" {
		problem.Detail = classified.Message
	}
	if class == fault.Unavailable || class == fault.Throttled || class == fault.Timeout {
		problem.retryAfter = retrySoon
		if wait := fault.RetryAfter(err); wait > 0 {
			problem.retryAfter = wait
		}
	}
	s.note(ctx, err)
	return problem
}

// note logs and records an error: what was asked wrongly is logged only where
// somebody looks for it, and counted with the request.
func (s *service) note(ctx context.Context, err error) {
	class := fault.ClassOf(err)
	log := telemetry.For(ctx, s.Logger)
	fields := []zap.Field{zap.String("class", string(class)), zap.String("reason", fault.ReasonOf(err)), zap.Error(err)}
	if class.HTTPStatus() >= http.StatusInternalServerError {
		s.Faults.Note(ctx, err)
		log.Error("request failed", fields...)
	} else {
		log.Debug("request refused", fields...)
	}
}

func newProblem(ctx context.Context, status int, code, detail string) *Problem {
	return &Problem{
		Type: "about:blank", Title: http.StatusText(status), Status: status,
		Code: code, Detail: detail, RequestID: telemetry.RequestID(ctx),
	}
}

// invalid is the problem of one wrong parameter.
func invalid(ctx context.Context, parameter, value, message string) *Problem {
	problem := newProblem(ctx, http.StatusUnprocessableEntity, string(fault.Invalid), "Parameter "+parameter+": "+message+".")
	problem.Errors = []*huma.ErrorDetail{{Message: message, Location: "query." + parameter, Value: value}}
	return problem
}

// problemOfHuma makes what huma itself refuses look like every other problem.
func problemOfHuma(ctx huma.Context, _ string, v any) (any, error) {
	model, ok := v.(*huma.ErrorModel)
	if !ok {
		return v, nil
	}
	detail := sentence(codeOf(model.Status))
	switch {
	case model.Status >= http.StatusInternalServerError:
	case len(model.Errors) == 0 && model.Detail != "":
		detail = "The request is not valid: " + model.Detail + "."
	case len(model.Errors) > 0:
		detail = "The request is not valid: " + model.Errors[0].Message + " (" + model.Errors[0].Location + ")."
	}
	problem := newProblem(ctx.Context(), model.Status, string(codeOf(model.Status)), detail)
	if model.Status < http.StatusInternalServerError {
		problem.Errors = withoutSecrets(model.Errors)
	}
	return problem, nil
}

// withoutSecrets leaves out what was given of a body: it may be, or hold, a
// secret, whichever field of it is wrong.
func withoutSecrets(details []*huma.ErrorDetail) []*huma.ErrorDetail {
	for _, detail := range details {
		if strings.HasPrefix(detail.Location, "body") {
			detail.Value = nil
		}
	}
	return details
}

func codeOf(status int) fault.Class {
	switch {
	case status == http.StatusUnauthorized:
		return fault.Unauthorized
	case status == http.StatusForbidden:
		return fault.Forbidden
	case status == http.StatusNotFound:
		return fault.NotFound
	case status == http.StatusConflict:
		return fault.Conflict
	case status == http.StatusTooManyRequests:
		return fault.Throttled
	case status >= http.StatusInternalServerError:
		return fault.Internal
	default:
		return fault.Invalid
	}
}
