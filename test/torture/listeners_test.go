package torture

import (
	"net/netip"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ringfence/ringfence/test/site"
)

// The kernel takes the UDP socket away from the running gate, as it does when an administrator says so: the gate counts
// it, binds the address again and answers as before.
func TestListenerComesBack(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	if !strings.HasPrefix(place(), "in a network namespace") {
		t.Log("only in a namespace of its own may a test take sockets away; sip/transport holds the same with its own sockets")
		return
	}
	for kills := range 4 {
		w, err := site.DialWire(t.Context(), site.UDP, netip.MustParseAddrPort("127.1.0.1:0"), s.at)
		require.NoError(t, err)
		alive, err := w.Ping(patience)
		require.NoError(t, err)
		require.True(t, alive)
		require.NoError(t, w.Close())
		if kills == 3 {
			break
		}
		out, err := exec.CommandContext(t.Context(), "ss", "--kill", "--all", "--numeric", "--udp", "src", s.at.String()).CombinedOutput()
		require.NoError(t, err, "%s", out)
		require.Eventually(t, func() bool { return s.metric("ringfence_sip_listener_restarts_total") == float64(kills+1) }, patience, time.Millisecond,
			"the socket was not taken away (does this kernel have CONFIG_INET_DIAG_DESTROY?): %s", out)
		require.Eventually(t, func() bool { return site.Listens(site.UDP, s.at) }, patience, time.Millisecond)
	}
	require.Eventually(t, func() bool { return len(s.loggedWith("stopped reading")) == 3 }, patience, time.Millisecond)
	assert.Empty(t, s.loggedWith(`"panic"`))
}
