package message

import (
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"
)

// invite is an INVITE as a desk phone sends it, about 1 kB.
var invite = crlf(`INVITE sip:12125550100@pbx.example.com;user=phone SIP/2.0
Via: SIP/2.0/UDP 192.0.2.10:5060;branch=z9hG4bK-524287-1---b5c5b1a7f8e7a53d;rport
Max-Forwards: 70
Route: <sip:192.0.2.1:5060;lr>
Contact: <sip:201@192.0.2.10:5060;transport=udp>
To: <sip:12125550100@pbx.example.com>
From: "Zhang Wei" <sip:201@pbx.example.com>;tag=5a6f3e1d
Call-ID: 88147ZjQ4NmY3OWQ5ZDk3YjM2ZWVjZjE0YTg
CSeq: 1 INVITE
Session-Expires: 1800
Allow: INVITE, ACK, CANCEL, OPTIONS, BYE, REFER, NOTIFY, INFO, UPDATE, PRACK
Supported: replaces, timer, 100rel
User-Agent: ExamplePhone/5.2.1 rv2.10
Allow-Events: presence, kpml, talk
P-Preferred-Identity: "Zhang Wei" <sip:201@pbx.example.com>
Accept: application/sdp
Content-Type: application/sdp
Content-Length: 224

v=0
o=- 13374 13374 IN IP4 192.0.2.10
s=-
c=IN IP4 192.0.2.10
t=0 0
m=audio 40376 RTP/AVP 8 0 9 101
a=rtpmap:8 PCMA/8000
a=rtpmap:0 PCMU/8000
a=rtpmap:9 G722/8000
a=rtpmap:101 telephone-event/8000
a=fmtp:101 0-15
`)

var source = netip.MustParseAddrPort("192.0.2.77:40001")

func BenchmarkParseInvite(b *testing.B) {
	b.SetBytes(int64(len(invite)))
	b.ReportAllocs()
	raw := []byte(invite)
	for b.Loop() {
		if _, err := Parse(raw); err != nil {
			b.Fatal(err)
		}
	}
}

// What a proxy puts in, made before so that the benchmark counts the splicing alone.
var (
	target      = []byte("sip:+12125550100@198.51.100.1:5060")
	ourVia      = []byte("Via: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKb1e9c0ffee\r\n")
	recordRoute = []byte("Record-Route: <sip:0123456789abcdef0123456789abcdef@192.0.2.1:5060;lr>\r\n")
	sixtyNine   = []byte("69")
)

// forward is what a proxy does to an INVITE that it lets go (RFC 3261 §16.6).
func forward(e *Edit, m *Message, dst []byte) []byte {
	e.Reset(m)
	e.Replace(m.RequestURI, target)
	m.MarkReceived(e, source)
	e.Insert(m.HeadersStart(), ourVia)
	e.Insert(m.HeadersStart(), recordRoute)
	if h, ok := m.Find(MaxForwards); ok {
		e.Replace(h.Value, sixtyNine)
	}
	e.PopElement(Route)
	e.Drop(PPreferredIdentity)
	return e.Append(dst)
}

func BenchmarkForward(b *testing.B) {
	m, err := Parse([]byte(invite))
	require.NoError(b, err)
	var e Edit
	var dst []byte
	b.ReportAllocs()
	for b.Loop() {
		dst = forward(&e, m, dst[:0])
	}
}

func BenchmarkAnswer(b *testing.B) {
	m, err := Parse([]byte(invite))
	require.NoError(b, err)
	var dst []byte
	b.ReportAllocs()
	for b.Loop() {
		dst = AppendAnswer(dst[:0], m, Answer{Status: 403, Phrase: "Forbidden", ToTag: "a1b2", Source: source})
	}
}

func TestAllocationBudgets(t *testing.T) {
	m, err := Parse([]byte(invite))
	require.NoError(t, err)
	raw, dst := []byte(invite), make([]byte, 0, 4096)
	var e Edit
	e.Reset(m)
	m.MarkReceived(&e, source)

	for _, budget := range []struct {
		what string
		max  float64
		run  func()
	}{
		{"Parse: the message and the index of its headers", 2, func() { _, _ = Parse(raw) }},
		{"forward into a buffer of one's own", 0, func() { dst = forward(&e, m, dst[:0]) }},
		{"forward into a new buffer", 1, func() { _ = forward(&e, m, nil) }},
		{"answer into a buffer of one's own", 0, func() {
			dst = AppendAnswer(dst[:0], m, Answer{Status: 403, Phrase: "Forbidden", ToTag: "a1b2", Source: source})
		}},
		{"read the Request-URI", 0, func() { _, _ = ParseURI(m.Bytes(m.RequestURI)) }},
		{"look through a list", 0, func() { _ = m.HasToken(Supported, "100rel") }},
	} {
		require.LessOrEqual(t, testing.AllocsPerRun(100, budget.run), budget.max, budget.what)
	}
}
