package proxy

import (
	"github.com/ringfence/ringfence/sip/identity"
	"github.com/ringfence/ringfence/sip/message"
)

// register forwards a REGISTER to where the extensions are, with a Path (RFC 3327) whose user part is the phone's flow,
// signed (RFC 5626 §5.1). The gate binds nothing itself, and challenges nobody: that is the registrar's.
func (p *Proxy) register(in *inbound) {
	x := p.routing.Load().Extensions
	if x == nil || in.from.peer == nil || in.from.trunk != nil {
		p.refuse(in.tx, refusal{Status: 403, Phrase: "No registrar here"})
		return
	}
	rc := newResponseContext(p, in.tx, in.m)
	rc.groups = [][]outbound{{{at: x, path: p.Keys.signFlow(in.tx.Source.Address), strip: in.strip()}}}
	rc.forward()
}

// flowFailed is RFC 5626 §5.3.1's answer when a phone's connection is gone.
var flowFailed = refusal{Status: 430, Phrase: "Flow Failed"}

// toFlow sends a request from the extensions' server to the phone that registered through us.
func (p *Proxy) toFlow(in *inbound) {
	if !p.Transport.Connected(in.path.flow) {
		p.refuse(in.tx, flowFailed)
		return
	}
	rc := newResponseContext(p, in.tx, in.m)
	rc.groups = [][]outbound{{{uri: in.path.uri, routes: in.path.rest, to: in.path.flow, record: dialogForming(in.m.Method), flow: true, vouch: true}}}
	rc.forward()
}

// registered is the registrar's 2xx to a REGISTER that came over a flow.
func (rc *responseContext) registered(ok *message.Message) {
	from := rc.tx.Origin()
	peer := rc.p.routing.Load().origin(from.Address).peer
	if peer != nil && peer.Identity.Kind == identity.Registered {
		rc.p.flows.Registered(identity.Registering(rc.m, from.Flow()), ok)
	}
}
