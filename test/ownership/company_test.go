package ownership

import (
	"fmt"
	"slices"
	"time"

	"github.com/ringfence/ringfence/gate"
	"github.com/ringfence/ringfence/registry"
)

// company is the model of all numbers and of what reps hold.
type company struct {
	now     int64
	numbers map[gate.Number]*number
	claimed map[gate.Rep]map[int64]int // numbers taken from the pool, by day
	stale   map[gate.Rep]map[held]bool // whose protection ended since the rep was last counted: they may still count
}

func newCompany(now int64) *company {
	return &company{now: now, numbers: map[gate.Number]*number{}, claimed: map[gate.Rep]map[int64]int{}, stale: map[gate.Rep]map[held]bool{}}
}

func (c *company) at(n gate.Number) *number {
	if c.numbers[n] == nil {
		c.numbers[n] = newNumber()
	}
	return c.numbers[n]
}

// held is a number in a scope.
type held struct {
	number gate.Number
	scope  gate.Scope
}

// holdings are the numbers that a rep owns, and of which of them a deal was closed.
func (c *company) holdings(rep gate.Rep) (all map[held]bool) {
	all = map[held]bool{}
	for number, n := range c.numbers {
		for scope, o := range n.scopes {
			if o.owner == rep && o.live(c.now) {
				all[held{number, scope}] = o.deal != 0
			}
		}
	}
	return all
}

// holds is how many numbers count as the rep's: at least, and at most, since one whose protection ended counts until it
// is looked at.
func (c *company) holds(rep gate.Rep, deals bool) (least, most int) {
	all := c.holdings(rep)
	for _, closed := range all {
		if !closed || deals {
			least++
		}
	}
	most = least
	for h := range c.stale[rep] {
		if _, owned := all[h]; !owned {
			most++
		}
	}
	return least, most
}

// noteStale notes whose protection has ended.
func (c *company) noteStale() {
	for number, n := range c.numbers {
		for scope, o := range n.scopes {
			if o.owner == "" || o.live(c.now) {
				continue
			}
			if c.stale[o.owner] == nil {
				c.stale[o.owner] = map[held]bool{}
			}
			c.stale[o.owner][held{number, scope}] = true
		}
	}
}

// room says whether one more number may be the rep's: surely, or perhaps.
func (c *company) room(s step) (surely, perhaps bool) {
	if o := c.at(s.number).in(s.scope); o.owner == s.rep && o.live(c.now) { // it counts already
		return true, true
	}
	if s.terms.Holdings == 0 {
		return true, true
	}
	c.noteStale()
	least, most := c.holds(s.rep, s.terms.CountDeals)
	return most < s.terms.Holdings, least < s.terms.Holdings
}

// today is how many numbers the rep has taken from the pool.
func (c *company) today(s step) int { return c.claimed[s.rep][c.day(s.terms)] }

func (c *company) day(t gate.Terms) int64 { return (c.now + t.Offset.Milliseconds()) / day }

// fromPool says whether a claim takes a number from the pool.
func (c *company) fromPool(s step) bool {
	o := c.at(s.number).in(s.scope)
	return o.pooled != 0 || o.owner != "" && !o.live(c.now)
}

func (c *company) credit(s step) {
	days := c.claimed[s.rep]
	if days == nil {
		days = map[int64]int{}
		c.claimed[s.rep] = days
	}
	days[c.day(s.terms)]++
}

// concerns says whether a gate would send that: it reports what it let out, and repeats what has not been replaced by
// another call of the same rep.
func (c *company) concerns(s step) bool {
	n, key := c.at(s.number), s.key()
	switch s.kind {
	case firms:
		a := n.attempts[key]
		return n.allowed[key] && (!a.firm || c.now < a.until)
	case ends, renews:
		return n.allowed[key]
	case dials:
		a := n.attempts[key]
		return !n.allowed[key] || a.ended || n.up(c.now) && n.flight.key == key
	default:
		return true
	}
}

// follow does what a step does and says what is wrong with its outcome.
func (c *company) follow(s step, o outcome, seen func() (registry.Holding, error)) error {
	n := c.at(s.number)
	switch s.kind {
	case jumps:
		c.now += s.span
	case mends:
		c.noteStale()
		delete(c.stale, s.rep)
		return c.sameCounts(s.rep, o)
	case looks:
		return n.in(s.scope).same(o.seen, c.now)
	case dials, asks:
		fence := n.fence
		return sameAnswer(n.decide(s.question(), c.now), o.answer, fence, &n.fence)
	case renews:
		held := n.up(c.now) && n.flight.key == s.key()
		if held {
			n.flight.until = c.now + s.terms.Lease.Milliseconds()
		}
		if held == o.lost {
			return fmt.Errorf("renewed: lost is %v, want %v", o.lost, !held)
		}
	case firms, ends:
		return c.event(s, seen)
	default:
		return c.command(s, o)
	}
	return nil
}

// event follows an event. Whether a quota let it make an owner is seen by who owns the number now.
func (c *company) event(s step, seen func() (registry.Holding, error)) error {
	n := c.at(s.number)
	pool := c.fromPool(s)
	surely, perhaps := c.room(s)
	if pool && s.terms.DailyClaims > 0 && c.today(s) >= s.terms.DailyClaims {
		surely, perhaps = false, false
	}
	fits := surely
	if surely != perhaps {
		h, err := seen()
		if err != nil {
			return err
		}
		fits = h.Owner == s.rep
	}
	if n.happened(s.event(), c.now, fits) && pool {
		c.credit(s)
	}
	return nil
}

func (c *company) command(s step, o outcome) error {
	n := c.at(s.number)
	words := n.may(s, c.now)
	limited := s.kind == claims || s.kind == transfers && !s.force
	pool := s.kind == claims && c.fromPool(s)
	if limited {
		surely, perhaps := c.room(s)
		if pool && s.terms.DailyClaims > 0 && c.today(s) >= s.terms.DailyClaims {
			perhaps = false
		}
		if !surely || !perhaps {
			words = append(words, quota)
		}
		if !perhaps {
			words = slices.DeleteFunc(words, func(w string) bool { return w == done })
		}
	}
	if !slices.Contains(words, o.word) {
		return fmt.Errorf("outcome is %q, want one of %q", o.word, words)
	}
	if o.word == done {
		if pool {
			c.credit(s)
		}
		n.do(s, c.now)
	}
	return nil
}

// sameCounts holds what is counted of a rep, just after a Mend, to what the rep owns.
func (c *company) sameCounts(rep gate.Rep, o outcome) error {
	want, closed := c.holdings(rep), 0
	for h, isClosed := range want {
		if isClosed {
			closed++
		}
		if !slices.Contains(o.held, h) {
			return fmt.Errorf("%v of rep %s is not among the holdings", h.number.Masked(), rep)
		}
	}
	if o.counts.Held != len(want) || len(o.held) != len(want) || o.counts.Dealt != closed {
		return fmt.Errorf("rep %s is said to hold %+v, %d numbers, want %d, %d of them with a closed deal",
			rep, o.counts, len(o.held), len(want), closed)
	}
	return nil
}

func sameAnswer(want, got gate.Answer, before int64, fence *int64) error {
	if got.Verdict == gate.Allow && !got.Repeated && got.Fence > 0 {
		if got.Fence <= before-1 {
			return fmt.Errorf("the fence went back to %d", got.Fence)
		}
	}
	_ = fence
	want.Fence, got.Fence, got.List = 0, 0, ""
	if got.Repeated { // whose the number is now
		want.Owner, want.Extension, got.Owner, got.Extension = "", "", "", ""
		want.RetryAfter, got.RetryAfter = 0, 0
	}
	if want != got {
		return fmt.Errorf("answer is\n  %+v, want\n  %+v", got, want)
	}
	return nil
}

// same says what is wrong with how a number is said to stand.
func (o *owned) same(h registry.Holding, now int64) error {
	want := registry.Holding{Number: h.Number, Scope: h.Scope, Level: o.level, Flight: h.Flight, Refusal: h.Refusal}
	if o.live(now) {
		want.Owner, want.Extension, want.Team, want.Since, want.Until = o.owner, o.extension, o.team, at(o.since), at(o.until)
		want.Unlocked, want.Contact, want.Locked, want.Deal = at(o.unlocked), at(o.contact), o.locked, at(o.deal)
		want.ByHand = o.byHand
	}
	if !o.live(now) && now < o.firstUntil {
		want.Provisional = &registry.Provisional{Rep: o.first, Until: at(o.firstUntil)}
	}
	if o.pooled != 0 {
		want.Pool = &registry.PoolEntry{Since: at(o.pooled), Why: o.why, Barred: o.barred, BarredUntil: at(o.barredUntil)}
	}
	got := h
	got.Collaborators = nil
	if a, b := describe(want), describe(got); a != b {
		return fmt.Errorf("it stands\n  %s, want\n  %s", b, a)
	}
	if !o.live(now) {
		return nil
	}
	agreed := map[gate.Rep]int{}
	for _, share := range h.Collaborators {
		agreed[share.Rep] = share.Percent
	}
	if fmt.Sprint(agreed) != fmt.Sprint(o.shares) {
		return fmt.Errorf("shares are %v, want %v", agreed, o.shares)
	}
	return nil
}

func at(ms int64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms)
}

func describe(h registry.Holding) string {
	pool, first := "-", "-"
	if h.Pool != nil {
		pool = fmt.Sprintf("%d %s %s %d", ms(h.Pool.Since), h.Pool.Why, h.Pool.Barred, ms(h.Pool.BarredUntil))
	}
	if h.Provisional != nil {
		first = fmt.Sprintf("%s %d", h.Provisional.Rep, ms(h.Provisional.Until))
	}
	return fmt.Sprintf("owner %q ext %q team %q since %d until %d unlocked %d contact %d deal %d locked %v by hand %v level %q pool %s first %s",
		h.Owner, h.Extension, h.Team, ms(h.Since), ms(h.Until), ms(h.Unlocked), ms(h.Contact), ms(h.Deal), h.Locked, h.ByHand, h.Level, pool, first)
}

func ms(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}
