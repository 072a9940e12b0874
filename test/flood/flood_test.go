// Package flood sends the built gate more than it wants, from sources that it knows and from a great many that it does
// not, by real sockets of many loopback addresses.
package flood

import (
	"flag"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ringfence/ringfence/test/scenarios"
	"github.com/ringfence/ringfence/test/site"
)

var forged = flag.Int("forged", 100_000, "datagrams from as many unknown addresses")

// Who is who.
var (
	flooder = netip.MustParseAddr("127.0.0.2") // a phone that has gone mad
	honest  = netip.MustParseAddr("127.0.0.3") // a phone like it
	dialler = netip.MustParseAddr("127.0.0.6") // a phone like them, which the operator trusts
	desk    = netip.MustParseAddr("127.0.0.5") // known by its address alone
	trunk   = netip.MustParseAddr("127.0.0.7")
)

const t1 = 50 * time.Millisecond

// place starts the gate between all of them.
func place(t *testing.T) (*site.Gate, site.Plan) {
	t.Helper()
	dir := t.TempDir()
	binary, err := site.Build(t.Context(), dir)
	require.NoError(t, err)
	at := func(a netip.Addr) netip.AddrPort {
		free, err := site.FreeAddress(a)
		require.NoError(t, err)
		return free
	}
	plan := site.Plan{
		Gate: at(netip.MustParseAddr("127.0.0.1")), Phones: netip.PrefixFrom(desk, 32), PBX: at(netip.MustParseAddr("127.0.0.4")), Dir: dir,
		Trunks: []site.Trunk{{At: at(trunk), Protocol: site.UDP}},
		Timers: site.Timers{T1: t1, C: 3 * time.Minute, NoAnswer: 10 * time.Second},
		Peers:  `{name: phones, from: [127.0.0.2, 127.0.0.3, 127.0.0.6], identity: from, rate: 200/s},`,
		Limits: `trusted: [127.0.0.6], queue_delay: 100ms`, // the machine may have other work too
	}
	gate, err := site.Ringfence{Binary: binary, Drain: 10 * time.Second, Prepare: [][]string{{"dnc", "add", "+12125550190"}}}.StartGate(t.Context(), plan)
	require.NoError(t, err)
	return gate, plan
}

// While one phone sends a hundred times what it may, and then goes on, another one makes its calls as if nothing were.
func TestOnePhoneFloods(t *testing.T) {
	gate, plan := place(t)
	callee := site.Phone{
		Name: "trunk", Script: scenarios.Script("load-callee"), Protocol: site.UDP, At: plan.Trunks[0].At, Limit: time.Minute, Dir: plan.Dir,
	}
	require.NoError(t, callee.Start())
	defer callee.Kill()
	numbers := filepath.Join(plan.Dir, "numbers.csv")
	const calls = 400
	lines := []byte("SEQUENTIAL\n")
	for i := range calls {
		lines = fmt.Appendf(lines, "+1310200%04d\n", i)
	}
	require.NoError(t, os.WriteFile(numbers, lines, 0o600))
	at, err := site.FreeAddress(honest)
	require.NoError(t, err)
	caller := site.Phone{
		Name: "honest", Script: scenarios.Script("load-caller"), Protocol: site.UDP, At: at, Remote: plan.Gate, Rep: site.Caller, Number: "-",
		Calls: calls, Rate: 100, Limit: time.Minute, Extra: []string{"-inf", numbers}, Dir: plan.Dir,
	}

	mad := source(t, plan.Gate, flooder)
	ended := make(chan struct{})
	flooded := make(chan struct{})
	go func() {
		defer close(flooded)
		mad.flood(20_000, ended, func(n int) []byte { return invite(flooder, n, "+12125550190") })
	}()
	require.NoError(t, caller.Start())
	defer caller.Kill()
	err = caller.Wait(t.Context())
	close(ended)
	<-flooded
	require.NoError(t, err)
	said, err := caller.Statistics()
	require.NoError(t, err)
	assert.Equal(t, calls, said.Successful)
	assert.Zero(t, said.Failed)
	assert.NoError(t, callee.Finish(t.Context()))

	assert.InDelta(t, 1, metric(t, gate, "ringfence_bans_total", `why="flood"`), 0)
	assert.InDelta(t, 1, metric(t, gate, "ringfence_banned_sources"), 0)
	assert.Greater(t, metric(t, gate, "ringfence_sip_shed_total", `why="rate"`), 100.0)
	mad.hear()
	t.Logf("the mad phone sent %d bytes in %d datagrams and got %d bytes", mad.sent, mad.datagrams, mad.received.Load())
	assert.LessOrEqual(t, mad.received.Load(), mad.sent)
	before := mad.received.Load()
	for n := range 100 {
		mad.send(flooder, invite(flooder, 1_000_000+n, "+12125550190"))
	}
	mad.send(flooder, invite(flooder, 2_000_000, "911")) // heard even now; there is no callee any more
	require.Eventually(t, func() bool { return mad.received.Load() > before }, 5*time.Second, 5*time.Millisecond, "an emergency call")
	assert.Less(t, mad.received.Load()-before, int64(1500), "and nothing else")

	trusted := source(t, plan.Gate, dialler)
	for n := range 6000 {
		trusted.send(dialler, options(plan.Gate, dialler, n))
		if n%100 == 99 { // no more under way than its socket holds
			require.Eventually(t, func() bool { return trusted.answers.Load() == int64(n+1) }, 10*time.Second, 100*time.Microsecond)
		}
	}
	assert.InDelta(t, 1, metric(t, gate, "ringfence_bans_total"), 0, "whom the operator trusts is not banned")
	require.NoError(t, gate.Stop())
}

// Unknown addresses get nothing and leave nothing behind, however many there are.
func TestUnknownSources(t *testing.T) {
	gate, plan := place(t)
	crowd := source(t, plan.Gate, netip.IPv4Unspecified())
	unknown := func(n int) netip.Addr { // not 127.0.0.0/16, where everybody known is
		return netip.AddrFrom4([4]byte{127, byte(1 + n>>16), byte(n >> 8), byte(n)})
	}
	send := func(from, to int) {
		for n := from; n < to; n++ {
			a := unknown(n)
			crowd.send(a, invite(a, n, "+12125550100"))
		}
	}
	const warmUp = 20_000
	send(0, warmUp)
	before := resident(t, gate)
	send(warmUp, warmUp+*forged/2)
	halfway := resident(t, gate)
	send(warmUp+*forged/2, warmUp+*forged)
	after := resident(t, gate)
	t.Logf("resident: %.1f MiB, then %.1f, then %.1f", before/(1<<20), halfway/(1<<20), after/(1<<20))
	assert.Less(t, after-before, float64(32<<20))
	assert.Less(t, after-halfway, float64(8<<20), "memory is flat")
	assert.Greater(t, metric(t, gate, "ringfence_sip_dropped_total", `why="source"`), 0.5*float64(*forged), "most were read, and dropped")
	assert.Zero(t, metric(t, gate, "ringfence_sip_transactions"))
	assert.Zero(t, metric(t, gate, "ringfence_sip_requests_total"))
	crowd.hear()
	assert.Zero(t, crowd.received.Load(), "bytes that anybody got")
	require.NoError(t, gate.Stop())
}

// A known address that acknowledges nothing, since it has been forged, is told each refusal hardly more than once.
func TestNobodyAcknowledges(t *testing.T) {
	gate, plan := place(t)
	victim := source(t, plan.Gate, desk)
	const calls = 500
	for n := range calls {
		victim.send(desk, invite(desk, n, "+12125550190"))
		if n%5 == 4 {
			<-time.After(10 * time.Millisecond) // 500/s
		}
	}
	require.Eventually(t, func() bool { return metric(t, gate, "ringfence_sip_transactions") == 0 }, 64*t1+10*time.Second, 50*time.Millisecond)
	victim.hear()
	assert.GreaterOrEqual(t, victim.answers.Load(), int64(calls))
	t.Logf("%d INVITEs, %d answers; %d bytes sent, %d received", calls, victim.answers.Load(), victim.sent, victim.received.Load())
	assert.Less(t, victim.answers.Load(), int64(2*calls), "of the standard's 5,500")
	require.NoError(t, gate.Stop())
}
