//go:build !linux

package transport

import (
	"net"
	"net/netip"
	"time"
)

// datagramSocket is a UDP socket.
type datagramSocket struct {
	*net.UDPConn
	buf []byte
}

func newDatagramSocket(c *net.UDPConn) (*datagramSocket, error) {
	return &datagramSocket{c, make([]byte, 1<<16)}, nil
}

// read waits for a datagram. What it returns is good until read is called again.
func (s *datagramSocket) read() ([]byte, netip.AddrPort, error) {
	n, from, err := s.ReadFromUDPAddrPort(s.buf)
	return s.buf[:n], from, err
}

// queued, age and used are Linux's: elsewhere the system does not say how long a datagram has waited, nor how many do.
func (s *datagramSocket) queued() bool { return false }

func (s *datagramSocket) age() time.Duration { return 0 }

func (s *datagramSocket) used() float64 { return 0 }

func (s *datagramSocket) write(b []byte, to netip.AddrPort) error {
	_, err := s.WriteToUDPAddrPort(b, to)
	return err
}
