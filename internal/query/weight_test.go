package query

import (
	"fmt"
	"strings"
	"testing"
)

func TestLongStatementsThatAreNotDeepPass(t *testing.T) {
	numbers := make([]string, 3000)
	for i := range numbers {
		numbers[i] = fmt.Sprintf("-%d", i)
	}
	for name, text := range map[string]string{
		"a list of 3,000 negative numbers": "SELECT 1 FROM position WHERE cid IN (" + strings.Join(numbers, ", ") + ")",
		"100 alternatives":                 "SELECT 1 FROM position WHERE cid = 0" + strings.Repeat(" OR cid = 1", 100),
		"500 rows of VALUES":               "VALUES (1, 'a')" + strings.Repeat(", (2, 'b')", 500),
		"50 joins":                         "SELECT 1 FROM position" + strings.Repeat(" JOIN position USING (cid)", 50),
		"a comment with a rule":            "-- " + strings.Repeat("=", 400) + "\n---------------------\nSELECT 1",
	} {
		t.Run(name, func(t *testing.T) {
			if got := weight(text); got > heaviest {
				t.Errorf("weighs %d", got)
			}
		})
	}
	for name, text := range everyday() {
		if got := weight(text); got > heaviest/2 {
			t.Errorf("%s weighs %d", name, got)
		}
	}
}
