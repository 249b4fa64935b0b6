package api

import (
	"cmp"
	"context"
	"reflect"
	"slices"
	"strings"
	"time"
)

// table is a row type's columns, found once when its operation is registered.
type table[T any] struct {
	List[T]
	columns []column
	// Indexes of columns; -1 where there are none.
	id, lat, lon int
}

// column is one JSON field of a row.
type column struct {
	name  string
	index []int // of the struct's field
	kind  kind
}

// kind is what a column holds, as far as sorting and spreadsheets care.
type kind int

const (
	kindText kind = iota
	kindNumber
	kindTruth
	kindTime
	kindOther // lists and objects
)

func newTable[T any](l List[T]) *table[T] {
	t := &table[T]{List: l, lat: -1, lon: -1}
	t.collect(reflect.TypeFor[T](), nil)
	t.id = t.find(t.ID)
	for i, column := range t.columns {
		switch {
		case column.name == "lat" && column.kind == kindNumber:
			t.lat = i
		case column.name == "lon" && column.kind == kindNumber:
			t.lon = i
		}
	}
	return t
}

// collect adds the columns of a struct and of those embedded in it.
func (t *table[T]) collect(in reflect.Type, path []int) {
	for i := range in.NumField() {
		field := in.Field(i)
		index := append(slices.Clone(path), i)
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		switch {
		case field.Anonymous && name == "":
			t.collect(field.Type, index)
		case field.IsExported() && name != "-":
			t.columns = append(t.columns, column{name: cmp.Or(name, field.Name), index: index, kind: kindOf(field.Type)})
		}
	}
}

func kindOf(t reflect.Type) kind {
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch {
	case t == reflect.TypeFor[time.Time]():
		return kindTime
	case t.Kind() == reflect.String:
		return kindText
	case t.Kind() == reflect.Bool:
		return kindTruth
	case t.Kind() >= reflect.Int && t.Kind() <= reflect.Float64:
		return kindNumber
	default:
		return kindOther
	}
}

// find returns the index of a column, or -1.
func (t *table[T]) find(name string) int {
	return slices.IndexFunc(t.columns, func(c column) bool { return c.name == name })
}

// names lists the columns for a sentence.
func (t *table[T]) names(sortable bool) string {
	var names []string
	for _, column := range t.columns {
		if !sortable || column.kind != kindOther {
			names = append(names, column.name)
		}
	}
	return strings.Join(names, ", ")
}

// cell is a row's value in a column; not ok when it is null.
func (c column) cell(row reflect.Value) (value reflect.Value, ok bool) {
	value = row.FieldByIndex(c.index)
	if value.Kind() == reflect.Pointer {
		if value.IsNil() {
			return value, false
		}
		value = value.Elem()
	}
	return value, true
}

// wanted is what the parameters of one request ask of a list.
type wanted struct {
	columns []int // indexes into the table's, in the order asked for
	whole   bool  // no columns were named: rows are as they are
	order   []order
	limit   int
	after   *cursor
	format  format
	inside  []func(place) bool // every one must hold
	long    bool               // one row per value
}

// order is one column of a sort.
type order struct {
	column int
	down   bool
}

// read makes sense of the parameters, or says which one is wrong.
func (t *table[T]) read(ctx context.Context, s *service, params *ListParams, input any) (*wanted, error) {
	w := &wanted{limit: params.Limit, format: params.format()}
	var err error
	if w.columns, w.whole, err = t.readFields(ctx, params.Fields); err != nil {
		return nil, err
	}
	if w.order, err = t.readSort(ctx, params.Sort); err != nil {
		return nil, err
	}
	if params.Cursor != "" {
		if w.after, err = parseListCursor(params.Cursor, w.sortKey(t.columns)); err != nil {
			return nil, invalid(ctx, "cursor", params.Cursor, err.Error())
		}
		if len(w.after.Keys) != len(w.order)+1 {
			return nil, invalid(ctx, "cursor", params.Cursor, errNotACursor.Error())
		}
	}
	if w.format == formatGeoJSON && t.Geometry == nil && t.lat < 0 {
		return nil, invalid(ctx, "format", params.Format, "these rows have no place: json, csv or ndjson")
	}
	if places, ok := input.(interface{ placeParams() *PlaceParams }); ok {
		if w.inside, err = places.placeParams().read(ctx, s); err != nil {
			return nil, err
		}
	}
	if layout, ok := input.(interface{ layoutParams() *LayoutParams }); ok {
		w.long = layout.layoutParams().Layout == layoutLong
	}
	return w, nil
}

func (t *table[T]) readFields(ctx context.Context, fields string) (columns []int, whole bool, err error) {
	if fields == "" {
		for i := range t.columns {
			columns = append(columns, i)
		}
		return columns, true, nil
	}
	for name := range strings.SplitSeq(fields, ",") {
		at := t.find(strings.TrimSpace(name))
		if at < 0 {
			return nil, false, invalid(ctx, "fields", fields, "there is no column "+quoted(name)+"; there are "+t.names(false))
		}
		if !slices.Contains(columns, at) {
			columns = append(columns, at)
		}
	}
	return columns, false, nil
}

func (t *table[T]) readSort(ctx context.Context, sort string) (chosen []order, err error) {
	if sort == "" {
		return nil, nil
	}
	for name := range strings.SplitSeq(sort, ",") {
		name, down := strings.CutPrefix(strings.TrimSpace(name), "-")
		at := t.find(name)
		if at < 0 || t.columns[at].kind == kindOther {
			return nil, invalid(ctx, "sort", sort, "cannot sort by "+quoted(name)+"; possible are "+t.names(true))
		}
		chosen = append(chosen, order{at, down})
	}
	return chosen, nil
}

// quoted shows a client's word in a sentence, cut where it is long.
func quoted(word string) string {
	const longest = 60
	if len(word) > longest {
		word = word[:longest] + "…"
	}
	return `"` + strings.ToValidUTF8(word, "?") + `"`
}

// sortKey names the order, so that a cursor of another order is refused.
func (w *wanted) sortKey(columns []column) string {
	var key strings.Builder
	for _, o := range w.order {
		if o.down {
			key.WriteByte('-')
		}
		key.WriteString(columns[o.column].name)
		key.WriteByte(',')
	}
	return key.String()
}
