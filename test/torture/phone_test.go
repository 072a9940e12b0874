package torture

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ringfence/ringfence/test/site"
)

// phone sends bytes as they are and keeps what comes back.
type phone struct {
	t       *testing.T
	at      netip.AddrPort // the gate
	conn    net.Conn
	over    site.Protocol
	pings   int
	running sync.WaitGroup

	mu     sync.Mutex
	heard  []string // start line of every message that came back, without repetitions
	pongs  int
	closed error // why nothing comes any more; nil while something may
}

// newPhone is a phone at its own address. The port is SIP's, since an answer goes to the one that Via names, and that is
// nearly always none (RFC 3261 §18.2.2).
func (s *stand) newPhone(t *testing.T, over site.Protocol, host netip.Addr) *phone {
	t.Helper()
	p := &phone{t: t, at: s.at, over: over}
	var err error
	local := netip.AddrPortFrom(host, 5060)
	if over == site.TCP {
		d := net.Dialer{LocalAddr: net.TCPAddrFromAddrPort(netip.AddrPortFrom(host, 0))}
		p.conn, err = d.DialContext(t.Context(), "tcp4", s.at.String())
	} else {
		p.conn, err = net.DialUDP("udp4", net.UDPAddrFromAddrPort(local), net.UDPAddrFromAddrPort(s.at))
	}
	require.NoError(t, err)
	p.running.Go(p.read)
	t.Cleanup(func() { p.conn.Close(); p.running.Wait() })
	return p
}

func (p *phone) read() {
	next := p.datagrams()
	if p.over == site.TCP {
		next = p.stream()
	}
	for {
		message, err := next()
		p.mu.Lock()
		switch {
		case err != nil:
			p.closed = err
			p.mu.Unlock()
			return
		case bytes.Contains(message, []byte(pingMark)):
			p.pongs++
		default:
			line, _, _ := bytes.Cut(message, []byte("\r\n"))
			if !slices.Contains(p.heard, string(line)) {
				p.heard = append(p.heard, string(line))
			}
		}
		p.mu.Unlock()
	}
}

func (p *phone) datagrams() func() ([]byte, error) {
	buf := make([]byte, 1<<16)
	return func() ([]byte, error) {
		for {
			n, err := p.conn.Read(buf)
			if err == nil || errors.Is(err, net.ErrClosed) {
				return buf[:n], err
			}
			// A port unreachable, which says nothing about the next datagram.
		}
	}
}

// stream reads what the gate itself writes: a header section, and never a body.
func (p *phone) stream() func() ([]byte, error) {
	r := bufio.NewReader(p.conn)
	return func() ([]byte, error) {
		var message []byte
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
const pingMark = "ping@torture"

// ping asks the gate for a sign of life and waits for it: what was sent before has been dealt with by then, since a gate
// reads one socket in order. It says whether the sign came; a stream may have been closed.
func (p *phone) ping() bool {
	p.t.Helper()
	p.pings++
	local := p.conn.LocalAddr().String()
	fmt.Fprintf(p.conn, "OPTIONS sip:%v SIP/2.0\r\nVia: SIP/2.0/%s %s;rport;branch=z9hG4bKping%d\r\nMax-Forwards: 70\r\n"+
		"From: <sip:201@%s>;tag=ping\r\nTo: <sip:%v>\r\nCall-ID: %d%s\r\nCSeq: %d OPTIONS\r\nContent-Length: 0\r\n\r\n",
		p.at, strings.ToUpper(string(p.over)), local, p.pings, local, p.at, p.pings, pingMark, p.pings)
	alive := false
	require.Eventually(p.t, func() bool {
		p.mu.Lock()
		defer p.mu.Unlock()
		alive = p.pongs == p.pings
		return alive || p.closed != nil
	}, patience, time.Millisecond, "no answer to OPTIONS over %s", p.over)
	return alive
}

// answers are the start lines that came back, without what only says that more will come.
func (p *phone) answers() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(p.heard), func(s string) bool { return strings.HasPrefix(s, "SIP/2.0 1") })
}

// statuses are the answers' status codes; nil when there is none.
func (p *phone) statuses() (all []string) {
	for _, line := range p.answers() {
		_, rest, _ := strings.Cut(line, " ")
		code, _, _ := strings.Cut(rest, " ")
		all = append(all, code)
	}
	return all
}

// hung says whether the gate has closed the stream.
func (p *phone) hung() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return errors.Is(p.closed, io.EOF)
}
