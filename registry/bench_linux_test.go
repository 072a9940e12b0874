package registry

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/ringfence/ringfence/gate"
	"github.com/ringfence/ringfence/registry/redistest"
)

// calls makes questions as a gate would ask them: every call has its own Call-ID, one in ten is about an owned number.
type calls struct {
	next    atomic.Int64
	numbers []gate.Number
}

func newCalls(b *testing.B, s *Store) *calls {
	c := &calls{numbers: make([]gate.Number, 100_000)}
	for i := range c.numbers {
		c.numbers[i] = gate.Number(fmt.Sprintf("+1%03d%07d", 201+i%700, 2_000_000+i))
		if i%10 == 0 && i < 10_000 {
			_, err := s.Claim(b.Context(), c.numbers[i], ClaimOrder{Rep: "owner", For: time.Hour})
			require.NoError(b, err)
		}
	}
	return c
}

func (c *calls) question() gate.Question {
	i := c.next.Add(1)
	n := c.numbers[rand.IntN(len(c.numbers))]
	return question(n, gate.Rep(strconv.FormatInt(200+i%500, 10)), strconv.FormatInt(i, 16)+"@phone.example")
}

// operations are what is measured side by side on one connection pool.
func operations(b *testing.B, s *Store) map[string]func(ctx context.Context) error {
	c := newCalls(b, s)
	o := *s.client.(*redis.Client).Options()
	bare := redis.NewClient(&o) // the same settings without the breaker
	b.Cleanup(func() { bare.Close() })
	require.NoError(b, bare.Set(b.Context(), "rf:bench", "x", 0).Err())
	return map[string]func(ctx context.Context) error{
		"Get": func(ctx context.Context) error { return bare.Get(ctx, "rf:bench").Err() },
		"EvalSha": func(ctx context.Context) error {
			q := c.question()
			k := keysOf(q.Number.Digits())
			return bare.EvalSha(ctx, decideScript.sha, []string{k.number(), k.attempt(q.CallID), k.stream()},
				string(q.Rep), q.CallID, q.Number.Digits()+"\x1fdesk\x1fg1\x1fp1\x1f"+q.CallID, string(q.Rep),
				60000, 32000, 2592000000, "0", "0", "", "", "0", "", "", "").Err()
		},
		"Decide": func(ctx context.Context) error { _, err := s.Decide(ctx, c.question()); return err },
	}
}

// BenchmarkDecide is the decision one after another and many at once, over TCP and over a unix socket; BenchmarkGet is
// a GET on the same settings, the least that any question to Redis costs.
func BenchmarkDecide(b *testing.B) { benchmarkOperation(b, "Decide") }

// BenchmarkGet is the yardstick of BenchmarkDecide.
func BenchmarkGet(b *testing.B) { benchmarkOperation(b, "Get") }

func benchmarkOperation(b *testing.B, name string) {
	server := redistest.Start(b)
	for network, url := range map[string]string{"tcp": server.URL(), "unix": server.UnixURL()} {
		run := operations(b, open(b, url, WithoutLists()))[name]
		b.Run(network+"/one", func(b *testing.B) {
			ctx, cancel := context.WithTimeout(b.Context(), time.Minute) // a gate's calls have a deadline
			defer cancel()
			defer reportServer(b, server, cpuTime(b, server.PID()))
			b.ReportAllocs()
			for b.Loop() {
				if err := run(ctx); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(network+"/many", func(b *testing.B) {
			ctx, cancel := context.WithTimeout(b.Context(), time.Minute)
			defer cancel()
			defer reportServer(b, server, cpuTime(b, server.PID()))
			b.ReportAllocs()
			b.SetParallelism(16)
			b.RunParallel(func(p *testing.PB) {
				for p.Next() {
					if err := run(ctx); err != nil {
						b.Error(err)
						return
					}
				}
			})
		})
	}
}

// reportServer tells the server's share, which other load on the machine hardly changes.
func reportServer(b *testing.B, server *redistest.Server, before time.Duration) {
	b.Helper()
	b.ReportMetric(float64((cpuTime(b, server.PID())-before).Nanoseconds())/1000/float64(b.N), "server-µs/op")
}

// cpuTime is what the process's main thread, in which Redis runs every command, has used so far.
func cpuTime(b *testing.B, pid int) time.Duration {
	b.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/schedstat", pid, pid))
	require.NoError(b, err)
	var ns int64
	_, err = fmt.Sscan(string(text), &ns)
	require.NoError(b, err)
	return time.Duration(ns)
}

// BenchmarkLatency is an open loop: calls come by themselves at a rate, at random moments, and do not wait for one
// another. It prints how long GET, the bare script by EVALSHA and Decide take, in turns of one second each so that all
// three see the same machine; a time runs from the moment the call came until its answer.
func BenchmarkLatency(b *testing.B) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(runtime.NumCPU() + 1)) // the one that sleeps in pause blocks no other
	server := redistest.Start(b)
	for _, network := range []string{"unix", "tcp"} {
		url := map[string]string{"unix": server.UnixURL(), "tcp": server.URL()}[network]
		ops := operations(b, open(b, url, WithoutLists()))
		for _, rate := range []int{1000, 5000} {
			b.Run(fmt.Sprintf("%s/%d", network, rate), func(b *testing.B) {
				for b.Loop() {
					reportLatency(b, ops, rate)
				}
			})
		}
	}
}

const turns = 8

func reportLatency(b *testing.B, ops map[string]func(context.Context) error, rate int) {
	b.Helper()
	times := make(map[string][]time.Duration)
	for turn := range turns + 1 {
		for _, name := range []string{"Get", "EvalSha", "Decide"} {
			took := openLoop(b, ops[name], rate)
			if turn > 0 { // the first warms up
				times[name] = append(times[name], took...)
			}
		}
	}
	for _, name := range []string{"Get", "EvalSha", "Decide"} {
		slices.Sort(times[name])
		at := func(q float64) float64 {
			return float64(times[name][int(q*float64(len(times[name])-1))].Microseconds())
		}
		b.Logf("%5d/s %-8s p50 %5.0f µs  p99 %5.0f µs  p99.9 %5.0f µs  of %d", rate, name, at(0.5), at(0.99), at(0.999), len(times[name]))
		b.ReportMetric(at(0.5), name+"-p50-µs")
		b.ReportMetric(at(0.99), name+"-p99-µs")
		b.ReportMetric(at(0.999), name+"-p99.9-µs")
	}
}

// pause sleeps by the kernel's fine timer. time.Sleep rounds up to a millisecond on an idle machine, so that calls would
// come in bunches and wait for one another.
func pause(d time.Duration) {
	if d <= 0 {
		return
	}
	ts := syscall.NsecToTimespec(d.Nanoseconds())
	_ = syscall.Nanosleep(&ts, nil) // woken early by a signal is early enough
}

// openLoop starts calls for a second at exponentially distributed intervals and returns what each took.
func openLoop(b *testing.B, run func(context.Context) error, rate int) []time.Duration {
	b.Helper()
	var (
		wg     sync.WaitGroup
		mu     sync.Mutex
		took   []time.Duration
		failed error
	)
	start := time.Now()
	for due := time.Duration(0); due < time.Second; due += time.Duration(rand.ExpFloat64() / float64(rate) * float64(time.Second)) {
		pause(due - time.Since(start))
		came := time.Now()
		wg.Go(func() {
			ctx, cancel := context.WithTimeout(context.Background(), time.Second)
			defer cancel()
			err := run(ctx)
			d := time.Since(came)
			mu.Lock()
			defer mu.Unlock()
			took = append(took, d)
			if err != nil {
				failed = err
			}
		})
	}
	wg.Wait()
	require.NoError(b, failed)
	return took
}
