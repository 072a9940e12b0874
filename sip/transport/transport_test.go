package transport

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/ringfence/ringfence/sip/message"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience is how long a test waits for what must happen; nothing waits that long when it does.
const patience = 10 * time.Second

// heard is one call of a Handler.
type heard struct {
	message *message.Message
	from    Source
	fault   *message.Fault
}

// recorder is a Handler that passes on what it hears, and the ear for what Config reports.
type recorder struct {
	heard chan heard
	drops chan string
	react func(heard) // instead of heard, in the reader's goroutine
}

func newRecorder() *recorder {
	return &recorder{heard: make(chan heard, 4096), drops: make(chan string, 1<<16)}
}

func (r *recorder) hear(h heard) {
	if r.react != nil {
		r.react(h)
		return
	}
	r.heard <- h
}

func (r *recorder) Receive(m *message.Message, from Source) { r.hear(heard{m, from, nil}) }

func (r *recorder) Malformed(m *message.Message, from Source, fault *message.Fault) {
	r.hear(heard{m, from, fault})
}

// next waits for the next value of a channel.
func next[T any](t *testing.T, c <-chan T) T {
	t.Helper()
	select {
	case v := <-c:
		return v
	case <-time.After(patience):
		require.FailNow(t, "nothing came in time")
		panic("not reached")
	}
}

// serve starts a Transport that listens on what is given and is stopped when the test ends.
func serve(t testing.TB, c Config, r *recorder, listen ...string) (*Transport, []*Listener) {
	t.Helper()
	c.Handler = r
	c.Dropped = func(why string) { r.drops <- why }
	tr := New(c)
	ls := make([]*Listener, 0, len(listen))
	for _, s := range listen {
		a, err := ParseAddress(s)
		require.NoError(t, err)
		l, err := tr.Listen(a)
		require.NoError(t, err)
		ls = append(ls, l)
	}
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- tr.Serve(ctx) }()
	t.Cleanup(func() {
		cancel()
		select {
		case err := <-served:
			assert.NoError(t, err)
		case <-time.After(patience):
			t.Error("Serve did not return after its context ended")
		}
	})
	return tr, ls
}

// request is a small valid request; body may be nil.
func request(method, callID string, cseq int, body []byte) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s sip:+12125550100@example.com SIP/2.0\r\n"+
		"Via: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK%s%d;rport\r\n"+
		"From: <sip:201@example.com>;tag=f1\r\nTo: <sip:+12125550100@example.com>\r\n"+
		"Call-ID: %s\r\nCSeq: %d %s\r\nMax-Forwards: 70\r\nContent-Length: %d\r\n\r\n",
		method, callID, cseq, callID, cseq, method, len(body))
	b.Write(body)
	return b.Bytes()
}

// dialUDP is a phone's socket towards l.
func dialUDP(t testing.TB, l *Listener) *net.UDPConn {
	t.Helper()
	c, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(l.Address().AddrPort))
	require.NoError(t, err)
	t.Cleanup(func() { c.Close() })
	require.NoError(t, c.SetDeadline(time.Now().Add(patience)))
	return c
}

// dialTCP is a phone's connection to l.
func dialTCP(t testing.TB, l *Listener) *net.TCPConn {
	t.Helper()
	c, err := net.DialTCP("tcp", nil, net.TCPAddrFromAddrPort(l.Address().AddrPort))
	require.NoError(t, err)
	t.Cleanup(func() { c.Close() })
	require.NoError(t, c.SetDeadline(time.Now().Add(patience)))
	return c
}

func localAddress(p Protocol, c net.Conn) Address {
	return Address{Protocol: p, AddrPort: netip.MustParseAddrPort(c.LocalAddr().String())}
}

// logLines is a log that a test can wait for.
type logLines struct {
	lines chan string
	seen  func(line string)
}

func newLog(seen func(string)) (zerolog.Logger, *logLines) {
	w := &logLines{lines: make(chan string, 1024), seen: seen}
	return zerolog.New(w), w
}

func (w *logLines) Write(b []byte) (int, error) {
	if w.seen != nil {
		w.seen(string(b))
	}
	w.lines <- string(b)
	return len(b), nil
}

// await waits for a line that holds part.
func (w *logLines) await(t *testing.T, part string) string {
	t.Helper()
	for {
		if line := next(t, w.lines); strings.Contains(line, part) {
			return line
		}
	}
}

func TestServeEndsWithItsContext(t *testing.T) {
	r := newRecorder()
	tr := New(Config{Handler: r})
	assert.False(t, tr.Ready(), "before Serve")
	require.ErrorContains(t, tr.Serve(t.Context()), "nothing listens")

	var ls []*Listener
	for _, p := range []Protocol{UDP, TCP} {
		l, err := tr.Listen(Address{Protocol: p, AddrPort: netip.MustParseAddrPort("127.0.0.1:0")})
		require.NoError(t, err)
		assert.NotZero(t, l.Address().Port())
		ls = append(ls, l)
	}
	ctx, cancel := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() { served <- tr.Serve(ctx) }()
	phone := dialTCP(t, ls[1])
	_, err := phone.Write(request("OPTIONS", "a", 1, nil))
	require.NoError(t, err)
	from := next(t, r.heard).from
	assert.True(t, tr.Ready())

	cancel()
	require.NoError(t, next(t, served))
	assert.False(t, tr.Ready(), "after Serve")
	_, err = phone.Read(make([]byte, 1))
	require.Error(t, err, "the connection must be closed")

	failures := make(chan error, 3)
	tr.Reply(from, []byte("late"), func(err error) { failures <- err })
	require.ErrorIs(t, next(t, failures), ErrConnectionGone)
	tr.Send(Address{Protocol: TCP, AddrPort: ls[1].Address().AddrPort}, nil, []byte("late"), func(err error) { failures <- err })
	require.ErrorIs(t, next(t, failures), ErrClosed)
	tr.Send(localAddress(UDP, phone), ls[0], []byte("late"), func(err error) { failures <- err })
	require.ErrorIs(t, next(t, failures), net.ErrClosed)

	for _, l := range ls { // the ports are free again
		again := New(Config{Handler: r})
		_, err := again.Listen(l.Address())
		require.NoError(t, err)
		again.Close()
	}
	_, err = tr.Listen(ls[0].Address())
	require.ErrorContains(t, err, "Listen comes before Serve")
	require.ErrorContains(t, tr.Serve(t.Context()), "make a new one")
}

func TestListenSaysWhatToDo(t *testing.T) {
	tr := New(Config{Handler: newRecorder()})
	t.Cleanup(tr.Close)
	for _, p := range []Protocol{UDP, TCP} {
		l, err := tr.Listen(Address{Protocol: p, AddrPort: netip.MustParseAddrPort("127.0.0.1:0")})
		require.NoError(t, err)
		_, err = tr.Listen(l.Address())
		require.ErrorContains(t, err, l.Address().String())
		require.ErrorContains(t, err, "another program has the port")
		require.ErrorContains(t, err, "sip.listen")

		_, err = tr.Listen(Address{Protocol: p, AddrPort: netip.MustParseAddrPort("192.0.2.1:5060")})
		require.ErrorContains(t, err, "this machine has no such address")
	}
	_, err := tr.Listen(Address{AddrPort: netip.MustParseAddrPort("127.0.0.1:0")})
	require.ErrorContains(t, err, "no such protocol")
}

// Everything that may be called from outside is called at once while the transport closes: the race detector looks on.
func TestClosingUnderTraffic(t *testing.T) {
	r := newRecorder()
	r.react = func(heard) {}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	tr := New(Config{Handler: r, Dropped: func(string) {}})
	u, err := tr.Listen(Address{Protocol: UDP, AddrPort: netip.MustParseAddrPort("127.0.0.1:0")})
	require.NoError(t, err)
	c, err := tr.Listen(Address{Protocol: TCP, AddrPort: netip.MustParseAddrPort("127.0.0.1:0")})
	require.NoError(t, err)
	served := make(chan error, 1)
	go func() { served <- tr.Serve(ctx) }()

	var callers sync.WaitGroup
	for i := range 8 {
		callers.Go(func() {
			for n := range 200 {
				if i == 0 && n == 100 {
					cancel()
				}
				b := request("OPTIONS", strconv.Itoa(n), 1, nil)
				tr.Send(u.Address(), u, b, func(error) {})
				tr.Send(c.Address(), nil, b, func(error) {}) // to ourselves
				tr.Send(Address{Protocol: TCP, AddrPort: netip.MustParseAddrPort("127.0.0.1:1")}, nil, b, func(error) {})
				tr.Connected(c.Address())
				tr.Ready()
			}
		})
	}
	callers.Wait()
	require.NoError(t, next(t, served))
}
