package transport

import (
	"encoding/binary"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// listening is a Transport that listens and does not serve.
func listening(t *testing.T, listen ...string) (*Transport, []*Listener) {
	t.Helper()
	tr := New(Config{Handler: newRecorder()})
	t.Cleanup(tr.Close)
	var ls []*Listener
	for _, s := range listen {
		a, err := ParseAddress(s)
		require.NoError(t, err)
		l, err := tr.Listen(a)
		require.NoError(t, err)
		ls = append(ls, l)
	}
	return tr, ls
}

func address(t *testing.T, s string) Address {
	t.Helper()
	a, err := ParseAddress(s)
	require.NoError(t, err)
	return a
}

func TestRoute(t *testing.T) {
	tests := map[string]struct {
		listen []string
		to     string
		use    int    // index in listen; -1: none
		local  string // the IP address that the peer sees
	}{
		"the only one":                {[]string{"udp://127.0.0.2:0"}, "udp://127.0.0.1:5060", 0, "127.0.0.2"},
		"everywhere":                  {[]string{"udp://0.0.0.0:0"}, "udp://127.0.0.1:5060", 0, "127.0.0.1"},
		"everywhere over IPv6":        {[]string{"udp://[::]:0"}, "udp://[::1]:5060", 0, "::1"},
		"by protocol":                 {[]string{"udp://127.0.0.1:0", "tcp://127.0.0.1:0"}, "tcp://127.0.0.1:5060", 1, "127.0.0.1"},
		"by family":                   {[]string{"udp://127.0.0.1:0", "udp://[::1]:0"}, "udp://[::1]:5060", 1, "::1"},
		"the kernel's choice":         {[]string{"udp://127.0.0.2:0", "udp://127.0.0.1:0"}, "udp://127.0.0.1:5060", 1, "127.0.0.1"},
		"everywhere before elsewhere": {[]string{"udp://127.0.0.2:0", "udp://0.0.0.0:0"}, "udp://127.0.0.1:5060", 1, "127.0.0.1"},
		"the first when none fits":    {[]string{"udp://127.0.0.2:0", "udp://127.0.0.3:0"}, "udp://127.0.0.1:5060", 0, "127.0.0.2"},
		"no such protocol":            {[]string{"udp://127.0.0.1:0"}, "tcp://127.0.0.1:5060", -1, `add "tcp://0.0.0.0:5060" to sip.listen`},
		"no such family":              {[]string{"udp://127.0.0.1:0"}, "udp://[2001:db8::1]:5060", -1, `add "udp://[::]:5060" to sip.listen`},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			tr, ls := listening(t, test.listen...)
			l, local, err := tr.Route(address(t, test.to))
			if test.use < 0 {
				require.ErrorContains(t, err, test.local)
				return
			}
			require.NoError(t, err)
			assert.Same(t, ls[test.use], l)
			assert.Equal(t, netip.AddrPortFrom(netip.MustParseAddr(test.local), l.Address().Port()), local)
		})
	}
}

func TestRouteTakesMappedAddresses(t *testing.T) {
	tr, ls := listening(t, "udp://127.0.0.1:0")
	l, _, err := tr.Route(Address{Protocol: UDP, AddrPort: netip.MustParseAddrPort("[::ffff:127.0.0.1]:5060")})
	require.NoError(t, err)
	assert.Same(t, ls[0], l)
}

func TestKernelRoutesAreBoundedAndAge(t *testing.T) {
	var k kernelRoutes
	k.init()
	now := time.Unix(1_000_000, 0)
	for i := range uint32(routesMax + 100) {
		var ip [4]byte
		binary.BigEndian.PutUint32(ip[:], 127<<24+1+i)
		_, err := k.source(netip.AddrFrom4(ip), now)
		require.NoError(t, err)
		require.LessOrEqual(t, len(k.known), routesMax)
	}
	to := netip.MustParseAddr("127.0.0.1")
	stale := netip.MustParseAddr("192.0.2.1")
	k.known[to] = kernelRoute{stale, now}
	got, err := k.source(to, now.Add(routeLife-1))
	require.NoError(t, err)
	assert.Equal(t, stale, got, "still remembered")
	got, err = k.source(to, now.Add(routeLife))
	require.NoError(t, err)
	assert.Equal(t, to, got, "asked again")
}

func TestIsLocal(t *testing.T) {
	tr, ls := listening(t, "udp://127.0.0.2:0", "tcp://0.0.0.0:0")
	specific, everywhere := ls[0].Address().Port(), ls[1].Address().Port()
	tests := map[string]struct {
		host  string
		port  uint16
		p     Protocol
		local bool
	}{
		"listens there":             {"127.0.0.2", specific, UDP, true},
		"mapped":                    {"::ffff:127.0.0.2", specific, UDP, true},
		"other protocol":            {"127.0.0.2", specific, TCP, false},
		"other port":                {"127.0.0.2", specific - 1, UDP, false},
		"default port":              {"127.0.0.2", 0, UDP, false},
		"other address":             {"127.0.0.1", specific, UDP, false},
		"everywhere, loopback":      {"127.0.0.77", everywhere, TCP, true},
		"everywhere, other machine": {"192.0.2.1", everywhere, TCP, false},
		"everywhere, other family":  {"::1", everywhere, TCP, false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			assert.Equal(t, test.local, tr.IsLocal(netip.MustParseAddr(test.host), test.port, test.p))
		})
	}
	addrs, err := net.InterfaceAddrs()
	require.NoError(t, err)
	for _, a := range addrs {
		ip := netip.MustParsePrefix(a.String()).Addr()
		assert.Equal(t, ip.Is4(), tr.IsLocal(ip, everywhere, TCP), ip)
	}
}
