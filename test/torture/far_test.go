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
	says  func(method, user string) string // status and phrase of its answers; nil: busy
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
		if answer := f.answer(message); answer != nil {
			_, _ = f.socket.WriteToUDPAddrPort(answer, from) // who asked is the gate, which the test looks after
		}
	}
}

// answers changes what it says from now on.
func (f *far) answers(says func(method, user string) string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.says = says
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

// requestLine has the method and the user part of the Request-URI.
var requestLine = regexp.MustCompile(`^([^ ]+) sips?:(?:([^@ ]*)@)?[^ ]* SIP/2.0\r\n`)

// answer answers a request; unless it was told otherwise with 486 to an INVITE, so that no call stays up, and with 200 to
// all else.
func (f *far) answer(message []byte) []byte {
	line := requestLine.FindSubmatch(message)
	if line == nil || string(line[1]) == "ACK" {
		return nil
	}
	f.mu.Lock()
	says := f.says
	f.mu.Unlock()
	status := "200 OK"
	switch {
	case says != nil:
		status = says(string(line[1]), string(line[2]))
	case string(line[1]) == "INVITE":
		status = "486 Busy Here"
	}
	head, _, _ := bytes.Cut(message, []byte("\r\n\r\n"))
	lines := copied.FindAll(append(bytes.Clone(head), "\r\n"...), -1)
	return append([]byte("SIP/2.0 "+status+"\r\n"), append(bytes.Join(lines, nil), "Content-Length: 0\r\n\r\n"...)...)
}
