package proxy

import (
	"bytes"
	"hash/maphash"
	"net/netip"
	"strconv"
	"strings"

	"github.com/ringfence/ringfence/sip/message"
	"github.com/ringfence/ringfence/sip/transport"
)

// tokenParam is the parameter of our Record-Route that carries a call's token.
const tokenParam = "rf"

// route is what RFC 3261 §16.4 makes of a request's Route headers: our own entries are taken off and read.
type route struct {
	uri    []byte            // Request-URI in effect, after a strict router's swap
	rest   [][]byte          // Route entries left, ours taken off
	ours   bool              // at least one entry was ours
	signed bool              // one of ours carried a good token
	call                     // what that token says
	flow   transport.Address // from a Path of ours; the zero value when there was none

	faces   side              // the side that our last entry faced, when it named a connection
	reached transport.Address // over that one
}

// maxEntries is how many Route entries of ours are taken off one request: two for each time that the call came by here.
const maxEntries = 8

// route preprocesses the Route set. The one Route entry a loose router finds on top may be followed by its twin: two
// Record-Routes were written where the two sides differ in transport (RFC 5658). A call that came by here twice, as from
// phone to phone by way of a PBX that keeps out of its dialogs, has those of both times one after the other: what lies
// between them need not be gone through again, and the entry that knows the other phone's connection is the last.
func (p *Proxy) route(m *message.Message) route {
	r := route{uri: m.Bytes(m.RequestURI)}
	for span := range m.Elements(message.Route) {
		r.rest = append(r.rest, m.Bytes(span))
	}
	if len(r.rest) == 0 {
		return r
	}
	r.fromStrictRouter(p)
	for range maxEntries {
		if len(r.rest) == 0 || !r.pop(p, m) {
			break
		}
	}
	return r
}

// fromStrictRouter undoes what a strict router did: it put our Record-Route into the Request-URI and the real one at
// the end of Route.
func (r *route) fromStrictRouter(p *Proxy) {
	u, err := message.ParseURI(r.uri)
	if err != nil || !p.ours(u) {
		return
	}
	if _, ok := u.Param(tokenParam); !ok {
		return
	}
	last := len(r.rest) - 1
	a, err := message.ParseNameAddr(r.rest[last])
	if err != nil {
		return
	}
	// What stood in the Request-URI is our Route entry now, to be popped like any other.
	r.rest = append([][]byte{bracketed(r.uri)}, r.rest[:last]...)
	r.uri = a.URI
}

// pop takes the topmost entry off when it is ours, and reads what we signed in it.
func (r *route) pop(p *Proxy, m *message.Message) bool {
	a, err := message.ParseNameAddr(r.rest[0])
	if err != nil {
		return false
	}
	u, err := message.ParseURI(a.URI)
	if err != nil || !p.ours(u) {
		return false
	}
	r.rest, r.ours, r.faces = r.rest[1:], true, noSide // what lies behind an earlier entry is behind us now
	if token, ok := u.Param(tokenParam); ok {
		if c, good := p.Keys.verifyCall(token, m.CallID, m.FromTag, m.ToTag); good {
			if !r.signed || c.number != "" {
				r.call = c
			}
			r.signed = true
		}
	}
	if len(u.User) > 0 {
		r.readFlow(p, m, u.User)
	}
	return true
}

// readFlow reads the user part of an entry of ours: a flow of a Path, or of one side of the dialog.
func (r *route) readFlow(p *Proxy, m *message.Message, token []byte) {
	if flow, ok := p.Keys.verifyFlow(token); ok {
		r.flow = flow
		return
	}
	for _, of := range [...]side{callerSide, calleeSide} {
		if flow, ok := p.Keys.verifyCallFlow(token, of, m.CallID); ok {
			r.faces, r.reached = of, flow
			return
		}
	}
}

// connection is the one over which the other side reached us, when it did by one and nobody stands between it and us.
func (r *route) connection() (to transport.Address, ok bool) {
	return r.reached, len(r.rest) == 0 && r.faces == callerSide+calleeSide-r.by
}

// next is where the request goes by its own headers (§16.6-7): the topmost Route left, or the Request-URI. A topmost
// Route without lr names a strict router, which expects itself in the Request-URI (§16.6-6).
func (r *route) next() []byte {
	if len(r.rest) == 0 {
		return r.uri
	}
	hop := r.rest[0]
	if a, err := message.ParseNameAddr(hop); err == nil {
		hop = a.URI
	}
	u, err := message.ParseURI(hop)
	if _, loose := u.Param("lr"); err == nil && !loose {
		r.rest = append(r.rest[1:len(r.rest):len(r.rest)], bracketed(r.uri))
		r.uri = hop
	}
	return hop
}

// bracketed is the URI as a Route entry: without the brackets its parameters would be the header's.
func bracketed(uri []byte) []byte {
	b := make([]byte, 0, len(uri)+2)
	return append(append(append(b, '<'), uri...), '>')
}

// ours: the URI names one of our listeners, by address or by the advertised host.
func (p *Proxy) ours(u message.URI) bool {
	if u.Scheme != "sip" && u.Scheme != "sips" {
		return false
	}
	proto := protocolOf(u)
	ip, err := netip.ParseAddr(string(u.Host))
	if err != nil {
		return p.Advertise != "" && strings.EqualFold(string(u.Host), p.Advertise)
	}
	if p.Advertise != "" && p.Advertise == string(u.Host) {
		return true
	}
	ip = ip.Unmap()
	return p.Transport.IsLocal(ip, portOf(u, proto), proto) ||
		proto == transport.WS && p.Transport.IsLocal(ip, portOf(u, transport.WSS), transport.WSS)
}

// sentBy is how we name ourselves towards to, and the listener that sends there.
func (p *Proxy) sentBy(to transport.Address) (*transport.Listener, string, error) {
	l, local, err := p.Transport.Route(to)
	if err != nil {
		return nil, "", err
	}
	return l, p.named(local), nil
}

// named is a local address as others are told it.
func (p *Proxy) named(local netip.AddrPort) string {
	if p.Advertise != "" {
		return p.Advertise + ":" + strconv.Itoa(int(local.Port()))
	}
	return local.String()
}

// loopMark is what RFC 5393 §4.2.2 hashes: everything that could make this request take another way than the last time.
func (p *Proxy) loopMark(m *message.Message) string {
	var h maphash.Hash
	h.SetSeed(p.loop)
	for _, part := range [][]byte{m.Bytes(m.RequestURI), m.FromTag, m.ToTag, m.CallID} {
		_, _ = h.Write(part)
		_ = h.WriteByte(0)
	}
	for span := range m.Elements(message.Route) {
		_, _ = h.Write(m.Bytes(span))
	}
	_, _ = h.WriteString(strconv.Itoa(int(m.CSeq)))
	return strconv.FormatUint(h.Sum64(), 36)
}

// looped: one of the Vias below the topmost is ours and was made for the very same request.
func (p *Proxy) looped(m *message.Message) bool {
	mark := []byte("." + p.loopMark(m))
	for span := range m.Elements(message.Via) {
		_, params, _ := bytes.Cut(m.Bytes(span), []byte{';'})
		if branch, ok := message.Param(params, "branch"); ok && bytes.HasSuffix(branch, mark) {
			return true
		}
	}
	return false
}
