package gzipped

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"

	"github.com/klauspost/compress/flate"
)

// Header begins a member: deflate, no name, no time, unknown system.
const Header = "\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"

const (
	storedOverhead = 5         // bytes before a stored block's text
	longestStored  = 1<<16 - 1 // bytes of text in one stored block
)

// Deflate compresses text to blocks that end on a byte boundary and refer to
// nothing before them, so that they can stand anywhere in a member, and twice.
// Levels are 1 to 9, the fastest first.
func Deflate(text []byte, level int) ([]byte, error) {
	var out bytes.Buffer
	out.Grow(len(text) / 3)
	writer, err := flate.NewWriter(&out, level)
	if err != nil {
		return nil, err
	}
	if _, err := writer.Write(text); err != nil {
		return nil, err
	}
	if err := writer.Flush(); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

// AppendStored appends text as it is. It is for text that is short, such as an
// envelope.
func AppendStored(out, text []byte) []byte { return appendStored(out, text, false) }

func appendStored(out, text []byte, last bool) []byte {
	for len(text) > longestStored {
		out = appendStored(out, text[:longestStored], false)
		text = text[longestStored:]
	}
	kind := byte(0)
	if last {
		kind = 1
	}
	out = append(out, kind)
	out = binary.LittleEndian.AppendUint16(out, uint16(len(text)))
	out = binary.LittleEndian.AppendUint16(out, ^uint16(len(text)))
	return append(out, text...)
}

// Tail ends a member with text, after text that has the checksum (CRC-32, IEEE)
// and the size given.
func Tail(text []byte, checksum, size uint32) []byte {
	out := appendStored(make([]byte, 0, len(text)+storedOverhead+8), text, true)
	out = binary.LittleEndian.AppendUint32(out, crc32.Update(checksum, crc32.IEEETable, text))
	return binary.LittleEndian.AppendUint32(out, size+uint32(len(text)))
}
