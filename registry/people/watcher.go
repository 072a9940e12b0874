package people

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/ringfence/ringfence/gate"
)

const (
	// pollEvery is half the time within which a gate knows of a change.
	pollEvery = time.Second
	// retryDamaged is how long people that cannot be read are left alone while nobody changes them.
	retryDamaged = 30 * time.Second
)

// Watcher holds everybody in memory and follows what Redis says of them. When that cannot be had, or has been lost, those
// who were there stay. It implements gate.People.
type Watcher struct {
	store *Store
	log   func(error)
	now   func() time.Time
	held  atomic.Pointer[Snapshot]

	mu      sync.Mutex // one Refresh at a time; guards what follows
	version string     // of held
	damaged string     // the version that could not be read
	failure error      // why
	retry   time.Time  // when that is tried again though nothing changes
	logged  string     // what was logged last, while it lasts
}

var _ gate.People = (*Watcher)(nil)

// NewWatcher makes a Watcher that knows nobody until the first Refresh. Log, which may be nil, is told each failure once
// while it lasts.
func NewWatcher(client redis.UniversalClient, log func(error)) *Watcher {
	if log == nil {
		log = func(error) {}
	}
	w := &Watcher{store: NewStore(client, nil), log: log, now: time.Now}
	w.held.Store(NewSnapshot(NewBook()))
	return w
}

// Person implements gate.People. It takes no lock and does not allocate.
func (w *Watcher) Person(wire gate.Rep) (gate.Person, bool) { return w.held.Load().Person(wire) }

// Loaded implements gate.People.
func (w *Watcher) Loaded() bool { return w.held.Load().Loaded() }

// Queue implements gate.People.
func (w *Watcher) Queue(team gate.Team) string { return w.held.Load().Queue(team) }

// Snapshot is everybody as they are now.
func (w *Watcher) Snapshot() *Snapshot { return w.held.Load() }

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

// Refresh brings everybody up to what Redis says: one GET when nobody was changed.
func (w *Watcher) Refresh(ctx context.Context) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	err := w.refresh(ctx)
	if ctx.Err() != nil {
		return err
	}
	text := ""
	if err != nil {
		text = err.Error()
	}
	if text != "" && text != w.logged {
		w.log(err)
	}
	w.logged = text
	return err
}

func (w *Watcher) refresh(ctx context.Context) error {
	version, err := w.store.client.Get(ctx, keyVersion).Result()
	switch {
	case errors.Is(err, redis.Nil):
		version = ""
	case err != nil:
		return fmt.Errorf("reading the version of the people from Redis: %w", err)
	}
	switch {
	case version == w.version:
		return nil
	case version == "":
		return fmt.Errorf("%w: they have gone from it; those who were known stay known here, load them again", ErrDamaged)
	case version == w.damaged && w.now().Before(w.retry):
		return w.failure
	}
	book, err := w.store.Read(ctx)
	if err != nil {
		err = fmt.Errorf("%w; the people as they were stay in force", err)
		if errors.Is(err, ErrDamaged) {
			w.damaged, w.failure, w.retry = version, err, w.now().Add(retryDamaged)
		}
		return err
	}
	w.held.Store(NewSnapshot(book))
	w.version, w.damaged = book.Version, ""
	return nil
}
