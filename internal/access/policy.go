package access

import "fmt"

// Policy says what is open to callers without a key.
type Policy struct {
	open Scope // and what it contains
}

// The values of the setting API_ACCESS.
const (
	Open = "open" // reading is open
	Keys = "keys" // reading needs a key as well
)

// NewPolicy returns the policy of a deployment. Queries and administration
// need a key; reading does where setting is Keys. Where only this machine can
// connect (loopback), queries are as open as reading is.
func NewPolicy(setting string, loopback bool) (Policy, error) {
	switch {
	case setting == Keys:
		return Policy{open: Nothing}, nil
	case setting == Open && loopback:
		return Policy{open: Query}, nil
	case setting == Open:
		return Policy{open: Read}, nil
	default:
		return Policy{}, fmt.Errorf("%q is neither %s nor %s", setting, Open, Keys)
	}
}

// OpenTo reports whether a caller without a key may do what needs need. The
// zero policy is open to nobody.
func (p Policy) OpenTo(need Scope) bool { return p.open.Covers(need) }
