package main

import (
	"encoding/binary"
	"net/netip"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var (
	testProxy  = netip.MustParseAddrPort("127.0.0.1:5060")
	testCaller = netip.MustParseAddrPort("127.0.0.5:6000")
	testCallee = netip.MustParseAddrPort("127.0.0.2:6000") // the same port as the caller's
)

// capture builds a file by hand.
type capture []byte

func newCapture(magic uint32) capture {
	b := binary.LittleEndian.AppendUint32(nil, magic)
	b = append(b, 2, 0, 4, 0)
	b = append(b, make([]byte, 8)...)
	b = binary.LittleEndian.AppendUint32(b, 1400)
	return binary.LittleEndian.AppendUint32(b, linkEthernet)
}

func (c *capture) add(seconds, fraction uint32, from, to netip.AddrPort, payload string) {
	frame := append(make([]byte, 12), 0x08, 0x00)
	ip := make([]byte, 24) // with one word of options
	ip[0], ip[9] = 0x46, 17
	copy(ip[12:], from.Addr().AsSlice())
	copy(ip[16:], to.Addr().AsSlice())
	frame = append(frame, ip...)
	frame = binary.BigEndian.AppendUint16(frame, from.Port())
	frame = binary.BigEndian.AppendUint16(frame, to.Port())
	frame = append(frame, 0, 0, 0, 0)
	frame = append(frame, payload...)
	b := binary.LittleEndian.AppendUint32(*c, seconds)
	b = binary.LittleEndian.AppendUint32(b, fraction)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(frame)))
	b = binary.LittleEndian.AppendUint32(b, uint32(len(frame)))
	*c = append(b, frame...)
}

func message(start, id, cseq string) string {
	return start + "\r\nVia: SIP/2.0/UDP x\r\nCall-ID: " + id + "\r\nCSeq: " + cseq + "\r\n\r\n"
}

func TestCrossingTimes(t *testing.T) {
	c := newCapture(microMagic)
	invite := message("INVITE sip:1@x SIP/2.0", "a", "1 INVITE")
	c.add(10, 999_900, testCaller, testProxy, invite)
	c.add(11, 100, testProxy, testCaller, message("SIP/2.0 100 Trying", "a", "1 INVITE"))
	c.add(11, 200, testProxy, testCallee, invite)
	c.add(11, 900, testProxy, testCallee, invite) // sent again: the first counts
	c.add(12, 0, testCallee, testProxy, message("SIP/2.0 180 Ringing", "a", "1 INVITE"))
	c.add(12, 40, testProxy, testCaller, message("SIP/2.0 180 Ringing", "a", "1 INVITE"))
	c.add(13, 0, testCaller, testProxy, message("INVITE sip:1@x SIP/2.0", "b", "1 INVITE")) // never goes on
	c.add(14, 0, testCallee, testCaller, invite)                                            // not at this door
	got, err := crossingTimes(c, testProxy, testCallee, fullCrossings)
	require.NoError(t, err)
	assert.Equal(t, map[string][]float64{"INVITE → INVITE": {300}, "180 → 180": {40}}, got)
}

func TestPacketsInNanoseconds(t *testing.T) {
	c := newCapture(nanoMagic)
	c.add(1, 1500, testCaller, testProxy, "x")
	var seen []packet
	require.NoError(t, packets(c, func(p packet) { seen = append(seen, p) }))
	require.Len(t, seen, 1)
	assert.InDelta(t, 1_000_001.5, seen[0].at, 1e-6)
	assert.Equal(t, testCaller, seen[0].from)
	assert.Equal(t, "x", string(seen[0].payload))
}

func TestPacketsOfACaptureCutShort(t *testing.T) {
	c := newCapture(microMagic)
	c.add(1, 0, testCaller, testProxy, "one")
	whole := len(c)
	c.add(1, 1, testCaller, testProxy, "two")
	n := 0
	for end := whole; end < len(c); end++ {
		n = 0
		require.NoError(t, packets(c[:end], func(packet) { n++ }))
		assert.Equal(t, 1, n)
	}
	require.Error(t, packets(c[:10], func(packet) {}))
	require.Error(t, packets(append([]byte{0x0a, 0x0d, 0x0d, 0x0a}, c[4:]...), func(packet) {}), "pcapng is another format")
}

func TestStartOf(t *testing.T) {
	assert.Equal(t, "200 BYE", startOf([]byte(message("SIP/2.0 200 OK", "a", "2 BYE"))))
	assert.Equal(t, "BYE", startOf([]byte(message("BYE sip:x SIP/2.0", "a", "2 BYE"))))
	assert.Equal(t, "2 ", startOf([]byte("SIP/2.0 2")), "cut short by the capture")
}
