package dnc

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
)

// retryDamaged is how long a version found damaged is left alone: it seldom heals, and reading it costs.
const retryDamaged = 30 * time.Second

// Refresh brings the lists up to what Redis says: one GET when nothing has changed. The error says which lists are not
// what they should be, and is repeated as long as that is so; the other lists are up to date.
func (w *Watcher) Refresh(ctx context.Context) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	err := w.refresh(ctx)
	failures := w.failures
	if err != nil {
		failures = []error{err}
	}
	if ctx.Err() == nil {
		w.tell(failures)
	}
	return errors.Join(failures...)
}

// refresh fails when Redis cannot be asked; then held is as it was.
func (w *Watcher) refresh(ctx context.Context) error {
	counter, err := w.client.Get(ctx, keyVersion).Result()
	if err != nil && !errors.Is(err, redis.Nil) {
		return fmt.Errorf("reading the version of the do-not-call lists from Redis: %w", err)
	}
	if counter == w.counter && (len(w.failures) == 0 || w.now().Before(w.retry)) {
		return nil
	}
	entries, err := readEntries(ctx, w.client)
	if err != nil {
		return err
	}
	w.failures, w.retry = nil, w.now().Add(retryDamaged)
	w.update(ctx, entries)
	w.counter = counter
	return nil
}

// update replaces held by what entries say, as far as that can be had.
func (w *Watcher) update(ctx context.Context, entries map[string]entry) {
	var next []held
	for _, old := range *w.held.Load() {
		if _, ok := entries[old.List]; !ok {
			w.fail(fmt.Errorf("%w: list %s has gone from Redis without being dropped; version %s stays in force, load it again",
				ErrDamaged, old.List, old.Version))
			next = append(next, old)
		}
	}
	for _, list := range slices.Sorted(maps.Keys(entries)) {
		e := entries[list]
		old, had := w.heldList(list)
		if e.damage == nil && e.Current == nil {
			continue // dropped
		}
		if h, err := w.get(ctx, e, old); err == nil {
			next = append(next, h)
		} else {
			w.fail(w.explain(err, old))
			if had {
				next = append(next, old)
			}
		}
	}
	slices.SortFunc(next, func(a, b held) int { return strings.Compare(a.List, b.List) })
	w.held.Store(&next)
}

// heldList is the list as it is held; the zero value when it is not.
func (w *Watcher) heldList(list string) (held, bool) {
	for _, h := range *w.held.Load() {
		if h.List == list {
			return h, true
		}
	}
	return held{}, false
}

// get gives the current version of a list: old when it is the same, else from Redis.
func (w *Watcher) get(ctx context.Context, e entry, old held) (held, error) {
	if e.damage != nil {
		return held{}, e.damage
	}
	v := *e.Current
	if old.id == v.ID {
		return old, nil
	}
	set, m, err := fetch(ctx, w.client, v, old.segments)
	if err != nil {
		return held{}, err
	}
	segments := make(map[string]*segment, len(m.Chunks))
	for i, c := range m.Chunks {
		segments[c.Sum] = set.segments[i]
	}
	return held{
		Held: Held{List: v.List, Version: v.Version.String(), Numbers: set.Len(), Bytes: set.Bytes(), Loaded: w.now()},
		id:   v.ID, set: set, segments: segments,
	}, nil
}

func (w *Watcher) explain(err error, old held) error {
	if old.List == "" {
		return fmt.Errorf("%w; until then the list is NOT in force here", err)
	}
	return fmt.Errorf("%w; until then version %s of list %s stays in force", err, old.Version, old.List)
}

// fail notes what is not as it should be. Unless it is damage, the next Refresh tries again.
func (w *Watcher) fail(err error) {
	w.failures = append(w.failures, err)
	if !errors.Is(err, ErrDamaged) {
		w.retry = time.Time{}
	}
}

// tell logs what was not the matter the last time.
func (w *Watcher) tell(failures []error) {
	logged := w.logged
	w.logged = make(map[string]bool, len(failures))
	for _, err := range failures {
		text := err.Error()
		w.logged[text] = true
		if !logged[text] {
			w.log(err)
		}
	}
}
