package proxy

import (
	"encoding/base64"
	"errors"

	"github.com/ringfence/ringfence/gate"
	"github.com/ringfence/ringfence/sip/message"
	"github.com/ringfence/ringfence/sip/transaction"
	"github.com/ringfence/ringfence/sip/transport"
)

// inDialog is a request with a To-tag. It is trusted, and goes where its route set says, only by a Record-Route that we
// signed for this very call. Without it, what could begin or move a call is decided as new, and the rest goes nowhere
// but to a configured target.
func (p *Proxy) inDialog(in *inbound) {
	if !in.path.signed {
		p.unsigned(in)
		return
	}
	if in.m.Method == "INVITE" && p.anotherNumber(in) {
		p.invite(in)
		return
	}
	if in.m.Method == "REFER" && in.byRep() {
		p.refer(in)
		return
	}
	if in.m.Method == "BYE" && in.path.number != "" {
		p.Metrics.CallEnded(gate.EndAnswered)
		p.Gate.EndElsewhere(in.path.number, string(in.m.CallID), string(in.m.FromTag), string(in.m.ToTag))
	}
	p.followRoute(in, false)
}

// unsigned requests with a To-tag.
func (p *Proxy) unsigned(in *inbound) {
	switch in.m.Method {
	case "INVITE":
		p.invite(in)
	case "REFER":
		if in.byRep() {
			p.refer(in)
			return
		}
		p.followRoute(in, true)
	case "UPDATE":
		// It could move a call that was never decided, and begins none that could be.
		p.refuse(in.tx, refusal{Status: 403, Phrase: "Not a dialog of this gate"})
	default:
		p.followRoute(in, true)
	}
}

// anotherNumber: a re-INVITE from a peer whose Request-URI reads as a number that is not the decided one would be a
// call of its own.
func (p *Proxy) anotherNumber(in *inbound) bool {
	if !in.byRep() || in.path.number == "" {
		return false
	}
	d := p.Gate.Read(in.uri.Scheme, string(in.uri.User), in.from.peer.Plan)
	return d.Kind == gate.External && d.Number != in.path.number
}

// followRoute forwards by the request's own route set (§16.5), anywhere or only to configured targets.
func (p *Proxy) followRoute(in *inbound, configuredOnly bool) {
	rc := newResponseContext(p, in.tx, in.m)
	rc.number = in.path.number
	p.onward(in.tx.Shard, &in.path, func(to transport.Address, err error) {
		defer p.contain(in.tx)
		switch {
		case in.tx.Finished(): // cancelled while we resolved
		case errors.Is(err, errFlowGone):
			rc.answer(flowFailed)
		case err != nil:
			rc.answer(refusal{Status: 404, Phrase: "Next hop unknown"})
		case configuredOnly && !p.routing.Load().configured(to):
			rc.answer(refusal{Status: 481, Phrase: "Call/Transaction Does Not Exist"})
		default:
			rc.groups = [][]outbound{{{uri: in.path.uri, routes: in.path.rest, to: to}}}
			rc.forward()
		}
	})
}

// onward is where a request goes by its route set: over the connection of the other side when that has one, else to
// whatever host is named.
func (p *Proxy) onward(s *transaction.Shard, r *route, then func(transport.Address, error)) {
	if to, ok := r.connection(); ok && p.Transport.Connected(to) {
		then(to, nil)
		return
	}
	p.reach(s, r.next(), then)
}

// Ack implements transaction.User: an ACK for a 2xx goes by its route set, statelessly. Its branch is a function of
// what came, so that a retransmission's is the same (§16.11).
func (p *Proxy) Ack(s *transaction.Shard, m *message.Message, from transport.Source) {
	p.Metrics.Request("ACK")
	if m.ToTag == nil || m.MaxForwards == 0 {
		return // never answered, only dropped
	}
	path := p.route(m)
	p.onward(s, &path, func(to transport.Address, err error) {
		if err != nil || !path.signed && !p.routing.Load().configured(to) {
			return
		}
		branch := "z9hG4bK" + base64.RawURLEncoding.EncodeToString(p.Keys.sum(0, ackToken, m.Via.Branch, m.CallID))
		b, listener, err := p.copyOf(m, from, &outbound{uri: path.uri, routes: path.rest, to: to}, branch)
		if err == nil {
			p.Transport.Send(to, listener, b, nil)
		}
	})
}

var ackToken = []byte("ack")

// outOfDialog is a request that begins no call: MESSAGE, SUBSCRIBE, PUBLISH, NOTIFY, INFO, OPTIONS for somebody else.
// From outside and from the phones it goes where the extensions are; from there to the phone whose flow we signed. An
// out-of-dialog REFER could start a call anywhere, so it goes nowhere.
func (p *Proxy) outOfDialog(in *inbound) {
	switch {
	case in.m.Method == "REFER" || in.m.Method == "BYE":
		p.refuse(in.tx, refusal{Status: 403, Phrase: "Not a dialog of this gate"})
	case in.from.pbx && in.path.flow.IsValid():
		p.toFlow(in)
	case in.from.pbx:
		p.refuse(in.tx, refusal{Status: 404, Phrase: "No such phone here"})
	default:
		p.toExtensions(in)
	}
}
