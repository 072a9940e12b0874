package ownership

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/ringfence/ringfence/gate"
	"github.com/ringfence/ringfence/registry"
	"github.com/ringfence/ringfence/registry/redistest"
)

var (
	seedFlag = flag.Uint64("seed", 0, "make the histories from this seed; 0: from 1 on")
	forFlag  = flag.Duration("for", 0, "go on with new seeds for so long; 0: a few")
)

// clock is the wall clock of the servers.
type clock interface{ Set(t time.Time) }

// house is a registry whose clock the test sets.
type house struct {
	store *registry.Store
	clock clock
}

func (h *house) empty(ctx context.Context) error {
	if cluster, ok := h.store.Client().(*redis.ClusterClient); ok {
		return cluster.ForEachMaster(ctx, func(ctx context.Context, c *redis.Client) error { return c.FlushAll(ctx).Err() })
	}
	return h.store.Client().FlushAll(ctx).Err()
}

func openStore(t *testing.T, url string) *registry.Store {
	t.Helper()
	cfg := registry.Defaults()
	cfg.URL = url
	s, err := registry.Open(t.Context(), cfg, registry.WithOperator("tester"), registry.WithoutLists(),
		registry.WithLog(func(err error) { t.Log(err) }))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s
}

// TestHistories carries out random histories and holds every outcome, and how every number stands after every step, to
// the model.
func TestHistories(t *testing.T) {
	for name, open := range map[string]func(t *testing.T) (string, clock){
		"redis":    func(t *testing.T) (string, clock) { c := redistest.NewClock(t); return c.Start().URL(), c },
		"embedded": func(t *testing.T) (string, clock) { return redistest.StartEmbedded(t) },
		"cluster":  func(t *testing.T) (string, clock) { c := redistest.NewClock(t); return c.StartCluster(3).URL(), c },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url, clock := open(t)
			h := &house{openStore(t, url), clock}
			seed, began := max(1, *seedFlag), time.Now()
			for range seeds(historiesOf[name], began) {
				steps := newChance(seed, numbersOf[name]).history(200)
				if err := h.run(t.Context(), steps); err != nil {
					small := shrink(steps, func(steps []step) bool { return isAlike(h.run(t.Context(), steps), err) })
					t.Fatalf("seed %d: %v\nrules %+v\nsmallest history:\n%s\n%v", seed, err, rulesOf(small), write(small),
						h.run(t.Context(), small))
				}
				seed++
			}
			t.Logf("%d histories in %v", seed-max(1, *seedFlag), time.Since(began).Round(time.Millisecond))
		})
	}
}

// historiesOf are so many that each server takes two seconds or so.
var historiesOf = map[string]int{"redis": 20, "embedded": 4, "cluster": 8}

var numbersOf = map[string]int{"redis": 3, "embedded": 3, "cluster": 5}

// seeds yields as often as a history is to be made.
func seeds(least int, began time.Time) func(func() bool) {
	return func(yield func() bool) {
		for i := 0; i < least || time.Since(began) < *forFlag; i++ {
			if !yield() {
				return
			}
		}
	}
}

const epoch = 1_800_000_000_000 // ms

// mistake is what a history found.
type mistake struct {
	at   int
	step step
	err  error
}

func (m *mistake) Error() string { return fmt.Sprintf("step %d, %v: %v", m.at, m.step, m.err) }

// isAlike says whether two histories fail by the same kind of step.
func isAlike(a, b error) bool {
	var x, y *mistake
	return errors.As(a, &x) && errors.As(b, &y) && x.step.kind == y.step.kind
}

// run carries out a history on an empty registry, to its end or the first mistake.
func (h *house) run(ctx context.Context, steps []step) error {
	if err := h.empty(ctx); err != nil {
		return err
	}
	c := newCompany(epoch)
	h.clock.Set(at(c.now))
	for i, s := range steps {
		if err := h.step(ctx, c, s); err != nil {
			return &mistake{i, s, err}
		}
	}
	return nil
}

func (h *house) step(ctx context.Context, c *company, s step) error {
	if s.kind == jumps {
		c.now += s.span
		h.clock.Set(at(c.now))
		return nil
	}
	if !c.concerns(s) {
		return nil
	}
	o, err := play(ctx, s, h.store)
	if err != nil {
		return err
	}
	look := func() (registry.Holding, error) { return h.store.OwnerIn(ctx, s.number, s.scope) }
	if err := c.follow(s, o, look); err != nil {
		return err
	}
	for scope, o := range c.at(s.number).scopes {
		seen, err := h.store.OwnerIn(ctx, s.number, scope)
		if err != nil {
			return err
		}
		if err := o.same(seen, c.now); err != nil {
			return fmt.Errorf("afterwards, in scope %q, %w", scope, err)
		}
	}
	return nil
}

// shrink leaves out of a failing history what it fails without.
func shrink(steps []step, fails func([]step) bool) []step {
	for size := len(steps) / 2; size > 0; {
		smaller := false
		for i := 0; i+size <= len(steps); {
			without := append(append([]step(nil), steps[:i]...), steps[i+size:]...)
			if fails(without) {
				steps, smaller = without, true
				continue
			}
			i += size
		}
		if !smaller || size > 1 {
			size /= 2
		}
	}
	return steps
}

func rulesOf(steps []step) (t gate.Terms) {
	for _, s := range steps {
		if s.kind != jumps {
			t = s.terms
		}
	}
	return t
}

func write(steps []step) string {
	var b strings.Builder
	for i, s := range steps {
		fmt.Fprintf(&b, "%4d %v\n", i, s)
	}
	return b.String()
}
