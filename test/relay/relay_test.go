package relay

import (
	"fmt"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// arrivals sends n numbered packets through a relay under rule and returns what arrives before the network is quiet.
func arrivals(t *testing.T, n int, rule Rule) (got []string) {
	t.Helper()
	host := netip.MustParseAddr("127.0.0.1")
	far, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.AddrPortFrom(host, 0)))
	require.NoError(t, err)
	defer far.Close()
	r, err := Start(netip.AddrPortFrom(host, 0), host, local(far), rule, Faithful())
	require.NoError(t, err)
	near, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(r.Front()))
	require.NoError(t, err)
	defer near.Close()

	for i := 1; i <= n; i++ {
		_, err := fmt.Fprintf(near, "%d", i)
		require.NoError(t, err)
	}
	buf := make([]byte, 100)
	for {
		require.NoError(t, far.SetReadDeadline(time.Now().Add(10*holdTime)))
		k, err := far.Read(buf)
		if err != nil {
			break
		}
		got = append(got, string(buf[:k]))
	}
	require.NoError(t, r.Close())
	return got
}

func TestRules(t *testing.T) {
	tests := map[string]struct {
		rule Rule
		sent int
		want []string
	}{
		"faithful":              {Faithful(), 3, []string{"1", "2", "3"}},
		"every third lost":      {Every(3, Drop), 6, []string{"1", "2", "4", "5"}},
		"every second repeated": {Every(2, Repeat), 3, []string{"1", "2", "2", "3"}},
		"every second late":     {Every(2, Hold), 5, []string{"1", "3", "2", "5", "4"}},
		"the last one held":     {Every(3, Hold), 3, []string{"1", "2", "3"}},
		"first copies lost":     {FirstCopy(), 3, nil},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			assert.Equal(t, tt.want, arrivals(t, tt.sent, tt.rule))
		})
	}
}

func TestFirstCopyPassesTheSecond(t *testing.T) {
	rule := FirstCopy()
	for _, p := range []string{"a", "b"} {
		assert.Equal(t, Drop, rule([]byte(p)))
	}
	for _, p := range []string{"b", "a", "a"} {
		assert.Equal(t, Pass, rule([]byte(p)))
	}
}

func TestRandomIsAlikeForASeed(t *testing.T) {
	one, two, other := Random(7, 0.1, Drop), Random(7, 0.1, Drop), Random(8, 0.1, Drop)
	lost, differs := 0, false
	for range 10_000 {
		f := one(nil)
		require.Equal(t, f, two(nil))
		differs = differs || f != other(nil)
		if f == Drop {
			lost++
		}
	}
	assert.True(t, differs, "the seed decides nothing")
	assert.InDelta(t, 1000, lost, 150)
}

func TestAnswersReturnToTheSender(t *testing.T) {
	host := netip.MustParseAddr("127.0.0.1")
	far, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.AddrPortFrom(host, 0)))
	require.NoError(t, err)
	defer far.Close()
	r, err := Start(netip.AddrPortFrom(host, 0), host, local(far), Faithful(), Every(2, Repeat))
	require.NoError(t, err)
	near, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(r.Front()))
	require.NoError(t, err)
	defer near.Close()
	_, err = near.Write([]byte("INVITE"))
	require.NoError(t, err)

	buf := make([]byte, 100)
	require.NoError(t, far.SetDeadline(time.Now().Add(5*time.Second)))
	_, from, err := far.ReadFromUDPAddrPort(buf)
	require.NoError(t, err)
	assert.Equal(t, r.Behind(), from)
	for _, answer := range []string{"180", "200"} {
		_, err = far.WriteToUDPAddrPort([]byte(answer), from)
		require.NoError(t, err)
	}
	require.NoError(t, near.SetReadDeadline(time.Now().Add(5*time.Second)))
	for _, want := range []string{"180", "200", "200"} {
		n, err := near.Read(buf)
		require.NoError(t, err)
		assert.Equal(t, want, string(buf[:n]))
	}
	require.NoError(t, r.Close())
	assert.EqualValues(t, 1, r.Back.Repeated.Load())
}
