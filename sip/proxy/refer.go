package proxy

import (
	"github.com/ringfence/ringfence/gate"
	"github.com/ringfence/ringfence/sip/message"
)

// refer decides a REFER (RFC 3515) from a peer on the number it asks somebody else to ring, with the referrer as rep:
// that call would not pass through here. Nothing is reserved, since nobody says how it ends.
func (p *Proxy) refer(in *inbound) {
	dialled, ok := p.referTo(in)
	if !ok {
		p.refuse(in.tx, refusal{Status: 400, Phrase: "Unreadable Refer-To"})
		return
	}
	if dialled.Kind == gate.Extension || dialled.Kind == gate.EmergencyCall {
		p.followRoute(in, !in.path.signed)
		return
	}
	peer := in.from.peer
	call := gate.Call{
		Key:     gate.Key{Rep: peer.Identity.Rep(in.m), CallID: string(in.m.CallID), FromTag: string(in.m.FromTag)},
		Peer:    peer.Name,
		Dialled: dialled,
	}
	shard := in.tx.Shard
	p.askers.do(func() {
		d := p.rehearse(call)
		shard.Do(func() {
			defer p.contain(in.tx)
			p.Metrics.Decided(d)
			p.logDecision(&d)
			if d.Verdict == gate.Allow {
				p.followRoute(in, !in.path.signed)
				return
			}
			blocked := d.Blocked()
			p.refuse(in.tx, peer.Profile.refusal(&blocked))
		})
	})
}

// rehearse is ask without reserving; with the registry away the outage rule decides.
func (p *Proxy) rehearse(call gate.Call) (d gate.Decision) {
	defer func() {
		if v := recover(); v != nil {
			p.panicked(v)
			d = gate.Decision{Call: call}
		}
	}()
	d, _ = p.Gate.Check(p.life, call)
	return d
}

// referTo reads the one Refer-To that a REFER has (RFC 3515 §2.1).
func (p *Proxy) referTo(in *inbound) (gate.Dialled, bool) {
	v, _ := in.m.Get(message.ReferTo)
	if in.m.Count(message.ReferTo) != 1 {
		return gate.Dialled{}, false
	}
	a, err := message.ParseNameAddr(v)
	if err != nil {
		return gate.Dialled{}, false
	}
	u, err := message.ParseURI(a.URI)
	if err != nil {
		return gate.Dialled{}, false
	}
	return p.Gate.Read(u.Scheme, string(u.User), in.from.peer.Plan), true
}
