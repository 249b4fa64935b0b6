package query

import (
	"fmt"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"
)

// Answer is a statement's rows, held as they are written: within the limit on
// bytes, and therefore in memory.
type Answer struct {
	Query     string
	Columns   []Column
	Truncated bool   // there are more rows than these
	Cut       string // which limit cut it, "rows" or "bytes"; empty when none did
	Estimate  Estimate
	Took      time.Duration

	rows  [][]cell
	bytes int
}

// Column is one of an answer.
type Column struct {
	Name string `json:"name"` // each its own: a second "n" is "n_2"
	Type string `json:"type"` // PostgreSQL's name, as "timestamptz" or "int4[]"
	// JSON is the one type of the column's values beside null: "number",
	// "string", "boolean", "array" or "any" (of json and jsonb).
	JSON string `json:"json"`

	kind kind
	// wide: a whole number beyond what a double holds exactly is among the
	// values. All of the column are strings then, so that it has one type.
	wide bool
}

// cell is one value as PostgreSQL wrote it; nil is null.
type cell []byte

// Len returns the number of rows.
func (a *Answer) Len() int { return len(a.rows) }

func (a *Answer) describe(fields []pgconn.FieldDescription) {
	types, taken := pgtype.NewMap(), map[string]bool{}
	a.Columns = make([]Column, 0, len(fields))
	for _, field := range fields {
		name := field.Name
		for n := 2; taken[name]; n++ {
			name = fmt.Sprintf("%s_%d", field.Name, n)
		}
		taken[name] = true
		column := Column{Name: name}
		column.Type, column.kind = typeOf(types, field.DataTypeOID)
		column.JSON = column.kind.json()
		a.Columns = append(a.Columns, column)
	}
}

// add takes a row, unless that would be more than the limits allow. What it is
// given is only good until the next row.
func (a *Answer) add(values [][]byte, limits Limits) bool {
	if len(a.rows) == limits.Rows {
		a.Truncated, a.Cut = true, "rows"
		return false
	}
	size := 3 // braces and a comma
	row := make([]cell, len(values))
	for i, value := range values {
		column := &a.Columns[i]
		row[i] = column.kind.take(value)
		size += len(column.Name) + 4 + column.kind.size(row[i])
	}
	if a.bytes+size > limits.Bytes {
		a.Truncated, a.Cut = true, "bytes"
		return false
	}
	for i, value := range row {
		if column := &a.Columns[i]; !column.wide && column.kind.wide(value) {
			column.wide = true
			if column.kind.element == nil {
				column.JSON = "string"
			}
		}
	}
	a.bytes += size
	a.rows = append(a.rows, row)
	return true
}
