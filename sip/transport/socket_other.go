//go:build !linux

package transport

import (
	"net"
	"time"
)

// boundSilence is Linux's; elsewhere only the system's own time-outs hold.
func boundSilence(*net.TCPConn, time.Duration) {}

// receiveBuffer is Linux's; 0 means that the system does not say.
func receiveBuffer(*net.UDPConn) int { return 0 }

// setReceiveBuffer asks for size bytes for what c receives.
func setReceiveBuffer(c *net.UDPConn, size int) error { return c.SetReadBuffer(size) }
