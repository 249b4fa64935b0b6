package live

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"sync/atomic"
	"time"

	"github.com/cespare/xxhash/v2"
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/skyledger/skyledger/internal/gzipped"
)

// schema is the version of what lies in Redis: the entries' layout and the
// answers' shape. It is part of every key, so that two releases beside each
// other do not read each other's entries. Raise it with every change of either.
const schema = "3"

// deflateLevel takes 60 % of level 9's time for 2 % more bytes, on 2,500 flights.
const deflateLevel = 5

// entry is one answer in one encoding, ready but for its tail.
type entry struct {
	head     entryHead
	rows     int
	parts    [][]byte // everything before the tail; what shows the rows twice refers to them twice
	length   int      // bytes of the parts
	checksum uint32   // CRC-32 of the parts before compression
	size     uint32   // bytes of the parts before compression

	used                  atomic.Bool
	whole, wholeWithLayer atomic.Pointer[whole]

	flights   decoded[Flight]
	positions decoded[Position]
	made      shelf
}

// entryHead describes an entry where it lies.
type entryHead struct {
	Name     Name     `json:"name"`
	Encoding Encoding `json:"encoding"`
	Source   string   `json:"source"`
	Snapshot int64    `json:"snapshot"` // µs since 1970
	Received int64    `json:"received"` // µs since 1970
	Rows     int      `json:"rows"`
	Summary  Summary  `json:"summary"`
	Checksum uint32   `json:"checksum"`
	Size     uint32   `json:"size"`
}

// rendered is an entry as it is kept: the rows once. An answer shows them
// twice, as data and under the key that the original gave them, so they are
// laid out when they are loaded.
type rendered struct {
	head entryHead
	rows []byte // JSON, or the same as deflate blocks that end on a byte boundary
}

// networkRow is the one row of /api/network/status.
type networkRow struct {
	TotalControllers  int       `json:"total_controllers"`
	OnlineControllers int       `json:"online_controllers"`
	TotalFlights      int       `json:"total_flights"`
	TotalSectors      *int      `json:"total_sectors"`
	LastUpdate        time.Time `json:"last_update"`
}

// render makes every common answer of a view in every encoding.
func render(view *View) ([]rendered, error) {
	all := make([]rendered, 0, 2*len(Names()))
	for _, name := range Names() {
		head := entryHead{
			Name: name, Encoding: JSON, Source: view.Source, Summary: view.Summary,
			Snapshot: view.Snapshot.UnixMicro(), Received: view.Received.UnixMicro(),
		}
		var rows any
		switch name {
		case Flights:
			rows, head.Rows = view.Flights, len(view.Flights)
		case Positions:
			rows, head.Rows = view.Positions, len(view.Positions)
		default:
			rows, head.Rows = []networkRow{head.network()}, 1
		}
		body, err := json.Marshal(rows, jsontext.AllowInvalidUTF8(true))
		if err != nil {
			return nil, err
		}
		parts, err := head.layout(body)
		if err != nil {
			return nil, err
		}
		for _, part := range parts {
			head.Checksum = crc32.Update(head.Checksum, crc32.IEEETable, part)
			head.Size += uint32(len(part))
		}
		all = append(all, rendered{head, body})
		head.Encoding = Gzip
		squeezed, err := gzipped.Deflate(body, deflateLevel)
		if err != nil {
			return nil, err
		}
		all = append(all, rendered{head, squeezed})
	}
	return all, nil
}

func (h *entryHead) network() networkRow {
	return networkRow{
		TotalControllers: h.Summary.Controllers, OnlineControllers: h.Summary.Online,
		TotalFlights: h.Summary.Flights, TotalSectors: h.Summary.Sectors, LastUpdate: time.UnixMicro(h.Snapshot).UTC(),
	}
}

// layout returns the parts that stand before an answer's tail: envelope and
// rows in turn, beginning with the envelope. Lists show their rows twice.
func (h *entryHead) layout(rows []byte) ([][]byte, error) {
	if h.Name == Network {
		keys, err := json.Marshal(h.network())
		if err != nil {
			return nil, err
		}
		return [][]byte{append(keys[:len(keys)-1], `,"data":`...), rows}, nil
	}
	key, second, count := "flights", "active", h.Summary.Flights
	if h.Name == Positions {
		key, second, count = "positions", "online", h.Summary.Online
	}
	opening := fmt.Appendf(nil, `{"%s":`, key)
	middle := fmt.Appendf(nil, `,"total":%d,"%s":%d,"data":`, h.Rows, second, count)
	return [][]byte{opening, rows, middle, rows}, nil
}

// load lays an answer out as it is sent. The rows are referred to, not copied.
func (r rendered) load() (*entry, error) {
	loaded := &entry{head: r.head, rows: r.head.Rows, checksum: r.head.Checksum, size: r.head.Size}
	parts, err := r.head.layout(r.rows)
	if err != nil {
		return nil, err
	}
	for i, part := range parts {
		if r.head.Encoding == Gzip && i%2 == 0 {
			part = gzipped.AppendStored(nil, part)
		}
		loaded.length += len(part)
		loaded.parts = append(loaded.parts, part)
	}
	if r.head.Encoding == Gzip {
		loaded.parts[0] = append([]byte(gzipped.Header), loaded.parts[0]...)
		loaded.length += len(gzipped.Header)
	}
	return loaded, nil
}

// An entry in Redis: a magic word, the XXH64 of what follows, the length of the
// head, the head as JSON, the rows.
const (
	magic      = "skyledger\x01"
	fixedBytes = len(magic) + 8 + 4
)

var errGarbage = errors.New("not an entry of ours")

func (r rendered) marshal() ([]byte, error) {
	head, err := json.Marshal(r.head)
	if err != nil {
		return nil, err
	}
	out := make([]byte, fixedBytes, fixedBytes+len(head)+len(r.rows))
	copy(out, magic)
	binary.LittleEndian.PutUint32(out[len(magic)+8:], uint32(len(head)))
	out = append(append(out, head...), r.rows...)
	binary.LittleEndian.PutUint64(out[len(magic):], xxhash.Sum64(out[len(magic)+8:]))
	return out, nil
}

// unmarshal reads an entry that is what was asked for, or returns errGarbage.
func unmarshal(raw []byte, version int64, name Name, encoding Encoding) (rendered, error) {
	var found rendered
	if len(raw) < fixedBytes || !bytes.HasPrefix(raw, []byte(magic)) {
		return found, errGarbage
	}
	body := raw[len(magic):]
	if binary.LittleEndian.Uint64(body) != xxhash.Sum64(body[8:]) {
		return found, errGarbage
	}
	length := int(binary.LittleEndian.Uint32(body[8:]))
	if body = body[12:]; length > len(body) {
		return found, errGarbage
	}
	if err := json.Unmarshal(body[:length], &found.head); err != nil {
		return found, errGarbage
	}
	if found.head.Snapshot != version || found.head.Name != name || found.head.Encoding != encoding {
		return found, errGarbage
	}
	found.rows = body[length:]
	return found, nil
}
