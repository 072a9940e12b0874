// Package transports places whole calls through the built binary between every two kinds of transport.
package transports

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ringfence/ringfence/sip/phone"
	"github.com/ringfence/ringfence/test/authority"
	"github.com/ringfence/ringfence/test/site"
)

// house is a gate that listens on everything, with one trunk.
type house struct {
	t         *testing.T
	gate      *site.Gate
	authority *authority.Authority
	cert, key string                    // files
	listens   map[string]netip.AddrPort // "tls4": where
	trunk     *phone.Phone
	pbx       *phone.PBX
}

const (
	longTalk = 2 * time.Second        // a caller's, when the callee is to hang up
	talk     = 150 * time.Millisecond // of a call that has shown what it is to show
)

var numbers atomic.Uint32

// number is one that no other call has dialled.
func number() string { return fmt.Sprintf("+1212555%04d", numbers.Add(1)) }

// newHouse starts a gate whose trunk speaks that kind, such as "tls4".
func newHouse(t *testing.T, binary, trunkKind string) *house {
	t.Helper()
	h := &house{t: t, authority: authority.New(t), listens: map[string]netip.AddrPort{}}
	dir := t.TempDir()
	plan := site.Plan{Phones: netip.MustParsePrefix("127.0.0.0/8"), Dir: dir}
	plan.Gate = h.free("127.0.0.1")
	if trunkKind[3:] == "4" { // else ::1 is the trunk
		plan.IPv6 = netip.MustParsePrefix("::1/128")
	}
	h.listens["udp4"], h.listens["tcp4"] = plan.Gate, plan.Gate
	for _, kind := range []string{"tls4", "udp6", "tcp6", "tls6"} {
		h.listens[kind] = h.free(map[bool]string{true: "127.0.0.1", false: "::1"}[strings.HasSuffix(kind, "4")])
		plan.Listen = append(plan.Listen, kind[:3]+"://"+h.listens[kind].String())
	}
	for _, protocol := range []string{"ws", "wss"} {
		h.listens[protocol] = h.free("127.0.0.1")
		plan.Listen = append(plan.Listen, protocol+"://"+h.listens[protocol].String())
	}
	h.cert, h.key = h.authority.Issue(t, "127.0.0.1", "::1").Files(t)
	plan.More = fmt.Sprintf("  tls: {cert_file: %q, key_file: %q, ca_file: %q}\n", h.cert, h.key, h.authority.File(t))
	h.trunk = h.phone("", trunkKind, "127.0.0.2", "")
	at := h.trunk.Address()
	if trunkKind[:3] == "tls" {
		at = h.trunk.SecureAddress()
	}
	plan.Trunks = []site.Trunk{{At: netip.MustParseAddrPort(at), Protocol: site.Protocol(trunkKind[:3])}}
	var err error
	h.pbx, err = phone.NewPBX("127.0.0.4:0")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, h.pbx.Close()) })
	plan.PBX = netip.MustParseAddrPort(h.pbx.Address())
	h.gate, err = site.Ringfence{Binary: binary}.StartGate(t.Context(), plan)
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, h.gate.Stop()) })
	return h
}

func (h *house) free(host string) netip.AddrPort {
	at, err := site.FreeAddress(netip.MustParseAddr(host))
	require.NoError(h.t, err)
	return at
}

// phone is one that speaks that kind; host is its IPv4 address, when that is the kind.
func (h *house) phone(user, kind, host, proxy string) *phone.Phone {
	h.t.Helper()
	if kind[3:] == "6" {
		host = "::1"
	}
	p, err := phone.New(phone.Config{
		User: user, Transport: kind[:3], Listen: net.JoinHostPort(host, "0"), Proxy: proxy, Talk: longTalk,
		TLS: &tls.Config{RootCAs: h.authority.Pool(), Certificates: []tls.Certificate{h.authority.Issue(h.t, host).TLS()}},
	})
	require.NoError(h.t, err)
	h.t.Cleanup(func() { require.NoError(h.t, p.Close()) })
	return p
}

func build(t *testing.T) string {
	t.Helper()
	binary, err := site.Build(t.Context(), t.TempDir())
	require.NoError(t, err)
	return binary
}

func TestCallsBetweenTransports(t *testing.T) {
	binary := build(t)
	for _, pair := range [][2]string{
		{"udp4", "tcp4"},
		{"tcp4", "udp4"},
		{"udp4", "tls4"},
		{"tls4", "udp4"},
		{"tls4", "tcp4"},
		{"tcp4", "tls4"},
		{"udp4", "udp6"},
		{"udp6", "udp4"},
		{"tls6", "udp4"},
		{"udp4", "tls6"},
		{"tcp6", "tls4"},
	} {
		t.Run(pair[0]+" to "+pair[1], func(t *testing.T) {
			t.Parallel()
			h := newHouse(t, binary, pair[1])
			caller := h.phone("201", pair[0], "127.0.0.5", h.listens[pair[0]].String())

			callee := phone.AnswerAfter(10 * time.Millisecond)
			callee.Talk = talk
			h.trunk.Answer(callee)
			o := h.call(caller)
			require.Equal(t, 200, o.Status)
			assert.True(t, o.Rang)
			assert.Less(t, o.Talk, longTalk, "the callee's BYE did not come")
			invite := h.trunk.Received()[0].Message
			assert.Equal(t, 2, strings.Count(invite, "Record-Route:"), "%s", invite)

			h.trunk.Answer(phone.AnswerAfter(0))
			c, err := caller.Dial(t.Context(), number())
			require.NoError(t, err)
			_, err = c.Wait(t.Context())
			require.NoError(t, err)
			require.NoError(t, caller.Hangup(t.Context()), "the callee answers the caller's BYE")
		})
	}
}

func (h *house) call(caller *phone.Phone) *phone.Outcome {
	h.t.Helper()
	ctx, stop := context.WithTimeout(h.t.Context(), 20*time.Second)
	defer stop()
	o, err := caller.Call(ctx, number())
	require.NoError(h.t, err, "%s", h.gate.Output())
	return o
}
