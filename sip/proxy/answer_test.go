package proxy

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ringfence/ringfence/gate"
	"github.com/ringfence/ringfence/sip/identity"
	"github.com/ringfence/ringfence/sip/message"
	"github.com/ringfence/ringfence/sip/transport"
)

// Every reason that can block has an answer of its own, in both languages, and the phrase stays ASCII.
func TestEveryReasonHasItsAnswer(t *testing.T) {
	passes := map[gate.Reason]bool{
		gate.Emergency: true, gate.Internal: true, gate.Allowed: true, gate.OwnerCalls: true, gate.Collaborator: true, gate.Pass: true,
	}
	for _, language := range []string{"en", "zh"} {
		p, ok := NewProfile("phone", language)
		require.True(t, ok)
		for _, reason := range gate.Reasons() {
			if passes[reason] {
				continue
			}
			r := p.refusal(&gate.Decision{Reason: reason, Owner: "202", RetryAfter: 1500 * time.Millisecond})
			require.NotEqual(t, 500, r.Status, "%v has no text", reason)
			require.Contains(t, r.Headers, "Retry-After: 2\r\n")
			for _, c := range r.Phrase {
				require.Less(t, c, rune(0x7f), "%v", reason)
			}
			require.Equal(t, language == "zh", strings.ContainsFunc(r.Headers, func(c rune) bool { return c > 0x7f }), "%v", reason)
		}
	}
	_, ok := NewProfile("nobody", "en")
	require.False(t, ok)
}

// An owner's id cannot break out of the header it is shown in.
func TestOwnerCannotBreakOut(t *testing.T) {
	p, _ := NewProfile("phone", "en")
	r := p.refusal(&gate.Decision{Reason: gate.Owned, Owner: "a\"\r\nX: y\\"})
	require.Equal(t, 2, strings.Count(r.Headers, "\r\n"))
	require.NotContains(t, r.Headers, `\`)
}

// A fault in one call is that call's alone.
func TestPanicIsContained(t *testing.T) {
	broken := true
	inWorld(t, setUp{observe: func(gate.Decision) {
		if broken {
			panic("on purpose")
		}
	}}, func(w *world) {
		w.ask(ask{})
		w.expectStatus(desk, 500)
		broken = false
		w.ask(ask{uri: "sip:+13105550123@10.0.0.1", callID: "call-2", branch: "z9hG4bK-2"})
		w.expectStatus(desk, 100)
		w.expectMethod(trunkA, "INVITE")
	})
}

// What the strict reader refuses is answered without any state.
func TestMalformedIsAnswered(t *testing.T) {
	inWorld(t, setUp{}, func(w *world) {
		text := strings.Replace(ask{}.text(), "CSeq: 1 INVITE", "CSeq: 1 BYE", 1)
		m, err := message.Parse([]byte(strings.ReplaceAll(text, "\n", "\r\n")))
		var fault *message.Fault
		require.ErrorAs(t, err, &fault)
		require.NotNil(t, m)
		w.proxy.Malformed(m, transport.Source{Address: desk}, fault)
		w.expectStatus(desk, 400)
		require.Zero(t, w.layer.Size())
	})
}

// Each trunk gets numbers in its own notation.
func TestTrunkNotation(t *testing.T) {
	for notation, want := range map[Notation]string{E164: "+12125550100", Digits: "12125550100", National: "2125550100"} {
		inWorld(t, setUp{routing: func(r *Routing) { r.Trunks[0].Number = notation }}, func(w *world) {
			w.ask(ask{})
			invite := w.expectMethod(trunkA, "INVITE")
			require.Equal(t, "sip:"+want+"@10.1.0.1:5060", string(invite.Bytes(invite.RequestURI)))
		})
	}
}

// SUBSCRIBE, MESSAGE and their like go where the extensions are, and from there to a phone only by its flow.
func TestOutOfDialog(t *testing.T) {
	inWorld(t, setUp{}, func(w *world) {
		w.ask(ask{method: "SUBSCRIBE", uri: "sip:305@10.0.0.1"})
		m := w.expectMethod(pbx, "SUBSCRIBE")
		require.Equal(t, 1, m.Count(message.RecordRoute))
		w.ask(ask{method: "MESSAGE", uri: "sip:201@10.0.0.9:5070", source: pbx, branch: "z9hG4bK-2"})
		w.expectStatus(pbx, 404)
		w.ask(ask{method: "REFER", uri: "sip:305@10.0.0.1", branch: "z9hG4bK-3"})
		w.expectStatus(desk, 403)
		w.quiet(desk, trunkA)
	})
}

// Identities that a peer may not assert are taken away.
func TestAssertedIdentityIsStripped(t *testing.T) {
	inWorld(t, setUp{}, func(w *world) {
		w.ask(ask{more: "P-Asserted-Identity: <sip:boss@x>\nRemote-Party-ID: <sip:boss@x>\np-asserted-identity: <tel:+1>\n"})
		invite := w.expectMethod(trunkA, "INVITE")
		require.Zero(t, invite.Count(message.PAssertedIdentity))
		require.Zero(t, invite.Count(message.RemotePartyID))
	})
}

// The header that names the rep to the gate stays inside.
func TestRepHeaderIsHidden(t *testing.T) {
	inWorld(t, setUp{routing: func(r *Routing) {
		r.Peers[0].Identity, _ = identity.Parse("header:X-Rep")
	}}, func(w *world) {
		w.ask(ask{more: "x-rep: 207\n"})
		invite := w.expectMethod(trunkA, "INVITE")
		_, there := invite.GetName("X-Rep")
		require.False(t, there)
		held, _ := w.registry.Held("+12125550100")
		require.Equal(t, gate.Rep("207"), held.Rep)
	})
}

// A new routing takes hold at once.
func TestReroute(t *testing.T) {
	inWorld(t, setUp{}, func(w *world) {
		r := routing(t)
		r.Trunks = r.Trunks[1:]
		w.proxy.Reroute(r)
		w.ask(ask{})
		w.expectMethod(trunkB, "INVITE")
		w.quiet(trunkA)
	})
}
