package transport

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/gobwas/ws"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ringfence/ringfence/test/authority"
)

// browse opens a WebSocket as a browser's page does, by a library that is not ours.
func browse(t testing.TB, l *Listener, options *websocket.DialOptions) (*websocket.Conn, *http.Response, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	c, response, err := websocket.Dial(ctx, strings.ToLower(l.Address().Protocol.String())+"://"+l.Address().AddrPort.String()+"/", options) //nolint:bodyclose // the library says that nobody need
	if c != nil {
		t.Cleanup(func() { _ = c.CloseNow() })
	}
	return c, response, err
}

func browser(t testing.TB, l *Listener) *websocket.Conn {
	t.Helper()
	c, _, err := browse(t, l, &websocket.DialOptions{Subprotocols: []string{"mqtt", "sip"}})
	require.NoError(t, err)
	require.Equal(t, "sip", c.Subprotocol())
	return c
}

func says(t testing.TB, c *websocket.Conn, kind websocket.MessageType, b []byte) {
	t.Helper()
	require.NoError(t, c.Write(t.Context(), kind, b))
}

func hears(t testing.TB, c *websocket.Conn) (websocket.MessageType, string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	kind, b, err := c.Read(ctx)
	require.NoError(t, err)
	return kind, string(b)
}

// withoutLength is a request as browsers may send it: a WebSocket message ends by itself (RFC 7118 §5).
func withoutLength(b []byte) []byte {
	return bytes.Replace(b, []byte("Content-Length: 0\r\n"), nil, 1)
}

func TestWebSocketCarriesMessages(t *testing.T) {
	a := authority.New(t)
	for _, protocol := range []string{"ws", "wss"} {
		t.Run(protocol, func(t *testing.T) {
			r := newRecorder()
			tr, ls := serve(t, Config{Certificates: certificates(t, a, a.Issue(t, "127.0.0.1"), NoClientCertificate)}, r, protocol+"://127.0.0.1:0")
			trusting := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: a.Pool()}}
			t.Cleanup(trusting.CloseIdleConnections)
			c, _, err := browse(t, ls[0], &websocket.DialOptions{Subprotocols: []string{"sip"}, HTTPClient: &http.Client{Transport: trusting}})
			require.NoError(t, err)

			says(t, c, websocket.MessageText, withoutLength(request("OPTIONS", "text", 1, nil)))
			h := next(t, r.heard)
			assert.Equal(t, "text", string(h.message.CallID))
			assert.Equal(t, ls[0].Address().Protocol, h.from.Protocol)
			says(t, c, websocket.MessageBinary, request("INVITE", "binary", 1, make([]byte, 40_000)))
			assert.Len(t, next(t, r.heard).message.Raw, len(request("INVITE", "binary", 1, make([]byte, 40_000))))

			// One message each, and as text when it is text, however fast they come.
			tr.Reply(h.from, []byte("reply"), nil)
			tr.Send(h.from.Address, nil, []byte("\xff"), nil)
			tr.Send(h.from.Address, nil, bytes.Repeat([]byte("x"), 200), nil)
			for i, want := range []string{"reply", "\xff", strings.Repeat("x", 200)} {
				kind, got := hears(t, c)
				assert.Equal(t, want, got)
				assert.Equal(t, i == 1, kind == websocket.MessageBinary)
			}
			says(t, c, websocket.MessageText, []byte("\r\n\r\n"))
			_, got := hears(t, c)
			assert.Equal(t, "\r\n", got)
			assert.True(t, tr.Connected(h.from.Address))

			reading := c.CloseRead(t.Context())
			require.NoError(t, c.Ping(reading))
			require.NoError(t, c.Close(websocket.StatusNormalClosure, ""))
			require.Eventually(t, func() bool { return !tr.Connected(h.from.Address) }, patience, time.Millisecond)
			failures := make(chan error, 1)
			tr.Send(h.from.Address, nil, []byte("x"), func(err error) { failures <- err })
			require.ErrorIs(t, next(t, failures), ErrConnectionGone, "nobody can connect to a browser")
			assert.Empty(t, r.drops)
		})
	}
}

func TestWebSocketLargeReply(t *testing.T) {
	r := newRecorder()
	tr, ls := serve(t, Config{}, r, "ws://127.0.0.1:0")
	c := browser(t, ls[0])
	c.SetReadLimit(1 << 20)
	says(t, c, websocket.MessageText, request("OPTIONS", "a", 1, nil))
	from := next(t, r.heard).from
	for _, size := range []int{125, 126, 65_535, 65_536, 100_000} {
		tr.Reply(from, bytes.Repeat([]byte("x"), size), nil)
		_, got := hears(t, c)
		assert.Len(t, got, size)
	}
}

func TestWebSocketUpgradeIsRefused(t *testing.T) {
	r := newRecorder()
	_, ls := serve(t, Config{Origins: []string{"https://phone.example.com"}}, r, "ws://127.0.0.1:0")
	from := func(origin string) http.Header { return http.Header{"Origin": {origin}} }
	for name, test := range map[string]struct {
		options websocket.DialOptions
		status  int
	}{
		"no subprotocol":      {websocket.DialOptions{}, http.StatusBadRequest},
		"another subprotocol": {websocket.DialOptions{Subprotocols: []string{"sips", "xmpp"}}, http.StatusBadRequest},
		"another page":        {websocket.DialOptions{Subprotocols: []string{"sip"}, HTTPHeader: from("https://evil.example")}, http.StatusForbidden},
		"this page":           {websocket.DialOptions{Subprotocols: []string{"sip"}, HTTPHeader: from("https://Phone.example.com")}, 0},
		"no page":             {websocket.DialOptions{Subprotocols: []string{"sip"}}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			_, response, err := browse(t, ls[0], &test.options)
			if test.status == 0 {
				require.NoError(t, err)
				return
			}
			require.Error(t, err)
			assert.Equal(t, test.status, response.StatusCode)
			assert.Equal(t, DropHandshake, next(t, r.drops))
		})
	}
}

const upgradeRequest = "GET / HTTP/1.1\r\nHost: gate\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
	"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Protocol: sip\r\n\r\n"

// raw is a WebSocket by hand, for what no library would send.
func raw(t *testing.T, l *Listener) net.Conn {
	t.Helper()
	c := dialTCP(t, l)
	_, err := c.Write([]byte(upgradeRequest))
	require.NoError(t, err)
	answer := make([]byte, 0, 512)
	for !bytes.HasSuffix(answer, []byte("\r\n\r\n")) {
		b := make([]byte, 1)
		_, err := io.ReadFull(c, b)
		require.NoError(t, err, "%s", answer)
		answer = append(answer, b...)
	}
	require.Contains(t, string(answer), "101 Switching Protocols")
	return c
}

// frame is one with its payload masked.
func frame(fin bool, op ws.OpCode, payload []byte) []byte {
	var b bytes.Buffer
	mask := [4]byte{1, 2, 3, 4}
	masked := bytes.Clone(payload)
	ws.Cipher(masked, mask, 0)
	if err := ws.WriteFrame(&b, ws.Frame{Header: ws.Header{Fin: fin, OpCode: op, Masked: true, Mask: mask, Length: int64(len(payload))}, Payload: masked}); err != nil {
		panic(err)
	}
	return b.Bytes()
}

func readFrame(t *testing.T, r io.Reader) (ws.OpCode, []byte) {
	t.Helper()
	h, err := ws.ReadHeader(r)
	require.NoError(t, err)
	payload := make([]byte, h.Length)
	_, err = io.ReadFull(r, payload)
	require.NoError(t, err)
	return h.OpCode, payload
}

// claims is the beginning of a frame that says it is that long.
func claims(length uint64) []byte {
	return append(binary.BigEndian.AppendUint64([]byte{0x81, 0x80 | 127}, length), 1, 2, 3, 4)
}

// What is no WebSocket is told so and closed, having cost nothing.
func TestWebSocketHostileFrames(t *testing.T) {
	good := request("OPTIONS", "a", 1, nil)
	tests := map[string]struct {
		sends []byte
		code  ws.StatusCode
		drop  string
	}{
		"2^62 bytes to come":          {claims(1 << 62), ws.StatusMessageTooBig, DropOversize},
		"2^63 bytes to come":          {claims(1 << 63), ws.StatusProtocolError, DropFrame},
		"longer than allowed":         {claims(4097), ws.StatusMessageTooBig, DropOversize},
		"longer, in two frames":       {append(frame(false, ws.OpText, make([]byte, 4000)), frame(true, ws.OpContinuation, make([]byte, 97))...), ws.StatusMessageTooBig, DropOversize},
		"unmasked":                    {append([]byte{0x81, 4}, "SIP/"...), ws.StatusProtocolError, DropFrame},
		"reserved bit":                {append([]byte{0xc1}, frame(true, ws.OpText, good)[1:]...), ws.StatusProtocolError, DropFrame},
		"reserved opcode":             {frame(true, 3, good), ws.StatusProtocolError, DropFrame},
		"continuation of nothing":     {frame(true, ws.OpContinuation, good), ws.StatusProtocolError, DropFrame},
		"a message inside another":    {append(frame(false, ws.OpText, good), frame(true, ws.OpText, good)...), ws.StatusProtocolError, DropFrame},
		"a ping in fragments":         {frame(false, ws.OpPing, nil), ws.StatusProtocolError, DropFrame},
		"a long ping":                 {frame(true, ws.OpPing, make([]byte, 126)), ws.StatusProtocolError, DropFrame},
		"goodbye":                     {frame(true, ws.OpClose, ws.NewCloseFrameBody(ws.StatusGoingAway, "")), ws.StatusNormalClosure, ""},
		"SIP without frames":          {good, ws.StatusProtocolError, DropFrame},
		"TLS where there should none": {[]byte("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"), ws.StatusProtocolError, DropFrame},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			r := newRecorder()
			_, ls := serve(t, Config{MaxMessage: 4096, Write: time.Hour}, r, "ws://127.0.0.1:0")
			c := raw(t, ls[0])
			_, err := c.Write(test.sends)
			require.NoError(t, err)
			answer, err := io.ReadAll(c)
			require.NoError(t, err, "closed in order")
			op, payload := readFrame(t, bytes.NewReader(answer))
			assert.Equal(t, ws.OpClose, op)
			code, _ := ws.ParseCloseFrameData(payload)
			assert.Equal(t, test.code, code)
			if test.drop != "" {
				assert.Equal(t, test.drop, next(t, r.drops))
			}
			assert.Empty(t, r.heard)
		})
	}
}

// What a frame only claims is not allocated.
func TestWebSocketClaimsCostNothing(t *testing.T) {
	const phones = 100
	r := newRecorder()
	tr, ls := serve(t, Config{}, r, "ws://127.0.0.1:0")
	var cs []net.Conn
	for range phones {
		cs = append(cs, raw(t, ls[0]))
	}
	before := heap()
	for _, c := range cs {
		_, err := c.Write(append(claims(64<<10), "SIP"...))
		require.NoError(t, err)
	}
	require.Eventually(t, func() bool { return len(tr.connections.snapshot()) == phones }, patience, time.Millisecond)
	each := (heap() - before) / phones
	assert.Less(t, each, uint64(1<<20), "bytes a connection")
}

// One message in several frames, cut anywhere, with a ping between them.
func TestWebSocketFragments(t *testing.T) {
	r := newRecorder()
	_, ls := serve(t, Config{}, r, "ws://127.0.0.1:0")
	c := raw(t, ls[0])
	message := request("OPTIONS", "a", 1, nil)
	var all []byte
	all = append(all, frame(false, ws.OpText, message[:10])...)
	all = append(all, frame(true, ws.OpPing, []byte("there?"))...)
	all = append(all, frame(false, ws.OpContinuation, nil)...)
	all = append(all, frame(true, ws.OpContinuation, message[10:])...)
	all = append(all, frame(true, ws.OpText, nil)...)
	all = append(all, frame(true, ws.OpText, message)...)
	for _, b := range split(all) {
		_, err := c.Write(b)
		require.NoError(t, err)
	}
	for range 2 {
		assert.Equal(t, string(message), string(next(t, r.heard).message.Raw))
	}
	op, payload := readFrame(t, c)
	assert.Equal(t, ws.OpPong, op)
	assert.Equal(t, "there?", string(payload))
}

// Whoever says nothing, or says it slowly, at any stage, is gone in time and holds up nobody.
func TestWebSocketSlow(t *testing.T) {
	const short = 300 * time.Millisecond
	message := frame(true, ws.OpText, request("OPTIONS", "a", 1, nil))
	for name, test := range map[string]struct {
		config Config
		sends  []byte // a byte each millisecond, the last one again and again
		first  bool   // a whole message comes first
		raw    bool   // behind the upgrade
		drop   string
	}{
		"silent before the upgrade":   {Config{Handshake: short}, nil, false, false, DropHandshake},
		"slow upgrade":                {Config{Handshake: short}, []byte("GET / HTTP/1.1\r\nHost: gate\r\nX: x"), false, false, DropHandshake},
		"silent behind the upgrade":   {Config{FirstMessage: short}, nil, false, true, ""},
		"pings behind the upgrade":    {Config{FirstMessage: short}, frame(true, ws.OpPong, nil), false, true, ""},
		"slow frame":                  {Config{HalfSent: short}, message[:len(message)-1], false, true, DropFrame},
		"slow frame after a good one": {Config{HalfSent: short}, message[:len(message)-1], true, true, DropFrame},
		"half a header":               {Config{HalfSent: short}, message[:1], false, true, DropFrame},
		"fragments without end":       {Config{HalfSent: short}, frame(false, ws.OpText, []byte("x")), false, true, DropFrame},
		"silent for long":             {Config{Idle: short}, nil, true, true, ""},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRecorder()
			_, ls := serve(t, test.config, r, "ws://127.0.0.1:0")
			var c net.Conn = dialTCP(t, ls[0])
			if test.raw {
				c = raw(t, ls[0])
			}
			if test.first {
				_, err := c.Write(message)
				require.NoError(t, err)
				next(t, r.heard)
			}
			begun := time.Now()
			closed := make(chan error, 1)
			go func() {
				_, err := io.ReadAll(c)
				closed <- err
			}()
			drip := time.NewTicker(time.Millisecond)
			defer drip.Stop()
			for i := 0; ; i++ {
				select {
				case <-drip.C:
					if i < len(test.sends) {
						c.Write(test.sends[i : i+1])
					} else if name == "pings behind the upgrade" || name == "fragments without end" {
						next := test.sends
						if name == "fragments without end" {
							next = frame(false, ws.OpContinuation, []byte("x"))
						}
						c.Write(next)
					}
					continue
				case err := <-closed:
					assert.NotErrorIs(t, err, os.ErrDeadlineExceeded)
				}
				break
			}
			assert.Less(t, time.Since(begun), 4*short, "however often something comes")
			if test.drop != "" {
				assert.Equal(t, test.drop, next(t, r.drops))
			}
			assert.Empty(t, r.drops)
		})
	}
}

// An upgrade that never ends is cut off by its length before its time.
func TestWebSocketUpgradeIsBounded(t *testing.T) {
	for name, endless := range map[string]string{"one line": "x", "many lines": "X: x\r\n"} {
		t.Run(name, func(t *testing.T) {
			r := newRecorder()
			_, ls := serve(t, Config{Handshake: time.Hour}, r, "ws://127.0.0.1:0")
			c := dialTCP(t, ls[0])
			c.Write([]byte("GET / HTTP/1.1\r\n" + strings.Repeat(endless, 2*maxUpgrade/len(endless))))
			_, err := c.Read(make([]byte, 1))
			require.NotErrorIs(t, err, os.ErrDeadlineExceeded)
			assert.Equal(t, DropHandshake, next(t, r.drops))
		})
	}
}

// Silent ones in hundreds: the caps count them, and others get in.
func TestSilentWebSockets(t *testing.T) {
	const silent = 500
	r := newRecorder()
	tr, ls := serve(t, Config{Handshake: 2 * time.Second, MaxPerSource: silent + 1}, r, "ws://127.0.0.1:0")
	var closed sync.WaitGroup
	for range silent {
		c := dialTCP(t, ls[0])
		closed.Go(func() { _, _ = c.Read(make([]byte, 1)) })
	}
	require.Eventually(t, func() bool { return len(tr.connections.snapshot()) == silent }, patience, time.Millisecond)
	begun := time.Now()
	says(t, browser(t, ls[0]), websocket.MessageText, request("OPTIONS", "honest", 1, nil))
	assert.Equal(t, "honest", string(next(t, r.heard).message.CallID))
	assert.Less(t, time.Since(begun), time.Second)
	_, err := dialTCP(t, ls[0]).Read(make([]byte, 1))
	require.Error(t, err)
	assert.Equal(t, DropConnectionCap, next(t, r.drops))
	closed.Wait()
}

// Pings keep a silent connection, and end one whose other end is dead.
func TestWebSocketPings(t *testing.T) {
	r := newRecorder()
	tr, ls := serve(t, Config{Ping: 200 * time.Millisecond}, r, "ws://127.0.0.1:0")
	alive := browser(t, ls[0])
	says(t, alive, websocket.MessageText, request("OPTIONS", "alive", 1, nil))
	from := next(t, r.heard).from
	answering := alive.CloseRead(t.Context())

	dead := raw(t, ls[0]) // answers no ping
	dead.Write(frame(true, ws.OpText, request("OPTIONS", "dead", 1, nil)))
	other := next(t, r.heard).from
	got, err := io.ReadAll(dead)
	require.NoError(t, err)
	assert.NotZero(t, bytes.Count(got, []byte{0x89, 0}), "pings")
	assert.False(t, tr.Connected(other.Address))

	assert.True(t, tr.Connected(from.Address))
	assert.NoError(t, answering.Err())
}

// The frame of whatever length is what the library would write.
func TestFrameHeader(t *testing.T) {
	for _, length := range []int{0, 1, 125, 126, 65_535, 65_536, 1 << 20} {
		var want bytes.Buffer
		require.NoError(t, ws.WriteHeader(&want, ws.Header{Fin: true, OpCode: ws.OpText, Length: int64(length)}))
		assert.Equal(t, want.Bytes(), appendFrameHeader(nil, ws.OpText, length), fmt.Sprint(length))
	}
}

// Whatever comes behind an upgrade, the reader neither panics nor takes more than a message may have.
func FuzzWebSocket(f *testing.F) {
	f.Add(frame(true, ws.OpText, request("OPTIONS", "a", 1, nil)))
	f.Add(claims(1 << 62))
	f.Add(append(frame(false, ws.OpBinary, []byte("SIP")), frame(true, ws.OpPing, nil)...))
	f.Fuzz(func(t *testing.T, b []byte) {
		tr := New(Config{Handler: newRecorder(), MaxMessage: 1024})
		c := newConnection(tr, nil, Address{Protocol: WS})
		c.web = newWebSocket(c, spoken{bytes.NewReader(b)})
		c.Conn = c.web
		for buf := make([]byte, 100); ; {
			if _, err := c.web.Read(buf); err != nil {
				return
			}
			if c.web.lost { // what comes then is thrown away
				return
			}
			if len(c.web.message) > 1024 || len(c.web.message) == 0 {
				t.Fatalf("a message of %d bytes", len(c.web.message))
			}
		}
	})
}

// spoken is a connection on which everything has been said.
type spoken struct{ io.Reader }

func (spoken) Write(b []byte) (int, error)      { return len(b), nil }
func (spoken) Close() error                     { return nil }
func (spoken) LocalAddr() net.Addr              { return nil }
func (spoken) RemoteAddr() net.Addr             { return nil }
func (spoken) SetDeadline(time.Time) error      { return nil }
func (spoken) SetReadDeadline(time.Time) error  { return nil }
func (spoken) SetWriteDeadline(time.Time) error { return nil }
