package store

import (
	"strings"
	"testing"
)

// TestExplainRefuses: a statement that cannot be planned as it is known, with
// values taken out of it, is refused in words and ends nothing.
func TestExplainRefuses(t *testing.T) {
	t.Parallel()
	s, _ := setup(t)
	tests := map[string]struct{ statement, says string }{
		"a group by a number that became a parameter": {
			`SELECT hour, count(*) FROM snapshots GROUP BY $1`, "must appear in the GROUP BY clause",
		},
		"a parameter whose type nothing tells": {`SELECT $1 + $2`, "not unique"},
		"a table that is no more":              {`SELECT 1 FROM gone`, "does not exist"},
		"a column that is no more":             {`SELECT gone FROM head`, "does not exist"},
		"a number out of range":                {`SELECT 1 FROM head WHERE version = 99999999999::integer`, "out of range"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			found, err := s.Explain(t.Context(), test.statement, true)
			must(t, err)
			if !strings.Contains(found.Refused, test.says) {
				t.Errorf("refused with %q, want %q", found.Refused, test.says)
			}
		})
	}
}
