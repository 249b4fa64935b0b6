package cloud

import (
	"container/heap"
	"context"
	"sync"
	"time"
)

// idleLimit is the longest time, by the agenda's clock, that nothing may be due
// before a clock that is not the wall's jumps ahead: schedules come every
// minute, so more than this is a stretch that somebody chose to skip.
const idleLimit = 3 * time.Minute

// Agenda does things when they are due by its clock. On a clock that steps,
// one thing is done after the other and time stands still meanwhile, so that
// the same input gives the same run; else they run beside each other.
type Agenda struct {
	Clock *Clock
	// Grace is how long what runs may go on, by the wall, after Run was told to
	// stop; then its context ends.
	Grace time.Duration

	mu    sync.Mutex
	items items
	next  int64
	woken chan struct{}
	group sync.WaitGroup
}

// NewAgenda returns an empty agenda on a clock.
func NewAgenda(clock *Clock) *Agenda {
	return &Agenda{Clock: clock, Grace: 3 * time.Second, woken: make(chan struct{}, 1)}
}

// At has something done at a time; what is overdue is done next.
func (a *Agenda) At(due time.Time, do func(context.Context)) {
	a.mu.Lock()
	a.next++
	heap.Push(&a.items, item{due: due, order: a.next, do: do})
	a.mu.Unlock()
	select {
	case a.woken <- struct{}{}:
	default:
	}
}

// Run does what is due until ctx ends, or until nothing is due at or before
// end (zero: never). It returns when everything that ran has returned.
func (a *Agenda) Run(ctx context.Context, end time.Time) {
	work, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	stopGrace := context.AfterFunc(ctx, func() {
		timer := time.NewTimer(a.Grace)
		defer timer.Stop()
		select {
		case <-timer.C:
			cancel()
		case <-work.Done():
		}
	})
	defer stopGrace()

	for ctx.Err() == nil {
		first, ok := a.first()
		if !ok || !end.IsZero() && first.due.After(end) {
			if a.settled(ctx) {
				break
			}
			continue
		}
		if idle := first.due.Sub(a.Clock.Now()); idle > idleLimit && !a.Clock.wall {
			if !a.settled(ctx) {
				continue
			}
			a.Clock.Jump(first.due)
		}
		a.Clock.wait(ctx, first.due, a.woken)
		a.doDue(ctx, work)
	}
	a.group.Wait()
}

// settled waits for what runs and reports whether the agenda still looks the
// same: what ran may have put something on it.
func (a *Agenda) settled(ctx context.Context) bool {
	before := a.added()
	finished := make(chan struct{})
	go func() {
		a.group.Wait()
		close(finished)
	}()
	select {
	case <-finished:
	case <-ctx.Done():
	}
	return a.added() == before
}

func (a *Agenda) doDue(ctx, work context.Context) {
	for ctx.Err() == nil {
		due, ok := a.popDue()
		switch {
		case !ok:
			return
		case a.Clock.Steps():
			due.do(work)
		default:
			a.group.Go(func() { due.do(work) })
		}
	}
}

func (a *Agenda) first() (item, bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.items) == 0 {
		return item{}, false
	}
	return a.items[0], true
}

func (a *Agenda) popDue() (item, bool) {
	now := a.Clock.Now()
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.items) == 0 || a.items[0].due.After(now) {
		return item{}, false
	}
	return heap.Pop(&a.items).(item), true
}

func (a *Agenda) added() int64 {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.next
}

// item is something to do; items of the same time keep their order.
type item struct {
	due   time.Time
	order int64
	do    func(context.Context)
}

type items []item

func (s items) Len() int { return len(s) }
func (s items) Less(i, j int) bool {
	if !s[i].due.Equal(s[j].due) {
		return s[i].due.Before(s[j].due)
	}
	return s[i].order < s[j].order
}
func (s items) Swap(i, j int) { s[i], s[j] = s[j], s[i] }
func (s *items) Push(x any)   { *s = append(*s, x.(item)) }
func (s *items) Pop() any {
	old := *s
	last := old[len(old)-1]
	*s = old[:len(old)-1]
	return last
}
