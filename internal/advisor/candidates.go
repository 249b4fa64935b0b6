package advisor

import (
	"regexp"
	"slices"
	"strings"

	"github.com/skyledger/skyledger/internal/statement"
	"github.com/skyledger/skyledger/internal/store"
)

// mostColumns bounds a candidate's key: what a fourth column narrows is rarely
// worth its bytes.
const mostColumns = 3

// wanted is what a plan asks of a table and no index gives.
type wanted struct {
	equal  []string // columns compared for equality
	ranged []string // columns compared otherwise
	joined []string // columns equal to another table's
	sorted []string // columns in the order of a sort
}

// candidates are the indexes that might help a plan, none of which is there
// already.
func candidates(plan *explained, catalogue *store.Catalogue) []store.Candidate {
	known := tablesOf(catalogue)
	byAlias := map[string]*node{}
	asked := map[string]*wanted{}
	plan.Plan.walk(func(n *node) {
		if big := known.rows(n) >= manyRows; !n.scans() || !big || !reads(n) {
			return
		}
		byAlias[n.Alias] = n
		asked[n.Alias] = conditionsOn(n.Alias, n.Filter+andThen(n.IndexCond)+andThen(n.Recheck))
	})
	plan.Plan.walk(func(n *node) {
		for _, condition := range []string{n.HashCond, n.MergeCond, n.JoinFilter} {
			for alias, want := range asked {
				joined := conditionsOn(alias, condition)
				want.joined = append(want.joined, joined.equal...)
			}
		}
		if n.Type == "Sort" || n.Type == "Incremental Sort" {
			if alias, columns := sortedBy(n.SortKey); asked[alias] != nil && asked[alias].sorted == nil {
				asked[alias].sorted = columns
			}
		}
	})
	var found []store.Candidate
	for alias, want := range asked {
		scan := byAlias[alias]
		for _, columns := range want.keys() {
			candidate := store.Candidate{Schema: scan.Schema, Table: scan.Relation, Columns: columns}
			if !served(candidate, catalogue.Indexes) && !slices.ContainsFunc(found, func(c store.Candidate) bool { return same(c, candidate) }) {
				found = append(found, candidate)
			}
		}
	}
	slices.SortFunc(found, func(a, b store.Candidate) int { return strings.Compare(a.Definition(), b.Definition()) })
	return found
}

// reads reports whether another index could spare the node work: it reads a
// whole table, or filters what an index gave.
func reads(n *node) bool {
	switch n.Type {
	case "Seq Scan":
		return true
	case "Index Scan", "Index Only Scan", "Bitmap Heap Scan":
		return n.Filter != ""
	default:
		return false
	}
}

func andThen(condition string) string {
	if condition == "" {
		return ""
	}
	return " AND " + condition
}

// keys are the column lists worth a try: equality first, then one range or the
// sort; each column alone; and the join's column in front of the rest.
func (w *wanted) keys() [][]string {
	var keys [][]string
	add := func(lists ...[]string) {
		key := []string{}
		for _, column := range slices.Concat(lists...) {
			if !slices.Contains(key, column) && len(key) < mostColumns {
				key = append(key, column)
			}
		}
		if len(key) > 0 && !slices.ContainsFunc(keys, func(k []string) bool { return slices.Equal(k, key) }) {
			keys = append(keys, key)
		}
	}
	first := w.ranged[:min(1, len(w.ranged))]
	add(w.equal, first)
	add(w.equal, w.sorted)
	add(w.joined)
	add(w.joined, w.equal, first)
	for _, column := range slices.Concat(w.equal, w.ranged) {
		add([]string{column})
	}
	return keys
}

// A column as a plan's condition names it, alone or cast to text, which is how
// varchar compares.
const columnPattern = `\(?("(?:[^"]|"")+"|[\w$]+)\.("(?:[^"]|"")+"|[\w$]+)\)?(?:::text)?`

var (
	comparison = regexp.MustCompile(`^` + columnPattern + ` (=|<=|>=|<|>) (.+)$`)
	turned     = regexp.MustCompile(`^(.+) (=|<=|>=|<|>) ` + columnPattern + `$`)
	isNull     = regexp.MustCompile(`^` + columnPattern + ` IS NULL$`)
	sortColumn = regexp.MustCompile(`^` + columnPattern + `(?: COLLATE "[^"]+")?(?: DESC)?(?: NULLS (?:FIRST|LAST))?$`)
)

// conditionsOn finds the comparisons of an alias's columns that must all hold.
// Those within an OR may not, and are passed over.
func conditionsOn(alias, condition string) *wanted {
	found := &wanted{}
	note := func(of, column, operator, other string) {
		if statement.Name(of) != alias || strings.Contains(other, of+".") {
			return
		}
		if operator == "=" {
			found.equal = append(found.equal, statement.Name(column))
		} else {
			found.ranged = append(found.ranged, statement.Name(column))
		}
	}
	for _, one := range conjuncts(condition) {
		if m := comparison.FindStringSubmatch(one); m != nil {
			note(m[1], m[2], m[3], m[4])
		}
		if m := turned.FindStringSubmatch(one); m != nil {
			note(m[3], m[4], m[2], m[1])
		}
		if m := isNull.FindStringSubmatch(one); m != nil {
			note(m[1], m[2], "=", "")
		}
	}
	return found
}

// conjuncts takes a condition, in the parentheses that PostgreSQL writes, apart
// at its ANDs.
func conjuncts(condition string) []string {
	condition = strings.TrimSpace(condition)
	for enclosed(condition) {
		condition = strings.TrimSpace(condition[1 : len(condition)-1])
	}
	if condition == "" || len(cutAt(condition, " OR ")) > 1 {
		return nil
	}
	parts := cutAt(condition, " AND ")
	if len(parts) == 1 {
		return parts
	}
	var all []string
	for _, part := range parts {
		all = append(all, conjuncts(part)...)
	}
	return all
}

// enclosed reports whether the first parenthesis closes at the very end.
func enclosed(text string) bool {
	if !strings.HasPrefix(text, "(") {
		return false
	}
	end := -1
	eachOutside(text, func(i, depth int) bool {
		if depth == 0 && text[i] == ')' {
			end = i
			return false
		}
		return true
	})
	return end == len(text)-1
}

// cutAt cuts at a word that stands outside parentheses and quotes.
func cutAt(text, word string) []string {
	var parts []string
	start := 0
	eachOutside(text, func(i, depth int) bool {
		if depth == 0 && i >= start && strings.HasPrefix(text[i:], word) {
			parts = append(parts, text[start:i])
			start = i + len(word)
		}
		return true
	})
	return append(parts, text[start:])
}

// eachOutside visits the bytes outside quotes, with the depth of parentheses
// behind each.
func eachOutside(text string, visit func(i, depth int) bool) {
	depth := 0
	var quote byte
	for i := 0; i < len(text); i++ {
		c := text[i]
		switch {
		case quote != 0:
			if c == quote {
				quote = 0
			}
			continue
		case c == '\'' || c == '"':
			quote = c
			continue
		case c == '(':
			depth++
		case c == ')':
			depth--
		}
		if !visit(i, depth) {
			return
		}
	}
}

// sortedBy is the alias and columns of a sort on one table alone, in one
// direction: an index is read either way, but not both.
func sortedBy(keys []string) (string, []string) {
	var columns []string
	alias := ""
	down := 0
	for _, key := range keys {
		m := sortColumn.FindStringSubmatch(key)
		if m == nil || alias != "" && alias != statement.Name(m[1]) {
			return "", nil
		}
		alias = statement.Name(m[1])
		columns = append(columns, statement.Name(m[2]))
		if strings.Contains(key, " DESC") {
			down++
		}
	}
	if down != 0 && down != len(keys) {
		return "", nil
	}
	return alias, columns
}

// served reports whether an index that is there begins with the columns.
func served(c store.Candidate, indexes []store.IndexState) bool {
	return slices.ContainsFunc(indexes, func(index store.IndexState) bool {
		return index.Schema == c.Schema && index.Table == c.Table && index.Method == "btree" && index.Valid && index.Predicate == "" &&
			len(index.Columns) >= len(c.Columns) && slices.Equal(index.Columns[:len(c.Columns)], c.Columns)
	})
}

func same(a, b store.Candidate) bool {
	return a.Schema == b.Schema && a.Table == b.Table && slices.Equal(a.Columns, b.Columns)
}
