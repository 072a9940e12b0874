package clients

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// linphone is linphone-daemon, told what to do on its standard input.
type linphone struct {
	stdin  io.Writer
	domain string
}

// startLinphone runs one until the test ends. Without a sound card it hears and says nothing.
func startLinphone(t *testing.T, l line) *phone {
	t.Helper()
	dir := t.TempDir()
	require.NoError(t, os.MkdirAll(filepath.Join(dir, ".local/share/linphone"), 0o700))
	port := func(transport string) string {
		if transport == l.transport {
			return fmt.Sprint(l.at.Port())
		}
		return "0"
	}
	uri := fmt.Sprintf("sip:%s;transport=%s", l.domain, l.transport)
	write := func(name string, lines ...string) string {
		file := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(file, []byte(strings.Join(lines, "\n")+"\n"), 0o600))
		return file
	}
	rc := write("linphonerc",
		"[sip]", "bind_address="+l.at.Addr().String(), "sip_port="+port("udp"), "sip_tcp_port="+port("tcp"), "sip_tls_port="+port("tls"),
		"root_ca="+l.authority, "verify_server_certs=1", "verify_server_cn=1", "default_proxy=0", "guess_hostname=1", "ipv6=0", "use_ipv6=0",
		"[proxy_0]", "reg_proxy=<"+uri+">", "reg_route=<"+uri+">", fmt.Sprintf("reg_identity=sip:%s@%s", l.extension, l.domain), "reg_expires=60", "reg_sendregister=1",
		"[auth_info_0]", "username="+l.extension, "passwd="+l.password, "realm=office",
		"[rtp]", fmt.Sprintf("audio_rtp_port=%d", free(t, linphoneHost).Port()), "[video]", "enabled=0")
	p := newPhone(t, "linphone", l)
	cmd := exec.CommandContext(t.Context(), "linphone-daemon", "--config", rc, "--log", "/dev/stdout", "--disable-stats-events")
	cmd.Env = append(os.Environ(), "HOME="+dir)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	stdin, err := cmd.StdinPipe()
	require.NoError(t, err)
	stdout, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start(), "linphone is not installed: run `make tools` as root, or `apt-get install linphone-cli`")
	file, err := os.Create(p.log)
	require.NoError(t, err)
	p.client = &linphone{stdin, l.domain}
	done := make(chan struct{})
	go func() { defer close(done); p.readLinphone(io.TeeReader(stdout, file)) }()
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		<-done
		_ = cmd.Wait() // was killed
		_ = file.Close()
	})
	return p
}

// states are those of a call in linphone's words.
var states = map[string]what{
	"LinphoneCallOutgoingRinging":  calling,
	"LinphoneCallIncomingReceived": incoming,
	"LinphoneCallConnected":        up,
	"LinphoneCallStreamsRunning":   talking,
	"LinphoneCallPausedByRemote":   held,
	"LinphoneCallError":            over,
	"LinphoneCallEnd":              over,
}

// readLinphone reads the log, which says all that a window would show, until linphone ends.
func (p *phone) readLinphone(r io.Reader) {
	answer := "" // the latest that failed
	for lines := bufio.NewScanner(r); lines.Scan(); {
		text := strings.TrimSpace(lines.Text())
		if status, ok := strings.CutPrefix(text, "SIP/2.0 "); ok && status >= "3" {
			answer = status
		}
		if strings.Contains(text, " to [LinphoneRegistrationOk]") {
			p.show(event{registered, ""})
		}
		if strings.Contains(text, " to [LinphoneRegistrationFailed]") {
			p.show(event{unregistered, answer})
		}
		if _, state, ok := strings.Cut(text, " moving from state "); ok && strings.Contains(text, "CallSession") {
			_, state, _ = strings.Cut(state, " to ")
			if w, ok := states[state]; ok {
				p.show(event{w, answer})
			}
		}
	}
}

func (l *linphone) command(words ...string) error {
	_, err := fmt.Fprintln(l.stdin, strings.Join(words, " "))
	return err
}

func (l *linphone) dial(number string) error {
	return l.command("call", fmt.Sprintf("sip:%s@%s", number, l.domain))
}

func (l *linphone) answer() error { return l.command("answer") }
func (l *linphone) hangUp() error { return l.command("terminate") }
