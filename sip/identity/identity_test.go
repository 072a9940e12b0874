package identity

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ringfence/ringfence/gate"
	"github.com/ringfence/ringfence/sip/message"
)

func request(t testing.TB, headers string) *message.Message {
	t.Helper()
	return parsed(t, "INVITE sip:1@gate SIP/2.0\nVia: SIP/2.0/UDP 10.0.0.9;branch=z9hG4bK1\n"+
		"To: <sip:1@gate>\nCall-ID: c\nCSeq: 1 INVITE\n"+headers+"\n")
}

func parsed(t testing.TB, text string) *message.Message {
	t.Helper()
	m, err := message.Parse([]byte(strings.ReplaceAll(text, "\n", "\r\n")))
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
		"from by default":             {"", from, "201"},
		"from without brackets":       {"from", "f: sip:201@pbx;tag=a\n", "201"},
		"from tel":                    {"from", "From: <tel:+12125550100;x=y>;tag=a\n", "+12125550100"},
		"from nobody":                 {"from", "From: <sip:pbx>;tag=a\n", ""},
		"asserted":                    {"asserted", from + "P-Asserted-Identity: <sip:305@pbx>\n", "305"},
		"asserted, tel second":        {"asserted", from + "P-Asserted-Identity: \"A, B\" <sip:305@pbx>, <tel:+12125550100>\n", "305"},
		"asserted, none":              {"asserted", from, ""},
		"asserted, not from RPID":     {"asserted", from + "Remote-Party-ID: <sip:305@pbx>\n", ""},
		"remote party":                {"remote_party", from + "Remote-Party-ID: \"A, B\" <sip:305@pbx>;party=calling;screen=yes\n", "305"},
		"remote party, no party":      {"remote_party", from + "remote-party-id: <sip:305@pbx>\n", "305"},
		"remote party, called first":  {"remote_party", from + "Remote-Party-ID: <sip:9@x>;party=called, <sip:305@pbx>;Party=CALLING\n", "305"},
		"remote party, only called":   {"remote_party", from + "Remote-Party-ID: <sip:9@x>;party=called\n", ""},
		"remote party, not from PAI":  {"remote_party", from + "P-Asserted-Identity: <sip:305@pbx>\n", ""},
		"header":                      {"header:X-Rep", from + "x-rep:  306 \n", "306"},
		"header, none":                {"header:X-Rep", from, ""},
		"digest: nothing is believed": {"digest", from + "P-Asserted-Identity: <sip:305@pbx>\n", ""},
		"certificate: likewise":       {"certificate", from, ""},
		"flow: likewise":              {"flow", from, ""},
	} {
		t.Run(name, func(t *testing.T) {
			s, err := Parse(c.source)
			require.NoError(t, err)
			require.Equal(t, c.want, s.Rep(request(t, c.headers)))
		})
	}
}

func TestParseRefuses(t *testing.T) {
	for _, word := range []string{"guess", "header:", "From", "Digest"} {
		_, err := Parse(word)
		require.ErrorContains(t, err, "use from, asserted, remote_party, digest, certificate, flow or header:NAME", word)
	}
	for _, word := range []string{"header:From", "header:v", "header:P-Asserted-Identity", "header:X Rep", "header:Rep:"} {
		_, err := Parse(word)
		require.ErrorContains(t, err, "cannot be a header of your own", word)
	}
}

func TestTrustedAndProven(t *testing.T) {
	trusted, proven := []string{"asserted", "remote_party"}, []string{"digest", "certificate", "flow"}
	for _, word := range []string{"from", "asserted", "remote_party", "header:X-Rep", "digest", "certificate", "flow"} {
		s, err := Parse(word)
		require.NoError(t, err)
		require.Equal(t, contains(trusted, word), s.Trusted(), word)
		require.Equal(t, contains(proven, word), s.Proven(), word)
	}
}

func contains(list []string, word string) bool {
	return strings.Contains(strings.Join(list, " "), word)
}
