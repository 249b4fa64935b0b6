package rawlog

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/skyledger/skyledger/internal/fault"
)

// exactly compares bodies as a whole, nil apart from empty.
var exactly = cmp.Comparer(func(a, b []byte) bool { return bytes.Equal(a, b) && (a == nil) == (b == nil) })

// longAfter is a clock by which every hour of the tests has ended.
func longAfter() time.Time { return start.Add(365 * 24 * time.Hour) }

// endOfTime is later than any record.
var endOfTime = time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)

func open(t testing.TB, storage Storage, options Options) *Log {
	t.Helper()
	if options.Clock == nil {
		options.Clock = longAfter
	}
	l, err := Open(context.Background(), storage, options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	return l
}

func openDir(t testing.TB, path string) *Log {
	t.Helper()
	return open(t, OpenDir(path), Options{})
}

// add appends records that must be new.
func add(t testing.TB, l *Log, records ...Record) {
	t.Helper()
	for _, record := range records {
		if _, appended, err := l.Append(context.Background(), record); err != nil || !appended {
			t.Fatalf("Append(%v) = %v, %v", record.At, appended, err)
		}
	}
}

// all returns every record of the log, by time.
func all(t testing.TB, l *Log) []Record {
	t.Helper()
	var records []Record
	for record, err := range l.Range(context.Background(), time.Time{}, endOfTime) {
		if err != nil {
			t.Fatal(err)
		}
		records = append(records, record)
	}
	return records
}

// take returns the next ticks of a network as records.
func take(n *network, count int) []Record {
	var records []Record
	for range count {
		records = append(records, n.record())
	}
	return records
}

// reversed returns records in the opposite order.
func reversed(records []Record) []Record {
	var out []Record
	for i := range records {
		out = append(out, records[len(records)-1-i])
	}
	return out
}

func equal(t testing.TB, want, got []Record) {
	t.Helper()
	if diff := cmp.Diff(want, got, exactly); diff != "" {
		t.Fatal(diff)
	}
}

func TestLog(t *testing.T) {
	t.Run("gives bodies back byte for byte, also to another Log", func(t *testing.T) {
		path := t.TempDir()
		records := take(newNetwork(120, 1), 300) // crosses an hour
		add(t, openDir(t, path), records...)
		l := openDir(t, path)
		equal(t, records, all(t, l))
		for _, record := range records[200:] {
			got, err := l.At(t.Context(), record.At.Add(14*time.Second))
			if err != nil {
				t.Fatal(err)
			}
			equal(t, []Record{record}, []Record{got})
		}
	})
	t.Run("tells absent transceivers from empty ones", func(t *testing.T) {
		path := t.TempDir()
		records := take(newNetwork(30, 2), 8)
		records[1].Transceivers, records[2].Transceivers, records[3].Network = nil, []byte{}, []byte{}
		records[4].Network = []byte("x")
		add(t, openDir(t, path), records...)
		equal(t, records, all(t, openDir(t, path)))
	})
	t.Run("keeps the first record of a moment", func(t *testing.T) {
		l := openDir(t, t.TempDir())
		records := take(newNetwork(30, 3), 2)
		add(t, l, records[0])
		again := records[1]
		again.At = records[0].At
		first, _, _ := l.Newest(t.Context())
		entry, appended, err := l.Append(t.Context(), again)
		if err != nil || appended || entry != first {
			t.Errorf("Append again = %v, %v, %v", entry, appended, err)
		}
		equal(t, records[:1], all(t, l))
	})
	t.Run("takes records that come late, in any order", func(t *testing.T) {
		path := t.TempDir()
		records := take(newNetwork(60, 4), 30)
		l := openDir(t, path)
		add(t, l, reversed(records)...)
		equal(t, records, all(t, l))
		equal(t, records, all(t, openDir(t, path)))
	})
	t.Run("does not depend on the caller's buffers after Commit", func(t *testing.T) {
		l := openDir(t, t.TempDir())
		records := take(newNetwork(60, 5), 12)
		for _, record := range records {
			lent := record
			lent.Network, lent.Transceivers = bytes.Clone(record.Network), bytes.Clone(record.Transceivers)
			add(t, l, lent)
			clear(lent.Network)
			clear(lent.Transceivers)
		}
		equal(t, records, all(t, l))
	})
	t.Run("sees at once what another Log appends", func(t *testing.T) {
		path := t.TempDir()
		writer, reader := openDir(t, path), openDir(t, path)
		for i, record := range take(newNetwork(60, 6), 12) {
			add(t, writer, record)
			got, err := reader.At(t.Context(), endOfTime)
			if err != nil {
				t.Fatal(err)
			}
			equal(t, []Record{record}, []Record{got})
			entries, err := reader.Entries(t.Context(), time.Time{}, endOfTime)
			if err != nil || len(entries) != i+1 {
				t.Fatalf("%d entries of %d, %v", len(entries), i+1, err)
			}
		}
	})
	t.Run("has no record before the first and none in an empty log", func(t *testing.T) {
		l := openDir(t, t.TempDir())
		_, err := l.At(t.Context(), endOfTime)
		if !fault.Is(err, fault.NotFound) {
			t.Errorf("At of an empty log: %v", err)
		}
		if _, found, err := l.Newest(t.Context()); found || err != nil {
			t.Errorf("Newest of an empty log: %v, %v", found, err)
		}
		record := newNetwork(3, 7).record()
		add(t, l, record)
		if _, err := l.At(t.Context(), record.At.Add(-time.Microsecond)); !fault.Is(err, fault.NotFound) {
			t.Errorf("At before the first: %v", err)
		}
		if _, err := l.Get(t.Context(), record.At.Add(time.Microsecond)); !fault.Is(err, fault.NotFound) {
			t.Errorf("Get beside the first: %v", err)
		}
	})
	t.Run("refuses a record without a time or beyond the bound", func(t *testing.T) {
		l := openDir(t, t.TempDir())
		for _, record := range []Record{{Network: []byte("x")}, {At: start, Network: make([]byte, maxBody+1)}} {
			if _, err := l.Prepare(record); !fault.Is(err, fault.Invalid) {
				t.Errorf("Prepare: %v", err)
			}
		}
	})
	t.Run("takes bounds between microseconds as they are", func(t *testing.T) {
		l := openDir(t, t.TempDir())
		record := newNetwork(3, 8).record()
		add(t, l, record)
		for _, test := range []struct {
			from, to time.Duration
			want     int
		}{{0, 1, 1}, {1, 1000, 0}, {-1, 0, 0}, {-1, 1, 1}, {0, 0, 0}} {
			entries, err := l.Entries(t.Context(), record.At.Add(test.from), record.At.Add(test.to))
			if err != nil || len(entries) != test.want {
				t.Errorf("Entries(%v, %v) are %d, %v, want %d", test.from, test.to, len(entries), err, test.want)
			}
		}
	})
}

func TestOpenURL(t *testing.T) {
	t.Run("opens a directory", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "a b")
		l, err := OpenURL(t.Context(), "file://"+filepath.ToSlash(path), Options{})
		if err != nil {
			t.Fatal(err)
		}
		add(t, l, newNetwork(3, 1).record())
		if _, err := os.Stat(filepath.Join(path, "loose")); err != nil {
			t.Error(err)
		}
	})
	for _, address := range []string{"", "/var/log", "http://x/y", "s3://", "file://host/x", "::"} {
		t.Run("refuses "+address, func(t *testing.T) {
			if _, err := OpenURL(t.Context(), address, Options{}); !fault.Is(err, fault.Invalid) {
				t.Errorf("got %v", err)
			}
		})
	}
}
