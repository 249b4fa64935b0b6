package access

import (
	"fmt"
	"slices"
	"strings"
)

// Scope is what a caller may do. Each contains the ones before it: whoever may
// run statements sees by them what reading shows, and whoever administers may
// do everything.
type Scope string

// The scopes.
const (
	Nothing Scope = ""      // needs no permission, ever: the documentation
	Read    Scope = "read"  // look at what is recorded
	Query   Scope = "query" // run SQL of one's own, and read
	Admin   Scope = "admin" // change something, query and read
)

// ladder is the scopes in the order of what they contain.
func ladder() []Scope { return []Scope{Nothing, Read, Query, Admin} }

// Covers reports whether a caller with the scope s may do what needs need. A
// scope that nobody knows covers nothing and is covered by nothing.
func (s Scope) Covers(need Scope) bool {
	if need == Nothing {
		return true
	}
	has, needs := slices.Index(ladder(), s), slices.Index(ladder(), need)
	return needs > 0 && has >= needs
}

// ParseScopes reads "read,query". Its error says which scopes there are.
func ParseScopes(text string) ([]Scope, error) {
	var scopes []Scope
	for name := range strings.SplitSeq(text, ",") {
		scope := Scope(strings.TrimSpace(name))
		if scope == Nothing || !slices.Contains(ladder(), scope) {
			return nil, fmt.Errorf("%q is none of the scopes read, query, admin", name)
		}
		if !slices.Contains(scopes, scope) {
			scopes = append(scopes, scope)
		}
	}
	return scopes, nil
}

func names(scopes []Scope) []string {
	texts := make([]string, len(scopes))
	for i, scope := range scopes {
		texts[i] = string(scope)
	}
	return texts
}
