package transport

import (
	"context"
	"fmt"
	"net"
)

// Reply sends b back to where a message came from: over UDP to the source's address, from the socket that the message
// came in by; over TCP on that very connection, and nowhere else when it is gone (RFC 3261 §18.2.2 would have us connect
// to the host that Via names, which is whatever a stranger wrote there).
//
// failed, which may be nil, is called at most once: over UDP before Reply returns, over TCP always after, from another
// goroutine. b is not kept.
func (t *Transport) Reply(to Source, b []byte, failed func(error)) {
	switch {
	case to.Protocol == UDP && to.Listener != nil:
		to.Listener.sendUDP(to.AddrPort, b, failed)
	case to.connection == nil || !to.connection.enqueue(b, failed):
		later(failed, ErrConnectionGone)
	}
}

// Send sends b to an address: over UDP from the socket of from; over TCP or TLS on the connection to that address, or on one that
// is dialled now, in the background, while b waits. A from that is nil or of another protocol or IP family means Route's
// choice. Send never waits.
//
// failed, which may be nil, is called at most once. When UDP's socket refuses b, that is before Send returns; in every
// other case it is from another goroutine, and never inside Send. A TCP peer that takes b and then vanishes is no
// failure. b is not kept.
func (t *Transport) Send(to Address, from *Listener, b []byte, failed func(error)) {
	to = to.unmapped()
	by, err := t.sender(to, from)
	if err != nil {
		later(failed, err)
		return
	}
	if to.Protocol == UDP {
		by.sendUDP(to.AddrPort, b, failed)
		return
	}
	if to.Protocol.Web() { // browsers come to us, and nobody can go to them
		if c := t.connections.get(to); c == nil || !c.enqueue(b, failed) {
			later(failed, fmt.Errorf("send to %v: %w", to, ErrConnectionGone))
		}
		return
	}
	for {
		c, dial, err := t.connections.getOrDial(to, by)
		if err != nil {
			later(failed, fmt.Errorf("connect to %v: %w", to, err))
			return
		}
		taken := c.enqueue(b, failed)
		if dial && !t.spawn(c.dial) {
			c.close(ErrClosed)
		}
		if taken {
			return
		}
		t.connections.retire(c) // it closed a moment ago: dial
	}
}

// Connected says whether a message to that address would find a connection open. Over UDP it always would.
func (t *Transport) Connected(to Address) bool {
	if !to.Protocol.Reliable() {
		return true
	}
	c := t.connections.get(to.unmapped())
	if c == nil {
		return false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.open && !c.closed
}

// dial makes c's connection and gives it to a reader.
func (c *connection) dial() {
	t := c.transport
	ctx, cancel := context.WithTimeout(t.open, t.config.Dial)
	defer cancel()
	socket, err := c.connect(ctx)
	if err != nil {
		c.close(fmt.Errorf("connect to %v: %w", c.peer, err))
		return
	}
	if c.opened(socket, t.config.Idle) {
		c.listener.tcp.hand(c)
	}
}

// connect is a connection to c's peer on which messages may be sent.
func (c *connection) connect(ctx context.Context) (net.Conn, error) {
	t := c.transport
	d := net.Dialer{LocalAddr: c.listener.localAddr()}
	dialled, err := d.DialContext(ctx, c.peer.Protocol.network(c.peer.Addr()), c.peer.AddrPort.String())
	if err != nil {
		return nil, err
	}
	socket, ok := dialled.(*net.TCPConn)
	if !ok {
		dialled.Close()
		return nil, fmt.Errorf("package net made a %T of it", dialled)
	}
	boundSilence(socket, t.config.Unacknowledged)
	if !c.peer.Protocol.Secure() {
		return socket, nil
	}
	secure, err := t.certificates.Load().connect(ctx, socket, c.peer)
	if err != nil {
		// Nobody else would say why: to the caller this trunk is as good as down.
		t.log.warn(fmt.Sprintf("no TLS with %v: %v", c.peer, err))
		return nil, err
	}
	return secure, nil
}
