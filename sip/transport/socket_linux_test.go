package transport

import (
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

func TestTCPSilenceOfTheNetworkIsBounded(t *testing.T) {
	r := newRecorder()
	tr, ls := serve(t, Config{Unacknowledged: 7 * time.Second}, r, "tcp://127.0.0.1:0")
	_, err := dialTCP(t, ls[0]).Write(request("OPTIONS", "a", 1, nil))
	require.NoError(t, err)
	next(t, r.heard)
	server, to := peer(t)
	tr.Send(to, nil, []byte("x"), nil)
	c, err := server.AcceptTCP()
	require.NoError(t, err)
	defer c.Close()
	read(t, c)

	all := tr.connections.snapshot()
	require.Len(t, all, 2, "one accepted, one dialled")
	for _, c := range all {
		raw, err := c.Conn.(*net.TCPConn).SyscallConn()
		require.NoError(t, err)
		require.NoError(t, raw.Control(func(fd uintptr) {
			ms, err := unix.GetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT)
			require.NoError(t, err)
			assert.Equal(t, 7000, ms)
		}))
	}
}

func TestReceiveBuffer(t *testing.T) {
	c, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	require.NoError(t, err)
	defer c.Close()
	require.NoError(t, c.SetReadBuffer(64<<10))
	assert.Equal(t, 64<<10, receiveBuffer(c))
}

// Who may has more than the system's limit; who may not has what the system gives, and no error.
func TestReceiveBufferForAFlood(t *testing.T) {
	c, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	require.NoError(t, err)
	defer c.Close()
	require.NoError(t, c.SetReadBuffer(floodBuffer))
	limited := receiveBuffer(c)
	require.NoError(t, setReceiveBuffer(c, floodBuffer))
	if mayForce() {
		assert.Equal(t, floodBuffer, receiveBuffer(c))
		return
	}
	assert.Equal(t, limited, receiveBuffer(c))
}

// mayForce says whether this process has CAP_NET_ADMIN.
func mayForce() bool {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	return unix.Capget(&header, &data[0]) == nil && data[0].Effective&(1<<unix.CAP_NET_ADMIN) != 0
}
