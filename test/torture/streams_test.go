package torture

import (
	"bytes"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ringfence/ringfence/test/site"
)

// streams opens n connections from a few addresses.
func (s *stand) streams(n int, third byte) (all []*site.Wire) {
	s.t.Helper()
	for i := range n {
		from := netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 1, third, byte(1 + i%4)}), 0)
		w, err := site.DialWire(s.t.Context(), site.TCP, from, s.at)
		require.NoError(s.t, err)
		s.t.Cleanup(func() { w.Close() })
		all = append(all, w)
	}
	return all
}

// A message that never ends is given up after ten seconds, on each of many connections at once, and costs no more than
// what came of it.
func TestHalfSentMessages(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	resident, goroutines := s.metric("process_resident_memory_bytes"), s.metric("go_goroutines")
	const connections, sent = 500, 10 << 10
	head := "INVITE sip:+12025550123@127.0.0.1 SIP/2.0\r\nContent-Length: 60000\r\n\r\n"
	half := []byte(head + strings.Repeat("v", sent-len(head)))
	streams := s.streams(connections, 1)
	began := time.Now()
	for _, w := range streams {
		require.NoError(t, w.Send(half))
	}
	grown := (s.metric("process_resident_memory_bytes") - resident) / connections
	assert.Less(t, grown, float64(1<<20)/8, "bytes for each connection")
	for _, w := range streams {
		require.Eventually(t, w.Hung, 20*time.Second, 10*time.Millisecond)
		require.Empty(t, w.Finals())
	}
	took := time.Since(began)
	assert.GreaterOrEqual(t, took, 10*time.Second)
	assert.Less(t, took, 15*time.Second, "and the machine may be busy")
	s.settled(goroutines)
	assert.InDelta(t, connections, s.metric(`ringfence_sip_dropped_total{why="frame"}`), 0)
	t.Logf("%.0f bytes for each connection, all closed after %v", grown, took.Round(time.Millisecond))
}

// Memory is taken for what has come and never for what was announced.
func TestAnnouncedLengths(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	_, err := s.streams(1, 2)[0].Ping(patience)
	require.NoError(t, err)
	resident := s.metric("process_resident_memory_bytes")
	for i, length := range []string{"4294967295", "2147483647", "1073741824", "1073741823", "99999999999999999999", "-1"} {
		for _, w := range s.streams(20, byte(3+i)) {
			require.NoError(t, w.Send(bytes.Replace(invite(w, "+12025550123"), []byte("Length: 0"), []byte("Length: "+length), 1)))
			require.Eventually(t, w.Hung, patience, time.Millisecond, "Content-Length: %s", length)
			answers := w.Answers()
			require.Len(t, answers, 1)
			assert.Contains(t, []string{"SIP/2.0 400 Bad Request", "SIP/2.0 513 Message Too Large"}, answers[0])
		}
	}
	assert.Less(t, s.metric("process_resident_memory_bytes")-resident, float64(16<<20), "bytes for 120 of them")
}

// However a stream is cut, the messages in it are the same.
func TestPipelinedAndByteByByte(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	w := s.streams(1, 1)[0]
	var all []byte
	const calls = 200
	for range calls {
		all = append(all, invite(w, "205")...)
	}
	require.NoError(t, w.Send(all))
	heard := 0
	require.Eventually(t, func() bool { heard += len(s.pbx.take()); return heard >= calls }, patience, time.Millisecond, "the PBX hears them all")
	require.Eventually(t, func() bool { return len(w.Answers()) > 0 }, patience, time.Millisecond)
	assert.Equal(t, []string{"SIP/2.0 486 Busy Here"}, w.Answers())

	slow := s.streams(1, 2)[0]
	for _, b := range invite(slow, "206") {
		require.NoError(t, slow.Send([]byte{b}))
	}
	require.Eventually(t, func() bool { return len(slow.Answers()) > 0 }, patience, time.Millisecond)
	assert.Equal(t, []string{"SIP/2.0 486 Busy Here"}, slow.Answers())
}
