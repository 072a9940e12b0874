package site

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Wire is a socket to a gate that sends bytes as they are, which no phone would, and keeps what comes back.
type Wire struct {
	over    Protocol
	gate    netip.AddrPort
	conn    net.Conn
	pings   int
	running sync.WaitGroup

	mu      sync.Mutex
	answers []string // start line of every message that came back, each once
	pongs   int
	end     error // why nothing comes any more; nil while something may
}

// DialWire opens a wire from an address of this machine's; port 0 is one of the kernel's choice. Over TCP it always is.
func DialWire(ctx context.Context, over Protocol, from, gate netip.AddrPort) (*Wire, error) {
	d := net.Dialer{LocalAddr: net.UDPAddrFromAddrPort(from)}
	if over == TCP {
		d.LocalAddr = net.TCPAddrFromAddrPort(netip.AddrPortFrom(from.Addr(), 0))
	}
	conn, err := d.DialContext(ctx, string(over)+"4", gate.String())
	if err != nil {
		return nil, fmt.Errorf("wire: %w", err)
	}
	w := &Wire{over: over, gate: gate, conn: conn}
	w.running.Go(w.read)
	return w, nil
}

// Close ends it.
func (w *Wire) Close() error {
	err := w.conn.Close()
	w.running.Wait()
	return err
}

// Local is where it sends from.
func (w *Wire) Local() string { return w.conn.LocalAddr().String() }

// Via is its protocol as a Via header spells it.
func (w *Wire) Via() string { return strings.ToUpper(string(w.over)) }

// Send sends b in one write.
func (w *Wire) Send(b []byte) error {
	_, err := w.conn.Write(b)
	return err
}

func (w *Wire) read() {
	next := w.datagram
	if w.over == TCP {
		next = w.section(bufio.NewReader(w.conn))
	}
	for {
		message, err := next()
		w.mu.Lock()
		w.took(message, err)
		w.mu.Unlock()
		if err != nil {
			return
		}
	}
}

// took notes what came. w.mu is held.
func (w *Wire) took(message []byte, err error) {
	line, _, _ := bytes.Cut(message, []byte("\r\n"))
	switch {
	case err != nil:
		w.end = err
	case bytes.Contains(message, []byte(pingMark)):
		w.pongs++
	case len(line) > 0 && !slices.Contains(w.answers, string(line)):
		w.answers = append(w.answers, string(line))
	}
}

func (w *Wire) datagram() ([]byte, error) {
	buf := make([]byte, 1<<16)
	for {
		n, err := w.conn.Read(buf)
		if err == nil || errors.Is(err, net.ErrClosed) {
			return buf[:n], err
		}
		// A port unreachable, which says nothing about the next datagram.
	}
}

// section reads what a gate itself writes to a stream: header sections without bodies, and line ends.
func (w *Wire) section(r *bufio.Reader) func() ([]byte, error) {
	return func() (message []byte, err error) {
		for {
			line, err := r.ReadBytes('\n')
			if err != nil {
				return nil, err
			}
			if message = append(message, line...); string(line) == "\r\n" {
				return message, nil
			}
		}
	}
}

// pingMark is in the Call-ID of a ping.
const pingMark = "ping@wire"

// Ping asks the gate for a sign of life and waits for it: what was sent before has been read by then, since a gate reads
// a socket in order. Alive is false when the gate has closed the stream instead.
func (w *Wire) Ping(limit time.Duration) (alive bool, err error) {
	w.pings++
	local := w.Local()
	ping := fmt.Sprintf("OPTIONS sip:%v SIP/2.0\r\nVia: SIP/2.0/%s %s;rport;branch=z9hG4bKping%d\r\nMax-Forwards: 70\r\n"+
		"From: <sip:201@%s>;tag=ping\r\nTo: <sip:%v>\r\nCall-ID: %d%s\r\nCSeq: %d OPTIONS\r\nContent-Length: 0\r\n\r\n",
		w.gate, w.Via(), local, w.pings, local, w.gate, w.pings, pingMark, w.pings)
	if err := w.Send([]byte(ping)); err != nil && w.over == UDP {
		return false, err
	}
	deadline := time.Now().Add(limit)
	for time.Now().Before(deadline) {
		w.mu.Lock()
		pongs, end := w.pongs, w.end
		w.mu.Unlock()
		if pongs >= w.pings || end != nil {
			return pongs >= w.pings, nil
		}
		time.Sleep(time.Millisecond)
	}
	return false, fmt.Errorf("no answer to OPTIONS over %s within %v", w.over, limit)
}

// Answers are the start lines of the final responses that came back, each once, in order; those to pings are left out.
func (w *Wire) Answers() (all []string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, line := range w.answers {
		if !strings.HasPrefix(line, "SIP/2.0 1") {
			all = append(all, line)
		}
	}
	return all
}

// Forget forgets the answers so far.
func (w *Wire) Forget() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.answers = nil
}

// Finals are the status codes of the Answers.
func (w *Wire) Finals() (all []int) {
	for _, line := range w.Answers() {
		_, rest, _ := strings.Cut(line, " ")
		code, _, _ := strings.Cut(rest, " ")
		if n, err := strconv.Atoi(code); err == nil {
			all = append(all, n)
		}
	}
	return all
}

// Hung says whether the gate has closed the stream, in order.
func (w *Wire) Hung() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return errors.Is(w.end, io.EOF)
}
