package proxy

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ringfence/ringfence/sip/message"
)

func inDialog(method, branch string, ok *message.Message) ask {
	return ask{method: method, uri: "sip:callee@" + callee.AddrPort.String(), branch: branch, cseq: 2, toTag: "callee", more: routeSet(ok, true)}
}

// Every in-dialog method follows the signed route set.
func TestInDialogMethods(t *testing.T) {
	inWorld(t, setUp{}, func(w *world) {
		_, ok := w.up(ask{})
		for i, method := range []string{"INVITE", "UPDATE", "PRACK", "INFO", "REFER", "NOTIFY", "MESSAGE", "BYE"} {
			q := inDialog(method, "z9hG4bK-d"+string(rune('a'+i)), ok)
			if method == "REFER" {
				q.more += "Refer-To: <sip:305@10.0.0.1>\n"
			}
			q.cseq = 2 + i
			w.ask(q)
			m := w.expectMethod(callee, method)
			require.Zero(t, m.Count(message.Route))
			w.reply(callee, m, 200, "")
			if method == "INVITE" {
				w.expectStatus(desk, 100)
			}
			w.expectStatus(desk, 200)
		}
		w.quiet(trunkA, trunkB, pbx)
	})
}

// A re-INVITE can be cancelled like any other.
func TestReInviteCancelled(t *testing.T) {
	inWorld(t, setUp{}, func(w *world) {
		_, ok := w.up(ask{})
		w.ask(inDialog("INVITE", "z9hG4bK-re", ok))
		w.expectStatus(desk, 100)
		re := w.expectMethod(callee, "INVITE")
		w.reply(callee, re, 180, "")
		w.expectStatus(desk, 180)
		w.ask(inDialog("CANCEL", "z9hG4bK-re", ok))
		w.expectStatus(desk, 200)
		w.expectMethod(callee, "CANCEL")
	})
}

// A caller who loads a Route, or forges a To-tag or a token, is decided on the number it would ring.
func TestWaysRound(t *testing.T) {
	away := "Route: <sip:" + nobody.AddrPort.String() + ";lr>\n"
	forged := "Route: <sip:10.0.0.1:5060;lr;rf=12125550100.AAAAAAAAAAAAAAAA>\n"
	for name, q := range map[string]ask{
		"pre-loaded Route":     {more: away},
		"our Route, no token":  {more: "Route: <sip:10.0.0.1:5060;lr>\n" + away},
		"forged To-tag":        {toTag: "forged", more: away},
		"forged token":         {toTag: "forged", more: forged + away},
		"maddr":                {uri: "sip:+12125550100@10.0.0.1;maddr=192.0.2.66"},
		"foreign host":         {uri: "sip:+12125550100@192.0.2.66"},
		"foreign host, escape": {uri: "sip:%2B12125550100@192.0.2.66;transport=tcp"},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, setUp{}, func(w *world) {
				w.owned("202")
				w.ask(q)
				w.expectStatus(desk, 403)
				w.quiet(trunkA, trunkB, nobody, pbx)
			})
			inWorld(t, setUp{}, func(w *world) {
				w.ask(q)
				invite := w.expectMethod(trunkA, "INVITE")
				require.Equal(t, "sip:+12125550100@10.1.0.1:5060", string(invite.Bytes(invite.RequestURI)))
				require.Zero(t, invite.Count(message.Route))
				w.quiet(nobody)
			})
		})
	}
}

// A token of one call is worth nothing in another.
func TestTokenOfAnotherCall(t *testing.T) {
	inWorld(t, setUp{}, func(w *world) {
		_, ok := w.up(ask{})
		q := inDialog("BYE", "z9hG4bK-x", ok)
		q.callID = "another"
		w.ask(q)
		w.expectStatus(desk, 481)
		w.quiet(callee)
	})
}

// Without a signed route the rest goes to configured targets only.
func TestUnsigned(t *testing.T) {
	inWorld(t, setUp{}, func(w *world) {
		w.ask(ask{method: "BYE", uri: "sip:x@" + nobody.AddrPort.String(), toTag: "t"})
		w.expectStatus(desk, 481)
		w.ask(ask{method: "INFO", uri: "sip:x@" + trunkA.AddrPort.String(), toTag: "t", branch: "z9hG4bK-2"})
		w.expectMethod(trunkA, "INFO")
		w.ask(ask{method: "UPDATE", uri: "sip:x@" + trunkA.AddrPort.String(), toTag: "t", branch: "z9hG4bK-3"})
		w.expectStatus(desk, 403)
		w.ask(ask{method: "ACK", uri: "sip:x@" + nobody.AddrPort.String(), toTag: "t", branch: "z9hG4bK-4"})
		w.quiet(nobody, desk)
	})
}

// A signed route does not let a re-INVITE ring another number.
func TestReInviteToAnotherNumber(t *testing.T) {
	inWorld(t, setUp{}, func(w *world) {
		_, ok := w.up(ask{})
		q := inDialog("INVITE", "z9hG4bK-re", ok)
		q.uri = "sip:+13105550123@" + trunkA.AddrPort.String()
		w.ask(q)
		w.expectStatus(desk, 100)
		invite := w.expectMethod(trunkA, "INVITE")
		require.Equal(t, "sip:+13105550123@10.1.0.1:5060", string(invite.Bytes(invite.RequestURI)))
	})
}

// §16.4 and §16.6-6: strict routers before and after us.
func TestStrictRouting(t *testing.T) {
	inWorld(t, setUp{}, func(w *world) {
		_, ok := w.up(ask{})
		ours := ""
		for s := range ok.Elements(message.RecordRoute) {
			ours = string(ok.Bytes(s))
		}
		uri := strings.Trim(ours, "<>")
		w.ask(ask{method: "BYE", uri: uri, branch: "z9hG4bK-s", cseq: 2, toTag: "callee", more: "Route: <sip:callee@" + callee.AddrPort.String() + ">\n"})
		bye := w.expectMethod(callee, "BYE")
		require.Equal(t, "sip:callee@10.1.0.7:5062", string(bye.Bytes(bye.RequestURI)))
		require.Zero(t, bye.Count(message.Route))
	})
	inWorld(t, setUp{}, func(w *world) {
		_, ok := w.up(ask{})
		q := inDialog("BYE", "z9hG4bK-s", ok)
		q.more += "Route: <sip:10.1.0.1:5060>\n"
		w.ask(q)
		bye := w.expectMethod(trunkA, "BYE")
		require.Equal(t, "sip:10.1.0.1:5060", string(bye.Bytes(bye.RequestURI)))
		require.Equal(t, "<sip:callee@10.1.0.7:5062>", value(bye, message.Route))
	})
}

// RFC 5658: two Record-Routes between UDP and TCP, both taken off on the way back.
func TestDoubleRecordRoute(t *testing.T) {
	inWorld(t, setUp{}, func(w *world) {
		invite, ok := w.up(ask{source: deskTCP})
		require.Equal(t, 2, invite.Count(message.RecordRoute))
		var all []string
		for s := range invite.Elements(message.RecordRoute) {
			all = append(all, string(invite.Bytes(s)))
		}
		require.NotContains(t, all[0], "transport=tcp", "the one that faces the trunk comes first")
		require.Contains(t, all[1], "transport=tcp")
		q := inDialog("BYE", "z9hG4bK-b", ok)
		q.source = deskTCP
		w.ask(q)
		require.Zero(t, w.expectMethod(callee, "BYE").Count(message.Route))
	})
}

// RFC 3327: REGISTER goes to the PBX with our Path, and what the PBX sends by that Path reaches the phone's flow.
func TestRegisterAndFlow(t *testing.T) {
	inWorld(t, setUp{}, func(w *world) {
		w.ask(ask{method: "REGISTER", uri: "sip:10.0.0.1"})
		register := w.expectMethod(pbx, "REGISTER")
		path := value(register, message.Path)
		require.Contains(t, path, "@10.0.0.1:5060;lr>")
		w.reply(pbx, register, 200, "")
		w.expectStatus(desk, 200)

		w.ask(ask{uri: "sip:201@192.168.1.1:5070", from: "305", callID: "in", source: pbx, more: "Route: " + path + "\n"})
		w.expectStatus(pbx, 100)
		invite := w.expectMethod(desk, "INVITE")
		require.Equal(t, "sip:201@192.168.1.1:5070", string(invite.Bytes(invite.RequestURI)))
		require.Zero(t, invite.Count(message.Route))

		// The same Path is worth nothing in a rep's hands.
		w.ask(ask{uri: "sip:+12125550100@10.0.0.1", callID: "out", branch: "z9hG4bK-o", more: "Route: " + path + "\n"})
		w.expectStatus(desk, 100)
		w.expectMethod(trunkA, "INVITE")
	})
}

// A phone by TCP whose connection is gone cannot be reached (RFC 5626 §5.3.1).
func TestFlowFailed(t *testing.T) {
	inWorld(t, setUp{}, func(w *world) {
		w.ask(ask{method: "REGISTER", uri: "sip:10.0.0.1", source: deskTCP})
		path := value(w.expectMethod(pbx, "REGISTER"), message.Path)
		w.dead[deskTCP] = true
		w.ask(ask{uri: "sip:201@192.168.1.1:5070", callID: "in", source: pbx, more: "Route: " + path + "\n"})
		w.expectStatus(pbx, 430)
	})
}

// Names in a route set are looked up without holding anybody up.
func TestNextHopByName(t *testing.T) {
	inWorld(t, setUp{}, func(w *world) {
		_, ok := w.up(ask{})
		q := inDialog("BYE", "z9hG4bK-n", ok)
		q.uri = "sip:callee@callee.example:5062"
		w.ask(q)
		w.expectMethod(callee, "BYE")
		time.Sleep(time.Second)
	})
}

// RFC 4028: a call whose session timer nobody refreshes is over, one that is refreshed goes on.
func TestSessionTimer(t *testing.T) {
	inWorld(t, setUp{}, func(w *world) {
		w.ask(ask{})
		w.expectStatus(desk, 100)
		w.reply(trunkA, w.expectMethod(trunkA, "INVITE"), 200, "Session-Expires: 90;refresher=uac\n")
		ok := w.expectStatus(desk, 200)
		time.Sleep(80 * time.Second)
		q := inDialog("UPDATE", "z9hG4bK-u", ok)
		w.ask(q)
		w.reply(callee, w.expectMethod(callee, "UPDATE"), 200, "Session-Expires: 90\n")
		w.expectStatus(desk, 200)
		time.Sleep(100 * time.Second)
		require.Equal(t, 1, w.gate.CallsUp())
		time.Sleep(30 * time.Second)
		require.Zero(t, w.gate.CallsUp())
	})
}

// A transfer is decided on the number it would ring, however it is written and whether or not the dialog is ours.
func TestReferIsDecided(t *testing.T) {
	for name, c := range map[string]struct {
		more   string
		status int // 0: it goes on
	}{
		"free number":         {"Refer-To: <sip:+13105550123@10.0.0.1>\n", 0},
		"extension":           {"Refer-To: sip:305@10.0.0.1\n", 0},
		"a colleague's":       {"Refer-To: <sip:+12125550100@10.0.0.1>\n", 403},
		"compact, escaped":    {"r: <sip:%2B1212555%30100@x;user=phone>\n", 403},
		"tel":                 {"Refer-To: <tel:+1-212-555-0100>\n", 403},
		"with Replaces":       {"Refer-To: <sip:2125550100@x?Replaces=a%3Bto-tag%3Db%3Bfrom-tag%3Dc>\n", 403},
		"not a number":        {"Refer-To: <sip:21255501O0@x>\n", 404},
		"two of them":         {"Refer-To: <sip:305@x>\nr: <sip:+12125550100@x>\n", 400},
		"nowhere":             {"", 400},
		"another kind of URI": {"Refer-To: <https://example.com>\n", 404},
	} {
		for _, signed := range []bool{true, false} {
			t.Run(fmt.Sprint(name, " signed ", signed), func(t *testing.T) {
				inWorld(t, setUp{}, func(w *world) {
					w.registry.SetOwner("+12125550100", "202", "202", time.Hour)
					_, ok := w.up(ask{uri: "sip:+13105550123@10.0.0.1"})
					q, goes := inDialog("REFER", "z9hG4bK-r", ok), callee
					if !signed {
						q, goes = ask{method: "REFER", uri: "sip:x@" + trunkA.AddrPort.String(), toTag: "t", branch: "z9hG4bK-r", callID: "other"}, trunkA
					}
					q.more += c.more
					w.ask(q)
					if c.status == 0 {
						w.expectMethod(goes, "REFER")
						return
					}
					w.expectStatus(desk, c.status)
					w.quiet(goes)
				})
			})
		}
	}
}
