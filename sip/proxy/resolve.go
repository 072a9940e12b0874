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

var (
	errNoAddress   = errors.New("the name has no address")
	errFlowGone    = errors.New("the phone's connection is gone, and it has no address that could be connected to")
	errNoTransport = errors.New("the URI asks for a transport that this proxy does not speak")
)

// reach finds the address behind a URI and goes on with it as an event of the shard: at once for a literal address,
// later for a name. To be called with the shard's lock held.
func (p *Proxy) reach(s *transaction.Shard, uri []byte, then func(transport.Address, error)) {
	u, err := message.ParseURI(uri)
	if err != nil || u.Scheme != "sip" && u.Scheme != "sips" {
		then(transport.Address{}, errNoAddress)
		return
	}
	to := transport.Address{Protocol: protocolOf(u)}
	if to.Protocol == 0 {
		then(transport.Address{}, errNoTransport)
		return
	}
	port := portOf(u, to.Protocol)
	if ip, err := netip.ParseAddr(string(u.Host)); err == nil {
		to.AddrPort = netip.AddrPortFrom(ip.Unmap(), port)
		if to = p.routing.Load().named(to); to.Protocol.Web() && !p.Transport.Connected(to) {
			then(to, errFlowGone)
			return
		}
		then(to, nil)
		return
	}
	if to.Protocol.Web() || hasSuffixFold(u.Host, ".invalid") { // RFC 7118 §5: a browser has no other host
		then(transport.Address{}, errFlowGone)
		return
	}
	host := string(u.Host)
	to = to.Named(host)
	go func() {
		ctx, stop := context.WithTimeout(p.life, resolveTimeout)
		defer stop()
		ips, err := p.Resolve(ctx, host)
		if err == nil && len(ips) == 0 {
			err = errNoAddress
		}
		if err == nil {
			ip, _ := netip.AddrFromSlice(ips[0].IP)
			to.AddrPort = netip.AddrPortFrom(ip.Unmap(), port)
		}
		s.Do(func() {
			defer p.contain(nil)
			then(to, err)
		})
	}()
}
