package rawlog

import (
	"context"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// openDir opens a log in a directory of the test's own.
func openDir(t testing.TB, path string, options Options) *Log {
	t.Helper()
	if options.Clock == nil {
		options.Clock = func() time.Time { return start.Add(365 * 24 * time.Hour) }
	}
	l, err := Open(t.Context(), OpenDir(path), options)
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
	for record, err := range l.Range(context.Background(), time.Time{}, start.Add(1e6*time.Hour)) {
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

func TestLog(t *testing.T) {
	t.Run("gives bodies back byte for byte, also to another Log", func(t *testing.T) {
		path := t.TempDir()
		records := take(newNetwork(120, 1), 60)
		add(t, openDir(t, path, Options{}), records...)
		l := openDir(t, path, Options{})
		if diff := cmp.Diff(records, all(t, l)); diff != "" {
			t.Error(diff)
		}
		for _, record := range records {
			got, err := l.At(t.Context(), record.At.Add(14*time.Second))
			if err != nil || !cmp.Equal(record, got) {
				t.Fatalf("At after %v is %v, %v", record.At, got.At, err)
			}
		}
	})
}
