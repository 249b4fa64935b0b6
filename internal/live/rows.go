package live

import (
	"bytes"
	"sync"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/skyledger/skyledger/internal/fault"
)

// decoded are an entry's rows for those who ask for some of them: read once,
// by the first who does.
type decoded[T any] struct {
	once sync.Once
	rows []T
	raw  []jsontext.Value
	err  error
}

func (d *decoded[T]) of(text []byte) ([]T, []jsontext.Value, error) {
	d.once.Do(func() {
		decoder := jsontext.NewDecoder(bytes.NewReader(text), jsontext.AllowInvalidUTF8(true))
		if _, d.err = decoder.ReadToken(); d.err != nil {
			return
		}
		for decoder.PeekKind() != jsontext.KindEndArray {
			value, err := decoder.ReadValue()
			if err != nil {
				d.err = err
				return
			}
			var row T
			if d.err = json.Unmarshal(value, &row, jsontext.AllowInvalidUTF8(true)); d.err != nil {
				return
			}
			d.rows, d.raw = append(d.rows, row), append(d.raw, value.Clone())
		}
	})
	if d.err != nil {
		return nil, nil, fault.E("live.decoded", fault.Internal, "rows", d.err)
	}
	return d.rows, d.raw, nil
}

// FlightRows returns the rows of an answer named Flights in JSON, and each as
// its JSON. They are shared by all who ask and must not be changed.
func (a *Answer) FlightRows() ([]Flight, []jsontext.Value, error) {
	return a.entry.flights.of(a.entry.rowsText())
}

// PositionRows does the same for an answer named Positions.
func (a *Answer) PositionRows() ([]Position, []jsontext.Value, error) {
	return a.entry.positions.of(a.entry.rowsText())
}

// rowsText is the rows' JSON in an entry that is not compressed.
func (e *entry) rowsText() []byte { return e.parts[1] }
