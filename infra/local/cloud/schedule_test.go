package cloud

import (
	"context"
	"encoding/json"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/google/go-cmp/cmp"
	"go.uber.org/zap"
)

type handler func(ctx context.Context, payload []byte) ([]byte, error)

func (h handler) Invoke(ctx context.Context, payload []byte) ([]byte, error) { return h(ctx, payload) }

func function(h handler, concurrency int) *Function {
	return NewFunction("sample", h, 45*time.Second, concurrency, zap.NewNop())
}

// times collects the times of the scheduled events a function gets.
func times(t *testing.T, got *[]string, answer func() error) handler {
	var mu sync.Mutex
	return func(_ context.Context, payload []byte) ([]byte, error) {
		var event events.CloudWatchEvent
		if err := json.Unmarshal(payload, &event); err != nil {
			t.Error(err)
		}
		if event.Source != "aws.events" || event.DetailType != "Scheduled Event" || event.ID == "" {
			t.Errorf("event %s", payload)
		}
		mu.Lock()
		*got = append(*got, event.Time.Format("15:04:05"))
		mu.Unlock()
		return nil, answer()
	}
}

func TestSchedule(t *testing.T) {
	fine := func() error { return nil }
	tests := map[string]struct {
		schedule Schedule
		answer   func() error
		want     []string
	}{
		"comes at the multiples of its rate":  {Schedule{Every: time.Minute}, fine, []string{"02:40:00", "02:41:00", "02:42:00"}},
		"may come at the start as well":       {Schedule{Every: time.Hour, AtStart: true}, fine, []string{"02:39:50"}},
		"sends a failed event again, bounded": {Schedule{Every: time.Hour, AtStart: true, Retries: 1}, func() error { return errors.New("no") }, []string{"02:39:50", "02:39:50"}},
		"leaves out what is to be skipped": {
			Schedule{Every: time.Minute, Skip: func(at time.Time) time.Time {
				if at.Minute() == 41 {
					return at.Add(90 * time.Second)
				}
				return at
			}}, fine, []string{"02:40:00", "02:42:00"},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var got []string
				agenda := NewAgenda(ClockAt(start(), 0))
				test.schedule.Function = function(times(t, &got, test.answer), 1)
				test.schedule.Start(agenda, zap.NewNop())
				agenda.Run(t.Context(), start().Add(150*time.Second))
				if diff := cmp.Diff(test.want, got); diff != "" {
					t.Error(diff)
				}
			})
		})
	}

	t.Run("an event that waited longer than its age for a free slot is dropped", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			var got []string
			agenda := NewAgenda(ClockAt(start(), 1))
			slow := func() error { time.Sleep(150 * time.Second); return nil } // the bubble's time
			busy := NewFunction("busy", times(t, &got, slow), 0, 1, zap.NewNop())
			Schedule{Function: busy, Every: time.Minute, MaxAge: time.Minute}.Start(agenda, zap.NewNop())
			agenda.Run(t.Context(), start().Add(4*time.Minute))
			// 02:40 runs until 02:42:30; 02:41 is then too old, 02:42 is not.
			if diff := cmp.Diff([]string{"02:40:00", "02:42:00"}, got[:2]); diff != "" {
				t.Error(diff)
			}
		})
	})
}

func TestFunction(t *testing.T) {
	t.Run("no more run at once than its concurrency", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			var mu sync.Mutex
			running, most := 0, 0
			count := func(change int) {
				mu.Lock()
				defer mu.Unlock()
				running += change
				most = max(most, running)
			}
			f := function(func(context.Context, []byte) ([]byte, error) {
				count(1)
				defer count(-1)
				time.Sleep(time.Second) // the bubble's time
				return nil, nil
			}, 2)
			agenda := NewAgenda(ClockAt(start(), 1))
			for range 7 {
				agenda.At(start(), func(ctx context.Context) { f.Invoke(ctx, "id", nil) })
			}
			agenda.Run(t.Context(), start().Add(time.Minute))
			if most != 2 || f.Invocations() != 7 {
				t.Errorf("%d at once, %d in all", most, f.Invocations())
			}
		})
	})
	t.Run("a panic is a failure of one invocation", func(t *testing.T) {
		f := function(func(context.Context, []byte) ([]byte, error) { panic("oh") }, 1)
		if _, err := f.Invoke(t.Context(), "id", nil); err == nil || f.Failures() != 1 {
			t.Errorf("err = %v, %d failures", err, f.Failures())
		}
		if _, err := f.Invoke(t.Context(), "id", nil); err == nil {
			t.Error("its slot was lost")
		}
	})
	t.Run("its timeout ends the context", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			f := function(func(ctx context.Context, _ []byte) ([]byte, error) {
				<-ctx.Done()
				return nil, ctx.Err()
			}, 1)
			if _, err := f.Invoke(t.Context(), "id", nil); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("err = %v", err)
			}
		})
	})
}

func TestOnceSendsOneEventOutOfTurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var got []string
		agenda := NewAgenda(ClockAt(start(), 0))
		Schedule{Every: time.Minute, Function: function(times(t, &got, func() error { return nil }), 1)}.Once(agenda, zap.NewNop())
		agenda.Run(t.Context(), start().Add(150*time.Second))
		if diff := cmp.Diff([]string{"02:39:50"}, got); diff != "" {
			t.Errorf("events (-want +got):\n%s", diff)
		}
	})
}
