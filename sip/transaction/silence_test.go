package transaction

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ringfence/ringfence/sip/guard"
	"github.com/ringfence/ringfence/sip/message"
)

func refuseAll(tx *Server, _ *message.Message) {
	tx.Answer(message.Answer{Status: 403, Phrase: "Forbidden"})
}

// numbered is a request of a transaction and call of its own.
func numbered(method string, n int) string {
	return strings.ReplaceAll(request(method, fmt.Sprint("n", n)), "Call-ID: c1", fmt.Sprint("Call-ID: c", n))
}

// Whoever acknowledges nothing soon hears each refusal once: 100 INVITEs bring 100 answers and few repetitions, where the
// standard has 1,100 of both. Nothing of them outlives 64×T1, and a repeated INVITE is still answered.
func TestSilence(t *testing.T) {
	run(t, func(w *world) {
		w.layer.Silence = guard.NewSources(time.Now())
		w.onReq = refuseAll
		for n := range 100 {
			w.receive(numbered("INVITE", n), udp)
			time.Sleep(100 * time.Millisecond)
		}
		last := numbered("INVITE", 99)
		answered := w.count("403")
		w.receive(last, udp)
		require.Equal(t, answered+1, w.count("403"))
		time.Sleep(40 * time.Second)
		require.Less(t, w.count("403"), 300)
		require.Zero(t, w.layer.Size())
	})
}

// A source that acknowledges is never silent, though each of its ACKs comes late and after a repetition.
func TestNoSilenceForWhoAcknowledges(t *testing.T) {
	run(t, func(w *world) {
		w.layer.Silence = guard.NewSources(time.Now())
		w.onReq = refuseAll
		for n := range 50 {
			w.receive(numbered("INVITE", n), udp)
			time.Sleep(700 * time.Millisecond)
			require.Equal(t, 2*(n+1), w.count("403"), "said and repeated")
			w.receive(numbered("ACK", n), udp)
		}
		w.receive(numbered("ACK", 49), udp)
		for _, told := range w.heard() {
			require.NotContains(t, told, " ack", "an ACK of a refusal is nobody's to forward")
		}
	})
}

// A silent source that begins to acknowledge is heard again.
func TestSilenceEnds(t *testing.T) {
	run(t, func(w *world) {
		w.layer.Silence = guard.NewSources(time.Now())
		w.onReq = refuseAll
		for n := range 15 {
			w.receive(numbered("INVITE", n), udp)
			time.Sleep(600 * time.Millisecond)
		}
		require.True(t, w.layer.Silence.Silent(udp.Addr(), time.Now()))
		for n := 15; n < 40; n++ {
			w.receive(numbered("INVITE", n), udp)
			w.receive(numbered("ACK", n), udp)
		}
		require.False(t, w.layer.Silence.Silent(udp.Addr(), time.Now()))
		for _, told := range w.heard() {
			require.NotContains(t, told, " ack")
		}
	})
}
