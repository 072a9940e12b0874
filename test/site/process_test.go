package site

import (
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestFreeAddressIsFreeAndNotGivenTwice(t *testing.T) {
	host := netip.MustParseAddr("127.0.0.2")
	seen := map[netip.AddrPort]bool{}
	for range 50 {
		at, err := FreeAddress(host)
		require.NoError(t, err)
		require.False(t, seen[at], "%v came twice", at)
		seen[at] = true
	}
}

func TestListens(t *testing.T) {
	at, err := FreeAddress(netip.MustParseAddr("127.0.0.3"))
	require.NoError(t, err)
	assert.False(t, listens(UDP, at))
	assert.False(t, listens(TCP, at))
	s, err := Listen(at)
	require.NoError(t, err)
	assert.True(t, listens(UDP, at))
	assert.True(t, listens(TCP, at))
	require.NoError(t, s.Close())
	assert.False(t, listens(UDP, at))
	assert.False(t, listens(TCP, at))
}

func TestSilentHearsBothProtocols(t *testing.T) {
	at, err := FreeAddress(netip.MustParseAddr("127.0.0.3"))
	require.NoError(t, err)
	s, err := Listen(at)
	require.NoError(t, err)
	for _, network := range []string{"udp", "tcp"} {
		c, err := net.Dial(network, at.String())
		require.NoError(t, err)
		_, err = c.Write([]byte("INVITE sip:a@b SIP/2.0\r\n\r\n"))
		require.NoError(t, err)
		require.NoError(t, c.Close())
	}
	assert.Eventually(t, func() bool { return len(s.Heard()) == 2 }, 5*time.Second, time.Millisecond)
	assert.Equal(t, []string{"INVITE", "INVITE"}, s.Heard())
	require.NoError(t, s.Close())
}

func TestStopTellsOfAnEndThatNobodyAskedFor(t *testing.T) {
	p, err := start(t.TempDir(), "sh", "-c", "echo out of memory; exit 3")
	require.NoError(t, err)
	<-p.Done()
	err = p.Stop(time.Second)
	require.Error(t, err)
	assert.ErrorContains(t, err, "nobody asked it to")
	assert.ErrorContains(t, err, "exit status 3")
	assert.ErrorContains(t, err, "out of memory")
}

func TestMissingProgramNamesItsPackage(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	_, err := find("sipp")
	if err == nil {
		t.Fatal("sipp was found outside PATH")
	}
	assert.ErrorContains(t, err, "apt-get install sip-tester")
}
