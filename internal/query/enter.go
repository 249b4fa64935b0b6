package query

import (
	"fmt"
	"slices"
	"strings"
)

// enter checks the names in a node: what it reads, calls, casts to or compares
// with.
func (w *walker) enter(kind string, fields object) error {
	switch kind {
	case "RangeVar":
		return w.relation(fields)
	case "FuncCall":
		return w.call(fields)
	case "TypeName":
		return w.typeName(fields)
	case "ColumnRef":
		return w.column(fields)
	case "A_Indirection":
		return w.indirection(fields)
	case "A_Expr":
		// BETWEEN and its fellows are words of the grammar and no operators.
		if kind, _ := fields["kind"].(string); strings.Contains(kind, "BETWEEN") {
			return nil
		}
		return w.symbol(fields["name"])
	case "SubLink":
		return w.symbol(fields["operName"])
	case "SortBy":
		return w.symbol(fields["useOp"])
	case "CollateClause":
		names, ok := texts(fields["collname"])
		if !ok || len(names) != 1 || !allowedCollations()[names[0]] {
			return w.refuse("collation", "This collation is not allowed.", `Allowed are "C", "POSIX" and "default".`)
		}
	case "SQLValueFunction":
		if op, _ := fields["op"].(string); !strings.Contains(op, "CURRENT_DATE") && !strings.Contains(op, "TIME") {
			return w.refuse("function", strings.ToLower(strings.TrimPrefix(op, "SVFOP_"))+" is not allowed.", "It tells of the server and not of the network.")
		}
	}
	return nil
}

// relation lets the names of WITH and what the role can read in the schema
// skyledger pass, and nothing else.
func (w *walker) relation(fields object) error {
	schema, _ := fields["schemaname"].(string)
	name, _ := fields["relname"].(string)
	if _, elsewhere := fields["catalogname"]; elsewhere {
		return w.refuse("relation", "Naming a database is not allowed.", "")
	}
	if schema == "" && w.scope.has(name) {
		return nil
	}
	written := name
	if schema != "" {
		written = schema + "." + name
	}
	if (schema != "" && schema != Schema) || !w.known.Relations[name] {
		return w.refuse("relation", fmt.Sprintf("There is no view %q that may be read.", written),
			"There are "+strings.Join(slices.Sorted(keys(w.known.Relations)), ", ")+".")
	}
	w.relations[name] = true
	return nil
}

func (w *walker) call(fields object) error {
	names, ok := texts(fields["funcname"])
	if !ok || len(names) == 0 || len(names) > 2 {
		return w.refuse("function", "This function is not allowed.", "")
	}
	name := names[len(names)-1]
	schema := ""
	if len(names) == 2 {
		schema = names[0]
	}
	ours := w.known.Functions[name]
	switch {
	case schema == Schema && ours, schema == "" && ours && !w.known.Callable[name]:
		return nil
	case (schema == "" || schema == "pg_catalog") && w.calls[name]:
		return w.bounded(name, fields)
	}
	return w.refuse("function", fmt.Sprintf("The function %s is not allowed.", strings.Join(names, ".")),
		"Allowed are aggregates, window functions, mathematics, text, dates, arrays, JSON, ranges and "+w.ownFunctions()+".")
}

func (w *walker) ownFunctions() string {
	var all []string
	for _, name := range slices.Sorted(keys(w.known.Functions)) {
		all = append(all, Schema+"."+name)
	}
	if len(all) == 0 {
		return "generate_series"
	}
	return strings.Join(all, ", ")
}

// bounded asks for a constant where a number decides how much is made.
func (w *walker) bounded(name string, fields object) error {
	args, _ := fields["args"].([]any)
	switch {
	case name == "bpchar" && len(args) > 1:
		return w.refuse("function", "bpchar with a length is not allowed.", "Write ::char(n).")
	case !paddings()[name], len(args) >= 2 && len(args) <= 3 && short(args[1]):
		return nil
	}
	return w.tooLong("function", name)
}

// short reports whether a length is a number written out, and small.
func short(value any) bool {
	wrapped, _ := value.(object)
	kind, constant := opened(wrapped)
	number, isNumber := constant["ival"].(object)
	length, _ := number["ival"].(float64)
	return kind == "A_Const" && isNumber && length <= longestPadding
}

func (w *walker) tooLong(code, name string) error {
	return w.refuse(code, name+" with such a length is not allowed.", fmt.Sprintf("Its length must be a number written out, up to %d.", longestPadding))
}

func (w *walker) typeName(fields object) error {
	names, ok := texts(fields["names"])
	if ok && len(names) == 2 && names[0] == "pg_catalog" {
		names = names[1:]
	}
	if !ok || len(names) != 1 || !w.types[names[0]] {
		return w.refuse("type", fmt.Sprintf("The type %s is not allowed.", strings.Join(names, ".")),
			"Allowed are numbers, text, dates and times, boolean, uuid, bytea, json, jsonb, ranges and arrays of these.")
	}
	lengths, _ := fields["typmods"].([]any)
	if names[0] == "bpchar" && slices.ContainsFunc(lengths, func(length any) bool { return !short(length) }) {
		return w.tooLong("type", "char")
	}
	return nil
}

func (w *walker) symbol(value any) error {
	if value == nil {
		return nil
	}
	names, ok := texts(value)
	if ok && len(names) == 2 && names[0] == "pg_catalog" {
		names = names[1:]
	}
	if !ok || len(names) != 1 || !w.symbols[names[0]] {
		return w.refuse("operator", fmt.Sprintf("The operator %s is not allowed.", strings.Join(names, ".")), allowedOperators)
	}
	return nil
}

// column checks a.b: where a has no column b, PostgreSQL calls the function b
// with a, or casts a to the type b.
func (w *walker) column(fields object) error {
	list, _ := fields["fields"].([]any)
	if len(list) > 3 {
		return w.refuse("relation", "Naming a database is not allowed.", "")
	}
	for i, each := range list {
		if i == 0 {
			continue
		}
		if err := w.field(each); err != nil {
			return err
		}
	}
	return nil
}

func (w *walker) indirection(fields object) error {
	list, _ := fields["indirection"].([]any)
	for _, each := range list {
		if err := w.field(each); err != nil {
			return err
		}
	}
	return nil
}

func (w *walker) field(value any) error {
	names, ok := texts([]any{value})
	if !ok {
		return nil // a star or a subscript
	}
	name := names[0]
	if w.calls[name] || w.known.Columns[name] || !w.known.Callable[name] {
		return nil
	}
	return w.refuse("function", fmt.Sprintf("A column named %s cannot be asked for in this way: PostgreSQL may take it for the function or the type.", name),
		"Give it another name with AS.")
}
