package transport

import (
	"fmt"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"
)

// routes is what is known of this machine's addresses.
type routes struct {
	interfaces atomic.Pointer[map[netip.Addr]struct{}]
	kernel     kernelRoutes
}

// Route chooses what to send to an address by: the listener of its protocol and IP family, and the local address that
// the peer will see, for Via and Record-Route. Of several listeners it is the one that a connection to there belongs to;
// else the one on the address that the kernel would send from, else one on all addresses, else the first.
func (t *Transport) Route(to Address) (*Listener, netip.AddrPort, error) {
	to = to.unmapped()
	if to.Protocol.Reliable() {
		if c := t.connections.get(to); c != nil {
			local, err := c.listener.Local(to.Addr())
			return c.listener, local, err
		}
	}
	var first *Listener
	several := false
	for _, l := range t.listeners {
		if l.fits(to) {
			several = several || first != nil
			if first == nil {
				first = l
			}
		}
	}
	switch {
	case first == nil:
		return nil, netip.AddrPort{}, noListener(to)
	case !several && !first.wildcard():
		return first, first.address.AddrPort, nil
	}
	from, err := t.routes.kernel.source(to.Addr(), time.Now())
	if err != nil {
		return nil, netip.AddrPort{}, fmt.Errorf("no way to %v: %w: check this machine's routes", to, err)
	}
	l := t.closest(to, from, first)
	if l.wildcard() {
		return l, netip.AddrPortFrom(from, l.address.Port()), nil
	}
	return l, l.address.AddrPort, nil
}

// Local is the address by which a peer at that IP address knows l.
func (l *Listener) Local(peer netip.Addr) (netip.AddrPort, error) {
	if !l.wildcard() {
		return l.address.AddrPort, nil
	}
	from, err := l.transport.routes.kernel.source(peer, time.Now())
	if err != nil {
		return netip.AddrPort{}, fmt.Errorf("no way to %v: %w: check this machine's routes", peer, err)
	}
	return netip.AddrPortFrom(from, l.address.Port()), nil
}

// closest is the listener that fits to and listens on from; else one that listens everywhere; else first.
func (t *Transport) closest(to Address, from netip.Addr, first *Listener) *Listener {
	best := first
	for _, l := range t.listeners {
		if !l.fits(to) {
			continue
		}
		if l.address.Addr() == from {
			return l
		}
		if l.wildcard() && !best.wildcard() {
			best = l
		}
	}
	return best
}

func noListener(to Address) error {
	family, everywhere := "IPv6", netip.IPv6Unspecified()
	if to.Addr().Is4() {
		family, everywhere = "IPv4", netip.IPv4Unspecified()
	}
	entry := Address{Protocol: to.Protocol, AddrPort: netip.AddrPortFrom(everywhere, to.Protocol.DefaultPort())}
	return fmt.Errorf("cannot send to %v: nothing listens on %v over %s: add %q to sip.listen",
		to, to.Protocol, family, entry)
}

// IsLocal says whether that is one of our own listening addresses. Port 0 means the protocol's default.
func (t *Transport) IsLocal(host netip.Addr, port uint16, p Protocol) bool {
	host = host.Unmap()
	if port == 0 {
		port = p.DefaultPort()
	}
	for _, l := range t.listeners {
		if l.address.Protocol != p || l.address.Port() != port {
			continue
		}
		if l.address.Addr() == host || l.wildcard() && l.address.Addr().Is4() == host.Is4() && t.routes.ours(host) {
			return true
		}
	}
	return false
}

// ours says whether host is an address of this machine. All of 127.0.0.0/8 is, though its interface has but one.
func (r *routes) ours(host netip.Addr) bool {
	if host.IsLoopback() {
		return true
	}
	known := r.interfaces.Load()
	if known == nil {
		return false
	}
	_, ok := (*known)[host]
	return ok
}

// refreshInterfaces reads this machine's addresses. On failure the old ones stay.
func (r *routes) refreshInterfaces() {
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		return
	}
	known := make(map[netip.Addr]struct{}, len(addrs))
	for _, a := range addrs {
		if n, ok := a.(*net.IPNet); ok {
			if ip, ok := netip.AddrFromSlice(n.IP); ok {
				known[ip.Unmap()] = struct{}{}
			}
		}
	}
	r.interfaces.Store(&known)
}

// kernelRoutes remembers which local address the kernel sends from to each destination.
type kernelRoutes struct {
	mu    sync.RWMutex
	known map[netip.Addr]kernelRoute
}

type kernelRoute struct {
	source netip.Addr
	at     time.Time
}

const (
	routeLife = time.Minute // addresses move: DHCP, fail-over
	routesMax = 4096        // destinations; few gates have more than a dozen
)

func (k *kernelRoutes) init() { k.known = make(map[netip.Addr]kernelRoute) }

// source asks the kernel by connecting a UDP socket, which sends nothing.
func (k *kernelRoutes) source(to netip.Addr, now time.Time) (netip.Addr, error) {
	k.mu.RLock()
	r, ok := k.known[to]
	k.mu.RUnlock()
	if ok && now.Sub(r.at) < routeLife {
		return r.source, nil
	}
	c, err := net.DialUDP(UDP.network(to), nil, net.UDPAddrFromAddrPort(netip.AddrPortFrom(to, 9)))
	if err != nil {
		return netip.Addr{}, err
	}
	defer c.Close()
	r = kernelRoute{unmap(c.LocalAddr().(*net.UDPAddr).AddrPort()).Addr().WithZone(""), now}
	k.mu.Lock()
	defer k.mu.Unlock()
	if len(k.known) >= routesMax {
		clear(k.known) // rare, and soon asked again
	}
	k.known[to] = r
	return r.source, nil
}
