package proxy

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ringfence/ringfence/gate"
)

// A fault in a call, wherever it strikes, costs that call and no other: its caller is told, its number is free again, and
// a call that is up goes on.
func TestFaultCostsOneCall(t *testing.T) {
	const struck = "+13105550123"
	observed := func(d gate.Decision) {
		if d.Call.Dialled.Number == struck {
			panic("on purpose")
		}
	}
	for name, test := range map[string]struct {
		setUp  setUp
		strike func(w *world)
	}{
		"while it is decided": {setUp{observe: observed}, func(*world) {}},
		"while it is sent":    {setUp{}, func(w *world) { w.strike(trunkA) }},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, test.setUp, func(w *world) {
				_, ok := w.up(ask{})
				test.strike(w)
				w.ask(ask{uri: "sip:" + struck + "@10.0.0.1", callID: "struck", branch: "z9hG4bK-s", from: "202"})
				w.expectStatus(desk, 500)
				w.ask(ask{method: "ACK", uri: "sip:" + struck + "@10.0.0.1", callID: "struck", branch: "z9hG4bK-s", from: "202"})
				w.strike(nobody)
				w.drain(trunkA)
				time.Sleep(time.Second) // of the fake clock: what ended is written
				_, held := w.registry.Held(struck)
				require.False(t, held, "the number is free")
				q := inDialog("BYE", "z9hG4bK-bye", ok)
				w.ask(q)
				w.reply(callee, w.expectMethod(callee, "BYE"), 200, "")
				w.expectStatus(desk, 200)
			})
		})
	}
}

// A branch that rings when the fault strikes is cancelled.
func TestFaultCancelsWhatRings(t *testing.T) {
	inWorld(t, setUp{}, func(w *world) {
		w.ask(ask{})
		w.expectStatus(desk, 100)
		invite := w.expectMethod(trunkA, "INVITE")
		w.reply(trunkA, invite, 180, "")
		w.expectStatus(desk, 180)
		w.strike(desk) // the next response cannot be passed on
		w.reply(trunkA, invite, 183, "")
		w.expectMethod(trunkA, "CANCEL")
		time.Sleep(time.Second)
		_, held := w.registry.Held("+12125550100")
		require.False(t, held)
		w.strike(nobody)
	})
}
