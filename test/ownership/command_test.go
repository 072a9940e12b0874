package ownership

import (
	"github.com/ringfence/ringfence/gate"
)

// What the model says of commands: the words for what may come of one, and what it changes when it is done.

// The words for what comes of a command.
const (
	done     = ""
	quota    = "quota"
	isOwned  = "owned"
	refused  = "refused"
	isBarred = "barred"
	notThere = "not in the pool"
	nobodys  = "not owned"
	own      = "owner's own"
	tooMuch  = "over 100 percent"
	stranger = "no share"
)

// may are the words that one of which must come of a command now. Where several obstacles are in the way, any may be told.
func (n *number) may(s step, now int64) []string {
	o := n.in(s.scope)
	var words []string
	add := func(word string, holds bool) {
		if holds {
			words = append(words, word)
		}
	}
	switch s.kind {
	case claims:
		add(isOwned, o.live(now) && o.owner != s.rep)
		add(refused, now < n.refused)
		add(isBarred, !o.live(now) && o.isBarred(s.rep, now, s.terms))
		add(notThere, s.fromPool && o.pooled == 0) // what ended is there once it has been moved
	case shares:
		add(nobodys, !o.live(now))
		add(own, o.live(now) && o.owner == s.rep)
		add(tooMuch, o.live(now) && o.owner != s.rep && o.total(s.rep)+s.percent > 100)
	case unshares:
		_, has := o.shares[s.rep]
		add(nobodys, !o.live(now))
		add(own, o.live(now) && o.owner == s.rep)
		add(stranger, o.live(now) && o.owner != s.rep && !has)
	case releases, transfers, locks, unlocks, deals, undeals, extends:
		add(nobodys, !o.live(now))
	case unlists:
		add(stranger, !n.listed["own"])
	case lifts:
		add(stranger, now >= n.refused)
	case revokes:
		add(stranger, now >= n.passes[s.rep])
	default:
	}
	if words == nil {
		words = []string{done}
	}
	return words
}

// total is what was agreed with others than rep, in percent.
func (o *owned) total(rep gate.Rep) (sum int) {
	for with, percent := range o.shares {
		if with != rep {
			sum += percent
		}
	}
	return sum
}

// do is what a command changes when nothing is in its way.
func (n *number) do(s step, now int64) {
	o := n.in(s.scope)
	switch s.kind {
	case claims:
		o.claimed(s, now)
	case releases:
		o.free("released", now, s.terms)
	case transfers:
		o.transferred(s, now)
	case shares:
		o.shares[s.rep] = s.percent
	case unshares:
		delete(o.shares, s.rep)
	case locks:
		if !o.locked {
			o.unlocked, o.until, o.locked = o.until, forever, true
		}
	case unlocks:
		if o.locked {
			o.locked, o.until, o.unlocked = false, o.unlocked, 0
			if !o.byHand {
				o.reckon(s.terms)
			}
		}
	case deals, undeals:
		o.deal = 0
		if s.kind == deals {
			o.deal = now
		}
		o.reckon(s.terms)
	case levelled:
		o.level = s.level
		if o.live(now) {
			o.reckon(s.terms)
		}
	case extends:
		o.ends(o.end() + s.span)
		o.byHand = true
	default:
		n.note(s, now)
	}
}

// note is what commands do that concern the number in all scopes.
func (n *number) note(s step, now int64) {
	switch s.kind {
	case refuses:
		n.refused = now + s.span
	case lifts:
		n.refused = 0
	case lists:
		n.listed["own"] = true
	case unlists:
		delete(n.listed, "own")
	case grants:
		n.passes[s.rep] = now + s.span
	case revokes:
		delete(n.passes, s.rep)
	default:
	}
}

func (o *owned) claimed(s step, now int64) {
	again := o.live(now)
	if !again {
		o.taken(s.rep, s.team, s.extension(), now)
	}
	if s.level != "" {
		o.level = s.level
	}
	o.byHand = s.span > 0 || again
	switch {
	case s.span > 0:
		o.ends(now + s.span)
	case again: // its time begins anew, as if the customer had been reached
		reached := *o
		reached.contact = now
		o.ends(reached.byRules(s.terms))
	default:
		o.ends(o.byRules(s.terms))
	}
}

// transferred: no contact with the customer, but what counts from the beginning begins anew.
func (o *owned) transferred(s step, now int64) {
	if o.owner == s.rep {
		return
	}
	o.owner, o.team, o.extension, o.since = s.rep, s.team, s.extension(), now
	delete(o.shares, s.rep)
	if !o.byHand {
		o.reckon(s.terms)
	}
}
