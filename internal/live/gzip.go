package live

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"

	"github.com/klauspost/compress/flate"
)

// The pieces of a gzip member (RFC 1952) and of deflate's stored blocks
// (RFC 1951, 3.2.4) that let rows compressed once be put together with text
// that changes from answer to answer.
const (
	gzipHeader     = "\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff" // deflate, no name, no time, unknown system
	storedOverhead = 5                                          // bytes before a stored block's text
	longestStored  = 1<<16 - 1                                  // bytes of text in one stored block
	deflateLevel   = 5                                          // on 2,500 flights: 60 % of level 9's time, 2 % more bytes
)

// deflate compresses rows to blocks that end on a byte boundary and refer to
// nothing before them, so that they can stand anywhere in a stream, and twice.
func deflate(rows []byte) ([]byte, error) {
	var out bytes.Buffer
	out.Grow(len(rows) / 3)
	writer, err := flate.NewWriter(&out, deflateLevel)
	if err != nil {
		return nil, err
	}
	if _, err := writer.Write(rows); err != nil {
		return nil, err
	}
	if err := writer.Flush(); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

// appendStored appends text as a stored block. text is short: an envelope.
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

// gzipTail ends a member whose text so far has the checksum and size given.
func gzipTail(text []byte, checksum, size uint32) []byte {
	out := appendStored(make([]byte, 0, len(text)+storedOverhead+8), text, true)
	out = binary.LittleEndian.AppendUint32(out, crc32.Update(checksum, crc32.IEEETable, text))
	return binary.LittleEndian.AppendUint32(out, size+uint32(len(text)))
}
