package query

import (
	"slices"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"

	"github.com/skyledger/skyledger/internal/query/grammar"
)

// fixture is a catalogue for tests without a database.
func fixture() *Catalogue {
	callable := allowedCalls()
	for _, name := range strings.Fields(`pg_sleep pg_advisory_lock pg_read_file regclass regrole version set_config quote_literal lo_import query_to_xml nextval`) {
		callable[name] = true
	}
	return &Catalogue{
		Relations: set(`position pilot_session flight_plan feed_ledger session_gap`), Columns: set(`time cid callsign altitude text`),
		Functions: set(`positions`), Callable: callable,
	}
}

// FuzzCheck holds what passes against a walk of its own, which knows nothing of
// rules and scopes: it looks at every object in the tree, wherever it is.
func FuzzCheck(f *testing.F) {
	for _, h := range hostiles() {
		f.Add(h.sql)
	}
	for _, statement := range everyday() {
		f.Add(statement)
	}
	f.Add("SELECT " + strings.Repeat("(", 300) + "1" + strings.Repeat(")", 300))
	f.Add("SELECT 1" + strings.Repeat("+1", 3000))
	f.Add("SELECT " + strings.Repeat("- ", 5000) + "1")
	known := fixture()
	f.Fuzz(func(t *testing.T, text string) {
		statement, err := Check(text, grammar.Parse, known)
		if err != nil {
			return
		}
		tree, err := grammar.Parse(text)
		if err != nil {
			t.Fatalf("it passed and is no SQL: %v", err)
		}
		var parsed struct {
			Stmts []struct {
				Stmt object `json:"stmt"`
			} `json:"stmts"`
		}
		if err := json.Unmarshal([]byte(tree), &parsed); err != nil || len(parsed.Stmts) != 1 {
			t.Fatalf("%d statements, %v", len(parsed.Stmts), err)
		}
		seen := &looker{}
		seen.look(parsed.Stmts[0].Stmt)
		seen.expect(t, known, statement)
	})
}

// looker collects names from a tree without minding where they stand.
type looker struct {
	kinds, relations, schemas, calls, parts, types []string
}

func (l *looker) look(value any) {
	switch value := value.(type) {
	case []any:
		for _, each := range value {
			l.look(each)
		}
	case object:
		for kind, inner := range value {
			l.kinds = append(l.kinds, kind)
			fields, _ := inner.(object)
			switch kind {
			case "RangeVar":
				name, _ := fields["relname"].(string)
				schema, _ := fields["schemaname"].(string)
				l.relations, l.schemas = append(l.relations, name), append(l.schemas, schema)
			case "CommonTableExpr":
				name, _ := fields["ctename"].(string)
				l.parts = append(l.parts, name)
			case "FuncCall":
				names, _ := texts(fields["funcname"])
				l.calls = append(l.calls, strings.Join(names, "."))
			case "typeName", "TypeName":
				names, _ := texts(fields["names"])
				l.types = append(l.types, names[len(names)-1])
			}
			l.look(inner)
		}
	}
}

func (l *looker) expect(t *testing.T, known *Catalogue, statement Statement) {
	for _, kind := range l.kinds {
		if strings.HasSuffix(kind, "Stmt") && kind != "SelectStmt" || slices.Contains([]string{
			"intoClause", "IntoClause", "lockingClause", "LockingClause", "RangeTableSample", "RangeTableFunc", "JsonTable", "XmlExpr", "ParamRef",
			"catalogname", "recursive", "CurrentOfExpr", "MergeSupportFunc",
		}, kind) {
			t.Fatalf("%s passed", kind)
		}
	}
	for i, name := range l.relations {
		schema := l.schemas[i]
		if known.Relations[name] && (schema == "" || schema == Schema) {
			if !slices.Contains(statement.Relations, name) && !slices.Contains(l.parts, name) {
				t.Fatalf("%s is read and not told", name)
			}
			continue
		}
		if schema != "" || !slices.Contains(l.parts, name) {
			t.Fatalf("%s.%s passed", schema, name)
		}
	}
	for _, call := range l.calls {
		bare := strings.TrimPrefix(strings.TrimPrefix(call, "pg_catalog."), Schema+".")
		if !allowedFunctions()[bare] && !allowedTypes()[bare] && !known.Functions[bare] || strings.HasPrefix(bare, "pg_") {
			t.Fatalf("%s passed", call)
		}
	}
	for _, name := range l.types {
		if strings.HasPrefix(name, "reg") || !allowedTypes()[name] {
			t.Fatalf("the type %s passed", name)
		}
	}
}

func TestDeepAndLargeStatementsAreRefusedQuietly(t *testing.T) {
	for name, text := range map[string]string{
		"parentheses":        "SELECT " + strings.Repeat("(", 30000) + "1" + strings.Repeat(")", 30000),
		"additions":          "SELECT 1" + strings.Repeat("+1", 30000),
		"minus signs":        "SELECT " + strings.Repeat("- ", 30000) + "1",
		"subqueries":         strings.Repeat("SELECT (", 5000) + "SELECT 1" + strings.Repeat(")", 5000),
		"unions":             "SELECT 1" + strings.Repeat(" UNION SELECT 1", 4000),
		"more than allowed":  "SELECT '" + strings.Repeat("x", MaxStatement) + "'",
		"joins":              "SELECT 1 FROM position" + strings.Repeat(" JOIN position USING (cid)", 2400),
		"not UTF-8":          "SELECT '\xff'",
		"subqueries in FROM": strings.Repeat("SELECT 1 FROM (", 250) + "SELECT 1" + strings.Repeat(") a", 250),
		"plus signs":         "SELECT " + strings.Repeat("+", 30000) + "1",
		"casts":              "SELECT 1" + strings.Repeat("::int", 5000),
		"NOT":                "SELECT " + strings.Repeat("NOT ", 5000) + "true",
		"CASE":               "SELECT " + strings.Repeat("CASE WHEN ", 400) + "true" + strings.Repeat(" THEN 1 END", 400),
		"subscripts":         "SELECT a" + strings.Repeat("[a", 400) + strings.Repeat("]", 400),
		"behind a string":    "SELECT '--'" + strings.Repeat(" - 1", 30000),
		"nothing":            " \n",
		"a comment alone":    "-- nothing",
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := Check(text, grammar.Parse, fixture()); err == nil {
				t.Error("passed")
			}
			if _, err := Check("SELECT 1", grammar.Parse, fixture()); err != nil {
				t.Errorf("and then nothing passes: %v", err)
			}
		})
	}
}
