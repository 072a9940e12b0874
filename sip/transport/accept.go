package transport

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// An accept that failed is tried again after this long, and after twice as long each time until one succeeds.
const (
	firstRetry = 5 * time.Millisecond
	lastRetry  = time.Second
)

// acceptor is the net.Listener that sipgo serves: connections that were accepted and ones that we dialled come out of
// the same Accept, so that one kind of reader serves both. Accept never fails while the transport is open, since sipgo
// would stop listening for good.
type acceptor struct {
	listener *Listener
	socket   atomic.Pointer[net.TCPListener] // another one after a rebind
	ready    chan *connection
	done     chan struct{}
	closed   atomic.Bool
}

func newAcceptor(l *Listener) *acceptor {
	return &acceptor{listener: l, ready: make(chan *connection), done: make(chan struct{})}
}

// Accept gives sipgo the next connection to read. From here on its reader is awaited by Serve.
func (a *acceptor) Accept() (net.Conn, error) {
	for {
		select {
		case c := <-a.ready:
			if c.beginReading() {
				return c, nil
			}
		case <-a.done:
			return nil, net.ErrClosed
		}
	}
}

// Addr is net.Listener's.
func (a *acceptor) Addr() net.Addr { return a.socket.Load().Addr() }

// Close is net.Listener's; it may be called more than once.
func (a *acceptor) Close() error {
	if !a.closed.Swap(true) {
		close(a.done)
	}
	return a.socket.Load().Close()
}

// hand gives c to sipgo's reader.
func (a *acceptor) hand(c *connection) {
	select {
	case a.ready <- c:
	case <-a.done:
		c.close(ErrClosed)
	}
}

// serveStreams reads l's connections until ctx ends.
func (l *Listener) serveStreams(ctx context.Context) {
	var loop sync.WaitGroup
	loop.Go(func() {
		_ = l.newLayer().ServeTCP(l.tcp) // ends when the acceptor closes, and not before
	})
	l.tcp.accept(ctx)
	loop.Wait()
}

// accept takes connections from the kernel until ctx ends. Running out of file descriptors, and whatever else passes, is
// waited for; a socket that is dead is bound again.
func (a *acceptor) accept(ctx context.Context) {
	l := a.listener
	l.up.Store(true)
	defer l.up.Store(false)
	wait := firstRetry
	for {
		c, err := a.socket.Load().AcceptTCP()
		if err == nil {
			wait = firstRetry
			a.admit(c)
			continue
		}
		if ctx.Err() != nil {
			return
		}
		l.transport.log.error(fmt.Sprintf("%v cannot accept connections; it tries again in %v", l.address, wait), err)
		if !pause(ctx, wait) {
			return
		}
		wait = min(2*wait, lastRetry)
		if !passing(err) {
			l.up.Store(l.rebindTCP() == nil)
			if ctx.Err() != nil {
				l.close() // Serve may have closed the old socket
				return
			}
		}
	}
}

// rebindTCP binds a new socket in the place of a dead one. What was accepted lives on.
func (l *Listener) rebindTCP() error {
	l.up.Store(false)
	l.transport.config.Stopped()
	l.tcp.socket.Load().Close()
	err := l.bind()
	if err != nil {
		l.transport.log.error("cannot listen again", err)
	}
	return err
}

// passing says whether the accept's failure leaves the socket usable.
func passing(err error) bool {
	if errors.Is(err, net.ErrClosed) {
		return false
	}
	var no syscall.Errno
	if !errors.As(err, &no) {
		return true
	}
	return no != syscall.EBADF && no != syscall.EINVAL && no != syscall.ENOTSOCK
}

// admit lets c in, or closes it at once. What must be agreed on before the first message is agreed on elsewhere, so
// that nobody who takes their time keeps others from being accepted; the caps count them from here on.
func (a *acceptor) admit(c *net.TCPConn) {
	l := a.listener
	t := l.transport
	peer := Address{Protocol: l.address.Protocol, AddrPort: unmap(c.RemoteAddr().(*net.TCPAddr).AddrPort())}
	if !t.config.Admit(peer) {
		t.config.Dropped(DropSource)
		c.Close()
		return
	}
	conn := newConnection(t, l, peer)
	if err := t.connections.add(conn); err != nil {
		t.config.Dropped(DropConnectionCap)
		c.Close()
		return
	}
	boundSilence(c, t.config.Unacknowledged)
	if peer.Protocol == TCP {
		a.begin(conn, c)
		return
	}
	if !t.spawn(func() { a.shakeHands(conn, c) }) {
		c.Close()
		conn.close(ErrClosed)
	}
}

// begin lets c speak on socket.
func (a *acceptor) begin(c *connection, socket net.Conn) {
	if c.opened(socket, a.listener.transport.config.FirstMessage) {
		a.hand(c)
	}
}

// shakeHands is the part of TLS and of WebSocket in admitting c.
func (a *acceptor) shakeHands(c *connection, socket net.Conn) {
	t := a.listener.transport
	ctx, cancel := context.WithTimeout(t.open, t.config.Handshake)
	defer cancel()
	failed := func(what string, err error) {
		t.config.Dropped(DropHandshake)
		t.log.warn(fmt.Sprintf("no %s with %v: %v", what, c.peer, err))
		c.close(ErrConnectionGone)
	}
	if c.peer.Protocol.Secure() {
		secure, err := t.certificates.Load().accept(ctx, socket)
		if err != nil {
			failed("TLS", err)
			return
		}
		c.certificate = secure.clientCertificate()
		socket = secure
	}
	if c.peer.Protocol.Web() {
		if err := t.upgrade(ctx, socket); err != nil {
			socket.Close()
			failed("WebSocket", err)
			return
		}
		c.web = newWebSocket(c, socket)
		socket = c.web
	}
	a.begin(c, socket)
}
