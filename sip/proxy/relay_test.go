package proxy

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ringfence/ringfence/sip/message"
	"github.com/ringfence/ringfence/sip/transport"
)

// §9.1 and §16.10: a branch is cancelled only after its first provisional response, and the 487 is the callee's.
func TestCancelWaitsForProvisional(t *testing.T) {
	inWorld(t, setUp{}, func(w *world) {
		w.ask(ask{})
		w.expectStatus(desk, 100)
		invite := w.expectMethod(trunkA, "INVITE")
		w.ask(ask{method: "CANCEL"})
		w.expectStatus(desk, 200)
		w.quiet(trunkA, desk)
		w.reply(trunkA, invite, 180, "")
		cancel := w.expectMethod(trunkA, "CANCEL")
		require.Equal(t, string(invite.Via.Branch), string(cancel.Via.Branch))
		require.Equal(t, 1, cancel.Vias)
		w.expectStatus(desk, 180)
		w.quiet(desk)
		w.reply(trunkA, cancel, 200, "")
		w.quiet(desk)
		w.reply(trunkA, invite, 487, "")
		w.expectMethod(trunkA, "ACK")
		w.expectStatus(desk, 487)
		time.Sleep(time.Second)
		require.Zero(t, w.gate.CallsUp())
		w.quiet(trunkB)
	})
}

// However many reasons there are to cancel a branch, it gets one CANCEL.
func TestOneCancel(t *testing.T) {
	inWorld(t, setUp{routing: together}, func(w *world) {
		w.ask(ask{})
		w.expectStatus(desk, 100)
		a, b := w.expectMethod(trunkA, "INVITE"), w.expectMethod(trunkB, "INVITE")
		w.reply(trunkA, a, 180, "")
		w.reply(trunkB, b, 180, "")
		w.ask(ask{method: "CANCEL"})
		cancel := w.expectMethod(trunkB, "CANCEL")
		w.reply(trunkB, cancel, 200, "")
		w.reply(trunkA, a, 200, "") // crosses: cancels the others once more
		w.quiet(trunkB)
		w.reply(trunkB, b, 487, "")
		w.expectMethod(trunkB, "ACK")
		time.Sleep(200 * time.Second) // Timer C has nothing left to cancel
		w.quiet(trunkB)
	})
}

// The 200 crosses the CANCEL: it goes up, and no 487 was ever sent.
func TestAnswerCrossesCancel(t *testing.T) {
	inWorld(t, setUp{}, func(w *world) {
		w.ask(ask{})
		w.expectStatus(desk, 100)
		invite := w.expectMethod(trunkA, "INVITE")
		w.reply(trunkA, invite, 180, "")
		w.expectStatus(desk, 180)
		w.ask(ask{method: "CANCEL"})
		w.expectStatus(desk, 200)
		w.expectMethod(trunkA, "CANCEL")
		w.reply(trunkA, invite, 200, "")
		ok := w.expectStatus(desk, 200)
		require.Equal(t, "INVITE", ok.CSeqMethod)
		w.quiet(desk, trunkA)
	})
}

// Cancelled before anything was sent: nothing goes out, and what was reserved is let go.
func TestCancelWhileDeciding(t *testing.T) {
	inWorld(t, setUp{}, func(w *world) {
		w.registry.Sleep()
		w.deliverNow(ask{})
		w.deliverNow(ask{method: "CANCEL"})
		w.registry.Wake()
		w.expectStatus(desk, 200)
		w.expectStatus(desk, 487)
		time.Sleep(time.Second)
		w.quiet(trunkA)
		require.Zero(t, w.gate.CallsUp())
	})
}

// deliverNow hands a request in without waiting for what it sets off.
func (w *world) deliverNow(q ask) {
	m, err := message.Parse([]byte(strings.ReplaceAll(q.text(), "\n", "\r\n")))
	require.NoError(w.t, err)
	w.layer.Receive(m, transport.Source{Address: desk})
}

// Trunks of different priority are tried one after another, but only while nobody was reached.
func TestSerialFailOver(t *testing.T) {
	t.Run("silent", func(t *testing.T) {
		inWorld(t, setUp{}, func(w *world) {
			w.ask(ask{})
			w.expectMethod(trunkA, "INVITE")
			time.Sleep(4 * time.Second)
			w.quiet(trunkB)
			time.Sleep(2 * time.Second)
			w.reply(trunkB, w.expectMethod(trunkB, "INVITE"), 200, "")
			w.expectStatus(desk, 100)
			w.expectStatus(desk, 200)
		})
	})
	for status, next := range map[int]bool{503: true, 500: true, 486: false, 404: false, 603: false} {
		inWorld(t, setUp{}, func(w *world) {
			w.ask(ask{})
			w.expectStatus(desk, 100)
			w.reply(trunkA, w.expectMethod(trunkA, "INVITE"), status, "")
			if next {
				w.expectMethod(trunkB, "INVITE")
				w.quiet(desk)
				return
			}
			w.expectStatus(desk, status)
			w.quiet(trunkB)
		})
	}
}

// §16.7-6: our neighbours' 503 is not ours.
func TestLast503Becomes500(t *testing.T) {
	inWorld(t, setUp{}, func(w *world) {
		w.ask(ask{})
		w.expectStatus(desk, 100)
		w.reply(trunkA, w.expectMethod(trunkA, "INVITE"), 503, "")
		w.reply(trunkB, w.expectMethod(trunkB, "INVITE"), 503, "")
		w.expectStatus(desk, 500)
	})
}

// Nobody answers at all: 408 (§16.7-6), once.
func TestAllSilent(t *testing.T) {
	inWorld(t, setUp{}, func(w *world) {
		w.ask(ask{})
		time.Sleep(12 * time.Second)
		w.expectStatus(desk, 100)
		w.expectStatus(desk, 408)
	})
}

func together(r *Routing) { r.Trunks[1].Priority = r.Trunks[0].Priority }

// Trunks of equal priority ring together; the first 2xx wins, the others are cancelled, a second 2xx still goes up.
func TestFork(t *testing.T) {
	inWorld(t, setUp{routing: together}, func(w *world) {
		w.ask(ask{})
		w.expectStatus(desk, 100)
		a, b := w.expectMethod(trunkA, "INVITE"), w.expectMethod(trunkB, "INVITE")
		require.NotEqual(t, string(a.Via.Branch), string(b.Via.Branch))
		w.reply(trunkA, a, 180, "")
		w.reply(trunkB, b, 180, "")
		w.expectStatus(desk, 180)
		w.expectStatus(desk, 180)
		w.reply(trunkA, a, 200, "")
		w.expectStatus(desk, 200)
		w.expectMethod(trunkB, "CANCEL")
		w.reply(trunkB, b, 200, "")
		w.expectStatus(desk, 200)
		w.quiet(desk)
	})
}

// §16.7-5 and -6: a 6xx stops the search but waits for all; else the lowest class wins; challenges are put together.
func TestForkBestResponse(t *testing.T) {
	for _, c := range []struct {
		a, b, want int
		more       string
	}{
		{486, 603, 603, ""},
		{603, 486, 603, ""},
		{486, 302, 302, ""},
		{486, 503, 486, ""},
		{480, 407, 407, "Proxy-Authenticate: Digest realm=\"b\"\n"},
	} {
		inWorld(t, setUp{routing: together}, func(w *world) {
			w.ask(ask{})
			w.expectStatus(desk, 100)
			a, b := w.expectMethod(trunkA, "INVITE"), w.expectMethod(trunkB, "INVITE")
			w.reply(trunkA, a, c.a, "")
			w.quiet(desk)
			w.reply(trunkB, b, c.b, c.more)
			w.expectStatus(desk, c.want)
		})
	}
	inWorld(t, setUp{routing: together}, func(w *world) {
		w.ask(ask{})
		w.expectStatus(desk, 100)
		a, b := w.expectMethod(trunkA, "INVITE"), w.expectMethod(trunkB, "INVITE")
		w.reply(trunkA, a, 407, "Proxy-Authenticate: Digest realm=\"a\"\n")
		w.reply(trunkB, b, 401, "WWW-Authenticate: Digest realm=\"b\"\n")
		m := w.next(desk)
		require.Contains(t, string(m.Raw), `realm="a"`)
		require.Contains(t, string(m.Raw), `realm="b"`)
	})
}

// §16.8: Timer C cancels a branch that rings too long; every 101 to 199 starts it anew.
func TestTimerC(t *testing.T) {
	inWorld(t, setUp{}, func(w *world) {
		w.ask(ask{})
		invite := w.expectMethod(trunkA, "INVITE")
		w.reply(trunkA, invite, 180, "")
		time.Sleep(180 * time.Second)
		w.reply(trunkA, invite, 183, "")
		time.Sleep(180 * time.Second)
		w.quiet(trunkA)
		time.Sleep(20 * time.Second)
		w.expectMethod(trunkA, "CANCEL")
		w.drain(desk)
		w.reply(trunkA, invite, 487, "")
		w.expectStatus(desk, 487)
	})
}

// §16.3.
func TestValidation(t *testing.T) {
	for name, c := range map[string]struct {
		q      ask
		status int
	}{
		"too many hops":      {ask{more: "Max-Forwards: 0\n"}, 483},
		"no breadth left":    {ask{more: "Max-Breadth: 0\n"}, 440},
		"unknown extension":  {ask{more: "Proxy-Require: rocket\n"}, 420},
		"scheme":             {ask{uri: "im:+12125550100@10.0.0.1"}, 416},
		"urn of another use": {ask{uri: "urn:service:counseling"}, 416},
	} {
		inWorld(t, setUp{}, func(w *world) {
			w.ask(c.q)
			m := w.expectStatus(desk, c.status)
			if c.status == 420 {
				require.Equal(t, "rocket", value(m, message.Unsupported), name)
			}
			w.quiet(trunkA)
		})
	}
}

// RFC 5393: a request that comes back unchanged is a loop; with another Request-URI it is a spiral and passes.
func TestLoop(t *testing.T) {
	inWorld(t, setUp{}, func(w *world) {
		w.ask(ask{uri: "sip:305@10.0.0.1"})
		w.expectStatus(desk, 100)
		invite := w.expectMethod(pbx, "INVITE")
		back := strings.Replace(string(invite.Raw), "sip:305@10.0.0.5:5060", "sip:305@10.0.0.1", 1)
		back = strings.Replace(back, "Via: ", "Via: SIP/2.0/UDP 10.0.0.5:5060;branch=z9hG4bK-pbx\r\nVia: ", 1)
		w.deliver(pbx, strings.ReplaceAll(back, "\r\n", "\n"))
		w.expectStatus(pbx, 482)
	})
}

// A ping is answered without the registry.
func TestOptions(t *testing.T) {
	inWorld(t, setUp{}, func(w *world) {
		w.registry.Sleep()
		w.ask(ask{method: "OPTIONS", uri: "sip:10.0.0.1:5060", more: "Max-Forwards: 0\n"})
		w.expectStatus(desk, 200)
		w.proxy.Drain()
		w.ask(ask{method: "OPTIONS", uri: "sip:10.0.0.1", branch: "z9hG4bK-o"})
		w.expectStatus(desk, 503)
		w.registry.Wake()
	})
}

// While draining, calls that are up go on and new ones are sent elsewhere.
func TestDrain(t *testing.T) {
	inWorld(t, setUp{}, func(w *world) {
		_, ok := w.up(ask{})
		w.proxy.Drain()
		w.ask(ask{callID: "new", branch: "z9hG4bK-n"})
		require.NotEmpty(t, value(w.expectStatus(desk, 503), message.RetryAfter))
		w.ask(ask{method: "BYE", uri: "sip:callee@" + callee.AddrPort.String(), branch: "z9hG4bK-bye", cseq: 2, toTag: "callee", more: routeSet(ok, true)})
		w.expectMethod(callee, "BYE")
	})
}

// RFC 3261 §18.1.1: too large for a datagram goes by TCP, and by UDP after all when the target takes none.
func TestLargeRequest(t *testing.T) {
	a := trunkA
	a.Protocol = transport.TCP
	large := ask{body: strings.Repeat("a=large\r\n", 200)}
	inWorld(t, setUp{}, func(w *world) {
		w.ask(large)
		invite := w.expectMethod(a, "INVITE")
		require.Equal(t, "TCP", invite.Via.Transport)
		w.quiet(trunkA)
	})
	inWorld(t, setUp{}, func(w *world) {
		w.dead[a] = true
		w.ask(large)
		invite := w.expectMethod(trunkA, "INVITE")
		require.Equal(t, "UDP", invite.Via.Transport)
		w.reply(trunkA, invite, 200, "")
		w.expectStatus(desk, 100)
		w.expectStatus(desk, 200)
		large.callID, large.branch = "call-2", "z9hG4bK-2"
		w.dead[a] = false
		w.ask(large)
		w.expectMethod(trunkA, "INVITE")
		w.quiet(a)
	})
}

// Non-INVITE: no 100, no 408 (RFC 4320), and no transaction left behind.
func TestNonInviteTimeout(t *testing.T) {
	inWorld(t, setUp{}, func(w *world) {
		w.ask(ask{method: "MESSAGE", uri: "sip:305@10.0.0.1"})
		w.expectMethod(pbx, "MESSAGE")
		time.Sleep(40 * time.Second)
		w.quiet(desk)
		require.Zero(t, w.layer.Size())
	})
}

// §16.7-6: the best of all responses is looked for, not of the last trunk's only, and one that somebody gave is better
// than one of our own making.
func TestBestOfAllTrunks(t *testing.T) {
	a, b := trunkA, trunkB
	a.Protocol, b.Protocol = transport.TCP, transport.TCP
	byTCP := func(r *Routing) { r.Trunks[0].Addresses, r.Trunks[1].Addresses = At(a), At(b) }
	inWorld(t, setUp{routing: byTCP}, func(w *world) {
		w.dead[b] = true
		w.ask(ask{})
		w.expectStatus(desk, 100)
		w.reply(a, w.expectMethod(a, "INVITE"), 513, "")
		w.expectStatus(desk, 513)
	})
	inWorld(t, setUp{}, func(w *world) {
		w.ask(ask{})
		w.expectStatus(desk, 100)
		time.Sleep(6 * time.Second)
		w.reply(trunkB, w.expectMethod(trunkB, "INVITE"), 500, "")
		w.expectStatus(desk, 408)
	})
}

// Of two that failed the one is passed on that may be: a 503 would become an answer of our own.
func TestOther5xxBefore503(t *testing.T) {
	for _, order := range [][2]int{{503, 504}, {504, 503}} {
		inWorld(t, setUp{routing: together}, func(w *world) {
			w.ask(ask{})
			w.expectStatus(desk, 100)
			a, b := w.expectMethod(trunkA, "INVITE"), w.expectMethod(trunkB, "INVITE")
			w.reply(trunkA, a, order[0], "")
			w.reply(trunkB, b, order[1], "")
			w.expectStatus(desk, 504)
		})
	}
}

// §16.9 and §16.7-6: where no trunk can be reached at all we say 500. With 503 a caller would take us out of use.
func TestUnreachableBecomes500(t *testing.T) {
	a := trunkA
	a.Protocol = transport.TCP
	inWorld(t, setUp{routing: func(r *Routing) { r.Trunks = r.Trunks[:1]; r.Trunks[0].Addresses = At(a) }}, func(w *world) {
		w.dead[a] = true
		w.ask(ask{})
		w.expectStatus(desk, 100)
		w.expectStatus(desk, 500)
	})
	inWorld(t, setUp{routing: func(r *Routing) { r.Trunks = r.Trunks[:1]; r.Trunks[0].Addresses = &Addresses{} }}, func(w *world) {
		w.ask(ask{})
		w.expectStatus(desk, 500)
	})
}

// §16.7-3: a response without a Via of the caller's was meant for us and goes nowhere; its request does not wait for ever.
func TestResponseForUs(t *testing.T) {
	for _, method := range []string{"INVITE", "MESSAGE"} {
		inWorld(t, setUp{}, func(w *world) {
			w.ask(ask{method: method, uri: "sip:305@10.0.0.1"})
			m := w.expectMethod(pbx, method)
			w.deliver(pbx, "SIP/2.0 200 OK\nVia: "+string(m.Bytes(m.Via.Element))+"\nFrom: <sip:x@y>;tag=a\nTo: <sip:z@y>;tag=b\nCall-ID: call-1\nCSeq: 1 "+method+"\nContent-Length: 0\n\n")
			if method == "INVITE" {
				w.expectStatus(desk, 100)
			}
			w.expectStatus(desk, 502)
			w.ask(ask{method: "ACK", uri: "sip:305@10.0.0.1"})
			time.Sleep(40 * time.Second)
			require.Zero(t, w.layer.Size())
		})
	}
}

// A callee that rang, and ignores the CANCEL of Timer C, was reached all the same: the next trunk would ring a second
// phone of somebody who does not answer.
func TestTimerCEndsTheSearch(t *testing.T) {
	inWorld(t, setUp{}, func(w *world) {
		w.ask(ask{})
		w.reply(trunkA, w.expectMethod(trunkA, "INVITE"), 180, "")
		time.Sleep(230 * time.Second)
		w.drain(trunkA)
		w.expectStatus(desk, 100)
		w.expectStatus(desk, 180)
		w.expectStatus(desk, 408)
		w.quiet(trunkB)
	})
}

// RFC 5393 §5: the branches that are out together share the breadth that came; without any, 60.
func TestMaxBreadth(t *testing.T) {
	for name, c := range map[string]struct{ more, a, b string }{
		"absent":  {"", "30", "30"},
		"odd":     {"Max-Breadth: 5\n", "3", "2"},
		"just so": {"Max-Breadth: 2\n", "1", "1"},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, setUp{routing: together}, func(w *world) {
				w.ask(ask{more: c.more})
				for at, want := range map[transport.Address]string{trunkA: c.a, trunkB: c.b} {
					m := w.expectMethod(at, "INVITE")
					require.Equal(t, want, value(m, message.MaxBreadth))
					require.Equal(t, 1, m.Count(message.MaxBreadth))
				}
			})
		})
	}
	inWorld(t, setUp{routing: together}, func(w *world) { // enough for one at a time
		w.ask(ask{more: "Max-Breadth: 1\n"})
		m := w.expectMethod(trunkA, "INVITE")
		require.Equal(t, "1", value(m, message.MaxBreadth))
		w.quiet(trunkB)
		w.reply(trunkA, m, 503, "")
		require.Equal(t, "1", value(w.expectMethod(trunkB, "INVITE"), message.MaxBreadth))
	})
	inWorld(t, setUp{}, func(w *world) {
		w.ask(ask{})
		w.expectStatus(desk, 100)
		require.Equal(t, "60", value(w.expectMethod(trunkA, "INVITE"), message.MaxBreadth))
	})
}
