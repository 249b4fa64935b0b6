package query

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/skyledger/skyledger/internal/fault"
)

// stateLoginRefused is PostgreSQL's "invalid password".
const stateLoginRefused = "28P01"

// refused gives a refusal its class.
func refused(op string, err error) error {
	var refusal *Refusal
	if errors.As(err, &refusal) {
		return refusal.fault(op, fault.Invalid)
	}
	return fault.E(op, fault.Internal, "query_parse", err)
}

// located is PostgreSQL's complaint about a statement, sent with a prefix.
type located struct {
	answered *pgconn.PgError
	refusal  *Refusal
}

func (l *located) Error() string { return l.answered.Error() }
func (l *located) Unwrap() error { return l.answered }

// placed gives what PostgreSQL says about the statement its place in the
// caller's text.
func placed(err error, text, prefix string) error {
	var answered *pgconn.PgError
	if !errors.As(err, &answered) {
		return err // nil as well
	}
	refusal := &Refusal{Code: "sql_" + answered.Code, Why: sentence(answered.Message), Allowed: sentence(answered.Hint)}
	if position := int(answered.Position) - utf8.RuneCountInString(prefix); position > 0 {
		refusal = refusal.atCharacter(text, position)
	}
	return &located{answered: answered, refusal: refusal}
}

// classify says whose fault it is, and in which words people hear of it. What
// PostgreSQL says about a statement is about the caller's own text; everything
// else it says stays here.
func classify(op string, err error, limits Limits) error {
	var refusal *Refusal
	var spot *located
	var large *pgproto3.ExceededMaxBodyLenErr
	state := sqlstate(err)
	switch {
	case errors.As(err, &refusal):
		return refusal.fault(op, fault.Invalid)
	case state == "57014" || errors.Is(err, context.DeadlineExceeded):
		return fault.E(op, fault.Timeout, "query_time", err).
			WithMessage(fmt.Sprintf("The statement took longer than %s: narrow it, or aggregate first.", limits.Time))
	case errors.Is(err, context.Canceled):
		return fault.E(op, fault.Unavailable, "canceled", err)
	case errors.As(err, &spot) && theirs(state):
		return spot.refusal.fault(op, fault.Invalid)
	case errors.As(err, &large):
		return (&Refusal{Code: "bytes", Why: "A row of the answer is too large.", Allowed: fmt.Sprintf("A row may have %d bytes.", largestMessage)}).
			fault(op, fault.Invalid)
	case state == "53300":
		return fault.E(op, fault.Unavailable, "too_many_connections", err).
			WithMessage("The database takes no more connections for statements now: try again in a moment.")
	case strings.HasPrefix(state, "28"):
		return fault.E(op, fault.Unavailable, "query_role", err).
			WithMessage("The role skyledger_query cannot log in: set QUERY_DATABASE_URL or its secret, and run migrate.")
	case state == "" || strings.HasPrefix(state, "08") || strings.HasPrefix(state, "57P") || strings.HasPrefix(state, "53"):
		return fault.E(op, fault.Unavailable, "connection", err).WithMessage("The database cannot be reached.")
	default:
		return fault.E(op, fault.Internal, "sqlstate_"+state, err)
	}
}

// theirs reports whether a SQLSTATE is about the statement: its words, its
// values, its size, what it may not do.
func theirs(state string) bool {
	switch state {
	case "25006", "53200", "53400", "54000", "54001", "54011", "54023", "55P03":
		return true
	}
	for _, class := range []string{"0A", "21", "22", "2B", "42"} {
		if strings.HasPrefix(state, class) {
			return true
		}
	}
	return false
}

func sqlstate(err error) string {
	var answered *pgconn.PgError
	if errors.As(err, &answered) {
		return answered.Code
	}
	return ""
}
