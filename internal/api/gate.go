package api

import (
	"context"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/skyledger/skyledger/internal/access"
	"github.com/skyledger/skyledger/internal/fault"
)

// Gate lets requests in or says why not; *access.Gate is one. key is what a
// request shows, "" when nothing, and address where its connection comes from.
type Gate interface {
	Admit(ctx context.Context, key, address string, need access.Scope) (access.Verdict, error)
}

const keyHeader = "X-Api-Key"

// admit asks the gate about a request, tells the client what it has left and
// notes who it is. A problem is why the request goes no further.
func (s *service) admit(w *watch, r *http.Request, pattern string) *Problem {
	if s.Gate == nil {
		return nil
	}
	operation := s.operations[pattern] // the zero one, for what no operation takes, needs reading
	// RemoteAddr is the connection's own address: behind API Gateway, the event's
	// sourceIp. What X-Forwarded-For says is the client's to choose.
	verdict, err := s.Gate.Admit(r.Context(), shownKey(r.Header), r.RemoteAddr, operation.scope().access())
	w.caller, w.private = verdict.KeyID, !verdict.Open
	quotaHeaders(w.Header(), verdict.Quota)
	if err == nil {
		return nil
	}
	if challenge := challengeOf(err, operation.scope()); challenge != "" {
		w.Header().Set("WWW-Authenticate", challenge)
	}
	return s.problem(r.Context(), err)
}

// shownKey is the key that a request shows: X-API-Key, or a bearer token. Other
// kinds of Authorization are somebody else's, such as a proxy's. Two different
// keys are shown as both, which is none.
func shownKey(header http.Header) string {
	var shown []string
	for _, key := range header[keyHeader] {
		shown = append(shown, strings.TrimSpace(key))
	}
	for _, value := range header["Authorization"] {
		if scheme, token, _ := strings.Cut(strings.TrimSpace(value), " "); strings.EqualFold(scheme, "Bearer") {
			shown = append(shown, strings.TrimSpace(token))
		}
	}
	switch {
	case len(shown) == 0:
		return ""
	case len(shown) == 1 && shown[0] == "":
		return "empty" // an empty key is a wrong one, not none
	case len(shown) == 1 || len(shown) == 2 && shown[0] == shown[1]:
		return shown[0]
	}
	return strings.Join(shown, ",")
}

// challengeOf is what RFC 6750 has a server say: how to show a key, and what
// was wrong with the one shown.
func challengeOf(err error, need Scope) string {
	challenge := `Bearer realm="skyledger"`
	switch {
	case fault.Is(err, fault.Forbidden):
		return challenge + `, error="insufficient_scope", scope="` + string(need) + `"`
	case !fault.Is(err, fault.Unauthorized):
		return ""
	case fault.ReasonOf(err) == access.NoKey:
		return challenge
	}
	return challenge + `, error="invalid_token"`
}

// quotaHeaders tell what a caller has left, as the IETF's draft on RateLimit
// header fields names it: requests, and seconds until all of them are there
// again. The policy is so many requests in a window of so many seconds.
func quotaHeaders(header http.Header, quota access.Quota) {
	if !quota.Limited() {
		return
	}
	limit := strconv.Itoa(quota.Rate.Requests)
	// One array for the four: this is on every request's way.
	values := [...]string{
		limit, strconv.Itoa(quota.Remaining), strconv.FormatInt(wholeSeconds(quota.Reset), 10),
		limit + ";w=" + strconv.FormatInt(wholeSeconds(quota.Rate.Per), 10),
	}
	header["Ratelimit-Limit"], header["Ratelimit-Remaining"] = values[0:1:1], values[1:2:2]
	header["Ratelimit-Reset"], header["Ratelimit-Policy"] = values[2:3:3], values[3:4:4]
}

// wholeSeconds rounds up: who comes back after them is not early.
func wholeSeconds(wait time.Duration) int64 { return int64((wait + time.Second - 1) / time.Second) }

// access is the scope in the gate's words.
func (s Scope) access() access.Scope {
	if s == ScopeNone {
		return access.Nothing
	}
	return access.Scope(s)
}
