package api

import (
	"reflect"
	"slices"

	"github.com/go-json-experiment/json/jsontext"
)

// LayoutParams are the parameters of a series.
type LayoutParams struct {
	Layout string `query:"layout" enum:"wide,long" doc:"wide has a column a figure, long a row a figure: the text columns, metric and value"`
}

const layoutLong = "long"

func (p *LayoutParams) layoutParams() *LayoutParams { return p }

// rowSheet shows a table's rows.
type rowSheet[T any] struct {
	table   *table[T]
	columns []int
	titles  []string
	values  reflect.Value
	all     []T
	chosen  []int
	raw     []jsontext.Value // nil when the columns were chosen
}

func (t *table[T]) sheet(w *wanted, rows *Rows[T], values reflect.Value, chosen []int) sheet {
	s := &rowSheet[T]{table: t, columns: w.columns, values: values, all: rows.All, chosen: chosen}
	for _, column := range w.columns {
		s.titles = append(s.titles, t.columns[column].name)
	}
	if w.whole && len(rows.Raw) == len(rows.All) {
		s.raw = rows.Raw
	}
	if w.long {
		return newLongSheet(s)
	}
	return s
}

func (s *rowSheet[T]) count() int      { return len(s.chosen) }
func (s *rowSheet[T]) names() []string { return s.titles }

func (s *rowSheet[T]) value(row, column int) any {
	value, known := s.table.columns[s.columns[column]].cell(s.values.Index(s.chosen[row]))
	if !known {
		return nil
	}
	return value.Interface()
}

func (s *rowSheet[T]) whole(row int) jsontext.Value {
	if s.raw == nil {
		return nil
	}
	return s.raw[s.chosen[row]]
}

func (s *rowSheet[T]) geometry(row int) (any, error) {
	at := s.chosen[row]
	if s.table.Geometry != nil {
		return s.table.Geometry(&s.all[at]), nil
	}
	value := s.values.Index(at)
	lat, latKnown := s.table.columns[s.table.lat].cell(value)
	lon, lonKnown := s.table.columns[s.table.lon].cell(value)
	if !latKnown || !lonKnown {
		return nil, nil
	}
	return point{"Point", [2]float64{lon.Float(), lat.Float()}}, nil
}

// property leaves out what the geometry says.
func (s *rowSheet[T]) property(column int) bool {
	at := s.columns[column]
	return s.table.Geometry != nil || at != s.table.lat && at != s.table.lon
}

// longSheet shows one row for each number of a row: what is no number stands
// beside it.
type longSheet struct {
	wide    sheet
	beside  []int // columns of the wide sheet
	figures []int
	titles  []string
}

// titles of the columns that a long sheet adds.
const (
	metricTitle = "metric"
	valueTitle  = "value"
)

func newLongSheet[T any](wide *rowSheet[T]) *longSheet {
	long := &longSheet{wide: wide}
	for i, column := range wide.columns {
		if wide.table.columns[column].kind == kindNumber {
			long.figures = append(long.figures, i)
			continue
		}
		long.beside = append(long.beside, i)
		long.titles = append(long.titles, wide.titles[i])
	}
	long.titles = append(slices.Clip(long.titles), metricTitle, valueTitle)
	return long
}

func (s *longSheet) count() int               { return s.wide.count() * len(s.figures) }
func (s *longSheet) names() []string          { return s.titles }
func (s *longSheet) whole(int) jsontext.Value { return nil }
func (s *longSheet) property(int) bool        { return true }

func (s *longSheet) geometry(row int) (any, error) { return s.wide.geometry(row / len(s.figures)) }

func (s *longSheet) value(row, column int) any {
	figure := s.figures[row%len(s.figures)]
	switch row /= len(s.figures); column {
	case len(s.beside):
		return s.wide.names()[figure]
	case len(s.beside) + 1:
		return s.wide.value(row, figure)
	default:
		return s.wide.value(row, s.beside[column])
	}
}
