package transport

import (
	"fmt"
	"net/netip"
	"strings"
)

// Protocol is a transport protocol of SIP. Its zero value is none.
type Protocol uint8

// The protocols. TLS takes its place here when it comes; it is reliable, as everything after UDP.
const (
	UDP Protocol = iota + 1
	TCP
	protocolCount
)

var protocolNames = [protocolCount]string{"", "UDP", "TCP"}

// String is the protocol as a Via header field spells it.
func (p Protocol) String() string {
	if 0 < p && p < protocolCount {
		return protocolNames[p]
	}
	return fmt.Sprintf("protocol(%d)", uint8(p))
}

// ParseProtocol reads "udp" or "tcp" in any case.
func ParseProtocol(name string) (Protocol, error) {
	for p := UDP; p < protocolCount; p++ {
		if strings.EqualFold(name, protocolNames[p]) {
			return p, nil
		}
	}
	return 0, fmt.Errorf("unknown transport protocol %q: use udp or tcp", name)
}

// Reliable says whether the protocol itself delivers, so that nothing is to be sent again (RFC 3261 §17).
func (p Protocol) Reliable() bool { return p > UDP }

// network is p's name for package net. One IP family a socket: with "udp" alone, 0.0.0.0 would listen on IPv6 as well
// and hide which address a peer sees.
func (p Protocol) network(a netip.Addr) string {
	family := "4"
	if a.Is6() {
		family = "6"
	}
	return strings.ToLower(p.String()) + family
}

// Address is where somebody listens or sends from. It is comparable: IPv4 is never written as IPv6 in it.
type Address struct {
	Protocol Protocol
	netip.AddrPort
}

// String is the address as configuration files spell it: "udp://127.0.0.1:5060".
func (a Address) String() string {
	return strings.ToLower(a.Protocol.String()) + "://" + a.AddrPort.String()
}

// ParseAddress reads "udp://127.0.0.1:5060" or "tcp://[::1]:5060". The host is a literal IP address: which address a
// name stands for is not for this package to say.
func ParseAddress(s string) (Address, error) {
	scheme, hostPort, ok := strings.Cut(s, "://")
	if !ok {
		return Address{}, fmt.Errorf("address %q has no protocol: write udp://host:port or tcp://host:port", s)
	}
	p, err := ParseProtocol(scheme)
	if err != nil {
		return Address{}, fmt.Errorf("address %q: %w", s, err)
	}
	ap, err := netip.ParseAddrPort(hostPort)
	if err != nil {
		return Address{}, fmt.Errorf("address %q needs a literal IP address and a port, as in udp://192.0.2.1:5060 or "+
			"udp://[2001:db8::1]:5060: %w", s, err)
	}
	return Address{p, ap}.unmapped(), nil
}

// unmapped turns ::ffff:192.0.2.1 into 192.0.2.1.
func (a Address) unmapped() Address {
	if a.Addr().Is4In6() {
		a.AddrPort = unmap(a.AddrPort)
	}
	return a
}

func unmap(ap netip.AddrPort) netip.AddrPort { return netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port()) }
