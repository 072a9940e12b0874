package sip_test

import (
	"crypto/tls"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ringfence/ringfence/gate"
	"github.com/ringfence/ringfence/sip"
	"github.com/ringfence/ringfence/sip/phone"
	"github.com/ringfence/ringfence/test/authority"
)

// secureHouse is a house that listens on TLS as well, on two addresses, and whose phones and trunk may speak it.
type secureHouse struct {
	*house
	authority *authority.Authority
	cert, key string // files
	cfg       sip.Config
}

func newSecureHouse(t *testing.T, change func(*secureHouse, *gate.Config, *sip.Config)) *secureHouse {
	s := &secureHouse{authority: authority.New(t)}
	s.cert, s.key = s.authority.Issue(t, "127.0.0.1").Files(t)
	s.house = newHouse(t, func(g *gate.Config, c *sip.Config) {
		c.Listen = append(c.Listen, "tls://127.0.0.1:0", "tls://127.0.0.6:0")
		c.TLS = sip.TLS{CertFile: s.cert, KeyFile: s.key, CAFile: s.authority.File(t)}
		if change != nil {
			change(s, g, c)
		}
		s.cfg = *c
	})
	return s
}

// secureTrunk is a callee that hears TLS, at an address that is not the phones'.
func (s *secureHouse) secureTrunk(t *testing.T, c *sip.Config) *phone.Phone {
	callee, err := phone.New(phone.Config{Listen: "127.0.0.2:0", Transport: "tls", TLS: &tls.Config{
		RootCAs: s.authority.Pool(), Certificates: []tls.Certificate{s.authority.Issue(t, "127.0.0.2").TLS()},
	}})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, callee.Close()) })
	c.Trunks = []sip.Trunk{{Name: "secure", URI: "sip:" + callee.SecureAddress() + ";transport=tls"}}
	return callee
}

// securePhone reaches the gate by TLS; nobody can connect to it.
func (s *secureHouse) securePhone(user string) *phone.Phone {
	p, err := phone.New(phone.Config{User: user, Transport: "tls", Proxy: s.proxy("tls"), Talk: talk, TLS: &tls.Config{RootCAs: s.authority.Pool()}})
	require.NoError(s.t, err)
	s.t.Cleanup(func() { require.NoError(s.t, p.Close()) })
	return p
}

// Calls from and to TLS, ended by either side. A phone that nobody can connect to hears the BYE over its own connection.
func TestCallsOverTLS(t *testing.T) {
	for name, c := range map[string]struct{ from, to string }{
		"TLS to UDP": {"tls", "udp"}, "UDP to TLS": {"udp", "tls"}, "TCP to TLS": {"tcp", "tls"}, "TLS to TLS": {"tls", "tls"},
	} {
		for _, hangsUp := range []string{"caller", "callee"} {
			t.Run(name+", "+hangsUp+" hangs up", func(t *testing.T) {
				var callee *phone.Phone
				s := newSecureHouse(t, func(s *secureHouse, _ *gate.Config, cfg *sip.Config) {
					if c.to == "tls" {
						callee = s.secureTrunk(t, cfg)
					}
				})
				if callee == nil {
					callee = s.callee.Phone
				}
				caller := s.securePhone("201")
				if c.from != "tls" {
					caller = s.phone("201", c.from)
				}
				if hangsUp == "callee" {
					b := phone.AnswerAfter(0)
					b.Talk = 100 * time.Millisecond
					callee.Answer(b)
				}
				o := s.call(caller, "212-555-0100")
				require.Equal(t, 200, o.Status)
				if hangsUp == "callee" {
					require.Less(t, o.Talk, talk, "the callee's BYE did not come")
				}
				require.Eventually(t, func() bool { return s.gate.CallsUp() == 0 }, 5*time.Second, time.Millisecond)
			})
		}
	}
}

// A phone that registered over TLS is rung over the same connection.
func TestRegisteredOverTLS(t *testing.T) {
	s := newSecureHouse(t, func(_ *secureHouse, g *gate.Config, _ *sip.Config) { g.Rules.Owned.Action = gate.OwnedRedirect })
	owner := s.securePhone("202")
	require.NoError(t, owner.Register(t.Context()))
	require.NoError(t, s.pbx.WaitRegistered(t.Context(), "202"))
	s.registry.SetOwner("+12125550100", "202", "202", time.Hour)
	o := s.call(s.phone("201", "udp"), "+12125550100")
	require.Equal(t, 200, o.Status)
	require.Equal(t, "202", o.AnsweredBy)
	require.Len(t, owner.Received(), 1)
}

// S15: certificates are read again under calls, and no call notices; bad files change nothing.
func TestCertificatesReloadUnderCalls(t *testing.T) {
	const calls = 30
	s := newSecureHouse(t, nil)
	var talking sync.WaitGroup
	phones := make([]*phone.Phone, calls)
	for i := range phones {
		phones[i] = s.securePhone("201")
	}
	reload := func() error { return s.server.Reload(s.cfg) }
	shown := func() []byte {
		c, err := tls.Dial("tcp", s.proxy("tls"), &tls.Config{RootCAs: s.authority.Pool(), ServerName: "127.0.0.1"})
		require.NoError(t, err)
		defer c.Close()
		return c.ConnectionState().PeerCertificates[0].Raw
	}
	old := shown()
	for i, p := range phones {
		talking.Go(func() {
			o := s.call(p, "+1212555"+string([]byte{'0' + byte(i/1000%10), '0' + byte(i/100%10), '0' + byte(i/10%10), '0' + byte(i%10)}))
			if o.Status != 200 || o.Talk < talk/2 {
				t.Errorf("a call was dropped: %+v", o)
			}
		})
	}
	require.Eventually(t, func() bool { return s.gate.CallsUp() == calls }, 10*time.Second, time.Millisecond)
	next := s.authority.Issue(t, "127.0.0.1")
	next.Write(t, s.cert, s.key)
	require.NoError(t, reload())
	require.Equal(t, next.Leaf.Raw, shown())
	require.NotEqual(t, old, shown())

	require.NoError(t, os.WriteFile(s.key, []byte("rubbish"), 0o600))
	require.ErrorContains(t, reload(), s.key)
	require.Equal(t, next.Leaf.Raw, shown(), "the old ones stay")
	for range 20 {
		s.authority.Issue(t, "127.0.0.1").Write(t, s.cert, s.key)
		require.NoError(t, reload())
	}
	talking.Wait()
	require.Eventually(t, func() bool { return s.gate.CallsUp() == 0 }, 5*time.Second, time.Millisecond)
	require.Len(t, s.callee.Received(), calls)
}

func TestTLSMistakes(t *testing.T) {
	good := sip.Config{
		Listen: []string{"tls://127.0.0.1:5061"}, TLS: sip.TLS{CertFile: "c", KeyFile: "k"},
		Peers:  []sip.Peer{{Name: "desk", From: []string{"10.0.0.0/8"}}},
		Trunks: []sip.Trunk{{Name: "carrier", URI: "sip:carrier.example;transport=tls"}},
	}
	require.NoError(t, good.Validate())
	for says, change := range map[string]func(*sip.Config){
		"sip.tls.cert_file: missing":                        func(c *sip.Config) { c.TLS.CertFile = "" },
		"sip.tls.key_file: missing":                         func(c *sip.Config) { c.TLS.KeyFile = "" },
		"sip.tls.cert_file: missing; a tls or wss listener": func(c *sip.Config) { c.TLS = sip.TLS{} },
		"sip.tls.cert_file: missing; a tls or": func(c *sip.Config) {
			c.TLS, c.Trunks, c.Listen = sip.TLS{}, []sip.Trunk{{Name: "b", URI: "sip:b"}}, []string{"wss://127.0.0.1:443"}
		},
		"sip.trunks[0].uri: \"sip:b;transport=ws\": transp":   func(c *sip.Config) { c.Trunks = []sip.Trunk{{Name: "b", URI: "sip:b;transport=ws"}} },
		"sip.websocket.origins[0]: \"phone.example\" is no":   func(c *sip.Config) { c.WebSocket.Origins = []string{"phone.example"} },
		"sip.websocket.origins[0]: \"https://a/b\" is no ori": func(c *sip.Config) { c.WebSocket.Origins = []string{"https://a/b"} },
		"sip.tls.ca_file: missing; whose":                     func(c *sip.Config) { c.TLS.ClientCertificates = "required" },
		"sip.tls.client_certificates: unknown choice":         func(c *sip.Config) { c.TLS.ClientCertificates = "maybe" },
		"sip.trunks[0].uri: goes over TLS, and nothing":       func(c *sip.Config) { c.Listen = []string{"udp://127.0.0.1:5060"} },
		"sip.extensions.uri: goes over TLS, and nothing": func(c *sip.Config) {
			c.Listen = []string{"udp://127.0.0.1:5060"}
			c.Extensions.URI = "sip:10.0.0.5;transport=tls"
		},
		"sip.trunks[0].uri: \"sip:b;transport=sctp\": trans": func(c *sip.Config) { c.Trunks = []sip.Trunk{{Name: "b", URI: "sip:b;transport=sctp"}} },
	} {
		c := good
		change(&c)
		require.ErrorContains(t, c.Validate(), says)
	}
}
