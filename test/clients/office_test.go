// Package clients has softphones that people use, baresip and linphone, call through the built gate: they register
// through it to a real registrar, which asks for a password, and are called down the flow that they registered by.
package clients

import (
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"text/template"
	"time"

	"github.com/stretchr/testify/require"

	outside "github.com/ringfence/ringfence/sip/phone"
	"github.com/ringfence/ringfence/test/authority"
	"github.com/ringfence/ringfence/test/site"
)

// Hosts. The phones' network holds the gate's address too: who does not bind an address calls from the one they call.
var (
	gateHost     = netip.MustParseAddr("127.0.0.1")
	baresipHost  = netip.MustParseAddr("127.0.0.5")
	linphoneHost = netip.MustParseAddr("127.0.0.6")
	desks        = netip.MustParsePrefix("127.0.0.0/28")
	pbxHost      = netip.MustParseAddr("127.0.0.20")
	trunkHost    = netip.MustParseAddr("127.0.0.21")
)

const password = "correct-horse"

// office is the gate between softphones, the company's registrar and the outside world.
type office struct {
	gate  *site.Gate
	at    netip.AddrPort // by UDP and TCP
	tls   netip.AddrPort
	ca    string
	trunk *outside.Callee
}

func newOffice(t *testing.T) *office {
	t.Helper()
	ca := authority.New(t)
	o := &office{at: free(t, gateHost), tls: free(t, gateHost), ca: ca.File(t)}
	var err error
	o.trunk, err = outside.NewCallee(trunkHost.String() + ":0")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, o.trunk.Close()) })
	pbx := free(t, pbxHost)
	startRegistrar(t, pbx)
	cert, key := ca.Issue(t, "127.0.0.1", "localhost").Files(t)
	dir := t.TempDir()
	binary, err := site.Build(t.Context(), dir)
	require.NoError(t, err)
	o.gate, err = site.Ringfence{Binary: binary, Log: filepath.Join(dir, "log"), Prepare: [][]string{{"dnc", "add", site.BlockedNumber}}}.StartGate(t.Context(), site.Plan{
		Gate: o.at, Listen: []string{"tls://" + o.tls.String()}, More: fmt.Sprintf("  tls: {cert_file: %q, key_file: %q}\n", cert, key),
		Phones: desks, PBX: pbx, Trunks: []site.Trunk{{At: netip.MustParseAddrPort(o.trunk.Address()), Protocol: site.UDP}}, Dir: dir,
	})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, o.gate.Stop()) })
	return o
}

func (o *office) line(t *testing.T, extension, transport string, host netip.Addr) line {
	at := o.at
	if transport == "tls" {
		at = o.tls
	}
	domain := at.String()
	if host == linphoneHost {
		domain = fmt.Sprintf("localhost:%d", at.Port()) // it compares a certificate with names alone
	}
	return line{extension: extension, transport: transport, at: freePair(t, host), domain: domain, authority: o.ca, password: password}
}

func free(t *testing.T, host netip.Addr) netip.AddrPort {
	t.Helper()
	at, err := site.FreeAddress(host)
	require.NoError(t, err)
	return at
}

// freePair is a port that is free together with the next one, where baresip listens for TLS unasked.
func freePair(t *testing.T, host netip.Addr) netip.AddrPort {
	t.Helper()
	at := free(t, host)
	for {
		next := free(t, host)
		if next.Port() == at.Port()+1 {
			return at
		}
		at = next
	}
}

// startRegistrar runs Kamailio until the test ends.
func startRegistrar(t *testing.T, at netip.AddrPort) {
	modules, err := filepath.Glob("/usr/lib/*/kamailio/modules")
	require.NoError(t, err)
	require.NotEmpty(t, modules, "no modules under /usr/lib: is the package kamailio installed?")
	_, here, _, _ := runtime.Caller(0)
	parsed, err := template.ParseFiles(filepath.Join(filepath.Dir(here), "..", "kamailio", "registrar.cfg.tmpl"))
	require.NoError(t, err)
	dir := t.TempDir()
	config := filepath.Join(dir, "registrar.cfg")
	file, err := os.Create(config)
	require.NoError(t, err)
	require.NoError(t, parsed.Execute(file, map[string]any{"At": at, "Modules": modules[0] + "/", "Password": password}))
	require.NoError(t, file.Close())
	p, err := site.StartLogged(dir, filepath.Join(dir, "log"), "kamailio", "-DD", "-E", "-f", config, "-m", "64", "-M", "8", "-Y", dir, "-w", dir,
		"-P", filepath.Join(dir, "kamailio.pid"))
	require.NoError(t, err)
	require.NoError(t, p.Ready(patience, func() bool { return site.Listens(site.UDP, at) }))
	t.Cleanup(func() { require.NoError(t, p.Stop(10*time.Second)) })
}

// expectNoCallUp waits until no call holds a number at the gate: each BYE has come through.
func (o *office) expectNoCallUp(t *testing.T) {
	t.Helper()
	require.Eventually(t, func() bool {
		res, err := http.Get("http://" + o.gate.HTTP.String() + "/metrics")
		if err != nil {
			return false
		}
		defer res.Body.Close()
		exposition, err := io.ReadAll(res.Body)
		return err == nil && strings.Contains(string(exposition), "\nringfence_calls_up 0\n")
	}, patience, 20*time.Millisecond, "a call is still up at the gate")
}
