package proxy

import (
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ringfence/ringfence/gate"
	"github.com/ringfence/ringfence/sip/message"
)

// elsewhere is a Contact that a trunk may name: not the number that was dialled, and long enough to be one.
const elsewhere = "sip:+442079460000@10.1.0.1:5060"

// within is a request of the rep's in a dialog that ok began.
func within(method, uri, branch string, ok *message.Message) ask {
	q := inDialog(method, branch, ok)
	q.uri = uri
	q.to = value(ok, message.To)
	return q
}

// A remote target that the trunk named is believed when it comes back, though it looks like another number: from 180 on,
// by every method, over two Record-Routes, and with the trunk's own Record-Routes before it.
func TestRemoteTargetOfTheTrunk(t *testing.T) {
	for name, c := range map[string]struct {
		source, theirs string
	}{"UDP": {"udp", ""}, "TCP": {"tcp", ""}, "more proxies": {"udp", "Record-Route: <sip:4420794600001234@10.1.0.8;lr>\n"}} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, setUp{}, func(w *world) {
				phone := desk
				if c.source == "tcp" {
					phone = deskTCP
				}
				w.ask(ask{source: phone})
				w.expectStatus(phone, 100)
				invite := w.expectMethod(trunkA, "INVITE")
				next := trunkA
				if c.theirs != "" {
					next = at("udp", "10.1.0.8:5060")
				}
				w.replyFrom(trunkA, invite, 180, elsewhere, c.theirs)
				ringing := w.expectStatus(phone, 180)
				q := within("PRACK", elsewhere, "z9hG4bK-p", ringing)
				q.source = phone
				w.ask(q)
				w.expectMethod(next, "PRACK")
				w.replyFrom(trunkA, invite, 200, elsewhere, c.theirs)
				ok := w.expectStatus(phone, 200)
				w.replyFrom(trunkA, invite, 200, elsewhere, c.theirs)
				again := w.expectStatus(phone, 200) // the first may have been lost
				require.Equal(t, routeSet(ok, true), routeSet(again, true))
				for i, method := range []string{"INVITE", "UPDATE", "INFO", "BYE"} {
					q := within(method, elsewhere, "z9hG4bK-"+method, ok)
					q.cseq, q.source = 3+i, phone
					w.ask(q)
					m := w.expectMethod(next, method)
					require.Equal(t, elsewhere, string(m.Bytes(m.RequestURI)), "as the trunk named it")
				}
				// Another target is none of this dialog's.
				q = within("UPDATE", "sip:+442079460001@10.1.0.1:5060", "z9hG4bK-x", ok)
				q.source = phone
				w.drain(phone)
				w.ask(q)
				w.expectStatus(phone, 403)
				w.quiet(next)
			})
		})
	}
}

// The target of a call from outside is its caller: a rep may put that call on hold, and no more.
func TestRemoteTargetOfTheCaller(t *testing.T) {
	inWorld(t, setUp{}, func(w *world) {
		w.registry.AddDNC("+442079460001", "company")
		w.ask(ask{uri: "sip:305@10.0.0.1", callID: "in", source: trunkA, from: "+442079460000"})
		w.expectStatus(trunkA, 100)
		invite := w.expectMethod(pbx, "INVITE")
		w.reply(pbx, invite, 200, "")
		w.expectStatus(trunkA, 200)
		hold := ask{callID: "in", toTag: "caller", more: routeSet(invite, false), branch: "z9hG4bK-h", cseq: 2, uri: "sip:+442079460000@10.1.0.1:5060"}
		w.askTagged(hold, "callee")
		m := w.expectMethod(trunkA, "INVITE")
		require.Equal(t, hold.uri, string(m.Bytes(m.RequestURI)))
		w.drain(desk)

		hold.method, hold.branch = "UPDATE", "z9hG4bK-u"
		w.askTagged(hold, "callee")
		w.expectMethod(trunkA, "UPDATE")

		hold.uri, hold.method, hold.branch = "sip:+442079460001@10.1.0.1:5060", "INVITE", "z9hG4bK-i"
		w.askTagged(hold, "callee")
		w.expectStatus(desk, 403)
		w.quiet(trunkA)
	})
}

// The callee's side may change a call as it likes; but nothing goes back to a trunk undecided, wherever the rep's Contact
// pointed.
func TestReInviteByTheCallee(t *testing.T) {
	inWorld(t, setUp{}, func(w *world) {
		invite, _ := w.up(ask{})
		re := ask{from: "callee", toTag: "caller", more: routeSet(invite, false), branch: "z9hG4bK-re", cseq: 9, uri: "sip:201@10.0.0.9:5070", source: trunkA}
		w.askTagged(re, "callee")
		w.expectStatus(trunkA, 100)
		w.expectMethod(desk, "INVITE")

		re.uri, re.branch = "sip:+13105550123@10.1.0.2:5060", "z9hG4bK-back"
		w.askTagged(re, "callee")
		w.expectStatus(trunkA, 403)
		w.quiet(trunkB)
	})
}

// A rep who swaps the tags is not taken for the callee: the call is decided as a new one.
func TestSwappedTags(t *testing.T) {
	inWorld(t, setUp{}, func(w *world) {
		_, ok := w.up(ask{})
		w.registry.SetOwner("+12125550100", "202", "202", time.Hour)
		q := inDialog("INVITE", "z9hG4bK-s", ok)
		q.uri, q.toTag = "sip:+12125550100@10.1.0.1:5060", "caller"
		w.askTagged(q, "callee")
		w.expectStatus(desk, 403)
		w.quiet(trunkA)
	})
}

// Only what a trunk or the extensions name is believed. A phone that is rung by its flow names its own target, and the
// PBX, which believes it, would ring that through the gate.
func TestRemoteTargetOfAPhone(t *testing.T) {
	inWorld(t, setUp{}, func(w *world) {
		w.registry.AddDNC("+442079460000", "company")
		w.ask(ask{method: "REGISTER", uri: "sip:10.0.0.1"})
		path := value(w.expectMethod(pbx, "REGISTER"), message.Path)
		w.ask(ask{uri: "sip:201@10.0.0.9:5070", from: "305", callID: "in", source: pbx, more: "Route: " + path + "\n"})
		w.expectStatus(pbx, 100)
		invite := w.expectMethod(desk, "INVITE")
		w.replyFrom(desk, invite, 200, elsewhere, "")
		w.replyFrom(desk, invite, 200, elsewhere, "")
		ok := w.expectStatus(pbx, 200)
		require.Equal(t, routeSet(ok, true), routeSet(w.expectStatus(pbx, 200), true), "nor the second time")
		q := within("INVITE", elsewhere, "z9hG4bK-re", ok)
		q.callID, q.from, q.source = "in", "305", pbx
		w.ask(q)
		w.expectStatus(pbx, 403)
		w.quiet(trunkA)
		q.method, q.branch = "NOTIFY", "z9hG4bK-n" // rings nobody, and goes where the REGISTER came from
		w.ask(q)
		w.expectMethod(desk, "NOTIFY")
		w.quiet(trunkA)
	})
}

// Phones may have numbers of any length in their Contacts; but what lies outside the phones' networks is none of them.
func TestPhones(t *testing.T) {
	net := func(s ...string) (all []netip.Prefix) {
		for _, n := range s {
			all = append(all, netip.MustParsePrefix(n))
		}
		return all
	}
	r := routing(t)
	for _, c := range []struct {
		from  []netip.Prefix
		host  string
		phone bool
	}{
		{net("10.0.0.0/24"), "10.0.0.9", true},
		{net("10.0.0.0/24"), "10.0.1.9", false},
		{net("10.0.0.0/24"), "10.0.0.5", false}, // the PBX
		{net("10.0.0.0/24"), "phone.example", false},
		{net("10.0.0.0/24"), "192.0.2.66", false},
		{net("10.1.0.1/32"), "10.1.0.1", false}, // a trunk
		{net("10.0.0.0/8"), "10.0.0.9", false},  // a trunk is in it, and who knows what else of the carrier's
		{net("10.0.0.0/8", "10.0.0.0/16"), "10.0.0.9", true},
		{net("0.0.0.0/0"), "192.0.2.66", false},
	} {
		r.Peers[0].From = c.from
		require.Equal(t, c.phone, r.phone(message.URI{Scheme: "sip", Host: []byte(c.host)}), "%s in %v", c.host, c.from)
	}
	// What leads outside is not a phone's only because it leads away from the trunk.
	inWorld(t, setUp{}, func(w *world) {
		_, ok := w.up(ask{})
		w.ask(within("UPDATE", "sip:+442079460000@"+nobody.AddrPort.String(), "z9hG4bK-u", ok))
		w.expectStatus(desk, 403)
		w.ask(within("UPDATE", "sip:+442079460000@10.0.0.7", "z9hG4bK-v", ok))
		w.expectMethod(at("udp", "10.0.0.7:5060"), "UPDATE")
	})
}

// What goes over a trunk's connection goes to the trunk, whichever phone its Request-URI names.
func TestTargetOverAConnection(t *testing.T) {
	byTCP := func(r *Routing) { r.Trunks[0].Addresses = At(at("tcp", "10.1.0.1:5060")) }
	inWorld(t, setUp{routing: byTCP}, func(w *world) {
		caller := at("tcp", "10.1.0.1:40000")
		w.ask(ask{uri: "sip:305@10.0.0.1", callID: "in", source: caller, from: "+442079460000"})
		invite := w.expectMethod(pbx, "INVITE")
		w.reply(pbx, invite, 200, "")
		w.drain(caller)
		q := ask{method: "UPDATE", callID: "in", toTag: "caller", more: routeSet(invite, false), branch: "z9hG4bK-u", cseq: 2, uri: "sip:305@10.0.0.7"}
		w.askTagged(q, "callee")
		w.expectMethod(caller, "UPDATE")
		q.uri, q.branch = "sip:+442079460001@10.0.0.7", "z9hG4bK-v"
		w.askTagged(q, "callee")
		w.expectStatus(desk, 403)
		w.quiet(caller)
	})
}

// Extensions that are no peer may transfer what came in, but not to whom nobody may ring.
func TestReferByTheExtensions(t *testing.T) {
	phones := func(r *Routing) { r.Peers[0].From = []netip.Prefix{netip.MustParsePrefix("10.0.0.9/32")} }
	inWorld(t, setUp{routing: phones}, func(w *world) {
		w.registry.AddDNC("+13105550123", "company")
		w.ask(ask{uri: "sip:305@10.0.0.1", callID: "in", source: trunkA})
		invite := w.expectMethod(pbx, "INVITE")
		w.reply(pbx, invite, 200, "")
		w.drain(trunkA)
		q := ask{method: "REFER", callID: "in", uri: "sip:callee@10.1.0.7:5062", toTag: "caller", branch: "z9hG4bK-r", cseq: 2, source: pbx}
		q.more = routeSet(invite, false) + "Refer-To: <sip:+13105550123@10.0.0.5>\n"
		w.askTagged(q, "callee")
		w.expectStatus(pbx, 403)
		w.quiet(callee)
		q.more, q.branch = routeSet(invite, false)+"Refer-To: <sip:13105550199@10.0.0.5>\n", "z9hG4bK-s"
		w.askTagged(q, "callee")
		require.Equal(t, "<sip:+13105550199@10.0.0.5>", value(w.expectMethod(callee, "REFER"), message.ReferTo))
	})
}

// A method that is INVITE to a lenient reader only is INVITE to nobody here.
func TestMethodInAnotherCase(t *testing.T) {
	inWorld(t, setUp{}, func(w *world) {
		_, ok := w.up(ask{})
		for i, method := range []string{"invite", "Invite", "refer", "bye", "update", "Message"} {
			w.ask(ask{method: method, uri: "sip:305@10.0.0.1", branch: "z9hG4bK-m" + method})
			w.expectStatus(desk, 501)
			q := inDialog(method, "z9hG4bK-n"+method, ok)
			q.cseq = 2 + i
			w.ask(q)
			w.expectStatus(desk, 501)
		}
		w.quiet(trunkA, pbx, callee)
	})
}

// A token that was kept when its call ended is worth no more than the list says by then. While the call is up here, its
// token holds; at another gate, or after a restart, the list is asked as well.
func TestTokenOfACallThatEnded(t *testing.T) {
	again := func(w *world, ok *message.Message, branch string) {
		q := inDialog("INVITE", branch, ok)
		q.uri = "sip:+12125550100@10.1.0.1:5060"
		w.ask(q)
	}
	for name, ended := range map[string]bool{"up": false, "ended": true} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, setUp{}, func(w *world) {
				_, ok := w.up(ask{})
				if ended {
					w.ask(inDialog("BYE", "z9hG4bK-b", ok))
					w.reply(callee, w.expectMethod(callee, "BYE"), 200, "")
					w.expectStatus(desk, 200)
					time.Sleep(40 * time.Second) // the registry answers an attempt alike for 64×T1
				}
				again(w, ok, "z9hG4bK-1a")
				w.expectMethod(trunkA, "INVITE")
				w.drain(desk)
				w.registry.AddDNC("+12125550100", "company")
				again(w, ok, "z9hG4bK-2a")
				if ended {
					w.expectStatus(desk, 403)
					w.quiet(trunkA)
					return
				}
				w.expectStatus(desk, 100)
				w.expectMethod(trunkA, "INVITE")
			})
		})
	}
}

// While a gate asks about a call that is not its own, the re-INVITE can be cancelled.
func TestReInviteCancelledWhileAsked(t *testing.T) {
	inWorld(t, setUp{}, func(w *world) {
		_, ok := w.up(ask{})
		w.ask(inDialog("BYE", "z9hG4bK-b", ok))
		w.drain(callee)
		w.registry.Sleep()
		w.ask(inDialog("INVITE", "z9hG4bK-c", ok))
		w.ask(inDialog("CANCEL", "z9hG4bK-c", ok))
		w.expectStatus(desk, 200)
		w.expectStatus(desk, 487)
		w.registry.Wake()
		w.quiet(callee)
	})
}

// To and Request-URI may differ when both may be rung; what is rung is the Request-URI.
func TestToIsAnotherNumber(t *testing.T) {
	for name, c := range map[string]struct {
		uri, to string
		prepare func(*world)
		status  int
	}{
		"both free":                {"", "<sip:+13105550123@x>", nil, 100},
		"the same, written apart":  {"", "<sip:9(212)555-0100;isub=1@x>", nil, 100},
		"a name":                   {"", "\"+1 310 555 0123\" <sip:mary@x>", nil, 100},
		"an extension":             {"", "<sip:305@x>", nil, 100},
		"a colleague's":            {"", "<sip:+13105550123@x>", func(w *world) { w.registry.SetOwner("+13105550123", "202", "202", time.Hour) }, 403},
		"a colleague's, by tel":    {"", "<tel:+1-310-555-0123>", func(w *world) { w.registry.SetOwner("+13105550123", "202", "202", time.Hour) }, 403},
		"listed":                   {"", "<sip:+13105550123@x>", func(w *world) { w.registry.AddDNC("+13105550123", "company") }, 403},
		"unreadable":               {"", "<sip:*6713105550123@x>", nil, 404},
		"not even a URI":           {"", "<sip:１３１０13105550123@x>", nil, 404},
		"only the other is listed": {"", "<sip:+13105550123@x>", func(w *world) { w.registry.AddDNC("+12125550100", "company") }, 403},
		"extension, listed":        {"sip:305@10.0.0.1", "<sip:+13105550123@x>", func(w *world) { w.registry.AddDNC("+13105550123", "company") }, 403},
		"extension, free":          {"sip:305@10.0.0.1", "<sip:+13105550123@x>", nil, 100},
		"emergency":                {"sip:911@10.0.0.1", "<sip:+13105550123@x>", func(w *world) { w.registry.AddDNC("+13105550123", "company") }, 100},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, setUp{}, func(w *world) {
				if c.prepare != nil {
					c.prepare(w)
				}
				w.ask(ask{uri: c.uri, to: c.to})
				w.expectStatus(desk, c.status)
				if c.status != 100 {
					w.quiet(trunkA, pbx)
					require.Zero(t, w.gate.CallsUp(), "nothing stays reserved")
				}
			})
		})
	}
}

// Overlap dialling: each longer INVITE is a call of its own; what is too short yet is answered 484 (RFC 3578).
func TestOverlapDialling(t *testing.T) {
	inWorld(t, setUp{}, func(w *world) {
		const number = "+12125550100"
		for i := 2; i < len(number); i++ {
			w.ask(ask{uri: "sip:" + number[:i] + "@10.0.0.1", branch: "z9hG4bK-o" + number[:i], cseq: i})
			w.expectStatus(desk, 484)
			w.quiet(trunkA, pbx)
		}
		w.registry.AddDNC(gate.Number(number), "company")
		w.ask(ask{uri: "sip:" + number + "@10.0.0.1", branch: "z9hG4bK-whole", cseq: len(number)})
		w.expectStatus(desk, 403)
		w.ask(ask{uri: "sip:" + number + "0@10.0.0.1", branch: "z9hG4bK-more", cseq: len(number) + 1})
		w.expectStatus(desk, 404)
		w.quiet(trunkA, pbx)
	})
}
