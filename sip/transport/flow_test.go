package transport

import (
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"
)

// A flow over a stream is that connection, and not the next one from the same address.
func TestFlow(t *testing.T) {
	at := Address{Protocol: TCP, AddrPort: netip.MustParseAddrPort("10.0.0.9:40001")}
	first, second := Source{Address: at, connection: new(connection)}, Source{Address: at, connection: new(connection)}
	again := first.Flow()
	require.True(t, first.Flow() == again)
	require.False(t, first.Flow() == second.Flow())
	datagram := Source{Address: Address{Protocol: UDP, AddrPort: at.AddrPort}}
	require.True(t, datagram.Flow() == Source{Address: datagram.Address}.Flow())
	require.False(t, datagram.Flow() == Source{Address: at}.Flow())
}
