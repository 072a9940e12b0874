package transport

import (
	"net"
	"net/netip"
	"os"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestTCPCaps(t *testing.T) {
	r := newRecorder()
	admit := func(a Address) bool { return a.Addr() != netip.MustParseAddr("127.0.0.9") }
	tr, ls := serve(t, Config{MaxConnections: 3, MaxPerSource: 2, Admit: admit}, r, "tcp://127.0.0.1:0")
	dial := func(ip string) net.Conn {
		d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(ip)}}
		c, err := d.Dial("tcp", ls[0].Address().AddrPort.String())
		require.NoError(t, err)
		t.Cleanup(func() { c.Close() })
		c.SetDeadline(time.Now().Add(patience))
		c.Write(request("OPTIONS", ip, 1, nil))
		return c
	}
	refused := func(ip, why string) {
		t.Helper()
		_, err := dial(ip).Read(make([]byte, 1))
		require.Error(t, err)
		assert.NotErrorIs(t, err, os.ErrDeadlineExceeded)
		assert.Equal(t, why, next(t, r.drops))
	}
	refused("127.0.0.9", DropSource)
	first := dial("127.0.0.1")
	next(t, r.heard)
	dial("127.0.0.1")
	next(t, r.heard)
	refused("127.0.0.1", DropConnectionCap)
	dial("127.0.0.2")
	next(t, r.heard)
	refused("127.0.0.3", DropConnectionCap)

	failures := make(chan error, 1)
	tr.Send(Address{Protocol: TCP, AddrPort: netip.MustParseAddrPort("127.0.0.1:1")}, nil, []byte("x"), func(err error) { failures <- err })
	require.ErrorIs(t, next(t, failures), ErrTooMany)

	first.Close() // makes room
	require.Eventually(t, func() bool { return len(tr.connections.snapshot()) == 2 }, patience, time.Millisecond)
	dial("127.0.0.3")
	next(t, r.heard)
}

// Out of file descriptors, an accept fails; sipgo by itself would stop listening for good.
func TestTCPSurvivesRunningOutOfDescriptors(t *testing.T) {
	log, lines := newLog(nil)
	r := newRecorder()
	tr, ls := serve(t, Config{Log: log}, r, "tcp://127.0.0.1:0")
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM, 0)
	require.NoError(t, err)
	defer syscall.Close(fd)

	var before syscall.Rlimit
	require.NoError(t, syscall.Getrlimit(syscall.RLIMIT_NOFILE, &before))
	none := syscall.Rlimit{Cur: 1, Max: before.Max}
	require.NoError(t, syscall.Setrlimit(syscall.RLIMIT_NOFILE, &none))
	restore := func() { _ = syscall.Setrlimit(syscall.RLIMIT_NOFILE, &before) }
	defer restore()

	to := ls[0].Address()
	require.NoError(t, syscall.Connect(fd, &syscall.SockaddrInet4{Addr: to.Addr().As4(), Port: int(to.Port())}))
	assert.Contains(t, lines.await(t, "cannot accept"), "too many open files")
	assert.True(t, tr.Ready())
	restore()
	_, err = syscall.Write(fd, request("OPTIONS", "patient", 1, nil))
	require.NoError(t, err)
	assert.Equal(t, "patient", string(next(t, r.heard).message.CallID))
}

func TestTCPListenerComesBack(t *testing.T) {
	log, lines := newLog(nil)
	r := newRecorder()
	tr, ls := serve(t, Config{Log: log}, r, "tcp://127.0.0.1:0")
	old := dialTCP(t, ls[0])
	_, err := old.Write(request("OPTIONS", "before", 1, nil))
	require.NoError(t, err)
	from := next(t, r.heard).from
	require.NoError(t, ls[0].tcp.socket.Load().Close())
	lines.await(t, "cannot accept")
	var phone net.Conn
	require.Eventually(t, func() bool {
		phone, err = net.Dial("tcp", from.Listener.Address().AddrPort.String())
		return err == nil
	}, patience, time.Millisecond)
	defer phone.Close()
	_, err = phone.Write(request("OPTIONS", "after", 1, nil))
	require.NoError(t, err)
	assert.Equal(t, "after", string(next(t, r.heard).message.CallID))
	assert.True(t, tr.Ready())
	tr.Reply(from, []byte("still here"), nil)
	assert.Equal(t, "still here", read(t, old), "what was accepted before lives on")
}

// Hundreds who connect and say nothing keep nobody out, and are gone in time.
func TestSilentTCPConnections(t *testing.T) {
	const silent = 500
	r := newRecorder()
	tr, ls := serve(t, Config{FirstMessage: 2 * time.Second, MaxPerSource: silent + 1}, r, "tcp://127.0.0.1:0")
	var closed sync.WaitGroup
	for range silent {
		c := dialTCP(t, ls[0])
		closed.Go(func() {
			_, err := c.Read(make([]byte, 1))
			assert.NotErrorIs(t, err, os.ErrDeadlineExceeded)
		})
	}
	require.Eventually(t, func() bool { return len(tr.connections.snapshot()) == silent }, patience, time.Millisecond)
	begun := time.Now()
	_, err := dialTCP(t, ls[0]).Write(request("OPTIONS", "honest", 1, nil))
	require.NoError(t, err)
	assert.Equal(t, "honest", string(next(t, r.heard).message.CallID))
	assert.Less(t, time.Since(begun), time.Second)
	closed.Wait()
	assert.Empty(t, r.drops)
}
