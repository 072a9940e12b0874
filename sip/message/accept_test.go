package message

import (
	"maps"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestParseAccepts(t *testing.T) {
	for _, row := range []struct {
		name, old, new string
		check          func(*testing.T, *Message)
	}{
		{"blanks before a To parameter", "To: <sip:201@example.com>", "To: <sip:201@example.com> ; tag=5", func(t *testing.T, m *Message) {
			assert.Equal(t, "5", string(m.ToTag))
		}},
		{"To without brackets", "To: <sip:201@example.com>", "To: sip:201@example.com;TAG=5", func(t *testing.T, m *Message) {
			assert.Equal(t, "5", string(m.ToTag))
		}},
		{"tag-like text in a display name", "To: <", "To: \"x;tag=9\" <", func(t *testing.T, m *Message) {
			assert.Nil(t, m.ToTag)
		}},
		{"tag of the URI", "To: <sip:201@example.com>", "To: <sip:201@example.com;tag=9>", func(t *testing.T, m *Message) {
			assert.Nil(t, m.ToTag)
		}},
		{"blanks all over Via", "SIP/2.0/UDP 192.0.2.10:5060;branch=z9hG4bKabc", "SIP / 2.0 / udp host : 5061 ; branch = z9hG4bKabc ; rport", func(t *testing.T, m *Message) {
			assert.Equal(t, "UDP", m.Via.Transport)
			assert.Equal(t, "host", string(m.Via.Host))
			assert.EqualValues(t, 5061, m.Via.Port)
			assert.Equal(t, "z9hG4bKabc", string(m.Via.Branch))
			assert.True(t, m.Via.RPort)
			assert.Equal(t, "; rport", string(m.Bytes(m.Via.RPortSpan)))
		}},
		{"folds", "Via: SIP/2.0/UDP 192.0.2.10:5060;branch", "Via:\n SIP/2.0/UDP\n\t192.0.2.10:5060\n ;branch", func(t *testing.T, m *Message) {
			assert.Equal(t, "192.0.2.10", string(m.Via.Host))
		}},
		{"fold in CSeq", "CSeq: 314159 OPTIONS", "CSeq: 314159\n OPTIONS", func(t *testing.T, m *Message) {
			assert.EqualValues(t, 314159, m.CSeq)
		}},
		{"two Vias in one header", "z9hG4bKabc", "z9hG4bKabc , SIP/2.0/TCP b;branch=z9hG4bKd", func(t *testing.T, m *Message) {
			assert.Equal(t, 2, m.Vias)
			assert.Equal(t, "SIP/2.0/UDP 192.0.2.10:5060;branch=z9hG4bKabc", string(m.Bytes(m.Via.Element)))
		}},
		{"IPv6 sent-by", "192.0.2.10:5060", "[2001:db8::1]:5062", func(t *testing.T, m *Message) {
			assert.Equal(t, "2001:db8::1", string(m.Via.Host))
			assert.EqualValues(t, 5062, m.Via.Port)
		}},
		{"a transport nobody knows", "/UDP", "/carrier-pigeon", func(t *testing.T, m *Message) {
			assert.Equal(t, "CARRIER-PIGEON", m.Via.Transport)
		}},
		{"rport and received with values", ";branch", ";rport=9;received=192.0.2.9;maddr=192.0.2.8;branch", func(t *testing.T, m *Message) {
			assert.EqualValues(t, 9, m.Via.RPortValue)
			assert.Equal(t, "192.0.2.9", string(m.Via.Received))
			assert.Equal(t, ";received=192.0.2.9", string(m.Bytes(m.Via.ReceivedSpan)))
			assert.Equal(t, "192.0.2.8", string(m.Via.MAddr))
		}},
		{"branch of RFC 2543", "z9hG4bKabc", "390skdjuw", func(t *testing.T, m *Message) {
			assert.False(t, m.Via.RFC3261())
		}},
		{"no branch at all", ";branch=z9hG4bKabc", "", func(t *testing.T, m *Message) {
			assert.Nil(t, m.Via.Branch)
			assert.False(t, m.Via.RFC3261())
		}},
		{"branch of base64", "z9hG4bKabc", "z9hG4bKa/b+c==", func(t *testing.T, m *Message) {
			assert.Equal(t, "z9hG4bKa/b+c==", string(m.Via.Branch))
			assert.True(t, m.Via.RFC3261())
		}},
		{"compact forms", "Content-Length: 4", "L : 4", func(t *testing.T, m *Message) {
			assert.Equal(t, "body", string(m.Bytes(m.Body)))
		}},
		{"surplus body", "Content-Length: 4", "Content-Length: 2", func(t *testing.T, m *Message) {
			assert.Equal(t, "bo", string(m.Bytes(m.Body)))
			assert.Len(t, m.Raw, m.Body.End)
		}},
		{"no Content-Length", "Content-Length: 4\n", "", func(t *testing.T, m *Message) {
			assert.Equal(t, "body", string(m.Bytes(m.Body)))
		}},
		{"no Max-Forwards", "Max-Forwards: 70\n", "", func(t *testing.T, m *Message) {
			assert.Equal(t, -1, m.MaxForwards)
		}},
		{"Max-Forwards 0", "Max-Forwards: 70", "Max-Forwards: 0", func(t *testing.T, m *Message) {
			assert.Equal(t, 0, m.MaxForwards)
		}},
		{"leading zeros", "Max-Forwards: 70", "MaX-fOrWaRdS: 0068", func(t *testing.T, m *Message) {
			assert.Equal(t, 68, m.MaxForwards)
		}},
		{"no From tag", ";tag=1", "", func(t *testing.T, m *Message) {
			assert.Nil(t, m.FromTag)
		}},
		{"largest CSeq", "314159 OPTIONS", "2147483647 OPTIONS", func(t *testing.T, m *Message) {
			assert.EqualValues(t, 1<<31-1, m.CSeq)
		}},
		{"a lower-case version", "SIP/2.0\nVia", "sip/2.0\nVia", nil},
		{"escaped control bytes in quotes", "From: <", "From: \"\\\a\\\x00\\\x7f\" <", nil},
		{"UTF-8 in a value", "From: <", "From: 张伟 <", nil},
		{"odd display name", "From: <", "From: Bob (Sales) <", nil},
		{"Contact star", "CSeq", "Contact: *\nCSeq", nil},
		{"Contact list", "CSeq", "Contact: \"a,b\" <sip:a@b;x=c,d>;q=0.5, sip:c@d\nCSeq", func(t *testing.T, m *Message) {
			assert.Equal(t, []string{`"a,b" <sip:a@b;x=c,d>;q=0.5`, "sip:c@d"}, elements(m, Contact))
		}},
		{"tab in a value", "CSeq", "Subject:\ta\tb\t\nCSeq", func(t *testing.T, m *Message) {
			v, ok := m.GetName("s")
			assert.True(t, ok)
			assert.Equal(t, "a\tb", string(v))
		}},
		{"empty header", "CSeq", "Subject:\nCSeq", func(t *testing.T, m *Message) {
			v, ok := m.GetName("subject")
			assert.True(t, ok)
			assert.Empty(t, v)
		}},
		{"hash in the user part", "sip:201@example.com SIP", "sip:*21#@example.com SIP", nil},
		{"tel", "sip:201@example.com SIP", "tel:+1-212-555-0100;phone-context=x SIP", nil},
		{"urn", "sip:201@example.com SIP", "urn:service:sos SIP", nil},
		{"a scheme nobody knows", "sip:201@example.com SIP", "soap.beep://192.0.2.1:3002 SIP", nil},
	} {
		t.Run(row.name, func(t *testing.T) {
			m, err := Parse([]byte(changed(t, options, row.old, row.new)))
			require.NoError(t, err)
			if row.check != nil {
				row.check(t, m)
			}
		})
	}
}

func TestParseRequest(t *testing.T) {
	m, err := Parse([]byte(invite))
	require.NoError(t, err)
	assert.True(t, m.Request)
	assert.Equal(t, "INVITE", m.Method)
	assert.Equal(t, "sip:12125550100@pbx.example.com;user=phone", string(m.Bytes(m.RequestURI)))
	assert.EqualValues(t, 1, m.CSeq)
	assert.Equal(t, "INVITE", m.CSeqMethod)
	assert.Equal(t, "88147ZjQ4NmY3OWQ5ZDk3YjM2ZWVjZjE0YTg", string(m.CallID))
	assert.Equal(t, "5a6f3e1d", string(m.FromTag))
	assert.Nil(t, m.ToTag)
	assert.Equal(t, 1, m.Vias)
	assert.Equal(t, 70, m.MaxForwards)
	assert.Len(t, maps.Collect(m.Headers()), 17)
	assert.Equal(t, 224, m.Body.End-m.Body.Start)
	assert.True(t, m.HasToken(Supported, "100REL"))
	assert.False(t, m.HasToken(Supported, "rel"))
	assert.Equal(t, 0, m.Count(Require))
	assert.Equal(t, "\r\n", string(m.Raw[m.HeadersEnd():m.HeadersEnd()+2]))
	assert.Equal(t, "Via", string(m.Raw[m.HeadersStart():m.HeadersStart()+3]))
}

func TestParseResponse(t *testing.T) {
	m := parse(t, ringing)
	assert.False(t, m.Request)
	assert.Equal(t, 180, m.Status)
	assert.Equal(t, "Ringing", string(m.Bytes(m.Phrase)))
	assert.Equal(t, "INVITE", m.Method)
	assert.Equal(t, 2, m.Vias)
	assert.Equal(t, "z9hG4bKtop", string(m.Via.Branch))
	assert.Equal(t, "2", string(m.ToTag))

	for _, line := range []string{"SIP/2.0 200", "SIP/2.0 200 "} {
		m, err := Parse([]byte(changed(t, ringing, "SIP/2.0 180 Ringing", line)))
		require.NoError(t, err, "a phrase is not needed")
		assert.Equal(t, 200, m.Status)
		assert.Empty(t, m.Bytes(m.Phrase))
	}
	m, err := Parse([]byte(changed(t, ringing, "CSeq", "Contact: <>\nRecord-Route: ,\nCSeq")))
	require.NoError(t, err, "what a callee writes there does not end a call")
	assert.Equal(t, 1, m.Count(Contact))
}

func TestMoreHeadersThanUsual(t *testing.T) {
	m := parse(t, strings.Replace(options, "CSeq", strings.Repeat("Z: y\n", 100)+"CSeq", 1))
	assert.Len(t, maps.Collect(m.Headers()), 107)
}

func elements(m *Message, k Kind) (list []string) {
	for s := range m.Elements(k) {
		list = append(list, string(m.Bytes(s)))
	}
	return list
}
