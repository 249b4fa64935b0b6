package store

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

func timed(o *Options) { o.Timed = true }

// secret is a value that must be found nowhere.
const secretValue = "4d5a9000"

func TestStatementsAreTimed(t *testing.T) {
	s, x := setup(t, timed)
	ctx := t.Context()
	must(t, s.use(ctx, "test", func(ctx context.Context, conn *pgx.Conn) error {
		for range 3 {
			if _, err := conn.Exec(ctx, `SELECT generate_series(1, 4) /* four */ WHERE $1 <> ''`, secretValue); err != nil {
				return err
			}
		}
		if _, err := conn.Exec(ctx, `SELECT 1 / (length($1) - 8)`, secretValue); err == nil {
			t.Error("a division by zero went well")
		}
		_, err := conn.Exec(ctx, `SELECT pg_sleep(0.05)`)
		return err
	}))
	s.SaveTimings(ctx)
	s.SaveTimings(ctx) // once more is not twice

	found, err := s.TimedStatements(ctx, time.Now().Add(-2*time.Hour), 100)
	must(t, err)
	byShape := map[string]Profile{}
	for _, p := range found.Statements {
		byShape[p.Shape] = p
	}
	series := byShape["SELECT generate_series($2, $3) WHERE $1 <> $4"]
	if series.Calls != 3 || series.Rows != 12 || *series.Errors != 0 || series.TotalMS <= 0 || series.MaxMS > series.TotalMS {
		t.Errorf("%+v", series)
	}
	if failed := byShape["SELECT $2 / (length($1) - $3)"]; failed.Calls != 1 || *failed.Errors != 1 {
		t.Errorf("%+v", failed)
	}
	if slept := byShape["SELECT pg_sleep($1)"]; slept.TotalMS < 50 || found.Statements[0].Fingerprint != slept.Fingerprint {
		t.Errorf("the slowest is %+v, asleep was %+v", found.Statements[0], slept)
	}
	if !found.Available || found.Since == nil || found.Calls < 5 {
		t.Errorf("%+v", found.Figures)
	}
	t.Run("no value that was asked for is kept", func(t *testing.T) {
		var n int
		must(t, x.Conn.QueryRow(ctx, `SELECT count(*) FROM kept.statements WHERE shape || coalesce(text, '') LIKE '%' || $1 || '%'`, secretValue).Scan(&n))
		if n != 0 {
			t.Errorf("%d statements hold it", n)
		}
	})
	t.Run("keeping the figures is not in the figures", func(t *testing.T) {
		for shape := range byShape {
			if strings.Contains(shape, "statement_timings") && strings.HasPrefix(shape, "WITH given") {
				t.Error(shape)
			}
		}
	})
}

func TestBatchesAndCopiesAreTimed(t *testing.T) {
	s, x := setup(t, timed)
	ctx := t.Context()
	_, err := x.Conn.Exec(ctx, `CREATE TABLE target (n int)`)
	must(t, err)
	must(t, s.use(ctx, "test", func(ctx context.Context, conn *pgx.Conn) error {
		var batch pgx.Batch
		batch.Queue(`INSERT INTO target VALUES (1), (2)`)
		batch.Queue(`DELETE FROM target`)
		if err := conn.SendBatch(ctx, &batch).Close(); err != nil {
			return err
		}
		_, err := conn.CopyFrom(ctx, pgx.Identifier{"target"}, []string{"n"}, pgx.CopyFromRows([][]any{{1}, {2}, {3}}))
		return err
	}))
	rows := map[string]int64{}
	for _, timing := range s.saver.unsaved() {
		rows[timing.Shape] = timing.Rows
	}
	for shape, want := range map[string]int64{
		"INSERT INTO target VALUES ($1), ($2)": 2, "DELETE FROM target": 2, `COPY "target" (n) FROM STDIN`: 3,
	} {
		if got, known := rows[shape]; !known || got != want {
			t.Errorf("%s: %d rows, known %t", shape, got, known)
		}
	}
}

func TestTimingsAreTakenOnClosing(t *testing.T) {
	s, x := setup(t, timed)
	must(t, s.Ping(t.Context()))
	_, err := s.Counters(t.Context())
	must(t, err)
	s.Close()
	var n int
	must(t, x.Conn.QueryRow(t.Context(), `SELECT count(*) FROM kept.statement_timings`).Scan(&n))
	if n == 0 {
		t.Error("nothing was kept")
	}
}

// clockwork is a clock that the test moves.
type clockwork struct{ now time.Time }

func (c *clockwork) read() time.Time { return c.now }

func call(t *timings, c *clockwork, sql string, took time.Duration, err error) {
	ctx := t.TraceQueryStart(context.Background(), nil, pgx.TraceQueryStartData{SQL: sql})
	c.now = c.now.Add(took)
	t.TraceQueryEnd(ctx, nil, pgx.TraceQueryEndData{CommandTag: pgconn.NewCommandTag("SELECT 2"), Err: err})
}

func TestTimingsAreBounded(t *testing.T) {
	c := &clockwork{now: start}
	timings := newTimings(c.read)
	const many = 5000
	for i := range many {
		call(timings, c, fmt.Sprintf("SELECT * FROM table_%d", i), time.Millisecond, nil)
		call(timings, c, fmt.Sprintf("SELECT * FROM one WHERE a = %d", i), time.Millisecond, errors.New("no"))
	}
	rows := timings.unsaved()
	if len(rows) > mostTimed+1 || len(timings.texts) > mostTexts {
		t.Errorf("%d statements, %d texts", len(rows), len(timings.texts))
	}
	counted := map[int64]int64{} // by hour: the clock passed from one to the next
	for _, row := range rows {
		counted[row.Hour.Unix()] += row.Calls
		if row.Total != time.Duration(row.Calls)*time.Millisecond || row.Max != time.Millisecond {
			t.Errorf("%+v", row)
		}
	}
	if len(counted) != 1 || counted[start.Truncate(time.Hour).Unix()] != 2*many {
		t.Errorf("%v calls are accounted for, want %d", counted, 2*many)
	}
}

func TestAnHourThatWasNotToldIsKeptForTheNext(t *testing.T) {
	c := &clockwork{now: start}
	timings := newTimings(c.read)
	call(timings, c, "SELECT 1", time.Second, nil)
	c.now = c.now.Add(time.Hour)
	call(timings, c, "SELECT 1", time.Second, nil)
	rows := timings.unsaved()
	if len(rows) != 2 || !rows[1].Hour.Equal(rows[0].Hour.Add(time.Hour)) {
		t.Fatalf("%+v", rows)
	}
	timings.settle(rows)
	call(timings, c, "SELECT 1", time.Second, nil)
	if left := timings.unsaved(); len(left) != 1 || left[0].Calls != 2 {
		t.Errorf("a row is what was counted so far: %+v", left)
	}
}

func TestTimingsOfProcessesAreAddedUp(t *testing.T) {
	s, _ := setup(t)
	ctx := t.Context()
	hour := time.Now().UTC().Truncate(time.Hour).Add(-10 * time.Hour)
	row := func(calls int64) []Timing {
		return []Timing{{Hour: hour, Fingerprint: 5, Shape: "SELECT $1", Text: "SELECT 7", Calls: calls, Rows: calls, Total: time.Duration(calls) * time.Second, Max: time.Duration(calls) * time.Millisecond}}
	}
	must(t, s.saveTimings(ctx, "one", row(2)))
	must(t, s.saveTimings(ctx, "one", row(3)))
	must(t, s.saveTimings(ctx, "one", row(2))) // comes late
	must(t, s.saveTimings(ctx, "two", row(4)))
	for range 2 {
		must(t, s.CondenseTimings(ctx, time.Now(), hour.Add(-time.Hour)))
		found, err := s.TimedStatements(ctx, hour, 10)
		must(t, err)
		if len(found.Statements) != 1 || found.Statements[0].Calls != 7 || found.Statements[0].TotalMS != 7000 || found.Statements[0].MaxMS != 4 || !found.Statements[0].Ours {
			t.Errorf("%+v", found.Statements)
		}
	}
	must(t, s.CondenseTimings(ctx, time.Now(), hour.Add(time.Hour)))
	found, err := s.TimedStatements(ctx, hour, 10)
	must(t, err)
	if found.Available || found.Reason == nil {
		t.Errorf("past retention: %+v", found)
	}
}

func TestADatabaseThatIsAwayCostsTimingsNothing(t *testing.T) {
	s, x := setup(t, timed)
	must(t, s.Ping(t.Context()))
	_, err := x.Conn.Exec(t.Context(), `ALTER TABLE kept.statement_timings RENAME TO hidden`)
	must(t, err)
	s.SaveTimings(t.Context())
	unsaved := len(s.saver.unsaved())
	_, err = x.Conn.Exec(t.Context(), `ALTER TABLE kept.hidden RENAME TO statement_timings`)
	must(t, err)
	if unsaved == 0 {
		t.Error("what was not taken is forgotten")
	}
	s.SaveTimings(t.Context())
	if left := s.saver.unsaved(); len(left) != 0 {
		t.Errorf("%d are left", len(left))
	}
}

func TestTimingAddsNextToNothing(t *testing.T) {
	timings := newTimings(time.Now)
	allocations := testing.AllocsPerRun(100, func() {
		called := timings.TraceQueryStart(context.Background(), nil, pgx.TraceQueryStartData{SQL: currentFlightsSQL})
		timings.TraceQueryEnd(called, nil, pgx.TraceQueryEndData{})
	})
	if allocations > 2 { // the context and what is in it
		t.Errorf("%.0f allocations a call", allocations)
	}
}

// BenchmarkTiming is what timing adds to a call of a known statement, beside
// BenchmarkTimedQuery, which is the least that a call takes without and with it.
func BenchmarkTiming(b *testing.B) {
	timings := newTimings(time.Now)
	ctx := context.Background()
	b.ReportAllocs()
	for b.Loop() {
		called := timings.TraceQueryStart(ctx, nil, pgx.TraceQueryStartData{SQL: currentFlightsSQL})
		timings.TraceQueryEnd(called, nil, pgx.TraceQueryEndData{})
	}
}

func BenchmarkTimedQuery(b *testing.B) {
	for _, timed := range []bool{false, true} {
		b.Run(fmt.Sprintf("timed=%t", timed), func(b *testing.B) {
			s, _ := setup(b, func(o *Options) { o.Timed = timed })
			must(b, s.use(context.Background(), "bench", func(ctx context.Context, conn *pgx.Conn) error {
				for b.Loop() {
					if _, err := conn.Exec(ctx, `SELECT 1`); err != nil {
						return err
					}
				}
				return nil
			}))
		})
	}
}
