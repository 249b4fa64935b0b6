package api

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/skyledger/skyledger/internal/fault"
)

// checkQuery refuses what an operation's parameters would be read from only in
// part: a query that is not one, a parameter given twice, a number that is
// empty. It returns nil for a query that may be read.
func (s *service) checkQuery(r *http.Request, pattern string) *Problem {
	if r.URL.RawQuery == "" {
		return nil
	}
	given, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return newProblem(r.Context(), http.StatusUnprocessableEntity, string(fault.Invalid), "The query cannot be read: write % as %25 and ; as %3B.")
	}
	for _, parameter := range s.parameters[pattern] {
		values := given[parameter.Name]
		switch {
		case len(values) > 1:
			return invalid(r.Context(), parameter.Name, strings.Join(values, ", "), "may be given once; separate several values by commas where they are allowed")
		case len(values) == 1 && values[0] == "" && parameter.Schema.Type != huma.TypeString:
			return invalid(r.Context(), parameter.Name, "", "must have a value, of type "+parameter.Schema.Type)
		case len(values) == 1 && values[0] == "" && len(parameter.Schema.Enum) > 0:
			return invalid(r.Context(), parameter.Name, "", "must be one of "+strings.Trim(fmt.Sprint(parameter.Schema.Enum), "[]"))
		}
	}
	return nil
}

// noteParameters keeps an operation's query parameters for checkQuery.
func (s *service) noteParameters(key string, operation *huma.Operation) {
	s.parameters[key] = slices.DeleteFunc(slices.Clone(operation.Parameters), func(p *huma.Param) bool { return p.In != "query" })
}
