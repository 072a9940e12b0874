package proxy

import (
	"github.com/ringfence/ringfence/gate"
	"github.com/ringfence/ringfence/sip/message"
)

// redirected takes the Contacts out of a 3xx on its way up. A phone that follows one rings it without a question, at
// whatever host it names. To a rep's phone each number and extension is named again, at the gate, where it is decided
// like any other call; emergency numbers, which are never decided, and everything else are left out. A trunk, whose calls
// are not decided, gets none.
func (rc *responseContext) redirected(e *message.Edit, m *message.Message) {
	if rc.method != "INVITE" {
		return
	}
	e.Drop(message.Contact)
	if rc.decision == nil {
		return
	}
	host, err := rc.p.facing(rc.tx.Source)
	if err != nil {
		return
	}
	host += transportParam(rc.tx.Source.Protocol)
	for span := range m.Elements(message.Contact) {
		if user := rc.p.redial(m.Bytes(span)); user != "" {
			e.Insert(m.HeadersEnd(), []byte("Contact: <sip:"+user+"@"+host+">\r\n"))
		}
	}
}

// redial is what a Contact of a 3xx names, as it is dialled; "" when that is neither a number nor an extension.
func (p *Proxy) redial(contact []byte) string {
	a, err := message.ParseNameAddr(contact)
	if err != nil {
		return ""
	}
	u, err := message.ParseURI(a.URI)
	if err != nil {
		return ""
	}
	switch d := p.Gate.Read(u.Scheme, string(u.User), nil); d.Kind {
	case gate.External:
		return string(d.Number)
	case gate.Extension:
		return d.Local
	default:
		return ""
	}
}
