package live

import (
	"bytes"
	"compress/gzip"
	"hash/crc32"
	"io"
	"testing"

	"pgregory.net/rapid"
)

func TestGzipOfPartsIsOneMember(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rows := rapid.SliceOf(rapid.Byte()).Draw(t, "rows")
		opening := rapid.SliceOfN(rapid.Byte(), 0, 300).Draw(t, "opening")
		tail := bytes.Repeat(rapid.SliceOfN(rapid.Byte(), 0, 300).Draw(t, "tail"), rapid.SampledFrom([]int{1, 400}).Draw(t, "times"))
		squeezed, err := deflate(rows)
		if err != nil {
			t.Fatal(err)
		}
		text := bytes.Join([][]byte{opening, rows, opening, rows}, nil)
		packed := []byte(gzipHeader)
		for range 2 {
			packed = append(appendStored(packed, opening, false), squeezed...)
		}
		packed = append(packed, gzipTail(tail, crc32.ChecksumIEEE(text), uint32(len(text)))...)

		rest := bytes.NewReader(packed)
		reader, err := gzip.NewReader(rest)
		if err != nil {
			t.Fatal(err)
		}
		reader.Multistream(false)
		got, err := io.ReadAll(reader)
		if err != nil || !bytes.Equal(got, append(text, tail...)) {
			t.Fatalf("read %d bytes of %d, %v", len(got), len(text)+len(tail), err)
		}
		if rest.Len() > 0 {
			t.Fatalf("%d bytes after the member", rest.Len())
		}
	})
}

// FuzzUnmarshal feeds whatever Redis may hold: no panic, and nothing accepted
// that was not written as asked for.
func FuzzUnmarshal(f *testing.F) {
	written := rendered{entryHead{Name: Flights, Encoding: JSON, Snapshot: 7, Rows: 1}, []byte(`[{"id":"1"}]`)}
	good, err := written.marshal()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add([]byte(magic))
	f.Add(bytes.Repeat([]byte{0xff}, 200))
	f.Fuzz(func(t *testing.T, raw []byte) {
		found, err := unmarshal(raw, 7, Flights, JSON)
		if err != nil {
			return
		}
		if found.head.Snapshot != 7 || found.head.Name != Flights || found.head.Encoding != JSON {
			t.Errorf("accepted %+v", found.head)
		}
		if _, err := found.load(); err != nil {
			t.Errorf("accepted and cannot be laid out: %v", err)
		}
	})
}

func TestPointer(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		snapshot := rapid.Int64Range(1, 1<<60).Draw(t, "snapshot")
		p := pointer{seen: snapshot + rapid.Int64Range(0, 1<<40).Draw(t, "held"), snapshot: snapshot}
		if back, ok := parsePointer(p.String()); !ok || back != p {
			t.Fatalf("%v came back as %v", p, back)
		}
	})
	for _, text := range []string{"", "7", "7 x", "x 7", "7 0", "6 7", "7 7 7", "7  7"} {
		if _, ok := parsePointer(text); ok {
			t.Errorf("%q was taken for a pointer", text)
		}
	}
}
