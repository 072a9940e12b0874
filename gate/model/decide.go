package model

import (
	"context"
	"strings"
	"time"

	"github.com/ringfence/ringfence/gate"
)

// Listed looks n up in the bulk lists.
func (m *Memory) Listed(n gate.Number) (gate.Listing, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	listing, listed := m.bulk[n]
	return listing, listed
}

// Decide answers one question.
func (m *Memory) Decide(ctx context.Context, q gate.Question) (gate.Answer, error) {
	if err := m.lock(ctx); err != nil {
		return gate.Answer{}, err
	}
	defer m.mu.Unlock()
	m.asked++
	now := m.now()
	s := m.number(q.Number)
	s.forget(now)
	if before := s.attempts[q.Reservation]; before != nil {
		answer := before.answer
		answer.Repeated = true
		return answer, nil
	}
	answer, used := s.decide(q, now)
	if q.Rehearsal {
		return answer, nil
	}
	if answer.Verdict == gate.Allow && !(answer.Shadow && s.elsewhere(q, now)) {
		s.fence++
		answer.Fence = s.fence
		s.held, s.lease = q.Reservation, now.Add(q.Lease)
	}
	if used {
		delete(s.passes, q.Rep)
	}
	s.attempts[q.Reservation] = &attempt{answer: answer, scope: q.Scope, team: q.Team, until: now.Add(q.Remember)}
	told := answer.Verdict.String() + " " + answer.Reason.String()
	if answer.Shadow {
		told += ", would " + answer.Would.String()
	}
	m.records = append(m.records, Record{Number: q.Number, Rep: q.Rep, CallID: q.RecordedCallID(), Decision: told, At: now})
	return answer, nil
}

// decide is what the rules say that are more than watched, and whether the call uses up its pass. When that lets the call
// out, what those say that are not comes with it.
func (s *number) decide(q gate.Question, now time.Time) (answer gate.Answer, used bool) {
	answer = s.judge(q, now)
	used = answer.Reason == gate.Pass
	if answer.Verdict != gate.Allow || q.Shadow == "" {
		return answer, used
	}
	q.Shadow = ""
	would := s.judge(q, now)
	if would.Verdict == gate.Allow { // a pass passes what is watched too
		return would, would.Reason == gate.Pass
	}
	answer, answer.Would, answer.Shadow, answer.Verdict = would, would.Verdict, true, gate.Allow
	return answer, used
}

// elsewhere says whether somebody else owns or rings the number: a watched call must not keep them from it.
func (s *number) elsewhere(q gate.Question, now time.Time) bool {
	q.Shadow = ",dnc,refused,"
	q.Local = gate.Undecided
	return s.judge(q, now).Verdict != gate.Allow
}

// judge is the registry's part of the rules, in their order, without those that are only watched.
func (s *number) judge(q gate.Question, now time.Time) gate.Answer {
	o := s.in(q.Scope)
	goes := gate.Answer{Verdict: gate.Allow, Reason: gate.Allowed}
	pass := false
	passes := func(why gate.Reason) bool {
		good := strings.Contains(q.Over, ","+why.String()+",") && now.Before(s.passes[q.Rep])
		pass = pass || good
		return good
	}
	switch {
	case q.Local != gate.Undecided && !q.Watches(q.Local) && !passes(q.Local):
		if q.Instead != "" {
			return gate.Answer{Verdict: gate.Redirect, Reason: q.Local, Extension: q.Instead}
		}
		return gate.Answer{Verdict: gate.Block, Reason: q.Local}
	case s.dnc != "" && !q.Watches(gate.DNC):
		return gate.Answer{Verdict: gate.Block, Reason: gate.DNC, List: s.dnc}
	case now.Before(s.refused) && !q.Watches(gate.Refused) && !passes(gate.Refused):
		return gate.Answer{Verdict: gate.Block, Reason: gate.Refused, RetryAfter: s.refused.Sub(now)}
	case o.isOwned(now) && o.owner == q.Rep:
		goes.Reason, goes.Owner = gate.OwnerCalls, o.owner
	case o.isOwned(now):
		why, may := o.helps(q.Rep, q.Team, q.Terms)
		switch {
		case may:
			goes.Reason, goes.Owner = why, o.owner
		case q.Watches(gate.Owned):
		case passes(gate.Owned):
			goes.Owner = o.owner
		default:
			return o.keepsAway(q, now)
		}
	case q.Provisional > 0 && !q.Watches(gate.Owned) && o.first != q.Rep && now.Before(o.firstEnds) && !passes(gate.Owned):
		return gate.Answer{Verdict: gate.Block, Reason: gate.Owned, Owner: o.first, RetryAfter: o.firstEnds.Sub(now)}
	}
	if s.isHeld(now) && s.held.Rep != q.Rep && !q.Watches(gate.InFlight) {
		return gate.Answer{Verdict: gate.Block, Reason: gate.InFlight, Owner: s.held.Rep}
	}
	if pass {
		goes.Reason = gate.Pass
	}
	return goes
}

// keepsAway is the answer to whoever may not ring the owner's customer.
func (o *ownership) keepsAway(q gate.Question, now time.Time) gate.Answer {
	if q.Redirect && o.extension != "" {
		return gate.Answer{Verdict: gate.Redirect, Reason: gate.Owned, Owner: o.owner, Extension: o.extension}
	}
	return gate.Answer{Verdict: gate.Block, Reason: gate.Owned, Owner: o.owner, RetryAfter: o.protected.Sub(now)}
}

// forget drops attempts whose time is over.
func (s *number) forget(now time.Time) {
	for r, a := range s.attempts {
		if !now.Before(a.until) && !(s.isHeld(now) && s.held == r) {
			delete(s.attempts, r)
		}
	}
}

// Renew prolongs reservations.
func (m *Memory) Renew(ctx context.Context, held []gate.Reservation, t gate.Terms) (lost []gate.Reservation, err error) {
	if err := m.lock(ctx); err != nil {
		return nil, err
	}
	defer m.mu.Unlock()
	now := m.now()
	for _, r := range held {
		s := m.number(r.Number)
		if !s.isHeld(now) || s.held != r {
			lost = append(lost, r)
			continue
		}
		s.lease = now.Add(t.Lease)
	}
	return lost, nil
}

// Write applies events.
func (m *Memory) Write(ctx context.Context, events []gate.Event) error {
	if err := m.lock(ctx); err != nil {
		return err
	}
	defer m.mu.Unlock()
	now := m.now()
	for _, e := range events {
		m.apply(e, now)
	}
	return nil
}

func (m *Memory) apply(e gate.Event, now time.Time) {
	if e.Kind == gate.Decided {
		c := e.Decision.Call
		m.records = append(m.records, Record{
			Number: c.Dialled.Number, Rep: c.Rep, CallID: c.CallID, At: e.At,
			Decision: e.Decision.Verdict.String() + " " + e.Decision.Reason.String(),
		})
		return
	}
	s := m.number(e.Reservation.Number)
	s.full = e.Terms.Holdings > 0 && m.holds(e.Reservation.Rep, now) >= e.Terms.Holdings
	s.forget(now)
	r, known := s.find(e.Reservation)
	if !known {
		return
	}
	a := s.attempts[r]
	if a == nil { // the lease ran out and the attempt is forgotten: what happened counts all the same
		allowed := gate.Answer{Verdict: gate.Allow, Reason: gate.Allowed}
		a = &attempt{answer: allowed, scope: e.Scope, team: e.Team, until: now.Add(e.Terms.Remember)}
		s.attempts[r] = a
	}
	switch {
	case a.ended || e.Kind == gate.Firm && a.firm:
	case e.Kind == gate.Firm:
		a.firm = true
		s.claim(r.Rep, a, e, now)
	case e.Kind == gate.Ended:
		a.ended, a.until = true, now.Add(e.Terms.Remember)
		m.end(s, r, a, e, now)
	}
}

// find completes a reservation whose Rep is not known.
func (s *number) find(r gate.Reservation) (gate.Reservation, bool) {
	if r.Rep != "" {
		return r, true
	}
	for known := range s.attempts {
		if known.CallID == r.CallID && known.FromTag == r.FromTag && s.attempts[known].answer.Fence > 0 {
			return known, true
		}
	}
	return r, false
}

// claim makes rep the owner or prolongs its protection, unless somebody else owns or rings the number.
func (s *number) claim(rep gate.Rep, a *attempt, e gate.Event, now time.Time) {
	o := s.in(a.scope)
	if o.isOwned(now) {
		if _, helps := o.helps(rep, a.team, e.Terms); helps || o.owner == rep {
			o.contacted(e.Terms, now)
		}
		return
	}
	if s.isHeld(now) && s.held.Rep != rep {
		return
	}
	if s.full || o.owner == rep && now.Before(o.protected.Add(e.Terms.Bar)) {
		return
	}
	*o = ownership{owner: rep, extension: e.Extension, team: a.team, since: now, level: o.level}
	o.contacted(e.Terms, now)
}

// contacted is what an answered call does for the protection.
func (o *ownership) contacted(t gate.Terms, now time.Time) {
	o.contact = now
	o.renew(t)
}

// firstCall keeps colleagues away for a while, once.
func (s *number) firstCall(rep gate.Rep, a *attempt, e gate.Event, now time.Time) {
	o := s.in(a.scope)
	if e.Terms.Provisional == 0 || o.isOwned(now) || o.first == rep || now.Before(o.firstEnds) {
		return
	}
	if s.isHeld(now) && s.held.Rep != rep || o.owner == rep && now.Before(o.protected.Add(e.Terms.Bar)) {
		return
	}
	o.first, o.firstEnds = rep, now.Add(e.Terms.Provisional)
}

func (m *Memory) end(s *number, r gate.Reservation, a *attempt, e gate.Event, now time.Time) {
	switch e.Ending {
	case gate.EndAnswered:
		if e.Talk >= e.Terms.MinTalk || s.in(a.scope).isOwned(now) {
			s.claim(r.Rep, a, e, now)
		}
		s.firstCall(r.Rep, a, e, now)
	case gate.EndUnanswered:
		s.firstCall(r.Rep, a, e, now)
	case gate.EndRefused:
		if end := now.Add(e.Terms.CoolDown); end.After(s.refused) {
			s.refused = end
		}
	default: // it lets go, no more
	}
	if s.held == r {
		s.held, s.lease = gate.Reservation{}, time.Time{}
	}
	m.records = append(m.records, Record{
		Number: r.Number, Rep: r.Rep, CallID: r.CallID, Ending: e.Ending, Talk: e.Talk, Status: e.Status, At: e.At,
	})
}
