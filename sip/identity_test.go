package sip_test

import (
	"crypto/tls"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ringfence/ringfence/gate"
	"github.com/ringfence/ringfence/sip"
	"github.com/ringfence/ringfence/sip/phone"
	"github.com/ringfence/ringfence/test/authority"
)

// proving is a phone that says it is user, and shows a certificate.
func (s *secureHouse) proving(user string, shown authority.Pair) *phone.Phone {
	p, err := phone.New(phone.Config{User: user, Transport: "tls", Proxy: s.proxy("tls"), Talk: talk, TLS: &tls.Config{
		RootCAs: s.authority.Pool(), Certificates: []tls.Certificate{shown.TLS()},
	}})
	require.NoError(s.t, err)
	s.t.Cleanup(func() { require.NoError(s.t, p.Close()) })
	return p
}

// The rep is the one whom the certificate names, whatever From says; without a certificate of our authority it is nobody.
func TestRepByCertificate(t *testing.T) {
	s := newSecureHouse(t, func(_ *secureHouse, _ *gate.Config, c *sip.Config) {
		c.Peers[0].Identity = "certificate"
		c.TLS.ClientCertificates = "optional"
	})
	require.Equal(t, 200, s.call(s.proving("305", s.authority.Issue(t, "sip:201@example.com")), "+12125550100").Status)
	require.Equal(t, gate.Rep("201"), s.decided[0].Call.Rep)
	for _, p := range []*phone.Phone{
		s.securePhone("201"),
		s.phone("201", "udp"),
		s.phone("201", "tcp"),
		s.proving("201", s.authority.Issue(t, "example.com")),
	} {
		o := s.call(p, "+12125550101")
		require.Equal(t, 403, o.Status)
		require.Equal(t, "Unknown caller", o.Reason)
	}
	c, err := tls.Dial("tcp", s.proxy("tls"), &tls.Config{
		RootCAs: s.authority.Pool(), ServerName: "127.0.0.1", Certificates: []tls.Certificate{authority.New(t).Issue(t, "sip:201@example.com").TLS()},
	})
	if err == nil { // TLS 1.3: the refusal comes with the first read
		_, err = c.Read(make([]byte, 1))
		_ = c.Close()
	}
	require.Error(t, err, "a stranger's certificate")
	require.Len(t, s.callee.Received(), 1)
}

// What makes an identity that nobody could ever prove is a mistake.
func TestIdentityMistakes(t *testing.T) {
	good := sip.Config{
		Listen: []string{"udp://127.0.0.1:5060", "tls://127.0.0.1:5061"}, TLS: sip.TLS{CertFile: "c", KeyFile: "k", CAFile: "a", ClientCertificates: "optional"},
		Peers:  []sip.Peer{{Name: "desk", From: []string{"10.0.0.0/8"}}},
		Trunks: []sip.Trunk{{Name: "carrier", URI: "sip:192.0.2.1"}}, Extensions: sip.Extensions{URI: "sip:192.0.2.2"},
	}
	for _, identity := range []string{"from", "asserted", "remote_party", "header:X-Rep", "digest", "certificate", "flow"} {
		good.Peers[0].Identity = identity
		require.NoError(t, good.Validate(), identity)
	}
	for says, change := range map[string]func(*sip.Config){
		"sip.peers[0].identity: certificate needs":  func(c *sip.Config) { c.Peers[0].Identity, c.TLS.ClientCertificates = "certificate", "none" },
		"sip.peers[0].identity: flow needs":         func(c *sip.Config) { c.Peers[0].Identity, c.Extensions.URI = "flow", "" },
		"sip.peers[0].identity: \"header:From\"":    func(c *sip.Config) { c.Peers[0].Identity = "header:From" },
		"sip.digest.realm: write":                   func(c *sip.Config) { c.Digest.Realm = "a:b" },
		"sip.digest.algorithms[1]: unknown":         func(c *sip.Config) { c.Digest.Algorithms = []string{"MD5", "CRC"} },
		"sip.digest.nonce_life: 1s is out of range": func(c *sip.Config) { c.Digest.NonceLife = gate.Duration(1e9) },
		"sip.digest.failures: -1 is out":            func(c *sip.Config) { c.Digest.Failures = -1 },
		"sip.digest.within: ":                       func(c *sip.Config) { c.Digest.Within = -1 },
		"sip.digest.ban: ":                          func(c *sip.Config) { c.Digest.Ban = -1 },
		"sip.digest.users_file: ":                   func(c *sip.Config) { c.Digest.UsersFile = "/nowhere" },
	} {
		bad := good
		bad.Peers = []sip.Peer{good.Peers[0]}
		change(&bad)
		require.ErrorContains(t, bad.Validate(), says)
	}
}
