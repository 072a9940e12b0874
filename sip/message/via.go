package message

import (
	"bytes"
	"strings"
)

// ViaParm is one via-parm of RFC 3261 §20.42: a hop that the message came through.
type ViaParm struct {
	Transport    string // upper-case
	Host         []byte // of sent-by; an IPv6 address without its brackets
	Port         uint16 // of sent-by; 0 when absent
	Branch       []byte // nil when absent, as RFC 2543 allowed
	RPort        bool   // RFC 3581, with or without a value
	RPortValue   uint16 // 0 when absent
	Received     []byte
	MAddr        []byte
	Element      Span // the whole of it, without the comma
	RPortSpan    Span // ";rport" or ";rport=value"; empty when absent
	ReceivedSpan Span // ";received=value"; empty when absent
}

// magicCookie starts every branch that is unique by itself (RFC 3261 §8.1.1.7).
const magicCookie = "z9hG4bK"

// RFC3261 says whether the branch alone names the transaction. If not, §17.2.3 compares more than that.
func (v ViaParm) RFC3261() bool { return bytes.HasPrefix(v.Branch, []byte(magicCookie)) }

// SentBy says whether host and port are this hop's sent-by; port 0 stands for the transport's default on both sides.
func (v ViaParm) SentBy(host string, port uint16) bool {
	def := uint16(5060)
	if v.Transport == "TLS" || v.Transport == "WSS" {
		def = 5061
	}
	return equalFold(v.Host, host) && orDefault(v.Port, def) == orDefault(port, def)
}

func orDefault(port, def uint16) uint16 {
	if port == 0 {
		return def
	}
	return port
}

// parseVia reads the element e. When it fails behind the host, the host is set all the same: that is enough for an
// answer to be sent.
func parseVia(raw []byte, e Span) (ViaParm, error) {
	v := ViaParm{Element: e}
	c := cursor{b: raw[:e.End], i: e.Start}
	protocol, err := c.sentProtocol(&v)
	if err != nil {
		return v, err
	}
	if v.Host, v.Port, err = c.hostPort(); err != nil {
		return v, err
	}
	for {
		c.lws()
		start := c.i
		if !c.separator(';') {
			break
		}
		p, err := c.param()
		if err != nil {
			return v, err
		}
		if err := v.set(p, Span{start, c.i}); err != nil {
			return v, err
		}
	}
	if !c.done() {
		return v, errTail
	}
	if !protocol {
		return v, errViaProtocol
	}
	return v, nil
}

// sentProtocol reads "SIP/2.0/UDP" and the blank behind it. Another name or version is no error yet: a request of
// version 7.0 has such a Via, and is answered 505.
func (c *cursor) sentProtocol(v *ViaParm) (sip20 bool, err error) {
	name := c.run(tokenByte)
	ok := len(name) > 0 && c.separator('/')
	version := c.run(tokenByte)
	ok = ok && len(version) > 0 && c.separator('/')
	over := c.run(tokenByte)
	if !ok || len(over) == 0 || !c.lws() {
		return false, errViaProtocol
	}
	v.Transport = transport(over)
	return equalFold(name, "SIP") && string(version) == "2.0", nil
}

var transports = [...]string{"UDP", "TCP", "TLS", "WS", "WSS", "SCTP"}

// transport is upper-case and costs no allocation for those we meet.
func transport(b []byte) string {
	for _, known := range &transports {
		if equalFold(b, known) {
			return known
		}
	}
	return strings.ToUpper(string(b))
}

// set keeps the parameters that steer an answer. One that is there twice is refused, for readers differ on which of
// the two counts.
func (v *ViaParm) set(p param, s Span) error {
	switch {
	case equalFold(p.name, "branch"):
		if v.Branch != nil || len(p.value) == 0 || p.quoted || string(p.value) == magicCookie {
			return errBranch
		}
		v.Branch = p.value
	case equalFold(p.name, "rport"):
		n, ok := number(p.value, 65535)
		if v.RPort || p.quoted || p.value != nil && !ok {
			return errViaParam
		}
		v.RPort, v.RPortValue, v.RPortSpan = true, uint16(n), s
	case equalFold(p.name, "received"):
		if v.Received != nil || len(p.value) == 0 || p.quoted {
			return errViaParam
		}
		v.Received, v.ReceivedSpan = p.value, s
	case equalFold(p.name, "maddr"):
		if v.MAddr != nil || len(p.value) == 0 || p.quoted {
			return errViaParam
		}
		v.MAddr = p.value
	}
	return nil
}
