package rawlog

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/skyledger/skyledger/internal/fault"
)

// mortal is a storage that fails at its nth changing step and from then on, as
// if the process had been killed there; half of what it was writing is written.
type mortal struct {
	Storage
	left int
}

func (m *mortal) step() error {
	if m.left--; m.left < 0 {
		return fault.E("mortal", fault.Unavailable, "killed", nil)
	}
	return nil
}

func (m *mortal) Pack(ctx context.Context, hour time.Time, previous File, write func(io.Writer) error) error {
	if err := m.step(); err != nil {
		return err
	}
	return m.Storage.Pack(ctx, hour, previous, func(to io.Writer) error {
		if err := write(&mortalWriter{to, m}); err != nil {
			return err
		}
		return m.step()
	})
}

func (m *mortal) Delete(ctx context.Context, name string) error {
	if err := m.step(); err != nil {
		return err
	}
	if err := m.Storage.Delete(ctx, name); err != nil {
		return err
	}
	return m.step()
}

type mortalWriter struct {
	to io.Writer
	m  *mortal
}

func (w *mortalWriter) Write(p []byte) (int, error) {
	if err := w.m.step(); err != nil {
		n, _ := w.to.Write(p[:len(p)/2])
		return n, err
	}
	return w.to.Write(p)
}

// storages are both kinds, fresh ones.
func storages(t *testing.T) map[string]func() Storage {
	return map[string]func() Storage{
		"a directory": func() Storage { return OpenDir(t.TempDir()) },
		"S3":          func() Storage { _, s := newBucket(t); return s },
	}
}

func TestCompactKilledAtEachStep(t *testing.T) {
	for name, storage := range storages(t) {
		t.Run("in "+name+" loses and doubles nothing", func(t *testing.T) {
			killed, steps := true, 0
			for ; killed; steps++ {
				records, kept := lateAndPacked(t, storage())
				l := open(t, &mortal{Storage: kept, left: steps}, Options{})
				_, err := l.Compact(t.Context(), longAfter(), 0)
				if killed = err != nil; killed && fault.ReasonOf(err) != "killed" {
					t.Fatal(err)
				}
				equal(t, records, all(t, l))
				again := open(t, kept, Options{})
				equal(t, records, all(t, again))
				if _, err := again.Compact(t.Context(), longAfter(), 0); err != nil {
					t.Fatal(err)
				}
				equal(t, records, all(t, again))
				if loose, err := kept.Loose(t.Context()); err != nil || len(loose) != 0 {
					t.Fatalf("loose hours %v are left, %v", loose, err)
				}
			}
			if steps < 8 {
				t.Errorf("only %d steps were tried", steps)
			}
		})
	}
}

// lateAndPacked fills a storage with an hour that is packed and got late records
// afterwards, and one that is not packed yet.
func lateAndPacked(t *testing.T, storage Storage) ([]Record, Storage) {
	t.Helper()
	n := newNetwork(5, 1)
	first := take(n, 9)
	n.at = start.Add(time.Hour)
	records := append(first, take(n, 4)...)
	l := open(t, storage, Options{})
	add(t, l, records[:4]...)
	if _, err := l.Compact(t.Context(), longAfter(), 0); err != nil {
		t.Fatal(err)
	}
	add(t, l, records[4:]...)
	return records, storage
}

func TestCompact(t *testing.T) {
	for name, storage := range storages(t) {
		t.Run("packs finished hours only, as many as asked, in "+name, func(t *testing.T) {
			n := newNetwork(20, 1)
			records := take(n, 600) // 2.5 hours
			l := open(t, storage(), Options{})
			add(t, l, records...)
			report, err := l.Compact(t.Context(), n.at, 1)
			if err != nil || report.Hours != 1 || report.Records != 239 || !report.More {
				t.Errorf("first: %+v, %v", report, err)
			}
			report, err = l.Compact(t.Context(), n.at, 5)
			if err != nil || report.Hours != 1 || report.Records != 240 || report.More {
				t.Errorf("second: %+v, %v", report, err)
			}
			report, err = l.Compact(t.Context(), n.at, 5)
			if diff := cmp.Diff(CompactReport{}, report); diff != "" || err != nil {
				t.Errorf("third: %s, %v", diff, err)
			}
			if loose, _ := l.storage.Loose(t.Context()); len(loose) != 1 {
				t.Errorf("%d loose hours", len(loose))
			}
			equal(t, records, all(t, l))
		})
		t.Run("lets another Log read on from "+name+" meanwhile", func(t *testing.T) {
			s := storage()
			writer, reader := open(t, s, Options{}), open(t, s, Options{})
			records := take(newNetwork(20, 2), 100)
			add(t, writer, records...)
			i := 0
			for record, err := range reader.Range(t.Context(), time.Time{}, endOfTime) {
				if err != nil {
					t.Fatal(err)
				}
				equal(t, records[i:i+1], []Record{record})
				if i++; i == 10 {
					if _, err := writer.Compact(t.Context(), longAfter(), 0); err != nil {
						t.Fatal(err)
					}
				}
			}
			if i != len(records) {
				t.Errorf("read %d of %d", i, len(records))
			}
		})
	}
	t.Run("reads a packed hour whose index is damaged", func(t *testing.T) {
		path := t.TempDir()
		l := openDir(t, path)
		records := take(newNetwork(20, 3), 50)
		add(t, l, records...)
		if _, err := l.Compact(t.Context(), longAfter(), 0); err != nil {
			t.Fatal(err)
		}
		file := filepath.Join(path, packedName(start))
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, back := range []int{1, footerSize - 12, footerSize + 5, footerSize + 40*indexEntry} {
			damaged := append([]byte(nil), content...)
			damaged[len(damaged)-back] ^= 8
			if err := os.WriteFile(file, damaged, 0o644); err != nil {
				t.Fatal(err)
			}
			equal(t, records, all(t, openDir(t, path)))
		}
		if err := os.WriteFile(file, content[:len(content)-footerSize], 0o644); err != nil {
			t.Fatal(err)
		}
		equal(t, records, all(t, openDir(t, path)))
	})
}

func TestRemove(t *testing.T) {
	for name, storage := range storages(t) {
		t.Run("takes whole hours strictly before the cut from "+name, func(t *testing.T) {
			n := newNetwork(5, 1)
			var records []Record
			for range 130 { // every two minutes
				n.at = n.at.Add(105 * time.Second)
				records = append(records, n.record())
			}
			l := open(t, storage(), Options{})
			add(t, l, records...)
			if _, err := l.Compact(t.Context(), start.Add(2*time.Hour), 0); err != nil {
				t.Fatal(err)
			}
			for _, test := range []struct {
				before time.Time
				limit  int
				from   time.Time
			}{
				{start, 0, start},
				{start.Add(time.Hour - 1), 0, start},
				{start.Add(time.Hour), 0, start.Add(time.Hour)},
				{start.Add(3*time.Hour + 59*time.Minute), 1, start.Add(2 * time.Hour)},
				{start.Add(3*time.Hour + 59*time.Minute), 0, start.Add(3 * time.Hour)},
			} {
				if _, err := l.Remove(t.Context(), test.before, test.limit); err != nil {
					t.Fatal(err)
				}
				var want []Record
				for _, record := range records {
					if !record.At.Before(test.from) {
						want = append(want, record)
					}
				}
				equal(t, want, all(t, l))
			}
		})
	}
	t.Run("killed at each step, removes nothing newer and goes on later", func(t *testing.T) {
		for steps := range 6 {
			records, storage := lateAndPacked(t, OpenDir(t.TempDir()))
			l := open(t, &mortal{Storage: storage, left: steps}, Options{})
			_, err := l.Remove(t.Context(), start.Add(time.Hour), 0)
			if err != nil && fault.ReasonOf(err) != "killed" {
				t.Fatal(err)
			}
			if _, err := open(t, storage, Options{}).Remove(t.Context(), start.Add(time.Hour), 0); err != nil {
				t.Fatal(err)
			}
			equal(t, records[9:], all(t, open(t, storage, Options{})))
		}
	})
}
