package transport

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestParseAddress(t *testing.T) {
	tests := map[string]string{ // "" when it must fail
		"udp://127.0.0.1:5060":           "udp://127.0.0.1:5060",
		"TCP://0.0.0.0:0":                "tcp://0.0.0.0:0",
		"udp://[::1]:5060":               "udp://[::1]:5060",
		"udp://[::ffff:192.0.2.1]:5060":  "udp://192.0.2.1:5060",
		"127.0.0.1:5060":                 "",
		"udp://127.0.0.1":                "",
		"udp://localhost:5060":           "",
		"udp://127.0.0.1:65536":          "",
		"udp://127.0.0.1:-1":             "",
		"udp://::1:5060":                 "",
		"tls://127.0.0.1:5061":           "tls://127.0.0.1:5061",
		"sctp://127.0.0.1:5060":          "",
		"://127.0.0.1:5060":              "",
		"":                               "",
		"udp://127.0.0.1:5060/something": "",
	}
	for in, want := range tests {
		a, err := ParseAddress(in)
		if want == "" {
			assert.Error(t, err, in)
			continue
		}
		require.NoError(t, err, in)
		assert.Equal(t, want, a.String(), in)
	}
}

func TestParseAddressSaysHow(t *testing.T) {
	_, err := ParseAddress("udp://gate.example.com:5060")
	require.ErrorContains(t, err, "udp://192.0.2.1:5060")
	_, err = ParseAddress("sctp://127.0.0.1:5060")
	require.ErrorContains(t, err, "use udp, tcp, tls, ws or wss")
	_, err = ParseAddress("127.0.0.1:5060")
	require.ErrorContains(t, err, "udp://host:port")
}

func TestProtocol(t *testing.T) {
	for p, name := range map[Protocol]string{UDP: "UDP", TCP: "TCP", TLS: "TLS", WS: "WS", WSS: "WSS"} {
		assert.Equal(t, name, p.String())
		parsed, err := ParseProtocol(name)
		require.NoError(t, err)
		assert.Equal(t, p, parsed)
	}
	assert.False(t, UDP.Reliable())
	assert.True(t, TCP.Reliable())
	assert.True(t, TLS.Reliable())
	assert.True(t, TLS.Secure())
	assert.False(t, TCP.Secure())
	assert.True(t, WSS.Secure())
	assert.False(t, WS.Secure())
	assert.Equal(t, "protocol(0)", Protocol(0).String())
	_, err := ParseProtocol("")
	require.Error(t, err)
}

func FuzzParseAddress(f *testing.F) {
	f.Add("udp://127.0.0.1:5060")
	f.Add("tcp://[fe80::1%eth0]:5060")
	f.Add("udp://[::ffff:1.2.3.4]:1")
	f.Fuzz(func(t *testing.T, s string) {
		a, err := ParseAddress(s)
		if err != nil {
			return
		}
		again, err := ParseAddress(a.String())
		if err != nil || again != a {
			t.Errorf("%q is %v, which reads as %v, %v", s, a, again, err)
		}
	})
}
