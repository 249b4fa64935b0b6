package gzipped_test

import (
	"bytes"
	"compress/gzip"
	"hash/crc32"
	"io"
	"testing"

	"pgregory.net/rapid"

	"github.com/skyledger/skyledger/internal/gzipped"
)

func TestAMemberOfPiecesIsReadAsTheirText(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var plain []byte
		member := []byte(gzipped.Header)
		for range rapid.IntRange(0, 6).Draw(t, "pieces") {
			text := bytes.Repeat(rapid.SliceOfN(rapid.Byte(), 0, 40).Draw(t, "text"), rapid.SampledFrom([]int{1, 7, 2500}).Draw(t, "times"))
			switch rapid.IntRange(0, 2).Draw(t, "how") {
			case 0:
				member = gzipped.AppendStored(member, text)
				plain = append(plain, text...)
			default: // the same blocks stand twice
				blocks, err := gzipped.Deflate(text, rapid.IntRange(1, 9).Draw(t, "level"))
				if err != nil {
					t.Fatal(err)
				}
				member = append(append(member, blocks...), blocks...)
				plain = append(append(plain, text...), text...)
			}
		}
		tail := bytes.Repeat(rapid.SliceOfN(rapid.Byte(), 0, 300).Draw(t, "tail"), rapid.SampledFrom([]int{1, 400}).Draw(t, "tail times"))
		member = append(member, gzipped.Tail(tail, crc32.ChecksumIEEE(plain), uint32(len(plain)))...)
		rest := bytes.NewReader(member)
		reader, err := gzip.NewReader(rest)
		if err != nil {
			t.Fatal(err)
		}
		reader.Multistream(false)
		got, err := io.ReadAll(reader) // checks the checksum and the size
		if err != nil || !bytes.Equal(got, append(plain, tail...)) {
			t.Errorf("%v, %d bytes of %d", err, len(got), len(plain)+len(tail))
		}
		if rest.Len() > 0 {
			t.Errorf("%d bytes after the member", rest.Len())
		}
	})
}
