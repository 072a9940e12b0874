package webhooks

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"
)

// How deliveries are tried.
const (
	atOnce     = 4                // to one endpoint, by one gate
	lease      = 30 * time.Second // longer than postWithin: nobody else posts it meanwhile
	firstPause = 10 * time.Second
	mostPause  = time.Hour
	giveUp     = 24 * time.Hour
)

// What became of a delivery, for the Meter.
const (
	Delivered = "delivered" // 2xx
	Retried   = "retried"   // failed, and will be tried again
	GivenUp   = "given_up"  // failed for a day
	LeftOut   = "left_out"  // too many were waiting
)

// pause is how long after the n-th attempt the next one comes: twice as long each time, and not all at once.
func pause(attempt int) time.Duration {
	d := mostPause
	if attempt < 10 {
		d = min(firstPause<<(attempt-1), mostPause)
	}
	return d/2 + rand.N(d)
}

// deliver posts what is due for one endpoint, until nothing is.
func (w *Webhooks) deliver(ctx context.Context, e *endpoint) error {
	waiting, err := w.outbox.waiting(ctx, e.Name)
	if err != nil {
		return err
	}
	e.waiting.Store(int64(waiting))
	for ctx.Err() == nil {
		most := atOnce
		if e.failing {
			most = 1
		}
		letters, err := w.outbox.take(ctx, e.Name, most, lease)
		if err != nil || len(letters) == 0 {
			return err
		}
		results := make([]error, len(letters))
		var posts sync.WaitGroup
		for i, l := range letters {
			posts.Go(func() { results[i] = e.post(ctx, l, eventOf(l.body), w.now()) })
		}
		posts.Wait()
		if ctx.Err() != nil {
			return nil // it ends; what was under way is due again when its lease is over
		}
		e.failing = results[len(results)-1] != nil
		for i, l := range letters {
			err = errors.Join(err, w.settle(ctx, e, l, results[i]))
		}
		if err != nil || e.failing {
			return err
		}
	}
	return nil
}

// settle writes down how an attempt went.
func (w *Webhooks) settle(ctx context.Context, e *endpoint, l letter, failure error) error {
	switch {
	case failure == nil:
		w.meter.Webhook(Delivered)
		return w.outbox.remove(ctx, e.Name, l.id)
	case l.age >= giveUp:
		w.meter.Webhook(GivenUp)
		w.log(fmt.Errorf("webhook %s: %s is given up after %d attempts in a day: %w", e.Name, l.id, l.attempt, failure))
		return w.outbox.remove(ctx, e.Name, l.id)
	default:
		w.meter.Webhook(Retried)
		wait := pause(l.attempt)
		w.log(fmt.Errorf("webhook %s: attempt %d of %s failed: %w; the next one in %s", e.Name, l.attempt, l.id, failure, wait.Round(time.Second)))
		return w.outbox.later(ctx, e.Name, l.id, wait)
	}
}

// eventOf reads the event's name back from the body.
func eventOf(text string) string {
	var b struct {
		Event string `json:"event"`
	}
	_ = json.Unmarshal([]byte(text), &b) // it was written by bodyOf
	return b.Event
}
