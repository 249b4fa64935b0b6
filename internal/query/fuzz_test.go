package query

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"

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

// FuzzCheck holds what passes against a walk of its own (looker), which knows
// nothing of rules, and against how the statement is sent: behind DECLARE and
// EXPLAIN it must be the same one statement. What is refused must say why and
// where, and nothing may overflow the parser.
func FuzzCheck(f *testing.F) {
	for _, h := range hostiles() {
		f.Add(h.sql)
	}
	for _, statement := range everyday() {
		f.Add(statement)
	}
	for _, place := range places() {
		f.Add(fmt.Sprintf(place, "1"))
		f.Add(fmt.Sprintf(place, "pg_sleep(1)"))
	}
	f.Add("SELECT " + strings.Repeat("(", 300) + "1" + strings.Repeat(")", 300))
	f.Add("SELECT 1" + strings.Repeat("+1", 3000))
	f.Add("SELECT " + strings.Repeat("- ", 5000) + "1")
	f.Add("/* ; */ -- ;\nSELECT 1;;")
	f.Add("WITH a AS (WITH b AS (SELECT 1) SELECT * FROM b) SELECT * FROM a, (SELECT 1 UNION (WITH c AS (TABLE a) TABLE c)) d")
	known := fixture()
	f.Fuzz(func(t *testing.T, text string) {
		statement, err := Check(text, func(text string) (string, error) {
			tree, err := grammar.Parse(text)
			if errors.Is(err, grammar.ErrTooLarge) {
				t.Errorf("a weight of %d was too much: %v", weight(text), err)
			}
			return tree, err
		}, known)
		if err != nil {
			expectTold(t, text, err)
			return
		}
		tree := treeOf(t, text)
		expectSame(t, tree, treeOf(t, declare+text), "DeclareCursorStmt")
		expectSame(t, tree, treeOf(t, explain+text), "ExplainStmt")
		seen := &looker{known: known, statement: statement}
		seen.look("", tree, nil)
		for _, wrong := range seen.wrong {
			t.Error(wrong)
		}
	})
}

// treeOf parses a text that must be one statement.
func treeOf(t *testing.T, text string) object {
	t.Helper()
	tree, err := grammar.Parse(text)
	if err != nil {
		t.Fatalf("it passed and is no SQL: %v\n%s", err, text)
	}
	var parsed struct {
		Stmts []struct {
			Stmt object `json:"stmt"`
		} `json:"stmts"`
	}
	if err := json.Unmarshal([]byte(tree), &parsed); err != nil || len(parsed.Stmts) != 1 {
		t.Fatalf("%d statements, %v\n%s", len(parsed.Stmts), err, text)
	}
	return parsed.Stmts[0].Stmt
}

// expectSame asks that the whole of sent is one statement of the kind around
// the tree.
func expectSame(t *testing.T, tree, sent object, kind string) {
	t.Helper()
	around, _ := sent[kind].(object)
	if !reflect.DeepEqual(placeless(around["query"]), placeless(tree)) {
		t.Fatalf("sent as %s it is another statement: %v", kind, sent)
	}
}

// placeless is a tree without where its parts stand.
func placeless(value any) any {
	switch value := value.(type) {
	case []any:
		bare := make([]any, len(value))
		for i, each := range value {
			bare[i] = placeless(each)
		}
		return bare
	case object:
		bare := object{}
		for name, inner := range value {
			if name != "location" {
				bare[name] = placeless(inner)
			}
		}
		return bare
	default:
		return value
	}
}

// expectTold asks that a refusal is a sentence and that its place is in the
// text.
func expectTold(t *testing.T, text string, err error) {
	t.Helper()
	var refusal *Refusal
	switch {
	case !errors.As(err, &refusal):
		t.Errorf("%v is no refusal", err)
	case refusal.Code == "" || !strings.HasSuffix(refusal.Why, ".") || !utf8.ValidString(refusal.Sentence()):
		t.Errorf("%s: it says %q", refusal.Code, refusal.Sentence())
	case refusal.Line < 0 || refusal.Column < 0 || refusal.Offset < 0 || (refusal.Line == 0) != (refusal.Offset == 0):
		t.Errorf("line %d, column %d, character %d", refusal.Line, refusal.Column, refusal.Offset)
	case refusal.Offset > utf8.RuneCountInString(text)+1 || refusal.Line > strings.Count(text, "\n")+1:
		t.Errorf("line %d, character %d, which is beyond the text", refusal.Line, refusal.Offset)
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
