package analyze

import (
	"encoding/binary"
	"errors"
	"time"

	"github.com/klauspost/compress/zstd"

	"github.com/skyledger/skyledger/internal/fault"
)

// checkpointFormat is the version of a checkpoint's layout: the trackers'
// states one after the other, each behind its name, compressed. A state's own
// layout is its tracker's business. A tracker that a checkpoint does not know
// is newer than it and begins with nothing.
const checkpointFormat = 1

// stateful is a tracker's memory as bytes.
type stateful interface {
	Save() ([]byte, error)
	Load(state []byte) error
}

// tracker is a stateful with the name it has in a checkpoint.
type tracker struct {
	name string
	stateful
}

// trackers are those that a checkpoint holds.
func (a *analyst) trackers() []tracker {
	return []tracker{{"flights", a.flights}, {"controllers", a.controllers}, {"sectors", a.sectors}}
}

// save writes what the trackers remember.
func (a *analyst) save() ([]byte, error) {
	plain := binary.AppendVarint(nil, a.began.Unix())
	plain = binary.AppendVarint(plain, int64(a.airspace))
	for _, tracker := range a.trackers() {
		state, err := tracker.Save()
		if err != nil {
			return nil, fault.E("analyze.save", fault.Internal, "state", err)
		}
		plain = appendPart(appendPart(plain, []byte(tracker.name)), state)
	}
	encoder, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1))
	if err != nil {
		return nil, fault.E("analyze.save", fault.Internal, "compressor", err)
	}
	return encoder.EncodeAll(plain, []byte{checkpointFormat}), nil
}

func appendPart(to, part []byte) []byte {
	return append(binary.AppendUvarint(to, uint64(len(part))), part...)
}

// cutPart takes the first part off.
func cutPart(from []byte) (part, rest []byte, err error) {
	size, n := binary.Uvarint(from)
	if n <= 0 || uint64(len(from)-n) < size {
		return nil, nil, errors.New("cut short")
	}
	return from[n : n+int(size)], from[n+int(size):], nil
}

// mostState bounds what a checkpoint may take in memory.
const mostState = 256 << 20

// load makes the trackers remember what save wrote.
func (a *analyst) load(state []byte) error {
	if err := a.decode(state); err != nil {
		return fault.E("analyze.load", fault.Internal, "checkpoint", err).
			WithMessage("The checkpoint of the analysis cannot be read by this program: rebuild computes everything anew.")
	}
	return nil
}

func (a *analyst) decode(state []byte) error {
	if len(state) == 0 || state[0] != checkpointFormat {
		return errors.New("another format")
	}
	decoder, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(mostState))
	if err != nil {
		return err
	}
	defer decoder.Close()
	rest, err := decoder.DecodeAll(state[1:], nil)
	if err != nil {
		return err
	}
	began, n := binary.Varint(rest)
	if n <= 0 {
		return errors.New("no slot")
	}
	rest = rest[n:]
	airspace, n := binary.Varint(rest)
	if n <= 0 {
		return errors.New("no airspace")
	}
	rest = rest[n:]
	a.began, a.airspace = time.Unix(began, 0).UTC(), int32(airspace)
	states := map[string][]byte{}
	for len(rest) > 0 {
		var name, state []byte
		if name, rest, err = cutPart(rest); err != nil {
			return err
		}
		if state, rest, err = cutPart(rest); err != nil {
			return err
		}
		states[string(name)] = state
	}
	for _, tracker := range a.trackers() {
		if state, found := states[tracker.name]; found {
			if err := tracker.Load(state); err != nil {
				return err
			}
		}
	}
	return nil
}
