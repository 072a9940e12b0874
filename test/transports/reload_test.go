package transports

import (
	"crypto/tls"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ringfence/ringfence/sip/phone"
)

// SIGHUP: the new certificate is shown to whoever comes next, and a call that is up over TLS at both ends goes on.
func TestCertificatesAreReadAgain(t *testing.T) {
	h := newHouse(t, build(t), "tls4")
	caller := h.phone("201", "tls4", "127.0.0.5", h.listens["tls4"].String())
	h.trunk.Answer(phone.AnswerAfter(0))
	c, err := caller.Dial(t.Context(), number())
	require.NoError(t, err)
	o, err := c.Wait(t.Context())
	require.NoError(t, err)
	require.Equal(t, 200, o.Status)

	next := h.authority.Issue(t, "127.0.0.1", "::1")
	next.Write(t, h.cert, h.key)
	require.NoError(t, h.gate.Signal(syscall.SIGHUP))
	require.Eventually(t, func() bool {
		c, err := tls.Dial("tcp", h.listens["tls4"].String(), &tls.Config{RootCAs: h.authority.Pool()})
		if err != nil {
			return false
		}
		defer c.Close()
		return next.Leaf.Equal(c.ConnectionState().PeerCertificates[0])
	}, 5*time.Second, 10*time.Millisecond, "%s", h.gate.Output())
	require.NoError(t, caller.Hangup(t.Context()), "the call is still up, and its BYE arrives")
}
