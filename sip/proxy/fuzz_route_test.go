package proxy

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ringfence/ringfence/gate"
	"github.com/ringfence/ringfence/sip/message"
)

// FuzzRoute sends requests inside a dialog with any Route headers: without a token that we signed, whatever stands there,
// nothing goes anywhere but to a configured target.
func FuzzRoute(f *testing.F) {
	for _, routes := range []string{
		"", "<sip:10.0.0.1:5060;lr;rf=12125550100.AAAAAAAAAAAAAAAA>, <sip:192.0.2.66;lr>", "<sip:10.0.0.1;lr>\r\nRoute: <sip:10.0.0.1;lr>,<sip:192.0.2.66>",
		"<sip:10.0.0.1;rf=0.>", "<sip:10.0.0.1;lr;rf>", "<sip:10.0.0.1;lr;rf=.>", "<sip:AAAAAAAAAAAAAAAAAAAAAAAAAAA@10.0.0.1;lr>,<sip:192.0.2.66;lr>",
		"\"a, <sip:b>\" <sip:10.0.0.1;lr>, <sip:[2001:db8::1]>", "<tel:+1>, <urn:service:sos>", "<sip:192.0.2.66;maddr=10.0.0.1;lr>",
		"<sip:10.0.0.1;lr;rf=0.AAAAAAAAAAAAAAAA;rf=0.BBBBBBBBBBBBBBBB>", strings.Repeat("<sip:10.0.0.1;lr>,", 100) + "<sip:192.0.2.66;lr>",
	} {
		f.Add([]byte("BYE"), []byte("sip:callee@192.0.2.66"), []byte(routes))
		f.Add([]byte("ACK"), []byte("sip:10.0.0.1;lr;rf=0.AAAAAAAAAAAAAAAA"), []byte(routes))
	}
	fuzzMetrics()
	f.Fuzz(func(t *testing.T, method, uri, routes []byte) {
		q := ask{method: string(method), uri: string(uri), toTag: "t"}
		if len(routes) > 0 {
			q.more = "Route: " + string(routes) + "\r\n"
		}
		text := strings.ReplaceAll(strings.ReplaceAll(q.text(), "\r\n", "\n"), "\n", "\r\n")
		if m, err := message.Parse([]byte(text)); err != nil || m.ToTag == nil || m.Method == "INVITE" {
			return // begins a call, which FuzzGate looks after, or nothing at all
		}
		inWorld(t, setUp{still: true}, func(w *world) {
			w.receive([]byte(text), desk)
			w.mu.Lock()
			defer w.mu.Unlock()
			for to := range w.queue {
				require.Contains(t, []any{desk, pbx, trunkA, trunkB}, any(to))
			}
		})
	})
}

// FuzzToken: a token that verifies is one that was signed, for this call and for no other.
func FuzzToken(f *testing.F) {
	keys, err := NewKeys([]byte("0123456789abcdef"))
	require.NoError(f, err)
	good := keys.signCall("+12125550100", []byte("call"), []byte("tag"))
	for _, token := range []string{good, good + "=", "0" + good, strings.ToLower(good), "0.", ".", "0.AAAAAAAAAAAAAAAA", strings.Replace(good, "1", "9", 1)} {
		f.Add([]byte(token), []byte("call"), []byte("tag"), []byte("other"))
		f.Add([]byte(token), []byte("call\x00"), []byte(""), []byte("tag"))
	}
	f.Add([]byte(keys.signFlow(desk)), []byte(""), []byte(""), []byte(""))
	f.Add([]byte(keys.signCallFlow(desk, calleeSide, []byte("call"))), []byte("call"), []byte(""), []byte(""))
	f.Fuzz(func(t *testing.T, token, callID, fromTag, toTag []byte) {
		if c, ok := keys.verifyCall(token, callID, fromTag, toTag); ok {
			n := c.number
			require.Contains(t, []string{keys.signCall(n, callID, fromTag), keys.signCall(n, callID, toTag)}, c.token)
			require.True(t, c.token == string(token) || strings.HasPrefix(string(token), c.token+"."), "%q", token)
			require.True(t, n == "" || n[0] == '+', "%q", n)
		}
		if flow, ok := keys.verifyFlow(token); ok {
			require.Equal(t, keys.signFlow(flow), string(token))
		}
		for _, of := range []side{callerSide, calleeSide} {
			if flow, ok := keys.verifyCallFlow(token, of, callID); ok {
				require.Equal(t, keys.signCallFlow(flow, of, callID), string(token))
			}
		}
		digits := gate.Number("+" + strings.Map(digit, string(callID)))
		c, ok := keys.verifyCall([]byte(keys.signCall(digits, callID, fromTag)), callID, fromTag, toTag)
		require.True(t, ok)
		if digits != "+" && digits != "+0" {
			require.Equal(t, digits, c.number)
		}
	})
}

func digit(r rune) rune {
	if r < '0' || r > '9' {
		return -1
	}
	return r
}
