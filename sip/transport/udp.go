package transport

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"time"
)

// A UDP read loop that ended is begun again after this long, and after twice as long each time until it reads again.
const (
	firstRestart = 10 * time.Millisecond
	lastRestart  = time.Second
)

// datagrams is the socket as sipgo's read loop sees it. Between ReadFrom and the next one, data and from describe the
// datagram that was read; the read filter takes it from here, so that sipgo's smaller buffer cuts nothing off.
type datagrams struct {
	*datagramSocket
	listener *Listener
	data     []byte
	from     Address
	err      error // what ended the loop
	reads    int   // how many datagrams the loop saw
}

// ReadFrom reads one datagram and copies as much to b as b holds. No error of it but a closed socket reaches sipgo, which
// would log it without saying what follows from it.
func (d *datagrams) ReadFrom(b []byte) (int, net.Addr, error) {
	data, from, err := d.read()
	if err != nil {
		d.err = err
		return 0, nil, net.ErrClosed
	}
	d.reads++
	d.data = data
	d.from = Address{Protocol: UDP, AddrPort: unmap(from)}
	return copy(b, data), (*datagramSource)(d), nil
}

// datagramSource is the address of the datagram that was read last; nobody keeps it.
type datagramSource datagrams

// Network is net.Addr's.
func (*datagramSource) Network() string { return "udp" }

// String is empty: sipgo asks for it with each datagram, to log it and to remember the source for ever. The read filter
// lets it do neither.
func (*datagramSource) String() string { return "" }

// take is the read filter's part for UDP: one datagram is one message (RFC 3261 §18.3).
func (d *datagrams) take() {
	t := d.listener.transport
	data := d.data
	switch {
	case !t.config.Admit(d.from):
		t.config.Dropped(DropSource)
	case onlyCRLF(data): // a keep-alive, which UDP does not answer (RFC 5626 §3.5.1 has it for streams)
	case data[0] <= 1: // RFC 5389 §6: the first byte of every STUN message; no SIP message begins so
		t.config.Dropped(DropSTUN)
	case len(data) > t.config.MaxMessage:
		t.config.Dropped(DropOversize)
	default:
		t.deliver(data, Source{Address: d.from, Listener: d.listener})
	}
}

// serveUDP reads l's socket until ctx ends. A loop that ends before that is begun again: on the same socket if that still
// works, else on a new one.
func (l *Listener) serveUDP(ctx context.Context) {
	wait := firstRestart
	for {
		d, err := l.readUDP()
		if ctx.Err() != nil {
			return
		}
		if d.reads > 0 {
			wait = firstRestart
		}
		l.transport.config.Stopped()
		l.transport.log.error(fmt.Sprintf("%v stopped reading; it starts again in %v", l.address, wait), err)
		// One that ended again at once is not cured by reading on.
		useless := wait > firstRestart
		for revived := false; !revived; {
			if !pause(ctx, wait) {
				return
			}
			wait = min(2*wait, lastRestart)
			revived = l.revive(d.datagramSocket, useless)
		}
		if ctx.Err() != nil {
			l.close() // Serve may have closed the old socket
			return
		}
	}
}

// readUDP is one life of sipgo's read loop.
func (l *Listener) readUDP() (*datagrams, error) {
	d := &datagrams{datagramSocket: l.udp.Load(), listener: l}
	l.up.Store(true)
	defer l.up.Store(false)
	err := l.newLayer().ServeUDP(d)
	return d, errors.Join(err, d.err)
}

// revive makes the socket readable again, by binding a new one in its place when it is dead or useless.
func (l *Listener) revive(c *datagramSocket, useless bool) bool {
	if !useless && c.SetReadDeadline(time.Time{}) == nil {
		return true
	}
	c.Close()
	err := l.bind()
	if err != nil {
		l.transport.log.error("cannot listen again", err)
	}
	return err == nil
}

// sendUDP hands b to the kernel. It waits only while the socket's whole send buffer is full, which the wire empties.
func (l *Listener) sendUDP(to netip.AddrPort, b []byte, failed func(error)) {
	err := l.udp.Load().write(b, to)
	if err != nil && failed != nil {
		failed(fmt.Errorf("send %d bytes to udp://%v: %w", len(b), to, err))
	}
}

// pause waits for d and says whether ctx has not ended meanwhile.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
