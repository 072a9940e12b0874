package gate

import (
	"context"
	"fmt"
	"slices"
	"time"
)

const (
	// tickEvery is how often the loop looks: an event waits no longer than this, and half of the 100 ms allowed are left
	// for the writing.
	tickEvery = 50 * time.Millisecond
	// writeTimeout bounds one Write or Renew. It is longer than rules.budget since no call waits for it.
	writeTimeout = time.Second
	// retryAfterFail is the pause after a failed one. The registry's client has its own breaker, so asking is cheap.
	retryAfterFail = 250 * time.Millisecond
	// flushTimeout bounds the last writing when the gate stops.
	flushTimeout = 3 * time.Second
)

// Run writes queued events to the registry, makes claims firm, renews reservations and ends calls that are too long. It
// is one loop; run it once. When ctx ends it writes what is left and returns nil, or an error that says how many events
// were lost.
func (g *Gate) Run(ctx context.Context) error {
	tick := time.NewTicker(tickEvery)
	defer tick.Stop()
	var pause time.Time // nothing is asked of the registry before
	for {
		select {
		case <-ctx.Done():
			return g.flush(ctx)
		case <-tick.C:
		case <-g.queue.full:
		}
		now := g.now()
		due := g.expire(now)
		if now.Before(pause) {
			g.calls.renewAt(due, pause)
			continue
		}
		// Events first: a Firm or Ended that is waiting must not find its reservation gone.
		err := g.write(ctx)
		if err == nil {
			err = g.renew(ctx, due)
		} else {
			g.calls.renewAt(due, now)
		}
		if err != nil {
			pause = g.now().Add(retryAfterFail)
		}
		g.health.noteDropped(g.queue.droppedCount())
	}
}

// write empties the queue batch by batch until ctx ends. What fails stays queued.
func (g *Gate) write(ctx context.Context) error {
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		events := g.queue.take()
		if len(events) == 0 {
			return nil
		}
		err := g.bounded(ctx, func(ctx context.Context) error { return g.registry.Write(ctx, events) })
		if err != nil {
			return err
		}
		g.queue.done()
	}
}

// renew prolongs reservations. Calls whose reservation was lost are forgotten: another gate ended them, or another call
// of the same rep took over. After a failure the rest is due again at once.
func (g *Gate) renew(ctx context.Context, due []Reservation) error {
	for held := range slices.Chunk(due, batch) {
		var lost []Reservation
		err := g.bounded(ctx, func(ctx context.Context) (err error) {
			lost, err = g.registry.Renew(ctx, held, g.policy.Load().terms)
			return err
		})
		if err != nil {
			g.calls.renewAt(due, g.now())
			return err
		}
		for _, r := range lost {
			g.calls.end(keyOf(r), func(c *call) bool { return c.reservation == r })
		}
	}
	return nil
}

// bounded runs one command to its end even when the gate stops meanwhile, since half a batch would be repeated for
// nothing, but no longer than writeTimeout.
func (g *Gate) bounded(ctx context.Context, command func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), writeTimeout)
	defer cancel()
	err := command(ctx)
	g.health.note(err, g.now())
	return err
}

// flush writes what is queued when the gate stops.
func (g *Gate) flush(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), flushTimeout)
	defer cancel()
	for {
		err := g.write(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%d events were not written before the gate stopped, since the registry did not answer: %w",
				g.queue.len(), err)
		case <-time.After(retryAfterFail):
		}
	}
}
