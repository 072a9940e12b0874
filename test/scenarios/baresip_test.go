package scenarios

import (
	"bytes"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ringfence/ringfence/test/site"
)

// A real phone shows the reason: baresip, whose rep has no extension, is told over the flow that it called by.
func TestBaresipIsToldWhy(t *testing.T) {
	t.Parallel()
	binary := built(t)
	at := func(host netip.Addr) netip.AddrPort {
		free, err := site.FreeAddress(host)
		require.NoError(t, err)
		return free
	}
	plan := site.Plan{
		Gate: at(gateHost), Phones: netip.PrefixFrom(phoneHost, phoneHost.BitLen()), PBX: at(pbxHost),
		Trunks: []site.Trunk{{At: at(trunkHost), Protocol: site.UDP}}, Dir: t.TempDir(), Peer: "notify: true",
	}
	gate, err := site.Ringfence{Binary: binary, Prepare: listed}.StartGate(t.Context(), plan)
	require.NoError(t, err)
	defer func() { require.NoError(t, gate.Stop()) }()

	screen := dialWithBaresip(t, at(phoneHost), plan.Gate, "zhang", site.BlockedNumber)
	require.Eventually(t, func() bool {
		shown := screen.String()
		return strings.Contains(shown, "session closed: 403") && strings.Contains(shown, `sip:ringfence@`) && strings.Contains(shown, `: "This number is on a do-not-call list"`)
	}, 15*time.Second, 20*time.Millisecond, "%s", screen)
}

// screen is what a phone has written.
type screen struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (s *screen) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.buf.Write(p)
}

func (s *screen) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.buf.String()
}

// dialWithBaresip starts a baresip that rings number through the gate; it ends with the test.
func dialWithBaresip(t *testing.T, at, gate netip.AddrPort, rep, number string) *screen {
	dir := t.TempDir()
	modules, err := filepath.Glob("/usr/lib/baresip/modules")
	require.NoError(t, err)
	require.NotEmpty(t, modules, "baresip is not installed: run `make tools` as root, or `apt-get install baresip-core`")
	write := func(name, text string) {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
	}
	write("config", "sip_listen "+at.String()+"\nmodule_path "+modules[0]+"\nmodule stdio.so\nmodule g711.so\nmodule ausine.so\nmodule aubridge.so\n"+
		"module_app menu.so\nmodule_app account.so\naudio_source ausine,440\naudio_player aubridge,a\naudio_alert aubridge,b\n")
	write("accounts", "<sip:"+rep+"@"+gate.String()+">;regint=0;outbound=\"sip:"+gate.String()+"\"\n")
	write("contacts", "")
	cmd := exec.CommandContext(t.Context(), "baresip", "-f", dir, "-e", "/dial sip:"+number+"@"+gate.String(), "-t", "20")
	shown := &screen{}
	cmd.Stdout, cmd.Stderr = shown, shown
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	keyboard, err := cmd.StdinPipe() // without one it has no screen either
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		_ = keyboard.Close()
		_ = cmd.Process.Kill()
		_ = cmd.Wait() // was killed
	})
	return shown
}
