package answer

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ringfence/ringfence/gate"
	"github.com/ringfence/ringfence/sip/message"
)

// FuzzOwner: whatever a rep called itself when it claimed a number, the refusal that names it is one response that the
// strict reader takes, with the headers it is meant to have and none besides.
func FuzzOwner(f *testing.F) {
	request, err := message.Parse([]byte(strings.ReplaceAll("INVITE sip:1@a SIP/2.0\nVia: SIP/2.0/UDP a;branch=z9hG4bK1\nMax-Forwards: 70\n"+
		"From: <sip:2@a>;tag=1\nTo: <sip:1@a>\nCall-ID: 1\nCSeq: 1 INVITE\nContent-Length: 0\n\n", "\n", "\r\n")))
	require.NoError(f, err)
	for _, owner := range []string{"202", "zhang.wei", "王伟", "a\r\nX: y", `"\`, "{owner}", "%00", strings.Repeat("9", 200)} {
		f.Add(owner, uint8(gate.Owned), int64(time.Hour))
	}
	f.Fuzz(func(t *testing.T, owner string, reason uint8, retry int64) {
		for _, name := range Names() {
			p, err := Profiles{Language: chinese}.Named(name)
			require.NoError(t, err)
			r := p.Refusal(&gate.Decision{Reason: gate.Reason(reason), Owner: gate.Rep(owner), RetryAfter: time.Duration(retry)})
			raw := message.AppendAnswer(nil, request, message.Answer{Status: r.Status, Phrase: r.Phrase, ToTag: "t", Headers: []byte(r.Headers)})
			m, err := message.Parse(raw)
			require.NoError(t, err, "%s", raw)
			require.Equal(t, r.Phrase, string(m.Bytes(m.Phrase)))
			require.Equal(t, 2, m.Count(message.Reason))
			require.Equal(t, 1, m.Count(message.Warning))
			_, there := m.GetName("X")
			require.False(t, there)
			require.Less(t, len(raw), 1000)
		}
	})
}
