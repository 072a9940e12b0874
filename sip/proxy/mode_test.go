package proxy

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ringfence/ringfence/gate"
	"github.com/ringfence/ringfence/metrics"
	"github.com/ringfence/ringfence/sip/guard"
	"github.com/ringfence/ringfence/sip/identity"
	"github.com/ringfence/ringfence/sip/message"
	"github.com/ringfence/ringfence/sip/transport"
)

const testLease = 2 * time.Minute

// inMode makes the desk a peer of that mode.
func inMode(m Mode) func(*Routing) {
	return func(r *Routing) { r.Peers[0].Mode, r.Peers[0].Lease = m, testLease }
}

func TestParseMode(t *testing.T) {
	for name, want := range map[string]Mode{
		"": Proxying, "proxy": Proxying, "redirect": Redirecting, "teleblock": TeleBlock, "galaxtel": Galaxtel, "sippy": Sippy,
	} {
		got, ok := ParseMode(name)
		require.True(t, ok, name)
		require.Equal(t, want, got, name)
	}
	_, ok := ParseMode("Redirect")
	require.False(t, ok)
}

// fate is one way in which a call can be decided.
type fate struct {
	name   string
	uri    string
	from   string
	rules  func(*gate.Rules)
	before func(*world)
}

var fates = []fate{
	{name: "allowed"},
	{name: "owner", from: "202", before: func(w *world) { w.owned("202") }},
	{name: "owned", before: func(w *world) { w.owned("202") }},
	{name: "redirected", rules: func(r *gate.Rules) { r.Owned.Action = gate.OwnedRedirect }, before: func(w *world) { w.owned("202") }},
	{name: "refused", before: func(w *world) { w.registry.SetRefused("+12125550100", time.Hour) }},
	{name: "dnc", before: func(w *world) { w.registry.AddDNC("+12125550100", "company") }},
	{name: "bulk dnc", before: func(w *world) { w.registry.LoadDNC(gate.Listing{List: "n", Version: "1"}, "+12125550100") }},
	{name: "emergency", uri: "sip:911@10.0.0.1"},
	{name: "internal", uri: "sip:305@10.0.0.1"},
	{name: "unreadable", uri: "sip:+1212555010x@10.0.0.1"},
	{name: "unknown rep", from: "-"},
	{name: "outage, allowed", before: func(w *world) { w.registry.Fail() }},
	{name: "outage, blocked", rules: func(r *gate.Rules) { r.OnRegistryDown = gate.OutageBlock }, before: func(w *world) { w.registry.Fail() }},
	{name: "cancelled", before: func(w *world) { w.registry.Sleep() }},
}

// Whatever is decided, an INVITE of a mode that carries no calls gets exactly one final response and nothing reaches a
// trunk or the PBX. Nothing is taken up as a call, and no number is held beyond its lease.
func TestNothingIsCarried(t *testing.T) {
	for _, mode := range []Mode{Redirecting, TeleBlock, Galaxtel} {
		for i, f := range fates {
			source := [...]transport.Address{desk, deskTCP}[(i+int(mode))%2]
			t.Run(fmt.Sprint(modeNames[mode], " ", f.name, " ", source.Protocol), func(t *testing.T) {
				inWorld(t, setUp{rules: f.rules, routing: func(r *Routing) {
					inMode(mode)(r)
					if f.from == "-" {
						r.Peers[0].Identity, _ = identity.Parse("asserted")
					}
				}}, func(w *world) { carriesNothing(w, f, source) })
			})
		}
	}
}

func carriesNothing(w *world, f fate, source transport.Address) {
	if f.before != nil {
		f.before(w)
	}
	started := w.counted("ringfence_calls_started_total")
	q := ask{uri: f.uri, from: f.from, source: source}
	w.ask(q)
	w.ask(q) // a retransmission
	if f.name == "cancelled" {
		q.method = "CANCEL"
		w.ask(q)
	}
	time.Sleep(time.Second)    // beyond rules.budget
	finals := map[string]int{} // repetitions are alike to the byte
	w.mu.Lock()
	for _, m := range w.queue[source] {
		if m.Status >= 200 && m.CSeqMethod == "INVITE" {
			finals[string(m.Raw)]++
		}
	}
	w.queue[source] = nil
	w.mu.Unlock()
	require.Len(w.t, finals, 1)
	q.method = "ACK"
	w.ask(q)
	w.quiet(trunkA, trunkB, pbx, callee)
	require.Zero(w.t, w.gate.CallsUp())
	require.Zero(w.t, started(""), "a call whose end will never be counted")
	w.registry.Wake()
	time.Sleep(testLease + time.Minute)
	_, held := w.registry.Held("+12125550100")
	require.False(w.t, held)
	require.Zero(w.t, w.layer.Size())
}

// The words of each mode, as the peers that they stand in for speak them.
func TestDialects(t *testing.T) {
	for _, c := range []struct {
		mode   Mode
		fate   string
		status int
		phrase string
	}{
		{TeleBlock, "allowed", 499, "Allowed"},
		{TeleBlock, "owner", 499, "Allowed"},
		{TeleBlock, "emergency", 499, "Allowed"},
		{TeleBlock, "internal", 499, "Allowed"},
		{TeleBlock, "outage, allowed", 499, "Allowed"},
		{TeleBlock, "owned", 403, "Do-Not-Contact"},
		{TeleBlock, "redirected", 403, "Do-Not-Contact"},
		{TeleBlock, "bulk dnc", 403, "Do-Not-Contact"},
		{TeleBlock, "unreadable", 403, "Do-Not-Contact"},
		{TeleBlock, "outage, blocked", 403, "Do-Not-Contact"},
		{TeleBlock, "unknown rep", 433, "Anonymity Disallowed"},
		{Galaxtel, "allowed", 503, "Service Unavailable"},
		{Galaxtel, "emergency", 503, "Service Unavailable"},
		{Galaxtel, "internal", 503, "Service Unavailable"},
		{Galaxtel, "owned", 403, "Forbidden"},
		{Galaxtel, "redirected", 403, "Forbidden"},
		{Galaxtel, "dnc", 403, "Forbidden"},
		{Galaxtel, "unreadable", 403, "Forbidden"},
		{Galaxtel, "unknown rep", 403, "Forbidden"},
		{Galaxtel, "outage, blocked", 403, "Forbidden"},
		{Sippy, "owned", 470, "Consent Needed"},
		{Sippy, "bulk dnc", 470, "Consent Needed"},
		{Sippy, "outage, blocked", 470, "Consent Needed"},
	} {
		t.Run(modeNames[c.mode]+" "+c.fate, func(t *testing.T) {
			f := fateNamed(c.fate)
			inWorld(t, setUp{rules: f.rules, routing: func(r *Routing) {
				inMode(c.mode)(r)
				if f.from == "-" {
					r.Peers[0].Identity, _ = identity.Parse("asserted")
				}
			}}, func(w *world) {
				if f.before != nil {
					f.before(w)
				}
				w.ask(ask{uri: f.uri, from: f.from})
				m := w.expectStatus(desk, c.status)
				require.Equal(t, c.phrase, string(m.Bytes(m.Phrase)))
				why, _ := m.GetName(reasonName)
				require.NotEmpty(t, why)
				if c.status != 499 && c.status != 503 {
					require.Contains(t, value(m, message.Reason), fmt.Sprintf("SIP;cause=%d;text=", c.status))
				}
				w.quiet(trunkA, trunkB, pbx)
			})
		})
	}
}

func fateNamed(name string) fate {
	for _, f := range fates {
		if f.name == name {
			return f
		}
	}
	panic("no fate " + name)
}

// A Sippy softswitch is no dip: it carries what is allowed, and so does the gate in its place.
func TestSippyCarriesCalls(t *testing.T) {
	inWorld(t, setUp{routing: inMode(Sippy), rules: func(r *gate.Rules) { r.Owned.Action = gate.OwnedRedirect }}, func(w *world) {
		w.up(ask{})
		require.Equal(t, 1, w.gate.CallsUp())
		w.ask(ask{from: "203", callID: "call-2", branch: "z9hG4bK-2"})
		w.expectStatus(desk, 470)
		time.Sleep(12 * time.Second) // 201 owns it now
		w.drain(desk)
		w.ask(ask{from: "204", callID: "call-3", branch: "z9hG4bK-3"})
		w.expectStatus(desk, 100)
		w.reply(pbx, w.expectMethod(pbx, "INVITE"), 480, "")
		w.expectStatus(desk, 470)
	})
}

// A switch that asks once for each of its trunks, each time with a Call-ID of its own, has asked once.
func TestDipFromTwoTrunks(t *testing.T) {
	inWorld(t, setUp{routing: inMode(TeleBlock)}, func(w *world) {
		for i := range 3 {
			w.ask(ask{callID: fmt.Sprint("dip-", i), branch: fmt.Sprint("z9hG4bK-", i)})
			w.expectStatus(desk, 499)
			w.ask(ask{method: "ACK", callID: fmt.Sprint("dip-", i), branch: fmt.Sprint("z9hG4bK-", i)})
		}
		require.Len(t, w.registry.Records("+12125550100"), 1)
		w.ask(ask{from: "202", callID: "other", branch: "z9hG4bK-other"})
		w.expectStatus(desk, 403)
		w.ask(ask{from: "202", callID: "other", branch: "z9hG4bK-other", method: "ACK"})
		time.Sleep(testLease)
		w.ask(ask{from: "202", callID: "later", branch: "z9hG4bK-later"})
		w.expectStatus(desk, 499)
		require.Empty(t, w.registry.Owner("+12125550100"), "a dip makes no owner")
	})
}

// A dip that is cancelled before it was decided holds nothing.
func TestDipIsCancelled(t *testing.T) {
	inWorld(t, setUp{routing: inMode(Galaxtel), rules: func(r *gate.Rules) { r.Budget = gate.Duration(time.Second) }}, func(w *world) {
		w.registry.Sleep()
		w.ask(ask{})
		w.ask(ask{method: "CANCEL"})
		w.expectStatus(desk, 200)
		w.expectStatus(desk, 487)
		w.registry.Wake()
		time.Sleep(time.Second)
		_, held := w.registry.Held("+12125550100")
		require.False(t, held)
		require.Len(t, w.registry.Records("+12125550100"), 2, "the decision, and that nothing came of it")
	})
}

// A gate that drains still answers dips: its 503 would be a clean number to some.
func TestDipsWhileDraining(t *testing.T) {
	for mode, status := range map[Mode]int{Proxying: 503, Redirecting: 403, TeleBlock: 403, Galaxtel: 403, Sippy: 503} {
		inWorld(t, setUp{routing: inMode(mode)}, func(w *world) {
			w.owned("202")
			w.proxy.Drain()
			w.ask(ask{})
			w.expectStatus(desk, status)
		})
	}
}

// counted replaces the proxy's metrics and returns what a counter stands at, over all its series of that first label;
// "" is any.
func (w *world) counted(name string) func(label string) float64 {
	reg := metrics.NewRegistry()
	w.proxy.Metrics = metrics.New(reg)
	return func(label string) (sum float64) {
		families, err := reg.Gather()
		require.NoError(w.t, err)
		found := false
		for _, f := range families {
			for _, m := range f.GetMetric() {
				if f.GetName() == name && (label == "" || m.GetLabel()[0].GetValue() == label) {
					found = true
					sum += m.GetCounter().GetValue()
				}
			}
		}
		require.True(w.t, found, "no series %s of %s", label, name)
		return sum
	}
}

// A call that fails inside the gate must not be a clean number either.
func TestFaultIsNoYes(t *testing.T) {
	for mode, status := range map[Mode]int{Redirecting: 500, TeleBlock: 403, Galaxtel: 403, Sippy: 470} {
		inWorld(t, setUp{routing: inMode(mode), observe: func(gate.Decision) { panic("on purpose") }}, func(w *world) {
			w.ask(ask{})
			w.expectStatus(desk, status)
		})
	}
}

// A password that cannot be checked is no clean number.
func TestUncheckedPasswordIsNoYes(t *testing.T) {
	digest := peersWho(t, "digest")
	inWorld(t, setUp{users: &users{err: errors.New("away")}, routing: func(r *Routing) {
		digest(r)
		inMode(Galaxtel)(r)
	}}, func(w *world) {
		w.call(ask{}, "201", "secret201")
		w.expectStatus(desk, 403)
	})
}

// Nor is a call that there was no time to decide.
func TestSheddingIsNoYes(t *testing.T) {
	inWorld(t, setUp{routing: inMode(Galaxtel)}, func(w *world) {
		w.late(guard.Plenty)
		w.ask(ask{body: sizeable})
		w.expectStatus(desk, 403)
		w.quiet(trunkA, trunkB)
	})
}
