package sip_test

import (
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ringfence/ringfence/gate"
	"github.com/ringfence/ringfence/sip"
)

func TestPeerModeMistakes(t *testing.T) {
	for want, p := range map[string]sip.Peer{
		`mode: unknown mode "redirects": use proxy, redirect, teleblock, galaxtel, sippy`: {Mode: "redirects"},
		"lease: 1ms is out of range; allowed are 1s to 4h":                                {Lease: gate.Duration(time.Millisecond)},
		"lease: -1s is out of range":                                                      {Lease: gate.Duration(-time.Second)},
		"lease: 5h is out of range":                                                       {Lease: gate.Duration(5 * time.Hour)},
		"announcement: \"denied\" is not of the form sip:USER@HOST:PORT":                  {Announcement: "denied"},
		"announcement: in mode redirect the gate carries no call that could hear one":     {Mode: "redirect", Announcement: "sip:no@10.0.0.5"},
		"announcement: in mode galaxtel the gate carries no call":                         {Mode: "galaxtel", Announcement: "sip:no@10.0.0.5"},
	} {
		p.Name, p.From = "desk", []string{"127.0.0.0/8"}
		err := sip.Config{Listen: []string{"udp://127.0.0.1:0"}, Peers: []sip.Peer{p}, Trunks: []sip.Trunk{{Name: "t", URI: "sip:127.0.0.1"}}}.Validate()
		require.ErrorContains(t, err, "sip.peers[0]."+want)
	}
	for _, mode := range []string{"", "proxy", "sippy"} {
		p := sip.Peer{Name: "desk", From: []string{"127.0.0.0/8"}, Mode: mode, Announcement: "sip:no-{reason}@10.0.0.5", Lease: gate.Duration(time.Minute), Notify: true}
		require.NoError(t, sip.Config{Listen: []string{"udp://127.0.0.1:0"}, Peers: []sip.Peer{p}, Trunks: []sip.Trunk{{Name: "t", URI: "sip:127.0.0.1"}}}.Validate())
	}
}

// From the words of the configuration to the wire: a blocked call is heard out by the PBX's announcement, and a reload
// changes the mode of the next call.
func TestPeerModesFromTheConfiguration(t *testing.T) {
	var cfg sip.Config
	h := newHouse(t, func(_ *gate.Config, c *sip.Config) {
		_, port, err := net.SplitHostPort(c.Trunks[0].URI[len("sip:"):])
		require.NoError(t, err)
		c.Peers[0].Announcement = "sip:denied-{reason}@localhost:" + port // a name, looked up at the start
		cfg = *c
	})
	h.registry.AddDNC("+12125550100", "company")
	o := h.call(h.phone("201", "udp"), "+12125550100")
	require.Equal(t, 200, o.Status, "the announcement answered")
	require.Len(t, h.callee.Received(), 1)
	require.Equal(t, "denied-dnc", h.callee.Received()[0].User)
	require.Zero(t, h.gate.CallsUp())

	cfg.Peers = []sip.Peer{{Name: "desk", From: []string{"127.0.0.0/8"}, Mode: "teleblock"}}
	require.NoError(t, h.server.Reload(cfg))
	require.Equal(t, 403, h.call(h.phone("202", "tcp"), "+12125550100").Status)
	require.Equal(t, 499, h.call(h.phone("202", "udp"), "+12125550101").Status)
	require.Len(t, h.callee.Received(), 1)
}
