package proxy

import (
	"bytes"

	"github.com/ringfence/ringfence/sip/message"
)

// schemes are those this proxy can route (RFC 3261 §16.3-2); urn: only as urn:service:sos (RFC 5031).
func routable(u message.URI) bool {
	switch u.Scheme {
	case "sip", "sips", "tel":
		return true
	case "urn":
		return bytes.HasPrefix(bytes.ToLower(u.User), []byte("service:sos"))
	}
	return false
}

// validate is RFC 3261 §16.3 beyond what the strict reader has refused already. A nil refusal means that m may go on.
func (p *Proxy) validate(m *message.Message, uri message.URI) *refusal {
	// 1. Syntax: methods are case-sensitive (§7.1), but a lenient reader further on could take "invite" for INVITE
	if message.Miscased(m.Method) {
		return &refusal{Status: 501, Phrase: "Methods are case-sensitive"}
	}
	// 2. URI scheme
	if !routable(uri) {
		return &refusal{Status: 416, Phrase: "Unsupported URI Scheme"}
	}
	// 3. Max-Forwards
	if m.MaxForwards == 0 {
		return &refusal{Status: 483, Phrase: "Too Many Hops"}
	}
	// Max-Breadth (RFC 5393 §5.3.3)
	if m.MaxBreadth == 0 {
		return &refusal{Status: 440, Phrase: "Max-Breadth Exceeded"}
	}
	// 4. Loop detection (RFC 5393 §4.2)
	if m.Vias > 1 && p.looped(m) {
		return &refusal{Status: 482, Phrase: "Loop Detected"}
	}
	// 5. Proxy-Require: this proxy supports no option that a client might demand of it
	if v, ok := m.Get(message.ProxyRequire); ok {
		return &refusal{Status: 420, Phrase: "Bad Extension", Headers: "Unsupported: " + string(v) + "\r\n"}
	}
	return nil
}
