package rawlog

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"
)

// captured is where real snapshots lie, when they do; they are no part of the
// repository.
const captured = "../../../shared/data/feed"

func gzipped(t testing.TB, body []byte) int {
	t.Helper()
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	if _, err := w.Write(body); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Len()
}

// frameSizes returns the sizes of a keyframe of one body and of a frame of the
// next.
func frameSizes(t testing.TB, first, second Record) (key, next int) {
	t.Helper()
	e, err := newEncoder()
	if err != nil {
		t.Fatal(err)
	}
	_, keyframe, err := e.frame(first, nil)
	if err != nil {
		t.Fatal(err)
	}
	from := &base{at: first.At.UnixMicro(), bodies: bodies{first.Network, first.Transceivers}}
	_, frame, err := e.frame(second, from)
	if err != nil {
		t.Fatal(err)
	}
	return len(keyframe), len(frame)
}

func TestFrameSizes(t *testing.T) {
	check := func(t *testing.T, first, second Record) {
		t.Helper()
		plain := gzipped(t, second.Network)
		if second.Transceivers != nil {
			plain += gzipped(t, second.Transceivers)
		}
		key, next := frameSizes(t, first, second)
		t.Logf("%d bytes: gzip %d, keyframe %d, frame %d = gzip / %.1f",
			len(second.Network)+len(second.Transceivers), plain, key, next, float64(plain)/float64(next))
		if next*5 > plain {
			t.Errorf("a frame takes %d bytes, gzip %d", next, plain)
		}
	}
	for _, pair := range [][2]string{
		{"2024-11-21/20241121125725.json", "2024-11-21/20241121125740.json"},
		{"2024-11-21/20241121125910.json", "2024-11-21/20241121125925.json"},
		{"2023-08-07/20230807T232929Z.json", "2023-08-07/20230807T232944Z.json"},
	} {
		t.Run("a fifth of gzip for the captured neighbours "+pair[1], func(t *testing.T) {
			var records [2]Record
			for i, name := range pair {
				body, err := os.ReadFile(filepath.Join(captured, name))
				if err != nil {
					t.Skipf("captured snapshots are not here (%v)", err)
				}
				records[i] = Record{At: start.Add(time.Duration(i) * 15 * time.Second), Network: body}
			}
			check(t, records[0], records[1])
		})
	}
	for _, aircraft := range []int{900, 2500, 8000} {
		t.Run(fmt.Sprintf("a fifth of gzip for %d made-up aircraft", aircraft), func(t *testing.T) {
			n := newNetwork(aircraft, 1)
			first, second := n.record(), n.record()
			first.Transceivers, second.Transceivers = nil, nil // noise in every digit
			check(t, first, second)
		})
	}
}

func TestLogSize(t *testing.T) {
	n := newNetwork(900, 1)
	l := openDir(t, t.TempDir())
	plain, stored := 0, 0
	for range 60 {
		record := n.record()
		record.Transceivers = nil
		entry, _, err := l.Append(t.Context(), record)
		if err != nil {
			t.Fatal(err)
		}
		plain += gzipped(t, record.Network)
		stored += entry.Stored
	}
	t.Logf("60 records, keyframes included: gzip %d, log %d = gzip / %.1f", plain, stored, float64(plain)/float64(stored))
	if stored*5 > plain {
		t.Errorf("the log takes %d bytes, gzip %d", stored, plain)
	}
}

func TestLargeNetworkInLittleMemory(t *testing.T) {
	n := newNetwork(25000, 1)
	records := take(n, 3)
	l := openDir(t, t.TempDir())
	add(t, l, records[0]) // the encoder's tables are there from now on
	runtime.GC()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	prepared, err := l.Prepare(records[1])
	if err != nil {
		t.Fatal(err)
	}
	runtime.ReadMemStats(&after)
	whole := uint64(len(records[1].Network) + len(records[1].Transceivers))
	if grown := after.TotalAlloc - before.TotalAlloc; grown > whole {
		t.Errorf("%d bytes were allocated to prepare %d", grown, whole)
	}
	if _, _, err := l.Commit(t.Context(), prepared); err != nil {
		t.Fatal(err)
	}
	add(t, l, records[2])
	equal(t, records, all(t, l))
}

func BenchmarkAppend(b *testing.B) {
	for _, aircraft := range []int{900, 2500, 25000} {
		b.Run(fmt.Sprint(aircraft), func(b *testing.B) {
			records := take(newNetwork(aircraft, 1), 6)
			bytes := len(records[0].Network) + len(records[0].Transceivers)
			l := openDir(b, b.TempDir())
			stored := 0
			b.SetBytes(int64(bytes))
			b.ReportAllocs()
			b.ResetTimer()
			for i := range b.N {
				record := records[i%len(records)]
				record.At = start.Add(time.Duration(i) * 15 * time.Second)
				entry, _, err := l.Append(b.Context(), record)
				if err != nil {
					b.Fatal(err)
				}
				stored += entry.Stored
			}
			b.ReportMetric(float64(stored)/float64(b.N), "stored-B/op")
		})
	}
}

func BenchmarkPrepare(b *testing.B) {
	for _, aircraft := range []int{900, 2500, 25000} {
		for _, name := range []string{"keyframe", "frame"} {
			b.Run(fmt.Sprint(name, "/", aircraft), func(b *testing.B) {
				records := take(newNetwork(aircraft, 1), 2)
				l := openDir(b, b.TempDir())
				if name == "frame" {
					add(b, l, records[0])
				}
				b.SetBytes(int64(len(records[1].Network) + len(records[1].Transceivers)))
				b.ReportAllocs()
				b.ResetTimer()
				for range b.N {
					if _, err := l.Prepare(records[1]); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}

func BenchmarkRead(b *testing.B) {
	records := take(newNetwork(2500, 1), 60)
	l := openDir(b, b.TempDir())
	add(b, l, records...)
	b.Run("in order", func(b *testing.B) {
		for range b.N {
			for _, err := range l.Range(b.Context(), time.Time{}, endOfTime) {
				if err != nil {
					b.Fatal(err)
				}
			}
		}
		b.ReportMetric(float64(b.Elapsed().Milliseconds())/float64(b.N*len(records)), "ms/record")
	})
	b.Run("anywhere", func(b *testing.B) {
		for i := range b.N {
			if _, err := l.At(b.Context(), records[i*37%len(records)].At); err != nil {
				b.Fatal(err)
			}
		}
	})
}
