package torture

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"net/url"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ringfence/ringfence/test/site"
)

// mutations is how many are sent, the same ones in every run.
const mutations = 240

// What Kamailio takes and the gate takes, both take for the same call: the same called number, the same caller, the same
// Call-ID. A message that each understands in its own way would be decided on one number and ring another.
func TestSecondReader(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	other, trunk := newKamailio(t)
	from := netip.AddrPortFrom(netip.MustParseAddr("127.1.0.77"), 0)
	here, err := site.DialWire(t.Context(), site.UDP, from, s.at)
	require.NoError(t, err)
	there, err := site.DialWire(t.Context(), site.UDP, from, other)
	require.NoError(t, err)
	t.Cleanup(func() { here.Close(); there.Close() })
	r := rand.New(rand.NewPCG(4475, 3261))
	both, neither, stricter, laxer := 0, 0, 0, 0
	for n := range mutations {
		message := mutate(r, n)
		require.NoError(t, here.Send(message))
		require.NoError(t, there.Send(message))
		ours, theirs := passed(t, here, s.trunk, n), passed(t, there, trunk, n)
		switch {
		case ours == nil && theirs == nil:
			neither++
		case ours == nil:
			stricter++
		case theirs == nil:
			laxer++
			t.Logf("only the gate takes\n%q", message)
		default:
			both++
			same(t, s, message, ours, theirs)
		}
	}
	t.Logf("both take %d, neither %d, only Kamailio %d, only the gate %d", both, neither, stricter, laxer)
	assert.Greater(t, both, mutations/4, "enough are taken by both for the comparison to mean something")
	assert.Greater(t, neither+stricter, mutations/10, "and enough are refused")
}

// same compares what the two read of a message.
func same(t *testing.T, s *stand, message, ours, theirs []byte) {
	t.Helper()
	called := requestLine.FindSubmatch(ours)
	require.NotNil(t, called)
	assert.Equal(t, number(header(theirs, "X-Called")), string(called[2]), "whom to call, of\n%q", message)
	call := header(theirs, "X-Call")
	assert.Equal(t, call, header(ours, "Call-ID"), "the call, of\n%q", message)
	caller, _, _ := strings.Cut(header(theirs, "X-Caller"), ";") // to the gate, parameters are no part of a rep's id
	var lines []string                                           // written behind the call's back
	decision := `"call_id":` + regexp.QuoteMeta(fmt.Sprintf("%q", call))
	require.Eventually(t, func() bool { lines = s.loggedWith(decision); return lines != nil }, patience, time.Millisecond, "%q", message)
	assert.Contains(t, lines[len(lines)-1], fmt.Sprintf(`"rep":%q`, caller), "who calls, of\n%q", message)
}

// number is what a US gateway would dial for a user part.
func number(user string) string {
	if plain, err := url.PathUnescape(user); err == nil {
		user = plain
	}
	user, _, _ = strings.Cut(user, ";")
	digits := strings.Map(func(c rune) rune {
		if c < '0' || c > '9' {
			return -1
		}
		return c
	}, user)
	if len(digits) == 10 {
		digits = "1" + digits
	}
	return "+" + digits
}

// header is the value of the first header of that name, unfolded.
func header(message []byte, name string) string {
	found := regexp.MustCompile(`(?im)^` + name + `[ \t]*:[ \t]*((?:[^\r\n]|\r\n[ \t])*)\r\n`).FindSubmatch(message)
	if found == nil && name == "Call-ID" {
		return header(message, "i")
	}
	if found == nil {
		return ""
	}
	return strings.TrimSpace(regexp.MustCompile(`\r\n[ \t]+`).ReplaceAllString(string(found[1]), " "))
}

// passed waits for what becomes of message n, which w has just sent, and returns it as the trunk heard it; nil when it
// did not.
func passed(t *testing.T, w *site.Wire, trunk *far, n int) []byte {
	t.Helper()
	mark := regexp.MustCompile(fmt.Sprintf(`(?s)^INVITE .*[^\w]m%d\D|^INVITE .*z9hG4bKm%d\D`, n, n)) // in Call-ID, tag and branch
	alive, err := w.Ping(patience)
	require.NoError(t, err)
	require.True(t, alive)
	refused := len(w.Answers())
	for deadline := time.Now().Add(150 * time.Millisecond); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		for _, m := range trunk.take() {
			if mark.Match(m) {
				w.Forget()
				return m
			}
		}
		if refused > 0 {
			break
		}
		refused = len(w.Answers())
	}
	w.Forget()
	return nil
}

// newKamailio starts the second reader with a trunk of its own.
func newKamailio(t *testing.T) (at netip.AddrPort, trunk *far) {
	t.Helper()
	trunk = newFar(t, netip.MustParseAddr("127.0.0.12"))
	at, err := site.FreeAddress(netip.MustParseAddr("127.0.0.11"))
	require.NoError(t, err)
	_, file, _, _ := runtime.Caller(0)
	k, err := site.Kamailio{Template: filepath.Join(filepath.Dir(file), "..", "kamailio", "reader.cfg.tmpl")}.Start(t.Context(), site.Plan{
		Gate: at, Phones: phones, Trunks: []site.Trunk{{At: trunk.at, Protocol: site.UDP}}, PBX: trunk.at, Dir: t.TempDir(),
		Timers: site.Timers{T1: 10 * time.Millisecond, C: 3 * time.Minute, NoAnswer: 2 * time.Second},
	})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, k.Stop(), k.Output()) })
	return at, trunk
}
