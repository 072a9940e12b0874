package transport

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ringfence/ringfence/sip/guard"
)

// A datagram that waited in the kernel is late, one that did not is not, and a reader that stood still for a moment finds
// nothing late when it goes on at once.
func TestLate(t *testing.T) {
	const limit = 5 * time.Millisecond
	type seen struct {
		callID string
		late   bool
	}
	looked := make(chan seen, 1000)
	work := map[string]time.Duration{"slow": 2 * time.Millisecond, "still": 50 * time.Millisecond}
	look := func(raw []byte, from Source) bool {
		kind := string(raw)
		looked <- seen{kind, from.Late() != guard.None}
		<-time.After(work[kind]) // what handling it costs
		return false
	}
	_, ls := serve(t, Config{Look: look, QueueDelay: limit}, newRecorder(), "udp://127.0.0.1:0")
	phone := dialUDP(t, ls[0])
	send := func(kind string, times int) (late int) {
		for range times {
			_, err := phone.Write([]byte(kind))
			require.NoError(t, err)
		}
		for range times {
			if next(t, looked).late {
				late++
			}
		}
		return late
	}
	assert.Zero(t, send("quick", 1))
	// The kernel may take a while to begin with its time-stamps.
	require.Eventually(t, func() bool { return send("slow", 100) > 50 }, patience, time.Millisecond, "200 ms of work that came at once")
	assert.Zero(t, send("quick", 1), "the queue is empty again")

	_, err := phone.Write([]byte("still"))
	require.NoError(t, err)
	next(t, looked)
	late := send("quick", 100)
	assert.Less(t, late, 50, "what came while the reader stood still, and was worked off at once")
}

// A stream is never late, nor is what has no listener.
func TestLateIsForDatagrams(t *testing.T) {
	looked := make(chan bool, 1)
	look := func(_ []byte, from Source) bool {
		looked <- from.Late() != guard.None
		return true
	}
	r := newRecorder()
	_, ls := serve(t, Config{Look: look, QueueDelay: time.Nanosecond}, r, "tcp://127.0.0.1:0")
	_, err := dialTCP(t, ls[0]).Write(request("OPTIONS", "a", 1, nil))
	require.NoError(t, err)
	assert.False(t, next(t, looked))
	next(t, r.heard)
	assert.Equal(t, guard.None, Source{Address: Address{Protocol: UDP}}.Late())
}

// A socket that fills up is past hope before it loses anything, whatever the wait; once it is empty all is well again.
func TestLateWhenTheSocketFills(t *testing.T) {
	looked := make(chan guard.Excess, 100_000)
	began, goOn := make(chan struct{}, 1), make(chan struct{})
	look := func(raw []byte, from Source) bool {
		if string(raw[:5]) == "still" {
			began <- struct{}{}
			<-goOn
		}
		looked <- from.Late()
		return false
	}
	_, ls := serve(t, Config{Look: look, QueueDelay: time.Hour}, newRecorder(), "udp://127.0.0.1:0")
	phone := dialUDP(t, ls[0])
	_, err := phone.Write([]byte("still"))
	require.NoError(t, err)
	next(t, began)
	socket := ls[0].udp.Load()
	sent := 0
	for text := make([]byte, 700); socket.used() < 0.6; sent++ {
		copy(text, "quick")
		_, err := phone.Write(text)
		require.NoError(t, err)
		require.Less(t, sent, 100_000)
	}
	close(goOn)
	next(t, looked)
	found := map[guard.Excess]int{}
	for range sent {
		found[next(t, looked)]++
	}
	assert.Positive(t, found[guard.Hopeless], "while more than half of the room was taken")
	assert.Positive(t, found[guard.None], "when it was not any more")
	assert.Zero(t, found[guard.Some]+found[guard.Plenty], "nothing has waited for an hour")
}
