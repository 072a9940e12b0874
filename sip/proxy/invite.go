package proxy

import (
	"bytes"
	"strings"

	"github.com/rs/zerolog"

	"github.com/ringfence/ringfence/gate"
	"github.com/ringfence/ringfence/sip/message"
)

// invite is an initial INVITE. From a trunk it goes to the extensions undecided; from where the extensions are, with a
// Path of ours, to the phone whose flow we signed; from a peer it is a call to be decided. An emergency call is let out
// from wherever we read at all.
func (p *Proxy) invite(in *inbound) {
	if in.from.peer == nil && in.from.trunk == nil && p.emergency(in) {
		in.from.peer = &p.routing.Load().stranger
	}
	switch {
	case in.from.trunk != nil:
		p.toExtensions(in)
	case in.from.pbx && in.path.flow.IsValid():
		p.toFlow(in)
	case in.from.peer == nil:
		p.refuse(in.tx, refusal{Status: 403, Phrase: "Not a configured peer"})
	default:
		p.identify(in, (*Proxy).decide)
	}
}

func (p *Proxy) emergency(in *inbound) bool {
	return p.Gate.Read(in.uri.Scheme, string(in.uri.User), nil).Kind == gate.EmergencyCall
}

// decide asks the gate. What needs no registry is decided here and now, in the reader; else the shard goes on with
// other calls until the answer comes back to it.
func (p *Proxy) decide(in *inbound) {
	peer := in.from.peer
	rc := responseContextOf(p, in)
	rc.peer = peer
	call := p.callOf(in, p.Gate.Read(in.uri.Scheme, string(in.uri.User), peer.Plan))
	if p.draining.Load() && peer.Mode.Carries() && call.Dialled.Kind != gate.EmergencyCall {
		rc.answer(refusal{Status: 503, Phrase: "Draining", Headers: "Retry-After: 5\r\n"})
		return
	}
	if call.Dialled.Kind == gate.FeatureCode {
		p.serve(rc, in, call)
		return
	}
	other := p.otherNumber(in, &call.Dialled)
	if other == nil {
		if d, done := p.Gate.Local(call); done {
			p.decided(rc, in, d)
			return
		}
	}
	shard := in.tx.Shard
	if p.Gate.Config().Rules.Budget.Std() > p.Timers.Trying { // else the decision is there before
		shard.Start(&rc.trying, p.Timers.Trying)
	}
	p.askers.do(func() {
		d := p.ask(peer, call, other)
		shard.Do(func() {
			defer p.contain(in.tx)
			p.decided(rc, in, d)
		})
	})
}

// ask waits for the registry. A second number, if there is one, must pass too, and before the first is reserved. A fault
// in it is this call's alone: undecided, it does not go out.
func (p *Proxy) ask(peer *Peer, call gate.Call, other *gate.Dialled) (d gate.Decision) {
	defer func() {
		if v := recover(); v != nil {
			p.panicked(v)
			d = gate.Decision{Call: call}
		}
	}()
	if other != nil {
		second := call
		second.Dialled = *other
		if d = p.check(second); d.Verdict != gate.Allow {
			return d.Blocked()
		}
		if d, done := p.Gate.Local(call); done {
			return d
		}
	}
	if !peer.Mode.Carries() {
		return p.Gate.Dip(p.life, call, peer.Lease)
	}
	return p.Gate.Ask(p.life, call)
}

// decided carries a decision out.
func (p *Proxy) decided(rc *responseContext, in *inbound, d gate.Decision) {
	carries := in.from.peer.carries(&d.Call.Dialled)
	if carries { // first of all: whatever goes wrong from here on lets go of it
		rc.decision, rc.number = &d, d.Reservation.Number
	}
	p.Metrics.Decided(d)
	if carries && letOut(&d) {
		p.Metrics.CallStarted()
	}
	p.logDecision(&d)
	p.Observe(d)
	if !carries {
		p.instead(rc, in, &d)
		return
	}
	if in.tx.Finished() { // cancelled while we asked
		p.Gate.End(d.Reservation, gate.EndUnanswered, 487)
		return
	}
	if d.Verdict == gate.Redirect && (d.Extension == "" || p.routing.Load().Extensions == nil) {
		d = d.Blocked()
	}
	switch d.Verdict {
	case gate.Allow:
		p.allow(rc, in, &d)
	case gate.Redirect:
		rc.groups = [][]outbound{{p.toOwner(in, &d)}}
		rc.forward()
	default:
		p.block(rc, &d)
	}
}

// letOut: the call goes to a number outside.
func letOut(d *gate.Decision) bool {
	return d.Verdict == gate.Allow && d.Call.Dialled.Kind == gate.External
}

// allow forwards a copy whose Request-URI is the canonical number that was decided. Route entries that the caller
// loaded are not followed: they could lead round the gate.
func (p *Proxy) allow(rc *responseContext, in *inbound, d *gate.Decision) {
	r := p.routing.Load()
	dialled := d.Call.Dialled
	peer := in.from.peer
	if dialled.Kind == gate.Extension {
		if r.Extensions == nil {
			rc.answer(refusal{Status: 404, Phrase: "No extensions here"})
			return
		}
		rc.groups = [][]outbound{{{uri: r.Extensions.uri(dialled.Local), at: r.Extensions, record: true, strip: &peer.strip}}}
		rc.forward()
		return
	}
	for _, group := range r.groups() {
		var outs []outbound
		for _, t := range group {
			outs = append(outs, outbound{
				uri: t.requestURI(p.Gate, &dialled), at: &t.Target, record: true, number: dialled.Number, strip: &peer.strip, trunk: t,
				private:   peer.Identity.Trusted() && !t.Trusted && dialled.Kind != gate.EmergencyCall,
				emergency: dialled.Kind == gate.EmergencyCall,
			})
		}
		rc.groups = append(rc.groups, outs)
	}
	rc.forward()
}

// requestURI is what was dialled, in the trunk's notation.
func (t *Trunk) requestURI(g *gate.Gate, d *gate.Dialled) []byte {
	switch {
	case d.Kind == gate.EmergencyCall && strings.HasPrefix(d.Local, "urn:"):
		return []byte(d.Local)
	case d.Kind == gate.EmergencyCall:
		return t.uri(d.Local)
	case t.Number == Digits:
		return t.uri(g.CountryDigits(d.Number))
	case t.Number == National:
		return t.uri(g.NationalDigits(d.Number))
	default:
		return t.uri(string(d.Number))
	}
}

// toOwner rings the owner's extension instead (RFC 7044: who was meant, and why it is not they who ring).
func (p *Proxy) toOwner(in *inbound, d *gate.Decision) outbound {
	x := p.routing.Load().Extensions
	target := x.uri(d.Extension)
	meant := x.uri(string(d.Call.Dialled.Number))
	history := "History-Info: <" + string(meant) + ">;index=1\r\n" +
		"History-Info: <" + string(target) + "?Reason=SIP%3Bcause%3D302>;index=1.1;mp=1\r\n"
	return outbound{uri: target, at: x, record: true, extra: history, strip: in.strip()}
}

// toExtensions sends a request from a trunk where the extensions are, its Request-URI unchanged.
func (p *Proxy) toExtensions(in *inbound) {
	x := p.routing.Load().Extensions
	if x == nil {
		p.refuse(in.tx, refusal{Status: 404, Phrase: "No extensions here"})
		return
	}
	rc := newResponseContext(p, in.tx, in.m)
	rc.groups = [][]outbound{{{at: x, record: dialogForming(in.m.Method), vouch: in.from.trunk != nil, strip: in.strip()}}}
	rc.forward()
}

// dialogForming: requests whose dialogs we stay in.
func dialogForming(method string) bool {
	return method == "INVITE" || method == "SUBSCRIBE" || method == "REFER" || method == "NOTIFY"
}

// networkBlock marks a 603 that a network and not the called person sent (ATIS-1000099).
var networkBlock = []byte("v=analytics")

// refusedByCallee: the called person said no. 607 always says so (RFC 8197); 603 does when the policy takes it so and
// no network left its mark.
func (p *Proxy) refusedByCallee(m *message.Message) bool {
	switch m.Status {
	case 607:
		return true
	case 603:
		reason, _ := m.Get(message.Reason)
		marked := bytes.EqualFold(m.Bytes(m.Phrase), []byte("Network Blocked")) || bytes.Contains(bytes.ToLower(reason), networkBlock)
		return !marked && p.Gate.Config().Rules.Refused.On603
	}
	return false
}

// logDecision is the one line a decision leaves.
func (p *Proxy) logDecision(d *gate.Decision) {
	var e *zerolog.Event
	if d.Degraded {
		e = p.Log.Warn()
	} else {
		e = p.Log.Info()
	}
	number := string(d.Call.Dialled.Number)
	if number == "" {
		number = d.Call.Dialled.Text
	}
	if !p.Full && d.Call.Dialled.Kind != gate.EmergencyCall {
		number = gate.Mask(clip(number))
	}
	if d.Shadow {
		e = e.Bool("shadow", true).Stringer("would", d.Would)
	}
	e.Str("call_id", clip(d.Call.CallID)).Str("rep", p.rep(d.Call.Rep)).Str("peer", d.Call.Peer).Str("number", number).
		Stringer("verdict", d.Verdict).Stringer("reason", d.Reason).Str("owner", p.rep(d.Owner))
	if d.Territory != "" {
		e.Str("territory", string(d.Territory))
	}
	e.Int64("us", d.Took.Microseconds()).Msg("decision")
}
