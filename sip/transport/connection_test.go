package transport

import (
	"bytes"
	"io"
	"net"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestTCPFraming(t *testing.T) {
	body := append([]byte("v=0\r\n"), 0, 0, 0, 0)
	one, two := request("INVITE", "one", 1, body), request("CANCEL", "two", 2, nil)
	tests := map[string][][]byte{
		"one write each":           {one, two},
		"two messages at once":     {bytes.Join([][]byte{one, two}, nil)},
		"line ends before":         {[]byte("\r\n"), one, []byte("\r\n"), two},
		"cut in the second":        {bytes.Join([][]byte{one, two[:50]}, nil), two[50:]},
		"cut in the header's end":  {one[:bytes.Index(one, []byte("\r\n\r\n"))+3], one[bytes.Index(one, []byte("\r\n\r\n"))+3:], two},
		"a chunk of nothing but 0": {one[:len(one)-4], one[len(one)-4 : len(one)-2], one[len(one)-2:], two},
		"byte by byte":             split(bytes.Join([][]byte{one, two}, nil)),
	}
	for name, writes := range tests {
		t.Run(name, func(t *testing.T) {
			r := newRecorder()
			tr, ls := serve(t, Config{}, r, "tcp://127.0.0.1:0")
			phone, c := piped(t, tr, ls[0])
			for _, b := range writes {
				_, err := phone.Write(b)
				require.NoError(t, err)
			}
			h := next(t, r.heard)
			assert.Equal(t, string(one), string(h.message.Raw))
			assert.Equal(t, c.peer, h.from.Address)
			assert.Same(t, ls[0], h.from.Listener)
			assert.Equal(t, string(two), string(next(t, r.heard).message.Raw))
			assert.Empty(t, r.drops)
		})
	}
}

// piped is a connection in memory. A pipe delivers each write as one read, where a socket may join them, and takes
// nothing that is not read.
func piped(t *testing.T, tr *Transport, l *Listener) (phone net.Conn, c *connection) {
	t.Helper()
	phone, ours := net.Pipe()
	t.Cleanup(func() { phone.Close() })
	require.NoError(t, phone.SetDeadline(time.Now().Add(patience)))
	c = newConnection(tr, l, Address{Protocol: TCP, AddrPort: netip.MustParseAddrPort("192.0.2.1:1")})
	require.NoError(t, tr.connections.add(c))
	require.True(t, c.opened(ours, time.Hour))
	l.tcp.hand(c)
	return phone, c
}

func split(b []byte) [][]byte {
	parts := make([][]byte, len(b))
	for i := range b {
		parts[i] = b[i : i+1]
	}
	return parts
}

func TestTCPKeepsOrder(t *testing.T) {
	r := newRecorder()
	_, ls := serve(t, Config{}, r, "tcp://127.0.0.1:0")
	var all []byte
	const calls = 500
	for i := range calls {
		all = append(all, request("INVITE", strconv.Itoa(i), 1, nil)...)
		all = append(all, request("CANCEL", strconv.Itoa(i), 1, nil)...)
	}
	_, err := dialTCP(t, ls[0]).Write(all)
	require.NoError(t, err)
	for i := range calls {
		for _, method := range []string{"INVITE", "CANCEL"} {
			h := next(t, r.heard)
			require.Equal(t, method+" "+strconv.Itoa(i), h.message.Method+" "+string(h.message.CallID))
		}
	}
}

// RFC 5626 §3.5.1.
func TestTCPAnswersPing(t *testing.T) {
	r := newRecorder()
	_, ls := serve(t, Config{}, r, "tcp://127.0.0.1:0")
	phone := dialTCP(t, ls[0])
	for range 2 {
		_, err := phone.Write([]byte("\r\n\r\n"))
		require.NoError(t, err)
		assert.Equal(t, "\r\n", read(t, phone))
	}
	_, err := phone.Write(request("OPTIONS", "a", 1, nil))
	require.NoError(t, err)
	next(t, r.heard)
}

// A stream without boundaries is closed, and the request that broke it is answered first when that is possible.
func TestTCPBrokenStreams(t *testing.T) {
	without := func(line string) string {
		return strings.Replace(string(request("OPTIONS", "a", 1, nil)), line, "", 1)
	}
	tests := map[string]struct {
		stream string
		code   int    // of the answer; 0 when there is none
		drop   string // what is counted when there is none
	}{
		"noise":                      {"\x16\x03\x01\x02\x00\x01\x00\x01", 0, DropFrame},
		"no Content-Length":          {without("Content-Length: 0\r\n"), 400, ""},
		"no Content-Length, no Via":  {strings.Replace(without("Content-Length: 0\r\n"), "Via", "Xia", 1), 0, DropFrame},
		"negative length":            {strings.Replace(without(""), "Length: 0", "Length: -1", 1), 400, ""},
		"4 GiB to come":              {strings.Replace(without(""), "Length: 0", "Length: 4294967295", 1), 0, ""},
		"larger than allowed":        {strings.Replace(without(""), "Length: 0", "Length: 5000", 1), 513, ""},
		"larger, and more behind it": {string(request("OPTIONS", "a", 1, make([]byte, 100_000))), 513, ""},
		"an endless header":          {"OPTIONS sip:a@b SIP/2.0\r\nX: " + strings.Repeat("x", 5000), 0, DropOversize},
		"a response":                 {"SIP/2.0 200 OK\r\nContent-Length: 5000\r\n\r\n", 0, DropOversize},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			r := newRecorder()
			var tr *Transport
			r.react = func(h heard) {
				tr.Reply(h.from, []byte("refused"), nil)
				r.heard <- h
			}
			tr, ls := serve(t, Config{MaxMessage: 4096}, r, "tcp://127.0.0.1:0")
			phone := dialTCP(t, ls[0])
			_, err := phone.Write([]byte(test.stream))
			require.NoError(t, err)
			answer, err := io.ReadAll(phone)
			if test.drop != "" {
				assert.Equal(t, test.drop, next(t, r.drops))
				assert.Empty(t, answer)
				return
			}
			require.NoError(t, err, "closed in order, so that the answer arrives")
			assert.Equal(t, "refused", string(answer))
			if test.code != 0 {
				assert.Equal(t, test.code, next(t, r.heard).fault.Code)
			}
			assert.Empty(t, r.drops)
		})
	}
}

// The clock of a half-sent message runs on while single bytes keep coming.
func TestTCPHalfSentMessageCloses(t *testing.T) {
	r := newRecorder()
	_, ls := serve(t, Config{HalfSent: 100 * time.Millisecond}, r, "tcp://127.0.0.1:0")
	phone := dialTCP(t, ls[0])
	_, err := phone.Write(request("OPTIONS", "whole", 1, nil))
	require.NoError(t, err)
	next(t, r.heard)

	half := request("OPTIONS", "half", 1, nil)
	began := time.Now()
	closed := make(chan error, 1)
	go func() {
		_, err := phone.Read(make([]byte, 1))
		closed <- err
	}()
	drip := time.NewTicker(time.Millisecond)
	defer drip.Stop()
	for i := 0; ; i++ {
		select {
		case <-drip.C:
			phone.Write(half[min(i, len(half)-2):][:1])
			continue
		case err := <-closed:
			require.Error(t, err)
		}
		break
	}
	assert.Less(t, time.Since(began), patience/2)
	assert.GreaterOrEqual(t, time.Since(began), 100*time.Millisecond)
	assert.Equal(t, DropFrame, next(t, r.drops))
	assert.Empty(t, r.heard)
}

func TestTCPSilence(t *testing.T) {
	const short, long = 50 * time.Millisecond, time.Hour
	tests := map[string]struct {
		config Config
		speaks bool
		closes bool
	}{
		"a connection that never says anything closes": {Config{FirstMessage: short, Idle: long}, false, true},
		"one that has spoken stays":                    {Config{FirstMessage: short, HalfSent: short, Idle: long}, true, false},
		"but not for ever":                             {Config{FirstMessage: long, Idle: short}, true, true},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			r := newRecorder()
			_, ls := serve(t, test.config, r, "tcp://127.0.0.1:0")
			phone := dialTCP(t, ls[0])
			if test.speaks {
				_, err := phone.Write(request("OPTIONS", "a", 1, nil))
				require.NoError(t, err)
				next(t, r.heard)
			}
			if !test.closes {
				phone.SetReadDeadline(time.Now().Add(4 * short))
			}
			_, err := phone.Read(make([]byte, 1))
			if test.closes {
				require.ErrorIs(t, err, io.EOF)
			} else {
				require.ErrorIs(t, err, os.ErrDeadlineExceeded)
			}
			assert.Empty(t, r.drops)
		})
	}
}

// What came whole before the boundaries were lost is answered, though what follows cannot be.
func TestTCPAnswersWhatCameBeforeNoise(t *testing.T) {
	r := newRecorder()
	var tr *Transport
	r.react = func(h heard) { tr.Reply(h.from, []byte("taken"), nil) }
	tr, ls := serve(t, Config{}, r, "tcp://127.0.0.1:0")
	phone := dialTCP(t, ls[0])
	_, err := phone.Write(append(request("OPTIONS", "a", 1, nil), "\x16\x03\x01"...))
	require.NoError(t, err)
	answer, err := io.ReadAll(phone)
	require.NoError(t, err, "closed in order, so that the answer arrives")
	assert.Equal(t, "taken", string(answer))
	assert.Equal(t, DropFrame, next(t, r.drops))
}

func TestTCPSurvivesAPanickingHandler(t *testing.T) {
	r := newRecorder()
	r.react = func(h heard) {
		if h.fault != nil || h.message.Method == "INVITE" {
			panic("cannot stand this")
		}
		r.heard <- h
	}
	_, ls := serve(t, Config{}, r, "tcp://127.0.0.1:0")
	stream := bytes.Join([][]byte{request("INVITE", "a", 1, nil), request("BYE", "b", 1, nil)}, nil)
	_, err := dialTCP(t, ls[0]).Write(stream)
	require.NoError(t, err)
	assert.Equal(t, "b", string(next(t, r.heard).message.CallID))

	broken := bytes.Replace(stream, []byte("Content-Length: 0\r\n"), nil, 1)
	phone := dialTCP(t, ls[0])
	_, err = phone.Write(broken)
	require.NoError(t, err)
	_, err = phone.Read(make([]byte, 1))
	require.Error(t, err, "closed")
}

// A peer that sends more messages than it may is read more slowly; nothing is lost, and others do not notice.
func TestTCPPace(t *testing.T) {
	const pace, messages = 2000, 3000
	r := newRecorder()
	_, ls := serve(t, Config{Pace: pace}, r, "tcp://127.0.0.1:0")
	fast, other := dialTCP(t, ls[0]), dialTCP(t, ls[0])
	began := time.Now()
	go func() {
		for i := range messages {
			fast.Write(request("OPTIONS", "fast", i+1, nil))
		}
	}()
	for i := range messages {
		h := next(t, r.heard)
		require.EqualValues(t, i+1, h.message.CSeq)
	}
	took := time.Since(began)
	assert.Greater(t, took, 300*time.Millisecond, "a second's worth at once, then the pace")
	_, err := other.Write(request("OPTIONS", "other", 1, nil))
	require.NoError(t, err)
	assert.Equal(t, "other", string(next(t, r.heard).message.CallID))
}

// What the first look does not let in is not read.
func TestLook(t *testing.T) {
	r := newRecorder()
	look := func(raw []byte, _ Source) bool { return !bytes.Contains(raw, []byte("unwanted")) }
	_, ls := serve(t, Config{Look: look}, r, "udp://127.0.0.1:0", "tcp://127.0.0.1:0")
	for _, phone := range []net.Conn{dialUDP(t, ls[0]), dialTCP(t, ls[1])} {
		for _, id := range []string{"unwanted", "wanted"} {
			_, err := phone.Write(request("OPTIONS", id, 1, nil))
			require.NoError(t, err)
		}
		assert.Equal(t, "wanted", string(next(t, r.heard).message.CallID))
	}
}
