package sip

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// Over TLS a target must prove to be the host that was configured, so its name is kept.
func TestResolveKeepsTheName(t *testing.T) {
	secure, err := resolve("carrier", "sip:localhost;transport=tls")
	require.NoError(t, err)
	require.Equal(t, "localhost", secure.Address.Name)
	require.Equal(t, uint16(5061), secure.Address.Port())
	require.Equal(t, "localhost:5061", secure.Host)
	plain, err := resolve("carrier", "sip:localhost;transport=tcp")
	require.NoError(t, err)
	require.Empty(t, plain.Address.Name)
	require.Equal(t, uint16(5060), plain.Address.Port())
}
