package vatsim

import (
	"time"

	"github.com/skyledger/skyledger/internal/fault"
)

// PeekTimestamp reads a network body's update_timestamp without decoding its
// rows; the feed sends it first, so this costs microseconds. It says nothing
// about the rest of the body: only Decode does. Its errors are Decode's.
func PeekTimestamp(body []byte) (time.Time, error) {
	const op = "vatsim.PeekTimestamp"
	d := newDecoder(body)
	if err := d.peek(); err != nil {
		return time.Time{}, syntaxFault(op, body, err)
	}
	if d.snapshot.UpdateTimestamp.IsZero() {
		return time.Time{}, fault.E(op, fault.Upstream, "no_timestamp", nil)
	}
	return d.snapshot.UpdateTimestamp, nil
}

// peek reads sections until the header has been seen.
func (d *decoder) peek() error {
	if d.json.PeekKind() != '{' {
		return d.notObject()
	}
	if err := d.open(); err != nil {
		return err
	}
	for d.json.PeekKind() != '}' {
		name, err := d.name()
		if err != nil {
			return err
		}
		if string(name) == "general" {
			return d.general()
		}
		if err := d.json.SkipValue(); err != nil {
			return err
		}
	}
	return d.open()
}
