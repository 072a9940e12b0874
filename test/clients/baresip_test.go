package clients

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ringfence/ringfence/test/site"
)

// baresip is told what to do, and tells what it shows, by its module ctrl_tcp.
type baresip struct {
	control net.Conn
	domain  string
}

// startBaresip runs one until the test ends. It has no sound card: it says what it hears.
func startBaresip(t *testing.T, l line) *phone {
	t.Helper()
	dir := t.TempDir()
	control := free(t, baresipHost)
	modules, err := filepath.Glob("/usr/lib*/baresip/modules")
	require.NoError(t, err)
	require.NotEmpty(t, modules, "baresip is not installed: run `make tools` as root, or `apt-get install baresip-core`")
	write := func(name string, lines ...string) {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(strings.Join(lines, "\n")+"\n"), 0o600))
	}
	write("config", "sip_listen "+l.at.String(), "sip_cafile "+l.authority, "ctrl_tcp_listen "+control.String(),
		"module_path "+modules[0], "module g711.so", "module aubridge.so", "module uuid.so", "module_tmp account.so", "module_app menu.so",
		"module_app ctrl_tcp.so", "audio_source aubridge,a", "audio_player aubridge,a", "audio_alert aubridge,b")
	// sipnat=outbound: RFC 5626, with a reg-id.
	account := fmt.Sprintf("<sip:%s@%s;transport=%s>;regint=60;auth_user=%s;auth_pass=%s;outbound=\"sip:%s;transport=%s\";sipnat=outbound",
		l.extension, l.domain, l.transport, l.extension, l.password, l.domain, l.transport)
	write("accounts") // it registers when it is told to, so that nothing is shown before somebody looks
	write("contacts")
	p := newPhone(t, "baresip", l)
	process, err := site.StartLogged(dir, p.log, "baresip", "-s", "-f", dir)
	require.NoError(t, err)
	t.Cleanup(process.Kill)
	require.NoError(t, process.Ready(patience, func() bool { return site.Listens(site.TCP, control) }))
	conn, err := net.Dial("tcp", control.String())
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	p.client = &baresip{conn, l.domain}
	go p.readBaresip(conn)
	require.NoError(t, p.client.(*baresip).command("uanew", account))
	return p
}

// readBaresip reads netstrings until baresip ends.
func (p *phone) readBaresip(r io.Reader) {
	in := bufio.NewReader(r)
	for {
		length, err := in.ReadString(':')
		if err != nil {
			return
		}
		n, err := strconv.Atoi(strings.TrimSuffix(length, ":"))
		if err != nil || n < 0 || n > 64<<10 {
			return
		}
		text := make([]byte, n+1) // a comma ends it
		if _, err := io.ReadFull(in, text); err != nil {
			return
		}
		var said struct{ Type, Param, PeerURI string }
		if json.Unmarshal(text[:n], &said) != nil {
			continue
		}
		shown := map[string]event{
			"REGISTER_OK":      {registered, ""},
			"REGISTER_FAIL":    {unregistered, said.Param},
			"CALL_RINGING":     {calling, ""},
			"CALL_INCOMING":    {incoming, said.PeerURI},
			"CALL_ESTABLISHED": {up, said.PeerURI},
			"CALL_CLOSED":      {over, said.Param},
		}
		if e, ok := shown[said.Type]; ok {
			p.show(e)
		}
	}
}

func (b *baresip) command(name, params string) error {
	text, err := json.Marshal(map[string]string{"command": name, "params": params})
	if err != nil {
		return err
	}
	if err := b.control.SetWriteDeadline(time.Now().Add(patience)); err != nil {
		return err
	}
	_, err = fmt.Fprintf(b.control, "%d:%s,", len(text), text)
	return err
}

func (b *baresip) dial(number string) error {
	return b.command("dial", fmt.Sprintf("sip:%s@%s", number, b.domain))
}
func (b *baresip) answer() error { return b.command("accept", "") }
func (b *baresip) hangUp() error { return b.command("hangup", "") }
func (b *baresip) hold() error   { return b.command("hold", "") }
func (b *baresip) resume() error { return b.command("resume", "") }
func (b *baresip) transfer(number string) error {
	return b.command("transfer", fmt.Sprintf("sip:%s@%s", number, b.domain))
}
