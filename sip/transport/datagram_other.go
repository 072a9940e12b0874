//go:build !linux

package transport

import (
	"net"
	"net/netip"
)

// datagramSocket is a UDP socket.
type datagramSocket struct{ *net.UDPConn }

func newDatagramSocket(c *net.UDPConn) (*datagramSocket, error) { return &datagramSocket{c}, nil }

func (s *datagramSocket) read(b []byte) (int, netip.AddrPort, error) { return s.ReadFromUDPAddrPort(b) }

func (s *datagramSocket) write(b []byte, to netip.AddrPort) error {
	_, err := s.WriteToUDPAddrPort(b, to)
	return err
}
