package load

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/ringfence/ringfence/test/scenarios"
	"github.com/ringfence/ringfence/test/site"
)

var (
	overloadFor  = flag.Duration("overload-for", time.Second, "how long each step of TestOverload lasts")
	overloadTop  = flag.Int("overload-top", 16_000, "calls per second that SIPp is asked for at most while the capacity is looked for")
	overloadWait = flag.Duration("overload-wait", 100*time.Millisecond, "sip.limits.queue_delay; the gate's own default is 25ms, for machines that do nothing besides")
	ballast      = flag.Int("ballast", 3, "processes that compete with the gate for its core, so that SIPp can make three times what is left")
)

// What there must be at three times the capacity, as a share of what there was at most; and how soon all must be as
// before when the load ends.
const (
	goodAt3x = 0.9
	calmIn   = 5 * time.Second
)

// crowd is a kind of calls.
type crowd struct {
	name, script string
	dialled      func(step int) []byte // what is dialled: an injection file
	counted      func(state) float64   // decisions that are as they should be
}

var crowds = []crowd{
	{
		name: "allowed", script: "overload-caller",
		dialled: func(step int) []byte { return injection(1_211_2000000+uint64(step)*1_0000000, 200_000) },
		counted: func(s state) float64 { return s.allowed },
	},
	{
		name: "blocked by a bulk list", script: "overload-caller-blocked",
		dialled: func(int) []byte { return injection(firstListed, manyListed) },
		counted: func(s state) float64 { return s.blocked },
	},
	{
		name: "blocked by the registry", script: "overload-caller-blocked",
		dialled: func(int) []byte { return []byte("SEQUENTIAL\n" + onlyListed + "\n") },
		counted: func(s state) float64 { return s.blocked },
	},
}

const (
	firstListed = 1_310_2000000
	manyListed  = 20_000

	onlyListed = "+12125550190" // by itself, so that the registry has to be asked
)

// injection is an injection file of SIPp: numbers one after another.
func injection(first uint64, many int) []byte {
	lines := []byte("SEQUENTIAL\n")
	for i := range uint64(many) {
		lines = fmt.Appendf(lines, "+%d\n", first+i)
	}
	return lines
}

// TestOverload finds out how many calls a second the gate carries and offers it three times as many. What it has no room
// for gets 503 at once; the calls that it takes come to their end as always, and there are hardly fewer of them. Emergency
// calls, and CANCELs of calls that ring, come all the time and notice nothing.
//
// The gate and Redis share a core with some ballast where there are two cores, and SIPp has the other. What is found is a
// ratio within one run and says nothing about other machines. One that has much else to do may spoil a step: then it is
// made again, twice at most.
func TestOverload(t *testing.T) {
	dir := t.TempDir()
	binary, err := site.Build(t.Context(), dir)
	require.NoError(t, err)
	for _, kind := range crowds {
		t.Run(kind.name, func(t *testing.T) {
			o := &overload{world: place(t, t.TempDir()), crowd: kind}
			o.plan.Timers.T1 = 500 * time.Millisecond // SIPp takes a repeated INVITE for an unexpected one
			o.plan.Limits = fmt.Sprintf("queue_delay: %v", *overloadWait)
			o.start(t, binary)
			best := o.peak(t)
			at3x := o.offer(t, 3*int(best.good))
			for range 2 {
				if at3x.good >= goodAt3x*best.good {
					break
				}
				best = o.offer(t, int(best.good))
				at3x = o.offer(t, 3*int(best.good))
			}
			t.Logf("%s: %.0f calls/s at most; at three times that %.0f, which is %.2f, and %.0f refused", o.name, best.good, at3x.good, at3x.good/best.good, at3x.shed)
			assert.GreaterOrEqual(t, at3x.good, goodAt3x*best.good, "calls a second at three times the capacity of %.0f", best.good)
			assert.Positive(t, at3x.shed)
			o.calms(t)
			require.NoError(t, o.gate.Stop())
		})
	}
}

// overload is a gate with too many callers.
type overload struct {
	*world
	crowd
	gate *site.Gate
	step int
}

// start begins the gate and its Redis, on one core where there are several.
func (o *overload) start(t *testing.T, binary string) {
	t.Helper()
	redis, err := site.StartRedis(o.plan.Dir)
	require.NoError(t, err)
	t.Cleanup(func() { _ = redis.Process.Stop(10 * time.Second) })
	if core, several := firstCore(t); several {
		binary = o.confine(t, core, binary, redis)
	}
	list := injection(firstListed, manyListed)[len("SEQUENTIAL\n"):]
	require.NoError(t, os.WriteFile(filepath.Join(o.plan.Dir, "listed.txt"), list, 0o600))
	o.gate, err = site.Ringfence{Binary: binary, Drain: 10 * time.Second, Redis: redis}.StartGate(t.Context(), o.plan)
	require.NoError(t, err)
	for _, command := range [][]string{
		{"dnc", "load", filepath.Join(o.plan.Dir, "listed.txt"), "--list", "overload"}, {"dnc", "add", onlyListed},
	} {
		require.NoError(t, o.gate.Command(t.Context(), command...))
	}
	require.Eventually(t, func() bool { return sample(t, o.gate).listed == manyListed }, 20*time.Second, 20*time.Millisecond)
}

// confine puts Redis, the gate and the ballast on one core; the result is how to start the gate there.
func (o *overload) confine(t *testing.T, core int, binary string, redis *site.Redis) string {
	t.Helper()
	var one unix.CPUSet
	one.Set(core)
	require.NoError(t, unix.SchedSetaffinity(redis.Pid(), &one))
	for range *ballast {
		spin := exec.Command("sh", "-c", "while :; do :; done")
		spin.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
		require.NoError(t, spin.Start())
		t.Cleanup(func() {
			_ = spin.Process.Kill()
			_ = spin.Wait() // says that it was killed
		})
		require.NoError(t, unix.SchedSetaffinity(spin.Process.Pid, &one))
	}
	confined := filepath.Join(o.plan.Dir, "ringfence-on-one-core")
	script := fmt.Sprintf("#!/bin/sh\nexec taskset -c %d %s \"$@\"\n", core, binary)
	require.NoError(t, os.WriteFile(confined, []byte(script), 0o700))
	return confined
}

func firstCore(t *testing.T) (core int, several bool) {
	t.Helper()
	var mine unix.CPUSet
	require.NoError(t, unix.SchedGetaffinity(0, &mine))
	for !mine.IsSet(core) {
		core++
	}
	return core, mine.Count() > 1
}

// offer is what became of calls at one rate: each is calls a second, over the time in which the rate had settled.
type offer struct{ made, good, shed, degraded float64 }

// peak raises the rate until the gate has to refuse some, and gives the best of what it carried.
func (o *overload) peak(t *testing.T) (best offer) {
	t.Helper()
	for rate := 1000; rate <= *overloadTop; rate *= 2 {
		found := o.offer(t, rate)
		if found.good > best.good {
			best = found
		}
		if found.shed > 0.1*found.made {
			break
		}
	}
	return best
}

// offer makes so many calls a second, and ten emergency calls and ten that are cancelled beside them.
func (o *overload) offer(t *testing.T, rate int) offer {
	t.Helper()
	for again := 2; ; again-- {
		found, err := o.attempt(t, rate)
		if err == nil {
			t.Logf("%s, %d/s: %.0f/s were offered, %.0f taken, %.0f refused, %.0f decided without the registry",
				o.name, rate, found.made, found.good, found.shed, found.degraded)
			return found
		}
		t.Log(err)
		require.Positive(t, again, "calls, emergency calls or cancelled ones did not end as they should, three times")
	}
}

func (o *overload) attempt(t *testing.T, rate int) (found offer, err error) {
	t.Helper()
	o.step++
	name := func(end string) string { return fmt.Sprintf("%s%d", end, o.step) }
	require.NoError(t, os.WriteFile(o.numbers, o.dialled(o.step), 0o600))
	trunk, pbx, caller := o.trunk, o.trunk, o.phone
	trunk.Name, trunk.Calls, trunk.Script = name("trunk"), 0, scenarios.Script("overload-callee")
	pbx.Name, pbx.Calls, pbx.Script, pbx.At, pbx.Extra = name("pbx"), 0, scenarios.Script("callee-is-cancelled"), o.plan.PBX, nil
	caller.Name, caller.Script, caller.Rate = name("caller"), scenarios.Script(o.script), rate
	caller.Calls = int(float64(rate) * overloadFor.Seconds())
	caller.Extra = append([]string{"-l", "19000"}, caller.Extra...)
	callers := []*site.Phone{o.beside(t, name("emergency"), "load-caller", "911"), o.beside(t, name("cancels"), "overload-caller-cancels", "333"), &caller}
	for _, p := range append([]*site.Phone{&trunk, &pbx}, callers...) {
		require.NoError(t, p.Start())
		defer p.Kill()
	}
	<-time.After(*overloadFor / 3)
	began, before := time.Now(), sample(t, o.gate)
	<-time.After(*overloadFor / 2)
	after, took := sample(t, o.gate), time.Since(began).Seconds()
	for _, p := range callers {
		err = errors.Join(err, p.Wait(t.Context()))
	}
	per := func(of func(state) float64) float64 { return (of(after) - of(before)) / took }
	found = offer{good: per(o.counted), shed: per(func(s state) float64 { return s.shed }), degraded: per(func(s state) float64 { return s.degraded })}
	found.made = found.good + found.shed + found.degraded
	if found.degraded > 0.01*found.made {
		err = errors.Join(err, fmt.Errorf("%.0f of %.0f calls/s were decided without the registry, which was never away", found.degraded, found.made))
	}
	return found, err
}

// beside is a phone that makes ten calls a second for as long as a step lasts.
func (o *overload) beside(t *testing.T, name, script, number string) *site.Phone {
	t.Helper()
	p := o.phone
	at, err := site.FreeAddress(o.phone.At.Addr())
	require.NoError(t, err)
	file := filepath.Join(o.plan.Dir, number+".csv")
	require.NoError(t, os.WriteFile(file, []byte("SEQUENTIAL\n"+number+"\n"), 0o600))
	p.Name, p.Script, p.Number, p.At, p.Rate, p.Extra = name, scenarios.Script(script), number, at, 10, []string{"-inf", file}
	p.Calls = max(1, int(10*overloadFor.Seconds()))
	return &p
}

// calms waits until the gate is as it was before the load.
func (o *overload) calms(t *testing.T) {
	t.Helper()
	before := sample(t, o.gate)
	require.Eventually(t, func() bool { return sample(t, o.gate).callsUp == 0 }, calmIn, 50*time.Millisecond)
	o.offer(t, 100)
	assert.Equal(t, before.shed, sample(t, o.gate).shed, "calls refused for load after it has ended")
}
