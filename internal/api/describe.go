package api

import (
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"
)

// response describes a list's answer in every form it has.
func (t *table[T]) response(s *service, input reflect.Type, summary string) *huma.Response {
	schemas := s.api.OpenAPI().Components.Schemas
	row := schemas.Schema(reflect.TypeFor[T](), true, "")
	if described := schemas.SchemaFromRef(row.Ref); described != nil {
		described.Required = nil // fields= leaves some out
	}
	if _, series := reflect.New(input).Interface().(interface{ layoutParams() *LayoutParams }); series {
		row = &huma.Schema{AnyOf: []*huma.Schema{row, t.longRow()}}
	}
	content := map[string]*huma.MediaType{
		jsonType:                {Schema: t.envelope(schemas, row)},
		formats()[formatCSV]:    {Schema: &huma.Schema{Type: huma.TypeString, Description: "a line of names and a line a row; null is empty"}},
		formats()[formatNDJSON]: {Schema: &huma.Schema{Type: huma.TypeString, Description: "a row a line, as in data"}},
	}
	if t.Geometry != nil || t.lat >= 0 {
		content[formats()[formatGeoJSON]] = &huma.MediaType{Schema: features(schemas)}
	}
	return &huma.Response{Description: summary, Content: content}
}

// parameters says in the description what fields and sort take of these rows.
// It is for readers and for their tools: requests are held against the columns
// themselves, whose refusals say more than that a pattern was missed.
func (t *table[T]) parameters(operation *huma.Operation) {
	var all, sortable []string
	for _, column := range t.columns {
		all = append(all, column.name)
		if column.kind != kindOther {
			sortable = append(sortable, "-?"+column.name)
		}
	}
	for _, parameter := range operation.Parameters {
		switch parameter.Name {
		case "fields":
			parameter.Schema.Pattern = listPattern(all)
		case "sort":
			parameter.Schema.Pattern = listPattern(sortable)
		}
	}
}

func listPattern(words []string) string {
	one := "(" + strings.Join(words, "|") + ")"
	return "^(" + one + "(," + one + ")*)?$"
}

// patterns says the same of what is alike in every operation.
func patterns(operation *huma.Operation) {
	const (
		lat    = `-?(90(\.0+)?|[0-8]?[0-9](\.[0-9]+)?)`
		lon    = `-?(180(\.0+)?|(1[0-7][0-9]|[0-9]{1,2})(\.[0-9]+)?)`
		miles  = `(0\.0*[1-9][0-9]*|([1-9][0-9]{0,3}|10[0-7][0-9]{2}|10800)(\.[0-9]+)?)`
		day    = `[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])`
		clock  = `([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\.[0-9]{1,9})?`
		moment = `^(` + day + `T` + clock + `(Z|[+-](0[0-9]|1[0-4]):[0-5][0-9])|[0-9]{1,10}|[0-9]{13})?$`
	)
	known := map[string]string{
		"from": moment, "to": moment, "at": moment,
		"bbox":   "^(" + strings.Join([]string{lon, lat, lon, lat}, ",") + ")?$",
		"near":   "^(" + strings.Join([]string{lat, lon, miles}, ",") + ")?$",
		"cursor": "^[A-Za-z0-9_-]*$",
	}
	for _, parameter := range operation.Parameters {
		if pattern, ok := known[parameter.Name]; ok && parameter.In == "query" && parameter.Schema.Pattern == "" {
			parameter.Schema.Pattern = pattern
		}
	}
}

// envelope is the JSON form: the original's keys beside data and meta.
func (t *table[T]) envelope(schemas huma.Registry, row *huma.Schema) *huma.Schema {
	rows := &huma.Schema{Type: huma.TypeArray, Items: row}
	answer := &huma.Schema{Type: huma.TypeObject, Properties: map[string]*huma.Schema{}}
	if t.Keys != nil {
		keys := huma.SchemaFromType(schemas, reflect.TypeOf(t.Keys))
		markNullable(keys, reflect.TypeOf(t.Keys))
		maps.Copy(answer.Properties, keys.Properties)
		answer.Required = append(answer.Required, keys.Required...)
	}
	if t.Key != "" {
		answer.Properties[t.Key] = rows
		answer.Required = append(answer.Required, t.Key)
	}
	if t.Timestamp {
		answer.Properties["timestamp"] = &huma.Schema{Type: huma.TypeString, Format: "date-time", Description: "when this answer was made"}
		answer.Required = append(answer.Required, "timestamp")
	}
	answer.Properties["data"], answer.Properties["meta"] = rows, schemas.Schema(reflect.TypeFor[Meta](), true, "")
	answer.Required = append(answer.Required, "data", "meta")
	return answer
}

// longRow describes what layout=long makes of a row.
func (t *table[T]) longRow() *huma.Schema {
	var figures []any
	long := &huma.Schema{Type: huma.TypeObject, Properties: map[string]*huma.Schema{}, Required: []string{metricTitle, valueTitle}}
	for _, column := range t.columns {
		if column.kind == kindNumber {
			figures = append(figures, column.name)
			continue
		}
		long.Properties[column.name] = &huma.Schema{Description: "as in the wide layout"}
	}
	long.Properties[metricTitle] = &huma.Schema{Type: huma.TypeString, Enum: figures}
	long.Properties[valueTitle] = &huma.Schema{Type: huma.TypeNumber, Nullable: true}
	return long
}

// features describes a GeoJSON FeatureCollection.
func features(schemas huma.Registry) *huma.Schema {
	object := func() *huma.Schema { return &huma.Schema{Type: huma.TypeObject, AdditionalProperties: true} }
	geometry := object()
	geometry.Nullable = true
	return &huma.Schema{
		Type: huma.TypeObject, Required: []string{"type", "features", "meta"},
		Properties: map[string]*huma.Schema{
			"type": {Type: huma.TypeString, Enum: []any{"FeatureCollection"}},
			"features": {Type: huma.TypeArray, Items: &huma.Schema{
				Type: huma.TypeObject, Required: []string{"type", "geometry", "properties"},
				Properties: map[string]*huma.Schema{
					"type": {Type: huma.TypeString, Enum: []any{"Feature"}}, "geometry": geometry, "properties": object(),
				},
			}},
			"meta": schemas.Schema(reflect.TypeFor[Meta](), true, ""),
		},
	}
}

// noNulls says of every list in the schemas that it is never null: an empty one
// is empty.
func noNulls(schemas map[string]*huma.Schema) {
	for _, name := range slices.Sorted(maps.Keys(schemas)) {
		for _, property := range schemas[name].Properties {
			if property.Type == huma.TypeArray {
				property.Nullable = false
			}
		}
	}
}

// nullableObjects says of every object that a pointer holds that it may be null.
func nullableObjects(schemas huma.Registry) {
	const prefix = "#/components/schemas/"
	for name, schema := range schemas.Map() {
		if of := schemas.TypeFromRef(prefix + name); of != nil {
			markNullable(schema, of)
		}
	}
}

func markNullable(schema *huma.Schema, of reflect.Type) {
	if of.Kind() != reflect.Struct {
		return
	}
	for _, field := range reflect.VisibleFields(of) {
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		property := schema.Properties[name]
		if property == nil || property.Ref == "" || field.Type.Kind() != reflect.Pointer {
			continue
		}
		schema.Properties[name] = &huma.Schema{
			AnyOf: []*huma.Schema{{Ref: property.Ref}, {Type: "null"}}, Description: field.Tag.Get("doc"),
		}
	}
}

// groupOf is a function's name as the documentation's chapters have it.
func groupOf(function string) string { return strings.TrimPrefix(function, "api-") }
