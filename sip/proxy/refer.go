package proxy

import (
	"bytes"

	"github.com/ringfence/ringfence/gate"
	"github.com/ringfence/ringfence/sip/message"
)

// refer decides a REFER (RFC 3515) on the number it asks somebody else to ring, with the referrer as rep: that call would
// not pass through here. Nothing is reserved, since nobody says how it ends. What goes on names the number that was
// decided, and nothing that could lead elsewhere.
func (p *Proxy) refer(in *inbound) {
	if in.from.peer == nil {
		in.from.peer = &Peer{Name: "extensions"} // they may transfer what came in, though they may not call out
		p.recognise(in, in.from.peer.Identity.Rep(in.m))
	}
	if r := cannotRefer(in.m); r != nil {
		p.refuse(in.tx, *r)
		return
	}
	to, ok := referTo(in.m)
	if !ok {
		p.refuse(in.tx, refusal{Status: 400, Phrase: "Unreadable Refer-To"})
		return
	}
	dialled := p.Gate.Read(to.Scheme, string(to.User), in.from.peer.Plan)
	follow := func() { p.followRoute(in, !in.path.signed) }
	if dialled.Kind == gate.Extension || dialled.Kind == gate.EmergencyCall {
		follow()
		return
	}
	in.referTo = canonical(to, dialled.Number)
	p.rehearse(in, p.callOf(in, dialled), allowed, follow)
}

// cannotRefer: many targets at once (RFC 5368), or a body that could hold them, are not decided on.
func cannotRefer(m *message.Message) *refusal {
	switch {
	case m.HasToken(message.Require, "multiple-refer"):
		return &refusal{Status: 420, Phrase: "Bad Extension", Headers: "Unsupported: multiple-refer\r\n"}
	case !m.Body.Empty():
		return &refusal{Status: 415, Phrase: "Unsupported Media Type"}
	}
	return nil
}

// referTo reads the one Refer-To that a REFER has (RFC 3515 §2.1).
func referTo(m *message.Message) (u message.URI, ok bool) {
	v, _ := m.Get(message.ReferTo)
	if m.Count(message.ReferTo) != 1 {
		return u, false
	}
	a, err := message.ParseNameAddr(v)
	if err != nil {
		return u, false
	}
	if u, err = message.ParseURI(a.URI); err != nil {
		return u, false
	}
	return u, onlyReplaces(u)
}

// onlyReplaces: the URI asks for an INVITE with no header but Replaces and what it needs. Others, such as Route and To,
// could lead the call elsewhere (RFC 3261 §19.1.5).
func onlyReplaces(u message.URI) bool {
	if method, ok := u.Param("method"); ok && string(method) != "INVITE" {
		return false
	}
	if u.Headers == nil {
		return true
	}
	for header := range bytes.SplitSeq(u.Headers, []byte{'&'}) {
		name, _, _ := bytes.Cut(header, []byte{'='})
		if !bytes.EqualFold(name, []byte("Replaces")) && !bytes.EqualFold(name, []byte("Require")) {
			return false
		}
	}
	return true
}

// canonical is a Refer-To that names n, at the host and with the headers that it came with.
func canonical(u message.URI, n gate.Number) []byte {
	if u.Scheme == "tel" {
		return []byte("<tel:" + string(n) + ">")
	}
	b := append([]byte("<"+u.Scheme+":"+string(n)+"@"), u.HostPort()...)
	if v, ok := u.Param("transport"); ok {
		b = append(append(b, ";transport="...), v...)
	}
	if u.Headers != nil {
		b = append(append(b, '?'), u.Headers...)
	}
	return append(b, '>')
}
