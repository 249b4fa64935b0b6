package cloud

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// start is when the clocks of these tests begin: 02:39:50.
func start() time.Time { return time.Date(2026, 11, 24, 2, 39, 50, 0, time.UTC) }

func TestClock(t *testing.T) {
	t.Run("runs at its speed", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			clock := ClockAt(start(), 60)
			time.Sleep(2 * time.Second) // the bubble's time, not ours
			if got := clock.Now().Sub(start()); got != 2*time.Minute {
				t.Errorf("%s passed, want 2 minutes", got)
			}
		})
	})
	t.Run("stands still between steps", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			clock := ClockAt(start(), 0)
			time.Sleep(time.Hour)
			if got := clock.Now(); !got.Equal(start()) {
				t.Errorf("it shows %s", got)
			}
		})
	})
	t.Run("never jumps back, and the wall's never jumps", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			clock := ClockAt(start(), 1)
			clock.Jump(start().Add(-time.Hour))
			wall := WallClock()
			wall.Jump(time.Now().Add(time.Hour))
			if !clock.Now().Equal(start()) || !wall.Now().Equal(time.Now()) {
				t.Errorf("%s and %s", clock.Now(), wall.Now())
			}
		})
	})
}

func TestAgenda(t *testing.T) {
	speeds := map[string]float64{"stepping": 0, "at the wall's pace": 1, "fifty times as fast": 50}
	for name, speed := range speeds {
		t.Run(name+", things are done in order and at their time", func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				agenda := NewAgenda(ClockAt(start(), speed))
				var mu sync.Mutex
				var got []string
				note := func(what string) func(context.Context) {
					return func(context.Context) {
						at := agenda.Clock.Now().Sub(start()).Round(time.Second)
						mu.Lock()
						defer mu.Unlock()
						got = append(got, fmt.Sprint(what, " ", at))
					}
				}
				agenda.At(start().Add(30*time.Second), note("third"))
				agenda.At(start().Add(-time.Second), note("first"))
				agenda.At(start().Add(10*time.Second), func(ctx context.Context) {
					note("second")(ctx)
					agenda.At(start().Add(45*time.Second), note("fourth"))
				})
				agenda.At(start().Add(2*time.Hour), note("never"))
				agenda.Run(t.Context(), start().Add(time.Hour))
				want := []string{"first 0s", "second 10s", "third 30s", "fourth 45s"}
				if diff := cmp.Diff(want, got); diff != "" {
					t.Error(diff)
				}
			})
		})
	}

	t.Run("a long stretch with nothing due is skipped", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			agenda := NewAgenda(ClockAt(start(), 1))
			began := time.Now()
			agenda.At(start().AddDate(4, 0, 0), func(context.Context) {})
			agenda.Run(t.Context(), start().AddDate(5, 0, 0))
			if took := time.Since(began); took > time.Second {
				t.Errorf("it waited %s", took)
			}
		})
	})

	t.Run("told to stop it lets what runs finish, within its grace", func(t *testing.T) {
		tests := map[string]struct{ needs, takes time.Duration }{
			"what is quick finishes": {time.Second, time.Second},
			"what is slow is ended":  {time.Hour, 3 * time.Second},
		}
		for name, test := range tests {
			t.Run(name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					agenda := NewAgenda(ClockAt(start(), 1))
					ctx, stop := context.WithCancel(t.Context())
					agenda.At(start(), func(ctx context.Context) {
						stop()
						select {
						case <-time.After(test.needs):
						case <-ctx.Done():
						}
					})
					agenda.At(start().Add(time.Minute), func(context.Context) { t.Error("something was begun after the stop") })
					began := time.Now()
					agenda.Run(ctx, time.Time{})
					if took := time.Since(began); took != test.takes {
						t.Errorf("it took %s, want %s", took, test.takes)
					}
				})
			})
		}
	})
}
