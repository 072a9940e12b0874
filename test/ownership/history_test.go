package ownership

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/ringfence/ringfence/gate"
)

// A history: what a sales floor does, by chance.

const (
	second = 1000 // ms
	minute = 60 * second
	hour   = 60 * minute
	day    = 24 * hour
)

func milliseconds(ms int64) time.Duration { return time.Duration(ms) * time.Millisecond }

// kind is what somebody does.
type kind uint8

const (
	jumps kind = iota // the clock
	looks             // at how a number stands
	dials
	asks // as dials, but changes nothing
	firms
	ends
	renews
	claims
	releases
	transfers
	shares
	unshares
	locks
	unlocks
	deals
	undeals
	levelled
	extends
	refuses
	lifts
	lists
	unlists
	grants
	revokes
	mends
	kinds
)

var kindNames = [kinds]string{
	"jump", "look", "dial", "ask", "firm", "end", "renew", "claim", "release", "transfer", "share", "unshare", "lock", "unlock",
	"deal", "undeal", "level", "extend", "refuse", "lift", "list", "unlist", "grant", "revoke", "mend",
}

// weights are how often each comes, in the order of the kinds.
var weights = [kinds]int{12, 4, 20, 2, 8, 14, 3, 10, 6, 6, 5, 2, 2, 2, 3, 1, 3, 3, 2, 2, 1, 2, 5, 1, 2}

// step is one thing that somebody does. It needs no other step to be carried out, so any may be left out.
type step struct {
	kind     kind
	number   gate.Number
	rep      gate.Rep // who does it, gets it or shares it
	team     gate.Team
	scope    gate.Scope
	call     int // tells the calls of a history apart
	ending   gate.Ending
	talk     int64 // ms
	span     int64 // ms
	percent  int
	level    string
	local    gate.Reason
	fromPool bool
	force    bool
	terms    gate.Terms
}

func (s step) extension() string {
	if s.rep == "203" { // has none
		return ""
	}
	return string(s.rep)
}

func (s step) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%-8s", kindNames[s.kind])
	for _, part := range []struct {
		name, value string
	}{
		{"", s.number.Masked()[max(0, len(s.number.Masked())-2):]},
		{"rep ", string(s.rep)},
		{"scope ", string(s.scope)},
		{"call ", positive(int64(s.call))},
		{"span ", positive(s.span)},
		{"talk ", positive(s.talk)},
		{"percent ", positive(int64(s.percent))},
		{"level ", s.level},
	} {
		if part.value != "" {
			b.WriteString(" " + part.name + part.value)
		}
	}
	if s.kind == ends {
		b.WriteString(" " + s.ending.String())
	}
	if s.local != gate.Undecided {
		b.WriteString(" local " + s.local.String())
	}
	if s.fromPool {
		b.WriteString(" from the pool")
	}
	if s.force {
		b.WriteString(" by force")
	}
	return b.String()
}

func positive(n int64) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprint(n)
}

// seat is where a rep works.
type seat struct {
	rep   gate.Rep
	team  gate.Team
	scope gate.Scope
}

var floor = []seat{
	{"201", "east", ""},
	{"202", "east", ""},
	{"203", "west", ""},
	{"204", "west", ""},
	{"205", "", ""},
	{"206", "credit", "loans"},
	{"207", "credit", "loans"},
}

// chance makes histories.
type chance struct {
	*rand.Rand
	numbers []gate.Number
	terms   gate.Terms
	calls   []step // dialled so far
	seat    *seat  // whose history it is; nil: everybody's
	others  []seat // to whom that rep hands over, with whom they share
}

func newChance(seed uint64, numbers int) *chance {
	c := &chance{Rand: rand.New(rand.NewPCG(seed, seed))} //nolint:gosec // a seed makes it repeatable
	for i := range numbers {
		c.numbers = append(c.numbers, gate.Number(fmt.Sprintf("+12125550%d", 100+i)))
	}
	c.terms = c.rules()
	return c
}

func pick[T any](c *chance, of ...T) T { return of[c.IntN(len(of))] }

// rules are one company's.
func (c *chance) rules() gate.Terms {
	t := gate.Terms{
		Policy: "p", Gate: "g", Lease: time.Minute, Remember: 32 * time.Second, MinTalk: 10 * time.Second,
		Protection: milliseconds(pick[int64](c, day, 30*day)), CoolDown: milliseconds(pick[int64](c, hour, 3*day)),
		Keep: milliseconds(pick[int64](c, 3650*day, 6*hour)), Redirect: c.IntN(2) == 0, Team: c.IntN(3) == 0,
		Provisional:    milliseconds(pick[int64](c, 0, 30*minute, 2*day)),
		ProtectionMost: milliseconds(pick[int64](c, 0, 0, 20*day)), NoDeal: milliseconds(pick[int64](c, 0, 0, 10*day)),
		DealProtection: milliseconds(pick[int64](c, 0, 60*day)), Bar: milliseconds(pick[int64](c, 0, day)),
		Over: pick(c, ",owned,refused,frequency,hours,territory,quota,", ",owned,", ""),
	}
	if c.IntN(2) == 0 {
		t.Levels = fmt.Sprintf("A=%d\x1fB=%d", levels["A"], levels["B"])
	}
	if c.IntN(2) == 0 {
		t.Holdings, t.CountDeals = 1+c.IntN(3), c.IntN(2) == 0
	}
	if c.IntN(2) == 0 {
		t.DailyClaims, t.Offset = 1+c.IntN(2), 8*time.Hour
	}
	return t
}

// history is n steps.
func (c *chance) history(n int) []step {
	steps := make([]step, n)
	for i := range steps {
		steps[i] = c.step(i + 1)
	}
	return steps
}

func (c *chance) kind() kind {
	sum := 0
	for _, w := range weights {
		sum += w
	}
	at := c.IntN(sum)
	for k, w := range weights {
		if at -= w; at < 0 {
			return kind(k)
		}
	}
	return looks
}

func (c *chance) step(call int) step {
	who := pick(c, floor...)
	if c.seat != nil {
		who = *c.seat
	}
	s := step{
		kind: c.kind(), number: pick(c, c.numbers...), rep: who.rep, team: who.team, scope: who.scope, terms: c.terms,
	}
	if slices.Contains([]kind{transfers, shares, unshares, grants, revokes}, s.kind) && c.others != nil {
		other := pick(c, c.others...)
		s.rep, s.team, s.scope = other.rep, other.team, other.scope
	}
	switch s.kind {
	case jumps:
		return step{kind: jumps, span: pick[int64](c, 1, second, 31*second+300, minute, hour, 12*hour, day, 3*day, 31*day)}
	case dials, asks:
		s.call = call
		if s.kind == dials && len(c.calls) > 0 && c.IntN(8) == 0 {
			return c.earlier() // the same INVITE once more
		}
		if c.IntN(10) == 0 {
			s.local = gate.Territory
		}
		c.calls = append(c.calls, s)
	case firms, ends, renews:
		if len(c.calls) == 0 {
			return step{kind: jumps, span: second}
		}
		s = c.after(c.earlier(), s.kind)
	case claims:
		s.span = pick[int64](c, 0, 0, 7*day)
		s.level, s.fromPool = pick(c, "", "", "A", "B"), c.IntN(4) == 0
	case shares:
		s.percent = pick(c, 10, 50, 60)
	case levelled:
		s.level = pick(c, "", "A", "B")
	case extends:
		s.span = pick[int64](c, hour, 5*day)
	case grants:
		s.span = pick[int64](c, minute, day)
	case refuses:
		s.span = pick[int64](c, minute, day)
	case transfers:
		s.force = c.IntN(4) == 0
	default:
	}
	return s
}

// earlier is one of the last calls.
func (c *chance) earlier() step {
	last := c.calls[max(0, len(c.calls)-6):]
	s := pick(c, last...)
	s.kind = dials
	return s
}

// after is what becomes of a call.
func (c *chance) after(s step, k kind) step {
	s.kind, s.local = k, gate.Undecided
	if k == renews {
		return s
	}
	s.talk = pick[int64](c, 10*second, 11*minute)
	if k == ends {
		s.ending = pick(c, gate.EndAnswered, gate.EndAnswered, gate.EndAnswered, gate.EndUnanswered, gate.EndRefused, gate.EndFailed)
		switch {
		case s.ending != gate.EndAnswered:
			s.talk = 0
		case c.IntN(3) == 0:
			s.talk = 3 * second
		}
	}
	return s
}
