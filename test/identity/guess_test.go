package identity

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ringfence/ringfence/test/site"
)

// Two gates of one key: what the one asked for, the other takes; a count is taken once; another key's nonce is no nonce.
func TestTwoGates(t *testing.T) {
	t.Parallel()
	redis, err := site.StartRedis(t.TempDir())
	require.NoError(t, err)
	t.Cleanup(func() { _ = redis.Stop(10 * time.Second) })
	a, b := newHouse(t, "digest", redis), newHouse(t, "digest", redis)
	other := filepath.Join(t.TempDir(), "secret")
	require.NoError(t, os.WriteFile(other, []byte(strings.Repeat("f0", 16)), 0o600))
	stranger := newHouse(t, "digest", redis, "sip.secret_file="+other)
	a.password("201", "correct-horse")
	w := newWire(t, phoneHost)
	nonce := w.challenge(a.at)
	try := func(h *house, nc int) (status int, text string) {
		const uri = "sip:203@gate"
		status, text, _ = w.final(w.send(h.at, "MESSAGE", uri, "nobody", proof(sha256Of, "201", "correct-horse", nonce, "MESSAGE", uri, nc)))
		return status, text
	}
	passed := 404 // the PBX knows no 203
	for nc := 1; nc <= 2; nc++ {
		for _, h := range []*house{b, a} {
			status, text := try(h, nc)
			require.Equal(t, passed, status, text)
			status, text = try(h, nc)
			require.Equal(t, 407, status, "the same count again")
			require.Contains(t, text, "stale=true")
		}
	}
	status, text := try(stranger, 3)
	require.Equal(t, 407, status)
	require.Contains(t, text, "stale=true")
	nonce = w.challenge(stranger.at)
	status, _ = try(stranger, 1)
	require.Equal(t, passed, status)
}

// sipvicious guesses passwords: it finds none, is banned, and from then on hears nothing of that user; the log and the
// metrics say why, once, and neither says what was tried. Others at the same address go on.
func TestGuessingIsBanned(t *testing.T) {
	t.Parallel()
	// It acknowledges nothing, so every answer comes again for 64×T1.
	h := newHouse(t, "digest", nil, "sip.digest.algorithms=[MD5]", "sip.timers.t1=50ms")
	h.password("201", "correct-horse")
	h.password("202", "battery-staple")
	list := filepath.Join(h.dir, "passwords")
	var words strings.Builder
	for i := range 24 {
		fmt.Fprintf(&words, "guess%04d\n", i)
	}
	words.WriteString("correct-horse\n")
	require.NoError(t, os.WriteFile(list, []byte(words.String()), 0o600))
	out, err := site.Run(h.dir, "svcrack", 60*time.Second, "-u", "201", "-d", list, "-m", "INVITE",
		"--maximumtime", "1", "-p", fmt.Sprint(h.at.Port()), h.at.Addr().String())
	t.Log(out)
	require.NoError(t, err)
	require.NotContains(t, out, "correct-horse")
	require.Equal(t, 1, strings.Count(h.Output(), "a wrong password was given too often"), h.Output())
	require.Contains(t, h.Output(), `"from":"127.0.0.1"`)
	require.Contains(t, h.Output(), `"user":"201"`)
	require.NotContains(t, h.Output(), "guess0")
	metrics := h.metrics()
	require.Contains(t, metrics, "ringfence_digest_bans_total 1\n")
	require.Contains(t, metrics, `ringfence_digest_requests_total{outcome="wrong"} 19`+"\n")

	// Nothing for 201, with or without the right password; the next request's answer proves that it was read.
	w := newWire(t, gateHost)
	nonce := w.challenge(h.at)
	silent := []string{
		w.send(h.at, "OPTIONS", "sip:203@gate", "201", ""),
		w.send(h.at, "OPTIONS", "sip:203@gate", "nobody", proof(md5Of, "201", "correct-horse", nonce, "OPTIONS", "sip:203@gate", 1)),
	}
	const uri = "sip:203@gate"
	status, text, others := w.final(w.send(h.at, "MESSAGE", uri, "202", proof(md5Of, "202", "battery-staple", nonce, "MESSAGE", uri, 1)))
	require.Equal(t, 404, status, text)
	for _, id := range silent {
		require.NotContains(t, others, id)
	}
}
