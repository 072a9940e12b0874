// Package load puts many full calls a second through the built gate, with a real Redis and SIPp at both ends, and wants
// every one of them to succeed, nothing to be repeated, and the process to be afterwards as it was before.
package load

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

var (
	cps  = flag.Int("cps", 300, "calls per second")
	span = flag.Duration("for", 5*time.Second, "how long each of the two rounds lasts")
	t1   = flag.Duration("t1", 200*time.Millisecond, "the gate's T1; transactions linger for 64 times as long")

	budget = flag.Duration("budget", 500*time.Millisecond, "rules.budget: how long a call waits for Redis; the gate's own default is 40ms")
)

// What a round may leave behind. Goroutines come and go with connections to Redis. Memory is the kernel's count: the
// collector gives back what it no longer needs in its own time.
const (
	strayGoroutines = 20
	strayMemory     = 1.25
	baseMemory      = 16 << 20
)

// sippUnderLoad: SIPp's own 64 KiB of socket buffer hold less than 10 ms of 1,000 calls a second, and it would be SIPp that
// loses messages; and it looks at its timers every millisecond, so that calls begin one by one.
var sippUnderLoad = []string{"-buff_size", "4000000", "-timer_resol", "1"}

func TestLoad(t *testing.T) {
	dir := t.TempDir()
	binary, err := site.Build(t.Context(), dir)
	require.NoError(t, err)
	w := place(t, dir)
	gate, err := site.Ringfence{Binary: binary, Drain: 10 * time.Second}.StartGate(t.Context(), w.plan)
	require.NoError(t, err)
	fresh := sample(t, gate)

	first := w.round(t, gate)
	second := w.round(t, gate)
	require.NoError(t, gate.Stop())

	t.Logf("before:       %v", fresh)
	t.Logf("first round:  %v", first)
	t.Logf("second round: %v", second)
	calls := float64(w.calls)
	assert.InDelta(t, 2*calls, second.allowed, 0, "decisions that allowed, against calls made")
	assert.Zero(t, second.otherwise, "decisions that did anything else")
	assert.Zero(t, second.repeated, "SIP messages that were repeated")
	assert.Zero(t, second.registryErrors)
	assert.LessOrEqual(t, second.goroutines, first.goroutines+strayGoroutines)
	assert.LessOrEqual(t, second.resident, first.resident*strayMemory+baseMemory)
}

// world is who takes part.
type world struct {
	plan    site.Plan
	calls   int
	numbers string // the injection file
	phone   site.Phone
	trunk   site.Phone
	rounds  int
}

func place(t *testing.T, dir string) *world {
	t.Helper()
	at := func(host string) netip.AddrPort {
		a, err := site.FreeAddress(netip.MustParseAddr(host))
		require.NoError(t, err)
		return a
	}
	phone, trunk := at("127.0.0.5"), at("127.0.0.2")
	w := &world{calls: int(float64(*cps) * span.Seconds()), numbers: filepath.Join(dir, "numbers.csv"), plan: site.Plan{
		Gate: at("127.0.0.1"), Phones: netip.PrefixFrom(phone.Addr(), 32), PBX: at("127.0.0.4"), Dir: dir,
		Trunks: []site.Trunk{{At: trunk, Protocol: site.UDP}},
	}}
	w.plan.Budget = *budget
	w.plan.Timers = site.Timers{T1: *t1, C: 3 * time.Minute, NoAnswer: 10 * time.Second}
	w.phone = site.Phone{
		Name: "caller", Script: scenarios.Script("load-caller"), Protocol: site.UDP, At: phone, Remote: w.plan.Gate,
		Rep: site.Caller, Number: "-", Calls: w.calls, Rate: *cps, Limit: *span + time.Minute, Extra: append([]string{"-inf", w.numbers}, sippUnderLoad...), Dir: dir,
	}
	w.trunk = site.Phone{
		Name: "trunk", Script: scenarios.Script("load-callee"), Protocol: site.UDP, At: trunk,
		Calls: w.calls, Limit: *span + time.Minute, Extra: sippUnderLoad, Dir: dir,
	}
	return w
}

// round makes the calls, each to a number of its own, and waits until the gate has forgotten them.
func (w *world) round(t *testing.T, gate *site.Gate) state {
	t.Helper()
	w.rounds++
	require.NoError(t, writeNumbers(w.numbers, w.rounds, w.calls))
	caller, trunk := w.phone, w.trunk
	caller.Name, trunk.Name = fmt.Sprintf("caller%d", w.rounds), fmt.Sprintf("trunk%d", w.rounds)
	require.NoError(t, trunk.Start())
	defer trunk.Kill()
	require.NoError(t, caller.Start())
	defer caller.Kill()
	require.NoError(t, caller.Wait(t.Context()))
	require.NoError(t, trunk.Wait(t.Context()))
	for _, p := range []*site.Phone{&caller, &trunk} {
		s, err := p.Statistics()
		require.NoError(t, err)
		assert.Equal(t, w.calls, s.Successful, "%s: calls that succeeded", p.Name)
		assert.Zero(t, s.Failed, "%s: calls that failed", p.Name)
		assert.Zero(t, s.Retransmissions, "%s: messages sent again", p.Name)
	}
	var s state
	require.Eventually(t, func() bool {
		s = sample(t, gate)
		return s.transactions == 0 && s.callsUp == 0
	}, 64**t1+20*time.Second, 200*time.Millisecond, "transactions and calls of a round that is over must go")
	return s
}

// writeNumbers makes an injection file of SIPp: numbers that no other round uses.
func writeNumbers(file string, round, calls int) error {
	lines := []byte("SEQUENTIAL\n")
	for i := range calls {
		lines = fmt.Appendf(lines, "+1%d%07d\n", 211+round, 2_000_000+i)
	}
	return os.WriteFile(file, lines, 0o600)
}
