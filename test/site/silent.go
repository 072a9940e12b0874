package site

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"sync"
)

// Silent listens by UDP and TCP, says nothing and remembers what it heard: for an end that must hear nothing.
type Silent struct {
	udp     *net.UDPConn
	tcp     *net.TCPListener
	running sync.WaitGroup

	mu    sync.Mutex
	heard []string
	conns []net.Conn
}

// Listen begins to listen.
func Listen(at netip.AddrPort) (*Silent, error) {
	udp, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(at))
	if err != nil {
		return nil, fmt.Errorf("silent end: %w", err)
	}
	tcp, err := net.ListenTCP("tcp", net.TCPAddrFromAddrPort(at))
	if err != nil {
		return nil, errors.Join(fmt.Errorf("silent end: %w", err), udp.Close())
	}
	s := &Silent{udp: udp, tcp: tcp}
	s.running.Go(func() { s.read(udp, false) })
	s.running.Go(s.accept)
	return s, nil
}

// At is where it listens.
func (s *Silent) At() netip.AddrPort {
	a, err := netip.ParseAddrPort(s.tcp.Addr().String())
	if err != nil {
		panic("a listener's own address does not parse: " + err.Error())
	}
	return a
}

// Heard is the first word of every message that came.
func (s *Silent) Heard() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.heard...)
}

// Close stops listening.
func (s *Silent) Close() error {
	err := errors.Join(s.udp.Close(), s.tcp.Close())
	s.mu.Lock()
	for _, c := range s.conns {
		_ = c.Close() // the reader may have met its end already
	}
	s.mu.Unlock()
	s.running.Wait()
	return err
}

func (s *Silent) accept() {
	for {
		c, err := s.tcp.Accept()
		if err != nil {
			return
		}
		s.mu.Lock()
		s.conns = append(s.conns, c)
		s.mu.Unlock()
		s.running.Go(func() { s.read(c, true) })
	}
}

func (s *Silent) read(c net.Conn, stream bool) {
	buf := make([]byte, 65535)
	for {
		n, err := c.Read(buf)
		switch {
		case n > 0:
			word, _, _ := strings.Cut(string(buf[:n]), " ")
			s.mu.Lock()
			s.heard = append(s.heard, word)
			s.mu.Unlock()
		case errors.Is(err, net.ErrClosed), stream && err != nil:
			return
		}
	}
}
