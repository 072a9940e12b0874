package identity

import (
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ringfence/ringfence/test/scenarios"
	"github.com/ringfence/ringfence/test/site"
)

// SIPp proves who it is: the calls go out as that rep's, once each, and the credentials stay here.
func TestSIPpWithPassword(t *testing.T) {
	t.Parallel()
	trunk, err := site.FreeAddress(netip.MustParseAddr("127.0.0.2"))
	require.NoError(t, err)
	// SIPp 3.6 looks at the first challenge only, and does not know SHA-256.
	h := newHouse(t, "digest", nil, "sip.digest.algorithms=[MD5]", "sip.trunks[0].uri=sip:"+trunk.String())
	h.password("201", "correct-horse")
	sipp := site.Phone{Protocol: site.UDP, Calls: 3, Limit: 20 * time.Second, Trace: true, Dir: t.TempDir()}
	world := sipp
	world.Name, world.Script, world.At = "world", scenarios.Script("callee-answers"), trunk
	require.NoError(t, world.Start())
	t.Cleanup(world.Kill)
	caller := sipp
	caller.Name, caller.Script, caller.Remote, caller.Number, caller.Rep = "caller", scenarios.Script("caller-proves"), h.at, free, "201"
	caller.At, err = site.FreeAddress(phoneHost)
	require.NoError(t, err)
	caller.Extra = []string{"-au", "201", "-ap", "correct-horse", "-auth_uri", free + "@" + h.at.String(), "-l", "1"}
	require.NoError(t, caller.Start())
	t.Cleanup(caller.Kill)
	require.NoError(t, caller.Wait(t.Context()))
	require.NoError(t, world.Wait(t.Context()))
	require.Equal(t, []string{"201", "201", "201"}, h.decided(free, 3))
	messages, err := world.Messages()
	require.NoError(t, err)
	for i := range messages {
		require.NotContains(t, messages[i].Text, "Authorization")
	}
}

// baresip, as people use it: with a password from the registry and from a users file, over UDP and TCP.
func TestBaresipWithPassword(t *testing.T) {
	t.Parallel()
	users := filepath.Join(t.TempDir(), "users")
	// As htdigest writes it: 202, whose password is "battery-staple" in the realm ringfence.
	require.NoError(t, os.WriteFile(users, []byte("202:ringfence:"+md5Of("202:ringfence:battery-staple")+"\n"), 0o600))
	// baresip 1.0 gives up when it is offered SHA-256, whatever else it is offered.
	h := newHouse(t, "digest", nil, "sip.digest.users_file="+users, "sip.digest.algorithms=[MD5]")
	h.password("201", "correct-horse")
	for i, c := range []struct {
		rep, password string
		over          site.Protocol
	}{{"201", "correct-horse", site.UDP}, {"202", "battery-staple", site.TCP}} {
		number := []string{"+12125550101", "+12125550102"}[i]
		b := h.baresip(site.Baresip{User: c.rep, Password: c.password, Protocol: c.over})
		require.NoError(t, b.Dial(number))
		h.calls(i + 1)
		require.Equal(t, []string{c.rep}, h.decided(number, 1))
		require.NotContains(t, h.world.Received()[i].Message, "Authorization")
	}
}

// baresip with the wrong password is told so, and nothing is decided.
func TestBaresipWithWrongPassword(t *testing.T) {
	t.Parallel()
	h := newHouse(t, "digest", nil, "sip.digest.algorithms=[MD5]")
	h.password("201", "correct-horse")
	b := h.baresip(site.Baresip{User: "201", Password: "wrong-horse", Protocol: site.UDP})
	require.NoError(t, b.Dial(free))
	h.says(b, "403 Wrong user or password")
	require.Empty(t, h.decided(free, 0))
	require.Empty(t, h.world.Received())
}

// baresip registers at the PBX through the gate, over UDP and over TCP; from then on its flow is its rep, whatever it says
// of itself, and whoever did not register is nobody.
func TestBaresipByRegistration(t *testing.T) {
	t.Parallel()
	h := newHouse(t, "flow", nil)
	for i, over := range []site.Protocol{site.UDP, site.TCP} {
		rep, number := []string{"201", "202"}[i], []string{"+12125550101", "+12125550102"}[i]
		nobody := h.baresip(site.Baresip{User: rep, Protocol: over})
		require.NoError(t, nobody.Dial(number))
		h.says(nobody, "403 Unknown caller")
		b := h.baresip(site.Baresip{User: rep, Protocol: over, Register: true})
		h.says(b, "200 OK")
		require.NoError(t, b.Dial(number))
		h.calls(i + 1)
		// The refusal, which needed no registry, is written a moment later: it may stand behind the call.
		require.ElementsMatch(t, []string{"", rep}, h.decided(number, 2))
	}
}

// baresip starts one from an address of its own.
func (h *house) baresip(b site.Baresip) *site.Baresip {
	h.t.Helper()
	var err error
	b.At, err = site.FreeAddress(phoneHost)
	require.NoError(h.t, err)
	b.Control, err = site.FreeAddress(controlHost) // at phoneHost it may take the next port for TLS
	require.NoError(h.t, err)
	b.Gate, b.Dir, b.For = h.at, h.t.TempDir(), time.Minute
	require.NoError(h.t, b.Start())
	h.t.Cleanup(func() { _ = b.Stop(5 * time.Second) }) // it may have ended by itself
	return &b
}

// says waits until a program has written this.
func (h *house) says(b *site.Baresip, what string) {
	h.t.Helper()
	require.Eventually(h.t, func() bool { return strings.Contains(b.Output(), what) }, patience, 10*time.Millisecond, "%s", h.Output())
}

// The users file is read again on SIGHUP, all of it or nothing.
func TestUsersFileReload(t *testing.T) {
	t.Parallel()
	users := filepath.Join(t.TempDir(), "users")
	write := func(line string) { require.NoError(t, os.WriteFile(users, []byte(line+"\n"), 0o600)) }
	line := func(password string) string { return "201:ringfence:SHA-256:" + sha256Of("201:ringfence:"+password) }
	write(line("correct-horse"))
	h := newHouse(t, "digest", nil, "sip.digest.users_file="+users)
	w := newWire(t, phoneHost)
	try := func(password string) int {
		const uri = "sip:203@gate"
		status, _, _ := w.final(w.send(h.at, "MESSAGE", uri, "201", proof(sha256Of, "201", password, w.challenge(h.at), "MESSAGE", uri, 1)))
		return status
	}
	reload := func(says string) {
		require.NoError(t, h.Signal(syscall.SIGHUP))
		require.Eventually(t, func() bool { return strings.Contains(h.Output(), says) }, patience, 10*time.Millisecond)
	}
	const passed, wrong = 404, 403 // the PBX knows no 203
	require.Equal(t, passed, try("correct-horse"))
	require.Equal(t, wrong, try("battery-staple"))
	write(line("battery-staple"))
	reload("the configuration was reloaded")
	require.Equal(t, passed, try("battery-staple"))
	require.Equal(t, wrong, try("correct-horse"))
	write(line("correct-horse") + "\n201:ringfence:MD5")
	reload("line 2: an HA1 of MD5 has 32 hexadecimal digits")
	require.Equal(t, passed, try("battery-staple"), "the old one stays")
}
