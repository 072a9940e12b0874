package ownership

import (
	"errors"
	"fmt"
	"math"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"
	"github.com/stretchr/testify/require"

	"github.com/ringfence/ringfence/gate"
	"github.com/ringfence/ringfence/registry"
	"github.com/ringfence/ringfence/registry/redistest"
)

const (
	gates  = 3
	desks  = 50 // at each gate, a rep at each
	rounds = 5  // between which the clock jumps
	each   = 3  // steps of each rep in a round

	crowdNumbers = 60 // so that six or so are at one number at once, which is what the search for an order bears
)

// crowd is a sales floor at several gates.
type crowd struct {
	t      *testing.T
	stores []*registry.Store
	clock  clock
	now    int64
	began  time.Time
	mu     sync.Mutex
	done   []porcupine.Operation

	unknown int // of them, whose answer did not come in time
}

func newCrowd(t *testing.T, url string, clock clock) *crowd {
	c := &crowd{t: t, clock: clock, now: epoch, began: time.Now()}
	for range gates {
		c.stores = append(c.stores, openStore(t, url))
	}
	c.clock.Set(at(c.now))
	return c
}

// together has everybody do something at once.
func (c *crowd) together(work func(desk int, store *registry.Store)) {
	var wg sync.WaitGroup
	barrier := make(chan struct{})
	for desk := range gates * desks {
		wg.Go(func() {
			<-barrier
			work(desk, c.stores[desk%gates])
		})
	}
	close(barrier)
	wg.Wait()
}

// moment is a step and when it was taken by the registry's clock.
type moment struct {
	step
	now int64
}

// do takes a step and notes between which two moments it was taken. One whose answer did not come in time, on a machine
// with too much to do, may be taken at any time later, or never.
func (c *crowd) do(desk int, store *registry.Store, s step) outcome {
	const never = math.MaxInt64
	call := time.Since(c.began).Nanoseconds()
	o, err := play(c.t.Context(), s, store)
	back := time.Since(c.began).Nanoseconds()
	c.mu.Lock()
	defer c.mu.Unlock()
	if timeout, ok := errors.AsType[net.Error](err); ok && timeout.Timeout() {
		o, back = outcome{unknown: true}, never
		c.unknown++
	} else if err != nil {
		c.t.Errorf("desk %d: %v", desk, err)
	}
	c.done = append(c.done, porcupine.Operation{
		ClientId: desk, Input: moment{s, c.now}, Call: call, Output: o, Return: back,
	})
	return o
}

// warm has every gate connect before it counts.
func (c *crowd) warm(numbers []gate.Number) {
	c.together(func(desk int, store *registry.Store) {
		_, _ = store.Owner(c.t.Context(), numbers[desk%len(numbers)]) // what comes of it is of no account
	})
}

// TestCrowd has 150 reps at three gates do everything at once, round after round, with a jump of the clock in between. For
// each number, what they saw must be what they would have seen one after another, in some order.
func TestCrowd(t *testing.T) {
	for name, open := range map[string]func(t *testing.T) (string, clock){
		"redis":   func(t *testing.T) (string, clock) { c := redistest.NewClock(t); return c.Start().URL(), c },
		"cluster": func(t *testing.T) (string, clock) { c := redistest.NewClock(t); return c.StartCluster(3).URL(), c },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url, clock := open(t)
			seed, began := max(1, *seedFlag), time.Now()
			for ; seed == max(1, *seedFlag) || time.Since(began) < *forFlag; seed++ {
				c := newCrowd(t, url, clock)
				require.NoError(t, (&house{c.stores[0], clock}).empty(t.Context()))
				numbers := c.carryOut(seed)
				c.lookAtAll(numbers)
				c.linearizable(seed)
				c.audit(numbers)
			}
		})
	}
}

// carryOut has everybody go through a history of their own.
func (c *crowd) carryOut(seed uint64) []gate.Number {
	floor := newChance(seed, crowdNumbers)
	floor.terms.Holdings, floor.terms.DailyClaims = 0, 0 // what is counted for a rep is not of one number: see TestLimits
	people := make([]*chance, gates*desks)
	allowed := make([]map[int]bool, len(people))
	firm := make([]map[int]int, len(people)) // in which round a call was told to be firm: again at once only
	for desk := range people {
		people[desk] = newChance(seed<<16+uint64(desk)+1, crowdNumbers)
		people[desk].terms, people[desk].seat = floor.terms, seatOf(desk)
		for range 4 {
			people[desk].others = append(people[desk].others, *seatOf(floor.IntN(len(people))))
		}
		allowed[desk], firm[desk] = map[int]bool{}, map[int]int{}
	}
	c.warm(floor.numbers)
	for round := range rounds {
		c.together(func(desk int, store *registry.Store) {
			for i := range each {
				s := people[desk].step(1 + desk*1000 + round*each + i)
				switch s.kind {
				case jumps, mends:
					continue
				case dials:
					if s.call != 1+desk*1000+round*each+i {
						continue // the same INVITE once more: see TestHistories
					}
				case firms, ends, renews:
					if told, ok := firm[desk][s.call]; !allowed[desk][s.call] || s.kind == firms && ok && told < round {
						continue
					}
					if s.kind == firms {
						firm[desk][s.call] = round
					}
				default:
				}
				o := c.do(desk, store, s)
				if s.kind == dials && o.answer.Verdict == gate.Allow {
					allowed[desk][s.call] = true
				}
			}
		})
		c.now += pick[int64](floor, second, minute, hour, day, 31*day)
		c.clock.Set(at(c.now))
	}
	return floor.numbers
}

// seatOf is where the rep of a desk works: teams of ten, every third of them in another scope.
func seatOf(desk int) *seat {
	team := desk / 10
	s := &seat{rep: gate.Rep(fmt.Sprintf("rep%03d", desk)), team: gate.Team(fmt.Sprintf("team%d", team))}
	if team%3 == 2 {
		s.scope = "loans"
	}
	return s
}

func (c *crowd) lookAtAll(numbers []gate.Number) {
	for _, n := range numbers {
		for _, scope := range []gate.Scope{"", "loans"} {
			c.do(0, c.stores[0], step{kind: looks, number: n, scope: scope})
		}
	}
}

// linearizable fails unless there is an order for each number in which the model gives every outcome.
func (c *crowd) linearizable(seed uint64) {
	c.t.Helper()
	byNumber := map[gate.Number][]porcupine.Operation{}
	for _, op := range c.done {
		n := op.Input.(moment).number
		byNumber[n] = append(byNumber[n], op)
	}
	for n, ops := range byNumber {
		switch porcupine.CheckOperationsTimeout(oneNumber.ToModel(), ops, 20*time.Second) {
		case porcupine.Ok:
		case porcupine.Unknown:
			c.t.Errorf("seed %d: %s: no order was found in time for %d steps", seed, n.Masked(), len(ops))
		default:
			c.t.Errorf("seed %d: %s: in no order does this happen:\n%s", seed, n.Masked(), told(ops))
		}
	}
	require.Less(c.t, c.unknown, len(c.done)/10, "too many answers did not come in time to hold anything to the model")
	c.t.Logf("seed %d: %d steps, %d of them without an answer, %v", seed, len(c.done), c.unknown, time.Since(c.began).Round(time.Millisecond))
}

// oneNumber is the model as porcupine wants it.
var oneNumber = porcupine.NondeterministicModel{
	Init: func() []any { return []any{newNumber()} },
	Step: func(state, input, output any) []any {
		m, o := input.(moment), output.(outcome)
		after := newCompany(m.now)
		after.numbers[m.number] = state.(*number).clone()
		if o.unknown {
			after.guess(m.step)
			return []any{state, after.numbers[m.number]}
		}
		if err := after.follow(m.step, o, nil); err != nil {
			return nil
		}
		return []any{after.numbers[m.number]}
	},
	Equal: func(a, b any) bool { return a.(*number).String() == b.(*number).String() },
}

// guess does what a step does when it is taken, though nobody saw its outcome.
func (c *company) guess(s step) {
	n := c.at(s.number)
	switch s.kind {
	case looks, asks, jumps, mends:
	case dials:
		n.decide(s.question(), c.now)
	case firms, ends:
		n.happened(s.event(), c.now, true)
	case renews:
		if n.up(c.now) && n.flight.key == s.key() {
			n.flight.until = c.now + s.terms.Lease.Milliseconds()
		}
	default:
		if slices.Contains(n.may(s, c.now), done) {
			n.do(s, c.now)
		}
	}
}

func (n *number) String() string {
	var b strings.Builder
	fmt.Fprint(&b, n.listed, n.refused, n.passes, n.flight, n.attempts, n.allowed)
	for _, scope := range []gate.Scope{"", "loans"} {
		if o := n.scopes[scope]; o != nil && (o.owner != "" || o.pooled != 0 || o.first != "" || o.level != "") {
			fmt.Fprintf(&b, " %q %+v", scope, *o)
		}
	}
	return b.String()
}

// told writes operations down in the order in which they were begun.
func told(ops []porcupine.Operation) string {
	slices.SortFunc(ops, func(a, b porcupine.Operation) int { return int(a.Call - b.Call) })
	var b strings.Builder
	for _, op := range ops {
		m, o := op.Input.(moment), op.Output.(outcome)
		fmt.Fprintf(&b, "%9d-%9d us, at %d: %v", op.Call/1000, op.Return/1000, m.now-epoch, m.step)
		switch m.kind {
		case dials, asks:
			fmt.Fprintf(&b, ": %v %v %s", o.answer.Verdict, o.answer.Reason, o.answer.Owner)
		case looks:
			fmt.Fprintf(&b, ": %s", describe(o.seen))
		default:
			fmt.Fprintf(&b, ": %q", o.word)
		}
		b.WriteByte('\n')
	}
	return b.String()
}
