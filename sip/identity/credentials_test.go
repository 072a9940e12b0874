package identity

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ringfence/ringfence/sip/message"
)

// Only our realm's credentials stay here, and what cannot be told from them.
func TestDropOurs(t *testing.T) {
	m := request(t, `From: <sip:201@pbx>;tag=a
Proxy-Authorization: Digest username="drop", realm="r", nonce="n", uri="u", response="x"
proxy-authorization: DIGEST realm="\r", username="drop"
Proxy-Authorization: Digest username="drop", realm="pbx", realm="pbx"
Proxy-Authorization: Digest username="drop
Proxy-Authorization: Digest username="keep1", realm="pbx"
Proxy-Authorization: Bearer keep2
Authorization: Digest username="keep3", realm="r"
`)
	var e message.Edit
	e.Reset(m)
	DropOurs(&e, m, "r")
	out := string(e.Append(nil))
	require.NotContains(t, out, "drop")
	for _, kept := range []string{"keep1", "keep2", "keep3"} {
		require.Contains(t, out, kept)
	}
}

func TestChallenges(t *testing.T) {
	for header, ours := range map[string]bool{
		"": false,
		"Proxy-Authenticate: Digest realm=\"pbx\", nonce=\"n\"\n":                        false,
		"Proxy-Authenticate: Digest nonce=\"n\", REALM=\"r\"\n":                          true,
		"WWW-Authenticate: digest realm=\"r\"\n":                                         true,
		"WWW-Authenticate: Digest realm=\"r\n":                                           true,
		"Proxy-Authenticate: Basic realm=\"r\"\n":                                        false,
		"Proxy-Authenticate: Digest realm=\"a\"\nWWW-Authenticate: Digest realm=\"r\"\n": true,
	} {
		m := parsed(t, "SIP/2.0 407 No\nVia: SIP/2.0/UDP 10.0.0.9;branch=z9hG4bK1\nFrom: <sip:1@a>;tag=a\nTo: <sip:1@gate>\nCall-ID: c\nCSeq: 1 INVITE\n"+header+"\n")
		require.Equal(t, ours, Challenges(m, "r"), header)
	}
}

// Whatever comes is read without a panic; what is read is what a plain writer of it would have meant.
func FuzzCredentials(f *testing.F) {
	for _, seed := range []string{
		`Digest username="201", realm="r", nonce="n", uri="sip:1@gate", response="0", algorithm=MD5, cnonce="c", qop=auth, nc=00000001`,
		`digest username = "a\"b" , realm="r"`, "Digest a=b,\r\n c=d", `Digest realm="`, "Digest", "Basic QQ==", `Digest a=b,A=c`, `Digest a="\`, "Digest ,",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, value string) {
		c, err := parseCredentials([]byte(value))
		if err != nil {
			return
		}
		var b strings.Builder
		b.WriteString("Digest ")
		for i, p := range []struct{ name, value string }{
			{"username", c.username},
			{"realm", c.realm},
			{"nonce", c.nonce},
			{"uri", c.uri},
			{"response", c.response},
			{"cnonce", c.cnonce},
			{"nc", c.nc},
			{"qop", c.qop},
			{"algorithm", c.algorithm},
			{"userhash", c.userhash},
		} {
			if i > 0 {
				b.WriteString(", ")
			}
			b.WriteString(p.name + `="` + p.value + `"`)
		}
		again, err := parseCredentials([]byte(b.String()))
		require.NoError(t, err, "%q", b.String())
		require.Equal(t, c, again)
	})
}
