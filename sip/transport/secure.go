package transport

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"sync/atomic"
	"time"
)

// secureSocket is a TCP connection with TLS on it.
type secureSocket struct {
	*tls.Conn
	below *goodbye
}

// Close says goodbye (RFC 8446 §6.1) if that takes no time.
func (s secureSocket) Close() error {
	s.below.short.Store(true)
	return s.Conn.Close()
}

// goodbye is the TCP connection under TLS. tls.Conn gives its last word five seconds; a peer that reads nothing would
// hold up whoever closes it, and with them whatever lock they hold.
type goodbye struct {
	net.Conn
	short atomic.Bool
}

// goodbyeTime is long enough for a socket that has room, and nothing for one that has none.
const goodbyeTime = 5 * time.Millisecond

// SetWriteDeadline is net.Conn's.
func (g *goodbye) SetWriteDeadline(t time.Time) error {
	if g.short.Load() {
		t = time.Now().Add(goodbyeTime)
	}
	return g.Conn.SetWriteDeadline(t)
}

// accept is the handshake with whoever connected to us. On failure the socket is closed.
func (c *Certificates) accept(ctx context.Context, socket net.Conn) (secureSocket, error) {
	if c.server == nil { // no reload takes it away while something listens
		socket.Close()
		return secureSocket{}, errors.New("there is no certificate to show")
	}
	below := &goodbye{Conn: socket}
	return secureSocket{tls.Server(below, c.server), below}.handshake(ctx)
}

// connect is the handshake with whom we connected to, who must prove to be the peer. On failure the socket is closed.
func (c *Certificates) connect(ctx context.Context, socket net.Conn, peer Address) (secureSocket, error) {
	host := peer.Name()
	if host == "" {
		host = peer.Addr().WithZone("").String()
	}
	config := c.client.Clone()
	config.ServerName = host
	// Go's own check knows no sip URIs (RFC 5922), so the whole of it is made here.
	config.InsecureSkipVerify = true
	config.VerifyConnection = func(s tls.ConnectionState) error { return c.verify(s, host) }
	below := &goodbye{Conn: socket}
	return secureSocket{tls.Client(below, config), below}.handshake(ctx)
}

// verify: an authority that we believe says that the server is host.
func (c *Certificates) verify(s tls.ConnectionState, host string) error {
	if len(s.PeerCertificates) == 0 {
		return errors.New("the server shows no certificate")
	}
	leaf := s.PeerCertificates[0]
	between := x509.NewCertPool()
	for _, other := range s.PeerCertificates[1:] {
		between.AddCert(other)
	}
	_, err := leaf.Verify(x509.VerifyOptions{Roots: c.client.RootCAs, Intermediates: between})
	if err == nil {
		err = provesToBe(leaf, host)
	}
	if err != nil {
		return &tls.CertificateVerificationError{UnverifiedCertificates: s.PeerCertificates, Err: err}
	}
	return nil
}

// handshake ends within ctx, or the socket is closed.
func (s secureSocket) handshake(ctx context.Context) (secureSocket, error) {
	if err := s.HandshakeContext(ctx); err != nil {
		s.below.Close()
		return secureSocket{}, err
	}
	return s, nil
}

// clientCertificate is that of the other end, verified; nil without.
func (s secureSocket) clientCertificate() *x509.Certificate {
	state := s.ConnectionState()
	if len(state.VerifiedChains) == 0 {
		return nil
	}
	return state.PeerCertificates[0]
}
