package webhooks

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/ringfence/ringfence/registry"
)

// Records is where new records are read.
type Records interface {
	// Tail reads at most so many records of each bucket behind its cursor; cursors has one for every bucket.
	Tail(ctx context.Context, cursors []string, most int, visit func(bucket int, last string, records []registry.Record) error) error
}

// Meter counts deliveries by what became of them.
type Meter interface{ Webhook(outcome string) }

// Options are what Webhooks work with.
type Options struct {
	Client  redis.UniversalClient
	Records Records
	Meter   Meter
	Log     func(error)
}

// Webhooks tell other systems what happened.
type Webhooks struct {
	outbox  outbox
	records Records
	meter   Meter
	log     func(error)
	now     func() time.Time

	endpoints atomic.Pointer[[]*endpoint]
	changed   chan struct{} // holds one when endpoints is newer than what Run runs
}

// New makes Webhooks for endpoints that are valid. Nothing is asked of Redis, or of an endpoint, before Run.
func New(endpoints []Endpoint, o Options) (*Webhooks, error) {
	w := &Webhooks{
		outbox: outbox{o.Client, mostWaiting}, records: o.Records, meter: o.Meter, log: o.Log, now: time.Now,
		changed: make(chan struct{}, 1),
	}
	return w, w.Reload(endpoints)
}

// Reload takes other endpoints over. When it fails, the old ones stay.
func (w *Webhooks) Reload(endpoints []Endpoint) error {
	next := make([]*endpoint, len(endpoints))
	mistakes := make([]error, len(endpoints))
	for i, e := range endpoints {
		next[i], mistakes[i] = newEndpoint(e)
	}
	if err := errors.Join(mistakes...); err != nil {
		return err
	}
	w.endpoints.Store(&next)
	select {
	case w.changed <- struct{}{}:
	default:
	}
	return nil
}

// Waiting is how many deliveries wait, by the last look.
func (w *Webhooks) Waiting() int {
	waiting := int64(0)
	for _, e := range *w.endpoints.Load() {
		waiting += e.waiting.Load()
	}
	return int(waiting)
}

// lookEvery is how late an event may be told.
const lookEvery = time.Second

// Run reads records and posts events until ctx ends. While no endpoint is configured it asks nothing of anybody.
func (w *Webhooks) Run(ctx context.Context) error {
	for ctx.Err() == nil {
		inner, stop := context.WithCancel(ctx)
		var parts sync.WaitGroup
		endpoints := *w.endpoints.Load()
		if len(endpoints) > 0 {
			r := &reader{Webhooks: w, endpoints: endpoints, name: newReaderName()}
			parts.Go(func() { w.every(inner, r.look) })
		}
		for _, e := range endpoints { // each by itself: one that is slow holds up no other
			parts.Go(func() { w.every(inner, func(ctx context.Context) error { return w.deliver(ctx, e) }) })
		}
		select {
		case <-ctx.Done():
		case <-w.changed:
		}
		stop()
		parts.Wait()
		for _, e := range endpoints {
			e.client.CloseIdleConnections()
		}
	}
	return nil
}

// every looks once a second until ctx ends.
func (w *Webhooks) every(ctx context.Context, look func(context.Context) error) {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		if err := look(ctx); err != nil && ctx.Err() == nil {
			w.log(err)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}
