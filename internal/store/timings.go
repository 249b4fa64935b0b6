package store

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/skyledger/skyledger/internal/statement"
)

// Timing is what one process spent on one statement in one hour of the wall, as
// the caller saw it: sending, waiting and reading included.
type Timing struct {
	Hour        time.Time
	Fingerprint int64
	Shape       string // without values, see statement.Shape
	Text        string // as it is sent; "" when it is too long to keep
	Calls       int64
	Errors      int64 // of the calls
	Rows        int64 // returned or changed
	Total, Max  time.Duration

	saved int64 // calls that the database knows of
}

const (
	// mostTimed bounds the statements kept apart in an hour. The product has
	// about a hundred; beyond the bound they are counted together.
	mostTimed = 300
	// mostTexts bounds the texts whose fingerprint is remembered.
	mostTexts = 2 * mostTimed
	// longestText is the longest statement kept word for word, in bytes.
	longestText = 8 << 10
	// otherShape is the shape under which what is beyond the bound is counted.
	otherShape = "(other statements)"
)

// timings times the statements of a pool's connections. It is a pgx tracer.
type timings struct {
	clock func() time.Time

	mu       sync.Mutex
	hour     time.Time
	texts    map[string]*Timing // by text as it is sent
	timed    map[int64]*Timing  // by fingerprint
	previous []*Timing          // of the hour before, not saved yet
}

func newTimings(clock func() time.Time) *timings {
	return &timings{clock: clock, texts: map[string]*Timing{}, timed: map[int64]*Timing{}}
}

// began is in the context of a call that is timed.
type began struct {
	sql     string
	at      time.Time
	skipped bool
}

type beganKey struct{}

// untimed marks calls of our own bookkeeping.
func untimed(ctx context.Context) context.Context {
	return context.WithValue(ctx, beganKey{}, &began{skipped: true})
}

// TraceQueryStart implements pgx.QueryTracer.
func (t *timings) TraceQueryStart(ctx context.Context, _ *pgx.Conn, data pgx.TraceQueryStartData) context.Context {
	if outer, ok := ctx.Value(beganKey{}).(*began); ok && outer.skipped {
		return ctx
	}
	return context.WithValue(ctx, beganKey{}, &began{sql: data.SQL, at: t.clock()})
}

// TraceQueryEnd implements pgx.QueryTracer.
func (t *timings) TraceQueryEnd(ctx context.Context, _ *pgx.Conn, data pgx.TraceQueryEndData) {
	if call, ok := ctx.Value(beganKey{}).(*began); ok && !call.skipped {
		now := t.clock()
		t.note(call.sql, now, now.Sub(call.at), data.CommandTag.RowsAffected(), data.Err)
	}
}

// TraceBatchStart implements pgx.BatchTracer.
func (t *timings) TraceBatchStart(ctx context.Context, conn *pgx.Conn, _ pgx.TraceBatchStartData) context.Context {
	return t.TraceQueryStart(ctx, conn, pgx.TraceQueryStartData{})
}

// TraceBatchQuery implements pgx.BatchTracer. The statements of a batch travel
// together; each is given the time since the result before it.
func (t *timings) TraceBatchQuery(ctx context.Context, _ *pgx.Conn, data pgx.TraceBatchQueryData) {
	if batch, ok := ctx.Value(beganKey{}).(*began); ok && !batch.skipped {
		now := t.clock()
		t.note(data.SQL, now, now.Sub(batch.at), data.CommandTag.RowsAffected(), data.Err)
		batch.at = now
	}
}

// TraceBatchEnd implements pgx.BatchTracer.
func (t *timings) TraceBatchEnd(context.Context, *pgx.Conn, pgx.TraceBatchEndData) {}

// TraceCopyFromStart implements pgx.CopyFromTracer.
func (t *timings) TraceCopyFromStart(ctx context.Context, conn *pgx.Conn, data pgx.TraceCopyFromStartData) context.Context {
	sql := "COPY " + data.TableName.Sanitize() + " (" + strings.Join(data.ColumnNames, ", ") + ") FROM STDIN"
	return t.TraceQueryStart(ctx, conn, pgx.TraceQueryStartData{SQL: sql})
}

// TraceCopyFromEnd implements pgx.CopyFromTracer.
func (t *timings) TraceCopyFromEnd(ctx context.Context, conn *pgx.Conn, data pgx.TraceCopyFromEndData) {
	t.TraceQueryEnd(ctx, conn, pgx.TraceQueryEndData(data))
}

// note counts a call. It is on the way of every statement: a text that was seen
// before costs a look into a map.
func (t *timings) note(sql string, now time.Time, took time.Duration, rows int64, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.turn(now.UTC().Truncate(time.Hour))
	entry := t.texts[sql]
	if entry == nil {
		entry = t.add(sql)
	}
	took = max(0, took)
	entry.Calls++
	entry.Rows += rows
	entry.Total += took
	entry.Max = max(entry.Max, took)
	if err != nil {
		entry.Errors++
	}
}

// turn begins another hour, and forgets what was not saved of the one before
// the last.
func (t *timings) turn(hour time.Time) {
	if !hour.After(t.hour) {
		return
	}
	t.previous = t.previous[:0]
	for _, entry := range t.timed {
		if entry.saved < entry.Calls {
			t.previous = append(t.previous, entry)
		}
	}
	t.hour = hour
	clear(t.texts)
	clear(t.timed)
}

// add begins an entry for a text that was not seen in this hour.
func (t *timings) add(sql string) *Timing {
	shape := statement.Shape(sql)
	entry := t.timed[statement.Fingerprint(shape)]
	if entry == nil && len(t.timed) >= mostTimed {
		shape, sql = otherShape, ""
		entry = t.timed[statement.Fingerprint(shape)]
	}
	if entry == nil {
		entry = &Timing{Hour: t.hour, Fingerprint: statement.Fingerprint(shape), Shape: shape}
		if len(sql) <= longestText {
			entry.Text = sql
		}
		t.timed[entry.Fingerprint] = entry
	}
	if sql != "" && len(t.texts) < mostTexts {
		t.texts[sql] = entry
	}
	return entry
}

// unsaved returns what the database does not know yet, as it is now, in the
// order of its keys: everybody takes the rows' locks in the same one.
func (t *timings) unsaved() []Timing {
	t.mu.Lock()
	defer t.mu.Unlock()
	var rows []Timing
	for _, entry := range t.previous {
		if entry.saved < entry.Calls {
			rows = append(rows, *entry)
		}
	}
	for _, entry := range t.timed {
		if entry.saved < entry.Calls {
			rows = append(rows, *entry)
		}
	}
	slices.SortFunc(rows, func(a, b Timing) int {
		return cmp.Or(a.Hour.Compare(b.Hour), cmp.Compare(a.Fingerprint, b.Fingerprint))
	})
	return rows
}

// settle notes that the database has the rows.
func (t *timings) settle(rows []Timing) {
	saved := map[timingKey]int64{}
	for i := range rows {
		saved[timingKey{rows[i].Hour.Unix(), rows[i].Fingerprint}] = rows[i].Calls
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	mark := func(entry *Timing) {
		if calls, ok := saved[timingKey{entry.Hour.Unix(), entry.Fingerprint}]; ok {
			entry.saved = max(entry.saved, calls)
		}
	}
	for _, entry := range t.previous {
		mark(entry)
	}
	for _, entry := range t.timed {
		mark(entry)
	}
}

type timingKey struct {
	hour        int64
	fingerprint int64
}
