package query

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/skyledger/skyledger/internal/query/grammar"
)

// looker goes through a tree that passed, knows only what a few kinds of node
// stand for, and looks at each wherever it is.
type looker struct {
	known     *Catalogue
	statement Statement
	wrong     []string
}

func (l *looker) say(format string, values ...any) {
	l.wrong = append(l.wrong, fmt.Sprintf(format, values...)+" passed")
}

// look walks a node or a list with the names that WITH gives where it stands.
func (l *looker) look(kind string, value any, parts []string) {
	switch value := value.(type) {
	case []any:
		for _, each := range value {
			l.look("", each, parts)
		}
	case object:
		l.node(kind, value, parts)
		if clause, ok := value["withClause"].(object); ok {
			list, _ := clause["ctes"].([]any)
			for _, each := range list {
				l.look("", each, parts)
				wrapped, _ := each.(object)
				part, _ := wrapped["CommonTableExpr"].(object)
				name, _ := part["ctename"].(string)
				parts = append(slices.Clone(parts), name)
			}
		}
		for name, inner := range value {
			if name != "withClause" {
				l.look(name, inner, parts)
			}
		}
	}
}

// never are nodes and fields that must not be in anything that passes.
func never() map[string]bool {
	return set(`intoClause IntoClause lockingClause LockingClause RangeTableSample RangeTableFunc JsonTable XmlExpr XmlSerialize
		ParamRef catalogname recursive CurrentOfExpr MergeSupportFunc setof pct_type SetToDefault`)
}

func (l *looker) node(kind string, fields object, parts []string) {
	if strings.HasSuffix(kind, "Stmt") && kind != "SelectStmt" || never()[kind] {
		l.say("%s", kind)
	}
	for name, value := range fields {
		if holds, ok := value.(bool); never()[name] && (!ok || holds) {
			l.say("%s.%s", kind, name)
		}
	}
	switch kind {
	case "RangeVar":
		l.relation(fields, parts)
	case "FuncCall":
		l.call(fields)
	case "typeName", "TypeName":
		l.typed(fields)
	case "ColumnRef":
		l.fields(fields["fields"], 1)
	case "A_Indirection":
		l.fields(fields["indirection"], 0)
	case "A_Expr":
		if between, _ := fields["kind"].(string); !strings.Contains(between, "BETWEEN") {
			l.operator(fields["name"])
		}
	case "SubLink":
		l.operator(fields["operName"])
	case "SortBy":
		l.operator(fields["useOp"])
	case "CollateClause":
		if name := namesIn(fields["collname"]); !slices.Contains([]string{"C", "POSIX", "default", "ucs_basic"}, name) {
			l.say("the collation %s", name)
		}
	case "SQLValueFunction":
		if op, _ := fields["op"].(string); strings.Contains(op, "ROLE") || strings.Contains(op, "USER") || strings.Contains(op, "CATALOG") || strings.Contains(op, "SCHEMA") {
			l.say("%s", op)
		}
	}
}

func (l *looker) relation(fields object, parts []string) {
	name, _ := fields["relname"].(string)
	schema, _ := fields["schemaname"].(string)
	switch {
	case schema == "" && slices.Contains(parts, name):
	case !l.known.Relations[name] || schema != "" && schema != "skyledger":
		l.say("the relation %s.%s", schema, name)
	case !slices.Contains(l.statement.Relations, name):
		l.say("untold, the relation %s", name)
	}
}

func (l *looker) call(fields object) {
	name := namesIn(fields["funcname"])
	bare := strings.TrimPrefix(strings.TrimPrefix(name, "pg_catalog."), "skyledger.")
	args, _ := fields["args"].([]any)
	switch {
	case strings.HasPrefix(bare, "pg_"), !allowedFunctions()[bare] && !allowedTypes()[bare] && !l.known.Functions[bare]:
		l.say("the function %s", name)
	case bare == "bpchar" && len(args) > 1, (bare == "lpad" || bare == "rpad") && !upTo1000(args[min(1, len(args)-1)]):
		l.say("the length in %s", name)
	}
}

func (l *looker) typed(fields object) {
	name := strings.TrimPrefix(namesIn(fields["names"]), "pg_catalog.")
	if strings.HasPrefix(name, "reg") || !allowedTypes()[name] {
		l.say("the type %s", name)
	}
	lengths, _ := fields["typmods"].([]any)
	if name == "bpchar" && slices.ContainsFunc(lengths, func(length any) bool { return !upTo1000(length) }) {
		l.say("the length of char")
	}
}

// upTo1000 reports whether a node is a number up to 1,000.
func upTo1000(value any) bool {
	wrapped, _ := value.(object)
	constant, _ := wrapped["A_Const"].(object)
	number, ok := constant["ival"].(object)
	length, _ := number["ival"].(float64)
	return ok && length <= 1000
}

func (l *looker) operator(value any) {
	if name := strings.TrimPrefix(namesIn(value), "pg_catalog."); value != nil && !allowedSymbols()[name] {
		l.say("the operator %s", name)
	}
}

// fields are names behind a point, from the nth on, which PostgreSQL may take
// for functions and types.
func (l *looker) fields(value any, from int) {
	list, _ := value.([]any)
	for i, each := range list {
		name := namesIn([]any{each})
		if i >= from && l.known.Callable[name] && !l.known.Columns[name] && !allowedCalls()[name] {
			l.say("the field %s", name)
		}
	}
}

// namesIn joins the names of a list with points.
func namesIn(value any) string {
	var names []string
	list, _ := value.([]any)
	for _, each := range list {
		wrapped, _ := each.(object)
		text, _ := wrapped["String"].(object)
		name, _ := text["sval"].(string)
		names = append(names, name)
	}
	return strings.Join(names, ".")
}

// places are where an expression may stand.
func places() []string {
	return []string{
		`SELECT %s`, `SELECT DISTINCT ON (%s) 1`, `SELECT 1 WHERE (%s) IS NULL`, `SELECT 1 GROUP BY %s`, `SELECT 1 HAVING (%s) IS NULL`,
		`SELECT 1 ORDER BY %s`, `SELECT 1 LIMIT (%s)`, `SELECT 1 OFFSET (%s)`, `SELECT 1 FETCH FIRST (%s) ROWS ONLY`, `VALUES (1), (%s)`,
		`SELECT sum(1) OVER (PARTITION BY %s)`, `SELECT sum(1) OVER (ORDER BY %s)`, `SELECT sum(1) OVER w WINDOW w AS (ORDER BY 1 ROWS %s PRECEDING)`,
		`SELECT sum(1) OVER w WINDOW w AS (ORDER BY 1 ROWS BETWEEN 1 PRECEDING AND %s FOLLOWING)`,
		`SELECT count(*) FILTER (WHERE (%s) IS NULL)`, `SELECT array_agg(1 ORDER BY %s)`, `SELECT count(DISTINCT %s)`,
		`SELECT mode() WITHIN GROUP (ORDER BY %s)`, `SELECT concat(VARIADIC ARRAY[%s])`, `SELECT make_interval(days => %s)`,
		`SELECT CASE %s WHEN 1 THEN 2 END`, `SELECT CASE WHEN true THEN %s END`, `SELECT CASE WHEN false THEN 1 ELSE %s END`,
		`SELECT coalesce(1, %s)`, `SELECT greatest(1, %s)`, `SELECT nullif(1, %s)`, `SELECT ARRAY[[%s]]`, `SELECT ROW(1, %s)`,
		`SELECT (ARRAY[1])[%s]`, `SELECT (ARRAY[1])[1:%s]`, `SELECT (%s)::text`, `SELECT CAST(%s AS text)`, `SELECT -(%s)`, `SELECT NOT (%s)`,
		`SELECT 1 IN (2, %s)`, `SELECT 1 BETWEEN 0 AND %s`, `SELECT 1 = ANY (ARRAY[%s])`, `SELECT (%s, 1) IN (SELECT 1, 2)`, `SELECT 'a' LIKE 'b' ESCAPE (%s)`,
		`SELECT (%s) IS DISTINCT FROM 1`, `SELECT ((%s) = 1) IS TRUE`, `SELECT (%s) COLLATE "C"`, `SELECT (%s) AT TIME ZONE 'UTC'`,
		`SELECT extract(epoch FROM %s)`, `SELECT substring('a' FROM %s)`, `SELECT EXISTS (SELECT %s)`, `SELECT ARRAY(SELECT %s)`, `SELECT grouping(%s)`,
		`SELECT 1 GROUP BY ROLLUP (%s)`, `SELECT 1 GROUP BY GROUPING SETS ((), (%s))`, `SELECT * FROM generate_series(1, %s)`,
		`SELECT * FROM ROWS FROM (now(), generate_series(1, %s)) r`, `SELECT * FROM (SELECT %s) s`, `SELECT * FROM (VALUES (%s)) v(a)`,
		`SELECT * FROM LATERAL (SELECT %s) l`, `SELECT 1 FROM position a JOIN position b ON (%s) IS NULL`, `SELECT 1 UNION SELECT %s`,
		`(SELECT 1 EXCEPT SELECT 2) INTERSECT SELECT %s`, `WITH a AS (SELECT %s) SELECT 1`, `WITH a AS MATERIALIZED (VALUES (%s)) TABLE a`,
		`SELECT (SELECT 1 FROM position WHERE cid = (SELECT %s))`, `SELECT '1'::numeric(4, %s)`, `SELECT (now(), now()) OVERLAPS (now(), %s)`,
		`SELECT lpad('a', 3, %s)`, `SELECT overlay('a' PLACING 'b' FROM %s)`, `SELECT trim(both (%s) from 'a')`, `SELECT (SELECT ROW(%s)).*`,
	}
}

func TestWhatIsNotAllowedIsRefusedWhereverItStands(t *testing.T) {
	for name, bad := range map[string]string{
		"a function":               `pg_sleep(1)`,
		"a function, qualified":    `kept.abs(1)`,
		"a table":                  `(SELECT 1 FROM pg_authid)`,
		"a table of WITH, outside": `((WITH pg_authid AS (SELECT 1) SELECT 1) + (SELECT 1 FROM pg_authid))`,
		"a type":                   `('a'::regclass)`,
		"a type of ours":           `(NULL::skyledger.position)`,
		"a field":                  `(abs(1)).pg_sleep`,
		"an operator":              `(1 OPERATOR(public.+) 1)`,
		"a collation":              `('a' COLLATE "en_US")`,
		"a parameter":              `($1)`,
		"a name of the server":     `(current_user)`,
		"a lock":                   `(SELECT 1 FROM position FOR UPDATE)`,
		"char of any length":       `('a'::char(1000000))`,
	} {
		t.Run(name, func(t *testing.T) {
			for _, place := range places() {
				text := fmt.Sprintf(place, bad)
				if _, err := Check(text, grammar.Parse, fixture()); err == nil {
					t.Errorf("passed: %s", text)
				}
			}
		})
	}
	t.Run("and what is allowed passes in all of them", func(t *testing.T) {
		for _, place := range places() {
			text := fmt.Sprintf(place, "abs(1)")
			if _, err := Check(text, grammar.Parse, fixture()); err != nil {
				t.Errorf("%v: %s", err, text)
			}
		}
	})
}
