package transport

import (
	"bytes"
	"net"
	"net/netip"
	"slices"
	"testing"
	"time"
)

// silentConn is a socket that takes everything and says nothing.
type silentConn struct{ net.Conn }

func (silentConn) Write(b []byte) (int, error)      { return len(b), nil }
func (silentConn) Close() error                     { return nil }
func (silentConn) SetReadDeadline(time.Time) error  { return nil }
func (silentConn) SetWriteDeadline(time.Time) error { return nil }

// listen collects what a handler hears of a stream that is read in chunks of a size.
func listen(stream []byte, chunk int) (said []string, drops []string) {
	r := &recorder{react: func(h heard) {
		s := string(h.message.Raw)
		if h.fault != nil {
			s = h.fault.Error() + "\n" + s
		}
		said = append(said, s)
	}}
	tr := New(Config{Handler: r, MaxMessage: 2048, Dropped: func(why string) { drops = append(drops, why) }})
	defer tr.Close()
	c := newConnection(tr, nil, Address{Protocol: TCP, AddrPort: netip.MustParseAddrPort("127.0.0.1:1")})
	c.opened(silentConn{}, time.Hour)
	for part := range slices.Chunk(stream, chunk) {
		c.take(part)
	}
	c.close(ErrConnectionGone)
	tr.tasks.Wait()
	return said, drops
}

// What a stream says does not depend on how it is cut into reads.
func FuzzStream(f *testing.F) {
	invite, cancel := request("INVITE", "a", 1, []byte("v=0")), request("CANCEL", "a", 1, nil)
	f.Add(bytes.Join([][]byte{invite, cancel}, nil), uint8(7))
	f.Add(bytes.Join([][]byte{[]byte("\r\n\r\n"), invite, []byte("\r\n"), cancel}, nil), uint8(1))
	f.Add(bytes.Replace(invite, []byte("Length: 3"), []byte("Length: 99999"), 1), uint8(3))
	f.Add(bytes.Replace(invite, []byte("CSeq: 1 INVITE"), []byte("CSeq: 1 BYE"), 1), uint8(50))
	f.Add([]byte("\r\n\r\r\n\x00SIP"), uint8(1))
	f.Fuzz(func(t *testing.T, stream []byte, chunk uint8) {
		whole, wholeDrops := listen(stream, max(1, len(stream)))
		parts, partDrops := listen(stream, max(1, int(chunk)))
		if !slices.Equal(whole, parts) || !slices.Equal(wholeDrops, partDrops) {
			t.Errorf("at once: %q %q\nin chunks of %d: %q %q", whole, wholeDrops, chunk, parts, partDrops)
		}
	})
}

// Each datagram is heard or counted as dropped, once; only a keep-alive is neither.
func FuzzDatagram(f *testing.F) {
	f.Add(request("INVITE", "a", 1, nil))
	f.Add([]byte("\r\n\r\n"))
	f.Add([]byte{0, 1, 0, 0})
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, data []byte) {
		outcomes := 0
		r := &recorder{react: func(heard) { outcomes++ }}
		tr := New(Config{Handler: r, Dropped: func(string) { outcomes++ }})
		defer tr.Close()
		d := &datagrams{listener: &Listener{transport: tr}, data: data}
		d.from = Address{Protocol: UDP, AddrPort: netip.MustParseAddrPort("127.0.0.1:1")}
		d.take()
		want := 1
		if onlyCRLF(data) {
			want = 0
		}
		if outcomes != want {
			t.Errorf("%d outcomes of %q, not %d", outcomes, data, want)
		}
	})
}
