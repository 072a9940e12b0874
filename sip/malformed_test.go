package sip_test

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ringfence/ringfence/test/site"
)

// What is no good is answered with the right code or dropped, as the table says, over UDP and over TCP; nothing of it
// goes out, and what is refused for its form leaves no state.
func TestMalformed(t *testing.T) {
	for _, over := range []site.Protocol{site.UDP, site.TCP} {
		h := newHouse(t, nil)
		h.registry.SetOwner(dialled, "202", "202", time.Hour)
		for n, row := range malformed {
			t.Run(string(over)+" "+row.name, func(t *testing.T) {
				want := row.udp
				if over == site.TCP {
					want = row.tcp
				}
				gate := netip.MustParseAddrPort(h.proxy(string(over)))
				w, err := site.DialWire(t.Context(), over, netip.AddrPortFrom(gate.Addr(), 0), gate)
				require.NoError(t, err)
				held := h.server.Transactions()
				sent := w.Send([]byte(row.text(t, over, w.Local(), n)))
				if over == site.TCP || len(row.change[1]) < 60<<10 {
					require.NoError(t, sent)
				}
				h.becomes(t, w, want)
				if want.status == 400 || want.status == 505 || want.status == 513 || want.status == 0 {
					require.LessOrEqual(t, h.server.Transactions(), held+1, "no state but the ping's")
				}
				require.NoError(t, w.Close())
			})
		}
		require.Empty(t, h.callee.Received(), "nothing went out")
		require.NoError(t, h.server.Ready())
	}
}

// becomes checks what came back.
func (h *house) becomes(t *testing.T, w *site.Wire, want fate) {
	t.Helper()
	const patience = 10 * time.Second
	if want.closed {
		require.Eventually(t, w.Hung, patience, time.Millisecond, "the stream closes")
	} else {
		alive, err := w.Ping(patience)
		require.NoError(t, err)
		require.True(t, alive, "the stream stays open")
	}
	var finals []int
	if want.status != 0 {
		finals = []int{want.status}
		require.Eventually(t, func() bool { return len(w.Finals()) > 0 }, patience, time.Millisecond, "no answer")
	}
	got := w.Finals()
	if want.perhaps != 0 && len(got) > 0 {
		finals = []int{want.perhaps}
	}
	require.Equal(t, finals, got)
}

// text is the row's message as number n over a protocol.
func (row malformation) text(t *testing.T, over site.Protocol, host string, n int) string {
	t.Helper()
	require.Contains(t, sound, row.change[0], "the row names a line that is not there")
	text := strings.Replace(sound, row.change[0], row.change[1], 1)
	if raw, ok := strings.CutPrefix(text, rawMark); ok {
		return raw
	}
	return strings.NewReplacer("\n", "\r\n", "{LF}", "\n", "{CR}", "\r", "{PROTO}", strings.ToUpper(string(over)), "{HOST}", host,
		"{N}", fmt.Sprintf("%s%d", over, n)).Replace(text)
}
