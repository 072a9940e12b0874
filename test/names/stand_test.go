// Package names shows that the built gate finds its trunks by name, as RFC 3263 says, and does without those of their
// servers that fail: against a name server of its own and SIPp at every end.
package names

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/ringfence/ringfence/test/scenarios"
	"github.com/ringfence/ringfence/test/site"
)

var binary string // the built gate

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "names-")
	if err == nil {
		binary, err = site.Build(context.Background(), dir)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	code := m.Run()
	_ = os.RemoveAll(dir)
	if err := goleak.Find(); code == 0 && err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

// Hosts of the servers behind a name.
var hosts = [...]netip.Addr{netip.MustParseAddr("127.0.0.2"), netip.MustParseAddr("127.0.0.3")}

const (
	noAnswer = 500 * time.Millisecond // sip.timers.no_answer
	penalty  = 4 * time.Second        // sip.dns.penalty
	patience = 15 * time.Second       // for what must happen some time
)

// stand is a gate whose first trunk is known by name, the name server that knows it, and room for two servers behind it.
type stand struct {
	t       *testing.T
	dir     string
	names   *site.NameServer
	gate    *site.Gate
	at      netip.AddrPort // the gate
	servers [2]netip.AddrPort
}

// calls makes files and numbers of calls unlike.
var calls atomic.Int64

func newStand(t *testing.T) *stand {
	t.Helper()
	t.Parallel()
	s := &stand{t: t, dir: t.TempDir()}
	var err error
	s.names, err = site.StartNameServer()
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.names.Close()) })
	for i, host := range hosts {
		s.servers[i], err = site.FreeAddress(host)
		require.NoError(t, err)
	}
	return s
}

// start runs the gate.
func (s *stand) start(trunks ...site.Trunk) {
	s.t.Helper()
	var err error
	s.at, err = site.FreeAddress(netip.MustParseAddr("127.0.0.1"))
	require.NoError(s.t, err)
	s.gate, err = site.Ringfence{Binary: binary}.StartGate(s.t.Context(), site.Plan{
		Gate: s.at, Phones: netip.MustParsePrefix("127.0.0.5/32"), PBX: netip.MustParseAddrPort("127.0.0.4:5060"), Trunks: trunks,
		Timers: site.Timers{T1: 200 * time.Millisecond, C: 3 * time.Minute, NoAnswer: noAnswer},
		DNS:    fmt.Sprintf("servers: [%q], min_ttl: 1s, penalty: %v", s.names.At(), penalty), Dir: s.dir,
	})
	require.NoError(s.t, err)
	s.t.Cleanup(func() {
		if err := s.gate.Stop(); err != nil || s.t.Failed() {
			s.t.Logf("the gate wrote:\n%s", s.gate.Output())
			require.NoError(s.t, err)
		}
	})
}

// record is an SRV record of _sip._udp.carrier.example with the server's address behind it.
func (s *stand) record(server, priority, seconds int) string {
	return fmt.Sprintf("_sip._udp.carrier.example. %d IN SRV %d 0 %d server%d.carrier.example.\nserver%d.carrier.example. %d IN A %v\n",
		seconds, priority, s.servers[server].Port(), server, server, seconds, s.servers[server].Addr())
}

// serve starts a server behind the name that plays this script whenever it is called.
func (s *stand) serve(server int, script string, over site.Protocol) *site.Phone {
	s.t.Helper()
	p := &site.Phone{
		Name: fmt.Sprintf("server%d-%d", server, calls.Add(1)), Script: scenarios.Script(script), Protocol: over,
		At: s.servers[server], Limit: time.Minute, Trace: true, Dir: s.dir,
	}
	require.NoError(s.t, p.Start())
	s.t.Cleanup(p.Kill)
	return p
}

// call makes a call that must be answered, from beginning to end, and says how long it took.
func (s *stand) call() time.Duration {
	s.t.Helper()
	n := calls.Add(1)
	at, err := site.FreeAddress(netip.MustParseAddr("127.0.0.5"))
	require.NoError(s.t, err)
	p := &site.Phone{
		Name: fmt.Sprintf("caller-%d", n), Script: scenarios.Script("caller-hangs-up"), Protocol: site.UDP, At: at, Remote: s.at,
		Number: fmt.Sprintf("+1212555%04d", n), Rep: site.Caller, Calls: 1, Limit: 20 * time.Second, Trace: true, Dir: s.dir,
	}
	begun := time.Now()
	require.NoError(s.t, p.Start())
	s.t.Cleanup(p.Kill)
	require.NoError(s.t, p.Wait(s.t.Context()))
	return time.Since(begun)
}

// heard is how many of these requests a SIPp was sent, repetitions left out.
func (s *stand) heard(p *site.Phone, method string) int {
	s.t.Helper()
	messages, err := p.Messages()
	require.NoError(s.t, err)
	branches := map[string]bool{}
	for _, m := range messages {
		if !m.Sent && m.Request() == method {
			branches[m.Branch] = true
		}
	}
	return len(branches)
}

// silent is a server that is there and says nothing.
func (s *stand) silent(server int) *site.Silent {
	s.t.Helper()
	quiet, err := site.Listen(s.servers[server])
	require.NoError(s.t, err)
	return quiet
}

// invites is how many INVITEs it heard, repetitions included.
func invites(quiet *site.Silent) (n int) {
	for _, m := range quiet.Heard() {
		if m == "INVITE" {
			n++
		}
	}
	return n
}

// metric waits until the gate's metrics have this line.
func (s *stand) metric(line string) {
	s.t.Helper()
	require.Eventually(s.t, func() bool {
		req, err := http.NewRequestWithContext(s.t.Context(), http.MethodGet, "http://"+s.gate.HTTP.String()+"/metrics", nil)
		require.NoError(s.t, err)
		req.Close = true
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			return false
		}
		defer res.Body.Close()
		body, err := io.ReadAll(res.Body)
		return err == nil && strings.Contains(string(body), "\n"+line+"\n")
	}, patience, 50*time.Millisecond, line)
}

// says waits until the gate has written this.
func (s *stand) says(text string) {
	s.t.Helper()
	require.Eventually(s.t, func() bool { return strings.Contains(s.gate.Output(), text) }, patience, 20*time.Millisecond, text)
}

// second is a trunk that needs no name server, on the second server's address.
func (s *stand) second() site.Trunk { return site.Trunk{At: s.servers[1], Protocol: site.UDP} }

var byName = site.Trunk{URI: "sip:carrier.example;transport=udp"}
