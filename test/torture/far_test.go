package torture

import (
	"bytes"
	"net"
	"net/netip"
	"regexp"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// far is the other end of the gate: it keeps every datagram and answers requests, so that no transaction stays behind.
type far struct {
	at      netip.AddrPort
	socket  *net.UDPConn
	running sync.WaitGroup

	mu    sync.Mutex
	heard [][]byte
}

func newFar(t *testing.T, host netip.Addr) *far {
	t.Helper()
	socket, err := net.ListenUDP("udp4", net.UDPAddrFromAddrPort(netip.AddrPortFrom(host, 0)))
	require.NoError(t, err)
	f := &far{at: netip.MustParseAddrPort(socket.LocalAddr().String()), socket: socket}
	f.running.Go(f.serve)
	t.Cleanup(func() { socket.Close(); f.running.Wait() })
	return f
}

func (f *far) serve() {
	buf := make([]byte, 1<<16)
	for {
		n, from, err := f.socket.ReadFromUDPAddrPort(buf)
		if err != nil {
			return
		}
		message := bytes.Clone(buf[:n])
		f.mu.Lock()
		f.heard = append(f.heard, message)
		f.mu.Unlock()
		if answer := answerTo(message); answer != nil {
			_, _ = f.socket.WriteToUDPAddrPort(answer, from) // who asked is the gate, which the test looks after
		}
	}
}

// take is what came since the last time.
func (f *far) take() [][]byte {
	f.mu.Lock()
	defer f.mu.Unlock()
	heard := f.heard
	f.heard = nil
	return heard
}

// copied are the headers of a response that repeat the request's (RFC 3261 §8.2.6), with their continuation lines.
var copied = regexp.MustCompile(`(?im)^(via|v|from|f|to|t|call-id|i|cseq)[ \t]*:[^\r\n]*\r\n([ \t][^\r\n]*\r\n)*`)

// answerTo answers 486 to an INVITE, so that no call stays up, and 200 to all else.
func answerTo(message []byte) []byte {
	status := "SIP/2.0 200 OK\r\n"
	switch method, _, _ := bytes.Cut(message, []byte(" ")); string(method) {
	case "ACK", "SIP/2.0":
		return nil
	case "INVITE":
		status = "SIP/2.0 486 Busy Here\r\n"
	}
	head, _, _ := bytes.Cut(message, []byte("\r\n\r\n"))
	lines := copied.FindAll(append(head, "\r\n"...), -1)
	return append([]byte(status), append(bytes.Join(lines, nil), "Content-Length: 0\r\n\r\n"...)...)
}
