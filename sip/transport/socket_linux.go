package transport

import (
	"net"
	"time"

	"golang.org/x/sys/unix"
)

// boundSilence makes the kernel give up a connection whose peer has acknowledged nothing for d (RFC 5482). By itself it
// goes on for a quarter of an hour, and whatever is sent meanwhile is lost without a word.
func boundSilence(c *net.TCPConn, d time.Duration) {
	raw, err := c.SyscallConn()
	if err != nil {
		return // closed already, as its reader will find
	}
	_ = raw.Control(func(fd uintptr) {
		_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(d.Milliseconds()))
	})
}

// receiveBuffer is how many bytes the kernel holds for c, 0 when it does not say.
func receiveBuffer(c *net.UDPConn) (size int) {
	raw, err := c.SyscallConn()
	if err != nil {
		return 0
	}
	_ = raw.Control(func(fd uintptr) {
		size, _ = unix.GetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUF)
	})
	return size / 2 // socket(7): the kernel doubles what was asked for, and says the double
}

// setReceiveBuffer asks for size bytes for what c receives, beyond net.core.rmem_max where this process may (CAP_NET_ADMIN).
func setReceiveBuffer(c *net.UDPConn, size int) error {
	raw, err := c.SyscallConn()
	if err != nil {
		return err
	}
	var refused error
	err = raw.Control(func(fd uintptr) {
		refused = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, size)
	})
	if err != nil || refused == nil {
		return err
	}
	return c.SetReadBuffer(size)
}
