package rawlog

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/skyledger/skyledger/internal/fault"
)

// model is the log as one would write it without a disk.
type model struct{ records []Record }

func (m *model) append(record Record) bool {
	for _, known := range m.records {
		if known.At.Equal(record.At) {
			return false
		}
	}
	m.records = append(m.records, record)
	slices.SortFunc(m.records, func(a, b Record) int { return a.At.Compare(b.At) })
	return true
}

func (m *model) between(from, to time.Time) []Record {
	var records []Record
	for _, record := range m.records {
		if !record.At.Before(from) && record.At.Before(to) {
			records = append(records, record)
		}
	}
	return records
}

// remove is what Log.Remove may take away: whole hours before the cut.
func (m *model) remove(before time.Time, limit int) {
	removed := map[time.Time]bool{}
	m.records = slices.DeleteFunc(m.records, func(record Record) bool {
		hour := record.At.Truncate(time.Hour)
		if hour.Add(time.Hour).After(before) || limit > 0 && len(removed) == limit && !removed[hour] {
			return false
		}
		removed[hour] = true
		return true
	})
}

// machine drives a log and its model with the same calls.
type machine struct {
	*model
	storage Storage
	log     *Log
	clock   time.Time
	network *network
}

func (m *machine) reopen(t *rapid.T) {
	l, err := Open(context.Background(), m.storage, Options{Clock: func() time.Time { return m.clock }, KeyframeEvery: 7, BaseEvery: 3})
	if err != nil {
		t.Fatal(err)
	}
	m.log = l
}

// moment draws a time on or between the ticks of five hours around midnight.
func moment(t *rapid.T) time.Time {
	quarter := rapid.IntRange(0, 30).Draw(t, "quarter")
	return start.Add(10*time.Hour + time.Duration(quarter)*10*time.Minute).
		Add(time.Duration(rapid.IntRange(0, 3).Draw(t, "tick")) * 15 * time.Second)
}

func (m *machine) actions() map[string]func(*rapid.T) {
	ctx := context.Background()
	commit := func(t *rapid.T, record Record) {
		if m.clock.Before(record.At) {
			m.clock = record.At.Add(time.Duration(rapid.IntRange(0, 50).Draw(t, "minutes late")) * time.Minute)
		}
		entry, appended, err := m.log.Append(ctx, record)
		if want := m.append(record); err != nil || appended != want || !entry.At.Equal(record.At) {
			t.Fatalf("Append(%v) = %v, %v, %v, want %v", record.At, entry, appended, err, want)
		}
	}
	return map[string]func(*rapid.T){
		"append": func(t *rapid.T) {
			record := m.network.record()
			record.At = moment(t)
			if rapid.Bool().Draw(t, "no transceivers") {
				record.Transceivers = nil
			}
			commit(t, record)
		},
		"append a run": func(t *rapid.T) {
			at := moment(t)
			for i := range rapid.IntRange(1, 25).Draw(t, "length") {
				record := m.network.record()
				record.At = at.Add(time.Duration(i) * 15 * time.Second)
				commit(t, record)
			}
		},
		"reopen": func(t *rapid.T) { m.reopen(t) },
		"compact": func(t *rapid.T) {
			if _, err := m.log.Compact(ctx, moment(t), rapid.IntRange(0, 2).Draw(t, "limit")); err != nil {
				t.Fatal(err)
			}
		},
		"remove": func(t *rapid.T) {
			before, limit := moment(t), rapid.IntRange(0, 2).Draw(t, "limit")
			if _, err := m.log.Remove(ctx, before, limit); err != nil {
				t.Fatal(err)
			}
			m.remove(before, limit)
		},
		"At": func(t *rapid.T) {
			at := moment(t)
			known := m.between(time.Time{}, at.Add(time.Microsecond))
			record, err := m.log.At(ctx, at)
			if len(known) == 0 {
				if !fault.Is(err, fault.NotFound) {
					t.Fatalf("At = %v, %v, want none", record.At, err)
				}
				return
			}
			if diff := cmp.Diff(known[len(known)-1], record, exactly); diff != "" || err != nil {
				t.Fatal(diff, err)
			}
		},
		"Newest": func(t *rapid.T) {
			entry, found, err := m.log.Newest(ctx)
			if err != nil || found != (len(m.records) > 0) || found && !entry.At.Equal(m.records[len(m.records)-1].At) {
				t.Fatalf("Newest = %v, %v, %v", entry.At, found, err)
			}
		},
		"Range and Entries": func(t *rapid.T) {
			m.compare(t, moment(t), moment(t))
		},
	}
}

func (m *machine) compare(t *rapid.T, from, to time.Time) {
	ctx := context.Background()
	var records []Record
	for record, err := range m.log.Range(ctx, from, to) {
		if err != nil {
			t.Fatal(err)
		}
		records = append(records, record)
	}
	want := m.between(from, to)
	if diff := cmp.Diff(want, records, exactly); diff != "" {
		t.Fatal(diff)
	}
	entries, err := m.log.Entries(ctx, from, to)
	if err != nil || len(entries) != len(want) {
		t.Fatalf("%d entries, %v, want %d", len(entries), err, len(want))
	}
	for i, entry := range entries {
		if !entry.At.Equal(want[i].At) || entry.Bytes != len(want[i].Network)+len(want[i].Transceivers) {
			t.Fatalf("entry %v of record %v", entry, want[i].At)
		}
	}
}

func TestLogAgainstModel(t *testing.T) {
	for name, storage := range map[string]func() Storage{
		"in a directory": func() Storage { return OpenDir(t.TempDir()) },
		"in S3":          func() Storage { _, s := newBucket(t); return s },
	} {
		t.Run(name, func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				m := &machine{model: &model{}, storage: storage(), clock: start, network: newNetwork(4, 1)}
				m.reopen(t)
				t.Repeat(m.actions())
				m.compare(t, time.Time{}, endOfTime)
				m.clock = longAfter()
				if _, err := m.log.Compact(context.Background(), endOfTime, 0); err != nil {
					t.Fatal(err)
				}
				m.compare(t, time.Time{}, endOfTime)
			})
		})
	}
}
