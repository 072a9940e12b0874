package proxy

import (
	"encoding/base64"
	"errors"
	"slices"

	"github.com/ringfence/ringfence/gate"
	"github.com/ringfence/ringfence/sip/message"
	"github.com/ringfence/ringfence/sip/transaction"
	"github.com/ringfence/ringfence/sip/transport"
)

// inDialog is a request with a To-tag. It is trusted, and goes where its route set says, only by a Record-Route that we
// signed for this very call and when it is bound for what that call rings. Else what could begin a call is decided as
// new, and the rest goes nowhere, or nowhere but to a configured target. A BYE rings nobody, whatever it is bound for.
func (p *Proxy) inDialog(in *inbound) {
	method, astray := in.m.Method, p.astray(in)
	switch {
	case method == "INVITE" && (astray || !in.path.signed || p.otherSide(in)):
		p.invite(in)
	case method == "BYE":
		p.bye(in)
	case astray && !in.from.pbx: // which sends no more than its phones' Contacts say, and begins a call by INVITE alone
		p.refuse(in.tx, refusal{Status: 403, Phrase: "Not the number of this call"})
	case method == "REFER" && !p.trunkSide(in):
		p.identify(in, (*Proxy).refer)
	case method == "INVITE" && in.byRep() && in.path.number != "":
		p.reInvite(in)
	case method == "UPDATE" && !in.path.signed:
		// It could move a call that was never decided, and begins none that could be.
		p.refuse(in.tx, refusal{Status: 403, Phrase: "Not a dialog of this gate"})
	default:
		p.follow(in)
	}
}

// follow forwards a request that is trusted, or else one from whom it is known and to nowhere but a configured target.
func (p *Proxy) follow(in *inbound) {
	if in.path.signed {
		p.followRoute(in, false)
		return
	}
	p.identify(in, func(p *Proxy, in *inbound) { p.followRoute(in, true) })
}

// otherSide: a rep's request carries the token of an outside call with its tags swapped, as if it came from the callee.
func (p *Proxy) otherSide(in *inbound) bool {
	return in.byRep() && in.path.number != "" && in.path.by != callerSide
}

// bye ends a call.
func (p *Proxy) bye(in *inbound) {
	if in.path.number != "" {
		p.Metrics.CallEnded(gate.EndAnswered)
		p.Gate.EndElsewhere(in.path.number, string(in.m.CallID), string(in.m.FromTag), string(in.m.ToTag))
	}
	p.follow(in)
}

// reInvite is a rep's INVITE within an outside call. One that is up here goes on. Of any other this gate cannot tell
// whether it is over and only its token was kept: it goes on unless nobody may ring the number now.
func (p *Proxy) reInvite(in *inbound) {
	if p.Gate.Holds(in.path.number, string(in.m.CallID), string(in.m.FromTag)) {
		p.followRoute(in, false)
		return
	}
	newResponseContext(p, in.tx, in.m) // it may be cancelled while we ask
	in.rep = gate.Anybody              // only what nobody may ring matters, and a request of a signed dialog is not challenged
	number := gate.Dialled{Kind: gate.External, Text: string(in.path.number), Number: in.path.number}
	mayRing := func(d *gate.Decision) bool { return d.Reason != gate.DNC && d.Reason != gate.Refused }
	p.rehearse(in, p.callOf(in, number), mayRing, func() { p.followRoute(in, false) })
}

// followRoute forwards by the request's own route set (§16.5), anywhere or only to configured targets.
func (p *Proxy) followRoute(in *inbound, configuredOnly bool) {
	rc, begun := in.tx.Context.(*responseContext)
	if !begun {
		rc = newResponseContext(p, in.tx, in.m)
	}
	rc.number = in.path.number
	p.onward(in.tx.Shard, &in.path, func(o outbound, err error) {
		defer p.contain(in.tx)
		switch {
		case in.tx.Finished(): // cancelled while we resolved
		case errors.Is(err, errFlowGone):
			rc.answer(flowFailed)
		case err != nil:
			rc.answer(refusal{Status: 404, Phrase: "Next hop unknown"})
		case configuredOnly && !p.routing.Load().configured(&o):
			rc.answer(refusal{Status: 481, Phrase: "Call/Transaction Does Not Exist"})
		case in.m.Method == "INVITE" && p.reflected(in, &o):
			rc.answer(refusal{Status: 403, Phrase: "Not from trunk to trunk"})
		default:
			o.uri, o.routes, o.referTo, o.strip = in.path.uri, in.path.rest, in.referTo, in.strip()
			rc.groups = [][]outbound{{o}}
			rc.forward()
		}
	})
}

// onward is where a request goes by its route set: over the connection of the other side when that has one, else to
// whatever host is named.
func (p *Proxy) onward(s *transaction.Shard, r *route, then func(outbound, error)) {
	if to, ok := r.connection(); ok && p.Transport.Connected(to) {
		then(outbound{to: to}, nil)
		return
	}
	p.reach(s, r.next(), then)
}

// reflected: a trunk's request within a dialog would go back to a trunk, since the rep named a number there as its own
// Contact.
func (p *Proxy) reflected(in *inbound, o *outbound) bool {
	if !p.trunkSide(in) {
		return false
	}
	r := p.routing.Load()
	if o.at == nil {
		return r.trunkHost(o.to.Addr())
	}
	return slices.ContainsFunc(o.at.now().all, func(h hop) bool { return r.trunkHost(h.Addr()) })
}

// Ack implements transaction.User: an ACK for a 2xx goes by its route set, statelessly. Its branch is a function of
// what came, so that a retransmission's is the same (§16.11).
func (p *Proxy) Ack(s *transaction.Shard, m *message.Message, from transport.Source) {
	p.Metrics.Request("ACK")
	if m.ToTag == nil || m.MaxForwards == 0 || stateless(m) {
		return // never answered, only dropped
	}
	path := p.route(m)
	strip := p.routing.Load().origin(from.Address).strip()
	p.onward(s, &path, func(o outbound, err error) {
		if err != nil || !path.signed && !p.routing.Load().configured(&o) {
			return
		}
		o.to, o.uri, o.routes, o.strip = o.first(), path.uri, path.rest, strip
		branch := "z9hG4bK" + base64.RawURLEncoding.EncodeToString(p.Keys.sum(0, ackToken, m.Via.Branch, m.CallID))
		b, listener, err := p.copyOf(m, from, &o, branch)
		if err == nil {
			p.Transport.Send(o.to, listener, b, nil)
		}
	})
}

var ackToken = []byte("ack")

// outOfDialog is a request that begins no call: MESSAGE, SUBSCRIBE, PUBLISH, NOTIFY, INFO, OPTIONS for somebody else.
// From outside and from the phones it goes where the extensions are; from there to the phone whose flow we signed. An
// out-of-dialog REFER could start a call anywhere, so it goes nowhere. A rep's MESSAGE to a number outside, or what we do
// not know, reaches a person as a call does and is decided like one.
func (p *Proxy) outOfDialog(in *inbound) {
	switch {
	case in.m.Method == "REFER" || in.m.Method == "BYE":
		p.refuse(in.tx, refusal{Status: 403, Phrase: "Not a dialog of this gate"})
	case in.from.pbx && in.path.flow.IsValid():
		p.toFlow(in)
	case in.from.pbx:
		p.refuse(in.tx, refusal{Status: 404, Phrase: "No such phone here"})
	case in.byRep() && !harmless(in.m.Method):
		p.identify(in, (*Proxy).reachingOut)
	default:
		p.identify(in, (*Proxy).toExtensions)
	}
}

// harmless methods ring nobody and write to nobody.
func harmless(method string) bool {
	switch method {
	case "OPTIONS", "SUBSCRIBE", "NOTIFY", "PUBLISH", "INFO":
		return true
	}
	return false
}

// reachingOut is a rep's request outside a dialog that could reach a person. To a number it goes when a call might, in the
// words in which it was decided; what is no number goes to the extensions as it is.
func (p *Proxy) reachingOut(in *inbound) {
	whom := p.Gate.Read(in.uri.Scheme, string(in.uri.User), in.from.peer.Plan)
	x := p.routing.Load().Extensions
	number := whom.Kind == gate.External || whom.Kind == gate.FeatureCode || whom.Kind == gate.Unreadable && dialled(in.uri.User)
	if x == nil || !number {
		p.toExtensions(in)
		return
	}
	p.rehearse(in, p.callOf(in, whom), allowed, func() {
		rc := newResponseContext(p, in.tx, in.m)
		rc.groups = [][]outbound{{{uri: x.uri(string(whom.Number)), at: x, strip: in.strip()}}}
		rc.forward()
	})
}
