package dnc

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"
)

// pollEvery is half the time within which a gate has a new list.
const pollEvery = time.Second

// Watcher holds the current version of every list in memory and follows what Redis says of them. A version is
// verified as a whole before it takes the place of the one before; when it cannot be had, the one before stays, and so
// it does when Redis is gone or has lost its lists. Only Drop takes a list away.
type Watcher struct {
	client redis.UniversalClient
	log    func(error)
	now    func() time.Time

	held atomic.Pointer[[]held] // ordered by list; never changed once it is here

	mu       sync.Mutex // one Refresh at a time; guards what follows
	counter  string     // rf:{dnc}:version that held was last brought up to
	failures []error    // what kept held from being complete then
	retry    time.Time  // when that is tried again though nothing changes
	logged   map[string]bool
}

// held is one list in memory.
type held struct {
	Held
	id       string // of its manifest
	set      *Set
	segments map[string]*segment // by the sum of their chunks: the next version shares those that did not change
}

// Held says what a Watcher holds of one list.
type Held struct {
	List    string
	Version string
	Numbers int
	Bytes   int // of memory
	Loaded  time.Time
}

// NewWatcher makes a Watcher that holds nothing until the first Refresh. Log, which may be nil, is told each failure
// once while it lasts.
func NewWatcher(client redis.UniversalClient, log func(error)) *Watcher {
	if log == nil {
		log = func(error) {}
	}
	w := &Watcher{client: client, log: log, now: time.Now}
	w.held.Store(&[]held{})
	return w
}

// Listed says which list holds the number with these digits, the first by name if several do. It takes no lock and
// does not allocate.
func (w *Watcher) Listed(digits string) (list, version string, ok bool) {
	n, ok := Pack(digits)
	if !ok {
		return "", "", false
	}
	lists := *w.held.Load()
	for i := range lists {
		if lists[i].set.Has(n) {
			return lists[i].List, lists[i].Version, true
		}
	}
	return "", "", false
}

// Snapshot says what is held, ordered by list.
func (w *Watcher) Snapshot() []Held {
	lists := *w.held.Load()
	out := make([]Held, len(lists))
	for i := range lists {
		out[i] = lists[i].Held
	}
	return out
}

// Run refreshes every second until ctx ends, and then returns nil.
func (w *Watcher) Run(ctx context.Context) error {
	ticker := time.NewTicker(pollEvery)
	defer ticker.Stop()
	return w.run(ctx, ticker.C)
}

func (w *Watcher) run(ctx context.Context, ticks <-chan time.Time) error {
	for {
		_ = w.Refresh(ctx) // it has been logged, and the next tick tries again
		select {
		case <-ctx.Done():
			return nil
		case <-ticks:
		}
	}
}
