package gate

import (
	"context"
	"errors"
	"time"
)

// errUndecided is an answer that is none. It counts as an outage: a registry that speaks nonsense is no registry.
var errUndecided = errors.New("the registry's answer has no reason")

// Decide is the whole chain: the local rules, then the registry.
func (g *Gate) Decide(ctx context.Context, c Call) Decision {
	if d, ok := g.Local(c); ok {
		return d
	}
	return g.Ask(ctx, c)
}

// Ask has the registry decide about an outside number, within rules.budget. There is always a decision: when the
// registry does not answer in time, rules.on_registry_down holds and the decision is marked as degraded. Call it only
// when Local had nothing to say.
//
// A degraded call that goes out is kept like one that was reserved. The registry may have reserved it and only its answer
// came too late: then it is renewed and ended as it should be. And a talk long enough still makes an owner, once the
// registry is back. One that is blocked for the same reason is let go.
func (g *Gate) Ask(ctx context.Context, c Call) Decision {
	if c.Dialled.Kind != External || c.Dialled.Number == "" {
		d, _ := g.Local(c) // such a call is always decided there, and an emergency call must never wait here
		return d
	}
	p, start := g.policy.Load(), g.now()
	d, err := g.ask(ctx, p, c, Question{Reservation: reservationOf(c), Terms: p.terms})
	d.Took = g.now().Sub(start)
	if err != nil {
		g.recordDecision(p, d)
	}
	switch {
	case d.Reservation.Held():
		g.calls.add(&d, p, g.callerOf(p, c.Rep), g.now())
	case errors.Is(err, context.DeadlineExceeded):
		g.queue.push(Event{Kind: Ended, At: g.now(), Reservation: reservationOf(c), Terms: p.terms, Ending: EndFailed})
	}
	return d
}

func reservationOf(c Call) Reservation { return Reservation{Key: c.Key, Number: c.Dialled.Number} }

// Check says what Decide would say now. It reserves, records and queues nothing. The error says that the registry could
// not be asked; the decision is then the one of the outage rule.
func (g *Gate) Check(ctx context.Context, c Call) (Decision, error) {
	p, start := g.policy.Load(), g.now()
	if d, ok := g.local(p, c); ok {
		return d, nil
	}
	d, err := g.ask(ctx, p, c, Question{Reservation: reservationOf(c), Terms: p.terms, Rehearsal: true})
	d.Reservation = Reservation{}
	d.Took = g.now().Sub(start)
	return d, err
}

// ask puts one question about c and turns the answer into a decision, or the lack of one into the outage rule's.
func (g *Gate) ask(ctx context.Context, p *policy, c Call, q Question) (Decision, error) {
	bounded, cancel := context.WithTimeout(ctx, p.config.Rules.Budget.Std())
	defer cancel()
	who := g.callerOf(p, c.Rep)
	q.Peer, q.Extension, q.Scope, q.Team = c.Peer, who.extension, who.scope, who.team
	q.Territory = g.marked(p, c)
	against, stands := g.against(p, c, &q)
	answer, err := g.registry.Decide(bounded, q)
	if err == nil && answer.Reason == Undecided {
		err = errUndecided
	}
	if !errors.Is(ctx.Err(), context.Canceled) { // a caller that gave up says nothing about the registry
		g.health.note(err, g.now())
	}
	if err != nil {
		d := p.outage(c, q.Reservation, err, g.late(err))
		if stands { // it needs no registry, only a pass against it would
			d.Verdict, d.Reason, d.Extension, d.Reservation, d.RetryAfter = against.Verdict, against.Reason, against.Extension, Reservation{}, 0
		}
		d.Territory = q.Territory
		return d, err
	}
	d := Decision{
		Verdict: answer.Verdict, Reason: answer.Reason, Call: c,
		Owner: answer.Owner, Extension: answer.Extension, RetryAfter: answer.RetryAfter, List: answer.List,
		Policy: p.terms.Policy, Fence: answer.Fence, Repeated: answer.Repeated, Territory: q.Territory,
	}
	switch {
	case d.Verdict == Allow:
		d.Reservation = q.Reservation
		if answer.Shadow {
			d.shadowed(answer, q, p.normaliser.FitsExtension)
		}
	case d.Verdict == Redirect && !p.normaliser.FitsExtension(d.Extension):
		d = d.Blocked()
	}
	return d, nil
}

// BusyWhen names who knows whether this gate has more to do than it can. Answers that it comes to too late are then its
// own fault and no outage: on_registry_down: allow does not hold for them, or too many calls would open the fence.
func (g *Gate) BusyWhen(busy func() bool) { g.busy.Store(&busy) }

// late says whether an answer is missing because the gate could not come to it.
func (g *Gate) late(err error) bool {
	busy := g.busy.Load()
	return busy != nil && errors.Is(err, context.DeadlineExceeded) && (*busy)()
}

// outage is the decision when the registry does not answer, or the gate comes late to its answer. An emergency call never
// comes here.
func (p *policy) outage(c Call, held Reservation, err error, late bool) Decision {
	d := Decision{Verdict: Block, Reason: RegistryDown, Call: c, Policy: p.terms.Policy, Degraded: true}
	if p.config.Rules.OnRegistryDown == OutageAllow && !late && !errors.Is(err, ErrListsUnknown) {
		d.Verdict, d.Reservation = Allow, held
	} else {
		d.RetryAfter = retryAfterOutage
	}
	return d
}

// retryAfterOutage is when a caller who was blocked for an outage may ask again.
const retryAfterOutage = 5 * time.Second

// Blocked is a redirect that came to nothing, since the owner or the team has no extension or did not answer: the call is
// blocked for the same reason. Any other decision is returned as it is.
func (d Decision) Blocked() Decision {
	if d.Verdict == Redirect {
		d.Verdict, d.Extension = Block, ""
	}
	return d
}
