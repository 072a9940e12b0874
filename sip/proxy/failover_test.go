package proxy

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ringfence/ringfence/sip/message"
	"github.com/ringfence/ringfence/sip/transport"
)

// Two servers behind the name of the first trunk.
var (
	first  = at("udp", "10.2.0.1:5060")
	second = at("udp", "10.2.0.2:5060")
)

// byName makes the first trunk one that is known by name.
func byName(hops ...Hop) func(*Routing) {
	return func(r *Routing) {
		a := &Addresses{}
		a.Set(hops)
		r.Trunks[0].Target = Target{Name: "named", Host: "sip.carrier.example", Addresses: a}
	}
}

var twoServers = byName(Hop{first, 0, 1}, Hop{second, 1, 1})

// dial begins another call to another number, whose first copy goes out at once.
func (w *world) dial(id string) {
	w.t.Helper()
	w.ask(ask{uri: "sip:+1212555010" + id + "@10.0.0.1", callID: "call-" + id, branch: "z9hG4bK-" + id})
}

// RFC 3263 §4.3: a server that says nothing is left for the next one, in a new transaction, and spared for a while.
func TestNextAddressAfterSilence(t *testing.T) {
	inWorld(t, setUp{routing: twoServers}, func(w *world) {
		w.dial("0")
		w.expectStatus(desk, 100)
		invite := w.expectMethod(first, "INVITE")
		require.Equal(t, "sip:+12125550100@sip.carrier.example", string(invite.Bytes(invite.RequestURI)))
		time.Sleep(4 * time.Second)
		w.quiet(second)
		time.Sleep(2 * time.Second)
		again := w.expectMethod(second, "INVITE")
		require.NotEqual(t, string(invite.Via.Branch), string(again.Via.Branch))
		require.Equal(t, string(invite.Bytes(invite.RequestURI)), string(again.Bytes(again.RequestURI)))
		w.reply(second, again, 200, "")
		w.expectStatus(desk, 200)
		w.drain(first)
		w.quiet(trunkB, desk)

		w.dial("1")
		w.expectMethod(second, "INVITE")
		time.Sleep(30 * time.Second)
		w.drain(second)
		w.drain(trunkB)
		w.quiet(first)
		w.dial("2")
		w.expectMethod(first, "INVITE")
	})
}

// A server that was only slow is told to stop when it begins to ring: the called person is not to be rung twice.
func TestSlowServerIsCancelled(t *testing.T) {
	inWorld(t, setUp{routing: twoServers}, func(w *world) {
		w.dial("0")
		w.expectStatus(desk, 100)
		slow := w.expectMethod(first, "INVITE")
		time.Sleep(6 * time.Second)
		w.drain(first)
		invite := w.expectMethod(second, "INVITE")
		w.reply(second, invite, 180, "")
		w.expectStatus(desk, 180)
		w.reply(first, slow, 180, "")
		w.reply(first, slow, 183, "")
		cancel := w.expectMethod(first, "CANCEL")
		require.Equal(t, string(slow.Via.Branch), string(cancel.Via.Branch))
		w.reply(first, cancel, 200, "")
		w.reply(first, slow, 487, "")
		w.expectMethod(first, "ACK")
		w.quiet(desk, first)
		w.reply(second, invite, 200, "")
		w.expectStatus(desk, 200)
		time.Sleep(40 * time.Second)
		require.Zero(t, w.layer.Size())
	})
}

// One that answers without ringing has the call; whoever rings instead stops.
func TestSlowServerAnswers(t *testing.T) {
	inWorld(t, setUp{routing: twoServers}, func(w *world) {
		w.dial("0")
		w.expectStatus(desk, 100)
		slow := w.expectMethod(first, "INVITE")
		time.Sleep(6 * time.Second)
		w.drain(first)
		invite := w.expectMethod(second, "INVITE")
		w.reply(second, invite, 180, "")
		w.expectStatus(desk, 180)
		w.drain(second) // it came again in between
		w.reply(first, slow, 200, "")
		w.expectStatus(desk, 200)
		w.expectMethod(second, "CANCEL")
		w.reply(second, invite, 487, "")
		w.expectMethod(second, "ACK")
		w.reply(first, slow, 200, "")
		w.expectStatus(desk, 200)
		w.quiet(desk, first, trunkB)
		require.Equal(t, 1, w.gate.CallsUp())
	})
}

// So it is when the last trunk was given up and the caller has been told.
func TestSlowTrunkIsCancelled(t *testing.T) {
	inWorld(t, setUp{}, func(w *world) {
		w.ask(ask{})
		invite := w.expectMethod(trunkA, "INVITE")
		time.Sleep(12 * time.Second)
		w.expectStatus(desk, 100)
		w.expectStatus(desk, 408)
		w.ask(ask{method: "ACK"})
		require.Zero(t, w.layer.Active(), "nobody waits any more")
		w.drain(desk)
		w.drain(trunkA)
		w.reply(trunkA, invite, 180, "")
		w.reply(trunkA, w.expectMethod(trunkA, "CANCEL"), 200, "")
		w.drain(trunkB)
		time.Sleep(70 * time.Second)
		w.quiet(desk, trunkA, trunkB)
		require.Zero(t, w.layer.Size())
	})
}

// A connection that nobody takes, too, and at once.
func TestNextAddressAfterRefusedConnection(t *testing.T) {
	tcp := first
	tcp.Protocol = transport.TCP
	inWorld(t, setUp{routing: byName(Hop{tcp, 0, 1}, Hop{second, 1, 1})}, func(w *world) {
		w.dead[tcp] = true
		w.dial("0")
		w.reply(second, w.expectMethod(second, "INVITE"), 200, "")
		w.dead[tcp] = false
		w.dial("1")
		w.expectMethod(second, "INVITE")
		w.quiet(tcp)
	})
}

// RFC 3261 §21.5.4: another server is tried; the one that named a time is spared for it, and no other.
func TestNextAddressAfter503(t *testing.T) {
	for name, c := range map[string]struct {
		more   string
		spared time.Duration
	}{
		"says how long": {"Retry-After: 60 (busy);duration=10\n", 60 * time.Second},
		"says too long": {"Retry-After: 86400\n", maxRetryAfter},
		"says nothing":  {"", 0},
		"says nonsense": {"Retry-After: soon\n", 0},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, setUp{routing: twoServers}, func(w *world) {
				w.dial("0")
				w.reply(first, w.expectMethod(first, "INVITE"), 503, c.more)
				w.expectMethod(first, "ACK")
				w.reply(second, w.expectMethod(second, "INVITE"), 200, "")
				w.expectStatus(desk, 100)
				w.expectStatus(desk, 200)
				w.quiet(desk)
				if c.spared > 0 {
					time.Sleep(c.spared - time.Second)
					w.dial("1")
					w.reply(second, w.expectMethod(second, "INVITE"), 200, "")
					w.quiet(first)
					time.Sleep(2 * time.Second)
				}
				w.dial("2")
				w.expectMethod(first, "INVITE")
			})
		})
	}
}

// A server that gives up with 503 has ended whatever it began: an announcement before that is no reason to stay.
func TestNextAddressAfterProgress(t *testing.T) {
	inWorld(t, setUp{routing: twoServers}, func(w *world) {
		w.dial("0")
		m := w.expectMethod(first, "INVITE")
		w.reply(first, m, 183, "")
		w.reply(first, m, 503, "")
		w.expectMethod(second, "INVITE")
	})
}

// What somebody answered is an answer, and who may still ring or is being cancelled is not rung again elsewhere.
func TestNoNextAddress(t *testing.T) {
	for name, then := range map[string]func(*world, *message.Message){
		"busy":           func(w *world, m *message.Message) { w.reply(first, m, 486, "") },
		"rings for ever": func(w *world, m *message.Message) { w.reply(first, m, 180, ""); time.Sleep(230 * time.Second) },
		"cancelled": func(w *world, _ *message.Message) {
			w.ask(ask{method: "CANCEL", uri: "sip:+12125550100@10.0.0.1", callID: "call-0", branch: "z9hG4bK-0"})
			time.Sleep(10 * time.Second)
		},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, setUp{routing: twoServers}, func(w *world) {
				w.dial("0")
				then(w, w.expectMethod(first, "INVITE"))
				w.quiet(second, trunkB)
			})
		})
	}
}

// When every address has failed the target has, and the next trunk is tried. Addresses that failed lately are not waited
// for then, and neither is a trunk that has no others.
func TestNextTrunkWhenAllAddressesFailed(t *testing.T) {
	inWorld(t, setUp{routing: twoServers}, func(w *world) {
		w.dial("0")
		time.Sleep(6 * time.Second)
		w.quiet(trunkB)
		time.Sleep(5 * time.Second)
		w.reply(trunkB, w.expectMethod(trunkB, "INVITE"), 200, "")
		w.drain(first)
		w.drain(second)
		w.dial("1")
		w.expectMethod(trunkB, "INVITE")
		w.quiet(first, second)
		require.Equal(t, []bool{false, true}, []bool{w.proxy.Trunks()[0].Up, w.proxy.Trunks()[1].Up})
	})
}

// One that failed is tried all the same when there is nothing else, and stands again when it answers.
func TestPenaltyIsLifted(t *testing.T) {
	inWorld(t, setUp{routing: func(r *Routing) { twoServers(r); r.Trunks = r.Trunks[:1] }}, func(w *world) {
		w.dial("0")
		time.Sleep(12 * time.Second)
		w.drain(first)
		w.drain(second)
		require.False(t, w.proxy.Trunks()[0].Up)
		w.dial("1")
		w.reply(first, w.expectMethod(first, "INVITE"), 486, "")
		require.True(t, w.proxy.Trunks()[0].Up)
		w.drain(first)
		w.dial("2")
		w.expectMethod(first, "INVITE")
	})
}

// RFC 2782: servers of one rank share the calls by weight.
func TestWeights(t *testing.T) {
	a := &Addresses{}
	a.Set([]Hop{{first, 0, 3000}, {second, 0, 1000}, {trunkA, 0, 1}, {trunkB, 1, 9000}})
	got := map[int]int{}
	for range 10_000 {
		got[a.now().next(0, false)]++
	}
	require.InDelta(t, 7500, got[0], 300)
	require.InDelta(t, 2500, got[1], 300)
	require.Less(t, got[2], 50)
	require.Zero(t, got[3])
	require.Equal(t, 3, a.now().next(0b0111, false))
	require.Equal(t, -1, a.now().next(0b1111, true))
}

// Whatever a name leads to now is the trunk's; what it led to before is still heard in its calls, and gets no new ones.
func TestAddressesMove(t *testing.T) {
	inWorld(t, setUp{routing: twoServers}, func(w *world) {
		trunk := &w.proxy.routing.Load().Trunks[0]
		for _, a := range []transport.Address{first, second} {
			require.Equal(t, trunk, w.proxy.routing.Load().origin(a).trunk)
		}
		third := at("udp", "10.2.0.3:5060")
		require.False(t, w.proxy.Admit(third))
		require.True(t, trunk.Set([]Hop{{second, 0, 1}, {third, 1, 1}}))
		require.False(t, trunk.Set([]Hop{{second, 0, 1}, {third, 1, 1}}))
		require.Equal(t, trunk, w.proxy.routing.Load().origin(third).trunk)
		require.True(t, w.proxy.Admit(first))
		require.False(t, w.proxy.routing.Load().origin(first).known())
		w.dial("0")
		w.expectMethod(second, "INVITE")
		time.Sleep(formerLife + time.Second)
		require.False(t, w.proxy.Admit(first))
		for port := range 3 * maxFormer {
			trunk.Set([]Hop{{at("udp", fmt.Sprint("10.2.0.9:", port+1)), 0, 1}})
		}
		require.LessOrEqual(t, len(trunk.now().former), maxFormer)
	})
}

// A penalty outlives a new answer that names the address again.
func TestPenaltyOutlivesLookup(t *testing.T) {
	inWorld(t, setUp{routing: twoServers}, func(w *world) {
		trunk := &w.proxy.routing.Load().Trunks[0]
		require.True(t, trunk.penalise(first, time.Now().Add(time.Minute), false))
		require.False(t, trunk.penalise(first, time.Now().Add(time.Minute), false), "no news")
		require.True(t, trunk.lift(first))
		require.False(t, trunk.lift(first), "it stands already")
		require.True(t, trunk.penalise(first, time.Now().Add(time.Minute), true))
		require.False(t, trunk.lift(first), "it asked for that time: an answer to an earlier call is no end of it")
		trunk.Set([]Hop{{first, 0, 1}, {second, 2, 1}})
		w.dial("0")
		w.expectMethod(second, "INVITE")
	})
}

// In a dialog, too, a name leads to one server after another; and all requests of the dialog to the same one.
func TestNextAddressInDialog(t *testing.T) {
	resolve := func(context.Context, message.URI) ([]Hop, error) { return []Hop{{first, 0, 1}, {second, 0, 1}}, nil }
	inWorld(t, setUp{resolve: resolve}, func(w *world) {
		_, ok := w.up(ask{})
		for range 5 {
			w.ask(ask{method: "ACK", uri: "sip:callee@host.example", branch: "z9hG4bK-ack", toTag: "callee", more: routeSet(ok, true)})
			w.expectMethod(first, "ACK")
		}
		w.ask(ask{method: "BYE", uri: "sip:callee@host.example", branch: "z9hG4bK-bye", cseq: 2, toTag: "callee", more: routeSet(ok, true)})
		w.expectMethod(first, "BYE")
		time.Sleep(6 * time.Second)
		w.reply(second, w.expectMethod(second, "BYE"), 200, "")
		w.expectStatus(desk, 200)
	})
}

// An unsigned request goes to a configured target or nowhere, whatever its name leads to.
func TestNameOfAStranger(t *testing.T) {
	for name, c := range map[string]struct {
		leads  []Hop
		status int
	}{
		"configured":        {[]Hop{{trunkA, 0, 1}, {trunkB, 0, 1}}, 0},
		"partly configured": {[]Hop{{trunkA, 0, 1}, {nobody, 0, 1}}, 481},
		"nowhere":           {nil, 404},
	} {
		t.Run(name, func(t *testing.T) {
			resolve := func(context.Context, message.URI) ([]Hop, error) { return c.leads, nil }
			inWorld(t, setUp{resolve: resolve}, func(w *world) {
				w.ask(ask{method: "BYE", uri: "sip:x@host.example", toTag: "made-up"})
				if c.status != 0 {
					w.expectStatus(desk, c.status)
					w.quiet(trunkA, nobody)
					return
				}
				w.expectMethod(trunkA, "BYE")
			})
		})
	}
}

// However many names strangers make up, only so many requests wait for them.
func TestLookupsAreBounded(t *testing.T) {
	release := make(chan struct{})
	resolve := func(ctx context.Context, _ message.URI) ([]Hop, error) { <-ctx.Done(); return nil, ctx.Err() }
	inWorld(t, setUp{resolve: resolve}, func(w *world) {
		defer close(release)
		w.proxy.lookups.Store(maxLookups - 1)
		w.ask(ask{method: "BYE", uri: "sip:x@a.example", toTag: "made-up"})
		w.quiet(desk)
		w.ask(ask{method: "BYE", uri: "sip:x@b.example", toTag: "made-up", callID: "call-2", branch: "z9hG4bK-2"})
		w.expectStatus(desk, 404)
		time.Sleep(resolveTimeout)
		w.expectStatus(desk, 404)
		require.EqualValues(t, maxLookups-1, w.proxy.lookups.Load())
	})
}

// soon is the next request of this kind to a, whatever came before: pings are repeated while nobody answers them.
func (w *world) soon(a transport.Address, method string) *message.Message {
	w.t.Helper()
	for {
		if m := w.next(a); m.Request && m.Method == method {
			return m
		}
	}
}

// A pinged trunk is out of the way before a call could find it silent, and back when it answers.
func TestPing(t *testing.T) {
	inWorld(t, setUp{routing: twoServers}, func(w *world) {
		ctx, stop := context.WithCancel(w.t.Context())
		var pinging sync.WaitGroup
		pinging.Go(func() { w.proxy.Ping(ctx, w.layer, &w.proxy.routing.Load().Trunks[0].Target, 20*time.Second) })
		defer pinging.Wait()
		defer stop()

		options := w.expectMethod(first, "OPTIONS")
		require.Equal(t, "sip:sip.carrier.example", string(options.Bytes(options.RequestURI)))
		require.Zero(t, w.layer.Active(), "nobody waits for it")
		w.reply(second, w.soon(second, "OPTIONS"), 404, "")
		time.Sleep(6 * time.Second)
		w.drain(first)
		w.dial("0")
		w.reply(second, w.soon(second, "INVITE"), 486, "")
		w.quiet(first)

		time.Sleep(16 * time.Second) // the second ping
		w.reply(second, w.soon(second, "OPTIONS"), 200, "")
		w.dial("1")
		w.reply(second, w.soon(second, "INVITE"), 486, "") // the penalty bridges the time between two pings
		w.reply(first, w.soon(first, "OPTIONS"), 200, "")
		w.dial("2")
		w.reply(first, w.soon(first, "INVITE"), 486, "")
		w.drain(first)
		time.Sleep(20 * time.Second)
		w.reply(first, w.soon(first, "OPTIONS"), 503, "")
		w.reply(second, w.soon(second, "OPTIONS"), 200, "")
		w.dial("3")
		w.soon(second, "INVITE")
	})
}
