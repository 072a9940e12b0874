package pbx

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ringfence/ringfence/gate"
	"github.com/ringfence/ringfence/sip"
	"github.com/ringfence/ringfence/test/site"
)

// TestKamailioSample runs configs/pbx/kamailio.cfg as it is, with three gates in its list: one that says nothing, the
// true one, and one that must never be asked.
func TestKamailioSample(t *testing.T) {
	dir := t.TempDir()
	pbx, at := free(t, 20), free(t, 1)
	away, spare := silent(t, 6), silent(t, 7)
	trunk := &site.Phone{Name: "trunk", Script: script("callee-answers"), Protocol: site.UDP, At: free(t, 2), Limit: time.Minute, Trace: true, Dir: dir}
	require.NoError(t, trunk.Start())
	t.Cleanup(trunk.Kill)
	decided := startGate(t, sip.Config{
		Listen: []string{"udp://" + at.String()},
		Peers:  []sip.Peer{{Name: "kamailio", From: []string{pbx.Addr().String()}, Identity: "asserted"}},
		Trunks: []sip.Trunk{{Name: "first", URI: "sip:" + trunk.At.String()}},
	})
	list := filepath.Join(dir, "gates.list")
	require.NoError(t, os.WriteFile(list, fmt.Appendf(nil, "1 sip:%s 0 20\n1 sip:%s 0 10\n1 sip:%s 0 5\n", away.At(), at, spare.At()), 0o600))
	startKamailio(t, dir, filepath.Join(root(), "..", "configs", "pbx", "kamailio.cfg"), pbx,
		"-A", "LISTEN=udp:"+pbx.String(), "-A", `PHONES="127.0.0.5/32"`, "-A", fmt.Sprintf("GATES=%q", list))

	rep := func(name, scenario, number string) *site.Phone {
		p := &site.Phone{
			Name: name, Script: script(scenario), Protocol: site.UDP, At: free(t, 5), Remote: pbx, Number: number, Rep: "201",
			Calls: 1, Limit: 20 * time.Second, Trace: true, Dir: dir,
		}
		require.NoError(t, p.Start())
		require.NoError(t, p.Wait(t.Context()))
		return p
	}
	rep("allowed", "caller-hangs-up", "+12125550199")
	require.Equal(t, []string{"INVITE", "ACK", "BYE"}, heard(t, trunk), "a whole call, its end included")
	require.Contains(t, away.Heard(), "INVITE", "the gate of the highest priority is asked first")

	refused := rep("refused", "caller-fails", number(gate.Owned))
	require.Contains(t, heard(t, refused), "403 Customer of 202")
	require.NotContains(t, spare.Heard(), "INVITE", "a refusal is not tried again at the next gate")
	require.Len(t, heard(t, trunk), 3)

	require.Len(t, decided(), 2)
	for _, d := range decided() {
		require.Equal(t, gate.Rep("201"), d.Call.Rep)
		require.Equal(t, "kamailio", d.Call.Peer)
	}
}

// The sample's own list of gates is one that Kamailio reads.
func TestKamailioSampleList(t *testing.T) {
	dir := t.TempDir()
	pbx := free(t, 20)
	configs := filepath.Join(root(), "..", "configs", "pbx")
	startKamailio(t, dir, filepath.Join(configs, "kamailio.cfg"), pbx,
		"-A", "LISTEN=udp:"+pbx.String(), "-A", fmt.Sprintf("GATES=%q", filepath.Join(configs, "kamailio-gates.list")))
}

func silent(t *testing.T, last int) *site.Silent {
	s, err := site.Listen(free(t, last))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s
}

// heard is what a phone received: methods, and statuses with their phrase.
func heard(t *testing.T, p *site.Phone) []string {
	messages, err := p.Messages()
	require.NoError(t, err)
	var all []string
	for _, m := range messages {
		switch {
		case m.Sent:
		case m.Request() != "":
			all = append(all, m.Request())
		default:
			all = append(all, m.Start[len("SIP/2.0 "):])
		}
	}
	return all
}
