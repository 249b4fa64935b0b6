package rawlog

import (
	"context"
	"errors"
	"iter"
	"math"
	"slices"
	"time"

	"github.com/skyledger/skyledger/internal/fault"
)

// maxDepth is more bases than any chain has; a forged one may run in a circle.
const maxDepth = 64

// Bounds that no record reaches.
const (
	minMicros = math.MinInt64
	maxMicros = math.MaxInt64
)

// cachedBases is how many decoded bases are kept, so that reading in order
// decodes each once.
const cachedBases = 2

// readAhead is how much of a file is fetched at once when an hour is read in
// order.
const readAhead = 1 << 20

type cachedBodies struct {
	at int64
	bodies
}

// Get returns the record of exactly that moment; fault.NotFound when there is
// none, fault.Internal with the reason "damaged" when it cannot be read.
func (l *Log) Get(ctx context.Context, at time.Time) (Record, error) {
	hour := hourOf(at.UnixMicro())
	h, slots, err := l.load(ctx, hour)
	if err != nil {
		return Record{}, err
	}
	for _, s := range between(slots, at.UnixMicro(), at.UnixMicro()+1) {
		return l.read(ctx, h, s, &fileReader{storage: l.storage})
	}
	return Record{}, fault.E("rawlog.Get", fault.NotFound, "no_record", nil)
}

// At returns the newest record that is not after t; fault.NotFound when there is
// none. A damaged record is passed over.
func (l *Log) At(ctx context.Context, t time.Time) (Record, error) {
	limit := t.UnixMicro()
	for h, err := range l.backwards(ctx, limit) {
		if err != nil {
			return Record{}, err
		}
		slots, err := l.slots(ctx, h)
		if err != nil {
			return Record{}, err
		}
		for _, s := range slices.Backward(between(slots, minMicros, limit+1)) {
			record, err := l.read(ctx, h, s, &fileReader{storage: l.storage})
			if !isDamaged(err) {
				return record, err
			}
		}
	}
	return Record{}, fault.E("rawlog.At", fault.NotFound, "no_record", nil)
}

// Newest returns the entry of the newest record; false when the log is empty.
func (l *Log) Newest(ctx context.Context) (Entry, bool, error) {
	for h, err := range l.backwards(ctx, maxMicros-1) {
		if err != nil {
			return Entry{}, false, err
		}
		entries, err := l.entries(ctx, h, minMicros, maxMicros)
		if err != nil {
			return Entry{}, false, err
		}
		if len(entries) > 0 {
			return entries[len(entries)-1], true, nil
		}
	}
	return Entry{}, false, nil
}

// Entries returns the entries of the records from ≤ At < to, by time.
func (l *Log) Entries(ctx context.Context, from, to time.Time) ([]Entry, error) {
	hours, err := l.hoursBetween(ctx, micros(from), micros(to))
	if err != nil {
		return nil, err
	}
	entries := []Entry{}
	for _, hour := range hours {
		some, err := l.entries(ctx, l.hour(hour), micros(from), micros(to))
		if err != nil {
			return nil, err
		}
		entries = append(entries, some...)
	}
	return entries, nil
}

// Range yields the records from ≤ At < to, by time. A damaged record is reported
// and passed over; any other error is yielded and ends the range.
func (l *Log) Range(ctx context.Context, from, to time.Time) iter.Seq2[Record, error] {
	return func(yield func(Record, error) bool) {
		hours, err := l.hoursBetween(ctx, micros(from), micros(to))
		if err != nil {
			yield(Record{}, err)
			return
		}
		for _, hour := range hours {
			h, slots, err := l.load(ctx, hour)
			if err != nil {
				yield(Record{}, err)
				return
			}
			reader := &fileReader{storage: l.storage, ahead: readAhead}
			for _, s := range between(slots, micros(from), micros(to)) {
				record, err := l.read(ctx, h, s, reader)
				if isDamaged(err) {
					continue
				}
				if !yield(record, err) || err != nil {
					return
				}
			}
		}
	}
}

func (l *Log) entries(ctx context.Context, h *hourIndex, from, to int64) ([]Entry, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if err := l.refresh(ctx, h); err != nil {
		return nil, err
	}
	err := l.fill(ctx, h, from, to)
	if fault.Is(err, fault.NotFound) { // packed by another process meanwhile
		if err = l.refresh(ctx, h); err == nil {
			err = l.fill(ctx, h, from, to)
		}
	}
	if err != nil {
		return nil, err
	}
	var entries []Entry
	for _, s := range between(h.slots, from, to) {
		if s.readable() {
			entries = append(entries, s.header.entry())
		}
	}
	return entries, nil
}

// load returns an hour's index and its slots as they are now.
func (l *Log) load(ctx context.Context, hour time.Time) (*hourIndex, []slot, error) {
	h := l.hour(hour)
	slots, err := l.slots(ctx, h)
	return h, slots, err
}

func (l *Log) slots(ctx context.Context, h *hourIndex) ([]slot, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	err := l.refresh(ctx, h)
	return h.slots, err
}

// between returns the slots from ≤ at < to.
func between(slots []slot, from, to int64) []slot {
	h := hourIndex{slots: slots}
	first, _ := h.search(from)
	last, _ := h.search(to)
	return slots[min(first, last):last]
}

// read returns the record of a slot. When the slot turns out not to hold it,
// because another process packed the hour meanwhile, it looks again, once.
func (l *Log) read(ctx context.Context, h *hourIndex, s slot, reader *fileReader) (Record, error) {
	const op = "rawlog.read"
	if err := ctx.Err(); err != nil {
		return Record{}, err
	}
	record, err := l.decode(ctx, h, s, reader, 0)
	if err == nil || !errors.Is(err, errDamaged) && !fault.Is(err, fault.NotFound) {
		return record, err
	}
	reader.forget()
	l.forget(h)
	slots, err := l.slots(ctx, h)
	if err != nil {
		return Record{}, err
	}
	again := between(slots, s.header.at, s.header.at+1)
	if len(again) == 0 {
		return Record{}, fault.E(op, fault.NotFound, "no_record", nil)
	}
	record, err = l.decode(ctx, h, again[0], reader, 0)
	if errors.Is(err, errDamaged) || fault.Is(err, fault.NotFound) {
		l.damaged(h.hour, again[0].file, again[0].offset, "frame of "+fromMicros(s.header.at).Format(time.RFC3339Nano), again[0].size)
		return Record{}, fault.E(op, fault.Internal, "damaged", err)
	}
	return record, err
}

// isDamaged says whether a record is there and cannot be read, ever.
func isDamaged(err error) bool {
	return fault.Is(err, fault.Internal) && fault.ReasonOf(err) == "damaged"
}

// forget drops what is known of an hour and the bodies decoded so far.
func (l *Log) forget(h *hourIndex) {
	h.mu.Lock()
	h.reset()
	h.mu.Unlock()
	l.mu.Lock()
	l.cache = nil
	l.mu.Unlock()
}

// decode reads and decodes the frame of a slot, its base first.
func (l *Log) decode(ctx context.Context, h *hourIndex, s slot, reader *fileReader, depth int) (Record, error) {
	frame, err := reader.read(ctx, s)
	if err != nil {
		return Record{}, err
	}
	found, err := checkFrame(frame)
	if err != nil || found.at != s.header.at {
		return Record{}, errDamaged
	}
	var from bodies
	if found.hasBase {
		if from, err = l.base(ctx, h, found.base, depth+1); err != nil {
			return Record{}, err
		}
	}
	return l.decoder.record(found, frame[headerSize:], from)
}

// base returns the bodies of a record that others are compressed against.
func (l *Log) base(ctx context.Context, h *hourIndex, at int64, depth int) (bodies, error) {
	h.mu.Lock()
	slots := h.slots
	h.mu.Unlock()
	found := between(slots, at, at+1)
	if len(found) == 0 || depth > maxDepth {
		return bodies{}, errDamaged
	}
	if cached, ok := l.cached(at); ok {
		return cached, nil
	}
	record, err := l.decode(ctx, h, found[0], &fileReader{storage: l.storage}, depth)
	if err != nil {
		return bodies{}, err
	}
	decoded := bodies{network: record.Network, transceivers: record.Transceivers}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.cache = append(l.cache, cachedBodies{at: at, bodies: decoded})
	l.cache = l.cache[max(0, len(l.cache)-cachedBases):]
	return decoded, nil
}

func (l *Log) cached(at int64) (bodies, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, c := range l.cache {
		if c.at == at {
			return c.bodies, true
		}
	}
	return bodies{}, false
}

// fileReader reads frames, ahead when they are read in order.
type fileReader struct {
	storage Storage
	ahead   int
	file    string
	offset  int64
	data    []byte
}

// read returns the bytes of a slot's frame; errDamaged when the file is shorter.
func (r *fileReader) read(ctx context.Context, s slot) ([]byte, error) {
	if s.size < headerSize || s.size > headerSize+3*maxBody {
		return nil, errDamaged
	}
	from := s.offset - r.offset
	if r.file != s.file || from < 0 || from+s.size > int64(len(r.data)) {
		data, err := r.storage.Read(ctx, s.file, s.offset, max(int(s.size), r.ahead))
		if err != nil {
			return nil, err
		}
		r.file, r.offset, r.data, from = s.file, s.offset, data, 0
	}
	if from+s.size > int64(len(r.data)) {
		return nil, errDamaged
	}
	return r.data[from : from+s.size], nil
}

func (r *fileReader) forget() { r.file, r.data = "", nil }

// micros returns a bound as the log counts time: the first microsecond not
// before it.
func micros(t time.Time) int64 {
	if t.Nanosecond()%int(time.Microsecond) != 0 {
		return t.UnixMicro() + 1
	}
	return t.UnixMicro()
}
