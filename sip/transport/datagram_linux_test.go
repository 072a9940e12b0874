package transport

import (
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestDatagramSocketKnowsBothFamilies(t *testing.T) {
	for _, host := range []string{"127.0.0.1", "::1"} {
		a := listenDatagrams(t, host)
		b := listenDatagrams(t, host)
		require.NoError(t, a.write([]byte("hello"), addrPortOf(b)))
		data, from, err := b.read()
		require.NoError(t, err)
		assert.Equal(t, "hello", string(data))
		assert.Equal(t, addrPortOf(a), from)
		require.NoError(t, a.write(nil, addrPortOf(b)), "an empty datagram")
		data, _, err = b.read()
		require.NoError(t, err)
		assert.Empty(t, data)
	}
}

func TestDatagramSocketEnds(t *testing.T) {
	s := listenDatagrams(t, "127.0.0.1")
	require.NoError(t, s.SetReadDeadline(time.Unix(1, 0)))
	_, _, err := s.read()
	require.ErrorContains(t, err, "i/o timeout")
	require.ErrorContains(t, s.write(make([]byte, 1<<16), addrPortOf(s)), "message too long")
	require.NoError(t, s.Close())
	_, _, err = s.read()
	require.ErrorIs(t, err, net.ErrClosed)
	require.ErrorIs(t, s.write([]byte("x"), addrPortOf(s)), net.ErrClosed)
}

// An address as the kernel writes it and as it is written for the kernel.
func TestSockaddr(t *testing.T) {
	for _, text := range []string{"192.0.2.1:5060", "[2001:db8::1]:65535", "0.0.0.0:0"} {
		want := netip.MustParseAddrPort(text)
		var a sockaddr
		a.set(netip.MustParseAddrPort("[ffff::ffff]:1"))
		a.set(want)
		assert.Equal(t, want, a.addrPort())
	}
	var a sockaddr
	a.set(netip.MustParseAddrPort("[fe80::1]:5060"))
	a.Scope_id = 3
	assert.Equal(t, netip.MustParseAddrPort("[fe80::1%3]:5060"), a.addrPort())
}

func listenDatagrams(t *testing.T, host string) *datagramSocket {
	t.Helper()
	c, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.ParseIP(host)})
	require.NoError(t, err)
	t.Cleanup(func() { c.Close() })
	s, err := newDatagramSocket(c)
	require.NoError(t, err)
	return s
}

func addrPortOf(s *datagramSocket) netip.AddrPort {
	return unmap(s.LocalAddr().(*net.UDPAddr).AddrPort())
}
