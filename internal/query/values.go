package query

import (
	"bytes"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/jackc/pgx/v5/pgtype"
)

// shape is how PostgreSQL's text of a value becomes JSON.
type shape int

const (
	shapeText    shape = iota
	shapeNumber        // exact in a double
	shapeWhole         // int8 and numeric: beyond ±2^53 a string
	shapeFloat         // NaN and infinity are null
	shapeBoolean       //
	shapeJSON          // as it is, without its white space
	shapeInstant       // timestamptz, timestamp: RFC 3339 in UTC
	shapeDate          //
	shapeBytes         // hexadecimal
)

// kind is a type's shape; element is set for arrays.
type kind struct {
	shape   shape
	element *kind
}

// exact is the largest whole number up to which a double holds every one.
const exact = 1 << 53

// typeOf returns the name of a type and its kind. Types that are not of the
// server itself are text.
func typeOf(types *pgtype.Map, oid uint32) (string, kind) {
	known, ok := types.TypeForOID(oid)
	if !ok {
		return "other", kind{}
	}
	if array, ok := known.Codec.(*pgtype.ArrayCodec); ok {
		name, element := typeOf(types, array.ElementType.OID)
		return name + "[]", kind{element: &element}
	}
	return known.Name, kind{shape: shapeOf(oid)}
}

func shapeOf(oid uint32) shape {
	switch oid {
	case pgtype.Int2OID, pgtype.Int4OID, pgtype.OIDOID:
		return shapeNumber
	case pgtype.Int8OID, pgtype.NumericOID:
		return shapeWhole
	case pgtype.Float4OID, pgtype.Float8OID:
		return shapeFloat
	case pgtype.BoolOID:
		return shapeBoolean
	case pgtype.JSONOID, pgtype.JSONBOID:
		return shapeJSON
	case pgtype.TimestamptzOID, pgtype.TimestampOID:
		return shapeInstant
	case pgtype.DateOID:
		return shapeDate
	case pgtype.ByteaOID:
		return shapeBytes
	default:
		return shapeText
	}
}

func (k kind) json() string {
	switch {
	case k.element != nil:
		return "array"
	case k.shape == shapeNumber, k.shape == shapeWhole, k.shape == shapeFloat:
		return "number"
	case k.shape == shapeBoolean:
		return "boolean"
	case k.shape == shapeJSON:
		return "any"
	default:
		return "string"
	}
}

// take copies a value from the wire. What has no value in JSON is null.
func (k kind) take(wire []byte) cell {
	if wire == nil || k.element == nil && k.nothing(string(wire)) {
		return nil
	}
	if k.element == nil {
		return k.written(wire)
	}
	return bytes.Clone(wire)
}

// nothing reports whether a value has no counterpart in JSON.
func (k kind) nothing(text string) bool {
	switch k.shape {
	case shapeFloat, shapeWhole:
		return text == "NaN" || strings.HasSuffix(text, "Infinity")
	case shapeInstant, shapeDate:
		return strings.HasSuffix(text, "infinity")
	default:
		return false
	}
}

// written turns PostgreSQL's text of a single value into ours.
func (k kind) written(wire []byte) []byte {
	switch k.shape {
	case shapeBoolean:
		return strconv.AppendBool(nil, string(wire) == "t")
	case shapeInstant:
		return instant(string(wire))
	case shapeBytes:
		return bytes.TrimPrefix(bytes.Clone(wire), []byte(`\x`))
	case shapeJSON:
		value := jsontext.Value(bytes.Clone(wire))
		// What json allows and we do not (a key twice, a lone surrogate) is
		// told as text.
		if !value.IsValid() || value.Compact() != nil {
			return appendText(nil, string(wire))
		}
		return value
	default:
		return bytes.Clone(wire)
	}
}

// instant turns "2024-11-21 11:47:25.116424+00" into RFC 3339. A time of no
// zone is taken to be UTC, as everything here is. Years beyond four digits and
// before Christ, which RFC 3339 lacks, stay as PostgreSQL writes them.
func instant(text string) []byte {
	date, clock, found := strings.Cut(text, " ")
	if !found || len(date) != len("2006-01-02") || strings.HasSuffix(text, "BC") {
		return []byte(text)
	}
	return []byte(date + "T" + strings.TrimSuffix(clock, "+00") + "Z")
}

// wide reports whether the value, or one in an array, is a number that a double
// does not hold.
func (k kind) wide(value cell) bool {
	if value == nil {
		return false
	}
	if k.element != nil {
		if k.element.shape != shapeWhole {
			return false
		}
		for field := range bytes.FieldsFuncSeq(value, func(r rune) bool { return strings.ContainsRune(`{},"`, r) }) {
			if k.element.wide(field) {
				return true
			}
		}
		return false
	}
	if k.shape != shapeWhole || len(value) < len("9007199254740992") {
		return false
	}
	number, err := strconv.ParseFloat(string(value), 64)
	return err != nil || number > exact || number < -exact || number == exact && string(value) != "9007199254740992"
}

// size is about what the value takes in JSON.
func (k kind) size(value cell) int {
	switch {
	case value == nil:
		return len("null")
	case k.element == nil && k.shape == shapeText:
		return len(appendText(nil, string(value)))
	default:
		return len(value) + 2
	}
}

// appendJSON writes the value; asText makes whole numbers strings.
func (k kind) appendJSON(to []byte, value cell, asText bool) []byte {
	switch {
	case value == nil:
		return append(to, "null"...)
	case k.element != nil:
		return k.appendArray(to, string(value), asText)
	case k.shape == shapeNumber, k.shape == shapeFloat, k.shape == shapeBoolean, k.shape == shapeJSON:
		return append(to, value...)
	case k.shape == shapeWhole && !asText:
		return append(to, value...)
	default:
		return appendText(to, string(value))
	}
}

func appendText(to []byte, text string) []byte {
	quoted, err := jsontext.AppendQuote(to, text)
	if err != nil { // not UTF-8, which the server does not send
		return append(to, `""`...)
	}
	return quoted
}
