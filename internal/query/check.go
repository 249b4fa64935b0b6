package query

import (
	"slices"
	"strings"
)

// Statement is one that passed the allow-list.
type Statement struct {
	Text      string
	Relations []string // of the schema skyledger, that it names; sorted
}

// Check is the first wall: it returns the statement if nothing in it is beyond
// the allow-list, and else a *Refusal.
func Check(text string, parser Parser, known *Catalogue) (Statement, error) {
	tree, err := parser.parse(text)
	if err != nil {
		return Statement{}, err
	}
	return checkTree(text, tree, known)
}

func checkTree(text string, tree object, known *Catalogue) (Statement, error) {
	kind, fields := opened(tree)
	if kind != "SelectStmt" {
		return Statement{}, &Refusal{Code: "statement", Why: strings.ToUpper(firstWord(text)) + " is not allowed.", Allowed: allowedStatements}
	}
	w := &walker{
		text: text, known: known, rules: rules(), place: -1, relations: map[string]bool{},
		calls: allowedCalls(), types: allowedTypes(), symbols: allowedSymbols(),
	}
	if err := w.fields(kind, fields); err != nil {
		return Statement{}, err
	}
	return Statement{Text: text, Relations: slices.Sorted(keys(w.relations))}, nil
}

func keys(set map[string]bool) func(func(string) bool) {
	return func(yield func(string) bool) {
		for name := range set {
			if !yield(name) {
				return
			}
		}
	}
}

func firstWord(text string) string {
	for word := range strings.FieldsSeq(text) {
		word = strings.TrimLeft(word, "(;")
		if end := strings.IndexFunc(word, func(r rune) bool { return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') }); end >= 0 {
			word = word[:end]
		}
		if word != "" {
			return word
		}
	}
	return "this statement"
}

// opened returns a node's name and fields; "" for the empty node that stands
// for none.
func opened(node object) (string, object) {
	for kind, fields := range node {
		inner, _ := fields.(object)
		return kind, inner
	}
	return "", nil
}

// deepest is how deep nodes may lie within each other: beyond anything written
// by hand, and far from what PostgreSQL's own stack takes.
const deepest = 400

// walker goes through a parse tree. Every field of every node must have a rule;
// fields that are absent have their harmless default.
type walker struct {
	text      string
	known     *Catalogue
	rules     map[string]map[string]rule
	scope     *scope
	place     int // byte of the nearest node that says where it stands
	depth     int
	relations map[string]bool

	calls, types, symbols map[string]bool
}

// scope holds the names that WITH gives, innermost first.
type scope struct {
	name  string
	outer *scope
}

func (s *scope) has(name string) bool {
	for ; s != nil; s = s.outer {
		if s.name == name {
			return true
		}
	}
	return false
}

func (w *walker) refuse(code, why, allowed string) error {
	return (&Refusal{Code: code, Why: why, Allowed: allowed}).at(w.text, w.place)
}

// node walks a node under its name.
func (w *walker) node(value any) error {
	wrapped, ok := value.(object)
	if !ok || len(wrapped) > 1 {
		return w.refuse("node", "There is something here that is not allowed.", allowedStatements)
	}
	kind, fields := opened(wrapped)
	if kind == "" {
		return nil
	}
	return w.fields(kind, fields)
}

// nodes walks a list of them.
func (w *walker) nodes(value any) error {
	list, ok := value.([]any)
	if !ok {
		return w.refuse("node", "There is something here that is not allowed.", allowedStatements)
	}
	for _, each := range list {
		if err := w.node(each); err != nil {
			return err
		}
	}
	return nil
}

// fields walks a node of a kind: first what is asked of the node as a whole,
// then each field by its rule.
func (w *walker) fields(kind string, fields object) error {
	if w.depth++; w.depth > deepest {
		return w.refuse("too_deep", "The statement is nested too deeply.", "")
	}
	outer := w.place
	defer func() { w.depth, w.place = w.depth-1, outer }()
	if at, ok := fields["location"].(float64); ok && at >= 0 {
		w.place = int(at)
	}
	allowed, ok := w.rules[kind]
	if !ok {
		return w.refuse("node", wording(kind)+" is not allowed.", allowedStatements)
	}
	if err := w.enter(kind, fields); err != nil {
		return err
	}
	if kind == "SelectStmt" {
		defer func(before *scope) { w.scope = before }(w.scope)
		if err := w.with(fields["withClause"]); err != nil {
			return err
		}
	}
	for _, name := range slices.Sorted(fieldNames(fields)) {
		check, ok := allowed[name]
		if !ok {
			return w.refuse("node", wording(kind+"."+name)+" is not allowed.", allowedStatements)
		}
		if err := check(w, fields[name]); err != nil {
			return err
		}
	}
	return nil
}

func fieldNames(fields object) func(func(string) bool) {
	return func(yield func(string) bool) {
		for name := range fields {
			if !yield(name) {
				return
			}
		}
	}
}

// with walks the clause and adds its names to the scope, each once its own
// statement is done: it sees those before it and not itself.
func (w *walker) with(value any) error {
	clause, ok := value.(object)
	if !ok {
		return nil
	}
	if recursive, _ := clause["recursive"].(bool); recursive {
		return w.refuse("recursive", "WITH RECURSIVE is not allowed.", "generate_series makes a series, and WITH alone names a part.")
	}
	list, _ := clause["ctes"].([]any)
	for _, each := range list {
		wrapped, _ := each.(object)
		kind, part := opened(wrapped)
		if kind != "CommonTableExpr" {
			return w.refuse("node", "This WITH is not allowed.", allowedStatements)
		}
		query, _ := part["ctequery"].(object)
		if inner, _ := opened(query); inner != "SelectStmt" {
			return w.refuse("statement", "WITH may only name what is read.", allowedStatements)
		}
		if err := w.fields(kind, part); err != nil {
			return err
		}
		name, _ := part["ctename"].(string)
		w.scope = &scope{name: name, outer: w.scope}
	}
	for name := range clause {
		if name != "ctes" && name != "location" && name != "recursive" {
			return w.refuse("node", "This WITH is not allowed.", allowedStatements)
		}
	}
	return nil
}

// strings returns the names of a list of String nodes, false when there is
// anything else in it.
func texts(value any) ([]string, bool) {
	list, _ := value.([]any)
	var all []string
	for _, each := range list {
		wrapped, _ := each.(object)
		kind, fields := opened(wrapped)
		text, ok := fields["sval"].(string)
		if kind != "String" || !ok && len(fields) > 0 {
			return nil, false
		}
		all = append(all, text)
	}
	return all, true
}
