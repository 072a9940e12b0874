package torture

import (
	"context"
	"fmt"
	"net/netip"
	"os/exec"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ringfence/ringfence/test/relay"
	"github.com/ringfence/ringfence/test/site"
)

const nothingFound = "found nothing"

// scan runs a tool of sipvicious against a gate or PBX, by way of a relay that makes it come from a host and counts the
// datagrams that come back.
func scan(t *testing.T, target netip.AddrPort, from netip.Addr, tool string, args ...string) (said string, sent, back int64) {
	t.Helper()
	r, err := relay.Start(netip.AddrPortFrom(gateHost, 0), from, target, relay.Faithful(), relay.Faithful())
	require.NoError(t, err)
	local, err := site.FreeAddress(gateHost)
	require.NoError(t, err)
	args = append(args, "-v", "-P", strconv.Itoa(int(local.Port())), "-p", strconv.Itoa(int(r.Front().Port())), gateHost.String())
	ctx, stop := context.WithTimeout(t.Context(), 40*time.Second)
	defer stop()
	out, err := exec.CommandContext(ctx, tool, args...).CombinedOutput()
	require.NoError(t, err, "%s (run `make tools`, or `apt-get install sipvicious`): %s", tool, out)
	require.NoError(t, r.Close())
	return string(out), r.There.Passed.Load(), r.Back.Passed.Load()
}

// Whoever is no peer learns not even that something listens.
func TestScannersGetNoByte(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	t.Run("stranger", func(t *testing.T) {
		for _, command := range [][]string{
			{"svmap"},
			{"svmap", "-m", "INVITE"},
			{"svwar", "-e200-299"},
			{"svwar", "-m", "INVITE", "--force", "-e200-219"},
			{"svcrack", "-u201", "-r1-50"},
		} {
			t.Run(fmt.Sprint(command), func(t *testing.T) {
				t.Parallel()
				said, sent, back := scan(t, s.at, stranger, command[0], command[1:]...)
				assert.Contains(t, said, nothingFound)
				assert.Positive(t, sent)
				assert.Zero(t, back, "datagrams that came back")
			})
		}
	})
	assert.Empty(t, s.pbx.take())
	assert.Empty(t, s.trunk.take())
	assert.Positive(t, s.metric(`ringfence_sip_dropped_total{why="source"}`))
}

// From a peer's address a scanner learns which extensions exist when the PBX itself tells, and nothing when it does not.
func TestScannersLearnWhatThePBXTells(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	peer := netip.MustParseAddr("127.1.0.66")
	discreet := func(string, string) string { return "401 Unauthorized" }
	talkative := func(_, user string) string {
		if user == "203" {
			return "401 Unauthorized"
		}
		return "404 Not Found"
	}
	s.pbx.answers(discreet)
	for _, method := range []string{"REGISTER", "OPTIONS"} {
		said, _, back := scan(t, s.at, peer, "svwar", "-m", method, "-e200-209")
		assert.Contains(t, said, nothingFound, method)
		assert.Positive(t, back)
	}
	s.pbx.answers(talkative)
	said, _, _ := scan(t, s.at, peer, "svwar", "-m", "OPTIONS", "-e200-209")
	assert.Contains(t, said, "extension '203' exists", "the scanner works")
	assert.Contains(t, said, "we have 1 extensions")

	// INVITE: the answer is the PBX's, word for word, for every extension that there could be.
	w, err := site.DialWire(t.Context(), site.UDP, netip.AddrPortFrom(peer, 0), s.at)
	require.NoError(t, err)
	t.Cleanup(func() { w.Close() })
	for _, says := range []func(string, string) string{discreet, talkative} {
		s.pbx.answers(says)
		s.pbx.take()
		want := map[string]bool{}
		for user := 200; user < 210; user++ {
			require.NoError(t, w.Send(invite(w, strconv.Itoa(user))))
			want["SIP/2.0 "+says("INVITE", strconv.Itoa(user))] = true
		}
		asked := 0
		require.Eventually(t, func() bool {
			asked += len(s.pbx.take())
			return asked >= 10 && len(w.Answers()) == len(want)
		}, patience, time.Millisecond)
		for _, answer := range w.Answers() {
			assert.True(t, want[answer], answer)
		}
	}
}

// invite is a sound INVITE over w that no other is like.
func invite(w *site.Wire, user string) []byte {
	calls.Add(1)
	return fmt.Appendf(nil, "INVITE sip:%s@%v SIP/2.0\r\nVia: SIP/2.0/%s %s;rport;branch=z9hG4bKi%d\r\nMax-Forwards: 70\r\n"+
		"From: <sip:201@example.com>;tag=t%d\r\nTo: <sip:%s@example.com>\r\nCall-ID: i%d\r\nCSeq: 1 INVITE\r\nContact: <sip:201@%s>\r\nContent-Length: 0\r\n\r\n",
		user, gateHost, w.Via(), w.Local(), calls.Load(), calls.Load(), user, calls.Load(), w.Local())
}
