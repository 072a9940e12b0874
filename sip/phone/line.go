package phone

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/emiago/sipgo/sip"
)

// line is a UDP and a TCP socket on one port, served by one transport layer: RFC 3261 §18 asks every element for both.
// With a certificate there is a third one, for TLS, on a port of its own.
type line struct {
	udp    net.PacketConn
	tcp    net.Listener
	tls    net.Listener // nil without a certificate
	served sync.WaitGroup
}

// serve hands what is read to layer from now on, and returns when both sockets are read. Whatever a message may find its
// way to must be in place before.
func (l *line) serve(layer *sip.TransportLayer) {
	reading := &readSignal{PacketConn: l.udp, first: make(chan struct{})}
	// The errors of both loops say that the socket was closed, which is how they are meant to end.
	l.served.Go(func() { _ = layer.ServeUDP(reading) })
	l.served.Go(func() { _ = layer.ServeTCP(l.tcp) })
	if l.tls != nil {
		l.served.Go(func() { _ = layer.ServeTLS(l.tls) })
	}
	<-reading.first
}

// bindSecure opens the socket for TLS, on the same host.
func (l *line) bindSecure(config *tls.Config) (err error) {
	host, _, _ := net.SplitHostPort(l.address())
	if l.tls, err = tls.Listen("tcp", net.JoinHostPort(host, "0"), config); err != nil {
		return fmt.Errorf("cannot listen: %w", err)
	}
	return nil
}

// bind opens both sockets, on the same port. When the kernel chooses, its choice for UDP may be taken for TCP: then try again.
func bind(address string) (*line, error) {
	const attempts = 20
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, fmt.Errorf("%q is no host:port to listen on: %w", address, err)
	}
	var failed error
	for range attempts {
		udp, err := net.ListenPacket("udp", net.JoinHostPort(host, port))
		if err != nil {
			return nil, fmt.Errorf("cannot listen: %w", err)
		}
		tcp, err := net.Listen("tcp", udp.LocalAddr().String())
		if err == nil {
			return &line{udp: udp, tcp: tcp}, nil
		}
		failed = errors.Join(err, udp.Close())
		if port != "0" {
			break
		}
	}
	return nil, fmt.Errorf("cannot listen: %w", failed)
}

func (l *line) address() string { return l.udp.LocalAddr().String() }

// secureAddress is "" without a certificate.
func (l *line) secureAddress() string {
	if l.tls == nil {
		return ""
	}
	return l.tls.Addr().String()
}

func (l *line) close() error {
	err := errors.Join(l.udp.Close(), l.tcp.Close())
	if l.tls != nil {
		err = errors.Join(err, l.tls.Close())
	}
	l.served.Wait()
	return err
}

// send fills in what sipgo needs to send over the right socket: UDP leaves from the listening port, which takes the
// listener's exact address; over TCP the same would choose whichever connection was accepted last, so it must be empty.
func (l *line) send(r *sip.Request, network, destination string) {
	r.SetTransport(sip.NetworkToUpper(network))
	r.SetDestination(destination)
	r.Laddr = sip.Addr{}
	if addr, ok := l.udp.LocalAddr().(*net.UDPAddr); ok && !sip.IsReliable(network) {
		r.Laddr = sip.Addr{IP: addr.IP, Port: addr.Port, Zone: addr.Zone}
	}
}

// readSignal says when the socket is first read: only then does sipgo send from it instead of opening another.
type readSignal struct {
	net.PacketConn
	once  sync.Once
	first chan struct{}
}

func (r *readSignal) ReadFrom(b []byte) (int, net.Addr, error) {
	r.once.Do(func() { close(r.first) })
	return r.PacketConn.ReadFrom(b)
}

// dialTime bounds how long a TCP connection may take: everything a phone talks to is near.
const dialTime = 3 * time.Second
