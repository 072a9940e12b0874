package gate

import "cmp"

// localRules are the rules that need no I/O, in the order in which they hold: the first that rules decides. Emergency
// comes before everything that could be wrong with a call. What the registry knows comes after all of these, in the
// order of its one script: single do-not-call entries, refused, owned by another, in flight.
//
// The order chooses the reason and never the verdict: each rule says itself which calls it is for.
var localRules = [...]rule{
	emergency,
	internal,
	unreadable,
	unknownRep,
	onBulkList,
	territory,
}

// rule looks at one call; rules is false when it has nothing to say. Calls are passed as values: a pointer handed to a
// function value would put each call on the heap.
type rule func(g *Gate, p *policy, c Call) (r ruling, rules bool)

// ruling is what a local rule says.
type ruling struct {
	Verdict Verdict
	Reason  Reason
	Listing Listing // DNC only

	Extension string // Territory, when Verdict is Redirect
	Territory Team   // Territory only
}

// emergency lets a call to an emergency number pass.
func emergency(_ *Gate, _ *policy, c Call) (ruling, bool) {
	return ruling{Verdict: Allow, Reason: Emergency}, c.Dialled.Kind == EmergencyCall
}

// internal lets a call to an extension pass.
func internal(_ *Gate, _ *policy, c Call) (ruling, bool) {
	return ruling{Verdict: Allow, Reason: Internal}, c.Dialled.Kind == Extension
}

// unreadable blocks what could not be read, and anything else that has no number to ask about.
func unreadable(_ *Gate, _ *policy, c Call) (ruling, bool) {
	undecided := c.Dialled.Kind != EmergencyCall && c.Dialled.Kind != Extension
	return ruling{Verdict: Block, Reason: InvalidNumber}, undecided && (c.Dialled.Kind != External || c.Dialled.Number == "")
}

// unknownRep blocks a call that names nobody (whose customer would it be?), a leaver's, and by rules.unknown_rep that of
// somebody who is not among the people.
func unknownRep(g *Gate, p *policy, c Call) (ruling, bool) {
	unknown := c.Dialled.Kind == External && (c.Rep == "" || g.strange(p, c.Rep))
	return ruling{Verdict: Block, Reason: UnknownRep}, unknown
}

// onBulkList blocks a number that stands on a bulk do-not-call list in this process's memory.
func onBulkList(g *Gate, _ *policy, c Call) (ruling, bool) {
	listing, listed := g.registry.Listed(c.Dialled.Number)
	return ruling{Verdict: Block, Reason: DNC, Listing: listing}, listed
}

// territory blocks a call into another team's territory, or sends it to that team's queue. One that is only to be marked
// goes on to the registry; so does one that a pass may pass, since the registry knows the passes.
func territory(g *Gate, p *policy, c Call) (ruling, bool) {
	if p.passTerritory {
		return ruling{}, false
	}
	return g.outside(p, c)
}

// outside is what becomes of a call into another team's territory; false when there is nothing against it.
func (g *Gate) outside(p *policy, c Call) (ruling, bool) {
	if p.territories.action == TerritoryMark {
		return ruling{}, false
	}
	area := g.elsewhere(p, c)
	if area == nil {
		return ruling{}, false
	}
	r := ruling{Verdict: Block, Reason: Territory, Territory: area.Team}
	if queue := cmp.Or(area.Queue, g.people.Queue(area.Team)); p.territories.action == TerritoryRedirect && p.normaliser.FitsExtension(queue) {
		r.Verdict, r.Extension = Redirect, queue
	}
	return r, true
}

// Local decides by the rules that need no I/O: it takes microseconds and never waits. ok is false when the registry has
// to be asked. The decision's record is queued.
func (g *Gate) Local(c Call) (d Decision, ok bool) {
	p := g.policy.Load()
	if d, ok = g.local(p, c); ok {
		g.recordDecision(p, d)
	}
	return d, ok
}

func (g *Gate) local(p *policy, c Call) (Decision, bool) {
	start := g.now()
	for _, rule := range localRules {
		if r, rules := rule(g, p, c); rules && !g.watches(p, c, r) {
			return Decision{
				Verdict: r.Verdict, Reason: r.Reason, Call: c,
				Extension: r.Extension, Territory: r.Territory,
				List: r.Listing.List, Lists: r.Listing.Version, Policy: p.terms.Policy,
				Took: g.now().Sub(start),
			}, true
		}
	}
	return Decision{}, false
}

// recordDecision queues the record of a decision that the registry's script did not make.
func (g *Gate) recordDecision(p *policy, d Decision) {
	g.queue.push(Event{Kind: Decided, At: g.now(), Decision: d, Terms: p.terms})
}
