package load

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/ringfence/ringfence/test/scenarios"
	"github.com/ringfence/ringfence/test/site"
)

var (
	overloadFor   = flag.Duration("overload-for", 700*time.Millisecond, "how long each rate is offered in TestOverload; three times the capacity comes for twice as long")
	overloadRatio = flag.Float64("overload-ratio", 0.25, "goodput at three times the capacity that there must be, as a share of the best")
)

// crowd is a kind of calls.
type crowd struct {
	name    string
	dialled func(step int) (first uint64, many int)
	from    int // calls a second that any machine carries
	good    int // the final response that is as it should be
}

var crowds = []crowd{
	{"allowed", func(step int) (uint64, int) { return 1_211_2000000 + uint64(step)*1_0000000, 1_000_000 }, 2000, 200},
	{"blocked by a bulk list", func(int) (uint64, int) { return firstListed, manyListed }, 6000, 403},
	{"blocked by the registry", func(int) (uint64, int) { return onlyListed, 1 }, 4000, 403},
}

const (
	firstListed = 1_310_2000000
	manyListed  = 20_000

	onlyListed = 1_212_5550190 // by itself, so that the registry has to be asked
)

// The rate grows by half until the gate has refused more than a tenth twice running, since once may be the machine's other
// work; so many times at most. And as soon after the load everything must be as before.
const (
	mostSteps = 10
	refusing  = 0.1
	twice     = 2
	calmIn    = 5 * time.Second
)

// TestOverload finds out how many calls a second the gate carries and offers it three times as many. What it has no room
// for is refused, or not answered where there is not even time to refuse; what it takes comes to its end as always, and is
// hardly less than before. Emergency calls, with their BYEs and CANCELs, come all the time and notice nothing, and the
// kernel throws no datagram away.
//
// The gate and Redis have one core, and whoever calls and answers the other, where there are two. What is found is a ratio
// within one run and says nothing about other machines.
func TestOverload(t *testing.T) {
	dir := t.TempDir()
	gate, err := site.Build(t.Context(), dir)
	require.NoError(t, err)
	callers, err := site.BuildCrowd(t.Context(), dir)
	require.NoError(t, err)
	for _, kind := range crowds {
		t.Run(kind.name, func(t *testing.T) {
			o := &overload{world: place(t, t.TempDir()), crowd: kind}
			o.start(t, gate, callers)
			best := o.peak(t)
			much := o.much(t, 3*best)
			offered := much.Made / best
			t.Logf("%.0f calls/s at most; at %.1f times that %.0f, which is %.2f; p99 %v", best, offered, much.Settled[o.good], much.Settled[o.good]/best, much.P99)
			if offered < 2.7 {
				t.Logf("this machine could not offer three times the capacity; what it could is judged")
			}
			assert.GreaterOrEqual(t, much.Settled[o.good], *overloadRatio*best, "calls a second at %.1f times the capacity of %.0f", offered, best)
			o.calms(t)
			require.NoError(t, o.gate.Stop())
		})
	}
}

// overload is a gate with too many callers.
type overload struct {
	*world
	crowd
	gate    *site.Gate
	callers *site.Crowd
	step    int
	lost    int // datagrams that the kernel had no room for
}

// strict says whether the kernel may lose nothing. With the loose share of a busy machine's test run a core that the gate
// and its Redis share may stand still for longer than the kernel's buffer lasts.
func strict() bool { return *overloadRatio >= 0.9 }

// mostLost is the share of what is offered that the kernel may lose otherwise.
const mostLost = 0.05

// start begins the gate and its Redis on one core, and the callers on another.
func (o *overload) start(t *testing.T, gate, callers string) {
	t.Helper()
	redis, err := site.StartRedis(o.plan.Dir)
	require.NoError(t, err)
	t.Cleanup(func() { _ = redis.Process.Stop(10 * time.Second) })
	own, others := cores(t)
	require.NoError(t, site.Pin(redis.Pid(), own))
	confined := filepath.Join(o.plan.Dir, "ringfence-on-one-core")
	require.NoError(t, os.WriteFile(confined, fmt.Appendf(nil, "#!/bin/sh\nexec taskset -c %d %s \"$@\"\n", own, gate), 0o700))
	var list []byte
	for i := range uint64(manyListed) {
		list = fmt.Appendf(list, "+%d\n", firstListed+i)
	}
	require.NoError(t, os.WriteFile(filepath.Join(o.plan.Dir, "listed.txt"), list, 0o600))
	o.plan.Timers.T1 = 500 * time.Millisecond
	o.gate, err = site.Ringfence{Binary: confined, Drain: 10 * time.Second, Redis: redis}.StartGate(t.Context(), o.plan)
	require.NoError(t, err)
	for _, command := range [][]string{
		{"dnc", "load", filepath.Join(o.plan.Dir, "listed.txt"), "--list", "overload"}, {"dnc", "add", fmt.Sprintf("+%d", onlyListed)},
	} {
		require.NoError(t, o.gate.Command(t.Context(), command...))
	}
	require.Eventually(t, func() bool { return sample(t, o.gate).listed == manyListed }, 20*time.Second, 20*time.Millisecond)
	o.callers, err = site.StartCrowd(callers, o.plan.Gate, o.phone.At, o.trunk.At)
	require.NoError(t, err)
	t.Cleanup(func() { _ = o.callers.Stop() })
	require.NoError(t, site.Pin(o.callers.Pid(), others))
}

// cores are the first two that this process may use, or one twice.
func cores(t *testing.T) (own, others int) {
	t.Helper()
	var mine unix.CPUSet
	require.NoError(t, unix.SchedGetaffinity(0, &mine))
	for !mine.IsSet(own) {
		own++
	}
	others = own
	for i := own + 1; i < 1024 && mine.Count() > 1 && others == own; i++ {
		if mine.IsSet(i) {
			others = i
		}
	}
	return own, others
}

// offer makes calls at one rate. Each that is up must end, and of what the kernel held for the gate nothing may be lost.
func (o *overload) offer(t *testing.T, rate int, span time.Duration) site.Became {
	t.Helper()
	o.step++
	first, many := o.dialled(o.step)
	before, was := o.dropped(t), sample(t, o.gate)
	b, err := o.callers.Offer(site.Offering{Rate: rate, For: span, First: first, Many: many})
	require.NoError(t, err)
	is := sample(t, o.gate)
	t.Logf("%d/s: %.0f/s were offered, %.0f taken, %.0f refused, %.0f not answered; p50 %v, p99 %v; %.0f decided without the registry",
		rate, b.Made, b.Settled[o.good], b.Settled[503], b.Settled[0], b.P50, b.P99, is.degraded-was.degraded)
	lost := o.dropped(t) - before
	o.lost += lost
	if strict() {
		assert.Zero(t, lost, "datagrams that the kernel had no room for, BYEs among them")
	}
	assert.LessOrEqual(t, float64(lost), mostLost*float64(b.Calls), "datagrams that the kernel had no room for")
	assert.Zero(t, b.NotEnded, "calls that were up and whose BYE was not answered")
	tooLate := is.degraded - was.degraded // the registry's answer was, for a gate that is busy: such a call gets a 503 as well
	assert.InDelta(t, b.Finals[503], is.shed-was.shed+tooLate, float64(lost), "503s that came, against those that the gate counted")
	assert.InDelta(t, b.Finals[0], is.silent-was.silent, float64(lost), "calls without an answer, against those that the gate dropped")
	return b
}

func (o *overload) dropped(t *testing.T) int {
	t.Helper()
	n, err := site.Dropped(o.plan.Gate)
	require.NoError(t, err)
	return n
}

// peak raises the rate until the gate has no room for some, and gives the best of what it carried, calls a second.
func (o *overload) peak(t *testing.T) (best float64) {
	t.Helper()
	for rate, step, refused := o.from, 0, 0; step < mostSteps && refused < twice; rate, step = rate*3/2, step+1 {
		b := o.offer(t, rate, *overloadFor)
		best = max(best, b.Settled[o.good])
		if b.Settled[o.good] < (1-refusing)*b.Made {
			refused++
		} else {
			refused = 0
		}
	}
	return best
}

// much makes too many calls, with emergency calls beside them, some of which are cancelled while they ring.
func (o *overload) much(t *testing.T, rate float64) site.Became {
	t.Helper()
	var beside []*site.Phone
	for number, script := range map[string]string{"911": "load-caller", "112": "overload-caller-cancels"} {
		p := o.beside(t, number, script)
		require.NoError(t, p.Start())
		defer p.Kill()
		beside = append(beside, p)
	}
	b := o.offer(t, int(rate), 2**overloadFor)
	for _, p := range beside {
		require.NoError(t, p.Wait(t.Context()))
		said, err := p.Statistics()
		require.NoError(t, err)
		assert.Equal(t, p.Calls, said.Successful, "%s: calls, with their BYEs or CANCELs, that came to their end", p.Name)
		assert.Zero(t, said.Failed, p.Name)
	}
	return b
}

// beside is a phone that makes emergency calls for as long as the load lasts.
func (o *overload) beside(t *testing.T, number, script string) *site.Phone {
	t.Helper()
	p := o.phone
	at, err := site.FreeAddress(o.phone.At.Addr())
	require.NoError(t, err)
	file := filepath.Join(o.plan.Dir, number+".csv")
	require.NoError(t, os.WriteFile(file, []byte("SEQUENTIAL\n"+number+"\n"), 0o600))
	p.Name, p.Script, p.Number, p.At, p.Rate, p.Extra = "emergency"+number, scenarios.Script(script), number, at, 20, []string{"-inf", file}
	p.Calls = max(1, int(float64(p.Rate)*2*overloadFor.Seconds()))
	return &p
}

// calms waits until the gate is as it was before the load, and makes a few calls, which are all taken.
func (o *overload) calms(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), calmIn)
	defer cancel()
	for sample(t, o.gate).callsUp > float64(o.lost) { // an answer of the trunk that the kernel lost is not sent again by the crowd
		require.NoError(t, ctx.Err(), "calls are up %v after the load", calmIn)
	}
	b := o.offer(t, 100, 500*time.Millisecond)
	assert.Equal(t, map[int]int{o.good: b.Calls}, b.Finals, "after the load")
}
