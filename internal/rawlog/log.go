package rawlog

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"github.com/skyledger/skyledger/internal/fault"
)

// Options are a log's settings; the zero value of each means its default.
type Options struct {
	Clock  func() time.Time // time.Now
	Logger *zap.Logger      // none
	Faults *fault.Recorder  // nil: nobody keeps account

	// KeyframeEvery is how many records a keyframe serves, itself included (48);
	// KeyframeWithin how far from it they may be (12 minutes).
	KeyframeEvery  int
	KeyframeWithin time.Duration
	// BaseEvery is after how many records one becomes the dictionary of those
	// that follow (4). Reading a record decodes at most KeyframeEvery/BaseEvery
	// others.
	BaseEvery int
}

// keptHours bounds how many hours' indexes are kept (some 60 kB each).
const keptHours = 48

// Log is the log of one source. It is safe for concurrent use, and several
// processes may use one storage at once.
type Log struct {
	storage Storage
	options Options
	encoder *encoder
	decoder *decoder

	mu    sync.Mutex
	hours []*hourIndex // the most recently used last
	chain chain
	cache []cachedBodies

	damages atomic.Int64
}

// base is a committed record whose bodies are the dictionary of others.
type base struct {
	at   int64
	hash [32]byte
	bodies
}

// chain is what the next record is compressed against.
type chain struct {
	key   int64 // At of the keyframe
	count int   // records since it, itself included
	base  *base
}

// Stats count what a Log met since it was opened.
type Stats struct {
	Damaged int64 // places found unreadable; the same place may count again
}

// Open returns the log in a storage. It reads nothing yet; what a writer that
// died left torn is cut by the next append to its hour.
func Open(_ context.Context, storage Storage, options Options) (*Log, error) {
	if options.Clock == nil {
		options.Clock = time.Now
	}
	if options.Logger == nil {
		options.Logger = zap.NewNop()
	}
	options.KeyframeEvery = cmp.Or(options.KeyframeEvery, 48)
	options.KeyframeWithin = cmp.Or(options.KeyframeWithin, 12*time.Minute)
	options.BaseEvery = cmp.Or(options.BaseEvery, 4)
	encoder, err := newEncoder()
	if err != nil {
		return nil, fault.E("rawlog.Open", fault.Internal, "zstd", err)
	}
	decoder, err := newDecoder()
	if err != nil {
		return nil, fault.E("rawlog.Open", fault.Internal, "zstd", err)
	}
	return &Log{storage: storage, options: options, encoder: encoder, decoder: decoder}, nil
}

// Close releases what the log holds. Everything committed is durable already.
func (l *Log) Close() error {
	l.decoder.zstd.Close()
	return l.storage.Close()
}

// Stats returns the counts so far.
func (l *Log) Stats() Stats { return Stats{Damaged: l.damages.Load()} }

// Refresh forgets what is known of the storage. Every read looks by itself
// whether the hours it touches have changed, so it is hardly ever needed.
func (l *Log) Refresh(context.Context) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.hours, l.cache = nil, nil
	return nil
}

// Prepared is a record compressed and ready to be committed.
type Prepared struct {
	record Record
	header header
	frame  []byte
	base   *base // what it is compressed against; nil for a keyframe
	key    int64 // At of the keyframe it belongs to, its own when it is one
}

// Bytes is what the record will take in the log.
func (p *Prepared) Bytes() int { return len(p.frame) }

// Prepare compresses a record. It does no I/O and may run beside whatever else
// is done with the bodies, which it does not change; they must not change until
// Commit has returned.
func (l *Log) Prepare(record Record) (*Prepared, error) {
	if record.At.UnixMicro() <= 0 {
		return nil, fault.E("rawlog.Prepare", fault.Invalid, "no_time", nil)
	}
	if len(record.Network) > maxBody || len(record.Transceivers) > maxBody {
		return nil, fault.E("rawlog.Prepare", fault.Invalid, "too_large", nil)
	}
	from, key := l.baseFor(record.At.UnixMicro())
	return l.encode(record, from, key)
}

func (l *Log) encode(record Record, from *base, key int64) (*Prepared, error) {
	header, frame, err := l.encoder.frame(record, from)
	if err != nil {
		return nil, fault.E("rawlog.Prepare", fault.Internal, "zstd", err)
	}
	if !header.hasBase {
		from = nil
	}
	return &Prepared{record: record, header: header, frame: frame, base: from, key: key}, nil
}

// baseFor returns what a record is compressed against and the keyframe it
// belongs to: nil and itself when it is to be a keyframe.
func (l *Log) baseFor(at int64) (*base, int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	c := l.chain
	distance := time.Duration(max(at-c.key, c.key-at)) * time.Microsecond
	if c.base == nil || c.count >= l.options.KeyframeEvery || distance > l.options.KeyframeWithin ||
		!hourOf(at).Equal(hourOf(c.key)) {
		return nil, at
	}
	return c.base, c.key
}

// Commit makes a prepared record durable and returns its entry. appended is
// false when the log has a record of that moment already: that one stays, and
// the entry is its.
func (l *Log) Commit(ctx context.Context, p *Prepared) (entry Entry, appended bool, err error) {
	hour := hourOf(p.header.at)
	unlock, err := l.storage.Lock(ctx, hour)
	if err != nil {
		return Entry{}, false, err
	}
	defer unlock()
	h := l.hour(hour)
	h.mu.Lock()
	defer h.mu.Unlock()
	// A storage that refuses duplicates itself needs no look at a running hour;
	// in a finished one the record may be in the packed file.
	if !l.storage.Conditional() || !hour.Add(time.Hour).After(l.options.Clock()) {
		if err := l.refresh(ctx, h); err != nil {
			return Entry{}, false, err
		}
	}
	if err := l.checkTail(ctx, h); err != nil {
		return Entry{}, false, err
	}
	if existing, found, err := l.existing(ctx, h, p.header.at); found || err != nil {
		return existing, false, err
	}
	if p.base != nil && !h.holds(p.base) {
		// Its hour was removed and begins anew.
		if p, err = l.encode(p.record, nil, p.header.at); err != nil {
			return Entry{}, false, err
		}
	}
	return l.write(ctx, h, p)
}

// write appends a frame that the index does not have.
func (l *Log) write(ctx context.Context, h *hourIndex, p *Prepared) (Entry, bool, error) {
	file, offset, appended, err := l.storage.Append(ctx, fromMicros(p.header.at), p.frame, h.end)
	if err != nil {
		h.reset()
		return Entry{}, false, err
	}
	if !appended {
		if err := l.refresh(ctx, h); err != nil {
			return Entry{}, false, err
		}
		existing, _, err := l.existing(ctx, h, p.header.at)
		return existing, false, err
	}
	h.files[file.Name] = file
	h.add(slot{header: p.header, known: true, file: file.Name, offset: offset, size: int64(len(p.frame))})
	if file.Kind == Segment {
		h.end = offset + int64(len(p.frame))
		h.verified = h.end
	}
	// In a packed hour another process may, for a moment, have committed another
	// record of this time that counts instead: nothing may depend on this one.
	if !h.packed() {
		l.adopt(p)
	}
	return p.header.entry(), true, nil
}

// Append is Prepare and Commit.
func (l *Log) Append(ctx context.Context, record Record) (Entry, bool, error) {
	prepared, err := l.Prepare(record)
	if err != nil {
		return Entry{}, false, err
	}
	return l.Commit(ctx, prepared)
}

func (l *Log) existing(ctx context.Context, h *hourIndex, at int64) (Entry, bool, error) {
	if _, found := h.search(at); !found {
		return Entry{}, false, nil
	}
	if err := l.fill(ctx, h, at, at+1); err != nil {
		return Entry{}, true, err
	}
	i, _ := h.search(at)
	return h.slots[i].header.entry(), true, nil
}

// adopt makes a committed record the dictionary of the next ones when it is a
// keyframe or its turn.
func (l *Log) adopt(p *Prepared) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case p.key == p.header.at:
		l.chain = chain{key: p.key}
	case p.key != l.chain.key:
		return // prepared before another keyframe came
	}
	if l.chain.count%l.options.BaseEvery == 0 {
		// A copy: the caller may use its buffers again.
		l.chain.base = &base{at: p.header.at, hash: p.header.hash, bodies: bodies{
			network: slices.Clone(p.record.Network), transceivers: slices.Clone(p.record.Transceivers),
		}}
	}
	l.chain.count++
}

// hour returns the index of an hour, an empty one when it is not at hand.
func (l *Log) hour(start time.Time) *hourIndex {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i, h := range l.hours {
		if h.hour.Equal(start) {
			l.hours = append(append(l.hours[:i:i], l.hours[i+1:]...), h)
			return h
		}
	}
	h := &hourIndex{hour: start}
	h.reset()
	if len(l.hours) == keptHours {
		l.hours = l.hours[1:]
	}
	l.hours = append(l.hours, h)
	return h
}

// damaged counts and reports something that cannot be read.
func (l *Log) damaged(hour time.Time, file string, offset int64, what string, size int64) {
	l.damages.Add(1)
	l.options.Faults.Note(context.Background(), fault.E("rawlog.Log", fault.Internal, "damaged", errors.New(what)))
	l.options.Logger.Error("log is damaged", zap.Time("hour", hour), zap.String("file", file),
		zap.Int64("offset", offset), zap.String("what", what), zap.Int64("bytes", size))
}
