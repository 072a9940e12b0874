package proxy

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ringfence/ringfence/gate"
	"github.com/ringfence/ringfence/sip/identity"
	"github.com/ringfence/ringfence/sip/message"
	"github.com/ringfence/ringfence/sip/transport"
)

// A whole call: what was decided is what is sent, everything else passes as it is, and the dialog comes back by our
// signed Record-Route.
func TestCallIsForwarded(t *testing.T) {
	inWorld(t, setUp{}, func(w *world) {
		w.ask(ask{uri: "sip:9(212)555-0100;isub=1@elsewhere.example", body: "v=0\r\n"})
		w.expectStatus(desk, 100)
		invite := w.expectMethod(trunkA, "INVITE")
		require.Equal(t, "sip:+12125550100@10.1.0.1:5060", string(invite.Bytes(invite.RequestURI)))
		require.Equal(t, 2, invite.Vias)
		require.Equal(t, 69, invite.MaxForwards)
		require.Equal(t, "v=0\r\n", string(invite.Bytes(invite.Body)))
		require.Contains(t, string(invite.Raw), "\r\nX-Other: kept,  as it is\r\n")
		require.Contains(t, string(invite.Raw), ";rport=5070;")
		require.Equal(t, 1, invite.Count(message.RecordRoute))

		w.reply(trunkA, invite, 100, "")
		w.quiet(desk)
		w.reply(trunkA, invite, 180, "")
		require.Equal(t, 1, w.expectStatus(desk, 180).Vias, "our Via is taken off")
		w.reply(trunkA, invite, 200, "")
		ok := w.expectStatus(desk, 200)
		w.reply(trunkA, invite, 200, "")
		w.expectStatus(desk, 200)

		w.ask(ask{method: "ACK", uri: "sip:callee@" + callee.AddrPort.String(), branch: "z9hG4bK-ack", toTag: "callee", more: routeSet(ok, true)})
		first := w.expectMethod(callee, "ACK")
		require.Zero(t, first.Count(message.Route))
		w.ask(ask{method: "ACK", uri: "sip:callee@" + callee.AddrPort.String(), branch: "z9hG4bK-ack", toTag: "callee", more: routeSet(ok, true)})
		require.Equal(t, string(first.Via.Branch), string(w.expectMethod(callee, "ACK").Via.Branch), "a retransmitted ACK keeps its branch")
		require.Equal(t, 1, w.gate.CallsUp())

		time.Sleep(12 * time.Second)
		w.ask(ask{method: "BYE", uri: "sip:callee@" + callee.AddrPort.String(), branch: "z9hG4bK-bye", cseq: 2, toTag: "callee", more: routeSet(ok, true)})
		bye := w.expectMethod(callee, "BYE")
		w.reply(callee, bye, 200, "")
		w.expectStatus(desk, 200)
		w.quiet(desk, trunkA, trunkB, callee)
		require.Zero(t, w.gate.CallsUp())

		time.Sleep(time.Second)
		d := w.decision(gate.Key{Rep: "202", CallID: "other", FromTag: "x"})
		require.Equal(t, gate.Owned, d.Reason, "twelve seconds of talk made 201 the owner")
		require.Equal(t, gate.Rep("201"), d.Owner)
		time.Sleep(40 * time.Second)
		require.Zero(t, w.layer.Size())
	})
}

// decision is what the gate would say now, about the number these tests ring.
func (w *world) decision(k gate.Key) gate.Decision {
	w.t.Helper()
	d, err := w.gate.Check(w.t.Context(), gate.Call{Key: k, Dialled: w.gate.Read("sip", "+12125550100", nil)})
	require.NoError(w.t, err)
	return d
}

// BYE from the callee's side travels the same way back.
func TestCalleeHangsUp(t *testing.T) {
	inWorld(t, setUp{}, func(w *world) {
		invite, _ := w.up(ask{})
		bye := "BYE sip:201@10.0.0.9:5070 SIP/2.0\nVia: SIP/2.0/UDP 10.1.0.1:5099;branch=z9hG4bK-callee\nMax-Forwards: 70\n%s" +
			"From: <sip:+12125550100@10.0.0.1>;tag=callee\nTo: <sip:201@10.0.0.1>;tag=caller\nCall-ID: call-1\nCSeq: 9 BYE\nContent-Length: 0\n\n"
		// From another port of the trunk: what we signed is enough inside the dialog, and nothing is without.
		elsewhere := at("udp", "10.1.0.1:5099")
		require.True(t, w.proxy.Admit(elsewhere))
		w.deliver(elsewhere, fmt.Sprintf(bye, ""))
		w.expectStatus(elsewhere, 403)
		w.deliver(elsewhere, strings.Replace(fmt.Sprintf(bye, routeSet(invite, false)), "z9hG4bK", "z9hG4bK-2", 1))
		w.reply(desk, w.expectMethod(desk, "BYE"), 200, "")
		w.expectStatus(elsewhere, 200)
		require.Zero(t, w.gate.CallsUp())
	})
}

// A refusal: nothing reaches a trunk, and the rep reads why.
func TestOwnedIsRefused(t *testing.T) {
	inWorld(t, setUp{}, func(w *world) {
		w.owned("202")
		w.ask(ask{})
		no := w.expectStatus(desk, 403)
		require.Equal(t, "Customer of 202", string(no.Bytes(no.Phrase)))
		require.Equal(t, `SIP;cause=403;text="Customer of 202"`, value(no, message.Reason))
		require.Equal(t, `399 ringfence "Customer of 202"`, value(no, message.Warning))
		w.ask(ask{method: "ACK"})
		w.quiet(desk, trunkA, trunkB, pbx)
	})
}

// owned makes rep the owner of the number these tests ring, by a call that was answered.
func (w *world) owned(rep gate.Rep) {
	w.t.Helper()
	c := gate.Call{Key: gate.Key{Rep: rep, CallID: "before", FromTag: "t"}, Dialled: w.gate.Read("sip", "+12125550100", nil)}
	d := w.gate.Decide(w.t.Context(), c)
	require.Equal(w.t, gate.Allow, d.Verdict)
	w.gate.Answered(d.Reservation)
	time.Sleep(15 * time.Second)
	w.gate.End(d.Reservation, gate.EndAnswered, 200)
	time.Sleep(time.Second)
}

// A redirect rings the owner's extension; answered, it is an ordinary call, and nothing is reserved.
func TestRedirectRingsTheOwner(t *testing.T) {
	inWorld(t, setUp{rules: func(r *gate.Rules) { r.Owned.Action = gate.OwnedRedirect }}, func(w *world) {
		w.owned("202")
		w.ask(ask{})
		w.expectStatus(desk, 100)
		invite := w.expectMethod(pbx, "INVITE")
		require.Equal(t, "sip:202@10.0.0.5:5060", string(invite.Bytes(invite.RequestURI)))
		require.Contains(t, value(invite, message.HistoryInfo), "+12125550100")
		require.Equal(t, 2, invite.Count(message.HistoryInfo))
		w.reply(pbx, invite, 180, "")
		w.expectStatus(desk, 180)
		w.reply(pbx, invite, 200, "")
		w.expectStatus(desk, 200)
		require.Zero(t, w.gate.CallsUp())
		w.quiet(trunkA, trunkB)
	})
}

// Nobody answers there: it stays somebody else's customer.
func TestRedirectUnansweredIsRefused(t *testing.T) {
	inWorld(t, setUp{rules: func(r *gate.Rules) { r.Owned.Action = gate.OwnedRedirect }}, func(w *world) {
		w.owned("202")
		w.ask(ask{})
		w.expectStatus(desk, 100)
		w.reply(pbx, w.expectMethod(pbx, "INVITE"), 480, "")
		w.expectMethod(pbx, "ACK")
		no := w.expectStatus(desk, 403)
		require.Equal(t, "Customer of 202", string(no.Bytes(no.Phrase)))
		w.quiet(trunkA, trunkB)
	})
}

// Two reps, one number: the second is told who is ringing it, and once the first has given up it is free.
func TestInFlight(t *testing.T) {
	inWorld(t, setUp{}, func(w *world) {
		w.ask(ask{})
		w.expectStatus(desk, 100)
		invite := w.expectMethod(trunkA, "INVITE")
		w.ask(ask{from: "202", callID: "call-2", branch: "z9hG4bK-2"})
		no := w.expectStatus(desk, 403)
		require.Contains(t, string(no.Bytes(no.Phrase)), "201 is calling")
		w.reply(trunkA, invite, 486, "")
		w.expectMethod(trunkA, "ACK")
		w.expectStatus(desk, 486)
		time.Sleep(time.Second)
		w.drain(desk)
		w.ask(ask{from: "202", callID: "call-3", branch: "z9hG4bK-3"})
		w.expectStatus(desk, 100)
		w.expectMethod(trunkA, "INVITE")
	})
}

// 603 and 607 from the trunk are the customer's no; a network's 603 is not.
func TestCalleeRefuses(t *testing.T) {
	for _, c := range []struct {
		status  int
		more    string
		refused bool
	}{
		{603, "", true},
		{607, "", true},
		{603, "Reason: Q.850;cause=21;text=\"v=analytics1\"\n", false},
		{486, "", false},
	} {
		inWorld(t, setUp{}, func(w *world) {
			w.ask(ask{})
			w.expectStatus(desk, 100)
			w.reply(trunkA, w.expectMethod(trunkA, "INVITE"), c.status, c.more)
			w.expectStatus(desk, c.status)
			time.Sleep(time.Second)
			d := w.decision(gate.Key{Rep: "203", CallID: "later", FromTag: "x"})
			require.Equal(t, c.refused, d.Reason == gate.Refused, "%d %s: %v", c.status, c.more, d.Reason)
			w.quiet(trunkB)
		})
	}
}

// An emergency call never waits: no identity, no registry, no drain stands in its way.
func TestEmergencyAlwaysPasses(t *testing.T) {
	for uri, want := range map[string]string{
		"sip:911@10.0.0.1":  "sip:911@10.1.0.1:5060",
		"sip:9911@10.0.0.1": "sip:911@10.1.0.1:5060",
		"urn:service:sos":   "urn:service:sos",
	} {
		inWorld(t, setUp{}, func(w *world) {
			w.registry.Sleep()
			w.proxy.Drain()
			w.ask(ask{uri: uri})
			w.expectStatus(desk, 100)
			invite := w.expectMethod(trunkA, "INVITE")
			require.Equal(t, want, string(invite.Bytes(invite.RequestURI)))
			w.registry.Wake()
		})
	}
}

// From any address that is read at all, whoever it is, an emergency call goes out; nothing else does.
func TestEmergencyFromAnybodyWeRead(t *testing.T) {
	inWorld(t, setUp{routing: func(r *Routing) { r.Peers = nil }}, func(w *world) {
		for i, from := range []transport.Address{pbx, at("udp", "10.1.0.2:5099")} {
			require.True(t, w.proxy.Admit(from))
			id := fmt.Sprint("call-", i)
			w.ask(ask{source: from, callID: id, branch: "z9hG4bK" + id})
			w.expectStatus(from, 403)
			w.ask(ask{source: from, uri: "sip:911@10.0.0.1", callID: "sos-" + id, branch: "z9hG4bK-sos" + id})
			w.expectStatus(from, 100)
			w.expectMethod(trunkA, "INVITE")
		}
	})
}

// An internal number goes to the PBX.
func TestInternalCall(t *testing.T) {
	inWorld(t, setUp{}, func(w *world) {
		w.registry.Sleep()
		w.ask(ask{uri: "sip:305@10.0.0.1"})
		w.expectStatus(desk, 100)
		invite := w.expectMethod(pbx, "INVITE")
		require.Equal(t, "sip:305@10.0.0.5:5060", string(invite.Bytes(invite.RequestURI)))
		w.quiet(trunkA)
		w.registry.Wake()
	})
}

// With the registry away the outage rule decides, and in time.
func TestRegistryAway(t *testing.T) {
	for action, reaches := range map[gate.Outage]bool{gate.OutageAllow: true, gate.OutageBlock: false} {
		inWorld(t, setUp{rules: func(r *gate.Rules) { r.OnRegistryDown = action }}, func(w *world) {
			w.registry.Sleep()
			began := time.Now()
			w.ask(ask{})
			time.Sleep(60 * time.Millisecond)
			require.LessOrEqual(t, time.Since(began), 60*time.Millisecond)
			if reaches {
				w.expectStatus(desk, 100)
				w.expectMethod(trunkA, "INVITE")
			} else {
				w.expectStatus(desk, 503)
				w.quiet(trunkA)
			}
			w.registry.Wake()
		})
	}
}

// RFC 3261 §17.2.1: who may wait long is told within 200 ms that we are at it.
func TestTryingWhileTheDecisionTakesLong(t *testing.T) {
	inWorld(t, setUp{rules: func(r *gate.Rules) { r.Budget = gate.Duration(time.Second) }}, func(w *world) {
		w.registry.Sleep()
		w.ask(ask{})
		time.Sleep(100 * time.Millisecond)
		w.quiet(desk)
		time.Sleep(100 * time.Millisecond)
		w.expectStatus(desk, 100)
		w.registry.Wake()
	})
}

// A registry that panics costs its own call and no other.
func TestPanicInTheRegistry(t *testing.T) {
	inWorld(t, setUp{}, func(w *world) {
		w.proxy.Gate = nil // Ask on it panics
		require.Equal(t, gate.Decision{}, w.proxy.ask(&Peer{}, gate.Call{}, nil), "undecided, and so blocked")
		w.proxy.Gate = w.gate
	})
}

// A trunk's own call is not decided; it goes to the PBX with its Request-URI unchanged.
func TestInboundCall(t *testing.T) {
	inWorld(t, setUp{}, func(w *world) {
		w.ask(ask{uri: "sip:+12125559999@10.0.0.1", from: "+12125550100", source: trunkA})
		w.expectStatus(trunkA, 100)
		invite := w.expectMethod(pbx, "INVITE")
		require.Equal(t, "sip:+12125559999@10.0.0.1", string(invite.Bytes(invite.RequestURI)))
		require.Equal(t, 1, invite.Count(message.RecordRoute))
	})
}

// Whoever is not configured gets nothing done.
func TestStrangerIsRefused(t *testing.T) {
	inWorld(t, setUp{}, func(w *world) {
		require.False(t, w.proxy.Admit(nobody))
		w.ask(ask{source: nobody})
		w.expectStatus(nobody, 403)
		w.quiet(trunkA)
	})
}

// A call that names no rep is nobody's: it is refused before any list or registry is asked.
func TestUnknownRep(t *testing.T) {
	inWorld(t, setUp{routing: func(r *Routing) {
		r.Peers[0].Identity, _ = identity.Parse("asserted")
	}}, func(w *world) {
		w.ask(ask{})
		w.expectStatus(desk, 403)
		w.ask(ask{method: "ACK"})
		w.ask(ask{callID: "call-2", branch: "z9hG4bK-2", more: "P-Asserted-Identity: \"Zhang\" <sip:201@pbx>, <tel:+12125550199>\n"})
		w.expectStatus(desk, 100)
		invite := w.expectMethod(trunkA, "INVITE")
		require.Equal(t, 1, invite.Count(message.PAssertedIdentity), "a trusted peer's identity passes")
		_, held := w.registry.Held("+12125550100")
		require.True(t, held)
	})
}
