package statement_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/skyledger/skyledger/internal/statement"
)

func TestShape(t *testing.T) {
	for _, test := range []struct{ name, sql, want string }{
		{"space and comments go", "SELECT  a -- why\n\tFROM /* x /* y */ z */ b", "SELECT a FROM b"},
		{"strings become parameters", `SELECT 'x', E'a\'b', 'it''s', $$q$$, $t$ $$ $t$, U&'d', B'01'`, "SELECT $1, $2, $3, $4, $5, $6, $7"},
		{"numbers become parameters", "SELECT 1, 1.5, .5, 1e-3, 0xff, 1_000, a-1", "SELECT $1, $2, $3, $4, $5, $6, a-$7"},
		{"they are numbered after those there are", "SELECT a FROM b WHERE c = $2 AND d = 7", "SELECT a FROM b WHERE c = $2 AND d = $3"},
		{"names stay as they are", `SELECT "1", t2.c3 FROM "a""b"`, `SELECT "1", t2.c3 FROM "a""b"`},
		{"typed literals become casts", "SELECT now() - interval '1 day', date '2024-01-01'", "SELECT now() - $1::interval, $2::date"},
		{"and so do typed parameters", "SELECT now() - interval $1", "SELECT now() - $1::interval"},
		{"a column of that name does not", "SELECT x::date, date, y FROM z", "SELECT x::date, date, y FROM z"},
		{"what is not closed is all literal", "SELECT 'secret", "SELECT $1"},
		{"an empty statement is empty", " -- nothing\n", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := statement.Shape(test.sql)
			if got != test.want {
				t.Errorf("got  %s\nwant %s", got, test.want)
			}
			if again := statement.Shape(got); again != got {
				t.Errorf("the shape of a shape is another: %s", again)
			}
		})
	}
	t.Run("a very long one is cut and says so", func(t *testing.T) {
		shape := statement.Shape("SELECT " + strings.Repeat("column_of_a_table, ", 1000))
		if len(shape) > 9000 || !statement.Cut(shape) || statement.Explainable(shape) {
			t.Errorf("%d bytes, cut %t", len(shape), statement.Cut(shape))
		}
	})
}

func TestNoValueIsLeft(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		secret := rapid.StringMatching(`zq[a-z]{6}qz`).Draw(t, "secret")
		before := rapid.StringMatching(`[a-z0-9 '\\$]{0,6}`).Draw(t, "before")
		quote := rapid.SampledFrom([]string{"'%s'", "E'%s'", "$q$%s$q$", "$$%s$$"}).Draw(t, "quote")
		body := strings.ReplaceAll(before, "$", "") + secret
		switch quote {
		case "'%s'":
			body = strings.ReplaceAll(body, "'", "''")
		case "E'%s'":
			body = strings.ReplaceAll(strings.ReplaceAll(body, `\`, `\\`), "'", `\'`)
		}
		sql := "SELECT a FROM b WHERE c = " + fmt.Sprintf(quote, body) + " AND d = 1"
		if shape := statement.Shape(sql); shape != "SELECT a FROM b WHERE c = $1 AND d = $2" {
			t.Fatalf("%s became %s", sql, shape)
		}
	})
}

func TestValuesAloneDoNotMatter(t *testing.T) {
	a := statement.Fingerprint(statement.Shape("SELECT * FROM x WHERE y = 'one' LIMIT 5"))
	b := statement.Fingerprint(statement.Shape("SELECT *\nFROM x WHERE y = 'two''s' LIMIT 500"))
	c := statement.Fingerprint(statement.Shape("SELECT * FROM x WHERE z = 'one' LIMIT 5"))
	if a != b || a == c || a < 0 {
		t.Errorf("%d %d %d", a, b, c)
	}
}

func TestKinds(t *testing.T) {
	for _, test := range []struct {
		sql                string
		explainable, reads bool
	}{
		{"SELECT 1", true, true},
		{"(SELECT 1) UNION (SELECT 2);", true, true},
		{"WITH x AS (DELETE FROM y RETURNING z) SELECT * FROM x", true, false},
		{"SELECT * FROM x FOR UPDATE", true, false},
		{"SELECT * INTO x FROM y", true, false},
		{"INSERT INTO x VALUES (1)", true, false},
		{"CREATE INDEX ON x (y)", false, false},
		{"SELECT 1; DROP TABLE x", false, true},
		{"BEGIN", false, false},
		{"", false, false},
	} {
		if got := statement.Explainable(test.sql); got != test.explainable {
			t.Errorf("%q explainable: %t", test.sql, got)
		}
		if got := statement.Reads(test.sql); got != test.reads {
			t.Errorf("%q reads: %t", test.sql, got)
		}
	}
}

func TestFunctions(t *testing.T) {
	got := statement.Functions(`SELECT count(*), pg_catalog."Odd"(x), 'no(' FROM y WHERE z IN (1) AND pg_sleep (1) > 0`)
	for _, name := range []string{"count", "Odd", "pg_sleep"} {
		if !slices.Contains(got, name) {
			t.Errorf("%s is missing from %v", name, got)
		}
	}
	if slices.Contains(got, "no") {
		t.Errorf("a string was read as a call: %v", got)
	}
}

func TestWithoutValues(t *testing.T) {
	got := statement.WithoutValues("SELECT a FROM b WHERE c = $1 AND d = ANY($2) AND e = $10", []string{"text", "int4[]"})
	want := "SELECT a FROM b WHERE c = ((SELECT NULL::text)::text) AND d = ANY(((SELECT NULL::int4[])::int4[])) AND e = $10"
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestElsewhere(t *testing.T) {
	got := statement.Elsewhere(`SELECT x.a FROM kept.x JOIN "kept".y ON true WHERE 'kept.x' = $1`, "kept", "x", "pg_temp")
	if want := `SELECT x.a FROM pg_temp.x JOIN "kept".y ON true WHERE 'kept.x' = $1`; got != want {
		t.Error(got)
	}
}

func FuzzShape(f *testing.F) {
	for _, seed := range []string{"SELECT 1", "'", `E'\`, "$a$", "/*", "--", `"`, "U&'", "1.e", "$1::interval $2"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, sql string) {
		shape := statement.Shape(sql)
		if !strings.Contains(sql, `"`) && strings.Contains(shape, "'") {
			t.Errorf("a quote is left of %q: %q", sql, shape)
		}
		statement.Explainable(sql)
		statement.Functions(sql)
		statement.WithoutValues(sql, []string{"text"})
	})
}
