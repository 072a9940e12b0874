package scenarios

import (
	"fmt"
	"net"
	"net/netip"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ringfence/ringfence/test/site"
)

// dipper is a switch that asks by bare datagrams: quick enough to poll with.
type dipper struct {
	*testing.T
	conn *net.UDPConn
	asks int
}

func newDipper(t *testing.T, gate netip.AddrPort) *dipper {
	conn, err := net.DialUDP("udp", net.UDPAddrFromAddrPort(netip.AddrPortFrom(phoneHost, 0)), net.UDPAddrFromAddrPort(gate))
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	return &dipper{T: t, conn: conn}
}

// dip asks about number for rep, with a Call-ID of its own, and returns the final response's status line.
func (d *dipper) dip(rep, number string) string {
	d.Helper()
	d.asks++
	request := func(method string) []byte {
		return fmt.Appendf(nil, "%s sip:%s@gate SIP/2.0\r\nVia: SIP/2.0/UDP %s;rport;branch=z9hG4bKdip%d\r\nMax-Forwards: 70\r\n"+
			"From: <sip:%s@switch>;tag=d%d\r\nTo: <sip:%s@gate>\r\nCall-ID: dip%d\r\nCSeq: 1 %s\r\nContent-Length: 0\r\n\r\n",
			method, number, d.conn.LocalAddr(), d.asks, rep, d.asks, number, d.asks, method)
	}
	_, err := d.conn.Write(request("INVITE"))
	require.NoError(d, err)
	require.NoError(d, d.conn.SetReadDeadline(time.Now().Add(5*time.Second)))
	buf := make([]byte, 4096)
	for {
		n, err := d.conn.Read(buf)
		require.NoError(d, err)
		line, _, _ := strings.Cut(string(buf[:n]), "\r\n")
		if strings.Contains(string(buf[:n]), fmt.Sprintf("Call-ID: dip%d\r\n", d.asks)) && !strings.HasPrefix(line, "SIP/2.0 1") {
			_, err = d.conn.Write(request("ACK"))
			require.NoError(d, err)
			return line
		}
	}
}

// In a real Redis: what a dip reserves is held for its lease, whoever asks, counted once however often the switch asks,
// and gone by itself, without an owner. Nothing of all this reaches a trunk.
func TestDipReservationEndsByItself(t *testing.T) {
	t.Parallel()
	binary := built(t)
	dir := t.TempDir()
	plan := site.Plan{Phones: netip.PrefixFrom(phoneHost, phoneHost.BitLen()), Dir: dir, Peer: "mode: teleblock, lease: 2s"}
	at, err := site.FreeAddress(gateHost)
	require.NoError(t, err)
	plan.Gate = at
	trunk, err := site.Listen(netip.AddrPortFrom(trunkHost, 0))
	require.NoError(t, err)
	defer func() { require.NoError(t, trunk.Close()) }()
	plan.Trunks = []site.Trunk{{At: trunk.At(), Protocol: site.UDP}}
	plan.PBX = netip.AddrPortFrom(pbxHost, 5060)
	gate, err := site.Ringfence{Binary: binary}.StartGate(t.Context(), plan)
	require.NoError(t, err)
	defer func() { require.NoError(t, gate.Stop()) }()

	d := newDipper(t, plan.Gate)
	asked := time.Now()
	require.Equal(t, "SIP/2.0 499 Allowed", d.dip("201", freeNumber))
	require.Equal(t, "SIP/2.0 499 Allowed", d.dip("201", freeNumber), "by the switch's second trunk")
	require.Equal(t, "SIP/2.0 403 Do-Not-Contact", d.dip("202", freeNumber))
	for rep := 203; ; rep++ { // another rep each time: one that is blocked is answered alike for a while
		answer := d.dip(fmt.Sprint(rep), freeNumber)
		if answer == "SIP/2.0 499 Allowed" {
			break
		}
		require.Equal(t, "SIP/2.0 403 Do-Not-Contact", answer)
		require.Less(t, time.Since(asked), 20*time.Second, "the reservation does not end")
		time.Sleep(200 * time.Millisecond) // few enough polls for the twenty records of a history
	}
	require.GreaterOrEqual(t, time.Since(asked), 1900*time.Millisecond, "the reservation ended too soon")

	history, err := exec.CommandContext(t.Context(), binary, "--config", filepath.Join(dir, "ringfence.yaml"), "history", freeNumber, "--output", "json").CombinedOutput()
	require.NoError(t, err, "%s", history)
	require.Equal(t, 1, strings.Count(string(history), `"rep":"201"`), "counted once\n%s", history)
	require.NotContains(t, string(history), `"owned"`)
	require.Empty(t, trunk.Heard())
}
