package proxy

import (
	"context"
	"errors"
	"net/netip"
	"time"

	"github.com/ringfence/ringfence/sip/message"
	"github.com/ringfence/ringfence/sip/transaction"
	"github.com/ringfence/ringfence/sip/transport"
)

// resolveTimeout bounds a name look-up on a request's way; half of what Timer B would allow would be no use to a caller.
const resolveTimeout = 2 * time.Second

// maxLookups is how many requests may wait for a name at once: the names are others' words, and so is their number.
const maxLookups = 256

var (
	errNoAddress   = errors.New("the name has no address")
	errBusy        = errors.New("too many names are being looked up")
	errFlowGone    = errors.New("the phone's connection is gone, and it has no address that could be connected to")
	errNoTransport = errors.New("the URI asks for a transport that this proxy does not speak")
)

// reach finds what is behind a URI of a request's own, a Route or a Contact, and goes on with it as an event of the
// shard: at once for a literal address, later for a name. To be called with the shard's lock held.
func (p *Proxy) reach(s *transaction.Shard, uri []byte, then func(outbound, error)) {
	u, err := message.ParseURI(uri)
	if err != nil || u.Scheme != "sip" && u.Scheme != "sips" {
		then(outbound{}, errNoAddress)
		return
	}
	proto := protocolOf(u)
	if proto == 0 {
		then(outbound{}, errNoTransport)
		return
	}
	if ip, err := netip.ParseAddr(string(u.Host)); err == nil {
		to := p.routing.Load().named(transport.Address{Protocol: proto, AddrPort: netip.AddrPortFrom(ip.Unmap(), portOf(u, proto))})
		if to.Protocol.Web() && !p.Transport.Connected(to) {
			then(outbound{}, errFlowGone)
			return
		}
		then(outbound{to: to}, nil)
		return
	}
	if proto.Web() || hasSuffixFold(u.Host, ".invalid") { // RFC 7118 §5: a browser has no other host
		then(outbound{}, errFlowGone)
		return
	}
	if p.lookups.Add(1) > maxLookups {
		p.lookups.Add(-1)
		then(outbound{}, errBusy)
		return
	}
	go func() {
		defer p.lookups.Add(-1)
		o, err := p.locate(u)
		s.Do(func() {
			defer p.contain(nil)
			then(o, err)
		})
	}()
}

// locate waits for the resolver. Requests of one dialog must all find the same server, so each address has a rank of its
// own here.
func (p *Proxy) locate(u message.URI) (outbound, error) {
	ctx, stop := context.WithTimeout(p.life, resolveTimeout)
	defer stop()
	all, err := p.Resolve(ctx, u)
	if len(all) == 0 {
		return outbound{}, errors.Join(errNoAddress, err)
	}
	for i := range all {
		all[i].Rank = i
	}
	at := &Target{Name: "next hop", Host: string(u.Host), Addresses: &Addresses{}}
	at.Set(all)
	return outbound{at: at}, nil
}

// first is where o goes when only one address can be tried.
func (o *outbound) first() transport.Address {
	if o.at == nil {
		return o.to
	}
	return o.at.first()
}
