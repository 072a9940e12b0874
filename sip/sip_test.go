package sip_test

import (
	"context"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/ringfence/ringfence/gate"
	"github.com/ringfence/ringfence/gate/registrytest"
	"github.com/ringfence/ringfence/metrics"
	"github.com/ringfence/ringfence/sip"
	"github.com/ringfence/ringfence/sip/phone"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// talk is longer than the shortest claim.min_talk there is.
const talk = 1200 * time.Millisecond

// house is a whole SIP side on loopback: the server between real phones, a PBX and the outside world.
type house struct {
	t        *testing.T
	server   *sip.Server
	gate     *gate.Gate
	registry *registrytest.Memory
	callee   *phone.Callee
	pbx      *phone.PBX
	mu       sync.Mutex
	decided  []gate.Decision
}

func newHouse(t *testing.T, change func(*gate.Config, *sip.Config)) *house {
	h := &house{t: t, registry: registrytest.NewMemory(time.Now)}
	var err error
	h.callee, err = phone.NewCallee("127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, h.callee.Close()) })
	h.pbx, err = phone.NewPBX("127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, h.pbx.Close()) })

	rules := gate.Defaults("US")
	rules.Extension = "^[2-8][0-9]{2,3}$"
	rules.Rules.Claim.MinTalk = gate.Duration(time.Second)
	cfg := sip.Config{
		Listen:     []string{"udp://127.0.0.1:0", "tcp://127.0.0.1:0"},
		Peers:      []sip.Peer{{Name: "desk", From: []string{"127.0.0.0/8"}}},
		Trunks:     []sip.Trunk{{Name: "world", URI: "sip:" + h.callee.Address()}},
		Extensions: sip.Extensions{Pattern: rules.Extension, URI: "sip:" + h.pbx.Address()},
	}
	if change != nil {
		change(&rules, &cfg)
	}
	h.gate, err = gate.New(gate.Options{Config: rules, Registry: h.registry, Gate: "g1", Now: time.Now})
	require.NoError(t, err)
	h.server, err = sip.New(cfg, sip.Options{
		Gate: h.gate, Metrics: metrics.New(metrics.NewRegistry()), Log: zerolog.Nop(),
		Observe: func(d gate.Decision) {
			h.mu.Lock()
			defer h.mu.Unlock()
			h.decided = append(h.decided, d)
		},
	})
	require.NoError(t, err)
	ctx, stop := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { require.NoError(t, h.server.Run(ctx)) })
	running.Go(func() { require.NoError(t, h.gate.Run(ctx)) })
	t.Cleanup(func() { stop(); running.Wait() })
	return h
}

// proxy is where the server listens for this transport.
func (h *house) proxy(transport string) string {
	for _, a := range h.server.Addresses() {
		if rest, ok := strings.CutPrefix(a, transport+"://"); ok {
			return rest
		}
	}
	h.t.Fatalf("no %s listener in %v", transport, h.server.Addresses())
	return ""
}

func (h *house) phone(user, transport string) *phone.Phone {
	p, err := phone.New(phone.Config{User: user, Transport: transport, Proxy: h.proxy(transport), Talk: talk})
	require.NoError(h.t, err)
	h.t.Cleanup(func() { require.NoError(h.t, p.Close()) })
	return p
}

func (h *house) call(p *phone.Phone, number string) *phone.Outcome {
	h.t.Helper()
	ctx, stop := context.WithTimeout(h.t.Context(), 20*time.Second)
	defer stop()
	o, err := p.Call(ctx, number)
	require.NoError(h.t, err)
	return o
}

// A call over UDP and over TCP makes its caller the owner; a colleague is refused with the reason.
func TestCallMakesOwner(t *testing.T) {
	for _, transport := range []string{"udp", "tcp"} {
		t.Run(transport, func(t *testing.T) {
			h := newHouse(t, nil)
			require.Equal(t, 200, h.call(h.phone("201", transport), "212-555-0100").Status)
			require.Eventually(t, func() bool { return h.registry.Owner("+12125550100") == "201" && h.gate.CallsUp() == 0 }, 5*time.Second, time.Millisecond)
			require.Equal(t, "+12125550100", h.callee.Received()[0].User)
			no := h.call(h.phone("202", transport), "+12125550100")
			require.Equal(t, 403, no.Status)
			require.Equal(t, "Customer of 201", no.Reason)
			require.Len(t, h.callee.Received(), 1)
		})
	}
}

// The owner's phone, registered through the gate over the transport of its choice, rings instead.
func TestRedirectReachesRegisteredOwner(t *testing.T) {
	for _, transport := range []string{"udp", "tcp"} {
		t.Run(transport, func(t *testing.T) {
			h := newHouse(t, func(g *gate.Config, _ *sip.Config) { g.Rules.Owned.Action = gate.OwnedRedirect })
			owner := h.phone("202", transport)
			require.NoError(t, owner.Register(t.Context()))
			require.NoError(t, h.pbx.WaitRegistered(t.Context(), "202"))
			h.registry.SetOwner("+12125550100", "202", "202", time.Hour)
			o := h.call(h.phone("201", "udp"), "+12125550100")
			require.Equal(t, 200, o.Status)
			require.Equal(t, "202", o.AnsweredBy)
			require.Len(t, owner.Received(), 1)
			require.Empty(t, h.callee.Received())
		})
	}
}

// Callers who give up while it rings are answered by the callee's 487.
func TestCallerGivesUp(t *testing.T) {
	h := newHouse(t, nil)
	h.callee.Answer(phone.RingForEver())
	c, err := h.phone("201", "udp").Dial(t.Context(), "+12125550100")
	require.NoError(t, err)
	<-c.Ringing()
	require.NoError(t, c.Cancel(t.Context()))
	o, err := c.Wait(t.Context())
	require.NoError(t, err)
	require.Equal(t, 487, o.Status)
	require.Eventually(t, func() bool { return h.gate.CallsUp() == 0 }, 5*time.Second, time.Millisecond)
}

// Many reps at one number in the same instant: one gets through.
func TestManyRepsOneNumber(t *testing.T) {
	h := newHouse(t, nil)
	h.callee.Answer(phone.AnswerAfter(200 * time.Millisecond))
	var phones []*phone.Phone
	for i := range 12 {
		phones = append(phones, h.phone(fmt.Sprint(201+i), []string{"udp", "tcp"}[i%2]))
	}
	answers := make([]int, len(phones))
	var all sync.WaitGroup
	for i, p := range phones {
		all.Go(func() { answers[i] = h.call(p, "+12125550100").Status })
	}
	all.Wait()
	through := 0
	for _, status := range answers {
		if status == 200 {
			through++
			continue
		}
		require.Equal(t, 403, status)
	}
	require.Equal(t, 1, through)
	require.Len(t, h.callee.Received(), 1)
}

// A second trunk takes over when the first is not there.
func TestFailOverOverRealSockets(t *testing.T) {
	h := newHouse(t, func(_ *gate.Config, c *sip.Config) {
		silent, err := net.ListenPacket("udp", "127.0.0.1:0")
		require.NoError(t, err)
		t.Cleanup(func() { _ = silent.Close() })
		c.Trunks = append([]sip.Trunk{{Name: "dead", URI: "sip:" + silent.LocalAddr().String()}}, c.Trunks...)
		c.Timers.NoAnswer = gate.Duration(200 * time.Millisecond)
	})
	require.Equal(t, 200, h.call(h.phone("201", "udp"), "+12125550100").Status)
}

// Every mistake is named by its key, all at once.
func TestConfigMistakes(t *testing.T) {
	err := sip.Config{
		Listen:     []string{"5060"},
		Peers:      []sip.Peer{{From: []string{"10.0.0.0/33"}, Identity: "guess", Answers: "loud", Dialplan: map[string]string{"x": ""}}},
		Trunks:     []sip.Trunk{{Name: "a", URI: "tel:+1", Number: "roman"}},
		Extensions: sip.Extensions{Pattern: "("},
	}.Validate()
	for _, key := range []string{
		"sip.listen[0]", "sip.peers[0].name", "sip.peers[0].from[0]", "sip.peers[0].identity", "sip.peers[0].answers", "sip.peers[0].dialplan",
		"sip.trunks[0].uri", "sip.trunks[0].number", "sip.extensions.pattern", "sip.extensions.uri",
	} {
		require.ErrorContains(t, err, key+": ")
	}
}

// What was bound or signed at the start cannot change; peers and trunks can.
func TestReload(t *testing.T) {
	h := newHouse(t, nil)
	cfg := sip.Config{
		Listen: []string{"udp://127.0.0.1:0", "tcp://127.0.0.1:0"},
		Peers:  []sip.Peer{{Name: "nobody", From: []string{"192.0.2.1"}}},
		Trunks: []sip.Trunk{{Name: "world", URI: "sip:" + h.callee.Address()}},
	}
	moved := cfg
	moved.Listen = moved.Listen[:1]
	require.ErrorContains(t, h.server.Reload(moved), "sip.listen cannot change")
	other := cfg
	other.Card.URL = "https://gate.example.com/card"
	require.ErrorContains(t, h.server.Reload(other), "sip.card cannot change")
	require.Equal(t, 200, h.call(h.phone("201", "udp"), "+12125550100").Status)
	require.NoError(t, h.server.Reload(cfg))
	o := h.call(h.phone("201", "udp"), "+12125550101")
	require.Equal(t, 403, o.Status)
	require.Equal(t, "Not a configured peer", o.Phrase)
}
