package message

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// options is a request with no more than it must have; the tables change one thing in it.
const options = `OPTIONS sip:201@example.com SIP/2.0
Via: SIP/2.0/UDP 192.0.2.10:5060;branch=z9hG4bKabc
Max-Forwards: 70
From: <sip:202@example.com>;tag=1
To: <sip:201@example.com>
Call-ID: a84b4c76e66710
CSeq: 314159 OPTIONS
Content-Length: 4

body`

const ringing = `SIP/2.0 180 Ringing
Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKtop
Via: SIP/2.0/UDP 192.0.2.10:5060;branch=z9hG4bKabc
From: <sip:202@example.com>;tag=1
To: <sip:201@example.com>;tag=2
Call-ID: a84b4c76e66710
CSeq: 314159 INVITE
Content-Length: 0

`

// changed replaces old by new in the text of a message, on the wire.
func changed(t *testing.T, text, old, new string) string {
	t.Helper()
	require.Contains(t, text, old, "the table names a line that is not there")
	return strings.Replace(crlf(text), crlf(old), crlf(new), 1)
}

func TestParseRefuses(t *testing.T) {
	const (
		answered = true
		dropped  = false
	)
	for _, row := range []struct {
		name, old, new string
		code           int
		detail         string
		answered       bool
	}{
		{"NUL in To", "To: <", "To:\x00 <", 400, "header section: holds", answered},
		{"NUL in an unknown header", "Max-Forwards", "X: a\x00b\nMax-Forwards", 400, "header section: holds", answered},
		{"bell outside quotes", "Max-Forwards", "X: a\ab\nMax-Forwards", 400, "header section: holds", answered},
		{"escaped bell outside quotes", "Max-Forwards", "X: \\\a\nMax-Forwards", 400, "header section: holds", answered},
		{"bell in quotes, not escaped", "Max-Forwards", "X: \"\a\"\nMax-Forwards", 400, "header section: holds", answered},
		{"bell behind an escaped backslash", "Max-Forwards", "X: \"\\\\\a\"\nMax-Forwards", 400, "header section: holds", answered},
		{"DEL", "Max-Forwards", "X: \x7f\nMax-Forwards", 400, "header section: holds", answered},
		{"NUL in the start line", "OPTIONS sip", "OPTIONS \x00sip", 400, "start line: holds", dropped},
		{"tab in the start line", "OPTIONS sip", "OPTIONS\tsip", 400, "request line: the method", dropped},
		{"control byte in a header's name", "To: <", "To\x01: <", 400, "header section: holds", answered},
		{"header without a colon", "Max-Forwards", "Foobar\nMax-Forwards", 400, "header section: the name", answered},
		{"header without a name", "Max-Forwards", ": x\nMax-Forwards", 400, "header section: the name", answered},
		{"blank inside a name", "Max-Forwards", "Max Forwards", 400, "header section: the name", answered},
		{"non-ASCII name", "Max-Forwards", "Priorität: x\nMax-Forwards", 400, "header section: the name", answered},
		{"fold without a header", "Via", " x\nVia", 400, "header section: the name", answered},
		{"no empty line", "\n\nbody", "\n", 400, "header section: does not end", answered},
		{"last header not ended", "Content-Length: 4\n\nbody", "X", 400, "header section: does not end", answered},

		{"two From", "To:", "From: <sip:9@example.com>;tag=9\nTo:", 400, "From: is there more than once", answered},
		{"two From, one compact", "To:", "f: <sip:9@example.com>;tag=9\nTo:", 400, "From: is there more than once", answered},
		{"two To", "Call-ID", "To: <sip:9@example.com>\nCall-ID", 400, "To: is there more than once", answered},
		{"two Call-ID", "CSeq", "i: x\nCSeq", 400, "Call-ID: is there more than once", answered},
		{"two CSeq", "Call-ID", "CSeq: 1 OPTIONS\nCall-ID", 400, "CSeq: is there more than once", answered},
		{"two Max-Forwards", "From", "Max-Forwards: 70\nFrom", 400, "Max-Forwards: is there more than once", answered},
		{"two Content-Length", "From", "l: 4\nFrom", 400, "Content-Length: is there more than once", answered},
		{"two Content-Type", "From", "c: a/b\nContent-Type: a/b\nFrom", 400, "Content-Type: is there more than once", answered},
		{"two Referred-By", "From", "b: <sip:1@a>\nReferred-By: <sip:2@a>\nFrom", 400, "Referred-By: is there more than once", answered},
		{"two Replaces", "From", "Replaces: 1;to-tag=1;from-tag=2\nReplaces: 2;to-tag=1;from-tag=2\nFrom", 400, "Replaces: is there more than once", answered},
		{"two Session-Expires", "From", "x: 90\nSession-Expires: 1800\nFrom", 400, "Session-Expires: is there more than once", answered},
		{"two Expires", "From", "Expires: 1\nExpires: 1\nFrom", 400, "Expires: is there more than once", answered},

		{"no Via", "Via: SIP/2.0/UDP 192.0.2.10:5060;branch=z9hG4bKabc\n", "", 400, "Via: is missing", dropped},
		{"no From", "From: <sip:202@example.com>;tag=1\n", "", 400, "From: is missing", answered},
		{"no To", "To: <sip:201@example.com>\n", "", 400, "To: is missing", answered},
		{"no Call-ID", "Call-ID: a84b4c76e66710\n", "", 400, "Call-ID: is missing", answered},
		{"no CSeq", "CSeq: 314159 OPTIONS\n", "", 400, "CSeq: is missing", answered},

		{"empty Via", "SIP/2.0/UDP 192.0.2.10:5060;branch=z9hG4bKabc", "", 400, "Via: the protocol", dropped},
		{"Via without a host", "192.0.2.10:5060;", ";", 400, "Via: the host", dropped},
		{"Via without a transport", "/UDP", "", 400, "Via: the protocol", dropped},
		{"Via of another protocol", "SIP/2.0/UDP", "HTTP/2.0/UDP", 400, "Via: the protocol", answered},
		{"Via of another version", "SIP/2.0/UDP", "SIP/3.0/UDP", 400, "Via: the protocol", answered},
		{"Via port 0", ":5060;", ":0;", 400, "Via: the port", answered},
		{"Via port too large", ":5060;", ":65536;", 400, "Via: the port", answered},
		{"Via port negative", ":5060;", ":-5;", 400, "Via: the port", answered},
		{"Via host in open brackets", "192.0.2.10:5060", "[2001:db8::1", 400, "Via: the host", dropped},
		{"Via host no IPv6 address", "192.0.2.10:5060", "[192.0.2.10]", 400, "Via: the host", dropped},
		{"empty branch", "z9hG4bKabc", "", 400, "Via: a parameter", answered},
		{"branch without a value", "branch=z9hG4bKabc", "branch", 400, "Via: the branch", answered},
		{"branch that is all cookie", "z9hG4bKabc", "z9hG4bK", 400, "Via: the branch", answered},
		{"two branches", ";branch", ";branch=z9hG4bKx;BRANCH", 400, "Via: the branch", answered},
		{"rport out of range", ";branch", ";rport=70000;branch", 400, "Via: rport", answered},
		{"two rport", ";branch", ";rport;rport=1;branch", 400, "Via: rport", answered},
		{"two received", ";branch", ";received=192.0.2.1;received=192.0.2.2;branch", 400, "Via: rport", answered},
		{"empty Via parameter", ";branch", ";;branch", 400, "Via: a parameter", answered},
		{"Via with a tail", "z9hG4bKabc", "z9hG4bKabc x", 400, "Via: something follows", answered},
		{"Via ends with a comma", "z9hG4bKabc", "z9hG4bKabc,", 400, "Via: has an empty list element", answered},

		{"CSeq of another method", "314159 OPTIONS", "314159 INVITE", 400, "CSeq: the method differs", answered},
		{"CSeq in another case", "314159 OPTIONS", "314159 options", 400, "CSeq: the method differs", answered},
		{"CSeq 2^31", "314159 ", "2147483648 ", 400, "CSeq: is no number, or", answered},
		{"CSeq without a number", "314159 ", "", 400, "CSeq: is no number and", answered},
		{"CSeq negative", "314159 ", "-1 ", 400, "CSeq: is no number and", answered},
		{"CSeq with a tail", "314159 OPTIONS", "314159 OPTIONS x", 400, "CSeq: is no number and", answered},
		{"Max-Forwards no number", "Max-Forwards: 70", "Max-Forwards: x", 400, "Max-Forwards: is no number", answered},
		{"Max-Forwards too large", "Max-Forwards: 70", "Max-Forwards: 256", 400, "Max-Forwards: is no number", answered},
		{"empty Call-ID", "a84b4c76e66710", "", 400, "Call-ID: is empty", answered},
		{"Call-ID with a blank", "a84b4c76e66710", "a b", 400, "Call-ID: has a blank", answered},
		{"Content-Length beyond the body", "Content-Length: 4", "Content-Length: 5", 400, "Content-Length: says more", answered},
		{"Content-Length negative", "Content-Length: 4", "Content-Length: -1", 400, "Content-Length: is no number", answered},
		{"Content-Length of 2^32+4", "Content-Length: 4", "Content-Length: 4294967300", 400, "Content-Length: is no number", answered},
		{"Content-Length of 2^64+4", "Content-Length: 4", "Content-Length: 18446744073709551620", 400, "Content-Length: is no number", answered},
		{"Content-Length as a list", "Content-Length: 4", "Content-Length: 4, 4", 400, "Content-Length: is no number", answered},

		{"From with an open quote", "From: <", "From: \"Bob <", 400, "From: a quoted string", answered},
		{"From without a URI", "From: <sip:202@example.com>", "From: <>", 400, "From: the URI", answered},
		{"From without a scheme", "From: <sip:202@example.com>", "From: <202@example.com>", 400, "From: the URI", answered},
		{"From with an unquoted comma", "From: <", "From: Bell, Alexander <", 400, "From: a display name", answered},
		{"From with a tail", ";tag=1", ";tag=1 x", 400, "From: something follows", answered},
		{"empty From tag", ";tag=1", ";tag=", 400, "From: a parameter", answered},
		{"two From tags", ";tag=1", ";tag=1;Tag=2", 400, "From: the tag", answered},
		{"quoted tag", ";tag=1", ";tag=\"1\"", 400, "From: the tag", answered},
		{"To with an empty tag", "To: <sip:201@example.com>", "To: <sip:201@example.com>;tag", 400, "To: the tag", answered},
		{"blanks in the brackets", "To: <sip:201@example.com>", "To: < sip:201@example.com >", 400, "To: the URI", answered},
		{"empty Contact URI", "CSeq", "Contact: <>\nCSeq", 400, "Contact: the URI", answered},
		{"Contact with headers and no brackets", "CSeq", "m: sip:a@b?Route=c\nCSeq", 400, "Contact: a display name", answered},
		{"empty Route", "CSeq", "Route:\nCSeq", 400, "Route: has an empty list element", answered},
		{"empty Route URI", "CSeq", "Route: <sip:a;lr>, <>\nCSeq", 400, "Route: the URI", answered},
		{"empty Record-Route element", "CSeq", "Record-Route: <sip:a;lr>,,<sip:b>\nCSeq", 400, "Record-Route: has an empty", answered},

		{"version 7.0", "SIP/2.0\nVia", "SIP/7.0\nVia", 505, "request line: the version", answered},
		{"version 2.00", "SIP/2.0\nVia", "SIP/2.00\nVia", 505, "request line: the version", answered},
		{"another protocol", "SIP/2.0\nVia", "HTTP/1.1\nVia", 400, "request line: the version", answered},
		{"no version", " SIP/2.0\nVia", "\nVia", 400, "request line: the version", answered},
		{"version cut short", "SIP/2.0\nVia", "SIP\nVia", 400, "request line: the version", answered},
		{"two blanks before the URI", "OPTIONS sip", "OPTIONS  sip", 400, "request line: the version", answered},
		{"blank at the end of the line", "SIP/2.0\nVia", "SIP/2.0 \nVia", 400, "request line: the version", answered},
		{"method no token", "OPTIONS sip", "OPT<IONS sip", 400, "request line: the method", dropped},
		{"no method", "OPTIONS sip", " sip", 400, "request line: the method", dropped},
		{"URI in angle brackets", "sip:201@example.com SIP", "<sip:201@example.com> SIP", 400, "Request-URI: the URI", answered},
		{"URI without a scheme", "sip:201@example.com SIP", "201@example.com SIP", 400, "Request-URI: the URI", answered},
		{"URI with headers", "example.com SIP", "example.com?Route=x SIP", 400, "Request-URI: the URI carries headers", answered},
		{"URI with an empty header part", "example.com SIP", "example.com? SIP", 400, "Request-URI: the URI carries headers", answered},
		{"URI with a method", "example.com SIP", "example.com;Method=BYE SIP", 400, "Request-URI: the URI carries a method", answered},
		{"URI with two @", "201@example.com SIP", "201@a@example.com SIP", 400, "Request-URI: the URI cannot", answered},
		{"URI with @ in a parameter", "example.com SIP", "example.com;x=a@b SIP", 400, "Request-URI: the URI cannot", answered},
		{"URI with a blank in the user part", "201@example.com SIP", "2 01@example.com SIP", 400, "request line: the version", answered},
		{"URI with a non-ASCII user part", "201@example.com SIP", "２01@example.com SIP", 400, "Request-URI: the URI cannot", answered},
		{"URI with a broken escape", "201@example.com SIP", "%2x1@example.com SIP", 400, "Request-URI: the user", answered},
		{"URI with an escape cut short", "201@example.com SIP", "201%2@example.com SIP", 400, "Request-URI: the user", answered},
		{"URI with an empty user part", "201@example.com SIP", "@example.com SIP", 400, "Request-URI: the user", answered},
		{"URI without a host", "201@example.com SIP", "201@ SIP", 400, "Request-URI: the host", answered},
		{"URI port 0", "example.com SIP", "example.com:0 SIP", 400, "Request-URI: the port", answered},
		{"URI port 65536", "example.com SIP", "example.com:65536 SIP", 400, "Request-URI: the port", answered},
		{"URI port negative", "example.com SIP", "example.com:-5 SIP", 400, "Request-URI: the port", answered},
		{"URI port empty", "example.com SIP", "example.com: SIP", 400, "Request-URI: the port", answered},
		{"empty tel", "sip:201@example.com SIP", "tel: SIP", 400, "Request-URI: the URI", answered},
	} {
		t.Run(row.name, func(t *testing.T) {
			m, err := Parse([]byte(changed(t, options, row.old, row.new)))
			requireFault(t, err, row.code, row.detail)
			if row.answered {
				require.NotNil(t, m, "the request can be answered")
				checkAnswer(t, m)
			} else {
				require.Nil(t, m, "nothing to answer")
			}
		})
	}
}

// Bare line ends cannot be written in the tables, which have their own.
func TestParseRefusesBareLineEnds(t *testing.T) {
	for name, line := range map[string]string{
		"LF":              "Subject: a\nVia: SIP/2.0/UDP evil;branch=z9hG4bKx\r\n",
		"CR":              "Subject: a\rVia: SIP/2.0/UDP evil;branch=z9hG4bKx\r\n",
		"CR CR LF":        "Subject: a\r\r\n",
		"LF and a blank":  "Subject: a\n b\r\n",
		"LF in quotes":    "Subject: \"a\\\nb\"\r\n",
		"CR in quotes":    "Subject: \"a\\\rb\"\r\n",
		"LF before CR LF": "Subject: a\n\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			m, err := Parse([]byte(strings.Replace(crlf(options), "Max-Forwards", line+"Max-Forwards", 1)))
			requireFault(t, err, 400, "header section")
			require.NotNil(t, m)
			assert.Equal(t, 1, m.Vias, "what stands behind a bare line end is no header")
		})
	}
	for name, end := range map[string]string{"LF": "\n", "CR": "\r", "nothing": ""} {
		t.Run("start line ends with "+name, func(t *testing.T) {
			m, err := Parse([]byte(strings.Replace(crlf(options), "SIP/2.0\r\nVia", "SIP/2.0"+end+"Via", 1)))
			requireFault(t, err, 400, "")
			require.Nil(t, m, "the first Via is part of the broken line")
		})
	}
}

func TestParseRefusesResponses(t *testing.T) {
	for _, row := range []struct{ name, old, new, detail string }{
		{"version", "SIP/2.0 180", "SIP/3.0 180", "status line: the version"},
		{"status 99", "180 Ringing", "099 x", "status line: the status"},
		{"status 700", "180 Ringing", "700 x", "status line: the status"},
		{"status of two digits", "180 Ringing", "18 x", "status line: the status"},
		{"status of four digits", "180 Ringing", "1800 x", "status line: the status"},
		{"no status", " 180 Ringing", "", "status line: the version"},
		{"bell in the phrase", "Ringing", "Ring\a", "start line: holds"},
		{"no Via", "Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKtop\nVia: SIP/2.0/UDP 192.0.2.10:5060;branch=z9hG4bKabc\n", "", "Via: is missing"},
		{"second Via", "SIP/2.0/UDP 192.0.2.10:5060;branch", "SIP/2.0/UDP ;branch", "Via: the host"},
		{"two To", "Call-ID", "t: <sip:a@b>\nCall-ID", "To: is there more than once"},
		{"CSeq", "314159 INVITE", "4294967296 INVITE", "CSeq: is no number"},
	} {
		t.Run(row.name, func(t *testing.T) {
			m, err := Parse([]byte(changed(t, ringing, row.old, row.new)))
			requireFault(t, err, 400, row.detail)
			require.Nil(t, m, "a response is never answered")
		})
	}
}

func TestAckIsNeverAnswered(t *testing.T) {
	ack := strings.ReplaceAll(options, "OPTIONS", "ACK")
	parse(t, ack)
	m, err := Parse([]byte(changed(t, ack, "SIP/2.0\n", "SIP/7.0\n")))
	requireFault(t, err, 505, "version")
	require.Nil(t, m)
}

func requireFault(t *testing.T, err error, code int, detail string) {
	t.Helper()
	var fault *Fault
	require.ErrorAs(t, err, &fault)
	require.Equal(t, code, fault.Code, fault.Detail)
	require.Contains(t, fault.Detail, detail)
	require.NotContains(t, fault.Error(), "201", "a fault tells nothing of the message")
}

// checkAnswer makes sure that a message handed out with an error is good for what it is handed out for.
func checkAnswer(t *testing.T, m *Message) {
	t.Helper()
	text := string(AppendAnswer(nil, m, Answer{Status: 400, Phrase: "Bad Request", ToTag: "t", Source: source}))
	require.True(t, strings.HasPrefix(text, "SIP/2.0 400 Bad Request\r\n"), text)
	for _, k := range []Kind{Via, From, To, CallID, CSeq} {
		line := "\r\n" + k.String() + ": "
		require.Equal(t, min(1, m.Count(k)), strings.Count(text, line), "%q in\n%s", line, text)
	}
	require.True(t, strings.HasSuffix(text, "\r\nContent-Length: 0\r\n\r\n"))
}
