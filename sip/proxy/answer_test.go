package proxy

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ringfence/ringfence/gate"
	"github.com/ringfence/ringfence/sip/identity"
	"github.com/ringfence/ringfence/sip/message"
	"github.com/ringfence/ringfence/sip/transport"
)

// A PBX is never told 500 of a call that it could send undecided by its next trunk.
func TestFaultIsRefusedInThePeersWords(t *testing.T) {
	inWorld(t, setUp{
		observe: func(gate.Decision) { panic("on purpose") },
		routing: func(r *Routing) { r.Peers[0].Profile = named(t, "3cx") },
	}, func(w *world) {
		w.ask(ask{})
		no := w.expectStatus(desk, 486)
		require.Equal(t, "Not decided", string(no.Bytes(no.Phrase)))
	})
}

// What a peer is told is its own profile's, whichever way the decision went.
func TestPeersProfile(t *testing.T) {
	inWorld(t, setUp{routing: func(r *Routing) { r.Peers[0].Profile = named(t, "freeswitch") }}, func(w *world) {
		w.ask(ask{uri: "sip:not-a-number@10.0.0.1"})
		no := w.expectStatus(desk, 600)
		require.Equal(t, `Q.850;cause=17;text="Not a valid number"`, value(no, message.Reason))
	})
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
