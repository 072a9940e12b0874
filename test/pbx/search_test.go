package pbx

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"text/template"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ringfence/ringfence/gate"
	"github.com/ringfence/ringfence/sip"
	"github.com/ringfence/ringfence/sip/answer"
	"github.com/ringfence/ringfence/test/site"
)

// makes are the PBXs that pbx.cfg.tmpl plays, with the profile that is meant for each.
var makes = map[string]string{
	"3cx": "3cx", "freeswitch": "freeswitch", "cisco": "cisco", "operator": "608",
	"asterisk-by-status": "asterisk", "asterisk-by-reason": "asterisk",
	"freepbx-by-status": "freepbx", "freepbx-by-reason": "freepbx",
}

// TestRefusalEndsTheRouteSearch: behind a PBX of each make, with the answers that are meant for it, no refused call
// leaves by the PBX's second trunk, whatever the reason. With the answers for phones, each make sends some there: the
// PBXs do search on.
func TestRefusalEndsTheRouteSearch(t *testing.T) {
	s := newStand(t)
	var cases []string
	for name, profile := range makes {
		for _, reason := range reasons() {
			cases = append(cases, s.line(name, profile, reason), s.line(name, "phone", reason))
		}
	}
	s.call(cases)

	leaked := s.secondTrunkHeard()
	for name, profile := range makes {
		for _, reason := range reasons() {
			require.NotContains(t, leaked, caseOf(name, profile, reason), "it left by the second trunk")
		}
		for _, reason := range []gate.Reason{gate.DNC, gate.Refused, gate.Owned} {
			require.Contains(t, leaked, caseOf(name, "phone", reason), "a PBX that never searches on proves nothing")
		}
	}
	require.Len(t, s.decided(), len(cases), "calls that the gate was asked about")
	require.Empty(t, s.firstTrunk.Heard(), "the gate let a call out")
	s.requireToldAsMeant()
}

// stand is a PBX between a rep and two trunks, of which the gate is the first.
type stand struct {
	t          *testing.T
	dir        string
	pbx        netip.AddrPort
	sockets    map[string]netip.AddrPort // the PBX's addresses towards the gate, by the profile of the peer there
	gate       netip.AddrPort
	firstTrunk *site.Silent // of the gate
	second     *site.Phone
	caller     *site.Phone
	decided    func() []gate.Decision
}

func newStand(t *testing.T) *stand {
	s := &stand{t: t, dir: t.TempDir(), sockets: map[string]netip.AddrPort{}, pbx: free(t, 20), gate: free(t, 1)}
	cfg := sip.Config{Listen: []string{"udp://" + s.gate.String()}, Card: answer.Card{URL: "https://gate.example.com/card"}}
	for i, profile := range answer.Names() {
		at := free(t, 21+i)
		s.sockets[profile] = at
		cfg.Peers = append(cfg.Peers, sip.Peer{Name: profile, From: []string{at.Addr().String()}, Identity: "header:X-Rep", Answers: profile})
	}
	quiet, err := site.Listen(free(t, 2))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, quiet.Close()) })
	s.firstTrunk = quiet
	cfg.Trunks = []sip.Trunk{{Name: "first", URI: "sip:" + quiet.At().String()}}
	s.decided = startGate(t, cfg)
	s.second = &site.Phone{
		Name: "second", Script: script("trunk-knows-no-such-number"), Protocol: site.UDP, At: free(t, 3), Limit: time.Minute, Trace: true, Dir: s.dir,
	}
	require.NoError(t, s.second.Start())
	t.Cleanup(s.second.Kill)
	startKamailio(t, s.dir, s.configuration(), s.pbx)
	return s
}

func free(t *testing.T, last int) netip.AddrPort {
	at, err := site.FreeAddress(host(last))
	require.NoError(t, err)
	return at
}

func caseOf(name, profile string, reason gate.Reason) string {
	return fmt.Sprint(name, "/", profile, "/", reason)
}

// line is a call in SIPp's input file.
func (s *stand) line(name, profile string, reason gate.Reason) string {
	rep := "201"
	if reason == gate.UnknownRep {
		rep = ""
	}
	return strings.Join([]string{number(reason), rep, name, s.sockets[profile].String(), caseOf(name, profile, reason), ""}, ";")
}

// call plays one call a line and waits for the last to end.
func (s *stand) call(lines []string) {
	input := filepath.Join(s.dir, "calls.csv")
	require.NoError(s.t, os.WriteFile(input, []byte("SEQUENTIAL\n"+strings.Join(lines, "\n")+"\n"), 0o600))
	s.caller = &site.Phone{
		Name: "caller", Script: script("caller-behind-a-pbx"), Protocol: site.UDP, At: free(s.t, 5), Remote: s.pbx, Number: "unused", Rep: "unused",
		Calls: len(lines), Rate: 50, Limit: time.Minute, Trace: true, Extra: []string{"-inf", input}, Dir: s.dir,
	}
	require.NoError(s.t, s.caller.Start())
	require.NoError(s.t, s.caller.Wait(s.t.Context()))
}

// secondTrunkHeard is the case of each INVITE that left by the second trunk.
func (s *stand) secondTrunkHeard() []string {
	messages, err := s.second.Messages()
	require.NoError(s.t, err)
	var cases []string
	for _, m := range messages {
		if !m.Sent && m.Request() == "INVITE" {
			cases = append(cases, header(m.Text, "X-Case"))
		}
	}
	return cases
}

// requireToldAsMeant: what the rep heard in the end is what the peer's profile says, and not a fault of the stand.
func (s *stand) requireToldAsMeant() {
	messages, err := s.caller.Messages()
	require.NoError(s.t, err)
	heard := map[string]string{} // final status by Call-ID
	for _, m := range messages {
		if !m.Sent && m.Status() >= "200" {
			heard[m.CallID] = m.Status()
		}
	}
	profiles := answer.Profiles{Card: "https://gate.example.com/card"}
	for _, m := range messages {
		parts := strings.Split(header(m.Text, "X-Case"), "/")
		if m.Request() != "INVITE" || makes[parts[0]] != parts[1] {
			continue
		}
		p, err := profiles.Named(parts[1])
		require.NoError(s.t, err)
		reason := gate.Undecided
		if parts[2] != reason.String() {
			reason, err = gate.ParseReason(parts[2])
			require.NoError(s.t, err)
		}
		want := p.Refusal(&gate.Decision{Reason: reason})
		require.Equal(s.t, fmt.Sprint(want.Status), heard[m.CallID], "%v", parts)
	}
}

// configuration writes Kamailio's and names the file.
func (s *stand) configuration() string {
	modules, err := filepath.Glob("/usr/lib/*/kamailio/modules")
	require.NoError(s.t, err)
	require.NotEmpty(s.t, modules, "no modules under /usr/lib: is the package kamailio installed?")
	parsed, err := template.ParseFiles(filepath.Join(root(), "kamailio", "pbx.cfg.tmpl"))
	require.NoError(s.t, err)
	file, err := os.Create(filepath.Join(s.dir, "pbx.cfg"))
	require.NoError(s.t, err)
	require.NoError(s.t, parsed.Execute(file, map[string]any{
		"At": s.pbx, "Sockets": s.sockets, "Gate": s.gate, "Second": s.second.At, "Modules": modules[0] + "/",
	}))
	require.NoError(s.t, file.Close())
	return file.Name()
}

// startKamailio runs one in the foreground until the test ends; it is ready when it listens at at.
func startKamailio(t *testing.T, dir, config string, at netip.AddrPort, more ...string) {
	args := append([]string{"-DD", "-E", "-f", config, "-m", "64", "-M", "8", "-Y", dir, "-w", dir, "-P", filepath.Join(dir, "kamailio.pid")}, more...)
	p, err := site.StartLogged(dir, filepath.Join(dir, "kamailio.log"), "kamailio", args...)
	require.NoError(t, err)
	require.NoError(t, p.Ready(15*time.Second, func() bool { return site.Listens(site.UDP, at) }))
	t.Cleanup(func() { _ = p.Stop(5 * time.Second) }) // Kamailio 5.6 now and then waits for its own children for ever
}

// root is the folder test/ of the source tree.
func root() string {
	_, file, _, ok := runtime.Caller(0)
	if !ok {
		panic("the test was built without file names (-trimpath): it cannot find its scenarios")
	}
	return filepath.Dir(filepath.Dir(file))
}

func script(name string) string { return filepath.Join(root(), "sipp", name+".xml") }
