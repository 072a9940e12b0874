package replay

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/stretchr/testify/require"

	"github.com/ringfence/ringfence/gate"
	"github.com/ringfence/ringfence/registry"
)

// attempt is one call that somebody makes, and what becomes of it if it goes out.
type attempt struct {
	at     time.Duration
	rep    gate.Rep
	number gate.Number
	ring   time.Duration
	talk   time.Duration // 0: it is not answered
	ending gate.Ending
}

func (a attempt) id(i int) string { return fmt.Sprintf("%d@%s", i, a.rep) }

// command is what an operator does.
type command struct {
	at time.Duration
	do func(*company)
}

// history is a few hours of a sales floor.
type history struct {
	attempts []attempt
	commands []command
}

var numbers = []gate.Number{"+12125550100", "+12125550101", "+12125550102"}

// step is how far apart things happen at least: no two at the same time, which no record could put in order.
const step = 10 * time.Millisecond

// randomHistory makes one; commands that depend on who owns the number come only with everything.
func randomHistory(r *rand.Rand, everything bool) history {
	var h history
	at := time.Duration(0)
	for range 60 {
		at += step * time.Duration(1+r.IntN(60_000)) // 10 minutes at most
		n := numbers[r.IntN(len(numbers))]
		if r.IntN(5) == 0 {
			h.commands = append(h.commands, command{at, randomCommand(r, n, everything)})
			continue
		}
		a := attempt{at: at, rep: randomRep(r), number: n, ring: step * time.Duration(1+r.IntN(2000))}
		switch r.IntN(10) {
		case 0:
			a.ending = gate.EndRefused
		case 1:
			a.ending = gate.EndFailed
		case 2, 3:
			a.ending = gate.EndUnanswered
		default:
			a.ending, a.talk = gate.EndAnswered, step*time.Duration(1+r.IntN(6000))
		}
		h.attempts = append(h.attempts, a)
	}
	return h
}

func randomRep(r *rand.Rand) gate.Rep { return gate.Rep(fmt.Sprint(201 + r.IntN(4))) }

// randomCommand may fail, as commands do.
func randomCommand(r *rand.Rand, n gate.Number, everything bool) func(*company) {
	ctx := context.Background()
	rep, long := randomRep(r), time.Duration(1+r.IntN(120))*time.Minute
	which := []int{0, 2, 3}[r.IntN(3)] // what depends on nothing
	if everything {
		which = r.IntN(21)
	}
	return func(c *company) {
		t := c.gate.TermsFor(rep)
		switch which {
		case 0:
			_, _ = c.store.Refuse(ctx, n, string(rep), long, "no")
		case 1:
			_, _ = c.store.LiftRefusal(ctx, n)
		case 2:
			_ = c.store.AddListed(ctx, "company", n, "")
		case 3:
			_ = c.store.RemoveListed(ctx, "company", n)
		case 4:
			_, _ = c.store.Claim(ctx, n, registry.ClaimOrder{Rep: rep, Extension: string(rep), Terms: t})
		case 5:
			_, _ = c.store.Claim(ctx, n, registry.ClaimOrder{Rep: rep, Extension: string(rep), For: long, Terms: t})
		case 6:
			_, _ = c.store.Release(ctx, n, "", "released", t)
		case 7:
			_, _ = c.store.Transfer(ctx, n, "", registry.TransferOrder{To: rep, Extension: string(rep), Terms: t})
		case 8:
			_, _ = c.store.Share(ctx, n, "", rep, 10)
		case 9:
			_, _ = c.store.Unshare(ctx, n, "", rep)
		case 10:
			_, _ = c.store.Lock(ctx, n, "")
		case 11:
			_, _ = c.store.Unlock(ctx, n, "", t)
		case 12:
			_, _ = c.store.Deal(ctx, n, "", rep > "202", t)
		case 13:
			_, _ = c.store.Level(ctx, n, "", map[bool]string{true: "A"}[rep > "202"], t)
		case 14:
			_, _ = c.store.Extend(ctx, n, "", long)
		case 15:
			_, _ = c.store.GrantPass(ctx, registry.Pass{Rep: rep, Number: n, For: long})
		case 16:
			_, _ = c.store.RevokePass(ctx, n, rep)
		case 17, 18:
			if stages := c.gate.Config().Rules.Stages; len(stages) > 0 {
				_, _ = c.store.EnterStage(ctx, n, "", stages[0])
			}
		case 19:
			require.NoError(c.t, c.store.MoveStages(ctx, c.gate.Config().Rules, t))
		default:
			_, _ = c.store.Release(ctx, n, "", "released", t)
		}
	}
}

// company is a registry with a gate before it, whose clocks the test moves.
type company struct {
	t      *testing.T
	server *miniredis.Miniredis
	store  *registry.Store
	gate   *gate.Gate
	now    time.Time
}

var morning = time.Date(2026, 3, 2, 8, 0, 0, 0, time.UTC)

func open(t *testing.T, c gate.Config) *company {
	t.Helper()
	x := &company{t: t, server: miniredis.RunT(t), now: morning}
	x.server.SetTime(x.now)
	cfg := registry.Defaults()
	cfg.URL = "redis://" + x.server.Addr()
	var err error
	x.store, err = registry.Open(t.Context(), cfg, registry.WithoutLists())
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, x.store.Close()) })
	x.gate, err = gate.New(gate.Options{Config: c, Registry: x.store, Now: func() time.Time { return x.now }})
	require.NoError(t, err)
	return x
}

// moment is one thing that happens.
type moment struct {
	at time.Duration
	do func()
}

// run lets a history happen, and says what was said to each attempt. A call to which forgone says yes ends at once,
// unanswered.
func (c *company) run(h history, forgone func(i int) bool) []gate.Decision {
	c.t.Helper()
	said := make([]gate.Decision, len(h.attempts))
	var moments []moment
	add := func(at time.Duration, do func()) { moments = append(moments, moment{at, do}) }
	for i, a := range h.attempts {
		add(a.at, func() {
			said[i] = c.dial(a, a.id(i))
			if said[i].Verdict != gate.Allow {
				return
			}
			if forgone(i) {
				c.ends(said[i], gate.EndUnanswered, 0)
				return
			}
			// The firm moment comes between two steps, where nothing else happens.
			if minTalk := c.gate.Terms().MinTalk; a.talk > minTalk {
				add(a.at+a.ring+minTalk, func() { c.write(c.event(gate.Firm, said[i], minTalk)) })
			}
			add(a.at+a.ring+a.talk+step/2, func() { c.ends(said[i], a.ending, a.talk) })
		})
	}
	for _, command := range h.commands {
		add(command.at, func() { command.do(c) })
	}
	for len(moments) > 0 {
		slices.SortStableFunc(moments, func(a, b moment) int { return int(a.at - b.at) })
		next := moments[0]
		moments = moments[1:]
		to := morning.Add(next.at)
		c.server.FastForward(to.Sub(c.now))
		c.now = to
		c.server.SetTime(to)
		next.do()
	}
	return said
}

func (c *company) dial(a attempt, id string) gate.Decision {
	call := gate.Call{
		Key: gate.Key{Rep: a.rep, CallID: id, FromTag: "t"}, Peer: "desk",
		Dialled: gate.Dialled{Kind: gate.External, Text: string(a.number), Number: a.number},
	}
	d := c.gate.Ask(context.Background(), call)
	require.False(c.t, d.Degraded, "the registry did not answer in time")
	return d
}

func (c *company) event(kind gate.EventKind, d gate.Decision, talk time.Duration) gate.Event {
	return gate.Event{
		Kind: kind, At: c.now, Reservation: d.Reservation, Terms: c.gate.TermsFor(d.Call.Rep), Extension: string(d.Call.Rep), Talk: talk,
	}
}

func (c *company) ends(d gate.Decision, ending gate.Ending, talk time.Duration) {
	e := c.event(gate.Ended, d, talk)
	e.Ending = ending
	c.write(e)
}

func (c *company) write(e gate.Event) {
	require.NoError(c.t, c.store.Write(context.Background(), []gate.Event{e}))
}

// rules are a policy whose times a history of some hours comes to.
func rules(change ...func(*gate.Rules)) gate.Config {
	c := gate.Defaults("US")
	c.Extension = "^20[0-9]$"
	c.Rules.Protection = gate.Duration(2 * time.Hour)
	c.Rules.Refused.CoolDown = gate.Duration(time.Hour)
	c.Rules.Lease = gate.Duration(10 * time.Minute)
	c.Rules.Budget = gate.Duration(time.Second)
	for _, f := range change {
		f(&c.Rules)
	}
	return c
}

// replayed are the outcomes that differ, by Call-ID.
func (c *company) replayed(o Options) (*Replay, map[string]Outcome) {
	c.t.Helper()
	differ := make(map[string]Outcome)
	o.Until = c.now
	o.Each = func(d Difference) { differ[d.CallID] = d.New }
	r, err := New(o)
	require.NoError(c.t, err)
	require.NoError(c.t, c.store.Records(context.Background(), time.Time{}, r.Add))
	require.Zero(c.t, r.Broken)
	return r, differ
}
