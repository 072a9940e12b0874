package transport

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync/atomic"
	"syscall"
)

// socketBuffer is what the kernel may hold for a UDP socket in each direction, bytes: some 4,000 INVITEs, which is what
// a burst leaves behind while the reader is not scheduled. floodBuffer is what it may receive where this process can have
// more than the system's limit: at 100,000 INVITEs a second, the reader may then stand still for an eighth of a second.
const (
	socketBuffer = 4 << 20
	floodBuffer  = 4 * socketBuffer
)

// Listener is one entry of sip.listen.
type Listener struct {
	transport *Transport
	address   Address
	up        atomic.Bool                    // its read loop runs
	udp       atomic.Pointer[datagramSocket] // UDP only; another one after a rebind
	tcp       *acceptor                      // all others
	backlog   backlog                        // UDP only; the reader's alone
}

// Address is where l really listens: of port 0, the port that the kernel chose.
func (l *Listener) Address() Address { return l.address }

// wildcard says whether l listens on every address of this machine.
func (l *Listener) wildcard() bool { return l.address.Addr().IsUnspecified() }

// fits says whether l can send to a.
func (l *Listener) fits(a Address) bool {
	return l.address.Protocol == a.Protocol && l.address.Addr().Is4() == a.Addr().Is4()
}

// Listen binds a. It comes before Serve; what arrives in between waits in the kernel.
func (t *Transport) Listen(a Address) (*Listener, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.serving || t.closed {
		return nil, fmt.Errorf("listen on %v: the transport serves already: Listen comes before Serve", a)
	}
	l := &Listener{transport: t, address: a.unmapped()}
	l.backlog.queue.Limit = t.config.QueueDelay
	if err := l.bind(); err != nil {
		return nil, err
	}
	if l.wildcard() {
		t.routes.refreshInterfaces()
	}
	t.listeners = append(t.listeners, l)
	return l, nil
}

// bind opens l's socket, at first or again.
func (l *Listener) bind() error {
	switch l.address.Protocol {
	case UDP:
		return l.bindUDP()
	case TCP, WS:
		return l.bindTCP()
	case TLS, WSS:
		if !l.transport.certificates.Load().Serves() {
			return fmt.Errorf("listen on %v: there is no certificate to show: set sip.tls.cert_file and sip.tls.key_file", l.address)
		}
		return l.bindTCP()
	default:
		return fmt.Errorf("listen on %v: there is no such protocol: correct sip.listen", l.address)
	}
}

func (l *Listener) bindUDP() error {
	c, err := net.ListenUDP(UDP.network(l.address.Addr()), net.UDPAddrFromAddrPort(l.address.AddrPort))
	if err != nil {
		return bindError(l.address, err)
	}
	if err := errors.Join(setReceiveBuffer(c, floodBuffer), c.SetWriteBuffer(socketBuffer)); err != nil {
		c.Close()
		return fmt.Errorf("listen on %v: set the socket's buffers to %d bytes: %w", l.address, socketBuffer, err)
	}
	if size := receiveBuffer(c); 0 < size && size < socketBuffer {
		l.transport.log.warn(fmt.Sprintf("%v has a receive buffer of %d bytes only, and a burst may be lost: "+
			"allow %d with `sysctl -w net.core.rmem_max=%d`", l.address, size, socketBuffer, socketBuffer))
	}
	socket, err := newDatagramSocket(c)
	if err != nil {
		c.Close()
		return bindError(l.address, err)
	}
	l.bound(c.LocalAddr().(*net.UDPAddr).AddrPort())
	l.udp.Store(socket)
	return nil
}

func (l *Listener) bindTCP() error {
	c, err := net.ListenTCP(l.address.Protocol.network(l.address.Addr()), net.TCPAddrFromAddrPort(l.address.AddrPort))
	if err != nil {
		return bindError(l.address, err)
	}
	l.bound(c.Addr().(*net.TCPAddr).AddrPort())
	if l.tcp == nil {
		l.tcp = newAcceptor(l)
	}
	l.tcp.socket.Store(c)
	return nil
}

// bound notes the port that the kernel chose. Binding again asks for that very port, so it changes nothing.
func (l *Listener) bound(at netip.AddrPort) {
	if l.address.Port() == 0 {
		l.address.AddrPort = unmap(at)
	}
}

// bindError says what to do about an address that cannot be had.
func bindError(a Address, err error) error {
	cure := "see the system's message"
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		cure = "another program has the port: find it with `ss -lnp`, stop it, or choose another port in sip.listen"
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		cure = "this machine has no such address: see `ip addr`, and correct sip.listen"
	case errors.Is(err, syscall.EACCES):
		cure = "ports below 1024 need CAP_NET_BIND_SERVICE: grant it, or choose a higher port in sip.listen"
	}
	return fmt.Errorf("listen on %v: %w: %s", a, err, cure)
}

// close ends l's socket, and with it l's read loop.
func (l *Listener) close() {
	l.up.Store(false)
	if c := l.udp.Load(); c != nil {
		c.Close()
	}
	if l.tcp != nil {
		l.tcp.Close()
	}
}

// sender is the listener to send to a by: from, when it can; else the one that Route chooses.
func (t *Transport) sender(to Address, from *Listener) (*Listener, error) {
	if from != nil && from.fits(to) {
		return from, nil
	}
	l, _, err := t.Route(to)
	return l, err
}

// localAddr is what a connection dialled from l binds to: l's own address, so that the peer sees the one it knows, with
// a port of the kernel's choice.
func (l *Listener) localAddr() net.Addr {
	if l.wildcard() {
		return nil
	}
	return net.TCPAddrFromAddrPort(netip.AddrPortFrom(l.address.Addr(), 0))
}
