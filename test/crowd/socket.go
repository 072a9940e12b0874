package main

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"time"

	"golang.org/x/net/ipv4"
)

// atOnce is how many datagrams one system call moves at most (recvmmsg(2), sendmmsg(2)).
const atOnce = 64

// buffers is what the kernel may hold for a socket in each direction, bytes.
const buffers = 4 << 20

// socket moves datagrams in batches.
type socket struct {
	*net.UDPConn
	batches *ipv4.PacketConn
	got     []ipv4.Message
}

func openSocket(at netip.AddrPort) (*socket, error) {
	c, err := net.ListenUDP("udp4", net.UDPAddrFromAddrPort(at))
	if err != nil {
		return nil, fmt.Errorf("listen on %v: %w", at, err)
	}
	if err := errors.Join(c.SetReadBuffer(buffers), c.SetWriteBuffer(buffers)); err != nil {
		return nil, errors.Join(err, c.Close())
	}
	s := &socket{UDPConn: c, batches: ipv4.NewPacketConn(c), got: make([]ipv4.Message, atOnce)}
	for i := range s.got {
		s.got[i].Buffers = [][]byte{make([]byte, 4096)}
	}
	return s, nil
}

// receive waits until deadline for datagrams; none is no error. What it returns is good until it is called again.
func (s *socket) receive(deadline time.Time) ([]ipv4.Message, error) {
	if err := s.SetReadDeadline(deadline); err != nil {
		return nil, err
	}
	n, err := s.batches.ReadBatch(s.got, 0)
	var timeout net.Error
	if errors.As(err, &timeout) && timeout.Timeout() {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return s.got[:n], nil
}

// outgoing are datagrams that are to be sent together; their memory is used again.
type outgoing struct {
	all  []ipv4.Message
	used int
}

// next is the buffer of one more; the caller gives it back by add.
func (o *outgoing) next() []byte {
	if o.used == len(o.all) {
		o.all = append(o.all, ipv4.Message{Buffers: [][]byte{make([]byte, 0, 1024)}})
	}
	return o.all[o.used].Buffers[0][:0]
}

func (o *outgoing) add(b []byte, to net.Addr) {
	o.all[o.used].Buffers[0], o.all[o.used].Addr = b, to
	o.used++
}

// send empties o.
func (s *socket) send(o *outgoing) error {
	for rest := o.all[:o.used]; len(rest) > 0; {
		n, err := s.batches.WriteBatch(rest[:min(len(rest), atOnce)], 0)
		if err != nil {
			return err
		}
		rest = rest[n:]
	}
	o.used = 0
	return nil
}
