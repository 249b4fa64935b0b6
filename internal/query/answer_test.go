package query

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestTypes(t *testing.T) {
	w := newWorld(t)
	s := w.sandbox(t)
	for name, test := range map[string]struct{ sql, kind, want string }{
		"a whole number":                      {`SELECT 42`, "number", `[{"v":42}]`},
		"int8 that a double holds":            {`VALUES (9007199254740992), (-9007199254740992)`, "number", `[{"v":9007199254740992},{"v":-9007199254740992}]`},
		"int8 that it does not, for all rows": {`VALUES (1), (9007199254740993), (NULL)`, "string", `[{"v":"1"},{"v":"9007199254740993"},{"v":null}]`},
		"numeric keeps its digits":            {`SELECT 1.50`, "number", `[{"v":1.50}]`},
		"numeric beyond 2^53":                 {`SELECT 123456789012345678.5`, "string", `[{"v":"123456789012345678.5"}]`},
		"numeric that is not a number":        {`VALUES ('NaN'::numeric), ('Infinity'), (1)`, "number", `[{"v":null},{"v":null},{"v":1}]`},
		"float":                               {`VALUES (0.1::float8), (1e300), ('-Infinity'), ('NaN')`, "number", `[{"v":0.1},{"v":1e+300},{"v":null},{"v":null}]`},
		"boolean":                             {`SELECT true`, "boolean", `[{"v":true}]`},
		"text":                                {`SELECT E'a"b\\\n\u0001é'`, "string", `[{"v":"a\"b\\\n\u0001é"}]`},
		"a time":                              {`SELECT timestamptz '2024-11-21 12:47:25.5+01'`, "string", `[{"v":"2024-11-21T11:47:25.5Z"}]`},
		"a time without a zone":               {`SELECT timestamp '2024-11-21 12:47:25'`, "string", `[{"v":"2024-11-21T12:47:25Z"}]`},
		"no time at all":                      {`VALUES (timestamptz 'infinity'), ('-infinity')`, "string", `[{"v":null},{"v":null}]`},
		"a day":                               {`SELECT date '2024-11-21'`, "string", `[{"v":"2024-11-21"}]`},
		"an interval":                         {`SELECT interval '1 day 02:03:04'`, "string", `[{"v":"P1DT2H3M4S"}]`},
		"bytes":                               {`SELECT '\x00ff'::bytea`, "string", `[{"v":"00ff"}]`},
		"json as it is":                       {`SELECT '{"b": 1,  "a": [null]}'::json`, "any", `[{"v":{"b":1,"a":[null]}}]`},
		"json that says a key twice, as text": {`SELECT '{"a":1,"a":2}'::json`, "any", `[{"v":"{\"a\":1,\"a\":2}"}]`},
		"an array":                            {`SELECT ARRAY[1, NULL]`, "array", `[{"v":[1,null]}]`},
		"an array of arrays":                  {`SELECT '{{1,2},{3,4}}'::int[]`, "array", `[{"v":[[1,2],[3,4]]}]`},
		"an array with bounds of its own":     {`SELECT '[0:1]={7,8}'::int[]`, "array", `[{"v":[7,8]}]`},
		"an empty array":                      {`SELECT '{}'::text[]`, "array", `[{"v":[]}]`},
		"an array of text":                    {`SELECT ARRAY['a b', 'NULL', NULL, '{"}', E'\\', '']`, "array", `[{"v":["a b","NULL",null,"{\"}","\\",""]}]`},
		"an array of times":                   {`SELECT ARRAY[timestamptz '2024-11-21Z', 'infinity']`, "array", `[{"v":["2024-11-21T00:00:00Z",null]}]`},
		"an array of numbers beyond 2^53":     {`VALUES (ARRAY[1, 9007199254740993]), (ARRAY[2::int8])`, "array", `[{"v":["1","9007199254740993"]},{"v":["2"]}]`},
		"an array of json":                    {`SELECT ARRAY['{"a": 1}'::jsonb]`, "array", `[{"v":[{"a":1}]}]`},
		"a row is text":                       {`SELECT row(1, 'a b')`, "string", `[{"v":"(1,\"a b\")"}]`},
		"null":                                {`SELECT NULL::int`, "number", `[{"v":null}]`},
		"nothing":                             {`SELECT 1 WHERE false`, "number", `[]`},
	} {
		t.Run(name, func(t *testing.T) {
			answer, err := s.Run(t.Context(), test.sql)
			must(t, err)
			answer.Columns[0].Name = "v"
			if diff := cmp.Diff(test.want, string(answer.AppendRows(nil))); diff != "" || answer.Columns[0].JSON != test.kind {
				t.Errorf("%s as %s, want %s: %s", answer.Columns[0].Type, answer.Columns[0].JSON, test.kind, diff)
			}
		})
	}
	t.Run("a name that comes twice is numbered", func(t *testing.T) {
		answer, err := s.Run(t.Context(), `SELECT 1 AS a, 2 AS a, 3 AS a_2, 4 AS a`)
		must(t, err)
		if got := string(answer.AppendRows(nil)); got != `[{"a":1,"a_2":2,"a_2_2":3,"a_3":4}]` {
			t.Error(got)
		}
	})
}

// TestAnyTextComesBackAsItWas is for what stands between the wire and a reader
// of JSON: quotes, braces and everything else in texts and arrays of texts.
func TestAnyTextComesBackAsItWas(t *testing.T) {
	w := newWorld(t)
	s := w.sandbox(t)
	rapid.Check(t, func(rt *rapid.T) {
		texts := rapid.SliceOfN(rapid.StringMatching(`[a-z{}",\\ 'NUL\n\té☃]{0,8}`), 1, 4).Draw(rt, "texts")
		quoted := make([]string, len(texts))
		for i, text := range texts {
			quoted[i] = `'` + strings.ReplaceAll(text, `'`, `''`) + `'`
		}
		answer, err := s.Run(t.Context(), `SELECT ARRAY[`+strings.Join(quoted, ", ")+`]::text[] AS v, `+quoted[0]+`::text AS w`)
		if err != nil {
			rt.Fatal(err)
		}
		var rows []struct {
			V []string
			W string
		}
		if err := json.Unmarshal(answer.AppendRows(nil), &rows); err != nil {
			rt.Fatal(err)
		}
		if diff := cmp.Diff(texts, rows[0].V); diff != "" || rows[0].W != texts[0] {
			rt.Fatal(diff, rows[0].W)
		}
	})
}

func TestTableIsAligned(t *testing.T) {
	answer, err := newWorld(t).sandbox(t, func(o *Options) { o.Limits.Rows = 2 }).Run(t.Context(),
		`SELECT * FROM (VALUES ('EGLL', 7, true), (E'a\x1b[31mé', 1234, NULL), ('x', 1, true)) v(airport, n, open)`)
	must(t, err)
	var out bytes.Buffer
	must(t, answer.WriteTable(&out))
	want := "airport     n  open\n-------------------\nEGLL        7  true\na [31mé  1234\n(2 rows, cut by the limit on rows: there are more)\n"
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Error(diff)
	}
}

func TestErrorsNameThePlace(t *testing.T) {
	w := newWorld(t)
	s := w.sandbox(t)
	for name, test := range map[string]struct {
		sql, reason  string
		line, column int
	}{
		"syntax":                         {"SELECT é,\n  FROM x", "query_syntax", 2, 3},
		"the end":                        {"SELECT (1", "query_syntax", 1, 10},
		"a column that is not there":     {"SELECT 'é☃',\n\t altitud FROM position", "query_sql_42703", 2, 3},
		"a relation":                     {"SELECT 1\nFROM skyledger.positons", "query_relation", 2, 6},
		"a function":                     {"SELECT 1, pg_sleep(1)", "query_function", 1, 11},
		"a type":                         {"SELECT 'x'::regclass", "query_type", 1, 13},
		"an operator that does not fit":  {"SELECT 1 + 'a'::text", "query_sql_42883", 1, 10},
		"the second statement":           {"SELECT 1;\n SELECT 2", "query_statements", 2, 2},
		"a value, which has no place":    {"SELECT 1/0", "query_sql_22012", 0, 0},
		"a statement that is none of it": {"DELETE FROM position", "query_statement", 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := s.Run(t.Context(), test.sql)
			expectRefusal(t, err, test.reason)
			refusal := refusalIn(t, err)
			if refusal.Line != test.line || refusal.Column != test.column {
				t.Errorf("line %d, column %d; want %d, %d: %s", refusal.Line, refusal.Column, test.line, test.column, refusal.Sentence())
			}
		})
	}
}
