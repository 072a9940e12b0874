package transaction

import (
	"context"
	"sync/atomic"
	"time"
)

// slowly is how often a clock looks while no timer runs, for what is to be forgotten.
const slowly = time.Second

// clock counts ticks while any timer runs and hardly wakes an idle process.
type clock struct {
	began  time.Time
	tick   time.Duration
	asleep atomic.Bool
	wake   chan struct{}
}

func (c *clock) init(tick time.Duration) {
	c.began, c.tick, c.wake = time.Now(), tick, make(chan struct{}, 1)
}

// now is the number of whole ticks that have gone by.
func (c *clock) now() int64 { return int64(time.Since(c.began) / c.tick) }

// started is to be called after a timer was started where none ran.
func (c *clock) started() {
	if c.asleep.Load() && c.asleep.CompareAndSwap(true, false) {
		select {
		case c.wake <- struct{}{}:
		default: // it is about to look anyway
		}
	}
}

// run calls advance with each tick until ctx ends, and seldom while it says that no timer runs.
func (c *clock) run(ctx context.Context, advance func(now int64) (busy bool)) {
	t := time.NewTimer(c.tick)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-c.wake:
		case <-t.C:
		}
		// Said before looking, so that a timer that starts behind the look's back wakes us.
		c.asleep.Store(true)
		wait := slowly
		if advance(c.now()) {
			c.asleep.Store(false)
			wait = c.tick
		}
		t.Reset(wait)
	}
}
