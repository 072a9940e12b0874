package transport

import (
	"context"
	"errors"
	"sync"
	"time"
)

// interfacesEvery is how often this machine's addresses are read again, for listeners on all of them.
const interfacesEvery = 30 * time.Second

// Serve reads every listener until ctx ends, and closes everything then. It returns when no goroutine of the transport
// is left, so that the Handler hears no more.
func (t *Transport) Serve(ctx context.Context) error {
	if err := t.beginServing(); err != nil {
		return err
	}
	var loops sync.WaitGroup
	for _, l := range t.listeners {
		l.up.Store(true)
		loops.Go(func() { l.serve(ctx) })
	}
	loops.Go(func() { t.watchInterfaces(ctx) })
	t.ready.Store(true)
	<-ctx.Done()
	t.ready.Store(false)
	t.stop()
	loops.Wait() // nothing is accepted any more
	for _, c := range t.connections.snapshot() {
		c.close(ErrClosed)
	}
	t.tasks.Wait()
	return nil
}

func (t *Transport) beginServing() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case t.closed || t.serving:
		return errors.New("serve: a transport serves once: make a new one")
	case len(t.listeners) == 0:
		return errors.New("serve: nothing listens: call Listen first, for each entry of sip.listen")
	}
	t.serving = true
	return nil
}

// stop closes the sockets and lets no new task begin.
func (t *Transport) stop() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.closed = true
	t.abort()
	for _, l := range t.listeners {
		l.close()
	}
}

// Close lets go of what Listen bound when Serve is not to run. While Serve runs, end its context instead.
func (t *Transport) Close() {
	t.stop()
}

func (l *Listener) serve(ctx context.Context) {
	if l.address.Protocol == UDP {
		l.serveUDP(ctx)
		return
	}
	l.serveStreams(ctx)
}

func (t *Transport) watchInterfaces(ctx context.Context) {
	for pause(ctx, interfacesEvery) {
		for _, l := range t.listeners {
			if l.wildcard() {
				t.routes.refreshInterfaces()
				break
			}
		}
	}
}
