package store

import (
	"context"
	"errors"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/skyledger/skyledger/internal/fault"
)

// The SQLSTATEs the store acts upon. Those in class SK are raised by the
// functions that the migrations define.
const (
	stateAlreadyProjected = "SK001"
	stateFenced           = "SK002"
	stateOlderThanHead    = "SK003"
	stateCollision        = "SK004"

	stateReadOnly        = "25006"
	stateLoginRefused    = "28P01"
	stateLockTimeout     = "55P03"
	stateMissing         = "23514" // of a check; for a partitioned table: no partition for the row
	stateTooManyClients  = "53300"
	stateDiskFull        = "53100"
	stateQueryCanceled   = "57014"
	stateDeadlock        = "40P01"
	stateSerialization   = "40001"
	stateUndefinedSchema = "3F000"
	stateUndefinedTable  = "42P01"
)

// condition says what a SQLSTATE means; a state of two characters is a class.
func condition(state string) (fault.Class, string) {
	switch state {
	case stateAlreadyProjected:
		return fault.Conflict, "already_projected"
	case stateFenced:
		return fault.Conflict, "fenced"
	case stateOlderThanHead:
		return fault.Conflict, "older_than_head"
	case stateCollision:
		return fault.Conflict, "session_id_collision"
	case stateReadOnly:
		return fault.Unavailable, "read_only"
	case stateLoginRefused:
		return fault.Unavailable, "login_refused"
	case stateTooManyClients:
		return fault.Unavailable, "too_many_connections"
	case stateDiskFull:
		return fault.Unavailable, "disk_full"
	case stateDeadlock:
		return fault.Unavailable, "deadlock"
	case stateSerialization:
		return fault.Unavailable, "serialization"
	case stateLockTimeout:
		return fault.Unavailable, "locked"
	case stateMissing:
		return fault.Internal, "check_violation"
	case stateQueryCanceled:
		return fault.Timeout, "statement_timeout"
	case stateUndefinedSchema, stateUndefinedTable:
		return fault.Unavailable, "schema_missing"
	case "57P01", "57P02", "57P03", "57P05":
		return fault.Unavailable, "shutting_down"
	case "58030":
		return fault.Unavailable, "io_error"
	}
	switch state[:min(2, len(state))] {
	case "08":
		return fault.Unavailable, "connection"
	case "53":
		return fault.Unavailable, "out_of_resources"
	case "28":
		return fault.Unavailable, "login_refused"
	case "22":
		return fault.Invalid, "data_" + state
	default:
		return fault.Internal, "sqlstate_" + state
	}
}

// classify gives an error from PostgreSQL or the way there its class. What is
// classified already keeps its class.
func classify(op string, err error) error {
	var classified *fault.Error
	var answered *pgconn.PgError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &classified):
		return fault.E(op, classified.Class, classified.Reason, err).WithMessage(classified.Message)
	case errors.As(err, &answered):
		class, reason := condition(answered.Code)
		return fault.E(op, class, reason, err)
	case errors.Is(err, context.DeadlineExceeded):
		return fault.E(op, fault.Timeout, "timeout", err)
	case errors.Is(err, context.Canceled):
		return fault.E(op, fault.Unavailable, "canceled", err)
	case lostConnection(err):
		return fault.E(op, fault.Unavailable, "connection", err)
	default:
		return fault.E(op, fault.Internal, "", err)
	}
}

// lostConnection reports whether err is of the connection and not of what was
// sent over it. Whether a commit that was under way happened is then unknown.
func lostConnection(err error) bool {
	var connect *pgconn.ConnectError
	if errors.As(err, &connect) || pgconn.Timeout(err) || pgconn.SafeToRetry(err) {
		return true
	}
	return isNetworkError(err) || strings.Contains(err.Error(), "conn closed")
}

// sqlstate returns err's SQLSTATE, or "".
func sqlstate(err error) string {
	var answered *pgconn.PgError
	if errors.As(err, &answered) {
		return answered.Code
	}
	return ""
}

// repeatable reports whether a whole transaction that ended so may simply be
// tried again.
func repeatable(err error) bool {
	switch sqlstate(err) {
	case stateDeadlock, stateSerialization, stateLockTimeout:
		return true
	default:
		return false
	}
}
