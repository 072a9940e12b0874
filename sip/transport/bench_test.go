package transport

import (
	"fmt"
	"net"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/ringfence/ringfence/sip/message"
	"github.com/ringfence/ringfence/test/authority"
)

// What one datagram costs from the socket to the handler, sipgo's loop included.
func TestUDPAllocations(t *testing.T) {
	r := newRecorder()
	r.react = func(heard) { r.heard <- heard{} }
	_, ls := serve(t, Config{}, r, "udp://127.0.0.1:0")
	phone := dialUDP(t, ls[0])
	b := request("INVITE", "a", 1, nil)
	parse := testing.AllocsPerRun(100, func() { _, _ = message.Parse(b) })
	whole := testing.AllocsPerRun(1000, func() {
		phone.Write(b)
		<-r.heard
	})
	assert.LessOrEqual(t, whole, parse+1, "message.Parse and the copy; sipgo's loop must cost nothing")
	t.Logf("%.0f allocations, %.0f of them in message.Parse", whole, parse)
}

// An INVITE in and as many bytes back, one process on both ends: window 1 is the way there and back, a larger one the
// capacity.
func BenchmarkUDP(b *testing.B) {
	bench(b, "udp", Config{}, func(l *Listener) net.Conn { return dialUDP(b, l) })
}

func BenchmarkTCP(b *testing.B) {
	bench(b, "tcp", Config{}, func(l *Listener) net.Conn { return dialTCP(b, l) })
}

func bench(b *testing.B, protocol string, config Config, dial func(*Listener) net.Conn) {
	invite := request("INVITE", "a", 1, []byte(strings.Repeat("v=0\r\n", 100)))
	for _, window := range []int{1, 64} {
		b.Run(fmt.Sprintf("window=%d", window), func(b *testing.B) {
			var tr *Transport
			free := make(chan struct{}, window)
			r := newRecorder()
			r.react = func(h heard) {
				tr.Reply(h.from, h.message.Raw, nil)
				free <- struct{}{}
			}
			tr, ls := serve(b, config, r, protocol+"://127.0.0.1:0")
			phone := dial(ls[0])
			go func() { // reads the replies, so that the socket does not fill
				buf := make([]byte, 1<<16)
				for {
					if _, err := phone.Read(buf); err != nil {
						return
					}
				}
			}()
			for range window {
				free <- struct{}{}
			}
			b.ReportAllocs()
			for b.Loop() {
				<-free
				if _, err := phone.Write(invite); err != nil {
					b.Fatal(err)
				}
			}
			for range window {
				<-free
			}
		})
	}
}

// heap is how many bytes are in use, goroutine stacks included.
func heap() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapInuse + m.StackInuse
}

func BenchmarkTLS(b *testing.B) {
	a := authority.New(b)
	config := Config{Certificates: certificates(b, a, a.Issue(b, "127.0.0.1"), NoClientCertificate)}
	bench(b, "tls", config, func(l *Listener) net.Conn { return dialTLS(b, l, a) })
}
