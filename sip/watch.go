package sip

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"github.com/ringfence/ringfence/sip/proxy"
	"github.com/ringfence/ringfence/sip/resolver"
)

// firstLookup is how long the names of a new configuration may take to be found: a start goes on without what is not
// found by then, a reload is refused.
const firstLookup = 3 * time.Second

// watch keeps up with the targets of the configuration in force: where their names lead, and whether those that are to
// be pinged answer. All of it happens beside the calls.
type watch struct {
	resolver *resolver.Resolver
	ping     func(context.Context, *proxy.Target, time.Duration)
	log      zerolog.Logger

	mu      sync.Mutex
	life    context.Context // Run's; nil before and after
	targets targets         // those in force
	stop    context.CancelFunc
	tasks   sync.WaitGroup
}

// targets are the places of one configuration.
type targets struct {
	names  map[resolver.Query]*name
	pinged []proxy.Trunk
}

// name is a host that has to be looked up.
type name struct {
	target string // the first that is named so
	query  resolver.Query
	at     *proxy.Addresses
	failed bool // at the last look-up; its watcher's alone
}

// next makes the routing of a configuration. Names that were known before keep their addresses and penalties.
func (w *watch) next(c Config, language string) (*proxy.Routing, targets, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	t := targets{names: map[resolver.Query]*name{}}
	r, err := c.routing(language, w.log, func(target string, q resolver.Query) *proxy.Addresses {
		if h, ok := resolver.Literal(q); ok {
			a := &proxy.Addresses{}
			a.Set(hops(q.Host, resolver.Answer{Hops: []resolver.Hop{h}}))
			return a
		}
		if n, ok := t.names[q]; ok {
			return n.at
		}
		n := &name{target: target, query: q, at: &proxy.Addresses{}}
		if old, ok := w.targets.names[q]; ok {
			n.at = old.at
		}
		t.names[q] = n
		return n.at
	})
	if err != nil {
		return nil, t, err
	}
	t.pinged = slices.DeleteFunc(slices.Clone(r.Trunks), func(t proxy.Trunk) bool { return t.Ping == 0 })
	return r, t, nil
}

// find looks up what is not known yet, all at once. Its error names each that was not found.
func (w *watch) find(ctx context.Context, t targets) error {
	ctx, stop := context.WithTimeout(ctx, firstLookup)
	defer stop()
	var all sync.WaitGroup
	errs := make(chan error, len(t.names))
	for _, n := range t.names {
		if n.at.Known() {
			continue
		}
		all.Go(func() {
			_, err := w.refresh(ctx, n)
			errs <- err
		})
	}
	all.Wait()
	close(errs)
	var missing []error
	for err := range errs {
		missing = append(missing, err)
	}
	return errors.Join(missing...)
}

// adopt watches these targets from now on, and those of before no longer.
func (w *watch) adopt(t targets) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.targets = t
	if w.life != nil {
		w.begin()
	}
}

// begin starts a watcher for each name and each pinged trunk in force, and ends those of before. w.mu is held.
func (w *watch) begin() {
	if w.stop != nil {
		w.stop()
	}
	ctx, stop := context.WithCancel(w.life)
	w.stop = stop
	for _, n := range w.targets.names {
		w.tasks.Go(func() { w.follow(ctx, n) })
	}
	for i := range w.targets.pinged {
		t := &w.targets.pinged[i]
		w.tasks.Go(func() { w.ping(ctx, &t.Target, t.Ping) })
	}
}

// run watches until ctx ends. The first look-ups are over, or given up for now, when it calls found.
func (w *watch) run(ctx context.Context, found func()) {
	w.mu.Lock()
	first := w.targets
	w.mu.Unlock()
	_ = w.find(ctx, first) // what is not found is logged, and looked for again
	found()
	w.mu.Lock()
	w.life = ctx
	w.begin()
	w.mu.Unlock()
	<-ctx.Done()
	w.mu.Lock()
	w.life = nil // a reload that comes now begins nothing
	w.mu.Unlock()
	w.tasks.Wait()
}

// follow looks n up again whenever the last answer has run out.
func (w *watch) follow(ctx context.Context, n *name) {
	for {
		life, _ := w.refresh(ctx, n)
		timer := time.NewTimer(max(life, time.Second))
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return
		}
	}
}

// refresh looks n up. What was known stays when nothing better is found.
func (w *watch) refresh(ctx context.Context, n *name) (life time.Duration, err error) {
	a, err := w.resolver.Locate(ctx, n.query)
	switch {
	case err == nil:
		all := hops(n.query.Host, a)
		if n.at.Set(all) || n.failed {
			w.log.Info().Str("target", n.target).Str("name", n.query.Host).Str("addresses", fmt.Sprint(addressesOf(all))).Msg("a target's name was found")
		}
		n.failed = false
	case !n.failed && !errors.Is(err, context.Canceled):
		n.failed = true
		e := w.log.Warn().Err(err).Str("target", n.target).Str("name", n.query.Host)
		if n.at.Known() {
			e.Msg("a target's name is not found any more; its last addresses stay in use")
		} else {
			e.Msg("a target's name is not found, and calls cannot go there: mend the name service, or write the address itself")
		}
	}
	return a.Life, err
}

func addressesOf(all []proxy.Hop) (list []string) {
	for _, h := range all {
		list = append(list, h.Address.String())
	}
	return list
}
