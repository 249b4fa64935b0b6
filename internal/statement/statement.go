package statement

import (
	"slices"
	"strconv"
	"strings"

	"github.com/cespare/xxhash/v2"
)

// longestShape is where the shape of a statement is cut, in bytes.
const longestShape = 8 << 10

// Shape returns the statement on one line, without comments, with every literal
// replaced by a parameter numbered after those it has. Two statements that
// differ in values alone have one shape, and no value is left in it. A shape of
// more than 8 kB is cut and ends in "…".
func Shape(sql string) string {
	shaped := mask(tokens(sql))
	text := join(shaped)
	if len(text) > longestShape {
		text = strings.ToValidUTF8(text[:longestShape], "") + "…"
	}
	return text
}

// Cut reports whether a shape is not the whole of its statement.
func Cut(shape string) bool { return strings.HasSuffix(shape, "…") }

// Fingerprint tells shapes apart. It is never negative.
func Fingerprint(shape string) int64 { return int64(xxhash.Sum64String(shape) >> 1) }

// Verb returns the statement's first word in capitals, such as SELECT; "" when
// it has none.
func Verb(sql string) string {
	for _, t := range tokens(sql) {
		switch {
		case t.kind == word:
			return strings.ToUpper(t.text)
		case t.text != "(":
			return ""
		}
	}
	return ""
}

// Explainable reports whether EXPLAIN takes the statement: one that reads or
// writes rows, and that alone.
func Explainable(sql string) bool {
	if Cut(sql) {
		return false
	}
	switch Verb(sql) {
	case "SELECT", "WITH", "INSERT", "UPDATE", "DELETE", "MERGE", "VALUES":
	default:
		return false
	}
	all := tokens(sql)
	return !slices.ContainsFunc(all[:len(all)-1], func(t token) bool { return t.text == ";" })
}

// Reads reports whether the statement asks for rows and neither changes nor
// locks any, as far as its words tell. PostgreSQL's own read-only transaction
// is the wall; this keeps what it would refuse from being tried.
func Reads(sql string) bool {
	switch Verb(sql) {
	case "SELECT", "WITH", "VALUES":
	default:
		return false
	}
	for _, t := range tokens(sql) {
		if t.kind != word {
			continue
		}
		switch strings.ToUpper(t.text) {
		case "INSERT", "UPDATE", "DELETE", "MERGE", "INTO", "SHARE":
			return false
		}
	}
	return true
}

// Parameters returns the highest number of a parameter in the statement.
func Parameters(sql string) int { return highest(tokens(sql)) }

// Functions returns the names that are followed by a parenthesis, in lower
// case, without their schema: every function that the statement calls by name,
// and some words beside.
func Functions(sql string) []string {
	all := tokens(sql)
	var names []string
	for i := 0; i+1 < len(all); i++ {
		if all[i].kind != word || all[i+1].text != "(" {
			continue
		}
		name := Name(all[i].text)
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

// Name returns an identifier as the catalogue has it.
func Name(text string) string {
	if inner, quoted := strings.CutPrefix(text, `"`); quoted {
		return strings.ReplaceAll(strings.TrimSuffix(inner, `"`), `""`, `"`)
	}
	return strings.ToLower(text)
}

// WithoutValues returns the statement with each parameter replaced by a
// sub-select of its type: PostgreSQL plans it like a parameter whose value it
// does not know. types are the names of the parameters' types, from the first.
func WithoutValues(sql string, types []string) string {
	all := tokens(sql)
	for i, t := range all {
		number := numberOf(t)
		if number > 0 && number <= len(types) {
			name := types[number-1]
			all[i].text = "((SELECT NULL::" + name + ")::" + name + ")"
		}
	}
	return join(all)
}

// Elsewhere returns the statement with schema.table read as other.table; table
// and schema are names as the catalogue has them.
func Elsewhere(sql, schema, table, other string) string {
	all := tokens(sql)
	for i := 0; i+2 < len(all); i++ {
		if all[i].kind == word && all[i+1].text == "." && all[i+2].kind == word &&
			Name(all[i].text) == schema && Name(all[i+2].text) == table {
			all[i].text = other
		}
	}
	return join(all)
}

// mask replaces literals by parameters. A type before a string, as in
// interval '1 day', becomes a cast behind the parameter, which is the same.
func mask(all []token) []token {
	last := highest(all)
	var shaped []token
	for _, t := range all {
		if t.kind != literal && !(t.kind == parameter && typedBefore(shaped)) {
			shaped = append(shaped, t)
			continue
		}
		if t.kind == literal {
			last++
			t.kind, t.text = parameter, "$"+strconv.Itoa(last)
		}
		if typedBefore(shaped) {
			typed := shaped[len(shaped)-1]
			t.text, t.space = t.text+"::"+typed.text, typed.space
			shaped = shaped[:len(shaped)-1]
		}
		shaped = append(shaped, t)
	}
	return shaped
}

// typedBefore reports whether the last token is a type whose literal follows.
func typedBefore(shaped []token) bool {
	if len(shaped) == 0 || shaped[len(shaped)-1].kind != word {
		return false
	}
	if len(shaped) > 1 && shaped[len(shaped)-2].text == "::" {
		return false
	}
	switch strings.ToLower(shaped[len(shaped)-1].text) {
	case "interval", "timestamp", "timestamptz", "date", "time":
		return true
	default:
		return false
	}
}

func highest(all []token) int {
	last := 0
	for _, t := range all {
		last = max(last, numberOf(t))
	}
	return last
}

// numberOf returns a parameter's number, 0 for any other token.
func numberOf(t token) int {
	if t.kind != parameter {
		return 0
	}
	end := 1
	for end < len(t.text) && isDigit(t.text[end]) {
		end++
	}
	n, err := strconv.Atoi(t.text[1:end])
	if err != nil || n > 65535 { // PostgreSQL's limit
		return 0
	}
	return n
}

func join(all []token) string {
	var text strings.Builder
	for _, t := range all {
		if t.space {
			text.WriteByte(' ')
		}
		text.WriteString(t.text)
	}
	return text.String()
}
