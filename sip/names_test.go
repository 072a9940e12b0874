package sip_test

import (
	"crypto/tls"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ringfence/ringfence/gate"
	"github.com/ringfence/ringfence/sip"
	"github.com/ringfence/ringfence/sip/phone"
	"github.com/ringfence/ringfence/test/site"
)

// named is a house whose trunk is known by name.
func named(t *testing.T) (*house, *site.NameServer, sip.Config) {
	n, err := site.StartNameServer()
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, n.Close()) })
	n.Set("world.example. 60 IN A 127.0.0.1")
	var cfg sip.Config
	h := newHouse(t, func(_ *gate.Config, c *sip.Config) {
		c.Trunks[0].URI = strings.Replace(c.Trunks[0].URI, "127.0.0.1", "world.example", 1)
		c.DNS.Servers, c.DNS.MinTTL, c.DNS.MaxTTL = []string{n.At().String()}, gate.Duration(time.Millisecond), gate.Duration(time.Millisecond)
		cfg = *c
	})
	return h, n, cfg
}

// A reload keeps what is known of names, though no name server answers, and refuses a name that nobody knows.
func TestReloadWithNames(t *testing.T) {
	h, n, cfg := named(t)
	require.Equal(t, 200, h.call(h.phone("201", "udp"), "+12125550100").Status)

	unknown := cfg
	unknown.Trunks = append(slices.Clone(cfg.Trunks), sip.Trunk{Name: "typo", URI: "sip:wordl.example"})
	require.ErrorContains(t, h.server.Reload(unknown), "wordl.example")
	require.Len(t, h.server.Trunks(), 1, "the old configuration stays")

	n.Silence(true)
	again := cfg
	again.Trunks = append(slices.Clone(cfg.Trunks), sip.Trunk{Name: "literal", URI: "sip:192.0.2.1"})
	began := time.Now()
	require.NoError(t, h.server.Reload(again))
	require.Less(t, time.Since(began), 2*time.Second, "nothing had to be asked")
	require.Len(t, h.server.Trunks(), 2)
	require.Equal(t, 200, h.call(h.phone("201", "udp"), "+12125550101").Status)
	require.NoError(t, h.server.Ready())
}

// With nowhere to send calls to the gate is up, and not ready.
func TestNoTrunkIsFound(t *testing.T) {
	n, err := site.StartNameServer()
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, n.Close()) })
	h := newHouse(t, func(_ *gate.Config, c *sip.Config) {
		c.Trunks[0].URI = "sip:world.example"
		c.DNS.Servers = []string{n.At().String()}
	})
	require.Eventually(t, func() bool { err := h.server.Ready(); return err != nil && err.Error() != "a SIP listener is down" }, 5*time.Second, time.Millisecond)
	require.ErrorContains(t, h.server.Ready(), "no trunk has an address")
	require.Equal(t, 500, h.call(h.phone("201", "udp"), "+12125550100").Status)
}

// Keys of names, and what a reload cannot change.
func TestNamesConfiguration(t *testing.T) {
	cfg := sip.Config{
		Listen: []string{"udp://127.0.0.1:0"}, Peers: []sip.Peer{{Name: "p", From: []string{"10.0.0.1"}}},
		Trunks: []sip.Trunk{{Name: "a", URI: "sip:a.example", Ping: gate.Duration(time.Millisecond)}},
		DNS:    sip.DNS{Servers: []string{"ns.example", "192.0.2.53", "[2001:db8::53]:5353"}, MinTTL: gate.Duration(2 * time.Hour), Penalty: -1},
	}
	err := cfg.Validate()
	for _, key := range []string{"sip.trunks[0].ping", "sip.dns.servers[0]", "sip.dns.min_ttl", "sip.dns.penalty"} {
		require.ErrorContains(t, err, key+": ")
	}
	require.NotContains(t, err.Error(), "servers[1]")
	require.NotContains(t, err.Error(), "servers[2]")
	h, _, cfg := named(t)
	cfg.DNS.Penalty = gate.Duration(time.Minute)
	require.ErrorContains(t, h.server.Reload(cfg), "sip.dns cannot change")
}

// By NAPTR and SRV to TLS: the server there must prove to be whom the configuration names, whatever the records call it.
func TestNameOverTLS(t *testing.T) {
	for _, c := range []struct {
		proves string
		status int
	}{{"world.example", 200}, {"sbc.world.example", 500}} {
		t.Run(c.proves, func(t *testing.T) {
			n, err := site.StartNameServer()
			require.NoError(t, err)
			t.Cleanup(func() { require.NoError(t, n.Close()) })
			s := newSecureHouse(t, func(s *secureHouse, _ *gate.Config, cfg *sip.Config) {
				callee, err := phone.New(phone.Config{Listen: "127.0.0.2:0", Transport: "tls", TLS: &tls.Config{
					RootCAs: s.authority.Pool(), Certificates: []tls.Certificate{s.authority.Issue(t, c.proves).TLS()},
				}})
				require.NoError(t, err)
				t.Cleanup(func() { require.NoError(t, callee.Close()) })
				at := netip.MustParseAddrPort(callee.SecureAddress())
				n.Set(fmt.Sprintf("world.example. 60 IN NAPTR 1 1 \"s\" \"SIPS+D2T\" \"\" _sips._tcp.world.example.\n"+
					"_sips._tcp.world.example. 60 IN SRV 0 0 %d sbc.world.example.\nsbc.world.example. 60 IN A %v", at.Port(), at.Addr()))
				cfg.Trunks = []sip.Trunk{{Name: "secure", URI: "sip:world.example"}}
				cfg.DNS.Servers = []string{n.At().String()}
			})
			require.Equal(t, c.status, s.call(s.phone("201", "udp"), "+12125550100").Status)
			require.Eventually(t, func() bool { return s.gate.CallsUp() == 0 }, 5*time.Second, time.Millisecond, "its BYE, too, finds the way")
		})
	}
}
