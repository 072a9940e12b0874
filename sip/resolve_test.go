package sip

import (
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ringfence/ringfence/sip/resolver"
)

// Over TLS a target must prove to be the host that was configured, so its name is kept.
func TestResolveKeepsTheName(t *testing.T) {
	at := netip.MustParseAddrPort("192.0.2.1:5061")
	all := hops("carrier.example", resolver.Answer{Hops: []resolver.Hop{
		{Transport: "tls", AddrPort: at, Weight: 1}, {Transport: "tcp", AddrPort: at, Rank: 1, Weight: 1},
	}})
	require.Len(t, all, 2)
	require.Equal(t, "carrier.example", all[0].Name())
	require.Empty(t, all[1].Name())
}
