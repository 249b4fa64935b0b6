package query

import "strings"

// The parser is WebAssembly with a small stack of its own, and one that has
// overflown it answers nothing any more. So a text is weighed before it is
// parsed: an upper bound of how deep its tree may be, in units of which the
// stack holds about 1,000. Measured: it takes 150 nested subqueries, 250 in
// FROM, 300 joins, 300 parentheses, 500 operators in a row.
const (
	heaviest = 700

	weightParenthesis = 4 // of ( and [
	weightSelect      = 4
	weightJoin        = 3
	weightOperator    = 2 // and of the words that are operators
)

// wordWeights are the words that make the tree deeper.
func wordWeights() map[string]int {
	return map[string]int{
		"select": weightSelect, "values": weightSelect, "with": weightSelect, "table": weightSelect,
		"join": weightJoin, "case": weightJoin, "union": weightOperator, "intersect": weightOperator, "except": weightOperator,
		"not": weightOperator, "is": weightOperator, "isnull": weightOperator, "notnull": weightOperator, "in": weightOperator,
		"like": weightOperator, "ilike": weightOperator, "similar": weightOperator, "between": weightOperator,
		"collate": weightOperator, "at": weightOperator, "operator": weightOperator, "escape": weightOperator,
	}
}

// level is what is open between two parentheses: the depth of the part being
// read, and of the deepest part before it.
type level struct{ current, deepest int }

func (l *level) whole() int { return max(l.current, l.deepest) }

// weight returns the bound. It knows nothing of strings and comments: what
// looks like SQL in them counts as well, which can only make it larger.
func weight(text string) int {
	words := wordWeights()
	open := []level{{}}
	heavy := 0
	for position := 0; position < len(text); position++ {
		top := &open[len(open)-1]
		switch symbol := text[position]; {
		case symbol == '(' || symbol == '[':
			open = append(open, level{})
		case symbol == ')' || symbol == ']':
			if len(open) > 1 {
				inner := top.whole()
				open = open[:len(open)-1]
				open[len(open)-1].current += inner + weightParenthesis
			}
		case symbol == ',':
			top.deepest, top.current = top.whole(), 0
		case strings.IndexByte("+-*/<>=~!@#%^&|`?:", symbol) >= 0:
			length := run(text[position:])
			switch {
			case symbol == '+':
				top.current += length * weightOperator // each may be one of its own
			case symbol == '-' && length > 1: // a comment
			default:
				top.current += weightOperator
			}
			position += length - 1
		case letter(symbol):
			length := 1
			for position+length < len(text) && letter(text[position+length]) {
				length++
			}
			top.word(strings.ToLower(text[position:position+length]), words)
			position += length - 1
		}
		// Parentheses that are never closed count as well.
		sum := 0
		if len(open) > heaviest/weightParenthesis {
			return heaviest + 1
		}
		for i := range open {
			sum += open[i].whole() + weightParenthesis
		}
		heavy = max(heavy, sum)
	}
	return heavy
}

// word goes on with a word: AND and OR keep what they join side by side, and
// the second half of a UNION has all before it below.
func (l *level) word(word string, words map[string]int) {
	switch word {
	case "and", "or":
		l.deepest, l.current = l.whole(), 0
	case "union", "intersect", "except":
		l.current = l.whole() + words[word]
		l.deepest = 0
	default:
		l.current += words[word]
	}
}

// run is how often a text's first byte is repeated.
func run(text string) int {
	length := 1
	for length < len(text) && text[length] == text[0] {
		length++
	}
	return length
}

func letter(symbol byte) bool {
	return symbol >= 'a' && symbol <= 'z' || symbol >= 'A' && symbol <= 'Z' || symbol == '_' || symbol >= 0x80 || symbol >= '0' && symbol <= '9' || symbol == '$'
}
