package rawlog

import (
	"bytes"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/skyledger/skyledger/internal/fault"
)

// written is a segment with small records, and where its frames end.
func written(t *testing.T, count int) (records []Record, content []byte, ends []int) {
	t.Helper()
	path := t.TempDir()
	l := openDir(t, path)
	records = take(newNetwork(4, 1), count)
	for _, record := range records {
		add(t, l, record)
		info, err := os.Stat(filepath.Join(path, segmentName(start)))
		if err != nil {
			t.Fatal(err)
		}
		ends = append(ends, int(info.Size()))
	}
	content, err := os.ReadFile(filepath.Join(path, segmentName(start)))
	if err != nil {
		t.Fatal(err)
	}
	return records, content, ends
}

// lay makes content the segment of a directory.
func lay(t *testing.T, path string, content []byte) {
	t.Helper()
	file := filepath.Join(path, segmentName(start))
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, content, 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestTornTail(t *testing.T) {
	records, content, ends := written(t, 7)
	last := len(ends) - 3
	another := newNetwork(4, 2)
	another.at = start.Add(30 * time.Minute)
	later := another.record()
	path := t.TempDir()
	for cut := ends[last]; cut <= len(content); cut++ {
		whole := 0
		for whole < len(ends) && ends[whole] <= cut {
			whole++
		}
		lay(t, path, content[:cut])
		l := open(t, OpenDir(path), Options{})
		equal(t, records[:whole], all(t, l))
		info, err := os.Stat(filepath.Join(path, segmentName(start)))
		if err != nil || info.Size() != int64(cut) {
			t.Fatalf("a reader changed the segment: %v, %v", info.Size(), err)
		}
		add(t, l, later)
		equal(t, append(records[:whole:whole], later), all(t, l))
		equal(t, append(records[:whole:whole], later), all(t, openDir(t, path)))
		if stats := l.Stats(); stats.Damaged != 0 {
			t.Fatalf("a torn tail at %d counts as damage", cut)
		}
	}
}

func TestTailThatWasNeverWritten(t *testing.T) {
	records, content, ends := written(t, 3)
	for name, from := range map[string]int{"a payload of zeros": ends[1] + headerSize, "a whole frame of zeros": ends[1]} {
		t.Run("cuts "+name, func(t *testing.T) {
			path := t.TempDir()
			torn := bytes.Clone(content)
			clear(torn[from:])
			lay(t, path, torn)
			l := openDir(t, path)
			equal(t, records[:2], all(t, l))
			add(t, l, records[2])
			equal(t, records, all(t, l))
			info, err := os.Stat(filepath.Join(path, segmentName(start)))
			if err != nil {
				t.Fatal(err)
			}
			if info.Size() > int64(len(content))+64<<10 {
				t.Error("the torn frame is still there")
			}
		})
	}
}

func TestFlippedBits(t *testing.T) {
	records, content, ends := written(t, 6)
	path := t.TempDir()
	begin := ends[1]
	for at := begin; at < ends[2]; at++ {
		flipped := bytes.Clone(content)
		flipped[at] ^= 1 << (at % 8)
		lay(t, path, flipped)
		l := open(t, OpenDir(path), Options{})
		// Record 2 is no dictionary of others: all others must be there.
		equal(t, append(append([]Record{}, records[:2]...), records[3:]...), all(t, l))
		if l.Stats().Damaged == 0 {
			t.Fatalf("damage at byte %d was not counted", at)
		}
		if _, err := l.Get(t.Context(), records[2].At); err == nil {
			t.Fatalf("damage at byte %d was not noticed", at)
		}
		if got, err := l.At(t.Context(), records[2].At); err != nil || !got.At.Equal(records[1].At) {
			t.Fatalf("At of a damaged record is %v, %v", got.At, err)
		}
	}
	t.Run("reports a record whose dictionary is damaged", func(t *testing.T) {
		flipped := bytes.Clone(content)
		flipped[headerSize+10] ^= 1
		lay(t, path, flipped)
		_, err := openDir(t, path).Get(t.Context(), records[3].At)
		if !fault.Is(err, fault.Internal) || fault.ReasonOf(err) != "damaged" {
			t.Errorf("Get: %v", err)
		}
	})
	t.Run("goes on appending behind damage, and packs what can be read", func(t *testing.T) {
		path := t.TempDir()
		flipped := bytes.Clone(content)
		flipped[ends[1]+2] ^= 4 // a header
		lay(t, path, flipped)
		l := openDir(t, path)
		add(t, l, records[2])
		equal(t, records, all(t, l))
		if _, err := l.Compact(t.Context(), longAfter(), 0); err != nil {
			t.Fatal(err)
		}
		equal(t, records, all(t, openDir(t, path)))
		packed, err := os.ReadFile(filepath.Join(path, packedName(start)))
		if err != nil || !bytes.Contains(packed, flipped[ends[1]:ends[2]]) {
			t.Errorf("the damaged bytes are not kept for inspection (%v)", err)
		}
	})
}

func TestFullDisk(t *testing.T) {
	for name, failure := range map[string]error{"log_full": syscall.ENOSPC, "log_io": syscall.EIO} {
		t.Run("refuses a record with "+name+" and takes it later", func(t *testing.T) {
			path := t.TempDir()
			dir := OpenDir(path)
			l := open(t, dir, Options{})
			records := take(newNetwork(40, 1), 9)
			add(t, l, records[:4]...)
			segment := filepath.Join(path, segmentName(start))
			before, err := os.ReadFile(segment)
			if err != nil {
				t.Fatal(err)
			}
			dir.write = func(f *os.File, p []byte, offset int64) (int, error) {
				n, err := f.WriteAt(p[:len(p)/2], offset)
				if err != nil {
					return n, err
				}
				return n, failure
			}
			_, appended, err := l.Append(t.Context(), records[4])
			if appended || !fault.Is(err, fault.Unavailable) || fault.ReasonOf(err) != name {
				t.Errorf("Append = %v, %v", appended, err)
			}
			after, err := os.ReadFile(segment)
			if err != nil || !bytes.Equal(before, after) {
				t.Errorf("the segment changed (%v)", err)
			}
			if _, err := l.Compact(t.Context(), longAfter(), 0); !fault.Is(err, fault.Unavailable) {
				t.Errorf("Compact: %v", err)
			}
			equal(t, records[:4], all(t, l))
			dir.write = (*os.File).WriteAt
			add(t, l, records[4:]...)
			equal(t, records, all(t, l))
		})
	}
}
