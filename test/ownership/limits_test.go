package ownership

import (
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ringfence/ringfence/gate"
	"github.com/ringfence/ringfence/registry"
	"github.com/ringfence/ringfence/registry/redistest"
)

// everywhere runs a test with three gates on one server and on a cluster.
func everywhere(t *testing.T, test func(c *crowd)) {
	t.Run("redis", func(t *testing.T) {
		t.Parallel()
		c := redistest.NewClock(t)
		test(newCrowd(t, c.Start().URL(), c))
	})
	t.Run("cluster", func(t *testing.T) {
		t.Parallel()
		c := redistest.NewClock(t)
		test(newCrowd(t, c.StartCluster(3).URL(), c))
	})
}

// TestLimits has ten reps at 150 desks claim from the pool by command and by call, all at once, and give back, hand over
// and close deals: nobody ever holds more than the rules allow, or has had more from the pool on one day.
func TestLimits(t *testing.T) {
	everywhere(t, func(c *crowd) {
		const most, daily, days = 4, 3, 2
		p := newChance(max(1, *seedFlag), 60)
		terms := p.terms
		terms.Holdings, terms.CountDeals, terms.DailyClaims = most, true, daily
		terms.Bar, terms.Protection, terms.Levels, terms.NoDeal, terms.ProtectionMost = 0, 365*24*time.Hour, "", 0, 0
		c.fill(p.numbers, terms)
		c.warm(p.numbers)
		for range days {
			before := c.owners(p.numbers)
			c.together(func(desk int, store *registry.Store) { c.claimAt(desk, store, p.numbers, terms) })
			after := c.owners(p.numbers)
			for i := range 10 {
				rep := repOf(i)
				require.LessOrEqual(c.t, len(after[rep]), most, "rep %s holds too many", rep)
				require.LessOrEqual(c.t, len(after[rep])-len(before[rep]), daily, "rep %s has had too many today", rep)
				c.counted(rep, len(after[rep]), terms)
			}
			c.together(func(desk int, store *registry.Store) { c.mix(desk, store, p.numbers, terms) })
			after = c.owners(p.numbers)
			for i := range 10 {
				require.LessOrEqual(c.t, len(after[repOf(i)]), most, "rep %s holds too many", repOf(i))
				c.counted(repOf(i), len(after[repOf(i)]), terms)
			}
			c.audit(p.numbers)
			c.now += day
			c.clock.Set(at(c.now))
		}
	})
}

func repOf(desk int) gate.Rep { return floor[desk%5].rep + gate.Rep([]string{"", "b"}[desk%2]) }

// fill puts numbers into the pool.
func (c *crowd) fill(numbers []gate.Number, terms gate.Terms) {
	terms.Holdings, terms.DailyClaims = 0, 0
	for _, n := range numbers {
		for _, k := range []kind{claims, releases} {
			o, err := play(c.t.Context(), step{kind: k, number: n, rep: "former", terms: terms}, c.stores[0])
			require.NoError(c.t, err)
			require.Equal(c.t, done, o.word)
		}
	}
}

// claimAt claims five numbers, by command or by a call.
func (c *crowd) claimAt(desk int, store *registry.Store, numbers []gate.Number, terms gate.Terms) {
	for i := range 5 {
		s := step{kind: claims, number: numbers[(desk*7+i*13)%len(numbers)], rep: repOf(desk), terms: terms}
		if (desk+i)%3 == 0 {
			s.kind, s.call = dials, int(c.now-epoch)/day*10000+desk*10+i
			s.talk, s.ending = minute, gate.EndAnswered
			if o := c.do(desk, store, s); o.answer.Verdict != gate.Allow {
				continue
			}
			s.kind = ends
		}
		c.do(desk, store, s)
	}
}

// mix gives back, hands over, closes deals and claims again.
func (c *crowd) mix(desk int, store *registry.Store, numbers []gate.Number, terms gate.Terms) {
	for i := range 3 {
		k := []kind{releases, transfers, deals, claims, mends}[(desk+i)%5]
		c.do(desk, store, step{kind: k, number: numbers[(desk*11+i*17)%len(numbers)], rep: repOf(desk + i), terms: terms})
	}
}

// owners are the numbers that each rep owns.
func (c *crowd) owners(numbers []gate.Number) map[gate.Rep][]gate.Number {
	all := map[gate.Rep][]gate.Number{}
	for _, n := range numbers {
		h, err := c.stores[0].OwnerIn(c.t.Context(), n, "")
		require.NoError(c.t, err)
		all[h.Owner] = append(all[h.Owner], n)
	}
	return all
}

// counted holds what is counted of a rep to what the rep owns; nothing may be under way any more.
func (c *crowd) counted(rep gate.Rep, owned int, terms gate.Terms) {
	c.t.Helper()
	_, err := c.stores[0].Mend(c.t.Context(), rep)
	require.NoError(c.t, err)
	counts, err := c.stores[0].Counts(c.t.Context(), rep, terms)
	require.NoError(c.t, err)
	if c.unknown > 0 { // then claims may be under way for a minute more
		require.GreaterOrEqual(c.t, counts.Held+counts.Pending, owned, "what is counted of rep %s", rep)
		return
	}
	require.Zero(c.t, counts.Pending, "claims of rep %s under way", rep)
	require.Equal(c.t, owned, counts.Held, "what is counted of rep %s", rep)
}

// TestPassOnce has one rep ring from 150 desks at once with one pass: one call goes.
func TestPassOnce(t *testing.T) {
	everywhere(t, func(c *crowd) {
		terms := newChance(1, 1).terms
		terms.Over, terms.Redirect, terms.Protection, terms.ProtectionMost, terms.NoDeal = ",owned,", false, 365*24*time.Hour, 0, 0
		terms.Holdings, terms.DailyClaims = 0, 0
		numbers := newChance(1, 20).numbers
		c.warm(numbers)
		for round, n := range numbers {
			for _, s := range []step{
				{kind: claims, number: n, rep: "201", terms: terms}, {kind: grants, number: n, rep: "202", span: hour, terms: terms},
			} {
				o, err := play(c.t.Context(), s, c.stores[round%gates])
				require.NoError(c.t, err)
				require.Equal(c.t, done, o.word)
			}
			var passed, blocked, repeated atomic.Int32
			c.together(func(desk int, store *registry.Store) {
				s := step{kind: dials, number: n, rep: "202", call: 1 + desk/2, terms: terms} // every INVITE comes at two desks
				switch a := c.do(desk, store, s).answer; {
				case a.Verdict == gate.Allow && a.Reason == gate.Pass && a.Repeated:
					repeated.Add(1)
				case a.Verdict == gate.Allow && a.Reason == gate.Pass:
					passed.Add(1)
				case a.Verdict == gate.Block && a.Reason == gate.Owned:
					blocked.Add(1)
				}
			})
			require.LessOrEqual(c.t, passed.Load(), int32(1))
			if c.unknown == 0 {
				require.Equal(c.t, [3]int32{1, 1, gates*desks - 2}, [3]int32{passed.Load(), repeated.Load(), blocked.Load()})
			}
		}
	})
}
