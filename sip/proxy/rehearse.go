package proxy

import (
	"github.com/ringfence/ringfence/gate"
)

// callOf is a request as a call to be decided, with its sender as the rep.
func (p *Proxy) callOf(in *inbound, dialled gate.Dialled) gate.Call {
	peer := in.from.peer
	return gate.Call{
		Key:     gate.Key{Rep: in.rep, CallID: string(in.m.CallID), FromTag: string(in.m.FromTag)},
		Peer:    peer.Name,
		Dialled: dialled,
	}
}

// rehearse asks what would become of a call that does not pass here, and goes on with the request when may says so.
// Nothing is reserved.
func (p *Proxy) rehearse(in *inbound, call gate.Call, may func(*gate.Decision) bool, goOn func()) {
	shard := in.tx.Shard
	p.askers.do(func() {
		d := p.check(call)
		shard.Do(func() {
			defer p.contain(in.tx)
			p.Metrics.Decided(d)
			p.logDecision(&d)
			if may(&d) {
				goOn()
				return
			}
			d = d.Blocked()
			p.refuse(in.tx, in.from.peer.worded(&d))
		})
	})
}

func allowed(d *gate.Decision) bool { return d.Verdict == gate.Allow }

// worded is a decision in the words of the peer's profile; those who are no peer get plain ones.
func (peer *Peer) worded(d *gate.Decision) refusal {
	if peer.Profile == nil {
		return refusal{Status: 403, Phrase: "Forbidden"}
	}
	return peer.Profile.refusal(d)
}

// check is ask without reserving; with the registry away the outage rule decides.
func (p *Proxy) check(call gate.Call) (d gate.Decision) {
	defer func() {
		if v := recover(); v != nil {
			p.panicked(v)
			d = gate.Decision{Call: call}
		}
	}()
	d, _ = p.Gate.Check(p.life, call)
	return d
}
