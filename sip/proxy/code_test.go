package proxy

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ringfence/ringfence/gate"
	"github.com/ringfence/ringfence/gate/spellingtest"
	"github.com/ringfence/ringfence/sip/message"
)

// everyCode is every feature code switched on.
var everyCode = gate.Codes{Owner: "*81", Claim: "*82", Release: "*83", Refused: "*84", Request: "*85", Pass: "*86"}

// clerk is a desk that notes what it was asked, and tells what it was told to.
type clerk struct {
	tell gate.Outcome
	hold chan struct{} // nil: it answers at once
	err  error

	mu    sync.Mutex
	asked []gate.Errand
}

func (c *clerk) Serve(ctx context.Context, e gate.Errand) (gate.Outcome, error) {
	c.mu.Lock()
	c.asked = append(c.asked, e)
	c.mu.Unlock()
	if e.Number == "+13105550199" {
		panic("on purpose")
	}
	if c.hold != nil {
		select {
		case <-c.hold:
		case <-ctx.Done():
			return gate.Outcome{}, ctx.Err()
		}
	}
	return c.tell, c.err
}

func (c *clerk) count() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.asked)
}

func claimed() *clerk {
	return &clerk{tell: gate.Outcome{Result: gate.Claimed, Until: time.UnixMilli(253402300799000)}}
}

const claimURI = "sip:*822125550100@10.0.0.1"

// A code is served once, answered in words, told by MESSAGE, and forwarded nowhere; repeated, it is answered alike.
func TestCodeIsServed(t *testing.T) {
	desk201 := claimed()
	inWorld(t, setUp{codes: everyCode, desk: desk201, routing: notifying}, func(w *world) {
		count := w.counted("ringfence_codes_total")
		w.ask(ask{uri: claimURI})
		no := w.expectStatus(desk, 403)
		require.Equal(t, "Claimed until further notice", string(no.Bytes(no.Phrase)))
		require.Equal(t, `SIP;cause=403;text="Claimed"`, value(no, message.Reason))
		require.Equal(t, []gate.Errand{{
			Key: gate.Key{Rep: "201", CallID: "call-1", FromTag: "caller"}, Terms: w.gate.Terms(),
			Code: gate.CodeClaim, Number: "+12125550100", Peer: "desk", Extension: "201",
		}}, desk201.asked)
		m := w.expectMethod(pbx, "MESSAGE")
		require.Equal(t, "Claimed until further notice", string(m.Bytes(m.Body)))
		w.reply(pbx, m, 200, "")

		w.ask(ask{uri: claimURI})
		w.expectStatus(desk, 403)
		w.ask(ask{uri: claimURI, method: "ACK"})
		require.Equal(t, 1, desk201.count(), "a retransmission is not another errand")
		require.InDelta(t, 1, count("claimed"), 0)

		desk201.tell.Repeated = true // as of the same call at another gate
		w.ask(ask{uri: claimURI, branch: "z9hG4bK-other", cseq: 2})
		w.expectStatus(desk, 403)
		w.quiet(pbx, trunkA, trunkB)
		require.Zero(t, w.gate.CallsUp())
	})
}

// Without a code in the configuration, what begins like one is what it always was.
func TestCodesAreOffByDefault(t *testing.T) {
	idle := claimed()
	inWorld(t, setUp{desk: idle}, func(w *world) {
		w.ask(ask{uri: claimURI})
		no := w.expectStatus(desk, 404)
		require.Equal(t, "Not a valid number", string(no.Bytes(no.Phrase)))
		require.Zero(t, idle.count())
		w.quiet(pbx, trunkA, trunkB)
	})
}

// However a code and its number are written and in whatever a phone sends them, nothing leaves for a trunk or the PBX,
// though the number may be rung.
func TestNoCodeIsForwarded(t *testing.T) {
	for _, subject := range spellingtest.Subjects() {
		for _, codes := range []gate.Codes{everyCode, {}} {
			inWorld(t, setUp{region: subject.Region, codes: codes, desk: claimed()}, func(w *world) {
				served := 0
				for i, s := range append(subject.Coded("*82", ""), subject.Coded("*86", "4711")...) {
					if i%17 != 0 {
						continue // gate tries all of them
					}
					for j, q := range []ask{
						{uri: s.URI("10.0.0.1")},
						{uri: s.URI(trunkA.AddrPort.String()), more: routeTo(trunkA)},
						{method: "MESSAGE", uri: s.URI("10.0.0.1")},
						{method: "REFER", uri: "sip:305@10.0.0.1", more: "Refer-To: <" + s.URI("10.0.0.1") + ">\n"},
						{uri: "sip:" + free[subject.Region] + "@10.0.0.1", to: "<" + s.URI("10.0.0.1") + ">"},
					} {
						q.callID = fmt.Sprint("id", i, "-", j)
						q.branch = "z9hG4bK-" + q.callID
						attempt{world: w, id: q.callID}.send(q)
						for to, m := range w.takeAll() {
							require.False(t, m.Request, "%v got by %s\n%s", to, s.User, m.Raw)
							if m.Status == 403 && j == 0 && s.Reading == spellingtest.TheNumber {
								served++
							}
						}
					}
				}
				if codes != (gate.Codes{}) {
					require.Greater(t, served, 20)
				}
			})
		}
	}
}

// Nobody is served who might not call; a PIN is seen by nobody but the desk.
func TestWhoIsServed(t *testing.T) {
	t.Run("nobody", func(t *testing.T) {
		idle := claimed()
		inWorld(t, setUp{codes: everyCode, desk: idle, routing: peersWho(t, "flow")}, func(w *world) {
			w.ask(ask{uri: claimURI})
			no := w.expectStatus(desk, 403)
			require.Equal(t, "Unknown caller", string(no.Bytes(no.Phrase)))
			require.Zero(t, idle.count())
		})
	})
	t.Run("with a password", func(t *testing.T) {
		busy := claimed()
		inWorld(t, setUp{codes: everyCode, desk: busy, routing: peersWho(t, "digest"), users: known("201")}, func(w *world) {
			w.ask(ask{uri: claimURI})
			w.expectStatus(desk, 407)
			require.Zero(t, busy.count())
		})
	})
	t.Run("log", func(t *testing.T) {
		var log strings.Builder
		busy := &clerk{tell: gate.Outcome{Result: gate.WrongPIN, Left: 4}}
		inWorld(t, setUp{codes: everyCode, desk: busy, log: &log}, func(w *world) {
			w.ask(ask{uri: "sip:*86*4711*2125550100@10.0.0.1"})
			no := w.expectStatus(desk, 403)
			require.Equal(t, "Wrong PIN; tries left: 4", string(no.Bytes(no.Phrase)))
			require.Equal(t, "4711", busy.asked[0].PIN)
			w.ask(ask{uri: "sip:*86*4711*212555010x@10.0.0.1", callID: "c2", branch: "z9hG4bK-c2"})
			w.expectStatus(desk, 404)
			require.Contains(t, log.String(), `"code":"pass"`)
			require.Contains(t, log.String(), `"result":"wrong_pin"`)
			require.NotContains(t, log.String(), "4711")
			require.NotContains(t, log.String(), "5550100")
			time.Sleep(time.Second)
			for _, n := range []gate.Number{"", "+12125550100"} {
				for _, r := range w.registry.Records(n) {
					require.NotContains(t, fmt.Sprint(r), "4711")
				}
			}
		})
	})
}

// With the registry away nothing is done and the rep is told so, in bounded time; a fault costs its code alone; a flood of
// codes waits for nobody.
func TestCodeThatCannotBeServed(t *testing.T) {
	t.Run("error", func(t *testing.T) {
		inWorld(t, setUp{codes: everyCode, desk: &clerk{err: errors.New("away")}}, func(w *world) {
			w.ask(ask{uri: claimURI})
			no := w.expectStatus(desk, 503)
			require.Equal(t, "Try again shortly", string(no.Bytes(no.Phrase)))
		})
	})
	t.Run("silence", func(t *testing.T) {
		slow := claimed()
		inWorld(t, setUp{codes: everyCode, desk: slow}, func(w *world) {
			slow.hold = make(chan struct{}) // of this bubble
			w.ask(ask{uri: claimURI})
			w.quiet(desk)
			time.Sleep(200 * time.Millisecond)
			w.expectStatus(desk, 100)
			time.Sleep(2 * time.Second)
			w.expectStatus(desk, 503)
		})
	})
	t.Run("fault", func(t *testing.T) {
		inWorld(t, setUp{codes: everyCode, desk: claimed()}, func(w *world) {
			w.ask(ask{uri: "sip:*823105550199@10.0.0.1"})
			w.expectStatus(desk, 500)
			w.ask(ask{uri: claimURI, callID: "c2", branch: "z9hG4bK-c2"})
			w.expectStatus(desk, 403)
		})
	})
	t.Run("flood", func(t *testing.T) {
		slow := claimed()
		inWorld(t, setUp{codes: everyCode, desk: slow}, func(w *world) {
			slow.hold = make(chan struct{}) // of this bubble
			for i := range mostErrands + 5 {
				id := fmt.Sprint("c", i)
				w.ask(ask{uri: claimURI, callID: id, branch: "z9hG4bK-" + id})
			}
			for range 5 {
				w.expectStatus(desk, 503)
			}
			w.quiet(desk)
			require.Equal(t, mostErrands, slow.count())
			close(slow.hold)
			synctest.Wait()
			for range mostErrands {
				w.expectStatus(desk, 403)
			}
			require.Zero(t, w.proxy.errands.Load())
		})
	})
}

// Who hangs up before the answer is told by MESSAGE all the same: it was done.
func TestCodeIsCancelled(t *testing.T) {
	slow := claimed()
	inWorld(t, setUp{codes: everyCode, desk: slow, routing: notifying}, func(w *world) {
		slow.hold = make(chan struct{})
		w.ask(ask{uri: claimURI})
		w.ask(ask{uri: claimURI, method: "CANCEL"})
		w.expectStatus(desk, 200)
		w.expectStatus(desk, 487)
		close(slow.hold)
		m := w.expectMethod(pbx, "MESSAGE")
		require.Equal(t, "Claimed until further notice", string(m.Bytes(m.Body)))
		w.quiet(desk, trunkA)
	})
}

// A peer's announcement says what came of it; when nobody listens to it, the words come.
func TestCodeIsAnnounced(t *testing.T) {
	inWorld(t, setUp{codes: everyCode, desk: claimed(), routing: announcing}, func(w *world) {
		w.ask(ask{uri: claimURI})
		w.expectStatus(desk, 100)
		invite := w.expectMethod(mediaServer, "INVITE")
		require.Equal(t, "sip:annc@10.2.0.9:5060;play=/zh/claimed.wav", string(invite.Bytes(invite.RequestURI)))
		why, _ := invite.GetName("X-Ringfence-Reason")
		require.Equal(t, "claimed", string(why))
		require.Equal(t, `SIP;cause=403;text="Claimed until further notice"`, value(invite, message.Reason))
		w.reply(mediaServer, invite, 404, "")
		w.expectMethod(mediaServer, "ACK")
		no := w.expectStatus(desk, 403)
		require.Equal(t, "Claimed until further notice", string(no.Bytes(no.Phrase)))
		w.quiet(trunkA, trunkB, pbx)
	})
}

// A switch that reads the answer of a dip as yes or no never reads a code's as yes.
func TestCodeIsNoYes(t *testing.T) {
	for mode, status := range map[Mode]int{TeleBlock: 403, Galaxtel: 403, Sippy: 470, Redirecting: 403} {
		inWorld(t, setUp{codes: everyCode, desk: claimed(), routing: func(r *Routing) { r.Peers[0].Mode = mode }}, func(w *world) {
			w.ask(ask{uri: claimURI})
			no := w.expectStatus(desk, status)
			require.Contains(t, string(no.Raw), "Claimed")
			require.Zero(t, no.Count(message.Contact))
			w.quiet(trunkA, trunkB, pbx)
		})
		inWorld(t, setUp{codes: everyCode, desk: &clerk{err: errors.New("away")}, routing: func(r *Routing) { r.Peers[0].Mode = mode }}, func(w *world) {
			w.ask(ask{uri: claimURI})
			m := w.next(desk)
			require.NotEqual(t, 499, m.Status)
			require.False(t, mode == Galaxtel && m.Status == 503, "503 means yes to it")
		})
	}
}

func TestCodesWhileDraining(t *testing.T) {
	idle := claimed()
	inWorld(t, setUp{codes: everyCode, desk: idle}, func(w *world) {
		w.proxy.Drain()
		w.ask(ask{uri: claimURI})
		w.expectStatus(desk, 503)
		require.Zero(t, idle.count())
	})
}
