package message

import (
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// spliced applies change to the message in text and returns what comes out, with LF line ends as in text.
func spliced(t *testing.T, text string, change func(*Message, *Edit)) string {
	t.Helper()
	m := parse(t, text)
	var e Edit
	e.Reset(m)
	change(m, &e)
	out := string(e.Append(nil))
	assert.Equal(t, out, string(e.Append(nil)), "it can be written more than once")
	assert.Equal(t, crlf(text), string(m.Raw), "what came in is never changed")
	return strings.ReplaceAll(out, "\r\n", "\n")
}

func TestEditNothing(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(tortureDir(t), "*valid", "*.dat"))
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		raw, err := os.ReadFile(file)
		require.NoError(t, err)
		if m, err := Parse(raw); err == nil {
			var e Edit
			e.Reset(m)
			assert.Equal(t, string(raw[:m.Body.End]), string(e.Append(nil)), file)
		}
	}
}

func TestEditForward(t *testing.T) {
	var e Edit
	m, err := Parse([]byte(invite))
	require.NoError(t, err)
	want := invite
	for old, new := range map[string]string{
		"sip:12125550100@pbx.example.com;user=phone SIP": string(target) + " SIP",
		"SIP/2.0\r\nVia":                     "SIP/2.0\r\n" + string(ourVia) + string(recordRoute) + "Via",
		";rport\r\n":                         ";rport=40001;received=192.0.2.77\r\n",
		"Forwards: 70":                       "Forwards: 69",
		"Route: <sip:192.0.2.1:5060;lr>\r\n": "",
		"P-Preferred-Identity: \"Zhang Wei\" <sip:201@pbx.example.com>\r\n": "",
	} {
		require.Contains(t, want, old)
		want = strings.Replace(want, old, new, 1)
	}
	for range 2 { // the second time with what the first one left
		assert.Equal(t, want, string(forward(&e, m, nil)))
	}
	assert.Equal(t, "before"+want, string(forward(&e, m, []byte("before"))))
}

func TestEdits(t *testing.T) {
	const text = `OPTIONS sip:a SIP/2.0
Via: SIP/2.0/UDP a;branch=z9hG4bK1
From: <sip:a@b>;tag=1
To: <sip:a@b>
Route: <sip:one;lr> , <sip:two;lr>
v: SIP/2.0/UDP b
Call-ID: 1
CSeq: 1 OPTIONS
route : <sip:three>
y: signed
Identity: signed
 and folded

`
	const routes = "Route: <sip:one;lr> , <sip:two;lr>\n"
	all := strings.NewReplacer
	for _, row := range []struct {
		name   string
		change func(*Message, *Edit)
		want   string
	}{
		{"pop one", func(m *Message, e *Edit) {
			assert.True(t, e.PopElement(Route))
		}, all("<sip:one;lr> , ", "").Replace(text)},
		{"pop two: the line goes", func(m *Message, e *Edit) {
			e.PopElement(Route)
			e.PopElement(Route)
		}, all(routes, "").Replace(text)},
		{"pop more than there are", func(m *Message, e *Edit) {
			for range 3 {
				assert.True(t, e.PopElement(Route))
			}
			assert.False(t, e.PopElement(Route))
			assert.False(t, e.PopElement(Path))
		}, all(routes, "", "route : <sip:three>\n", "").Replace(text)},
		{"pop and push", func(m *Message, e *Edit) {
			e.PopElement(Via)
			h, _ := m.Find(Via)
			e.Insert(h.Line.Start, []byte("Via: new\r\n"))
		}, all("Via: SIP/2.0/UDP a;branch=z9hG4bK1\n", "Via: new\n").Replace(text)},
		{"drop a kind", func(m *Message, e *Edit) {
			e.Drop(Via)
			e.Drop(Path)
		}, all("Via: SIP/2.0/UDP a;branch=z9hG4bK1\n", "", "v: SIP/2.0/UDP b\n", "").Replace(text)},
		{"drop a name with its compact form and its folds", func(m *Message, e *Edit) {
			e.DropName("identity")
		}, all("y: signed\nIdentity: signed\n and folded\n", "").Replace(text)},
		{"inserts keep their order, in front of what was there", func(m *Message, e *Edit) {
			e.Replace(Span{m.HeadersStart(), m.HeadersStart() + 3}, []byte("VIA"))
			e.Insert(m.HeadersStart(), []byte("1"))
			e.Insert(m.HeadersStart(), []byte("2"))
		}, all("Via", "12VIA").Replace(text)},
		{"at the end", func(m *Message, e *Edit) {
			e.Insert(m.HeadersEnd(), []byte("X: y\r\n"))
			e.Insert(m.RequestURI.End, []byte(";lr"))
			e.Replace(m.Body, []byte("body"))
		}, all("sip:a SIP", "sip:a;lr SIP", "folded\n\n", "folded\nX: y\n\nbody").Replace(text)},
		{"overlaps: all that is removed is gone, one text goes in", func(m *Message, e *Edit) {
			h, _ := m.Find(Route)
			e.Replace(Span{h.Line.Start + 2, h.Line.End}, []byte("X"))
			e.Replace(Span{h.Line.Start, h.Line.Start + 4}, []byte("Y\r\n"))
			e.Insert(h.Value.Start, []byte("Z"))
		}, all(routes, "Y\n").Replace(text)},
		{"the same place twice: the first text", func(m *Message, e *Edit) {
			e.Replace(m.RequestURI, []byte("sip:b"))
			e.Replace(m.RequestURI, []byte("sip:c"))
		}, all("sip:a SIP", "sip:b SIP").Replace(text)},
	} {
		t.Run(row.name, func(t *testing.T) {
			assert.Equal(t, row.want, spliced(t, text, row.change))
		})
	}
}

func TestReceivedFromNowhere(t *testing.T) {
	assert.Equal(t, options, spliced(t, options, func(m *Message, e *Edit) { m.MarkReceived(e, netip.AddrPort{}) }))
}

// What the next hop back is told must not depend on which of the two writers tells it.
func TestReceived(t *testing.T) {
	for _, row := range []struct{ name, via, source, want string }{
		{"same address", "192.0.2.77;branch=z9hG4bK1", "192.0.2.77:9", "192.0.2.77;branch=z9hG4bK1"},
		{"another address", "192.0.2.1;branch=z9hG4bK1", "192.0.2.77:9", "192.0.2.1;branch=z9hG4bK1;received=192.0.2.77"},
		{"a name", "host", "192.0.2.77:9", "host;received=192.0.2.77"},
		{"rport", "192.0.2.77;rport;x", "192.0.2.77:9", "192.0.2.77;rport=9;x;received=192.0.2.77"},
		{"rport with a lie", "192.0.2.77 ; RPort = 1", "192.0.2.77:9", "192.0.2.77 ;rport=9;received=192.0.2.77"},
		{"received is a lie", "192.0.2.77;received=198.51.100.1;x", "192.0.2.77:9", "192.0.2.77;x"},
		{"both are lies", "a;received=b;rport=1", "192.0.2.77:9", "a;rport=9;received=192.0.2.77"},
		{"both, the other way round", "a;rport=1;received=b", "192.0.2.77:9", "a;rport=9;received=192.0.2.77"},
		{"first of a list", "a , SIP/2.0/UDP b", "192.0.2.77:9", "a;received=192.0.2.77 , SIP/2.0/UDP b"},
		{"IPv6", "[2001:DB8:0::1]", "[2001:db8::1]:9", "[2001:DB8:0::1]"},
		{"another IPv6", "[2001:db8::2]", "[2001:db8::1]:9", "[2001:db8::2];received=2001:db8::1"},
		{"IPv4 in IPv6", "192.0.2.77", "[::ffff:192.0.2.77]:9", "192.0.2.77"},
		{"IPv6 with a zone", "[fe80::1]", "[fe80::1%eth0]:9", "[fe80::1]"},
	} {
		t.Run(row.name, func(t *testing.T) {
			from := netip.MustParseAddrPort(row.source)
			text := strings.Replace(options, "192.0.2.10:5060;branch=z9hG4bKabc", row.via, 1)
			want := "\nVia: SIP/2.0/UDP " + row.want + "\n"
			assert.Contains(t, spliced(t, text, func(m *Message, e *Edit) { m.MarkReceived(e, from) }), want)
			answer := string(AppendAnswer(nil, parse(t, text), Answer{Status: 200, Phrase: "OK", Source: from}))
			assert.Contains(t, strings.ReplaceAll(answer, "\r\n", "\n"), want)
		})
	}
}
