package torture

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ringfence/ringfence/test/site"
)

// telling is an INVITE that holds what no log may: numbers and credentials.
func telling(w *site.Wire) []byte {
	return bytes.Replace(invite(w, "+12025550123"), []byte("From: <sip:201@example.com>"), []byte("Authorization: Digest username=\"li\", response=\"5ec12e75ec12e7\"\r\n"+
		"Proxy-Authorization: Digest username=\"li\", response=\"5ec12e75ec12e7\"\r\nFrom: \"+13035551111\" <sip:+13035551111@example.com>"), 1)
}

// secrets are the numbers with and without what stands before them, and the credentials.
const secrets = `2025550123|3035551111|5ec12e75ec12e7|Digest|username`

// At the most talkative level there is, and whatever is wrong with a message, the log holds no number and no credential.
func TestLogTellsNothing(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	faults := [][2]string{
		{"", ""},
		{"SIP/2.0\r\nVia", "SIP/7.0\r\nVia"},
		{"SIP/2.0\r\nVia", "\r\nVia"},
		{"INVITE sip:", "INVITE http:"},
		{"INVITE sip:", "INVITE tel:"},
		{"INVITE ", "INVITE  "},
		{"INVITE sip:", "INV\x00ITE sip:"},
		{"@127.0.0.1 SIP", "@127.0.0.1:99999 SIP"},
		{"@127.0.0.1 SIP", "@@127.0.0.1 SIP"},
		{"From:", "From"},
		{"From:", "From\x01:"},
		{"From: \"", "From: "},
		{";tag=", ";tag=1;tag="},
		{"To: <", "To: <<"},
		{"To: <", "To: \"<"},
		{"Call-ID: ", "Call-ID: 2025550123 "},
		{"CSeq: 1 INVITE", "CSeq: 2025550123000 INVITE"},
		{"CSeq: 1 INVITE", "CSeq: 1 +12025550123"},
		{"Max-Forwards: 70", "Max-Forwards: 2025550123"},
		{"Max-Forwards: 70", "Max-Forwards: 0"},
		{"Length: 0", "Length: 2025550123"},
		{"Authorization:", "Authorization\n"},
		{"Authorization:", " Authorization:"},
		{"username=\"", "username=\"\x07"},
		{"\r\n\r\n", "\r\n"},
		{"Contact: <", "Contact: +12025550123, <"},
		{"Via: ", "Via: SIP/2.0/2025550123 "},
		{"rport", "rport=2025550123"},
		{"branch=z9hG4bK", "branch=+12025550123"},
		{"INVITE", "+12025550123"},
		{"Via:", "Proxy-Require: +12025550123\r\nVia:"},
	}
	for i, over := range []site.Protocol{site.UDP, site.TCP} {
		for _, fault := range faults {
			w, err := site.DialWire(t.Context(), over, netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 1, byte(i), 9}), 0), s.at)
			require.NoError(t, err)
			message := telling(w)
			require.True(t, bytes.Contains(message, []byte(fault[0])), "%q", fault[0])
			require.NoError(t, w.Send(bytes.Replace(message, []byte(fault[0]), []byte(fault[1]), 1)))
			if over == site.UDP {
				_, err = w.Ping(patience)
				require.NoError(t, err, "%q", fault)
			}
			require.NoError(t, w.Close())
		}
	}
	var decided []string
	require.Eventually(t, func() bool { decided = s.loggedWith("decision"); return len(decided) > 1 }, patience, time.Millisecond)
	assert.Contains(t, decided[0], `"number":"+1202*****23"`)
	require.Eventually(t, func() bool { return len(s.loggedWith("malformed request")) > 9 }, patience, time.Millisecond)
	assert.Empty(t, s.loggedWith(secrets))
	assert.Empty(t, s.loggedWith(`"panic"`))
}

// A source that sends rubbish fills no log, and another one's first line is still there.
func TestLogOfRubbishIsLimited(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	noisy, err := site.DialWire(t.Context(), site.UDP, netip.MustParseAddrPort("127.1.0.9:0"), s.at)
	require.NoError(t, err)
	t.Cleanup(func() { noisy.Close() })
	for range 500 {
		require.NoError(t, noisy.Send(bytes.Replace(invite(noisy, "205"), []byte("CSeq: 1"), []byte("CSeq: x"), 1)))
		_, err := noisy.Ping(patience)
		require.NoError(t, err)
	}
	quiet, err := site.DialWire(t.Context(), site.UDP, netip.MustParseAddrPort("127.1.0.10:0"), s.at)
	require.NoError(t, err)
	t.Cleanup(func() { quiet.Close() })
	require.NoError(t, quiet.Send(bytes.Replace(invite(quiet, "205"), []byte("CSeq: 1"), []byte("CSeq: x"), 1)))
	require.Eventually(t, func() bool {
		return s.loggedWith(`malformed request.*127\.1\.0\.10:|127\.1\.0\.10:.*malformed request`) != nil
	}, patience, time.Millisecond)
	var times []time.Time
	for _, line := range s.loggedWith(`127\.1\.0\.9:.*malformed request`) {
		var entry struct{ Time time.Time }
		require.NoError(t, json.Unmarshal([]byte(line), &entry))
		times = append(times, entry.Time)
	}
	// Eleven lines span more than a second, for each second begins with the first line in it.
	require.GreaterOrEqual(t, len(times), 10)
	for i := 10; i < len(times); i += 10 {
		assert.GreaterOrEqual(t, times[i].Sub(times[i-10]), 900*time.Millisecond, fmt.Sprint("line ", i))
	}
}
