package vatsim

import (
	"bytes"
	"errors"
	"io"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/skyledger/skyledger/internal/fault"
)

// Decode reads a network body in one pass over its bytes. It returns either the
// whole snapshot or, for a body that is not one complete JSON object with an
// update_timestamp, a fault.Upstream error with the reason "empty", "html",
// "truncated", "not_json", "not_object", "section_type" or "no_timestamp", and
// no rows at all.
//
// Wrong rows never fail a body. A row whose identity or position cannot be read
// is counted in Rejects; one that is merely odd is kept and counted in Drift.
// The plans of the result refer to body, which must not be changed while they
// are in use.
func Decode(body []byte) (*Snapshot, error) {
	const op = "vatsim.Decode"
	d := newDecoder(body)
	if err := d.network(); err != nil {
		return nil, syntaxFault(op, body, err)
	}
	if d.snapshot.UpdateTimestamp.IsZero() {
		return nil, fault.E(op, fault.Upstream, "no_timestamp", nil)
	}
	d.snapshot.Rejects = d.tally.rejects()
	d.snapshot.Drift = d.tally.driftCounts()
	return &d.snapshot, nil
}

// decoder is the state of one Decode. Values it hands out are sub-slices of
// body, so they stay valid for as long as body does.
type decoder struct {
	json     *jsontext.Decoder
	body     []byte
	snapshot Snapshot
	tally    tally
	text     texts
	starts   [KindPrefile + 1][]uint32 // where each kept row starts in body, by kind
}

func newDecoder(body []byte) *decoder {
	return &decoder{
		// A bytes.Buffer is parsed where it lies, without a copy. Checking names
		// for duplicates costs a map entry per key, and what is not UTF-8 is
		// replaced field by field: neither may refuse a body.
		json: jsontext.NewDecoder(bytes.NewBuffer(body),
			jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true)),
		body:  body,
		tally: newTally(),
		text:  newTexts(),
	}
}

// value reads the next value, or the next name of an object, as raw JSON.
func (d *decoder) value() ([]byte, error) {
	raw, err := d.json.ReadValue()
	if err != nil {
		return nil, err
	}
	end := int(d.json.InputOffset())
	return d.body[end-len(raw) : end : end], nil
}

// name reads the next name of an object without its quotes.
func (d *decoder) name() ([]byte, error) {
	raw, err := d.value()
	if err != nil {
		return nil, err
	}
	return d.text.unquoted(raw), nil
}

// open reads the delimiter that the caller has seen by PeekKind.
func (d *decoder) open() error {
	_, err := d.json.ReadToken()
	return err
}

func (d *decoder) network() error {
	if kind := d.json.PeekKind(); kind != '{' {
		return d.notObject()
	}
	if err := d.open(); err != nil {
		return err
	}
	var seen sections
	for d.json.PeekKind() != '}' {
		name, err := d.name()
		if err != nil {
			return err
		}
		if err := d.section(name, &seen); err != nil {
			return err
		}
	}
	if err := d.open(); err != nil { // the closing brace, or the error that PeekKind met
		return err
	}
	d.missing(seen)
	return d.end()
}

// end checks that nothing but white space follows the body's value.
func (d *decoder) end() error {
	switch _, err := d.json.ReadToken(); {
	case errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF):
		return nil
	case err != nil:
		return err
	default:
		return errTrailing
	}
}

// notObject reads on for the sake of the error: a body that ends early is
// truncated whatever it began with.
func (d *decoder) notObject() error {
	if err := d.json.SkipValue(); err != nil {
		return err
	}
	return errNotObject
}

// The ways in which a body can be JSON and still no feed.
var (
	errNotObject   = errors.New("the body is not a JSON object")
	errNotArray    = errors.New("the body is not a JSON array")
	errSectionType = errors.New("a section is not an array of rows")
	errTrailing    = errors.New("something follows the body's value")
)

// syntaxFault gives the error of a body that cannot be used its reason. The
// cause is kept only where it cannot quote the body, which holds names.
func syntaxFault(op string, body []byte, err error) error {
	text := bytes.TrimLeft(body, " \t\r\n")
	switch {
	case len(text) == 0:
		return fault.E(op, fault.Upstream, "empty", nil)
	case text[0] == '<':
		return fault.E(op, fault.Upstream, "html", nil)
	case errors.Is(err, errNotObject), errors.Is(err, errNotArray):
		return fault.E(op, fault.Upstream, "not_object", err)
	case errors.Is(err, errSectionType):
		return fault.E(op, fault.Upstream, "section_type", err)
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		return fault.E(op, fault.Upstream, "truncated", nil)
	default:
		return fault.E(op, fault.Upstream, "not_json", nil)
	}
}

// Malformed reports whether an error of the client or of a decoder means that
// a body came and was none of the feed's, and not that nothing came.
func Malformed(err error) bool {
	switch fault.ReasonOf(err) {
	case "empty", "html", "truncated", "not_json", "not_object", "section_type", "no_timestamp",
		"too_large", "gzip", "encoding":
		return fault.Is(err, fault.Upstream)
	default:
		return false
	}
}
