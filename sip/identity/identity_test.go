package identity

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ringfence/ringfence/gate"
	"github.com/ringfence/ringfence/sip/message"
)

func request(t *testing.T, headers string) *message.Message {
	t.Helper()
	m, err := message.Parse([]byte(strings.ReplaceAll("INVITE sip:1@gate SIP/2.0\nVia: SIP/2.0/UDP 10.0.0.9;branch=z9hG4bK1\n"+
		"To: <sip:1@gate>\nCall-ID: c\nCSeq: 1 INVITE\n"+headers+"\n", "\n", "\r\n")))
	require.NoError(t, err)
	return m
}

func TestRep(t *testing.T) {
	const from = "From: \"Zhang, Wei\" <sip:201;x=y@pbx>;tag=a\n"
	for name, c := range map[string]struct {
		source  string
		headers string
		want    gate.Rep
	}{
		"from by default":         {"", from, "201"},
		"from without brackets":   {"from", "f: sip:201@pbx;tag=a\n", "201"},
		"from tel":                {"from", "From: <tel:+12125550100;x=y>;tag=a\n", "+12125550100"},
		"from nobody":             {"from", "From: <sip:pbx>;tag=a\n", ""},
		"asserted":                {"asserted", from + "P-Asserted-Identity: <sip:305@pbx>\n", "305"},
		"asserted, tel second":    {"asserted", from + "P-Asserted-Identity: \"A, B\" <sip:305@pbx>, <tel:+12125550100>\n", "305"},
		"asserted, none":          {"asserted", from, ""},
		"asserted, not from RPID": {"asserted", from + "Remote-Party-ID: <sip:305@pbx>\n", ""},
		"header":                  {"header:X-Rep", from + "x-rep:  306 \n", "306"},
		"header, none":            {"header:X-Rep", from, ""},
	} {
		t.Run(name, func(t *testing.T) {
			s, err := Parse(c.source)
			require.NoError(t, err)
			require.Equal(t, c.want, s.Rep(request(t, c.headers)))
		})
	}
}

func TestParseRefuses(t *testing.T) {
	for _, word := range []string{"guess", "header:", "From", "digest"} {
		_, err := Parse(word)
		require.ErrorContains(t, err, "use from, asserted or header:NAME", word)
	}
}

// Only an asserted identity is believed, and so may pass on.
func TestTrusted(t *testing.T) {
	for word, want := range map[string]bool{"from": false, "asserted": true, "header:X-Rep": false} {
		s, err := Parse(word)
		require.NoError(t, err)
		require.Equal(t, want, s.Trusted(), word)
	}
}
