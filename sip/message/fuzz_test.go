package message

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Headers that have crashed or fooled other SIP stacks.
var seeds = []string{
	"To: <sip:a@b>;tag=\r\nTo: <sip:c@d>;tag=",
	"To\x01: <sip:a@b>",
	"Via:",
	"Via: SIP/2.0/UDP ;;,;,,",
	"Authorization: Digest username=\"a\\",
	"Warning:",
	"Content-Length: 4294967328",
	"Call-ID: " + strings.Repeat("x", 4096),
	"Contact: <sip:a@b>;x=\"",
	"Record-Route: <sip:a;lr>, \"b, <sip:c>",
	"x:\r\n \r\n\t",
}

func FuzzParse(f *testing.F) {
	files, err := filepath.Glob(filepath.Join(tortureDir(f), "*valid", "*.dat"))
	require.NoError(f, err)
	require.NotEmpty(f, files)
	for _, file := range files {
		raw, err := os.ReadFile(file)
		require.NoError(f, err)
		f.Add(raw)
	}
	f.Add([]byte(invite))
	f.Add([]byte(crlf(ringing)))
	for _, s := range seeds {
		f.Add([]byte(strings.Replace(crlf(options), "Max-Forwards", s+"\r\nMax-Forwards", 1)))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		given := string(raw)
		uri, certain := PeekNew(raw)
		m, err := Parse(raw)
		if certain && err == nil && m.Request {
			require.Nil(t, m.ToTag, "what is certain to be in no dialog")
			require.Equal(t, string(m.Bytes(m.RequestURI)), string(uri))
		}
		if m != nil {
			checkSpans(t, m)
		}
		if m != nil && err != nil {
			require.True(t, m.Request && m.Method != "ACK", "only what can be answered comes with an error")
		}
		if m != nil && m.Request {
			answer, bad := Parse(AppendAnswer(nil, m, Answer{Status: 400, ToTag: "t", Source: source}))
			if err == nil {
				require.NoError(t, bad, "an answer to a good request is good")
				sameCall(t, m, answer)
			}
		}
		require.Equal(t, given, string(raw), "Parse changes nothing")
		if err != nil {
			return
		}
		var e Edit
		e.Reset(m)
		require.Equal(t, string(m.Raw), string(e.Append(nil)))
		if !m.Request {
			return
		}
		out, err := Parse(forward(&e, m, nil))
		require.NoError(t, err, "what is forwarded is as good as what came: %q", given)
		sameCall(t, m, out)
		require.Equal(t, m.Vias+1, out.Vias)
		require.Equal(t, string(m.Bytes(m.Body)), string(out.Bytes(out.Body)))
		require.Equal(t, m.ToTag, out.ToTag)
	})
}

// sameCall makes sure that two messages belong together.
func sameCall(t *testing.T, a, b *Message) {
	t.Helper()
	require.Equal(t, a.CallID, b.CallID)
	require.Equal(t, a.FromTag, b.FromTag)
	require.Equal(t, a.CSeq, b.CSeq)
	require.Equal(t, a.CSeqMethod, b.CSeqMethod)
	from, _ := a.Get(From)
	same, _ := b.Get(From)
	require.Equal(t, string(from), string(same))
}

func FuzzParseURI(f *testing.F) {
	for _, s := range []string{"sip:a:b@c:1;d=e?f=g", "tel:+1", "sip:[::1]", "sip:%41@b"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		u, err := ParseURI(b)
		if err != nil {
			require.Equal(t, URI{}, u)
			return
		}
		require.True(t, all(b, uriByte))
		u.Param("method")
		_, err = ParseNameAddr([]byte("<" + string(b) + ">"))
		require.NoError(t, err)
	})
}

func FuzzParseNameAddr(f *testing.F) {
	for _, s := range []string{`"a" <sip:b>;c=d`, "sip:a;b", `a<sip:b>;c="d"`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		n, err := ParseNameAddr(b)
		if err != nil {
			return
		}
		n.Param("tag")
		again, err := ParseNameAddr([]byte("<" + string(n.URI) + ">"))
		require.NoError(t, err)
		require.Equal(t, string(n.URI), string(again.URI))
	})
}

// What is read of a Via lies in it, and an answer sent by it is read by its sender as it was meant.
func FuzzVia(f *testing.F) {
	for _, s := range []string{
		"SIP/2.0/UDP a:5060;branch=z9hG4bK1;rport", "SIP / 2.0 / TCP [2001:db8::1] : 5061 ; received = 192.0.2.1;rport=1", "SIP/2.0/UDP ;;,;,,",
		"SIP/2.0/UDP a;branch=\"z9hG4bK\\\"\"", "SIP/2.0/UDP a;x=\"", "SIP/2.0/UDP a:0", "SIP/2.0/UDP a;maddr=b;ttl=1;branch=",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		v, err := parseVia(b, Span{0, len(b)})
		if err != nil {
			return
		}
		require.NotEmpty(t, v.Host)
		for _, s := range []Span{v.RPortSpan, v.ReceivedSpan} {
			require.True(t, s.Empty() || b[s.Start] == ';' || isLWS(b[s.Start]), "%q", b[s.Start:s.End])
		}
		m, err := Parse([]byte("OPTIONS sip:a SIP/2.0\r\nVia: " + string(b) + "\r\nFrom: <sip:a>;tag=1\r\nTo: <sip:b>\r\nCall-ID: c\r\nCSeq: 1 OPTIONS\r\n\r\n"))
		if err != nil || m.Vias != 1 {
			return // bytes that no header holds, or a comma
		}
		back, err := Parse(AppendAnswer(nil, m, Answer{Status: 200, ToTag: "t", Source: source}))
		require.NoError(t, err)
		require.Equal(t, string(v.Branch), string(back.Via.Branch))
		require.Equal(t, string(v.Host), string(back.Via.Host))
		require.Equal(t, v.Port, back.Via.Port)
		require.Equal(t, v.RPort, back.Via.RPort)
		if v.RPort {
			require.Equal(t, source.Port(), back.Via.RPortValue)
			require.Equal(t, source.Addr().String(), string(back.Via.Received))
		}
	})
}

func FuzzFramer(f *testing.F) {
	f.Add([]byte(crlf(options)+"\r\n\r\n"+crlf(ringing)+invite), uint8(7))
	f.Add([]byte("\r\n\r\r\n"), uint8(1))
	for _, s := range seeds {
		f.Add([]byte(strings.Replace(crlf(options), "Max-Forwards", s+"\r\nMax-Forwards", 1)), uint8(3))
	}
	f.Fuzz(func(t *testing.T, stream []byte, step uint8) {
		const max = 2048
		want := frame(max, stream, whole)
		require.Equal(t, want, frame(max, stream, single))
		require.Equal(t, want, frame(max, stream, func(i int) int { return 1 + i*int(step)%97 }))
		for _, msg := range want.msgs {
			require.LessOrEqual(t, len(msg), max)
			if m, err := Parse([]byte(msg)); err == nil {
				require.Len(t, m.Raw, len(msg), "Framer and Parse find the same end")
			}
		}
	})
}
