package flood

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"
	"unsafe"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/ringfence/ringfence/test/site"
)

// sender sends to the gate from any address of this machine, with one socket, and counts what comes back.
type sender struct {
	*net.UDPConn
	gate      netip.AddrPort
	sent      int64 // bytes
	datagrams int
	received  atomic.Int64 // bytes
	answers   atomic.Int64
}

// source opens a socket on a, which may be all addresses.
func source(t *testing.T, gate netip.AddrPort, a netip.Addr) *sender {
	t.Helper()
	c, err := net.ListenUDP("udp4", net.UDPAddrFromAddrPort(netip.AddrPortFrom(a, 0)))
	require.NoError(t, err)
	s := &sender{UDPConn: c, gate: gate}
	require.NoError(t, c.SetReadBuffer(4<<20))
	listening := make(chan struct{})
	go func() {
		defer close(listening)
		b := make([]byte, 1<<16)
		for {
			n, err := c.Read(b)
			if err != nil {
				return
			}
			s.received.Add(int64(n))
			s.answers.Add(1)
		}
	}()
	t.Cleanup(func() { c.Close(); <-listening })
	return s
}

// send sends one datagram as if it came from a (ip(7), IP_PKTINFO). One that the kernel has no room for is lost, as on
// any network.
func (s *sender) send(from netip.Addr, b []byte) {
	oob := make([]byte, unix.CmsgSpace(unix.SizeofInet4Pktinfo))
	h := (*unix.Cmsghdr)(unsafe.Pointer(&oob[0]))
	h.Level, h.Type = unix.IPPROTO_IP, unix.IP_PKTINFO
	h.SetLen(unix.CmsgLen(unix.SizeofInet4Pktinfo))
	(*unix.Inet4Pktinfo)(unsafe.Pointer(&oob[unix.CmsgLen(0)])).Spec_dst = from.As4()
	if _, _, err := s.WriteMsgUDPAddrPort(b, oob, s.gate); err == nil {
		s.sent += int64(len(b))
		s.datagrams++
	}
}

// flood sends so many a second until ended is closed.
func (s *sender) flood(rate int, ended <-chan struct{}, next func(n int) []byte) {
	const tick = 2 * time.Millisecond
	from := s.LocalAddr().(*net.UDPAddr).AddrPort().Addr()
	clock := time.NewTicker(tick)
	defer clock.Stop()
	for n := 0; ; {
		select {
		case <-ended:
			return
		case <-clock.C:
			for range rate * int(tick) / int(time.Second) {
				s.send(from, next(n))
				n++
			}
		}
	}
}

// hear returns when nothing has come for a while: what the gate had to say has been said.
func (s *sender) hear() {
	for last := int64(-1); last != s.received.Load(); <-time.After(100 * time.Millisecond) {
		last = s.received.Load()
	}
}

// invite is a new call of a desk phone.
func invite(from netip.Addr, n int, number string) []byte {
	return fmt.Appendf(nil, "INVITE sip:%s@gate SIP/2.0\r\nVia: SIP/2.0/UDP %v:5060;rport;branch=z9hG4bKf%d\r\nMax-Forwards: 70\r\n"+
		"From: <sip:201@%v>;tag=f%d\r\nTo: <sip:%s@gate>\r\nCall-ID: f%d@%v\r\nCSeq: 1 INVITE\r\nContact: <sip:201@%v:5060>\r\n"+
		"User-Agent: desk-phone/1\r\nContent-Type: application/sdp\r\nContent-Length: %d\r\n\r\n%s",
		number, from, n, from, n, number, n, from, from, len(sdp), sdp)
}

const sdp = "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\nm=audio 30000 RTP/AVP 0 8\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:8 PCMA/8000\r\n"

// options is a ping.
func options(gate netip.AddrPort, from netip.Addr, n int) []byte {
	return fmt.Appendf(nil, "OPTIONS sip:%v SIP/2.0\r\nVia: SIP/2.0/UDP %v:5060;rport;branch=z9hG4bKo%d\r\nMax-Forwards: 70\r\n"+
		"From: <sip:201@%v>;tag=f%d\r\nTo: <sip:127.0.0.1>\r\nCall-ID: o%d@%v\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n", gate, from, n, from, n, n, from)
}

// metric adds up the gate's series of a family that have all the labels.
func metric(t *testing.T, gate *site.Gate, family string, labels ...string) (sum float64) {
	t.Helper()
	res, err := http.Get("http://" + gate.HTTP.String() + "/metrics")
	require.NoError(t, err)
	defer res.Body.Close()
	found := false
	lines := bufio.NewScanner(res.Body)
next:
	for lines.Scan() {
		series, value, _ := strings.Cut(lines.Text(), " ")
		name, rest, _ := strings.Cut(series, "{")
		if name != family {
			continue
		}
		for _, l := range labels {
			if !strings.Contains(rest, l) {
				continue next
			}
		}
		v, err := strconv.ParseFloat(value, 64)
		require.NoError(t, err)
		found, sum = true, sum+v
	}
	require.NoError(t, lines.Err())
	require.True(t, found, "there is no %s %v", family, labels)
	return sum
}

func resident(t *testing.T, gate *site.Gate) float64 {
	t.Helper()
	return metric(t, gate, "process_resident_memory_bytes")
}
