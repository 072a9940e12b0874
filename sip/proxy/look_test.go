package proxy

import (
	"bytes"
	"context"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ringfence/ringfence/gate"
	"github.com/ringfence/ringfence/gate/registrytest"
	"github.com/ringfence/ringfence/sip/guard"
	"github.com/ringfence/ringfence/sip/message"
	"github.com/ringfence/ringfence/sip/transport"
)

// late makes every message of the world come so late.
func (w *world) late(e guard.Excess) { w.proxy.late = func(transport.Source) guard.Excess { return e } }

// sizeable is enough body for a 503 to be shorter than the request.
var sizeable = strings.Repeat("a=rtpmap:0 PCMU/8000\r\n", 20)

// New calls and registrations that come while messages wait too long get 503 with a random Retry-After, and nothing is
// kept of them. All else goes on.
func TestShedding(t *testing.T) {
	inWorld(t, setUp{}, func(w *world) {
		_, ok := w.up(ask{})
		ringing := ask{callID: "call-2", branch: "z9hG4bK-2", uri: "sip:+12125550101@10.0.0.1"}
		w.ask(ringing)
		w.expectStatus(desk, 100)
		w.reply(trunkA, w.expectMethod(trunkA, "INVITE"), 180, "")
		w.expectStatus(desk, 180)
		before := w.layer.Size()

		w.late(guard.Some)
		waits := map[int]bool{}
		for i := range 200 {
			q := ask{callID: fmt.Sprint("new", i), branch: fmt.Sprint("z9hG4bK-new", i), method: []string{"INVITE", "REGISTER"}[i%2]}
			w.ask(q)
			m := w.expectStatus(desk, 503)
			seconds, err := strconv.Atoi(value(m, message.RetryAfter))
			require.NoError(t, err)
			require.True(t, 1 <= seconds && seconds <= 10, "%d", seconds)
			waits[seconds] = true
			w.ask(q)
			require.Equal(t, m.ToTag, w.expectStatus(desk, 503).ToTag, "a repeated request is answered with the same tag")
			time.Sleep(2 * time.Millisecond) // not so many at once that some are not answered
			if q.method == "INVITE" {
				w.ask(ask{method: "ACK", callID: q.callID, branch: q.branch, toTag: string(m.ToTag)})
				w.ask(ask{method: "ACK", callID: q.callID, branch: q.branch, toTag: string(m.ToTag), uri: "sip:1@" + pbx.AddrPort.String()})
			}
		}
		require.Greater(t, len(waits), 5, "those who are refused together do not come back together")
		require.Equal(t, before, w.layer.Size(), "transactions")
		w.quiet(desk, trunkA, trunkB, pbx, callee)

		w.ask(ask{uri: "sip:911@10.0.0.1", callID: "sos", branch: "z9hG4bK-sos"})
		w.expectStatus(desk, 100)
		w.reply(trunkA, w.expectMethod(trunkA, "INVITE"), 200, "")
		w.expectStatus(desk, 200)
		w.ask(ask{uri: "sip:9911@10.0.0.1", callID: "sos9", branch: "z9hG4bK-sos9"}) // by the peer's dial plan
		w.expectStatus(desk, 100)
		w.expectMethod(trunkA, "INVITE")
		for _, q := range []ask{inDialog("INVITE", "z9hG4bK-re", ok), inDialog("UPDATE", "z9hG4bK-up", ok), inDialog("BYE", "z9hG4bK-bye", ok)} {
			w.ask(q)
			w.reply(callee, w.expectMethod(callee, q.method), 200, "")
			if q.method == "INVITE" {
				w.expectStatus(desk, 100)
			}
			w.expectStatus(desk, 200)
		}
		ringing.method = "CANCEL"
		w.ask(ringing)
		w.expectStatus(desk, 200)
		w.expectMethod(trunkA, "CANCEL")
		w.ask(ask{method: "OPTIONS", uri: "sip:10.0.0.1", callID: "ping", branch: "z9hG4bK-ping"})
		w.expectStatus(desk, 200)

		w.late(guard.None)
		w.up(ask{callID: "after", branch: "z9hG4bK-after", uri: "sip:+12125550102@10.0.0.1"})
	})
}

// oneByOne is a registry that answers one question after another, each after the same time.
type oneByOne struct {
	gate.Registry
	takes time.Duration

	mu   sync.Mutex
	free time.Time // when it has answered all that were asked
}

func (o *oneByOne) Decide(ctx context.Context, q gate.Question) (gate.Answer, error) {
	o.mu.Lock()
	if now := time.Now(); o.free.Before(now) {
		o.free = now
	}
	o.free = o.free.Add(o.takes)
	turn := time.NewTimer(time.Until(o.free))
	o.mu.Unlock()
	defer turn.Stop()
	select {
	case <-turn.C:
		return o.Registry.Decide(ctx, q)
	case <-ctx.Done():
		return gate.Answer{}, ctx.Err()
	}
}

// A call is either taken or refused, whatever crosses on the way: an INVITE that comes again is no new one when it was
// taken, and is none either when it was refused.
func TestSheddingDecidesOnce(t *testing.T) {
	for name, how := range map[string]struct {
		setUp setUp
		much  func(*world)
	}{
		"overload": {setUp{}, func(w *world) { w.late(guard.Plenty) }},
		"rate": {setUp{routing: limited(guard.Limit{Rate: 1, Burst: 3})}, func(w *world) {
			for i := range 10 {
				w.ask(ask{method: "OPTIONS", uri: "sip:10.0.0.1", callID: fmt.Sprint("o", i), branch: fmt.Sprint("z9hG4bK-o", i)})
			}
			w.drain(desk)
		}},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, how.setUp, func(w *world) {
				taken := ask{body: sizeable}
				w.ask(taken)
				w.expectStatus(desk, 100)
				invite := w.expectMethod(trunkA, "INVITE")
				how.much(w)
				w.ask(taken)
				w.expectStatus(desk, 100)
				w.reply(trunkA, invite, 200, "")
				w.expectStatus(desk, 200)
				w.ask(taken)
				w.quiet(desk)

				refused := ask{callID: "refused", branch: "z9hG4bK-refused", uri: "sip:+12125550101@10.0.0.1", body: sizeable}
				w.ask(refused)
				w.expectStatus(desk, 503)
				w.late(guard.None)
				time.Sleep(10 * time.Second)
				w.ask(refused)
				w.expectStatus(desk, 503)
				w.quiet(trunkA)
				refused.branch, refused.cseq = "z9hG4bK-again", 2 // the caller tries again
				w.ask(refused)
				w.expectStatus(desk, 100)
				w.expectMethod(trunkA, "INVITE")
			})
		})
	}
}

// When there is too much to do, it is refused to those who bring it; to others only when that is not enough.
func TestSheddingIsFair(t *testing.T) {
	inWorld(t, setUp{}, func(w *world) {
		other := at("udp", "10.0.0.10:5060")
		n := 0
		call := func(from transport.Address) {
			n++
			w.ask(ask{source: from, callID: fmt.Sprint("c", n), branch: fmt.Sprint("z9hG4bK-", n), uri: fmt.Sprintf("sip:+1212555%04d@10.0.0.1", n)})
		}
		w.late(guard.Some)
		for range 100 {
			call(desk)
			w.expectStatus(desk, 503)
			time.Sleep(time.Millisecond)
		}
		call(other)
		w.expectStatus(other, 100)
		w.late(guard.Plenty)
		call(other)
		w.expectStatus(other, 503)
	})
}

// When even refusing takes too long, what is new is not answered, and costs nothing that lasts; its sender tries again by
// itself. What belongs to calls, and emergency calls, is heard as ever.
func TestSheddingWithoutAWord(t *testing.T) {
	inWorld(t, setUp{}, func(w *world) {
		_, ok := w.up(ask{})
		w.late(guard.Hopeless)
		before := w.layer.Size()
		fresh := ask{callID: "new", branch: "z9hG4bK-new", uri: "sip:+12125550155@10.0.0.1"}
		w.ask(fresh)
		w.ask(ask{method: "REGISTER", callID: "register", branch: "z9hG4bK-register"})
		w.quiet(desk, trunkA, pbx)
		require.Equal(t, before, w.layer.Size(), "transactions")

		again := inDialog("INVITE", "z9hG4bK-again", ok)
		w.ask(again)
		w.expectMethod(callee, "INVITE")
		w.ask(inDialog("BYE", "z9hG4bK-bye", ok))
		w.expectMethod(callee, "BYE")
		w.drain(desk)
		sos := ask{uri: "sip:911@10.0.0.1", callID: "sos", branch: "z9hG4bK-sos"}
		w.ask(sos)
		w.expectMethod(trunkA, "INVITE")
		w.drain(desk)
		// What may belong to a dialog is read, and refused when it does not.
		w.ask(ask{callID: "tag", branch: "z9hG4bK-tag", uri: "sip:+12125550156@10.0.0.1", to: "<sip:tagliatelle@10.0.0.1>"})
		w.expectStatus(desk, 503)

		w.late(guard.None)
		w.ask(fresh)
		w.expectMethod(trunkA, "INVITE")
		w.drain(desk)
	})
}

// A gate that is late to the registry's answers lets nobody out for it, though it would in an outage.
func TestBusyGateOpensNoFence(t *testing.T) {
	for _, busy := range []bool{true, false} {
		inWorld(t, setUp{}, func(w *world) {
			w.registry.Sleep()
			if busy {
				w.proxy.waited = func(transport.Source) time.Duration { return w.proxy.Wait }
			}
			w.ask(ask{})
			time.Sleep(w.proxy.Gate.Config().Rules.Budget.Std())
			synctest.Wait()
			if !busy {
				w.expectMethod(trunkA, "INVITE")
				return
			}
			w.expectStatus(desk, 503)
			w.quiet(trunkA)
		})
	}
}

// More questions than the registry answers in time make a line, and a long line makes new calls wait outside; no call is
// decided without the registry.
func TestSheddingBeforeTheRegistry(t *testing.T) {
	var mu sync.Mutex
	decided := map[gate.Reason]int{}
	inWorld(t, setUp{
		observe: func(d gate.Decision) {
			mu.Lock()
			defer mu.Unlock()
			decided[d.Reason]++
		},
		registry: func(r *registrytest.Memory) gate.Registry {
			return &oneByOne{Registry: r, takes: 100 * time.Microsecond}
		},
	}, func(w *world) {
		const calls = 2000
		for i := range calls {
			w.ask(ask{callID: fmt.Sprint("c", i), branch: fmt.Sprint("z9hG4bK-", i), uri: fmt.Sprintf("sip:+1212555%04d@10.0.0.1", i)})
			if i%50 == 49 {
				time.Sleep(time.Millisecond) // 50,000/s, where 10,000/s are answered
			}
		}
		time.Sleep(time.Second)
		synctest.Wait()
		assert.Zero(t, decided[gate.RegistryDown])
		assert.Greater(t, decided[gate.Allowed], 300)
		w.mu.Lock()
		refused := 0
		for _, m := range w.queue[desk] {
			if m.Status == 503 {
				refused++
			}
		}
		w.mu.Unlock()
		unsaid := calls - decided[gate.Allowed] - refused
		assert.Greater(t, refused, 10, "50,000/s for 40 ms are more than are answered in that time and stand in a new line")
		assert.LessOrEqual(t, refused, 100, "refusing all of them would take the time of the others")
		assert.Greater(t, unsaid, 200)
		w.drain(desk)
		w.drain(trunkA)
		w.ask(ask{callID: "after", branch: "z9hG4bK-after", uri: "sip:+13105550102@10.0.0.1"})
		time.Sleep(time.Millisecond)
		w.expectMethod(trunkA, "INVITE")
	})
}

// While the gate itself is behind, refusing what waits for the registry would take the time in which to hear its answers.
func TestSheddingBeforeTheRegistryWithoutAWord(t *testing.T) {
	inWorld(t, setUp{registry: func(r *registrytest.Memory) gate.Registry {
		return &oneByOne{Registry: r, takes: 100 * time.Microsecond}
	}}, func(w *world) {
		var behind time.Duration
		w.proxy.waited = func(transport.Source) time.Duration { return behind }
		n := 0
		call := func() {
			n++
			w.ask(ask{callID: fmt.Sprint("c", n), branch: fmt.Sprint("z9hG4bK-", n), uri: fmt.Sprintf("sip:+1212555%04d@10.0.0.1", n)})
		}
		for w.proxy.askers.line.Overdue() == guard.None {
			require.Less(t, n, 2000)
			call()
		}
		w.drain(desk)
		call()
		w.expectStatus(desk, 503)
		behind = w.proxy.Wait
		call()
		w.quiet(desk)
		time.Sleep(time.Second)
		w.drain(desk)
		w.drain(trunkA)
	})
}

// limited gives the desk's addresses a rate.
func limited(l guard.Limit) func(*Routing) {
	return func(r *Routing) {
		r.Limited = true
		r.Peers[0].Limit = &l
	}
}

func TestRateOfOneSource(t *testing.T) {
	inWorld(t, setUp{routing: limited(guard.Limit{Rate: 1, Burst: 5})}, func(w *world) {
		n := 0
		send := func(from transport.Address, method, body string) {
			n++
			w.ask(ask{method: method, source: from, callID: fmt.Sprint("c", n), branch: fmt.Sprint("z9hG4bK-", n), uri: "sip:+13105550100@10.0.0.1", body: body})
		}
		for range 5 {
			send(desk, "MESSAGE", sizeable)
		}
		w.drain(pbx)
		before := w.layer.Size()
		for _, method := range []string{"INVITE", "REGISTER", "MESSAGE", "SUBSCRIBE"} {
			send(desk, method, sizeable)
			w.expectStatus(desk, 503)
		}
		w.deliver(desk, "INVITE sip:1@g SIP/2.0\nv: SIP/2.0/UDP 10.0.0.9:5070;branch=z9hG4bKs\nf: <sip:1@g>;tag=1\nt: <sip:1@g>\ni: s\nCSeq: 1 INVITE\n\n")
		w.quiet(desk) // an answer would be longer than what it answers
		require.Equal(t, before, w.layer.Size(), "transactions")
		w.quiet(trunkA, pbx)

		w.ask(ask{uri: "sip:911@10.0.0.1", callID: "sos", branch: "z9hG4bK-sos"})
		w.expectMethod(trunkA, "INVITE")
		w.drain(desk)
		send(at("udp", "10.0.0.10:5060"), "INVITE", "") // somebody else
		w.expectMethod(trunkA, "INVITE")
		time.Sleep(time.Second)
		send(desk, "MESSAGE", "")
		w.expectMethod(pbx, "MESSAGE")
	})
}

// Trunks, the extensions and whom the operator trusts may send what they like.
func TestWhoHasNoRate(t *testing.T) {
	trusted := at("udp", "10.0.0.77:5060")
	inWorld(t, setUp{routing: func(r *Routing) {
		limited(guard.Limit{Rate: 1, Burst: 1, Ban: time.Minute})(r)
		r.Peers[0].From = []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")} // the trunks' and the PBX's addresses too
		r.Trusted = []netip.Prefix{netip.MustParsePrefix("10.0.0.77/32")}
	}}, func(w *world) {
		for _, from := range []transport.Address{trusted, trunkA, at("udp", trunkA.Addr().String()+":9999"), pbx} {
			limit, _ := w.proxy.routing.Load().limit(from)
			require.Nil(t, limit, from)
		}
		limit, plan := w.proxy.routing.Load().limit(desk)
		require.NotNil(t, limit)
		require.NotNil(t, plan)
		for i := range 100 {
			w.ask(ask{method: "OPTIONS", uri: "sip:10.0.0.1", source: trusted, callID: fmt.Sprint(i), branch: fmt.Sprint("z9hG4bK", i)})
			w.expectStatus(trusted, 200)
		}
	})
}

// A source that goes on far above its rate is banned: one line says who, why and until when, it hears nothing more, and
// only its emergency calls and the calls that it has up are heard. The ban ends by itself.
func TestBan(t *testing.T) {
	var log bytes.Buffer
	inWorld(t, setUp{log: &log, routing: limited(guard.Limit{Rate: 1, Burst: 5, Ban: time.Minute})}, func(w *world) {
		_, ok := w.up(ask{})
		for i := range 200 {
			w.ask(ask{method: "OPTIONS", uri: "sip:10.0.0.1", callID: fmt.Sprint("c", i), branch: fmt.Sprint("z9hG4bK-", i)})
		}
		require.Equal(t, 1, strings.Count(log.String(), "banned"), log.String())
		require.Contains(t, log.String(), `"source":"10.0.0.9"`)
		require.Contains(t, log.String(), `"until"`)
		require.Equal(t, 1, w.proxy.Sources.BannedNow(time.Now()))
		w.drain(desk)
		before := w.layer.Size()
		for i, q := range []ask{{body: sizeable}, {method: "REGISTER"}, {method: "BYE", toTag: "x"}, {method: "ACK", toTag: "x"}, {method: "CANCEL"}, {toTag: "x"}} {
			q.callID, q.branch = fmt.Sprint("banned", i), fmt.Sprint("z9hG4bK-banned", i)
			w.ask(q)
		}
		w.quiet(desk, trunkA, trunkB, pbx, callee)
		require.Equal(t, before, w.layer.Size(), "transactions")

		sos := ask{uri: "sip:911@10.0.0.1", callID: "sos", branch: "z9hG4bK-sos"}
		w.ask(sos)
		w.expectStatus(desk, 100)
		w.reply(trunkA, w.expectMethod(trunkA, "INVITE"), 180, "")
		w.expectStatus(desk, 180)
		sos.method = "CANCEL"
		w.ask(sos)
		w.expectStatus(desk, 200)
		w.expectMethod(trunkA, "CANCEL")
		w.ask(inDialog("BYE", "z9hG4bK-bye", ok))
		w.expectMethod(callee, "BYE")

		time.Sleep(time.Minute)
		w.ask(ask{method: "OPTIONS", uri: "sip:10.0.0.1", callID: "again", branch: "z9hG4bK-again"})
		w.drain(callee)
		w.drain(trunkA)
		require.Eventually(t, func() bool {
			w.mu.Lock()
			defer w.mu.Unlock()
			for _, m := range w.queue[desk] {
				if string(m.CallID) == "again" {
					return m.Status == 200
				}
			}
			return false
		}, time.Second, time.Millisecond)
		w.drain(desk)
	})
}
