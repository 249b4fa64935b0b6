package query

import "strings"

// rule is what is asked of a node's field.
type rule func(w *walker, value any) error

// wording names parts of the grammar in people's words.
func wording(part string) string {
	words := map[string]string{
		"SelectStmt.intoClause":         "SELECT INTO",
		"SelectStmt.lockingClause":      "Locking rows (FOR UPDATE, FOR SHARE)",
		"RangeVar.catalogname":          "Naming a database",
		"RangeTableSample":              "TABLESAMPLE",
		"RangeTableFunc":                "XMLTABLE",
		"JsonTable":                     "JSON_TABLE",
		"XmlExpr":                       "XML",
		"XmlSerialize":                  "XML",
		"ParamRef":                      "A parameter such as $1",
		"CurrentOfExpr":                 "CURRENT OF",
		"SetToDefault":                  "DEFAULT",
		"TypeName.setof":                "SETOF",
		"TypeName.pct_type":             "%TYPE",
		"CommonTableExpr.cycle_clause":  "CYCLE",
		"CommonTableExpr.search_clause": "SEARCH",
	}
	if text, ok := words[part]; ok {
		return text
	}
	kind, _, _ := strings.Cut(part, ".")
	if text, ok := words[kind]; ok {
		return text
	}
	return "This part of SQL (" + kind + ")"
}

func literal(*walker, any) error      { return nil }
func one(w *walker, value any) error  { return w.node(value) }
func many(w *walker, value any) error { return w.nodes(value) }
func done(*walker, any) error         { return nil } // walked before the other fields

// bare is a field that holds a node of a kind without its name.
func bare(kind string) rule {
	return func(w *walker, value any) error {
		fields, ok := value.(object)
		if !ok {
			return w.refuse("node", wording(kind)+" is not allowed.", allowedStatements)
		}
		return w.fields(kind, fields)
	}
}

// among is a field with one of a few words.
func among(words ...string) rule {
	allowed := set(strings.Join(words, " "))
	return func(w *walker, value any) error {
		if word, _ := value.(string); allowed[word] {
			return nil
		}
		return w.refuse("node", "This form is not allowed.", allowedStatements)
	}
}

// rules are the nodes and fields of the parse tree that are allowed. What is
// absent here is refused, whatever a later grammar may add.
func rules() map[string]map[string]rule {
	return map[string]map[string]rule{
		"SelectStmt": {
			"distinctClause": many, "targetList": many, "fromClause": many, "whereClause": one, "groupClause": many,
			"groupDistinct": literal, "havingClause": one, "windowClause": many, "valuesLists": many, "sortClause": many,
			"limitOffset": one, "limitCount": one, "limitOption": literal, "withClause": done,
			"op": among("SETOP_NONE", "SETOP_UNION", "SETOP_INTERSECT", "SETOP_EXCEPT"), "all": literal,
			"larg": bare("SelectStmt"), "rarg": bare("SelectStmt"),
		},
		"CommonTableExpr": {
			"ctename": literal, "aliascolnames": many, "ctematerialized": literal, "ctequery": one, "location": literal,
		},
		"List":      {"items": many},
		"String":    {"sval": literal},
		"Integer":   {"ival": literal},
		"A_Star":    {},
		"Alias":     {"aliasname": literal, "colnames": many},
		"ResTarget": {"name": literal, "val": one, "location": literal},

		"RangeVar": {
			"schemaname": literal, "relname": literal, "inh": literal, "relpersistence": among("p"),
			"alias": bare("Alias"), "location": literal,
		},
		"RangeSubselect": {"lateral": literal, "subquery": one, "alias": bare("Alias")},
		"RangeFunction": {
			"lateral": literal, "ordinality": literal, "is_rowsfrom": literal, "functions": many,
			"alias": bare("Alias"), "coldeflist": many,
		},
		"ColumnDef": {"colname": literal, "typeName": bare("TypeName"), "is_local": literal, "location": literal},
		"JoinExpr": {
			"jointype": among("JOIN_INNER", "JOIN_LEFT", "JOIN_FULL", "JOIN_RIGHT"), "isNatural": literal, "larg": one, "rarg": one,
			"usingClause": many, "join_using_alias": bare("Alias"), "quals": one, "alias": bare("Alias"), "rtindex": literal,
		},

		"ColumnRef":     {"fields": many, "location": literal},
		"A_Indirection": {"arg": one, "indirection": many},
		"A_Indices":     {"is_slice": literal, "lidx": one, "uidx": one},
		"A_Const": {
			"ival": literal, "fval": literal, "boolval": literal, "sval": literal, "bsval": literal, "isnull": literal,
			"location": literal,
		},
		"TypeCast": {"arg": one, "typeName": bare("TypeName"), "location": literal},
		"TypeName": {"names": many, "typmods": many, "typemod": literal, "arrayBounds": many, "location": literal},
		"A_Expr": {
			"kind": among("AEXPR_OP", "AEXPR_OP_ANY", "AEXPR_OP_ALL", "AEXPR_DISTINCT", "AEXPR_NOT_DISTINCT", "AEXPR_NULLIF",
				"AEXPR_IN", "AEXPR_LIKE", "AEXPR_ILIKE", "AEXPR_SIMILAR", "AEXPR_BETWEEN", "AEXPR_NOT_BETWEEN",
				"AEXPR_BETWEEN_SYM", "AEXPR_NOT_BETWEEN_SYM"),
			"name": many, "lexpr": one, "rexpr": one, "location": literal,
		},
		"BoolExpr":     {"boolop": literal, "args": many, "location": literal},
		"NullTest":     {"arg": one, "nulltesttype": literal, "argisrow": literal, "location": literal},
		"BooleanTest":  {"arg": one, "booltesttype": literal, "location": literal},
		"CaseExpr":     {"arg": one, "args": many, "defresult": one, "location": literal},
		"CaseWhen":     {"expr": one, "result": one, "location": literal},
		"CoalesceExpr": {"args": many, "location": literal},
		"MinMaxExpr":   {"op": literal, "args": many, "location": literal},
		"A_ArrayExpr":  {"elements": many, "location": literal},
		"RowExpr":      {"args": many, "row_format": literal, "location": literal},
		"GroupingFunc": {"args": many, "location": literal},
		"GroupingSet":  {"kind": literal, "content": many, "location": literal},
		"SubLink": {
			"subLinkType": among("EXISTS_SUBLINK", "ALL_SUBLINK", "ANY_SUBLINK", "EXPR_SUBLINK", "ARRAY_SUBLINK"),
			"testexpr":    one, "operName": many, "subselect": one, "location": literal,
		},
		"SortBy": {
			"node": one, "sortby_dir": literal, "sortby_nulls": literal, "useOp": many, "location": literal,
		},
		"CollateClause": {"arg": one, "collname": many, "location": literal},
		"SQLValueFunction": {
			"op": among("SVFOP_CURRENT_DATE", "SVFOP_CURRENT_TIME", "SVFOP_CURRENT_TIME_N", "SVFOP_CURRENT_TIMESTAMP",
				"SVFOP_CURRENT_TIMESTAMP_N", "SVFOP_LOCALTIME", "SVFOP_LOCALTIME_N", "SVFOP_LOCALTIMESTAMP", "SVFOP_LOCALTIMESTAMP_N"),
			"typmod": literal, "location": literal,
		},
		"FuncCall": {
			"funcname": many, "args": many, "agg_order": many, "agg_filter": one, "over": bare("WindowDef"),
			"agg_within_group": literal, "agg_star": literal, "agg_distinct": literal, "func_variadic": literal,
			"funcformat": literal, "location": literal,
		},
		"NamedArgExpr": {"arg": one, "name": literal, "argnumber": literal, "location": literal},
		"WindowDef": {
			"name": literal, "refname": literal, "partitionClause": many, "orderClause": many, "frameOptions": literal,
			"startOffset": one, "endOffset": one, "location": literal,
		},
	}
}
