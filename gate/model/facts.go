package model

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/ringfence/ringfence/gate"
)

// forever is the end of a protection that does not end.
var forever = time.UnixMilli(253402300799000)

// Claim makes a rep the owner as a command does: for so long, or by the rules when that is 0. level "" leaves the
// customer's as it is.
func (m *Memory) Claim(n gate.Number, scope gate.Scope, rep gate.Rep, extension, level string, long time.Duration, t gate.Terms) {
	m.change(n, scope, func(o *ownership, now time.Time) {
		if !o.isOwned(now) || o.owner != rep {
			*o = ownership{owner: rep, extension: extension, since: now, level: o.level}
		}
		if level != "" {
			o.level = level
		}
		switch again := o.contact; {
		case long > 0:
			o.finish(now.Add(long), true)
		case o.since.Equal(now):
			o.renew(t)
		default: // the time begins anew, though the customer was not reached
			o.contact = now
			end := o.byRules(t)
			o.contact = again
			o.finish(end, true)
		}
	})
}

// Own writes down who owns the number until when, however that came to be.
func (m *Memory) Own(n gate.Number, scope gate.Scope, rep gate.Rep, extension string, team gate.Team, until time.Time) {
	m.change(n, scope, func(o *ownership, now time.Time) {
		*o = ownership{owner: rep, extension: extension, team: team, since: now, protected: until, hand: true}
	})
}

// Release ends an ownership.
func (m *Memory) Release(n gate.Number, scope gate.Scope) {
	m.change(n, scope, func(o *ownership, now time.Time) {
		*o = ownership{owner: o.owner, protected: now, level: o.level}
	})
}

// Lapse moves a number into the pool whose protection has ended; one that is still protected stays.
func (m *Memory) Lapse(n gate.Number, scope gate.Scope) {
	m.change(n, scope, func(o *ownership, now time.Time) {
		if o.owner != "" && !o.isOwned(now) {
			*o = ownership{owner: o.owner, protected: now, level: o.level}
		}
	})
}

// Transfer gives an owned number to another rep; its protection runs on.
func (m *Memory) Transfer(n gate.Number, scope gate.Scope, to gate.Rep, extension string, t gate.Terms) {
	m.change(n, scope, func(o *ownership, now time.Time) {
		if o.owner == to {
			return
		}
		o.owner, o.extension, o.since = to, extension, now
		o.helpers = slices.DeleteFunc(o.helpers, func(r gate.Rep) bool { return r == to })
		if !o.hand {
			o.renew(t)
		}
	})
}

// Unshare takes a collaborator away.
func (m *Memory) Unshare(n gate.Number, scope gate.Scope, with gate.Rep) {
	m.change(n, scope, func(o *ownership, _ time.Time) {
		o.helpers = slices.DeleteFunc(o.helpers, func(r gate.Rep) bool { return r == with })
	})
}

// Lock keeps the number its owner's until it is unlocked.
func (m *Memory) Lock(n gate.Number, scope gate.Scope, on bool, t gate.Terms) {
	m.change(n, scope, func(o *ownership, _ time.Time) {
		switch {
		case on && !o.locked:
			o.locked = true
			o.finish(o.protected, o.hand)
		case !on && o.locked:
			o.locked, o.protected = false, o.unlocked
			if !o.hand {
				o.renew(t)
			}
		}
	})
}

// Deal says that a deal was closed, or that it was not.
func (m *Memory) Deal(n gate.Number, scope gate.Scope, closed bool, t gate.Terms) {
	m.change(n, scope, func(o *ownership, now time.Time) {
		o.deal = time.Time{}
		if closed {
			o.deal = now
		}
		o.renew(t)
	})
}

// Level says of what level the customer is; "" for none.
func (m *Memory) Level(n gate.Number, scope gate.Scope, level string, t gate.Terms) {
	m.change(n, scope, func(o *ownership, now time.Time) {
		o.level = level
		if o.isOwned(now) {
			o.renew(t)
		}
	})
}

// Extend moves the end of the protection on.
func (m *Memory) Extend(n gate.Number, scope gate.Scope, by time.Duration) {
	m.change(n, scope, func(o *ownership, _ time.Time) {
		end := o.protected
		if o.locked {
			end = o.unlocked
		}
		o.finish(end.Add(by), true)
	})
}

// Protect keeps an owned number its owner's for at least so long.
func (m *Memory) Protect(n gate.Number, scope gate.Scope, long time.Duration) {
	m.change(n, scope, func(o *ownership, now time.Time) {
		end := o.protected
		if o.locked {
			end = o.unlocked
		}
		if o.isOwned(now) && now.Add(long).After(end) {
			o.finish(now.Add(long), true)
		}
	})
}

// Refuse writes the customer's no down, until then; the zero time lifts it.
func (m *Memory) Refuse(n gate.Number, until time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.number(n).refused = until
}

// Grant gives a rep a pass.
func (m *Memory) Grant(n gate.Number, rep gate.Rep, good time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.number(n).passes[rep] = m.now().Add(good)
}

// Revoke takes a pass away.
func (m *Memory) Revoke(n gate.Number, rep gate.Rep) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.number(n).passes, rep)
}

// holds is how many numbers a rep owns.
func (m *Memory) holds(rep gate.Rep, now time.Time) (n int) {
	for _, s := range m.numbers {
		for _, o := range s.owned {
			if o.isOwned(now) && o.owner == rep {
				n++
			}
		}
	}
	return n
}

// Reserve writes a call down that is up until then.
func (m *Memory) Reserve(r gate.Reservation, scope gate.Scope, team gate.Team, until time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	s := m.number(r.Number)
	s.fence++
	s.held, s.lease = r, until
	answer := gate.Answer{Verdict: gate.Allow, Reason: gate.Allowed, Fence: s.fence}
	s.attempts[r] = &attempt{answer: answer, scope: scope, team: team, until: until}
}

func (m *Memory) change(n gate.Number, scope gate.Scope, do func(*ownership, time.Time)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	do(m.number(n).in(scope), m.now())
}

// byRules is when the protection ends by the rules, were it not locked.
func (o *ownership) byRules(t gate.Terms) time.Time {
	if !o.deal.IsZero() && t.DealProtection == 0 {
		return forever
	}
	from := o.contact
	if from.IsZero() {
		from = o.since
	}
	end := from.Add(protection(t, o.level))
	if most := o.since.Add(t.ProtectionMost); t.ProtectionMost > 0 && most.Before(end) {
		end = most
	}
	if !o.deal.IsZero() {
		if deal := o.deal.Add(t.DealProtection); deal.After(end) {
			return deal
		}
		return end
	}
	if most := o.since.Add(t.NoDeal); t.NoDeal > 0 && most.Before(end) {
		end = most
	}
	return end
}

// protection after a contact: the level's own, if it has one.
func protection(t gate.Terms, level string) time.Duration {
	for entry := range strings.SplitSeq(t.Levels, "\x1f") {
		if name, text, _ := strings.Cut(entry, "="); name == level && level != "" {
			if ms, err := strconv.ParseInt(text, 10, 64); err == nil {
				return time.Duration(ms) * time.Millisecond
			}
		}
	}
	return t.Protection
}

// finish ends the protection then; by hand when no rule said so. A lock holds the end back.
func (o *ownership) finish(end time.Time, hand bool) {
	if end.After(forever) {
		end = forever
	}
	if o.locked {
		o.unlocked, end = end, forever
	}
	o.protected, o.hand = end, hand
}

// renew ends the protection by the rules anew; an end that was set by hand stays when it is later.
func (o *ownership) renew(t gate.Terms) {
	end, now := o.byRules(t), o.protected
	if o.locked {
		now = o.unlocked
	}
	if o.hand && !now.Before(end) {
		o.finish(now, true)
		return
	}
	o.finish(end, false)
}
