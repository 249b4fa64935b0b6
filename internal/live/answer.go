package live

import (
	"bytes"
	"io"
	"slices"
	"strconv"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/skyledger/skyledger/internal/gzipped"
)

// Name says which of the common answers is meant.
type Name string

// The common answers.
const (
	Flights   Name = "flights"
	Positions Name = "positions"
	Network   Name = "network"
)

// Names lists the common answers.
func Names() []Name { return []Name{Flights, Positions, Network} }

// Encoding is how an answer's bytes are encoded.
type Encoding string

// The encodings that answers are kept in.
const (
	JSON Encoding = "json"
	Gzip Encoding = "gzip"
)

// Layer says which layer answered.
type Layer string

// The layers, nearest first. Log means that the view was built again from the
// log, as far as PostgreSQL's head has come.
const (
	LayerMemory Layer = "memory"
	LayerRedis  Layer = "redis"
	LayerLog    Layer = "log"
)

// StaleAfter is how long after its arrival a snapshot counts as now: two ticks
// of 15 s, and the 10 s that the fetch of the second may take.
const StaleAfter = 40 * time.Second

// LiveSource is the source that answers need not name.
const LiveSource = "live"

// Answer is one common answer. Its bytes are a rendered part, shared by all who
// ask while the snapshot stands, and a tail of a few hundred bytes made at the
// moment of the answer, since age and staleness change by the second. In gzip
// both are one member: the rendered part ends on a byte boundary (a sync
// flush), the tail follows as a stored block, and the checksum is carried on.
type Answer struct {
	Name     Name
	Encoding Encoding
	Source   string
	Snapshot time.Time // of the rows; the answer's version
	Received time.Time
	Summary  Summary
	Held     bool // newer snapshots were suspicious and are not shown
	Layer    Layer
	Stale    bool
	Age      time.Duration // of the snapshot, at the moment of the answer
	ETag     string        // strong: schema, snapshot, answer, staleness and encoding, in quotes

	entry *entry
}

// Cached reports whether the answer came from a cache.
func (a *Answer) Cached() bool { return a.Layer != LayerLog }

// Body returns the answer's bytes, with the layer that answered as a key of its
// own when asked.
func (a *Answer) Body(withLayer bool) []byte {
	return slices.Concat(a.Parts(withLayer)...)
}

// wholeUpTo is the largest answer that is kept in one piece: up to here one
// write is measurably faster than several, and a copy each second costs nothing.
const wholeUpTo = 1 << 20

// whole is an answer in one piece, good until its tail changes: a second.
type whole struct {
	tail []byte // as text
	body []byte
}

// Parts returns the answer's bytes in order, in pieces that are shared and must
// not be changed. An entry that is used a second time is put in one piece: the
// first use may be its only one.
func (a *Answer) Parts(withLayer bool) [][]byte {
	tail := a.tail(withLayer)
	if first := !a.entry.used.Swap(true); first || a.entry.length > wholeUpTo {
		return append(slices.Clone(a.entry.parts), a.encoded(tail))
	}
	slot := &a.entry.whole
	if withLayer {
		slot = &a.entry.wholeWithLayer
	}
	kept := slot.Load()
	if kept == nil || !bytes.Equal(kept.tail, tail) {
		kept = &whole{tail: tail, body: slices.Concat(append(slices.Clone(a.entry.parts), a.encoded(tail))...)}
		slot.Store(kept)
	}
	return [][]byte{kept.body}
}

func (a *Answer) encoded(tail []byte) []byte {
	if a.Encoding == Gzip {
		return gzipped.Tail(tail, a.entry.checksum, a.entry.size)
	}
	return tail
}

// WriteTo writes the answer's bytes.
func (a *Answer) WriteTo(w io.Writer) (written int64, err error) {
	for _, part := range a.Parts(false) {
		n, err := w.Write(part)
		written += int64(n)
		if err != nil {
			return written, err
		}
	}
	return written, nil
}

// tail is what follows the rendered part: whatever depends on the moment.
func (a *Answer) tail(withLayer bool) []byte {
	out := make([]byte, 0, 384)
	if a.Name != Network {
		out = append(out, `,"cached":`...)
		out = strconv.AppendBool(out, a.Cached())
	}
	if withLayer {
		out = append(out, `,"layer":"`...)
		out = append(append(out, a.Layer...), '"')
	}
	out = append(out, `,"meta":{"as_of":`...)
	out = appendTime(out, a.Snapshot)
	out = append(out, `,"age_s":`...)
	out = strconv.AppendInt(out, int64(a.Age/time.Second), 10)
	out = append(out, `,"stale":`...)
	out = strconv.AppendBool(out, a.Stale)
	out = append(out, `,"snapshot":`...)
	out = appendTime(out, a.Snapshot)
	out = append(out, `,"count":`...)
	out = strconv.AppendInt(out, int64(a.entry.rows), 10)
	out = append(out, `,"next_cursor":null`...)
	if a.Source != LiveSource {
		out = append(out, `,"source":`...)
		out, _ = jsontext.AppendQuote(out, a.Source) // its error: invalid UTF-8, replaced
	}
	return append(out, `}}`...)
}

func appendTime(out []byte, moment time.Time) []byte {
	out = append(out, '"')
	out = moment.UTC().AppendFormat(out, time.RFC3339Nano)
	return append(out, '"')
}

// answer makes the answer that an entry gives at this moment.
func (e *entry) answer(p pointer, layer Layer, now time.Time, unverified bool) Answer {
	head := &e.head
	answer := Answer{
		Name: head.Name, Encoding: head.Encoding, Source: head.Source, Summary: head.Summary,
		Snapshot: time.UnixMicro(head.Snapshot).UTC(), Received: time.UnixMicro(head.Received).UTC(),
		Held: p.seen > head.Snapshot, Layer: layer, entry: e,
	}
	answer.Age = max(0, now.Sub(answer.Snapshot))
	answer.Stale = unverified || answer.Held || now.Sub(answer.Received) > StaleAfter
	tag := append(make([]byte, 0, 64), '"')
	tag = append(append(tag, schema...), '.')
	tag = append(strconv.AppendInt(tag, head.Snapshot, 36), '.')
	tag = append(tag, head.Name...)
	if answer.Stale {
		tag = append(tag, ".stale"...)
	}
	if head.Encoding != JSON {
		tag = append(append(tag, '.'), head.Encoding...)
	}
	answer.ETag = string(append(tag, '"'))
	return answer
}
