package cloud

import (
	"context"
	"sync"
	"time"
)

// Clock is the time the functions live in. Safe for concurrent use.
type Clock struct {
	mu      sync.Mutex
	wall    bool      // the real time, whatever happens to it
	speed   float64   // seconds of this clock in a second of the wall; 0 steps
	started time.Time // the wall's time when origin was this clock's
	origin  time.Time
}

// WallClock shows the real time, also after the machine slept or was set.
func WallClock() *Clock { return &Clock{wall: true, speed: 1} }

// ClockAt starts at a moment and runs at speed times the wall's pace. Speed 0
// gives a clock that stands still and steps to the next event whenever there
// is nothing left to do.
func ClockAt(start time.Time, speed float64) *Clock {
	return &Clock{speed: speed, started: time.Now(), origin: start}
}

// Now is this clock's time in UTC.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now().UTC()
}

func (c *Clock) now() time.Time {
	if c.wall {
		return time.Now()
	}
	elapsed := time.Since(c.started)
	if c.speed != 1 {
		elapsed = time.Duration(float64(elapsed) * c.speed)
	}
	return c.origin.Add(elapsed)
}

// Steps reports whether the clock steps from event to event.
func (c *Clock) Steps() bool { return c.speed == 0 }

// Jump moves the clock forward to a moment; never back, and never the wall's.
func (c *Clock) Jump(to time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.wall && to.After(c.now()) {
		c.started, c.origin = time.Now(), to
	}
}

// until is how long the wall takes until this clock shows t; 0 when it does.
func (c *Clock) until(t time.Time) time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	left := t.Sub(c.now())
	if left <= 0 {
		return 0
	}
	// Rounded up: a timer that ends early would find nothing due.
	return time.Duration(float64(left)/c.speed) + time.Microsecond
}

// wait returns when the clock shows t, or when woken, or when ctx ends. A
// stepping clock is moved there at once.
func (c *Clock) wait(ctx context.Context, t time.Time, woken <-chan struct{}) {
	if c.Steps() {
		c.Jump(t)
		return
	}
	left := c.until(t)
	if left == 0 {
		return
	}
	timer := time.NewTimer(left)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-woken:
	case <-ctx.Done():
	}
}
