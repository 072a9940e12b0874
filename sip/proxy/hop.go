package proxy

import (
	"bytes"
	"errors"

	"github.com/ringfence/ringfence/sip/message"
	"github.com/ringfence/ringfence/sip/transport"
)

// errInsecure is a sips URI that would have to go on in the clear.
var errInsecure = errors.New("a sips URI goes over TLS only, and the next hop has none")

// protocolOf is the transport that a URI asks for: UDP when it does not say (RFC 3263 §4.1, a numeric host), TLS for
// sips, whose transport parameter names what is below TLS (RFC 3261 §26.2.2), or beside it (RFC 7118 §5.4). 0 is one that this proxy does not speak.
func protocolOf(u message.URI) transport.Protocol {
	name, asked := u.Param("transport")
	switch {
	case u.Scheme == "sips" && (!asked || equal(name, "tcp") || equal(name, "tls")):
		return transport.TLS
	case equal(name, "wss") || u.Scheme == "sips" && equal(name, "ws"):
		return transport.WSS
	case u.Scheme == "sips":
		return 0
	case !asked || equal(name, "udp"):
		return transport.UDP
	case equal(name, "tcp"):
		return transport.TCP
	case equal(name, "tls"):
		return transport.TLS
	case equal(name, "ws"):
		return transport.WS
	}
	return 0
}

func equal(b []byte, word string) bool { return bytes.EqualFold(b, []byte(word)) }

func hasSuffixFold(b []byte, suffix string) bool {
	return len(b) >= len(suffix) && equal(b[len(b)-len(suffix):], suffix)
}

// portOf is where a URI's host is to be reached over p.
func portOf(u message.URI, p transport.Protocol) uint16 {
	if u.Port == 0 {
		return p.DefaultPort()
	}
	return u.Port
}

// transportParam is what a sip URI says so that protocolOf reads p. A WebSocket over TLS has no word of its own there.
func transportParam(p transport.Protocol) string {
	switch p {
	case transport.TCP:
		return ";transport=tcp"
	case transport.TLS:
		return ";transport=tls"
	case transport.WS, transport.WSS:
		return ";transport=ws"
	default:
		return ""
	}
}

const sipsScheme = "sips:"

func isSIPS(uri []byte) bool {
	return len(uri) > len(sipsScheme) && equal(uri[:len(sipsScheme)], sipsScheme)
}

// exposed: what asks for TLS all the way has come a part of it without (RFC 3261 §26.2.2). An emergency call has
// nothing to hide that is worth a life.
func (p *Proxy) exposed(in *inbound) bool {
	return in.uri.Scheme == "sips" && !in.tx.Source.Protocol.Secure() && !p.emergency(in)
}

// notSecured answers for a request that errInsecure kept back (RFC 5630 §5.3).
var notSecured = refusal{Status: 480, Phrase: "SIPS Not Allowed", Headers: "Warning: 380 ringfence \"SIPS Not Allowed: the next hop has no TLS\"\r\n"}

// sipsOf is a sip URI of ours as a sips one, which needs no word about TLS.
func sipsOf(uri []byte) []byte {
	rest, ok := bytes.CutPrefix(uri, []byte("sip:"))
	if !ok {
		return uri
	}
	rest = bytes.TrimSuffix(rest, []byte(transportParam(transport.TLS)))
	return append([]byte(sipsScheme), rest...)
}
