package proxy

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ringfence/ringfence/gate"
	"github.com/ringfence/ringfence/sip/message"
	"github.com/ringfence/ringfence/sip/transport"
)

// contactsOf are the Contact values of m in order.
func contactsOf(m *message.Message) []string {
	var all []string
	for s := range m.Elements(message.Contact) {
		all = append(all, string(m.Bytes(s)))
	}
	return all
}

// An allowed call is answered with every trunk, in its notation, the better ones first.
func TestRedirectNamesTheTrunks(t *testing.T) {
	inWorld(t, setUp{routing: func(r *Routing) {
		inMode(Redirecting)(r)
		third := r.Trunks[1]
		third.Addresses, third.Protocol = At(at("tcp", "10.1.0.3:5080")), transport.TCP
		third.Host, third.Priority, third.Number = "10.1.0.3:5080", 3, National
		second := r.Trunks[1]
		second.Number = Digits
		equal := second
		equal.Host = "10.1.0.4:5060"
		r.Trunks = []Trunk{r.Trunks[0], second, equal, third}
	}}, func(w *world) {
		w.ask(ask{uri: "sip:9(212)555-0100;isub=1@elsewhere.example"})
		m := w.expectStatus(desk, 302)
		require.Equal(t, "Moved Temporarily", string(m.Bytes(m.Phrase)))
		require.Equal(t, []string{
			"<sip:+12125550100@10.1.0.1:5060>;q=1.0",
			"<sip:12125550100@10.1.0.2:5060>;q=0.666",
			"<sip:12125550100@10.1.0.4:5060>;q=0.666",
			"<sip:2125550100@10.1.0.3:5080;transport=tcp>;q=0.333",
		}, contactsOf(m))
		require.Equal(t, "120", value(m, message.Expires))
		why, _ := m.GetName("X-Ringfence-Reason")
		require.Equal(t, "allowed", string(why))
		r, held := w.registry.Held("+12125550100")
		require.True(t, held)
		require.Equal(t, gate.Rep("201"), r.Rep)
	})
}

// Without a reservation, or with one whose age nobody knows, the Contacts hold for this call alone.
func TestRedirectWithoutExpires(t *testing.T) {
	for name, c := range map[string]struct {
		uri    string
		want   string
		before func(*world)
	}{
		"emergency": {"sip:911@10.0.0.1", "<sip:911@10.1.0.1:5060>;q=1.0", nil},
		"internal":  {"sip:305@10.0.0.1", "<sip:305@10.0.0.5:5060>;q=1.0", nil},
		"outage":    {"", "<sip:+12125550100@10.1.0.1:5060>;q=1.0", func(w *world) { w.registry.Fail() }},
		"repeated": {"", "<sip:+12125550100@10.1.0.1:5060>;q=1.0", func(w *world) {
			w.ask(ask{callID: "first", branch: "z9hG4bK-first"})
			w.drain(desk)
		}},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, setUp{routing: inMode(Redirecting)}, func(w *world) {
				if c.before != nil {
					c.before(w)
				}
				w.ask(ask{uri: c.uri})
				m := w.expectStatus(desk, 302)
				require.Equal(t, c.want, contactsOf(m)[0])
				require.Zero(t, m.Count(message.Expires))
				w.registry.Wake()
			})
		})
	}
}

// Somebody else's customer: to the owner when that is the rule and the owner can be rung, else the profile's refusal.
func TestRedirectToTheOwner(t *testing.T) {
	redirect := func(r *gate.Rules) { r.Owned.Action = gate.OwnedRedirect }
	inWorld(t, setUp{routing: inMode(Redirecting), rules: redirect}, func(w *world) {
		w.owned("202")
		w.ask(ask{})
		m := w.expectStatus(desk, 302)
		require.Equal(t, []string{"<sip:202@10.0.0.5:5060>;q=1.0"}, contactsOf(m))
		require.Zero(t, m.Count(message.Expires))
		why, _ := m.GetName("X-Ringfence-Reason")
		require.Equal(t, "owned", string(why))
	})
	for name, s := range map[string]setUp{
		"blocked by the rule": {routing: inMode(Redirecting)},
		"no extensions": {rules: redirect, routing: func(r *Routing) {
			inMode(Redirecting)(r)
			r.Extensions = nil
		}},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, s, func(w *world) {
				w.owned("202")
				w.ask(ask{})
				no := w.expectStatus(desk, 403)
				require.Equal(t, "Customer of 202", string(no.Bytes(no.Phrase)))
			})
		})
	}
}

// No Contact can say urn:service:sos and where to: that call alone is carried.
func TestRedirectCarriesEmergencyURN(t *testing.T) {
	inWorld(t, setUp{routing: inMode(Redirecting)}, func(w *world) {
		w.ask(ask{uri: "urn:service:sos"})
		w.expectStatus(desk, 100)
		w.reply(trunkA, w.expectMethod(trunkA, "INVITE"), 200, "")
		w.expectStatus(desk, 200)
	})
	inWorld(t, setUp{routing: inMode(TeleBlock)}, func(w *world) {
		w.ask(ask{uri: "urn:service:sos"})
		w.expectStatus(desk, 499)
	})
}

// Without anywhere to ring internal numbers there is nothing to redirect to.
func TestRedirectWithoutExtensions(t *testing.T) {
	inWorld(t, setUp{routing: func(r *Routing) {
		inMode(Redirecting)(r)
		r.Extensions = nil
	}}, func(w *world) {
		w.ask(ask{uri: "sip:305@10.0.0.1"})
		w.expectStatus(desk, 404)
		time.Sleep(time.Second)
		w.quiet(trunkA, trunkB, pbx)
	})
}

// A call that came as sips is redirected to where it can stay so, or nowhere.
func TestRedirectKeepsSIPS(t *testing.T) {
	deskTLS := at("tls", "10.0.0.9:40002")
	for name, secure := range map[string]bool{"one trunk has TLS": true, "none has": false} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, setUp{routing: func(r *Routing) {
				inMode(Redirecting)(r)
				if secure {
					r.Trunks[1].Addresses, r.Trunks[1].Protocol, r.Trunks[1].Host = At(at("tls", "10.1.0.2:5061")), transport.TLS, "10.1.0.2:5061"
				}
			}}, func(w *world) {
				w.ask(ask{uri: "sips:+12125550100@10.0.0.1", source: deskTLS})
				if secure {
					require.Equal(t, []string{"<sips:+12125550100@10.1.0.2:5061>;q=0.500"}, contactsOf(w.expectStatus(deskTLS, 302)))
					return
				}
				w.expectStatus(deskTLS, 480)
				time.Sleep(time.Second)
				_, held := w.registry.Held("+12125550100")
				require.False(t, held)
				w.ask(ask{uri: "sips:911@10.0.0.1", source: deskTLS, callID: "sos", branch: "z9hG4bK-sos"})
				require.Equal(t, "<sip:911@10.1.0.1:5060>;q=1.0", contactsOf(w.expectStatus(deskTLS, 302))[0], "an emergency goes out over whatever there is")
			})
		})
	}
}
