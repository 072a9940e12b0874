package identity

import (
	"crypto/md5" //nolint:gosec // RFC 7616
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net"
	"net/netip"
	"regexp"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// wire is a phone of the smallest kind: it sends one datagram and reads the answers.
type wire struct {
	t      *testing.T
	socket *net.UDPConn
	branch int
}

func newWire(t *testing.T, from netip.Addr) *wire {
	t.Helper()
	socket, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.AddrPortFrom(from, 0)))
	require.NoError(t, err)
	t.Cleanup(func() { _ = socket.Close() })
	return &wire{t: t, socket: socket}
}

// send sends a request; more are complete lines.
func (w *wire) send(gate netip.AddrPort, method, uri, user, more string) (callID string) {
	w.t.Helper()
	w.branch++
	callID = fmt.Sprintf("%d-%s", w.branch, w.socket.LocalAddr())
	_, err := w.socket.WriteTo(fmt.Appendf(nil, "%[1]s %[2]s SIP/2.0\r\nVia: SIP/2.0/UDP %[3]s;rport;branch=z9hG4bK-%[4]d\r\n"+
		"From: <sip:%[5]s@gate>;tag=t\r\nTo: <%[2]s>\r\nCall-ID: %[6]s\r\nCSeq: 1 %[1]s\r\nMax-Forwards: 70\r\n"+
		"Contact: <sip:%[5]s@%[3]s>\r\n%[7]sContent-Length: 0\r\n\r\n", method, uri, w.socket.LocalAddr(), w.branch, user, callID, more),
		net.UDPAddrFromAddrPort(gate))
	require.NoError(w.t, err)
	return callID
}

var (
	statusOf = regexp.MustCompile(`^SIP/2\.0 (\d{3})`)
	callIDOf = regexp.MustCompile(`(?m)^Call-ID: (\S+)`)
	nonceOf  = regexp.MustCompile(`nonce="([^"]+)"`)
)

// final reads until there is a final response to the request with this Call-ID, and returns every other message's
// Call-ID on the way.
func (w *wire) final(callID string) (status int, text string, others []string) {
	w.t.Helper()
	buf := make([]byte, 8192)
	require.NoError(w.t, w.socket.SetReadDeadline(time.Now().Add(10*time.Second)))
	for {
		n, err := w.socket.Read(buf)
		require.NoError(w.t, err, "no answer to %s", callID)
		text = string(buf[:n])
		match := statusOf.FindStringSubmatch(text)
		if match == nil {
			continue
		}
		status, _ = strconv.Atoi(match[1])
		id := callIDOf.FindStringSubmatch(text)[1]
		switch {
		case id != callID:
			others = append(others, id)
		case status >= 200:
			return status, text, others
		}
	}
}

// challenge is a nonce of this gate's.
func (w *wire) challenge(gate netip.AddrPort) (nonce string) {
	w.t.Helper()
	status, text, _ := w.final(w.send(gate, "OPTIONS", "sip:203@gate", "nobody", ""))
	require.Equal(w.t, 407, status, text)
	return nonceOf.FindStringSubmatch(text)[1]
}

// proof are credentials; hash is sha256Of or md5Of.
func proof(hash func(string) string, user, password, nonce, method, uri string, nc int) string {
	count, algorithm := fmt.Sprintf("%08x", nc), "SHA-256"
	if len(hash("")) == 2*md5.Size {
		algorithm = "MD5"
	}
	response := hash(hash(user+":ringfence:"+password) + ":" + nonce + ":" + count + ":c:auth:" + hash(method+":"+uri))
	return fmt.Sprintf("Proxy-Authorization: Digest username=%q, realm=\"ringfence\", nonce=%q, uri=%q, response=%q, algorithm=%s, cnonce=\"c\", qop=auth, nc=%s\r\n",
		user, nonce, uri, response, algorithm, count)
}

func sha256Of(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

// md5Of is also what htdigest writes.
func md5Of(text string) string {
	sum := md5.Sum([]byte(text)) //nolint:gosec // RFC 7616
	return hex.EncodeToString(sum[:])
}
