package proxy

import (
	"bytes"
	"net/netip"
	"slices"
	"strconv"

	"github.com/ringfence/ringfence/gate"
	"github.com/ringfence/ringfence/sip/message"
	"github.com/ringfence/ringfence/sip/transport"
)

// Within a dialog a request goes to the remote target, the Contact that the other end named (RFC 3261 §12.2.1.1), and is
// forwarded as it is. A rep could put any number there, and some exchange might ring it. So what a trunk or the
// extensions name as their target is signed when it looks like a number, and what comes back is compared.

// leastDialled is the fewest digits of what an exchange could take for an outside number (E.164 has no shorter one).
const leastDialled = 5

// dialled says whether an exchange could ring something outside by this user part, however it cleans it up: by dropping
// what are no digits, reading its parameters or decoding it.
func dialled(user []byte) bool {
	digits := 0
	for i := 0; i < len(user); i++ {
		c := user[i]
		if c == '%' && i+2 < len(user) && user[i+1] == '3' {
			c, i = user[i+2], i+2
		}
		if '0' <= c && c <= '9' {
			digits++
		}
	}
	return digits >= leastDialled
}

// rings says whether a user part is n, as trunks write it in their Contacts: with its country code, with or without a +,
// and without parameters, which could name another number to route on.
func rings(user []byte, n gate.Number) bool {
	return n != "" && string(bytes.TrimPrefix(user, []byte{'+'})) == n.Digits()
}

// astray says whether a request within a dialog is bound for a number that nobody decided on: neither the call's own,
// nor a remote target that a trunk or the extensions named, nor a phone of ours. What comes from a trunk never is.
func (p *Proxy) astray(in *inbound) bool {
	rest := in.path.rest
	switch {
	case p.trunkSide(in), in.path.signed && p.Keys.verifyTarget(in.path.call, in.m.CallID, way(in.uri, rest)):
		return false
	case p.strays(in, in.uri):
		return !p.toPhone(in)
	}
	return slices.ContainsFunc(rest, func(hop []byte) bool {
		u, ok := uriOf(hop)
		return !ok || p.strays(in, u) && !p.ourFlow(in.m, u)
	})
}

// ourFlow says whether a Route entry further on is one that we wrote for this very call: the way by a PBX and back to a
// phone. Its user part is a flow, which may have as many digits as a number and leads to us.
func (p *Proxy) ourFlow(m *message.Message, u message.URI) bool {
	if !p.ours(u) {
		return false
	}
	_, caller := p.Keys.verifyCallFlow(u.User, callerSide, m.CallID)
	_, callee := p.Keys.verifyCallFlow(u.User, calleeSide, m.CallID)
	return caller || callee
}

// strays is astray for one URI.
func (p *Proxy) strays(in *inbound, u message.URI) bool {
	if !dialled(u.User) || in.path.signed && rings(u.User, in.path.number) {
		return false
	}
	return p.Gate.Read(u.Scheme, string(u.User), nil).Kind != gate.Extension
}

// toPhone says whether a request within a dialog ends at a phone of ours: over the connection that it made, or at the host
// in the Request-URI.
func (p *Proxy) toPhone(in *inbound) bool {
	r := p.routing.Load()
	if to, ok := in.path.connection(); ok && to.Protocol.Reliable() && p.Transport.Connected(to) {
		return !r.trunkHost(to.Addr()) && !r.extensionsHost(to.Addr())
	}
	return len(in.path.rest) == 0 && r.phone(in.uri)
}

// uriOf is the URI in a Route, Record-Route or Contact.
func uriOf(nameAddr []byte) (u message.URI, ok bool) {
	a, err := message.ParseNameAddr(nameAddr)
	if err != nil {
		return u, false
	}
	u, err = message.ParseURI(a.URI)
	return u, err == nil
}

// way is what is signed of a remote target and of the Route entries before it: no parameters, which some phones change.
func way(target message.URI, hops [][]byte) []byte {
	b := appendHop(make([]byte, 0, 128), target)
	for _, hop := range hops {
		u, _ := uriOf(hop)
		b = appendHop(b, u)
	}
	return b
}

func appendHop(b []byte, u message.URI) []byte {
	b = append(append(b, u.User...), '@')
	b = append(append(b, bytes.ToLower(u.Host)...), ':')
	return append(strconv.AppendUint(b, uint64(u.Port), 10), ' ')
}

// opaque says whether a remote target, or a Route entry on the way to it, has digits enough to be taken for a number and
// is not n: only then it needs a signature.
func opaque(target message.URI, hops [][]byte, n gate.Number) bool {
	return dialled(target.User) && !rings(target.User, n) || slices.ContainsFunc(hops, func(hop []byte) bool {
		u, _ := uriOf(hop)
		return dialled(u.User)
	})
}

// vouch is what is put behind a call's token in a request: it signs the caller's Contact and the Route entries that lead
// there from here. "" when that needs no signature.
func (p *Proxy) vouch(m *message.Message, token string) string {
	v, _ := m.Get(message.Contact)
	u, ok := uriOf(v)
	var hops [][]byte
	for span := range m.Elements(message.RecordRoute) {
		hops = append(hops, m.Bytes(span))
	}
	if !ok || !opaque(u, hops, "") {
		return ""
	}
	return p.Keys.signTarget(token, m.CallID, way(u, hops))
}

// vouchUpstream does the same for the callee's Contact in a response that begins a dialog (§16.7-8). Only what a trunk or
// the extensions name is believed.
func (b *branch) vouchUpstream(e *message.Edit, m *message.Message) {
	p := b.rc.p
	if b.rc.method == "INVITE" && m.ToTag != nil && b.out != nil && p.routing.Load().configured(b.out) {
		p.vouchCallee(e, m, b.rc.number, true)
	}
}

// vouchAgain does it for a 2xx that came again, of which only is known where it goes: a call that the extensions' server
// makes, and that no number was decided for, is one to a phone.
func (p *Proxy) vouchAgain(e *message.Edit, m *message.Message, to transport.Source) {
	p.vouchCallee(e, m, "", !p.routing.Load().origin(to.Address).pbx)
}

// vouchCallee signs the target of a dialog to n; undecided: also when no number was decided. The Record-Routes above ours
// are the way from here, backwards.
func (p *Proxy) vouchCallee(e *message.Edit, m *message.Message, n gate.Number, undecided bool) {
	v, _ := m.Get(message.Contact)
	target, ok := uriOf(v)
	var hops [][]byte
	for span := range m.Elements(message.RecordRoute) {
		element := m.Bytes(span)
		u, read := uriOf(element)
		if !ok || !read {
			return
		}
		token, signed := u.Param(tokenParam)
		if !signed || !p.ours(u) {
			hops = append([][]byte{element}, hops...)
			continue
		}
		if !opaque(target, hops, n) {
			return
		}
		c, good := p.Keys.verifyCall(token, m.CallID, m.FromTag, nil)
		if good && c.target == nil && (undecided || c.number != "") {
			more := p.Keys.signTarget(c.token, m.CallID, way(target, hops))
			e.Insert(span.Start+bytes.LastIndex(element, token)+len(token), []byte(more))
		}
	}
}

// trunkSide says whether a request comes from a trunk, or from another port of one that is no peer besides.
func (p *Proxy) trunkSide(in *inbound) bool {
	return in.from.trunk != nil || in.from.peer == nil && p.routing.Load().trunkHost(in.tx.Source.Addr())
}

// trunkHost says whether a trunk has this address.
func (r *Routing) trunkHost(a netip.Addr) bool {
	return slices.ContainsFunc(r.Trunks, func(t Trunk) bool { return t.host(a) })
}

// extensionsHost says whether the extensions' server has this address.
func (r *Routing) extensionsHost(a netip.Addr) bool {
	return r.Extensions != nil && r.Extensions.host(a)
}

// phone says whether a URI names a phone of ours: its host is in a peer's network, and that is a network of phones, with
// neither a trunk nor the extensions' server in it.
func (r *Routing) phone(u message.URI) bool {
	ip, err := netip.ParseAddr(string(u.Host))
	if err != nil {
		return false
	}
	ip = ip.Unmap()
	if r.extensionsHost(ip) {
		return false
	}
	phones := func(n netip.Prefix) bool {
		return n.Contains(ip) && !slices.ContainsFunc(r.Trunks, func(t Trunk) bool { return t.within(n) })
	}
	return slices.ContainsFunc(r.Peers, func(p Peer) bool { return slices.ContainsFunc(p.From, phones) })
}
