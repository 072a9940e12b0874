package proxy

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ringfence/ringfence/gate"
	"github.com/ringfence/ringfence/sip/message"
	"github.com/ringfence/ringfence/sip/transport"
)

// The gate's own addresses where it listens on everything.
var everywhere = []transport.Address{
	at("udp", "10.0.0.1:5060"), at("tcp", "10.0.0.1:5060"), at("tls", "10.0.0.1:5061"), at("ws", "10.0.0.1:80"), at("wss", "10.0.0.1:443"),
	at("udp", "[2001:db8::1]:5060"), at("tcp", "[2001:db8::1]:5060"), at("tls", "[2001:db8::1]:5061"), at("ws", "[2001:db8::1]:80"), at("wss", "[2001:db8::1]:443"),
}

// between is a world with a phone and a trunk of its own kind on either side.
func between(t *testing.T, phone, trunk transport.Address, f func(w *world)) {
	change := func(r *Routing) {
		r.Peers[0].From = append(r.Peers[0].From, netip.PrefixFrom(phone.Addr(), phone.Addr().BitLen()))
		r.Trunks = []Trunk{{Target: Target{Name: "a", Host: trunk.AddrPort.String(), Protocol: trunk.Protocol, Addresses: At(trunk)}, Priority: 1}}
	}
	inWorld(t, setUp{routing: change}, func(w *world) {
		w.listens = everywhere
		f(w)
	})
}

// RFC 5658 between any two transports and IP families: two Record-Routes where the sides differ, both taken off on the
// way back, in both directions; and a stream is answered and asked over the connection it made.
func TestEveryPairOfTransports(t *testing.T) {
	for i, near := range everywhere {
		for j, far := range everywhere {
			if far.Protocol.Web() { // a browser is no trunk: see TestCallsToBrowsers
				continue
			}
			t.Run(fmt.Sprint(near, " to ", far), func(t *testing.T) {
				phone, trunk := outside(near, "10.0.0.9:40001", "[2001:db8::9]:40001"), outside(far, "10.1.0.1:5070", "[2001:db8:1::1]:5070")
				between(t, phone, trunk, func(w *world) { pairOfTransports(w, phone, trunk, i == j) })
			})
		}
	}
}

// outside is an address that speaks as one of ours does.
func outside(ours transport.Address, v4, v6 string) transport.Address {
	if ours.Addr().Is4() {
		return at(ours.Protocol.String(), v4)
	}
	return at(ours.Protocol.String(), v6)
}

func pairOfTransports(w *world, phone, trunk transport.Address, same bool) {
	w.t.Helper()
	w.ask(ask{source: phone})
	w.expectStatus(phone, 100)
	invite := w.expectMethod(trunk, "INVITE")
	require.Equal(w.t, trunk.Protocol.String(), invite.Via.Transport)
	records := 2
	if same {
		records = 1
	}
	require.Equal(w.t, records, invite.Count(message.RecordRoute), "%s", invite.Raw)
	var faces []string
	for s := range invite.Elements(message.RecordRoute) {
		a, err := message.ParseNameAddr(invite.Bytes(s))
		require.NoError(w.t, err)
		u, err := message.ParseURI(a.URI)
		require.NoError(w.t, err)
		require.True(w.t, w.proxy.ours(u), "%s", a.URI)
		faces = append(faces, transportParam(protocolOf(u)))
	}
	require.Equal(w.t, transportParam(trunk.Protocol), faces[0], "the one that faces the trunk comes first")
	require.Equal(w.t, transportParam(phone.Protocol), faces[len(faces)-1])

	contact := "sip:callee@" + trunk.AddrPort.String() + transportParam(trunk.Protocol)
	w.reply(trunk, invite, 200, "Contact: <"+contact+">\n")
	ok := w.expectStatus(phone, 200)

	for i, method := range []string{"ACK", "INFO"} {
		w.ask(ask{method: method, uri: contact, branch: "z9hG4bK-d" + method, cseq: 1 + i, toTag: "callee", more: routeSet(ok, true), source: phone})
		require.Zero(w.t, w.expectMethod(trunk, method).Count(message.Route))
	}
	w.deliver(trunk, fmt.Sprintf("BYE sip:201@%s SIP/2.0\nVia: SIP/2.0/%s %s;branch=z9hG4bK-callee\nMax-Forwards: 70\n%s"+
		"From: <sip:+12125550100@10.0.0.1>;tag=callee\nTo: <sip:201@10.0.0.1>;tag=caller\nCall-ID: call-1\nCSeq: 9 BYE\nContent-Length: 0\n\n",
		unreachable(phone), trunk.Protocol, trunk.AddrPort, routeSet(invite, false)))
	bye := w.expectMethod(phone, "BYE")
	require.Zero(w.t, bye.Count(message.Route))
	require.Equal(w.t, phone.Protocol.String(), bye.Via.Transport)
}

// A browser is reached over the WebSocket it opened and in no other way, whatever the PBX speaks: its Contact names a
// host that there is not.
func TestCallsToBrowsers(t *testing.T) {
	for _, near := range everywhere {
		for _, far := range everywhere {
			if near.Protocol.Web() || !far.Protocol.Web() {
				continue
			}
			t.Run(fmt.Sprint(near, " to ", far), func(t *testing.T) {
				pbx, browser := outside(near, "10.0.0.5:5070", "[2001:db8::5]:5070"), outside(far, "10.0.0.9:40001", "[2001:db8::9]:40001")
				change := func(r *Routing) {
					r.Peers[0].From = append(r.Peers[0].From, netip.MustParsePrefix("2001:db8::9/128"))
					r.Extensions = &Target{Name: "pbx", Host: pbx.AddrPort.String(), Protocol: pbx.Protocol, Addresses: At(pbx)}
				}
				inWorld(t, setUp{routing: change}, func(w *world) {
					w.listens = everywhere
					callToBrowser(w, pbx, browser)
				})
			})
		}
	}
}

func callToBrowser(w *world, pbx, browser transport.Address) {
	w.t.Helper()
	const contact = "sip:x7@df7jal23ls0d.invalid;transport=ws"
	w.ask(ask{method: "REGISTER", uri: "sip:10.0.0.1", callID: "register", source: browser})
	path := value(w.expectMethod(pbx, "REGISTER"), message.Path)

	w.ask(ask{uri: contact, from: "305", source: pbx, more: "Route: " + path + "\n"})
	w.expectStatus(pbx, 100)
	invite := w.expectMethod(browser, "INVITE")
	require.Equal(w.t, contact, string(invite.Bytes(invite.RequestURI)))
	require.Equal(w.t, browser.Protocol.String(), invite.Via.Transport)
	require.Equal(w.t, 2, invite.Count(message.RecordRoute))
	w.reply(browser, invite, 200, "Contact: <"+contact+">\n")
	ok := w.expectStatus(pbx, 200)
	for i, method := range []string{"ACK", "INFO"} {
		w.ask(ask{method: method, uri: contact, from: "305", branch: "z9hG4bK-d" + method, cseq: 1 + i, toTag: "callee", more: routeSet(ok, true), source: pbx})
		require.Zero(w.t, w.expectMethod(browser, method).Count(message.Route))
	}
	w.deliver(browser, fmt.Sprintf("BYE sip:305@%s SIP/2.0\nVia: SIP/2.0/%s df7jal23ls0d.invalid;branch=z9hG4bK-callee\nMax-Forwards: 70\n%s"+
		"From: <%s>;tag=callee\nTo: <sip:305@10.0.0.1>;tag=caller\nCall-ID: call-1\nCSeq: 9 BYE\nContent-Length: 0\n\n",
		unreachable(pbx), browser.Protocol, routeSet(invite, false), contact))
	w.reply(pbx, w.expectMethod(pbx, "BYE"), 200, "")
	w.drain(browser)

	w.dead[browser] = true
	w.ask(ask{uri: contact, from: "305", callID: "call-2", branch: "z9hG4bK-2", source: pbx, more: "Route: " + path + "\n"})
	w.expectStatus(pbx, 430)
	w.ask(ask{method: "INFO", uri: contact, from: "305", branch: "z9hG4bK-3", cseq: 3, toTag: "callee", more: routeSet(ok, true), source: pbx})
	w.expectStatus(pbx, 430)
}

// A call from phone to phone by way of a PBX that is in no dialog comes by here twice, and each end is reached over its
// own connection all the same.
func TestCallComesByTwice(t *testing.T) {
	for _, phone := range []transport.Address{at("udp", "10.0.0.9:40001"), at("tls", "10.0.0.9:40001"), at("ws", "10.0.0.9:40001")} {
		for _, pbx := range []transport.Address{at("udp", "10.0.0.5:5060"), at("tcp", "10.0.0.5:5060")} {
			t.Run(fmt.Sprint(phone, " by ", pbx), func(t *testing.T) {
				browser := at("wss", "10.0.0.8:40002")
				change := func(r *Routing) {
					r.Extensions = &Target{Name: "pbx", Host: pbx.AddrPort.String(), Protocol: pbx.Protocol, Addresses: At(pbx)}
				}
				inWorld(t, setUp{routing: change}, func(w *world) {
					w.listens = everywhere
					w.ask(ask{method: "REGISTER", uri: "sip:10.0.0.1", callID: "register", source: browser})
					path := value(w.expectMethod(pbx, "REGISTER"), message.Path)

					w.ask(ask{uri: "sip:305@10.0.0.1", source: phone})
					w.expectStatus(phone, 100)
					there := w.expectMethod(pbx, "INVITE")
					w.deliver(pbx, forwarded(there, pbx, path))
					w.expectStatus(pbx, 100)
					invite := w.expectMethod(browser, "INVITE")
					w.reply(browser, invite, 200, "Contact: <sip:x7@a.invalid;transport=ws>\n")
					back := w.expectStatus(pbx, 200)
					w.deliver(pbx, backwards(back))
					ok := w.expectStatus(phone, 200)

					w.ask(ask{method: "ACK", uri: "sip:x7@a.invalid;transport=ws", branch: "z9hG4bK-a", toTag: "callee", more: routeSet(ok, true), source: phone})
					require.Zero(t, w.expectMethod(browser, "ACK").Count(message.Route))
					w.deliver(browser, fmt.Sprintf("BYE sip:201@%s SIP/2.0\nVia: SIP/2.0/WSS a.invalid;branch=z9hG4bK-b\nMax-Forwards: 70\n%s"+
						"From: <sip:305@10.0.0.1>;tag=callee\nTo: <sip:201@10.0.0.1>;tag=caller\nCall-ID: call-1\nCSeq: 9 BYE\nContent-Length: 0\n\n",
						unreachable(phone), routeSet(invite, false)))
					require.Zero(t, w.expectMethod(phone, "BYE").Count(message.Route))
					w.quiet(pbx)
				})
			})
		}
	}
}

// forwarded is a request as a PBX passes it on that writes no Record-Route.
func forwarded(m *message.Message, pbx transport.Address, path string) string {
	text := strings.ReplaceAll(string(m.Raw), "\r\n", "\n")
	line, rest, _ := strings.Cut(text, "\n")
	return strings.Replace(line, "sip:305@"+pbx.AddrPort.String()+transportParam(pbx.Protocol), "sip:x7@a.invalid;transport=ws", 1) +
		fmt.Sprintf("\nVia: SIP/2.0/%s %s;branch=z9hG4bK-pbx\nRoute: %s\n", pbx.Protocol, pbx.AddrPort, path) + rest
}

// backwards is a response without its topmost Via.
func backwards(m *message.Message) string {
	text := strings.ReplaceAll(string(m.Raw), "\r\n", "\n")
	via := string(m.Bytes(m.Via.Element))
	return strings.Replace(text, "Via: "+via+"\n", "", 1)
}

// unreachable is a Contact as a phone behind a NAT writes it, except over UDP, where there is no connection.
func unreachable(phone transport.Address) string {
	if phone.Protocol.Reliable() {
		return "192.168.1.1:5060" + transportParam(phone.Protocol)
	}
	return phone.AddrPort.String()
}

// A phone's connection is asked over as long as it is there, and only in the call that it was signed for.
func TestConnectionOfTheCaller(t *testing.T) {
	phone, trunk := at("tls", "10.0.0.9:40001"), trunkA
	bye := func(w *world, invite *message.Message, more string) {
		w.deliver(trunk, "BYE sip:201@browser.invalid SIP/2.0\nVia: SIP/2.0/UDP 10.1.0.1:5060;branch=z9hG4bK-callee\nMax-Forwards: 70\n"+more+
			"From: <sip:+12125550100@10.0.0.1>;tag=callee\nTo: <sip:201@10.0.0.1>;tag=caller\nCall-ID: "+string(invite.CallID)+"\nCSeq: 9 BYE\nContent-Length: 0\n\n")
	}
	between(t, phone, trunk, func(w *world) {
		invite, _ := w.up(ask{source: phone})
		w.drain(phone)
		w.dead[phone] = true
		bye(w, invite, routeSet(invite, false))
		w.expectStatus(trunk, 430)
		delete(w.dead, phone)
	})
	between(t, phone, trunk, func(w *world) { // somebody who stands between it and us is asked first
		edge := at("udp", "10.0.0.7:5060")
		invite, _ := w.up(ask{source: phone, more: "Record-Route: <sip:10.0.0.7:5060;lr>\n"})
		w.drain(phone)
		bye(w, invite, routeSet(invite, false))
		require.Equal(w.t, 1, w.expectMethod(edge, "BYE").Count(message.Route))
		w.quiet(phone)
	})
	between(t, phone, trunk, func(w *world) {
		first, _ := w.up(ask{source: phone})
		second, _ := w.up(ask{source: phone, callID: "call-2", branch: "z9hG4bK-2", uri: "sip:+13105550123@10.0.0.1"})
		w.drain(phone)
		// The second call's token, with the first one's connection.
		stolen := strings.Split(strings.Split(routeSet(first, false), "\n")[1], "sip:")[1]
		user, _, _ := strings.Cut(stolen, "@")
		own := strings.Split(strings.Split(routeSet(second, false), "\n")[1], "sip:")[1]
		mine, _, _ := strings.Cut(own, "@")
		require.NotEqual(w.t, user, mine)
		bye(w, second, strings.Replace(routeSet(second, false), mine, user, 1))
		w.expectStatus(trunk, 430)
		w.quiet(phone)
	})
}

// A sips Request-URI never leaves without TLS, and comes with it or not at all (RFC 3261 §26.2.2, RFC 5630).
func TestSIPSStaysSecure(t *testing.T) {
	secure, plain := at("tls", "10.0.0.9:40001"), at("tcp", "10.0.0.9:40001")
	trunk, plainTrunk := at("tls", "10.1.0.1:5061"), at("tcp", "10.1.0.1:5060")
	q := func(from transport.Address) ask { return ask{uri: "sips:+12125550100@10.0.0.1", source: from} }
	between(t, secure, trunk, func(w *world) {
		w.ask(q(secure))
		w.expectStatus(secure, 100)
		invite := w.expectMethod(trunk, "INVITE")
		require.Equal(t, "sips:+12125550100@10.1.0.1:5061", string(invite.Bytes(invite.RequestURI)))
		require.Contains(t, value(invite, message.RecordRoute), "<sips:")
		w.reply(trunk, invite, 200, "Contact: <sips:callee@10.1.0.1:5061>\n")
		ok := w.expectStatus(secure, 200)
		w.ask(ask{method: "BYE", uri: "sips:callee@10.1.0.1:5061", branch: "z9hG4bK-b", cseq: 2, toTag: "callee", more: routeSet(ok, true), source: secure})
		require.Zero(t, w.expectMethod(trunk, "BYE").Count(message.Route))
	})
	between(t, secure, plainTrunk, func(w *world) {
		w.ask(q(secure))
		m := w.expectStatus(secure, 480)
		require.Contains(t, string(m.Raw), "SIPS Not Allowed")
		require.Contains(t, string(m.Raw), "Warning: 380 ")
		w.quiet(plainTrunk)
		// Inside a dialog neither.
		w.ask(ask{
			method: "INFO", uri: "sips:callee@10.1.0.1;transport=tcp", toTag: "x", branch: "z9hG4bK-i", source: secure,
			more: "Route: <sip:10.1.0.1:5060;transport=tcp;lr>\n",
		})
		w.expectStatus(secure, 480)
		w.quiet(plainTrunk)
	})
	between(t, plain, trunk, func(w *world) {
		w.ask(q(plain))
		require.Contains(t, string(w.expectStatus(plain, 403).Raw), "SIPS Came Without TLS")
		w.quiet(trunk)
	})
	between(t, plain, plainTrunk, func(w *world) { // nothing keeps back an emergency call
		w.ask(ask{uri: "sips:911@10.0.0.1", source: plain})
		w.expectStatus(plain, 100)
		invite := w.expectMethod(plainTrunk, "INVITE")
		require.Equal(t, "sip:911@10.1.0.1:5060;transport=tcp", string(invite.Bytes(invite.RequestURI)))
	})
}

// The next trunk may have what the first one lacks, and a real answer is worth more than none.
func TestSIPSTriesTheSecureTrunk(t *testing.T) {
	phone, plain, secure := at("tls", "10.0.0.9:40001"), at("udp", "10.1.0.1:5060"), at("tls", "10.1.0.2:5061")
	for _, priority := range []int{1, 2} { // with the other one, or after it
		change := func(r *Routing) {
			r.Trunks = []Trunk{
				{Target: Target{Name: "a", Host: plain.AddrPort.String(), Protocol: plain.Protocol, Addresses: At(plain)}, Priority: 1},
				{Target: Target{Name: "b", Host: secure.AddrPort.String(), Protocol: secure.Protocol, Addresses: At(secure)}, Priority: priority},
			}
		}
		inWorld(t, setUp{routing: change}, func(w *world) {
			w.listens = everywhere
			w.ask(ask{uri: "sips:+12125550100@10.0.0.1", source: phone})
			w.expectStatus(phone, 100)
			w.reply(secure, w.expectMethod(secure, "INVITE"), 486, "")
			w.expectMethod(secure, "ACK")
			w.expectStatus(phone, 486)
			w.quiet(plain)
		})
	}
}

// A trunk that was never asked does not stand for one that said no.
func TestSIPSFailsOver(t *testing.T) {
	phone, plain := at("tls", "10.0.0.9:40001"), at("udp", "10.1.0.1:5060")
	dead, alive := at("tls", "10.1.0.2:5061"), at("tls", "10.1.0.3:5061")
	change := func(r *Routing) {
		r.Trunks = nil
		for i, a := range []transport.Address{plain, dead, alive} {
			r.Trunks = append(r.Trunks, Trunk{Target: Target{Host: a.AddrPort.String(), Protocol: a.Protocol, Addresses: At(a)}, Priority: 1 + i/2})
		}
	}
	inWorld(t, setUp{routing: change}, func(w *world) {
		w.listens = everywhere
		w.ask(ask{uri: "sips:+12125550100@10.0.0.1", source: phone})
		w.expectStatus(phone, 100)
		w.reply(dead, w.expectMethod(dead, "INVITE"), 503, "")
		w.expectMethod(alive, "INVITE")
		w.quiet(plain)
	})
}

// A redirect keeps what was asked for.
func TestSIPSRedirect(t *testing.T) {
	phone := at("tls", "10.0.0.9:40001")
	change := func(r *Routing) {
		r.Extensions.Addresses = At(at("tls", "10.0.0.5:5061"))
		r.Extensions.Protocol = transport.TLS
		r.Extensions.Host = "10.0.0.5:5061"
	}
	inWorld(t, setUp{routing: change, rules: func(r *gate.Rules) { r.Owned.Action = gate.OwnedRedirect }}, func(w *world) {
		w.owned("202")
		w.listens = everywhere
		w.ask(ask{uri: "sips:+12125550100@10.0.0.1", source: phone})
		w.expectStatus(phone, 100)
		invite := w.expectMethod(at("tls", "10.0.0.5:5061"), "INVITE")
		require.Equal(t, "sips:202@10.0.0.5:5061", string(invite.Bytes(invite.RequestURI)))
	})
}

// A datagram need not say where its message ends; a stream must.
func TestContentLengthOnStreams(t *testing.T) {
	phone, trunk := at("tcp", "10.0.0.9:40001"), at("udp", "10.1.0.1:5060")
	strip := func(s string) string {
		s, _, _ = strings.Cut(s, "Content-Length")
		return s + "Content-Type: text/plain\n\nfour"
	}
	between(t, phone, trunk, func(w *world) {
		w.ask(ask{source: phone})
		w.expectStatus(phone, 100)
		invite := w.expectMethod(trunk, "INVITE")
		w.replyEdited(trunk, invite, 200, strip)
		ok := w.expectStatus(phone, 200)
		require.Equal(t, "4", value(ok, message.ContentLength))
	})
	between(t, trunk, phone, func(w *world) {
		w.deliver(trunk, strip(ask{source: trunk}.text()))
		w.expectStatus(trunk, 100)
		require.Equal(t, "4", value(w.expectMethod(phone, "INVITE"), message.ContentLength))
	})
}

func TestProtocolOf(t *testing.T) {
	for uri, want := range map[string]transport.Protocol{
		"sip:a@b": transport.UDP, "sip:a@b;transport=UDP": transport.UDP, "sip:a@b;transport=tcp": transport.TCP,
		"sip:a@b;transport=TLS": transport.TLS, "sips:a@b": transport.TLS, "sips:a@b;transport=tcp": transport.TLS,
		"sips:a@b;transport=tls": transport.TLS, "sips:a@b;transport=udp": 0, "sip:a@b;transport=ws": transport.WS, "sips:a@b;transport=ws": transport.WSS, "sip:a@b;transport=wss": transport.WSS, "sip:a@b;transport=sctp": 0, "sip:a@b;transport=": 0,
	} {
		u, err := message.ParseURI([]byte(uri))
		if err != nil {
			continue // transport= without a value
		}
		require.Equal(t, want, protocolOf(u), uri)
	}
}

// A trunk's Contact is mostly its bare address; its certificate has its name.
func TestTargetsKeepTheirName(t *testing.T) {
	carrier := at("tls", "10.1.0.1:5061").Named("carrier.example")
	between(t, desk, carrier, func(w *world) {
		w.ask(ask{})
		w.expectStatus(desk, 100)
		w.reply(carrier, w.expectMethod(carrier, "INVITE"), 200, "Contact: <sip:callee@10.1.0.1:5061;transport=tls>\n")
		ok := w.expectStatus(desk, 200)
		w.ask(ask{method: "BYE", uri: "sip:callee@10.1.0.1:5061;transport=tls", branch: "z9hG4bK-b", cseq: 2, toTag: "callee", more: routeSet(ok, true)})
		w.expectMethod(carrier, "BYE")
	})
	trunk := at("tls", "10.1.0.1:5061").Named("carrier.example")
	r := &Routing{Trunks: []Trunk{{Target: Target{Addresses: At(trunk)}}}}
	require.Equal(t, trunk, r.named(at("tls", "10.1.0.1:5061")))
	require.True(t, r.configured(&outbound{to: at("tls", "10.1.0.1:5061")}))
	require.Equal(t, at("tcp", "10.1.0.1:5061"), r.named(at("tcp", "10.1.0.1:5061")))
	require.Empty(t, r.named(at("tls", "10.1.0.2:5061")).Name())
}
