package api

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"strconv"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// format is the form of a list's answer.
type format string

const (
	formatJSON    format = "json"
	formatCSV     format = "csv"
	formatGeoJSON format = "geojson"
	formatNDJSON  format = "ndjson"
)

// formats are the media types by format.
func formats() map[format]string {
	return map[format]string{
		formatJSON: jsonType, formatCSV: "text/csv", formatGeoJSON: "application/geo+json", formatNDJSON: "application/x-ndjson",
	}
}

func (f format) contentType() string {
	if f == formatCSV {
		return "text/csv; charset=utf-8; header=present"
	}
	if f == formatGPX {
		return gpxType
	}
	return formats()[f]
}

// format is what format= says, else an Accept that is exactly one of ours, else
// JSON, whatever the Accept header would rather have.
func (p *ListParams) format() format {
	if p.Format != "" {
		return format(p.Format)
	}
	for name, mediaType := range formats() {
		if p.Accept == mediaType {
			return name
		}
	}
	return formatJSON
}

// sheet is rows and columns as they are written.
type sheet interface {
	count() int
	names() []string
	value(row, column int) any        // as json.Marshal takes it; nil is null
	whole(row int) jsontext.Value     // the row as JSON where it is at hand, else nil
	geometry(row int) (any, error)    // as GeoJSON has it; nil is none
	property(column int) (shown bool) // whether a feature's properties show the column
}

// write returns the answer in parts, one after the other. A part may stand twice.
func (f format) write(p *page) ([][]byte, error) {
	var out bytes.Buffer
	var err error
	switch f {
	case formatCSV:
		err = writeCSV(&out, p.sheet)
	case formatNDJSON:
		err = writeNDJSON(&out, p.sheet)
	case formatGeoJSON:
		err = writeGeoJSON(&out, p.sheet)
	default:
		return writeJSON(p)
	}
	return [][]byte{out.Bytes()}, err
}

// writeJSON writes the answer's object up to where its meta follows: the
// original's keys first, as its clients know them.
func writeJSON(p *page) (parts [][]byte, err error) {
	var rows bytes.Buffer
	rows.WriteByte('[')
	for i := range p.count {
		if i > 0 {
			rows.WriteByte(',')
		}
		if err := writeRow(&rows, p.sheet, i); err != nil {
			return nil, err
		}
	}
	rows.WriteByte(']')
	envelope := []byte{'{'}
	if p.key != "" {
		parts = append(parts, fmt.Appendf(envelope, `"%s":`, p.key), rows.Bytes())
		envelope = []byte{','}
	}
	if p.keys != nil {
		keys, err := json.Marshal(p.keys, jsontext.AllowInvalidUTF8(true), json.Deterministic(true))
		if err != nil {
			return nil, err
		}
		if inner := keys[1 : len(keys)-1]; len(inner) > 0 {
			envelope = append(append(envelope, inner...), ',')
		}
	}
	return append(parts, append(envelope, `"data":`...), rows.Bytes()), nil
}

func writeRow(out *bytes.Buffer, s sheet, row int) error {
	if whole := s.whole(row); whole != nil {
		out.Write(whole)
		return nil
	}
	return writeObject(out, s, row, func(int) bool { return true })
}

func writeObject(out *bytes.Buffer, s sheet, row int, shown func(column int) bool) error {
	out.WriteByte('{')
	first := true
	for column, name := range s.names() {
		if !shown(column) {
			continue
		}
		if !first {
			out.WriteByte(',')
		}
		first = false
		out.WriteByte('"')
		out.WriteString(name) // a json tag: nothing to escape
		out.WriteString(`":`)
		if err := writeValue(out, s.value(row, column)); err != nil {
			return err
		}
	}
	out.WriteByte('}')
	return nil
}

func writeValue(out *bytes.Buffer, value any) error {
	switch value := value.(type) {
	case nil:
		out.WriteString("null")
	case int:
		out.Write(strconv.AppendInt(out.AvailableBuffer(), int64(value), 10))
	case string:
		quoted, _ := jsontext.AppendQuote(out.AvailableBuffer(), value) // its error: invalid UTF-8, replaced
		out.Write(quoted)
	case time.Time:
		out.Write(appendTime(out.AvailableBuffer(), value))
	default:
		raw, err := json.Marshal(value, jsontext.AllowInvalidUTF8(true), json.Deterministic(true))
		if err != nil {
			return err
		}
		out.Write(raw)
	}
	return nil
}

func writeNDJSON(out *bytes.Buffer, s sheet) error {
	for i := range s.count() {
		if err := writeRow(out, s, i); err != nil {
			return err
		}
		out.WriteByte('\n')
	}
	return nil
}

// writeCSV writes a line of names and a line a row (RFC 4180): null is empty,
// lists and objects are JSON.
func writeCSV(out *bytes.Buffer, s sheet) error {
	writer := csv.NewWriter(out)
	writer.UseCRLF = true
	if err := writer.Write(s.names()); err != nil {
		return err
	}
	line := make([]string, len(s.names()))
	for i := range s.count() {
		for column := range line {
			text, err := csvText(s.value(i, column))
			if err != nil {
				return err
			}
			line[column] = text
		}
		if err := writer.Write(line); err != nil {
			return err
		}
	}
	writer.Flush()
	return writer.Error()
}

func csvText(value any) (string, error) {
	switch value := value.(type) {
	case nil:
		return "", nil
	case string:
		return value, nil
	case time.Time:
		return value.UTC().Format(time.RFC3339Nano), nil
	default:
		raw, err := json.Marshal(value, jsontext.AllowInvalidUTF8(true), json.Deterministic(true))
		if err == nil && len(raw) > 1 && raw[0] == '"' {
			var text string
			if err := json.Unmarshal(raw, &text); err == nil {
				return text, nil // a text of a type of its own
			}
		}
		return string(raw), err
	}
}

// writeGeoJSON writes a FeatureCollection (RFC 7946) up to where its meta
// follows, which is a foreign member that the standard allows.
func writeGeoJSON(out *bytes.Buffer, s sheet) error {
	out.WriteString(`{"type":"FeatureCollection","features":[`)
	for i := range s.count() {
		if i > 0 {
			out.WriteByte(',')
		}
		geometry, err := s.geometry(i)
		if err != nil {
			return err
		}
		out.WriteString(`{"type":"Feature","geometry":`)
		if err := writeValue(out, geometry); err != nil {
			return err
		}
		out.WriteString(`,"properties":`)
		if err := writeObject(out, s, i, s.property); err != nil {
			return err
		}
		out.WriteByte('}')
	}
	out.WriteByte(']')
	return nil
}

// point is a GeoJSON point: longitude first.
type point struct {
	Type        string     `json:"type"`
	Coordinates [2]float64 `json:"coordinates"`
}
