package transport

import (
	"fmt"
	"net/netip"
	"strings"
	"unique"
)

// Protocol is a transport protocol of SIP. Its zero value is none.
type Protocol uint8

// The protocols. All but UDP run over TCP, which delivers.
const (
	UDP Protocol = iota + 1
	TCP
	TLS
	WS
	WSS
	protocolCount
)

var protocolNames = [protocolCount]string{"", "UDP", "TCP", "TLS", "WS", "WSS"}

var defaultPorts = [protocolCount]uint16{0, 5060, 5060, 5061, 80, 443}

// String is the protocol as a Via header field spells it.
func (p Protocol) String() string {
	if 0 < p && p < protocolCount {
		return protocolNames[p]
	}
	return fmt.Sprintf("protocol(%d)", uint8(p))
}

// ParseProtocol reads "udp", "tcp", "tls", "ws" or "wss" in any case.
func ParseProtocol(name string) (Protocol, error) {
	for p := UDP; p < protocolCount; p++ {
		if strings.EqualFold(name, protocolNames[p]) {
			return p, nil
		}
	}
	return 0, fmt.Errorf("unknown transport protocol %q: use udp, tcp, tls, ws or wss", name)
}

// Reliable says whether the protocol itself delivers, so that nothing is to be sent again (RFC 3261 §17).
func (p Protocol) Reliable() bool { return p > UDP }

// Secure says whether what goes over p is encrypted, so that a sips URI may go there (RFC 3261 §26.2.2).
func (p Protocol) Secure() bool { return p == TLS || p == WSS }

// Web says whether p is a WebSocket (RFC 7118): whoever speaks it came to us, and nobody can connect to them.
func (p Protocol) Web() bool { return p == WS || p == WSS }

// DefaultPort is the port that a URI or sent-by over p means when it has none (RFC 3261 §19.1.2, RFC 7118 §5).
func (p Protocol) DefaultPort() uint16 { return defaultPorts[p] }

// network is p's name for package net. One IP family a socket: with "udp" alone, 0.0.0.0 would listen on IPv6 as well
// and hide which address a peer sees.
func (p Protocol) network(a netip.Addr) string {
	name := "udp"
	if p.Reliable() {
		name = "tcp"
	}
	if a.Is6() {
		return name + "6"
	}
	return name + "4"
}

// Address is where somebody listens or sends from. It is comparable: IPv4 is never written as IPv6 in it.
type Address struct {
	Protocol Protocol
	netip.AddrPort

	// name is whom a connection that we make must prove to be, over TLS only: the host that the configuration or a URI
	// named, before it was looked up. The zero value asks for the IP address itself in the certificate. A handle, since
	// addresses are kept for every call.
	name unique.Handle[string]
}

// Name is the host that Named was told; "" when it was none.
func (a Address) Name() string {
	if a.name == (unique.Handle[string]{}) {
		return ""
	}
	return a.name.Value()
}

// Named is a with the host that was looked up to find it. Where no certificate is asked for, and for a host that is an
// address already, it is a itself.
func (a Address) Named(host string) Address {
	a.name = unique.Handle[string]{}
	if _, err := netip.ParseAddr(host); err != nil && a.Protocol.Secure() {
		a.name = unique.Make(strings.ToLower(host))
	}
	return a
}

// unnamed is a by its address alone.
func (a Address) unnamed() Address { return Address{Protocol: a.Protocol, AddrPort: a.AddrPort} }

// Same says whether a and b are one place, whatever name they were found by.
func (a Address) Same(b Address) bool { return a.Protocol == b.Protocol && a.AddrPort == b.AddrPort }

// String is the address as configuration files spell it: "udp://127.0.0.1:5060".
func (a Address) String() string {
	return strings.ToLower(a.Protocol.String()) + "://" + a.AddrPort.String()
}

// ParseAddress reads "udp://127.0.0.1:5060" or "tls://[::1]:5061". The host is a literal IP address: which address a
// name stands for is not for this package to say.
func ParseAddress(s string) (Address, error) {
	scheme, hostPort, ok := strings.Cut(s, "://")
	if !ok {
		return Address{}, fmt.Errorf("address %q has no protocol: write udp://host:port, or tcp, tls, ws or wss in the place of udp", s)
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
	return Address{Protocol: p, AddrPort: ap}.unmapped(), nil
}

// unmapped turns ::ffff:192.0.2.1 into 192.0.2.1.
func (a Address) unmapped() Address {
	if a.Addr().Is4In6() {
		a.AddrPort = unmap(a.AddrPort)
	}
	return a
}

func unmap(ap netip.AddrPort) netip.AddrPort { return netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port()) }
