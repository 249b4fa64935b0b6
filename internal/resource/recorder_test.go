package resource_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"go.uber.org/goleak"
	"go.uber.org/zap"

	"github.com/skyledger/skyledger/internal/resource"
	"github.com/skyledger/skyledger/internal/store"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// sink keeps rows as the table does, and fails or hangs when told to.
type sink struct {
	mu     sync.Mutex
	writes int
	fail   error
	hang   bool
	rows   map[string]store.UsageRow
}

func (s *sink) RecordUsage(ctx context.Context, rows []store.UsageRow) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.writes++
	if s.hang {
		<-ctx.Done()
		return ctx.Err()
	}
	if s.fail != nil {
		return s.fail
	}
	if s.rows == nil {
		s.rows = map[string]store.UsageRow{}
	}
	for _, row := range rows {
		s.rows[row.Hour.Format(time.RFC3339)+row.Function+row.Process] = row
	}
	return nil
}

func (s *sink) written() (rows []store.UsageRow, writes int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, row := range s.rows {
		rows = append(rows, row)
	}
	return rows, s.writes
}

func newRecorder(s *sink, change ...func(*resource.Options)) *resource.Recorder {
	options := resource.Options{Process: "p", Sink: s, Clock: time.Now, Logger: zap.NewNop()}
	for _, adapt := range change {
		adapt(&options)
	}
	return resource.NewRecorder(options)
}

// onLambda makes the recorder one of a function of 512 MB that started on demand.
func onLambda(o *resource.Options) {
	o.Alone = true
	o.Lambda = resource.Lambda{Function: "ingest", MemoryMB: 512, Initialization: "on-demand"}
}

// invoke lets an invocation take so long.
func invoke(r *resource.Recorder, took time.Duration, err error) {
	invocation := r.Begin(context.Background(), "ingest")
	time.Sleep(took) // of the bubble's clock
	invocation.End(err)
}

func TestInvocationsAreCountedByHour(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		kept := &sink{}
		r := newRecorder(kept)
		invoke(r, 20*time.Millisecond, nil)
		invoke(r, 3*time.Second, errors.New("no"))
		time.Sleep(time.Hour)
		invoke(r, 30*time.Second, nil)
		synctest.Wait()
		want := []store.UsageRow{
			{Invocations: 2, Failures: 1, DurationMS: 3020, DurationMaxMS: 3000, Histogram: []int64{0, 0, 1, 0, 0, 0, 0, 0, 0, 1, 0, 0}},
			{Invocations: 1, DurationMS: 30000, DurationMaxMS: 30000, Histogram: []int64{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}},
		}
		if diff := cmp.Diff(want, r.Rows(), cmpopts.IgnoreFields(store.UsageRow{}, "Hour", "Function", "Process")); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		if rows := r.Rows(); rows[1].Hour.Sub(rows[0].Hour) != time.Hour || rows[0].Process != "p" || rows[0].Function != "ingest" {
			t.Errorf("rows of %v", rows)
		}
	})
}

func TestAProcessOfItsOwnKnowsMemoryProcessorAndStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRecorder(&sink{}, onLambda)
		r.Started(80 * time.Millisecond)
		invoke(r, 20*time.Millisecond, nil)
		invoke(r, 10500*time.Microsecond, nil)
		row := r.Rows()[0]
		if *row.ColdStarts != 1 || *row.InitMS != 80 || *row.InitMaxMS != 80 || *row.MemoryMB != 512 {
			t.Errorf("cold start: %+v", row)
		}
		if *row.BilledMS != 80+20+11 {
			t.Errorf("billed %d ms, want the start and both invocations, each rounded up", *row.BilledMS)
		}
		if row.CPUMS == nil || row.GCMS == nil || row.PeakMemory == nil || *row.PeakMemory < 1<<20 {
			t.Errorf("not measured: %+v", row)
		}
	})
}

func TestASharedProcessClaimsNothingItCannotTellApart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRecorder(&sink{})
		r.Started(80 * time.Millisecond)
		invoke(r, time.Millisecond, nil)
		synctest.Wait()
		row := r.Rows()[0]
		if row.ColdStarts != nil || row.InitMS != nil || row.CPUMS != nil || row.GCMS != nil || row.PeakMemory != nil || row.BilledMS != nil {
			t.Errorf("it claims %+v", row)
		}
	})
}

func TestFiguresAreWrittenAtMostOnceAMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		kept := &sink{}
		r := newRecorder(kept, onLambda)
		for range 100 {
			invoke(r, time.Second, nil)
		}
		if _, writes := kept.written(); writes != 2 {
			t.Errorf("%d writes in 100 s, want 2", writes)
		}
		r.Close(context.Background())
		rows, writes := kept.written()
		if writes != 3 || rows[0].Invocations != 100 {
			t.Errorf("after the close %d writes, %d invocations", writes, rows[0].Invocations)
		}
		r.Close(context.Background())
		if _, again := kept.written(); again != writes {
			t.Error("what had not changed was written again")
		}
	})
}

func TestADatabaseThatHangsDelaysAnInvocationByAMomentOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		kept := &sink{hang: true}
		r := newRecorder(kept, onLambda)
		began := time.Now()
		invoke(r, 0, nil)
		if waited := time.Since(began); waited > 50*time.Millisecond {
			t.Errorf("the invocation waited %s", waited)
		}
		began = time.Now()
		invoke(r, 0, nil)
		if waited := time.Since(began); waited > 0 {
			t.Errorf("the next one waited %s", waited)
		}
		time.Sleep(3 * time.Second)
		kept.mu.Lock()
		kept.hang = false
		kept.mu.Unlock()
		r.Close(context.Background())
		if rows, _ := kept.written(); len(rows) != 1 || rows[0].Invocations != 2 {
			t.Errorf("what could not be written was lost: %+v", rows)
		}
	})
}

func TestWhatCannotBeWrittenIsHeldForTwelveHours(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		kept := &sink{fail: errors.New("away")}
		r := newRecorder(kept)
		for range 20 {
			invoke(r, time.Second, nil)
			time.Sleep(time.Hour)
		}
		synctest.Wait()
		if n := len(r.Rows()); n != 13 {
			t.Errorf("%d hours are held, want the running one and 12 before", n)
		}
		kept.mu.Lock()
		kept.fail = nil
		kept.mu.Unlock()
		invoke(r, time.Second, nil)
		synctest.Wait()
		if rows, _ := kept.written(); len(rows) != 13 {
			t.Errorf("%d hours were written", len(rows))
		}
		time.Sleep(time.Hour)
		invoke(r, time.Second, nil)
		synctest.Wait()
		if n := len(r.Rows()); n != 1 {
			t.Errorf("%d hours are held although they were written", n)
		}
	})
}

func TestAnInvocationAboutToBeKilledIsATimeoutWrittenAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		kept := &sink{}
		r := newRecorder(kept, onLambda)
		invoke(r, time.Millisecond, nil) // takes this minute's turn
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		invocation := r.Begin(ctx, "ingest")
		time.Sleep(9900 * time.Millisecond)
		synctest.Wait()
		rows, _ := kept.written()
		if row := rows[0]; row.Invocations != 2 || row.Timeouts != 1 || row.Failures != 1 {
			t.Errorf("before its end: %+v", row)
		}
		invocation.End(nil)
		if row := r.Rows()[0]; row.Invocations != 2 {
			t.Errorf("its end was counted once more: %+v", row)
		}
	})
}

func TestAnInvocationThatEndsInTimeIsNoTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRecorder(&sink{})
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		invocation := r.Begin(ctx, "ingest")
		time.Sleep(9 * time.Second)
		invocation.End(nil)
		time.Sleep(5 * time.Second)
		if row := r.Rows()[0]; row.Timeouts != 0 || row.Failures != 0 || row.Invocations != 1 {
			t.Errorf("%+v", row)
		}
	})
}
