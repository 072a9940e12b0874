package transport

import (
	"crypto/x509"
	"errors"
	"net"
	"os"
	"sync"
	"time"

	"github.com/ringfence/ringfence/sip/guard"
	"github.com/ringfence/ringfence/sip/message"
)

// connection is one TCP or TLS connection: a net.Conn for sipgo's reader, the place of the bytes that are not a whole message
// yet, and the queue of what is to be sent.
type connection struct {
	net.Conn  // set before a reader or writer sees the connection
	transport *Transport
	listener  *Listener
	peer      Address
	dialled   bool // by us; accepted otherwise

	web         *webSocket        // nil over TCP and TLS. Set before a reader runs
	certificate *x509.Certificate // that the peer who connected to us proved to own; nil without. Set before a reader runs

	// The reader's alone.
	framer   message.Framer
	rest     []byte // received, and not a whole message yet
	halfSent bool   // rest is the beginning of a message
	lost     bool   // the stream has no boundaries any more
	ended    bool   // Read has failed
	messages int    // that came whole since the last Read
	pace     guard.Pace

	mu        sync.Mutex
	open      bool // Conn is there
	finishing bool // nothing is to be sent after what is queued
	closed    bool
	writing   bool // a writer runs
	queue     queue
	pings     *time.Timer // WebSocket only
}

func newConnection(t *Transport, l *Listener, peer Address) *connection {
	return &connection{transport: t, listener: l, peer: peer, framer: message.Framer{Max: t.config.MaxMessage}}
}

// opened begins c's life on socket, which must say something within silence. What was queued meanwhile is sent.
func (c *connection) opened(socket net.Conn, silence time.Duration) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		socket.Close()
		return false
	}
	c.Conn = socket
	c.open = true
	socket.SetReadDeadline(time.Now().Add(silence))
	if c.web != nil {
		c.pings = time.AfterFunc(c.transport.config.Ping, c.web.ping)
	}
	c.wake()
	return true
}

// beginReading says whether c may be given to sipgo, whose reader Serve waits for then.
func (c *connection) beginReading() bool {
	t := c.transport
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return false
	}
	t.tasks.Add(1)
	return true
}

// Read is what sipgo's reader calls. Its last call is the one that fails; sipgo is told of an orderly end whatever the
// reason was, since the reason is no fault of ours to be logged.
func (c *connection) Read(b []byte) (int, error) {
	c.slowDown()
	n, err := c.Conn.Read(b)
	if n > 0 && onlyNUL(b[:n]) {
		// sipgo skips such a chunk before its filter sees it, but inside a body these bytes count.
		c.take(b[:n])
	}
	if err == nil {
		return n, nil
	}
	if !c.ended {
		c.ended = true
		if c.halfSent && errors.Is(err, os.ErrDeadlineExceeded) {
			c.transport.config.Dropped(DropFrame)
		}
		c.close(ErrConnectionGone)
		c.transport.tasks.Done()
	}
	return n, net.ErrClosed
}

// slowDown lets a peer that sends too many messages wait, as TCP makes it do when nobody reads.
func (c *connection) slowDown() {
	if !c.transport.config.Pace.Limits() || c.messages == 0 {
		return
	}
	wait := c.pace.Take(c.messages, c.transport.config.Pace, time.Now())
	c.messages = 0
	if wait > 0 {
		pause(c.transport.open, wait)
	}
}

// Close is what sipgo calls when its reader ends.
func (c *connection) Close() error {
	c.close(ErrConnectionGone)
	return nil
}

// RemoteAddr carries c to the read filter.
func (c *connection) RemoteAddr() net.Addr { return connectionSource{c} }

// connectionSource is the address of a connection's peer.
type connectionSource struct{ *connection }

// Network is net.Addr's.
func (connectionSource) Network() string { return "tcp" }

// String is net.Addr's.
func (s connectionSource) String() string { return s.peer.AddrPort.String() }

// take is the read filter's part for streams: Content-Length says where messages end (RFC 3261 §18.3).
func (c *connection) take(data []byte) {
	if c.web != nil {
		c.takeWhole(c.web.message)
		return
	}
	if c.lost {
		return
	}
	buf := data
	if len(c.rest) > 0 {
		c.rest = append(c.rest, data...)
		buf = c.rest
	}
	whole := false // something came in whole, so that what is left began with this chunk
	for {
		msg, rest, ping, err := c.framer.Next(buf)
		if err != nil {
			c.misframed(msg, err)
			return
		}
		buf = rest
		if ping {
			c.enqueue(pong, nil)
		}
		if msg == nil && !ping {
			break
		}
		whole = true
		if msg != nil {
			c.messages++
			c.transport.deliver(msg, c.source())
		}
	}
	c.keep(buf, whole)
}

// takeWhole is take where what came is a message by itself (RFC 7118 §5).
func (c *connection) takeWhole(data []byte) {
	switch {
	case string(data) == "\r\n\r\n":
		c.enqueue(pong, nil)
	case !onlyCRLF(data):
		c.transport.deliver(data, c.source())
	}
}

// pong answers the CRLF CRLF of RFC 5626 §3.5.1.
var pong = []byte("\r\n")

// keep puts by what is not a whole message yet and sets the clock: a message that has begun must end in time, however
// many bytes of it keep coming.
func (c *connection) keep(rest []byte, whole bool) {
	const spare = 4 << 10 // bytes that an idle connection may hold on to
	if len(rest) == 0 && cap(c.rest) > spare {
		c.rest = nil
	} else {
		c.rest = append(c.rest[:0], rest...)
	}
	half := !onlyCRLF(rest)
	switch {
	case half && (whole || !c.halfSent):
		c.SetReadDeadline(time.Now().Add(c.transport.config.HalfSent))
	case !half:
		c.SetReadDeadline(time.Now().Add(c.transport.config.Idle))
	}
	c.halfSent = half
}

// misframed ends a connection on which no next message can be found. When the header section of a request is there, it
// is answered before; so is what came whole before it.
func (c *connection) misframed(section []byte, err error) {
	t := c.transport
	c.lost, c.rest, c.halfSent = true, nil, false
	var fault *message.Fault
	if !errors.As(err, &fault) || len(section) == 0 || !t.refuse(section, c.source(), fault) {
		why := DropFrame
		if fault != nil && fault.Code == 513 {
			why = DropOversize
		}
		t.config.Dropped(why)
	}
	c.SetReadDeadline(time.Now().Add(t.config.Write))
	c.finish()
}

// finish half-closes c when what is queued has been written. The reader goes on, taking nothing, until the peer closes
// too: closing with unread bytes would reset the connection and could destroy our answer on its way.
func (c *connection) finish() {
	c.transport.connections.retire(c)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.finishing = true
	if !c.writing && !c.closed {
		c.writing = c.transport.spawn(c.write)
	}
}

// halfClose tells the peer that nothing more will come. Over TLS that is a message, which may have to wait: c.mu is not
// held.
func (c *connection) halfClose() {
	if s, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		s.CloseWrite()
	}
}

func (c *connection) source() Source {
	return Source{Address: c.peer, Listener: c.listener, connection: c}
}

// close ends c, once. What was queued fails with cause.
func (c *connection) close(cause error) {
	c.mu.Lock()
	if c.closed {
		c.mu.Unlock()
		return
	}
	c.closed = true
	unsent := c.queue.clear()
	if c.pings != nil {
		c.pings.Stop()
	}
	if c.open {
		c.Conn.Close()
	}
	c.mu.Unlock()
	c.transport.connections.remove(c)
	unsent.fail(cause)
}
