package roundabout

import (
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ringfence/ringfence/sip/message"
)

// request is what a phone sends.
type request struct {
	method, uri, to string // INVITE; to the uri
	lines           string // whole lines
	behind          string // what follows in the same datagram
	stranger        bool   // it is sent from an address that may not send
}

// text writes the request out; id makes it a request of its own.
func (r request) text(from net.Addr, gate, id, callID, fromTag string) string {
	method, to := r.method, r.to
	if method == "" {
		method = "INVITE"
	}
	if to == "" {
		to = "<" + r.uri + ">"
	}
	length := "Content-Length: 0\r\n"
	if r.behind != "" {
		length = "" // then the datagram's end is the body's
	}
	text := fmt.Sprintf("%s %s SIP/2.0\r\nVia: SIP/2.0/UDP %s;rport;branch=z9hG4bK-%s\r\n%sMax-Forwards: 70\r\nFrom: <sip:201@gate>;tag=%s\r\n"+
		"To: %s\r\nCall-ID: %s\r\nCSeq: 7 %s\r\nContact: <sip:201@%s>\r\n%s\r\n%s",
		method, r.uri, from, id, r.lines, fromTag, to, callID, method, from, length, r.behind)
	return strings.NewReplacer("@gate", "@"+gate, "GATE", gate).Replace(text)
}

// end is a socket that keeps what it hears.
type end struct {
	*net.UDPConn
	mu    sync.Mutex
	heard []string
	came  chan *message.Message
}

// listen opens an end; answer, when it is not nil, says what it answers to a request.
func listen(t *testing.T, host string, answer func(*end, *message.Message) string) *end {
	conn, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.ParseIP(host)})
	require.NoError(t, err)
	e := &end{UDPConn: conn, came: make(chan *message.Message, 100)}
	done := make(chan struct{})
	go func() {
		defer close(done)
		buffer := make([]byte, 65536)
		for {
			n, from, err := conn.ReadFromUDP(buffer)
			if err != nil {
				return
			}
			e.take(append([]byte(nil), buffer[:n]...), from, answer)
		}
	}()
	t.Cleanup(func() { conn.Close(); <-done })
	return e
}

func (e *end) take(raw []byte, from *net.UDPAddr, answer func(*end, *message.Message) string) {
	e.mu.Lock()
	e.heard = append(e.heard, string(raw))
	e.mu.Unlock()
	m, err := message.Parse(raw)
	if err != nil {
		return // judged by what was heard
	}
	if answer == nil {
		e.came <- m
	} else if text := answer(e, m); text != "" {
		_, _ = e.WriteToUDP([]byte(text), from)
	}
}

// all is what was heard so far.
func (e *end) all() []string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return append([]string(nil), e.heard...)
}

// final waits for the final response to a request; a phone acknowledges it.
func (e *end) final(t *testing.T, gate net.Addr, callID, method string) *message.Message {
	deadline := time.After(10 * time.Second)
	for {
		select {
		case m := <-e.came:
			if m.Request || m.Status < 200 || string(m.CallID) != callID || m.CSeqMethod != method {
				continue
			}
			if method == "INVITE" && m.Status >= 300 {
				e.ack(m, gate)
			}
			return m
		case <-deadline:
			require.Fail(t, "no answer", "to %s of %s", method, callID)
		}
	}
}

// ack ends an INVITE that was refused (RFC 3261 §17.1.1.3).
func (e *end) ack(m *message.Message, gate net.Addr) {
	from, _ := m.Get(message.From)
	to, _ := m.Get(message.To)
	_, _ = e.WriteTo(fmt.Appendf(nil, "ACK sip:x@%s SIP/2.0\r\nVia: %s\r\nMax-Forwards: 70\r\nFrom: %s\r\nTo: %s\r\nCall-ID: %s\r\nCSeq: %d ACK\r\nContent-Length: 0\r\n\r\n",
		gate, m.Bytes(m.Via.Element), from, to, m.CallID, m.CSeq), gate)
}

// answered is a response to m with everything that a dialog needs.
func answered(m *message.Message, status int, contact string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "SIP/2.0 %d Word\r\n", status)
	for _, h := range m.Headers() {
		switch h.Kind {
		case message.Via, message.RecordRoute, message.From, message.CallID, message.CSeq:
			b.Write(m.Bytes(h.Line))
		}
	}
	to, _ := m.Get(message.To)
	if m.ToTag == nil {
		to = append(append([]byte(nil), to...), ";tag=callee"...)
	}
	fmt.Fprintf(&b, "To: %s\r\nContact: <%s>\r\nContent-Length: 0\r\n\r\n", to, contact)
	return b.String()
}
