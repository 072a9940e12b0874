package message

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// framed is what a stream came to.
type framed struct {
	msgs  []string
	pings int
	left  string
	err   string
}

// frame feeds stream to a Framer in pieces of size bytes.
func frame(max int, stream []byte, size func(i int) int) (f framed) {
	framer := Framer{Max: max}
	var buf []byte
	for i := 0; len(stream) > 0; i++ {
		n := min(size(i), len(stream))
		buf = append(buf, stream[:n]...)
		stream = stream[n:]
		for {
			msg, rest, ping, err := framer.Next(buf)
			buf = rest
			if err != nil {
				f.err, f.left = err.Error(), string(msg)
				return f
			}
			if ping {
				f.pings++
			}
			if msg != nil {
				f.msgs = append(f.msgs, string(msg))
			}
			if msg == nil && !ping {
				break
			}
		}
	}
	f.left = string(buf)
	return f
}

func whole(int) int  { return 1 << 20 }
func single(int) int { return 1 }

func TestFramer(t *testing.T) {
	one, two := crlf(options), crlf(ringing)
	section := one[:len(one)-len("body")]
	noLength := strings.Replace(one, "Content-Length: 4\r\n", "", 1)
	length := func(s string) string { return strings.Replace(section, "Content-Length: 4", s, 1) }
	for _, row := range []struct {
		name, stream string
		max          int
		want         framed
	}{
		{"one", one, 0, framed{msgs: []string{one}}},
		{"two and a piece", one + two + one[:100], 0, framed{msgs: []string{one, two}, left: one[:100]}},
		{"half a body", one[:len(one)-2], 0, framed{left: one[:len(one)-2]}},
		{"line ends before and between", "\r\n" + one + "\r\n" + two, 0, framed{msgs: []string{one, two}}},
		{"pings", "\r\n\r\n" + one + "\r\n\r\n\r\n\r\n" + two + "\r\n\r\n", 0, framed{msgs: []string{one, two}, pings: 4}},
		{"half a ping", one + "\r", 0, framed{msgs: []string{one}, left: "\r"}},
		{
			"a body that looks like the end", strings.Replace(one, "body", "\r\n\r\n", 1) + two, 0,
			framed{msgs: []string{strings.Replace(one, "body", "\r\n\r\n", 1), two}},
		},
		{"compact and folded length", length("l :\r\n\t 4") + "body" + two, 0, framed{msgs: []string{length("l :\r\n\t 4") + "body", two}}},
		{"a broken header is for Parse to judge", length("Foobar\r\nl: 0"), 0, framed{msgs: []string{length("Foobar\r\nl: 0")}}},
		{"no length", noLength, 0, framed{err: "400 Bad Request: Content-Length: is missing, and a stream needs it", left: noLength[:len(noLength)-4]}},
		{"length in a continuation line", length("X: y\r\n l: 0"), 0, framed{err: "400 Bad Request: Content-Length: is missing, and a stream needs it", left: length("X: y\r\n l: 0")}},
		{"two lengths", length("l: 4\r\nl: 4"), 0, framed{err: "400 Bad Request: Content-Length: is there more than once", left: length("l: 4\r\nl: 4")}},
		{"negative length", length("l: -1"), 0, framed{err: "400 Bad Request: Content-Length: is no number, or too large", left: length("l: -1")}},
		{"4 GiB", length("l: 4294967295"), 0, framed{err: "400 Bad Request: Content-Length: is no number, or too large", left: length("l: 4294967295")}},
		{"1 GB", length("l: 1000000000"), 0, framed{err: "513 Message Too Large: message is larger than allowed here", left: length("l: 1000000000")}},
		{"one byte more than allowed", one, len(one) - 1, framed{err: "513 Message Too Large: message is larger than allowed here", left: section}},
		{"just as much as allowed", one, len(one), framed{msgs: []string{one}}},
		{"headers without an end", strings.Repeat("x", 1000), 1000, framed{err: "513 Message Too Large: header section is larger than allowed here"}},
		{"not SIP at all", "\x16\x03\x01", 0, framed{err: "400 Bad Request: stream: the stream does not start with a message"}},
		{"a bare CR", "\rOPTIONS", 0, framed{err: "400 Bad Request: stream: the stream does not start with a message"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			assert.Equal(t, row.want, frame(row.max, []byte(row.stream), whole), "at once")
			assert.Equal(t, row.want, frame(row.max, []byte(row.stream), single), "byte by byte")
		})
	}
}

// A sender of single bytes must cost what its bytes cost: what was looked at once is not looked at again. So an end of
// headers that is put there afterwards goes unseen.
func TestFramerDoesNotStartOver(t *testing.T) {
	var framer Framer
	buf := []byte(strings.Repeat("x", 1000))
	for range 100 {
		buf = append(buf, 'x')
		msg, rest, _, err := framer.Next(buf)
		require.NoError(t, err)
		require.Nil(t, msg)
		require.Len(t, rest, len(buf))
		copy(buf[len(buf)-40:], "\r\nl: 0\r\n\r\n")
	}
}

// Headers that invite a reader to start over must cost what their bytes cost.
func TestParseIsLinear(t *testing.T) {
	const size = 1 << 20
	for name, value := range map[string]string{
		"escapes outside quotes": strings.Repeat(`\"`, size/2),
		"open brackets":          strings.Repeat("<", size),
		"commas":                 strings.Repeat("a,", size/2) + "a",
		"escaped controls":       `"` + strings.Repeat("\\\x01", size/2) + `"`,
		"folds":                  strings.Repeat("\r\n ", size/3) + "a",
		"parameters":             "<sip:a>" + strings.Repeat(";a", size/2),
	} {
		for _, header := range []string{"Contact", "Supported", "Via"} {
			text := strings.Replace(crlf(options), "CSeq", header+": x,"+value+"\r\nCSeq", 1)
			start := time.Now()
			m, err := Parse([]byte(text))
			if err == nil {
				for range m.Elements(Supported) {
				}
			}
			assert.Less(t, time.Since(start), 10*time.Second, "%s in %s", name, header)
		}
	}
}
