package transport

import (
	"net"
	"net/netip"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ringfence/ringfence/sip/message"
)

// sipgo's own dispatch lets a CANCEL overtake its INVITE; here each reader hands on in the order of arrival.
func TestUDPKeepsOrder(t *testing.T) {
	r := newRecorder()
	_, ls := serve(t, Config{}, r, "udp://127.0.0.1:0")
	phone := dialUDP(t, ls[0])
	const calls = 500
	for i := range calls {
		for _, method := range []string{"INVITE", "CANCEL"} {
			_, err := phone.Write(request(method, strconv.Itoa(i), 1, nil))
			require.NoError(t, err)
		}
	}
	for i := range calls {
		for _, method := range []string{"INVITE", "CANCEL"} {
			h := next(t, r.heard)
			require.Equal(t, method+" "+strconv.Itoa(i), h.message.Method+" "+string(h.message.CallID))
			require.Equal(t, localAddress(UDP, phone), h.from.Address)
			require.Same(t, ls[0], h.from.Listener)
		}
	}
}

func TestUDPReplyLeavesTheListeningPort(t *testing.T) {
	r := newRecorder()
	tr, ls := serve(t, Config{}, r, "udp://127.0.0.1:0", "udp://127.0.0.2:0")
	for i, l := range ls {
		phone := dialUDP(t, l) // connected: the kernel drops what comes from any other address
		_, err := phone.Write(request("OPTIONS", "a", 1, nil))
		require.NoError(t, err)
		h := next(t, r.heard)
		tr.Reply(h.from, []byte("reply"), func(err error) { t.Error(err) })
		assert.Equal(t, "reply", read(t, phone))
		tr.Send(h.from.Address, l, []byte("request"), func(err error) { t.Error(err) })
		assert.Equal(t, "request", read(t, phone), "listener %d", i)
		assert.True(t, tr.Connected(h.from.Address))
	}
}

func read(t *testing.T, c net.Conn) string {
	t.Helper()
	buf := make([]byte, 1<<16)
	n, err := c.Read(buf)
	require.NoError(t, err)
	return string(buf[:n])
}

func TestUDPSendFails(t *testing.T) {
	tr, ls := serve(t, Config{}, newRecorder(), "udp://127.0.0.1:0")
	var failed error
	tr.Send(ls[0].Address(), ls[0], make([]byte, 1<<16), func(err error) { failed = err })
	require.ErrorContains(t, failed, "send 65536 bytes to "+ls[0].Address().String(), "at once: no datagram is so long")
	tr.Send(ls[0].Address(), ls[0], make([]byte, 1<<16), nil)

	later := make(chan error)
	tr.Send(Address{Protocol: UDP, AddrPort: netip.MustParseAddrPort("[::1]:5060")}, ls[0], []byte("x"), func(err error) { later <- err })
	require.ErrorContains(t, next(t, later), "udp://[::]:5060")
}

func TestUDPDrops(t *testing.T) {
	valid := request("OPTIONS", "valid", 1, nil)
	refusable := strings.Replace(string(valid), "CSeq: 1 OPTIONS", "CSeq: 1 INVITE", 1)
	tests := map[string]struct {
		datagram string
		drop     string // "" when nothing is counted
	}{
		"stun binding request":   {"\x00\x01\x00\x00\x21\x12\xa4\x42abcdefghijkl", DropSTUN},
		"stun binding response":  {"\x01\x01\x00\x00\x21\x12\xa4\x42abcdefghijkl", DropSTUN},
		"keep-alive":             {"\r\n\r\n", ""},
		"short keep-alive":       {"\r\n", ""},
		"only NUL":               {"\x00\x00\x00\x00", ""},
		"empty":                  {"", ""},
		"noise":                  {"hello", DropMalformed},
		"response without a Via": {"SIP/2.0 200 OK\r\n\r\n", DropMalformed},
		"too long":               {string(request("OPTIONS", "a", 1, make([]byte, 5000))), DropOversize},
		"ACK that is no good":    {strings.Replace(string(request("ACK", "a", 1, nil)), "1 ACK", "1 BYE", 1), DropMalformed},
		"request without a Via":  {strings.Replace(string(valid), "Via", "Xia", 1), DropMalformed},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			r := newRecorder()
			_, ls := serve(t, Config{MaxMessage: 4096}, r, "udp://127.0.0.1:0")
			phone := dialUDP(t, ls[0])
			for _, datagram := range []string{test.datagram, refusable, string(valid)} {
				_, err := phone.Write([]byte(datagram))
				require.NoError(t, err)
			}
			h := next(t, r.heard)
			require.NotNil(t, h.fault, "what can be answered goes to Malformed")
			assert.Equal(t, 400, h.fault.Code)
			assert.Nil(t, next(t, r.heard).fault, "the reader goes on")
			if test.drop != "" {
				assert.Equal(t, test.drop, next(t, r.drops))
			}
			assert.Empty(t, r.drops)
		})
	}
}

func TestUDPAdmitsBySource(t *testing.T) {
	r := newRecorder()
	admit := func(a Address) bool { return a.Addr() == netip.MustParseAddr("127.0.0.3") && a.Protocol == UDP }
	_, ls := serve(t, Config{Admit: admit}, r, "udp://127.0.0.1:0")
	for _, ip := range []string{"127.0.0.2", "127.0.0.3"} {
		c, err := net.DialUDP("udp", &net.UDPAddr{IP: net.ParseIP(ip)}, net.UDPAddrFromAddrPort(ls[0].Address().AddrPort))
		require.NoError(t, err)
		defer c.Close()
		_, err = c.Write(request("OPTIONS", ip, 1, nil))
		require.NoError(t, err)
	}
	assert.Equal(t, "127.0.0.3", string(next(t, r.heard).message.CallID))
	assert.Equal(t, DropSource, next(t, r.drops))
	assert.Empty(t, r.heard)
}

// sipgo's buffer is smaller than the largest datagram; ours is not.
func TestUDPLargestDatagram(t *testing.T) {
	r := newRecorder()
	_, ls := serve(t, Config{}, r, "udp://127.0.0.1:0")
	body := []byte(strings.Repeat("x", 65000))
	b := request("OPTIONS", "large", 1, body)
	_, err := dialUDP(t, ls[0]).Write(b)
	require.NoError(t, err)
	assert.Equal(t, b, next(t, r.heard).message.Raw)
}

func TestUDPSurvivesAPanickingHandler(t *testing.T) {
	panics := make(chan any, 1)
	log, lines := newLog(nil)
	r := newRecorder()
	r.react = func(h heard) {
		if string(h.message.CallID) == "secret-call-id" {
			panic("cannot stand this")
		}
		r.heard <- h
	}
	_, ls := serve(t, Config{Log: log, Panicked: func(v any, stack []byte) {
		assert.Contains(t, string(stack), "udp_test.go")
		panics <- v
	}}, r, "udp://127.0.0.1:0")
	phone := dialUDP(t, ls[0])
	for _, id := range []string{"secret-call-id", "next"} {
		_, err := phone.Write(request("OPTIONS", id, 1, nil))
		require.NoError(t, err)
	}
	assert.Equal(t, "next", string(next(t, r.heard).message.CallID))
	assert.Equal(t, "cannot stand this", next(t, panics))
	line := lines.await(t, "Call-ID hash")
	assert.NotContains(t, line, "secret-call-id")
}

// The messages must stay what they were when the reader's buffer is filled again.
func TestUDPMessagesOwnTheirBytes(t *testing.T) {
	r := newRecorder()
	_, ls := serve(t, Config{}, r, "udp://127.0.0.1:0")
	phone := dialUDP(t, ls[0])
	var kept []*message.Message
	for i := range 10 {
		_, err := phone.Write(request("OPTIONS", strconv.Itoa(i), 1, nil))
		require.NoError(t, err)
		kept = append(kept, next(t, r.heard).message)
	}
	for i, m := range kept {
		assert.Equal(t, string(request("OPTIONS", strconv.Itoa(i), 1, nil)), string(m.Raw))
	}
}

func TestUDPListenerComesBack(t *testing.T) {
	ends := map[string]func(*net.UDPConn) error{
		"read error on a good socket": func(c *net.UDPConn) error { return c.SetReadDeadline(time.Unix(1, 0)) },
		"dead socket":                 func(c *net.UDPConn) error { return c.Close() },
	}
	for name, end := range ends {
		t.Run(name, func(t *testing.T) {
			var tr *Transport
			ready := make(chan bool, 16)
			log, lines := newLog(func(line string) {
				if strings.Contains(line, "stopped reading") {
					ready <- tr.Ready()
				}
			})
			r := newRecorder()
			var stops atomic.Int32
			tr, ls := serve(t, Config{Log: log, Stopped: func() { stops.Add(1) }}, r, "udp://127.0.0.1:0")
			phone := dialUDP(t, ls[0])
			address := ls[0].Address()
			fastest := patience
			for i := range 5 {
				_, err := phone.Write(request("OPTIONS", strconv.Itoa(i), 1, nil))
				require.NoError(t, err)
				assert.Equal(t, strconv.Itoa(i), string(next(t, r.heard).message.CallID))

				began := time.Now()
				require.NoError(t, end(ls[0].udp.Load().UDPConn))
				assert.False(t, next(t, ready), "not ready while it does not read")
				assert.Contains(t, lines.await(t, "stopped reading"), address.String())
				require.Eventually(t, tr.Ready, patience, time.Millisecond)
				fastest = min(fastest, time.Since(began))
				assert.Equal(t, address, ls[0].Address())
				assert.EqualValues(t, i+1, stops.Load())
			}
			assert.Less(t, fastest, 100*time.Millisecond)
		})
	}
}

// A spoofed flood leaves nothing behind: sipgo by itself remembers each source address for ever.
func TestUDPForgetsSources(t *testing.T) {
	const batch = 500 // what the kernel surely holds until the reader is scheduled
	got := make(chan struct{}, batch)
	r := newRecorder()
	r.react = func(heard) { got <- struct{}{} }
	_, ls := serve(t, Config{}, r, "udp://127.0.0.1:0")
	to := net.UDPAddrFromAddrPort(ls[0].Address().AddrPort)
	b := request("OPTIONS", "flood", 1, nil)
	flood := func(sources int, second byte) {
		for i := range sources {
			from := &net.UDPAddr{IP: net.IPv4(127, second, byte(i>>8), byte(i))}
			c, err := net.ListenUDP("udp4", from)
			require.NoError(t, err)
			_, err = c.WriteTo(b, to)
			require.NoError(t, err)
			c.Close()
			if (i+1)%batch == 0 {
				for range batch {
					next(t, got)
				}
			}
		}
	}
	flood(batch, 1)
	const sources = 20_000
	before := heapInUse()
	flood(sources, 2)
	assert.Less(t, heapInUse()-before, int64(512<<10), "bytes kept after %d sources", sources)
}

func heapInUse() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
