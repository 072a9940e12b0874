package transport

import (
	"io"
	"net"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestTCPReplyOnTheSameConnection(t *testing.T) {
	r := newRecorder()
	tr, ls := serve(t, Config{}, r, "tcp://127.0.0.1:0")
	const phones = 20
	var conns []net.Conn
	var sources []Source
	for i := range phones {
		c := dialTCP(t, ls[0])
		_, err := c.Write(request("OPTIONS", strconv.Itoa(i), 1, nil))
		require.NoError(t, err)
		conns, sources = append(conns, c), append(sources, next(t, r.heard).from)
	}
	for i, c := range conns { // not whichever connected last
		assert.True(t, tr.Connected(sources[i].Address))
		tr.Reply(sources[i], []byte(strconv.Itoa(i)+";"), nil)
		tr.Send(sources[i].Address, nil, []byte(strconv.Itoa(i)+";"), nil)
		want := strings.Repeat(strconv.Itoa(i)+";", 2)
		got := make([]byte, len(want))
		_, err := io.ReadFull(c, got)
		require.NoError(t, err)
		assert.Equal(t, want, string(got))
	}

	conns[0].Close()
	require.Eventually(t, func() bool { return !tr.Connected(sources[0].Address) }, patience, time.Millisecond)
	failures := make(chan error, 2)
	tr.Reply(sources[0], []byte("x"), func(err error) { failures <- err })
	require.ErrorIs(t, next(t, failures), ErrConnectionGone)
	assert.False(t, tr.Connected(sources[0].Address), "no reply dials")
}

// peer is a TCP server outside.
func peer(t *testing.T) (*net.TCPListener, Address) {
	t.Helper()
	l, err := net.ListenTCP("tcp", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	require.NoError(t, err)
	t.Cleanup(func() { l.Close() })
	require.NoError(t, l.SetDeadline(time.Now().Add(patience)))
	return l, Address{Protocol: TCP, AddrPort: netip.MustParseAddrPort(l.Addr().String())}
}

func TestTCPDialsOnce(t *testing.T) {
	r := newRecorder()
	tr, ls := serve(t, Config{}, r, "tcp://127.0.0.2:0")
	server, to := peer(t)
	assert.False(t, tr.Connected(to))
	var want strings.Builder
	for i := range 200 {
		text := strconv.Itoa(i) + "\n"
		want.WriteString(text)
		b := []byte(text)
		tr.Send(to, ls[0], b, func(err error) { t.Error(err) })
		clear(b) // Send has copied it
	}
	c, err := server.AcceptTCP()
	require.NoError(t, err)
	defer c.Close()
	got := make([]byte, want.Len())
	_, err = io.ReadFull(c, got)
	require.NoError(t, err)
	assert.Equal(t, want.String(), string(got), "all of it, in order, on one connection")
	assert.Equal(t, "127.0.0.2", localAddress(TCP, &swapped{c}).Addr().String(), "from the listener's address")
	assert.True(t, tr.Connected(to))
	tr.Send(to, nil, []byte("again"), func(err error) { t.Error(err) })
	assert.Equal(t, "again", read(t, c))

	// What comes back on it is heard like everything else.
	_, err = c.Write(request("BYE", "back", 1, nil))
	require.NoError(t, err)
	h := next(t, r.heard)
	assert.Equal(t, to, h.from.Address)
	assert.Same(t, ls[0], h.from.Listener)
	tr.Reply(h.from, []byte("reply"), nil)
	assert.Equal(t, "reply", read(t, c))

	require.NoError(t, server.SetDeadline(time.Now().Add(50*time.Millisecond)))
	_, err = server.Accept()
	require.ErrorIs(t, err, os.ErrDeadlineExceeded, "there is no second connection")
}

// swapped shows a connection from the other end.
type swapped struct{ net.Conn }

func (s *swapped) LocalAddr() net.Addr { return s.Conn.RemoteAddr() }

func TestTCPDialFails(t *testing.T) {
	tr, _ := serve(t, Config{}, newRecorder(), "tcp://127.0.0.1:0")
	server, to := peer(t)
	server.Close()
	const sends = 10
	failures := make(chan error, 2*sends)
	for range sends {
		tr.Send(to, nil, []byte("x"), func(err error) { failures <- err })
	}
	for range sends {
		err := next(t, failures)
		require.ErrorIs(t, err, syscall.ECONNREFUSED)
		require.ErrorContains(t, err, to.String())
	}
	assert.Empty(t, failures, "once each")
	assert.Empty(t, tr.connections.snapshot())
}

func TestTCPDialGivesUp(t *testing.T) {
	// A server that accepts nothing and whose queue is full lets a SYN wait.
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM, 0)
	require.NoError(t, err)
	defer syscall.Close(fd)
	require.NoError(t, syscall.Bind(fd, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}))
	require.NoError(t, syscall.Listen(fd, 0))
	sa, err := syscall.Getsockname(fd)
	require.NoError(t, err)
	to := Address{Protocol: TCP, AddrPort: netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), uint16(sa.(*syscall.SockaddrInet4).Port))}
	fill, err := net.Dial("tcp", to.AddrPort.String())
	require.NoError(t, err)
	defer fill.Close()

	tr, _ := serve(t, Config{Dial: 50 * time.Millisecond}, newRecorder(), "tcp://127.0.0.1:0")
	failures := make(chan error, 1)
	tr.Send(to, nil, []byte("x"), func(err error) { failures <- err })
	assert.False(t, tr.Connected(to), "not before it is there")
	err = next(t, failures)
	var timeout net.Error
	require.ErrorAs(t, err, &timeout)
	assert.True(t, timeout.Timeout(), err)
}

// A peer that reads nothing: what waits is bounded, and is given up after the write's time.
func TestTCPQueueIsBounded(t *testing.T) {
	const size, fit = 16 << 10, 4
	tr, ls := serve(t, Config{QueueBytes: fit * size, Write: 100 * time.Millisecond}, newRecorder(), "tcp://127.0.0.1:0")
	phone, c := piped(t, tr, ls[0])
	failures := make(chan error, 100)
	send := func() { tr.Send(c.peer, nil, make([]byte, size), func(err error) { failures <- err }) }
	send()
	_, err := phone.Read(make([]byte, 1)) // the writer has begun, and waits for more to be read
	require.NoError(t, err)
	for range fit {
		send()
	}
	send() // one too many
	require.ErrorIs(t, next(t, failures), ErrQueueFull)
	for range 1 + fit {
		err := next(t, failures)
		require.ErrorIs(t, err, os.ErrDeadlineExceeded)
		require.ErrorContains(t, err, c.peer.String())
	}
	assert.Empty(t, failures, "once each")
	assert.False(t, tr.Connected(c.peer))
	_, err = phone.Read(make([]byte, 1))
	require.ErrorIs(t, err, io.EOF)
}

// What was written whole before a write failed has been sent; what was not has failed.
func TestTCPFailsOnlyWhatWasNotWritten(t *testing.T) {
	var told []int
	var q queue
	for i, b := range []string{"one", "two", "three"} {
		q.add([]byte(b), func(error) { told = append(told, i) })
	}
	for _, m := range q.clear().after(len("onetw")).marks {
		m.failed(nil)
	}
	assert.Equal(t, []int{1, 2}, told)
}
