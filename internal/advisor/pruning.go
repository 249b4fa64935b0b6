package advisor

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/skyledger/skyledger/internal/store"
)

// unpruned: every partition is read, and nothing in the conditions could have
// chosen among them, now or when the values are known.
func unpruned(n *node, catalogue *store.Catalogue, known tables) *PlanFinding {
	if n.Type != "Append" && n.Type != "Merge Append" {
		return nil
	}
	for i := range catalogue.Partitioned {
		whole := &catalogue.Partitioned[i]
		read, chosen := 0, false
		for _, below := range n.Plans {
			part := false
			below.walk(func(m *node) {
				table := known[[2]string{m.Schema, m.Relation}]
				if table != nil && table.Schema == whole.Schema && table.Parent == whole.Name {
					part, chosen = true, chosen || m.chooses(whole.Key)
				}
			})
			if part {
				read++
			}
		}
		if read > 1 && read == whole.Partitions && !chosen {
			return &PlanFinding{"all_partitions", whole.Schema + "." + whole.Name,
				fmt.Sprintf("Reads all %d partitions of %s.%s: no condition on %s chooses among them.", read, whole.Schema, whole.Name, strings.Join(whole.Key, ", "))}
		}
	}
	return nil
}

// chooses reports whether a condition on the rows of a partition compares its
// key by itself: what is done to a column before it is compared hides it from
// pruning.
func (n *node) chooses(keys []string) bool {
	for _, key := range keys {
		column := regexp.QuoteMeta(n.Alias) + `\.(` + regexp.QuoteMeta(key) + `|"` + regexp.QuoteMeta(strings.ReplaceAll(key, `"`, `""`)) + `")`
		column = `(` + column + `|\(` + column + `\)::text)` // a varchar is compared as text
		compared, err := regexp.Compile(column + ` ((<|<=|=|>=|>) |IS NULL)| (<|<=|=|>=|>) ` + column + `\)`)
		if err == nil && slices.ContainsFunc(n.conditions(), compared.MatchString) {
			return true
		}
	}
	return false
}
