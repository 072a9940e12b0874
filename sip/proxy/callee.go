package proxy

import (
	"bytes"

	"github.com/ringfence/ringfence/gate"
	"github.com/ringfence/ringfence/sip/message"
)

// otherNumber reads To, which should say whom the caller means while the Request-URI says what is rung (RFC 3261
// §8.1.1.2). Trunks route on the Request-URI; but there are switches that take the number out of To, and a proxy may not
// rewrite it. So when To names another number, that one must be allowed as well. nil: it names none.
func (p *Proxy) otherNumber(in *inbound, uri *gate.Dialled) *gate.Dialled {
	if uri.Kind == gate.EmergencyCall { // it waits for nothing
		return nil
	}
	v, _ := in.m.Get(message.To)
	a, err := message.ParseNameAddr(v)
	if err != nil {
		return nil // the strict reader has read it before
	}
	to, err := message.ParseURI(a.URI)
	if err != nil {
		to.User = a.URI
	}
	if bytes.Equal(to.User, in.uri.User) || !dialled(to.User) {
		return nil
	}
	d := p.Gate.Read(to.Scheme, string(to.User), in.from.peer.Plan)
	if d.Kind == gate.Unreadable || d.Kind == gate.FeatureCode || d.Kind == gate.External && d.Number != uri.Number {
		return &d
	}
	return nil
}
