package message

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestAppendAnswer(t *testing.T) {
	const request = `INVITE sip:a SIP/2.0
v: SIP/2.0/UDP a;branch=z9hG4bK1,
 SIP/2.0/UDP b
To:  <sip:a@b>
Timestamp: 54
Via: SIP/2.0/UDP c
Max-Forwards: 70
f: "A" <sip:a@b>;tag=1
Record-Route: <sip:b;lr>
Call-ID: 1
CSeq: 0007 INVITE
Content-Length: 0

`
	const copied = `v: SIP/2.0/UDP a;branch=z9hG4bK1,
 SIP/2.0/UDP b
Via: SIP/2.0/UDP c
f: "A" <sip:a@b>;tag=1
To:  <sip:a@b>%TAG%
Call-ID: 1
CSeq: 0007 INVITE
`
	for _, row := range []struct {
		name      string
		answer    Answer
		start     string
		tag, more string
	}{
		{
			"403 with headers",
			Answer{Status: 403, Phrase: "Forbidden", ToTag: "x", Headers: []byte("Retry-After: 5\r\n")},
			"SIP/2.0 403 Forbidden\n", ";tag=x", "Retry-After: 5\n",
		},
		{
			"100 has no tag and gives the time back",
			Answer{Status: 100, Phrase: "Trying", ToTag: "x"},
			"SIP/2.0 100 Trying\n", "", "Timestamp: 54\n",
		},
		{"no phrase", Answer{Status: 200, ToTag: "x"}, "SIP/2.0 200 \n", ";tag=x", ""},
		{"a phrase with line ends", Answer{Status: 400, Phrase: "a\r\nX: \x00\x7fé"}, "SIP/2.0 400 a  X:   é\n", "", ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			out := AppendAnswer([]byte("kept"), parse(t, request), row.answer)
			want := "kept" + row.start + strings.Replace(copied, "%TAG%", row.tag, 1) + row.more + "Content-Length: 0\n\n"
			assert.Equal(t, crlf(want), string(out))
			m, err := Parse(out[len("kept"):])
			require.NoError(t, err)
			assert.Equal(t, row.answer.Status, m.Status)
			assert.Equal(t, 3, m.Vias)
		})
	}

	tagged := parse(t, strings.Replace(request, "To:  <sip:a@b>", "To:  <sip:a@b>;tag=theirs", 1))
	out := AppendAnswer(nil, tagged, Answer{Status: 481, ToTag: "ours"})
	assert.Contains(t, string(out), "To:  <sip:a@b>;tag=theirs\r\n", "a tag that is there stays")
}

const sentInvite = `INVITE sip:+12125550100@198.51.100.1 SIP/2.0
Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKours , SIP/2.0/UDP x
Via: SIP/2.0/UDP 192.0.2.10;branch=z9hG4bKtheirs
Route: <sip:one;lr>
Max-Forwards: 7
Require: 100rel
Route: <sip:two;lr>
From: <sip:a@b>;tag=1
To: <sip:c@d>
Call-ID: 1
CSeq: 0042 INVITE
Authorization: Digest x
Content-Type: application/sdp
Content-Length: 4

v=0
`

func TestAppendAck(t *testing.T) {
	sent := strings.TrimSuffix(crlf(sentInvite), "\r\n") + "\n"
	final := parse(t, `SIP/2.0 486 Busy Here
Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKours
From: <sip:a@b>;tag=1
To: <sip:c@d>;tag=callee
Call-ID: 1
CSeq: 42 INVITE

`)
	assert.Equal(t, crlf(`ACK sip:+12125550100@198.51.100.1 SIP/2.0
Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKours
Route: <sip:one;lr>
Route: <sip:two;lr>
Max-Forwards: 70
From: <sip:a@b>;tag=1
To: <sip:c@d>;tag=callee
Call-ID: 1
CSeq: 42 ACK
Content-Length: 0

`), string(AppendAck(nil, []byte(sent), final)))
	assert.Equal(t, crlf(`CANCEL sip:+12125550100@198.51.100.1 SIP/2.0
Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKours
Route: <sip:one;lr>
Route: <sip:two;lr>
Max-Forwards: 70
From: <sip:a@b>;tag=1
To: <sip:c@d>
Call-ID: 1
CSeq: 42 CANCEL
Content-Length: 0

`), string(AppendCancel(nil, []byte(sent))))

	assert.Equal(t, "kept", string(AppendAck([]byte("kept"), []byte(crlf(options)), final)), "only an INVITE has an ACK")
	assert.Equal(t, "kept", string(AppendCancel([]byte("kept"), []byte("junk"))))
	assert.Equal(t, "kept", string(AppendCancel([]byte("kept"), []byte(crlf(ringing)))))
}
