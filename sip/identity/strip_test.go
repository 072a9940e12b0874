package identity

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ringfence/ringfence/sip/message"
)

// forged is every way to say who calls, each header in two spellings.
const forged = `From: <sip:201@pbx>;tag=a
P-Asserted-Identity: <sip:300@forged>
p-asserted-IDENTITY: <sip:301@forged>
P-Preferred-Identity: <sip:302@forged>
p-preferred-identity : <sip:302@forged>
Remote-Party-ID: <sip:303@forged>;party=calling
REMOTE-PARTY-ID: <sip:303@forged>;party=called
Diversion: <sip:304@forged>;reason=unconditional
diversion: <sip:304@forged>
History-Info: <sip:305@forged>;index=1
history-info: <sip:305@forged>;index=1.1
b: <sip:306@forged>
P-Asserted-Service: forged
P-Preferred-Service: forged
P-Served-User: <sip:307@forged>
P-Charging-Vector: icid-value=forged
p-charging-function-addresses: ccf=forged
X-Rep: forged
x-rep: forged
X-Who: forged
X-Other: kept
Identity: kept
`

// Every peer kind, every header: a peer outside the trust domain brings no identity, and no peer brings another's header.
func TestStrip(t *testing.T) {
	var all []Source
	for _, word := range []string{"from", "asserted", "remote_party", "digest", "certificate", "flow", "header:X-Rep", "header:x-who"} {
		s, err := Parse(word)
		require.NoError(t, err)
		all = append(all, s)
	}
	compact, full := request(t, forged), request(t, strings.Replace(forged, "\nb: ", "\nREFERRED-by: ", 1)) // two at once are refused
	for i, s := range append(all, all...) {
		m := compact
		if i >= len(all) {
			m = full
		}
		strip := s.Stripping(all)
		var e message.Edit
		e.Reset(m)
		strip.Apply(&e)
		out := parsed(t, strings.ReplaceAll(string(e.Append(nil)), "\r\n", "\n"))
		for _, name := range []string{"X-Rep", "X-Who"} {
			_, there := out.GetName(name)
			require.False(t, there, "%v: %s", s, name)
		}
		for _, kept := range []string{"X-Other", "Identity", "From"} {
			_, there := out.GetName(kept)
			require.True(t, there, "%v: %s", s, kept)
		}
		if s.Trusted() {
			require.Equal(t, 2, out.Count(message.PAssertedIdentity))
			require.Equal(t, 2, out.Count(message.Diversion))
			require.Equal(t, 1, out.Count(message.ReferredBy))
		} else {
			require.NotContains(t, string(out.Raw), "forged", "%v", s)
		}
	}
}

func TestHideCaller(t *testing.T) {
	for privacy, hidden := range map[string]bool{
		"":                             false,
		"Privacy: none\n":              false,
		"Privacy: session\n":           false,
		"Privacy: id\n":                true,
		"Privacy: id;critical\n":       true,
		"privacy: session; ID\n":       true,
		"Privacy: user\n":              true,
		"Privacy: history;header\n":    true,
		"Privacy: none\nPrivacy: id\n": true,
	} {
		m := request(t, "From: <sip:201@pbx>;tag=a\nP-Asserted-Identity: <sip:201@pbx>\nremote-party-id: <sip:201@pbx>\n"+privacy)
		var e message.Edit
		e.Reset(m)
		HideCaller(&e, m)
		out := strings.ToLower(string(e.Append(nil)))
		require.Equal(t, !hidden, strings.Contains(out, "p-asserted-identity"), privacy)
		require.Equal(t, !hidden, strings.Contains(out, "remote-party-id"), privacy)
	}
}
