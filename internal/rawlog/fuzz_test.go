package rawlog

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"runtime"
	"testing"
)

// frames are a keyframe and a frame that needs it.
func frames(t testing.TB) (records []Record, encoded [][]byte) {
	t.Helper()
	e, err := newEncoder()
	if err != nil {
		t.Fatal(err)
	}
	records = take(newNetwork(4, 1), 2)
	var from *base
	for _, record := range records {
		_, frame, err := e.frame(record, from)
		if err != nil {
			t.Fatal(err)
		}
		encoded = append(encoded, frame)
		from = &base{at: record.At.UnixMicro(), bodies: bodies{record.Network, record.Transceivers}}
	}
	return records, encoded
}

// seal makes a frame's checksums right, as a forger would.
func seal(frame []byte) []byte {
	if len(frame) < headerSize {
		return frame
	}
	sealed := bytes.Clone(frame)
	binary.LittleEndian.PutUint32(sealed[92:], checksum(sealed[headerSize:]))
	binary.LittleEndian.PutUint32(sealed[96:], checksum(sealed[:96]))
	return sealed
}

// FuzzFrame is best run with -fuzzminimizetime=1x: minimising whole frames takes
// most of the time otherwise.
func FuzzFrame(f *testing.F) {
	records, encoded := frames(f)
	for _, frame := range encoded {
		f.Add(frame, false)
		f.Add(frame, true)
		f.Add(frame[:len(frame)/2], true)
	}
	d, err := newDecoder()
	if err != nil {
		f.Fatal(err)
	}
	from := bodies{records[0].Network, records[0].Transceivers}
	f.Fuzz(func(t *testing.T, frame []byte, forge bool) {
		if forge {
			frame = seal(frame)
		}
		h, err := checkFrame(frame)
		if err != nil {
			return
		}
		record, err := d.record(h, frame[headerSize:], from)
		if err != nil {
			return
		}
		if sha256.Sum256(record.Network) != h.hash || checksum(record.Transceivers) != h.transceiversCRC {
			t.Fatal("wrong bytes were returned")
		}
	})
}

func TestForgedLengths(t *testing.T) {
	_, encoded := frames(t)
	d, err := newDecoder()
	if err != nil {
		t.Fatal(err)
	}
	for _, at := range []int{40, 44, 48, 52} {
		for _, forged := range []byte{0x00, 0x7f, 0xff} {
			frame := bytes.Clone(encoded[0])
			frame[at+3], frame[at+2] = forged, forged
			frame = seal(frame)
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			if h, err := checkFrame(frame); err == nil {
				if _, err := d.record(h, frame[headerSize:], bodies{}); err == nil && forged != 0 {
					t.Error("a forged length was believed")
				}
			}
			runtime.ReadMemStats(&after)
			if grown := after.TotalAlloc - before.TotalAlloc; grown > 2*maxBody {
				t.Errorf("%d bytes were allocated for a forged length", grown)
			}
		}
	}
}
