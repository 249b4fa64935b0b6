package verify

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"
)

// connection identifies one session: logon is in microseconds since 1970, 0 for
// a prefile.
type connection struct {
	kind     kind
	cid      int32
	callsign string
	logon    int64
}

func (c connection) String() string {
	if c.kind == prefiles {
		return fmt.Sprintf("%s %d %s", c.kind, c.cid, c.callsign)
	}
	return fmt.Sprintf("%s %d %s of %s", c.kind, c.cid, c.callsign, stamp(time.UnixMicro(c.logon)))
}

// position is one row of the view skyledger.position without its time.
type position struct {
	cid                  int32
	callsign             string
	lat, lon             int32 // 1e-5 degrees
	altitude             int32 // feet
	groundspeed, heading int32
}

// order is that of the checksum.
func (p position) order(other position) int {
	return cmp.Or(cmp.Compare(p.cid, other.cid), cmp.Compare(p.callsign, other.callsign))
}

// checksum returns the ordered checksum of a snapshot's positions.
func checksum(at time.Time, rows []position) [sha256.Size]byte {
	buffer := make([]byte, 0, 8+len(rows)*28)
	buffer = binary.BigEndian.AppendUint64(buffer, uint64(at.UnixMicro()))
	for _, row := range rows {
		for _, number := range []int32{row.cid, row.lat, row.lon, row.altitude} {
			buffer = binary.BigEndian.AppendUint32(buffer, uint32(number))
		}
		buffer = append(append(buffer, row.callsign...), '\n')
	}
	return sha256.Sum256(buffer)
}

// tally counts the rows of one section.
type tally struct {
	rows, accepted, rejected, duplicates int
}

// accepted is a row that must be in the database.
type accepted struct {
	connection
	member  member
	updated time.Time
	raw     []byte // the row as it stands in the body
	place   position
}

// snapshot is what the counter finds in one body.
type snapshot struct {
	at      time.Time // update_timestamp
	hash    [sha256.Size]byte
	tallies [kinds]tally
	rows    [kinds][]*accepted
}

var errNoSnapshot = errors.New("the body is no snapshot")

// count decodes a body by the rules. The error says that the body is none that
// the log may hold.
func count(body []byte) (*snapshot, error) {
	s := &snapshot{hash: sha256.Sum256(body)}
	decoder := json.NewDecoder(bytes.NewReader(body))
	if token, err := decoder.Token(); err != nil || token != json.Delim('{') {
		return nil, errNoSnapshot
	}
	for decoder.More() {
		name, err := decoder.Token()
		if err != nil {
			return nil, err
		}
		if err := s.section(name, decoder, body); err != nil {
			return nil, err
		}
	}
	if _, err := decoder.Token(); err != nil {
		return nil, err
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, errNoSnapshot
	}
	if s.at.IsZero() {
		return nil, errNoSnapshot
	}
	for k := pilots; k <= prefiles; k++ {
		s.dropDuplicates(k)
	}
	return s, nil
}

func (s *snapshot) section(name json.Token, decoder *json.Decoder, body []byte) error {
	switch name {
	case "pilots":
		return s.members(pilots, decoder, body)
	case "controllers":
		return s.members(controllers, decoder, body)
	case "atis":
		return s.members(atisStations, decoder, body)
	case "prefiles":
		return s.members(prefiles, decoder, body)
	case "general":
		var general struct {
			UpdateTimestamp json.RawMessage `json:"update_timestamp"`
		}
		var other *json.UnmarshalTypeError
		if err := decoder.Decode(&general); err != nil && !errors.As(err, &other) {
			return err
		}
		if general.UpdateTimestamp != nil {
			s.at, _ = instant(general.UpdateTimestamp)
		}
		return nil
	default:
		var skipped json.RawMessage
		return decoder.Decode(&skipped)
	}
}

// members counts the rows of one section.
func (s *snapshot) members(k kind, decoder *json.Decoder, body []byte) error {
	token, err := decoder.Token()
	if err != nil || token == nil {
		return err // null is as good as no section
	}
	if token != json.Delim('[') {
		return errNoSnapshot
	}
	limits := rules(k)
	tally := &s.tallies[k]
	for decoder.More() {
		start := decoder.InputOffset()
		var row member
		var other *json.UnmarshalTypeError
		if err := decoder.Decode(&row); err != nil && !errors.As(err, &other) {
			return err
		}
		tally.rows++
		kept, ok := accept(k, limits, &row)
		if !ok {
			tally.rejected++
			continue
		}
		kept.raw = bytes.TrimLeft(body[start:decoder.InputOffset()], ", \t\r\n")
		s.rows[k] = append(s.rows[k], kept)
	}
	_, err = decoder.Token()
	return err
}

// accept applies the rules to one row.
func accept(k kind, limits []rule, row *member) (*accepted, bool) {
	kept := &accepted{member: *row}
	kept.kind = k
	var ok bool
	if kept.callsign, ok = callsign(row.Callsign); !ok {
		return kept, false
	}
	if k != prefiles {
		logon, ok := instant(row.LogonTime)
		if !ok {
			return kept, false
		}
		kept.logon = logon.UnixMicro()
	}
	var numbers [6]int32
	for i, limit := range limits {
		if numbers[i], ok = limit.number(row); !ok {
			return kept, false
		}
	}
	kept.cid = numbers[0]
	kept.updated, ok = instant(row.LastUpdated)
	if !ok {
		kept.updated = time.Time{}
	}
	if k == pilots {
		kept.place = position{
			cid: kept.cid, callsign: kept.callsign, lat: numbers[1], lon: numbers[2],
			altitude: numbers[3], groundspeed: numbers[4], heading: numbers[5] % 360,
		}
	}
	return kept, true
}

// dropDuplicates leaves one row per cid and callsign, in that order: the one
// that logged on last, then the one updated last, then the one whose bytes come
// first.
func (s *snapshot) dropDuplicates(k kind) {
	rows := s.rows[k]
	slices.SortFunc(rows, func(a, b *accepted) int {
		return cmp.Or(cmp.Compare(a.cid, b.cid), cmp.Compare(a.callsign, b.callsign),
			cmp.Compare(b.logon, a.logon), b.updated.Compare(a.updated), bytes.Compare(a.raw, b.raw))
	})
	all := len(rows)
	s.rows[k] = slices.CompactFunc(rows, func(a, b *accepted) bool { return a.cid == b.cid && a.callsign == b.callsign })
	s.tallies[k].accepted = len(s.rows[k])
	s.tallies[k].duplicates = all - len(s.rows[k])
}

// positions returns the snapshot's positions in the checksum's order.
func (s *snapshot) positions() []position {
	places := make([]position, len(s.rows[pilots]))
	for i, row := range s.rows[pilots] {
		places[i] = row.place
	}
	return places
}

// stamp writes a time as people read it.
func stamp(at time.Time) string { return at.UTC().Format("2006-01-02T15:04:05.999999Z") }
