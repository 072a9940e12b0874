package ownership

import (
	"github.com/ringfence/ringfence/gate"
)

// What the model says of calls.

// decide is the answer to a question, and what it changes.
func (n *number) decide(q gate.Question, now int64) gate.Answer {
	if a, known := n.attempts[q.Key]; known && (now < a.until || n.up(now) && n.flight.key == q.Key) {
		a.answer.Repeated = true
		return a.answer
	}
	answer, usesPass := n.judge(q, now)
	if q.Rehearsal {
		return answer
	}
	if answer.Verdict == gate.Allow {
		n.fence++
		n.flight = flight{q.Key, now + q.Lease.Milliseconds()}
		n.allowed[q.Key] = true
		if usesPass {
			delete(n.passes, q.Rep)
		}
	}
	n.attempts[q.Key] = attempt{answer: answer, until: now + q.Remember.Milliseconds()}
	return answer
}

// judge is the registry's part of the rules, in their order.
func (n *number) judge(q gate.Question, now int64) (answer gate.Answer, usesPass bool) {
	o := n.in(q.Scope)
	pass := now < n.passes[q.Rep]
	var passed []gate.Reason
	// stands says whether a reason stops the call, that is, whether no pass passes it.
	stands := func(r gate.Reason) bool {
		if pass && isPassable(q.Over, r) {
			passed = append(passed, r)
			return false
		}
		return true
	}
	goes := gate.Answer{Verdict: gate.Allow, Reason: gate.Allowed}
	if q.Local != gate.Undecided && stands(q.Local) {
		return gate.Answer{Verdict: gate.Block, Reason: q.Local}, false
	}
	if len(n.listed) > 0 {
		return gate.Answer{Verdict: gate.Block, Reason: gate.DNC}, false
	}
	if now < n.refused && stands(gate.Refused) {
		return blockedFor(gate.Refused, "", n.refused-now), false
	}
	switch {
	case o.live(now) && o.owner == q.Rep:
		goes.Reason, goes.Owner = gate.OwnerCalls, o.owner
	case o.live(now):
		why, may := o.helps(q.Rep, q.Team, q.Terms)
		if !may && stands(gate.Owned) {
			if q.Redirect && o.extension != "" {
				return gate.Answer{Verdict: gate.Redirect, Reason: gate.Owned, Owner: o.owner, Extension: o.extension}, false
			}
			wait := o.until - now
			if o.until == forever {
				wait = 0
			}
			return blockedFor(gate.Owned, o.owner, wait), false
		}
		goes.Reason, goes.Owner = why, o.owner
	case q.Provisional > 0 && o.first != q.Rep && now < o.firstUntil && stands(gate.Owned):
		return blockedFor(gate.Owned, o.first, o.firstUntil-now), false
	}
	if n.up(now) && n.flight.key.Rep != q.Rep {
		return gate.Answer{Verdict: gate.Block, Reason: gate.InFlight, Owner: n.flight.key.Rep}, false
	}
	if len(passed) > 0 {
		goes.Reason = gate.Pass
	}
	return goes, len(passed) > 0
}

func blockedFor(r gate.Reason, owner gate.Rep, wait int64) gate.Answer {
	return gate.Answer{Verdict: gate.Block, Reason: r, Owner: owner, RetryAfter: milliseconds(wait)}
}

// happened is what an event does. It says whether the call made its rep the owner, which a quota may prevent: fits says.
func (n *number) happened(e gate.Event, now int64, fits bool) (made bool) {
	key := e.Reservation.Key
	a, known := n.attempts[key]
	if !known || now >= a.until && n.flight.key != key {
		a = attempt{answer: gate.Answer{Verdict: gate.Allow, Reason: gate.Allowed}}
	}
	if a.answer.Verdict != gate.Allow || a.ended || e.Kind == gate.Firm && a.firm {
		return false
	}
	a.until = max(a.until, now+e.Terms.Remember.Milliseconds())
	o := n.in(e.Scope)
	if e.Kind == gate.Firm {
		a.firm = true
		made = n.answered(o, e, now, fits)
		n.attempts[key] = a
		return made
	}
	a.ended, a.until = true, now+e.Terms.Remember.Milliseconds()
	n.attempts[key] = a
	switch e.Ending {
	case gate.EndAnswered:
		if e.Talk >= e.Terms.MinTalk || o.live(now) {
			made = n.answered(o, e, now, fits)
		}
		n.firstCall(o, e, now)
	case gate.EndUnanswered:
		n.firstCall(o, e, now)
	case gate.EndRefused:
		n.refused = max(n.refused, now+e.Terms.CoolDown.Milliseconds())
	case gate.EndUnknown, gate.EndFailed:
	}
	if n.flight.key == key {
		n.flight = flight{}
	}
	return made
}

// answered is what a call that was answered does, when it was long enough or the number is owned.
func (n *number) answered(o *owned, e gate.Event, now int64, fits bool) (made bool) {
	rep := e.Reservation.Rep
	if o.live(now) {
		if _, helps := o.helps(rep, e.Team, e.Terms); helps || o.owner == rep {
			o.reached(now, e.Terms)
		}
		return false
	}
	if !fits || n.up(now) && n.flight.key.Rep != rep || o.isBarred(rep, now, e.Terms) {
		return false
	}
	o.taken(rep, e.Team, e.Extension, now)
	o.reached(now, e.Terms)
	return true
}

// firstCall keeps colleagues away for a while, once.
func (n *number) firstCall(o *owned, e gate.Event, now int64) {
	rep := e.Reservation.Rep
	if e.Terms.Provisional == 0 || o.live(now) || o.first == rep || now < o.firstUntil {
		return
	}
	if n.up(now) && n.flight.key.Rep != rep || o.isBarred(rep, now, e.Terms) {
		return
	}
	o.first, o.firstUntil = rep, now+e.Terms.Provisional.Milliseconds()
}
